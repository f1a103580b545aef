/* walk_shared.c: what one execution of an instruction reads and writes in shared memory (CPU: in the thread's arena).
 *
 * Bytes are those that the threads ask for: a tile that several warps need is read by each of them (an operand of PW once per column or row of
 * the warp grid; on the CPU once per register tile), a depthwise item reads its window once, with its overlap.
 * Waves are bytes / 128, times the bank conflicts of the 8 lanes that one wavefront of 16-byte accesses serves. Those lanes are
 *
 *     PW, ldmatrix and fragments    8 consecutive pixels (or weight rows), the same chunk
 *     DW                            chunks of one pixel first, then the next item of the row, then the next row
 *     all others                    8 chunks one after the other: no conflicts
 *
 * so that pitch and swizzle count; a lane map of a variant that walks otherwise is not played through here. */
#include "tm_walk.h"

enum { LANES = 8, GROUPS = 8, CHUNK = 16 };

static int64_t at_least_1(int64_t n) { return n > 1 ? n : 1; }

static int64_t byte_of(const TmTile *t, int64_t pixel, int64_t chunk)
{
    if (t->swizzle_mask) chunk ^= (pixel >> t->swizzle_shift) & t->swizzle_mask;
    return pixel / t->ext[2] * t->pitch_h + pixel % t->ext[2] * t->pitch_w + chunk * CHUNK;
}

/* Wavefronts that 8 lanes of 16 bytes need: the most lanes with different addresses in one group of banks. */
static int degree(const int64_t *addr)
{
    int load[LANES] = { 0 }, worst = 1;
    for (int l = 0; l < LANES; l++) {
        int same = 0;
        while (same < l && addr[same] != addr[l]) same++;
        int bank = (int)((uint64_t)addr[l] / CHUNK % LANES);
        if (same == l && ++load[bank] > worst) worst = load[bank];
    }
    return worst;
}

static int64_t with_conflicts(int64_t bytes, int64_t degrees, int64_t groups)
{
    return win_div_up(tm_sat_mul(bytes, degrees) / groups, 128);
}

/* Lanes on consecutive pixels. */
static int64_t pixel_waves(const TmTile *t, int64_t pixels, int64_t bytes)
{
    int64_t degrees = 0, groups = 0;
    if (t->order == TM_PANELS) return win_div_up(bytes, 128);
    for (int64_t m = 0; groups == 0 || (m + LANES <= pixels && groups < GROUPS); m += LANES, groups++) {
        int64_t addr[LANES];
        for (int l = 0; l < LANES; l++) addr[l] = byte_of(t, m + l < pixels ? m + l : pixels - 1, 0);
        degrees += degree(addr);
    }
    return with_conflicts(bytes, degrees, groups);
}

/* Items of a depthwise row: item k begins at pixel (k / per_row * down, k % per_row * right) of the tile. */
typedef struct Items { int64_t per_row, right, down; } Items;

/* Lanes on the chunks of a pixel, then on the next item. */
static int64_t chunk_waves(const TmTile *t, int64_t channels, Items it, int64_t bytes)
{
    int64_t addr[LANES], chunks = at_least_1(channels * dtype_bytes(t->dtype) / CHUNK), last = (int64_t)t->ext[1] * t->ext[2] - 1;
    for (int l = 0; l < LANES; l++) {
        int64_t k = l / chunks, pixel = k / it.per_row * it.down * t->ext[2] + k % it.per_row * it.right;
        addr[l] = byte_of(t, pixel > last ? last : pixel, l % chunks);
    }
    return with_conflicts(bytes, degree(addr), 1);
}

static void add(TmShared *s, int64_t bytes, int64_t waves)
{
    s->bytes = tm_sat_add(s->bytes, bytes);
    s->waves = tm_sat_add(s->waves, waves);
}

static bool in_shared(const TmProgram *p, const TmTile *t) { return tm_space_of(p, t) == TM_SHARED; }

static int64_t values(const TmTile *t, int64_t a, int64_t b) { return tm_sat_mul(tm_sat_mul(a, b), dtype_bytes(t->dtype)); }

/* How often the whole grid of warps (register tiles on the CPU) reads source and weights. */
static void rereads(const TmProgram *p, const TmIns *i, int64_t pixels, int64_t channels, int64_t *src, int64_t *wgt)
{
    *src = win_div_up(channels, at_least_1(i->item_c));
    *wgt = win_div_up(pixels, at_least_1(i->item_w));
    if (p->target == TM_CPU) return;
    bool mma = tm_variant_rows[i->variant].engine == TM_ENGINE_MMA;
    int64_t warps = win_div_up((int64_t)at_least_1(i->wm) * at_least_1(i->wn), 32);
    *src = mma ? at_least_1(i->wn) : win_div_up(at_least_1(i->wn), 32);
    *wgt = mma ? at_least_1(i->wm) : win_div_up(warps, *src);
}

static void pw(const TmProgram *p, const TmIns *i, int64_t pixels, int64_t channels, TmShared *s)
{
    const TmTile *src = &p->tiles.at[i->src], *wgt = &p->tiles.at[i->wgt];
    int64_t nsrc, nwgt, bytes;
    rereads(p, i, pixels, channels, &nsrc, &nwgt);
    if (in_shared(p, src)) {
        bytes = tm_sat_mul(values(src, pixels, wgt->cpad), nsrc);
        add(s, bytes, pixel_waves(src, pixels, bytes));
    }
    if (in_shared(p, wgt)) {
        bytes = tm_sat_mul(values(wgt, channels, wgt->cpad), nwgt);
        add(s, bytes, pixel_waves(wgt, wgt->ext[2], bytes));
    }
}

static void dw(const TmProgram *p, const TmIns *i, int64_t channels, TmShared *s)
{
    const TmTile *src = &p->tiles.at[i->src], *wgt = &p->tiles.at[i->wgt];
    int64_t item = at_least_1(i->item_w), high = at_least_1(i->item_h), bytes;
    int64_t items = tm_sat_mul(win_div_up(i->sub.h1 - i->sub.h0, high), win_div_up(i->sub.w1 - i->sub.w0, item));
    int64_t taps = tm_sat_mul(wgt->ext[1], wgt->ext[2]);
    /* rows and columns under an item, holes included */
    int64_t rows = (high - 1) * i->geom.stride_h + (int64_t)(wgt->ext[1] - 1) * i->geom.dil_h + 1;
    int64_t cols = (item - 1) * i->geom.stride_w + (int64_t)(wgt->ext[2] - 1) * i->geom.dil_w + 1;
    int64_t window = tm_sat_mul(high > 1 ? rows : wgt->ext[1], item > 1 ? cols : wgt->ext[2]);
    if (in_shared(p, src)) {
        bytes = tm_sat_mul(values(src, items, window), channels);
        Items it = { win_div_up(i->sub.w1 - i->sub.w0, item), item * i->geom.stride_w, high * i->geom.stride_h };
        add(s, bytes, chunk_waves(src, channels, it, bytes));
    }
    if (in_shared(p, wgt)) {
        bytes = tm_sat_mul(values(wgt, items, taps), channels);
        add(s, bytes, win_div_up(bytes, 128));
    }
}

/* Vectors once; tiles once per element. */
static void epilogue(const TmProgram *p, const TmIns *i, int64_t pixels, int64_t channels, TmShared *s)
{
    for (int k = 0; k < i->epi.n; k++) {
        const TmEpi *e = &i->epi.at[k];
        if (e->kind == TM_EPI_ACT || e->kind > TM_EPI_MUL) continue;
        for (int n = 0; n < (e->kind == TM_EPI_BN ? 2 : 1); n++) {
            const TmTile *t = &p->tiles.at[n ? e->tile2 : e->tile];
            if (!in_shared(p, t)) continue;
            int64_t bytes = values(t, e->kind <= TM_EPI_BN ? 1 : pixels, channels);
            add(s, bytes, win_div_up(bytes, 128));
        }
    }
}

TmShared tm_shared_traffic(const TmProgram *p, const TmIns *i)
{
    TmShared s = { 0, 0 };
    if (i->op != TM_COPY && i->op != TM_PW && i->op != TM_DW && i->op != TM_FINISH && i->op != TM_STORE) return s;
    const TmTile *t = &p->tiles.at[i->op == TM_STORE ? i->src : i->dst];
    int64_t pixels = tm_sat_mul(i->sub.h1 - i->sub.h0, i->sub.w1 - i->sub.w0), bytes;
    if (i->op == TM_COPY) {
        bytes = tm_is_image(t) ? tm_sat_mul(t->ext[3], p->images.at[t->image].bytes) : values(t, pixels, t->cpad);
        add(&s, bytes, win_div_up(bytes, 128));
        return s;
    }
    int64_t channels = tm_channels(p, i).written;
    epilogue(p, i, pixels, channels, &s);
    if (i->op == TM_STORE) return s;
    if (i->op == TM_PW) pw(p, i, pixels, channels, &s);
    if (i->op == TM_DW) dw(p, i, channels, &s);
    if (i->op == TM_FINISH && in_shared(p, &p->tiles.at[i->src])) {
        bytes = values(&p->tiles.at[i->src], pixels, channels);
        add(&s, bytes, win_div_up(bytes, 128));
    }
    if (!in_shared(p, t)) return s;
    bytes = tm_sat_mul(values(t, pixels, channels), i->accumulate ? 2 : 1);
    bool fragments = i->op == TM_PW && tm_variant_rows[i->variant].engine == TM_ENGINE_MMA;
    int64_t item = i->op == TM_DW ? at_least_1(i->item_w) : 1;
    Items it = { win_div_up(i->sub.w1 - i->sub.w0, item), item, i->op == TM_DW ? at_least_1(i->item_h) : 1 };
    add(&s, bytes, fragments ? pixel_waves(t, pixels, bytes) : chunk_waves(t, channels, it, bytes));
    return s;
}
