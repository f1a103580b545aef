/* walk.c: what a program moves and computes, read off the program: sums over its loops, no formula of its own.
 *
 * Separable sums. What an instruction moves in one iteration is a product of clipped spans, rows × columns × channels; each depends on a few
 * loops only. Loops that no origin and no limit ties together are independent, so the sum over all iterations is a product of small sums:
 *
 *     Σ_n Σ_i Σ_j Σ_c  rows(i) · cols(j) · chans(c)  =  N · Σ_i rows(i) · Σ_j cols(j) · Σ_c chans(c)
 *
 * Guards count with the component of their loop. A copy with a lead is the same window, shifted by lead iterations.
 *
 * Issued bytes are exact and equal to every counter. Unique bytes are exact when rows, columns and channels of an instruction depend on
 * different components (all programs that lower/ makes), else an upper bound. Flops count what is executed: whole fragments of the warp or
 * thread grid, stored channels in eights, pixels outside the image too. */
#include "tm_walk.h"

#include <string.h>

/* lo + … n positions, clipped to [0, size). */
typedef struct Dim { Affine lo; int64_t n, size; } Dim;

typedef struct Walk {
    Arena *a;
    const TmModule *m;
    const TmProgram *p;
    int64_t batch;
    int comp[TM_WALK_LOOPS], ncomp;
    int open[TM_WALK_LOOPS], depth; /* loops round the instruction, outermost first */
    int64_t trips[TM_WALK_LOOPS];   /* of each component: the product of its open loops' trips */
    uint64_t limited;               /* components of which an open loop has a limit, bit by bit */
    const TmIns *ins;
    int64_t blocks;                 /* that execute it at each grid point: 1 inside the persist loops, where they share the tiles */
    int64_t runs;                   /* how often it is executed in all */
    int64_t iterations;             /* of all open loops; -1: not counted since one was opened or closed */
    int64_t bytes;                  /* of global memory so far, in both directions */
    int64_t vars[TM_WALK_LOOPS];
    TmTouches touches;
    TmWalk *w;
} Walk;

/* ---- sums over the loops of one component ---- */

/* Loops of component c round the instruction, and the dimensions that depend on them. */
typedef struct Part { int loop[TM_WALK_LOOPS], nloop; const Dim *dim[3]; int ndim; bool guarded; TmSpans *spans; } Part;

static uint64_t bit(int component) { return (uint64_t)1 << component; }

/* A turn ahead is counted as the tile that it belongs to. */
static bool is_guarded(const Walk *z) { return z->ins->guard_loop >= 0 && z->p->loops.at[z->ins->guard_loop].kind != TM_TURN; }

static bool depends(const Walk *z, const Affine *a, int c)
{
    for (int i = 0; i < a->nterm; i++)
        if (z->comp[a->term[i].loop] == c) return true;
    return false;
}

static Part part_of(const Walk *z, int c, const Dim *dims, int ndim)
{
    Part part = { .guarded = is_guarded(z) && z->comp[z->ins->guard_loop] == c };
    for (int i = 0; i < z->depth; i++) {
        if (z->comp[z->open[i]] == c) part.loop[part.nloop++] = z->open[i];
    }
    for (int d = 0; d < ndim; d++)
        if (depends(z, &dims[d].lo, c)) part.dim[part.ndim++] = &dims[d];
    return part;
}

static WinSpan clipped(const Walk *z, const Dim *d) { return win_clip((WinSpan){ affine_eval(&d->lo, z->vars), d->n }, d->size); }

static int64_t leaf(Walk *z, const Part *part)
{
    if (part->guarded && !tm_guard(z->p, z->ins, z->vars, z->batch)) return 0;
    int64_t product = 1;
    for (int d = 0; d < part->ndim; d++) {
        WinSpan s = clipped(z, part->dim[d]);
        product = tm_sat_mul(product, s.n);
        if (part->spans) tm_spans_add(z->a, part->spans, s);
    }
    return product;
}

/* The innermost loop where one window just moves on through its tensor: those that lie inside count alike, only the ones at the borders are looked
 * at; windows that touch reach one span. false: it is no such loop. */
static bool slide(Walk *z, const Part *part, int loop, int64_t trip, int64_t *sum)
{
    const Dim *d = part->dim[0];
    int64_t step = 0;
    if (part->ndim != 1 || part->guarded || z->p->loops.at[loop].limit_bound > 0) return false;
    for (int i = 0; i < d->lo.nterm; i++)
        if (d->lo.term[i].loop == loop) step += d->lo.term[i].coef;
    int64_t first = affine_eval(&d->lo, z->vars);
    if (step <= 0 || trip <= 0 || (part->spans && step > d->n)) return false;
    if (part->spans) {
        tm_spans_add(z->a, part->spans, win_clip((WinSpan){ first, step * (trip - 1) + d->n }, d->size));
        return true;
    }
    int64_t room = d->size - d->n - first, from = first < 0 ? win_div_up(-first, step) : 0, to = room < 0 ? 0 : room / step + 1;
    if (from > trip) from = trip;
    if (to > trip) to = trip;
    if (to < from) to = from;
    *sum = tm_sat_mul(to - from, d->n);
    for (int64_t v = 0; v < trip; v++) {
        if (v == from) v = to;
        if (v < trip) *sum = tm_sat_add(*sum, win_clip((WinSpan){ first + step * v, d->n }, d->size).n);
    }
    return true;
}

static int64_t nest(Walk *z, const Part *part, int at)
{
    if (at == part->nloop) return leaf(z, part);
    const TmLoop *l = &z->p->loops.at[part->loop[at]];
    int64_t *v = &z->vars[part->loop[at]], sum = 0, trip = tm_trip(l, z->batch);
    if (at + 1 == part->nloop && slide(z, part, part->loop[at], trip, &sum)) return sum;
    for (*v = 0; *v < trip && tm_runs(l, z->vars); ++*v) sum = tm_sat_add(sum, nest(z, part, at + 1));
    *v = 0;
    return sum;
}

/* Σ over all iterations of the product of the dimensions: component by component, of those that nothing depends on just the iterations. */
static int64_t total(Walk *z, const Dim *dims, int ndim)
{
    int64_t product = z->blocks;
    uint64_t matters = z->limited;
    if (is_guarded(z)) matters |= bit(z->comp[z->ins->guard_loop]);
    for (int d = 0; d < ndim; d++)
        for (int i = 0; i < dims[d].lo.nterm; i++) matters |= bit(z->comp[dims[d].lo.term[i].loop]);
    for (int c = 0; c < z->ncomp && product; c++) {
        if (matters & bit(c)) {
            Part part = part_of(z, c, dims, ndim);
            product = tm_sat_mul(product, nest(z, &part, 0));
        } else if (z->trips[c] != 1) product = tm_sat_mul(product, z->trips[c]);
    }
    for (int d = 0; d < ndim; d++)
        if (dims[d].lo.nterm == 0) product = tm_sat_mul(product, clipped(z, &dims[d]).n);
    return product;
}

/* All positions that one dimension reaches. */
static TmSpans reach(Walk *z, const Dim *d)
{
    TmSpans spans = { 0 };
    if (d->lo.nterm == 0) {
        tm_spans_add(z->a, &spans, clipped(z, d));
        return spans;
    }
    Part part = part_of(z, z->comp[d->lo.term[0].loop], d, 1);
    part.spans = &spans;
    nest(z, &part, 0);
    tm_spans_close(&spans);
    return spans;
}

/* ---- global memory ---- */

/* One instruction's access: what it reaches (dims) and how often each position is touched (issue, usually the same dims). */
static void access(Walk *z, int slot, int member, bool written, int64_t unit, const Dim *dims, const Dim *issue)
{
    int64_t *issued = (written ? z->w->issued.written : z->w->issued.read) + slot, n = total(z, issue, 3);
    *issued = tm_sat_add(*issued, tm_sat_mul(n, unit));
    z->bytes = tm_sat_add(z->bytes, tm_sat_mul(n, unit));
    if (n == 0) return;
    TmTouch t = { .slot = slot, .member = member, .written = written, .unit = unit };
    for (int d = 0; d < 3; d++) t.dim[d] = reach(z, &dims[d]);
    vec_push(z->a, &z->touches, t);
}

static const Dim one = { .n = 1, .size = 1 };

static const TmTile *tile(const Walk *z, int at) { return &z->p->tiles.at[at]; }

/* The window of tile t, its rows and columns cut to sub, over tensor x. */
static void window(const TmTile *t, TmSub sub, const TmTensor *x, Dim dims[3])
{
    dims[0] = (Dim){ t->org[1], sub.h1 - sub.h0, x->dim[1] };
    dims[1] = (Dim){ t->org[2], sub.w1 - sub.w0, x->dim[2] };
    dims[2] = (Dim){ t->org[3], t->ext[3], x->dim[3] };
    dims[0].lo.k += sub.h0;
    dims[1].lo.k += sub.w0;
}

static void walk_copy(Walk *z)
{
    const TmIns *i = z->ins;
    const TmTile *t = tile(z, i->dst);
    Dim dims[3] = { one, one, one };
    int slot = t->tensor;
    int64_t unit;
    if (tm_is_image(t)) {
        const TmImage *im = &z->p->images.at[t->image];
        slot = tm_image_slot(z->m, z->p, t->image);
        unit = im->bytes;
        dims[2] = (Dim){ t->org[3], t->ext[3], im->count };
    } else {
        window(t, i->sub, &z->m->tensors.at[t->tensor], dims);
        unit = dtype_bytes(z->m->tensors.at[t->tensor].dtype);
    }
    for (int d = 0; d < 3 && i->lead && !tm_by_turns(z->p, t); d++) dims[d].lo.k += i->lead * affine_coef(&dims[d].lo, t->stage_loop);
    access(z, slot, -1, false, unit, dims, dims);
}

/* A member read in place counts whole, once per instruction that names it. */
static void walk_member(Walk *z, int at)
{
    if (at < 0 || !tile(z, at)->member || tm_space_of(z->p, tile(z, at)) != TM_GLOBAL) return;
    const TmImage *im = &z->p->images.at[tile(z, at)->image];
    Dim dims[3] = { one, one, one };
    for (int l = 0; l < im->nloop; l++) dims[l] = (Dim){ affine_term(0, im->loops[l], 1), 1, z->p->loops.at[im->loops[l]].trip };
    access(z, tm_image_slot(z->m, z->p, tile(z, at)->image), at, false, tm_member_bytes(tile(z, at)), dims, dims);
}

/* A source in global memory, at the pixels of the destination: sub of tile t, channels lo … lo + n - 1. One row or column that is spread is
 * touched once per pixel of the destination inside its own tensor. */
static void walk_in_place(Walk *z, int at, const TmTile *t, const Affine *lo, int64_t n)
{
    const TmTile *s = tile(z, at);
    if (s->member || s->space != TM_GLOBAL) return;
    const TmTensor *x = &z->m->tensors.at[s->tensor];
    Dim dims[3], issue[3];
    window(t, z->ins->sub, x, dims);
    dims[2] = (Dim){ *lo, n, x->dim[3] };
    memcpy(issue, dims, sizeof issue);
    for (int d = 1; d <= 2; d++) {
        if (!tm_spreads(z->m, s, d)) continue;
        issue[d - 1].size = z->m->tensors.at[t->tensor].dim[d];
        dims[d - 1] = one;
    }
    access(z, s->tensor, -1, false, dtype_bytes(x->dtype), dims, issue);
}

/* Members are counted once per instruction, however often it names them. */
static void walk_operands(Walk *z)
{
    const TmIns *i = z->ins;
    const TmTile *t = tile(z, i->op == TM_STORE ? i->src : i->dst);
    TmChannels c = tm_channels(z->p, i);
    int seen[2 * 64 + 1], n = 0;
    if (i->wgt >= 0) walk_member(z, seen[n++] = i->wgt);
    if (i->op == TM_PW) walk_in_place(z, i->src, t, &tile(z, i->wgt)->org[3], tile(z, i->wgt)->cpad);
    for (int k = 0; k < i->epi.n; k++) {
        const int tiles[2] = { i->epi.at[k].tile, i->epi.at[k].kind == TM_EPI_BN ? i->epi.at[k].tile2 : -1 };
        if (i->epi.at[k].kind == TM_EPI_ACT || i->epi.at[k].kind > TM_EPI_MUL) continue;
        for (int e = 0; e < 2; e++) {
            bool again = tiles[e] < 0;
            for (int s = 0; s < n && !again; s++) again = seen[s] == tiles[e] && tile(z, tiles[e])->member;
            if (again) continue;
            if (n < 2 * 64) seen[n++] = tiles[e];
            walk_member(z, tiles[e]);
            walk_in_place(z, tiles[e], t, c.lo, c.written);
        }
    }
}

/* ---- arithmetic ---- */

/* Pixels × output channels as the variant executes them: whole fragments of 16 x 8, or whole quads of channels, on every warp or thread. */
static int64_t executed(const TmIns *i, int64_t pixels, int64_t channels)
{
    bool mma = tm_variant_rows[i->variant].engine == TM_ENGINE_MMA;
    int64_t rows = mma ? 16 * i->wm : i->wm, columns = mma ? 8 * i->wn : 4 * i->wn;
    return tm_sat_mul(win_round_up(pixels, rows), win_round_up(channels, columns));
}

/* Pixels of all iterations that the CPU's pw computes: under a mask, or with a source in place, only those inside the tensor. */
static int64_t live_pixels(Walk *z, int64_t pixels)
{
    const TmIns *i = z->ins;
    bool clips = z->p->target == TM_CPU && i->op == TM_PW && (i->masked || tile(z, i->src)->space == TM_GLOBAL);
    if (!clips) return tm_sat_mul(pixels, z->runs);
    Dim dims[3];
    window(tile(z, i->dst), i->sub, &z->m->tensors.at[tile(z, i->dst)->tensor], dims);
    dims[2] = one;
    return total(z, dims, 3);
}

static void walk_arithmetic(Walk *z)
{
    const TmIns *i = z->ins;
    int64_t pixels = tm_sat_mul(i->sub.h1 - i->sub.h0, i->sub.w1 - i->sub.w0), channels = tm_channels(z->p, i).written, live = live_pixels(z, pixels);
    if (i->op == TM_PW && z->p->target == TM_CPU) channels = win_round_up(channels, tm_vector(z->m, z->p, i));
    int64_t elements = tm_sat_mul(live, channels), flops = 0, sfu = 0;
    if (i->op == TM_STORE) {
        Dim dims[3];
        window(tile(z, i->src), i->sub, &z->m->tensors.at[i->tensor], dims);
        elements = total(z, dims, 3);
    }
    int64_t products = i->wm > 0 && i->wn > 0 ? tm_sat_mul(executed(i, pixels, channels), z->runs) : elements;
    if (i->op == TM_PW) flops = tm_sat_mul(products, 2 * (int64_t)tile(z, i->wgt)->cpad);
    if (i->op == TM_DW) flops = tm_sat_mul(elements, tm_sat_mul(2 * (int64_t)tile(z, i->wgt)->ext[1], tile(z, i->wgt)->ext[2]));
    for (int k = 0; k < i->epi.n; k++)
        if (i->epi.at[k].kind == TM_EPI_ACT) sfu += act_sfu(i->epi.at[k].act);
    int64_t *to = &z->w->flops[tm_variant_rows[i->variant].engine];
    *to = tm_sat_add(*to, flops);
    z->w->sfu = tm_sat_add(z->w->sfu, tm_sat_mul(sfu, elements));
}

/* ---- shared memory, and the whole ---- */

static void walk_shared(Walk *z)
{
    TmShared s = tm_shared_traffic(z->p, z->ins);
    z->w->shared_bytes = tm_sat_add(z->w->shared_bytes, tm_sat_mul(s.bytes, z->runs));
    if (z->p->target == TM_CUDA) z->w->shared_waves = tm_sat_add(z->w->shared_waves, tm_sat_mul(s.waves, z->runs));
}

static void walk_store(Walk *z)
{
    const TmTile *t = tile(z, z->ins->src);
    const TmTensor *x = &z->m->tensors.at[z->ins->tensor];
    Dim dims[3];
    window(t, z->ins->sub, x, dims);
    access(z, z->ins->tensor, -1, true, dtype_bytes(x->dtype), dims, dims);
    if (t->space != TM_SHARED) return;
    int64_t bytes = tm_sat_mul(total(z, dims, 3), dtype_bytes(t->dtype));       /* only what lies inside the tensor is read */
    z->w->shared_bytes = tm_sat_add(z->w->shared_bytes, bytes);
    if (z->p->target == TM_CUDA) z->w->shared_waves = tm_sat_add(z->w->shared_waves, bytes / 128);
}

/* Rows and columns apart, so that a reader knows the shape of what is left at the borders. */
static void walk_extent(Walk *z, TmExtent *e)
{
    const TmIns *i = z->ins;
    int at = i->op == TM_STORE ? i->src : i->dst;
    *e = (TmExtent){ .runs = z->runs };
    if (at < 0 || tm_is_image(tile(z, at))) return;
    e->rows = tm_sat_mul(z->runs, i->sub.h1 - i->sub.h0);
    e->cols = tm_sat_mul(z->runs, i->sub.w1 - i->sub.w0);
    if (i->op == TM_PW) e->contracted = tm_sat_mul(z->runs, tile(z, i->wgt)->ext[3]);
    bool clips = i->masked || i->op == TM_STORE || (i->op == TM_PW && tile(z, i->src)->space == TM_GLOBAL);
    if (!clips) return;
    Dim dims[3];
    window(tile(z, at), i->sub, &z->m->tensors.at[tile(z, at)->tensor], dims);
    e->rows = total(z, &dims[0], 1);
    e->cols = total(z, &dims[1], 1);
    if (i->op != TM_PW || tile(z, i->src)->space != TM_GLOBAL) return;
    const TmTile *w = tile(z, i->wgt);
    Dim channels = { w->org[3], w->cpad, z->m->tensors.at[tile(z, i->src)->tensor].dim[3] };
    e->contracted = total(z, &channels, 1);
}

/* How often the instruction is executed, in all blocks. A tile of two turns: what is copied before the tiles and one turn ahead in them is each tile's
 * window once, and counted in their body. */
static int64_t executions(Walk *z)
{
    if (z->ins->op == TM_COPY && tm_by_turns(z->p, tile(z, z->ins->dst)) && z->w->tiles == 0) return 0;
    if (is_guarded(z)) return total(z, NULL, 0);
    if (z->iterations < 0) z->iterations = total(z, NULL, 0);
    return z->iterations;
}

static void walk_ins(Walk *z)
{
    z->runs = executions(z);
    if (z->runs == 0) return;
    if (z->w->extent) walk_extent(z, &z->w->extent[z->ins - z->p->code.at]);
    switch (z->ins->op) {
    case TM_SYNC: z->w->barriers = tm_sat_add(z->w->barriers, z->runs); break;
    case TM_COPY: walk_copy(z); break;
    case TM_STORE:
        walk_store(z);
        walk_operands(z);
        walk_arithmetic(z);
        break;
    case TM_PW: case TM_DW: case TM_FINISH:
        walk_operands(z);
        walk_arithmetic(z);
        break;
    default: break;
    }
    walk_shared(z);
}

/* The totals so far; what one instruction adds is the difference. */
static TmUse totals(const Walk *z)
{
    const TmWalk *w = z->w;
    return (TmUse){ .bytes = z->bytes, .flops = { w->flops[0], w->flops[1], w->flops[2] }, .sfu = w->sfu, .shared_bytes = w->shared_bytes,
                    .shared_waves = w->shared_waves };
}

static void use_of(Walk *z, TmUse *use)
{
    TmUse before = totals(z);
    walk_ins(z);
    *use = totals(z);
    use->runs = z->runs;
    use->bytes -= before.bytes;
    for (int e = 0; e < 3; e++) use->flops[e] -= before.flops[e];
    use->sfu -= before.sfu;
    use->shared_bytes -= before.shared_bytes;
    use->shared_waves -= before.shared_waves;
}

static TmBytes bytes_new(Arena *a, int n) { return (TmBytes){ n, NEW_N(a, int64_t, n), NEW_N(a, int64_t, n) }; }

/* The first touch of each group (slot, member, direction) speaks for the group; every image has one n, so the batch is a factor. */
static void walk_unique(Walk *z)
{
    for (int i = 0; i < z->touches.n; i++) {
        const TmTouch *t = &z->touches.at[i];
        bool first = true;
        for (int k = 0; k < i && first; k++) {
            const TmTouch *o = &z->touches.at[k];
            first = o->slot != t->slot || o->member != t->member || o->written != t->written;
        }
        if (!first) continue;
        bool per_image = t->slot < z->m->tensors.n && z->m->tensors.at[t->slot].dim[0] == 0;
        int64_t *to = (t->written ? z->w->unique.written : z->w->unique.read) + t->slot;
        int64_t n = tm_sat_mul(tm_union_elements(z->a, &z->touches, t), tm_sat_mul(t->unit, per_image ? z->batch : 1));
        *to = tm_sat_add(*to, n);
    }
}

/* After a loop was opened or closed. */
static void count_open(Walk *z)
{
    z->iterations = -1;
    z->limited = 0;
    for (int c = 0; c < z->ncomp; c++) z->trips[c] = 1;
    for (int i = 0; i < z->depth; i++) {
        const TmLoop *l = &z->p->loops.at[z->open[i]];
        int c = z->comp[z->open[i]];
        z->trips[c] = tm_sat_mul(z->trips[c], tm_trip(l, z->batch));
        if (l->limit_bound > 0) z->limited |= bit(c);
    }
}

/* What the blocks did before the persist loops is the bytes that they wait for before their first tile. */
static void open_loop(Walk *z)
{
    if (z->w->use) z->w->use[z->ins - z->p->code.at].runs = executions(z);
    z->open[z->depth++] = z->ins->loop;
    count_open(z);
    if (z->p->loops.at[z->ins->loop].kind != TM_PERSIST || z->w->tiles) return;
    z->blocks = 1;
    z->w->tiles = tm_tiles(z->p, z->batch);
    for (int i = 0; i < z->w->issued.n; i++) z->w->resident_bytes = tm_sat_add(z->w->resident_bytes, z->w->issued.read[i]);
}

void tm_walk(Arena *a, const TmModule *m, const TmProgram *p, int64_t batch, TmWalk *w)
{
    int n = tm_byte_slots(m);
    *w = (TmWalk){ .issued = bytes_new(a, n), .unique = bytes_new(a, n), .blocks = 1 };
    Walk z = { .a = a, .m = m, .p = p, .batch = batch, .w = w };
    z.ncomp = tm_tied_loops(p, z.comp);
    count_open(&z);
    if (p->target == TM_CPU) w->extent = NEW_N(a, TmExtent, p->code.n + 1);
    else w->use = NEW_N(a, TmUse, p->code.n + 1);
    for (int l = 0; l < p->loops.n; l++)
        if (p->loops.at[l].kind == TM_GRID) w->blocks = tm_sat_mul(w->blocks, tm_trip(&p->loops.at[l], batch));
    z.blocks = tm_sharers(p, batch);
    w->blocks = tm_sat_mul(w->blocks, z.blocks);
    for (int k = 0; k < p->code.n; k++) {
        z.ins = &p->code.at[k];
        if (z.ins->op == TM_LOOP) open_loop(&z);
        else if (z.ins->op == TM_END) z.depth--, count_open(&z);
        else if (w->use) use_of(&z, &w->use[k]);
        else walk_ins(&z);
    }
    walk_unique(&z);
}
