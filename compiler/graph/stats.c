/* stats.c: parameters, multiply-accumulates and activation bytes of a graph. Only figures that follow from shapes: what a plan moves
 * is another matter (tm/walk.c). */
#include "graph.h"

static bool add_product(int64_t *sum, const int64_t *factor, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        if (!win_mul(p, factor[i], &p)) return false;
    return win_add(*sum, p, sum);
}

static bool add_param(const Graph *g, int param, GraphStats *s)
{
    return param < 0 || add_product(&s->parameters, g->params.at[param].dim, 4);
}

/* A convolution's output element takes one multiply-accumulate per element of its filter: weights without the output channels. */
static bool add_macs(const Graph *g, const GraphNode *n, GraphStats *s)
{
    if (graph_op_pattern(n->op) != 'C') return true;
    const int64_t *w = g->params.at[n->weight].dim;
    int64_t f[6] = { n->h, n->w, n->c, 1, 1, 1 };
    if (n->op == GR_PW) f[3] = w[1];                            /* [K][C] */
    if (n->op == GR_DW) f[3] = w[0], f[4] = w[1];               /* [R][S][C*mult] */
    if (n->op == GR_CONV) f[3] = w[1], f[4] = w[2], f[5] = w[3];/* [K][R][S][C/groups] */
    return add_product(&s->macs, f, 6) && (n->op != GR_DW || add_product(&s->dw_macs, f, 6));
}

/* Activations, bn and + - * end in their producer's epilogue, so they are no tensors of their own; a cast of an i8 result is the
 * tensor that its convolution (of no dtype) is not. */
static bool add_bytes(const GraphNode *n, GraphStats *s)
{
    if (n->op == GR_ACT || n->op == GR_BN || n->op == GR_ADD || n->op == GR_SUB || n->op == GR_MUL) return true;
    const int64_t f[4] = { n->h, n->w, n->c, dtype_bytes(n->dtype) };
    return add_product(&s->activation_bytes, f, 4);
}

bool graph_stats(const Graph *g, GraphStats *s)
{
    *s = (GraphStats){ 0 };
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *n = &g->nodes.at[i];
        if (!add_param(g, n->weight, s) || !add_param(g, n->bias, s) || !add_macs(g, n, s) || !add_bytes(n, s)) return false;
    }
    return true;
}
