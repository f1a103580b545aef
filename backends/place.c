/* place.c: where things lie, as expressions. Origins are affine until the last printf; only this file makes text of them. Loops
 * that are closed where the expression stands read 0 and vanish from it. */
#include "emit.h"

Affine emit_visible(const Emit *e, Affine f)
{
    Affine g = affine_const(f.k);
    for (int i = 0; i < f.nterm; i++)
        if (e->open[f.term[i].loop]) g = affine_add(g, affine_term(0, f.term[i].loop, f.term[i].coef));
    return g;
}

static const char *term_text(const Emit *e, int loop, int64_t coef)
{
    if (coef == 1) return e->loop[loop];
    return arena_printf(e->arena, "%lld * %s", (long long)coef, e->loop[loop]);
}

const char *emit_affine(const Emit *e, Affine f)
{
    f = emit_visible(e, f);
    const char *s = "";
    for (int i = 0; i < f.nterm; i++) {
        int64_t coef = f.term[i].coef;
        if (!*s) s = term_text(e, f.term[i].loop, coef);
        else s = arena_printf(e->arena, "%s %c %s", s, coef < 0 ? '-' : '+', term_text(e, f.term[i].loop, coef < 0 ? -coef : coef));
    }
    if (!*s) return arena_printf(e->arena, "%lld", (long long)f.k);
    if (f.k == 0) return s;
    return arena_printf(e->arena, "%s %c %lld", s, f.k < 0 ? '-' : '+', (long long)(f.k < 0 ? -f.k : f.k));
}

Affine emit_ahead(const TmTile *t, Affine f, int lead)
{
    if (t->stage_loop >= 0 && lead) f.k += affine_coef(&f, t->stage_loop) * lead;
    return f;
}

/* f mod m as text. Coordinates of storage are never negative unless a loop runs backwards in them. */
static const char *modulo(const Emit *e, Affine f, int m)
{
    f = emit_visible(e, f);
    if (f.nterm == 0) return arena_printf(e->arena, "%lld", (long long)(((f.k % m) + m) % m));
    bool negative = f.k < 0;
    for (int i = 0; i < f.nterm; i++) negative = negative || f.term[i].coef < 0;
    const char *s = emit_affine(e, f);
    if (negative) return arena_printf(e->arena, "((%s) %% %d + %d) %% %d", s, m, m, m);
    return f.nterm == 1 && f.term[0].coef == 1 && f.k == 0 ? arena_printf(e->arena, "%s %% %d", s, m)
                                                           : arena_printf(e->arena, "(%s) %% %d", s, m);
}

static const char *plus(const Emit *e, const char *base, int64_t bytes)
{
    return bytes ? arena_printf(e->arena, "%s + %lld", base, (long long)bytes) : base;
}

/* base + offset + slot * slot_bytes, offset taking `more` bytes with it */
static const char *slotted(const Emit *e, const TmTile *t, int lead, const char *base, int64_t more)
{
    const char *s = plus(e, base, t->offset + more);
    if (tm_slots(t) == 1) return s;
    Affine v = affine_term(lead, t->stage_loop, 1);
    Affine seen = emit_visible(e, v);
    if (seen.nterm == 0) return plus(e, base, t->offset + more + seen.k % t->stages * t->slot_bytes);
    return arena_printf(e->arena, "%s + (%s) * %d", s, modulo(e, v, t->stages), t->slot_bytes);
}

static Affine image_index(const Emit *e, const TmImage *im)
{
    Affine f = affine_const(0);
    for (int i = 0; i < im->nloop; i++)
        f = affine_add(affine_scale(f, e->p->loops.at[im->loops[i]].trip), affine_term(0, im->loops[i], 1));
    return f;
}

static const char *times(const Emit *e, const char *base, Affine records, int bytes)
{
    Affine f = emit_visible(e, records);
    if (f.nterm == 0) return plus(e, base, f.k * bytes);
    const char *s = emit_affine(e, f);
    return arena_printf(e->arena,
                        f.nterm == 1 && f.term[0].coef == 1 && f.k == 0 ? "%s + (size_t)%s * %d" : "%s + (size_t)(%s) * %d", base,
                        s, bytes);
}

bool emit_in_packed(const Emit *e, const TmTile *t)
{
    return t->member && e->p->tiles.at[e->p->images.at[t->image].tile].space == TM_GLOBAL;
}

const char *emit_address(const Emit *e, const TmTile *t, int lead, const char *base)
{
    if (!t->member) return slotted(e, t, lead, base, 0);
    const TmImage *im = &e->p->images.at[t->image];
    const TmTile *it = &e->p->tiles.at[im->tile];
    Affine index = image_index(e, im);
    if (it->space == TM_GLOBAL) return times(e, plus(e, "(const char *)packed", im->offset + t->image_off), index, im->bytes);
    return times(e, slotted(e, it, lead, base, t->image_off), affine_sub(index, it->org[3]), im->bytes);
}

const char *emit_row(const Emit *e, const TmTile *t, int lead)
{
    if (!t->roll) return "0";
    Affine row = emit_ahead(t, t->org[1], lead);
    row.k -= t->org[1].k;
    return modulo(e, row, t->roll);
}

const char *emit_records(const Emit *e, const TmTile *t, int lead)
{
    const TmImage *im = &e->p->images.at[t->image];
    return times(e, plus(e, "(const char *)packed", im->offset), emit_ahead(t, t->org[3], lead), im->bytes);
}

const char *emit_image_bytes(const Emit *e, const TmTile *t)
{
    int bytes = e->p->images.at[t->image].bytes;
    return t->ext[3] == 1 ? arena_printf(e->arena, "%d", bytes) : arena_printf(e->arena, "%d * %d", t->ext[3], bytes);
}

/* ---- differences of origins ----
 * PW: destination row h is absolute dst.org + h, so it reads source row h + dst.org - src.org. */
EmitShift emit_pw_shift(const TmTile *dst, const TmTile *src, const TmTile *wgt)
{
    return (EmitShift){ .dy = affine_sub(dst->org[1], src->org[1]), .dx = affine_sub(dst->org[2], src->org[2]),
                        .dc = affine_sub(wgt->org[3], src->org[3]), .k0 = affine_sub(wgt->org[2], dst->org[3]) };
}

static Affine dw_axis(const TmTile *dst, const TmTile *src, const TmTile *wgt, int axis, int stride, int pad, int dil)
{
    Affine f = affine_add(affine_scale(dst->org[axis], stride), affine_scale(wgt->org[axis], dil));
    return affine_sub(affine_add(f, affine_const(-pad)), src->org[axis]);
}

/* DW: absolute source row (dst.org + h)*stride - pad + (wgt.org + r)*dil; channel (wgt.org + k) / mult, so dc counts output
 * channels. */
EmitShift emit_dw_shift(const TmTile *dst, const TmTile *src, const TmTile *wgt, TmGeom g)
{
    return (EmitShift){ .dy = dw_axis(dst, src, wgt, 1, g.stride_h, g.pad_top, g.dil_h),
                        .dx = dw_axis(dst, src, wgt, 2, g.stride_w, g.pad_left, g.dil_w),
                        .dc = affine_sub(wgt->org[3], affine_scale(src->org[3], g.mult)),
                        .k0 = affine_sub(wgt->org[3], dst->org[3]) };
}
