/* timing.h: what bench, tune and calibrate share: the target that is timed, the reference that judges outputs, the seconds that timed programs
 * print. */
#ifndef FCM_TIMING_H
#define FCM_TIMING_H
#include "child.h"
#include "driver.h"
#include "verifier_run.h"

/* ---- the target ---- */
typedef struct TimingTarget {
    CliTarget target;
    ChildKind kind;
    const char *compiler;
    bool threads;                   /* the user chooses how many; one alone is judged by its own time */
    const char *clock;              /* what its seconds are, worded */
} TimingTarget;

/* The target that is asked for, by default the CPU. NULL after an error, with the exit status: the reference (`reference` says why), or no GPU. */
const TimingTarget *timing_target(Driver *d, const char *reference, int *status);
/* The temporary directory, if the compilers are there; else an error. */
bool timing_open(Driver *d, const TimingTarget *t, Workdir *w);
void timing_close(Driver *d, Workdir *w);

/* ---- the reference, its data and its judgement ---- */
typedef struct Referee {
    Driver *d;
    const Workdir *dir;
    const char *name;               /* of its files */
    const Graph *graph;
    int64_t batch;
    ChildSig sig;
    ChildBuild build;
    const char *in;                 /* the data; timed programs read them too */
    Expected want;
} Referee;
/* Both return NULL, or what is wrong. The first adds the jobs, the second runs what they built. */
const char *referee_build(Referee *r, ChildBuilder *b);
const char *referee_run(Referee *r, const ChildBuilder *b, int threads);
/* The outputs in the file at path; the first that is wrong decides. */
Compared referee_judge(const Referee *r, const char *path);

/* ---- timed programs (verify/rt/bench_io.h says how they are called and what they print) ---- */
Job timing_job(const Referee *r, const ChildBuild *b, const char *out, const char *log, int threads, int rounds, bool alone);
/* Reports a job that failed; the exit status. */
int timing_failed(Driver *d, const char *what, const Job *j);

/* Seconds of one call, of each round. */
typedef struct Series { VEC(double) at; double least, p25, median, p75; } Series;
void series_read(Arena *a, Series *s, const char *log, const char *name, int column);   /* adds what lines "name x y …" hold in column 1, 2, … */
void series_end(Series *s);                                     /* sorts; the four numbers */
double timing_number(const char *log, const char *name);        /* of the last line "name x", or 0 */
const char *timing_words(Arena *a, const char *log, const char *name);  /* the rest of all lines "name …", with ", " between; "" if none */
#endif
