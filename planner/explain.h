/* explain.h: what a plan means: bytes fused, unfused and compulsory, redundant work, the roof, and why neighbours are not
 * fused. */
#ifndef FCM_EXPLAIN_H
#define FCM_EXPLAIN_H
#include "partition.h"

/* Bytes and operations of a group that follow from its stages, whatever the schedule; name, stages, bytes, macs and roof of
 * `out`. */
void explain_group(Arena *a, const Graph *g, const Stages *s, const PlanOptions *o, int number, PlanGroup *out);

/* What the group's stages would cost apart, and why the runner-up lost. */
void explain_choice(Arena *a, Partition *p, PlanGroup *out);

/* Neighbours that are not in one group, and operations that are not lowered. */
void explain_edges(Arena *a, Partition *p, PlanReport *r);
void explain_cuts(Arena *a, const Graph *g, const Stages *s, PlanReport *r);
#endif
