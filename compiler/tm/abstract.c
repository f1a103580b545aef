/* abstract.c: cells, epochs, groups and control flow of the abstract run; steps.c says what each instruction touches. */
#include "abstract.h"
#include "operands.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { CELL = 16, CUT = 3, MOST_STEPS = 1 << 20 };

/* ---- tags ---- */

/* Tags are injective for the sizes that tensors have: 12 bits of tensor or image, 18 of row and column, 16 of channel. */
enum { TAG_NONE, TAG_ZERO, TAG_RUBBISH, TAG_STALE };

static uint64_t value_tag(int tensor, int64_t y, int64_t x, int64_t c)
{
    return (uint64_t)(tensor + 1) << 52 | ((uint64_t)y & 0x3ffff) << 34 | ((uint64_t)x & 0x3ffff) << 16 | ((uint64_t)c & 0xffff);
}

static uint64_t image_tag(int image, int64_t record, int64_t cell)
{
    return (uint64_t)(4095 - image) << 52 | ((uint64_t)record & 0xffffff) << 28 | ((uint64_t)cell & 0xfffffff);
}

static const char *tag_text(const Abstract *x, uint64_t tag)
{
    int what = (int)(tag >> 52);
    if (tag == TAG_NONE) return "nothing";
    if (tag == TAG_ZERO) return "zeros of the border";
    if (tag == TAG_RUBBISH) return "an unmasked pixel outside its tensor";
    if (tag == TAG_STALE) return "what an earlier tile left";
    if (what > x->m->tensors.n)
        return arena_printf(x->arena, "record %d of image %s at byte %d", (int)(tag >> 28 & 0xffffff),
                            x->p->images.at[4095 - what].name, (int)(tag & 0xfffffff) * CELL);
    int y = (int)(tag >> 34 & 0x3ffff), w = (int)(tag >> 16 & 0x3ffff);
    return arena_printf(x->arena, "%s(%d, %d, %d)", x->m->tensors.at[what - 1].name, y, w, (int)(tag & 0xffff));
}

/* ---- violations ---- */

void abstract_fail(Abstract *x, const char *fmt, ...)
{
    if (x->why) return;
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(x->arena, fmt, ap);
    va_end(ap);
    Text t = text_new(x->arena);
    text_printf(&t, "%s: %s", tm_ins_text(x->arena, x->m, x->p, x->at), what);
    const char *sep = "; at ";
    for (int l = 0; l < x->p->loops.n; l++) {
        if (!x->vars[l]) continue;
        text_printf(&t, "%s%s = %" PRId64, sep, x->p->loops.at[l].name, x->vars[l]);
        sep = ", ";
    }
    x->why = t.at;
}

/* Two accesses meet without a barrier between them. */
static void race(Abstract *x, const char *kind, const char *tile, int other)
{
    if (x->insert) {
        x->missing = true;
        return;
    }
    if (x->why) return;                             /* the first one counts; wording another takes time */
    abstract_fail(x, "%s %s needs a barrier after %s", kind, tile, tm_ins_text(x->arena, x->m, x->p, other));
}

/* ---- cells ---- */

static bool in_flight(const Abstract *x, const Cell *c) { return c->group >= 0 && x->groups.at[c->group].landed < 0; }

/* The epoch from whose end on everybody sees what was written. */
static int visible_after(const Abstract *x, const Cell *c) { return c->group >= 0 ? x->groups.at[c->group].landed : c->write_epoch; }

/* Parameters are the same for every tile; all else belongs to the one that wrote it. */
static bool outlives_its_tile(const Abstract *x, uint64_t tag)
{
    int what = (int)(tag >> 52);
    return what > x->m->tensors.n || (what > 0 && x->m->tensors.at[what - 1].dim[0] > 0);
}

static void read_cell(Abstract *x, Cell *c, uint64_t want, const char *tile)
{
    bool written = c->writer >= x->first;
    if (!written) c->tag = TAG_NONE;
    else if (c->turn != x->turn && !outlives_its_tile(x, c->tag)) c->tag = TAG_STALE;
    if (x->ordered && written && c->writer != x->serial) {
        if (in_flight(x, c))
            abstract_fail(x, "reads %s before a wait for the asynchronous copy of %s", tile, tm_ins_text(x->arena, x->m, x->p, c->by));
        else if (visible_after(x, c) == x->epoch) race(x, "reading", tile, c->by);
    }
    if (want != TAG_NONE && c->tag != want && !x->why)
        abstract_fail(x, "wants %s in %s, finds %s", tag_text(x, want), tile, tag_text(x, c->tag));
    c->reader = x->serial;
    c->read_epoch = x->epoch;
    c->read_by = x->at;
}

static void write_cell(Abstract *x, Cell *c, uint64_t tag, int group, const char *tile)
{
    if (x->ordered && c->writer >= x->first && c->writer != x->serial) {
        if (in_flight(x, c))
            abstract_fail(x, "writes %s before a wait for the asynchronous copy of %s", tile, tm_ins_text(x->arena, x->m, x->p, c->by));
        else if (visible_after(x, c) == x->epoch) race(x, "overwriting", tile, c->by);
    }
    if (c->reader >= x->first && c->reader == x->serial && c->tag != tag) abstract_fail(x, "overwrites in %s what it reads itself", tile);
    else if (x->ordered && c->reader >= x->first && c->reader != x->serial && c->read_epoch == x->epoch)
        race(x, "overwriting", tile, c->read_by);
    *c = (Cell){ tag, x->serial, x->epoch, group, c->reader, c->read_epoch, x->at, c->read_by, x->turn };
}

/* The cells of bytes from … from + n - 1 of the arena, or NULL when they leave it. */
static Cell *cells_at(Abstract *x, int64_t from, int64_t n, const char *tile)
{
    if (from >= 0 && from + n <= x->ncells * CELL) return &x->cells[from / CELL];
    abstract_fail(x, "%s at bytes %" PRId64 " to %" PRId64 " leaves the arena of %d bytes", tile, from, from + n, x->p->arena_bytes);
    return NULL;
}

/* ---- regions ---- */

/* A row or column of a tile that has no storage for it. Line buffers have storage for every row. */
static bool outside(const TmTile *t, const int64_t *org, const Region *r, int64_t *y, int64_t *w)
{
    for (int i = 0; i < r->rows.n && !t->roll; i++) {
        *y = r->rows.lo + i;
        *w = r->cols.lo;
        if (r->rows.use[i] && (*y < org[1] || *y >= org[1] + t->ext[1])) return true;
    }
    for (int i = 0; i < r->cols.n; i++) {
        *y = r->rows.lo;
        *w = r->cols.lo + i;
        if (r->cols.use[i] && (*w < org[2] || *w >= org[2] + t->ext[2])) return true;
    }
    return false;
}

static bool in_bounds(Abstract *x, const TmTile *t, const int64_t *org, const Region *r)
{
    int64_t y, w;
    if (r->c0 < 0 || r->c1 > t->cpad) {
        abstract_fail(x, "touches channels %" PRId64 " to %" PRId64 " of tile %s, which stores %d", r->c0, r->c1 - 1, t->name, t->cpad);
        return false;
    }
    if (t->roll && r->rows.n > t->roll) {
        abstract_fail(x, "touches %d rows of tile %s, which keeps %d", r->rows.n, t->name, t->roll);
        return false;
    }
    if (outside(t, org, r, &y, &w)) {
        abstract_fail(x, "touches row %lld, column %lld of tile %s, which spans rows %lld to %lld, columns %lld to %lld", (long long)y,
                      (long long)w, t->name, (long long)org[1], (long long)(org[1] + t->ext[1] - 1), (long long)org[2],
                      (long long)(org[2] + t->ext[2] - 1));
        return false;
    }
    return true;
}

/* Calls read_cell or write_cell for every cell of the region. writing: NULL reads. */
typedef struct Writing { bool zero_outside; int group; } Writing;

static void row_cells(Abstract *x, const Region *r, const TmTile *t, const int64_t *org, int row, const Writing *writing)
{
    const TmTensor *z = &x->m->tensors.at[t->tensor];
    int size = dtype_bytes(t->dtype), step = CELL / size;
    int64_t y = r->rows.lo + row, base = t->swizzle_mask ? 0 : tm_address(x->p, t, x->vars, 0, (int)(y - org[1]), 0, 0);
    for (int i = 0; i < r->cols.n; i++) {
        if (!r->cols.use[i]) continue;
        int64_t w = r->cols.lo + i;
        bool inside = y >= 0 && y < z->dim[1] && w >= 0 && w < z->dim[2], matters = r->rows.use[row] == 2 && r->cols.use[i] == 2;
        for (int64_t c = r->c0 / step * step; c < r->c1; c += step) {
            int64_t at = base + (w - org[2]) * t->pitch_w + c * size;
            if (t->swizzle_mask) at = tm_address(x->p, t, x->vars, 0, (int)(y - org[1]), (int)(w - org[2]), (int)c);
            Cell *cell = cells_at(x, at, CELL, t->name);
            if (!cell) return;
            uint64_t tag = inside ? value_tag(t->tensor, y, w, org[3] + c) : TAG_ZERO;
            if (!writing) read_cell(x, cell, matters ? tag : TAG_NONE, t->name);
            else write_cell(x, cell, inside || writing->zero_outside ? tag : TAG_RUBBISH, writing->group, t->name);
        }
    }
}

static void region(Abstract *x, const Region *r, const Writing *writing)
{
    const TmTile *t = &x->p->tiles.at[r->tile];
    int64_t org[4];
    if (t->space != TM_SHARED || x->why || r->rows.n <= 0 || r->cols.n <= 0) return;
    for (int d = 0; d < 4; d++) org[d] = affine_eval(&t->org[d], x->vars);
    if (!in_bounds(x, t, org, r)) return;
    for (int row = 0; row < r->rows.n && !x->why; row++)
        if (r->rows.use[row]) row_cells(x, r, t, org, row, writing);
}

void abstract_read(Abstract *x, const Region *r) { region(x, r, NULL); }

void abstract_write(Abstract *x, const Region *r, bool zero_outside, int group)
{
    region(x, r, &(Writing){ zero_outside, group });
}

/* ---- images ---- */

void abstract_read_member(Abstract *x, int tile)
{
    const TmTile *t = &x->p->tiles.at[tile];
    const TmImage *im = &x->p->images.at[t->image];
    const TmTile *it = &x->p->tiles.at[im->tile];
    int64_t record = tm_image_index(x->p, im, x->vars), first = affine_eval(&it->org[3], x->vars);
    if (it->space != TM_SHARED) return;
    int64_t bytes = tm_member_bytes(t), off = tm_address(x->p, t, x->vars, 0, 0, 0, 0);
    if (record < first || record >= first + it->ext[3]) {
        abstract_fail(x, "wants record %" PRId64 " of image %s, whose tile holds %" PRId64 " to %" PRId64, record, im->name, first,
                      first + it->ext[3] - 1);
        return;
    }
    Cell *c = cells_at(x, off, bytes, t->name);
    for (int64_t i = 0; c && i * CELL < bytes && !x->why; i++) read_cell(x, &c[i], image_tag(t->image, record, t->image_off / CELL + i), t->name);
}

void abstract_write_image(Abstract *x, int tile, int group)
{
    const TmTile *it = &x->p->tiles.at[tile];
    const TmImage *im = &x->p->images.at[it->image];
    int64_t first = affine_eval(&it->org[3], x->vars), slot = it->stages > 1 ? x->vars[it->stage_loop] % it->stages : 0;
    if (first < 0 || first + it->ext[3] > im->count) {
        abstract_fail(x, "copies records %" PRId64 " to %" PRId64 " of image %s, which has %" PRId64, first,
                      first + it->ext[3] - 1, im->name, im->count);
        return;
    }
    for (int r = 0; r < it->ext[3]; r++) {
        Cell *c = cells_at(x, it->offset + slot * it->slot_bytes + (int64_t)r * im->bytes, im->bytes, it->name);
        for (int64_t i = 0; c && i * CELL < im->bytes && !x->why; i++) write_cell(x, &c[i], image_tag(it->image, first + r, i), group, it->name);
    }
}

/* ---- control ---- */

static void wait_for(Abstract *x, int n)
{
    for (; x->waited < x->groups.n - 1 - n; x->waited++) x->groups.at[x->waited].landed = x->epoch;
}

static void open_group(Abstract *x) { vec_push(x->arena, &x->groups, (Group){ .landed = -1 }); }

static int64_t trip_of(const Abstract *x, int loop) { return x->p->loops.at[loop].kind == TM_TURN ? x->ntile : x->trips[loop]; }

static void step(Abstract *x, int at)
{
    const TmIns *i = &x->p->code.at[at];
    x->at = at;
    if (x->barrier[at]) x->epoch++;
    if (i->op == TM_SYNC) x->epoch++;
    if (i->op == TM_WAIT) wait_for(x, i->n);
    if (i->op == TM_COMMIT) open_group(x);
    if (i->guard_loop >= 0 && x->vars[i->guard_loop] + i->guard_add >= trip_of(x, i->guard_loop)) return;
    if (++x->serial - x->first > MOST_STEPS) abstract_fail(x, "the block takes more than %d instructions: too long to check", MOST_STEPS);
    abstract_step(x, i);
    if (!x->missing || x->why) return;
    x->missing = false;                             /* a barrier here; what was already marked in the old epoch is marked again */
    x->barrier[at] = true;
    x->epoch++;
    abstract_step(x, i);
    if (x->missing) abstract_fail(x, "races with itself");
}

static void run(Abstract *x, int from, int to);

void abstract_take(Abstract *x, int at, int turn)
{
    int by = tm_turn(x->p);
    for (int k = at; k < at + tm_persist_nest(x->p, at); k++) x->vars[x->p->code.at[k].loop] = x->tiles[turn][x->p->code.at[k].loop];
    if (by >= 0) x->vars[by] = turn;
    x->turn = turn;
}

/* Sums are registers that nobody keeps from tile to tile. */
static void run_tiles(Abstract *x, int at)
{
    int nest = tm_persist_nest(x->p, at), end = tm_loop_end(x->p, at + nest - 1), turn = tm_turn(x->p);
    for (int t = 0; t < x->ntile && !x->why; t++) {
        abstract_take(x, at, t);
        memset(x->sums, 0, sizeof *x->sums * (size_t)x->p->tiles.n);
        run(x, at + nest, end);
    }
    for (int k = at; k < at + nest && !x->why; k++) x->vars[x->p->code.at[k].loop] = 0;
    if (turn >= 0 && !x->why) x->vars[turn] = 0;
    x->turn = -1;
}

static void run(Abstract *x, int from, int to)
{
    for (int i = from; i < to && !x->why; i++) {
        if (x->p->code.at[i].op != TM_LOOP) {
            step(x, i);
            continue;
        }
        int loop = x->p->code.at[i].loop, end = tm_loop_end(x->p, i);
        const TmLoop *l = &x->p->loops.at[loop];
        if (x->barrier[i]) x->epoch++;
        if (l->kind == TM_GRID) {
            if (tm_runs(l, x->vars)) run(x, i + 1, end);
        } else if (l->kind == TM_PERSIST) {
            run_tiles(x, i);
        } else {
            for (x->vars[loop] = 0; x->vars[loop] < x->trips[loop] && tm_runs(l, x->vars) && !x->why; x->vars[loop]++) run(x, i + 1, end);
            if (!x->why) x->vars[loop] = 0;
        }
        i = end;
    }
}

const char *abstract_run(Abstract *x, const int64_t *const *at, int n)
{
    x->why = NULL;
    x->tiles = at;
    x->ntile = n;
    x->first = ++x->serial;
    x->epoch++;
    x->groups.n = 0;
    x->waited = 0;
    x->turn = -1;
    open_group(x);
    memset(x->sums, 0, sizeof *x->sums * (size_t)x->p->tiles.n);
    for (int l = 0; l < x->p->loops.n; l++) x->vars[l] = x->p->loops.at[l].kind == TM_GRID ? at[0][l] : 0;
    run(x, 0, x->p->code.n);
    for (int g = x->waited; g < x->groups.n && !x->why && x->ordered; g++)
        if (x->groups.at[g].real) abstract_fail(x, "the program ends while asynchronous copies are in flight");
    return x->why;
}

static int64_t outer_trip(const TmLoop *l) { return (l->kind == TM_GRID || l->kind == TM_PERSIST) && l->trip > 1 ? l->trip : 1; }

const char *abstract_blocks(Abstract *x, int from, int n)
{
    const TmProgram *p = x->p;
    ArenaMark mark = arena_mark(x->arena);
    int64_t *at[3];
    for (int i = 0; i < 3; i++) at[i] = NEW_N(x->arena, int64_t, p->loops.n);
    for (int l = 0; l < p->loops.n; l++) at[1][l] = outer_trip(&p->loops.at[l]) - 1, at[2][l] = at[1][l] / 2;
    const char *why = NULL;
    for (int i = from; i < n && !why; i++) {
        const int64_t *const in_turn[] = { at[i], at[(i + 1) % 3], at[(i + 2) % 3] };
        why = abstract_run(x, in_turn, p->sharers ? 3 : 1);
    }
    if (why) return why;
    arena_reset(x->arena, mark);
    x->groups.at = NULL;                            /* they lay above the mark */
    x->groups.n = x->groups.cap = 0;
    return NULL;
}

/* ---- cutting loops ---- */

static bool depends(const Affine *a, int loop) { return affine_coef(a, loop) != 0; }

/* Where the instruction writes inside its destination moves with the loop: cutting iterations would leave holes. */
static bool fills(const TmProgram *p, const TmIns *i, int loop)
{
    if (i->dst < 0 || i->wgt < 0) return false;
    const TmTile *d = &p->tiles.at[i->dst], *w = &p->tiles.at[i->wgt];
    Affine at = affine_sub(w->org[i->op == TM_PW ? 2 : 3], d->org[3]);
    return depends(&at, loop);
}

static bool moves(const TmProgram *p, int tile, int loop)
{
    if (tile < 0) return false;
    const TmTile *t = &p->tiles.at[tile];
    return depends(&t->org[1], loop) || depends(&t->org[2], loop);
}

/* Does a loop cut to `cut` iterations leave the same stages behind? What follows it may alias one of them. */
static bool same_slots(const TmProgram *p, int loop, int64_t trip, int64_t cut)
{
    for (int t = 0; t < p->tiles.n; t++)
        if (p->tiles.at[t].stages > 1 && p->tiles.at[t].stage_loop == loop && (trip - cut) % p->tiles.at[t].stages) return false;
    return true;
}

/* Iterations of a loop are alike if only channels and records change with it; then a few show everything: one more than the deepest stage
 * wraps round. In others rows and columns move. */
static int64_t cut_trip(const TmProgram *p, int loop, int64_t moving)
{
    const TmLoop *l = &p->loops.at[loop];
    int64_t trip = l->trip > 0 ? l->trip : 1, cut = CUT;
    bool alike = l->limit_bound <= 0;
    for (int t = 0; t < p->tiles.n; t++)
        if (p->tiles.at[t].stages > 1 && p->tiles.at[t].stage_loop == loop && p->tiles.at[t].stages + 2 > cut)
            cut = p->tiles.at[t].stages + 2;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (fills(p, i, loop)) return trip;
        if (moves(p, i->dst, loop) || moves(p, i->src, loop) || (i->op == TM_DW && moves(p, i->wgt, loop))) alike = false;
    }
    if (!alike && moving > cut) cut = moving;
    while (cut < trip && !same_slots(p, loop, trip, cut)) cut++;
    return trip < cut ? trip : cut;
}

Abstract *abstract_new(Arena *a, const TmModule *m, const TmProgram *p, int64_t moving)
{
    Abstract *x = NEW(a, Abstract);
    *x = (Abstract){ .arena = a, .m = m, .p = p, .ordered = p->target == TM_CUDA };
    x->barrier = NEW_N(a, bool, p->code.n);
    x->trips = NEW_N(a, int64_t, p->loops.n);
    x->vars = NEW_N(a, int64_t, p->loops.n);
    x->sums = NEW_N(a, Accumulator, p->tiles.n);
    x->ncells = win_div_up(p->arena_bytes, CELL);
    x->cells = NEW_N(a, Cell, x->ncells);
    for (int l = 0; l < p->loops.n; l++) {                          /* blocks and tiles are run one at a time, and guards ask which */
        bool outer = p->loops.at[l].kind == TM_GRID || p->loops.at[l].kind == TM_PERSIST;
        x->trips[l] = outer ? p->loops.at[l].trip : cut_trip(p, l, moving);
    }
    return x;
}
