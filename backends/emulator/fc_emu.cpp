/* fc_emu.cpp: the scheduler, the warp operations and the memory of the emulator.
 *
 * A block is up to 1024 fibers on one OS thread. There is no scheduler fiber: who must wait picks the next runnable fiber itself and switches to
 * it; when none is left, that is the deadlock and its report. Fibers never move to another OS thread. An error ends the block by switching back to
 * the launcher; kernels own nothing that would have to be released.
 *
 * Memory of a block:   | guard | shared memory | guard |     all 0xFF at its start: NaN in f16 and f32; the guards are compared at its end.
 */
#define FC_EMU_INTERNAL
#include "fc_emu.h"
#include "fc_buffers.h"
#include "fc_fiber.h"
#include "fc_warp.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
namespace fc_emu {

struct launch {
    const char *kernel;
    int64_t blocks;
    int threads;
    size_t smem;
    void (*body)(void *);
    void *closure;
    size_t closure_bytes;
    int64_t next;                   /* block to run; taken atomically */
    int stop;
};

struct note { const char *kernel; int threads; };

/* The emulator's state: what drivers set, what kernels left. Everything that running blocks write is guarded by `lock`. */
static struct state {
    pthread_mutex_t lock;
    fc_emu_mode mode;
    int errors;
    char message[8192];
    note notes[1024];
    int nnotes;
    machine *idle;
} all = { PTHREAD_MUTEX_INITIALIZER, {}, 0, {}, {}, 0, nullptr };

static thread_local machine *mine;
machine *self() { return mine; }

static void switch_to(machine *m, int from, int to, bool last)
{
    m->current = to;
    swap_stacks(&m->fibers[from].sp, m->fibers[to].sp, m->fibers[to].stack, STACK, last);
}

void give_up(machine *m)
{
    m->failed = true;
    size_t bytes;
    const void *bottom = main_bottom(&bytes);
    swap_stacks(&m->fibers[m->current].sp, m->main_sp, bottom, bytes, true);
    __builtin_unreachable();
}

/* ---- reports ---- */
void report(machine *m, const char *format, ...)
{
    char text[1024];
    va_list va;
    va_start(va, format);
    vsnprintf(text, sizeof text, format, va);
    va_end(va);
    pthread_mutex_lock(&all.lock);
    if (all.errors++ < 5) {
        size_t n = strlen(all.message), room = sizeof all.message - n;
        if (!m) {
            snprintf(all.message + n, room, "%s\n", text);
        } else {
            int line = m->running ? m->fibers[m->current].line : 0;
            char where[64] = "before any barrier";
            if (line) snprintf(where, sizeof where, "after the barrier of line %d", line);
            long long block = m->block;
            if (m->running) snprintf(all.message + n, room, "%s block %lld thread %d, %s: %s\n", m->job->kernel, block, m->current, where, text);
            else snprintf(all.message + n, room, "%s block %lld: %s\n", m->job->kernel, block, text);
        }
    }
    pthread_mutex_unlock(&all.lock);
    if (m) __atomic_store_n((int *)&m->job->stop, 1, __ATOMIC_RELAXED);
}

/* ---- who runs next ---- */
static int lowest(uint32_t mask) { return __builtin_ctz(mask); }
static int highest(uint32_t mask) { return 31 - __builtin_clz(mask); }

static uint32_t random_bits(machine *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 17;
    return m->random ^= m->random << 5;
}

static int pick_ascending(machine *m)
{
    int w = m->current / 32, lane = m->current % 32;
    uint32_t mask = m->warps[w].runnable, above = lane == 31 ? 0 : mask & ~0u << (lane + 1);
    if (above) return w * 32 + lowest(above);
    for (int i = 0; i < m->nwarps; i++) {
        int v = (w + i) % m->nwarps;
        if (m->warps[v].runnable) return v * 32 + lowest(m->warps[v].runnable);
    }
    return -1;
}

static int pick_descending(machine *m)
{
    int w = m->current / 32, lane = m->current % 32;
    uint32_t below = m->warps[w].runnable & ((1u << lane) - 1);
    if (below) return w * 32 + highest(below);
    for (int i = 0; i < m->nwarps; i++) {
        int v = (w - i + m->nwarps) % m->nwarps;
        if (m->warps[v].runnable) return v * 32 + highest(m->warps[v].runnable);
    }
    return -1;
}

static int pick_random(machine *m)
{
    int start = (int)(random_bits(m) % (uint32_t)m->nwarps);
    for (int i = 0; i < m->nwarps; i++) {
        int v = (start + i) % m->nwarps;
        uint32_t mask = m->warps[v].runnable;
        if (!mask) continue;
        uint32_t upper = mask & ~0u << (random_bits(m) & 31);
        return v * 32 + lowest(upper ? upper : mask);
    }
    return -1;
}

static int pick(machine *m)
{
    switch (all.mode.order) {
    case FC_EMU_DESCENDING: return pick_descending(m);
    case FC_EMU_RANDOM: return pick_random(m);
    default: return pick_ascending(m);
    }
}

static void deadlock(machine *m)
{
    int in_warp = 0;
    for (int w = 0; w < m->nwarps; w++) in_warp += __builtin_popcount(m->warps[w].arrived);
    report(m, "deadlock: %d threads wait at the barrier of line %d, %d in a warp operation that not all lanes reach", m->at_barrier,
           m->barrier_line, in_warp);
    give_up(m);
}

/* The current fiber cannot go on; returns when it can. */
static void wait_turn(machine *m)
{
    int from = m->current, to = pick(m);
    if (to < 0) deadlock(m);
    if (to != from) switch_to(m, from, to, false);
}

static void fiber_end(machine *m)
{
    int t = m->current;
    warp *w = &m->warps[t / 32];
    fiber *f = &m->fibers[t];
    if (f->queued) report(m, "ends with %d asynchronous copies pending", f->queued), give_up(m);
    if (m->at_barrier) report(m, "ends while %d threads wait at the barrier of line %d", m->at_barrier, m->barrier_line), give_up(m);
    if (w->arrived) report(m, "ends while other lanes of its warp wait in a warp operation"), give_up(m);
    w->live &= ~(1u << t % 32);
    w->runnable &= ~(1u << t % 32);
    m->live--;
    m->exited++;
    if (m->live == 0) {
        size_t bytes;
        const void *bottom = main_bottom(&bytes);
        swap_stacks(&f->sp, m->main_sp, bottom, bytes, true);
    }
    int to = pick(m);
    if (to < 0) deadlock(m);
    switch_to(m, t, to, true);
}

static void fiber_main()
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
    mine->job->body(mine->job->closure);
    fiber_end(mine);
    __builtin_unreachable();
}

/* ---- machines and blocks ---- */
static machine *machine_new()
{
    machine *m = (machine *)calloc(1, sizeof(machine));
    if (!m) return nullptr;
    size_t page = 4096, slot = STACK + page;
    m->stacks = (char *)mmap(nullptr, slot * THREADS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m->stacks == MAP_FAILED) {
        free(m);
        return nullptr;
    }
    for (int i = 0; i < THREADS; i++) {
        mprotect(m->stacks + (size_t)i * slot, page, PROT_NONE);        /* an overrun stack faults instead of hitting its neighbour */
        m->fibers[i].stack = m->stacks + (size_t)i * slot + page;
    }
    return m;
}

static machine *machine_take()
{
    pthread_mutex_lock(&all.lock);
    machine *m = all.idle;
    if (m) all.idle = m->next;
    pthread_mutex_unlock(&all.lock);
    return m ? m : machine_new();
}

static bool machine_prepare(machine *m, const launch *job)
{
    size_t need = job->smem + 2 * GUARD + 128;
    if (need > m->arena_bytes) {
        free(m->arena);
        m->arena_bytes = 0;
        m->arena = (char *)aligned_alloc(128, (need + 127) / 128 * 128);
        if (!m->arena) return false;
        m->arena_bytes = need;
    }
    m->job = job;
    m->smem = job->smem;
    m->shared = m->arena + GUARD;
    m->threads = job->threads;
    m->nwarps = (job->threads + 31) / 32;
    m->last_buffer = -1;
    m->random = (all.mode.seed * 2654435761u) | 1;
    memset(m->counts, 0, sizeof m->counts);
    return true;
}

/* The guards hold 0xFF unless somebody wrote there; returns the first byte that does not, as an offset in shared memory. */
static bool guard_written(const machine *m, long *offset)
{
    for (size_t i = 0; i < GUARD; i++) {
        if (m->arena[i] != (char)0xFF) return *offset = (long)i - GUARD, true;
        if (m->shared[m->smem + i] != (char)0xFF) return *offset = (long)(m->smem + i), true;
    }
    return false;
}

static void run_block(machine *m, int64_t block)
{
    memset(m->arena, 0xFF, m->smem + 2 * GUARD);
    m->block = block;
    m->live = m->threads;
    m->exited = m->at_barrier = 0;
    m->failed = false;
    m->first_epoch = ++m->epoch;
    m->random += (uint32_t)block * 2;
    for (int w = 0; w < m->nwarps; w++) {
        int lanes = m->threads - w * 32 < 32 ? m->threads - w * 32 : 32;
        m->warps[w].live = m->warps[w].runnable = lanes == 32 ? ~0u : (1u << lanes) - 1;
        m->warps[w].arrived = 0;
        m->warps[w].epoch = 0;
    }
    for (int t = 0; t < m->threads; t++) {
        fiber *f = &m->fibers[t];
        f->line = f->queued = f->groups = 0;
        clean_stack(f->stack, STACK);
        char *top = f->stack + STACK - t % 64 * 128;        /* staggered: equal offsets in all stacks would share sets of L1 */
        f->sp = fresh_stack(top, fiber_main, f->stack);
    }
    if (check_block_begin) check_block_begin(m);
    int first = all.mode.order == FC_EMU_DESCENDING ? m->threads - 1 : all.mode.order == FC_EMU_RANDOM ? pick_random(m) : 0;
    m->current = first;
    m->running = true;
    swap_stacks(&m->main_sp, m->fibers[first].sp, m->fibers[first].stack, STACK, false);
    m->running = false;
    long offset;
    if (guard_written(m, &offset)) report(m, "shared memory out of bounds: byte %ld of %ld was written", offset, (long)m->smem);
}

static void run_blocks(launch *job)
{
    machine *m = machine_take(), *outer = mine;
    if (!m || !machine_prepare(m, job)) {
        report(nullptr, "%s: no memory for the emulator", job->kernel);
        job->stop = 1;
        return;
    }
    mine = m;
    while (!__atomic_load_n(&job->stop, __ATOMIC_RELAXED)) {
        int64_t b = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
        if (b >= job->blocks) break;
        run_block(m, b);
    }
    mine = outer;
    pthread_mutex_lock(&all.lock);
    add_counts(m->counts);
    m->next = all.idle;
    all.idle = m;
    pthread_mutex_unlock(&all.lock);
}

static void *worker(void *job)
{
    run_blocks((launch *)job);
    return nullptr;
}

static const char *launch_refused(const launch *j)
{
    if (j->threads < 1 || j->threads > THREADS) return "threads per block outside 1 … 1024";
    if (j->blocks < 0 || j->blocks > INT32_MAX) return "blocks outside 0 … 2^31 - 1";
    for (const note *n = all.notes; n < all.notes + all.nnotes; n++)
        if (strcmp(n->kernel, j->kernel) == 0 && n->threads != j->threads) return "threads per block are not those of its launch bounds";
    return mine ? "unsupported: a launch inside a kernel" : nullptr;
}

/* ---- global memory ---- */
bool known_global(const void *p, size_t bytes, bool *any)
{
    *any = global.nused > 0;
    return find_buffer(&mine->last_buffer, p, bytes) >= 0;
}

/* The arguments of the launch and the fibers' stacks: a kernel may touch those of its whole block, since warp operations do. */
bool launch_state(const machine *m, const void *p, size_t bytes)
{
    const char *c = (const char *)p;
    size_t stacks = (size_t)(STACK + 4096) * THREADS;
    const char *closure = (const char *)m->job->closure;
    return (c >= m->stacks && c + bytes <= m->stacks + stacks) || (c >= closure && c + bytes <= closure + m->job->closure_bytes);
}

static bool in_shared(const machine *m, const void *p, size_t bytes)
{
    const char *c = (const char *)p;
    return c >= m->shared && c + bytes <= m->shared + m->smem;
}

static bool global_ok(machine *m, const void *p, int bytes, int id, bool write)
{
    const char *verb = write ? "write" : "read";
    if ((uintptr_t)p % (uintptr_t)bytes) {
        report(m, "misaligned global %s of %d bytes at %p", verb, bytes, p);
        return false;
    }
    if (!global.nused) return true;
    int at = id >= 0 && id < FC_EMU_IDS && global.buffers[id].bytes ? id : find_buffer(&m->last_buffer, p, (size_t)bytes);
    if (at < 0) {
        report(m, "global %s of %d bytes at %p: in no registered buffer", verb, bytes, p);
        return false;
    }
    const buffer *b = &global.buffers[at];
    if (!holds(b, p, (size_t)bytes)) {
        long long offset = (const char *)p - b->base, size = (long long)b->bytes;
        report(m, "global %s out of bounds: byte %lld of buffer %d, which has %lld", verb, offset, at, size);
        return false;
    }
    m->counts[write][at] += bytes;
    return true;
}

/* ---- asynchronous copies ---- */
template <class T> static void grow(T **at, int n, int *capacity)
{
    if (n < *capacity) return;
    *capacity = *capacity ? *capacity * 2 : 16;
    T *more = (T *)realloc(*at, (size_t)*capacity * sizeof(T));
    if (!more) abort();
    *at = more;
}

static void note_shared(machine *m, int thread, const void *p, int bytes, access_kind kind, void *pc)
{
    if (check_shared) check_shared(m, thread, p, (size_t)bytes, kind, pc);
}

static void perform(machine *m, const copy *c, void *pc)
{
    note_shared(m, m->current, c->dst, c->bytes, LAND, pc);
    if (all.mode.early) return;
    if (c->inside) memcpy(c->dst, c->src, (size_t)c->bytes);
    else memset(c->dst, 0, (size_t)c->bytes);
}

/* ---- warp operations ---- */
enum { OP_SYNC = 1, OP_SHUFFLE = 16, OP_LDMATRIX = 32, OP_MMA = 64 };

/* Deposits args; the last live lane to come runs the operation for all. */
template <class Run> static void together(machine *m, int kind, void *args, Run run)
{
    int lane = m->current % 32;
    warp *w = &m->warps[m->current / 32];
    if (!w->arrived) w->kind = kind;
    else if (w->kind != kind) report(m, "divergent warp operation: the lanes of a warp are in different ones"), give_up(m);
    w->args[lane] = args;
    w->arrived |= 1u << lane;
    if (w->arrived == w->live) {
        w->arrived = 0;
        run(w);
        w->runnable |= w->live;
        return;
    }
    w->runnable &= ~(1u << lane);
    wait_turn(m);
}

/* Row r of matrix i comes from the address of lane 8 i + r. */
static void ldmatrix_all(machine *m, warp *w, int matrices, bool transposed, void *pc)
{
    int first = m->current / 32 * 32;
    for (int i = 0; i < matrices; i++) {
        uint16_t e[8][8];
        for (int r = 0; r < 8; r++) {
            const char *row = ((ldmatrix_args *)w->args[i * 8 + r])->row;
            if ((uintptr_t)row % 16) report(m, "ldmatrix: misaligned row of lane %d", i * 8 + r), give_up(m);
            if (!in_shared(m, row, 16)) {
                report(m, "ldmatrix: row of lane %d outside shared memory, byte %ld of %ld", i * 8 + r, (long)(row - m->shared), (long)m->smem);
                give_up(m);
            }
            note_shared(m, first + i * 8 + r, row, 16, READ, pc);
            memcpy(e[r], row, 16);
        }
        ldmatrix_scatter(w, i, e, transposed);
    }
}

}

/* ---- what the header declares ---- */
using namespace fc_emu;

void fc_emu_set_mode(const fc_emu_mode *mode) { all.mode = *mode; }
void fc_emu_get_mode(fc_emu_mode *mode) { *mode = all.mode; }

int fc_emu_errors(void) { return all.errors; }
const char *fc_emu_message(void) { return all.message; }

void fc_emu_reset(void)
{
    all.errors = 0;
    all.message[0] = 0;
    memset(global.counts, 0, sizeof global.counts);
}

int fc_emu_note(const char *kernel, int arch, int threads, int ctas, int smem, const char *source)
{
    (void)arch, (void)ctas, (void)smem, (void)source;
    if (all.nnotes < (int)(sizeof all.notes / sizeof *all.notes)) all.notes[all.nnotes++] = { kernel, threads };
    return 0;
}

int fc_emu_launch(const char *kernel, int64_t blocks, int threads, size_t smem, void (*body)(void *), void *closure, size_t closure_bytes)
{
    launch job = { kernel, blocks, threads, smem, body, closure, closure_bytes, 0, 0 };
    int errors = all.errors;
    const char *why = launch_refused(&job);
    if (why) {
        report(nullptr, "%s: %s", kernel, why);
        return FC_EMU_ERROR;
    }
    int64_t n = all.mode.threads > 0 ? all.mode.threads : sysconf(_SC_NPROCESSORS_ONLN);
    if (n > blocks) n = blocks;
    if (n > 64) n = 64;
    pthread_t id[64];
    int started = 0;
    while (started < n - 1 && pthread_create(&id[started], nullptr, worker, &job) == 0) started++;
    if (blocks > 0) run_blocks(&job);
    for (int i = 0; i < started; i++) pthread_join(id[i], nullptr);
    return all.errors > errors ? FC_EMU_ERROR : 0;
}

const char *fc_emu_error_string(int code)
{
    if (code == 0) return "no error";
    if (code != FC_EMU_ERROR) return "not an error of the emulator";
    return all.message[0] ? all.message : "a kernel failed in the emulator";
}

int fc_emu_thread(void) { return mine->current; }
int fc_emu_threads(void) { return mine->threads; }
int fc_emu_block(void) { return (int)mine->block; }
int fc_emu_blocks(void) { return (int)mine->job->blocks; }
char *fc_emu_shared(void) { return mine->shared; }

void fc_emu_sync(int line)
{
    machine *m = mine;
    warp *w = &m->warps[m->current / 32];
    if (m->exited) report(m, "waits at the barrier of line %d after %d threads ended", line, m->exited), give_up(m);
    if (!m->at_barrier) m->barrier_line = line;
    else if (line != m->barrier_line) report(m, "threads wait at different barriers: lines %d and %d", m->barrier_line, line), give_up(m);
    fiber *f = &m->fibers[m->current];
    if (++m->at_barrier == m->live) {
        m->at_barrier = 0;
        m->epoch++;
        for (int i = 0; i < m->nwarps; i++) m->warps[i].runnable = m->warps[i].live, m->warps[i].epoch = 0;
    } else {
        w->runnable &= ~(1u << m->current % 32);
        wait_turn(m);
    }
    f->line = line;
}

void fc_emu_sync_warp(void)
{
    together(mine, OP_SYNC, nullptr, [](warp *w) { w->epoch++; });
}

void fc_emu_count_read(int id, int64_t bytes)
{
    if (mine && mine->current == 0 && id >= 0 && id < FC_EMU_IDS) mine->counts[0][id] += bytes;
}

int fc_emu_global(const void *p, int bytes, int id, int write)
{
    return mine ? global_ok(mine, p, bytes, id, write != 0) : 1;
}

void fc_emu_cp_async(void *dst, const void *src, int bytes, int inside, int id)
{
    machine *m = mine;
    fiber *f = &m->fibers[m->current];
    if (bytes != 4 && bytes != 8 && bytes != 16) report(m, "unsupported: cp.async of %d bytes", bytes), give_up(m);
    long at = (long)((char *)dst - m->shared);
    if ((uintptr_t)dst % (uintptr_t)bytes) report(m, "cp.async: misaligned destination, byte %ld of shared memory", at), give_up(m);
    if (!in_shared(m, dst, (size_t)bytes)) report(m, "cp.async: destination out of bounds, byte %ld of %ld", at, (long)m->smem), give_up(m);
    if (inside && !global_ok(m, src, bytes, id, false)) give_up(m);
    note_shared(m, m->current, dst, bytes, ISSUE, __builtin_return_address(0));
    if (!all.mode.early) memset(dst, 0xFF, (size_t)bytes);
    else if (inside) memcpy(dst, src, (size_t)bytes);
    else memset(dst, 0, (size_t)bytes);
    grow(&f->queue, f->queued, &f->capacity);
    f->queue[f->queued++] = { dst, src, bytes, inside, id };
}

void fc_emu_commit(void)
{
    fiber *f = &mine->fibers[mine->current];
    grow(&f->group, f->groups, &f->group_capacity);
    f->group[f->groups++] = f->queued;
}

/* Performs the copies of all groups but the newest `pending`; what was not committed stays. */
void fc_emu_wait(int pending)
{
    machine *m = mine;
    fiber *f = &m->fibers[m->current];
    int done = f->groups - pending;
    if (done <= 0) return;
    int copies = f->group[done - 1];
    for (int i = 0; i < copies; i++) perform(m, &f->queue[i], __builtin_return_address(0));
    f->queued -= copies;
    f->groups -= done;
    if (f->queued) memmove(f->queue, f->queue + copies, (size_t)f->queued * sizeof *f->queue);
    for (int i = 0; i < f->groups; i++) f->group[i] = f->group[i + done] - copies;
}

uint32_t fc_emu_shuffle(fc_emu_shuffle_kind kind, uint32_t value, int arg)
{
    shuffle_args a = { value, 0, arg };
    together(mine, OP_SHUFFLE + kind, &a, [kind](warp *w) { shuffle_all(w, kind); });
    return a.result;
}

void fc_emu_ldmatrix(uint32_t *d, const void *row, int matrices, int transposed)
{
    machine *m = mine;
    void *pc = __builtin_return_address(0);
    ldmatrix_args a = { d, (const char *)row };
    together(m, OP_LDMATRIX + matrices * 2 + transposed, &a, [=](warp *w) {
        if (w->live != ~0u) report(m, "ldmatrix: not all 32 lanes are alive"), give_up(m);
        ldmatrix_all(m, w, matrices, transposed != 0, pc);
    });
}

void fc_emu_mma(float d[4], const uint32_t *a, const uint32_t *b, int k)
{
    machine *m = mine;
    mma_args x = { d, a, b };
    together(m, OP_MMA + k, &x, [=](warp *w) {
        if (w->live != ~0u) report(m, "mma: not all 32 lanes are alive"), give_up(m);
        mma_all(w, k);
    });
}

void fc_emu_unsupported(const char *what)
{
    if (!mine) return report(nullptr, "unsupported: %s", what);
    report(mine, "unsupported: %s", what);
    give_up(mine);
}
