/* map.h: names to small numbers; open addressing, storage belongs to an arena. Iterate over key[0 … cap-1], skipping NULL. */
#ifndef FCM_MAP_H
#define FCM_MAP_H
#include "arena.h"

typedef struct Map { const char **key; int *value; int n, cap; } Map;

int map_get(const Map *m, const char *key);                     /* -1: absent (stored values are never negative) */
void map_set(Arena *a, Map *m, const char *key, int value);     /* inserts or replaces; key must outlive the map */
#endif
