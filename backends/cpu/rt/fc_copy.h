/* fc_copy.h: tiles from and to global memory, and between tiles.
 *
 *        tensor, one image                  The window of a tile may leave the tensor. COPY writes every element of the sub-window's storage,
 *     +---------------------+               zeros where the pixel or the channel lies outside; STORE writes only what lies inside.
 *     |             +-------+- - -+         Rows of a line buffer wrap, columns never do.
 *     |             |inside |zero |
 *     +-------------+-------+     |         Between element types values are converted, to f16 by rounding to nearest even.
 *                   + - - - - - - +                                                                                                */
#ifndef FC_COPY_H
#define FC_COPY_H
FC_INLINE void fc_copy_bytes(void *dst, const void *src, int bytes, int id)
{
    FC_COUNT_READ(id, bytes);
    memcpy(dst, src, (size_t)bytes);
}

FC_INLINE void fc_zero(const fc_tile *t, fc_ref r)
{
    int rows = t->roll ? t->roll : t->h;
    for (int h = 0; h < rows; h++) memset(r.p + (ptrdiff_t)h * t->pitch_h, 0, (size_t)t->w * (size_t)t->pitch_w);
}

/* A run of bytes, of `set` that are written before they are read. Short runs, and those of a set that stays in L1, go in vectors: from 2 KiB on a
 * library's memcpy may be a string instruction, whose start costs as much as a KiB, and what it has just written cannot be forwarded to the loads that
 * follow. For long runs of a larger set it is the faster one: it does not fetch the lines that it overwrites. */
FC_INLINE void fc_bytes(char *dst, const char *src, size_t n, size_t set)
{
    enum { PIECE = 64, LONG = 4096, NEAR = 32768 };
    size_t i = 0;
    if (FC_ISA >= 256 && (n < LONG || set <= NEAR))
        for (; i + PIECE <= n; i += PIECE) memcpy(dst + i, src + i, PIECE);
    memcpy(dst + i, src + i, n - i);
}

/* n elements of one type to the other; whole vectors where the instruction set has them. */
FC_INLINE void fc_move(char *dst, int dst_type, const char *src, int src_type, int n, size_t set)
{
    if (dst_type == src_type) {
        fc_bytes(dst, src, (size_t)n * (size_t)fc_size(dst_type), set);
        return;
    }
    int whole = FC_ISA >= 256 ? n & ~7 : 0;
#if FC_ISA >= 256
    for (int i = 0; i < whole; i += 8) fc_put8(dst + i * fc_size(dst_type), dst_type, fc_get8(src + i * fc_size(src_type), src_type));
#endif
    for (int i = whole; i < n; i++) fc_put1(dst + i * fc_size(dst_type), dst_type, fc_get1(src + i * fc_size(src_type), src_type));
}

/* n channels of pixels [w0, w1), then zeros up to cpad. Pixels that are dense on both sides move as one run. */
FC_INLINE void fc_copy_pixels(const fc_tile *t, char *row, const char *src, int src_type, int src_pitch, int w0, int w1, int n)
{
    int size = fc_size(t->type);
    size_t set = (size_t)(t->roll ? t->roll : t->h) * (size_t)t->pitch_h;
    if (n == t->cpad && n * size == t->pitch_w && n * fc_size(src_type) == src_pitch) {
        fc_move(row + (ptrdiff_t)w0 * t->pitch_w, t->type, src, src_type, (w1 - w0) * n, set);
        return;
    }
    for (int w = w0; w < w1; w++, src += src_pitch) {
        char *pixel = row + (ptrdiff_t)w * t->pitch_w;
        fc_move(pixel, t->type, src, src_type, n, set);
        memset(pixel + n * size, 0, (size_t)(t->cpad - n) * (size_t)size);
    }
}

FC_INLINE void fc_zero_pixels(const fc_tile *t, char *row, int w0, int w1)
{
    for (int w = w0; w < w1; w++) memset(row + (ptrdiff_t)w * t->pitch_w, 0, (size_t)t->cpad * (size_t)fc_size(t->type));
}

/* What a mask writes: zeros into channels [c, c + n) of pixels [w0, w1) of row h. */
FC_INLINE void fc_blank(const fc_tile *t, fc_ref r, int h, int w0, int w1, int c, int n)
{
    for (int w = w0; w < w1; w++) memset(fc_at(t, r, h, w, c), 0, (size_t)n * (size_t)fc_size(t->type));
}

FC_INLINE void fc_copy(const fc_tile *t, fc_ref r, fc_sub sub, const fc_tensor *g, const void *image, int y0, int x0, int c0)
{
    int n = fc_max(0, fc_min(t->c, g->c - c0));
    fc_span rows = fc_clip(sub.h0, sub.h1, -y0, g->h), cols = fc_clip(sub.w0, sub.w1, -x0, g->w);
    if (n == 0) cols.hi = cols.lo;
    FC_COUNT_READ(g->id, (int64_t)(rows.hi - rows.lo) * (cols.hi - cols.lo) * n * fc_size(g->type));
    for (int h = sub.h0; h < sub.h1; h++) {
        char *row = fc_at(t, r, h, 0, 0);
        if (h < rows.lo || h >= rows.hi || cols.lo == cols.hi) {
            fc_zero_pixels(t, row, sub.w0, sub.w1);
            continue;
        }
        const char *src = (const char *)image + fc_offset(g, y0 + h, x0 + cols.lo, c0);
        fc_zero_pixels(t, row, sub.w0, cols.lo);
        fc_copy_pixels(t, row, src, g->type, g->c * fc_size(g->type), cols.lo, cols.hi, n);
        fc_zero_pixels(t, row, cols.hi, sub.w1);
    }
}

/* ---- STORE and FINISH, one per width of their epilogue. Channels go in vectors of V, which divides the tile's channels rounded up to 8. ---- */
#define FC_COPY_WIDTH(V) \
    FC_INLINE void fc_store_pixel##V(const fc_tile *t, const char *src, char *dst, int type, int n, fc_epi##V epi, const void *ctx, int h, int w) \
    { \
        if (!epi) { \
            fc_move(dst, type, src, t->type, n, (size_t)-1); \
            return; \
        } \
        for (int c = 0; c < n; c += V) { \
            fc_v##V v = epi(fc_get##V(src + c * fc_size(t->type), t->type), ctx, h, w, c); \
            if (c + V <= n) fc_put##V(dst + c * fc_size(type), type, v); \
            else fc_put_n##V(dst + c * fc_size(type), type, v, n - c); \
        } \
    } \
    FC_INLINE void fc_store##V(const fc_tile *t, fc_ref r, fc_sub sub, const fc_tensor *g, void *image, int y0, int x0, int c0, \
                               fc_epi##V epi, const void *ctx) \
    { \
        int n = fc_max(0, fc_min(t->c, g->c - c0)); \
        fc_span rows = fc_clip(sub.h0, sub.h1, -y0, g->h), cols = fc_clip(sub.w0, sub.w1, -x0, g->w); \
        FC_COUNT_WRITE(g->id, (int64_t)(rows.hi - rows.lo) * (cols.hi - cols.lo) * n * fc_size(g->type)); \
        for (int h = rows.lo; h < rows.hi; h++) { \
            const char *src = fc_at(t, r, h, cols.lo, 0); \
            char *dst = (char *)image + fc_offset(g, y0 + h, x0 + cols.lo, c0); \
            for (int w = cols.lo; w < cols.hi; w++, src += t->pitch_w, dst += g->c * fc_size(g->type)) \
                fc_store_pixel##V(t, src, dst, g->type, n, epi, ctx, h, w); \
        } \
    } \
    FC_INLINE void fc_finish##V(const fc_tile *t, fc_ref r, fc_sub sub, const fc_tile *src_t, fc_ref src, fc_mask mask, fc_epi##V epi, \
                                const void *ctx) \
    { \
        int all = fc_up8(t->c); \
        for (int h = sub.h0; h < sub.h1; h++) { \
            char *to = fc_at(t, r, h, 0, 0); \
            const char *from = fc_at(src_t, src, h, 0, 0); \
            for (int w = sub.w0; w < sub.w1; w++) { \
                char *pixel = to + (ptrdiff_t)w * t->pitch_w; \
                if (!fc_inside(mask, h, w)) { \
                    memset(pixel, 0, (size_t)t->cpad * (size_t)fc_size(t->type)); \
                    continue; \
                } \
                for (int c = 0; c < all; c += V) { \
                    fc_v##V v = fc_get##V(from + (ptrdiff_t)w * src_t->pitch_w + c * fc_size(src_t->type), src_t->type); \
                    fc_put##V(pixel + c * fc_size(t->type), t->type, epi ? epi(v, ctx, h, w, c) : v); \
                } \
                memset(pixel + all * fc_size(t->type), 0, (size_t)(t->cpad - all) * (size_t)fc_size(t->type)); \
            } \
        } \
    }
FC_COPY_WIDTH(1)
#if FC_ISA >= 256
FC_COPY_WIDTH(8)
#endif
#if FC_ISA >= 512
FC_COPY_WIDTH(16)
#endif
#endif
