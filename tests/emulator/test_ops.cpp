/* test_ops.cpp: every operation of the device runtime against a naive loop, exact, over ragged shapes, in every mode of the emulator. */
#include "harness.h"
#include "ops.cu"

using fc::half;

/* What a case is made of: a source window of GH x GW pixels at (Y0, X0) of a H x W x C tensor, K output channels. */
template <class T, int C_, int K_> struct layer {
    using type = T;
    static constexpr int C = C_, K = K_, H = 9, W = 11, cpad = fc::round_up(C, 8), kpad = fc::round_up(K, 8), size = fc::element<T>::bytes;
    static constexpr int vec = C * size % 16 == 0 ? 16 : C * size % 8 == 0 ? 8 : C * size % 4 == 0 ? 4 : 2;
    static constexpr int kvec = K * size % 16 == 0 ? 16 : K * size % 8 == 0 ? 8 : K * size % 4 == 0 ? 4 : 2;
};


enum op { PW_SIMT, PW_PANELS, PW_1688, PW_16816 };

template <op OP, class... A> struct pw_call;
#define PW_CALL(OP, function) \
    template <class DST, class SUB, class SRC, class WGT, class WM, class WN> struct pw_call<OP, DST, SUB, SRC, WGT, WM, WN> { \
        template <class... B> static void run(B... b) { fc::function<DST, SUB, SRC, WGT, WM::value, WN::value>(b...); } \
    };
template <int N> struct number_of { static constexpr int value = N; };
PW_CALL(PW_SIMT, pw_simt)
PW_CALL(PW_PANELS, pw_simt)
PW_CALL(PW_1688, pw_mma1688)
PW_CALL(PW_16816, pw_mma16816)

/* One pointwise convolution of an h x w window at (y0, x0), which may leave the tensor; bias and relu6; masked. ROLL > 0: the source is a line buffer
 * that starts in slot `row`; SWZ: it is swizzled. */
template <op OP, class L, int H, int W, int WM, int WN, int ROLL = 0, int SWZ = 0> void pw_case(int y0, int x0, int row)
{
    using T = typename L::type;
    constexpr int pixel = fc::round_up(L::cpad * L::size, 16) + (SWZ ? 0 : 16), kpixel = fc::round_up(L::kpad * L::size, 16) + 16, wpitch = fc::round_up(L::cpad * L::size, 16) + 16;
    constexpr int panel = 16, wbytes = OP == PW_PANELS ? fc::round_up(fc::round_up(L::K, panel) * L::cpad * L::size, 16) : L::K * wpitch;
    using XT = fc::tile<T, H, W, L::C, L::cpad, pixel, pixel * W, ROLL, SWZ>;
    using YT = fc::tile<T, H, W, L::K, L::kpad, kpixel, kpixel * W>;
    using GX = fc::tensor<T, L::H, L::W, L::C, 1>;
    using GY = fc::tensor<T, L::H, L::W, L::K, 2>;
    using WG = std::conditional_t<OP == PW_PANELS, fc::panels<T, L::K, L::C, L::cpad, panel>, fc::weights<T, L::K, L::C, L::cpad, wpitch>>;
    using ALL = fc::sub<0, H, 0, W>;
    constexpr int rows = ROLL ? ROLL : H, woff = rows * W * pixel, yoff = fc::round_up(woff + wbytes, 16), smem = yoff + H * W * kpixel;
    constexpr int threads = OP == PW_SIMT || OP == PW_PANELS ? fc::round_up(WM * WN, 32) : WM * WN * 32;

    buffer<T> x(1, L::H * L::W * L::C), y(2, L::H * L::W * L::K), wp(3, wbytes / L::size);
    buffer<float> bias(4, L::kpad);
    buffer<T> whole(6, H * W * L::kpad);                    /* the destination tile as it lies: masked pixels and surplus channels, too */
    using YW = fc::tile<T, H, W, L::kpad, L::kpad, kpixel, kpixel * W>;
    using GW = fc::tensor<T, H, W, L::kpad, 6>;
    T *all = whole.at;
    x.fill(1, 3), bias.fill(2, 4);
    std::vector<float> w((size_t)(L::K * L::C));
    for (int i = 0; i < L::K * L::C; i++) w[(size_t)i] = number(3, i, 2);
    for (int i = 0; i < wbytes / L::size; i++) wp.at[i] = make<T>(0);
    for (int k = 0; k < L::K; k++)
        for (int c = 0; c < L::C; c++) *(T *)WG{ (char *)wp.at }.at(k, c) = make<T>(w[(size_t)(k * L::C + c)]);
    const T *xp = x.at, *wpp = wp.at;
    T *yp = y.at;
    const float *bp = bias.at;

    auto body = [=] {
        FC_SMEM(smem_p);
        XT xt{ smem_p, row };
        YT yt{ smem_p + yoff };
        fc::copy<XT, ALL, GX, L::vec, true>(xt, xp, y0, x0, 0);
        fc::copy_bytes<wbytes, true>(smem_p + woff, wpp);
        FC_COMMIT();
        FC_WAIT(0);
        FC_SYNC();
        auto epi = [=](float2 v, int, int, int c) { return fc::relu6(fc::add(v, fc::ld2(bp, c))); };
        pw_call<OP, YT, ALL, XT, WG, number_of<WM>, number_of<WN>>::run(yt, xt, WG{ smem_p + woff }, 0, 0, 0, 0, fc::mask<L::H, L::W>{ y0, x0 }, epi);
        FC_SYNC();
        auto none = [](float2 v, int, int, int) { return v; };
        fc::store<YT, ALL, GY, L::kvec>(yp, yt, y0, x0, 0, none);
        fc::store<YW, ALL, GW, 16>(all, YW{ yt.p }, 0, 0, 0, none);
    };
    in_every_mode("pw", 1, threads, (size_t)smem, body, [&](int mode) {
        int wrong = 0, inside = 0;
        for (int h = y0; h < y0 + H; h++)
            for (int q = x0; q < x0 + W; q++) {
                if (!GX::inside(h, q)) continue;
                inside++;
                for (int k = 0; k < L::K; k++) {
                    float sum = 0;
                    for (int c = 0; c < L::C; c++) sum += value(x.at[(h * L::W + q) * L::C + c]) * w[(size_t)(k * L::C + c)];
                    float want = fc::clamp1(sum + bias.at[k], 0, 6), got = value(y.at[(h * L::W + q) * L::K + k]);
                    if (!(got == want) && wrong++ < 2) printf("  (%d,%d,%d) %g, not %g\n", h, q, k, (double)got, (double)want);
                }
            }
        for (int i = 0; i < H * W * L::kpad; i++) {
            int k = i % L::kpad, q = i / L::kpad % W + x0, h = i / L::kpad / W + y0;
            float want = !GX::inside(h, q) ? 0 : k < L::K ? value(y.at[(h * L::W + q) * L::K + k]) : fc::clamp1(bias.at[k], 0, 6);
            if (!(value(whole.at[i]) == want) && wrong++ < 2) printf("  tile (%d,%d,%d) %g, not %g\n", h, q, k, (double)value(whole.at[i]), (double)want);
        }
        CHECK(wrong == 0, "op %d C %d K %d %dx%d grid %dx%d mode %d: %d wrong", OP, L::C, L::K, H, W, WM, WN, mode, wrong);
        int64_t r[5], wr[5];
        fc_emu_counts(5, r, wr);
        CHECK(r[1] == (int64_t)inside * L::C * L::size && wr[1] == 0, "x: %lld bytes", (long long)r[1]);
        CHECK(wr[2] == (int64_t)inside * L::K * L::size && r[2] == 0, "y: %lld bytes", (long long)wr[2]);
        CHECK(r[3] == wbytes, "w: %lld bytes", (long long)r[3]);
        memset((void *)y.at, 0xFF, (size_t)y.n * sizeof(T));
    });
}

template <class T> void pw_portable_cases()
{
    pw_case<PW_SIMT, layer<T, 24, 16>, 4, 6, 8, 4>(-1, -1, 0);
    pw_case<PW_SIMT, layer<T, 10, 5>, 3, 5, 32, 2>(7, 8, 0);
    pw_case<PW_SIMT, layer<T, 8, 40>, 5, 7, 4, 3>(2, 3, 0);
    pw_case<PW_SIMT, layer<T, 3, 12>, 4, 4, 16, 4, 6>(-1, 8, 5);
    pw_case<PW_PANELS, layer<T, 24, 16>, 4, 6, 8, 4>(-1, -1, 0);
    pw_case<PW_PANELS, layer<T, 16, 24>, 5, 3, 16, 8, 7>(6, 9, 3);
}

template <op OP> void pw_mma_cases()
{
    pw_case<OP, layer<half, 24, 16>, 4, 6, 2, 1>(-1, -1, 0);
    pw_case<OP, layer<half, 32, 24>, 5, 7, 1, 3>(2, 3, 0);
    pw_case<OP, layer<half, 10, 5>, 3, 5, 2, 2>(7, 8, 0);
    pw_case<OP, layer<half, 40, 44>, 4, 8, 2, 2>(-1, 2, 0);
    pw_case<OP, layer<half, 48, 72>, 8, 8, 3, 1>(0, 0, 0);
    pw_case<OP, layer<half, 16, 160>, 9, 11, 2, 1>(-2, 1, 0);
    pw_case<OP, layer<half, 24, 16>, 4, 6, 2, 1, 6>(-1, -1, 4);
    pw_case<OP, layer<half, 64, 16>, 6, 8, 2, 1, 0, 7>(2, -2, 0);
}

/* Where elements lie, against the definition in tm.h, and what a copy writes: zeros beyond the window's channels and beyond the tensor's. */
static void storage()
{
    using RT = fc::tile<float, 3, 5, 8, 8, 48, 256, 7>;
    using ST = fc::tile<half, 4, 5, 64, 64, 128, 704, 0, 7, 1>;
    for (int h = 0; h < 4; h++)
        for (int w = 0; w < 5; w++)
            for (int c = 0; c < 64; c++) {
                if (c < 8) CHECK(RT({ nullptr, 5 }).at(h, w, c) - (char *)nullptr == (5 + h) % 7 * 256 + w * 48 + c * 4, "roll %d %d %d", h, w, c);
                int chunk = c * 2 / 16 ^ ((h * 5 + w) >> 1 & 7);
                CHECK(ST({ nullptr }).at(h, w, c) - (char *)nullptr == h * 704 + w * 128 + chunk * 16 + c * 2 % 16, "swizzle %d %d %d", h, w, c);
            }
    buffer<half> x(1, 4 * 4 * 20), y(2, 2 * 2 * 16 * 2);
    x.fill(1, 9);
    const half *xp = x.at;
    half *yp = y.at;
    auto body = [=] {
        FC_SMEM(s);
        using A = fc::tile<half, 2, 2, 12, 16, 32, 64>;     /* 12 of 20 channels; then 16 from channel 8, of which 12 exist */
        using B = fc::tile<half, 2, 2, 16, 16, 32, 64>;
        using G = fc::tensor<half, 4, 4, 20, 1>;
        fc::copy<A, fc::sub<0, 2, 0, 2>, G, 8, true>(A{ s }, xp, 1, 1, 0);
        fc::copy<B, fc::sub<0, 2, 0, 2>, G, 8, false>(B{ s + 128 }, xp, 1, 1, 8);
        FC_COMMIT();
        FC_WAIT(0);
        FC_SYNC();
        for (int i = fc::thread(); i < 64; i += fc::threads()) fc::stg<4>((uint32_t *)yp + i, ((uint32_t *)s)[i], 2);
    };
    in_every_mode("storage", 1, 32, 256, body, [&](int) {
        for (int i = 0; i < 128; i++) {
            int c = i % 16 + i / 64 * 8, pixel = (1 + i / 32 % 2) * 4 + 1 + i / 16 % 2;
            float want = i < 64 ? i % 16 < 12 ? value(x.at[pixel * 20 + c]) : 0 : c < 20 ? value(x.at[pixel * 20 + c]) : 0;
            CHECK(value(y.at[i]) == want, "element %d: %g, not %g", i, (double)value(y.at[i]), (double)want);
        }
        int64_t r[3], w[3];
        fc_emu_counts(3, r, w);
        CHECK(r[1] == 4 * 24 * 2, "%lld bytes", (long long)r[1]);
    });
}

/* The kernels that the compilers see (ops.cu) run as well: no race, no stray access, and every output written. */
static void samples()
{
    buffer<float> x(0, 28 * 28 * 40), packed(5, 9280);
    x.fill(1, 2), packed.fill(2, 1);
    for (int m = 0; m < MODES; m++) {
        fc_emu_reset();
        fc_emu_set_mode(&modes[m]);
        buffer<float> y(1, 14 * 14 * 80);
        int rc = ops_run(1, packed.at, x.at, y.at, nullptr), missing = 0;
        CHECK(rc == 0, "%s", ops_error(rc));
        for (int i = 14 * 14 * 72 / 2; i < y.n; i++) missing += y.at[i] != y.at[i];
        CHECK(missing == 0, "%d outputs are missing", missing);
    }
}

int main()
{
    storage();
    samples();
    pw_mma_cases<PW_1688>();
    pw_mma_cases<PW_16816>();
    pw_portable_cases<float>();
    pw_portable_cases<half>();
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
