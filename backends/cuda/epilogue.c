/* epilogue.c: epilogues in CUDA. A lambda over a pair of channels, with its operands before it:
 *
 *     const float *p0 = (const float *)(smem + 1024);                     vectors
 *     const xt_t z2{smem + 0};                                            tiles;  const auto z2 = fc::image<x_g>(x_p, n); in place
 *     auto epi = [=](float2 v, int eh, int ew, int ec) { … return v; };   eh, ew, ec relative to the destination tile */
#include "cuda.h"

#include <string.h>

const char *cuda_word(const Emit *e, const char *name, int v)
{
    (void)v;
    return strcmp(name, "sub") == 0 ? "fc::minus" : arena_printf(e->arena, "fc::%s", name);      /* fc::sub is a sub-window */
}

/* A coordinate of the operand: the destination's, moved; or fixed where the tensor spreads. */
static const char *coordinate(const Emit *e, const char *own, Affine shift, bool spread)
{
    Affine f = emit_visible(e, shift);
    if (spread) return emit_affine(e, f);
    if (f.nterm == 0 && f.k == 0) return own;
    if (f.nterm == 0 && f.k < 0) return arena_printf(e->arena, "%s - %lld", own, (long long)-f.k);
    return arena_printf(e->arena, "%s + %s", own, emit_affine(e, f));
}

static const TmTile *destination(const Emit *e)
{
    const TmIns *i = &e->p->code.at[e->at];
    return &e->p->tiles.at[i->op == TM_STORE ? i->src : i->dst];
}

const char *cuda_operand(const Emit *e, const TmEpi *x, int k, int v)
{
    (void)v;
    EmitOperand o = emit_operand(e, x);
    if (o == OPERAND_VECTOR) return arena_printf(e->arena, "fc::ld2(p%d, ec)", k);
    const TmTile *z = &e->p->tiles.at[x->tile];
    EmitAt at = emit_operand_at(e, destination(e), z);
    const char *place = arena_printf(e->arena, "z%d, %s, %s, %s", k, coordinate(e, "eh", at.h, at.spread_h),
                                     coordinate(e, "ew", at.w, at.spread_w), coordinate(e, "ec", at.c, false));
    if (o == OPERAND_TILE) return arena_printf(e->arena, "fc::ld2(%s)", place);
    return arena_printf(e->arena, "fc::ld2_global<%s_g>(%s)", e->m->tensors.at[z->tensor].cname, place);
}

const char *cuda_shift(const Emit *e, int k, int v)
{
    (void)v;
    return arena_printf(e->arena, "fc::ld2(q%d, ec)", k);
}

static void operands(Emit *e, const TmEpi *x, int k, const TmTile *dst)
{
    switch (emit_operand(e, x)) {
    case OPERAND_NONE: return;
    case OPERAND_VECTOR:
        text_line(e->out, "const float *p%d = %s;", k, emit_vector(e, x->tile, dst, "smem"));
        if (x->kind == TM_EPI_BN) text_line(e->out, "const float *q%d = %s;", k, emit_vector(e, x->tile2, dst, "smem"));
        return;
    case OPERAND_TILE: text_line(e->out, "const auto z%d = %s;", k, cuda_ref(e, x->tile, 0)); return;
    case OPERAND_IN_PLACE: {
        const TmTile *z = &e->p->tiles.at[x->tile];
        text_line(e->out, "const auto z%d = %s;", k, cuda_image(e, z, z->tensor, 0));
        return;
    }
    }
}

void cuda_epilogue(Emit *e, const TmIns *i, const TmTile *dst)
{
    for (int k = 0; k < i->epi.n; k++) operands(e, &i->epi.at[k], k, dst);
    text_open(e->out, "auto epi = [=](float2 v, int eh, int ew, int ec) {");
    text_line(e->out, "(void)eh, (void)ew, (void)ec;");
    emit_epilogue_steps(e, i, 2);
    text_close(e->out, "};");
}
