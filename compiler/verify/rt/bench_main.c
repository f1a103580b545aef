/* bench_main.c: times one generated CPU build in interleaved rounds, next to a loop of fused multiply-adds and, if it was
 * linked, a peer's chain.
 *     child IN OUT N THREADS ROUNDS [alone]
 * OUT: the outputs, to be verified before any time is believed. stdout: "name seconds busy" per round (of one call; busy:
 * the main thread's own time), "flops peak" once, and the peer's remarks as "note text". With `alone` nothing else is timed. */
#include "child.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

#ifdef FCM_PEER
int peer_open(int n, int threads);                              /* 0: ready */
void peer_run(void);
#endif

enum { FMA_STEPS = 100000, FMA_CHAINS = 12 };
static const double round_seconds = 0.01;

static double clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Independent chains of fused multiply-adds in vector registers, as wide as the ISA has: what a core reaches at most. Named variables, so that no
 * compiler keeps them in memory. */
#define FMA_EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define FMA_LOOP(T, SET) \
    T m = SET(0.999f), k = SET(0.001f); \
    FMA_EACH(FMA_DECLARE_##T) \
    for (int s = 0; s < FMA_STEPS; s++) { FMA_EACH(FMA_STEP_##T) } \
    FMA_EACH(FMA_SUM_##T)

#if defined __x86_64__
typedef __m256 v256;
typedef __m512 v512;
#define FMA_DECLARE_v256(i) v256 a##i = _mm256_set1_ps((float)i);
#define FMA_STEP_v256(i) a##i = _mm256_fmadd_ps(a##i, m, k);
#define FMA_SUM_v256(i) sum += _mm256_cvtss_f32(a##i);
#define FMA_DECLARE_v512(i) v512 a##i = _mm512_set1_ps((float)i);
#define FMA_STEP_v512(i) a##i = _mm512_fmadd_ps(a##i, m, k);
#define FMA_SUM_v512(i) sum += _mm512_cvtss_f32(a##i);
__attribute__((target("avx2,fma"))) static float fma_256(void)
{
    float sum = 0;
    FMA_LOOP(v256, _mm256_set1_ps)
    return sum;
}
__attribute__((target("avx512f"))) static float fma_512(void)
{
    float sum = 0;
    FMA_LOOP(v512, _mm512_set1_ps)
    return sum;
}
#endif

static float fma_scalar(void)
{
    float sum = 0;
#define FMA_DECLARE_float(i) float a##i = (float)i;
#define FMA_STEP_float(i) a##i = a##i * m + k;
#define FMA_SUM_float(i) sum += a##i;
    FMA_LOOP(float, (float))
    return sum;
}

static int fma_width(void)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 1;
}

static float fma_thread(void)
{
#if defined __x86_64__
    if (fma_width() == 16) return fma_512();
    if (fma_width() == 8) return fma_256();
#endif
    return fma_scalar();
}

typedef struct Call {
    int n, threads;
    const void *packed, *in[CHILD_INPUTS + 1];
    void *out[CHILD_OUTPUTS + 1], *ws;
    volatile float sink;
} Call;

static void run_ours(Call *c)
{
    int code = CHILD_RUN(c->n, c->packed, c->in, c->out, c->ws, c->threads);
    if (code) fprintf(stderr, "run: %s\n", CHILD_CALL(error)(code)), exit(1);
}

static void run_fma(Call *c)
{
    float sum = 0;
#pragma omp parallel num_threads(c->threads) reduction(+ : sum)
    sum += fma_thread();
    c->sink = sum;
}

#ifdef FCM_PEER
static void run_peer(Call *c)
{
    (void)c;
    peer_run();
}
#endif

typedef struct Contestant { const char *name; void (*run)(Call *); long times; } Contestant;

typedef struct Round { double wall, busy; } Round;              /* seconds of one call */

static Round time_round(Contestant *k, Call *c)
{
    double wall = clock_of(CLOCK_MONOTONIC), busy = clock_of(CLOCK_THREAD_CPUTIME_ID), times = (double)k->times;
    for (long i = 0; i < k->times; i++) k->run(c);
    return (Round){ (clock_of(CLOCK_MONOTONIC) - wall) / times, (clock_of(CLOCK_THREAD_CPUTIME_ID) - busy) / times };
}

static void put_round(const char *name, Round r) { printf("%s %.9g %.9g\n", name, r.wall, r.busy); }

static void *bytes_of(size_t n)
{
    void *p = aligned_alloc(4096, (n + 8191) / 4096 * 4096);
    if (!p) fputs("out of memory\n", stderr), exit(4);
    memset(p, 0, n);
    return p;
}

static void *take(FILE *f, size_t n)
{
    void *p = bytes_of(n);
    if (fread(p, 1, n, f) != n) fputs("the input file is too short\n", stderr), exit(4);
    return p;
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 7) return 4;
    Call c = { .n = atoi(argv[3]), .threads = atoi(argv[4]) };
    int rounds = atoi(argv[5]);
    FILE *f = fopen(argv[1], "rb"), *g = fopen(argv[2], "wb");
    if (!f || !g) return 4;
    const void *at[CHILD_PARAMS + 1];
    for (int i = 0; i < CHILD_PARAMS; i++) at[i] = take(f, child_params[i]);
    for (int i = 0; i < CHILD_INPUTS; i++) c.in[i] = take(f, (size_t)c.n * child_inputs[i]);
    for (int i = 0; i < CHILD_OUTPUTS; i++) c.out[i] = bytes_of((size_t)c.n * child_outputs[i]);
    CHILD_CALL(params) params;
    memset(&params, 0, sizeof params);
    CHILD_FILL(params, at);
    void *packed = bytes_of(CHILD_CALL(packed_bytes)());
    if (CHILD_CALL(pack)(&params, packed) != 0) return 1;
    c.packed = packed;
    c.ws = bytes_of(CHILD_CALL(workspace_bytes)(c.n, c.threads));
    run_ours(&c);
    for (int i = 0; i < CHILD_OUTPUTS; i++) fwrite(c.out[i], 1, (size_t)c.n * child_outputs[i], g);
    if (fclose(g) != 0) return 4;

    Contestant all[3] = { { "ours", run_ours, 1 }, { "fma", run_fma, 1 } };
    int n = argc == 7 ? 1 : 2;
#ifdef FCM_PEER
    if (n > 1 && peer_open(c.n, c.threads) == 0) all[n++] = (Contestant){ "peer", run_peer, 1 };
#endif
    for (int i = 0; i < n; i++) {                               /* two warm-up calls; as many calls a round as fill 10 ms */
        time_round(&all[i], &c);
        double once = time_round(&all[i], &c).wall;
        if (once < round_seconds) all[i].times = (long)(round_seconds / once) + 1;
    }
    printf("flops %.9g\n", 2.0 * FMA_STEPS * FMA_CHAINS * fma_width() * c.threads);
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < n; i++) put_round(all[i].name, time_round(&all[i], &c));
    return 0;
}
