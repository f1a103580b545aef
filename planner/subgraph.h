/* subgraph.h: one fusion group as a graph of its own. A network of hundreds of tensors is searched group by group; each
 * candidate then carries the group's few tensors only, and groups that look alike (shapes, ops, epilogues) are found by
 * their key and searched once. */
#ifndef FCM_SUBGRAPH_H
#define FCM_SUBGRAPH_H
#include "lower.h"

typedef struct SubGraph {
    Graph *graph;                   /* what the group reads became inputs; nodes, parameters and consumers as they were */
    Stages *stages;                 /* the group's stages, 0 … n-1 */
    Group group;                    /* all of them */
    const int *node;                /* new number + 1 of each node of the whole graph; 0: not in the group */
    const char *key;                /* equal for groups that every schedule treats alike */
} SubGraph;

SubGraph subgraph_of(Arena *a, const Graph *g, const Stages *s, const Group *group);
#endif
