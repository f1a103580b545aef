/* fc_buffers.h: the global buffers that kernels may touch, and the bytes moved in each; for fc_emu.cpp alone. Buffers change between launches only;
 * running blocks count on their own, and add_counts collects under the emulator's lock. */
#ifndef FC_BUFFERS_H
#define FC_BUFFERS_H
#include "fc_emu.h"

#include <stdlib.h>
#include <string.h>

namespace fc_emu {

struct buffer { const char *base; size_t bytes; char *allocated; };

static struct {
    buffer buffers[FC_EMU_IDS];
    int used[FC_EMU_IDS], nused;    /* ids with bytes > 0 */
    int64_t counts[2][FC_EMU_IDS];  /* read, written */
} global;

static bool holds(const buffer *b, const void *p, size_t bytes)
{
    size_t at = (size_t)((const char *)p - b->base);
    return b->bytes && (const char *)p >= b->base && at < b->bytes && bytes <= b->bytes - at;
}

/* -1: none. *last: where the search begins. */
static int find_buffer(int *last, const void *p, size_t bytes)
{
    if (*last >= 0 && holds(&global.buffers[*last], p, bytes)) return *last;
    for (int i = 0; i < global.nused; i++)
        if (holds(&global.buffers[global.used[i]], p, bytes)) return *last = global.used[i];
    return -1;
}

static void add_counts(const int64_t (&counts)[2][FC_EMU_IDS])
{
    for (int i = 0; i < global.nused; i++)
        for (int rw = 0; rw < 2; rw++) global.counts[rw][global.used[i]] += counts[rw][global.used[i]];
}

}

using namespace fc_emu;

void fc_emu_buffer(int id, const void *base, size_t bytes)
{
    if (id < 0 || id >= FC_EMU_IDS) return;
    int at = 0;
    while (at < global.nused && global.used[at] != id) at++;
    if (at == global.nused && bytes) global.used[global.nused++] = id;
    if (at < global.nused && !bytes) global.used[at] = global.used[--global.nused];
    global.buffers[id].base = (const char *)base;
    global.buffers[id].bytes = bytes;
}

void fc_emu_count(int id, int64_t *read, int64_t *written)
{
    *read = global.counts[0][id];
    *written = global.counts[1][id];
}

void fc_emu_counts(int n, int64_t *read, int64_t *written)
{
    for (int i = 0; i < n && i < FC_EMU_IDS; i++) {
        fc_emu_count(i, &read[i], &written[i]);
        global.counts[0][i] = global.counts[1][i] = 0;
    }
}

void *fc_emu_alloc(int id, size_t bytes)
{
    if (id < 0 || id >= FC_EMU_IDS) return nullptr;
    size_t total = (bytes + 2 * GUARD + 255) / 256 * 256;
    char *p = (char *)aligned_alloc(256, total);
    if (!p) return nullptr;
    memset(p, 0xFF, total);
    fc_emu_buffer(id, p + GUARD, bytes);
    global.buffers[id].allocated = p;
    return p + GUARD;
}

int fc_emu_free(int id)
{
    if (id < 0 || id >= FC_EMU_IDS || !global.buffers[id].allocated) return 0;
    buffer b = global.buffers[id];
    bool damaged = false;
    for (size_t i = 0; i < GUARD; i++) damaged = damaged || b.allocated[i] != (char)0xFF || b.base[b.bytes + i] != (char)0xFF;
    if (damaged) report(nullptr, "global memory out of bounds: bytes beside buffer %d were written", id);
    fc_emu_buffer(id, nullptr, 0);
    global.buffers[id].allocated = nullptr;
    free(b.allocated);
    return damaged ? FC_EMU_ERROR : 0;
}
#endif
