// line: made by fcmc from line.fcm, planned for native
//   k0
//         line rows=2 bands=2
#define FC_COUNT_SLOTS 6
#define FC_ISA 256
#include "line.h"
static const fc_tensor x_g = { 10, 6, 8, FC_F16, 0 };
static const fc_tensor y_g = { 10, 6, 16, FC_F16, 2 };

// ---- k0 ----
static const fc_tile k0_et_t = { 4, 8, 16, 16, 64, 512, 4, FC_F32 };
static const fc_tile k0_yt_t = { 2, 6, 16, 16, 64, 384, 0, FC_F32 };
static const fc_weights k0_we_t = { 16, 8, 8, 16, 8 * 16, FC_F16 };
static const fc_taps k0_wd_t = { 3, 3, 16, 64 / 4, FC_F32 };

FC_INLINE fc_v8 k0_epi2(fc_v8 v, const void *ctx, int h, int w, int c) {
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_relu_8(v);
    v = fc_round_f16_8(v);
    return v;
}

FC_INLINE fc_v8 k0_epi4(fc_v8 v, const void *ctx, int h, int w, int c) {
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_relu_8(v);
    v = fc_round_f16_8(v);
    return v;
}

FC_INLINE fc_v8 k0_epi6(fc_v8 v, const void *ctx, int h, int w, int c) {
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_8(v, fc_splat_8(FC_CONSTANT(3.0f, 3.0f)));
    v = fc_clamp_8(v, (-20.0f), 20.5f);
    return v;
}

static FC_APART void k0_2_pw_et(const void *packed, const void *x_p, char *arena, int n, int i)
{
    FC_COUNT_READ(5, 256);
    fc_pw_vec8_global(&k0_et_t, (fc_ref){ arena, (6 * i) % 4 }, (fc_sub){ 0, 2, 0, 8 }, &x_g, fc_image(&x_g, x_p, n),
        6 * i - 1, -1, 0, &k0_we_t, (const char *)packed, 0, 4, 16, (fc_mask){ 1, 6 * i - 1, -1, 10, 6 }, k0_epi2,
        NULL);
}

static FC_APART void k0_4_pw_et(const void *packed, const void *x_p, char *arena, int n, int i, int r)
{
    FC_COUNT_READ(5, 256);
    fc_pw_vec8_global(&k0_et_t, (fc_ref){ arena, (6 * i + 2 * r) % 4 }, (fc_sub){ 2, 4, 0, 8 }, &x_g,
        fc_image(&x_g, x_p, n), 6 * i + 2 * r - 1, -1, 0, &k0_we_t, (const char *)packed, 0, 4, 16,
        (fc_mask){ 1, 6 * i + 2 * r - 1, -1, 10, 6 }, k0_epi4, NULL);
}

static FC_APART void k0_5_dw_yt(const void *packed, char *arena, int i, int r)
{
    FC_COUNT_READ(5, 576);
    fc_dw_vec8(&k0_yt_t, (fc_ref){ arena + 2048, 0 }, (fc_sub){ 0, 2, 0, 6 }, &k0_et_t,
        (fc_ref){ arena, (6 * i + 2 * r) % 4 }, &k0_wd_t, (const char *)packed + 256, &(const fc_geom){ 1, 1, 1, 1, 1 },
        0, 0, 0, 0, 2, (fc_mask){ 0, 0, 0, 0, 0 }, NULL, NULL);
}

static FC_APART void k0_6_store_yt(void *y_p, char *arena, int n, int i, int r)
{
    fc_store8(&k0_yt_t, (fc_ref){ arena + 2048, 0 }, (fc_sub){ 0, 2, 0, 6 }, &y_g, fc_image(&y_g, y_p, n),
        6 * i + 2 * r, 0, 0, k0_epi6, NULL);
}

static void line_k0(int batch, const void *packed, const void *x_p, void *y_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 4096);
        (void)arena;
        FC_FOR(2)
        for (int n = 0; n < batch; n++)
        for (int i = 0; i < 2; i++)
        {
            // line.fcm:2 e = pw 8->16
            k0_2_pw_et(packed, x_p, arena, n, i);
            for (int r = 0; r < 3 && 6 * i + 2 * r < 10; r++) {
                // line.fcm:2 e = pw 8->16
                k0_4_pw_et(packed, x_p, arena, n, i, r);
                // line.fcm:3 y = dw 3x3
                k0_5_dw_yt(packed, arena, i, r);
                k0_6_store_yt(y_p, arena, n, i, r);
            }
        }
    }
}
FC_TEXT_END

// ---- host ----
int line_pack(const line_params *params, void *packed)
{
    if (!params) return FC_NULL_POINTER;
    if (!params->e_weight) return FC_NULL_POINTER;
    if (!params->y_weight) return FC_NULL_POINTER;
    if (!packed) return FC_NULL_POINTER;
    memset(packed, 0, 1024);
    char *r;
    // k0.w: 1 x 832 bytes
    r = (char *)packed + 0;
    // e.weight
    fc_pack_panels(r + 0, FC_PACK_F16, fc_hwc(1, 16, 8), 8, 16, params->e_weight, FC_PACK_F16, fc_hwc(1, 16,
        8), fc_hwc(0, 0, 0));
    // y.weight
    fc_pack_pixels(r + 256, FC_PACK_F32, fc_hwc(3, 3, 16), 192, 64, 0, 0, params->y_weight, FC_PACK_F16, fc_hwc(3, 3,
        16), fc_hwc(0, 0, 0));
    return FC_FINE;
}

size_t line_packed_bytes(void) { return 1024; }

size_t line_workspace_bytes(int n, int threads) { return fc_workspace(n, 0, threads, 4096); }

const char *line_error(int code) { return fc_error_text(code); }

int line_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads)
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
    line_k0(n, packed, x, y, arenas, threads);
    return FC_FINE;
}

#if defined FCM_COUNT
void line_counts(int64_t *read, int64_t *written) { fc_counts_take(read, written); }
#endif

/* line: 0 is success, other codes are worded by line_error. n images; n == 0 does nothing. */
#ifndef FCMC_LINE_H
#define FCMC_LINE_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct line_params {
    const void *e_weight;  /* e.weight: f16 [16][8] */
    const void *y_weight;  /* y.weight: f16 [3][3][16] */
} line_params;
size_t line_packed_bytes(void);
int line_pack(const line_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t line_workspace_bytes(int n, int threads);
/* in   x: f16 [n][10][6][8] */
/* out  y: f16 [n][10][6][16] */
int line_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads);
const char *line_error(int code);
#ifdef FCM_COUNT
void line_counts(int64_t *read, int64_t *written);  /* 6 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
