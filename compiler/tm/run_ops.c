/* run_ops.c: the tile operations of the interpreter: accumulators, pointwise, depthwise, epilogues, stores. Plain loops in f32, no fused
 * multiply-add; operands are found by their absolute coordinates, which is what the form promises. */
#include "tm_run.h"

#include <string.h>

enum { MOST_OPERANDS = 64 };

/* An instruction at the current loop values. */
typedef struct Op {
    const TmIns *i;
    TmView dst, src, wgt, epi[MOST_OPERANDS][2];
    const TmTensor *shape;          /* of the destination (STORE: of the tensor stored): the mask */
    int64_t lo, n, written;         /* output channels, absolute, see tm_channels */
} Op;

static bool names_tiles(const TmEpi *e) { return e->kind != TM_EPI_ACT && e->kind <= TM_EPI_MUL; }

static bool make_op(TmExec *z, const TmIns *i, Op *o)
{
    o->i = i;
    if (i->epi.n > MOST_OPERANDS) tm_exec_fail(z, "%d steps of an epilogue", i->epi.n);
    if (z->why) return false;
    if (i->dst >= 0) o->dst = tm_view(z, i->dst, z->vars);
    if (i->src >= 0) o->src = tm_view(z, i->src, z->vars);
    if (i->wgt >= 0) o->wgt = tm_view(z, i->wgt, z->vars);
    for (int k = 0; k < i->epi.n; k++) {
        if (!names_tiles(&i->epi.at[k])) continue;
        o->epi[k][0] = tm_view(z, i->epi.at[k].tile, z->vars);
        if (i->epi.at[k].kind == TM_EPI_BN) o->epi[k][1] = tm_view(z, i->epi.at[k].tile2, z->vars);
    }
    TmChannels c = tm_channels(z->p, i);
    o->lo = affine_eval(c.lo, z->vars);
    o->n = c.n;
    o->written = c.written;
    o->shape = &z->m->tensors.at[i->op == TM_STORE ? i->tensor : o->dst.t->tensor];
    return true;
}

/* ---- counting of what is read in place ---- */

static bool in_place(const TmView *v) { return v->space == TM_GLOBAL && !v->t->member; }

/* Rows and columns of window tile t (sub of it) that lie inside an h x w tensor, times channels lo … lo + n - 1 inside c. */
static int64_t clipped_elements(const TmView *t, TmSub s, int64_t h, int64_t w, int64_t lo, int64_t n, int64_t c)
{
    return win_clip((WinSpan){ t->org[1] + s.h0, s.h1 - s.h0 }, h).n * win_clip((WinSpan){ t->org[2] + s.w0, s.w1 - s.w0 }, w).n *
           win_clip((WinSpan){ lo, n }, c).n;
}

static void count_operand(TmExec *z, const Op *o, const TmView *v, int64_t lo, int64_t n)
{
    if (v->space != TM_GLOBAL) return;
    if (v->t->member) {
        tm_count(z, false, tm_image_slot(z->m, z->p, v->t->image), tm_member_bytes(v->t));
        return;
    }
    const TmTensor *x = &z->m->tensors.at[v->t->tensor];
    const TmView *t = o->i->op == TM_STORE ? &o->src : &o->dst;
    const TmTensor *pixels = &z->m->tensors.at[t->t->tensor];
    int64_t h = tm_spreads(z->m, v->t, 1) ? pixels->dim[1] : x->dim[1], w = tm_spreads(z->m, v->t, 2) ? pixels->dim[2] : x->dim[2];
    tm_count(z, false, v->t->tensor, clipped_elements(t, o->i->sub, h, w, lo, n, x->dim[3]) * dtype_bytes(x->dtype));
}

/* Each member once, however often the instruction names it. */
static void count_operands(TmExec *z, const Op *o)
{
    const TmIns *i = o->i;
    if (i->wgt >= 0) count_operand(z, o, &o->wgt, 0, 0);
    if (i->op == TM_PW && in_place(&o->src)) count_operand(z, o, &o->src, o->wgt.org[3], o->wgt.t->cpad);
    const TmTile *seen[2 * MOST_OPERANDS + 1];
    int n = 0;
    if (i->wgt >= 0) seen[n++] = o->wgt.t;
    for (int k = 0; k < i->epi.n; k++)
        for (int e = 0; e < 2; e++) {
            const TmView *v = &o->epi[k][e];
            bool again = !names_tiles(&i->epi.at[k]) || (e && i->epi.at[k].kind != TM_EPI_BN);
            for (int s = 0; s < n && !again; s++) again = seen[s] == v->t && v->t->member;
            if (again) continue;
            seen[n++] = v->t;
            count_operand(z, o, v, o->lo, o->written);
        }
}

/* ---- operands by absolute coordinates ---- */

static float in_global(TmExec *z, const TmView *v, int64_t y, int64_t x, int64_t c)
{
    const float *p = tm_data_at(z, v->t->tensor, v->org[0], y, x, c);
    return p ? *p : 0;
}

static float value(TmExec *z, const TmView *v, int64_t y, int64_t x, int64_t c)
{
    if (in_place(v)) return in_global(z, v, y, x, c);
    return tm_view_get(z, v, y - v->org[1], x - v->org[2], c - v->org[3]);
}

/* The epilogue's tile at pixel (y, x), channel c. Stored channels behind the last one (pad) that the tile does not store read 0. */
static float operand(TmExec *z, const TmView *v, bool vector, int64_t y, int64_t x, int64_t c, bool pad)
{
    if (pad && !in_place(v) && c - v->org[3] >= v->t->cpad) return 0;
    if (vector || tm_spreads(z->m, v->t, 1)) y = v->org[1];
    if (vector || tm_spreads(z->m, v->t, 2)) x = v->org[2];
    return value(z, v, y, x, c);
}

static float constant(const TmExec *z, const TmEpi *e) { return (float)(z->r->exact ? tm_exact_constant(e->kind, e->a) : e->a); }

static float step(TmExec *z, const Op *o, int k, float v, int64_t y, int64_t x, int64_t c, bool pad)
{
    const TmEpi *e = &o->i->epi.at[k];
    float t = names_tiles(e) ? operand(z, &o->epi[k][0], e->kind <= TM_EPI_BN, y, x, c, pad) : 0;
    switch (e->kind) {
    case TM_EPI_BIAS: case TM_EPI_ADD: return v + t;
    case TM_EPI_BN: {
        float product = v * t;
        return product + operand(z, &o->epi[k][1], true, y, x, c, pad);
    }
    case TM_EPI_ACT: return z->r->exact ? tm_exact_act(e->act, e->a, e->b, v) : tm_act(e->act, e->a, e->b, v);
    case TM_EPI_SUB: return v - t;
    case TM_EPI_RSUB: return t - v;
    case TM_EPI_MUL: return v * t;
    case TM_EPI_ADDC: return v + constant(z, e);
    case TM_EPI_RSUBC: return constant(z, e) - v;
    case TM_EPI_MULC: return v * constant(z, e);
    case TM_EPI_ROUND: return tm_rounded(e->dtype, v);
    }
    return v;
}

static float finished(TmExec *z, const Op *o, float v, int64_t y, int64_t x, int64_t c)
{
    for (int k = 0; k < o->i->epi.n; k++) v = step(z, o, k, v, y, x, c, c >= o->lo + o->n);
    return v;
}

static bool outside(const Op *o, int64_t y, int64_t x) { return y < 0 || y >= o->shape->dim[1] || x < 0 || x >= o->shape->dim[2]; }

/* sum for output channel c of pixel (y, x): added to the accumulator, or finished and stored. */
static void deliver(TmExec *z, const Op *o, int64_t y, int64_t x, int64_t c, float sum)
{
    const TmView *d = &o->dst;
    int64_t h = y - d->org[1], w = x - d->org[2], at = c - d->org[3];
    if (c >= o->lo + o->n && at >= d->t->cpad) return;          /* an eighth that the destination does not store */
    if (o->i->accumulate) tm_view_put(z, d, z->vars, h, w, at, tm_view_get(z, d, h, w, at) + sum);
    else tm_view_put(z, d, z->vars, h, w, at, o->i->masked && outside(o, y, x) ? 0 : finished(z, o, sum, y, x, c));
}

/* ---- the operations ---- */

static void zero(TmExec *z, const Op *o)
{
    const TmTile *t = o->dst.t;
    for (int64_t h = 0; h < t->ext[1]; h++)
        for (int64_t w = 0; w < t->ext[2] && tm_exec_steps(z, t->cpad); w++)
            for (int64_t c = 0; c < t->cpad; c++) tm_view_put(z, &o->dst, z->vars, h, w, c, 0);
}

/* One pixel: source channels wgt.org[3] … + C - 1 against the rows of the weights. */
static void pw_pixel(TmExec *z, const Op *o, const float *weights, float *source, int64_t y, int64_t x)
{
    int64_t C = o->wgt.t->cpad;
    bool skip = o->i->masked && outside(o, y, x);               /* its value is 0 whatever the source holds */
    for (int64_t c = 0; c < C && !skip; c++) source[c] = value(z, &o->src, y, x, o->wgt.org[3] + c);
    for (int64_t k = 0; k < o->written; k++) {
        float sum = 0;
        for (int64_t c = 0; c < C && k < o->n && !skip; c++) sum += weights[k * C + c] * source[c];
        deliver(z, o, y, x, o->lo + k, sum);
    }
}

static void pw(TmExec *z, const Op *o)
{
    int64_t C = o->wgt.t->cpad, n = tm_sat_mul(o->n, C);
    if (n > 1 << 26) tm_exec_fail(z, "weights of %lld elements", (long long)n);
    if (!tm_exec_steps(z, n)) return;
    ArenaMark mark = arena_mark(z->a);
    float *weights = NEW_N(z->a, float, n), *source = NEW_N(z->a, float, C);
    for (int64_t k = 0; k < o->n; k++)
        for (int64_t c = 0; c < C; c++) weights[k * C + c] = tm_view_get(z, &o->wgt, 0, k, c);
    for (int64_t h = o->i->sub.h0; h < o->i->sub.h1; h++)
        for (int64_t w = o->i->sub.w0; w < o->i->sub.w1 && tm_exec_steps(z, o->written + n); w++)
            pw_pixel(z, o, weights, source, o->dst.org[1] + h, o->dst.org[2] + w);
    if (!z->why) arena_reset(z->a, mark);                       /* else the reason lives behind the mark */
}

static float dw_sum(TmExec *z, const Op *o, int64_t y, int64_t x, int64_t k)
{
    const TmGeom *g = &o->i->geom;
    const TmTile *t = o->wgt.t;
    int64_t c = (o->lo + k) / g->mult;
    float sum = 0;
    if (k >= o->n && c - o->src.org[3] >= o->src.t->cpad) return 0;
    for (int64_t r = 0; r < t->ext[1]; r++)
        for (int64_t s = 0; s < t->ext[2]; s++) {
            float weight = k < o->n ? tm_view_get(z, &o->wgt, r, s, k) : 0;
            int64_t sy = y * g->stride_h - g->pad_top + (o->wgt.org[1] + r) * g->dil_h;
            int64_t sx = x * g->stride_w - g->pad_left + (o->wgt.org[2] + s) * g->dil_w;
            sum += weight * value(z, &o->src, sy, sx, c);
        }
    return sum;
}

static void dw(TmExec *z, const Op *o)
{
    int64_t taps = tm_sat_mul(o->wgt.t->ext[1], o->wgt.t->ext[2]);
    for (int64_t h = o->i->sub.h0; h < o->i->sub.h1; h++)
        for (int64_t w = o->i->sub.w0; w < o->i->sub.w1 && tm_exec_steps(z, tm_sat_mul(taps, o->written)); w++) {
            int64_t y = o->dst.org[1] + h, x = o->dst.org[2] + w;
            bool skip = o->i->masked && outside(o, y, x);
            for (int64_t k = 0; k < o->written; k++) deliver(z, o, y, x, o->lo + k, skip ? 0 : dw_sum(z, o, y, x, k));
        }
}

static void finish(TmExec *z, const Op *o)
{
    for (int64_t h = o->i->sub.h0; h < o->i->sub.h1; h++)
        for (int64_t w = o->i->sub.w0; w < o->i->sub.w1 && tm_exec_steps(z, o->written); w++) {
            int64_t y = o->dst.org[1] + h, x = o->dst.org[2] + w;
            bool skip = o->i->masked && outside(o, y, x);
            for (int64_t k = 0; k < o->written; k++) {
                bool stored = k < o->n || o->lo + k - o->src.org[3] < o->src.t->cpad;
                deliver(z, o, y, x, o->lo + k, skip || !stored ? 0 : value(z, &o->src, y, x, o->lo + k));
            }
        }
}

static void store(TmExec *z, const Op *o)
{
    const TmSub s = o->i->sub;
    for (int64_t h = s.h0; h < s.h1; h++)
        for (int64_t w = s.w0; w < s.w1 && tm_exec_steps(z, o->n); w++) {
            int64_t y = o->src.org[1] + h, x = o->src.org[2] + w;
            for (int64_t k = 0; k < o->n && !outside(o, y, x); k++) {
                float *to = tm_data_at(z, o->i->tensor, o->src.org[0], y, x, o->lo + k);
                if (to) *to = tm_rounded(o->shape->dtype, finished(z, o, value(z, &o->src, y, x, o->lo + k), y, x, o->lo + k));
            }
        }
    int64_t elements = clipped_elements(&o->src, s, o->shape->dim[1], o->shape->dim[2], o->lo, o->n, o->shape->dim[3]);
    tm_count(z, true, o->i->tensor, elements * dtype_bytes(o->shape->dtype));
}

void tm_exec_op(TmExec *z, const TmIns *i)
{
    Op o = { 0 };
    if (!make_op(z, i, &o)) return;
    if (i->op != TM_ZERO) count_operands(z, &o);
    if (i->op == TM_ZERO) zero(z, &o);
    else if (i->op == TM_PW) pw(z, &o);
    else if (i->op == TM_DW) dw(z, &o);
    else if (i->op == TM_FINISH) finish(z, &o);
    else if (i->op == TM_STORE) store(z, &o);
}
