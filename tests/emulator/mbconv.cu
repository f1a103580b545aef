// MobileNetV2 inverted residual, 56x56, 24 -> 144 -> 24, as the emitter prints it: halo recompute, one packed weight image in two stages,
// accumulators across the three chunks of expanded channels, residual from the tile of x. Written by hand: the sample that the runtime must serve.
#include "fc_dev.cuh"
#include "fc_act.cuh"
#include "fc_copy.cuh"
#include "fc_dw.cuh"
#include "fc_frag.cuh"
#include "fc_pw.cuh"
#include "fc_store.cuh"

using x_g = fc::tensor<fc::half, 56, 56, 24, 0>;
using y_g = fc::tensor<fc::half, 56, 56, 24, 1>;

namespace mbconv_k0_tiles {
using xt_t = fc::tile<fc::half, 10, 18, 24, 24, 48, 864>;
using et_t = fc::tile<fc::half, 10, 18, 48, 48, 112, 2016>;
using dt_t = fc::tile<fc::half, 8, 16, 48, 48, 112, 1792>;
using yt_t = fc::frag_mma<8 * 16, 24, 8, 1>;
using we_t = fc::weights<fc::half, 48, 24, 24, 48>;
using wd_t = fc::taps<fc::half, 3, 3, 48, 96>;
using wp_t = fc::weights<fc::half, 24, 48, 48, 112>;
}
enum { MBCONV_RECORD = 6272, MBCONV_BIAS = 128, MBCONV_SMEM = 55808 };

FC_KERNEL(mbconv_k0, 256, 2)(const void *packed, const void *x_p, void *y_p, int n0)
{
    using namespace mbconv_k0_tiles;
    FC_SMEM(smem);
    const int block = FC_BLOCK(), j = block % 4, i = block / 4 % 7, n = n0 + block / 28;
    const xt_t xt{ smem + 0 };
    const et_t et{ smem + 8640 };
    const dt_t dt{ smem + 28800 };
    yt_t yt;

    fc::copy<xt_t, fc::sub<0, 10, 0, 18>, x_g, 16, true>(xt, fc::image<x_g>(x_p, n), 8 * i - 1, 16 * j - 1, 0);
    fc::copy_bytes<MBCONV_RECORD, true>(smem + 43136, (const char *)packed);
    fc::copy_bytes<MBCONV_BIAS, true>(smem + 55680, (const char *)packed + 3 * MBCONV_RECORD);
    FC_COMMIT();
    fc::zero(yt);
    FC_SEQ
    for (int c = 0; c < 3; c++) {
        const char *wt = smem + 43136 + c % 2 * MBCONV_RECORD;
        FC_WAIT(0);
        FC_SYNC();
        if (c + 1 < 3) fc::copy_bytes<MBCONV_RECORD, true>(smem + 43136 + (c + 1) % 2 * MBCONV_RECORD, (const char *)packed + (c + 1) * MBCONV_RECORD);
        FC_COMMIT();
        // mbconv.fcm:3 e = pw 24->144, relu6
        {
            const float *p0 = (const float *)(wt + 2304);
            auto epi = [=](float2 v, int eh, int ew, int ec) {
                (void)eh, (void)ew;
                v = fc::add(v, fc::ld2(p0, ec));
                return fc::relu6(v);
            };
            fc::pw_mma16816<et_t, fc::sub<0, 10, 0, 18>, xt_t, we_t, 4, 2>(et, xt, we_t{ wt + 0 }, 0, 0, 0, 0, fc::mask<56, 56>{ 8 * i - 1, 16 * j - 1 }, epi);
        }
        FC_SYNC();
        // mbconv.fcm:4 d = dw 3x3, relu6
        {
            const float *p0 = (const float *)(wt + 3360);
            auto epi = [=](float2 v, int eh, int ew, int ec) {
                (void)eh, (void)ew;
                v = fc::add(v, fc::ld2(p0, ec));
                return fc::relu6(v);
            };
            fc::dw_window<dt_t, fc::sub<0, 8, 0, 16>, et_t, wd_t, fc::geom<1, 1, 1, 1, 1>, 4>(dt, et, wd_t{ wt + 2496 }, 0, 0, 0, 0, fc::no_mask{}, epi);
        }
        FC_SYNC();
        // mbconv.fcm:5 p = pw 144->24
        fc::pw_mma16816_acc<yt_t, dt_t, wp_t, 16>(yt, dt, wp_t{ wt + 3552 }, 0, 0, 0);
    }
    // mbconv.fcm:6 y = x + p
    {
        const float *p0 = (const float *)(smem + 55680);
        auto epi = [=](float2 v, int eh, int ew, int ec) {
            v = fc::add(v, fc::ld2(p0, ec));
            return fc::add(v, fc::ld2(xt, eh + 1, ew + 1, ec));
        };
        fc::store_frag<yt_t, 16, y_g, 16>(fc::image<y_g>(y_p, n), yt, 8 * i, 16 * j, 0, epi);
    }
}
FC_NOTE(mbconv_k0, 80, 256, 2, 55808, "mbconv.fcm:2")

extern "C" int mbconv_run(int n, const void *packed, const void *x, void *y, cudaStream_t stream)
{
    FC_BUFFER(0, x, (size_t)n * 56 * 56 * 24 * 2);
    FC_BUFFER(1, y, (size_t)n * 56 * 56 * 24 * 2);
    FC_BUFFER(2, packed, 3 * MBCONV_RECORD + MBCONV_BIAS);
    return FCM_LAUNCH(mbconv_k0, n * 28LL, 256, MBCONV_SMEM, stream, packed, x, y, 0);
}
