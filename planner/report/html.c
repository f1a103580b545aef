/* html.c: see html.h */
#include "html.h"

#include <math.h>
#include <string.h>

/* ---- escaping ---- */

static const char *entity(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\n': case '\t': return NULL;
    default: return (unsigned char)c < 0x20 || c == 0x7f ? "\xEF\xBF\xBD" : NULL;
    }
}

/* C1 controls (U+0080 … U+009F), text that is turned round (U+202A … U+202E, U+2066 … U+2069), and what no document may hold (U+FFFE, U+FFFF). */
static bool misleading(const unsigned char *s, int n)
{
    if (n == 2) return s[0] == 0xC2 && s[1] < 0xA0;
    if (n != 3) return false;
    return (s[0] == 0xE2 && s[1] == 0x80 && s[2] >= 0xAA && s[2] <= 0xAE) ||
           (s[0] == 0xE2 && s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9) ||
           (s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE);
}

void html_textn(Text *t, const char *s, size_t n)
{
    const char *end = s + n;
    while (s < end) {
        int length = text_utf8_length(s, end);
        bool bad = length == 0 || misleading((const unsigned char *)s, length);
        const char *other = bad ? "\xEF\xBF\xBD" : length == 1 ? entity(*s) : NULL;
        if (other) text_put(t, other);
        else text_printf(t, "%.*s", length, s);
        s += length ? length : 1;
    }
}

void html_text(Text *t, const char *s) { html_textn(t, s, strlen(s)); }

void html_printf(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    html_text(t, arena_vprintf(t->arena, fmt, ap));
    va_end(ap);
}

const char *html_clip(Arena *a, const char *s, int most)
{
    const char *end = s + strlen(s), *p = s, *cut = s;
    for (int i = 0; p < end; i++) {
        if (i == most) return arena_printf(a, "%.*s…", (int)(cut - s), s);
        if (i < most - 1) cut = p;
        int length = text_utf8_length(p, end);
        p += length ? length : 1;
        if (i < most - 1) cut = p;
    }
    return s;
}

/* ---- quantities ---- */

const char *html_bytes(Arena *a, int64_t bytes)
{
    double b = (double)bytes;
    if (b >= 1e9) return arena_printf(a, "%.3f GB", b / 1e9);
    if (b >= 1e5) return arena_printf(a, "%.3f MB", b / 1e6);
    return b >= 1e3 ? arena_printf(a, "%.1f KB", b / 1e3) : arena_printf(a, "%.0f B", b);
}

const char *html_time(Arena *a, double seconds)
{
    return seconds >= 1e-3 ? arena_printf(a, "%.3f ms", seconds * 1e3) : arena_printf(a, "%.2f us", seconds * 1e6);
}

const char *html_count(Arena *a, double n, const char *unit)
{
    static const char *const prefix[] = { "", "K", "M", "G", "T", "P" };
    int i = 0;
    for (; n >= 1000 && i < 5; i++) n /= 1000;
    return arena_printf(a, "%.3g %s%s", n >= 100 ? round(n) : n, prefix[i], unit);
}

/* ---- pictures ---- */

void svg_open(Text *t, double width, double height, const char *title)
{
    text_printf(t, "<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\">\n<title>", width, height, width, height);
    html_text(t, title);
    text_put(t, "</title>\n");
}

void svg_close(Text *t) { text_put(t, "</svg>\n"); }

void svg_rect(Text *t, const char *class, double x, double y, double w, double h)
{
    text_printf(t, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, x, y, fmax(w, 0), fmax(h, 0));
}

void svg_line(Text *t, const char *class, double x1, double y1, double x2, double y2)
{
    text_printf(t, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

void svg_label(Text *t, const char *class, double x, double y, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    text_printf(t, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
    html_text(t, arena_vprintf(t->arena, fmt, ap));
    text_put(t, "</text>\n");
    va_end(ap);
}

enum { BAR_X = 132, BAR_WIDTH = 210, BAR_ROW = 22, BAR_TOTAL = 460 };

void svg_bars(Text *t, const char *title, const Bar *bars, int n, double most)
{
    int rows = 0;
    for (int i = 0; i < n; i++) rows += bars[i].class != NULL;
    svg_open(t, BAR_TOTAL, rows * BAR_ROW + 4, title);
    double y = 2;
    for (int i = 0; i < n; i++) {
        if (!bars[i].class) continue;
        double w = most > 0 ? bars[i].length / most * BAR_WIDTH : 0;
        svg_label(t, "end", BAR_X - 8, y + 15, "%s", bars[i].label);
        svg_rect(t, bars[i].class, BAR_X, y + 3, fmax(w, 1), BAR_ROW - 6);
        svg_label(t, "value", BAR_X + fmax(w, 1) + 6, y + 15, "%s", bars[i].value);
        y += BAR_ROW;
    }
    svg_line(t, "axis", BAR_X, 0, BAR_X, rows * BAR_ROW + 4);
    svg_close(t);
}
