/* diag.h: where things stand in a source file, and what is said about them.
 * User errors are located, collected (up to a limit) and end the run with status 1; our own bugs are ice(). */
#ifndef FCM_DIAG_H
#define FCM_DIAG_H
#include "arena.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#if defined __GNUC__
#define FCM_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define FCM_NORETURN __attribute__((noreturn))
#else
#define FCM_PRINTF(f, a)
#define FCM_NORETURN
#endif

/* A byte range of one source file. file 0 = nowhere (a message about the command line or the machine). */
typedef struct Loc { int32_t file; int32_t off; int32_t len; } Loc;

typedef enum DiagKind { DIAG_ERROR, DIAG_WARNING, DIAG_REMARK, DIAG_NOTE } DiagKind;

typedef struct DiagSource { const char *path; const char *text; int32_t len; } DiagSource;
typedef struct DiagEntry { DiagKind kind; const char *code; Loc loc; const char *text; } DiagEntry;  /* code "FCM0123", NULL for notes */

typedef struct Diag Diag;
Diag *diag_new(Arena *a);

/* Registers a source text (kept by reference: it must live as long as d) and returns its file number, from 1. */
int diag_add_source(Diag *d, const char *path, const char *text, size_t len);
const DiagSource *diag_source(const Diag *d, int file);
void diag_position(const Diag *d, Loc l, int *line, int *col);  /* from 1; columns count bytes */
Loc diag_join(Loc a, Loc b);                                    /* from the start of a to the end of b (same file) */

/* After DIAG_LIMIT errors the rest is counted only. A note belongs to the entry before it. */
enum { DIAG_LIMIT = 20 };
void diag_error(Diag *d, Loc l, const char *code, const char *fmt, ...) FCM_PRINTF(4, 5);
void diag_warning(Diag *d, Loc l, const char *code, const char *fmt, ...) FCM_PRINTF(4, 5);
void diag_remark(Diag *d, Loc l, const char *code, const char *fmt, ...) FCM_PRINTF(4, 5);
void diag_note(Diag *d, Loc l, const char *fmt, ...) FCM_PRINTF(3, 4);
int diag_errors(const Diag *d);                                 /* how many errors so far */
int diag_count(const Diag *d);
const DiagEntry *diag_entry(const Diag *d, int i);

/* "file:line:col: error: message [FCM0123]", the source line, ^~~~; tabs and UTF-8 keep the caret under its character. */
void diag_print(const Diag *d, FILE *out);

/* The candidate nearest to name by edit distance (at most a third of its length, at least 1), else NULL. */
const char *diag_nearest(const char *name, const char *const *candidates, int n);

/* A bug of fcmc itself: prints file, line and message to stderr and exits with status 70. */
#define ice(...) ice_at(__FILE__, __LINE__, __VA_ARGS__)
FCM_NORETURN void ice_at(const char *file, int line, const char *fmt, ...) FCM_PRINTF(3, 4);
#endif
