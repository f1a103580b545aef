/* verifier_run.h: the state of a verification, shared by verify.c (order) and judge.c (comparison). */
#ifndef FCM_VERIFIER_RUN_H
#define FCM_VERIFIER_RUN_H
#include "reference.h"
#include "verifier.h"

enum { MODE_EXACT, MODE_BOUNDED, MODES };                       /* bit numbers of VerifyOptions.modes */
typedef enum CaseState { CASE_OPEN, CASE_READY, CASE_DEAD } CaseState;

typedef struct Case {               /* of a unit and a mode */
    CaseState state;
    int level;                      /* of the exact data */
    const char *in, *out;           /* files: data, and what the reference made of them */
    const char *doubt;              /* READY: why exactness is not given; DEAD: how the reference ended */
} Case;

typedef struct SubjectRun {
    const char *skip;
    ChildSig sig;
    int passes;
    ChildBuild build[MODES], race;
    const char *out[MODES + 1];     /* files; the last: of the race checker */
    int job[MODES + 1];
} SubjectRun;

typedef struct UnitRun {
    const VerifyUnit *unit;
    bool differ;                    /* FCM_EXACT changes the text */
    ChildSig sig;                   /* of the reference */
    ChildBuild reference[MODES];
    Case cases[MODES];
    SubjectRun *subjects;
} UnitRun;

typedef struct Verify {
    Arena *arena;
    Diag *diag;
    VerifyOptions *o;
    VerifyResult *result;
    Workdir dir;
    ChildBuilder builder;
    UnitRun *units;
    int n;
} Verify;

/* What the reference wrote: per output v, b, s (batch x elements), its plain form's stored elements, two maxima per node. */
typedef struct Expected { double **v, **b, **s; const void **plain; const double *maxima; } Expected;
bool expected_read(Arena *a, const char *path, const ChildSig *sig, int64_t batch, Expected *out);

char *read_exactly(Arena *a, const char *path, size_t n);        /* NULL unless the file has exactly n bytes */

/* ---- bytes: of the walk, and the first difference from a counter (NULL: none) ---- */
TmBytes bytes_walked(Arena *a, const TmModule *m, int64_t batch);
int64_t bytes_total(const TmBytes *b);
const char *bytes_differ(Arena *a, const TmModule *m, const TmBytes *walk, const int64_t *read, const int64_t *written,
                         const char *who);

/* The interpreter on these data; data[tensor] of the result in logical order. NULL, or why it refuses. */
const char *interpret(Arena *a, const TmModule *m, const ChildSig *sig, const VerifyData *data, int64_t batch, TmRun *run);

bool data_write(Arena *a, Diag *d, const char *path, const VerifyData *data, const ChildSig *sig, int64_t batch);
void verify_line(Verify *v, const UnitRun *u, const char *subject, const char *check, VerifyStatus status, const char *text);
void judge_unit(Verify *v, const UnitRun *u, const Job *jobs);
#endif
