/* fc_checker.cpp: judges every access of a kernel to shared memory, without a change to its text.
 *
 * The kernel's file, and nothing else, is compiled with -fsanitize=thread and linked without that library: its callbacks, one for every access in the
 * text, end here. The emulator reports the accesses of ldmatrix and cp.async itself.
 *
 * Shadow: for every 2 bytes of shared memory the last writer and the last readers, each with the barrier epoch and the epoch of its warp.
 * Two accesses to one cell, one of them a write, are ordered if a barrier lies between (their epochs differ), or they are of one thread, or
 * of one warp with a warp barrier between. Shuffles, ldmatrix and mma order no memory. Never written since the block began = uninitialised.
 *
 * Not seen: memset and memcpy of variable size in kernel text; races on global memory; of several readers in a warp, which they are. */
#define FC_EMU_INTERNAL
#include "fc_emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern "C" char __executable_start, end;        /* of the program: constants and statics lie between */

namespace fc_emu {

enum { ENOUGH = 64 };                           /* errors, after which a block is given up */

/* several: more threads; across: of more warps; pending: an asynchronous copy that has not been waited for. */
struct stamp { uint32_t epoch, warp_epoch; int16_t thread; bool several : 1, across : 1, pending : 1; };
struct cell { stamp writer, reader; };

/* Source lines of a code address, innermost first, by addr2line where it exists: "fc_tile.cuh:142 < mbconv.cu:51". */
static const char *source_line(void *pc, char *out, size_t size)
{
    char command[160], line[256];
    size_t n = 0;
    out[0] = 0;
    if (!pc) return out;
    long offset = (long)((char *)pc - 1 - &__executable_start);
    snprintf(command, sizeof command, "addr2line -s -i -e /proc/%ld/exe 0x%lx 2>/dev/null", (long)getpid(), offset);
    FILE *f = popen(command, "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, " \n")] = 0;
        if (line[0] && line[0] != '?' && n < size) n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " < " : " at ", line);
    }
    if (f) pclose(f);
    return out;
}

static void complain(machine *m, void *pc, const char *what, int thread, int other, long offset, size_t bytes)
{
    char at[512] = "", second[48] = "";
    if (fc_emu_errors() < 5) source_line(pc, at, sizeof at);
    if (other >= 0) snprintf(second, sizeof second, " against thread %d", other);
    report(m, "%s: thread %d%s, %zu bytes at byte %ld of shared memory%s", what, thread, second, bytes, offset, at);
    if (fc_emu_errors() >= ENOUGH) give_up(m);
}

void check_block_begin(machine *m)
{
    size_t need = (m->smem + 1) / 2 * sizeof(cell);
    if (need <= m->shadow_bytes) return;
    free(m->shadow);
    m->shadow = calloc(1, need);
    m->shadow_bytes = m->shadow ? need : 0;
    if (!m->shadow) abort();
}

static bool ordered(const machine *m, const stamp *s, int thread)
{
    if (s->epoch != (uint32_t)m->epoch || s->thread == thread) return true;
    return s->thread / 32 == thread / 32 && s->warp_epoch < (uint32_t)m->warps[thread / 32].epoch;
}

/* Every reader that s stands for. */
static bool readers_ordered(const machine *m, const stamp *s, int thread)
{
    if (s->epoch != (uint32_t)m->epoch) return true;
    if (s->across) return false;
    if (s->several && s->thread / 32 == thread / 32) return s->warp_epoch < (uint32_t)m->warps[thread / 32].epoch;
    return ordered(m, s, thread);
}

static void add_reader(const machine *m, stamp *s, int thread)
{
    uint32_t epoch = (uint32_t)m->epoch, warp_epoch = (uint32_t)m->warps[thread / 32].epoch;
    bool same_warp = s->thread / 32 == thread / 32;
    if (s->epoch != epoch || (!s->across && same_warp && s->warp_epoch < warp_epoch)) {
        *s = { epoch, warp_epoch, (int16_t)thread, false, false, false };
    } else if (s->thread != thread) {
        *s = { epoch, warp_epoch, (int16_t)thread, true, s->across || !same_warp, false };
    }
}

/* What is wrong with this access to this cell; NULL = nothing. *other: the thread that it is in conflict with. */
static const char *judge(const machine *m, const cell *c, int thread, access_kind kind, int *other)
{
    if (kind == READ && c->writer.epoch < (uint32_t)m->first_epoch) return "uninitialised shared read";
    *other = c->writer.thread;
    if (kind == READ && c->writer.pending) return "shared read of an asynchronous copy before its wait";
    if (!ordered(m, &c->writer, thread)) return kind == READ ? "race write/read" : "race write/write";
    *other = c->reader.thread;
    if (kind != READ && !readers_ordered(m, &c->reader, thread)) return "race read/write";
    *other = -1;
    return nullptr;
}

void check_shared(machine *m, int thread, const void *p, size_t bytes, access_kind kind, void *pc)
{
    long at = (long)((const char *)p - m->shared);
    if (at < 0 || (size_t)at + bytes > m->smem)
        return complain(m, pc, kind == READ ? "shared read out of bounds" : "shared write out of bounds", thread, -1, at, bytes);
    cell *first = (cell *)m->shadow + at / 2, *last = (cell *)m->shadow + ((size_t)at + bytes - 1) / 2;
    const char *what = nullptr;
    int other = -1;
    for (cell *c = first; c <= last; c++) {
        if (!what) what = judge(m, c, thread, kind, &other);
        if (kind == READ) add_reader(m, &c->reader, thread);
        else c->writer = { (uint32_t)m->epoch, (uint32_t)m->warps[thread / 32].epoch, (int16_t)thread, false, false, kind == ISSUE };
    }
    if (what) complain(m, pc, what, thread, other, at, bytes);
}

/* An access in the kernel's text. Those of the emulator's own functions do not come here. */
static void access(const void *p, size_t bytes, bool write, void *pc)
{
    machine *m = self();
    if (!m || !m->running) return;
    const char *c = (const char *)p;
    if (c >= m->arena && c < m->shared + m->smem + GUARD) return check_shared(m, m->current, p, bytes, write ? WRITE : READ, pc);
    bool any;
    if (launch_state(m, p, bytes) || known_global(p, bytes, &any) || !any || (c >= &__executable_start && c < &end)) return;
    char at[512];
    const char *verb = write ? "write" : "read";
    report(m, "wild %s of %zu bytes at %p: not shared memory, in no registered buffer%s", verb, bytes, p, source_line(pc, at, sizeof at));
    give_up(m);
}

}

/* ---- what -fsanitize=thread calls ---- */
#define PC __builtin_return_address(0)
#define ACCESS(n) \
    void __tsan_read##n(void *p) { fc_emu::access(p, n, false, PC); } \
    void __tsan_write##n(void *p) { fc_emu::access(p, n, true, PC); } \
    void __tsan_unaligned_read##n(void *p) { fc_emu::access(p, n, false, PC); } \
    void __tsan_unaligned_write##n(void *p) { fc_emu::access(p, n, true, PC); }
/* Host code of the same file may hold a guarded static; a kernel that used atomics would not link, or end here. */
#define ATOMIC(bits) \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *p, int) \
    { \
        if (fc_emu::self() && fc_emu::self()->running) fc_emu_unsupported("atomic access"); \
        return __atomic_load_n(p, __ATOMIC_SEQ_CST); \
    }

extern "C" {
ACCESS(1) ACCESS(2) ACCESS(4) ACCESS(8) ACCESS(16)
ATOMIC(8) ATOMIC(32) ATOMIC(64)
void __tsan_read_range(void *p, unsigned long n) { fc_emu::access(p, n, false, PC); }
void __tsan_write_range(void *p, unsigned long n) { fc_emu::access(p, n, true, PC); }
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_vptr_read(void **) {}
}
