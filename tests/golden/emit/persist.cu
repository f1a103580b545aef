// persist: made by fcmc from persist.fcm, planned for h200
//   k0  fuse(e, d, y)
//         tile=4x4 channels=8 chunk=16 resident=1 persist=3
// nvcc -std=c++17 -O3 -arch=sm_90 …
#include "persist.h"

// ---- k0: fuse(e, d, y) ----
FC_KERNEL(persist_k0, 64, 2)(const void *packed, const void *x_p, void *y_p, int batch)
{
    using x_g = fc::tensor<fc::half, 7, 6, 8, 0>;
    using y_g = fc::tensor<fc::half, 7, 6, 16, 3>;
    using xt_t = fc::tile<fc::half, 6, 6, 8, 8, 16, 96>;
    using et_t = fc::tile<fc::half, 6, 6, 16, 16, 48, 288>;
    using dt_t = fc::tile<fc::half, 4, 4, 16, 16, 48, 192>;
    using yacc_t = fc::frag_mma<4 * 4, 8, 1, 1>;
    using we_t = fc::weights<fc::half, 16, 8, 8, 16>;
    using wd_t = fc::taps<fc::half, 3, 3, 16, 32>;
    using wp_t = fc::weights<fc::half, 8, 16, 16, 32>;
    FC_SMEM(smem);
    int block = FC_BLOCK();
    const int k = block % 2; block /= 2;
    (void)packed, (void)batch;
    (void)k;
    yacc_t yacc_f;
    fc::copy_bytes<64, true>(smem + 5952, (const char *)packed + 5888 + (size_t)k * 64);
    fc::copy_bytes<3 * 960, true>(smem + 3072, (const char *)packed + (size_t)(3 * k) * 960);
    FC_SEQ
    for (int64_t tile = block; tile < (int64_t)batch * 4; tile += 3) {
        const int j = (int)(tile % 2);
        const int i = (int)(tile / 2 % 2);
        const int n = (int)(tile / 4);
        (void)j, (void)i, (void)n;
        fc::copy<xt_t, fc::sub<0, 6, 0, 6>, x_g, 16, true>(xt_t{smem}, fc::image<x_g>(x_p, n), 4 * i - 1, 4 * j - 1, 0);
        FC_COMMIT();
        fc::zero(yacc_f);
        FC_WAIT(0);
        FC_SYNC();
        FC_SEQ
        for (int c = 0; c < 3; c++) {
            // persist.fcm:3 e = pw 8->40, relu6
            {
                const float *p0 = (const float *)(smem + 3328 + (size_t)c * 960);
                auto epi = [=](float2 v, int eh, int ew, int ec) {
                    (void)eh, (void)ew, (void)ec;
                    v = fc::add(v, fc::ld2(p0, ec));
                    v = fc::relu6(v);
                    return v;
                };
                fc::pw_mma16816<et_t, fc::sub<0, 6, 0, 6>, xt_t, we_t, 2, 1>(et_t{smem + 576}, xt_t{smem},
                    we_t{smem + 3072 + (size_t)c * 960}, 0, 0, 0, 0, fc::mask<7, 6>{4 * i - 1, 4 * j - 1}, epi);
            }
            FC_SYNC();
            // persist.fcm:4 d = dw 3x3, relu6
            {
                const float *p0 = (const float *)(smem + 3680 + (size_t)c * 960);
                auto epi = [=](float2 v, int eh, int ew, int ec) {
                    (void)eh, (void)ew, (void)ec;
                    v = fc::add(v, fc::ld2(p0, ec));
                    v = fc::relu6(v);
                    return v;
                };
                fc::dw_window<dt_t, fc::sub<0, 4, 0, 4>, et_t, wd_t, fc::geom<1, 1, 1, 1, 1>, 4>(dt_t{smem + 2304},
                    et_t{smem + 576}, wd_t{smem + 3392 + (size_t)c * 960}, 0, 0, 0, 0, fc::no_mask{}, epi);
            }
            FC_SYNC();
            // persist.fcm:5 y = pw 40->16
            fc::pw_mma16816_acc<yacc_t, dt_t, wp_t, 4>(yacc_f, dt_t{smem + 2304}, wp_t{smem + 3744 + (size_t)c * 960},
                0, 0, 0);
        }
        {
            const float *p0 = (const float *)(smem + 5952);
            auto epi = [=](float2 v, int eh, int ew, int ec) {
                (void)eh, (void)ew, (void)ec;
                v = fc::add(v, fc::ld2(p0, ec));
                return v;
            };
            fc::store_frag<yacc_t, 4, y_g, 16>(fc::image<y_g>(y_p, n), yacc_f, 4 * i, 4 * j, 8 * k, epi);
        }
    }
}
FC_NOTE(persist_k0, 90, 64, 2, 8192, "persist.fcm")

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

size_t persist_workspace_bytes(int n) { return n > 0 ? (size_t)n * 0 : 0; }

const char *persist_error(int code) { return code > FC_CUDA ? fc::error_string(code - FC_CUDA) : fc_error_text(code); }

int persist_run(int n, const void *packed, const void *x, void *y, void *workspace, struct CUstream_st *stream)
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
    if (arch < 90) return FC_OLD_DEVICE;
    if (shared < 8192) return FC_SMALL_SHARED;
    (void)workspace;
    FC_BUFFER(0, x, (size_t)n * 7 * 6 * 8 * 2);
    FC_BUFFER(3, y, (size_t)n * 7 * 6 * 16 * 2);
    FC_BUFFER(10, (const char *)packed + 0, (size_t)6 * 960);
    FC_BUFFER(11, (const char *)packed + 5888, (size_t)2 * 64);
    int status = 0;
    {
        const int64_t blocks = fc_sharers((int64_t)n * 4, 3) * 2;
        status = FCM_LAUNCH(persist_k0, blocks, 64, 8192, stream, packed, x, y, n);
    }
    if (status) return FC_CUDA + status;
    return FC_FINE;
}

#if defined FCM_COUNT && !defined __CUDACC__
void persist_counts(int64_t *read, int64_t *written) { fc_emu_counts(12, read, written); }
#endif

/* persist: 0 is success, other codes are worded by persist_error. n images; n == 0 does nothing. */
#ifndef FCMC_PERSIST_H
#define FCMC_PERSIST_H
#include <stddef.h>
#include <stdint.h>
struct CUstream_st;  /* what cudaStream_t points to */
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
size_t persist_workspace_bytes(int n);
/* in   x: f16 [n][7][6][8] */
/* out  y: f16 [n][7][6][16] */
int persist_run(int n, const void *packed, const void *x, void *y, void *workspace, struct CUstream_st *stream);
const char *persist_error(int code);
#ifdef FCM_COUNT
void persist_counts(int64_t *read, int64_t *written);  /* 12 slots each; clears them */
#endif
#ifdef __cplusplus
}
#endif
#endif
