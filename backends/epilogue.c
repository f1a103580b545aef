/* epilogue.c: the steps of an epilogue chain, the same for both targets but for the words. The operand of step k is called p<k>
 * and q<k> (vectors of one value per channel) or z<k> (a tile, or a tensor in place). */
#include "emit.h"

EmitOperand emit_operand(const Emit *e, const TmEpi *x)
{
    bool tiled = x->kind == TM_EPI_ADD || x->kind == TM_EPI_SUB || x->kind == TM_EPI_RSUB || x->kind == TM_EPI_MUL;
    if (x->kind == TM_EPI_BIAS || x->kind == TM_EPI_BN) return OPERAND_VECTOR;
    if (!tiled) return OPERAND_NONE;
    const TmTile *z = &e->p->tiles.at[x->tile];
    if (z->member && z->dtype == DT_F32 && z->ext[1] == 1 && z->ext[2] == 1) return OPERAND_VECTOR;
    return z->space == TM_GLOBAL ? OPERAND_IN_PLACE : OPERAND_TILE;
}

bool emit_has_operands(const Emit *e, const TmIns *i)
{
    for (int k = 0; k < i->epi.n; k++)
        if (emit_operand(e, &i->epi.at[k]) != OPERAND_NONE) return true;
    return false;
}

static const char *constant(const Emit *e, const TmEpi *x, int v)
{
    const char *number = arena_printf(e->arena, "FC_CONSTANT(%s, %s)", emit_float(e->arena, x->a),
                                      emit_float(e->arena, tm_exact_constant(x->kind, x->a)));
    return arena_printf(e->arena, "%s(%s)", e->target->word(e, "splat", v), number);
}

/* The exact stand-ins round the constants of clamp and leaky themselves. */
static const char *activation(const Emit *e, const TmEpi *x, int v)
{
    const char *f = e->target->word(e, act_name(x->act), v);
    switch (act_constants(x->act)) {
    case 0: return arena_printf(e->arena, "%s(v)", f);
    case 1: return arena_printf(e->arena, "%s(v, %s)", f, emit_float(e->arena, x->a));
    default: return arena_printf(e->arena, "%s(v, %s, %s)", f, emit_float(e->arena, x->a), emit_float(e->arena, x->b));
    }
}

static const char *binary(const Emit *e, const char *op, const char *a, const char *b, int v)
{
    return arena_printf(e->arena, "%s(%s, %s)", e->target->word(e, op, v), a, b);
}

static const char *step(Emit *e, const TmEpi *x, int k, int v)
{
    const char *z = emit_operand(e, x) == OPERAND_NONE ? "" : e->target->operand(e, x, k, v);
    switch (x->kind) {
    case TM_EPI_BIAS: case TM_EPI_ADD: return binary(e, "add", "v", z, v);
    case TM_EPI_BN: return binary(e, "add", binary(e, "mul", "v", z, v), e->target->shift(e, k, v), v);
    case TM_EPI_SUB: return binary(e, "sub", "v", z, v);
    case TM_EPI_RSUB: return binary(e, "sub", z, "v", v);
    case TM_EPI_MUL: return binary(e, "mul", "v", z, v);
    case TM_EPI_ADDC: return binary(e, "add", "v", constant(e, x, v), v);
    case TM_EPI_RSUBC: return binary(e, "sub", constant(e, x, v), "v", v);
    case TM_EPI_MULC: return binary(e, "mul", "v", constant(e, x, v), v);
    case TM_EPI_ACT: return x->act == ACT_ID ? NULL : activation(e, x, v);
    case TM_EPI_ROUND:
        if (x->dtype == DT_F32) return NULL;
        if (x->dtype != DT_F16) emit_refuse(e, "an epilogue rounds to %s, which the runtime headers lack", dtype_name(x->dtype));
        return arena_printf(e->arena, "%s(v)", e->target->word(e, "round_f16", v));
    }
    return NULL;
}

void emit_epilogue_steps(Emit *e, const TmIns *i, int v)
{
    for (int k = 0; k < i->epi.n; k++) {
        const char *s = step(e, &i->epi.at[k], k, v);
        if (s) text_line(e->out, "v = %s;", s);
    }
    text_line(e->out, "return v;");
}

/* A vector's element that belongs to the destination's channel 0. */
const char *emit_vector(Emit *e, int tile, const TmTile *dst, const char *base)
{
    const TmTile *t = &e->p->tiles.at[tile];
    Affine c = emit_visible(e, affine_sub(dst->org[3], t->org[3]));
    const char *at = emit_address(e, t, 0, base);
    if (t->dtype != DT_F32) emit_refuse(e, "the vector %s is not f32", t->name);
    if (c.nterm == 0 && c.k == 0) return arena_printf(e->arena, "(const float *)(%s)", at);
    return arena_printf(e->arena, "(const float *)(%s) + (%s)", at, emit_affine(e, c));
}

EmitAt emit_operand_at(const Emit *e, const TmTile *dst, const TmTile *z)
{
    const TmTensor *x = &e->m->tensors.at[z->tensor];
    EmitAt at = { .spread_h = x->dim[1] == 1, .spread_w = x->dim[2] == 1, .h = dst->org[1], .w = dst->org[2], .c = dst->org[3] };
    if (at.spread_h) at.h = affine_const(0);
    if (at.spread_w) at.w = affine_const(0);
    if (z->space == TM_GLOBAL) return at;
    return (EmitAt){ affine_sub(at.h, z->org[1]), affine_sub(at.w, z->org[2]), affine_sub(at.c, z->org[3]), at.spread_h,
                     at.spread_w };
}

/* ---- counting ---- */

static void count(Emit *e, int tile)
{
    const TmTile *t = tile >= 0 ? &e->p->tiles.at[tile] : NULL;
    if (t && emit_in_packed(e, t))
        text_line(e->out, "FC_COUNT_READ(%d, %lld);", tm_image_slot(e->m, e->p, t->image), (long long)tm_member_bytes(t));
}

void emit_count_members(Emit *e, const TmIns *i)
{
    count(e, i->wgt);
    for (int k = 0; k < i->epi.n && !i->accumulate; k++) {
        const TmEpi *x = &i->epi.at[k];
        if (emit_operand(e, x) != OPERAND_VECTOR) continue;
        count(e, x->tile);
        if (x->kind == TM_EPI_BN) count(e, x->tile2);
    }
}
