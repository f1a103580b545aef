/* epilogue.c: epilogues in C. Each instruction that has one gets a function before the kernel and a context beside the call:
 *
 *     struct k0_ctx7 { const float *p0; fc_ref z2; int h2, w2, c2; };
 *     FC_INLINE fc_v8 k0_epi7(fc_v8 v, const void *ctx, int h, int w, int c)
 *
 * The digit is the operand's number in the chain; z is where its tile lies now; h2, w2, c2 are the coordinates in it of the
 * destination's element 0.
 * The calls are inlined, so the context never exists in memory. */
#include "cpu.h"

/* ---- the function ---- */

static void context_type(Emit *e, const TmIns *i, int at)
{
    text_open(e->out, "struct %s_ctx%d {", e->p->name, at);
    for (int k = 0; k < i->epi.n; k++) {
        const TmEpi *x = &i->epi.at[k];
        EmitOperand o = emit_operand(e, x);
        if (o == OPERAND_VECTOR) text_line(e->out, x->kind == TM_EPI_BN ? "const float *p%d, *q%d;" : "const float *p%d;", k, k);
        if (o == OPERAND_TILE) text_line(e->out, "fc_ref z%d;", k);
        if (o == OPERAND_IN_PLACE) text_line(e->out, "const void *z%d;", k);
        if (o == OPERAND_TILE || o == OPERAND_IN_PLACE) text_line(e->out, "int h%d, w%d, c%d;", k, k, k);
    }
    text_close(e->out, "};");
}

const char *cpu_word(const Emit *e, const char *name, int v) { return arena_printf(e->arena, "fc_%s_%d", name, v); }

const char *cpu_operand(const Emit *e, const TmEpi *x, int k, int v)
{
    EmitOperand o = emit_operand(e, x);
    if (o == OPERAND_VECTOR) return arena_printf(e->arena, "fc_load_%d(x->p%d + c)", v, k);
    const TmTile *z = &e->p->tiles.at[x->tile];
    EmitAt at = emit_operand_at(e, z, z);
    const char *h = at.spread_h ? "" : "h + ", *w = at.spread_w ? "" : "w + ";
    const char *place = arena_printf(e->arena, "x->z%d, %sx->h%d, %sx->w%d, c + x->c%d", k, h, k, w, k, k);
    if (o == OPERAND_TILE) return arena_printf(e->arena, "fc_tile_load%d(&%s, %s)", v, cpu_tile(e, x->tile), place);
    return arena_printf(e->arena, "fc_global_load%d(&%s, %s)", v, cpu_tensor(e, z->tensor), place);
}

const char *cpu_shift(const Emit *e, int k, int v) { return arena_printf(e->arena, "fc_load_%d(x->q%d + c)", v, k); }

static void function(Emit *e, const TmIns *i, int at)
{
    int v = emit_epilogue_width(e, i);
    bool context = emit_has_operands(e, i);
    const char *type = v == 1 ? "float" : arena_printf(e->arena, "fc_v%d", v);
    if (context) context_type(e, i, at);
    text_open(e->out, "FC_INLINE %s %s_epi%d(%s v, const void *ctx, int h, int w, int c) {", type, e->p->name, at, type);
    if (context) text_line(e->out, "const struct %s_ctx%d *x = ctx;", e->p->name, at);
    text_line(e->out, "(void)ctx, (void)h, (void)w, (void)c;");
    emit_epilogue_steps(e, i, v);
    text_close(e->out, "}");
    text_line(e->out, "%s", "");
}

void cpu_epilogues(Emit *e)
{
    for (int at = 0; at < e->p->code.n; at++)
        if (e->p->code.at[at].epi.n) function(e, &e->p->code.at[at], at);
}

/* ---- the call ---- */

static void initializers(Emit *e, const TmEpi *x, int k, const TmTile *dst)
{
    EmitOperand o = emit_operand(e, x);
    if (o == OPERAND_VECTOR) text_line(e->out, ".p%d = %s,", k, emit_vector(e, x->tile, dst, "arena"));
    if (o == OPERAND_VECTOR && x->kind == TM_EPI_BN) text_line(e->out, ".q%d = %s,", k, emit_vector(e, x->tile2, dst, "arena"));
    if (o != OPERAND_TILE && o != OPERAND_IN_PLACE) return;
    const TmTile *z = &e->p->tiles.at[x->tile];
    EmitAt at = emit_operand_at(e, dst, z);
    text_line(e->out, ".z%d = %s,", k, o == OPERAND_IN_PLACE ? cpu_image(e, z, z->tensor, 0) : cpu_ref(e, x->tile, 0));
    text_line(e->out, ".h%d = %s, .w%d = %s, .c%d = %s,", k, emit_affine(e, at.h), k, emit_affine(e, at.w), k,
              emit_affine(e, at.c));
}

const char *cpu_epilogue_args(Emit *e, const TmIns *i, const TmTile *dst)
{
    if (i->epi.n == 0) return ", NULL, NULL";
    if (!emit_has_operands(e, i)) return arena_printf(e->arena, ", %s_epi%d, NULL", e->p->name, e->at);
    text_open(e->out, "const struct %s_ctx%d ctx%d = {", e->p->name, e->at, e->at);
    for (int k = 0; k < i->epi.n; k++) initializers(e, &i->epi.at[k], k, dst);
    text_close(e->out, "};");
    return arena_printf(e->arena, ", %s_epi%d, &ctx%d", e->p->name, e->at, e->at);
}
