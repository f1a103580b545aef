/* calibrate_main.c: what one core of this machine reaches. Prints "key value" lines; rates are the best of several rounds, by
 * the thread's own time, so that other work on the machine counts little.
 *     calibrate THREADS L1 L2 L3        bytes of the caches of a core; L3: shared, 0 = none */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 9, CHAINS = 12 };
static const double round_seconds = 0.01;

static double clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A job does `times` units of work on p; best_rate: the most units a second. */
typedef void Work(long times, void *p);

static double best_rate(Work *work, void *p)
{
    long times = 1;
    double best = 0;
    for (int r = 0; r < ROUNDS;) {
        double start = clock_of(CLOCK_THREAD_CPUTIME_ID);
        work(times, p);
        double took = clock_of(CLOCK_THREAD_CPUTIME_ID) - start;
        if (took < round_seconds) times *= took < round_seconds / 16 ? 8 : 2;
        else if (r++, (double)times / took > best) best = (double)times / took;
    }
    return best;
}

/* ---- clock: additions that wait for each other take one clock each ---- */
static void chain(long times, void *p)
{
    uint64_t a = 1, *out = p;
    for (long i = 0; i < times; i++) {
#define ADD __asm__ volatile("" : "+r"(a)); a += 3;
        ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD
    }
    *out = a;
}

/* ---- FMA of vectors of W floats ---- */
#define FMA(W) \
    typedef float vec##W __attribute__((vector_size(4 * W))); \
    static void fma##W(long times, void *p) \
    { \
        float *f = p; \
        vec##W m = f[0] - (vec##W){ 0 }, k = f[1] - (vec##W){ 0 }; \
        /* twelve different chains: equal ones would be computed once */ \
        vec##W a0 = m, a1 = m + 1, a2 = m + 2, a3 = m + 3, a4 = m + 4, a5 = m + 5; \
        vec##W a6 = m + 6, a7 = m + 7, a8 = m + 8, a9 = m + 9, a10 = m + 10, a11 = m + 11; \
        for (long i = 0; i < times; i++) { \
            a0 = a0 * m + k, a1 = a1 * m + k, a2 = a2 * m + k, a3 = a3 * m + k, a4 = a4 * m + k, a5 = a5 * m + k; \
            a6 = a6 * m + k, a7 = a7 * m + k, a8 = a8 * m + k, a9 = a9 * m + k, a10 = a10 * m + k, a11 = a11 * m + k; \
        } \
        a0 += a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11; \
        f[2] = a0[0]; \
    }
FMA(4)
#ifdef __AVX2__
FMA(8)
#endif
#ifdef __AVX512F__
FMA(16)
#endif

static double peak(int width, Work *work)
{
    float f[3] = { 0.999f, 0.001f, 0 };
    double flops = best_rate(work, f) * CHAINS * width * 2;
    printf("fma%d %.9g\n", width * 32, flops);
    return flops;
}

/* ---- copies ---- */
typedef struct Copy { float *to, *from; size_t n; } Copy;

static void copy(long times, void *p)
{
    Copy *c = p;
    for (long t = 0; t < times; t++) {
        float *restrict to = c->to;
        const float *restrict from = c->from;
        for (size_t i = 0; i < c->n; i += 16) memcpy(to + i, from + i, 64);
        __asm__ volatile("" : : : "memory");
    }
}

static void *bytes_of(size_t n)
{
    void *p = aligned_alloc(4096, (n + 4095) / 4096 * 4096);
    if (!p) fputs("out of memory\n", stderr), exit(4);
    memset(p, 0, n);
    return p;
}

/* Bytes a second, read and written, of two arrays of `bytes` each, by one core. */
static double copy_bw(size_t bytes)
{
    Copy c = { bytes_of(bytes), bytes_of(bytes), bytes / 4 };
    double rate = best_rate(copy, &c) * 2 * (double)bytes;
    free(c.to), free(c.from);
    return rate;
}

/* All cores together, wall time. */
static double dram_bw(int threads, size_t bytes)
{
    Copy c = { bytes_of(bytes), bytes_of(bytes), bytes / 4 };
    double best = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double start = clock_of(CLOCK_MONOTONIC);
#pragma omp parallel num_threads(threads)
        {
            size_t part = c.n / (size_t)threads / 16 * 16, at = part * (size_t)omp_get_thread_num();
            Copy mine = { c.to + at, c.from + at, part };
            copy(1, &mine);
        }
        double rate = 2 * (double)bytes / (clock_of(CLOCK_MONOTONIC) - start);
        if (rate > best) best = rate;
    }
    free(c.to), free(c.from);
    return best;
}

/* ---- SiLU of 1024 floats: exp2 by a polynomial, as generated code has it ---- */
#if defined __AVX512F__
enum { WIDE = 16 };
#elif defined __AVX2__
enum { WIDE = 8 };
#else
enum { WIDE = 4 };
#endif
typedef float vecw __attribute__((vector_size(4 * WIDE)));
typedef int32_t intw __attribute__((vector_size(4 * WIDE)));
enum { VALUES = 1024 };

static void silu(long times, void *p)
{
    float *f = p;
    for (long t = 0; t < times; t++) {
        for (int i = 0; i < VALUES; i += WIDE) {
            vecw x, y;
            memcpy(&x, f + i, sizeof x);
            y = x * -1.44269504f;
            intw n = __builtin_convertvector(y, intw);
            vecw r = y - __builtin_convertvector(n, vecw), e = r * 1.5403530e-4f + 1.3333558e-3f;
            e = e * r + 9.6181291e-3f, e = e * r + 5.5504109e-2f, e = e * r + 2.4022651e-1f;
            e = e * r + 6.9314718e-1f, e = e * r + 1.0f;
            e = e * (vecw)((n + 127) << 23);
            x = x / (e + 1.0f);
            memcpy(f + VALUES + i, &x, sizeof x);
        }
        __asm__ volatile("" : : : "memory");
    }
}

/* ---- a pointwise convolution as portable tile operations do it: one channel at a time ---- */
enum { DEPTH = 64, FILTERS = 32 };
static void portable(long times, void *p)
{
    float *x = p, *w = x + DEPTH, *y = w + DEPTH * FILTERS;
    for (long t = 0; t < times; t++) {
        for (int k = 0; k < FILTERS; k++) {
            float sum = 0;
            for (int c = 0; c < DEPTH; c++) sum += x[c] * w[k * DEPTH + c];
            y[k] = sum;
        }
        __asm__ volatile("" : : : "memory");
    }
}

static double region_seconds(int threads)
{
    double best = 1;
    int sum = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double start = clock_of(CLOCK_MONOTONIC);
        for (int i = 0; i < 200; i++) {
#pragma omp parallel num_threads(threads) reduction(+ : sum)
            sum += omp_get_thread_num();
        }
        double each = (clock_of(CLOCK_MONOTONIC) - start) / 200;
        if (each < best) best = each;
    }
    return sum < 0 ? 0 : best;
}

int main(int argc, char **argv)
{
    if (argc != 5) return 4;
    int threads = atoi(argv[1]);
    size_t l1 = (size_t)atof(argv[2]), l2 = (size_t)atof(argv[3]), l3 = (size_t)atof(argv[4]), most = l3 ? l3 : l2;
    uint64_t sink;
    double hz = best_rate(chain, &sink) * 16, flops = peak(4, fma4);
#ifdef __AVX2__
    flops = peak(8, fma8);
#endif
#ifdef __AVX512F__
    flops = peak(16, fma16);
#endif
    float *f = bytes_of(64 * 1024);
    printf("clock %.9g\nfma_rate %.9g\n", hz, flops / hz);
    printf("l1_bw %.9g\nl2_bw %.9g\n", copy_bw(l1 / 4 / 64 * 64), copy_bw(l2 / 4 / 64 * 64));
    if (l3) printf("l3_bw %.9g\n", copy_bw((l3 / 10 > l2 * 3 ? l2 * 3 : l3 / 10) / 64 * 64));
    printf("dram_bw %.9g\n", dram_bw(threads, (most * 4 < ((size_t)256 << 20) ? most * 4 : (size_t)256 << 20) / 64 * 64));
    printf("sfu_rate %.9g\n", best_rate(silu, f) * VALUES / hz);
    printf("portable_rate %.9g\n", best_rate(portable, f) * 2 * DEPTH * FILTERS / hz);
    printf("launch_time %.9g\n", region_seconds(threads));
    return 0;
}
