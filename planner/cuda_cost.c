/* cuda_cost.c: the limits of a CUDA program, see cost.h. Two bounds of the time between launch and end; the larger one holds.
 *
 * The blocks of an SM together: rooflines, each engine and each memory level alone; whatever one block waits for, the others use the rest.
 * A block alone: its instructions follow one another, barriers between, and it waits for its copies. An SM that holds h blocks has h such chains
 * side by side, so this is the larger bound where h is 1, and hardly ever from 2 on:
 *
 *     one block, one buffer       copy | compute          | copy | compute          |      the time of its copies is exposed
 *     one block, two buffers      copy | compute c, copy c+1 | compute c+1, copy c+2 |     hidden, if a step computes longer than its copy takes
 *     two blocks                  copy | compute          | copy | compute          |
 *                                        copy             | compute     | copy …           hidden by the other block
 *
 * Copies that run S - 1 steps ahead have that many steps' time to arrive (Little: bytes in flight = bandwidth x latency): a step takes no less than
 * (latency + bytes / bandwidth) / (S - 1). */
#include "cost.h"

#include <math.h>

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }

/* Blocks that an SM holds at once, by shared memory, threads and the launch bounds. */
static double resident_blocks(const TmProgram *p, const Device *d)
{
    double by_smem = floor(d->smem_sm / (p->arena_bytes + d->smem_reserved)), by_threads = floor(d->threads_sm / p->threads);
    return larger(1, smaller(smaller(by_smem, by_threads), smaller(d->blocks_sm, p->ctas)));
}

/* Share of the machine's SMs that work, averaged over the waves. */
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

/* ---- engines ---- */

/* Clocks of one SM with all its warps. A warp instruction moves 512 bytes or does 32 FMAs or one m16n8k16. */
typedef struct Engines { double smem, fma, mma, issue, sfu; } Engines;

static Engines engines(const TmUse *u, const Device *d)
{
    double fma = (double)u->flops[TM_ENGINE_FMA], mma = (double)u->flops[TM_ENGINE_MMA];
    double warp_instructions = (double)(u->shared_bytes + u->bytes) / 512 + fma / 64 + mma / 4096;
    return (Engines){ .smem = (double)u->shared_waves * 128 / d->smem_bw_sm, .fma = fma / d->fma_rate,
                      .mma = d->mma_rate > 0 ? mma / d->mma_rate : mma > 0 ? HUGE_VAL : 0,
                      .issue = warp_instructions / d->issue_rate + (double)u->flops[TM_ENGINE_ISSUE] / d->portable_rate,
                      .sfu = (double)u->sfu / d->sfu_rate };
}

void cost_cuda(Cost *c, const TmProgram *p, const TmWalk *w, const Device *d)
{
    double blocks = (double)w->blocks, resident = resident_blocks(p, d);
    Spread spread = spread_of(p, w, d);
    double busy = spread.busy, held = smaller(resident, ceil(blocks / d->sms));
    double full = smaller(1, held * p->threads / 32 / d->warps_full);
    double rate = d->clock * d->sms * busy * full;              /* SM clocks a second that do useful work */
    TmUse all = { .bytes = c->l2_bytes, .flops = { w->flops[0], w->flops[1], w->flops[2] }, .sfu = w->sfu, .shared_bytes = w->shared_bytes,
                  .shared_waves = w->shared_waves };
    Engines e = engines(&all, d);
    c->occupancy = busy * full;
    c->dram = (double)c->dram_bytes / (d->dram_bw * smaller(1, busy * full * 4));
    c->l2 = (double)(c->l2_bytes - w->resident_bytes) / (d->l2_bw * smaller(1, busy * full * 2));
    c->fill = (double)w->resident_bytes / (d->l2_bw * smaller(1, blocks / d->sms));
    c->smem = e.smem / rate;
    c->fma = e.fma / rate;
    c->mma = e.mma / rate;
    c->sfu = e.sfu / rate;
    c->issue = e.issue / rate;
    c->barriers = (double)w->barriers / larger(1, blocks) * spread.longest * d->barrier_time * ceil(blocks / (d->sms * resident));
}

/* ---- a block alone ---- */

/* Seconds of one block's chain, summed over all blocks. */
typedef struct Chain {
    const TmModule *m;
    const TmProgram *p;
    const TmUse *use;
    const Device *d;
    double clock;                   /* seconds of a clock at which the warps of one block work */
    double byte;                    /* seconds a byte takes when every SM copies */
} Chain;

static double compute(const Chain *x, int at)
{
    Engines e = engines(&x->use[at], x->d);
    return larger(larger(larger(e.smem, e.fma), larger(e.mma, e.issue)), e.sfu) * x->clock;
}

/* The loop ahead of whose iterations a copy runs; -1: its readers wait for it. */
static int ahead_of(const Chain *x, int at)
{
    const TmTile *t = &x->p->tiles.at[x->p->code.at[at].dst];
    return t->stages > 1 ? t->stage_loop : -1;
}

/* The loop at `at`, whose iterations take `body` in all: no less than its copies ahead need to arrive, and before the first step nothing hides
 * them, nor ever if they are not asynchronous. after: another copy is waited for there anyway. */
static double with_copies(const Chain *x, int at, double body, bool after)
{
    double runs = 0, bytes = 0, stages = 0, steps = 0;
    int tile = -1, loop = x->p->code.at[at].loop, by = loop;
    bool async = true;
    if (x->p->loops.at[loop].kind == TM_PERSIST) by = at == tm_persist_at(x->p) ? tm_turn(x->p) : -1;
    for (int k = 0; k < x->p->code.n; k++) {
        const TmIns *i = &x->p->code.at[k];
        if (by < 0 || i->op != TM_COPY || ahead_of(x, k) != by) continue;
        if (tile < 0) tile = i->dst, stages = x->p->tiles.at[tile].stages;
        if (i->dst == tile) steps += (double)x->use[k].runs;
        bytes += (double)x->use[k].bytes;
        async = async && tm_may_be_async(x->m, x->p, i);
    }
    if (steps <= 0) return body;
    runs = (double)x->use[at].runs;
    double copies = bytes * x->byte, arrive = larger(copies, (steps * x->d->latency + copies) / (stages - 1));
    if (!async) return body + copies + (after ? steps - runs : steps) * x->d->latency;
    double later = larger(body, arrive + (body - arrive) * runs / steps);       /* the last step has no copy to wait for */
    return later + (after ? 0 : runs * x->d->latency) + copies * runs / steps;
}

/* Instructions from … to - 1. Copies that follow one another are waited for together. */
static double chain(const Chain *x, int from, int to)
{
    double seconds = 0;
    bool copied = false;
    for (int k = from; k < to; k++) {
        TmOp op = x->p->code.at[k].op;
        if (op == TM_LOOP) {
            int end = tm_loop_end(x->p, k);
            seconds += with_copies(x, k, chain(x, k + 1, end), copied);
            k = end;
        } else if (op == TM_COPY) {
            if (ahead_of(x, k) >= 0) continue;
            seconds += (double)x->use[k].bytes * x->byte + (copied ? 0 : (double)x->use[k].runs * x->d->latency);
        } else if (op == TM_PW || op == TM_DW || op == TM_FINISH || op == TM_STORE) {
            seconds += compute(x, k);
        } else {
            continue;
        }
        copied = op == TM_COPY;
    }
    return seconds;
}

double cost_cuda_alone(const Cost *c, const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d)
{
    double blocks = (double)w->blocks, overlapped = (double)(c->l2_bytes - w->resident_bytes);
    if (blocks <= 0) return 0;
    Chain x = { .m = m, .p = p, .use = w->use, .d = d };
    x.clock = 1 / (d->clock * smaller(1, p->threads / 32 / d->warps_full));
    if (overlapped > 0) x.byte = larger(c->dram, c->l2) / overlapped * smaller(d->sms, blocks);
    int first = tm_persist_at(p);                               /* what stands before the tiles is the fill */
    return chain(&x, first < 0 ? 0 : first, p->code.n) / blocks * spread_of(p, w, d).longest * ceil(blocks / (d->sms * resident_blocks(p, d)));
}
