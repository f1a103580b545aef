/* print.c: --emit=graph, one line a node; and the table of ops by name.
 *
 *   graph mbconv  batch N
 *   in x: f16[N, 56, 56, 24]
 *   e: f16[N, 56, 56, 144] = pw x  weight e.weight[144, 24]  bias e.bias[144]
 *   out y */
#include "graph.h"
#include "text.h"

static const struct { const char *name; char pattern; bool lowered; } ops[] = {
#define X(e, name, pattern, lowered) { name, #pattern[0], lowered },
#include "graph_ops.def"
#undef X
};

const char *graph_op_name(GraphOp op) { return ops[op].name; }
char graph_op_pattern(GraphOp op) { return ops[op].pattern; }
bool graph_op_lowered(GraphOp op) { return ops[op].lowered; }

static void put_type(const Graph *g, const GraphNode *n, Text *out)
{
    if (n->quant.present) text_printf(out, "i8(%.9g, %d)", n->quant.scale, n->quant.zero);
    else text_put(out, n->dtype == DT_NONE ? "acc" : dtype_name(n->dtype));
    if (g->batch) text_printf(out, "[%lld", (long long)g->batch);
    else text_printf(out, "[%s", g->batch_name ? g->batch_name : "N");
    text_printf(out, ", %lld, %lld, %lld]%s", (long long)n->h, (long long)n->w, (long long)n->c, n->nchw ? " nchw" : "");
}

static void put_param(const Graph *g, const char *what, int param, Text *out)
{
    if (param < 0) return;
    const GraphParam *p = &g->params.at[param];
    text_printf(out, "  %s %s", what, p->name);
    for (int i = 0; i < p->rank; i++) text_printf(out, "%s%lld", i ? ", " : "[", (long long)p->dim[i]);
    text_put(out, "]");
}

static void put_axis(const char *what, const WinAxis *a, Text *out)
{
    text_printf(out, "  %s k=%d stride=%d pad=%d,%d", what, a->k, a->stride, a->before, a->after);
    if (a->dilation != 1) text_printf(out, " dilation=%d", a->dilation);
}

static bool same_axis(const WinAxis *a, const WinAxis *b)
{
    return a->k == b->k && a->stride == b->stride && a->dilation == b->dilation && a->before == b->before && a->after == b->after;
}

static void put_op(const Graph *g, const GraphNode *n, Text *out)
{
    text_put(out, n->op == GR_ACT ? act_name(n->act) : graph_op_name(n->op));
    if (n->has_constant && n->constant_first) text_printf(out, " %.9g", n->constant);
    for (int i = 0; i < n->nin; i++) text_printf(out, " %s", g->nodes.at[n->in[i]].name);
    if (n->has_constant && !n->constant_first) text_printf(out, " %.9g", n->constant);
    if (n->op == GR_ACT && act_constants(n->act) > 0) text_printf(out, " %.9g", n->act_a);
    if (n->op == GR_ACT && act_constants(n->act) > 1) text_printf(out, " %.9g", n->act_b);
    if (n->ah.k && same_axis(&n->ah, &n->aw)) put_axis("hw", &n->ah, out);
    else if (n->ah.k) put_axis("h", &n->ah, out), put_axis("w", &n->aw, out);
    if (n->op == GR_CONV && n->groups != 1) text_printf(out, "  groups %d", n->groups);
    if (n->op == GR_DW && n->mult != 1) text_printf(out, "  mult %d", n->mult);
    if (n->op == GR_BN || n->op == GR_LAYERNORM) text_printf(out, "  eps %.9g", n->eps);
    if (n->op == GR_UPSAMPLE) text_printf(out, "  %d %s", n->upsample, n->bilinear ? "bilinear" : "nearest");
}

void graph_print(const Graph *g, struct Text *out)
{
    if (g->batch) text_printf(out, "graph %s  batch %lld\n", g->block, (long long)g->batch);
    else text_printf(out, "graph %s  batch %s\n", g->block, g->batch_name ? g->batch_name : "N");
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *n = &g->nodes.at[i];
        text_printf(out, "%s%s: ", n->op == GR_INPUT ? "in " : "", n->name);
        put_type(g, n, out);
        if (n->op != GR_INPUT) text_put(out, " = "), put_op(g, n, out);
        put_param(g, "weight", n->weight, out), put_param(g, "scale", n->wscale, out), put_param(g, "bias", n->bias, out);
        put_param(g, "mean", n->mean, out), put_param(g, "var", n->var, out);
        text_put(out, "\n");
    }
    for (int i = 0; i < g->outputs.n; i++)
        text_printf(out, "out %s = %s\n", g->outputs.at[i].name, g->nodes.at[g->outputs.at[i].node].name);
}
