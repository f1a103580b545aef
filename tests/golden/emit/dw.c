// dw: made by fcmc from dw.fcm, planned for h200
//   k0
#define FC_COUNT_SLOTS 11
#define FC_ISA 0
#include "dw.h"
static const fc_tensor x_g = { 9, 7, 10, FC_F32, 0 };
static const fc_tensor y_g = { 5, 4, 10, FC_F32, 1 };

// ---- k0 ----
static const fc_tile k0_xt_t = { 5, 5, 10, 16, 80, 400, 0, FC_F32 };
static const fc_tile k0_dt_t = { 2, 2, 10, 16, 64, 128, 0, FC_F32 };
static const fc_taps k0_wt_t = { 3, 3, 10, 48 / 4, FC_F32 };

struct k0_ctx6 {
    const float *p0, *q0;
};
FC_INLINE float k0_epi6(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx6 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(fc_mul_1(v, fc_load_1(x->p0 + c)), fc_load_1(x->q0 + c));
    v = fc_relu_1(v);
    return v;
}

static FC_APART void k0_3_copy_wi(const void *packed, char *arena)
{
    fc_copy_bytes(arena + 2256, (const char *)packed, 576, 10);
}

static FC_APART void k0_4_copy_xt(const void *x_p, char *arena, int n, int i, int j)
{
    fc_copy(&k0_xt_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 5, 0, 5 }, &x_g, fc_image(&x_g, x_p, n), 4 * i - 1, 4 * j - 1,
        0);
}

static FC_APART void k0_6_dw_dt(char *arena)
{
    const struct k0_ctx6 ctx6 = {
        .p0 = (const float *)(arena + 2688),
        .q0 = (const float *)(arena + 2752),
    };
    fc_dw_portable(&k0_dt_t, (fc_ref){ arena + 2000, 0 }, (fc_sub){ 0, 2, 0, 2 }, &k0_xt_t, (fc_ref){ arena, 0 },
        &k0_wt_t, arena + 2256, &(const fc_geom){ 2, 2, 1, 1, 1 }, 0, 0, 0, 0, 0, (fc_mask){ 0, 0, 0, 0, 0 }, k0_epi6,
        &ctx6);
}

static FC_APART void k0_8_store_dt(void *y_p, char *arena, int n, int i, int j)
{
    fc_store1(&k0_dt_t, (fc_ref){ arena + 2000, 0 }, (fc_sub){ 0, 2, 0, 2 }, &y_g, fc_image(&y_g, y_p, n), 2 * i, 2 * j,
        0, NULL, NULL);
}

static void dw_k0(int batch, const void *packed, const void *x_p, void *y_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 4160);
        (void)arena;
        FC_FOR(3)
        for (int n = 0; n < batch; n++)
        for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
        {
            k0_3_copy_wi(packed, arena);
            k0_4_copy_xt(x_p, arena, n, i, j);
            // dw.fcm:2 y = dw 3, stride 2
            k0_6_dw_dt(arena);
            k0_8_store_dt(y_p, arena, n, i, j);
        }
    }
}
FC_TEXT_END

// ---- host ----
int dw_pack(const dw_params *params, void *packed)
{
    if (!params) return FC_NULL_POINTER;
    if (!params->y_weight) return FC_NULL_POINTER;
    if (!params->bn_weight) return FC_NULL_POINTER;
    if (!params->bn_bias) return FC_NULL_POINTER;
    if (!params->bn_mean) return FC_NULL_POINTER;
    if (!params->bn_var) return FC_NULL_POINTER;
    if (!packed) return FC_NULL_POINTER;
    memset(packed, 0, 768);
    char *r;
    // k0.w: 1 x 576 bytes
    r = (char *)packed + 0;
    // y.weight
    fc_pack_pixels(r + 0, FC_PACK_F32, fc_hwc(3, 3, 10), 144, 48, 0, 0, params->y_weight, FC_PACK_F32, fc_hwc(3, 3,
        10), fc_hwc(0, 0, 0));
    // bn.s
    fc_pack_bn_scale(r + 432, params->bn_weight, params->bn_var, 1e-05f, 10, 0, 10);
    // bn.t
    fc_pack_bn_shift(r + 496, params->bn_weight, params->bn_bias, params->bn_mean, params->bn_var, 1e-05f, 10, 0, 10);
    return FC_FINE;
}

size_t dw_packed_bytes(void) { return 768; }

size_t dw_workspace_bytes(int n, int threads) { return fc_workspace(n, 0, threads, 4160); }

const char *dw_error(int code) { return fc_error_text(code); }

int dw_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads)
{
    if (n < 0) return FC_NEGATIVE_BATCH;
    if (threads < 1) return FC_NO_THREADS;
    if (n == 0) return FC_FINE;
    if (!packed) return FC_NULL_POINTER;
    if (fc_misaligned(packed, 16)) return FC_MISALIGNED;
    if (!x) return FC_NULL_POINTER;
    if (fc_misaligned(x, 4)) return FC_MISALIGNED;
    if (!y) return FC_NULL_POINTER;
    if (fc_misaligned(y, 4)) return FC_MISALIGNED;
    if (!workspace) return FC_NULL_POINTER;
    if (!fc_isa_supported()) return FC_OLD_CPU;
    char *const temp = workspace ? fc_align(workspace) : NULL;
    char *const arenas = temp ? fc_arenas(temp, n, 0) : NULL;
    dw_k0(n, packed, x, y, arenas, threads);
    return FC_FINE;
}

#if defined FCM_COUNT
void dw_counts(int64_t *read, int64_t *written) { fc_counts_take(read, written); }
#endif

/* dw: 0 is success, other codes are worded by dw_error. n images; n == 0 does nothing. */
#ifndef FCMC_DW_H
#define FCMC_DW_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct dw_params {
    const void *y_weight;  /* y.weight: f32 [3][3][10] */
    const void *bn_weight;  /* bn.weight: f32 [10] */
    const void *bn_bias;  /* bn.bias: f32 [10] */
    const void *bn_mean;  /* bn.mean: f32 [10] */
    const void *bn_var;  /* bn.var: f32 [10] */
} dw_params;
size_t dw_packed_bytes(void);
int dw_pack(const dw_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t dw_workspace_bytes(int n, int threads);
/* in   x: f32 [n][9][7][10] */
/* out  y: f32 [n][5][4][10] */
int dw_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads);
const char *dw_error(int code);
#ifdef FCM_COUNT
void dw_counts(int64_t *read, int64_t *written);  /* 11 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
