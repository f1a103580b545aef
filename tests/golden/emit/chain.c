// chain: made by fcmc from chain.fcm, planned for native
//   k0
//   k1
#define FC_COUNT_SLOTS 6
#define FC_ISA 0
#include "chain.h"
static const fc_tensor x_g = { 5, 5, 6, FC_F32, 0 };
static const fc_tensor h_g = { 5, 5, 10, FC_F32, 1 };
static const fc_tensor y_g = { 5, 5, 10, FC_F32, 2 };

// ---- k0 ----
static const fc_tile k0_ht_t = { 1, 5, 8, 8, 32, 160, 0, FC_F32 };
static const fc_weights k0_wt_t = { 8, 6, 6, 8, 6 * 8, FC_F32 };

struct k0_ctx3 {
    const float *p0;
};
FC_INLINE float k0_epi3(float v, const void *ctx, int h, int w, int c) {
    const struct k0_ctx3 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_add_1(v, fc_load_1(x->p0 + c));
    v = fc_leaky_1(v, 0.25f);
    return v;
}

static FC_APART void k0_3_pw_ht(const void *packed, const void *x_p, char *arena, int n, int i, int k)
{
    FC_COUNT_READ(5, 192);
    FC_COUNT_READ(5, 32);
    const struct k0_ctx3 ctx3 = {
        .p0 = (const float *)((const char *)packed + 192 + (size_t)k * 256),
    };
    fc_pw_portable_global(&k0_ht_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 1, 0, 5 }, &x_g, fc_image(&x_g, x_p, n), i, 0, 0,
        &k0_wt_t, (const char *)packed + (size_t)k * 256, 0, 0, 0, (fc_mask){ 0, 0, 0, 0, 0 }, k0_epi3, &ctx3);
}

static FC_APART void k0_4_store_ht(void *h_p, char *arena, int n, int i, int k)
{
    fc_store1(&k0_ht_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 1, 0, 5 }, &h_g, fc_image(&h_g, h_p, n), i, 0, 8 * k, NULL,
        NULL);
}

static void chain_k0(int batch, const void *packed, const void *x_p, void *h_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 1024);
        (void)arena;
        FC_FOR(2)
        for (int n = 0; n < batch; n++)
        for (int i = 0; i < 5; i++)
        {
            for (int k = 0; k < 2; k++) {
                // chain.fcm:2 h = pw 6->10
                k0_3_pw_ht(packed, x_p, arena, n, i, k);
                k0_4_store_ht(h_p, arena, n, i, k);
            }
        }
    }
}

// ---- k1 ----
static const fc_tile k1_hs_t = { 2, 5, 10, 16, 64, 320, 0, FC_F32 };
static const fc_tile k1_zs_t = { 2, 5, 10, 10, 10 * 4, 5 * 10 * 4, 0, FC_F32 };

FC_INLINE float k1_epi4(float v, const void *ctx, int h, int w, int c) {
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_mul_1(v, fc_splat_1(FC_CONSTANT(2.0f, 2.0f)));
    v = fc_silu_1(v);
    return v;
}

struct k1_ctx5 {
    const void *z0;
    int h0, w0, c0;
};
FC_INLINE float k1_epi5(float v, const void *ctx, int h, int w, int c) {
    const struct k1_ctx5 *x = ctx;
    (void)ctx, (void)h, (void)w, (void)c;
    v = fc_sub_1(fc_global_load1(&h_g, x->z0, h + x->h0, w + x->w0, c + x->c0), v);
    return v;
}

static FC_APART void k1_2_zero_zs(float *zs_f)
{
    fc_zero(&k1_zs_t, (fc_ref){ (char *)zs_f, 0 });
}

static FC_APART void k1_3_copy_hs(const void *h_p, char *arena, int n, int i)
{
    fc_copy(&k1_hs_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 2, 0, 5 }, &h_g, fc_image(&h_g, h_p, n), 2 * i, 0, 0);
}

static FC_APART void k1_4_finish_hs(char *arena)
{
    fc_finish1(&k1_hs_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 2, 0, 5 }, &k1_hs_t, (fc_ref){ arena, 0 },
        (fc_mask){ 0, 0, 0, 0, 0 }, k1_epi4, NULL);
}

static FC_APART void k1_5_store_hs(const void *h_p, void *y_p, char *arena, int n, int i)
{
    const struct k1_ctx5 ctx5 = {
        .z0 = fc_image(&h_g, h_p, n),
        .h0 = 2 * i, .w0 = 0, .c0 = 0,
    };
    fc_store1(&k1_hs_t, (fc_ref){ arena, 0 }, (fc_sub){ 0, 2, 0, 5 }, &y_g, fc_image(&y_g, y_p, n), 2 * i, 0, 0,
        k1_epi5, &ctx5);
}

static void chain_k1(int batch, const void *packed, const void *h_p, void *y_p, char *arenas, int threads)
{
    (void)batch, (void)packed, (void)arenas;
    FC_PARALLEL(threads)
    {
        char *const arena = fc_arena(arenas, 1024);
        (void)arena;
        FC_FOR(2)
        for (int n = 0; n < batch; n++)
        for (int i = 0; i < 3; i++)
        {
            FC_ALIGNED float zs_f[2 * 5 * 10];
            if (i < 3) {
                k1_2_zero_zs(zs_f);
            }
            k1_3_copy_hs(h_p, arena, n, i);
            k1_4_finish_hs(arena);
            // chain.fcm:3 y = h - silu(2h)
            k1_5_store_hs(h_p, y_p, arena, n, i);
        }
    }
}
FC_TEXT_END

// ---- host ----
int chain_pack(const chain_params *params, void *packed)
{
    if (!params) return FC_NULL_POINTER;
    if (!params->h_weight) return FC_NULL_POINTER;
    if (!params->h_bias) return FC_NULL_POINTER;
    if (!packed) return FC_NULL_POINTER;
    memset(packed, 0, 512);
    char *r;
    // k0.w: 2 x 256 bytes
    r = (char *)packed + 0;
    for (int k = 0; k < 2; k++, r += 256) {
        // h.weight
        fc_pack_panels(r + 0, FC_PACK_F32, fc_hwc(1, 8, 6), 6, 8, params->h_weight, FC_PACK_F32, fc_hwc(1, 10,
            6), fc_hwc(0, 8 * k, 0));
        // h.bias
        fc_pack_pixels(r + 192, FC_PACK_F32, fc_hwc(1, 1, 8), 32, 32, 0, 0, params->h_bias, FC_PACK_F32, fc_hwc(1, 1,
            10), fc_hwc(0, 0, 8 * k));
    }
    return FC_FINE;
}

size_t chain_packed_bytes(void) { return 512; }

size_t chain_workspace_bytes(int n, int threads) { return fc_workspace(n, 1024, threads, 1024); }

const char *chain_error(int code) { return fc_error_text(code); }

int chain_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads)
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
    char *const arenas = temp ? fc_arenas(temp, n, 1024) : NULL;
    chain_k0(n, packed, x, temp + (size_t)n * 0, arenas, threads);
    chain_k1(n, packed, temp + (size_t)n * 0, y, arenas, threads);
    return FC_FINE;
}

#if defined FCM_COUNT
void chain_counts(int64_t *read, int64_t *written) { fc_counts_take(read, written); }
#endif

/* chain: 0 is success, other codes are worded by chain_error. n images; n == 0 does nothing. */
#ifndef FCMC_CHAIN_H
#define FCMC_CHAIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct chain_params {
    const void *h_weight;  /* h.weight: f32 [10][6] */
    const void *h_bias;  /* h.bias: f32 [10] */
} chain_params;
size_t chain_packed_bytes(void);
int chain_pack(const chain_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t chain_workspace_bytes(int n, int threads);
/* in   x: f32 [n][5][5][6] */
/* out  y: f32 [n][5][5][10] */
int chain_run(int n, const void *packed, const void *x, void *y, void *workspace, int threads);
const char *chain_error(int code);
#ifdef FCM_COUNT
void chain_counts(int64_t *read, int64_t *written);  /* 6 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
