/* place.c: byte offsets in shared memory (CPU: in the thread's arena). Tiles whose lives do not meet share bytes.
 *
 * A life is an interval of instructions, from the first access to the last. It grows over a whole loop when a value is carried round that
 * loop's back edge or into or out of it:
 *
 *     loop c                       x is written before the loop and read in it: alive to the end, the next iteration reads it again
 *       copy w   ─┐                w is written whole before it is read: its life stays inside
 *       pw y = w ─┘                a line buffer, a staged tile, a sum, a tile read before it is written whole: alive all round
 *     end
 *
 * Iterations of grid loops share nothing, so those loops extend no life. Iterations of persist loops share only what was copied before them, and
 * tiles of two turns: pipe will copy these before the first tile, too. */
#include "device.h"
#include "operands.h"

#include <limits.h>

enum { CPU_ARENA = 256 << 20 };

typedef struct Life { int tile, first, last, size; } Life;

/* Writes every byte that a reader may ask for, whenever it is reached. */
static bool writes_whole(const TmProgram *p, const TmIns *i, int tile)
{
    if (i->dst != tile || i->accumulate || i->guard_loop >= 0) return false;
    const TmTile *t = &p->tiles.at[tile];
    if (t->roll || t->stages > 1) return false;
    if (tm_is_image(t)) return true;
    if (i->sub.h0 > 0 || i->sub.w0 > 0 || i->sub.h1 < t->ext[1] || i->sub.w1 < t->ext[2]) return false;
    if (i->op == TM_PW) return p->tiles.at[i->wgt].ext[2] >= t->ext[3];
    if (i->op == TM_DW) return p->tiles.at[i->wgt].ext[3] >= t->ext[3];
    return true;
}

/* Does the value of the tile go round the back edge of the loop from `at` to `end`? Every access lies inside. The first must be a write of the
 * whole tile that runs in each iteration: not in an inner loop whose iterations may all be cut off by a limit. */
static bool carried(const TmProgram *p, int tile, int at, int end)
{
    int depth = 0, cut = 0;
    for (int k = at + 1; k < end; k++) {
        const TmIns *i = &p->code.at[k];
        if (i->op == TM_LOOP) {
            depth++;
            if (cut == 0 && p->loops.at[i->loop].limit_bound > 0) cut = depth;
        }
        if (i->op == TM_END) {
            if (cut == depth) cut = 0;
            depth--;
        }
        if (tm_reads(p, i, tile)) return true;
        if (i->dst == tile) return cut != 0 || !writes_whole(p, i, tile);
    }
    return true;
}

static void live(const TmProgram *p, Life *l, const int *ends)
{
    l->first = INT_MAX;
    l->last = -1;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (i->dst != l->tile && !tm_reads(p, i, l->tile)) continue;
        if (k < l->first) l->first = k;
        l->last = k;
    }
    for (int k = p->code.n - 1; k >= 0; k--) {                      /* inner loops first */
        if (ends[k] < 0 || p->loops.at[p->code.at[k].loop].kind == TM_GRID) continue;
        if (ends[k] < l->first || k > l->last) continue;            /* no access inside */
        bool inside = k < l->first && l->last < ends[k], persist = p->loops.at[p->code.at[k].loop].kind == TM_PERSIST;
        if (inside && (persist ? !tm_by_turns(p, &p->tiles.at[l->tile]) : !carried(p, l->tile, k, ends[k]))) continue;
        if (k < l->first) l->first = k;
        if (ends[k] > l->last) l->last = ends[k];
    }
}

/* ---- placing ---- */

static bool meet(const Life *a, const Life *b) { return a->first <= b->last && b->first <= a->last; }

/* The tightest gap between tiles placed before number n that meet it; above all of them if there is none. */
static int64_t best_fit(const Life *lives, const int64_t *offsets, int n, int align)
{
    const Life *l = &lives[n];
    int64_t best = -1, tightest = INT64_MAX, at = 0;
    for (;;) {                                      /* a gap runs from `at` to the next tile above; jump over the tiles that cover `at` */
        int64_t gap_end = INT64_MAX, next = at;
        for (int k = 0; k < n; k++) {
            if (!meet(&lives[k], l)) continue;
            int64_t end = win_round_up(offsets[k] + lives[k].size, align);
            if (offsets[k] <= at && end > next) next = end;
            if (offsets[k] > at && offsets[k] < gap_end) gap_end = offsets[k];
        }
        if (next > at) {
            at = next;
            continue;
        }
        if (gap_end - at >= l->size && (best < 0 || gap_end - at < tightest)) {
            tightest = gap_end - at;
            best = at;
        }
        if (gap_end == INT64_MAX) return best;
        at = gap_end;
    }
}

typedef int Before(const Life *a, const Life *b);

static int by_size(const Life *a, const Life *b) { return b->size - a->size; }
static int by_length(const Life *a, const Life *b) { return (b->last - b->first) - (a->last - a->first); }
static int by_start(const Life *a, const Life *b) { return a->first - b->first; }

static int64_t place_in_order(Life *lives, int64_t *offsets, int n, Before *before, int align)
{
    for (int i = 1; i < n; i++) {                   /* insertion sort: stable, hence the same everywhere */
        Life l = lives[i];
        int k = i;
        while (k > 0 && before(&lives[k - 1], &l) > 0) {
            lives[k] = lives[k - 1];
            k--;
        }
        lives[k] = l;
    }
    int64_t top = 0;
    for (int i = 0; i < n; i++) {
        offsets[i] = best_fit(lives, offsets, i, align);
        if (offsets[i] + lives[i].size > top) top = offsets[i] + lives[i].size;
    }
    return win_round_up(top, align);
}

static const char *too_large(Arena *a, const TmProgram *p, const Device *d, int64_t bytes)
{
    if (p->target == TM_CPU && bytes > CPU_ARENA)
        return arena_printf(a, "needs an arena of %lld MiB a thread, at most %d are given", (long long)(bytes >> 20), CPU_ARENA >> 20);
    if (p->target == TM_CPU || !d) return NULL;
    double block = d->smem_block, share = d->smem_sm / p->ctas - d->smem_reserved;
    if ((double)bytes > block)
        return arena_printf(a, "needs %.4g KiB of shared memory, the device has %.4g KiB", (double)bytes / 1024, block / 1024);
    if ((double)bytes > share)
        return arena_printf(a, "needs %.4g KiB of shared memory, %d blocks per SM leave %.4g KiB each", (double)bytes / 1024,
                            p->ctas, share / 1024);
    return NULL;
}

const char *tm_place(Arena *a, const TmModule *m, TmProgram *p, const Device *d)
{
    (void)m;
    int n = 0, align = p->target == TM_CPU ? 64 : 16, *ends = NEW_N(a, int, p->code.n);
    Life *lives = NEW_N(a, Life, p->tiles.n);
    int64_t *offsets = NEW_N(a, int64_t, p->tiles.n), *best = NEW_N(a, int64_t, p->tiles.n), least = INT64_MAX;
    for (int k = 0; k < p->code.n; k++) ends[k] = p->code.at[k].op == TM_LOOP ? tm_loop_end(p, k) : -1;
    for (int t = 0; t < p->tiles.n; t++) {
        const TmTile *x = &p->tiles.at[t];
        if (x->space != TM_SHARED || x->member) continue;
        if (tm_tile_bytes(x) > INT_MAX) return arena_printf(a, "tile %s needs %lld bytes", x->name, (long long)tm_tile_bytes(x));
        lives[n] = (Life){ .tile = t, .size = (int)tm_tile_bytes(x) };
        live(p, &lives[n], ends);
        if (lives[n].last >= 0) n++;
    }
    static Before *const orders[] = { by_size, by_length, by_start };
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        int64_t top = place_in_order(lives, offsets, n, orders[o], align);
        if (top >= least) continue;
        least = top;
        for (int i = 0; i < n; i++) best[lives[i].tile] = offsets[i];
    }
    const char *why = too_large(a, p, d, least);
    if (why) return why;
    for (int i = 0; i < n; i++) p->tiles.at[lives[i].tile].offset = (int)best[lives[i].tile];
    p->arena_bytes = (int)least;
    return NULL;
}
