// pw: made by fcmc from pw.fcm, planned for h200
//   k0  fuse(y)
//         tile=4x4 warps=1x2
#define FC_COUNT_SLOTS 6
#define FC_ISA 0
#include "pw.h"
static const fc_tensor x_g = { 6, 7, 8, FC_F16, 0 };
static const fc_tensor y_g = { 6, 7, 12, FC_F16, 2 };

// ---- k0: fuse(y) ----
static const fc_tile k0_xt_t = { 4, 4, 8, 8, 16, 64, 0, FC_F16 };
static const fc_weights k0_wt_t = { 12, 8, 8, 1, 16 / 2, FC_F16 };
static const fc_tile k0_yt_t = { 4, 4, 12, 16, 16 * 4, 4 * 16 * 4, 0, FC_F32 };

struct k0_ctx10 {
    const float *p0;
};
FC_INLINE float k0_epi10(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx10 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_relu6_1(v);
    return v;
}

static FC_APART void k0_3_copy_wi(const void *packed, char *arena)
{
    fc_copy_bytes(arena + 256, (const char *)packed, 320, 5);
}

static FC_APART void k0_4_copy_xt(const void *x_p, char *arena, int n, int i, int j)
{
    fc_copy(&k0_xt_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 4, 0, 4 }, &x_g, fc_image(&x_g, x_p, n), 4 * i, 4 * j, 0);
}

static FC_APART void k0_6_zero_yt(float *yt_f)
{
    fc_zero(&k0_yt_t, (fc_ref){ (char *)yt_f, 0 });
}

static FC_APART void k0_9_pw_yt(char *arena, float *yt_f)
{
    fc_pw_portable_acc(&k0_yt_t, (fc_ref){ (char *)yt_f, 0 }, (fc_sub){ 0, 4, 0, 4 }, &k0_xt_t, (fc_ref){ arena, 0 },
        &k0_wt_t, arena + 256, 0, 0, 0, 0, 0, 0);
}

static FC_APART void k0_10_store_yt(void *y_p, char *arena, float *yt_f, int n, int i, int j)
{
    const struct k0_ctx10 ctx10 = {
        .p0 = (const float *)(arena + 512),
    };
    fc_store1(&k0_yt_t, (fc_ref){ (char *)yt_f, 0 }, (fc_sub){ 0, 4, 0, 4 }, &y_g, fc_image(&y_g, y_p, n), 4 * i, 4 * j,
        0, k0_epi10, &ctx10);
}

static void pw_k0(int batch, const void *packed, const void *x_p, void *y_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 576);
        (void)arena;
        FC_FOR(3)
        for (int n = 0; n < batch; n++)
        for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
        {
            FC_ALIGNED float yt_f[4 * 4 * 16];
            k0_3_copy_wi(packed, arena);
            k0_4_copy_xt(x_p, arena, n, i, j);
            k0_6_zero_yt(yt_f);
            // pw.fcm:2 y = pw 8->12
            k0_9_pw_yt(arena, yt_f);
            // pw.fcm:2 y = pw 8->12
            k0_10_store_yt(y_p, arena, yt_f, n, i, j);
        }
    }
}
FC_TEXT_END

// ---- host ----
int pw_pack(const pw_params *params, void *packed)
{
    if (!params) return FC_NULL_POINTER;
    if (!params->y_weight) return FC_NULL_POINTER;
    if (!params->y_bias) return FC_NULL_POINTER;
    if (!packed) return FC_NULL_POINTER;
    memset(packed, 0, 512);
    char *r;
    // k0.w: 1 x 320 bytes
    r = (char *)packed + 0;
    // y.weight
    fc_pack_pixels(r + 0, FC_PACK_F16, fc_hwc(1, 12, 8), 256, 16, 0, 0, params->y_weight, FC_PACK_F16, fc_hwc(1, 12,
        8), fc_hwc(0, 0, 0));
    // y.bias
    fc_pack_pixels(r + 256, FC_PACK_F32, fc_hwc(1, 1, 12), 64, 64, 0, 0, params->y_bias, FC_PACK_F32, fc_hwc(1, 1,
        12), fc_hwc(0, 0, 0));
    return FC_FINE;
}

size_t pw_packed_bytes(void) { return 512; }

size_t pw_workspace_bytes(int n, int threads) { return fc_workspace(n, 0, threads, 576); }

const char *pw_error(int code) { return fc_error_text(code); }

int pw_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads)
{
    if (n < 0) return FC_NEGATIVE_BATCH;
    if (threads < 1) return FC_NO_THREADS;
    if (n == 0) return FC_FINE;
    if (!packed) return FC_NULL_POINTER;
    if (fc_misaligned(packed, 16)) return FC_MISALIGNED;
    if (!x) return FC_NULL_POINTER;
    if (fc_misaligned(x, 2)) return FC_MISALIGNED;
    if (!y) return FC_NULL_POINTER;
    if (fc_misaligned(y, 2)) return FC_MISALIGNED;
    if (!workspace) return FC_NULL_POINTER;
    if (!fc_isa_supported()) return FC_OLD_CPU;
    char *const temp = workspace ? fc_align(workspace) : NULL;
    char *const arenas = temp ? fc_arenas(temp, n, 0) : NULL;
    pw_k0(n, packed, x, y, arenas, threads);
    return FC_FINE;
}

#if defined FCM_COUNT
void pw_counts(int64_t *read, int64_t *written) { fc_counts_take(read, written); }
#endif

/* pw: 0 is success, other codes are worded by pw_error. n images; n == 0 does nothing. */
#ifndef FCMC_PW_H
#define FCMC_PW_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct pw_params {
    const void *y_weight;  /* y.weight: f16 [12][8] */
    const void *y_bias;  /* y.bias: f32 [12] */
} pw_params;
size_t pw_packed_bytes(void);
int pw_pack(const pw_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t pw_workspace_bytes(int n, int threads);
/* in   x: f16 [n][6][7][8] */
/* out  y: f16 [n][6][7][12] */
int pw_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads);
const char *pw_error(int code);
#ifdef FCM_COUNT
void pw_counts(int64_t *read, int64_t *written);  /* 6 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
