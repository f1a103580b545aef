/* arena.c: a chain of blocks; every block is twice as large as the one before it, up to a limit. */
#include "arena.h"
#include "diag.h"
#include "vec.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Block Block;
struct Block {
    Block *older;
    size_t size, used;
    _Alignas(16) char data[];
};
struct Arena { Block *top; };

enum { FIRST_BLOCK = 16 << 10, MAX_BLOCK = 4 << 20 };

static Block *block_new(size_t size, Block *older)
{
    Block *b = malloc(sizeof *b + size);
    if (!b) ice("out of memory (%zu bytes)", size);
    *b = (Block){ .older = older, .size = size };
    return b;
}

Arena *arena_new(void)
{
    Arena *a = malloc(sizeof *a);
    if (!a) ice("out of memory");
    a->top = block_new(FIRST_BLOCK, NULL);
    return a;
}

void arena_free(Arena *a)
{
    if (!a) return;
    arena_reset(a, (ArenaMark){ 0 });
    free(a);
}

static void *unset(Arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 4) ice("allocation of %zu bytes", bytes);
    bytes = (bytes + 15) & ~(size_t)15;
    Block *b = a->top;
    if (!b || b->size - b->used < bytes) {
        size_t size = b && b->size < MAX_BLOCK ? b->size * 2 : b ? (size_t)MAX_BLOCK : (size_t)FIRST_BLOCK;
        a->top = b = block_new(size > bytes ? size : bytes, b);
    }
    void *p = b->data + b->used;
    b->used += bytes;
    return p;
}

void *arena_alloc(Arena *a, size_t bytes) { return memset(unset(a, bytes), 0, bytes); }

void *arena_copy(Arena *a, const void *p, size_t bytes)
{
    void *q = arena_alloc(a, bytes);
    return bytes ? memcpy(q, p, bytes) : q;
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

char *arena_strdup(Arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_vprintf(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) ice("bad format '%s'", fmt);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

ArenaMark arena_mark(const Arena *a) { return (ArenaMark){ a->top, a->top ? a->top->used : 0 }; }

void arena_reset(Arena *a, ArenaMark m)
{
    while (a->top && a->top != m.block) {
        Block *older = a->top->older;
        free(a->top);
        a->top = older;
    }
    if (a->top) a->top->used = m.used;
}

void *vec_grow(Arena *a, void *at, int n, int *cap, size_t size)
{
    if (n < *cap) return at;
    if (*cap > INT_MAX / 2) ice("array of %d elements", n);
    int bigger = *cap ? *cap * 2 : 8;
    void *fresh = unset(a, (size_t)bigger * size);             /* what lies beyond n is nobody's */
    if (n) memcpy(fresh, at, (size_t)n * size);
    *cap = bigger;
    return fresh;
}
