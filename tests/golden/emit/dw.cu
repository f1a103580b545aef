// dw: made by fcmc from dw.fcm, planned for h200
//   k0
// nvcc -std=c++17 -O3 -arch=sm_75 …
#include "dw.h"

// ---- k0 ----
FC_KERNEL(dw_k0, 32, 1)(const void *packed, const void *x_p, void *y_p, int n0)
{
    using x_g = fc::tensor<float, 9, 7, 10, 0>;
    using y_g = fc::tensor<float, 5, 4, 10, 1>;
    using xt_t = fc::tile<float, 5, 5, 10, 16, 80, 400>;
    using dt_t = fc::tile<float, 2, 2, 10, 16, 64, 128>;
    using wt_t = fc::taps<float, 3, 3, 10, 48>;
    FC_SMEM(smem);
    int block = FC_BLOCK();
    const int j = block % 2; block /= 2;
    const int i = block % 3; block /= 3;
    const int n = n0 + block;
    (void)packed, (void)n0;
    (void)n;
    (void)i;
    (void)j;
    fc::copy_bytes<576, false>(smem + 2256, (const char *)packed);
    fc::copy<xt_t, fc::sub<0, 5, 0, 5>, x_g, 8, false>(xt_t{smem}, fc::image<x_g>(x_p, n), 4 * i - 1, 4 * j - 1, 0);
    FC_SYNC();
    // dw.fcm:2 y = dw 3, stride 2
    {
        const float *p0 = (const float *)(smem + 2688);
        const float *q0 = (const float *)(smem + 2752);
        auto epi = [=](float2 v, int eh, int ew, int ec) {
            (void)eh, (void)ew, (void)ec;
            v = fc::add(fc::mul(v, fc::ld2(p0, ec)), fc::ld2(q0, ec));
            v = fc::relu(v);
            return v;
        };
        fc::dw_portable<dt_t, fc::sub<0, 2, 0, 2>, xt_t, wt_t, fc::geom<2, 2, 1, 1, 1>, 0>(dt_t{smem + 2000},
            xt_t{smem}, wt_t{smem + 2256}, 0, 0, 0, 0, fc::no_mask{}, epi);
    }
    FC_SYNC();
    fc::store<dt_t, fc::sub<0, 2, 0, 2>, y_g, 8>(fc::image<y_g>(y_p, n), dt_t{smem + 2000}, 2 * i, 2 * j, 0,
        [](float2 v, int, int, int) { return v; });
}
FC_NOTE(dw_k0, 75, 32, 1, 4160, "dw.fcm")

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

size_t dw_workspace_bytes(int n) { return n > 0 ? (size_t)n * 0 : 0; }

const char *dw_error(int code) { return code > FC_CUDA ? fc::error_string(code - FC_CUDA) : fc_error_text(code); }

int dw_run(int n, const void *packed, const void *x, void *y, void *workspace, struct CUstream_st *stream)
{
    if (n < 0) return FC_NEGATIVE_BATCH;
    if (n == 0) return FC_FINE;
    if (!packed) return FC_NULL_POINTER;
    if (fc_misaligned(packed, 16)) return FC_MISALIGNED;
    if (!x) return FC_NULL_POINTER;
    if (fc_misaligned(x, 16)) return FC_MISALIGNED;
    if (!y) return FC_NULL_POINTER;
    if (fc_misaligned(y, 16)) return FC_MISALIGNED;
    const int arch = fc::device_arch(), shared = fc::device_smem();
    if (arch < 0 || shared < 0) return FC_CUDA - (arch < 0 ? arch : shared);
    if (arch < 75) return FC_OLD_DEVICE;
    if (shared < 4160) return FC_SMALL_SHARED;
    (void)workspace;
    FC_BUFFER(0, x, (size_t)n * 9 * 7 * 10 * 4);
    FC_BUFFER(1, y, (size_t)n * 5 * 4 * 10 * 4);
    FC_BUFFER(10, (const char *)packed + 0, (size_t)1 * 576);
    int status = 0;
    for (int n0 = 0, count; !status && n0 < n; n0 += count) {
        count = fc_slice(n - n0, 6);
        status = FCM_LAUNCH(dw_k0, count * 6LL, 32, 4160, stream, packed, x, y, n0);
    }
    if (status) return FC_CUDA + status;
    return FC_FINE;
}

#if defined FCM_COUNT && !defined __CUDACC__
void dw_counts(int64_t *read, int64_t *written) { fc_emu_counts(11, read, written); }
#endif

/* dw: 0 is success, other codes are worded by dw_error. n images; n == 0 does nothing. */
#ifndef FCMC_DW_H
#define FCMC_DW_H
#include <stddef.h>
#include <stdint.h>
struct CUstream_st;  /* what cudaStream_t points to */
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
size_t dw_workspace_bytes(int n);
/* in   x: f32 [n][9][7][10] */
/* out  y: f32 [n][5][4][10] */
int dw_run(int n, const void *packed, const void *x, void *y, void *workspace, struct CUstream_st *stream);
const char *dw_error(int code);
#ifdef FCM_COUNT
void dw_counts(int64_t *read, int64_t *written);  /* 11 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
