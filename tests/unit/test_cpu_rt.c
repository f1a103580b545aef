/* The C runtime headers, built for several instruction sets: every operation and width against naive loops over exact integers, on random
 * ragged shapes and, with FOLDED, on a table of constant ones (the code as generated programs get it). Buffers have exactly their size (ASan) and are compared as a whole,
 * so a stray write shows. Activations against libm, conversions against the compiler's own. */
#define FCM_COUNT 1
#define FC_COUNT_SLOTS 4
#ifndef FOLDED                                              /* random shapes leave nothing to unroll, and unrolled code would compile for minutes */
#define FC_FULL
#endif
#include "fc_base.h"
#include "fc_vec.h"
#include "fc_act.h"
#include "fc_copy.h"
#include "fc_pw.h"
#include "fc_dw.h"

#include "dtype.h"
#include "tm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- random cases ---- */
static uint64_t state = 1;
static int rnd(int lo, int hi)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return lo + (int)((state >> 33) % (uint64_t)(hi - lo + 1));
}
#ifndef FOLDED
static int widths(void) { return FC_ISA >= 512 ? 3 : FC_ISA >= 256 ? 2 : 1; }
static int random_width(void) { return (int[]){ 1, 8, 16 }[rnd(0, widths() - 1)]; }
#endif

static float element(const char *p, int type)
{
    uint16_t h;
    float f;
    if (type == FC_F16) return memcpy(&h, p, 2), f16_to_f32(h);
    return memcpy(&f, p, 4), f;
}
static void set_element(char *p, int type, float v)
{
    uint16_t h = f32_to_f16(v);
    memcpy(p, type == FC_F16 ? (void *)&h : (void *)&v, (size_t)fc_size(type));
}

typedef struct Buf { char *p; size_t n; } Buf;
static Buf integers(size_t count, int type, int limit)
{
    Buf b = { malloc(count * (size_t)fc_size(type) + !count), count * (size_t)fc_size(type) };
    for (size_t i = 0; i < count; i++) set_element(b.p + i * (size_t)fc_size(type), type, (float)rnd(-limit, limit));
    return b;
}
static Buf copy_of(Buf b)
{
    Buf c = { malloc(b.n + !b.n), b.n };
    memcpy(c.p, b.p, b.n);
    return c;
}

static Buf storage(const fc_tile *t, int limit)
{
    return integers((size_t)(t->roll ? t->roll : t->h) * (size_t)t->pitch_h / (size_t)fc_size(t->type), t->type, limit);
}
/* Address by the definition in tm.h. */
static char *at(const fc_tile *t, fc_ref r, int h, int w, int c)
{
    int row = h;
    if (t->roll) for (row = r.row + h; row < 0; row += t->roll) continue;
    if (t->roll) row %= t->roll;
    return r.p + row * t->pitch_h + w * t->pitch_w + c * fc_size(t->type);
}
static float value(const fc_tile *t, fc_ref r, int h, int w, int c) { return element(at(t, r, h, w, c), t->type); }

static int inside(fc_mask m, int h, int w) { return m.y0 + h >= 0 && m.y0 + h < m.h && m.x0 + w >= 0 && m.x0 + w < m.w; }

#ifndef FOLDED
/* A tile with random padding of pixels and rows; roll < 0 = at random. */
static fc_tile random_tile(int h, int w, int c, int roll)
{
    fc_tile t = { h, w, c, fc_up8(c) + 8 * rnd(0, 1), 0, 0, 0, rnd(0, 1) };
    t.pitch_w = t.cpad * fc_size(t.type) + 4 * rnd(0, 2);
    t.pitch_h = w * t.pitch_w + 4 * rnd(0, 2);
    t.roll = roll < 0 ? rnd(0, 1) * (h + rnd(0, 2)) : roll;
    return t;
}
static fc_mask random_mask(int h, int w)
{
    return (fc_mask){ rnd(0, 1), rnd(-2, 2), rnd(-3, 3), rnd(1, h + 1), rnd(1, w + 1) };
}
static fc_sub random_sub(const fc_tile *t)
{
    fc_sub s = { rnd(0, t->h - 1), 0, rnd(0, t->w - 1), 0 };
    if (rnd(0, 1)) s.w0 = 0;
    s.h1 = rnd(s.h0 + 1, t->h);
    s.w1 = rnd(0, 1) ? t->w : rnd(s.w0 + 1, t->w);
    if (t->roll && rnd(0, 1)) s.h0 -= 2, s.h1 -= 2;         /* a line buffer's next rows lie outside its window */
    return s;
}
#endif

/* ---- epilogues: a function of value, channel and pixel ---- */
typedef struct Ctx { const float *bias; } Ctx;
#define EPILOGUE(V) \
    static inline fc_v##V epi##V(fc_v##V v, const void *ctx, int h, int w, int c) \
    { \
        return fc_relu_##V(fc_add_##V(v, fc_load_##V(((const Ctx *)ctx)->bias + c))) + (float)(2 * h + 3 * w); \
    }
EPILOGUE(1)
#if FC_ISA >= 256
EPILOGUE(8)
#endif
#if FC_ISA >= 512
EPILOGUE(16)
#endif
static float epilogue(int on, float v, const Ctx *ctx, int h, int w, int c)
{
    if (!on) return v;
    v += ctx->bias[c];
    return (v < 0 ? 0 : v) + (float)(2 * h + 3 * w);
}

static void clear_counts(void) { memset(fc_counts, 0, sizeof fc_counts); }
static void expect_same(Buf got, Buf want, const char *what, int number)
{
    if (memcmp(got.p, want.p, got.n)) {
        size_t i = 0;
        while (got.p[i] == want.p[i]) i++;
        fail_msg("%s case %d differs first at byte %zu of %zu", what, number, i, got.n);
    }
    free(got.p);
    free(want.p);
}

/* ---- pw ---- */
typedef struct PwCase {
    int V, global, acc, epi;
    fc_tile dst_t, src_t;
    fc_tensor g;
    int y0, x0, c0, dy, dx, dc, k0, item_w, item_c;
    fc_sub sub;
    fc_weights wt;
    fc_mask mask;
} PwCase;

#define PW_CALLS(V, NAME) \
    if (p->global && p->acc) \
        fc_pw_##NAME##_global_acc(&p->dst_t, dst, p->sub, &p->g, src.p, p->y0, p->x0, p->c0, &p->wt, w, p->k0, p->item_w, p->item_c); \
    else if (p->global) \
        fc_pw_##NAME##_global(&p->dst_t, dst, p->sub, &p->g, src.p, p->y0, p->x0, p->c0, &p->wt, w, p->k0, p->item_w, p->item_c, p->mask, \
                              p->epi ? epi##V : NULL, ctx); \
    else if (p->acc) \
        fc_pw_##NAME##_acc(&p->dst_t, dst, p->sub, &p->src_t, src, &p->wt, w, p->dy, p->dx, p->dc, p->k0, p->item_w, p->item_c); \
    else \
        fc_pw_##NAME(&p->dst_t, dst, p->sub, &p->src_t, src, &p->wt, w, p->dy, p->dx, p->dc, p->k0, p->item_w, p->item_c, p->mask, \
                     p->epi ? epi##V : NULL, ctx);

FC_INLINE void pw_call(const PwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx)
{
    if (p->V == 1) { PW_CALLS(1, portable) }
#if FC_ISA >= 256
    if (p->V == 8) { PW_CALLS(8, vec8) }
#endif
#if FC_ISA >= 512
    if (p->V == 16) { PW_CALLS(16, vec16) }
#endif
}

static float pw_source(const PwCase *p, fc_ref src, int h, int w, int c)
{
    int y = p->y0 + h, x = p->x0 + w, z = p->c0 + c;
    if (!p->global) return value(&p->src_t, src, h + p->dy, w + p->dx, p->dc + c);
    if (y < 0 || y >= p->g.h || x < 0 || x >= p->g.w || z >= p->g.c) return 0;
    return element(src.p + ((y * p->g.w + x) * p->g.c + z) * fc_size(p->g.type), p->g.type);
}

static float pw_weight(const PwCase *p, const char *w, int k, int c)
{
    return element(w + ((k / p->wt.panel) * p->wt.pitch + c * p->wt.panel + k % p->wt.panel) * fc_size(p->wt.type), p->wt.type);
}

static int64_t pw_naive(const PwCase *p, fc_ref dst, fc_ref src, const char *w, const Ctx *ctx)
{
    int64_t bytes = 0;
    for (int h = p->sub.h0; h < p->sub.h1; h++)
        for (int x = p->sub.w0; x < p->sub.w1; x++) {
            int in = p->y0 + h >= 0 && p->y0 + h < p->g.h && p->x0 + x >= 0 && p->x0 + x < p->g.w;
            for (int c = 0; c < p->wt.cpad; c++) bytes += p->global && in && p->c0 + c < p->g.c ? fc_size(p->g.type) : 0;
            for (int k = 0; k < fc_up8(p->wt.k); k++) {
                char *to = at(&p->dst_t, dst, h, x, p->k0 + k);
                float sum = p->acc ? element(to, p->dst_t.type) : 0;
                for (int c = 0; c < p->wt.cpad && k < p->wt.k; c++) sum += pw_source(p, src, h, x, c) * pw_weight(p, w, k, c);
                if (!p->acc) sum = p->mask.on && !inside(p->mask, h, x) ? 0 : epilogue(p->epi, sum, ctx, h, x, p->k0 + k);
                set_element(to, p->dst_t.type, sum);
            }
        }
    return bytes;
}

typedef void PwFn(const PwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx);

static void check_pw(const PwCase *p, PwFn *call, int number)
{
    const fc_weights *wt = &p->wt;
    int panels = (wt->panel == 1 ? wt->k : (wt->k + wt->panel - 1) / wt->panel);
    Buf d = storage(&p->dst_t, 9), want = copy_of(d), s, w = integers((size_t)panels * (size_t)wt->pitch, wt->type, 2);
    if (p->global) s = integers((size_t)p->g.h * (size_t)p->g.w * (size_t)p->g.c, p->g.type, 3);
    else s = storage(&p->src_t, 3);
    for (int k = 0; k < panels * wt->panel; k++)            /* padding of the weights is 0 */
        for (int c = 0; c < wt->cpad; c++)
            if (k >= wt->k || c >= wt->c)
                set_element(w.p + ((k / wt->panel) * wt->pitch + c * wt->panel + k % wt->panel) * fc_size(wt->type), wt->type, 0);
    Buf bias = integers((size_t)p->dst_t.cpad + 8, FC_F32, 20);      /* vectors are padded to 64 bytes */
    Ctx ctx = { (const float *)(const void *)bias.p };
    fc_ref src = { s.p, p->src_t.roll ? number % p->src_t.roll : 0 }, dst = { d.p, p->dst_t.roll ? number % p->dst_t.roll : 0 };
    clear_counts();
    call(p, dst, src, w.p, &ctx);
    dst.p = want.p;
    assert_int_equal(pw_naive(p, dst, src, w.p, &ctx), fc_counts[0][1]);
    expect_same(d, want, "pw", number);
    free(s.p), free(w.p), free(bias.p);
}

#ifndef FOLDED
static void pw_at_run_time(const PwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx) { pw_call(p, dst, src, w, ctx); }

static PwCase random_pw(void)
{
    PwCase p = { .V = random_width(), .global = rnd(0, 1), .acc = rnd(0, 2) == 0, .epi = rnd(0, 3) > 0 };
    int k = rnd(1, 70), c = rnd(1, 40);
    p.wt = (fc_weights){ k, c, c + 8 * rnd(0, 1), 0, 0, rnd(0, 1) };
    p.item_c = p.V * rnd(1, 3);
    p.item_w = rnd(1, 8);
    p.wt.panel = p.V == 1 ? (int[]){ 1, 3, 8, 48 }[rnd(0, 3)] : p.item_c;
    p.wt.pitch = p.wt.cpad * p.wt.panel + (p.wt.panel == 1 ? rnd(0, 3) : 0);
    p.k0 = 8 * rnd(0, 2), p.dc = rnd(0, 3), p.dy = rnd(0, 2), p.dx = rnd(0, 2);
    p.dst_t = random_tile(rnd(1, 5), rnd(1, 21), p.k0 + k, -1);
    p.src_t = random_tile(p.dst_t.h + p.dy, p.dst_t.w + p.dx, p.dc + p.wt.cpad, -1);
    if (p.acc) p.dst_t = (fc_tile){ p.dst_t.h, p.dst_t.w, p.dst_t.c, p.dst_t.cpad, p.dst_t.cpad * 4, p.dst_t.cpad * 4 * p.dst_t.w, p.dst_t.roll, FC_F32 };
    p.sub = random_sub(&p.dst_t);
    if (p.sub.h0 < 0) {                                     /* the source has no such rows, unless it rolls too */
        if (p.src_t.roll < p.src_t.h + 2) p.src_t.roll = p.src_t.h + 2;
    }
    p.g = (fc_tensor){ rnd(1, 7), rnd(1, 24), rnd(1, 40), rnd(0, 1), 1 };
    p.y0 = rnd(-2, 3), p.x0 = rnd(-3, 3), p.c0 = rnd(0, p.g.c - 1);
    p.mask = random_mask(p.dst_t.h, p.dst_t.w);
    return p;
}

static void pw_random(void **unused)
{
    (void)unused;
    for (int i = 0; i < 4000; i++) {
        PwCase p = random_pw();
        check_pw(&p, pw_at_run_time, i);
    }
}
#endif

/* ---- dw ---- */
typedef struct DwCase {
    int V, acc, epi;
    fc_tile dst_t, src_t;
    int dy, dx, dc, k0, item_w;
    fc_sub sub;
    fc_taps tt;
    fc_geom geom;
    fc_mask mask;
} DwCase;

#define DW_CALLS(V, NAME) \
    if (p->acc) fc_dw_##NAME##_acc(&p->dst_t, dst, p->sub, &p->src_t, src, &p->tt, w, &p->geom, p->dy, p->dx, p->dc, p->k0, p->item_w); \
    else fc_dw_##NAME(&p->dst_t, dst, p->sub, &p->src_t, src, &p->tt, w, &p->geom, p->dy, p->dx, p->dc, p->k0, p->item_w, p->mask, \
                      p->epi ? epi##V : NULL, ctx);

FC_INLINE void dw_call(const DwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx)
{
    if (p->V == 1) { DW_CALLS(1, portable) }
#if FC_ISA >= 256
    if (p->V == 8) { DW_CALLS(8, vec8) }
#endif
#if FC_ISA >= 512
    if (p->V == 16) { DW_CALLS(16, vec16) }
#endif
}

static void dw_naive(const DwCase *p, fc_ref dst, fc_ref src, const char *taps, const Ctx *ctx)
{
    const fc_geom *g = &p->geom;
    for (int h = p->sub.h0; h < p->sub.h1; h++)
        for (int w = p->sub.w0; w < p->sub.w1; w++)
            for (int k = 0; k < fc_up8(p->tt.c); k++) {
                char *to = at(&p->dst_t, dst, h, w, p->k0 + k);
                float sum = p->acc ? element(to, p->dst_t.type) : 0;
                for (int r = 0; r < p->tt.r && k < p->tt.c; r++)
                    for (int s = 0; s < p->tt.s; s++)
                        sum += value(&p->src_t, src, h * g->stride_h + r * g->dil_h + p->dy, w * g->stride_w + s * g->dil_w + p->dx, (p->dc + k) / g->mult) *
                               element(taps + ((r * p->tt.s + s) * p->tt.pitch + k) * fc_size(p->tt.type), p->tt.type);
                if (!p->acc) sum = p->mask.on && !inside(p->mask, h, w) ? 0 : epilogue(p->epi, sum, ctx, h, w, p->k0 + k);
                set_element(to, p->dst_t.type, sum);
            }
}

typedef void DwFn(const DwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx);

static void check_dw(const DwCase *p, DwFn *call, int number)
{
    Buf d = storage(&p->dst_t, 9), want = copy_of(d), s = storage(&p->src_t, 3);
    Buf w = integers((size_t)p->tt.r * (size_t)p->tt.s * (size_t)p->tt.pitch, p->tt.type, 2), bias = integers((size_t)p->dst_t.cpad, FC_F32, 20);
    for (int t = 0; t < p->tt.r * p->tt.s; t++)
        for (int c = p->tt.c; c < p->tt.pitch; c++) set_element(w.p + (t * p->tt.pitch + c) * fc_size(p->tt.type), p->tt.type, 0);
    Ctx ctx = { (const float *)(const void *)bias.p };
    fc_ref src = { s.p, p->src_t.roll ? number % p->src_t.roll : 0 }, dst = { d.p, p->dst_t.roll ? number % p->dst_t.roll : 0 };
    call(p, dst, src, w.p, &ctx);
    dst.p = want.p;
    dw_naive(p, dst, src, w.p, &ctx);
    expect_same(d, want, "dw", number);
    free(s.p), free(w.p), free(bias.p);
}

#ifndef FOLDED
static void dw_at_run_time(const DwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx) { dw_call(p, dst, src, w, ctx); }

static DwCase random_dw(void)
{
    DwCase p = { .V = random_width(), .acc = rnd(0, 2) == 0, .epi = rnd(0, 3) > 0 };
    int c = rnd(1, 50);
    if (p.V == 16 && fc_up8(c) % 16) c = fc_up8(c) + rnd(1, 8);
    p.geom = (fc_geom){ rnd(1, 3), rnd(1, 3), rnd(1, 2), rnd(1, 2), p.V == 1 ? rnd(1, 3) : 1 };
    p.tt = (fc_taps){ rnd(1, 5), rnd(1, 7), c, fc_up8(c) + 8 * rnd(0, 1), rnd(0, 1) };
    p.item_w = rnd(1, 8);
    p.k0 = 8 * rnd(0, 2), p.dc = rnd(0, 3), p.dy = rnd(0, 2), p.dx = rnd(0, 2);
    p.dst_t = random_tile(rnd(1, 4), rnd(1, 19), p.k0 + c, -1);
    int rows = (p.dst_t.h - 1) * p.geom.stride_h + (p.tt.r - 1) * p.geom.dil_h + 1 + p.dy;
    int cols = (p.dst_t.w - 1) * p.geom.stride_w + (p.tt.s - 1) * p.geom.dil_w + 1 + p.dx;
    p.src_t = random_tile(rows, cols, (p.dc + fc_up8(c) - 1) / p.geom.mult + 1, -1);
    if (p.acc) p.dst_t = (fc_tile){ p.dst_t.h, p.dst_t.w, p.dst_t.c, p.dst_t.cpad, p.dst_t.cpad * 4, p.dst_t.cpad * 4 * p.dst_t.w, p.dst_t.roll, FC_F32 };
    p.sub = random_sub(&p.dst_t);
    if (p.sub.h0 < 0 && p.src_t.roll < rows + 6) p.src_t.roll = rows + 6;
    p.mask = random_mask(p.dst_t.h, p.dst_t.w);
    return p;
}

static void dw_random(void **unused)
{
    (void)unused;
    for (int i = 0; i < 4000; i++) {
        DwCase p = random_dw();
        check_dw(&p, dw_at_run_time, i);
    }
}

/* ---- copy, zero, store, finish ---- */
static float global_value(const fc_tensor *g, const char *p, int y, int x, int c)
{
    if (y < 0 || y >= g->h || x < 0 || x >= g->w || c >= g->c) return 0;
    return element(p + ((y * g->w + x) * g->c + c) * fc_size(g->type), g->type);
}

static void copies(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        fc_tile t = random_tile(rnd(1, 5), rnd(1, 12), rnd(1, 40), -1);
        fc_tensor g = { rnd(1, 7), rnd(1, 14), rnd(1, 40), rnd(0, 1), 2 };
        if (rnd(0, 2) == 0) t.c = g.c = t.cpad, t.pitch_w = t.cpad * fc_size(t.type), t.pitch_h = t.w * t.pitch_w;   /* dense runs */
        fc_sub sub = random_sub(&t);
        int y0 = rnd(-3, 4), x0 = rnd(-3, 4), c0 = rnd(0, 2) ? 0 : rnd(0, g.c + 2);
        Buf d = storage(&t, 9), want = copy_of(d), s = integers((size_t)g.h * (size_t)g.w * (size_t)g.c, g.type, 99);
        fc_ref r = { d.p, t.roll ? i % t.roll : 0 };
        int64_t bytes = 0;
        clear_counts();
        fc_copy(&t, r, sub, &g, s.p, y0, x0, c0);
        r.p = want.p;
        for (int h = sub.h0; h < sub.h1; h++)
            for (int w = sub.w0; w < sub.w1; w++)
                for (int c = 0; c < t.cpad; c++) {
                    int in = y0 + h >= 0 && y0 + h < g.h && x0 + w >= 0 && x0 + w < g.w && c0 + c < g.c && c < t.c;
                    set_element(at(&t, r, h, w, c), t.type, in ? global_value(&g, s.p, y0 + h, x0 + w, c0 + c) : 0);
                    bytes += in ? fc_size(g.type) : 0;
                }
        assert_int_equal(fc_counts[0][2], bytes);
        expect_same(d, want, "copy", i);
        free(s.p);
    }
}

#define STORES(V) if (width == V) fc_store##V(&t, r, sub, &g, d.p, y0, x0, c0, on ? epi##V : NULL, &ctx)
static void stores(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        fc_tile t = random_tile(rnd(1, 5), rnd(1, 12), rnd(1, 40), -1);
        fc_tensor g = { rnd(1, 7), rnd(1, 14), rnd(1, 40), rnd(0, 1), 3 };
        fc_sub sub = random_sub(&t);
        int y0 = rnd(-3, 4), x0 = rnd(-3, 4), c0 = rnd(0, 2) ? 0 : rnd(0, g.c + 2), on = rnd(0, 2) > 0, width = random_width();
        if (width == 16 && fc_up8(t.c) % 16) width = 8;
        Buf d = integers((size_t)g.h * (size_t)g.w * (size_t)g.c, g.type, 99), want = copy_of(d), s = storage(&t, 99);
        Buf bias = integers((size_t)fc_up8(t.c), FC_F32, 20);
        Ctx ctx = { (const float *)(const void *)bias.p };
        fc_ref r = { s.p, t.roll ? i % t.roll : 0 };
        int64_t bytes = 0;
        clear_counts();
        STORES(1);
#if FC_ISA >= 256
        STORES(8);
#endif
#if FC_ISA >= 512
        STORES(16);
#endif
        for (int h = sub.h0; h < sub.h1; h++)
            for (int w = sub.w0; w < sub.w1; w++)
                for (int c = 0; c < t.c; c++) {
                    int y = y0 + h, x = x0 + w, z = c0 + c;
                    if (y < 0 || y >= g.h || x < 0 || x >= g.w || z >= g.c) continue;
                    set_element(want.p + ((y * g.w + x) * g.c + z) * fc_size(g.type), g.type, epilogue(on, value(&t, r, h, w, c), &ctx, h, w, c));
                    bytes += fc_size(g.type);
                }
        assert_int_equal(fc_counts[1][3], bytes);
        expect_same(d, want, "store", i);
        free(s.p), free(bias.p);
    }
}

#define FINISHES(V) if (width == V) fc_finish##V(&t, r, sub, &src_t, src, mask, on ? epi##V : NULL, &ctx)
static void finishes(void **unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        fc_tile t = random_tile(rnd(1, 5), rnd(1, 12), rnd(1, 40), -1), src_t = random_tile(t.h, t.w, t.c, t.roll);
        fc_sub sub = random_sub(&t);
        fc_mask mask = random_mask(t.h, t.w);
        int on = rnd(0, 2) > 0, width = random_width();
        if (width == 16 && fc_up8(t.c) % 16) width = 8;
        Buf d = storage(&t, 9), want = copy_of(d), s = storage(&src_t, 99), bias = integers((size_t)fc_up8(t.c), FC_F32, 20);
        Ctx ctx = { (const float *)(const void *)bias.p };
        fc_ref r = { d.p, t.roll ? i % t.roll : 0 }, src = { s.p, r.row };
        FINISHES(1);
#if FC_ISA >= 256
        FINISHES(8);
#endif
#if FC_ISA >= 512
        FINISHES(16);
#endif
        r.p = want.p;
        for (int h = sub.h0; h < sub.h1; h++)
            for (int w = sub.w0; w < sub.w1; w++)
                for (int c = 0; c < t.cpad; c++) {
                    int zero = c >= fc_up8(t.c) || (mask.on && !inside(mask, h, w));
                    set_element(at(&t, r, h, w, c), t.type, zero ? 0 : epilogue(on, value(&src_t, src, h, w, c), &ctx, h, w, c));
                }
        expect_same(d, want, "finish", i);
        free(s.p), free(bias.p);
    }
}

static void zero_and_runs(void **unused)
{
    (void)unused;
    fc_tile t = { 3, 5, 8, 8, 32, 176, 0, FC_F32 };
    Buf b = storage(&t, 9), run = integers(16, FC_F32, 9);
    fc_zero(&t, (fc_ref){ b.p, 0 });
    for (int h = 0; h < 3; h++)
        for (int w = 0; w < 5; w++)
            for (int c = 0; c < 8; c++) assert_true(value(&t, (fc_ref){ b.p, 0 }, h, w, c) == 0);
    clear_counts();
    fc_copy_bytes(b.p, run.p, 64, 1);
    assert_memory_equal(b.p, run.p, 64);
    assert_int_equal(fc_counts[0][1], 64);
    fc_tensor g = { 3, 4, 5, FC_F16, 0 };
    assert_ptr_equal(fc_image(&g, run.p, 2), run.p + 240);
    free(b.p), free(run.p);
}

/* An element in place: outside the image and beyond its channels 0, and only what is inside counts. */
static void global_loads(void **unused)
{
    (void)unused;
    fc_tensor g = { 3, 4, 5, FC_F16, 2 };
    Buf b = integers(60, FC_F16, 50);
    for (int y = -1; y <= 3; y++)
        for (int x = -1; x <= 4; x++) {
            int in = y >= 0 && y < 3 && x >= 0 && x < 4;
            clear_counts();
            assert_true(fc_global_load1(&g, b.p, y, x, 4) == global_value(&g, b.p, y, x, 4));
            assert_true(fc_global_load1(&g, b.p, y, x, 5) == 0);
            assert_int_equal(fc_counts[0][2], in ? 2 : 0);
#if FC_ISA >= 256
            fc_v8 v = fc_global_load8(&g, b.p, y, x, 0);
            for (int c = 0; c < 8; c++) assert_true(v[c] == global_value(&g, b.p, y, x, c));
            assert_int_equal(fc_counts[0][2], in ? 12 : 0);
#endif
        }
    free(b.p);
}
#endif

#include "test_cpu_rt_values.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef FOLDED
        cmocka_unit_test(pw_constant), cmocka_unit_test(dw_constant),
#else
        cmocka_unit_test(pw_random), cmocka_unit_test(dw_random), cmocka_unit_test(copies), cmocka_unit_test(stores), cmocka_unit_test(finishes),
        cmocka_unit_test(zero_and_runs), cmocka_unit_test(global_loads), cmocka_unit_test(activations), cmocka_unit_test(widths_agree),
        cmocka_unit_test(halves),
#endif
    };
    return fc_isa_supported() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
FC_TEXT_END
