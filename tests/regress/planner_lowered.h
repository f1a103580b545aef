/* planner_lowered.h: a block under one given schedule, and what its first program moves, for tests that compare with
 * formulas. */
#ifndef FCM_PLANNER_LOWERED_H
#define FCM_PLANNER_LOWERED_H
#include "planner_fixture.h"

typedef struct Made { Planned p; TmModule *m; const char *why; TmWalk w; const TmProgram *k; } Made;

static inline Made make(const char *text, const char *device, const char *knobs, int64_t batch)
{
    Made z = { .p = plan_text(text, device, (PlanOptions){ .batch = batch }) };
    Sched s = sched_default();
    char key[32];
    long long value;
    int n;
    while (sscanf(knobs, " %31[a-z]=%lld%n", key, &value, &n) == 2) {
        assert_true(sched_set(&s, key, value));
        knobs += n;
    }
    z.m = plan_with(z.p.a, z.p.d, z.p.g, z.p.s, &z.p.o, &s, &z.why);
    if (!z.m) return z;
    z.k = z.m->programs.at[0];
    tm_walk(z.p.a, z.m, z.k, batch, &z.w);
    return z;
}

static inline Made made(const char *text, const char *device, const char *knobs)
{
    Made z = make(text, device, knobs, 1);
    if (!z.m) print_message("%s\n", z.why);
    assert_non_null(z.m);
    return z;
}

static inline int64_t read_of_input(const Made *z) { return z->w.issued.read[z->m->inputs.at[0]]; }
static inline int64_t written_of_output(const Made *z) { return z->w.issued.written[z->m->outputs.at[0]]; }
static inline int64_t executed_macs(const Made *z) { return (z->w.flops[0] + z->w.flops[1] + z->w.flops[2]) / 2; }
static inline int64_t read_of_weights(const Made *z)
{
    int64_t n = 0;
    for (int i = z->m->tensors.n; i < z->w.issued.n; i++) n += z->w.issued.read[i];
    return n;
}

/* Σ over tiles of t outputs of the clipped input window: |[i*t*s - p, (min((i+1)*t, out) - 1)*s - p + k) ∩ [0, in)|. */
static inline int64_t windows(int64_t in, int64_t t, int64_t k, int64_t s, int64_t p)
{
    int64_t out = (in + 2 * p - k) / s + 1, sum = 0;
    for (int64_t lo = 0; lo < out; lo += t) {
        int64_t hi = lo + t < out ? lo + t : out, from = lo * s - p, to = (hi - 1) * s - p + k;
        sum += (to < in ? to : in) - (from > 0 ? from : 0);
    }
    return sum;
}
#endif
