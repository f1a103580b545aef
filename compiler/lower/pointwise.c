/* pointwise.c: chains of element-wise operations that have no convolution to ride on: a tile of the first operand passes through the
 * epilogue on its way to the result. */
#include "parts.h"

static int64_t pick(int knob, int64_t all) { return knob <= 0 || knob > all ? all : knob; }

typedef struct Grid { Outer o; Window v; } Grid;

static Grid tiling(Parts *b, const TmTensor *y)
{
    Grid g;
    int64_t th = pick(b->s->th, y->dim[1]), tw = pick(b->s->tw, y->dim[2]), tk = pick(b->s->tk, y->dim[3]);
    g.o.n = b->n;
    g.o.i = parts_loop(b, "i", parts_tile_loops(b), win_div_up(y->dim[1], th));
    g.o.j = parts_loop(b, "j", parts_tile_loops(b), win_div_up(y->dim[2], tw));
    g.o.k = parts_loop(b, "k", TM_GRID, win_div_up(y->dim[3], tk));
    g.v = (Window){ parts_at(g.o.i, th), parts_at(g.o.j, tw), parts_at(g.o.k, tk), th, tw, tk };
    return g;
}

static void store(Parts *b, int tile, int to, const Epilogue *e, const char *note)
{
    TmIns i = tm_ins(TM_STORE);
    i.src = tile;
    i.tensor = to;
    i.note = note;
    i.vec = parts_vec(b, to, &b->p->tiles.at[tile]);
    parts_set_epi(b, &i, e);
    tm_emit(b->a, b->p, i);
}

static void set_threads(Parts *b)
{
    b->p->threads = b->cuda ? (int)win_round_up(b->s->threads > 0 ? b->s->threads : 256, 32) : 1;
    b->p->ctas = b->s->ctas > 0 ? b->s->ctas : b->cuda ? 8 : 1;    /* few registers: shared memory and threads decide */
}

/* Vectors of bias or bn, if the epilogue has any, come as one image per block of channels. */
static int vectors_image(Parts *b, const Grid *g)
{
    int image = tm_image(b->a, b->p, "w", &g->o.k, g->o.k >= 0 ? 1 : 0);
    TmTile t = { .name = "wt", .tensor = -1, .ext = { 1, 1, 1, 1 }, .space = b->cuda ? TM_SHARED : TM_GLOBAL, .dtype = DT_U8 };
    t.org[3] = parts_at(g->o.k, 1);
    int tile = tm_tile(b->a, b->p, t);
    b->p->tiles.at[tile].image = image;
    b->p->images.at[image].tile = tile;
    return image;
}

static bool needs_vectors(const Stage *st)
{
    for (int i = 0; i < st->epi.n; i++)
        if (st->epi.at[i].kind == EPI_BN || st->epi.at[i].kind == EPI_BIAS) return true;
    return false;
}

TmProgram *lower_pointwise(Lowering *l, const Group *group, const Sched *s, TmProgram *p, const char **why)
{
    (void)why;
    const Stage *st = &l->stages->at.at[group->stage[0]];
    Parts b = parts_begin(l, p, s);
    int y = l->tensor_of_node[st->out];
    Grid g = tiling(&b, &l->module->tensors.at[y]);
    set_threads(&b);
    int image = needs_vectors(st) ? vectors_image(&b, &g) : -1;
    int xt = parts_tile(&b, "xt", l->tensor_of_node[st->in], g.v, TM_SHARED);
    Epilogue e = parts_epilogue(&b, st, "y", g.v, image, xt);
    parts_open_blocks(&b, g.o);
    if (image >= 0 && b.cuda) parts_copy(&b, p->images.at[image].tile, 0, 1);
    parts_open_tiles(&b, g.o);
    parts_copy(&b, xt, 0, (int)g.v.rows);
    parts_copy_first(&b, &e);
    store(&b, xt, y, &e, parts_note(&b, st));
    parts_close_outer(&b, g.o);
    return p;
}
