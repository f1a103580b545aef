/* layout.c: how tiles lie in memory: padded channels, pitches, panels, bytes of a stage, members of packed images.
 *
 * Channels. A tile stores as many channels as its widest writer writes and its widest reader reads, in eights (16 bytes of f16).
 * Pitch. On CUDA a pixel takes a whole number of 16-byte chunks. Rows of an 8x8 matrix (ldmatrix) are consecutive pixels: without conflicts when
 * the number of chunks is odd. The depthwise lanes walk chunks first, then pixels item_w * stride apart, and want another number. So every
 * reader's lane map is played through for a few paddings, and the padding with the fewest wavefronts wins:
 *
 *     pixel 0   |c0|c1|c2|..|pad|          lanes of ldmatrix:  | of a column         lanes of depthwise:  -> along a row
 *     pixel 1   |c0|c1|c2|..|pad|                              v                                         then the next item
 *
 * Weights of tensor cores have one reader, ldmatrix, and their padding would travel from memory with every chunk: they are swizzled. For other
 * tiles padding is better: the depthwise lanes would twist every tap's address. */
#include "tm.h"

#include <limits.h>
#include <math.h>

enum { PADS = 5 };                                  /* paddings tried: 0 … 4 chunks */

static int64_t up8(int64_t n) { return win_round_up(n, 8); }

/* The largest value of a - b over all loop values (0 … trip - 1). */
static int64_t most_apart(const TmProgram *p, const Affine *a, const Affine *b)
{
    Affine d = affine_sub(*a, *b);
    int64_t most = d.k;
    for (int i = 0; i < d.nterm; i++)
        if (d.term[i].coef > 0 && p->loops.at[d.term[i].loop].trip > 0) most += d.term[i].coef * (p->loops.at[d.term[i].loop].trip - 1);
    return most;
}

/* ---- channels ---- */

static void widen(TmTile *t, int64_t channels)
{
    if (channels > t->cpad) t->cpad = channels > INT_MAX ? INT_MAX : (int)channels;
}

/* Channels from `first` (absolute) on, `n` of them, are touched in tile number `tile`. */
static void touch(TmProgram *p, int tile, const Affine *first, int64_t n)
{
    if (tile < 0) return;
    TmTile *t = &p->tiles.at[tile];
    if (t->space == TM_GLOBAL && !t->member) return;
    widen(t, up8(most_apart(p, first, &t->org[3]) + n));
}

static void touch_epilogue(TmProgram *p, const TmIns *i, const Affine *first, int64_t n)
{
    for (int e = 0; e < i->epi.n; e++) {
        const TmEpi *x = &i->epi.at[e];
        if (x->kind == TM_EPI_ACT || x->kind > TM_EPI_MUL) continue;
        touch(p, x->tile, first, n);
        if (x->kind == TM_EPI_BN) touch(p, x->tile2, first, n);
    }
}

static void touch_dw(TmProgram *p, const TmIns *i)
{
    const TmTile *w = &p->tiles.at[i->wgt], *s = &p->tiles.at[i->src];
    int64_t n = up8(w->ext[3]), mult = i->geom.mult > 1 ? i->geom.mult : 1;
    touch(p, i->wgt, &w->org[3], n);
    touch(p, i->dst, &w->org[3], n);
    touch_epilogue(p, i, &w->org[3], n);
    if (mult == 1) {
        touch(p, i->src, &w->org[3], n);
        return;
    }
    /* source channel = c / mult: the last output channel of the instruction, at the last chunk, decides */
    Affine zero = affine_const(0), first = affine_const((most_apart(p, &w->org[3], &zero) + n - 1) / mult);
    if (s->org[3].nterm == 0) touch(p, i->src, &first, 1);
    else touch(p, i->src, &s->org[3], win_div_up(n, mult) + 1);
}

static void touch_channels(const TmModule *m, TmProgram *p, const TmIns *i)
{
    if (i->op == TM_PW) {
        const TmTile *w = &p->tiles.at[i->wgt];
        int vector = tm_vector(m, p, i);
        int64_t n = win_round_up(w->ext[2], vector > 8 ? vector : 8);
        touch(p, i->src, &w->org[3], w->cpad);
        touch(p, i->dst, &w->org[2], n);
        touch_epilogue(p, i, &w->org[2], n);
    } else if (i->op == TM_DW) {
        touch_dw(p, i);
    } else if (i->op == TM_FINISH || i->op == TM_STORE) {
        const TmTile *t = &p->tiles.at[i->op == TM_STORE ? i->src : i->dst];
        touch(p, i->src, &t->org[3], t->ext[3]);
        touch_epilogue(p, i, &t->org[3], up8(t->ext[3]));
    }
}

/* ---- wavefronts of shared memory ---- */

/* 32 lanes access `width` bytes each at addr: a wavefront serves 128 bytes, a bank of 4 bytes one word of it. Wide accesses go in groups of
 * lanes that together ask for 128 bytes; lanes with one address share it. */
static int waves(const int *addr, int width)
{
    int total = 0, group = 128 / width, shift = 0;
    while (1 << shift < width) shift++;             /* widths are powers of two */
    for (int g = 0; g < 32; g += group) {
        int load[32] = { 0 }, held[32][32], worst = 1;
        for (int l = g; l < g + group; l++) {
            int bank = addr[l] >> shift & (group - 1), same = 0;
            while (same < load[bank] && held[bank][same] != addr[l]) same++;
            if (same < load[bank]) continue;
            held[bank][load[bank]++] = addr[l];
            if (load[bank] > worst) worst = load[bank];
        }
        total += worst;
    }
    return total;
}

/* One reader or writer of a tile; *conflicts is set where it needs more wavefronts than it has groups of lanes. */
typedef struct Access { const TmIns *ins; const TmTile *tile, *dst, *wgt; bool store, *conflicts; } Access;

static int noted_waves(const Access *x, const int *addr, int width)
{
    int n = waves(addr, width);
    if (n > 32 * width / 128) *x->conflicts = true;
    return n;
}

static double pixels(const TmTile *t) { return (double)t->ext[1] * t->ext[2]; }

static double mma_waves(const Access *x, int pitch)
{
    int addr[32];
    double chunks = x->tile->cpad / 8.0;
    if (x->store) {                                 /* the m16n8 map: lane (r%8)*4 + q/2 stores the pair q, q+1 of row r */
        for (int l = 0; l < 32; l++) addr[l] = l / 4 * pitch + l % 4 * 4;
        return noted_waves(x, addr, 4) * pixels(x->tile) / 8 * chunks;
    }
    for (int l = 0; l < 32; l++) addr[l] = l % 8 * pitch + l / 8 * 16;
    return noted_waves(x, addr, 16) / 4.0 * pixels(x->tile) / 8 * chunks * x->ins->wn;
}

/* Threads (i, j) = (t / wn, t % wn) read one quad of channels of pixel i, the same for all j, and store quad j. */
static double simt_waves(const Access *x, int pitch)
{
    int addr[32], wn = x->ins->wn > 0 ? x->ins->wn : 1;
    for (int l = 0; l < 32; l++) addr[l] = l / wn * pitch + (x->store ? l % wn * 4 * dtype_bytes(x->tile->dtype) : 0);
    return noted_waves(x, addr, 16) * pixels(x->tile) * x->tile->cpad / 4.0 / 32 * (x->store ? 1 : wn);
}

/* Lane l takes channel chunk l % n of item l / n; items run along a row of the destination, then down. */
static double dw_waves(const Access *x, int pitch)
{
    const TmGeom *g = &x->ins->geom;
    int size = dtype_bytes(x->tile->dtype), width = x->ins->variant == TMV_DW_WINDOW ? 16 : 2 * size, addr[32];
    int n = x->wgt->cpad * size / width, item = x->ins->item_w > 0 ? x->ins->item_w : 1, row = (int)win_div_up(x->dst->ext[2], item);
    int high = x->ins->item_h > 0 ? x->ins->item_h : 1, step_w = item * (x->store ? 1 : g->stride_w), step_h = high * (x->store ? 1 : g->stride_h);
    for (int l = 0; l < 32; l++) addr[l] = (l / n / row * step_h * x->tile->ext[2] + l / n % row * step_w) * pitch + l % n * width;
    double loads = x->store ? item * high : (double)((high - 1) * g->stride_h + x->wgt->ext[1]) * ((item - 1) * g->stride_w + x->wgt->ext[2]);
    return noted_waves(x, addr, width) * ceil((double)x->dst->ext[1] / high) * row * n / 32 * loads;
}

static double access_waves(const Access *x, int pitch)
{
    if (x->ins->op == TM_DW) return dw_waves(x, pitch);
    return x->ins->variant == TMV_PW_SIMT ? simt_waves(x, pitch) : mma_waves(x, pitch);
}

/* Wavefronts that all instructions cause on tile number `tile` at this pitch, and whether conflicts are among their causes. */
static double tile_waves(const TmProgram *p, int tile, int pitch, bool *conflicts)
{
    double sum = 0;
    *conflicts = false;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (i->op != TM_PW && i->op != TM_DW) continue;
        Access x = { i, &p->tiles.at[tile], &p->tiles.at[i->dst], &p->tiles.at[i->wgt], false, conflicts };
        if (i->src == tile) sum += access_waves(&x, pitch);
        x.store = true;
        if (i->dst == tile) sum += access_waves(&x, pitch);
    }
    return sum;
}

/* Storage is worth half as much as wavefronts: a tile that grows by a third must save a sixth of them. Without conflicts there is nothing to
 * save by growing further. */
static int best_pitch(const TmProgram *p, int tile)
{
    const TmTile *t = &p->tiles.at[tile];
    int bare = (int)win_round_up((int64_t)t->cpad * dtype_bytes(t->dtype), 16), best = bare;
    double least = -1;
    bool conflicts = true;
    for (int pad = 0; pad < PADS && conflicts; pad++) {
        double cost = tile_waves(p, tile, bare + 16 * pad, &conflicts) * (1 + 0.5 * 16 * pad / bare);
        if (least >= 0 && cost >= least) continue;
        least = cost;
        best = bare + 16 * pad;
    }
    return best;
}

/* Eight rows of n 16-byte chunks, of which ldmatrix reads the same chunk: they must lie in 8 different groups of banks. An odd n does that by
 * itself; else rows that meet, 8 / (the largest power of two in n) apart, take other chunks by XOR. */
static void swizzle_rows(TmTile *t)
{
    int chunks = t->pitch_w / 16, group = chunks & -chunks;
    if (group > 8) group = 8;
    t->swizzle_mask = group - 1;
    for (t->swizzle_shift = 0; group < 8 && group > 1; group *= 2) t->swizzle_shift++;
}

/* ---- storage ---- */

static bool in_panels(const TmProgram *p, int tile, int *panel)
{
    const TmTile *t = &p->tiles.at[tile];
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (i->op != TM_PW || i->wgt != tile) continue;
        if (tm_variant_rows[i->variant].engine == TM_ENGINE_MMA) return false;
        *panel = p->target == TM_CPU && i->item_c > 0 ? i->item_c : (int)up8(t->ext[2]);
        return true;
    }
    return false;
}

static bool is_pw_weight(const TmProgram *p, int tile)
{
    for (int k = 0; k < p->code.n; k++)
        if (p->code.at[k].op == TM_PW && p->code.at[k].wgt == tile) return true;
    return false;
}

static bool has_storage(const TmTile *t) { return t->member || (t->space == TM_SHARED && !tm_is_image(t)); }

static const char *store_tile(Arena *a, const TmModule *m, TmProgram *p, int tile)
{
    TmTile *t = &p->tiles.at[tile];
    int size = dtype_bytes(t->dtype);
    int align = p->target == TM_CPU ? 64 : 16;
    bool param = m->tensors.at[t->tensor].role >= TM_PARAM, weight = is_pw_weight(p, tile);
    if ((int64_t)t->cpad * size * t->ext[2] * (t->roll ? t->roll : t->ext[1]) > INT_MAX / 8)
        return arena_printf(a, "tile %s is larger than %d MiB", t->name, INT_MAX / 8 >> 20);
    t->order = in_panels(p, tile, &t->panel) ? TM_PANELS : TM_PIXELS;
    if (t->order == TM_PANELS) {
        t->pitch_w = t->pitch_h = 0;
        t->slot_bytes = (int)win_round_up(tm_member_bytes(t), align);
        return NULL;
    }
    if (p->target == TM_CPU) t->pitch_w = t->cpad * size;
    else t->pitch_w = param ? (int)win_round_up((int64_t)t->cpad * size, 16) : best_pitch(p, tile);
    if (p->target == TM_CUDA && weight) swizzle_rows(t);
    t->pitch_h = t->pitch_w * (weight ? (int)up8(t->ext[2]) : t->ext[2]);       /* mma reads weight rows in eights */
    t->slot_bytes = (int)win_round_up((int64_t)t->pitch_h * (t->roll ? t->roll : t->ext[1]), align);
    return NULL;
}

/* Channels: weights first, since they say how many channels an instruction reads. */
static void pad_channels(const TmModule *m, TmProgram *p)
{
    for (int t = 0; t < p->tiles.n; t++) {
        TmTile *x = &p->tiles.at[t];
        bool exact = (x->space == TM_GLOBAL && !x->member) || tm_is_image(x) || (p->target == TM_CPU && is_pw_weight(p, t));
        x->cpad = exact ? x->ext[3] : (int)up8(x->ext[3]);
    }
    for (int k = 0; k < p->code.n; k++) touch_channels(m, p, &p->code.at[k]);
}

static const char *lay_images(Arena *a, TmModule *m, TmProgram *p)
{
    for (int i = 0; i < p->images.n; i++) {
        TmImage *im = &p->images.at[i];
        for (int t = 0; t < p->tiles.n; t++)
            if (p->tiles.at[t].member && p->tiles.at[t].image == i) tm_member(a, p, i, t);
        TmTile *it = &p->tiles.at[im->tile];
        int64_t slot = (int64_t)im->bytes * it->ext[3], all;
        if (slot > INT_MAX || !win_mul(im->count, im->bytes, &all))
            return arena_printf(a, "image %s needs %lld records of %d bytes", im->name, (long long)im->count, im->bytes);
        it->slot_bytes = (int)slot;
        im->offset = win_round_up(m->packed_bytes, 256);
        m->packed_bytes = im->offset + all;
    }
    return NULL;
}

const char *tm_layout(Arena *a, TmModule *m, TmProgram *p)
{
    pad_channels(m, p);
    for (int t = 0; t < p->tiles.n; t++) {
        const char *why = has_storage(&p->tiles.at[t]) ? store_tile(a, m, p, t) : NULL;
        if (why) return why;
    }
    return lay_images(a, m, p);
}
