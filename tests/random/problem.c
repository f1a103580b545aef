/* problem.c: see problem.h */
#include "problem.h"
#include "text.h"

#include <string.h>

uint64_t rng_next(Rng *r)
{
    r->s ^= r->s << 13;
    r->s ^= r->s >> 7;
    r->s ^= r->s << 17;
    return r->s * 0x2545F4914F6CDD1Dull;
}

int rng_in(Rng *r, int lo, int hi) { return lo + (int)(rng_next(r) >> 33) % (hi - lo + 1); }
int rng_pick(Rng *r, const int *values, int n) { return values[rng_in(r, 0, n - 1)]; }
static bool chance(Rng *r, int percent) { return rng_in(r, 1, 100) <= percent; }

/* ---- text ---- */

static const char *const acts[] = { "relu", "relu6", "silu", "gelu", "gelu(tanh)", "hswish", "hsigmoid", "sigmoid", "tanh", "leaky(0.1)", "clamp(-2, 5)", "id" };

static void epilogue(Text *t, Rng *r)
{
    if (chance(r, 30)) text_put(t, " |> bn");
    if (chance(r, 70)) text_printf(t, " |> %s", acts[rng_in(r, 0, 11)]);
}

/* One axis of a depthwise convolution that fits `in` positions. */
static WinAxis axis(Rng *r, int64_t in)
{
    WinAxis a;
    do {
        a = (WinAxis){ .k = rng_in(r, 1, 5), .stride = rng_in(r, 1, 100) <= 60 ? 1 : rng_in(r, 2, 3), .dilation = chance(r, 15) ? 2 : 1 };
        a.before = rng_in(r, 0, a.k);
        a.after = rng_in(r, 0, a.k);
        if (chance(r, 50)) a.before = a.after = (a.k - 1) * a.dilation / 2;
    } while (win_out(&a, in) < 1);
    return a;
}

typedef struct Shape { int64_t h, w, c; } Shape;

static void depthwise(Text *t, Rng *r, Shape *s)
{
    WinAxis h = axis(r, s->h), w = axis(r, s->w);
    int mult = chance(r, 15) && s->c <= 24 ? rng_in(r, 2, 3) : 1;
    text_printf(t, " |> dw(%dx%d, stride=%dx%d, pad=(%d, %d, %d, %d), dilation=%dx%d, mult=%d%s)", h.k, w.k, h.stride, w.stride, h.before, h.after, w.before,
                w.after, h.dilation, w.dilation, mult, chance(r, 20) ? ", bias=false" : "");
    *s = (Shape){ win_out(&h, s->h), win_out(&w, s->w), s->c * mult };
}

static void pointwise(Text *t, Rng *r, Shape *s)
{
    s->c = chance(r, 50) ? 8 * rng_in(r, 1, 6) : rng_in(r, 1, 40);
    text_printf(t, " |> pw(%d)", (int)s->c);
}

/* "+ z" and the like; z an input of the same shape, or one that spreads. */
static const char *residual(Text *t, Rng *r, const char *last, Shape s, int *inputs, Text *params, const char *dtype)
{
    static const char *const ops[] = { "+", "-", "*" };
    const char *op = ops[rng_in(r, 0, 2)];
    if (chance(r, 20)) text_printf(t, "    r = %s %s %d\n", last, op, rng_in(r, 1, 2));
    else {
        int64_t h = chance(r, 20) ? 1 : s.h, w = h == 1 && chance(r, 70) ? 1 : s.w;
        text_printf(params, ", z%d: %s[N, %d, %d, %d]", *inputs, dtype, (int)h, (int)w, (int)s.c);
        bool first = h == s.h && w == s.w && chance(r, 40);
        if (first) text_printf(t, "    r = z%d %s %s\n", (*inputs)++, op, last);
        else text_printf(t, "    r = %s %s z%d\n", last, op, (*inputs)++);
    }
    return "r";
}

/* *out: the shape of the result. */
static char *draw(Arena *a, Rng *r, Shape *out)
{
    static const char *const patterns[] = { "d", "p", "dp", "pd", "pp", "pdp", "pdp", "dpd", "dpd", "dpp", "dpdp", "e" };
    const char *pattern = patterns[rng_in(r, 0, 11)], *dtype = chance(r, 60) ? "f16" : "f32", *last = "x";
    Shape s = { rng_in(r, 1, 14), rng_in(r, 1, 14), chance(r, 50) ? 8 * rng_in(r, 1, 5) : rng_in(r, 1, 40) }, in = s;
    Text params = text_new(a), body = text_new(a), all = text_new(a);
    int inputs = 0;
    text_printf(&params, "x: %s[N, %d, %d, %d]", dtype, (int)s.h, (int)s.w, (int)s.c);
    Text also = text_new(a);
    int many = (int)strlen(pattern), kept = many > 1 && chance(r, 35) ? rng_in(r, 0, many - 2) : -1, how = rng_in(r, 0, 3);
    for (int i = 0; pattern[i]; i++) {
        char *name = arena_printf(a, "%c", 'a' + i);
        text_printf(&body, "    %s = %s", name, last);
        if (pattern[i] == 'd') depthwise(&body, r, &s);
        else if (pattern[i] == 'p') pointwise(&body, r, &s);
        else text_put(&body, " |> relu");
        epilogue(&body, r);
        text_put(&body, "\n");
        last = name;
        if (i == kept && how == 0) text_put(&also, name);
        if (i == (how == 1 ? kept : many - 1) && kept >= 0 && how > 0) {
            text_printf(&body, "    v = %c |> %s\n", 'a' + kept, how == 2 ? "relu" : "pw(8)");
            text_put(&also, "v");
        }
    }
    if (s.h == in.h && s.w == in.w && s.c == in.c && chance(r, 60)) text_printf(&body, "    q = x + %s\n", last), last = "q";
    if (chance(r, 35)) last = residual(&body, r, last, s, &inputs, &params, dtype);
    if (chance(r, 20)) text_printf(&body, "    y = %s |> %s\n", last, acts[rng_in(r, 0, 11)]), last = "y";
    text_printf(&all, "block b(%s) {\n%s    return %s%s%s\n}\n", params.at, body.at, last, also.n ? ", " : "", also.n ? also.at : "");
    *out = s;
    return all.at;
}

/* A result of a few elements may well be constant, which shows nothing. */
char *problem_text(Arena *a, Rng *r)
{
    enum { LEAST = 24 };
    for (;;) {
        Shape s;
        char *text = draw(a, r, &s);
        if (s.h * s.w * s.c >= LEAST) return text;
    }
}

/* ---- data ---- */

static float *fill(Arena *a, Rng *r, int64_t n, int lo, int hi, int density)
{
    float *v = NEW_N(a, float, n + 1);
    for (int64_t i = 0; i < n; i++) v[i] = chance(r, density) ? (float)rng_in(r, lo, hi) : 0;
    return v;
}

float *problem_input(Arena *a, Rng *r, const Graph *g, int node, int64_t batch)
{
    const GraphNode *x = &g->nodes.at[node];
    return fill(a, r, batch * x->h * x->w * x->c, -2, 2, 80);
}

float *problem_param(Arena *a, Rng *r, const Graph *g, int param)
{
    const GraphParam *q = &g->params.at[param];
    const GraphNode *node = &g->nodes.at[q->node];
    int64_t n = 1;
    for (int d = 0; d < q->rank; d++) n *= q->dim[d];
    if (node->op == GR_BN && param == node->var) {
        float *v = NEW_N(a, float, n), eps = (float)node->eps;
        for (int64_t i = 0; i < n; i++) v[i] = 1.0f - eps;
        return v;
    }
    if (node->op == GR_BN) return fill(a, r, n, -1, 2, 90);
    if (param == node->bias) return fill(a, r, n, -3, 3, 80);
    int64_t sum = node->op == GR_PW ? q->dim[1] : q->dim[0] * q->dim[1];
    return fill(a, r, n, -1, 1, sum > 16 ? 30 : 70);
}
