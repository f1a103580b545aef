/* cover.c: see cover.h. Where each dimension moves with loops of its own, the dimensions are judged one by one as lists of spans; else all boxes
 * are marked in a grid of their own boundaries (coordinate compression):
 *
 *     spans of h   |-----|-----|---|        no gap, no overlap, from the first position to the last
 */
#include "cover.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BOXES = 1 << 22, MOST_CELLS = 1 << 26, BATCH = 2 };

typedef VEC(int64_t) Numbers;
typedef VEC(WinSpan) Spans;

static bool holds(const int *loops, int n, int loop)
{
    for (int i = 0; i < n; i++)
        if (loops[i] == loop) return true;
    return false;
}

static int add_terms(const Affine *a, const Coverer *c, int *loops, int n)
{
    for (int t = 0; t < a->nterm; t++)
        if (holds(c->loops, c->nloop, a->term[t].loop) && !holds(loops, n, a->term[t].loop)) loops[n++] = a->term[t].loop;
    return n;
}

/* The loops of the coverer that move dimension d, or decide whether such a loop runs. */
static int loops_of(const TmProgram *p, const Coverer *c, int d, int *loops)
{
    int n = add_terms(&c->lo[d], c, loops, 0);
    for (int i = 0; i < n; i++)
        if (p->loops.at[loops[i]].limit_bound > 0) n = add_terms(&p->loops.at[loops[i]].limit, c, loops, n);
    return n;
}

static bool separable(const TmProgram *p, const Coverer *c)
{
    int seen[COVER_LOOPS * 4], n = 0, loops[COVER_LOOPS];
    if (c->ins->guard_loop >= 0) return false;
    for (int d = 0; d < 4; d++) {
        int k = loops_of(p, c, d, loops);
        for (int i = 0; i < k; i++) {
            if (holds(seen, n, loops[i])) return false;
            seen[n++] = loops[i];
        }
    }
    for (int i = 0; i < c->nloop; i++)              /* a loop that moves nothing repeats the boxes */
        if (!holds(seen, n, c->loops[i]) && tm_trip(&p->loops.at[c->loops[i]], BATCH) != 1) return false;
    return true;
}

/* ---- enumeration ---- */

static void start(const int *loops, int n, int64_t *vars)
{
    for (int i = 0; i < n; i++) vars[loops[i]] = 0;
}

static bool next(const TmProgram *p, const int *loops, int n, int64_t *vars)
{
    for (int i = n - 1; i >= 0; i--) {
        if (++vars[loops[i]] < tm_trip(&p->loops.at[loops[i]], BATCH)) return true;
        vars[loops[i]] = 0;
    }
    return false;
}

static bool runs(const TmProgram *p, const int *loops, int n, const int64_t *vars)
{
    for (int i = 0; i < n; i++)
        if (!tm_runs(&p->loops.at[loops[i]], vars)) return false;
    return true;
}

static int64_t iterations(const TmProgram *p, const int *loops, int n)
{
    int64_t all = 1;
    for (int i = 0; i < n; i++)
        if (!win_mul(all, tm_trip(&p->loops.at[loops[i]], BATCH), &all)) return INT64_MAX;
    return all;
}

static WinSpan span_at(const Coverer *c, int d, WinSpan size, const int64_t *vars)
{
    WinSpan s = win_clip((WinSpan){ affine_eval(&c->lo[d], vars) - size.lo, c->n[d] }, size.n);
    s.lo += size.lo;
    return s;
}

/* ---- one dimension ---- */

static int by_start(const void *a, const void *b)
{
    const WinSpan *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

static CoverResult cover_line(Arena *a, const TmProgram *p, const Coverer *c, int d, WinSpan size, int64_t *vars)
{
    int loops[COVER_LOOPS], n = loops_of(p, c, d, loops);
    CoverResult r = { COVER_EXACT, { 0 } };
    Spans spans = { 0 };
    if (iterations(p, loops, n) > MOST_BOXES) return (CoverResult){ COVER_TOO_LARGE, { 0 } };
    start(loops, n, vars);
    do {
        WinSpan s = span_at(c, d, size, vars);
        if (s.n > 0 && runs(p, loops, n, vars)) vec_push(a, &spans, s);
    } while (next(p, loops, n, vars));
    if (spans.n) qsort(spans.at, (size_t)spans.n, sizeof *spans.at, by_start);
    int64_t at = size.lo;
    for (int i = 0; i < spans.n && r.kind == COVER_EXACT; i++) {
        if (spans.at[i].lo != at) r.kind = spans.at[i].lo > at ? COVER_HOLE : COVER_TWICE;
        if (r.kind == COVER_EXACT) at = spans.at[i].lo + spans.at[i].n;
        else if (r.kind == COVER_TWICE) at = spans.at[i].lo;
    }
    if (r.kind == COVER_EXACT && at < size.lo + size.n) r.kind = COVER_HOLE;
    r.at[d] = at;
    return r;
}

/* ---- all dimensions at once ---- */

typedef struct Marks { Numbers edge[4]; unsigned char *mark; int64_t cells; } Marks;

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int64_t find(const Numbers *e, int64_t v)
{
    int lo = 0, hi = e->n - 1;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (e->at[mid] < v) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static void sort_unique(Numbers *e)
{
    int n = 0;
    qsort(e->at, (size_t)e->n, sizeof *e->at, by_value);
    for (int i = 0; i < e->n; i++)
        if (n == 0 || e->at[n - 1] != e->at[i]) e->at[n++] = e->at[i];
    e->n = n;
}

/* The boundaries of dimension d. Loops that do not move it are left at 0. */
static void edges(Arena *a, const TmProgram *p, const Coverer *c, int n, int d, WinSpan size, int64_t *vars, Numbers *e)
{
    vec_push(a, e, size.lo);
    vec_push(a, e, size.lo + size.n);
    for (int i = 0; i < n; i++) {
        int loops[COVER_LOOPS], k = add_terms(&c[i].lo[d], &c[i], loops, 0);
        start(c[i].loops, c[i].nloop, vars);
        do {
            WinSpan s = span_at(&c[i], d, size, vars);
            vec_push(a, e, s.lo);
            vec_push(a, e, s.lo + s.n);
        } while (next(p, loops, k, vars));
    }
    sort_unique(e);
}

static void put_at(const Marks *m, int64_t cell, CoverResult *r)
{
    for (int d = 3; d >= 0; d--) {
        r->at[d] = m->edge[d].at[cell % (m->edge[d].n - 1)];
        cell /= m->edge[d].n - 1;
    }
}

/* Marks one box; the cell that was marked before, or -1. */
static int64_t mark_box(Marks *m, const WinSpan *s)
{
    int64_t lo[4], hi[4];
    for (int d = 0; d < 4; d++) {
        lo[d] = find(&m->edge[d], s[d].lo);
        hi[d] = find(&m->edge[d], s[d].lo + s[d].n);
    }
    for (int64_t i = lo[0]; i < hi[0]; i++)
        for (int64_t j = lo[1]; j < hi[1]; j++)
            for (int64_t k = lo[2]; k < hi[2]; k++)
                for (int64_t l = lo[3]; l < hi[3]; l++) {
                    int64_t cell = ((i * (m->edge[1].n - 1) + j) * (m->edge[2].n - 1) + k) * (m->edge[3].n - 1) + l;
                    if (m->mark[cell]++) return cell;
                }
    return -1;
}

static CoverResult cover_grid(Arena *a, const TmProgram *p, const Coverer *c, int n, const WinSpan size[4], int64_t *vars)
{
    Marks m = { .cells = 1 };
    CoverResult r = { COVER_TOO_LARGE, { 0 } };
    for (int i = 0; i < n; i++)
        if (iterations(p, c[i].loops, c[i].nloop) > MOST_BOXES) return r;
    for (int d = 0; d < 4; d++) {
        edges(a, p, c, n, d, size[d], vars, &m.edge[d]);
        if (m.edge[d].n < 2) return (CoverResult){ COVER_EXACT, { 0 } };        /* nothing to cover */
        if (!win_mul(m.cells, m.edge[d].n - 1, &m.cells) || m.cells > MOST_CELLS) return r;
    }
    m.mark = arena_alloc(a, (size_t)m.cells);
    for (int i = 0; i < n; i++) {
        start(c[i].loops, c[i].nloop, vars);
        do {
            WinSpan s[4];
            if (!runs(p, c[i].loops, c[i].nloop, vars) || !tm_guard(p, c[i].ins, vars, BATCH)) continue;
            for (int d = 0; d < 4; d++) s[d] = span_at(&c[i], d, size[d], vars);
            int64_t twice = mark_box(&m, s);
            if (twice < 0) continue;
            r.kind = COVER_TWICE;
            put_at(&m, twice, &r);
            return r;
        } while (next(p, c[i].loops, c[i].nloop, vars));
    }
    const unsigned char *hole = memchr(m.mark, 0, (size_t)m.cells);
    r.kind = hole ? COVER_HOLE : COVER_EXACT;
    if (hole) put_at(&m, hole - m.mark, &r);
    return r;
}

CoverResult tm_cover(Arena *a, const TmProgram *p, const Coverer *c, int n, const WinSpan size[4], int64_t *vars)
{
    CoverResult r = { COVER_EXACT, { 0 } };
    ArenaMark mark = arena_mark(a);
    if (n == 1 && separable(p, c)) {
        for (int d = 0; d < 4 && r.kind == COVER_EXACT; d++) r = cover_line(a, p, c, d, size[d], vars);
        for (int d = 0; d < 4; d++)
            if (r.at[d] < size[d].lo) r.at[d] = size[d].lo;
    } else {
        r = cover_grid(a, p, c, n, size, vars);
    }
    arena_reset(a, mark);
    return r;
}
