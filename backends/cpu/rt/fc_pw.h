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
 */
#ifndef FC_PW_H
#define FC_PW_H
typedef struct fc_pw {
    const fc_tile *dst_t; fc_ref dst; fc_sub sub;
    const fc_tile *src_t; fc_ref src; int dy, dx, dc;       /* the source: a tile, or … */
    const fc_tensor *g; const char *image; int y0, x0, c0;  /* … an image in place (g not NULL): pixel of dst's (0, 0), first channel */
    const fc_weights *wt; const char *wgt;
    int k0, add;
    fc_mask mask;
} fc_pw;

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

/* ---- one register tile: `live` pixels of np, from pixel (h, w) on, nv vectors of channels from k on ---- */

FC_INLINE void fc_pw_tile1(const fc_pw *o, int h, int w, int k, int np, int live, int nv, fc_epi1 epi, const void *ctx)
{
    const fc_weights *wt = o->wt;
    const char *src = fc_pw_pixel(o, h, w);
    char *dst = fc_at(o->dst_t, o->dst, h, w, o->k0);
    int type = fc_pw_type(o), to = o->dst_t->type, n = fc_pw_channels(o);
    (void)np, (void)live;                                   /* one pixel */
    for (int i = k; i < k + nv; i++) {
        char *at = dst + i * fc_size(to);
        float sum = o->add ? fc_get1(at, to) : 0;
        const char *wgt = o->wgt + ((ptrdiff_t)(i / wt->panel) * wt->pitch + i % wt->panel) * fc_size(wt->type);
        for (int c = 0; c < n && i < wt->k; c++)
            sum += fc_get1(src + c * fc_size(type), type) * fc_get1(wgt + (ptrdiff_t)c * wt->panel * fc_size(wt->type), wt->type);
        fc_put1(at, to, epi ? epi(sum, ctx, h, w, o->k0 + i) : sum);
    }
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
                fc_put##V(fc_at(o->dst_t, o->dst, h, w, o->k0 + k), to, epi((fc_v##V){ 0 }, ctx, h, w, o->k0 + k)); \
        } \
    } \
    FC_INLINE void fc_pw_row##V(const fc_pw *o, int h, fc_span cols, int k, int nv, int item_w, fc_epi##V epi, const void *ctx) \
    { \
        int w = cols.lo, rest = (cols.hi - cols.lo) % item_w; \
        for (; w + item_w <= cols.hi; w += item_w) fc_pw_tile##V(o, h, w, k, item_w, item_w, nv, epi, ctx); \
        if (!rest) return; \
        if (__builtin_constant_p(rest)) fc_pw_tile##V(o, h, w, k, rest, rest, nv, epi, ctx); \
        else fc_pw_tile##V(o, h, w, k, item_w, rest, nv, epi, ctx); \
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
        for (int k = 0; k < full; k += item_c) \
            for (int h = rows.lo; h < rows.hi; h++) fc_pw_row##V(o, h, cols, k, item_c / V, item_w, epi, ctx); \
        if (full < nk) \
            for (int h = rows.lo; h < rows.hi; h++) fc_pw_row##V(o, h, cols, full, (nk - full) / V, item_w, epi, ctx); \
    } \
    FC_INLINE void fc_pw_##NAME(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tile *src_t, fc_ref src, const fc_weights *wt, \
                                    const void *wgt, int dy, int dx, int dc, int k0, int item_w, int item_c, fc_mask mask, fc_epi##V epi, \
                                    const void *ctx) \
    { \
        fc_pw o = { dst_t, dst, sub, src_t, src, dy, dx, dc, NULL, NULL, 0, 0, 0, wt, (const char *)wgt, k0, 0, mask }; \
        fc_pw_run##V(&o, item_w, item_c, epi, ctx); \
    } \
    FC_INLINE void fc_pw_##NAME##_acc(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tile *src_t, fc_ref src, const fc_weights *wt, \
                                          const void *wgt, int dy, int dx, int dc, int k0, int item_w, int item_c) \
    { \
        fc_pw o = { dst_t, dst, sub, src_t, src, dy, dx, dc, NULL, NULL, 0, 0, 0, wt, (const char *)wgt, k0, 1, { 0, 0, 0, 0, 0 } }; \
        fc_pw_run##V(&o, item_w, item_c, NULL, NULL); \
    } \
    FC_INLINE void fc_pw_##NAME##_global(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tensor *g, const void *image, int y0, int x0, \
                                             int c0, const fc_weights *wt, const void *wgt, int k0, int item_w, int item_c, fc_mask mask, \
                                             fc_epi##V epi, const void *ctx) \
    { \
        fc_pw o = { dst_t, dst, sub, NULL, { NULL, 0 }, 0, 0, 0, g, (const char *)image, y0, x0, c0, wt, (const char *)wgt, k0, 0, mask }; \
        fc_pw_run##V(&o, item_w, item_c, epi, ctx); \
    } \
    FC_INLINE void fc_pw_##NAME##_global_acc(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tensor *g, const void *image, int y0, \
                                                 int x0, int c0, const fc_weights *wt, const void *wgt, int k0, int item_w, int item_c) \
    { \
        fc_pw o = { dst_t, dst, sub, NULL, { NULL, 0 }, 0, 0, 0, g, (const char *)image, y0, x0, c0, wt, (const char *)wgt, k0, 1, { 0, 0, 0, 0, 0 } }; \
        fc_pw_run##V(&o, item_w, item_c, NULL, NULL); \
    }

enum { FC_PW_SUMS = 32 };                                   /* most vectors of a register tile */

/* The vector tile. Weights of channel c: vectors at wgt + c * panel. */
#define FC_PW_TILE(V) \
    FC_INLINE void fc_pw_tile##V(const fc_pw *o, int h, int w, int k, int np, int live, int nv, fc_epi##V epi, const void *ctx) \
    { \
        const fc_weights *wt = o->wt; \
        const char *src = fc_pw_pixel(o, h, w), *wgt = o->wgt + ((ptrdiff_t)(k / wt->panel) * wt->pitch + k % wt->panel) * fc_size(wt->type); \
        char *dst = fc_at(o->dst_t, o->dst, h, w, o->k0 + k); \
        ptrdiff_t from = fc_pw_pitch(o), pitch = o->dst_t->pitch_w; \
        int type = fc_pw_type(o), to = o->dst_t->type, n = fc_pw_channels(o), vector = V * fc_size(to); \
        fc_v##V sum[FC_PW_SUMS]; \
        FC_FULL for (int t = 0; t < np * nv; t++) \
            sum[t] = o->add ? fc_get##V(dst + fc_min(t / nv, live - 1) * pitch + t % nv * vector, to) : (fc_v##V){ 0 }; \
        for (int c = 0; c < n; c++, src += fc_size(type), wgt += wt->panel * fc_size(wt->type)) \
            FC_FULL for (int t = 0; t < np * nv; t++) \
                sum[t] = fc_fma_##V(fc_splat_##V(fc_get1(src + fc_min(t / nv, live - 1) * from, type)), \
                                    fc_get##V(wgt + t % nv * V * fc_size(wt->type), wt->type), sum[t]); \
        FC_FULL for (int t = 0; t < np * nv; t++) \
            if (t / nv < live) { \
                int p = t / nv, v = t % nv; \
                fc_put##V(dst + p * pitch + v * vector, to, epi ? epi(sum[t], ctx, h, w + p, o->k0 + k + v * V) : sum[t]); \
            } \
    }
FC_PW_WIDTH(1, portable)
#if FC_ISA >= 256
FC_PW_TILE(8)
FC_PW_WIDTH(8, vec8)
#endif
#if FC_ISA >= 512
FC_PW_TILE(16)
FC_PW_WIDTH(16, vec16)
#endif
#endif
