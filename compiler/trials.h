/* trials.h: candidates of one fusion group as programs of their own: built, checked against the reference, timed in turns. */
#ifndef FCM_TRIALS_H
#define FCM_TRIALS_H
#include "candidates.h"
#include "timing.h"

typedef struct Trial {
    const Candidate *candidate;
    const char *why;                /* why it was discarded: does not compile, wrong outputs, time-out; NULL: it was timed */
    Series wall, busy;              /* over all rounds of all processes; busy: the main thread's own time (CPU) */
} Trial;

typedef struct Trials {
    Driver *d;
    const TimingTarget *target;
    const char *name;               /* of the group, for progress and directories */
    int64_t batch;
    int threads, rounds;            /* rounds of each candidate, in PASSES processes */
    const char *failure;            /* the reference could not be built or run */
    const char *gpu;                /* that was timed; "" on a CPU */
    VEC(Trial) at;                  /* in the order of the candidates */
} Trials;

void trials_run(Trials *t, const Candidates *c, Workdir *dir);

/* Is it the main thread's own time that decides? It does on a CPU when that is alone, since other processes of the machine do not count there; else
 * wall time. */
bool trials_by_own_time(const Trials *t);
const Series *trial_series(const Trials *t, const Trial *one);  /* what decides, by its median */
const Trial *trials_best(const Trials *t);                      /* NULL: every one was discarded */
#endif
