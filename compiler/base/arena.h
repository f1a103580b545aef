/* arena.h: memory by lifetime. Objects are never freed one by one; an arena is dropped whole, or reset to a mark.
 * Memory is zeroed. Out of memory and absurd sizes end the program through ice(): there is no error to handle. */
#ifndef FCM_ARENA_H
#define FCM_ARENA_H
#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;
typedef struct ArenaMark { void *block; size_t used; } ArenaMark;

Arena *arena_new(void);
void arena_free(Arena *a);
void *arena_alloc(Arena *a, size_t bytes);                      /* zeroed, aligned to 16 */
void *arena_copy(Arena *a, const void *p, size_t bytes);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_strdup(Arena *a, const char *s);
char *arena_printf(Arena *a, const char *fmt, ...);
char *arena_vprintf(Arena *a, const char *fmt, va_list ap);
ArenaMark arena_mark(const Arena *a);
void arena_reset(Arena *a, ArenaMark m);                        /* drops everything allocated since the mark */

#define NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define NEW_N(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))
#endif
