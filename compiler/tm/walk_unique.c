/* walk_unique.c: sets of positions as spans, and the size of a union of products of such sets (rows × columns × channels).
 * The union is measured by sweeping the first dimension: between two neighbouring ends of spans the same touches are present, and what they
 * cover in the other two dimensions is measured in turn. */
#include "tm_walk.h"

#include <stdlib.h>
#include <string.h>

void tm_spans_add(Arena *a, TmSpans *s, WinSpan x)
{
    if (x.n <= 0) return;
    WinSpan *last = s->n ? &vec_last(s) : NULL;
    if (!last || x.lo < last->lo || x.lo > last->lo + last->n) vec_push(a, s, x);
    else if (x.lo + x.n > last->lo + last->n) last->n = x.lo + x.n - last->lo;
}

static int by_start(const void *a, const void *b)
{
    WinSpan x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x.lo > y.lo) - (x.lo < y.lo);
}

void tm_spans_close(TmSpans *s)
{
    int sorted = 1, to = 0;
    while (sorted < s->n && s->at[sorted - 1].lo + s->at[sorted - 1].n < s->at[sorted].lo) sorted++;
    if (sorted >= s->n) return;
    qsort(s->at, (size_t)s->n, sizeof *s->at, by_start);
    for (int i = 1; i < s->n; i++) {
        WinSpan *last = &s->at[to], x = s->at[i];
        if (x.lo > last->lo + last->n) s->at[++to] = x;
        else if (x.lo + x.n > last->lo + last->n) last->n = x.lo + x.n - last->lo;
    }
    s->n = to + 1;
}

typedef struct Sweep { Arena *a; const TmTouches *all; } Sweep;
typedef VEC(int64_t) Ends;

static int by_value(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static bool covers(const TmSpans *s, int64_t at)
{
    int lo = 0, hi = s->n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (s->at[mid].lo + s->at[mid].n <= at) lo = mid + 1;
        else hi = mid;
    }
    return lo < s->n && s->at[lo].lo <= at;
}

static Ends ends_of(const Sweep *z, const int *set, int n, int dim)
{
    Ends e = { 0 };
    for (int i = 0; i < n; i++) {
        const TmSpans *s = &z->all->at[set[i]].dim[dim];
        for (int k = 0; k < s->n; k++) {
            vec_push(z->a, &e, s->at[k].lo);
            vec_push(z->a, &e, s->at[k].lo + s->at[k].n);
        }
    }
    if (e.n) qsort(e.at, (size_t)e.n, sizeof *e.at, by_value);
    return e;
}

/* Size of the union of the touches set[0 … n-1] in dimensions dim … 2. */
static int64_t measure(const Sweep *z, const int *set, int n, int dim)
{
    if (dim == 3) return n > 0;
    Ends e = ends_of(z, set, n, dim);
    int *here = NEW_N(z->a, int, n), *before = NEW_N(z->a, int, n), nbefore = 0;
    int64_t sum = 0, area = 0;                                  /* area: of the set `before`, which often comes again */
    for (int i = 0; i + 1 < e.n; i++) {
        if (e.at[i] == e.at[i + 1]) continue;
        int nhere = 0;
        for (int k = 0; k < n; k++)
            if (covers(&z->all->at[set[k]].dim[dim], e.at[i])) here[nhere++] = set[k];
        if (nhere == 0) continue;
        if (nhere != nbefore || memcmp(here, before, (size_t)nhere * sizeof *here)) {
            memcpy(before, here, (size_t)nhere * sizeof *here);
            nbefore = nhere;
            area = measure(z, here, nhere, dim + 1);
        }
        sum = tm_sat_add(sum, tm_sat_mul(area, e.at[i + 1] - e.at[i]));
    }
    return sum;
}

static bool same_sets(const TmTouch *a, const TmTouch *b)
{
    for (int d = 0; d < 3; d++)
        if (a->dim[d].n != b->dim[d].n || memcmp(a->dim[d].at, b->dim[d].at, (size_t)a->dim[d].n * sizeof *a->dim[d].at)) return false;
    return true;
}

static int64_t size_of(const TmTouch *t)
{
    int64_t product = 1;
    for (int d = 0; d < 3; d++) {
        int64_t n = 0;
        for (int k = 0; k < t->dim[d].n; k++) n = tm_sat_add(n, t->dim[d].at[k].n);
        product = tm_sat_mul(product, n);
    }
    return product;
}

/* Thousands of ragged spans in several dimensions at once (no schedule makes them) are not swept: their sum bounds the union. */
static bool too_ragged(const TmTouches *all, const int *set, int n)
{
    int64_t work = n;
    for (int d = 0; d < 3; d++) {
        int64_t ends = 0;
        for (int i = 0; i < n; i++) ends += 2 * all->at[set[i]].dim[d].n;
        work = tm_sat_mul(work, ends);
    }
    return work > 1 << 24;
}

int64_t tm_union_elements(Arena *a, const TmTouches *all, const TmTouch *first)
{
    int *set = NEW_N(a, int, all->n), n = 0;
    for (int i = 0; i < all->n; i++) {
        const TmTouch *t = &all->at[i];
        bool known = t->slot != first->slot || t->member != first->member || t->written != first->written;
        for (int k = 0; k < n && !known; k++) known = same_sets(t, &all->at[set[k]]);
        if (!known) set[n++] = i;
    }
    if (n == 1) return size_of(first);
    int64_t sum = 0;
    for (int i = 0; i < n && too_ragged(all, set, n); i++) sum = tm_sat_add(sum, size_of(&all->at[set[i]]));
    if (sum) return sum;
    Sweep z = { a, all };
    return measure(&z, set, n, 0);
}
