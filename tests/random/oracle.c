/* oracle.c: naive evaluation of a graph, node by node, on integers in double: every sum is exact. */
#include "problem.h"
#include "tm.h"

#include <math.h>

typedef struct Oracle { Arena *a; const Graph *g; int64_t batch; float *const *params; double **value; double largest; } Oracle;

static double seen(Oracle *o, double v)
{
    if (!(fabs(v) <= o->largest)) o->largest = fabs(v);
    return v;
}

static double at(const Oracle *o, int node, int64_t n, int64_t h, int64_t w, int64_t c)
{
    const GraphNode *x = &o->g->nodes.at[node];
    if (x->h == 1) h = 0;
    if (x->w == 1) w = 0;
    return o->value[node][((n * x->h + h) * x->w + w) * x->c + c];
}

static double conv(Oracle *o, const GraphNode *v, int64_t n, int64_t h, int64_t w, int64_t k)
{
    const GraphNode *x = &o->g->nodes.at[v->in[0]];
    const float *weight = o->params[v->weight];
    double sum = 0;
    if (v->op == GR_PW)
        for (int64_t c = 0; c < x->c; c++) sum += at(o, v->in[0], n, h, w, c) * (double)weight[k * x->c + c];
    else
        for (int r = 0; r < v->ah.k; r++)
            for (int s = 0; s < v->aw.k; s++) {
                int64_t y = h * v->ah.stride - v->ah.before + r * v->ah.dilation, z = w * v->aw.stride - v->aw.before + s * v->aw.dilation;
                if (y < 0 || y >= x->h || z < 0 || z >= x->w) continue;
                sum += o->value[v->in[0]][((n * x->h + y) * x->w + z) * x->c + k / v->mult] * (double)weight[(r * v->aw.k + s) * v->c + k];
            }
    return v->bias >= 0 ? seen(o, sum) + (double)o->params[v->bias][k] : sum;
}

static double bn(const Oracle *o, const GraphNode *v, double x, int64_t c)
{
    double s = (double)o->params[v->weight][c];                 /* the variance is chosen so that sqrt(var + eps) is 1 */
    return x * s + ((double)o->params[v->bias][c] - (double)o->params[v->mean][c] * s);
}

static double elementwise(const Oracle *o, const GraphNode *v, int64_t n, int64_t h, int64_t w, int64_t c)
{
    double x = at(o, v->in[0], n, h, w, c), y;
    if (v->has_constant) {
        /* x - 3 is x + (-3): the constant is rounded as the constant of that step */
        TmEpiKind k = v->op == GR_MUL ? TM_EPI_MULC : v->constant_first && v->op == GR_SUB ? TM_EPI_RSUBC : TM_EPI_ADDC;
        y = tm_exact_constant(k, v->op == GR_SUB && !v->constant_first ? -v->constant : v->constant);
        return v->op == GR_MUL ? x * y : k == TM_EPI_RSUBC ? y - x : x + y;
    }
    y = at(o, v->in[1], n, h, w, c);
    return v->op == GR_ADD ? x + y : v->op == GR_SUB ? x - y : x * y;
}

static double element(Oracle *o, const GraphNode *v, int64_t n, int64_t h, int64_t w, int64_t c)
{
    switch (v->op) {
    case GR_DW: case GR_PW: return conv(o, v, n, h, w, c);
    case GR_ACT: return (double)tm_exact_act(v->act, v->act_a, v->act_b, (float)at(o, v->in[0], n, h, w, c));
    case GR_BN: return bn(o, v, at(o, v->in[0], n, h, w, c), c);
    default: return elementwise(o, v, n, h, w, c);
    }
}

double **problem_oracle(Arena *a, const Graph *g, int64_t batch, float *const *inputs, float *const *params, double *largest)
{
    Oracle o = { a, g, batch, params, NEW_N(a, double *, g->nodes.n + 1), 0 };
    int input = 0;
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *v = &g->nodes.at[i];
        int64_t at_i = 0;
        o.value[i] = NEW_N(a, double, batch * v->h * v->w * v->c + 1);
        const float *given = v->op == GR_INPUT ? inputs[input++] : NULL;
        for (int64_t n = 0; n < batch; n++)
            for (int64_t h = 0; h < v->h; h++)
                for (int64_t w = 0; w < v->w; w++)
                    for (int64_t c = 0; c < v->c; c++, at_i++) o.value[i][at_i] = seen(&o, given ? (double)given[at_i] : element(&o, v, n, h, w, c));
    }
    *largest = o.largest;
    return o.value;
}
