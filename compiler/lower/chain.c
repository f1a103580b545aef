/* chain.c: a chain [head] [expand] [depthwise] [project] as one kernel. Two forms:
 *
 *   halo recompute                             line buffer (rolling rows of the depthwise's input, all channels)
 *     grid n i j k                               grid n i j k
 *       fill u; zero y                             fill and expand the `keep` rows above the band
 *       seq c                                      seq r
 *         copy weights of c                          fill u: the new rows; zero y
 *         expand e; depthwise d; y += project d      seq c: expand the new rows of e; depthwise d; y += project d
 *       store y                                      store y
 *
 * Filling u copies it from memory, or, after a head, makes it from a copy of x (chain_head.c).
 * Persistent blocks take many tiles: `grid k`, then the resident weights, then `persist n i j` round the rest of either form. With stages x runs ahead:
 * by row steps under a line buffer, by tiles with resident weights, else by chunks.
 * With strips a row step expands its whole width first and then walks it strip by strip. What is absent falls out: without an expansion the
 * depthwise (or the projection) reads x itself, chunk by chunk; without a projection each chunk of d is stored at once. */
#include "chain.h"

static Window window(Affine h, Affine w, Affine c, int64_t rows, int64_t cols, int64_t channels)
{
    return (Window){ h, w, c, rows, cols, channels };
}

/* What emission needs: tiles and epilogues, made in one go before the first instruction. */
typedef struct Pieces {
    int xt, xp, et, dt, yacc, yt;   /* u (or its new rows), u above the band, e, d, accumulator, result; -1 = absent */
    int we, wd, wp;
    Epilogue ee, de, ye;
    Head head;
} Pieces;

/* ---- tiles ---- */

static int64_t chunk_in(const Chain *h) { return h->chunk / h->mult; }        /* the chunk in channels of x or e */
static int64_t all_in(const Chain *h) { return h->nc * h->chunk / h->mult; }  /* all chunks of the block */

/* Channels of a kept tile start where the block's do. */
static Affine block_ec(const Chain *h) { return h->project ? affine_const(0) : parts_at(h->k, h->tk / h->mult); }

/* Tile of the tensor that the depthwise reads: rolling rows of all channels under a line buffer, else a halo window of one chunk. */
static int depth_input(Chain *h, const char *name, int tensor)
{
    Window v = chain_rows(h, 0, h->ih, h->ec, chunk_in(h));
    if (h->line) v.c = block_ec(h), v.channels = h->nc == 1 ? chunk_in(h) : all_in(h);
    if (h->t >= 0) {                                            /* lone depthwise, some filter rows at a time */
        WinAxis part = h->ah;
        part.k = (int)h->taps;
        v.rows = win_in(&part, (WinSpan){ 0, h->th }).n;
        v.h = affine_add(v.h, parts_at(h->t, h->taps * h->ah.dilation));
    }
    int tile = parts_tile(&h->b, name, tensor, v, TM_SHARED);
    if (!h->line) return tile;
    TmTile *ring = &h->b.p->tiles.at[tile];
    if (tensor == h->x) chain_stage(h, tile, h->r);
    ring->roll = (int)(h->ih + (ring->stages - 1) * (h->ih - h->keep));
    return tile;
}

/* May a pointwise operation read x in place? On the CPU, if no conversion is needed. */
static bool in_place(const Chain *h) { return !h->b.cuda && !h->head && h->b.m->tensors.at[h->x].dtype == DT_F32; }

void chain_stage(Chain *h, int tile, int loop)
{
    if (h->b.s->stages < 2 || loop < 0 || h->t >= 0 || !h->b.cuda || (h->line && loop != h->r)) return;
    int64_t trip = h->b.p->loops.at[loop].trip;
    h->b.p->tiles.at[tile].stages = h->b.s->stages < trip ? h->b.s->stages : (int)trip;
    h->b.p->tiles.at[tile].stage_loop = loop;
}

void chain_turn(Chain *h, int tile)
{
    if (h->turn >= 0) h->b.p->tiles.at[tile].stages = 2, h->b.p->tiles.at[tile].stage_loop = h->turn;
}

static void input_tiles(Chain *h, Pieces *t)
{
    TmSpace space = in_place(h) ? TM_GLOBAL : TM_SHARED;
    Affine zero = affine_const(0);
    if (h->expand && h->line) {
        if (h->keep) t->xp = parts_tile(&h->b, "xp", h->u, chain_rows(h, 0, h->keep, zero, h->cin), space);
        t->xt = parts_tile(&h->b, "xt", h->u, chain_rows(h, h->keep, h->ih - h->keep, zero, h->cin), space);
        if (!h->head) chain_stage(h, t->xt, h->r);
    } else if (h->expand) {
        t->xt = parts_tile(&h->b, "xt", h->u, chain_rows(h, 0, h->ih, zero, h->cin), space);
    } else if (h->depth) {
        t->xt = depth_input(h, "xt", h->x);
        chain_stage(h, t->xt, h->c);
    } else {
        t->xt = parts_tile(&h->b, "xt", h->x, window(h->oh, h->ow, h->mc, h->th, h->tw, h->chunk), space);
        if (space == TM_SHARED) chain_stage(h, t->xt, h->c);
    }
    if (!h->head) chain_turn(h, t->xt);
    if (!h->expand) return;
    t->et = h->depth ? depth_input(h, "et", h->e) : parts_tile(&h->b, "et", h->e, chain_rows(h, 0, h->ih, h->ec, h->chunk), TM_SHARED);
}

static void accumulator(Chain *h, Pieces *t, Window v, bool mma)
{
    t->yacc = parts_tile(&h->b, "yacc", h->y, v, h->b.cuda ? TM_REGISTER : TM_SHARED);
    TmTile *acc = &h->b.p->tiles.at[t->yacc];
    acc->dtype = DT_F32;
    acc->cpad = (int)win_round_up(v.channels, 8);
    if (!h->b.cuda) return;
    acc->frag = mma ? TM_FRAG_MMA : TM_FRAG_SIMT;
    int workers = mma ? h->b.p->threads / 32 : h->b.p->threads;
    int64_t pixels = v.rows * v.cols;
    int mt = (int)(mma ? win_div_up(pixels, 16) : pixels), nt = (int)(mma ? win_div_up(acc->cpad, 8) : win_div_up(acc->cpad, 4));
    parts_grid(workers, mt, nt, &acc->wm, &acc->wn);
}

/* ---- variants ---- */

static bool use_mma(const Chain *h)
{
    bool halves = h->b.m->tensors.at[h->x].dtype == DT_F16 && (h->expand || h->project);
    return h->b.cuda && h->b.s->mma && halves && h->b.p->arch >= 75;
}

static void set_pw(Chain *h, TmIns *i)
{
    const TmTile *d = &h->b.p->tiles.at[i->dst], *w = &h->b.p->tiles.at[i->wgt];
    if (!h->b.cuda) {
        i->variant = h->b.p->arch >= 256 ? TMV_PW_VEC : TMV_PW_C;
        parts_cpu_items(&h->b, i);
        return;
    }
    bool mma = use_mma(h);
    i->variant = !mma ? TMV_PW_SIMT : h->b.p->arch >= 80 ? TMV_PW_MMA16816 : TMV_PW_MMA1688;
    if (d->space == TM_REGISTER) {
        i->wm = d->wm;
        i->wn = d->wn;
        return;
    }
    int64_t pixels = (int64_t)(i->sub.h1 - i->sub.h0) * (i->sub.w1 - i->sub.w0), n8 = win_div_up(w->ext[2], 8);
    if (mma) parts_grid(h->b.p->threads / 32, (int)win_div_up(pixels, 16), (int)n8, &i->wm, &i->wn);
    else parts_grid(h->b.p->threads, (int)pixels, (int)(2 * n8), &i->wm, &i->wn);
}

void chain_set_dw(const Chain *h, TmIns *i, const WinAxis *ah, const WinAxis *aw, int mult)
{
    bool plain = mult == 1 && !i->accumulate;
    i->geom = (TmGeom){ ah->stride, aw->stride, ah->before, aw->before, ah->dilation, aw->dilation, mult };
    if (h->b.cuda && plain) parts_dw_items(&h->b, i);
    else if (h->b.cuda) i->variant = TMV_DW_PORTABLE;
    else i->variant = mult == 1 && h->b.p->arch >= 256 ? TMV_DW_VEC : TMV_DW_C;
    if (i->variant == TMV_DW_VEC) parts_cpu_dw_item(&h->b, i);
}

/* ---- weights ---- */

static void weight_tiles(Chain *h, Pieces *t)
{
    const Graph *g = h->b.l->graph;
    const int *param = h->b.l->tensor_of_param;
    Affine zero = affine_const(0);
    if (h->expand) {
        Affine org[4] = { zero, zero, h->ec, zero };
        int64_t ext[4] = { 1, 1, chunk_in(h), h->cin };
        t->we = parts_weights(&h->b, "we", param[g->nodes.at[h->expand->core].weight], h->image, org, ext);
    }
    if (h->depth) {
        Affine org[4] = { zero, parts_at(h->t, h->taps), zero, h->mc };
        int64_t ext[4] = { 1, h->taps, h->aw.k, h->chunk };
        t->wd = parts_weights(&h->b, "wd", param[g->nodes.at[h->depth->core].weight], h->image, org, ext);
    }
    if (h->project) {
        Affine org[4] = { zero, zero, h->ok, h->mc };
        int64_t ext[4] = { 1, 1, h->tk, h->chunk };
        t->wp = parts_weights(&h->b, "wp", param[g->nodes.at[h->project->core].weight], h->image, org, ext);
    }
}

/* The image tile: one record at a time (staged), or all records of the block where weights are resident. On the CPU it is read in place. */
int chain_image_tile(Chain *h, int image, const char *name, bool resident)
{
    TmTile t = { .name = name, .tensor = -1, .ext = { 1, 1, 1, 1 }, .space = h->b.cuda ? TM_SHARED : TM_GLOBAL, .dtype = DT_U8 };
    TmImage *im = &h->b.p->images.at[image];
    int64_t stride = 1;
    for (int i = im->nloop - 1; i >= 0; i--) {
        bool held = resident && (im->loops[i] == h->c || im->loops[i] == h->a);
        int64_t trip = h->b.p->loops.at[im->loops[i]].trip;
        if (held) t.ext[3] *= (int)trip;
        else t.org[3] = affine_add(t.org[3], parts_at(im->loops[i], stride));
        stride *= trip;
    }
    int tile = tm_tile(h->b.a, h->b.p, t);
    h->b.p->tiles.at[tile].image = image;
    h->b.p->images.at[image].tile = tile;
    if (h->b.cuda && !resident && image == h->image) chain_stage(h, tile, h->c);
    return tile;
}

static void images(Chain *h)
{
    int outer[3], n = 0;
    if (h->k >= 0) outer[n++] = h->k;
    int inner = n;
    if (h->c >= 0) outer[n++] = h->c;
    if (h->t >= 0) outer[n++] = h->t;
    h->image = tm_image(h->b.a, h->b.p, "w", outer, n);
    h->image_tile = chain_image_tile(h, h->image, "wt", h->resident);
    h->final = h->image;                                        /* the last epilogue's vectors travel with the chunk … */
    if (!h->reduce) return;
    h->final = tm_image(h->b.a, h->b.p, "f", outer, !h->project && h->c >= 0 ? inner + 1 : inner);      /* … unless chunks add up */
    h->final_tile = chain_image_tile(h, h->final, "ft", false);
}

/* ---- emission ---- */

void chain_copy(Chain *h, int tile)
{
    if (h->b.p->tiles.at[tile].space == TM_SHARED) parts_copy(&h->b, tile, 0, h->b.p->tiles.at[tile].ext[1]);
}

/* A tile of u: a copy, or what the head makes. */
static void fill(Chain *h, const Pieces *t, int tile)
{
    bool above = tile == t->xp;
    if (h->head) head_emit(h, &t->head, tile, above ? t->head.xp : t->head.xt), keep_head(h, tile, above);
    else chain_copy(h, tile);
}

static void emit_pw(Chain *h, const Stage *st, int dst, int src, int wgt, TmSub sub, bool masked, const Epilogue *epi)
{
    TmIns i = tm_ins(TM_PW);
    i.dst = dst;
    i.src = src;
    i.wgt = wgt;
    i.sub = sub;
    i.masked = masked;
    i.accumulate = epi == NULL;
    i.note = parts_note(&h->b, st);
    i.loc = h->b.l->graph->nodes.at[st->core].loc;
    if (epi) parts_copy_first(&h->b, epi), parts_set_epi(&h->b, &i, epi);
    set_pw(h, &i);
    tm_emit(h->b.a, h->b.p, i);
}

/* Rows h0 … h1 of e, the current chunk. Outside the tensor e is padding of the depthwise: 0. */
static void emit_expand(Chain *h, const Pieces *t, int src, int64_t h0, int64_t h1)
{
    const TmTile *e = &h->b.p->tiles.at[t->et];
    emit_pw(h, h->expand, t->et, src, t->we, (TmSub){ (int)h0, (int)h1, 0, e->ext[2] }, h->depth != NULL, &t->ee);
}

static void emit_depth(Chain *h, const Pieces *t)
{
    TmIns i = tm_ins(TM_DW);
    i.dst = h->project ? t->dt : h->reduce ? t->yacc : t->yt;
    i.src = h->expand ? t->et : t->xt;
    i.wgt = t->wd;
    i.sub = tm_whole(&h->b.p->tiles.at[i.dst]);
    i.accumulate = !h->project && h->reduce;
    i.note = parts_note(&h->b, h->depth);
    i.loc = h->b.l->graph->nodes.at[h->depth->core].loc;
    const Epilogue *epi = h->project ? &t->de : &t->ye;
    if (!i.accumulate) parts_copy_first(&h->b, epi), parts_set_epi(&h->b, &i, epi);
    chain_set_dw(h, &i, &h->ah, &h->aw, h->mult);
    tm_emit(h->b.a, h->b.p, i);
}

static void emit_project(Chain *h, const Pieces *t)
{
    int src = h->depth ? t->dt : h->expand ? t->et : t->xt, dst = h->reduce ? t->yacc : t->yt;
    emit_pw(h, h->project, dst, src, t->wp, tm_whole(&h->b.p->tiles.at[dst]), false, h->reduce ? NULL : &t->ye);
}

/* y leaves: from the accumulator by way of a tile (wide stores) on CUDA, at once on the CPU; from the tile that already went through its epilogue. */
static void emit_store(Chain *h, const Pieces *t)
{
    TmIns i = tm_ins(TM_STORE);
    i.src = t->yt;
    i.tensor = h->y;
    if (h->reduce) {
        TmIns f = tm_ins(TM_FINISH);
        f.dst = t->yt;
        f.src = t->yacc;
        f.note = parts_note(&h->b, h->last);
        parts_copy_first(&h->b, &t->ye);
        if (h->b.cuda) parts_set_epi(&h->b, &f, &t->ye), tm_emit(h->b.a, h->b.p, f);
        else i.src = t->yacc, i.note = f.note, parts_set_epi(&h->b, &i, &t->ye);
    }
    i.vec = parts_vec(&h->b, h->y, &h->b.p->tiles.at[i.src]);
    tm_emit(h->b.a, h->b.p, i);
}

static void emit_zero(Chain *h, const Pieces *t)
{
    if (!h->reduce) return;
    TmIns i = tm_ins(TM_ZERO);
    i.dst = t->yacc;
    tm_emit(h->b.a, h->b.p, i);
}

/* The chunk loop of the halo form, and of the line buffer without strips. new_row: first row of e to expand. */
static void emit_chunks(Chain *h, const Pieces *t, int64_t new_row, bool expand)
{
    parts_open(&h->b, h->c);
    if (!h->resident && h->t < 0) chain_copy(h, h->image_tile);
    if (!h->expand && !h->line && h->t < 0) chain_copy(h, t->xt);
    if (h->expand && expand) emit_expand(h, t, t->xt, new_row, h->b.p->tiles.at[t->et].ext[1]);
    if (!h->line) keep_expanded(h, t->et);
    if (h->t >= 0) {
        chain_copy(h, h->final_tile);
        emit_zero(h, t);
        parts_open(&h->b, h->t);
        chain_copy(h, h->image_tile);
        chain_copy(h, t->xt);
    }
    if (h->depth) emit_depth(h, t);
    parts_close(&h->b, h->t);
    keep_depthwise(h, t->dt);
    if (h->project) emit_project(h, t);
    else emit_store(h, t);
    parts_close(&h->b, h->c);
}

/* What all tiles of a block read: before the first of them. */
static void emit_resident(Chain *h, const Pieces *t)
{
    if (h->project && h->reduce) chain_copy(h, h->final_tile);
    if (h->resident) chain_copy(h, h->image_tile);
    if (h->head) head_open(h, &t->head);
}

static void emit_halo(Chain *h, const Pieces *t)
{
    if (h->expand) fill(h, t, t->xt);
    if (h->project) emit_zero(h, t);
    emit_chunks(h, t, 0, true);
    if (h->project) emit_store(h, t);
}

/* All chunks of rows h0 … of e (or a copy of those rows of x): what a line buffer takes in. */
static void emit_rows(Chain *h, const Pieces *t, int src, int64_t h0, int64_t h1)
{
    if (!h->expand) {
        parts_copy(&h->b, t->xt, (int)h0, (int)h1);
        return;
    }
    fill(h, t, src);
    parts_open(&h->b, h->c);
    if (!h->resident) chain_copy(h, h->image_tile);
    emit_expand(h, t, src, h0, h1);
    parts_close(&h->b, h->c);
}

static void emit_line(Chain *h, const Pieces *t)
{
    bool strips = h->s >= 0;
    if (h->keep) emit_rows(h, t, t->xp, 0, h->keep);
    parts_open(&h->b, h->r);
    if (strips || !h->expand) emit_rows(h, t, t->xt, h->keep, h->ih);
    else fill(h, t, t->xt);
    parts_open(&h->b, h->s);
    if (h->project) emit_zero(h, t);
    emit_chunks(h, t, h->keep, !strips);
    if (h->project) emit_store(h, t);
    parts_close(&h->b, h->s);
    keep_expanded(h, t->et);
    parts_close(&h->b, h->r);
}

/* ---- the whole ---- */

static void set_threads(Chain *h, const Sched *s)
{
    TmProgram *p = h->b.p;
    p->threads = h->b.cuda ? (int)win_round_up(s->threads > 0 ? s->threads : 256, 32) : 1;
    p->ctas = h->b.cuda && s->ctas > 0 ? s->ctas : 1;
}

/* Does the tile of x hold every pixel of the output tile, at the same coordinates, with all channels? */
static bool covers(const Chain *h)
{
    bool aligned = h->ah.stride == 1 && h->aw.stride == 1 && h->ah.before < win_extent(&h->ah) && h->aw.before < win_extent(&h->aw);
    return h->b.cuda && h->expand && !h->line && aligned;
}

static void make_pieces(Chain *h, Pieces *t)
{
    Parts *b = &h->b;
    bool tensor_cores = use_mma(h);
    *t = (Pieces){ .xt = -1, .xp = -1, .et = -1, .dt = -1, .yacc = -1, .yt = -1, .we = -1, .wd = -1, .wp = -1 };
    images(h);
    input_tiles(h, t);
    if (h->head) t->head = head_pieces(h);
    weight_tiles(h, t);
    Window e = chain_rows(h, 0, h->ih, h->ec, chunk_in(h)), d = window(h->oh, h->ow, h->mc, h->th, h->tw, h->chunk);
    Window y = h->project ? window(h->oh, h->ow, h->ok, h->th, h->tw, h->tk) : d;
    if (h->expand) t->ee = parts_epilogue(b, h->expand, "e", e, h->image, -1);
    if (h->depth && h->project) {
        t->dt = parts_tile(b, "dt", h->d, d, TM_SHARED);
        t->de = parts_epilogue(b, h->depth, "d", d, h->image, -1);
    }
    if (h->reduce) accumulator(h, t, y, tensor_cores && h->project);
    t->yt = h->b.cuda || !h->reduce ? parts_tile(b, "yt", h->y, y, TM_SHARED) : -1;
    t->ye = parts_epilogue(b, h->last, "y", y, h->final, covers(h) ? t->xt : -1);
}

/* Where a wider tile keeps what a convolution reads next, it is rounded to the tensor's type on the way. */
static void round_for(Chain *h, int tensor, Epilogue *e)
{
    if (tensor < 0 || h->b.cuda || h->b.m->tensors.at[tensor].dtype == DT_F32) return;
    vec_push(h->b.a, &e->steps, (TmEpi){ .kind = TM_EPI_ROUND, .tile = -1, .tile2 = -1, .dtype = h->b.m->tensors.at[tensor].dtype });
}

static const char *impossible(const Chain *h)
{
    if (h->line && h->s >= 0 && h->b.cuda && h->nc > 1 && !h->resident && h->expand)
        return "strips with several chunks need resident weights";
    const char *why = keep_refuses(h);
    if (why) return why;
    if (h->b.cuda && (h->b.p->threads > (int)h->b.l->device->threads_block || h->b.p->threads * h->b.p->ctas > (int)h->b.l->device->threads_sm))
        return arena_printf(h->b.a, "%d blocks of %d threads do not fit an SM", h->b.p->ctas, h->b.p->threads);
    return NULL;
}

/* Accumulators live in registers across the chunk loop: leave room for what an operation needs itself. Without a knob as many blocks share an SM
 * as registers allow; shared memory may lower that (module.c). */
static const char *registers(const Chain *h, const Pieces *t)
{
    if (!h->b.cuda) return NULL;
    int64_t need = WORKING_REGISTERS;
    if (t->yacc >= 0) {
        const TmTile *acc = &h->b.p->tiles.at[t->yacc];
        int64_t pixels = (int64_t)acc->ext[1] * acc->ext[2];
        bool mma = acc->frag == TM_FRAG_MMA;
        need += 4 * win_div_up(mma ? win_div_up(pixels, 16) : pixels, acc->wm) * win_div_up(win_div_up(acc->cpad, mma ? 8 : 4), acc->wn);
    }
    const Device *dev = h->b.l->device;
    int64_t blocks = (int64_t)dev->regs_sm / (h->b.p->threads * win_round_up(need, 8));
    if (need > (int64_t)dev->regs_thread || blocks < (h->b.s->ctas ? h->b.s->ctas : 1))
        return arena_printf(h->b.a, "needs %d registers a thread, more than %d blocks of %d threads leave", (int)need, h->b.s->ctas ? h->b.s->ctas : 1, h->b.p->threads);
    if (!h->b.s->ctas) h->b.p->ctas = (int)blocks;
    return NULL;
}

TmProgram *lower_chain(Lowering *l, const Group *group, const Sched *s, TmProgram *p, const char **why)
{
    Chain h;
    Pieces t;
    if ((*why = chain_geometry(&h, l, group, p, s))) return NULL;
    set_threads(&h, s);
    if ((*why = impossible(&h))) return NULL;
    make_pieces(&h, &t);
    if ((*why = registers(&h, &t))) return NULL;
    if (h.head) round_for(&h, h.u, &t.head.epi);
    round_for(&h, h.e, &t.ee);
    round_for(&h, h.d, &t.de);
    const Outer outer = { h.b.n, h.i, h.j, h.k };
    parts_open_blocks(&h.b, outer);
    emit_resident(&h, &t);
    parts_open_tiles(&h.b, outer);
    if (h.line) emit_line(&h, &t);
    else emit_halo(&h, &t);
    parts_close_outer(&h.b, outer);
    return p;
}
