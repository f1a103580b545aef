/* candidates.h: finished schedules of one fusion group, to be measured: the group alone, as a block of its own. */
#ifndef FCM_CANDIDATES_H
#define FCM_CANDIDATES_H
#include "choose.h"
#include "subgraph.h"

typedef struct Candidate {
    const char *text;               /* of the schedule, as plan text has it */
    double time;                    /* modelled, seconds */
    const TmModule *module;         /* the group as a whole block; verified */
} Candidate;

typedef struct Candidates {
    const Graph *graph;             /* the group as a graph of its own: its operands are inputs, its result is the output */
    const char *key;                /* equal for groups that every schedule treats alike */
    VEC(Candidate) at;              /* ascending times */
} Candidates;

/* The `most` cheapest schedules; with spread > 1, `most` of them at about even distances of modelled time, from the least up
 * to spread times the least. What the verifier refuses is left out. */
Candidates plan_candidates(Arena *a, const Diag *d, const Graph *g, const Stages *s, const Group *group, const PlanOptions *o,
                           int most,
                           double spread);
#endif
