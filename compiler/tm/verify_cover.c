/* verify_cover.c: complete sums and complete stores, as questions to tm_cover().
 *
 *     dimension         0          1            2              3
 *     stores            image n    row h        column w       channel
 *     pw sums           -          -            channel k      contracted channel c      (the weights' own dimensions)
 *     dw sums           -          tap r        tap s          channel k */
#include "cover.h"
#include "operands.h"
#include "verify.h"

typedef VEC(Coverer) Coverers;

/* The loops that are open at instruction `to` but not at instruction `from` (-1: none is). */
static bool loops_between(const TmProgram *p, int from, int to, Coverer *c)
{
    int open[64], n = 0, outer = 0;
    for (int k = 0; k <= to; k++) {
        const TmIns *i = &p->code.at[k];
        if (k == from) outer = n;
        if (k == to) break;
        if (i->op == TM_LOOP && n == 64) return false;
        if (i->op == TM_LOOP) open[n++] = i->loop;
        if (i->op == TM_END) n--;
        if (n < outer) outer = n;
    }
    if (n - outer > COVER_LOOPS) return false;
    c->nloop = 0;
    for (int k = outer; k < n; k++) c->loops[c->nloop++] = open[k];
    return true;
}

static const char *judge(Arena *a, const TmModule *m, const TmProgram *p, int at, CoverResult r, const char *what, const char *of)
{
    static const char *const verdicts[] = { [COVER_HOLE] = "misses", [COVER_TWICE] = "has twice",
                                           [COVER_TOO_LARGE] = "is too long to check at" };
    if (r.kind == COVER_EXACT) return NULL;
    return arena_printf(a, "%s: %s of %s %s (%lld, %lld, %lld, %lld)", tm_ins_text(a, m, p, at), what, of, verdicts[r.kind],
                        (long long)r.at[0], (long long)r.at[1],
                        (long long)r.at[2], (long long)r.at[3]);
}

/* ---- sums ---- */

static Coverer product(const TmProgram *p, const TmIns *i)
{
    const TmTile *w = &p->tiles.at[i->wgt];
    Coverer c = { .ins = i };
    for (int d = 0; d < 4; d++) {
        c.lo[d] = d > 0 ? w->org[d] : affine_const(0);
        c.n[d] = d > 0 ? w->ext[d] : 1;
    }
    return c;
}

/* What the products into tile `dst` must cover: the weight tensor, its output channels cut to the window of the destination. */
static const char *cover_products(Arena *a, const TmModule *m, const TmProgram *p, int at, const Coverers *c, int64_t *vars)
{
    const TmIns *i = &p->code.at[at];
    const TmTile *d = &p->tiles.at[i->dst], *w = &p->tiles.at[i->wgt];
    const TmTensor *z = &m->tensors.at[w->tensor];
    int out = i->op == TM_PW ? 2 : 3;
    WinSpan size[4] = { { 0, 1 }, { 0, z->dim[1] }, { 0, z->dim[2] }, { 0, z->dim[3] } };
    const Affine *first = i->accumulate ? &d->org[3] : &w->org[out];
    WinSpan window = win_clip((WinSpan){ affine_eval(first, vars), i->accumulate ? d->ext[3] : w->ext[out] }, z->dim[out]);
    size[out] = window;
    CoverResult r = tm_cover(a, p, c->at, c->n, size, vars);
    return judge(a, m, p, at, r, "the sum over", z->name);
}

static int zero_before(const TmProgram *p, int at)
{
    int k = at;
    while (k >= 0 && !(p->code.at[k].op == TM_ZERO && p->code.at[k].dst == p->code.at[at].dst)) k--;
    return k;
}

/* All additions that share the ZERO of the one at `at`; at is the first of them. */
static const char *sum_at(Arena *a, const TmModule *m, const TmProgram *p, int at, int64_t *vars)
{
    const TmIns *i = &p->code.at[at];
    int zero = i->accumulate ? zero_before(p, at) : at;
    Coverers c = { 0 };
    if (zero < 0) return NULL;                      /* the abstract run says so */
    for (int k = zero; k < p->code.n; k++) {
        const TmIns *o = &p->code.at[k];
        bool same = i->accumulate ? o->accumulate && o->dst == i->dst && o->op == i->op && zero_before(p, k) == zero : k == at;
        if (!same) continue;
        if (k < at) return NULL;
        Coverer one = product(p, o);
        if (!loops_between(p, zero, k, &one)) return arena_printf(a, "%s: stands in too many loops", tm_ins_text(a, m, p, k));
        vec_push(a, &c, one);
    }
    return cover_products(a, m, p, at, &c, vars);
}

/* Does a loop that opens behind `from` contain both? */
static bool share_loop(const TmProgram *p, int from, int k, int l)
{
    for (int s = from + 1; s < p->code.n; s++) {
        if (p->code.at[s].op != TM_LOOP) continue;
        int e = tm_loop_end(p, s);
        if (s < k && k < e && s < l && l < e) return true;
    }
    return false;
}

/* FINISH and STORE take a sum after the last addition, outside the loops that add; and something is added. */
static const char *taken_complete(Arena *a, const TmModule *m, const TmProgram *p, int at)
{
    const TmTile *sum = &p->tiles.at[p->code.at[at].src];
    int zero = at, additions = 0;
    while (zero >= 0 && !(p->code.at[zero].op == TM_ZERO && p->code.at[zero].dst == p->code.at[at].src)) zero--;
    if (zero < 0) return NULL;                      /* no sum, or never zeroed: the abstract run says so */
    for (int k = zero; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (!i->accumulate || i->dst != p->code.at[at].src || zero_before(p, k) != zero) continue;
        additions++;
        if (k > at || share_loop(p, zero, k, at))
            return arena_printf(a, "%s: takes %s before %s is done", tm_ins_text(a, m, p, at), sum->name, tm_ins_text(a, m, p, k));
    }
    return additions ? NULL : arena_printf(a, "%s: nothing is added to %s", tm_ins_text(a, m, p, at), sum->name);
}

const char *verify_sums(Arena *a, const TmModule *m, const TmProgram *p)
{
    int64_t *vars = NEW_N(a, int64_t, p->loops.n);
    const char *why = NULL;
    for (int k = 0; k < p->code.n && !why; k++) {
        TmOp op = p->code.at[k].op;
        if (op == TM_PW || op == TM_DW) why = sum_at(a, m, p, k, vars);
        if (op == TM_FINISH || op == TM_STORE) why = taken_complete(a, m, p, k);
    }
    return why;
}

/* ---- stores ---- */

static bool stored_before(const TmProgram *p, int at)
{
    for (int k = 0; k < at; k++)
        if (p->code.at[k].op == TM_STORE && p->code.at[k].tensor == p->code.at[at].tensor) return true;
    return false;
}

static const char *store_at(Arena *a, const TmModule *m, const TmProgram *p, int at, int64_t *vars)
{
    int tensor = p->code.at[at].tensor;
    const TmTensor *z = &m->tensors.at[tensor];
    Coverers c = { 0 };
    int64_t images = 1;
    for (int k = at; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (i->op != TM_STORE || i->tensor != tensor) continue;
        const TmTile *t = &p->tiles.at[i->src];
        Coverer one = { .ins = i, .n = { t->ext[0], i->sub.h1 - i->sub.h0, i->sub.w1 - i->sub.w0, t->ext[3] } };
        for (int d = 0; d < 4; d++) one.lo[d] = t->org[d];
        one.lo[1].k += i->sub.h0;
        one.lo[2].k += i->sub.w0;
        if (!loops_between(p, -1, k, &one)) return arena_printf(a, "%s: stands in too many loops", tm_ins_text(a, m, p, k));
        if (t->org[0].nterm) images = tm_trip(&p->loops.at[t->org[0].term[0].loop], 2);     /* two show what the batch repeats */
        vec_push(a, &c, one);
    }
    WinSpan size[4] = { { 0, images }, { 0, z->dim[1] }, { 0, z->dim[2] }, { 0, z->dim[3] } };
    return judge(a, m, p, at, tm_cover(a, p, c.at, c.n, size, vars), "the store", z->name);
}

const char *verify_stores(Arena *a, const TmModule *m, const TmProgram *p)
{
    int64_t *vars = NEW_N(a, int64_t, p->loops.n);
    for (int k = 0; k < p->code.n; k++) {
        if (p->code.at[k].op != TM_STORE || stored_before(p, k)) continue;
        const char *why = store_at(a, m, p, k, vars);
        if (why) return why;
        for (int o = 0; o < m->programs.n; o++) {
            const TmProgram *q = m->programs.at[o];
            for (int i = 0; q != p && i < q->code.n; i++)
                if (q->code.at[i].op == TM_STORE && q->code.at[i].tensor == p->code.at[k].tensor)
                    return arena_printf(a, "%s: program %s stores the same tensor", tm_ins_text(a, m, p, k), q->name);
        }
    }
    return NULL;
}
