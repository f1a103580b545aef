/* choose.h: which stages form a kernel, and under which schedule: the disjoint cover of the block by fusion groups that
 * costs least, each group under its cheapest schedule. What was decided and why is a PlanReport. */
#ifndef FCM_CHOOSE_H
#define FCM_CHOOSE_H
#include "ast.h"
#include "cost.h"
#include "lower.h"

/* X(enum, word, meaning) */
#define FCM_OBJECTIVES(X) \
    X(TIME,     "time",     "seconds; bytes decide between equals") \
    X(DRAM,     "dram",     "bytes of DRAM traffic; seconds decide between equals") \
    X(LAUNCHES, "launches", "kernels; seconds decide between equals")
typedef enum PlanMinimize {
#define X(e, word, meaning) PLAN_##e,
    FCM_OBJECTIVES(X)
#undef X
} PlanMinimize;
bool plan_objective(const char *word, PlanMinimize *out);       /* false: no such word */

typedef struct PlanOptions {
    const Device *device;
    int64_t batch;                  /* planned for; >= 1 */
    const char *source;             /* path for comments */
    const AstPlan *pinned;          /* a plan for this block and device, or NULL */
    PlanMinimize minimize;
    int longest;                    /* most stages of a group; 0 = GROUP_MAX, 2 = pairs only */
    bool exhaustive;                /* price every schedule of the space, not a sample and its neighbours */
    bool explain;                   /* fill the report's edges, and what groups would cost apart */
} PlanOptions;

typedef struct PlanChoice {
    Sched sched;
    const char *text;               /* of the schedule; NULL: there is none */
    Cost cost;
    int64_t arena_bytes;
    int64_t executed_macs;          /* halo recompute and padding included */
    int64_t blocks, tiles;          /* tiles that persistent blocks share; 0: a block is a tile */
} PlanChoice;

typedef struct PlanGroup {
    Group group;
    Loc loc;                        /* of its first operation */
    const char *name;               /* "k0" */
    const char *const *stages;      /* dotted names of the group's results, group.n of them */
    const char *kept;               /* of these, besides the last, the ones that are stored, since others read them; NULL: none */
    PlanChoice best, second;        /* second.text NULL: there was no other */
    const char *lost;               /* explain: why the second lost; NULL without one */
    int tried, unfit;               /* schedules looked at; of these, refused */
    const char *unfit_why;          /* the refusal of the most modest one, NULL if none */
    int64_t unfused_bytes;          /* the group's stages as kernels of their own: inputs, outputs and weights once */
    int64_t compulsory_bytes;       /* input, output, weights, residuals once */
    int64_t useful_macs;            /* of the convolutions, each output once */
    double roof;                    /* seconds that compulsory bytes or useful operations take at full rate */
    double apart_time;              /* explain: its stages as kernels of their own; 0: some fit nowhere, or only one */
    int64_t apart_bytes;
    bool pinned;
} PlanGroup;

/* A stage and a reader of its result that are not in one kernel. */
typedef struct PlanEdge {
    const char *from, *to;
    Loc loc;                        /* of the reader */
    const char *why;
    double fused, apart;            /* seconds as one kernel and as two; 0: not priced */
    int64_t fused_bytes, apart_bytes;
} PlanEdge;

/* An operation that is not lowered: its input and its result lie in memory. */
typedef struct PlanCut { const char *name, *op; Loc loc; } PlanCut;

typedef struct PlanReport {
    VEC(PlanGroup) groups;          /* in an order in which they can run */
    VEC(PlanEdge) edges;
    VEC(PlanCut) cuts;
    double time, roof;              /* sums over the groups; roof / time is the share of the waterline that is reached */
    int64_t dram_bytes, unfused_bytes, compulsory_bytes;
    int searched, tried;            /* groups that differ, and their schedules */
} PlanReport;

/* The whole module, every program verified. NULL after errors (FCM2xxx: nothing fits; a pinned plan that names unknown
 * stages or knobs, or is impossible; located where there is a place). */
TmModule *plan_module(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, PlanReport *r);

/* The report alone, also for stages of graph_stages_partial. false after errors. */
bool plan_report(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, PlanReport *r);

/* The module under one given schedule for every group of the longest patterns (tests, random schedules); *why on refusal. */
TmModule *plan_with(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const Sched *sched,
                    const char **why);

/* Plan text that pins what was chosen: plan block for "device" { k0 = fuse(…) … } */
char *plan_print(Arena *a, const Graph *g, const PlanOptions *o, const PlanReport *r);
#endif
