/* map.c: see map.h */
#include "map.h"

#include <stdint.h>
#include <string.h>

static uint32_t hash(const char *s)
{
    uint32_t h = 2166136261u;                                   /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* The slot of key, or the free slot where it would go. cap is a power of two and never full. */
static int slot_of(const Map *m, const char *key)
{
    int i = (int)(hash(key) & (uint32_t)(m->cap - 1));
    while (m->key[i] && strcmp(m->key[i], key) != 0) i = (i + 1) & (m->cap - 1);
    return i;
}

int map_get(const Map *m, const char *key)
{
    if (m->cap == 0) return -1;
    int i = slot_of(m, key);
    return m->key[i] ? m->value[i] : -1;
}

static void grow(Arena *a, Map *m)
{
    Map bigger = { .cap = m->cap ? 2 * m->cap : 16, .n = m->n };
    bigger.key = NEW_N(a, const char *, bigger.cap);
    bigger.value = NEW_N(a, int, bigger.cap);
    for (int i = 0; i < m->cap; i++)
        if (m->key[i]) {
            int s = slot_of(&bigger, m->key[i]);
            bigger.key[s] = m->key[i];
            bigger.value[s] = m->value[i];
        }
    *m = bigger;
}

void map_set(Arena *a, Map *m, const char *key, int value)
{
    if (4 * (m->n + 1) > 3 * m->cap) grow(a, m);
    int s = slot_of(m, key);
    if (!m->key[s]) m->key[s] = key, m->n++;
    m->value[s] = value;
}
