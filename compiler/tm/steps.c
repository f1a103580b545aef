/* steps.c: what each instruction reads and writes in the abstract run, as regions. Reads come first.
 *
 * Only what ends in a pixel of the destination's tensor must be right; pixels outside it are touched by the tile operations all the same, so
 * they count for bounds and races. A depthwise row y reads the source rows
 *
 *     y * stride - pad + r * dilation,  r the absolute tap          (window.h has the picture)
 */
#include "abstract.h"
#include "operands.h"

static int64_t origin(const Abstract *x, int tile, int dim) { return affine_eval(&x->p->tiles.at[tile].org[dim], x->vars); }

static const TmTensor *tensor_of(const Abstract *x, int tile) { return &x->m->tensors.at[x->p->tiles.at[tile].tensor]; }

/* n positions from lo; those inside [0, size) matter. */
static Axis axis(Abstract *x, int64_t lo, int n, int64_t size)
{
    Axis a = { lo, n > 0 ? n : 0, arena_alloc(x->arena, n > 0 ? (size_t)n : 1) };
    for (int i = 0; i < a.n; i++) a.use[i] = lo + i >= 0 && lo + i < size ? 2 : 1;
    return a;
}

/* The source positions of a depthwise axis. */
static Axis taps_axis(Abstract *x, const Axis *out, int64_t tap, int taps, int stride, int dil, int pad)
{
    int64_t lo = out->lo * stride - pad + tap * dil;
    int n = out->n > 0 ? (out->n - 1) * stride + (taps - 1) * dil + 1 : 0;
    Axis a = { lo, n, arena_alloc(x->arena, n > 0 ? (size_t)n : 1) };
    for (int i = 0; i < out->n; i++)
        for (int r = 0; r < taps; r++) {
            unsigned char *use = &a.use[i * stride + r * dil];
            if (out->use[i] > *use) *use = out->use[i];
        }
    return a;
}

/* An axis of size 1 that spreads: position 0 is touched if any is. */
static Axis spread_axis(Abstract *x, const Axis *out)
{
    Axis a = axis(x, 0, 1, 1);
    a.use[0] = 1;
    for (int i = 0; i < out->n; i++)
        if (out->use[i] == 2) a.use[0] = 2;
    return a;
}

/* Positions that do not matter are left out: for what is read only where the result is kept. */
static Axis kept(Abstract *x, const Axis *out)
{
    Axis a = { out->lo, out->n, arena_copy(x->arena, out->use, out->n > 0 ? (size_t)out->n : 1) };
    for (int i = 0; i < a.n; i++)
        if (a.use[i] == 1) a.use[i] = 0;
    return a;
}

/* ---- operands ---- */

/* Channels first … first + n - 1 (absolute) of a vector, of which `real` carry values. */
static void read_vector(Abstract *x, int tile, int64_t first, int64_t n, int64_t real)
{
    const TmTile *t = &x->p->tiles.at[tile];
    int64_t c0 = first - origin(x, tile, 3), c = tensor_of(x, tile)->dim[3] - first;
    if (c < real) real = c;
    if (c0 < 0 || c0 + n > t->cpad || c0 + real > t->ext[3]) {
        int64_t held = first - c0;
        abstract_fail(x, "needs channels %lld to %lld of %s, which holds %lld to %lld", (long long)first, (long long)(first + real - 1),
                      t->name, (long long)held, (long long)(held + t->ext[3] - 1));
        return;
    }
    if (t->member) abstract_read_member(x, tile);
    else abstract_read(x, &(Region){ tile, axis(x, 0, 1, 1), axis(x, 0, 1, 1), c0, c0 + n });
}

/* Rows and columns are the destination's, absolute. */
static void read_epilogue(Abstract *x, const TmIns *i, const Axis *rows, const Axis *cols, int64_t first, int64_t n, int64_t real)
{
    for (int e = 0; e < i->epi.n && !x->why; e++) {
        int tile[2], count = tm_epi_tiles(&i->epi.at[e], tile);
        for (int k = 0; k < count; k++) {
            if (tm_epi_per_channel(&i->epi.at[e])) {
                read_vector(x, tile[k], first, n, real);
                continue;
            }
            const TmTensor *z = tensor_of(x, tile[k]);
            Axis h = z->dim[1] == 1 ? spread_axis(x, rows) : kept(x, rows), w = z->dim[2] == 1 ? spread_axis(x, cols) : kept(x, cols);
            int64_t c0 = first - origin(x, tile[k], 3);
            abstract_read(x, &(Region){ tile[k], h, w, c0, c0 + n });
        }
    }
}

static void read_weights(Abstract *x, int tile)
{
    const TmTile *t = &x->p->tiles.at[tile];
    if (t->member) {
        abstract_read_member(x, tile);
        return;
    }
    const TmTensor *z = tensor_of(x, tile);
    Axis rows = axis(x, origin(x, tile, 1), t->ext[1], z->dim[1]), cols = axis(x, origin(x, tile, 2), t->ext[2], z->dim[2]);
    abstract_read(x, &(Region){ tile, rows, cols, 0, t->cpad });
}

static bool same_origin(const Abstract *x, int tile)
{
    const Accumulator *s = &x->sums[tile];
    for (int d = 0; d < 4; d++)
        if (s->org[d] != origin(x, tile, d)) return false;
    return true;
}

/* A register tile holds sums for the window at which it was zeroed. */
static void read_sums(Abstract *x, int tile)
{
    const TmTile *t = &x->p->tiles.at[tile];
    if (t->space != TM_REGISTER) return;
    if (!x->sums[tile].defined) abstract_fail(x, "uses %s, which was never zeroed", t->name);
    else if (!same_origin(x, tile)) abstract_fail(x, "uses %s, which was zeroed at another window", t->name);
}

static Axis sub_rows(Abstract *x, const TmIns *i, int tile)
{
    return axis(x, origin(x, tile, 1) + i->sub.h0, i->sub.h1 - i->sub.h0, tensor_of(x, tile)->dim[1]);
}

static Axis sub_cols(Abstract *x, const TmIns *i, int tile)
{
    return axis(x, origin(x, tile, 2) + i->sub.w0, i->sub.w1 - i->sub.w0, tensor_of(x, tile)->dim[2]);
}

/* ---- instructions ---- */

static void step_copy(Abstract *x, const TmIns *i)
{
    const TmTile *t = &x->p->tiles.at[i->dst];
    int group = i->async ? x->groups.n - 1 : -1, loop = t->stage_loop, turn = x->turn, at = tm_persist_at(x->p);
    int64_t *vars = x->vars, *ahead = NEW_N(x->arena, int64_t, x->p->loops.n);
    bool turns = tm_by_turns(x->p, t);
    if (i->async) x->groups.at[group].real = true;
    if (turns) {                                    /* window and slot are those of the later tile, before all tiles of the first */
        for (int l = 0; l < x->p->loops.n; l++) ahead[l] = vars[l];
        x->vars = ahead;
        abstract_take(x, at, (turn < 0 ? 0 : turn) + i->lead);
    } else if (i->lead) x->vars[loop] += i->lead;   /* window, record and slot are those of the later iteration */
    if (tm_is_image(t)) abstract_write_image(x, i->dst, group);
    else abstract_write(x, &(Region){ i->dst, sub_rows(x, i, i->dst), sub_cols(x, i, i->dst), 0, t->cpad }, true, group);
    if (!turns && i->lead) x->vars[loop] -= i->lead;
    x->vars = vars;
    x->turn = turn;
}

static void step_zero(Abstract *x, const TmIns *i)
{
    const TmTile *t = &x->p->tiles.at[i->dst];
    Accumulator *s = &x->sums[i->dst];
    s->defined = true;
    for (int d = 0; d < 4; d++) s->org[d] = origin(x, i->dst, d);
    abstract_write(x, &(Region){ i->dst, sub_rows(x, i, i->dst), sub_cols(x, i, i->dst), 0, t->cpad }, true, -1);
}

/* PW and DW: first destination channel (absolute), how many carry values, and with padding. */
static void step_product(Abstract *x, const TmIns *i)
{
    const TmTile *w = &x->p->tiles.at[i->wgt];
    bool pw = i->op == TM_PW;
    int64_t first = origin(x, i->wgt, pw ? 2 : 3), real = w->ext[pw ? 2 : 3], n = win_round_up(real, 8);
    Axis rows = sub_rows(x, i, i->dst), cols = sub_cols(x, i, i->dst);
    int64_t s0 = origin(x, i->src, 3), c0 = origin(x, i->wgt, 3) - s0, c1 = c0 + w->cpad;
    Axis from_rows = rows, from_cols = cols;
    if (!pw) {
        const TmGeom *g = &i->geom;
        from_rows = taps_axis(x, &rows, origin(x, i->wgt, 1), w->ext[1], g->stride_h, g->dil_h, g->pad_top);
        from_cols = taps_axis(x, &cols, origin(x, i->wgt, 2), w->ext[2], g->stride_w, g->dil_w, g->pad_left);
        c0 = first / g->mult - s0;
        c1 = (first + n - 1) / g->mult + 1 - s0;
    }
    abstract_read(x, &(Region){ i->src, from_rows, from_cols, c0, c1 });
    read_weights(x, i->wgt);
    read_epilogue(x, i, &rows, &cols, first, n, real);
    int64_t d0 = first - origin(x, i->dst, 3);
    Region out = { i->dst, rows, cols, d0, d0 + n };
    if (i->accumulate) {
        read_sums(x, i->dst);
        abstract_read(x, &out);
    }
    abstract_write(x, &out, i->masked || i->accumulate, -1);
}

static void step_finish(Abstract *x, const TmIns *i)
{
    const TmTile *d = &x->p->tiles.at[i->dst];
    Axis rows = sub_rows(x, i, i->dst), cols = sub_cols(x, i, i->dst);
    int64_t first = origin(x, i->dst, 3), c0 = first - origin(x, i->src, 3);
    read_sums(x, i->src);
    abstract_read(x, &(Region){ i->src, rows, cols, c0, c0 + d->ext[3] });
    read_epilogue(x, i, &rows, &cols, first, win_round_up(d->ext[3], 8), d->ext[3]);
    abstract_write(x, &(Region){ i->dst, rows, cols, 0, d->cpad }, i->masked, -1);
}

static void step_store(Abstract *x, const TmIns *i)
{
    const TmTile *s = &x->p->tiles.at[i->src];
    Axis all_rows = sub_rows(x, i, i->src), all_cols = sub_cols(x, i, i->src);
    Axis rows = kept(x, &all_rows), cols = kept(x, &all_cols);
    int64_t first = origin(x, i->src, 3), n = tensor_of(x, i->src)->dim[3] - first;
    if (n > s->ext[3]) n = s->ext[3];
    if (n <= 0) return;
    read_sums(x, i->src);
    abstract_read(x, &(Region){ i->src, rows, cols, 0, n });
    read_epilogue(x, i, &rows, &cols, first, n, n);
}

void abstract_step(Abstract *x, const TmIns *i)
{
    ArenaMark mark = arena_mark(x->arena);
    const char *before = x->why;
    switch (i->op) {
    case TM_COPY: step_copy(x, i); break;
    case TM_ZERO: step_zero(x, i); break;
    case TM_PW:
    case TM_DW: step_product(x, i); break;
    case TM_FINISH: step_finish(x, i); break;
    case TM_STORE: step_store(x, i); break;
    case TM_LOOP: case TM_END: case TM_COMMIT: case TM_WAIT: case TM_SYNC: case TM_OP_COUNT: break;
    }
    if (x->why == before) arena_reset(x->arena, mark);              /* a violation's text lives in the arena */
}
