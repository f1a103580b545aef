// pw: made by fcmc from pw.fcm, planned for h200
//   k0  fuse(y)
//         tile=4x4 warps=1x2
// nvcc -std=c++17 -O3 -arch=sm_80 …
#include "pw.h"

// ---- k0: fuse(y) ----
FC_KERNEL(pw_k0, 64, 2)(const void *packed, const void *x_p, void *y_p, int n0)
{
    using x_g = fc::tensor<fc::half, 6, 7, 8, 0>;
    using y_g = fc::tensor<fc::half, 6, 7, 12, 2>;
    using xt_t = fc::tile<fc::half, 4, 4, 8, 8, 16, 64>;
    using wt_t = fc::weights<fc::half, 12, 8, 8, 16>;
    using yt_t = fc::frag_mma<4 * 4, 16, 1, 2>;
    FC_SMEM(smem);
    int block = FC_BLOCK();
    const int j = block % 2; block /= 2;
    const int i = block % 2; block /= 2;
    const int n = n0 + block;
    (void)packed, (void)n0;
    (void)n;
    (void)i;
    (void)j;
    yt_t yt_f;
    fc::copy_bytes<320, true>(smem + 256, (const char *)packed);
    fc::copy<xt_t, fc::sub<0, 4, 0, 4>, x_g, 16, true>(xt_t{smem}, fc::image<x_g>(x_p, n), 4 * i, 4 * j, 0);
    FC_COMMIT();
    fc::zero(yt_f);
    FC_WAIT(0);
    FC_SYNC();
    // pw.fcm:2 y = pw 8->12
    fc::pw_mma16816_acc<yt_t, xt_t, wt_t, 4>(yt_f, xt_t{smem}, wt_t{smem + 256}, 0, 0, 0);
    // pw.fcm:2 y = pw 8->12
    {
        const float *p0 = (const float *)(smem + 512);
        auto epi = [=](float2 v, int eh, int ew, int ec) {
            (void)eh, (void)ew, (void)ec;
            v = fc::add(v, fc::ld2(p0, ec));
            v = fc::relu6(v);
            return v;
        };
        fc::store_frag<yt_t, 4, y_g, 8>(fc::image<y_g>(y_p, n), yt_f, 4 * i, 4 * j, 0, epi);
    }
}
FC_NOTE(pw_k0, 80, 64, 2, 576, "pw.fcm")

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

size_t pw_workspace_bytes(int n) { return n > 0 ? (size_t)n * 0 : 0; }

const char *pw_error(int code) { return code > FC_CUDA ? fc::error_string(code - FC_CUDA) : fc_error_text(code); }

int pw_run(int n, const void *packed, const void *x, void *y, void *workspace, struct CUstream_st *stream)
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
    if (arch < 80) return FC_OLD_DEVICE;
    if (shared < 576) return FC_SMALL_SHARED;
    (void)workspace;
    FC_BUFFER(0, x, (size_t)n * 6 * 7 * 8 * 2);
    FC_BUFFER(2, y, (size_t)n * 6 * 7 * 12 * 2);
    FC_BUFFER(5, (const char *)packed + 0, (size_t)1 * 320);
    int status = 0;
    for (int n0 = 0, count; !status && n0 < n; n0 += count) {
        count = fc_slice(n - n0, 4);
        status = FCM_LAUNCH(pw_k0, count * 4LL, 64, 576, stream, packed, x, y, n0);
    }
    if (status) return FC_CUDA + status;
    return FC_FINE;
}

#if defined FCM_COUNT && !defined __CUDACC__
void pw_counts(int64_t *read, int64_t *written) { fc_emu_counts(6, read, written); }
#endif

/* pw: 0 is success, other codes are worded by pw_error. n images; n == 0 does nothing. */
#ifndef FCMC_PW_H
#define FCMC_PW_H
#include <stddef.h>
#include <stdint.h>
struct CUstream_st;  /* what cudaStream_t points to */
#ifdef __cplusplus
extern "C" {
#endif
typedef struct pw_params {
    const void *y_weight;  /* y.weight: f16 [12][8] */
    const void *y_bias;  /* y.bias: f32 [12] */
} pw_params;
size_t pw_packed_bytes(void);
int pw_pack(const pw_params *params, void *packed);  /* host memory; 16-byte aligned */
size_t pw_workspace_bytes(int n);
/* in   x: f16 [n][6][7][8] */
/* out  y: f16 [n][6][7][12] */
int pw_run(int n, const void *packed, const void *x, void *y, void *workspace, struct CUstream_st *stream);
const char *pw_error(int code);
#ifdef FCM_COUNT
void pw_counts(int64_t *read, int64_t *written);  /* 6 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
