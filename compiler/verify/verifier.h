/* verifier.h: do compiled builds agree with the reference? Exact: integers for which every partial sum is exact, compared with
 * ==. Bounded: real numbers, each element inside its rigorous bound and the RMS error under a statistical estimate. Bytes: walk =
 * interpreter = compiled counters. */
#ifndef FCM_VERIFIER_H
#define FCM_VERIFIER_H
#include "child.h"
#include "graph.h"
#include "tm.h"

typedef enum VerifyStatus { VERIFY_PASSED, VERIFY_FAILED, VERIFY_SKIPPED, VERIFY_MISTRUSTED } VerifyStatus;
const char *verify_status_name(VerifyStatus s);
enum { VERIFY_EXACT = 1, VERIFY_BOUNDED = 2 };

/* One build under test. Its text is compiled as `kind` says; module NULL: the reference's own plain form is checked. */
typedef struct VerifySubject {
    const char *what;               /* "cpu", "cuda on the host" */
    ChildKind kind;
    const TmModule *module;
    ChildText text;
    const char *prefix;
    bool race;                      /* also under the race checker (EMULATED) */
    bool interpret;                 /* also by the interpreter */
    const char *skip;               /* reason for not running it, or NULL */
} VerifySubject;

typedef struct VerifyUnit {
    const char *name;               /* of the block, for the lines */
    const Graph *graph;
    int64_t batch;
    VEC(VerifySubject) subjects;
    const char *repro;              /* command that repeats it */
} VerifyUnit;

typedef struct VerifyLine { VerifyStatus status; const char *unit, *subject, *check, *text, *repro; } VerifyLine;

typedef struct VerifyOptions VerifyOptions;
struct VerifyOptions {
    uint64_t seed;
    int modes;                      /* VERIFY_EXACT | VERIFY_BOUNDED */
    int jobs, timeout;
    bool keep;                      /* the directory; its path goes to *kept */
    const char *kept;
    void (*tell)(void *ctx, const VerifyLine *line);            /* as soon as a line is known; may be NULL */
    void (*progress)(void *ctx, const char *what);              /* may be NULL */
    void *ctx;
};

typedef struct VerifyResult { VEC(VerifyLine) lines; int count[4]; } VerifyResult;
/* False: the environment failed (no temporary directory, no compiler for the reference), reported to d. */
bool verify_units(Arena *a, Diag *d, const VerifyUnit *units, int n, VerifyOptions *o, VerifyResult *r);

/* A module without its graph (a .tm file) against the interpreter: one subject, exact data. name: for the lines. */
bool verify_module(Arena *a, Diag *d, const char *name, const VerifySubject *s, int64_t batch, VerifyOptions *o, VerifyResult *r);

/* ---- data (data.c) ---- */
typedef struct VerifyData { int nparam, ninput; void **param, **input; } VerifyData;    /* in their storage dtypes, dense */
/* level 0, 1, …: ever smaller numbers and sparser weights, for graphs whose products grow. */
enum { DATA_LEVELS = 5 };
VerifyData data_exact(Arena *a, const Graph *g, int64_t batch, uint64_t seed, int level);
VerifyData data_real(Arena *a, const Graph *g, int64_t batch, uint64_t seed);
/* Exact data by the shapes of the parameters alone. */
VerifyData data_module(Arena *a, const TmModule *m, int64_t batch, uint64_t seed);
double data_exact_limit(DType t);                               /* integers up to this are exact: 2^11, 2^8, 2^24 */

/* ---- comparison (compare.c) ---- */
typedef struct Compared { VerifyStatus status; const char *text; } Compared;
/* got: elements of type t; want: doubles. shape: [h, w, c] of an image. */
Compared compare_exact(Arena *a, const char *name, DType t, const void *got, const double *want, int64_t n,
                       const int64_t shape[3]);
Compared compare_bounded(Arena *a, const char *name, DType t, const void *got, const double *want, const double *bound,
                         const double *variance, int64_t n, const int64_t shape[3]);
#endif
