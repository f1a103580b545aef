/* test_mbconv.cpp: a whole fused block as the emitter prints it (mbconv.cu), against naive loops; bytes moved against closed counts; speed. */
#include "harness.h"
#include "mbconv.cu"

#include <time.h>

using fc::half;
enum { N = 2, S = 56, C = 24, E = 144, CHUNK = 48 };

struct weights { float e[E][C], eb[E], d[3][3][E], db[E], p[C][E], pb[C]; };

static weights make_weights()
{
    static weights w;
    for (int k = 0; k < E; k++)
        for (int c = 0; c < C; c++) w.e[k][c] = number(11, k * C + c, 1), w.p[c][k] = number(12, k * C + c, 1);
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < E; k++) w.d[i / 3][i % 3][k] = number(13, i * E + k, 1);
    for (int k = 0; k < E; k++) w.eb[k] = number(14, k, 3), w.db[k] = number(15, k, 3);
    for (int k = 0; k < C; k++) w.pb[k] = number(16, k, 3);
    return w;
}

static void pack(const weights &w, char *out)
{
    memset(out, 0, 3 * MBCONV_RECORD + MBCONV_BIAS);
    for (int r = 0; r < 3; r++) {
        char *at = out + r * MBCONV_RECORD;
        for (int k = 0; k < CHUNK; k++) {
            int ke = r * CHUNK + k;
            for (int c = 0; c < C; c++) *(half *)(at + k * 48 + c * 2) = fc::to_half(w.e[ke][c]);
            ((float *)(at + 2304))[k] = w.eb[ke];
            for (int i = 0; i < 9; i++) *(half *)(at + 2496 + i * 96 + k * 2) = fc::to_half(w.d[i / 3][i % 3][ke]);
            ((float *)(at + 3360))[k] = w.db[ke];
            for (int c = 0; c < C; c++) *(half *)(at + 3552 + c * 112 + k * 2) = fc::to_half(w.p[c][ke]);
        }
    }
    memcpy(out + 3 * MBCONV_RECORD, w.pb, sizeof w.pb);
}

static std::vector<float> naive(const weights &w, const half *x)
{
    std::vector<float> e(S * S * E), d(S * S * E), y(N * S * S * C);
    for (int n = 0; n < N; n++) {
        const half *xn = x + n * S * S * C;
        for (int p = 0; p < S * S; p++)
            for (int k = 0; k < E; k++) {
                float v = w.eb[k];
                for (int c = 0; c < C; c++) v += fc::to_float(xn[p * C + c]) * w.e[k][c];
                e[(size_t)(p * E + k)] = fc::clamp1(v, 0, 6);
            }
        for (int h = 0; h < S; h++)
            for (int q = 0; q < S; q++)
                for (int k = 0; k < E; k++) {
                    float v = w.db[k];
                    for (int i = 0; i < 9; i++) {
                        int a = h + i / 3 - 1, b = q + i % 3 - 1;
                        if (a >= 0 && a < S && b >= 0 && b < S) v += e[(size_t)((a * S + b) * E + k)] * w.d[i / 3][i % 3][k];
                    }
                    d[(size_t)((h * S + q) * E + k)] = fc::clamp1(v, 0, 6);
                }
        for (int p = 0; p < S * S; p++)
            for (int c = 0; c < C; c++) {
                float v = w.pb[c] + fc::to_float(xn[p * C + c]);
                for (int k = 0; k < E; k++) v += d[(size_t)(p * E + k)] * w.p[c][k];
                y[(size_t)((n * S * S + p) * C + c)] = v;
            }
    }
    return y;
}

int main()
{
    weights w = make_weights();
    buffer<half> x(0, N * S * S * C), y(1, N * S * S * C);
    buffer<char> packed(2, 3 * MBCONV_RECORD + MBCONV_BIAS);
    x.fill(17, 3);
    pack(w, packed.at);
    std::vector<float> want = naive(w, x.at);

    /* x: each tile's window of 10 x 18 pixels, clipped; weights: once a block */
    int64_t pixels = 0;
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 4; j++) {
            int h0 = fc::most(8 * i - 1, 0), h1 = fc::least(8 * i + 9, S), w0 = fc::most(16 * j - 1, 0), w1 = fc::least(16 * j + 17, S);
            pixels += (h1 - h0) * (w1 - w0);
        }
    for (int m = 0; m < MODES; m++) {
        fc_emu_reset();
        fc_emu_set_mode(&modes[m]);
        memset((void *)y.at, 0xFF, (size_t)y.n * 2);
        timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        int rc = mbconv_run(N, packed.at, x.at, y.at, nullptr);
        clock_gettime(CLOCK_MONOTONIC, &b);
        CHECK(rc == 0, "%s", fc_emu_message());
        int wrong = 0;
        for (int i = 0; i < y.n; i++)
            if (!(fc::to_float(y.at[i]) == want[(size_t)i]) && wrong++ < 3) printf("  %d: %g, not %g\n", i, (double)fc::to_float(y.at[i]), (double)want[(size_t)i]);
        CHECK(wrong == 0, "mode %d: %d of %d wrong", m, wrong, y.n);
        int64_t r[3], wr[3];
        fc_emu_counts(3, r, wr);
        CHECK(r[0] == N * pixels * C * 2, "x %lld", (long long)r[0]);
        CHECK(wr[1] == (int64_t)N * S * S * C * 2 && r[1] == 0, "y %lld", (long long)wr[1]);
        CHECK(r[2] == N * 28LL * (3 * MBCONV_RECORD + MBCONV_BIAS), "packed %lld", (long long)r[2]);
        printf("mode %d (%d OS threads): %.1f ms, %d images\n", m, modes[m].threads, ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9) * 1e3, N);
    }
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
