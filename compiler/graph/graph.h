/* graph.h: the typed, shaped, located graph of one block with all calls expanded. Nodes are in order of evaluation
 * (operands come first), one tensor each. check.c makes it and reports every user error; rewrite.c groups it into stages. */
#ifndef FCM_GRAPH_H
#define FCM_GRAPH_H
#include "arena.h"
#include "ast.h"
#include "diag.h"
#include "dtype.h"
#include "vec.h"
#include "window.h"

typedef enum GraphOp {
#define X(e, name, pattern, lowered) GR_##e,
#include "graph_ops.def"
#undef X
    GR_OP_COUNT
} GraphOp;
const char *graph_op_name(GraphOp op);
char graph_op_pattern(GraphOp op);
bool graph_op_lowered(GraphOp op);

typedef struct GraphQuant { bool present; double scale; int zero; } GraphQuant;     /* of an i8 tensor */

/* A parameter tensor in the layout of the language: dims beyond rank are 1. */
typedef struct GraphParam {
    const char *name;               /* "y.0.e.weight": as users and .npz files spell it */
    const char *cname;              /* "y_0_e_weight" */
    DType dtype;
    int rank;
    int64_t dim[4];
    int node;                       /* the node that reads it */
} GraphParam;

/* A call on the way to a node: where the block's name was written. */
typedef struct GraphCall GraphCall;
struct GraphCall { const char *block; Loc loc; const GraphCall *outer; };

typedef struct GraphNode {
    GraphOp op;
    const char *name;               /* dotted: the statement's path, numbered as the parameters are; unique */
    Loc loc;                        /* where the op's name was written */
    const GraphCall *call;          /* NULL in the compiled block itself */
    int nin, *in;                   /* operand nodes; an element-wise op with a number has nin = 1 and constant set */
    DType dtype;                    /* DT_NONE: what an op made of i8, until a cast gives it a dtype */
    GraphQuant quant;
    int64_t h, w, c;                /* logical NHWC without the batch; [N, C] has h = w = 1 */
    bool nchw;                      /* memory layout of an input or an output */
    WinAxis ah, aw;                 /* conv, dw, pooling, blur, pad (before/after): height and width */
    int groups, mult;               /* conv; dw */
    Act act; double act_a, act_b;   /* GR_ACT */
    bool has_constant, constant_first;      /* + - *: number operand; constant_first: number - x */
    double constant;
    double eps;                     /* bn, layernorm */
    int upsample; bool bilinear;
    int weight, bias, mean, var;    /* parameter indices, -1 = none. scale, layernorm and bn use weight and bias too */
    int wscale;                     /* i8 convolutions: f32 scale of each output channel's weights; -1 = none */
    int consumers;                  /* nodes that read it, plus one for each output it is */
} GraphNode;

typedef struct GraphOutput { const char *name; const char *cname; int node; Loc loc; } GraphOutput;

typedef struct Graph {
    const char *block;              /* name of the compiled block */
    Loc loc;
    int64_t batch;                  /* 0: open, bound at run time; else fixed by the type */
    const char *batch_name;         /* "N" */
    VEC(GraphNode) nodes;
    VEC(GraphParam) params;         /* in order of evaluation */
    VEC(int) inputs;                /* GR_INPUT nodes in order of the block's parameters */
    VEC(GraphOutput) outputs;
} Graph;

typedef struct GraphDefine { const char *name; int64_t value; } GraphDefine;        /* -D H=112 */
typedef struct GraphOptions {
    const char *block;              /* NULL: the last block of the main file */
    DType dtype;                    /* DT_NONE, or --dtype */
    const GraphDefine *defines; int ndefines;
} GraphOptions;

/* Binds, types and shapes. NULL when there were errors (all reported to d, located, with a note for each call on the way). */
Graph *graph_check(Arena *a, Diag *d, const AstFiles *files, const GraphOptions *o);

/* ---- statistics (check --stats) ---- */
typedef struct GraphStats {
    int64_t parameters;             /* learnable: weights, biases, bn weight and bias; running mean and var are not counted */
    int64_t macs, dw_macs;          /* per image; convolutions only */
    int64_t activation_bytes;       /* per image: every node's output once (activations of ACT/BN/element-wise nodes are not counted apart) */
} GraphStats;
bool graph_stats(const Graph *g, GraphStats *s);                /* false: a figure overflows int64 */

/* ---- stages: residuals and activations as epilogues of their producer (rewrite.c) ---- */
typedef enum EpiKind { EPI_BIAS, EPI_BN, EPI_ACT, EPI_ADD, EPI_SUB, EPI_RSUB, EPI_MUL, EPI_ADDC, EPI_RSUBC, EPI_MULC } EpiKind;

/* One step of an epilogue on the f32 value v of an element:
 *   BIAS v + bias[c] · BN v*s[c] + t[c] · ACT act(v) · ADD v + z · SUB v - z · RSUB z - v · MUL v * z (z: another tensor's element,
 *   an h or w of 1 spreads) · ADDC v + a · RSUBC a - v · MULC v * a */
typedef struct StageEpi {
    EpiKind kind;
    int node;                       /* the graph node that this step came from */
    int param[4];                   /* BIAS: [0]; BN: weight, bias, mean, var; -1 = none */
    double eps;                     /* BN */
    Act act; double a, b;           /* ACT; a also ADDC, RSUBC, MULC */
    int value;                      /* ADD SUB RSUB MUL: the node whose tensor is z */
} StageEpi;

typedef struct Stage {
    int core;                       /* node: GR_DW, GR_PW, or an element-wise chain (GR_ACT, GR_BN, GR_ADD …) that starts at in */
    int in;                         /* node that the core reads (its first operand) */
    int out;                        /* node whose value the stage produces: the last one of the epilogue, or core */
    bool pointless;                 /* core is no convolution: v starts as the element of `in`, all ops are in epi */
    bool cut;                       /* graph_stages_partial: no target compiles the core; its result is a tensor in memory */
    VEC(StageEpi) epi;
} Stage;

typedef struct Stages { VEC(Stage) at; } Stages;

/* Every node that is not an input belongs to exactly one stage; a stage's value other than `out` is read by nobody else. An
 * op joins its producer's stage when it is that stage's only reader and is not an output; a residual's other operand must be
 * an input or the result of an earlier stage. Refuses (FCM2001, located, all of them reported) ops, dtypes and layouts that
 * are not lowered yet: then NULL. */
Stages *graph_stages(Arena *a, Diag *d, const Graph *g);

/* The same for planning: nothing is refused. Nodes that are not lowered become stages of their own with `cut` set, in the
 * order of the nodes; a convolution among them keeps the epilogue that it will have once it is lowered. */
Stages *graph_stages_partial(Arena *a, Diag *d, const Graph *g);

void graph_print(const Graph *g, struct Text *out);             /* --emit=graph: one line a node */
#endif
