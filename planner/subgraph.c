/* subgraph.c: see subgraph.h. Nodes and parameters are renumbered in the order in which the stages name them, so equal
 * structure gives equal numbers, and numbers may stand in the key. */
#include "subgraph.h"
#include "text.h"

typedef struct Cutting {
    Arena *a;
    const Graph *g;
    SubGraph *out;
    int *node, *param;              /* new number + 1 of an old one; 0 = not taken yet */
    Text key;
} Cutting;

/* ---- parameters and nodes ---- */

static int take_param(Cutting *z, int old, int node)
{
    if (old < 0) return -1;
    if (!z->param[old]) {
        GraphParam q = z->g->params.at[old];
        q.node = node;
        vec_push(z->a, &z->out->graph->params, q);
        z->param[old] = z->out->graph->params.n;
    }
    return z->param[old] - 1;
}

static int push_node(Cutting *z, int old, GraphNode n)
{
    n.nin = 0;                                                  /* stages say what is read */
    n.in = NULL;
    vec_push(z->a, &z->out->graph->nodes, n);
    return (z->node[old] = z->out->graph->nodes.n) - 1;
}

static int take_node(Cutting *z, int old)
{
    if (z->node[old]) return z->node[old] - 1;
    GraphNode n = z->g->nodes.at[old];
    int at = z->out->graph->nodes.n;
    n.weight = take_param(z, n.weight, at);
    n.bias = take_param(z, n.bias, at);
    n.mean = take_param(z, n.mean, at);
    n.var = take_param(z, n.var, at);
    return push_node(z, old, n);
}

/* A tensor that the group reads: an input of the small graph unless the group makes it. */
static int take_operand(Cutting *z, int old)
{
    if (z->node[old]) return z->node[old] - 1;
    GraphNode n = z->g->nodes.at[old];
    n.op = GR_INPUT;
    n.weight = n.bias = n.mean = n.var = n.wscale = -1;
    int at = push_node(z, old, n);
    vec_push(z->a, &z->out->graph->inputs, at);
    return at;
}

/* ---- the key ---- */

static void key_tensor(Cutting *z, int at)
{
    const GraphNode *n = &z->out->graph->nodes.at[at];
    text_printf(&z->key, " %d:%lldx%lldx%lld%s", at, (long long)n->h, (long long)n->w, (long long)n->c, dtype_name(n->dtype));
}

static void key_core(Cutting *z, const Stage *s)
{
    const GraphNode *n = &z->out->graph->nodes.at[s->core];
    const WinAxis *h = &n->ah, *w = &n->aw;
    text_put(&z->key, s->pointless ? "x" : graph_op_name(n->op));
    key_tensor(z, s->in);
    key_tensor(z, s->out);
    if (s->pointless || n->op != GR_DW) return;
    text_printf(&z->key, " %d/%d+%d-%d-%d %d/%d+%d-%d-%d*%d", h->k, h->stride, h->dilation, h->before, h->after, w->k, w->stride,
                w->dilation, w->before, w->after, n->mult);
}

static void key_epi(Cutting *z, const StageEpi *e)
{
    text_printf(&z->key, ",%d", (int)e->kind);
    if (e->kind == EPI_ACT) text_printf(&z->key, "=%d(%a,%a)", (int)e->act, e->a, e->b);
    if (e->value >= 0) key_tensor(z, e->value);
}

/* ---- stages ---- */

static void take_stage(Cutting *z, const Stage *old)
{
    Stage s = { .pointless = old->pointless, .cut = old->cut };
    s.in = take_operand(z, old->in);
    if (!old->pointless) s.core = take_node(z, old->core);
    for (int i = 0; i < old->epi.n; i++) {
        StageEpi e = old->epi.at[i];
        if (e.value >= 0) e.value = take_operand(z, e.value);
        e.node = take_node(z, e.node);
        for (int k = 0; k < 4; k++) e.param[k] = take_param(z, e.param[k], e.node);
        vec_push(z->a, &s.epi, e);
    }
    if (old->pointless) s.core = take_node(z, old->core);
    s.out = take_node(z, old->out);
    vec_push(z->a, &z->out->stages->at, s);
    key_core(z, &s);
    for (int i = 0; i < s.epi.n; i++) key_epi(z, &s.epi.at[i]);
    text_put(&z->key, ";");
}

SubGraph subgraph_of(Arena *a, const Graph *g, const Stages *s, const Group *group)
{
    SubGraph out = { .graph = NEW(a, Graph), .stages = NEW(a, Stages) };
    Cutting z = { a, g, &out, NEW_N(a, int, g->nodes.n), NEW_N(a, int, g->params.n + 1), text_new(a) };
    out.graph->block = g->block;
    out.graph->loc = g->loc;
    out.graph->batch = g->batch;
    out.graph->batch_name = g->batch_name;
    for (int i = 0; i < group->n; i++) {
        take_stage(&z, &s->at.at[group->stage[i]]);
        if (i + 1 < group->n && lower_is_kept(g, &s->at.at[group->stage[i]])) text_put(&z.key, "kept;");
        out.group.stage[out.group.n++] = i;
    }
    out.node = z.node;
    out.key = z.key.at;
    return out;
}
