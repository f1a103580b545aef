/* lower.h: (group of stages, schedule) → one finished tensor-machine program. One file per family of patterns:
 *   chain.c      [dw] [pw] [dw] [pw]: every chain of an optional expansion, an optional depthwise, an optional projection, that is: dw, pw,
 *                dw→pw, pw→dw, pw→pw, pw→dw→pw, with halo recompute or with a line buffer; before an expansion that something follows, an
 *                optional head: dw→pw→dw, dw→pw→pw, dw→pw→dw→pw
 *   pointwise.c  chains of element-wise operations on a tensor */
#ifndef FCM_LOWER_H
#define FCM_LOWER_H
#include "device.h"
#include "graph.h"
#include "schedule.h"
#include "tm.h"

/* A group: stages first, second, …; each but the first reads, as the input of its first operation, what the one before makes. An intermediate that
 * others read as well, or that is an output, is stored too; those others come after the group. */
enum { GROUP_MAX = 4 };
typedef struct Group { int n, stage[GROUP_MAX]; } Group;

/* What lowering a block's groups shares. */
typedef struct Lowering {
    Arena *arena;
    const Diag *diag;               /* for "file:line" in notes */
    const Graph *graph;
    const Stages *stages;
    const Device *device;
    TmModule *module;
    int *tensor_of_node;            /* TM tensor of an input or of a stage's result; -1: none */
    int *tensor_of_param;
    bool draft;                     /* the program in the making will not be printed: no notes */
} Lowering;

/* A module with the tensors of the graph: inputs, outputs, parameters; stage results that end a group or are kept become TEMP or OUT, others VIRTUAL.
 * groups cover all stages. */
Lowering *lower_begin(Arena *a, const Diag *d, const Graph *g, const Stages *s, const Device *dev, const char *source, const Group *groups, int ngroups);

/* A DRAFT is laid out and placed: enough to price it (microseconds). FINISHED is pipelined and synchronised too: the program that is printed. */
typedef enum LowerDepth { LOWER_DRAFT, LOWER_FINISHED } LowerDepth;

/* Appends one program to the module. On refusal (*why tells) the module is as before. */
TmProgram *lower_group(Lowering *l, const Group *group, const Sched *s, LowerDepth depth, const char **why);

/* A copy of l without programs whose memory is all in `scratch`: candidates are lowered into it and forgotten by resetting the arena. */
Lowering *lower_scratch(const Lowering *l, Arena *scratch);

/* The module's outputs in the block's order, and workspace offsets. Call once, at the end. */
void lower_end(Lowering *l);

/* Do the stages form a pattern that lower_group knows? */
bool lower_is_pattern(const Graph *g, const Stages *s, const Group *group);

/* Does `to` read what `from` makes, as the input of its first operation? */
bool lower_hands_over(const Stage *from, const Stage *to);

/* Is the result of a stage, which one stage reads in its own group, read by others as well, or an output? */
bool lower_is_kept(const Graph *g, const Stage *st);

/* Does the group keep an intermediate of which a depthwise of the group leaves rows or columns unread? They would never be made. */
bool lower_leaves_out(const Graph *g, const Stages *s, const Group *group);

/* The first stage that reads an intermediate of the group beside the next stage, and does not come after the group's last one; -1: there is none, and
 * groups may run in the order of their last stages. */
int lower_too_early(const Graph *g, const Stages *s, const Group *group);

/* ---- inside compiler/lower ---- */
TmProgram *lower_chain(Lowering *l, const Group *group, const Sched *s, TmProgram *p, const char **why);
TmProgram *lower_pointwise(Lowering *l, const Group *group, const Sched *s, TmProgram *p, const char **why);
#endif
