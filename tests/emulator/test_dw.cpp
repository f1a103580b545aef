/* test_dw.cpp: depthwise convolution of tiles against a naive loop: both variants, strides, dilation, multipliers, ragged items, accumulation. */
#include "harness.h"

using fc::half;

enum variant { PORTABLE, WINDOW, SLIDE, FRAGMENT };

/* A P x Q window of outputs at (p0, q0) of an H x W x C image, R x S taps; the windows may leave the tensors; bias, relu, masked. */
template <variant V, class T, int C, int R, int S, int ST, int DIL, int MULT, int P, int Q, int ITEM, int ROLL = 0, int SWZ = 0, int HIGH = 1> void dw_case(int p0, int q0, int slot)
{
    constexpr int H = 11, W = 13, pad_h = (R - 1) * DIL / 2, pad_w = (S - 1) * DIL / 2, K = C * MULT, size = fc::element<T>::bytes;
    constexpr int OH = (H + 2 * pad_h - (R - 1) * DIL - 1) / ST + 1, OW = (W + 2 * pad_w - (S - 1) * DIL - 1) / ST + 1;
    constexpr int h = (P - 1) * ST + (R - 1) * DIL + 1, w = (Q - 1) * ST + (S - 1) * DIL + 1, cpad = fc::round_up(C, 8), kpad = fc::round_up(K, 8);
    constexpr int xpitch = fc::round_up(cpad * size, 16) + (SWZ ? 0 : 16), ypitch = kpad * size, tpitch = kpad * size;
    using XT = fc::tile<T, h, w, C, cpad, xpitch, xpitch * w, ROLL, SWZ, SWZ ? 1 : 0>;
    using YT = fc::tile<T, P, Q, K, kpad, ypitch, ypitch * Q>;
    using TT = fc::taps<T, R, S, K, tpitch>;
    using GX = fc::tensor<T, H, W, C, 1>;
    using GY = fc::tensor<T, OH, OW, K, 2>;
    using G = fc::geom<ST, ST, DIL, DIL, MULT>;
    using ALL = fc::sub<0, P, 0, Q>;
    using FR = fc::frag_simt<P * Q, kpad, 16, 2>;
    constexpr int rows = ROLL ? ROLL : h, yoff = rows * w * xpitch, toff = yoff + P * Q * ypitch, smem = toff + R * S * tpitch;
    constexpr int xvec = C * size % 16 == 0 ? 16 : C * size % 4 == 0 ? 4 : 2, yvec = K * size % 16 == 0 ? 16 : K * size % 4 == 0 ? 4 : 2;

    buffer<T> x(1, H * W * C), y(2, OH * OW * K), t(3, R * S * kpad);
    buffer<float> bias(4, kpad);
    buffer<T> whole(6, P * Q * kpad);                       /* the destination tile as it lies: masked pixels and surplus channels, too */
    using YW = fc::tile<T, P, Q, kpad, kpad, ypitch, ypitch * Q>;
    using GW = fc::tensor<T, P, Q, kpad, 6>;
    T *all = whole.at;
    x.fill(4, 4), t.fill(5, 3), bias.fill(6, 5);
    const T *xp = x.at, *tp = t.at;
    const float *bp = bias.at;
    T *yp = y.at;
    const int y0 = p0 * ST - pad_h, x0 = q0 * ST - pad_w;

    auto body = [=] {
        FC_SMEM(s);
        XT xt{ s, slot };
        YT yt{ s + yoff };
        TT tt{ s + toff };
        fc::copy<XT, fc::sub<0, h, 0, w>, GX, xvec, (ITEM & 1) == 0>(xt, xp, y0, x0, 0);
        fc::copy_bytes<R * S * tpitch, true>(s + toff, tp);
        FC_COMMIT();
        FC_WAIT(0);
        FC_SYNC();
        auto epi = [=](float2 v, int, int, int c) { return fc::relu(fc::add(v, fc::ld2(bp, c))); };
        fc::mask<OH, OW> mask{ p0, q0 };
        if constexpr (V == FRAGMENT) {
            FR acc;
            fc::zero(acc);
            fc::dw_portable_acc<FR, XT, TT, G, Q>(acc, xt, tt, 0, 0, 0);
            fc::store_frag<FR, Q, GY, yvec>(yp, acc, p0, q0, 0, epi);
        } else {
            if constexpr (V == PORTABLE) fc::dw_portable<YT, ALL, XT, TT, G, 1>(yt, xt, tt, 0, 0, 0, 0, mask, epi);
            else if constexpr (V == SLIDE) fc::dw_slide<YT, ALL, XT, TT, G, HIGH, ITEM>(yt, xt, tt, 0, 0, 0, 0, mask, epi);
            else fc::dw_window<YT, ALL, XT, TT, G, ITEM>(yt, xt, tt, 0, 0, 0, 0, mask, epi);
            FC_SYNC();
            auto none = [](float2 v, int, int, int) { return v; };
            fc::store<YT, ALL, GY, yvec>(yp, yt, p0, q0, 0, none);
            fc::store<YW, ALL, GW, 16>(all, YW{ yt.p }, 0, 0, 0, none);
        }
    };
    in_every_mode("dw", 1, 64, (size_t)smem, body, [&](int mode) {
        int wrong = 0, inside = 0;
        for (int p = p0; p < p0 + P; p++)
            for (int q = q0; q < q0 + Q; q++) {
                if (!GY::inside(p, q)) continue;
                inside++;
                for (int k = 0; k < K; k++) {
                    float sum = 0;
                    for (int r = 0; r < R; r++)
                        for (int u = 0; u < S; u++) {
                            int i = p * ST - pad_h + r * DIL, j = q * ST - pad_w + u * DIL;
                            if (GX::inside(i, j)) sum += value(x.at[(i * W + j) * C + k / MULT]) * value(t.at[(r * S + u) * kpad + k]);
                        }
                    float want = sum + bias.at[k] < 0 ? 0 : sum + bias.at[k], got = value(y.at[(p * OW + q) * K + k]);
                    if (!(got == want) && wrong++ < 2) printf("  (%d,%d,%d) %g, not %g\n", p, q, k, (double)got, (double)want);
                }
            }
        for (int i = 0; V != FRAGMENT && i < P * Q * kpad; i++) {
            int k = i % kpad, q = i / kpad % Q + q0, p = i / kpad / Q + p0;
            float want = !GY::inside(p, q) ? 0 : k < K ? value(y.at[(p * OW + q) * K + k]) : bias.at[k] < 0 ? 0 : bias.at[k];
            if (!(value(whole.at[i]) == want) && wrong++ < 2) printf("  tile (%d,%d,%d) %g, not %g\n", p, q, k, (double)value(whole.at[i]), (double)want);
        }
        CHECK(wrong == 0, "variant %d C %d %dx%d stride %d dil %d mult %d window %dx%d item %d mode %d: %d wrong", V, C, R, S, ST, DIL, MULT, P, Q, ITEM, mode, wrong);
        int64_t rd[5], wr[5];
        fc_emu_counts(5, rd, wr);
        CHECK(wr[2] == (int64_t)inside * K * size && rd[3] == R * S * tpitch, "%lld %lld bytes", (long long)wr[2], (long long)rd[3]);
        memset((void *)y.at, 0xFF, (size_t)y.n * sizeof(T));
    });
}

template <class T> void cases()
{
    dw_case<PORTABLE, T, 16, 3, 3, 1, 1, 1, 4, 5, 1>(-1, -1, 0);
    dw_case<PORTABLE, T, 6, 5, 3, 2, 1, 1, 3, 4, 2>(2, 3, 0);
    dw_case<PORTABLE, T, 8, 3, 3, 1, 2, 1, 4, 4, 2>(8, 10, 0);
    dw_case<PORTABLE, T, 5, 3, 3, 1, 1, 3, 2, 4, 1>(0, -2, 0);
    dw_case<WINDOW, T, 24, 3, 3, 1, 1, 1, 4, 8, 4>(-1, -1, 0);
    dw_case<WINDOW, T, 24, 3, 3, 1, 1, 1, 3, 7, 4>(1, 7, 0);
    dw_case<WINDOW, T, 16, 5, 5, 2, 1, 1, 3, 5, 2>(2, 3, 0);
    dw_case<WINDOW, T, 12, 7, 7, 1, 1, 1, 3, 6, 3>(-2, 2, 0);
    dw_case<WINDOW, T, 8, 3, 5, 1, 2, 1, 4, 5, 4>(7, 9, 0);
    dw_case<WINDOW, T, 16, 3, 3, 2, 1, 1, 3, 4, 4, 9>(-1, -1, 7);
    dw_case<WINDOW, T, 32, 3, 3, 1, 1, 1, 4, 4, 2, 0, 3>(-1, 2, 0);
    dw_case<SLIDE, T, 24, 3, 3, 1, 1, 1, 4, 8, 4, 0, 0, 4>(-1, -1, 0);      /* one item high */
    dw_case<SLIDE, T, 24, 3, 3, 1, 1, 1, 5, 7, 4, 0, 0, 2>(1, 7, 0);        /* ragged both ways */
    dw_case<SLIDE, T, 16, 5, 5, 2, 1, 1, 3, 5, 2, 0, 0, 2>(2, 3, 0);
    dw_case<SLIDE, T, 12, 7, 7, 1, 1, 1, 7, 6, 2, 0, 0, 3>(-2, 2, 0);
    dw_case<SLIDE, T, 8, 3, 5, 1, 2, 1, 4, 5, 4, 0, 0, 3>(7, 9, 0);         /* holes */
    dw_case<SLIDE, T, 16, 1, 3, 3, 1, 1, 4, 3, 2, 0, 0, 2>(0, 0, 0);        /* rows between outputs */
    dw_case<SLIDE, T, 16, 3, 3, 2, 1, 1, 3, 4, 4, 9, 0, 2>(-1, -1, 7);      /* a line buffer */
    dw_case<SLIDE, T, 32, 3, 3, 1, 1, 1, 4, 4, 2, 0, 3, 2>(-1, 2, 0);       /* swizzled */
    dw_case<FRAGMENT, T, 16, 3, 3, 1, 1, 1, 4, 5, 1>(-1, -1, 0);
    dw_case<FRAGMENT, T, 3, 3, 3, 2, 1, 2, 5, 5, 1>(2, 3, 0);
}

int main()
{
    cases<float>();
    cases<half>();
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
