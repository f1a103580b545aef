/* partition.h: the cheapest disjoint cover of a graph's stages by fusion groups.
 *
 * A stage hands its result over when the next stage is its only reader. Every stage then has at most one stage before and one
 * after it, so hand-overs form disjoint paths, and every group is a segment of one:
 *
 *      ──[expand ─ depthwise ─ project]── ─[expand ─ depthwise ─ project]──      residuals and other readers leave and enter
 *           └── the residual's tensor, read by two, ends a path                   at ends of paths, or as operands of epilogues
 *
 * No choice of segments can make a circle: what a stage in the middle reads beside its path is older than that stage and does
 * not depend on the path's later ones. So paths are covered independently, each by dynamic programming over its segments:
 * optimal on any graph. */
#ifndef FCM_PARTITION_H
#define FCM_PARTITION_H
#include "pin.h"
#include "search.h"

typedef struct Path {
    int n, *stage;
    Found **segment;                /* [start * GROUP_MAX + length - 1]; NULL: no pattern, too long, or against a pinned plan */
    Score *before, *after;          /* [i]: the best cover of the first i stages, and of those from i on */
    int *length;                    /* [i]: stages of the last group of before[i] */
} Path;

typedef struct Partition { SearchTable *table; const Graph *g; const Stages *s; VEC(Path) paths; } Partition;

/* Searches every segment and covers every path. Pinned groups are taken as they are. false: *stuck is a stage that no group
 * covers, or *why tells which pinned group (*at) is impossible. */
typedef struct Stuck { int stage; const PinGroup *pinned; const char *why; } Stuck;
bool partition_best(Partition *p, const Pin *pin, Stuck *stuck);

/* The chosen groups in an order in which they can run, and what was found for each. */
int partition_groups(const Partition *p, Group *groups, Found **found);

Found *path_segment(const Path *p, int start, int length);
Group path_group(const Path *p, int start, int length);
/* The best cover in which the stages at i and i + 1 are in one group. */
Score path_joined(const Path *p, int i);

/* Without prices: the longest patterns in order of the stages. */
int partition_longest(Arena *a, const Graph *g, const Stages *s, Group *groups);
void partition_sort(Group *groups, Found **found, int n);       /* by last stages; found may be NULL */
#endif
