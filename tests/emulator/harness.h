/* harness.h: what the tests of the device runtime share: launches in every mode, integer data, comparisons that count NaNs. */
#ifndef FCM_TEST_HARNESS_H
#define FCM_TEST_HARNESS_H
#include "fc_act.cuh"
#include "fc_copy.cuh"
#include "fc_dw.cuh"
#include "fc_frag.cuh"
#include "fc_pw.cuh"
#include "fc_store.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <vector>

static int failures, checks;

#define CHECK(condition, ...) \
    do { \
        checks++; \
        if (!(condition)) { \
            failures++; \
            printf("%s:%d: failed: %s: ", __FILE__, __LINE__, #condition); \
            printf(__VA_ARGS__); \
            printf("\n"); \
        } \
    } while (0)

/* The four ways in which every right kernel gives the same numbers. */
static const fc_emu_mode modes[] = {
    { FC_EMU_ASCENDING, 0, 0, 1 }, { FC_EMU_DESCENDING, 0, 1, 2 }, { FC_EMU_RANDOM, 7, 0, 2 }, { FC_EMU_RANDOM, 8, 1, 1 },
};
enum { MODES = sizeof modes / sizeof *modes };

/* Small integers from a position, different along every axis, without a period that a shift by a row or pixel would hide. */
static inline float number(int seed, int i, int range)
{
    uint32_t x = (uint32_t)(seed * 7919 + i) * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    return (float)((int)(x % (uint32_t)(2 * range + 1)) - range);
}

template <class T> T make(float v);
template <> inline float make<float>(float v) { return v; }
template <> inline fc::half make<fc::half>(float v) { return fc::to_half(v); }
static inline float value(float v) { return v; }
static inline float value(fc::half v) { return fc::to_float(v); }

/* A buffer between guard zones, registered under `id`, holding 0xFF until it is written. */
template <class T> struct buffer {
    T *at;
    int id, n;
    buffer(int id_, int n_) : id(id_), n(n_) { at = (T *)fc_emu_alloc(id_, (size_t)n_ * sizeof(T)); }
    buffer(const buffer &) = delete;
    ~buffer() { CHECK(fc_emu_free(id) == 0, "%s", fc_emu_message()); }
    void fill(int seed, int range)
    {
        for (int i = 0; i < n; i++) at[i] = make<T>(number(seed, i, range));
    }
};

/* Runs it in every mode; `compare` looks at the results after each. */
template <class Body, class Compare> void in_every_mode(const char *name, int blocks, int threads, size_t smem, Body body, Compare compare)
{
    for (int m = 0; m < MODES; m++) {
        fc_emu_reset();
        fc_emu_set_mode(&modes[m]);
        int rc = fc::launch(name, blocks, threads, smem, body);
        CHECK(rc == 0, "%s mode %d: %s", name, m, fc_emu_message());
        if (rc == 0) compare(m);
    }
}

#endif
