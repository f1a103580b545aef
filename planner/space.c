/* space.c: see space.h. A few hundred schedules: tiles, chunks, bands, warps. What does not fit is refused by lowering,
 * which says why. */
#include "space.h"

#include <string.h>

typedef struct Space {
    Arena *a;
    const Device *dev;
    Scheds *out, finer;             /* finer: as one of out, with another number of stages */
    int64_t rows, cols, channels, mid, batch;       /* of the result; mid: channels that the channel loop runs over */
    int64_t in;                     /* channels that the expansion reads */
    bool head, expand, depth, project, halves;
    int kernel_rows, stride;
    int heads[2], nheads;                           /* steps of a head, in channels; one 0 without a head */
} Space;

/* true: it is new */
static bool add(Space *p, Sched s)
{
    for (int i = 0; i < p->out->n; i++)
        if (p->out->at[i].th == s.th && p->out->at[i].tw == s.tw && memcmp(&p->out->at[i], &s, sizeof s) == 0) return false;
    vec_push(p->a, p->out, s);
    return true;
}

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

/* ---- CUDA ---- */

/* Chunks of the channel loop: multiples of 16 that waste little of the last one, and "all". */
static int chunks(const Space *p, int64_t channels, int *out)
{
    static const int sizes[] = { 16, 32, 48, 64, 96, 128 };
    int n = 0;
    for (int i = 0; i < 6; i++)
        if (sizes[i] < channels && (win_round_up(channels, sizes[i]) - channels) * 4 <= channels) out[n++] = sizes[i];
    if (channels <= 256 || n == 0) out[n++] = 0;
    (void)p;
    return n;
}

enum { ASYNC = 80 };                                /* the first architecture with asynchronous copies */

/* Buffers of what a loop streams: no more than it has steps. Without asynchronous copies a second one saves a barrier, a third nothing. */
static int most_stages(const Space *p, const Sched *s)
{
    enum { STAGES = 4 };
    int64_t chunk_steps = s->chunk ? win_div_up(p->mid, s->chunk) : 1, head_steps = s->head ? win_div_up(p->in, s->head) : 1;
    int64_t steps = chunk_steps > head_steps ? chunk_steps : head_steps;
    if (s->line) steps = head_steps > 1 ? 1 : least(s->line, 2); /* x of the next row step: all of its time is enough */
    return least(steps, p->dev->arch >= ASYNC ? STAGES : 2);
}

static void stages(Space *p, Sched s)
{
    int most = most_stages(p, &s);
    s.stages = least(s.line ? 1 : 2, most);                     /* the commonest: a line buffer needs its memory for itself */
    if (!add(p, s)) return;
    for (int n = 1; n <= most; n++) {
        Sched other = s;
        other.stages = n;
        if (n != s.stages) vec_push(p->a, &p->finer, other);
    }
}

/* Twelve warps keep an SM busy: three blocks of 128 threads, two of 256 that hide each other's waits, or one that has the shared memory for itself. */
static void cuda_threads(Space *p, Sched s)
{
    static const int threads[] = { 128, 256, 384 };
    for (int t = 0; t < 3; t++)
        for (int h = 0; h < p->nheads; h++) {
            s.head = p->heads[h];
            s.threads = threads[t];
            s.mma = p->halves && p->dev->mma_rate > 0 && (p->expand || p->project);
            stages(p, s);
        }
}

/* A final depthwise: its channels are blocks of the grid; or, so that a head is not made again in each, steps of the channel loop. */
static void cuda_final(Space *p, Sched s)
{
    if (p->head && s.chunk) cuda_threads(p, s);
    s.tk = s.chunk;
    s.chunk = 0;
    cuda_threads(p, s);
}

static void cuda_tiles(Space *p)
{
    static const int tiles[][2] = { { 4, 8 },  { 8, 8 },  { 8, 16 }, { 4, 16 }, { 7, 7 },  { 7, 14 }, { 14, 14 },
                                   { 4, 28 }, { 2, 32 }, { 4, 32 }, { 1, 64 }, { 1, 16 }, { 2, 8 }, { 1, 1 } };
    int chunk[8], nchunk = chunks(p, p->mid, chunk);
    for (int t = 0; t < 14; t++)
        for (int c = 0; c < nchunk; c++) {
            Sched s = sched_default();
            s.th = least(tiles[t][0], p->rows);
            s.tw = least(tiles[t][1], p->cols);
            s.chunk = chunk[c];
            if (p->project) cuda_threads(p, s);
            else cuda_final(p, s);
            if (!p->project || p->channels <= 128) continue;
            s.tk = 128;                                         /* split the output channels: fewer accumulators a block */
            cuda_threads(p, s);
        }
}

static void cuda_lines(Space *p)
{
    static const int rows[] = { 1, 2, 4 }, bands[] = { 4, 8, 64 }, widths[] = { 14, 28, 56 };
    int chunk[8], nchunk = chunks(p, p->mid, chunk);
    if (!p->depth || p->kernel_rows <= p->stride) return;
    for (int r = 0; r < 3; r++)
        for (int b = 0; b < 3; b++)
            for (int w = 0; w < 3; w++)
                for (int c = 0; c < nchunk; c++) {
                    Sched s = sched_default();
                    s.th = least(rows[r], p->rows);
                    s.tw = least(widths[w], p->cols);
                    s.line = least(bands[b], win_div_up(p->rows, s.th));
                    s.chunk = chunk[c];
                    s.resident = 1;
                    if (p->project) cuda_threads(p, s);
                    else cuda_final(p, s);
                }
}

/* Elements of all weights of a block. */
static int64_t weights(const Space *p, const Sched *s)
{
    int64_t out = s->tk ? s->tk : p->channels, mid = p->project ? p->mid : out;
    return (p->expand ? p->in * mid : 0) + (p->depth ? p->kernel_rows * p->kernel_rows * mid : 0) + (p->project ? mid * out : 0);
}

/* The same tiles on persistent blocks with resident weights, where that saves copies: a block must take two tiles at least. */
static void cuda_persistent(Space *p)
{
    int plain = p->out->n, size = p->halves ? 2 : 4;
    if (!p->expand && !p->project) return;
    for (int i = 0; i < plain; i++) {
        Sched s = p->out->at[i];
        int64_t bands = win_div_up(p->rows, (int64_t)s.th * (s.line ? s.line : 1)), tiles = p->batch * bands * win_div_up(p->cols, s.tw);
        if (tiles < 2 * p->dev->sms || weights(p, &s) * size > p->dev->smem_block) continue;
        s.persist = s.resident = s.stages = 1;
        vec_push(p->a, p->out, s);
        bool whole = s.line ? s.line > 1 : p->head || p->expand || !s.chunk;
        if (!whole || (p->head && s.head) || p->dev->arch < ASYNC) continue;
        s.stages = 2;                                           /* x of the next tile, or row step, is copied during this one */
        vec_push(p->a, &p->finer, s);
    }
}

/* ---- CPU ---- */

static void cpu_lines(Space *p)
{
    static const int strips[] = { 4, 7, 8, 14, 28 };
    if (!p->depth || p->kernel_rows <= p->stride) return;
    int64_t cores = (int64_t)p->dev->sms;
    for (int64_t parts = 1; parts <= 4; parts *= 2)             /* bands per core */
        for (int t = 0; t < 5; t++)
            for (int th = 1; th <= 2; th++) {
                Sched s = sched_default();
                int64_t bands = p->batch >= cores * 4 && parts == 1 ? 1 : cores * parts;
                s.th = least(th, p->rows);
                s.line = (int)win_div_up(win_div_up(p->rows, bands), s.th);
                s.strip = strips[t] < p->cols ? strips[t] : 0;
                s.head = p->heads[0];
                if (!p->project && p->mid > 256) s.tk = 128;
                add(p, s);
            }
}

static void cpu_tiles(Space *p)
{
    static const int chunk[] = { 0, 32, 48, 64, 96, 128, 256 }, large[] = { 1, 2, 4, 7, 8, 14, 1 << 20 }, small[] = { 1, 2, 3, 4, 5, 6, 7 };
    static const int cols[] = { 8, 14, 16, 28, 56, 1 << 20 };
    static const int split[] = { 0, 48, 96, 192 };
    const int *rows = p->rows <= 7 ? small : large;
    for (int c = 0; c < 7; c++)
        for (int r = 0; r < 7; r++)
            for (int w = 0; w < 6; w++)
                for (int k = 0; k < 4; k++) {
                    Sched s = sched_default();
                    if (chunk[c] >= p->mid || (p->expand && k > 0) || (split[k] && split[k] >= p->channels)) continue;
                    s.th = least(rows[r], p->rows);
                    s.tw = least(cols[w], p->cols);
                    s.chunk = chunk[c];
                    s.head = p->heads[0];
                    s.tk = p->project ? split[k] : chunk[c];
                    if (!p->project) s.chunk = 0;
                    if ((int64_t)s.th * s.tw * (s.chunk ? s.chunk : p->mid) > (1 << 20)) continue;
                    add(p, s);
                }
}

/* ---- what fits everywhere ---- */

/* Tiny tiles, and filter rows one at a time: so that any single convolution of any size has a schedule. */
static void last_resorts(Space *p, bool lone)
{
    Sched s = sched_default();
    s.th = s.tw = 1;
    s.threads = 64;
    s.tk = p->channels > 8 ? 8 : 0;
    s.chunk = p->project && p->mid > 8 ? 8 : 0;
    s.head = p->heads[0];
    add(p, s);
    if (!lone || !p->depth) return;
    s.taps = 1;
    s.chunk = 0;
    add(p, s);
    s.tw = least(8, p->cols);
    add(p, s);
}

static void pointwise(Space *p)
{
    static const int cols[] = { 8, 32, 128 }, channels[] = { 0, 64, 256 };
    for (int w = 0; w < 3; w++)
        for (int k = 0; k < 3; k++) {
            Sched s = sched_default();
            s.th = 1;
            s.tw = least(cols[w], p->cols);
            s.tk = channels[k] < p->channels ? channels[k] : 0;
            s.threads = 128;
            if ((int64_t)s.tw * (s.tk ? s.tk : p->channels) <= 8192 || k == 1) add(p, s);
        }
}

/* All channels at once where that is little, else steps: a step's window of x is larger than the tile that is made. */
static void heads(Space *p, int64_t channels)
{
    enum { STEP = 64, FEW = 256 };
    p->nheads = 0;
    if (channels > STEP) p->heads[p->nheads++] = STEP;
    if (channels <= FEW) p->heads[p->nheads++] = 0;
}

int space_of(Arena *a, const Graph *g, const Stages *st, const Group *group, const Device *d, int64_t batch, Scheds *out)
{
    const Stage *first = &st->at.at[group->stage[0]], *last = &st->at.at[group->stage[group->n - 1]];
    const GraphNode *x = &g->nodes.at[first->in], *y = &g->nodes.at[last->out];
    Scheds coarse = { 0 };
    Space p = { .a = a, .dev = d, .out = &coarse, .rows = y->h, .cols = y->w, .channels = y->c, .mid = y->c, .batch = batch,
                .halves = x->dtype == DT_F16 };
    if (first->pointless) {
        p.out = out;
        pointwise(&p);
        return 0;
    }
    for (int i = 0; i < group->n; i++) {
        const GraphNode *core = &g->nodes.at[st->at.at[group->stage[i]].core];
        if (core->op == GR_DW && i == 0 && group->n > 2) p.head = true;
        else if (core->op == GR_DW) p.depth = true, p.kernel_rows = (int)win_extent(&core->ah), p.stride = core->ah.stride;
        else if (i == group->n - 1) p.project = true, p.mid = g->nodes.at[st->at.at[group->stage[i]].in].c;
        else p.expand = true;
    }
    p.in = p.head ? g->nodes.at[first->out].c : x->c;
    heads(&p, p.head ? p.in : 0);
    if (d->target == TM_CUDA) cuda_tiles(&p), cuda_lines(&p), cuda_persistent(&p);
    else cpu_tiles(&p), cpu_lines(&p);
    last_resorts(&p, group->n == 1);
    for (int i = 0; i < p.finer.n; i++) vec_push(a, out, p.finer.at[i]);
    for (int i = 0; i < coarse.n; i++) vec_push(a, out, coarse.at[i]);
    return p.finer.n;
}
