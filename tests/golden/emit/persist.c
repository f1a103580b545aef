// persist: made by fcmc from persist.fcm, planned for h200
//   k0  fuse(e, d, y)
//         tile=4x4 channels=8 chunk=16 resident=1 persist=3
#define FC_COUNT_SLOTS 12
#define FC_ISA 0
#include "persist.h"
static const fc_tensor x_g = { 7, 6, 8, FC_F16, 0 };
static const fc_tensor y_g = { 7, 6, 16, FC_F16, 3 };

// ---- k0: fuse(e, d, y) ----
static const fc_tile k0_xt_t = { 6, 6, 8, 8, 16, 96, 0, FC_F16 };
static const fc_tile k0_et_t = { 6, 6, 16, 16, 48, 288, 0, FC_F16 };
static const fc_tile k0_dt_t = { 4, 4, 16, 16, 48, 192, 0, FC_F16 };
static const fc_tile k0_yacc_t = { 4, 4, 8, 8, 8 * 4, 4 * 8 * 4, 0, FC_F32 };
static const fc_weights k0_we_t = { 16, 8, 8, 1, 16 / 2, FC_F16 };
static const fc_taps k0_wd_t = { 3, 3, 16, 32 / 2, FC_F16 };
static const fc_weights k0_wp_t = { 8, 16, 16, 1, 32 / 2, FC_F16 };

struct k0_ctx12 {
    const float *p0;
};
FC_INLINE float k0_epi12(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx12 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_relu6_1(v);
    return v;
}

struct k0_ctx14 {
    const float *p0;
};
FC_INLINE float k0_epi14(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx14 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_relu6_1(v);
    return v;
}

struct k0_ctx18 {
    const float *p0;
};
FC_INLINE float k0_epi18(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx18 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    return v;
}

static FC_APART void k0_1_copy_ft(const void *packed, char *arena, int k)
{
    fc_copy_bytes(arena + 5952, (const char *)packed + 5888 + (size_t)k * 64, 64, 11);
}

static FC_APART void k0_2_copy_wt(const void *packed, char *arena, int k)
{
    fc_copy_bytes(arena + 3072, (const char *)packed + (size_t)(3 * k) * 960, 3 * 960, 10);
}

static FC_APART void k0_6_copy_xt(const void *x_p, char *arena, int n, int i, int j)
{
    fc_copy(&k0_xt_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 6, 0, 6 }, &x_g, fc_image(&x_g, x_p, n), 4 * i - 1, 4 * j - 1,
        0);
}

static FC_APART void k0_8_zero_yacc(float *yacc_f)
{
    fc_zero(&k0_yacc_t, (fc_ref){ (char *)yacc_f, 0 });
}

static FC_APART void k0_12_pw_et(char *arena, int i, int j, int c)
{
    const struct k0_ctx12 ctx12 = {
        .p0 = (const float *)(arena + 3328 + (size_t)c * 960),
    };
    fc_pw_portable(&k0_et_t, (fc_ref){ arena + 576, 0 }, (fc_sub){ 0, 6, 0, 6 }, &k0_xt_t, (fc_ref){ arena, 0 },
        &k0_we_t, arena + 3072 + (size_t)c * 960, 0, 0, 0, 0, 0, 0, (fc_mask){ 1, 4 * i - 1, 4 * j - 1, 7, 6 },
        k0_epi12, &ctx12);
}

static FC_APART void k0_14_dw_dt(char *arena, int c)
{
    const struct k0_ctx14 ctx14 = {
        .p0 = (const float *)(arena + 3680 + (size_t)c * 960),
    };
    fc_dw_portable(&k0_dt_t, (fc_ref){ arena + 2304, 0 }, (fc_sub){ 0, 4, 0, 4 }, &k0_et_t, (fc_ref){ arena + 576, 0 },
        &k0_wd_t, arena + 3392 + (size_t)c * 960, &(const fc_geom){ 1, 1, 1, 1, 1 }, 0, 0, 0, 0, 0,
        (fc_mask){ 0, 0, 0, 0, 0 }, k0_epi14, &ctx14);
}

static FC_APART void k0_16_pw_yacc(char *arena, float *yacc_f, int c)
{
    fc_pw_portable_acc(&k0_yacc_t, (fc_ref){ (char *)yacc_f, 0 }, (fc_sub){ 0, 4, 0, 4 }, &k0_dt_t,
        (fc_ref){ arena + 2304, 0 }, &k0_wp_t, arena + 3744 + (size_t)c * 960, 0, 0, 0, 0, 0, 0);
}

static FC_APART void k0_18_store_yacc(void *y_p, char *arena, float *yacc_f, int n, int i, int j, int k)
{
    const struct k0_ctx18 ctx18 = {
        .p0 = (const float *)(arena + 5952),
    };
    fc_store1(&k0_yacc_t, (fc_ref){ (char *)yacc_f, 0 }, (fc_sub){ 0, 4, 0, 4 }, &y_g, fc_image(&y_g, y_p, n), 4 * i,
        4 * j, 8 * k, k0_epi18, &ctx18);
}

static void persist_k0(int batch, const void *packed, const void *x_p, void *y_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    const int sharers = (int)fc_sharers((int64_t)batch * 4, 3);
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 8192);
        (void)arena;
        FC_FOR(2)
        for (int k = 0; k < 2; k++)
        for (int block = 0; block < sharers; block++)
        {
            FC_ALIGNED float yacc_f[4 * 4 * 8];
            k0_1_copy_ft(packed, arena, k);
            k0_2_copy_wt(packed, arena, k);
            for (int64_t tile = block; tile < (int64_t)batch * 4; tile += 3) {
                const int j = (int)(tile % 2);
                const int i = (int)(tile / 2 % 2);
                const int n = (int)(tile / 4);
                (void)j, (void)i, (void)n;
                k0_6_copy_xt(x_p, arena, n, i, j);
                k0_8_zero_yacc(yacc_f);
                for (int c = 0; c < 3; c++) {
                    // persist.fcm:3 e = pw 8->40, relu6
                    k0_12_pw_et(arena, i, j, c);
                    // persist.fcm:4 d = dw 3x3, relu6
                    k0_14_dw_dt(arena, c);
                    // persist.fcm:5 y = pw 40->16
                    k0_16_pw_yacc(arena, yacc_f, c);
                }
                k0_18_store_yacc(y_p, arena, yacc_f, n, i, j, k);
            }
        }
    }
}
FC_TEXT_END

// ---- host ----
int persist_pack(const persist_params *params, void *packed)
{
    if (!params) return FC_NULL_POINTER;
    if (!params->e_weight) return FC_NULL_POINTER;
    if (!params->e_bias) return FC_NULL_POINTER;
    if (!params->d_weight) return FC_NULL_POINTER;
    if (!params->d_bias) return FC_NULL_POINTER;
    if (!params->y_weight) return FC_NULL_POINTER;
    if (!params->y_bias) return FC_NULL_POINTER;
    if (!packed) return FC_NULL_POINTER;
    memset(packed, 0, 6400);
    char *r;
    // k0.w: 6 x 960 bytes
    r = (char *)packed + 0;
    for (int k = 0; k < 2; k++) {
        for (int c = 0; c < 3; c++, r += 960) {
            // e.weight
            fc_pack_pixels(r + 0, FC_PACK_F16, fc_hwc(1, 16, 8), 256, 16, 0, 0, params->e_weight, FC_PACK_F16, fc_hwc(1,
                40, 8), fc_hwc(0, 16 * c, 0));
            // e.bias
            fc_pack_pixels(r + 256, FC_PACK_F32, fc_hwc(1, 1, 16), 64, 64, 0, 0, params->e_bias, FC_PACK_F32, fc_hwc(1,
                1, 40), fc_hwc(0, 0, 16 * c));
            // d.weight
            fc_pack_pixels(r + 320, FC_PACK_F16, fc_hwc(3, 3, 16), 96, 32, 0, 0,
                params->d_weight, FC_PACK_F16, fc_hwc(3, 3, 40), fc_hwc(0, 0, 16 * c));
            // d.bias
            fc_pack_pixels(r + 608, FC_PACK_F32, fc_hwc(1, 1, 16), 64, 64, 0, 0, params->d_bias, FC_PACK_F32, fc_hwc(1,
                1, 40), fc_hwc(0, 0, 16 * c));
            // y.weight
            fc_pack_pixels(r + 672, FC_PACK_F16, fc_hwc(1, 8, 16), 256, 32, 0, 0,
                params->y_weight, FC_PACK_F16, fc_hwc(1, 16, 40), fc_hwc(0, 8 * k, 16 * c));
        }
    }
    // k0.f: 2 x 64 bytes
    r = (char *)packed + 5888;
    for (int k = 0; k < 2; k++, r += 64) {
        // y.bias
        fc_pack_pixels(r + 0, FC_PACK_F32, fc_hwc(1, 1, 8), 32, 32, 0, 0, params->y_bias, FC_PACK_F32, fc_hwc(1, 1,
            16), fc_hwc(0, 0, 8 * k));
    }
    return FC_FINE;
}

size_t persist_packed_bytes(void) { return 6400; }

size_t persist_workspace_bytes(int n, int threads) { return fc_workspace(n, 0, threads, 8192); }

const char *persist_error(int code) { return fc_error_text(code); }

int persist_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads)
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
    persist_k0(n, packed, x, y, arenas, threads);
    return FC_FINE;
}

#if defined FCM_COUNT
void persist_counts(int64_t *read, int64_t *written) { fc_counts_take(read, written); }
#endif

/* persist: 0 is success, other codes are worded by persist_error. n images; n == 0 does nothing. */
#ifndef FCMC_PERSIST_H
#define FCMC_PERSIST_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct persist_params {
    const void *e_weight;  /* e.weight: f16 [40][8] */
    const void *e_bias;  /* e.bias: f32 [40] */
    const void *d_weight;  /* d.weight: f16 [3][3][40] */
    const void *d_bias;  /* d.bias: f32 [40] */
    const void *y_weight;  /* y.weight: f16 [16][40] */
    const void *y_bias;  /* y.bias: f32 [16] */
} persist_params;
size_t persist_packed_bytes(void);
int persist_pack(const persist_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t persist_workspace_bytes(int n, int threads);
/* in   x: f16 [n][7][6][8] */
/* out  y: f16 [n][7][6][16] */
int persist_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads);
const char *persist_error(int code);
#ifdef FCM_COUNT
void persist_counts(int64_t *read, int64_t *written);  /* 12 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
