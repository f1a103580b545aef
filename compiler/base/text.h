/* text.h: text in memory, indented output, and files that appear whole or not at all. */
#ifndef FCM_TEXT_H
#define FCM_TEXT_H
#include "arena.h"
#include "diag.h"
#include <stdbool.h>

typedef struct Text { Arena *arena; char *at; size_t n, cap; int indent; } Text;    /* at is always terminated by 0 once written */

Text text_new(Arena *a);
void text_put(Text *t, const char *s);                          /* as it is, no indentation */
void text_printf(Text *t, const char *fmt, ...) FCM_PRINTF(2, 3);
void text_line(Text *t, const char *fmt, ...) FCM_PRINTF(2, 3); /* indentation (4 spaces a level), text, newline; "" = blank line */
void text_open(Text *t, const char *fmt, ...) FCM_PRINTF(2, 3); /* line, then one level deeper */
void text_close(Text *t, const char *fmt, ...) FCM_PRINTF(2, 3);/* one level back, then line */
/* Length of the valid UTF-8 sequence at s, which ends before end, or 0: overlong forms and surrogates are not valid. */
int text_utf8_length(const char *s, const char *end);

void text_json_string(Text *t, const char *s);                  /* quoted and escaped; invalid UTF-8 becomes U+FFFD */

/* Reads a whole file (NULL and a worded reason in *why when it cannot; directories and files over max bytes are refused). */
char *text_read_file(Arena *a, const char *path, size_t max, size_t *len, const char **why);

/* Writes path by a temporary file beside it and rename; path "-" is stdout. On failure the old file stays and *why tells. */
bool text_write_file(Arena *a, const char *path, const char *data, size_t len, const char **why);
#endif
