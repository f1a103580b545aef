/* run.c: the interpreter. A program is executed block by block on floats; every element of a tile goes through tm_address into a byte arena, so
 * that aliasing, pitch, swizzle, stages, line buffers and packing are what they will be on the device.
 *
 * Shared memory and accumulators start as 0xFF in each block: what is read before it was written is NaN and shows in the result. Asynchronous
 * copies land when a WAIT demands it and not before. Threads do not exist: barriers do nothing, races are verify's and the emulator's concern.
 * A program that cannot be run (storage left, other dtypes, too much work) gives a worded reason. */
#include "tm_run.h"

#include <math.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30 };

/* ---- failing and counting ---- */

void tm_exec_fail(TmExec *z, const char *fmt, ...)
{
    if (z->why) return;
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(z->a, fmt, ap);
    va_end(ap);
    const TmIns *i = z->ins;
    z->why = arena_printf(z->a, "program %s, line %d (%s%s%s): %s", z->p->name, i ? (int)(i - z->p->code.at) + 1 : 0, i ? tm_op_rows[i->op].text : "",
                          i && i->note ? ", " : "", i && i->note ? i->note : "", text);
}

bool tm_exec_steps(TmExec *z, int64_t n)
{
    z->steps = tm_sat_add(z->steps, n);
    if (z->r->limit > 0 && z->steps > z->r->limit) tm_exec_fail(z, "more than %lld steps", (long long)z->r->limit);
    return z->why == NULL;
}

void tm_count(TmExec *z, bool written, int slot, int64_t bytes)
{
    (written ? z->r->counted.written : z->r->counted.read)[slot] += bytes;
}

/* ---- elements ---- */

float tm_rounded(DType t, float v) { return t == DT_F16 ? f16_to_f32(f32_to_f16(v)) : v; }

float *tm_data_at(TmExec *z, int tensor, int64_t n, int64_t y, int64_t x, int64_t c)
{
    const TmTensor *t = &z->m->tensors.at[tensor];
    if (y < 0 || y >= t->dim[1] || x < 0 || x >= t->dim[2] || c < 0 || c >= t->dim[3]) return NULL;
    if (n < 0 || n >= (t->dim[0] ? t->dim[0] : z->r->batch)) {
        tm_exec_fail(z, "image %lld of tensor '%s'", (long long)n, t->name);
        return NULL;
    }
    return &z->r->data[tensor][((n * t->dim[1] + y) * t->dim[2] + x) * t->dim[3] + c];
}

TmView tm_view(TmExec *z, int tile, const int64_t *vars)
{
    TmView v = { .t = &z->p->tiles.at[tile], .tile = tile };
    v.space = tm_space_of(z->p, v.t);
    for (int d = 0; d < 4; d++) v.org[d] = affine_eval(&v.t->org[d], vars);
    return v;
}

/* The storage of an element, or NULL: the arena, the packed buffer, or an accumulator. */
static unsigned char *cell(TmExec *z, const TmView *v, const int64_t *vars, int64_t h, int64_t w, int64_t c)
{
    const TmTile *t = v->t;
    int64_t size = dtype_bytes(t->dtype), at = -1, end = z->p->arena_bytes;
    bool rows = t->roll ? h > -TM_WALK_FAR && h < TM_WALK_FAR : h >= 0 && h < t->ext[1];
    if (!rows || w < 0 || w >= t->ext[2] || c < 0 || c >= t->cpad) {
        tm_exec_fail(z, "row %lld, column %lld, channel %lld of tile '%s' [%d,%d,%d]", (long long)h, (long long)w, (long long)c, t->name, t->ext[1],
                     t->ext[2], t->cpad);
        return NULL;
    }
    if (v->space == TM_REGISTER) return (unsigned char *)&z->reg[v->tile][(h * t->ext[2] + w) * t->cpad + c];
    at = tm_address(z->p, t, vars, 0, (int)h, (int)w, (int)c);
    if (v->space == TM_GLOBAL) end = z->m->packed_bytes;
    if (at >= 0 && at + size <= end) return (v->space == TM_GLOBAL ? z->packed : z->arena) + at;
    tm_exec_fail(z, "byte %lld of tile '%s' lies outside the %lld bytes there are", (long long)at, t->name, (long long)end);
    return NULL;
}

static float load(const unsigned char *p, DType t)
{
    float f;
    unsigned short h;
    if (t == DT_F16) return memcpy(&h, p, 2), f16_to_f32(h);
    memcpy(&f, p, 4);
    return f;
}

static void save(unsigned char *p, DType t, float f)
{
    unsigned short h = t == DT_F16 ? f32_to_f16(f) : 0;
    if (t == DT_F16) memcpy(p, &h, 2);
    else memcpy(p, &f, 4);
}

float tm_view_get(TmExec *z, const TmView *v, int64_t h, int64_t w, int64_t c)
{
    if (h < 0 || h >= v->t->ext[1]) {                           /* a line buffer too holds its window only */
        tm_exec_fail(z, "row %lld of tile '%s', which has %d", (long long)h, v->t->name, v->t->ext[1]);
        return 0;
    }
    const unsigned char *p = cell(z, v, z->vars, h, w, c);
    return p ? load(p, v->t->dtype) : 0;
}

void tm_view_put(TmExec *z, const TmView *v, const int64_t *vars, int64_t h, int64_t w, int64_t c, float x)
{
    unsigned char *p = cell(z, v, vars, h, w, c);
    if (p) save(p, v->t->dtype, x);
}

/* ---- copies ---- */

static void copy_image(TmExec *z, const TmTile *t, const int64_t *vars)
{
    const TmImage *im = &z->p->images.at[t->image];
    int64_t first = affine_eval(&t->org[3], vars), bytes = (int64_t)t->ext[3] * im->bytes;
    int64_t from = im->offset + first * im->bytes, to = tm_address(z->p, t, vars, 0, 0, 0, 0);
    if (first < 0 || first + t->ext[3] > im->count || from + bytes > z->m->packed_bytes)
        tm_exec_fail(z, "records %lld … %lld of image '%s', which has %lld", (long long)first, (long long)(first + t->ext[3] - 1), im->name,
                     (long long)im->count);
    else if (to < 0 || to + bytes > z->p->arena_bytes)
        tm_exec_fail(z, "bytes %lld … of an arena of %d", (long long)to, z->p->arena_bytes);
    else if (tm_exec_steps(z, bytes / 64))
        memcpy(z->arena + to, z->packed + from, (size_t)bytes);
}

/* Zero outside the tensor and in the stored channels beyond the window. */
void tm_exec_copy(TmExec *z, const TmIns *i, const int64_t *vars)
{
    TmView v = tm_view(z, i->dst, vars);
    if (tm_is_image(v.t)) {
        copy_image(z, v.t, vars);
        return;
    }
    for (int64_t h = i->sub.h0; h < i->sub.h1; h++)
        for (int64_t w = i->sub.w0; w < i->sub.w1 && tm_exec_steps(z, v.t->cpad); w++)
            for (int64_t c = 0; c < v.t->cpad; c++) {
                const float *x = c < v.t->ext[3] ? tm_data_at(z, v.t->tensor, v.org[0], v.org[1] + h, v.org[2] + w, v.org[3] + c) : NULL;
                tm_view_put(z, &v, vars, h, w, c, x ? *x : 0);
            }
}

/* The loop values of the tile `lead` turns ahead; outside the tiles that is the block's first. */
static void ahead_of_tile(TmExec *z, int64_t *vars, int lead)
{
    int at = tm_persist_at(z->p);
    int64_t *turn = &vars[tm_turn(z->p)], tile = z->block + (*turn + lead) * z->p->sharers;
    *turn += lead;
    tm_tile_vars(z->p, at, tile, vars);
}

/* The copy's loop values: its stage loop runs `lead` iterations ahead. */
static void issue_copy(TmExec *z, const TmIns *i)
{
    const TmTile *t = &z->p->tiles.at[i->dst];
    TmPending c = { .ins = i, .group = z->committed };
    memcpy(c.vars, z->vars, sizeof c.vars);
    if (tm_by_turns(z->p, t)) ahead_of_tile(z, c.vars, i->lead);
    else if (i->lead && t->stages > 1) c.vars[t->stage_loop] += i->lead;
    if (tm_is_image(t)) {
        const TmImage *im = &z->p->images.at[t->image];
        WinSpan records = win_clip((WinSpan){ affine_eval(&t->org[3], c.vars), t->ext[3] }, im->count);
        tm_count(z, false, tm_image_slot(z->m, z->p, t->image), records.n * im->bytes);
    } else {
        TmBox b = tm_box(z->m, z->p, t, i->sub, c.vars);
        tm_count(z, false, t->tensor, tm_box_elements(b) * dtype_bytes(z->m->tensors.at[t->tensor].dtype));
    }
    if (i->async) vec_push(z->a, &z->pending, c);
    else tm_exec_copy(z, i, c.vars);
}

/* All groups but the n youngest that are closed land now, in the order of their issue. */
static void wait_for(TmExec *z, int64_t n)
{
    int kept = 0;
    for (int k = 0; k < z->pending.n; k++) {
        TmPending *c = &z->pending.at[k];
        if (c->group < z->committed - n) tm_exec_copy(z, c->ins, c->vars);
        else z->pending.at[kept++] = *c;
    }
    z->pending.n = kept;
}

/* ---- control ---- */

static void begin_block(TmExec *z)
{
    memset(z->arena, 0xFF, (size_t)z->p->arena_bytes);
    tm_exec_steps(z, z->p->arena_bytes / 64 + 1);
    for (int t = 0; t < z->p->tiles.n; t++) {
        const TmTile *x = &z->p->tiles.at[t];
        int64_t n = (int64_t)x->ext[1] * x->ext[2] * x->cpad;
        if (z->reg[t] && tm_exec_steps(z, n / 16)) memset(z->reg[t], 0xFF, (size_t)n * sizeof(float));
    }
    z->pending.n = 0;
    z->committed = 0;
}

static bool is_grid(const TmProgram *p, int at)
{
    return at < p->code.n && p->code.at[at].op == TM_LOOP && p->loops.at[p->code.at[at].loop].kind == TM_GRID;
}

static void execute(TmExec *z, int from, int to, const int *ends);

/* All blocks of a grid point, one after another. */
static void execute_blocks(TmExec *z, int from, int to, const int *ends)
{
    int64_t blocks = tm_sharers(z->p, z->r->batch);
    for (z->block = 0; z->block < blocks && z->why == NULL; z->block++) {
        begin_block(z);
        execute(z, from, to, ends);
    }
}

/* The tiles of this block. */
static void execute_tiles(TmExec *z, int at, const int *ends)
{
    int nest = tm_persist_nest(z->p, at), turn = tm_turn(z->p);
    int64_t tiles = tm_tiles(z->p, z->r->batch), count = 0;
    for (int64_t t = z->block; t < tiles && z->why == NULL && tm_exec_steps(z, 1); t += z->p->sharers) {
        tm_tile_vars(z->p, at, t, z->vars);
        if (turn >= 0) z->vars[turn] = count++;
        execute(z, at + nest, ends[at + nest - 1], ends);
    }
    for (int k = at; k < at + nest; k++) z->vars[z->p->code.at[k].loop] = 0;
    if (turn >= 0) z->vars[turn] = 0;
}

static void execute_loop(TmExec *z, int at, const int *ends)
{
    const TmLoop *l = &z->p->loops.at[z->p->code.at[at].loop];
    int64_t *v = &z->vars[z->p->code.at[at].loop], trip = tm_trip(l, z->r->batch);
    bool block = is_grid(z->p, at) && !is_grid(z->p, at + 1);
    for (*v = 0; *v < trip && tm_runs(l, z->vars) && tm_exec_steps(z, 1); ++*v) {
        if (block) execute_blocks(z, at + 1, ends[at], ends);
        else execute(z, at + 1, ends[at], ends);
    }
    *v = 0;
}

static void execute(TmExec *z, int from, int to, const int *ends)
{
    for (int k = from; k < to && z->why == NULL; k++) {
        const TmIns *i = &z->p->code.at[k];
        z->ins = i;
        if (i->op == TM_LOOP) {
            if (z->p->loops.at[i->loop].kind == TM_PERSIST) execute_tiles(z, k, ends);
            else execute_loop(z, k, ends);
            k = ends[k];
            continue;
        }
        if (!tm_guard(z->p, i, z->vars, z->r->batch) || !tm_exec_steps(z, 1)) continue;
        if (i->op == TM_COPY) issue_copy(z, i);
        else if (i->op == TM_COMMIT) z->committed++;
        else if (i->op == TM_WAIT) wait_for(z, i->n);
        else if (i->op != TM_SYNC) tm_exec_op(z, i);
    }
}

/* ---- packing and tensors ---- */

/* One member of the record that belongs to z->vars: its window of the tensor, zero outside, in storage form. */
static void pack_member(TmExec *z, int tile)
{
    TmView v = tm_view(z, tile, z->vars);
    int64_t columns = v.t->order == TM_PANELS ? win_round_up(v.t->ext[2], v.t->panel) : v.t->ext[2];
    for (int64_t h = 0; h < v.t->ext[1]; h++)
        for (int64_t w = 0; w < columns && tm_exec_steps(z, v.t->cpad); w++)
            for (int64_t c = 0; c < v.t->cpad; c++) {
                bool inside = w < v.t->ext[2] && c < v.t->ext[3];
                const float *x = inside ? tm_data_at(z, v.t->tensor, 0, v.org[1] + h, v.org[2] + w, v.org[3] + c) : NULL;
                int64_t at = tm_address(z->p, v.t, z->vars, 0, (int)h, (int)w, (int)c), size = dtype_bytes(v.t->dtype);
                if (at < 0 || at + size > z->m->packed_bytes) tm_exec_fail(z, "tile '%s' leaves the packed buffer", v.t->name);
                else save(z->packed + at, v.t->dtype, x ? *x : 0);
            }
}

/* In the packed buffer every image lies as if its tile were GLOBAL: the program is packed with such tiles. */
static void pack(TmExec *z, const TmProgram *p)
{
    TmProgram in_place = *p;
    in_place.tiles.at = arena_copy(z->a, p->tiles.at, (size_t)p->tiles.n * sizeof *p->tiles.at);
    z->p = &in_place;
    z->ins = NULL;
    memset(z->vars, 0, sizeof z->vars);
    for (int i = 0; i < p->images.n; i++) {
        const TmImage *im = &p->images.at[i];
        in_place.tiles.at[im->tile].space = TM_GLOBAL;
        for (int64_t index = 0; index < im->count && tm_exec_steps(z, 1); index++) {
            tm_image_vars(&in_place, im, index, z->vars);
            for (int k = 0; k < im->members.n; k++) pack_member(z, im->members.at[k]);
        }
        memset(z->vars, 0, sizeof z->vars);
    }
    z->p = p;
}

/* s = weight / sqrt(var + eps), t = bias - mean * s, in f32 and in this order. */
static void derive(TmExec *z, const TmTensor *t, float *out)
{
    const float *from[4];
    int64_t n = t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
    for (int k = 0; k < 4; k++) from[k] = t->derive == TM_AS_IS && k ? NULL : z->r->data[t->from[k]];
    for (int64_t i = 0; i < n; i++) {
        if (t->derive == TM_AS_IS) {
            out[i] = tm_rounded(t->dtype, from[0][i]);
            continue;
        }
        float s = from[0][i] / sqrtf(from[3][i] + (float)t->eps);
        float shift = from[2][i] * s;
        out[i] = t->derive == TM_BN_SCALE ? s : from[1][i] - shift;
    }
}

static bool can_hold(DType t) { return t == DT_F32 || t == DT_F16; }

/* Outputs and temporaries start as NaN. */
static void make_tensor(TmExec *z, int at)
{
    const TmTensor *t = &z->m->tensors.at[at];
    int64_t n = tm_sat_mul(tm_sat_mul(t->dim[0] ? t->dim[0] : z->r->batch, t->dim[1]), tm_sat_mul(t->dim[2], t->dim[3]));
    if (t->role == TM_VIRTUAL || z->why) return;
    if (!can_hold(t->dtype))
        tm_exec_fail(z, "tensor '%s' is %s; only f32 and f16 are interpreted", t->name, dtype_name(t->dtype));
    else if (t->role == TM_IN || t->role == TM_PARAM) {
        if (!z->r->data[at]) tm_exec_fail(z, "tensor '%s' was not given", t->name);
    } else if (n > MOST_BYTES / 4 || !tm_exec_steps(z, n / 16)) {
        tm_exec_fail(z, "tensor '%s' is too large", t->name);
    } else {
        z->r->data[at] = NEW_N(z->a, float, n);
        if (t->role == TM_DERIVED) derive(z, t, z->r->data[at]);
        else memset(z->r->data[at], 0xFF, (size_t)n * sizeof(float));
    }
}

static void check_tiles(TmExec *z, const TmProgram *p)
{
    int64_t floats = 0;
    z->p = p;
    for (int t = 0; t < p->tiles.n; t++) {
        const TmTile *x = &p->tiles.at[t];
        if (!tm_is_image(x) && !can_hold(x->dtype))
            tm_exec_fail(z, "tile '%s' is %s; only f32 and f16 are interpreted", x->name, dtype_name(x->dtype));
        if (x->space == TM_REGISTER) floats = tm_sat_add(floats, tm_sat_mul(tm_sat_mul(x->ext[1], x->ext[2]), x->cpad));
    }
    if (floats > MOST_BYTES / 4 || p->arena_bytes > MOST_BYTES) tm_exec_fail(z, "the block needs too much memory");
    if (p->loops.n > TM_WALK_LOOPS) tm_exec_fail(z, "%d loops", p->loops.n);
    if (floats > MOST_BYTES / 4 || z->why) return;
    z->arena = arena_alloc(z->a, (size_t)p->arena_bytes);
    z->reg = NEW_N(z->a, float *, p->tiles.n);
    for (int t = 0; t < p->tiles.n; t++) {
        const TmTile *x = &p->tiles.at[t];
        if (x->space == TM_REGISTER) z->reg[t] = NEW_N(z->a, float, (int64_t)x->ext[1] * x->ext[2] * x->cpad);
    }
}

static void run_program(TmExec *z, const TmProgram *p)
{
    int *ends = NEW_N(z->a, int, p->code.n);
    z->ins = NULL;
    check_tiles(z, p);
    if (z->why) return;
    for (int k = 0; k < p->code.n; k++)
        if (p->code.at[k].op == TM_LOOP) ends[k] = tm_loop_end(p, k);
    memset(z->vars, 0, sizeof z->vars);
    if (is_grid(p, 0)) execute(z, 0, p->code.n, ends);
    else execute_blocks(z, 0, p->code.n, ends);
}

const char *tm_run(Arena *a, const TmModule *m, TmRun *r)
{
    TmExec *z = NEW(a, TmExec);
    int n = tm_byte_slots(m);
    static const TmProgram none = { .name = "-" };
    *z = (TmExec){ .a = a, .m = m, .r = r, .p = &none };
    r->counted = (TmBytes){ n, NEW_N(a, int64_t, n), NEW_N(a, int64_t, n) };
    for (int i = 0; i < m->tensors.n; i++) make_tensor(z, i);
    if (m->packed_bytes > MOST_BYTES) tm_exec_fail(z, "the packed buffer is too large");
    if (!tm_exec_steps(z, m->packed_bytes / 64)) return z->why;
    z->packed = arena_alloc(a, (size_t)m->packed_bytes);
    for (int i = 0; i < m->programs.n && z->why == NULL; i++) pack(z, m->programs.at[i]);
    for (int i = 0; i < m->programs.n && z->why == NULL; i++) run_program(z, m->programs.at[i]);
    return z->why;
}
