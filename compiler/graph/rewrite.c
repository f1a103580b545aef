/* rewrite.c: graph_stages. Groups each convolution with the ops that can end in its epilogue:
 *
 *   e = x |> pw(144) |> bn |> relu6      stage 0: pw x, BN, ACT            -> e
 *   d = e |> dw(3)   |> bn |> relu6      stage 1: dw e, BN, ACT            -> d
 *   y = x + (d |> pw(24) |> bn)          stage 2: pw d, BN, ADD x          -> y
 *
 * Ops without such a producer start a pointless stage on one of their operands. What targets cannot compile yet is refused first,
 * or (for planning) cut out as a stage of its own. */
#include "graph.h"

#include <string.h>

static void note_calls(Diag *d, const GraphNode *n)
{
    for (const GraphCall *c = n->call; c; c = c->outer) diag_note(d, c->loc, "in this call of '%s'", c->block);
}

/* A block called several times says it once. */
static bool refuse(Diag *d, const GraphNode *n, const char *what, const char *name)
{
    for (int i = 0; i < diag_count(d); i++) {
        const DiagEntry *e = diag_entry(d, i);
        if (e->code && strcmp(e->code, "FCM2001") == 0 && e->loc.file == n->loc.file && e->loc.off == n->loc.off) return false;
    }
    diag_error(d, n->loc, "FCM2001", "%s %s cannot be compiled yet; check --stats can measure it", what, name);
    note_calls(d, n);
    return false;
}

/* Dtypes come from inputs and casts only, so these are the places to complain. */
static bool lowered(Diag *d, const GraphNode *n)
{
    if (!graph_op_lowered(n->op)) return refuse(d, n, "the op", graph_op_name(n->op));
    bool fine = true;
    if (n->op == GR_INPUT && n->dtype != DT_F32 && n->dtype != DT_F16)
        fine = refuse(d, n, "an input of dtype", dtype_name(n->dtype));
    if (n->nchw) fine = refuse(d, n, n->op == GR_INPUT ? "an input in the layout" : "an output in the layout", "nchw");
    return fine;
}

typedef struct Rewrite {
    Arena *arena;
    Diag *diag;
    const Graph *g;
    Stages *stages;
    int *stage_of;                  /* of each node; -1 for inputs, so that they are earlier than every stage */
    bool partial;                   /* cut at what is not lowered instead of refusing it */
} Rewrite;

static const GraphNode *node_at(const Rewrite *r, int i) { return &r->g->nodes.at[i]; }

static bool full_size(const GraphNode *p, const GraphNode *n) { return p->h == n->h && p->w == n->w; }

static bool tensor_lowered(const GraphNode *n) { return !n->nchw && (n->dtype == DT_F32 || n->dtype == DT_F16); }

/* Is the node lowered, and are the tensors that it reads and makes? */
static bool node_lowered(const Rewrite *r, const GraphNode *n)
{
    bool fine = graph_op_lowered(n->op) && tensor_lowered(n);
    for (int i = 0; i < n->nin; i++) fine = fine && tensor_lowered(node_at(r, n->in[i]));
    return fine;
}

/* Epilogues ride on convolutions and on element-wise chains, cut ones too; not on pooling, concatenation and the like. */
static bool takes_epilogues(const Rewrite *r, const Stage *s)
{
    return !s->cut || graph_op_pattern(node_at(r, s->core)->op) == 'C';
}

/* May n, which reads p, end p's stage? other: n's other operand, or -1; it must be there before the stage runs. */
static bool hosts(const Rewrite *r, int p, const GraphNode *n, int other)
{
    const GraphNode *producer = node_at(r, p);
    if (producer->op == GR_INPUT || producer->consumers != 1 || !full_size(producer, n)) return false;
    if (!takes_epilogues(r, &r->stages->at.at[r->stage_of[p]])) return false;
    return other < 0 || r->stage_of[other] < r->stage_of[p];
}

static StageEpi blank(EpiKind kind, int node)
{
    return (StageEpi){ .kind = kind, .node = node, .param = { -1, -1, -1, -1 }, .value = -1 };
}

/* The step that n is for a value v that is its operand number `slot`. */
static StageEpi step_of(const Rewrite *r, int node, int slot)
{
    const GraphNode *n = node_at(r, node);
    StageEpi e = blank(EPI_ACT, node);
    if (n->op == GR_ACT) return e.act = n->act, e.a = n->act_a, e.b = n->act_b, e;
    if (n->op == GR_BN) {
        e.kind = EPI_BN, e.eps = n->eps;
        e.param[0] = n->weight, e.param[1] = n->bias, e.param[2] = n->mean, e.param[3] = n->var;
        return e;
    }
    if (n->has_constant) {
        bool minus = n->op == GR_SUB;
        e.kind = n->op == GR_MUL ? EPI_MULC : minus && n->constant_first ? EPI_RSUBC : EPI_ADDC;
        e.a = minus && !n->constant_first ? -n->constant : n->constant;
        return e;
    }
    e.kind = n->op == GR_ADD ? EPI_ADD : n->op == GR_MUL ? EPI_MUL : slot == 0 ? EPI_SUB : EPI_RSUB;
    e.value = n->in[1 - slot];
    return e;
}

static void start_convolution(Rewrite *r, int node)
{
    const GraphNode *n = node_at(r, node);
    Stage s = { .core = node, .in = n->in[0], .out = node };
    StageEpi bias = blank(EPI_BIAS, node);
    bias.param[0] = n->bias;
    if (n->bias >= 0) vec_push(r->arena, &s.epi, bias);
    r->stage_of[node] = r->stages->at.n;
    vec_push(r->arena, &r->stages->at, s);
}

static void append(Rewrite *r, int stage, int node, int slot)
{
    Stage *s = &r->stages->at.at[stage];
    vec_push(r->arena, &s->epi, step_of(r, node, slot));
    s->out = node;
    r->stage_of[node] = stage;
}

static void start_cut(Rewrite *r, int node)
{
    r->stage_of[node] = r->stages->at.n;
    vec_push(r->arena, &r->stages->at, (Stage){ .core = node, .in = node_at(r, node)->in[0], .out = node, .cut = true });
}

/* A stage of its own; v starts as the element of an operand that has the result's size. */
static bool start_pointless(Rewrite *r, int node)
{
    const GraphNode *n = node_at(r, node);
    int slot = full_size(node_at(r, n->in[0]), n) ? 0 : 1;
    bool spread = slot == 1 && !full_size(node_at(r, n->in[1]), n);
    if (spread && r->partial) return start_cut(r, node), true;
    if (spread) return refuse(r->diag, n, "both operands spread in", graph_op_name(n->op));
    vec_push(r->arena, &r->stages->at, (Stage){ .core = node, .in = n->in[slot], .out = node, .pointless = true });
    append(r, r->stages->at.n - 1, node, slot);
    return true;
}

/* If both operands could host, the later stage does: the other one's value is there by then. */
static bool place(Rewrite *r, int node)
{
    const GraphNode *n = node_at(r, node);
    if (r->partial && !node_lowered(r, n)) return start_cut(r, node), true;
    if (graph_op_pattern(n->op) == 'C') return start_convolution(r, node), true;
    int best = -1;
    for (int slot = 0; slot < n->nin; slot++) {
        int other = n->nin == 2 ? n->in[1 - slot] : -1;
        if (hosts(r, n->in[slot], n, other)) best = slot;
    }
    if (best < 0) return start_pointless(r, node);
    append(r, r->stage_of[n->in[best]], node, best);
    return true;
}

static Stages *stages_of(Arena *a, Diag *d, const Graph *g, bool partial)
{
    bool fine = true;
    Rewrite r = { a, d, g, NEW(a, Stages), NEW_N(a, int, g->nodes.n), partial };
    for (int i = 0; i < g->nodes.n; i++) {
        r.stage_of[i] = -1;
        if (g->nodes.at[i].op != GR_INPUT) fine = place(&r, i) && fine;
    }
    return fine ? r.stages : NULL;
}

Stages *graph_stages(Arena *a, Diag *d, const Graph *g)
{
    bool fine = true;
    for (int i = 0; i < g->nodes.n; i++) fine = lowered(d, &g->nodes.at[i]) && fine;
    return fine ? stages_of(a, d, g, false) : NULL;
}

Stages *graph_stages_partial(Arena *a, Diag *d, const Graph *g) { return stages_of(a, d, g, true); }
