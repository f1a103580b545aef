/* chain_head.c: the head of a chain, a depthwise convolution that makes the tile of u which the expansion reads:
 *
 *     seq a
 *       copy weights of a; copy x        the window of x that the tile's rows and columns read, the step's channels only
 *       u[a] = depthwise x               its channels of the tile
 *
 * Steps bound what is on chip of x and of the head's weights, which form an image of their own. The tile of u keeps all channels: the expansion
 * contracts them. */
#include "chain.h"

/* The head's weights and epilogue; windows of x beside each tile of u that chain.c has made. */
Head head_pieces(Chain *h)
{
    Parts *b = &h->b;
    Head t = { .xt = -1, .xp = -1 };
    int outer[1] = { h->a };
    t.image = tm_image(b->a, b->p, "h", outer, h->a >= 0);
    t.resident = h->a < 0 || (h->resident && b->s->persist > 0);
    t.image_tile = chain_image_tile(h, t.image, "ht", t.resident);
    bool band = h->line && h->keep > 0;                         /* rows above it are made first */
    int64_t first = h->line ? h->keep : 0;
    if (band) t.xp = parts_tile(b, "hxp", h->x, chain_head_rows(h, 0, h->keep), TM_SHARED);
    t.xt = parts_tile(b, "hx", h->x, chain_head_rows(h, first, h->ih - first), TM_SHARED);
    if (!t.resident) chain_stage(h, t.image_tile, h->a);
    chain_stage(h, t.xt, h->a < 0 ? h->r : h->a);
    chain_turn(h, t.xt);
    Affine zero = affine_const(0), org[4] = { zero, zero, zero, parts_at(h->a, h->hchunk) };
    int64_t ext[4] = { 1, h->hh.k, h->hw.k, h->hchunk };
    t.weights = parts_weights(b, "wh", b->l->tensor_of_param[b->l->graph->nodes.at[h->head->core].weight], t.image, org, ext);
    t.epi = parts_epilogue(b, h->head, "u", chain_rows(h, 0, h->ih, parts_at(h->a, h->hchunk), h->hchunk), t.image, -1);
    return t;
}

void head_open(Chain *h, const Head *t)
{
    if (t->resident) chain_copy(h, t->image_tile);
}

/* Pixels outside u are whatever the window gives: the expansion masks what it makes of them. */
void head_emit(Chain *h, const Head *t, int dst, int src)
{
    TmIns i = tm_ins(TM_DW);
    i.dst = dst;
    i.src = src;
    i.wgt = t->weights;
    i.sub = tm_whole(&h->b.p->tiles.at[dst]);
    i.note = parts_note(&h->b, h->head);
    i.loc = h->b.l->graph->nodes.at[h->head->core].loc;
    chain_set_dw(h, &i, &h->hh, &h->hw, h->hmult);
    parts_open(&h->b, h->a);
    if (!t->resident) chain_copy(h, t->image_tile);
    chain_copy(h, src);
    parts_copy_first(&h->b, &t->epi);
    parts_set_epi(&h->b, &i, &t->epi);
    tm_emit(h->b.a, h->b.p, i);
    parts_close(&h->b, h->a);
}
