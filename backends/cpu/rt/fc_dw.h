/* fc_dw.h: depthwise convolution, dst(h, w, k0 + k) = or += sum over r, s of
 * src(h * stride_h + r * dil_h + dy, w * stride_w + s * dil_w + dx, (dc + k) / mult) * taps(r, s, k).
 *
 * Only pixels inside the mask are computed, the others become 0. Vector form (mult = 1): np pixels of one row x one vector of channels in
 * registers, filter row by filter row. Columns slide: each input vector is loaded once and meets every tap that wants it,
 *
 *        input columns   j: 0 1 2 3 4 5 6 7 8 9            stride 1, 3 taps, 8 pixels: 10 loads for 24 products
 *        pixel p, tap s meet in j = p * stride + s
 *
 * as long as sums, the taps of a filter row and one input fit the registers; else (dilation, wide filters) taps stream one by one. */
#ifndef FC_DW_H
#define FC_DW_H
typedef struct fc_dw {
    const fc_tile *dst_t; fc_ref dst; fc_sub sub;
    const fc_tile *src_t; fc_ref src; int dy, dx, dc;
    const fc_taps *tt; const char *taps;
    const fc_geom *geom;
    int k0, add;
    fc_mask mask;
} fc_dw;

FC_INLINE const char *fc_dw_tap(const fc_dw *o, int r, int s, int k)
{
    return o->taps + ((ptrdiff_t)(r * o->tt->s + s) * o->tt->pitch + k) * fc_size(o->tt->type);
}

/* Source element under tap (r, 0) of pixel (h, w), channel k of the instruction. */
FC_INLINE const char *fc_dw_source(const fc_dw *o, int h, int w, int r, int k)
{
    const fc_geom *g = o->geom;
    return fc_at(o->src_t, o->src, h * g->stride_h + r * g->dil_h + o->dy, w * g->stride_w + o->dx, (o->dc + k) / g->mult);
}

FC_INLINE void fc_dw_tile1(const fc_dw *o, int h, int w, int k, int np, int live, fc_epi1 epi, const void *ctx)
{
    int type = o->src_t->type, to = o->dst_t->type;
    char *at = fc_at(o->dst_t, o->dst, h, w, o->k0 + k);
    float sum = o->add ? fc_get1(at, to) : 0;
    (void)np, (void)live;                                   /* one pixel */
    for (int r = 0; r < o->tt->r && k < o->tt->c; r++) {
        const char *src = fc_dw_source(o, h, w, r, k);
        for (int s = 0; s < o->tt->s; s++)
            sum += fc_get1(src + (ptrdiff_t)s * o->geom->dil_w * o->src_t->pitch_w, type) * fc_get1(fc_dw_tap(o, r, s, k), o->tt->type);
    }
    fc_put1(at, to, epi ? epi(sum, ctx, h, w, o->k0 + k) : sum);
}

/* Columns, whole register tiles, of which the rows under the filter and the row that is made fill half of L1, so that the next row finds them there;
 * all columns, if with the taps not even those of one register tile would stay. */
FC_INLINE int fc_dw_strip(const fc_dw *o, int item_w)
{
    enum { HALF = 24576, MOST = 45056, ALL = 1 << 28 };
    int column = o->tt->r * o->geom->stride_w * o->src_t->pitch_w + o->dst_t->pitch_w;
    int taps = o->tt->r * o->tt->s * o->tt->pitch * fc_size(o->tt->type);
    return column > (MOST - taps) / item_w ? ALL : fc_max(HALF / column / item_w, 1) * item_w;
}

#define FC_DW_WIDTH(V, NAME) \
    FC_INLINE void fc_dw_row##V(const fc_dw *o, int h, fc_span cols, int k, int item_w, fc_epi##V epi, const void *ctx) \
    { \
        int w = cols.lo, rest = (cols.hi - cols.lo) % item_w; \
        for (; w + item_w <= cols.hi; w += item_w) fc_dw_tile##V(o, h, w, k, item_w, item_w, epi, ctx); \
        if (!rest) return; \
        if (__builtin_constant_p(rest)) fc_dw_tile##V(o, h, w, k, rest, rest, epi, ctx); \
        else fc_dw_tile##V(o, h, w, k, item_w, rest, epi, ctx); \
    } \
    FC_INLINE void fc_dw_block##V(const fc_dw *o, fc_span rows, fc_span cols, int item_w, fc_epi##V epi, const void *ctx) \
    { \
        int nk = fc_up8(o->tt->c); \
        for (int h = rows.lo; h < rows.hi; h++) \
            for (int k = 0; k < nk; k += V) fc_dw_row##V(o, h, cols, k, item_w, epi, ctx); \
    } \
    FC_INLINE void fc_dw_run##V(const fc_dw *o, int item_w, fc_epi##V epi, const void *ctx) \
    { \
        int nk = fc_up8(o->tt->c); \
        if (V == 1) item_w = 1; \
        fc_span rows = { o->sub.h0, o->sub.h1 }, cols = { o->sub.w0, o->sub.w1 }; \
        if (o->mask.on) { \
            rows = fc_clip(rows.lo, rows.hi, -o->mask.y0, o->mask.h); \
            cols = fc_clip(cols.lo, cols.hi, -o->mask.x0, o->mask.w); \
            for (int h = o->sub.h0; h < o->sub.h1; h++) { \
                int live = h >= rows.lo && h < rows.hi; \
                fc_blank(o->dst_t, o->dst, h, o->sub.w0, live ? cols.lo : o->sub.w1, o->k0, nk); \
                if (live) fc_blank(o->dst_t, o->dst, h, cols.hi, o->sub.w1, o->k0, nk); \
            } \
        } \
        int strip = fc_dw_strip(o, item_w), w = cols.lo; \
        if (cols.hi - cols.lo > strip) \
            for (; w + strip <= cols.hi; w += strip) fc_dw_block##V(o, rows, (fc_span){ w, w + strip }, item_w, epi, ctx); \
        fc_dw_block##V(o, rows, (fc_span){ w, cols.hi }, item_w, epi, ctx); \
    } \
    FC_INLINE void fc_dw_##NAME(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tile *src_t, fc_ref src, const fc_taps *tt, \
                                const void *taps, const fc_geom *geom, int dy, int dx, int dc, int k0, int item_w, fc_mask mask, fc_epi##V epi, \
                                const void *ctx) \
    { \
        fc_dw o = { dst_t, dst, sub, src_t, src, dy, dx, dc, tt, (const char *)taps, geom, k0, 0, mask }; \
        fc_dw_run##V(&o, item_w, epi, ctx); \
    } \
    FC_INLINE void fc_dw_##NAME##_acc(const fc_tile *dst_t, fc_ref dst, fc_sub sub, const fc_tile *src_t, fc_ref src, const fc_taps *tt, \
                                      const void *taps, const fc_geom *geom, int dy, int dx, int dc, int k0, int item_w) \
    { \
        fc_dw o = { dst_t, dst, sub, src_t, src, dy, dx, dc, tt, (const char *)taps, geom, k0, 1, { 0, 0, 0, 0, 0 } }; \
        fc_dw_run##V(&o, item_w, NULL, NULL); \
    }

enum { FC_DW_SUMS = 16 };                                   /* most pixels of a register tile */

#define FC_DW_TILE(V) \
    /* The sums of one filter row; x: the input under tap 0 of pixel 0. */ \
    FC_INLINE void fc_dw_slide##V(const fc_dw *o, const char *x, const char *tap, int np, fc_v##V *sum) \
    { \
        int type = o->src_t->type, S = o->tt->s, stride = o->geom->stride_w, tt = o->tt->type; \
        ptrdiff_t next = (ptrdiff_t)o->tt->pitch * fc_size(tt); \
        fc_v##V f[FC_REGISTERS]; \
        FC_FULL for (int s = 0; s < S; s++) f[s] = fc_keep_##V(fc_get##V(tap + s * next, tt)); \
        FC_FULL for (int j = 0; j < (np - 1) * stride + S; j++) { \
            fc_v##V in = fc_keep_##V(fc_get##V(x + j * o->src_t->pitch_w, type)); \
            FC_FULL for (int s = 0; s < S; s++) \
                if (j >= s && (j - s) % stride == 0 && (j - s) / stride < np) \
                    sum[(j - s) / stride] = fc_fma_##V(in, f[s], sum[(j - s) / stride]); \
        } \
    } \
    FC_INLINE void fc_dw_stream##V(const fc_dw *o, const char *x, const char *tap, int np, int live, fc_v##V *sum) \
    { \
        int type = o->src_t->type, tt = o->tt->type; \
        ptrdiff_t step = (ptrdiff_t)o->geom->stride_w * o->src_t->pitch_w; \
        for (int s = 0; s < o->tt->s; s++) { \
            fc_v##V f = fc_get##V(tap, tt); \
            FC_FULL for (int p = 0; p < np; p++) sum[p] = fc_fma_##V(fc_get##V(x + fc_min(p, live - 1) * step, type), f, sum[p]); \
            x += (ptrdiff_t)o->geom->dil_w * o->src_t->pitch_w; \
            tap += o->tt->pitch * fc_size(tt); \
        } \
    } \
    FC_INLINE void fc_dw_tile##V(const fc_dw *o, int h, int w, int k, int np, int live, fc_epi##V epi, const void *ctx) \
    { \
        int to = o->dst_t->type, slides = o->geom->dil_w == 1 && o->geom->stride_w <= 2 && np == live && np + o->tt->s + 1 < FC_REGISTERS; \
        char *dst = fc_at(o->dst_t, o->dst, h, w, o->k0 + k); \
        fc_v##V sum[FC_DW_SUMS]; \
        FC_FULL for (int p = 0; p < np; p++) \
            sum[p] = o->add ? fc_get##V(dst + fc_min(p, live - 1) * o->dst_t->pitch_w, to) : (fc_v##V){ 0 }; \
        for (int r = 0; r < o->tt->r; r++) { \
            const char *x = fc_dw_source(o, h, w, r, k), *tap = fc_dw_tap(o, r, 0, k); \
            if (slides) fc_dw_slide##V(o, x, tap, np, sum); \
            else fc_dw_stream##V(o, x, tap, np, live, sum); \
        } \
        FC_FULL for (int p = 0; p < np; p++) \
            if (p < live && epi) sum[p] = epi(sum[p], ctx, h, w + p, o->k0 + k); \
        FC_FULL for (int p = 0; p < np; p++) \
            if (p < live) fc_put##V(dst + p * o->dst_t->pitch_w, to, sum[p]); \
    }

FC_DW_WIDTH(1, portable)
#if FC_ISA >= 256
FC_DW_TILE(8)
FC_DW_WIDTH(8, vec8)
#endif
#if FC_ISA >= 512
FC_DW_TILE(16)
FC_DW_WIDTH(16, vec16)
#endif
#endif
