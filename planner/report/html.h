/* html.h: marked-up text. Whatever comes from a user (names, paths, words of a device file) passes through html_text or svg_label, which
 * escape it. */
#ifndef FCM_HTML_H
#define FCM_HTML_H
#include "text.h"

#include <stdint.h>

/* As content or inside quotes; control characters, characters that turn the text round, and invalid UTF-8 become U+FFFD. */
void html_text(Text *t, const char *s);
void html_textn(Text *t, const char *s, size_t n);
void html_printf(Text *t, const char *fmt, ...) FCM_PRINTF(2, 3);       /* escaped as a whole */
const char *html_clip(Arena *a, const char *s, int most);       /* at most that many characters; a cut is shown by … */

const char *html_bytes(Arena *a, int64_t bytes);                /* "0.319 MB", "37.1 KB", "96 B" */
const char *html_time(Arena *a, double seconds);                /* "3.74 us", "1.25 ms" */
const char *html_count(Arena *a, double n, const char *unit);   /* "25.7 M", "1.03 G" and the unit */

/* ---- pictures: units are pixels of the viewBox; class names are those of page.css ---- */
void svg_open(Text *t, double width, double height, const char *title);
void svg_close(Text *t);
void svg_rect(Text *t, const char *class, double x, double y, double w, double h);
void svg_line(Text *t, const char *class, double x1, double y1, double x2, double y2);
void svg_label(Text *t, const char *class, double x, double y, const char *fmt, ...) FCM_PRINTF(5, 6);

/* Rows of a bar chart: label, bar, value. `most` is the length of a full bar; a bar of class NULL is left out. */
typedef struct Bar { const char *label, *class, *value; double length; } Bar;
void svg_bars(Text *t, const char *title, const Bar *bars, int n, double most);
#endif
