/* bench_main.c: times one generated CPU build in interleaved rounds, next to a loop of fused multiply-adds and, if it was
 * linked, a peer's chain. Called as bench_io.h says; a round's second number is the main thread's own time; "flops peak" once, and
 * the peer's remarks as "note text". */
#include "bench_io.h"

#include <omp.h>
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

typedef struct Call { const Bench *b; void *ws; volatile float sink; } Call;

static void run_ours(Call *c)
{
    const void *const *in = (const void *const *)c->b->in;
    bench_check("run", CHILD_RUN(c->b->n, c->b->packed, in, c->b->out, c->ws, c->b->threads));
}

static void run_fma(Call *c)
{
    float sum = 0;
#pragma omp parallel num_threads(c->b->threads) reduction(+ : sum)
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

int main(int argc, char **argv)
{
    const Bench b = bench_open(argc, argv);
    Call c = { .b = &b, .ws = bench_bytes(CHILD_CALL(workspace_bytes)(b.n, b.threads)) };
    run_ours(&c);
    bench_write(&b);

    Contestant all[3] = { { "ours", run_ours, 1 }, { "fma", run_fma, 1 } };
    int n = b.alone ? 1 : 2;
#ifdef FCM_PEER
    if (!b.alone && peer_open(b.n, b.threads) == 0) all[n++] = (Contestant){ "peer", run_peer, 1 };
#endif
    for (int i = 0; i < n; i++) {                               /* two warm-up calls; as many calls a round as fill 10 ms */
        time_round(&all[i], &c);
        double once = time_round(&all[i], &c).wall;
        if (once < round_seconds) all[i].times = (long)(round_seconds / once) + 1;
    }
    printf("flops %.9g\n", 2.0 * FMA_STEPS * FMA_CHAINS * fma_width() * b.threads);
    for (int r = 0; r < b.rounds; r++)
        for (int i = 0; i < n; i++) put_round(all[i].name, time_round(&all[i], &c));
    return 0;
}
