/* chain_keep.c: an intermediate that others read as well leaves from the tile in which the kernel has it. The depthwise's windows overlap, so each
 * block (under a line buffer: each row step) owns a part of its window (win_own), and all of them together store every pixel once:
 *
 *     3x3, stride 1, two rows a step       window    -1  0  1  2 |  1  2  3  4 |  3  4  5  6
 *                                          owned         0  1    |     2  3    |     4  5
 *
 * Under a line buffer a head makes new rows only, here the last two of each window: then these are stored, and the first band's rows before them.
 * Where blocks of several channels make the same intermediate, the first of them stores it. */
#include "chain.h"

static bool kept(const Chain *h, int tensor) { return tensor >= 0 && h->b.m->tensors.at[tensor].role != TM_VIRTUAL; }

/* Rows of u that are new in no step, of the first band only. */
static WinSpan first_rows(const Chain *h) { return (WinSpan){ h->own_h.lo, h->keep - h->own_h.lo }; }

const char *keep_refuses(const Chain *h)
{
    bool first = h->head && kept(h, h->u) && h->line && first_rows(h).n > 0 && h->i >= 0;
    if (first && h->k >= 0) return "an intermediate that others read too would be stored by the first band and the first block of channels only";
    if (first && h->b.s->persist) return "an intermediate that others read too would be stored by the first band only, which persistent blocks do not know";
    return NULL;
}

/* first: a loop in whose first iteration alone this happens; -1 = always. */
static void store(Chain *h, int tile, int tensor, TmSub sub, int first)
{
    TmIns i = tm_ins(TM_STORE);
    if (!kept(h, tensor) || sub.h0 == sub.h1) return;
    i.src = tile;
    i.tensor = tensor;
    i.sub = sub;
    i.vec = parts_vec(&h->b, tensor, &h->b.p->tiles.at[tile]);
    i.guard_loop = first;
    if (first >= 0) i.guard_add = (int)h->b.p->loops.at[first].trip - 1;
    tm_emit(h->b.a, h->b.p, i);
}

static TmSub owned(const Chain *h, WinSpan rows)
{
    return (TmSub){ (int)rows.lo, (int)(rows.lo + rows.n), (int)h->own_w.lo, (int)(h->own_w.lo + h->own_w.n) };
}

/* Blocks of several channels of a final depthwise make different channels of e. */
void keep_expanded(Chain *h, int tile) { store(h, tile, h->e, owned(h, h->own_h), h->project ? h->k : -1); }

void keep_depthwise(Chain *h, int tile)
{
    if (h->d >= 0) store(h, tile, h->d, tm_whole(&h->b.p->tiles.at[tile]), h->k);
}

void keep_head(Chain *h, int tile, bool above)
{
    WinSpan rows = !h->line ? h->own_h : above ? first_rows(h) : (WinSpan){ 0, h->ih - h->keep };
    store(h, tile, h->u, owned(h, rows), above && h->i >= 0 ? h->i : h->k);
}
