/* cpu_cost.c: clocks of one core, instruction by instruction: register tiles with their ragged ends, loads against FMAs,
 * epilogues, stores, and the cache level from which each operand comes.
 *
 *     clocks of a register tile of np pixels x nv vectors, per contracted channel:
 *         max(FMAs / pipes, loads / load_rate, latency)        FMAs = np*nv, loads = np + nv
 * latency: that of one FMA, when there are too few sums to fill the pipes. */
#include "cost.h"

#include <math.h>

static double larger(double a, double b) { return a > b ? a : b; }

/* Clocks on the core's pipes, and bytes from each level beyond L1. */
typedef struct Clocks { double pipes, sfu, portable, l2_bytes, l3_bytes; } Clocks;

typedef struct Core {
    const TmProgram *p;
    const Device *d;
    const TmIns *i;
    int lanes;                      /* floats of the widest vector that the instruction uses */
    double rows, cols, contracted;  /* means of one execution */
    double image_bytes;             /* all packed weights */
    Clocks per;                     /* of one execution */
} Core;

static const TmTile *tile(const Core *z, int at) { return &z->p->tiles.at[at]; }

/* FMAs a clock: two pipes at most, as many as the core's rate allows for vectors of `lanes`. */
static double pipes(const Core *z)
{
    double rate = z->d->fma_rate / (2 * z->lanes);
    return rate < 2 ? rate : 2;
}

/* ---- epilogue and store of one vector: they run beside each other ---- */

static double store_clocks(const Core *z)
{
    double ops = 0, loads = 0;
    for (int k = 0; k < z->i->epi.n; k++) {
        const TmEpi *e = &z->i->epi.at[k];
        bool z_or_vector = e->kind != TM_EPI_ACT && e->kind <= TM_EPI_MUL;
        ops += e->kind == TM_EPI_ACT && !act_sfu(e->act) ? 2 : 1;
        loads += z_or_vector ? e->kind == TM_EPI_BN ? 2 : 1 : 0;
    }
    double moved = larger(loads / z->d->load_rate, 1 / z->d->store_rate);
    return larger(ops / z->d->issue_rate * 2, moved);
}

static double special_ops(const TmIns *i)
{
    int n = 0;
    for (int k = 0; k < i->epi.n; k++)
        if (i->epi.at[k].kind == TM_EPI_ACT) n += act_sfu(i->epi.at[k].act);
    return n;
}

/* ---- cache levels ---- */

/* Bytes that one execution moves past L1, and the size of the set that they come from. */
static void from_level(Core *z, double bytes, double set)
{
    if (set <= z->d->l1_bytes * 0.75) return;
    if (set <= z->d->l2_bytes * 0.75 || z->d->l3_bytes <= 0) z->per.l2_bytes += bytes;
    else z->per.l3_bytes += bytes;
}

static double window_bytes(const Core *z, const TmTile *t, double rows, double cols)
{
    int size = t->dtype == DT_F16 ? 2 : 4;
    double channels = t->cpad ? t->cpad : t->ext[3];
    (void)z;
    return rows * cols * channels * size;
}

/* ---- pointwise ---- */

static double pw_step(const Core *z, double np, double nv)
{
    double fma = np * nv / pipes(z), loads = (np + nv) / z->d->load_rate, latency = z->d->fma_latency;
    return larger(larger(fma, loads), latency);
}

/* A register tile of np pixels x `channels` channels. */
static double pw_tile(const Core *z, double np, double channels, double contracted)
{
    if (np <= 0) return 0;
    double nv = channels / z->lanes, vectors = ceil(nv);
    double each = store_clocks(z) + (z->i->accumulate ? 1 / z->d->load_rate : 0);
    return contracted * pw_step(z, np, nv) + np * vectors * each + z->d->tile_clocks;
}

/* `pixels` in a row by register tiles of item_w; a fractional mean lies between two whole numbers. */
static double pw_row(const Core *z, double pixels, double channels, double contracted)
{
    double item = z->i->item_w, whole = floor(pixels / item), rest = pixels - whole * item, low = floor(rest), part = rest - low;
    double ragged = (1 - part) * pw_tile(z, low, channels, contracted);
    if (part > 0) ragged += part * pw_tile(z, low + 1, channels, contracted);
    return whole * pw_tile(z, item, channels, contracted) + ragged;
}

/* Rows that follow each other in both tiles are one long row. */
static bool is_linear(const Core *z)
{
    const TmTile *d = tile(z, z->i->dst), *s = tile(z, z->i->src);
    return s->space != TM_GLOBAL && !z->i->masked && !d->roll && !s->roll && d->ext[2] == s->ext[2] &&
            z->i->sub.w1 - z->i->sub.w0 == d->ext[2];
}

static void pw(Core *z)
{
    const TmIns *i = z->i;
    const TmTile *w = tile(z, i->wgt), *s = tile(z, i->src), *d = tile(z, i->dst);
    double k = (double)win_round_up(w->ext[2], 8), contracted = z->contracted, pixels = z->rows * z->cols;
    if (i->variant != TMV_PW_VEC) {
        z->per.portable += 2 * pixels * w->ext[2] * contracted / z->d->portable_rate;
        return;
    }
    double item = i->item_c, whole = floor(k / item), rest = k - whole * item, panels = whole + (rest > 0);
    bool linear = is_linear(z);
    double rows = linear ? 1 : z->rows, row = linear ? pixels : z->cols, slower = z->d->sfu_rate / z->d->sfu_tile_rate;
    z->per.pipes += rows * (whole * pw_row(z, row, item, contracted) + (rest > 0 ? pw_row(z, row, rest, contracted) : 0));
    z->per.sfu += special_ops(i) * pixels * k * (slower > 1 ? slower : 1);
    /* each register tile reads its panel anew, each panel all pixels */
    double panel = contracted * item * 4;
    double source = window_bytes(z, s, z->rows, z->cols), sink = window_bytes(z, d, z->rows, z->cols);
    double tiles = rows * ceil(row / i->item_w);
    from_level(z, panel * panels * tiles, panel);
    if (panel <= z->d->l1_bytes * 0.75) from_level(z, contracted * k * 4, z->image_bytes + z->p->arena_bytes);
    from_level(z, source, z->p->arena_bytes + contracted * k * 4);
    from_level(z, source * (panels - 1), source + panel);
    from_level(z, sink, z->p->arena_bytes);
}

/* ---- depthwise ---- */

static double dw_tile(const Core *z, double np)
{
    const TmIns *i = z->i;
    const TmTile *w = tile(z, i->wgt);
    double r = w->ext[1], s = w->ext[2];
    if (np <= 0) return 0;
    double loads = (np - 1) * i->geom.stride_w + s + s, fma = np * s / pipes(z), latency = s * z->d->fma_latency;
    return r * (larger(fma, loads / z->d->load_rate) + (1 - z->d->overlap) * latency) + np * store_clocks(z) + z->d->tile_clocks;
}

static void dw(Core *z)
{
    const TmIns *i = z->i;
    const TmTile *w = tile(z, i->wgt), *s = tile(z, i->src), *d = tile(z, i->dst);
    double k = (double)win_round_up(w->ext[3], 8), pixels = z->rows * z->cols;
    if (i->variant != TMV_DW_VEC) {
        z->per.portable += 2 * pixels * k * w->ext[1] * w->ext[2] / z->d->portable_rate;
        return;
    }
    double item = i->item_w, whole = floor(z->cols / item), rest = z->cols - whole * item, low = floor(rest), part = rest - low;
    double row = whole * dw_tile(z, item) + (1 - part) * dw_tile(z, low) + (part > 0 ? part * dw_tile(z, low + 1) : 0);
    z->per.pipes += z->rows * ceil(k / z->lanes) * row;
    z->per.sfu += special_ops(i) * pixels * k;
    double source = window_bytes(z, s, z->rows * i->geom.stride_h, z->cols * i->geom.stride_w);
    from_level(z, source, z->p->arena_bytes);
    double row_set = window_bytes(z, s, w->ext[1], z->cols * i->geom.stride_w);
    from_level(z, source / i->geom.stride_h * (w->ext[1] - i->geom.stride_h), row_set);
    from_level(z, window_bytes(z, d, z->rows, z->cols), z->p->arena_bytes);
    from_level(z, k * w->ext[1] * w->ext[2] * 4, z->image_bytes + z->p->arena_bytes);
}

/* ---- copies, stores, finishes ---- */

static void moves(Core *z)
{
    const TmIns *i = z->i;
    const TmTile *t = tile(z, i->op == TM_STORE ? i->src : i->dst);
    double vectors = z->rows * z->cols * ceil((double)t->ext[3] / z->lanes);
    z->per.pipes += vectors * (store_clocks(z) + 1 / z->d->load_rate);
    z->per.sfu += special_ops(i) * z->rows * z->cols * t->ext[3];
    from_level(z, window_bytes(z, t, z->rows, z->cols), z->p->arena_bytes);
}

/* ---- the whole ---- */

static void add(Clocks *sum, const Core *z, double runs)
{
    sum->pipes += runs * (z->per.pipes + z->d->call_clocks);
    sum->sfu += runs * z->per.sfu;
    sum->portable += runs * z->per.portable;
    sum->l2_bytes += runs * z->per.l2_bytes;
    sum->l3_bytes += runs * z->per.l3_bytes;
}

static int lanes_of(const Device *d, const TmIns *i)
{
    int most = d->arch >= 512 ? 16 : d->arch >= 256 ? 8 : 1;
    return i->op == TM_PW && i->item_c % 16 == 8 && i->item_c < 16 && most > 8 ? 8 : most;
}

static Clocks clocks_of(const TmProgram *p, const TmWalk *w, const Device *d)
{
    Clocks sum = { 0 };
    double image_bytes = 0;
    for (int k = 0; k < p->images.n; k++) image_bytes += (double)p->images.at[k].count * p->images.at[k].bytes;
    for (int k = 0; k < p->code.n; k++) {
        const TmExtent *e = &w->extent[k];
        if (e->runs == 0) continue;
        double runs = (double)e->runs;
        Core z = { .p = p, .d = d, .i = &p->code.at[k], .image_bytes = image_bytes };
        z.rows = (double)e->rows / runs, z.cols = (double)e->cols / runs, z.contracted = (double)e->contracted / runs;
        z.lanes = lanes_of(d, z.i);
        switch (z.i->op) {
        case TM_PW: pw(&z); break;
        case TM_DW: dw(&z); break;
        case TM_COPY: case TM_STORE: case TM_FINISH: moves(&z); break;
        default: continue;
        }
        add(&sum, &z, runs);
    }
    return sum;
}

void cost_cpu(Cost *c, const TmProgram *p, const TmWalk *w, const Device *d, double busy)
{
    double cores = d->sms * busy, rate = d->clock * cores;
    Clocks k = clocks_of(p, w, d);
    bool cached = (double)c->dram_bytes <= d->l3_bytes && d->l3_bw > 0;
    c->occupancy = busy;
    c->dram = cached ? (double)c->dram_bytes / (d->l3_bw * cores) : (double)c->dram_bytes / d->dram_bw;
    c->l2 = k.l2_bytes / (d->l2_bw * cores);
    c->smem = d->l3_bw > 0 ? k.l3_bytes / (d->l3_bw * cores) : 0;
    c->sfu = k.sfu / (d->sfu_rate * rate);
    c->issue = k.portable / rate;
    c->fma = k.pipes / rate + c->sfu + c->issue;                /* the same vector pipes: these add up */
}
