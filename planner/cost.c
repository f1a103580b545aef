/* cost.c: see cost.h. Rooflines of one kernel: each engine and each memory level alone; they overlap, barriers, what is copied
 * before a block's first tile, and the launch do not. */
#include "cost.h"

#include <math.h>

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }

static int64_t total(const int64_t *v, int n)
{
    int64_t t = 0;
    for (int i = 0; i < n; i++) t += v[i];
    return t;
}

/* Blocks that an SM holds at once, by shared memory, threads and the launch bounds. */
static double resident_blocks(const TmProgram *p, const Device *d)
{
    double by_smem = floor(d->smem_sm / (p->arena_bytes + d->smem_reserved)), by_threads = floor(d->threads_sm / p->threads);
    return larger(1, smaller(smaller(by_smem, by_threads), smaller(d->blocks_sm, p->ctas)));
}

/* Share of the machine's SMs (cores) that work, averaged over the waves. */
static double balance(double blocks, double units) { return blocks <= 0 ? 1 : blocks / (ceil(blocks / units) * units); }

/* busy: as balance() says; longest: tiles of the busiest block over those of the average one. Blocks that share T tiles take T / blocks each, and
 * the first few one more: of these an SM has the most that any has. A plain grid's blocks are tiles of their own. */
typedef struct Spread { double busy, longest; } Spread;

static Spread spread_of(const TmProgram *p, const TmWalk *w, const Device *d)
{
    double blocks = (double)w->blocks, tiles = (double)w->tiles;
    if (tiles <= 0) return (Spread){ balance(blocks, d->sms), 1 };
    double sharers = smaller(p->sharers, tiles), grid = blocks / sharers, each = floor(tiles / sharers), more = tiles - each * sharers;
    double most = each * ceil(blocks / d->sms) + ceil(more * grid / d->sms);
    return (Spread){ tiles * grid / (most * d->sms), ceil(tiles / sharers) * sharers / tiles };
}

static void cuda_limits(Cost *c, const TmProgram *p, const TmWalk *w, const Device *d)
{
    double blocks = (double)w->blocks, resident = resident_blocks(p, d);
    Spread spread = spread_of(p, w, d);
    double busy = spread.busy, held = smaller(resident, ceil(blocks / d->sms));
    double full = smaller(1, held * p->threads / 32 / d->warps_full);
    double rate = d->clock * d->sms * busy * full;              /* SM clocks a second that do useful work */
    c->occupancy = busy * full;
    c->dram = (double)c->dram_bytes / (d->dram_bw * smaller(1, busy * full * 4));
    c->l2 = (double)(c->l2_bytes - w->resident_bytes) / (d->l2_bw * smaller(1, busy * full * 2));
    c->fill = (double)w->resident_bytes / (d->l2_bw * smaller(1, blocks / d->sms));
    c->smem = (double)w->shared_waves * 128 / (d->smem_bw_sm * rate);
    c->fma = (double)w->flops[TM_ENGINE_FMA] / (d->fma_rate * rate);
    c->mma = d->mma_rate > 0 ? (double)w->flops[TM_ENGINE_MMA] / (d->mma_rate * rate) : w->flops[TM_ENGINE_MMA] ? HUGE_VAL : 0;
    c->sfu = (double)w->sfu / (d->sfu_rate * rate);
    /* a warp instruction moves 512 bytes or does 32 FMAs or one m16n8k16 */
    double warp_instructions = (double)(w->shared_bytes + c->l2_bytes) / 512 + (double)w->flops[TM_ENGINE_FMA] / 64
                             + (double)w->flops[TM_ENGINE_MMA] / 4096;
    c->issue = warp_instructions / (d->issue_rate * rate) + (double)w->flops[TM_ENGINE_ISSUE] / (d->portable_rate * rate);
    c->barriers = (double)w->barriers / larger(1, blocks) * spread.longest * d->barrier_time * ceil(blocks / (d->sms * resident));
}

Cost cost_of(const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch)
{
    Cost c = { .launch = d->launch_time };
    c.dram_bytes = total(w->unique.read, w->unique.n) + total(w->unique.written, w->unique.n);
    c.l2_bytes = total(w->issued.read, w->issued.n) + total(w->issued.written, w->issued.n);
    if (d->target == TM_CUDA) cuda_limits(&c, p, w, d);
    else cost_cpu(&c, m, p, w, d, batch);
    double most = 0;
    c.bound = "launch";
#define X(field, text) if (c.field > most) most = c.field, c.bound = text;
    FCM_LIMITS(X)
#undef X
    double memory = c.dram + c.l2 + c.smem, hidden = memory < most ? memory : memory - most;
    c.time = c.launch + c.barriers + c.fill + most + (1 - d->overlap) * hidden;
    return c;
}

double cost_roof(const Device *d, const Work *w)
{
    bool cached = d->target == TM_CPU && d->l3_bw > 0 && (double)w->bytes <= d->l3_bytes, tensor = w->halves && d->mma_rate > 0;
    double memory = (double)w->bytes / (cached ? larger(d->l3_bw * d->sms, d->dram_bw) : d->dram_bw), rate = d->clock * d->sms;
    double matrix = w->matrix / ((tensor ? d->mma_rate : d->fma_rate) * rate), other = w->other / (d->fma_rate * rate);
    return larger(memory, tensor ? larger(matrix, other) : matrix + other);
}
