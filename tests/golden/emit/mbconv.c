// mbconv: made by fcmc from mbconv.fcm, planned for h200
//   k0  fuse(e, d, p, y)
//         tile=4x4 chunk=16 stages=2
#define FC_COUNT_SLOTS 13
#define FC_ISA 0
#include "mbconv.h"
static const fc_tensor x_g = { 7, 6, 8, FC_F16, 0 };
static const fc_tensor y_g = { 7, 6, 8, FC_F16, 4 };

// ---- k0: fuse(e, d, p, y) ----
static const fc_tile k0_xt_t = { 6, 6, 8, 8, 16, 96, 0, FC_F16 };
static const fc_tile k0_et_t = { 6, 6, 16, 16, 48, 288, 0, FC_F16 };
static const fc_tile k0_dt_t = { 4, 4, 16, 16, 48, 192, 0, FC_F16 };
static const fc_tile k0_yt_t = { 4, 4, 8, 8, 8 * 4, 4 * 8 * 4, 0, FC_F32 };
static const fc_weights k0_we_t = { 16, 8, 8, 1, 16 / 2, FC_F16 };
static const fc_taps k0_wd_t = { 3, 3, 16, 32 / 2, FC_F16 };
static const fc_weights k0_wp_t = { 8, 16, 16, 1, 32 / 2, FC_F16 };

struct k0_ctx13 {
    const float *p0;
};
FC_INLINE float k0_epi13(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx13 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_relu6_1(v);
    return v;
}

struct k0_ctx15 {
    const float *p0;
};
FC_INLINE float k0_epi15(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx15 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_relu6_1(v);
    return v;
}

struct k0_ctx19 {
    const float *p0;
    fc_ref z1;
    int h1, w1, c1;
};
FC_INLINE float k0_epi19(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx19 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_add_1(v, fc_tile_load1(&k0_xt_t, x->z1, h + x->h1, w + x->w1, c + x->c1));
    return v;
}

static FC_APART void k0_3_copy_xt(const void *x_p, char *arena, int n, int i, int j)
{
    fc_copy(&k0_xt_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 6, 0, 6 }, &x_g, fc_image(&x_g, x_p, n), 4 * i - 1, 4 * j - 1,
        0);
}

static FC_APART void k0_4_copy_pi(const void *packed, char *arena)
{
    fc_copy_bytes(arena + 4992, (const char *)packed + 5888, 64, 12);
}

static FC_APART void k0_5_copy_wi(const void *packed, char *arena)
{
    fc_copy_bytes(arena + 3072, (const char *)packed, 960, 11);
}

static FC_APART void k0_7_zero_yt(float *yt_f)
{
    fc_zero(&k0_yt_t, (fc_ref){ (char *)yt_f, 0 });
}

static FC_APART void k0_11_copy_wi(const void *packed, char *arena, int c)
{
    fc_copy_bytes(arena + 3072 + ((c + 1) % 2) * 960, (const char *)packed + (size_t)(c + 1) * 960, 960, 11);
}

static FC_APART void k0_13_pw_et(char *arena, int i, int j, int c)
{
    const struct k0_ctx13 ctx13 = {
        .p0 = (const float *)(arena + 3328 + (c % 2) * 960),
    };
    fc_pw_portable(&k0_et_t, (fc_ref){ arena + 576, 0 }, (fc_sub){ 0, 6, 0, 6 }, &k0_xt_t, (fc_ref){ arena, 0 },
        &k0_we_t, arena + 3072 + (c % 2) * 960, 0, 0, 0, 0, 0, 0, (fc_mask){ 1, 4 * i - 1, 4 * j - 1, 7, 6 }, k0_epi13,
        &ctx13);
}

static FC_APART void k0_15_dw_dt(char *arena, int c)
{
    const struct k0_ctx15 ctx15 = {
        .p0 = (const float *)(arena + 3680 + (c % 2) * 960),
    };
    fc_dw_portable(&k0_dt_t, (fc_ref){ arena + 2304, 0 }, (fc_sub){ 0, 4, 0, 4 }, &k0_et_t, (fc_ref){ arena + 576, 0 },
        &k0_wd_t, arena + 3392 + (c % 2) * 960, &(const fc_geom){ 1, 1, 1, 1, 1 }, 0, 0, 0, 0, 0,
        (fc_mask){ 0, 0, 0, 0, 0 }, k0_epi15, &ctx15);
}

static FC_APART void k0_17_pw_yt(char *arena, float *yt_f, int c)
{
    fc_pw_portable_acc(&k0_yt_t, (fc_ref){ (char *)yt_f, 0 }, (fc_sub){ 0, 4, 0, 4 }, &k0_dt_t,
        (fc_ref){ arena + 2304, 0 }, &k0_wp_t, arena + 3744 + (c % 2) * 960, 0, 0, 0, 0, 0, 0);
}

static FC_APART void k0_19_store_yt(void *y_p, char *arena, float *yt_f, int n, int i, int j)
{
    const struct k0_ctx19 ctx19 = {
        .p0 = (const float *)(arena + 4992),
        .z1 = (fc_ref){ arena, 0 },
        .h1 = 1, .w1 = 1, .c1 = 0,
    };
    fc_store1(&k0_yt_t, (fc_ref){ (char *)yt_f, 0 }, (fc_sub){ 0, 4, 0, 4 }, &y_g, fc_image(&y_g, y_p, n), 4 * i, 4 * j,
        0, k0_epi19, &ctx19);
}

static void mbconv_k0(int batch, const void *packed, const void *x_p, void *y_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 8192);
        (void)arena;
        FC_FOR(3)
        for (int n = 0; n < batch; n++)
        for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
        {
            FC_ALIGNED float yt_f[4 * 4 * 8];
            k0_3_copy_xt(x_p, arena, n, i, j);
            k0_4_copy_pi(packed, arena);
            k0_5_copy_wi(packed, arena);
            k0_7_zero_yt(yt_f);
            for (int c = 0; c < 3; c++) {
                if (c + 1 < 3) {
                    k0_11_copy_wi(packed, arena, c);
                }
                // mbconv.fcm:3 e = pw 8->40, relu6
                k0_13_pw_et(arena, i, j, c);
                // mbconv.fcm:4 d = dw 3x3, relu6
                k0_15_dw_dt(arena, c);
                // mbconv.fcm:5 p = pw 40->8
                k0_17_pw_yt(arena, yt_f, c);
            }
            // mbconv.fcm:6 y = x + p
            k0_19_store_yt(y_p, arena, yt_f, n, i, j);
        }
    }
}
FC_TEXT_END

// ---- host ----
int mbconv_pack(const mbconv_params *params, void *packed)
{
    if (!params) return FC_NULL_POINTER;
    if (!params->e_weight) return FC_NULL_POINTER;
    if (!params->e_bias) return FC_NULL_POINTER;
    if (!params->d_weight) return FC_NULL_POINTER;
    if (!params->d_bias) return FC_NULL_POINTER;
    if (!params->p_weight) return FC_NULL_POINTER;
    if (!params->p_bias) return FC_NULL_POINTER;
    if (!packed) return FC_NULL_POINTER;
    memset(packed, 0, 6144);
    char *r;
    // k0.w: 3 x 960 bytes
    r = (char *)packed + 0;
    for (int c = 0; c < 3; c++, r += 960) {
        // e.weight
        fc_pack_pixels(r + 0, FC_PACK_F16, fc_hwc(1, 16, 8), 256, 16, 0, 0, params->e_weight, FC_PACK_F16, fc_hwc(1, 40,
            8), fc_hwc(0, 16 * c, 0));
        // e.bias
        fc_pack_pixels(r + 256, FC_PACK_F32, fc_hwc(1, 1, 16), 64, 64, 0, 0, params->e_bias, FC_PACK_F32, fc_hwc(1, 1,
            40), fc_hwc(0, 0, 16 * c));
        // d.weight
        fc_pack_pixels(r + 320, FC_PACK_F16, fc_hwc(3, 3, 16), 96, 32, 0, 0, params->d_weight, FC_PACK_F16, fc_hwc(3, 3,
            40), fc_hwc(0, 0, 16 * c));
        // d.bias
        fc_pack_pixels(r + 608, FC_PACK_F32, fc_hwc(1, 1, 16), 64, 64, 0, 0, params->d_bias, FC_PACK_F32, fc_hwc(1, 1,
            40), fc_hwc(0, 0, 16 * c));
        // p.weight
        fc_pack_pixels(r + 672, FC_PACK_F16, fc_hwc(1, 8, 16), 256, 32, 0, 0, params->p_weight, FC_PACK_F16, fc_hwc(1,
            8, 40), fc_hwc(0, 0, 16 * c));
    }
    // k0.pb: 1 x 64 bytes
    r = (char *)packed + 5888;
    // p.bias
    fc_pack_pixels(r + 0, FC_PACK_F32, fc_hwc(1, 1, 8), 32, 32, 0, 0, params->p_bias, FC_PACK_F32, fc_hwc(1, 1,
        8), fc_hwc(0, 0, 0));
    return FC_FINE;
}

size_t mbconv_packed_bytes(void) { return 6144; }

size_t mbconv_workspace_bytes(int n, int threads) { return fc_workspace(n, 0, threads, 8192); }

const char *mbconv_error(int code) { return fc_error_text(code); }

int mbconv_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads)
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
    mbconv_k0(n, packed, x, y, arenas, threads);
    return FC_FINE;
}

#if defined FCM_COUNT
void mbconv_counts(int64_t *read, int64_t *written) { fc_counts_take(read, written); }
#endif

/* mbconv: 0 is success, other codes are worded by mbconv_error. n images; n == 0 does nothing. */
#ifndef FCMC_MBCONV_H
#define FCMC_MBCONV_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct mbconv_params {
    const void *e_weight;  /* e.weight: f16 [40][8] */
    const void *e_bias;  /* e.bias: f32 [40] */
    const void *d_weight;  /* d.weight: f16 [3][3][40] */
    const void *d_bias;  /* d.bias: f32 [40] */
    const void *p_weight;  /* p.weight: f16 [8][40] */
    const void *p_bias;  /* p.bias: f32 [8] */
} mbconv_params;
size_t mbconv_packed_bytes(void);
int mbconv_pack(const mbconv_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t mbconv_workspace_bytes(int n, int threads);
/* in   x: f16 [n][7][6][8] */
/* out  y: f16 [n][7][6][8] */
int mbconv_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads);
const char *mbconv_error(int code);
#ifdef FCM_COUNT
void mbconv_counts(int64_t *read, int64_t *written);  /* 13 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
