/* tmlex.c: the scanner of .tm text, and the small readers of numbers, words and names on top of it.
 * Lines end statements; `//` starts a comment. A number is digits only, so that `8i-1` is 8, i, -, 1; whoever wants a real or the `x4` of
 * `2x4` scans again from the start of the token. Nothing is read outside [s, s + len). */
#include "tm_text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int peek(const TmParser *z, int32_t at) { return at < z->len ? (unsigned char)z->s[at] : -1; }
static bool digit(int c) { return c >= '0' && c <= '9'; }

bool tm_error(TmParser *z, Loc l, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    diag_error(z->d, l, code, "%s", arena_vprintf(z->a, fmt, ap));
    va_end(ap);
    z->bad_program = true;
    return false;
}

/* ---- tokens ---- */

static void skip_space(TmParser *z)
{
    for (;; z->pos++) {
        int c = peek(z, z->pos);
        if (c == '/' && peek(z, z->pos + 1) == '/') {
            while (peek(z, z->pos) != -1 && peek(z, z->pos) != '\n') z->pos++;
            c = peek(z, z->pos);
        }
        if (c != ' ' && c != '\t' && c != '\r') return;
    }
}

static void scan_int(TmParser *z)
{
    int64_t v = 0;
    while (digit(peek(z, z->pos))) {
        int d = peek(z, z->pos++) - '0';
        v = v > (INT64_MAX - d) / 10 ? INT64_MAX : v * 10 + d;
    }
    z->t.kind = TOK_INT;
    z->t.value = v;
}

static int hex_digit(int c) { return digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* The character that an escape stands for (z->pos behind the backslash), or -1. */
static int escape(TmParser *z)
{
    int c = peek(z, z->pos++);
    if (c == '"' || c == '\\') return c;
    if (c != 'x') return -1;
    int hi = hex_digit(peek(z, z->pos)), lo = hi < 0 ? -1 : hex_digit(peek(z, z->pos + 1));
    if (lo < 0) return -1;
    z->pos += 2;
    return hi * 16 + lo;
}

/* A string ends on its line and holds no zero byte: names and notes are C strings. */
static void scan_string(TmParser *z)
{
    int32_t start = z->pos++, n = 0, close = z->pos;
    while (peek(z, close) != '"' && peek(z, close) != '\n' && peek(z, close) != -1)
        close += peek(z, close) == '\\' && peek(z, close + 1) > ' ' ? 2 : 1;
    char *to = arena_alloc(z->a, (size_t)(close - start) + 1);
    bool good = peek(z, close) == '"';
    while (good && z->pos < close) {
        int c = peek(z, z->pos++);
        if (c == '\\') c = escape(z);
        good = c > 0;
        if (good) to[n++] = (char)c;
    }
    z->pos = good ? close + 1 : close;
    z->t.kind = good ? TOK_STRING : TOK_BAD;
    z->t.text = to;
    if (!good) tm_error(z, (Loc){ z->file, start, close - start }, "FCM4001", "this string is not closed on its line, or has a bad escape");
}

static void scan_mark(TmParser *z)
{
    static const char *const marks[] = { "->", "<-", "+=", ">>", "[", "]", "(", ")", ",", "@", "+", "-", "=", "<", ":" };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        int32_t n = (int32_t)strlen(marks[i]);
        if (n > z->len - z->pos || memcmp(z->s + z->pos, marks[i], (size_t)n)) continue;
        z->t.kind = TOK_MARK;
        z->t.text = marks[i];
        z->pos += n;
        return;
    }
    int c = peek(z, z->pos);
    z->t.kind = TOK_BAD;
    z->t.text = "";
    tm_error(z, (Loc){ z->file, z->pos++, 1 }, "FCM4001", c >= 0x20 && c < 0x7F ? "no word of a .tm text begins with '%c'" :
             "no word of a .tm text begins with byte 0x%02x", (unsigned)c);
}

void tm_next(TmParser *z)
{
    skip_space(z);
    int32_t start = z->pos;
    int c = peek(z, start);
    z->t = (Tok){ .text = "" };
    if (c == -1) z->t.kind = TOK_END;
    else if (c == '\n') z->t.kind = TOK_LINE, z->pos++;
    else if (digit(c)) scan_int(z);
    else if (c == '"') scan_string(z);
    else if (tm_name_start(c)) {
        while (tm_name_char(peek(z, z->pos))) z->pos++;
        z->t.kind = TOK_NAME;
        z->t.text = arena_strndup(z->a, z->s + start, (size_t)(z->pos - start));
    } else scan_mark(z);
    z->t.loc = (Loc){ z->file, start, z->pos - start };
}

bool tm_at(const TmParser *z, const char *text)
{
    return (z->t.kind == TOK_NAME || z->t.kind == TOK_MARK) && strcmp(z->t.text, text) == 0;
}

bool tm_accept(TmParser *z, const char *text)
{
    if (!tm_at(z, text)) return false;
    tm_next(z);
    return true;
}

bool tm_expected(TmParser *z, const char *what)
{
    if (z->t.kind == TOK_BAD) return z->bad_program = true, false;
    if (z->t.kind == TOK_LINE || z->t.kind == TOK_END)
        return tm_error(z, z->t.loc, "FCM4002", "expected %s, but the line ends here", what);
    return tm_error(z, z->t.loc, "FCM4002", "expected %s, found '%.*s'", what, z->t.loc.len > 40 ? 40 : (int)z->t.loc.len, z->s + z->t.loc.off);
}

bool tm_expect(TmParser *z, const char *text)
{
    if (tm_accept(z, text)) return true;
    return tm_expected(z, arena_printf(z->a, "'%s'", text));
}

bool tm_end_line(TmParser *z)
{
    if (z->t.kind == TOK_END) return true;
    if (z->t.kind != TOK_LINE) return tm_expected(z, "the end of the line");
    tm_next(z);
    return true;
}

/* Unread characters are skipped as they are: after an error they say nothing new. */
void tm_skip_line(TmParser *z)
{
    if (z->t.kind == TOK_END) return;
    if (z->t.kind != TOK_LINE)
        while (peek(z, z->pos) != -1 && peek(z, z->pos) != '\n') z->pos++;
    tm_next(z);
}

/* ---- numbers, words, names ---- */

bool tm_int(TmParser *z, int64_t lo, int64_t hi, const char *what, int64_t *out)
{
    Loc l = z->t.loc;
    bool minus = tm_accept(z, "-");
    if (!minus) tm_accept(z, "+");
    if (z->t.kind != TOK_INT) return tm_expected(z, what);
    int64_t v = minus ? -z->t.value : z->t.value;
    l = diag_join(l, z->t.loc);
    tm_next(z);
    if (v >= lo && v <= hi) return *out = v, true;
    return tm_error(z, l, "FCM4003", "%s is %lld; it must lie in %lld … %lld", what, (long long)v, (long long)lo, (long long)hi);
}

bool tm_int32(TmParser *z, int lo, int hi, const char *what, int *out)
{
    int64_t v = 0;
    if (!tm_int(z, lo, hi, what, &v)) return false;
    *out = (int)v;
    return true;
}

bool tm_by(TmParser *z, int lo, int hi, const char *what, int *out)
{
    if (z->t.kind != TOK_NAME || z->t.text[0] != 'x') return tm_expected(z, arena_printf(z->a, "'x' and %s", what));
    z->pos = z->t.loc.off + 1;
    tm_next(z);
    return tm_int32(z, lo, hi, what, out);
}

/* strtod wants the locale's decimal point, the text always has '.'. */
bool tm_real(TmParser *z, double *out)
{
    enum { MOST = 40 };
    int32_t start = z->t.loc.off, n = 0;
    Text s = text_new(z->a);
    while (n < MOST && start + n < z->len && memchr("+-.0123456789eE", z->s[start + n], 15)) {
        char c[2] = { z->s[start + n++], 0 };
        text_put(&s, c[0] == '.' ? localeconv()->decimal_point : c);
    }
    if (n == 0) return tm_expected(z, "a number");
    char *stop;
    double v = strtod(s.at, &stop);
    if (*stop || n == MOST)
        return tm_error(z, (Loc){ z->file, start, n }, "FCM4002", "'%.*s' is no number", (int)n, z->s + start);
    if (!isfinite(v)) return tm_error(z, (Loc){ z->file, start, n }, "FCM4003", "this number is too large");
    z->pos = start + n;
    tm_next(z);
    return *out = v, true;
}

bool tm_word(TmParser *z, const char *const *words, const char *what, int *out)
{
    if (z->t.kind != TOK_NAME) return tm_expected(z, what);
    int n = 0;
    for (; words[n]; n++)
        if (strcmp(words[n], z->t.text) == 0) return *out = n, tm_next(z), true;
    const char *near = diag_nearest(z->t.text, words, n);
    return tm_error(z, z->t.loc, "FCM4006", "'%s' is no %s%s%s%s", z->t.text, what, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

bool tm_name(TmParser *z, const char *what, const char **out)
{
    if (z->t.kind != TOK_NAME && z->t.kind != TOK_STRING) return tm_expected(z, what);
    if (!*z->t.text) return tm_error(z, z->t.loc, "FCM4002", "%s may not be empty", what);
    *out = z->t.text;
    tm_next(z);
    return true;
}
