/* cpu_cost.c: clocks of one core, instruction by instruction: register tiles with their ragged ends, and the cache level from which each operand comes.
 *
 *     a register tile of np pixels x nv vectors      max(FMAs / pipes, loads / load_rate, stores / store_rate, instructions / issue_rate)
 *                                                    pointwise: np*nv FMAs, np + nv loads a contracted channel; its epilogue on top
 * and at least its chain of dependent FMAs, of which several tiles run at once. */
#include "cost.h"

#include <math.h>

static double larger(double a, double b) { return a > b ? a : b; }

/* Clocks on the core's pipes, and bytes from each level beyond L1. */
typedef struct Clocks { double pipes, sfu, portable, stalls, l2_bytes, l3_bytes; } Clocks;

typedef struct Core {
    const TmProgram *p;
    const Device *d;
    const TmIns *i;
    int lanes;                      /* floats of the widest vector that the instruction uses */
    double rows, cols, contracted;  /* means of one execution */
    double image_bytes;             /* all packed weights */
    double body;                    /* bytes that one iteration of its innermost loop touches */
    Clocks per;                     /* of one execution */
} Core;

static const TmTile *tile(const Core *z, int at) { return &z->p->tiles.at[at]; }

/* The innermost loop around instruction `at`, -1 = none. */
static int inner_loop(const TmProgram *p, int at)
{
    int closed = 0;
    for (int k = at - 1; k >= 0; k--) {
        if (p->code.at[k].op == TM_END) closed++;
        else if (p->code.at[k].op == TM_LOOP && closed-- == 0) return p->code.at[k].loop;
    }
    return -1;
}

static int place_of(const Core *z) { return (int)(z->i - z->p->code.at); }

/* FMAs a clock: two pipes at most, as many as the core's rate allows for vectors of `lanes`. */
static double pipes(const Core *z)
{
    double rate = z->d->fma_rate / (2 * z->lanes);
    return rate < 2 ? rate : 2;
}

/* ---- what a register tile asks of the core ----
 * FMAs, loads and stores run beside each other, those of one tile's epilogue beside the next tile's products: the scarcest of them counts. */

typedef struct Need { double fma, loads, stores, ops; } Need;

/* `vectors` results of np pixels leave: an epilogue's vectors are loaded once a tile, what lies at the pixel once each. */
static void epilogue(const Core *z, double np, double vectors, Need *n)
{
    for (int k = 0; k < z->i->epi.n; k++) {
        const TmEpi *e = &z->i->epi.at[k];
        if (e->kind == TM_EPI_ACT) n->ops += act_sfu(e->act) ? 0 : 2 * np * vectors;
        else n->fma += np * vectors;
        if (e->kind == TM_EPI_BIAS || e->kind == TM_EPI_BN) n->loads += (e->kind == TM_EPI_BN ? 2 : 1) * vectors;
        else if (e->kind <= TM_EPI_MUL && e->kind != TM_EPI_ACT) n->loads += np * vectors;
    }
    n->stores += np * vectors;
}

static double clocks_of_need(const Core *z, const Need *n)
{
    double vector = larger(n->fma / pipes(z), (n->fma + n->ops) / z->d->issue_rate);
    return larger(vector, larger(n->loads / z->d->load_rate, n->stores / z->d->store_rate));
}

static double special_ops(const TmIns *i)
{
    int n = 0;
    for (int k = 0; k < i->epi.n; k++)
        if (i->epi.at[k].kind == TM_EPI_ACT) n += act_sfu(i->epi.at[k].act);
    return n;
}

/* ---- cache levels ---- */

/* Share of the accesses to a set that miss a cache of `bytes`: none while the set fills half of it, all once it fills the whole, since other data
 * pass through as well. */
static double missed(double set, double bytes)
{
    double share = 2 * set / bytes - 1;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* Bytes that one execution reads, and the size of the set that they come from. */
static void from_level(Core *z, double bytes, double set)
{
    double l1 = missed(set, z->d->l1_bytes), l2 = z->d->l3_bytes > 0 ? missed(set, z->d->l2_bytes) : 0;
    z->per.l2_bytes += bytes * l1 * (1 - l2);
    z->per.l3_bytes += bytes * l1 * l2;
}

static double window_bytes(const TmTile *t, double rows, double cols)
{
    int size = t->dtype == DT_F16 ? 2 : 4;
    double channels = t->cpad ? t->cpad : t->ext[3];
    return rows * cols * channels * size;
}

/* What is touched between two uses of a tile, at most: made and read in one iteration of the innermost loop, that iteration's bytes. */
static double set_of_tile(const Core *z, int tile_number)
{
    int loop = inner_loop(z->p, place_of(z));
    bool made = false, read = false;
    for (int k = 0; k < z->p->code.n; k++) {
        const TmIns *i = &z->p->code.at[k];
        if (inner_loop(z->p, k) != loop) continue;
        made = made || i->dst == tile_number;
        read = read || i->src == tile_number;
    }
    return made && read && z->body < z->p->arena_bytes ? z->body : z->p->arena_bytes;
}

/* Weights that do not change with the innermost loop are read again in its next iteration. */
static double set_of_weights(const Core *z)
{
    const TmImage *im = &z->p->images.at[tile(z, z->i->wgt)->image];
    int loop = inner_loop(z->p, place_of(z));
    bool changes = loop < 0;
    for (int k = 0; k < im->nloop; k++) changes = changes || im->loops[k] == loop;
    double all = z->image_bytes + z->p->arena_bytes;
    return !changes && z->body < all ? z->body : all;
}

/* ---- pointwise ---- */

/* Clocks that a chain of `length` dependent FMAs costs in a register tile of `operations`, of which the core has several under way at once: as
 * many as its reorder window holds. */
static double chain(const Core *z, double length, double operations)
{
    return length * z->d->fma_latency / (1 + z->d->reorder_window / operations);
}

/* A register tile of np pixels x `channels` channels. */
static double pw_tile(const Core *z, double np, double channels, double contracted)
{
    if (np <= 0) return 0;
    double nv = channels / z->lanes, vectors = ceil(nv);
    Need n = { .fma = contracted * np * nv, .loads = contracted * (np + nv) + (z->i->accumulate ? np * vectors : 0) };
    epilogue(z, np, vectors, &n);
    return larger(clocks_of_need(z, &n), chain(z, contracted, contracted * (np * nv + nv))) + z->d->tile_clocks;
}

/* Columns that a border cuts where only the running program knows: the last register tile computes as many as the others. */
static bool is_cut(const Core *z)
{
    return tile(z, z->i->dst)->org[2].nterm > 0 && (z->i->masked || tile(z, z->i->src)->space == TM_GLOBAL);
}

/* `pixels` in a row by register tiles of item_w; a fractional mean lies between two whole numbers. */
static double pw_row(const Core *z, double pixels, double channels, double contracted)
{
    double item = z->i->item_w, whole = floor(pixels / item), rest = pixels - whole * item, low = floor(rest), part = rest - low;
    if (is_cut(z)) return ceil(pixels / item) * pw_tile(z, item, channels, contracted);
    double ragged = (1 - part) * pw_tile(z, low, channels, contracted);
    if (part > 0) ragged += part * pw_tile(z, low + 1, channels, contracted);
    return whole * pw_tile(z, item, channels, contracted) + ragged;
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
    bool linear = tm_pw_linear(z->p, i);
    double rows = linear ? 1 : z->rows, row = linear ? pixels : z->cols, slower = z->d->sfu_rate / z->d->sfu_tile_rate;
    z->per.pipes += rows * (whole * pw_row(z, row, item, contracted) + (rest > 0 ? pw_row(z, row, rest, contracted) : 0));
    z->per.sfu += special_ops(i) * pixels * k * (slower > 1 ? slower : 1);
    /* each register tile reads its panel anew, each panel all pixels */
    double panel = contracted * item * 4;
    double source = window_bytes(s, z->rows, z->cols), sink = window_bytes(d, z->rows, z->cols);
    double tiles = rows * ceil(row / i->item_w);
    from_level(z, contracted * k * 4, set_of_weights(z));
    from_level(z, panel * panels * (tiles - 1), panel);
    from_level(z, source, set_of_tile(z, i->src) + contracted * k * 4);
    from_level(z, source * (panels - 1), source + panel);
    from_level(z, sink, set_of_tile(z, i->dst));
}

/* ---- depthwise ---- */

static double dw_tile(const Core *z, double np)
{
    const TmIns *i = z->i;
    const TmTile *w = tile(z, i->wgt);
    double r = w->ext[1], s = w->ext[2];
    if (np <= 0) return 0;
    double loads = (np - 1) * i->geom.stride_w + s + s;
    Need n = { .fma = r * s * np, .loads = r * loads };
    epilogue(z, np, 1, &n);
    return larger(clocks_of_need(z, &n), chain(z, r * s, r * (np * s + loads))) + z->d->tile_clocks;
}

/* What is touched before the next row reads the same pixels again: strips of columns that fill half of L1, one register tile at least; the whole row, where
 * with the taps not even that would stay (fc_dw.h). */
static double rows_between(const Core *z, double taps)
{
    const TmIns *i = z->i;
    double column = window_bytes(tile(z, i->src), tile(z, i->wgt)->ext[1], i->geom.stride_w) + window_bytes(tile(z, i->dst), 1, 1);
    double strip = larger(i->item_w, floor(z->d->l1_bytes / 2 / column)), cols = column * i->item_w + taps > z->d->l1_bytes ? z->cols : strip;
    return column * (cols < z->cols ? cols : z->cols);
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
    if (is_cut(z)) row = ceil(z->cols / item) * dw_tile(z, item);
    z->per.pipes += z->rows * ceil(k / z->lanes) * row;
    z->per.sfu += special_ops(i) * pixels * k;
    double source = window_bytes(s, z->rows * i->geom.stride_h, z->cols * i->geom.stride_w);
    from_level(z, source, set_of_tile(z, i->src));
    double row_set = rows_between(z, k * w->ext[1] * w->ext[2] * 4);
    from_level(z, source / i->geom.stride_h * (w->ext[1] - i->geom.stride_h), row_set);
    from_level(z, window_bytes(d, z->rows, z->cols), set_of_tile(z, i->dst));
    from_level(z, k * w->ext[1] * w->ext[2] * 4, set_of_weights(z));
}

/* ---- copies, stores, finishes ---- */

static void moves(Core *z)
{
    const TmIns *i = z->i;
    const TmTile *t = tile(z, i->op == TM_STORE ? i->src : i->dst);
    double vectors = z->rows * z->cols * ceil((double)t->ext[3] / z->lanes);
    Need n = { .loads = vectors };
    epilogue(z, vectors, 1, &n);
    z->per.pipes += vectors / z->d->load_rate + clocks_of_need(z, &n);
    z->per.sfu += special_ops(i) * z->rows * z->cols * t->ext[3];
    from_level(z, window_bytes(t, z->rows, z->cols), set_of_tile(z, i->op == TM_STORE ? i->src : i->dst));
    if (i->op == TM_COPY) z->per.l2_bytes += window_bytes(t, z->rows, z->cols);        /* its source: L2 at best; the way from DRAM is counted as such */
}

/* ---- the whole ---- */

/* An instruction whose operands take longer than its arithmetic waits for them: memory is only `overlap` of its own time ahead elsewhere. */
static double stalls(const Core *z)
{
    double levels = z->per.l2_bytes / z->d->l2_bw + (z->d->l3_bw > 0 ? z->per.l3_bytes / z->d->l3_bw : 0);
    double busy = z->per.pipes + z->per.sfu / z->d->sfu_rate + z->per.portable;
    return z->d->overlap * larger(0, levels * z->d->clock - busy);
}

static void add(Clocks *sum, const Core *z, double runs)
{
    sum->stalls += runs * stalls(z);
    sum->pipes += runs * z->per.pipes;
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

static bool is_work(TmOp op) { return op == TM_PW || op == TM_DW || op == TM_COPY || op == TM_STORE || op == TM_FINISH; }

/* Instruction `at` with the means of its executions; false: it never runs, or costs nothing. */
static bool begin(Core *z, const TmProgram *p, const TmWalk *w, const Device *d, int at)
{
    const TmExtent *e = &w->extent[at];
    double runs = (double)e->runs;
    *z = (Core){ .p = p, .d = d, .i = &p->code.at[at] };
    if (e->runs == 0 || !is_work(z->i->op)) return false;
    z->rows = (double)e->rows / runs, z->cols = (double)e->cols / runs, z->contracted = (double)e->contracted / runs;
    z->lanes = lanes_of(d, z->i);
    return true;
}

/* Bytes of what one execution reads and writes. */
static double touched(const Core *z)
{
    const TmIns *i = z->i;
    double sum = 0, rows = z->rows * (i->op == TM_DW ? i->geom.stride_h : 1), cols = z->cols * (i->op == TM_DW ? i->geom.stride_w : 1);
    if (i->op == TM_DW) rows += tile(z, i->wgt)->ext[1] - i->geom.stride_h, cols += tile(z, i->wgt)->ext[2] - i->geom.stride_w;
    if (i->src >= 0) sum += window_bytes(tile(z, i->src), rows, cols);
    if (i->dst >= 0 && !tm_is_image(tile(z, i->dst))) sum += window_bytes(tile(z, i->dst), z->rows, z->cols);
    if (i->wgt >= 0) sum += (double)tm_member_bytes(tile(z, i->wgt));
    return sum;
}

static double body_bytes(const TmProgram *p, const TmWalk *w, const Device *d, int at)
{
    int loop = inner_loop(p, at);
    double sum = 0;
    Core z;
    for (int k = 0; k < p->code.n; k++)
        if (inner_loop(p, k) == loop && begin(&z, p, w, d, k)) sum += touched(&z);
    return sum;
}

static Clocks clocks_of(const TmProgram *p, const TmWalk *w, const Device *d)
{
    Clocks sum = { 0 };
    double image_bytes = 0;
    Core z;
    for (int k = 0; k < p->images.n; k++) image_bytes += (double)p->images.at[k].count * p->images.at[k].bytes;
    for (int k = 0; k < p->code.n; k++) {
        if (!begin(&z, p, w, d, k)) continue;
        z.image_bytes = image_bytes;
        z.body = body_bytes(p, w, d, k);
        if (z.i->op == TM_PW) pw(&z);
        else if (z.i->op == TM_DW) dw(&z);
        else moves(&z);
        add(&sum, &z, (double)w->extent[k].runs);
    }
    return sum;
}

/* ---- cores ---- */

/* Values of dimension `dim` of the stored tensor that one block writes: all its steps, clipped. */
static double written(const TmModule *m, const TmProgram *p, const TmIns *store, int dim, const int64_t *grid)
{
    const TmTile *t = &p->tiles.at[store->src];
    int64_t first = t->org[dim].k, last = first, end = m->tensors.at[store->tensor].dim[dim];
    for (int i = 0; i < t->org[dim].nterm; i++) {
        const TmLoop *l = &p->loops.at[t->org[dim].term[i].loop];
        int64_t coef = t->org[dim].term[i].coef;
        if (l->kind == TM_GRID) first += coef * grid[t->org[dim].term[i].loop], last += coef * grid[t->org[dim].term[i].loop];
        else last += coef * (l->trip - 1);
    }
    last += t->ext[dim];
    return (double)((last < end ? last : end) - (first > 0 ? first : 0));
}

/* Blocks are dealt out in runs, as OpenMP's static schedule does: the share of the cores' time that is work while the one with most of it is
 * still busy. Blocks at a border may be smaller. With many blocks a core they are taken as equal. */
static double busy_cores(const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch)
{
    enum { MANY = 32 };
    double cores = d->sms, each = ceil((double)w->blocks / cores), all = 0, most = 0, core = 0;
    const TmIns *store = NULL;
    for (int k = 0; k < p->code.n; k++)
        if (p->code.at[k].op == TM_STORE) store = &p->code.at[k];
    if (w->blocks <= 0) return 1;
    if (!store || each > MANY) return (double)w->blocks / (each * cores);
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t grid[64] = { 0 }, rest = b;
        for (int l = p->loops.n - 1; l >= 0; l--) {
            if (p->loops.at[l].kind != TM_GRID || l >= 64) continue;
            grid[l] = rest % tm_trip(&p->loops.at[l], batch), rest /= tm_trip(&p->loops.at[l], batch);
        }
        double work = written(m, p, store, 1, grid) * written(m, p, store, 2, grid) * written(m, p, store, 3, grid);
        all += work;
        core = b % (int64_t)each == 0 ? work : core + work;
        most = larger(most, core);
    }
    return most > 0 ? all / (cores * most) : 1;
}

void cost_cpu(Cost *c, const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch)
{
    double busy = busy_cores(m, p, w, d, batch), cores = d->sms * busy, rate = d->clock * cores;
    Clocks k = clocks_of(p, w, d);
    bool cached = (double)c->dram_bytes <= d->l3_bytes && d->l3_bw > 0;
    c->occupancy = busy;
    c->dram = cached ? (double)c->dram_bytes / (d->l3_bw * cores) : (double)c->dram_bytes / d->dram_bw;
    c->l2 = k.l2_bytes / (d->l2_bw * cores);
    c->smem = d->l3_bw > 0 ? k.l3_bytes / (d->l3_bw * cores) : 0;
    c->sfu = k.sfu / (d->sfu_rate * rate);
    c->issue = k.portable / rate;
    c->fma = (k.pipes + k.stalls) / rate + c->sfu + c->issue;   /* the same vector pipes: these add up */
}
