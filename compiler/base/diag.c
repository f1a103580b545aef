/* diag.c: see diag.h. Entries are kept in the order in which they were reported; line and column are worked out only here. */
#include "diag.h"
#include "text.h"
#include "vec.h"

#include <stdlib.h>
#include <string.h>

struct Diag {
    Arena *arena;
    VEC(DiagSource) sources;        /* file number - 1 */
    VEC(DiagEntry) entries;
    int errors, warnings;           /* reported, those over the limit included */
    bool dropping;                  /* the entry before was over the limit, so its notes are dropped too */
};

/* Columns of a tab stop; columns of a source line that are shown; letters of a name that are compared. */
enum { TAB = 8, MAX_SHOWN = 150, MAX_EDIT = 64 };

Diag *diag_new(Arena *a)
{
    Diag *d = NEW(a, Diag);
    d->arena = a;
    return d;
}

int diag_add_source(Diag *d, const char *path, const char *text, size_t len)
{
    if (len > INT32_MAX) ice("source %s has %zu bytes", path, len);
    vec_push(d->arena, &d->sources, (DiagSource){ arena_strdup(d->arena, path), text, (int32_t)len });
    return d->sources.n;
}

const DiagSource *diag_source(const Diag *d, int file)
{
    if (file < 1 || file > d->sources.n) ice("no source number %d", file);
    return &d->sources.at[file - 1];
}

static int32_t line_start(const DiagSource *s, int32_t off)
{
    while (off > 0 && s->text[off - 1] != '\n') off--;
    return off;
}

void diag_position(const Diag *d, Loc l, int *line, int *col)
{
    *line = *col = 0;
    if (l.file == 0) return;
    const DiagSource *s = diag_source(d, l.file);
    int32_t off = l.off < s->len ? l.off : s->len;
    *line = 1;
    for (const char *p = s->text, *end = s->text + off; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++) ++*line;
    *col = off - line_start(s, off) + 1;
}

Loc diag_join(Loc a, Loc b)
{
    if (a.file != b.file || a.file == 0) return a.file ? a : b;
    int32_t lo = a.off < b.off ? a.off : b.off, ea = a.off + a.len, eb = b.off + b.len;
    return (Loc){ a.file, lo, (ea > eb ? ea : eb) - lo };
}

static void report(Diag *d, DiagKind kind, Loc l, const char *code, const char *fmt, va_list ap)
{
    if (kind == DIAG_ERROR) d->dropping = ++d->errors > DIAG_LIMIT;
    else if (kind == DIAG_WARNING) d->dropping = ++d->warnings > DIAG_LIMIT;
    else if (kind == DIAG_REMARK) d->dropping = false;
    if (d->dropping) return;
    vec_push(d->arena, &d->entries, (DiagEntry){ kind, code, l, arena_vprintf(d->arena, fmt, ap) });
}

#define REPORTER(name, kind) \
    void name(Diag *d, Loc l, const char *code, const char *fmt, ...) \
    { \
        va_list ap; \
        va_start(ap, fmt); \
        report(d, kind, l, code, fmt, ap); \
        va_end(ap); \
    }
REPORTER(diag_error, DIAG_ERROR)
REPORTER(diag_warning, DIAG_WARNING)
REPORTER(diag_remark, DIAG_REMARK)

void diag_note(Diag *d, Loc l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(d, DIAG_NOTE, l, NULL, fmt, ap);
    va_end(ap);
}

int diag_errors(const Diag *d) { return d->errors; }
int diag_count(const Diag *d) { return d->entries.n; }
const DiagEntry *diag_entry(const Diag *d, int i) { return &d->entries.at[i]; }

/* ---- the source line and its caret ---- */

/* One character of a source line as the terminal shows it. */
typedef struct Glyph { int bytes, columns; const char *instead; } Glyph;    /* instead: printed in its place, or NULL */

/* Columns of a code point: none for combining marks and zero-width signs, two for East Asian and pictographic ranges. */
static int code_columns(uint32_t c)
{
    static const struct { uint32_t lo, hi; int columns; } ranges[] = {
        { 0x0300, 0x036F, 0 },   { 0x200B, 0x200F, 0 },   { 0x20D0, 0x20FF, 0 },   { 0xFE00, 0xFE0F, 0 },   { 0x1100, 0x115F, 2 },
        { 0x2E80, 0xA4CF, 2 },   { 0xAC00, 0xD7A3, 2 },   { 0xF900, 0xFAFF, 2 },   { 0xFE30, 0xFE6F, 2 },   { 0xFF00, 0xFF60, 2 },
        { 0xFFE0, 0xFFE6, 2 },   { 0x1F300, 0x1F64F, 2 }, { 0x1F900, 0x1F9FF, 2 }, { 0x20000, 0x3FFFD, 2 },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].lo && c <= ranges[i].hi) return ranges[i].columns;
    return 1;
}

/* Control characters and bytes that are no UTF-8 show as one replacement character, so that a caret never slips. */
static Glyph glyph_at(const char *s, const char *end, int column)
{
    static const Glyph bad = { 1, 1, "\xEF\xBF\xBD" };
    unsigned char c = (unsigned char)*s;
    if (c == '\t') return (Glyph){ 1, TAB - column % TAB, "" };
    if (c < 0x20 || c == 0x7F) return bad;
    if (c < 0x80) return (Glyph){ 1, 1, NULL };
    int n = text_utf8_length(s, end);
    if (n == 0) return bad;
    uint32_t code = c & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) code = code << 6 | ((unsigned char)s[i] & 0x3Fu);
    return (Glyph){ n, code_columns(code), NULL };
}

/* Columns from the start of the line to off. */
static int columns_to(const char *line, const char *to, const char *end)
{
    int column = 0;
    for (const char *p = line; p < to;) {
        Glyph g = glyph_at(p, end, column);
        p += g.bytes;
        column += g.columns;
    }
    return column;
}

/* Prints the glyphs of the line whose columns lie in [from, to). */
static void print_columns(FILE *out, const char *line, const char *end, int from, int to)
{
    int column = 0;
    for (const char *p = line; p < end && column < to;) {
        Glyph g = glyph_at(p, end, column);
        if (column >= from) {
            if (!g.instead) fwrite(p, 1, (size_t)g.bytes, out);
            else if (*g.instead) fputs(g.instead, out);
            else fprintf(out, "%*s", g.columns, "");
        }
        p += g.bytes;
        column += g.columns;
    }
}

static void print_line(const Diag *d, FILE *out, Loc l, int number)
{
    const DiagSource *s = diag_source(d, l.file);
    int32_t off = l.off < s->len ? l.off : s->len;
    const char *line = s->text + line_start(s, off), *stop = memchr(line, '\n', (size_t)(s->text + s->len - line));
    const char *end = stop ? stop : s->text + s->len;
    if (end > line && end[-1] == '\r') end--;
    const char *at = s->text + off < end ? s->text + off : end, *last = l.len < end - at ? at + l.len : end;

    int caret = columns_to(line, at, end), tail = columns_to(line, last, end);
    int from = caret > MAX_SHOWN * 2 / 3 ? caret - MAX_SHOWN / 3 : 0, to = from + MAX_SHOWN;     /* a window round the caret */
    if (tail > to) tail = to;
    fprintf(out, "%5d | %s", number, from ? "..." : "");
    print_columns(out, line, end, from, to);
    fprintf(out, "\n      | %*s^", caret - from + (from ? 3 : 0), "");
    for (int c = caret + 1; c < tail; c++) fputc('~', out);
    fputc('\n', out);
}

void diag_print(const Diag *d, FILE *out)
{
    static const char *const words[] = { "error", "warning", "remark", "note" };
    for (int i = 0; i < d->entries.n; i++) {
        const DiagEntry *e = &d->entries.at[i];
        int line, col;
        diag_position(d, e->loc, &line, &col);
        if (e->loc.file) fprintf(out, "%s:%d:%d: ", diag_source(d, e->loc.file)->path, line, col);
        else fputs("fcmc: ", out);
        fprintf(out, "%s: %s", words[e->kind], e->text);
        fprintf(out, e->code ? " [%s]\n" : "\n", e->code);
        const Loc *before = i ? &d->entries.at[i - 1].loc : NULL;
        bool shown = e->kind == DIAG_NOTE && before && memcmp(before, &e->loc, sizeof e->loc) == 0;
        if (e->loc.file && !shown) print_line(d, out, e->loc, line);
    }
    if (d->errors > DIAG_LIMIT) fprintf(out, "fcmc: note: at least %d more errors are not shown\n", d->errors - DIAG_LIMIT);
    if (d->warnings > DIAG_LIMIT) fprintf(out, "fcmc: note: at least %d more warnings are not shown\n", d->warnings - DIAG_LIMIT);
}

/* ---- did you mean ---- */

/* Edits (insert, delete, replace, swap of neighbours) from a to b; both have at most MAX_EDIT letters. */
static int edit_distance(const char *a, int na, const char *b, int nb)
{
    int rows[3][MAX_EDIT + 1];
    int *two = rows[0], *one = rows[1], *now = rows[2];     /* the row before the last, the last, this one */
    for (int j = 0; j <= nb; j++) one[j] = two[j] = j;
    for (int i = 1; i <= na; i++) {
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int best = one[j - 1] + (a[i - 1] != b[j - 1]);
            if (one[j] + 1 < best) best = one[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two[j - 2] + 1 < best) best = two[j - 2] + 1;
            now[j] = best;
        }
        int *spare = two;
        two = one;
        one = now;
        now = spare;
    }
    return one[nb];
}

const char *diag_nearest(const char *name, const char *const *candidates, int n)
{
    size_t len = strlen(name);
    if (len == 0 || len > MAX_EDIT) return NULL;
    int limit = len / 3 > 1 ? (int)len / 3 : 1;
    const char *nearest = NULL;
    for (int i = 0; i < n; i++) {
        size_t other = strlen(candidates[i]), longer = other > len ? other : len;
        if (other > MAX_EDIT) continue;
        int distance = edit_distance(name, (int)len, candidates[i], (int)other);
        if (distance > limit || distance >= (int)longer) continue;      /* "y" is no misspelt "x": something must agree */
        if (nearest && distance == limit) continue;                     /* the first of the equally near */
        nearest = candidates[i];
        limit = distance;
    }
    return nearest;
}

void ice_at(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "fcmc: internal error at %s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputs("\nfcmc: this is a bug in fcmc, not in its input\n", stderr);
    va_end(ap);
    exit(70);
}
