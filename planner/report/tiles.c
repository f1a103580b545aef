/* tiles.c: where a tile lies and what it reads. Left the plane of the depthwise's input (of the output, without a depthwise) with its
 * tiles; right one window, pixel by pixel: the tile's own pixels, its halo, and what lies outside the image. Under a line buffer: the band
 * of a block and the ring of rows, which of them a step makes and which it keeps. */
#include "parts.h"

#include <math.h>

enum { PLANE = 200, ZOOM_X = 250, ZOOM = 210, TOP = 8, CELLS = 40 };

/* All in pixels of the plane: [lo, lo + n). */
typedef struct Span { int64_t lo, n; } Span;
typedef struct Picture {
    int64_t h, w;                   /* the plane */
    Span own_y, own_x;              /* output pixels times the stride */
    Span win_y, win_x;              /* what they read */
    Span band, ring_x;              /* rows that one block walks through, n 0: no line buffer; columns of the ring */
    int64_t roll, phase, fresh;     /* rows of the ring; the row of slot 0; rows that a step adds */
    int64_t out_h, out_w;           /* the tile in output pixels */
    int64_t channels, all_channels;
} Picture;

static const TmIns *last_of(const TmProgram *p, TmOp op)
{
    for (int i = p->code.n; i-- > 0;)
        if (p->code.at[i].op == op) return &p->code.at[i];
    return NULL;
}

static bool is_outer(const TmLoop *l) { return l->kind == TM_GRID || l->kind == TM_PERSIST; }

/* A block in the middle of the image; in loops over rows the second step, so that something is kept. */
static int64_t *middle(Arena *a, const TmProgram *p)
{
    int64_t *vars = NEW_N(a, int64_t, p->loops.n + 1);
    for (int i = 0; i < p->loops.n; i++) {
        const TmLoop *l = &p->loops.at[i];
        bool outer = is_outer(l);
        vars[i] = outer ? l->trip / 2 : l->trip > 1 ? 1 : 0;
        if (!outer && !tm_runs(l, vars)) vars[i] = 0;
    }
    return vars;
}

static Span window_of(const WinAxis *a, Span out)
{
    WinSpan s = win_in(a, (WinSpan){ out.lo, out.n });
    return (Span){ s.lo, s.n };
}

static void find_band(Picture *c, const TmProgram *p, const TmTile *dst, const int64_t *vars, int64_t stride)
{
    for (int i = 0; i < p->loops.n; i++) {
        int64_t step = affine_coef(&dst->org[1], i);
        if (is_outer(&p->loops.at[i]) || step == 0) continue;
        c->band.lo = (affine_eval(&dst->org[1], vars) - step * vars[i]) * stride;
        c->band.n = step * p->loops.at[i].trip * stride;
        c->fresh = step * stride;
        return;
    }
}

static Picture picture_of(Arena *a, const TmModule *m, const TmProgram *p)
{
    const int64_t *vars = middle(a, p);
    const TmIns *dw = last_of(p, TM_DW), *store = last_of(p, TM_STORE);
    const TmTile *dst = &p->tiles.at[dw ? dw->dst : store->src], *src = dw ? &p->tiles.at[dw->src] : dst;
    const TmTensor *plane = &m->tensors.at[dw ? src->tensor : store->tensor];
    WinAxis ay = { 1, 1, 1, 0, 0 }, ax = ay;
    if (dw) {
        const TmTensor *w = &m->tensors.at[p->tiles.at[dw->wgt].tensor];
        ay = (WinAxis){ (int)w->dim[1], dw->geom.stride_h, dw->geom.dil_h, dw->geom.pad_top, 0 };
        ax = (WinAxis){ (int)w->dim[2], dw->geom.stride_w, dw->geom.dil_w, dw->geom.pad_left, 0 };
    }
    Span oy = { affine_eval(&dst->org[1], vars), dst->ext[1] }, ox = { affine_eval(&dst->org[2], vars), dst->ext[2] };
    Picture c = { .h = plane->dim[1], .w = plane->dim[2], .out_h = oy.n, .out_w = ox.n, .channels = dst->ext[3], .roll = src->roll };
    c.all_channels = m->tensors.at[dst->tensor].dim[3];
    c.own_y = (Span){ oy.lo * ay.stride, oy.n * ay.stride };
    c.own_x = (Span){ ox.lo * ax.stride, ox.n * ax.stride };
    c.win_y = window_of(&ay, oy);
    c.win_x = window_of(&ax, ox);
    c.ring_x = (Span){ affine_eval(&src->org[2], vars), src->ext[2] };
    c.phase = src->org[1].k;
    if (c.roll) find_band(&c, p, dst, vars, ay.stride);
    if (!c.band.n) c.roll = 0;
    return c;
}

/* ---- the plane ---- */

/* f: units of the picture to a pixel. */
static void put_span(Text *t, const char *class, double x0, double y0, Span x, Span y, double f)
{
    svg_rect(t, class, x0 + (double)x.lo * f, y0 + (double)y.lo * f, (double)x.n * f, (double)y.n * f);
}

static void put_plane(Text *t, const Picture *c)
{
    double f = (double)PLANE / (double)(c->h > c->w ? c->h : c->w), x0 = 14, y0 = TOP + 8;
    svg_rect(t, "plane", x0, y0, (double)c->w * f, (double)c->h * f);
    for (int64_t y = c->own_y.n; y < c->h && (double)c->own_y.n * f >= 3; y += c->own_y.n)
        svg_line(t, "tileline", x0, y0 + (double)y * f, x0 + (double)c->w * f, y0 + (double)y * f);
    for (int64_t x = c->own_x.n; x < c->w && (double)c->own_x.n * f >= 3; x += c->own_x.n)
        svg_line(t, "tileline", x0 + (double)x * f, y0, x0 + (double)x * f, y0 + (double)c->h * f);
    if (c->band.n) {
        WinSpan x = win_clip((WinSpan){ c->ring_x.lo, c->ring_x.n }, c->w), y = win_clip((WinSpan){ c->band.lo, c->band.n }, c->h);
        put_span(t, "band", x0, y0, (Span){ x.lo, x.n }, (Span){ y.lo, y.n }, f);
    }
    put_span(t, c->roll ? "kept" : "halo", x0, y0, c->win_x, c->win_y, f);
    put_span(t, "own", x0, y0, c->own_x, c->own_y, f);
    svg_label(t, "small mid", x0 + (double)c->w * f / 2, y0 + (double)c->h * f + 16, "plane of %lld × %lld", (long long)c->h,
              (long long)c->w);
}

/* ---- the window ---- */

static bool inside(Span s, int64_t at) { return at >= s.lo && at < s.lo + s.n; }

static const char *pixel_class(const Picture *c, int64_t y, int64_t x)
{
    if (y < 0 || x < 0 || y >= c->h || x >= c->w) return "cell outside";
    if (c->roll) return y >= c->win_y.lo + c->win_y.n - c->fresh ? "cell fresh" : "cell kept";
    return inside(c->own_y, y) && inside(c->own_x, x) ? "cell own" : "cell halo";
}

/* Row numbers of the plane, or under a line buffer the slot of the ring. */
static void put_rows(Text *t, const Picture *c, double f)
{
    for (int64_t y = 0; y < c->win_y.n && f >= 9; y++) {
        int64_t row = c->win_y.lo + y, slot = c->roll ? (row - c->phase) % c->roll : row;
        svg_label(t, "small end", ZOOM_X - 4, TOP + 8 + ((double)y + 0.5) * f + 4, c->roll ? "#%lld" : "%lld", (long long)slot);
    }
}

static void put_window(Text *t, const Picture *c)
{
    int64_t longest = c->win_y.n > c->win_x.n ? c->win_y.n : c->win_x.n;
    double f = fmin(22, (double)ZOOM / (double)longest), y0 = TOP + 8;
    Span own_x = { c->own_x.lo - c->win_x.lo, c->own_x.n }, own_y = { c->own_y.lo - c->win_y.lo, c->own_y.n };
    if (longest <= CELLS) {
        for (int64_t y = 0; y < c->win_y.n; y++)
            for (int64_t x = 0; x < c->win_x.n; x++)
                svg_rect(t, pixel_class(c, c->win_y.lo + y, c->win_x.lo + x), ZOOM_X + (double)x * f, y0 + (double)y * f, f, f);
    } else {                                                    /* too many to draw one by one */
        Span wide = { 0, c->win_x.n }, all = { 0, c->win_y.n }, kept = { 0, c->win_y.n - c->fresh };
        put_span(t, c->roll ? "fresh" : "halo", ZOOM_X, y0, wide, all, f);
        if (c->roll) put_span(t, "kept", ZOOM_X, y0, wide, kept, f);
        else put_span(t, "own", ZOOM_X, y0, own_x, own_y, f);
    }
    put_span(t, "outline", ZOOM_X, y0, own_x, own_y, f);
    put_rows(t, c, f);
    svg_label(t, "small", ZOOM_X, y0 + (double)c->win_y.n * f + 16, "window of %lld × %lld", (long long)c->win_y.n,
              (long long)c->win_x.n);
}

static void put_caption(Text *t, const Picture *c)
{
    double own = (double)(c->own_y.n * c->own_x.n), window = (double)(c->win_y.n * c->win_x.n);
    int64_t kept = c->win_y.n > c->fresh ? c->win_y.n - c->fresh : 0;
    text_printf(t, "<figcaption>A step makes %lld × %lld pixels, %lld of %lld channels, ", (long long)c->out_h, (long long)c->out_w,
                (long long)c->channels, (long long)c->all_channels);
    if (c->win_y.n == c->own_y.n && c->win_x.n == c->own_x.n) {
        text_put(t, "from the same pixels: no halo.</figcaption>\n");
        return;
    }
    text_printf(t, "from a window of %lld × %lld", (long long)c->win_y.n, (long long)c->win_x.n);
    if (c->roll) {
        text_printf(t, ". A ring of %lld rows, %lld columns wide: a step makes %lld <span class=\"key fresh\"></span> and keeps %lld "
                       "<span class=\"key kept\"></span>; ", (long long)c->roll, (long long)c->ring_x.n, (long long)c->fresh, (long long)kept);
        if (c->roll > c->win_y.n) text_printf(t, "%lld more are copied ahead; ", (long long)(c->roll - c->win_y.n));
        text_printf(t, "a block walks down a band of %lld rows.</figcaption>\n", (long long)c->band.n);
    } else
        text_printf(t, ": %.2f times its own pixels. Own pixels <span class=\"key own\"></span>, halo <span class=\"key halo\"></span>, which "
                       "the neighbouring tiles need too.</figcaption>\n", window / own);
}

void report_tiles(Text *t, const TmModule *m, const TmProgram *p)
{
    if (!last_of(p, TM_STORE)) return;
    Picture c = picture_of(t->arena, m, p);
    svg_open(t, ZOOM_X + ZOOM + 20, TOP + PLANE + 36, "the tile, its window and its halo");
    put_plane(t, &c);
    put_window(t, &c);
    svg_close(t);
    put_caption(t, &c);
}
