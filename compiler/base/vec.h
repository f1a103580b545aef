/* vec.h: growing arrays whose storage belongs to an arena.
 *     VEC(Node *) nodes = {0};   vec_push(arena, &nodes, n);   for (int i = 0; i < nodes.n; i++) … nodes.at[i] … */
#ifndef FCM_VEC_H
#define FCM_VEC_H
#include "arena.h"

#define VEC(T) struct { T *at; int n, cap; }
#define vec_push(a, v, ...) \
    ((v)->at = vec_grow((a), (v)->at, (v)->n, &(v)->cap, sizeof *(v)->at), (void)((v)->at[(v)->n] = (__VA_ARGS__)), (v)->n++)
#define vec_last(v) ((v)->at[(v)->n - 1])

/* Returns storage with room for one element more than n; the old storage stays valid until the arena goes. */
void *vec_grow(Arena *a, void *at, int n, int *cap, size_t size);
#endif
