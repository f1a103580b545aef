/* choose.h: which stages form a kernel, and under which schedule. Groups are the longest patterns in order of the stages; the schedule is the one
 * with the least modelled time among those that fit the device. */
#ifndef FCM_CHOOSE_H
#define FCM_CHOOSE_H
#include "ast.h"
#include "cost.h"
#include "lower.h"

typedef struct PlanOptions {
    const Device *device;
    int64_t batch;                  /* planned for; >= 1 */
    const char *source;             /* path for comments */
    const AstPlan *pinned;          /* a plan for this block and device, or NULL */
} PlanOptions;

typedef struct PlanChoice { Sched sched; const char *text; Cost cost; TmWalk walk; int64_t arena_bytes; } PlanChoice;

typedef struct PlanGroup {
    Group group;
    const char *name;               /* "k0" */
    const char *const *stages;      /* dotted names of the group's results, group.n of them */
    PlanChoice best, second;        /* second.text NULL: there was no other */
    int tried, unfit;               /* schedules looked at; of these, refused */
    const char *unfit_why;          /* the most frequent refusal, NULL if none */
    int64_t unfused_bytes;          /* the group's stages as kernels of their own: inputs, outputs and weights once */
    int64_t compulsory_bytes;       /* input, output, weights, residuals once */
    bool pinned;
} PlanGroup;

typedef struct PlanReport { VEC(PlanGroup) groups; double time; } PlanReport;

/* The whole module, every program verified. NULL after errors (FCM2xxx: nothing fits; a pinned plan that names unknown stages or knobs, or is
 * impossible; located where there is a place). */
TmModule *plan_module(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, PlanReport *r);

/* The module under one given schedule for every group of the default partition (tests, random schedules); *why on refusal. */
TmModule *plan_with(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const Sched *sched, const char **why);

/* Plan text that pins what was chosen: plan block for "device" { k0 = fuse(…) … } */
char *plan_print(Arena *a, const Graph *g, const PlanOptions *o, const PlanReport *r);
#endif
