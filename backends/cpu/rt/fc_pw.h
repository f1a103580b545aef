/* fc_pw.h: pointwise convolution, dst(h, w, k0 + k) = or += sum over c of src(h + dy, w + dx, dc + c) * wgt(k, c).
 *
 * The source is a tile or, `_global`, a tensor read in place. Only live pixels are computed: inside the mask and, in place, inside the tensor; the
 * others become 0 under a mask, else epi(0). Vector form: np pixels x nv vectors of channels in registers, one weight vector per nv and
 * one broadcast per np for each of the np * nv products, the contraction outermost:
 *
 *                 k ->  item_c                    panel: item_c channels of wgt, c by c
 *           w   +--------------+
 *           |   | nv vectors   |                  a row ends in a tile of fewer pixels; where their number is not
 *           v   | np pixels    |                  known when compiling, the last pixel is computed several times
 *        item_w +--------------+                  and stored once
 *
 * Width 16 takes any number of channels: panels are padded to whole vectors, a last half vector is computed two pixels at once. Its
 * epilogue is called with 16 lanes, of which 8 are stored. */
#ifndef FC_PW_H
#define FC_PW_H
typedef struct fc_pw {
    const fc_tile *dst_t; fc_ref dst; fc_sub sub;
    const fc_tile *src_t; fc_ref src; int dy, dx, dc;       /* the source: a tile, or … */
    const fc_tensor *g; const char *image; int y0, x0, c0;  /* … an image in place (g not NULL): pixel of dst's (0, 0), first channel */
    const fc_weights *wt; const char *wgt;
    int k0, add;
    fc_mask mask;
    int row;                                                /* pixels of a row, if all rows are computed as one; else 0 */
} fc_pw;

/* Whole rows that follow each other in both tiles are one long row: pixels of ragged rows fill the register tiles. */
FC_INLINE int fc_pw_linear(const fc_pw *o)
{
    const fc_tile *d = o->dst_t, *s = o->src_t;
    if (o->g || o->mask.on || d->roll || s->roll || o->sub.w0 != 0 || o->sub.w1 != d->w || d->w != s->w || o->dx != 0) return 0;
    return d->pitch_h == d->w * d->pitch_w && s->pitch_h == s->w * s->pitch_w ? d->w : 0;
}
/* Row and column of pixel p of a tile that starts at (h, w). */
FC_INLINE int fc_pw_h(int row, int h, int w) { return row ? h + w / row : h; }
FC_INLINE int fc_pw_w(int row, int w) { return row ? w % row : w; }

FC_INLINE const char *fc_pw_pixel(const fc_pw *o, int h, int w)
{
    return o->g ? o->image + fc_offset(o->g, o->y0 + h, o->x0 + w, o->c0) : fc_at(o->src_t, o->src, h + o->dy, w + o->dx, o->dc);
}
FC_INLINE int fc_pw_pitch(const fc_pw *o) { return o->g ? o->g->c * fc_size(o->g->type) : o->src_t->pitch_w; }
FC_INLINE int fc_pw_type(const fc_pw *o) { return o->g ? o->g->type : o->src_t->type; }
FC_INLINE int fc_pw_channels(const fc_pw *o) { return o->g ? fc_max(0, fc_min(o->wt->cpad, o->g->c - o->c0)) : o->wt->cpad; }

/* Live rows and columns; counts what an image in place gives. */
FC_INLINE void fc_pw_live(const fc_pw *o, fc_span *rows, fc_span *cols)
{
    *rows = (fc_span){ o->sub.h0, o->sub.h1 };
    *cols = (fc_span){ o->sub.w0, o->sub.w1 };
    if (o->g) {
        *rows = fc_clip(rows->lo, rows->hi, -o->y0, o->g->h);
        *cols = fc_clip(cols->lo, cols->hi, -o->x0, o->g->w);
        FC_COUNT_READ(o->g->id, (int64_t)(rows->hi - rows->lo) * (cols->hi - cols->lo) * fc_pw_channels(o) * fc_size(o->g->type));
    }
    if (o->mask.on) {
        *rows = fc_clip(rows->lo, rows->hi, -o->mask.y0, o->mask.h);
        *cols = fc_clip(cols->lo, cols->hi, -o->mask.x0, o->mask.w);
    }
}

/* ---- one register tile: `live` pixels of np, from pixel (h, w) on, nk channels from k on ---- */

FC_INLINE void fc_pw_tile1(const fc_pw *o, int h, int w, int k, int np, int live, int nk, fc_epi1 epi, const void *ctx)
{
    const fc_weights *wt = o->wt;
    const char *src = fc_pw_pixel(o, h, w);
    char *dst = fc_at(o->dst_t, o->dst, h, w, o->k0);
    int type = fc_pw_type(o), to = o->dst_t->type, n = fc_pw_channels(o);
    (void)np, (void)live;                                   /* one pixel */
    for (int i = k; i < k + nk; i++) {
        char *at = dst + i * fc_size(to);
        float sum = o->add ? fc_get1(at, to) : 0;
        const char *wgt = o->wgt + ((ptrdiff_t)(i / wt->panel) * wt->pitch + i % wt->panel) * fc_size(wt->type);
        for (int c = 0; c < n && i < wt->k; c++)
            sum += fc_get1(src + c * fc_size(type), type) * fc_get1(wgt + (ptrdiff_t)c * wt->panel * fc_size(wt->type), wt->type);
        fc_put1(at, to, epi ? epi(sum, ctx, fc_pw_h(o->row, h, w), fc_pw_w(o->row, w), o->k0 + i) : sum);
    }
}

/* Where a vector tile lies: bytes and types of source, weights and destination. */
typedef struct fc_pw_at {
    const char *src, *wgt; char *dst;
    int n, size, type, step, wgt_size, wgt_type, to_size, to_type;      /* n: channels to contract; step: bytes of weights a channel */
    ptrdiff_t from, to;                                     /* bytes from pixel to pixel of source and destination */
    int h, w, k, add, row;                                  /* of the first element, relative to the destination tile */
} fc_pw_at;

FC_INLINE fc_pw_at fc_pw_place(const fc_pw *o, int h, int w, int k)
{
    const fc_weights *wt = o->wt;
    const char *wgt = o->wgt + ((ptrdiff_t)(k / wt->panel) * wt->pitch + k % wt->panel) * fc_size(wt->type);
    return (fc_pw_at){ fc_pw_pixel(o, h, w), wgt, fc_at(o->dst_t, o->dst, h, w, o->k0 + k), fc_pw_channels(o), fc_size(fc_pw_type(o)), fc_pw_type(o),
                       wt->panel * fc_size(wt->type), fc_size(wt->type), wt->type, fc_size(o->dst_t->type), o->dst_t->type,
                       fc_pw_pitch(o), o->dst_t->pitch_w, h, w, o->k0 + k, o->add, o->row };
}

enum { FC_PW_SUMS = 32, FC_PW_FEW = 8 };                    /* vectors of a register tile: at most; so many hide the latency of an FMA */

/* The vector tile. Weights of channel c: vectors at wgt + c * panel. Two FMA pipes of four clocks want eight sums: where there are fewer, even and odd
 * channels add up apart, and the halves at the end. */
#define FC_PW_TILE(V) \
    FC_INLINE void fc_pw_channel##V(const fc_pw_at *o, int c, int np, int live, int nv, fc_v##V *sum) \
    { \
        const char *src = o->src + (ptrdiff_t)c * o->size, *wgt = o->wgt + (ptrdiff_t)c * o->step; \
        FC_FULL for (int t = 0; t < np * nv; t++) \
            sum[t] = fc_fma_##V(fc_splat_##V(fc_get1(src + fc_min(t / nv, live - 1) * o->from, o->type)), \
                                fc_get##V(wgt + t % nv * V * o->wgt_size, o->wgt_type), sum[t]); \
    } \
    FC_INLINE void fc_pw_whole##V(const fc_pw_at *o, int np, int live, int nv, fc_epi##V epi, const void *ctx) \
    { \
        fc_v##V sum[FC_PW_SUMS], odd[FC_PW_FEW]; \
        int few = np * nv < FC_PW_FEW, c = 0; \
        FC_FULL for (int t = 0; t < np * nv; t++) \
            sum[t] = o->add ? fc_get##V(o->dst + fc_min(t / nv, live - 1) * o->to + t % nv * V * o->to_size, o->to_type) : (fc_v##V){ 0 }; \
        if (few) { \
            FC_FULL for (int t = 0; t < np * nv; t++) odd[t] = (fc_v##V){ 0 }; \
            for (; c + 1 < o->n; c += 2) { \
                fc_pw_channel##V(o, c, np, live, nv, sum); \
                fc_pw_channel##V(o, c + 1, np, live, nv, odd); \
            } \
            FC_FULL for (int t = 0; t < np * nv; t++) sum[t] = sum[t] + odd[t]; \
        } \
        for (; c < o->n; c++) fc_pw_channel##V(o, c, np, live, nv, sum); \
        FC_FULL for (int t = 0; t < np * nv; t++) \
            if (t / nv < live && epi) \
                sum[t] = epi(sum[t], ctx, fc_pw_h(o->row, o->h, o->w + t / nv), fc_pw_w(o->row, o->w + t / nv), o->k + t % nv * V); \
        FC_FULL for (int t = 0; t < np * nv; t++) \
            if (t / nv < live) fc_put##V(o->dst + t / nv * o->to + t % nv * V * o->to_size, o->to_type, sum[t]); \
    }

/* ---- all tiles of a call, and its six faces ---- */
#define FC_PW_WIDTH(V, NAME) \
    /* Pixels that are not live. In place and without a mask the source reads 0 there. */ \
    FC_INLINE void fc_pw_dead##V(const fc_pw *o, int h, int w0, int w1, fc_epi##V epi, const void *ctx) \
    { \
        int nk = fc_up8(o->wt->k), to = o->dst_t->type; \
        if (o->add) return; \
        for (int w = w0; w < w1; w++) { \
            if (!epi || !fc_inside(o->mask, h, w)) { \
                fc_blank(o->dst_t, o->dst, h, w, w + 1, o->k0, nk); \
                continue; \
            } \
            for (int k = 0; k < nk; k += V) \
                fc_put_n##V(fc_at(o->dst_t, o->dst, h, w, o->k0 + k), to, epi((fc_v##V){ 0 }, ctx, h, w, o->k0 + k), fc_min(V, nk - k)); \
        } \
    } \
    FC_INLINE void fc_pw_row##V(const fc_pw *o, int h, fc_span cols, int k, int nk, int item_w, fc_epi##V epi, const void *ctx) \
    { \
        int w = cols.lo, rest = (cols.hi - cols.lo) % item_w; \
        for (; w + item_w <= cols.hi; w += item_w) fc_pw_tile##V(o, h, w, k, item_w, item_w, nk, epi, ctx); \
        if (!rest) return; \
        if (__builtin_constant_p(rest)) fc_pw_tile##V(o, h, w, k, rest, rest, nk, epi, ctx); \
        else fc_pw_tile##V(o, h, w, k, item_w, rest, nk, epi, ctx); \
    } \
    FC_INLINE void fc_pw_run##V(const fc_pw *o, int item_w, int item_c, fc_epi##V epi, const void *ctx) \
    { \
        int nk = fc_up8(o->wt->k), full; \
        if (V == 1) item_w = 1, item_c = nk; \
        full = nk / item_c * item_c; \
        fc_span rows, cols; \
        fc_pw_live(o, &rows, &cols); \
        if (o->mask.on || o->g) \
            for (int h = o->sub.h0; h < o->sub.h1; h++) { \
                int live = h >= rows.lo && h < rows.hi; \
                fc_pw_dead##V(o, h, o->sub.w0, live ? cols.lo : o->sub.w1, epi, ctx); \
                if (live) fc_pw_dead##V(o, h, cols.hi, o->sub.w1, epi, ctx); \
            } \
        if (o->row) cols.hi = (rows.hi - rows.lo) * o->row, rows.hi = rows.lo + 1; \
        for (int k = 0; k < full; k += item_c) \
            for (int h = rows.lo; h < rows.hi; h++) fc_pw_row##V(o, h, cols, k, item_c, item_w, epi, ctx); \
        if (full < nk) \
            for (int h = rows.lo; h < rows.hi; h++) fc_pw_row##V(o, h, cols, full, nk - full, item_w, epi, ctx); \
    } \
    FC_INLINE void fc_pw_##NAME(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tile *src_t, fc_ref src, const fc_weights *wt, \
                                    const void *wgt, int dy, int dx, int dc, int k0, int item_w, int item_c, fc_mask mask, fc_epi##V epi, \
                                    const void *ctx) \
    { \
        fc_pw o = { dst_t, dst, sub, src_t, src, dy, dx, dc, NULL, NULL, 0, 0, 0, wt, (const char *)wgt, k0, 0, mask, 0 }; \
        o.row = fc_pw_linear(&o); \
        fc_pw_run##V(&o, item_w, item_c, epi, ctx); \
    } \
    FC_INLINE void fc_pw_##NAME##_acc(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tile *src_t, fc_ref src, const fc_weights *wt, \
                                          const void *wgt, int dy, int dx, int dc, int k0, int item_w, int item_c) \
    { \
        fc_pw o = { dst_t, dst, sub, src_t, src, dy, dx, dc, NULL, NULL, 0, 0, 0, wt, (const char *)wgt, k0, 1, { 0, 0, 0, 0, 0 }, 0 }; \
        o.row = fc_pw_linear(&o); \
        fc_pw_run##V(&o, item_w, item_c, NULL, NULL); \
    } \
    FC_INLINE void fc_pw_##NAME##_global(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tensor *g, const void *image, int y0, int x0, \
                                             int c0, const fc_weights *wt, const void *wgt, int k0, int item_w, int item_c, fc_mask mask, \
                                             fc_epi##V epi, const void *ctx) \
    { \
        fc_pw o = { dst_t, dst, sub, NULL, { NULL, 0 }, 0, 0, 0, g, (const char *)image, y0, x0, c0, wt, (const char *)wgt, k0, 0, mask, 0 }; \
        fc_pw_run##V(&o, item_w, item_c, epi, ctx); \
    } \
    FC_INLINE void fc_pw_##NAME##_global_acc(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tensor *g, const void *image, int y0, \
                                                 int x0, int c0, const fc_weights *wt, const void *wgt, int k0, int item_w, int item_c) \
    { \
        fc_pw o = { dst_t, dst, sub, NULL, { NULL, 0 }, 0, 0, 0, g, (const char *)image, y0, x0, c0, wt, (const char *)wgt, k0, 1, { 0, 0, 0, 0, 0 }, 0 }; \
        fc_pw_run##V(&o, item_w, item_c, NULL, NULL); \
    }

FC_PW_WIDTH(1, portable)
#if FC_ISA >= 256
FC_PW_TILE(8)
FC_INLINE void fc_pw_tile8(const fc_pw *o, int h, int w, int k, int np, int live, int nk, fc_epi8 epi, const void *ctx)
{
    fc_pw_at at = fc_pw_place(o, h, w, k);
    fc_pw_whole8(&at, np, live, nk / 8, epi, ctx);
}
FC_PW_WIDTH(8, vec8)
#endif

#if FC_ISA >= 512
FC_PW_TILE(16)

/* One half vector and nv whole ones: channels are a multiple of 8, not of 16. Pixels 2q and 2q + 1 share the vector of their last 8 channels,
 * so that no lane multiplies in vain. */
FC_INLINE void fc_pw_halves16(const fc_pw_at *o, int np, int live, int nv, fc_epi16 epi, const void *ctx)
{
    const char *src = o->src, *wgt = o->wgt;
    ptrdiff_t tail = 16 * nv * o->to_size;
    fc_v16 sum[FC_PW_SUMS], both[FC_PW_SUMS / 2];
    FC_FULL for (int t = 0; t < np * nv; t++)
        sum[t] = o->add ? fc_get16(o->dst + fc_min(t / nv, live - 1) * o->to + t % nv * 16 * o->to_size, o->to_type) : (fc_v16){ 0 };
    FC_FULL for (int p = 0; p < np; p += 2)
        both[p / 2] = o->add ? fc_join(fc_get8(o->dst + fc_min(p, live - 1) * o->to + tail, o->to_type),
                                       fc_get8(o->dst + fc_min(p + 1, live - 1) * o->to + tail, o->to_type)) : (fc_v16){ 0 };
    for (int c = 0; c < o->n; c++, src += o->size, wgt += o->step) {
        fc_v8 last = fc_get8(wgt + 16 * nv * o->wgt_size, o->wgt_type);
        fc_v16 twice = fc_join(last, last), x[FC_PW_SUMS];
        FC_FULL for (int p = 0; p < np; p++) x[p] = fc_splat_16(fc_get1(src + fc_min(p, live - 1) * o->from, o->type));
        FC_FULL for (int t = 0; t < np * nv; t++) sum[t] = fc_fma_16(x[t / nv], fc_get16(wgt + t % nv * 16 * o->wgt_size, o->wgt_type), sum[t]);
        FC_FULL for (int p = 0; p < np; p += 2) both[p / 2] = fc_fma_16(fc_pair(x[p], x[fc_min(p + 1, np - 1)]), twice, both[p / 2]);
    }
    FC_FULL for (int t = 0; t < np * nv; t++)
        if (t / nv < live) {
            int p = t / nv, v = t % nv * 16;
            fc_put16(o->dst + p * o->to + v * o->to_size, o->to_type, epi ? epi(sum[t], ctx, fc_pw_h(o->row, o->h, o->w + p), fc_pw_w(o->row, o->w + p), o->k + v) : sum[t]);
        }
    FC_FULL for (int p = 0; p < np; p++)
        if (p < live) {
            fc_v8 v = p % 2 ? fc_high(both[p / 2]) : fc_low(both[p / 2]);
            fc_put8(o->dst + p * o->to + tail, o->to_type, epi ? fc_low(epi(fc_join(v, v), ctx, fc_pw_h(o->row, o->h, o->w + p), fc_pw_w(o->row, o->w + p), o->k + 16 * nv)) : v);
        }
}

FC_INLINE void fc_pw_tile16(const fc_pw *o, int h, int w, int k, int np, int live, int nk, fc_epi16 epi, const void *ctx)
{
    fc_pw_at at = fc_pw_place(o, h, w, k);
    if (nk % 16) fc_pw_halves16(&at, np, live, nk / 16, epi, ctx);
    else fc_pw_whole16(&at, np, live, nk / 16, epi, ctx);
}
FC_PW_WIDTH(16, vec16)
#endif
#endif
