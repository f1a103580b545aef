/* chain_geom.c: see chain.h. Every size of a chain's program is computed here and nowhere else. */
#include "chain.h"

static int64_t pick(int knob, int64_t all) { return knob <= 0 || knob > all ? all : knob; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void sort_stages(Chain *h, const Group *group)
{
    const Graph *g = h->b.l->graph;
    for (int i = 0; i < group->n; i++) {
        const Stage *st = &h->b.l->stages->at.at[group->stage[i]];
        if (g->nodes.at[st->core].op == GR_DW && i == 0 && group->n > 2) h->head = st;
        else if (g->nodes.at[st->core].op == GR_DW) h->depth = st;
        else if (i == group->n - 1) h->project = st;
        else h->expand = st;
        h->last = st;
    }
}

static void shapes(Chain *h, const Group *group)
{
    Lowering *l = h->b.l;
    const Stage *first = &l->stages->at.at[group->stage[0]];
    const GraphNode *x = &l->graph->nodes.at[first->in], *y = &l->graph->nodes.at[h->last->out];
    WinAxis one = { .k = 1, .stride = 1, .dilation = 1 };
    h->ah = h->aw = one;
    h->mult = h->hmult = 1;
    if (h->head) {
        const GraphNode *u = &l->graph->nodes.at[h->head->core];
        h->hh = u->ah;
        h->hw = u->aw;
        h->hmult = u->mult;
    }
    if (h->depth) {
        const GraphNode *d = &l->graph->nodes.at[h->depth->core];
        h->ah = d->ah;
        h->aw = d->aw;
        h->mult = d->mult;
    }
    h->x = l->tensor_of_node[first->in];
    h->u = h->head ? l->tensor_of_node[h->head->out] : h->x;
    h->e = h->expand ? l->tensor_of_node[h->expand->out] : -1;
    h->d = h->depth && h->project ? l->tensor_of_node[h->depth->out] : -1;
    h->y = l->tensor_of_node[h->last->out];
    h->cin = h->head ? l->graph->nodes.at[h->head->out].c : x->c;
    h->out = y->c;
    h->rows = y->h;
    h->cols = y->w;
    const Stage *m = h->project ? (h->depth ? h->depth : h->expand) : h->last;
    h->mid = m ? l->graph->nodes.at[m->out].c : x->c;
}

/* What a tile of outputs owns of its window, relative to that. */
static WinSpan own(const WinAxis *a, int64_t tile)
{
    WinSpan out = { 0, tile }, s = win_own(a, out);
    return (WinSpan){ s.lo - win_in(a, out).lo, s.n };
}

/* Tile extents from the knobs; the window formula gives what they read. */
static const char *extents(Chain *h, const Sched *s)
{
    h->th = pick(s->th, h->rows);
    h->width = pick(s->tw, h->cols);
    h->line = s->line > 0;
    h->tw = h->line && s->strip ? least(pick(s->strip, h->width), h->width) : h->width;
    if (h->width % h->tw && h->width < h->cols) return "a strip must divide the tile's columns";
    h->width = win_round_up(h->width, h->tw);                   /* a whole row: the last strip leaves the tensor */
    h->tk = pick(s->tk, h->out);
    h->chunk = pick(s->chunk, h->project ? h->mid : h->tk);
    h->nc = win_div_up(h->project ? h->mid : h->tk, h->chunk);
    h->hchunk = pick(s->head, h->cin);
    h->na = win_div_up(h->cin, h->hchunk);
    h->taps = pick(s->taps, h->ah.k);
    h->reduce = h->project ? h->nc > 1 : h->taps < h->ah.k;
    h->resident = (h->line || s->persist) && (s->resident || h->nc == 1) && h->taps == h->ah.k;
    h->ih = win_in(&h->ah, (WinSpan){ 0, h->th }).n;
    h->iw = win_in(&h->aw, (WinSpan){ 0, h->width }).n;
    h->keep = win_extent(&h->ah) - h->ah.stride;
    h->own_h = own(&h->ah, h->th);
    h->own_w = own(&h->aw, h->width);
    if (h->nc > 1 && (h->chunk % 8 || h->chunk % h->mult || (h->chunk / h->mult) % 8))
        return "chunk must be a multiple of 8 channels of the depthwise's input";
    if (h->tk < h->out && (h->tk % 8 || (!h->project && (h->tk % h->mult || (h->tk / h->mult) % 8))))
        return "channels must be a multiple of 8 channels of the depthwise's input";
    if (!h->project && h->tk < h->out && h->tk % h->chunk) return "chunk must divide the channels of a block";
    if (h->head && h->na > 1 && (h->hchunk % 8 || h->hchunk % h->hmult || (h->hchunk / h->hmult) % 8))
        return "head must be a multiple of 8 channels of the first depthwise's input";
    if (h->line && !h->depth) return "a line buffer needs a depthwise convolution";
    if (h->line && h->keep < 0) return "a line buffer needs rows that overlap: the stride is larger than the kernel";
    if (h->taps < h->ah.k && (h->expand || h->project || h->line)) return "taps splits a lone depthwise convolution only";
    if (h->ah.k % h->taps) return "taps must divide the filter's rows";
    return NULL;
}

/* The first position that an axis of a convolution reads for outputs from `out` on. */
static Affine read_from(Affine out, const WinAxis *a) { return affine_add(affine_scale(out, a->stride), affine_const(-a->before)); }

Window chain_rows(const Chain *h, int64_t row, int64_t rows, Affine c, int64_t channels)
{
    return (Window){ affine_add(h->ih0, affine_const(row)), h->iw0, c, rows, h->iw, channels };
}

Window chain_head_rows(const Chain *h, int64_t row, int64_t rows)
{
    Window u = chain_rows(h, row, rows, parts_at(h->a, h->hchunk / h->hmult), h->hchunk / h->hmult);
    u.h = read_from(u.h, &h->hh);
    u.w = read_from(u.w, &h->hw);
    u.rows = win_in(&h->hh, (WinSpan){ 0, u.rows }).n;
    u.cols = win_in(&h->hw, (WinSpan){ 0, u.cols }).n;
    return u;
}

static void loops(Chain *h, const Sched *s)
{
    Parts *b = &h->b;
    int64_t band = h->line ? least(s->line, win_div_up(h->rows, h->th)) : 1;
    h->i = parts_loop(b, "i", parts_tile_loops(b), win_div_up(h->rows, h->th * band));
    h->j = parts_loop(b, "j", parts_tile_loops(b), win_div_up(h->cols, h->width));
    h->k = parts_loop(b, "k", TM_GRID, win_div_up(h->out, h->tk));
    h->r = parts_loop(b, "r", TM_SEQ, band);
    h->s = parts_loop(b, "s", TM_SEQ, win_div_up(h->width, h->tw));
    h->a = parts_loop(b, "a", TM_SEQ, h->head ? h->na : 1);
    h->c = parts_loop(b, "c", TM_SEQ, h->nc);
    h->t = parts_loop(b, "t", TM_SEQ, h->ah.k / h->taps);
    bool ahead = s->persist && s->stages > 1 && h->resident && !h->line && (h->head ? h->na == 1 : h->expand || h->nc == 1);
    h->turn = ahead ? tm_loop(b->a, b->p, "turn", TM_TURN, 1) : -1;
    h->oh = affine_add(parts_at(h->i, h->th * band), parts_at(h->r, h->th));
    h->ow = affine_add(parts_at(h->j, h->width), parts_at(h->s, h->tw));
    h->ok = parts_at(h->k, h->tk);
    if (h->r >= 0 && h->rows % (h->th * band)) {                /* the last band is shorter */
        b->p->loops.at[h->r].limit = h->oh;
        b->p->loops.at[h->r].limit_bound = h->rows;
    }
    h->ih0 = read_from(h->oh, &h->ah);
    h->iw0 = read_from(parts_at(h->j, h->width), &h->aw);
    h->mc = parts_at(h->c, h->chunk);
    if (!h->project) h->mc = affine_add(h->mc, h->ok);
    h->ec = affine_const(0);
    for (int i = 0; i < h->mc.nterm; i++) h->ec = affine_add(h->ec, affine_term(0, h->mc.term[i].loop, h->mc.term[i].coef / h->mult));
}

const char *chain_geometry(Chain *h, Lowering *l, const Group *group, TmProgram *p, const Sched *s)
{
    *h = (Chain){ .b = parts_begin(l, p, s), .image = -1, .final = -1, .image_tile = -1, .final_tile = -1 };
    sort_stages(h, group);
    shapes(h, group);
    const char *why = extents(h, s);
    if (!why) loops(h, s);
    return why;
}
