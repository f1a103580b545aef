/* operands.c: see operands.h */
#include "operands.h"
#include "text.h"

int tm_holder(const TmProgram *p, int tile)
{
    return tile >= 0 && p->tiles.at[tile].member ? p->images.at[p->tiles.at[tile].image].tile : tile;
}

bool tm_epi_per_channel(const TmEpi *e) { return e->kind == TM_EPI_BIAS || e->kind == TM_EPI_BN; }

int tm_epi_tiles(const TmEpi *e, int tiles[2])
{
    int n = 0;
    if (e->kind == TM_EPI_ACT || e->kind > TM_EPI_MUL) return 0;
    if (e->tile >= 0) tiles[n++] = e->tile;
    if (e->kind == TM_EPI_BN && e->tile2 >= 0) tiles[n++] = e->tile2;
    return n;
}

bool tm_reads(const TmProgram *p, const TmIns *i, int tile)
{
    if (tm_holder(p, i->src) == tile || tm_holder(p, i->wgt) == tile || (i->dst == tile && i->accumulate)) return true;
    for (int e = 0; e < i->epi.n; e++) {
        int t[2], n = tm_epi_tiles(&i->epi.at[e], t);
        for (int k = 0; k < n; k++)
            if (tm_holder(p, t[k]) == tile) return true;
    }
    return false;
}

static void put_tile(Text *t, const TmProgram *p, const char *before, int tile)
{
    if (tile >= 0 && tile < p->tiles.n) text_printf(t, "%s%s", before, p->tiles.at[tile].name);
}

const char *tm_ins_text(Arena *a, const TmModule *m, const TmProgram *p, int at)
{
    const TmIns *i = &p->code.at[at];
    Text t = text_new(a);
    text_printf(&t, "instruction %d, %s%s", at, tm_op_rows[i->op].text, i->async ? "_async" : "");
    if (i->op == TM_LOOP || i->op == TM_END) text_printf(&t, " %s", p->loops.at[i->loop].name);
    if (i->op == TM_WAIT) text_printf(&t, " %d", i->n);
    if (i->op == TM_STORE && i->tensor >= 0 && i->tensor < m->tensors.n) text_printf(&t, " %s", m->tensors.at[i->tensor].name);
    put_tile(&t, p, " ", i->dst);
    if (i->lead) text_printf(&t, "@+%d", i->lead);
    put_tile(&t, p, i->accumulate ? " += " : " = ", i->src);
    put_tile(&t, p, ", ", i->wgt);
    if (i->variant != TMV_NONE) text_printf(&t, " [%s]", tm_variant_rows[i->variant].text);
    if (i->note) text_printf(&t, " (%s)", i->note);
    return t.at;
}
