/* data.c: the numbers of a check. Exact data are small integers: how large a result will be is followed through the graph by its
 * root mean square, and a convolution whose sum would outgrow the dtype gets fewer non-zero weights. What really came out is
 * measured by the reference. */
#include "io.h"
#include "verifier.h"

#include <math.h>

/* ---- random numbers: splitmix64 ---- */
typedef struct Rng { uint64_t state; } Rng;

static uint64_t next(Rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static double uniform(Rng *r) { return (double)(next(r) >> 11) * 0x1p-53; }
static int between(Rng *r, int lo, int hi) { return lo + (int)(next(r) % (uint64_t)(hi - lo + 1)); }

/* ---- a tensor's storage ---- */
typedef struct Fill { IoType type; void *at; int64_t n; } Fill;

static Fill fill_new(Arena *a, DType t, int64_t n)
{
    return (Fill){ io_type_of(t), arena_alloc(a, (size_t)(n ? n : 1) * (size_t)dtype_bytes(t)), n };
}

static int64_t param_elements(const GraphParam *p)
{
    int64_t n = 1;
    for (int d = 0; d < p->rank; d++) n *= p->dim[d];
    return n;
}

static Fill param_new(Arena *a, const Graph *g, VerifyData *d, int param)
{
    Fill f = fill_new(a, g->params.at[param].dtype, param_elements(&g->params.at[param]));
    d->param[param] = f.at;
    return f;
}

static VerifyData data_new(Arena *a, const Graph *g)
{
    return (VerifyData){ g->params.n, g->inputs.n, NEW_N(a, void *, g->params.n + 1), NEW_N(a, void *, g->inputs.n + 1) };
}

static Fill input_new(Arena *a, const Graph *g, VerifyData *d, int node, int64_t batch)
{
    const GraphNode *n = &g->nodes.at[node];
    Fill f = fill_new(a, n->dtype, batch * n->h * n->w * n->c);
    for (int i = 0; i < g->inputs.n; i++)
        if (g->inputs.at[i] == node) d->input[i] = f.at;
    return f;
}

static void integers(Rng *r, Fill f, int lo, int hi)
{
    for (int64_t i = 0; i < f.n; i++) io_put(f.type, f.at, i, between(r, lo, hi));
}

static void reals(Rng *r, Fill f, double lo, double hi)
{
    for (int64_t i = 0; i < f.n; i++) io_put(f.type, f.at, i, lo + (hi - lo) * uniform(r));
}

static int64_t fan_in(const Graph *g, const GraphNode *n)
{
    return n->op == GR_PW ? g->nodes.at[n->in[0]].c : (int64_t)n->ah.k * n->aw.k;
}

/* ---- exact ---- */
double data_exact_limit(DType t) { return t == DT_F16 ? 2048 : t == DT_BF16 ? 256 : 16777216; }

/* var with fl(var + eps) = 1 in f32, so that 1 / sqrt(var + eps) is 1: near 1 - eps, one of the neighbours. */
static float unit_variance(double eps)
{
    float e = (float)eps, v = 1 - e;
    for (int i = 0; i < 8 && v + e < 1; i++) v = nextafterf(v, 2);
    for (int i = 0; i < 8 && v + e > 1; i++) v = nextafterf(v, -1);
    return v;
}

typedef struct Exact { Arena *a; const Graph *g; VerifyData *d; Rng rng; double *rms, cap; int amplitude, addend; } Exact;

/* Weights of +-1, so many of them non-zero that the result stays under the cap. */
static double exact_conv(Exact *x, const GraphNode *n)
{
    double fan = (double)fan_in(x->g, n), in = x->rms[n->in[0]], room = x->cap / (in > 0.5 ? in : 0.5), live = room * room;
    if (live > fan) live = fan;
    if (live < 1) live = 1;
    Fill f = param_new(x->a, x->g, x->d, n->weight);
    for (int64_t i = 0; i < f.n; i++) {
        double w = uniform(&x->rng) * fan < live ? (next(&x->rng) & 1 ? 1 : -1) : 0;
        io_put(f.type, f.at, i, w);
    }
    if (n->bias >= 0) integers(&x->rng, param_new(x->a, x->g, x->d, n->bias), -x->addend, x->addend);
    return in * sqrt(live) + 1;
}

static double exact_bn(Exact *x, const GraphNode *n)
{
    static const int scales[] = { 1, -1, 1, 2 };
    Fill w = param_new(x->a, x->g, x->d, n->weight), var = param_new(x->a, x->g, x->d, n->var);
    int kinds = x->cap > 30 ? 4 : 3;                            /* a 2 only where there is room */
    for (int64_t i = 0; i < w.n; i++) io_put(w.type, w.at, i, scales[between(&x->rng, 0, kinds - 1)]);
    for (int64_t i = 0; i < var.n; i++) io_put(var.type, var.at, i, unit_variance(n->eps));
    integers(&x->rng, param_new(x->a, x->g, x->d, n->bias), -x->addend, x->addend);
    integers(&x->rng, param_new(x->a, x->g, x->d, n->mean), -x->addend, x->addend);
    return x->rms[n->in[0]] * 1.33 + 1;
}

static double exact_node(Exact *x, const GraphNode *n, int id, int64_t batch)
{
    double a = n->nin > 0 ? x->rms[n->in[0]] : 0, b = n->nin > 1 ? x->rms[n->in[1]] : fabs(n->constant);
    switch (n->op) {
    case GR_INPUT:
        integers(&x->rng, input_new(x->a, x->g, x->d, id, batch), -x->amplitude, x->amplitude);
        return x->amplitude * 0.8;
    case GR_DW:
    case GR_PW: return exact_conv(x, n);
    case GR_BN: return exact_bn(x, n);
    case GR_ACT: return n->act == ACT_RELU6 && a > 5 ? 5 : a;
    case GR_ADD:
    case GR_SUB: return sqrt(a * a + b * b);
    case GR_MUL: return a * (n->has_constant && b > 2 ? 2 : b);
    default: return a;
    }
}

VerifyData data_exact(Arena *a, const Graph *g, int64_t batch, uint64_t seed, int level)
{
    static const struct {
        double cap;
        int amplitude, addend;
    } levels[DATA_LEVELS] = { { 60, 3, 3 }, { 24, 2, 2 }, { 8, 2, 1 }, { 3, 1, 1 }, { 1, 1, 0 } };
    VerifyData d = data_new(a, g);
    Exact x = { a,
                g,
                &d,
                { seed * 0x9E3779B97F4A7C15u + 1 },
                NEW_N(a, double, g->nodes.n + 1),
                levels[level].cap,
                levels[level].amplitude,
                levels[level].addend };
    for (int i = 0; i < g->nodes.n; i++) x.rms[i] = exact_node(&x, &g->nodes.at[i], i, batch);
    return d;
}

/* ---- real ---- */
/* Values of a root mean square of 2 to 3, so that relu6 and clamp meet both of their ends: weights of variance 4/3 / fan-in. */
static void real_node(Arena *a, const Graph *g, VerifyData *d, Rng *r, int id, int64_t batch)
{
    const GraphNode *n = &g->nodes.at[id];
    if (n->op == GR_INPUT) reals(r, input_new(a, g, d, id, batch), -4, 4);
    if (n->op == GR_DW || n->op == GR_PW) {
        double most = sqrt(4.0 / (double)fan_in(g, n));
        reals(r, param_new(a, g, d, n->weight), -most, most);
        if (n->bias >= 0) reals(r, param_new(a, g, d, n->bias), -1, 1);
    }
    if (n->op == GR_BN) {
        reals(r, param_new(a, g, d, n->weight), 0.5, 1.5);
        reals(r, param_new(a, g, d, n->bias), -0.5, 0.5);
        reals(r, param_new(a, g, d, n->mean), -0.3, 0.3);
        reals(r, param_new(a, g, d, n->var), 0.6, 1.6);
    }
}

VerifyData data_real(Arena *a, const Graph *g, int64_t batch, uint64_t seed)
{
    VerifyData d = data_new(a, g);
    Rng r = { seed * 0xD1B54A32D192ED03u + 7 };
    for (int i = 0; i < g->nodes.n; i++) real_node(a, g, &d, &r, i, batch);
    return d;
}

/* ---- without a graph ---- */
/* The normalisation that a parameter belongs to, and as what: 0 weight, 1 bias, 2 mean, 3 var; -1: none. */
static int role_in_bn(const TmModule *m, int tensor, double *eps)
{
    for (int i = 0; i < m->tensors.n; i++)
        for (int k = 0; k < 4 && m->tensors.at[i].role == TM_DERIVED && m->tensors.at[i].derive != TM_AS_IS; k++)
            if (m->tensors.at[i].from[k] == tensor) return *eps = m->tensors.at[i].eps, k;
    return -1;
}

static void module_param(Rng *r, const TmModule *m, int tensor, Fill f)
{
    enum { LIVE = 16 }; /* non-zero weights of a row: sums stay small in chains of three */
    const TmTensor *t = &m->tensors.at[tensor];
    double eps = 0, share = t->rank == 2 && t->dim[3] > LIVE ? LIVE / (double)t->dim[3] : 1;
    int role = role_in_bn(m, tensor, &eps);
    for (int64_t i = 0; i < f.n; i++) {
        double v = between(r, -2, 2);
        if (role == 3) v = unit_variance(eps);
        else if (role == 0 || t->rank > 1) v = uniform(r) < share ? (next(r) & 1 ? 1 : -1) : 0;
        io_put(f.type, f.at, i, v);
    }
}

VerifyData data_module(Arena *a, const TmModule *m, int64_t batch, uint64_t seed)
{
    VerifyData d = { m->params.n, m->inputs.n, NEW_N(a, void *, m->params.n + 1), NEW_N(a, void *, m->inputs.n + 1) };
    Rng r = { seed * 0x9E3779B97F4A7C15u + 3 };
    for (int i = 0; i < m->params.n; i++) {
        const TmTensor *t = &m->tensors.at[m->params.at[i]];
        Fill f = fill_new(a, t->dtype, t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3]);
        module_param(&r, m, m->params.at[i], f);
        d.param[i] = f.at;
    }
    for (int i = 0; i < m->inputs.n; i++) {
        const TmTensor *t = &m->tensors.at[m->inputs.at[i]];
        Fill f = fill_new(a, t->dtype, batch * t->dim[1] * t->dim[2] * t->dim[3]);
        integers(&r, f, -2, 2);
        d.input[i] = f.at;
    }
    return d;
}
