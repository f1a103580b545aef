/* portable.c: a copy of a module that C can run as it stands. Programs scheduled for CUDA keep loops, tiles, offsets and pitches;
 * their variants become the portable ones, XOR swizzles go (storage and packed images alike, since the packing text is printed
 * from the same copy), and accumulators become plain tiles. Programs for the CPU are returned untouched. */
#include "emit.h"

static TmIns portable_instruction(TmIns i)
{
    if (i.op == TM_PW) i.variant = TMV_PW_C, i.item_w = i.item_c = 0;
    if (i.op == TM_DW) i.variant = TMV_DW_C, i.item_h = i.item_w = 0;
    return i;
}

static TmProgram *portable_program(Arena *a, const TmProgram *p)
{
    TmProgram *q = NEW(a, TmProgram);
    *q = *p;
    if (p->target == TM_CPU) return q;
    q->target = TM_CPU;
    q->arch = 0;
    q->tiles.at = arena_copy(a, p->tiles.at, sizeof *p->tiles.at * (size_t)p->tiles.n);
    q->code.at = arena_copy(a, p->code.at, sizeof *p->code.at * (size_t)p->code.n);
    for (int i = 0; i < q->tiles.n; i++) q->tiles.at[i].swizzle_mask = 0;
    for (int i = 0; i < q->code.n; i++) q->code.at[i] = portable_instruction(q->code.at[i]);
    return q;
}

const TmModule *emit_portable(Arena *a, const TmModule *m)
{
    TmModule *c = NEW(a, TmModule);
    *c = *m;
    c->programs.at = NEW_N(a, TmProgram *, m->programs.n + 1);
    for (int i = 0; i < m->programs.n; i++) c->programs.at[i] = portable_program(a, m->programs.at[i]);
    return c;
}
