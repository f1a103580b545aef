/* partition.h: the cheapest disjoint cover of a graph's stages by fusion groups.
 *
 * A stage hands its result to the first stage that reads it as input. Every stage then has at most one stage before and one
 * after it, so hand-overs form disjoint paths, and every group is a segment of one:
 *
 *      ──[expand ─ depthwise ─ project]──┬──[expand ─ depthwise ─ project]──+──      residuals are operands of epilogues
 *                                        └──────────────────────────────────┘
 *
 * An intermediate that others read as well is stored by its group, and these others come after the group's last stage: other
 * segments are no groups (lower_too_early). So whatever a stage of group G reads from another group P is the result of P's
 * last stage, which is older than the stage that reads it, or stored by P, and then the reader is younger than P's last stage.
 * Either way P's last stage is older than G's: in the order of last stages every choice of segments can run. So paths are
 * covered independently, each by dynamic programming over its segments: optimal among segments of these paths, on any graph. */
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
