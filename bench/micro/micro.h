/* micro.h: what the micro-benchmarks share: clock, the FMA peak of this machine, medians. Two threads, interleaved rounds in one process. */
#ifndef FC_MICRO_H
#define FC_MICRO_H
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MICRO_ROUNDS = 21, MICRO_THREADS = 2 };

static inline double micro_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Time this thread really ran: other work on the machine does not count. */
static inline double micro_busy(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int micro_less(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }
static inline double micro_median(double *v, int n) { return qsort(v, (size_t)n, sizeof *v, micro_less), v[n / 2]; }

/* FLOP of one call: independent multiply-adds of V floats, enough of them to hide the latency. */
#define MICRO_PEAK(V) \
    static __attribute__((noinline)) double micro_peak_thread(int iterations, float *sink) \
    { \
        fc_v##V a[12], x = fc_splat_##V(*sink), y = fc_splat_##V(1e-9f); \
        for (int k = 0; k < 12; k++) a[k] = x + (float)k; \
        for (int i = 0; i < iterations; i++) \
            FC_FULL for (int k = 0; k < 12; k++) a[k] = fc_fma_##V(a[k], x, y); \
        for (int k = 1; k < 12; k++) a[0] = a[0] + a[k]; \
        fc_put##V((char *)sink, FC_F32, a[0]); \
        return 2.0 * V * 12 * iterations; \
    } \
    /* FLOP a second of all threads, by the time that they worked */ \
    static double micro_peak(int iterations) \
    { \
        double rate = 0; \
    _Pragma("omp parallel num_threads(MICRO_THREADS) reduction(+ : rate)") \
        { \
            float sink[16] = { 0.5f }; \
            double t = micro_busy(), flop = micro_peak_thread(iterations, sink); \
            rate += flop / (micro_busy() - t); \
        } \
        return rate; \
    }
#endif
