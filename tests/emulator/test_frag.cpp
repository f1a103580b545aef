/* test_frag.cpp: accumulators, stores, copies and activations: lane maps against their definition, chains over several chunks, epilogues with every
 * operand, odd channel counts, sub-windows, line buffers that advance; activations against the compiler's own. */
#include "harness.h"

extern "C" {
#include "tm.h"
}

using fc::half;

/* ldmatrix and mma by definition: D = A B with A and B written as matrices, through shared memory and registers. */
static void lane_maps()
{
    static float d[16][8];
    buffer<half> a(1, 16 * 16), b(2, 8 * 16);
    a.fill(1, 8), b.fill(2, 8);
    const half *ap = a.at, *bp = b.at;
    for (int k = 8; k <= 16; k += 8) {
        for (int swap = 0; swap < 2; swap++) {
            auto body = [=] {
                FC_SMEM(s);
                int l = fc::thread();
                half *as = (half *)s, *bs = as + 256;                           /* A row-major; B with k along the rows' columns (n-major) */
                for (int i = l; i < 256; i += 32) as[i] = ap[i];
                for (int i = l; i < 128; i += 32) bs[i] = bp[i];
                FC_SYNC();
                uint32_t x[4], w[2];
                fc::ldmatrix_x4(x, as + l % 16 * 16 + l / 16 * 8);
                fc::ldmatrix_x2(w, bs + l % 8 * 16 + l / 8 % 2 * 8);
                if (swap) {                                                     /* a permuted fragment must not go unnoticed */
                    uint32_t t = x[0];
                    x[0] = x[1], x[1] = t;
                }
                float acc[4] = { 1, 2, 3, 4 };
                if (k == 16) fc::mma_16816(acc, x, w[0], w[1]);
                else fc::mma_1688(acc, x[0], x[1], w[0]);
                for (int i = 0; i < 4; i++) d[fc::frag_c(l, i).row][fc::frag_c(l, i).col] = acc[i] - (float)(i + 1);
            };
            in_every_mode("lane_maps", 1, 32, 1024, body, [&](int) {
                int wrong = 0;
                for (int r = 0; r < 16; r++)
                    for (int n = 0; n < 8; n++) {
                        float want = 0;
                        for (int i = 0; i < k; i++) want += value(a.at[r * 16 + i]) * value(b.at[n * 16 + i]);
                        wrong += !(d[r][n] == want);
                    }
                CHECK(swap ? wrong > 64 : wrong == 0, "k %d swap %d: %d wrong", k, swap, wrong);
            });
        }
    }
    /* transposed loads: lane l holds (2q, g) and (2q + 1, g) */
    static uint32_t got[32][2];
    auto trans = [=] {
        FC_SMEM(s);
        int l = fc::thread();
        for (int i = l; i < 256; i += 32) ((half *)s)[i] = ap[i];
        FC_SYNC();
        uint32_t x[2];
        fc::ldmatrix_x2_trans(x, s + l % 16 * 16);
        got[l][0] = x[0], got[l][1] = x[1];
    };
    in_every_mode("trans", 1, 32, 512, trans, [&](int) {
        for (int l = 0; l < 32; l++)
            for (int m = 0; m < 2; m++)
                for (int e = 0; e < 2; e++)
                    CHECK((got[l][m] >> 16 * e & 0xFFFF) == a.at[m * 64 + (2 * (l % 4) + e) * 8 + l / 4].bits, "lane %d", l);
    });
}

/* Two chunks of pointwise work into accumulators, then a store or a finish and a store, with a residual in place, from a tile, and a bias. */
template <class T, class FR, int MODE, int H, int W, int C, int K, int ID> void chain(int y0, int x0)
{
    constexpr int size = fc::element<T>::bytes, cpad = fc::round_up(C, 8), kpad = fc::round_up(K, 8), GH = 9, GW = 10;
    constexpr int group = MODE / 10 == 2 ? fc::least(cpad / 8 & -(cpad / 8), 8) : 1;         /* m16n8k16: weights swizzled as layout.c does */
    constexpr int shift = group == 4 ? 1 : group == 2 ? 2 : 0;
    constexpr int pitch = cpad * size + 16, wpitch = cpad * size + (group > 1 ? 0 : 16), threads = 64, wbytes = K * wpitch;
    using XT = fc::tile<T, H, W, C, cpad, pitch, pitch * W>;
    using YT = fc::tile<T, H, W, K, kpad, kpad * size, kpad * size * W>;
    using GX = fc::tensor<T, GH, GW, 2 * C, 1>;
    using GY = fc::tensor<T, GH, GW, K, 2>;
    using GZ = fc::tensor<T, GH, GW, K, 3>;
    using WG = fc::weights<T, K, C, cpad, wpitch, group - 1, shift>;
    using ALL = fc::sub<0, H, 0, W>;
    constexpr int woff = H * W * pitch, yoff = woff + 2 * wbytes, smem = yoff + H * W * kpad * size;
    constexpr int vec = C * size % 16 == 0 ? 16 : C * size % 4 == 0 ? 4 : 2, kvec = K * size % 16 == 0 ? 16 : K * size % 8 == 0 ? 8 : K * size % 4 == 0 ? 4 : 2;
    buffer<T> x(1, GH * GW * 2 * C), y(2, GH * GW * K), z(3, GH * GW * K), w(4, 2 * wbytes / size);
    x.fill(1, 3), z.fill(2, 9), w.fill(3, 2);
    for (int r = 0; r < 2; r++)
        for (int k = 0; k < K; k++)
            for (int c = C; c < cpad; c++) *(T *)WG{ (char *)w.at + r * wbytes }.at(k, c) = make<T>(0);
    buffer<T> whole(6, H * W * kpad);                       /* the finished tile as it lies */
    using YW = fc::tile<T, H, W, kpad, kpad, kpad * size, kpad * size * W>;
    using GW_ = fc::tensor<T, H, W, kpad, 6>;
    const T *xp = x.at, *zp = z.at, *wp = w.at;
    T *yp = y.at, *all = whole.at;
    auto body = [=] {
        FC_SMEM(s);
        XT xt{ s };
        YT yt{ s + yoff };
        FR acc;
        fc::zero(acc);
        fc::copy_bytes<2 * wbytes, true>(s + woff, wp);
        FC_SEQ
        for (int r = 0; r < 2; r++) {
            fc::copy<XT, ALL, GX, vec, true>(xt, xp, y0, x0, r * C);
            FC_COMMIT();
            FC_WAIT(0);
            FC_SYNC();
            WG wt{ s + woff + r * wbytes };
            if constexpr (MODE / 10 == 0) fc::pw_simt_acc<FR, XT, WG, W>(acc, xt, wt, 0, 0, 0);
            else if constexpr (MODE / 10 == 1) fc::pw_mma1688_acc<FR, XT, WG, W>(acc, xt, wt, 0, 0, 0);
            else fc::pw_mma16816_acc<FR, XT, WG, W>(acc, xt, wt, 0, 0, 0);
            FC_SYNC();
        }
        auto residual = [=](float2 v, int h, int q, int c) { return fc::add(fc::add(v, fc::splat(2)), fc::ld2_global<GZ>(zp, y0 + h, x0 + q, c)); };
        auto none = [](float2 v, int, int, int) { return v; };
        if constexpr (MODE % 10 == 0) {
            fc::store_frag<FR, W, GY, kvec>(yp, acc, y0, x0, 0, residual);
        } else if constexpr (MODE % 10 == 1) {
            fc::finish<YT, ALL>(yt, acc, fc::mask<GH, GW>{ y0, x0 }, residual);
            FC_SYNC();
            fc::store<YT, ALL, GY, kvec>(yp, yt, y0, x0, 0, none);
        } else {                                            /* in two halves, and once more from tile to tile */
            fc::finish<YT, fc::sub<0, 1, 0, W>>(yt, acc, fc::no_mask{}, none);
            fc::finish<YT, fc::sub<1, H, 0, W>>(yt, acc, fc::no_mask{}, none);
            FC_SYNC();
            fc::finish_tile<YT, ALL, YT>(yt, yt, fc::mask<GH, GW>{ y0, x0 }, residual);
            FC_SYNC();
            fc::store<YT, fc::sub<0, H, 0, 2>, GY, kvec>(yp, yt, y0, x0, 0, none);
            fc::store<YT, fc::sub<0, H, 2, W>, GY, kvec>(yp, yt, y0, x0, 0, none);
        }
        if constexpr (MODE % 10 != 0) fc::store<YW, ALL, GW_, 16>(all, YW{ s + yoff }, 0, 0, 0, none);
    };
    in_every_mode("chain", 1, threads, (size_t)smem, body, [&](int mode) {
        int wrong = 0, inside = 0;
        for (int h = y0; h < y0 + H; h++)
            for (int q = x0; q < x0 + W; q++) {
                if (!GY::inside(h, q)) continue;
                inside++;
                for (int k = 0; k < K; k++) {
                    float want = 2 + value(z.at[(h * GW + q) * K + k]);
                    for (int r = 0; r < 2; r++)
                        for (int c = 0; c < C; c++) want += value(x.at[(h * GW + q) * 2 * C + r * C + c]) * value(*(const T *)WG{ (const char *)w.at + r * wbytes }.at(k, c));
                    float got = value(y.at[(h * GW + q) * K + k]);
                    if (!(got == want) && wrong++ < 2) printf("  (%d,%d,%d) %g, not %g\n", h, q, k, (double)got, (double)want);
                }
            }
        for (int i = 0; MODE % 10 != 0 && i < H * W * kpad; i++)
            if (!GY::inside(i / kpad / W + y0, i / kpad % W + x0) && !(value(whole.at[i]) == 0) && wrong++ < 2) printf("  masked pixel %d holds %g\n", i, (double)value(whole.at[i]));
        CHECK(wrong == 0, "chain %d C %d K %d %dx%d mode %d: %d wrong", MODE, C, K, H, W, mode, wrong);
        int64_t rd[5], wr[5];
        fc_emu_counts(5, rd, wr);
        CHECK(rd[1] == (int64_t)inside * 2 * C * size, "x %lld", (long long)rd[1]);
        CHECK(rd[3] == (int64_t)inside * K * size, "residual %lld, not %d", (long long)rd[3], inside * K * size);
        CHECK(wr[2] == (int64_t)inside * K * size, "y %lld", (long long)wr[2]);
        memset((void *)y.at, 0xFF, (size_t)y.n * sizeof(T));
    });
}

template <class T> void chains()
{
    chain<T, fc::frag_simt<4 * 5, 16, 16, 2>, 0, 4, 5, 12, 16, 0>(-1, -1);
    chain<T, fc::frag_simt<3 * 7, 24, 8, 8>, 1, 3, 7, 8, 21, 0>(7, 6);
    chain<T, fc::frag_simt<4 * 4, 8, 32, 2>, 2, 4, 4, 3, 5, 0>(2, 8);
}

/* A line buffer of 4 rows under a window of 3: rows come in one by one, dw runs on each window. */
static void line_buffer()
{
    constexpr int H = 10, W = 6, C = 8;
    using XT = fc::tile<half, 3, W + 2, C, C, 16, 16 * (W + 2), 4>;
    using YT = fc::tile<half, 1, W, C, C, 16, 16 * W>;
    using TT = fc::taps<half, 3, 3, C, 16>;
    using GX = fc::tensor<half, H, W, C, 1>;
    using GY = fc::tensor<half, H, W, C, 2>;
    constexpr int yoff = 4 * 16 * (W + 2), toff = yoff + 16 * W;
    buffer<half> x(1, H * W * C), y(2, H * W * C), t(3, 9 * C);
    x.fill(1, 5), t.fill(2, 3);
    const half *xp = x.at, *tp = t.at;
    half *yp = y.at;
    auto body = [=] {
        FC_SMEM(s);
        fc::copy_bytes<9 * C * 2, true>(s + toff, tp);
        fc::copy<XT, fc::sub<0, 3, 0, W + 2>, GX, 16, true>(XT{ s, 0 }, xp, -1, -1, 0);
        FC_COMMIT();
        FC_SEQ
        for (int h = 0; h < H; h++) {
            XT xt{ s, h % 4 };                              /* window rows h-1 … h+1 */
            if (h + 1 < H) fc::copy<XT, fc::sub<3, 4, 0, W + 2>, GX, 16, true>(xt, xp, h - 1, -1, 0);      /* row h+2, past the window */
            FC_COMMIT();
            FC_WAIT(1);
            FC_SYNC();
            fc::dw_window<YT, fc::sub<0, 1, 0, W>, XT, TT, fc::geom<1, 1, 1, 1, 1>, 2>(YT{ s + yoff }, xt, TT{ s + toff }, 0, 0, 0, 0, fc::no_mask{}, [](float2 v, int, int, int) { return v; });
            FC_SYNC();
            fc::store<YT, fc::sub<0, 1, 0, W>, GY, 16>(yp, YT{ s + yoff }, h, 0, 0, [](float2 v, int, int, int) { return v; });
        }
        FC_WAIT(0);
    };
    in_every_mode("line_buffer", 1, 32, toff + 9 * C * 2, body, [&](int) {
        int wrong = 0;
        for (int h = 0; h < H; h++)
            for (int q = 0; q < W; q++)
                for (int c = 0; c < C; c++) {
                    float want = 0;
                    for (int i = 0; i < 9; i++)
                        if (GX::inside(h + i / 3 - 1, q + i % 3 - 1)) want += value(x.at[((h + i / 3 - 1) * W + q + i % 3 - 1) * C + c]) * value(t.at[i * C + c]);
                    wrong += !(value(y.at[(h * W + q) * C + c]) == want);
                }
        CHECK(wrong == 0, "%d wrong", wrong);
        int64_t rd[3], wr[3];
        fc_emu_counts(3, rd, wr);
        CHECK(rd[1] == H * W * C * 2, "%lld: every row once", (long long)rd[1]);
    });
}

/* Activations and roundings of the device against the compiler's own. */
static void activations()
{
    struct row { Act act; float2 (*f)(float2); };
    static const row rows[] = { { ACT_RELU, fc::relu }, { ACT_RELU6, fc::relu6 }, { ACT_SILU, fc::silu }, { ACT_GELU_ERF, fc::gelu }, { ACT_GELU_TANH, fc::gelu_tanh },
                                { ACT_HSWISH, fc::hswish }, { ACT_HSIGMOID, fc::hsigmoid }, { ACT_SIGMOID, fc::sigmoid }, { ACT_TANH, fc::tanh } };
#ifdef FCM_EXACT
    auto wanted = [](Act a, double p, double q, float v) { return tm_exact_act(a, p, q, v); };
    const float step = 1, tolerance = 0;
#else
    auto wanted = [](Act a, double p, double q, float v) { return tm_act(a, p, q, v); };
    const float step = 0.125f, tolerance = 1e-5f;
#endif
    for (float v = -100; v <= 100; v += step) {
        for (const row &r : rows) {
            float2 got = r.f(fc::pair(v, -v));
            float a = wanted(r.act, 0, 0, v), b = wanted(r.act, 0, 0, -v);
            CHECK(fabsf(got.x - a) <= tolerance * (1 + fabsf(a)) && fabsf(got.y - b) <= tolerance * (1 + fabsf(b)), "%s(%g) = %g, not %g", act_name(r.act), (double)v, (double)got.x, (double)a);
        }
        CHECK(fc::leaky(fc::splat(v), 0.1f).x == wanted(ACT_LEAKY, 0.1f, 0, v), "leaky(%g)", (double)v);
        CHECK(fc::clamp(fc::splat(v), -2.5f, 7.5f).y == wanted(ACT_CLAMP, -2.5, 7.5, v), "clamp(%g)", (double)v);
    }
    for (uint32_t b = 0; b < 0x10000; b++) {                 /* every f16, and the values half a step beside it */
        float v = fc::to_float({ (uint16_t)b });
        CHECK(fc::bits(v) == fc::bits(f16_to_f32((unsigned short)b)), "f16 %04x", b);
        float beside = fc::from_bits(fc::bits(v) + 0x1000);
        CHECK(v != v || fc::to_half(beside).bits == f32_to_f16(beside), "f32 %08x", fc::bits(beside));
        CHECK(v != v || fc::to_half(v).bits == b, "f16 %04x back", b);
    }
}

int main()
{
    lane_maps();
    chains<float>();
    chains<half>();
    chain<half, fc::frag_mma<4 * 5, 16, 2, 1>, 10, 4, 5, 24, 16, 0>(-1, -1);
    chain<half, fc::frag_mma<3 * 7, 24, 1, 2>, 11, 3, 7, 8, 21, 0>(7, 6);
    chain<half, fc::frag_mma<4 * 5, 16, 2, 1>, 20, 4, 5, 24, 16, 0>(-1, -1);
    chain<half, fc::frag_mma<3 * 7, 24, 1, 2>, 21, 3, 7, 8, 21, 0>(7, 6);
    chain<half, fc::frag_mma<4 * 8, 40, 2, 1>, 22, 4, 8, 40, 40, 0>(2, 3);
    chain<half, fc::frag_mma<4 * 5, 64, 2, 1>, 20, 4, 5, 16, 64, 0>(-1, -1);        /* stores of 16 bytes: eight tiles a lane; */
    chain<half, fc::frag_mma<3 * 7, 56, 1, 1>, 20, 3, 7, 8, 56, 0>(7, 6);           /* four, two and one, */
    chain<half, fc::frag_mma<3 * 7, 56, 1, 2>, 10, 3, 7, 8, 52, 0>(7, 6);           /* 8 bytes and a ragged end */
    line_buffer();
    activations();
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
