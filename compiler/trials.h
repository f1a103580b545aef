/* trials.h: candidates of one fusion group as programs of their own: built, checked against the reference, timed in turns. */
#ifndef FCM_TRIALS_H
#define FCM_TRIALS_H
#include "candidates.h"
#include "child.h"
#include "driver.h"

/* Seconds of one call over all rounds of all processes. */
typedef struct Spread { double least, p25, median, p75; int rounds; } Spread;

typedef struct Trial {
    const Candidate *candidate;
    const char *why;                /* why it was discarded: does not compile, wrong outputs, time-out; NULL: it was timed */
    Spread wall, busy;              /* busy: the main thread's own time; all there is when threads is 1 */
} Trial;

typedef struct Trials {
    Driver *d;
    const char *name;               /* of the group, for progress and directories */
    int64_t batch;
    int threads, rounds;            /* rounds of each candidate, in PASSES processes */
    const char *failure;            /* the reference could not be built or run */
    VEC(Trial) at;                  /* in the order of the candidates */
} Trials;

void trials_run(Trials *t, const Candidates *c, Workdir *dir);

/* What decides: the main thread's own median when it is alone, since other processes of the machine do not count there; else
 * wall time. */
double trial_seconds(const Trials *t, const Trial *one);
const Trial *trials_best(const Trials *t);                      /* NULL: every one was discarded */
#endif
