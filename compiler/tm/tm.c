/* tm.c: builders, and the facts that every reader shares: addresses, windows, trip counts. Nothing here decides anything; the passes do. */
#include "tm.h"

#include <string.h>

const TmOpRow tm_op_rows[TM_OP_COUNT] = {
#define TM_OP(e, text, reads, writes, flops) { text, reads, writes, flops },
#include "tm_ops.def"
};

const TmVariantRow tm_variant_rows[TMV_COUNT] = {
#define TM_VARIANT(e, text, op, target, arch, engine) { text, TM_##op, TM_##target, arch, TM_ENGINE_##engine },
#include "tm_ops.def"
};

/* ---- builders ---- */

TmModule *tm_module_new(Arena *a, const char *name)
{
    TmModule *m = NEW(a, TmModule);
    m->name = name;
    return m;
}

int tm_tensor(Arena *a, TmModule *m, TmTensor t)
{
    vec_push(a, &m->tensors, t);
    return m->tensors.n - 1;
}

TmProgram *tm_program_new(Arena *a, TmModule *m, const char *name, TmTarget target, int arch)
{
    TmProgram *p = NEW(a, TmProgram);
    *p = (TmProgram){ .name = name, .target = target, .arch = arch, .threads = 1, .ctas = 1 };
    vec_push(a, &m->programs, p);
    return p;
}

int tm_loop(Arena *a, TmProgram *p, const char *name, TmLoopKind kind, int64_t trip)
{
    vec_push(a, &p->loops, (TmLoop){ .name = name, .kind = kind, .trip = trip });
    return p->loops.n - 1;
}

int tm_tile(Arena *a, TmProgram *p, TmTile t)
{
    t.stages = t.stages ? t.stages : 1;
    if (t.stages == 1) t.stage_loop = -1;
    t.cpad = t.cpad ? t.cpad : t.ext[3];
    t.offset = -1;
    t.image = -1;
    vec_push(a, &p->tiles, t);
    return p->tiles.n - 1;
}

int tm_image(Arena *a, TmProgram *p, const char *name, const int *loops, int nloop)
{
    TmImage im = { .name = name, .nloop = nloop, .count = 1, .tile = -1 };
    if (nloop > 3) ice("image %s depends on %d loops", name, nloop);
    for (int i = 0; i < nloop; i++) {
        im.loops[i] = loops[i];
        im.count *= p->loops.at[loops[i]].trip;
    }
    vec_push(a, &p->images, im);
    return p->images.n - 1;
}

void tm_member(Arena *a, TmProgram *p, int image, int tile)
{
    TmImage *im = &p->images.at[image];
    TmTile *t = &p->tiles.at[tile];
    t->image = image;
    t->member = true;
    t->image_off = (int)win_round_up(im->bytes, p->target == TM_CPU ? 64 : 16);
    im->bytes = (int)win_round_up(t->image_off + tm_member_bytes(t), 64);
    vec_push(a, &im->members, tile);
}

TmSub tm_whole(const TmTile *t) { return (TmSub){ 0, t->ext[1], 0, t->ext[2] }; }

static const TmTile *sub_tile(const TmProgram *p, const TmIns *i)
{
    int tile = i->op == TM_STORE ? i->src : i->dst;
    return tile >= 0 ? &p->tiles.at[tile] : NULL;
}

TmIns *tm_emit(Arena *a, TmProgram *p, TmIns ins)
{
    const TmTile *t = sub_tile(p, &ins);
    TmSub s = ins.sub;
    if (t && s.h0 == 0 && s.h1 == 0 && s.w0 == 0 && s.w1 == 0) ins.sub = tm_whole(t);
    vec_push(a, &p->code, ins);
    return &p->code.at[p->code.n - 1];
}

TmIns tm_ins(TmOp op)
{
    return (TmIns){ .op = op, .loop = -1, .dst = -1, .src = -1, .wgt = -1, .tensor = -1, .guard_loop = -1 };
}

void tm_open(Arena *a, TmProgram *p, int loop)
{
    TmIns i = tm_ins(TM_LOOP);
    i.loop = loop;
    tm_emit(a, p, i);
}

void tm_close(Arena *a, TmProgram *p, int loop)
{
    TmIns i = tm_ins(TM_END);
    i.loop = loop;
    tm_emit(a, p, i);
}

/* ---- addresses ---- */

bool tm_is_image(const TmTile *t) { return t->image >= 0 && !t->member; }

int tm_slots(const TmTile *t) { return t->roll ? 1 : t->stages; }

int64_t tm_tile_bytes(const TmTile *t) { return (int64_t)t->slot_bytes * tm_slots(t); }

int64_t tm_member_bytes(const TmTile *t)
{
    if (t->order == TM_PANELS) return win_round_up(t->ext[2], t->panel) * t->cpad * dtype_bytes(t->dtype);
    return (int64_t)t->ext[1] * t->pitch_h;
}

static int64_t within(const TmTile *t, int64_t row, int w, int c)
{
    int size = dtype_bytes(t->dtype);
    if (t->order == TM_PANELS) return (((int64_t)(w / t->panel) * t->cpad + c) * t->panel + w % t->panel) * size;
    int64_t at = (int64_t)c * size;
    if (t->swizzle_mask) {
        int64_t pixel = row * t->ext[2] + w, chunk = at >> 4;
        at = ((chunk ^ ((pixel >> t->swizzle_shift) & t->swizzle_mask)) << 4) | (at & 15);
    }
    return row * t->pitch_h + (int64_t)w * t->pitch_w + at;
}

static int64_t slot(const TmTile *t, const int64_t *vars, int lead)
{
    return tm_slots(t) > 1 ? (vars[t->stage_loop] + lead) % t->stages : 0;
}

static int64_t row_slot(const TmTile *t, const int64_t *vars, int h)
{
    if (!t->roll) return h;
    int64_t row = (affine_eval(&t->org[1], vars) - t->org[1].k + h) % t->roll;
    return row < 0 ? row + t->roll : row;
}

int64_t tm_address(const TmProgram *p, const TmTile *t, const int64_t *vars, int lead, int h, int w, int c)
{
    int64_t at = within(t, row_slot(t, vars, h), w, c);
    if (!t->member) return t->offset + slot(t, vars, lead) * t->slot_bytes + at;
    const TmImage *im = &p->images.at[t->image];
    const TmTile *it = &p->tiles.at[im->tile];
    int64_t record = tm_image_index(p, im, vars) - affine_eval(&it->org[3], vars);
    if (it->space == TM_GLOBAL) return im->offset + (record + affine_eval(&it->org[3], vars)) * im->bytes + t->image_off + at;
    return it->offset + slot(it, vars, lead) * it->slot_bytes + record * im->bytes + t->image_off + at;
}

int64_t tm_image_index(const TmProgram *p, const TmImage *im, const int64_t *vars)
{
    int64_t index = 0;
    for (int i = 0; i < im->nloop; i++) index = index * p->loops.at[im->loops[i]].trip + vars[im->loops[i]];
    return index;
}

void tm_image_vars(const TmProgram *p, const TmImage *im, int64_t index, int64_t *vars)
{
    for (int i = im->nloop - 1; i >= 0; i--) {
        int64_t trip = p->loops.at[im->loops[i]].trip;
        vars[im->loops[i]] = index % trip;
        index /= trip;
    }
}

/* ---- windows ---- */

TmBox tm_box(const TmModule *m, const TmProgram *p, const TmTile *t, TmSub sub, const int64_t *vars)
{
    (void)p;
    const TmTensor *x = &m->tensors.at[t->tensor];
    WinSpan h = { affine_eval(&t->org[1], vars) + sub.h0, sub.h1 - sub.h0 };
    WinSpan w = { affine_eval(&t->org[2], vars) + sub.w0, sub.w1 - sub.w0 };
    WinSpan c = { affine_eval(&t->org[3], vars), t->ext[3] };
    return (TmBox){ win_clip(h, x->dim[1]), win_clip(w, x->dim[2]), win_clip(c, x->dim[3]) };
}

int64_t tm_box_elements(TmBox b) { return b.h.n * b.w.n * b.c.n; }

/* ---- loops ---- */

int64_t tm_trip(const TmLoop *l, int64_t batch) { return l->trip ? l->trip : batch; }

bool tm_runs(const TmLoop *l, const int64_t *vars) { return l->limit_bound <= 0 || affine_eval(&l->limit, vars) < l->limit_bound; }

bool tm_guard(const TmProgram *p, const TmIns *i, const int64_t *vars, int64_t batch)
{
    if (i->guard_loop < 0) return true;
    if (p->loops.at[i->guard_loop].kind == TM_TURN)
        return tm_tile_number(p, tm_persist_at(p), vars) + (int64_t)i->guard_add * p->sharers < tm_tiles(p, batch);
    return vars[i->guard_loop] + i->guard_add < tm_trip(&p->loops.at[i->guard_loop], batch);
}

int64_t tm_blocks(const TmProgram *p, int64_t batch)
{
    int64_t n = 1;
    for (int i = 0; i < p->loops.n; i++)
        if (p->loops.at[i].kind == TM_GRID) n *= tm_trip(&p->loops.at[i], batch);
    return n * tm_sharers(p, batch);
}

int tm_loop_end(const TmProgram *p, int at)
{
    int loop = p->code.at[at].loop;
    for (int i = at + 1; i < p->code.n; i++)
        if (p->code.at[i].op == TM_END && p->code.at[i].loop == loop) return i;
    ice("loop %s is never closed", p->loops.at[loop].name);
}

/* ---- vectors ---- */

static int written_channels(const TmProgram *p, const TmIns *i)
{
    switch (i->op) {
    case TM_PW: return p->tiles.at[i->wgt].ext[2];
    case TM_DW: return p->tiles.at[i->wgt].ext[3];
    case TM_STORE: return p->tiles.at[i->src].ext[3];
    default: return p->tiles.at[i->dst].ext[3];
    }
}

int tm_vector(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    bool portable = p->target != TM_CPU || i->variant == TMV_PW_C || i->variant == TMV_DW_C;
    int v = portable ? 1 : p->arch / 32, channels = (int)win_round_up(written_channels(p, i), 8);
    if (i->op == TM_PW && v > 8) {
        const TmTile *w = &p->tiles.at[i->wgt];
        bool all = w->org[2].nterm == 0 && w->org[2].k == 0 && w->ext[2] >= m->tensors.at[w->tensor].dim[2];
        while (v > 8 && (i->item_c % v || (channels % v && !all))) v /= 2;
        return v;
    }
    while (v > 1 && channels % v) v /= 2;
    return v >= 8 ? v : 1;
}

bool tm_pw_linear(const TmProgram *p, const TmIns *i)
{
    const TmTile *d = &p->tiles.at[i->dst], *s = &p->tiles.at[i->src];
    return s->space != TM_GLOBAL && !i->masked && !d->roll && !s->roll && d->ext[2] == s->ext[2] && i->sub.w1 - i->sub.w0 == d->ext[2];
}

/* ---- bytes ---- */

int tm_byte_slots(const TmModule *m)
{
    int n = m->tensors.n;
    for (int i = 0; i < m->programs.n; i++) n += m->programs.at[i]->images.n;
    return n;
}

int tm_image_slot(const TmModule *m, const TmProgram *p, int image)
{
    int n = m->tensors.n;
    for (int i = 0; i < m->programs.n && m->programs.at[i] != p; i++) n += m->programs.at[i]->images.n;
    return n + image;
}
