// Kernels for the compilers: every operation of the runtime in a shape that plans use, so that each architecture's assembler sees each once.
#include "fc_dev.cuh"
#include "fc_act.cuh"
#include "fc_copy.cuh"
#include "fc_dw.cuh"
#include "fc_frag.cuh"
#include "fc_pw.cuh"
#include "fc_store.cuh"

#define NONE [](float2 v, int, int, int) { return v; }

// f32, no tensor cores: expand from panels into a line buffer, depthwise 5x5 stride 2, project into simt accumulators.
using fx_g = fc::tensor<float, 28, 28, 40, 0>;
using fy_g = fc::tensor<float, 14, 14, 80, 1>;
FC_KERNEL(ops_f32, 256, 1)(const void *packed, const void *x_p, void *y_p, int n0)
{
    using xt_t = fc::tile<float, 11, 15, 40, 40, 176, 2640>;
    using et_t = fc::tile<float, 11, 15, 64, 64, 272, 4080, 12>;
    using dt_t = fc::tile<float, 4, 6, 64, 64, 272, 1632>;
    using ft_t = fc::frag_simt<4 * 6, 80, 12, 20>;
    using we_t = fc::panels<float, 64, 40, 40, 16>;
    using wd_t = fc::taps<float, 5, 5, 64, 256>;
    using wp_t = fc::panels<float, 80, 64, 64, 16>;
    FC_SMEM(smem);
    const int i = FC_BLOCK() % 4, j = FC_BLOCK() / 4 % 3, n = n0 + FC_BLOCK() / 12;
    const xt_t xt{ smem + 0 };
    const et_t et{ smem + 29184, i % 12 };
    const dt_t dt{ smem + 78208 };
    ft_t yt;
    fc::zero(yt);
    fc::copy<xt_t, fc::sub<0, 11, 0, 15>, fx_g, 16, true>(xt, fc::image<fx_g>(x_p, n), 8 * i - 2, 12 * j - 2, 0);
    fc::copy_bytes<10240, true>(smem + 85248, packed);
    fc::copy_bytes<6400, true>(smem + 95488, (const char *)packed + 10240);
    fc::copy_bytes<20480, true>(smem + 101888, (const char *)packed + 16640);
    FC_COMMIT();
    FC_WAIT(0);
    FC_SYNC();
    fc::pw_simt<et_t, fc::sub<0, 11, 0, 15>, xt_t, we_t, 32, 8>(et, xt, we_t{ smem + 85248 }, 0, 0, 0, 0, fc::mask<28, 28>{ 8 * i - 2, 12 * j - 2 },
        [=](float2 v, int, int, int) { return fc::hswish(v); });
    FC_SYNC();
    fc::dw_window<dt_t, fc::sub<0, 4, 0, 6>, et_t, wd_t, fc::geom<2, 2, 1, 1, 1>, 2>(dt, et, wd_t{ smem + 95488 }, 0, 0, 0, 0, fc::no_mask{},
        [=](float2 v, int, int, int) { return fc::silu(v); });
    FC_SYNC();
    fc::pw_simt_acc<ft_t, dt_t, wp_t, 6>(yt, dt, wp_t{ smem + 101888 }, 0, 0, 0);
    fc::store_frag<ft_t, 6, fy_g, 16>(fc::image<fy_g>(y_p, n), yt, 4 * i, 6 * j, 0, [=](float2 v, int, int, int) { return fc::leaky(fc::clamp(v, -100, 100), 0.1f); });
}
FC_NOTE(ops_f32, 75, 256, 1, 122368, "ops.cu")

// f16, the parts that mbconv.cu does not use: m16n8k8, odd channels, depthwise 3x3 with a multiplier, 7x7 windows, swizzle, finish, residual in place.
using hx_g = fc::tensor<fc::half, 14, 14, 36, 0>;
using hy_g = fc::tensor<fc::half, 14, 14, 72, 1>;
using hz_g = fc::tensor<fc::half, 14, 14, 35, 2>;
FC_KERNEL(ops_f16, 128, 2)(const void *packed, const void *x_p, const void *z_p, void *y_p, int n0)
{
    using xt_t = fc::tile<fc::half, 14, 14, 36, 40, 80, 1120>;
    using st_t = fc::tile<fc::half, 8, 8, 64, 64, 128, 1024, 0, 7, 0>;
    using et_t = fc::tile<fc::half, 8, 8, 72, 72, 144, 1152>;
    using zt_t = fc::frag_mma<8 * 8, 40, 4, 1>;
    FC_SMEM(smem);
    const int n = n0 + FC_BLOCK();
    const xt_t xt{ smem + 0 };
    const st_t st{ smem + 15680 };
    const et_t et{ smem + 23872 };
    const fc::half *z = fc::image<hz_g>(z_p, n);
    fc::copy<xt_t, fc::sub<0, 14, 0, 14>, hx_g, 8, true>(xt, fc::image<hx_g>(x_p, n), -3, -3, 0);
    fc::copy<st_t, fc::sub<0, 8, 0, 8>, hx_g, 4, false>(st, fc::image<hx_g>(x_p, n), 0, 0, 0);
    fc::copy_bytes<8192, true>(smem + 33088, packed);
    FC_COMMIT();
    FC_WAIT(0);
    FC_SYNC();
    fc::dw_portable<et_t, fc::sub<0, 8, 0, 8>, xt_t, fc::taps<fc::half, 3, 3, 72, 144>, fc::geom<1, 1, 1, 1, 2>, 1>(
        et, xt, { smem + 33088 }, 0, 0, 0, 0, fc::mask<14, 14>{ 0, 0 }, [=](float2 v, int, int, int) { return fc::gelu(v); });
    FC_SYNC();
    fc::pw_mma1688<et_t, fc::sub<0, 8, 0, 8>, st_t, fc::weights<fc::half, 52, 64, 64, 144>, 2, 2>(
        et, st, { smem + 33088 }, 0, 0, 0, 8, fc::no_mask{}, [=](float2 v, int h, int w, int c) { return fc::gelu_tanh(fc::mul(v, fc::ld2(et, h, w, c))); });
    FC_SYNC();
    fc::dw_window<et_t, fc::sub<0, 8, 0, 8>, xt_t, fc::taps<fc::half, 7, 7, 40, 80>, fc::geom<1, 1, 1, 1, 1>, 4>(
        et, xt, { smem + 33088 }, 0, 0, 0, 0, fc::no_mask{}, [=](float2 v, int h, int w, int c) { return fc::minus(fc::tanh(v), fc::ld2_global<hz_g>(z, h, w, c)); });
    FC_SYNC();
    zt_t acc;
    fc::zero(acc);
    fc::pw_mma1688_acc<zt_t, st_t, fc::weights<fc::half, 35, 64, 64, 144>, 8>(acc, st, { smem + 33088 }, 0, 0, 0);
    FC_SYNC();
    fc::finish<et_t, fc::sub<0, 8, 0, 8>>(et, acc, fc::mask<14, 14>{ 0, 0 }, [=](float2 v, int, int, int) { return fc::round_f16(fc::sigmoid(v)); });
    FC_SYNC();
    fc::finish_tile<et_t, fc::sub<0, 8, 0, 8>, et_t>(et, et, fc::no_mask{}, [=](float2 v, int, int, int) { return fc::hsigmoid(v); });
    FC_SYNC();
    fc::store<et_t, fc::sub<0, 8, 0, 8>, hy_g, 16>(fc::image<hy_g>(y_p, n), et, 0, 0, 0, NONE);
}
FC_NOTE(ops_f16, 75, 128, 2, 41280, "ops.cu")

extern "C" int ops_run(int n, const void *packed, const void *x, void *y, cudaStream_t stream)
{
    int arch = fc::device_arch(), smem = fc::device_smem();
    if (arch < 0) return -arch;
    if (smem < 122368) return -1;
    int e = FCM_LAUNCH(ops_f32, n * 12LL, 256, 122368, stream, packed, x, y, 0);
    return e ? e : FCM_LAUNCH(ops_f16, n, 128, 41280, stream, packed, x, x, y, 0);
}
extern "C" const char *ops_error(int code) { return fc::error_string(code); }
