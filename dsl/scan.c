/* scan.c: runs the rules of fcm.l over a source and reports what is wrong below the level of grammar. After a problem a
 * token that fits still comes out where one can be guessed, else T_BAD, at which the parser recovers without a word. */
#include "scan.h"
#include "scan_rules.h"
#include "fcm.tab.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Scan {
    Arena *arena;
    Diag *diag;
    Tokens *out;
    int32_t off, len;               /* the current match */
    bool line_begun;                /* something other than white space was seen on this line */
    bool in_plan;                   /* between `plan` and its `}`: names may be dotted */
    int nesting;                    /* brackets open, and signs in a row */
    int signs;                      /* '-' in a row */
    bool too_deep;
};

static Loc here(const struct Scan *s) { return (Loc){ s->out->source, s->off, s->len }; }

bool scan_wanted(const struct Scan *s) { return !s->too_deep && diag_errors(s->diag) <= DIAG_LIMIT; }

void scan_advance(struct Scan *s, int len)
{
    s->off += s->len;
    s->len = len;
}

void scan_newline(struct Scan *s) { s->line_begun = false; }

static void check_nesting(struct Scan *s, int kind)
{
    s->signs = kind == '-' ? s->signs + 1 : 0;
    if (kind == '(' || kind == '[') s->nesting++;
    else if ((kind == ')' || kind == ']') && s->nesting > 0) s->nesting--;
    else if (kind == '{' || kind == '}') s->nesting = 0;
    if (s->nesting + s->signs <= SCAN_MAX_NESTING) return;
    s->too_deep = true;
    diag_error(s->diag, here(s), "FCM0009", "nested deeper than %d brackets and signs", SCAN_MAX_NESTING);
}

void scan_token(struct Scan *s, int kind)
{
    if (kind == T_PLAN) s->in_plan = true;
    else if (kind == '}' || kind == T_BLOCK) s->in_plan = false;
    vec_push(s->arena, &s->out->at, (Token){ (int16_t)kind, !s->line_begun, s->off, s->len });
    s->line_begun = true;
    check_nesting(s, kind);
}

void scan_comment(struct Scan *s)
{
    const char *text = diag_source(s->diag, s->out->source)->text + s->off;
    vec_push(s->arena, &s->out->comments, (Token){ 0, !s->line_begun, s->off, s->len });
    if (memchr(text, '\n', (size_t)s->len)) s->line_begun = false;  /* what follows a comment of several lines begins its line */
}

/* It swallows the rest of the file, so the parser, too, ends here without a word. */
void scan_open_comment(struct Scan *s)
{
    diag_error(s->diag, here(s), "FCM0003", "this comment is never closed by '*/'");
    scan_token(s, T_BAD);
}

void scan_open_string(struct Scan *s) { diag_error(s->diag, here(s), "FCM0004", "this string is not closed on its line"); }

void scan_dotted(struct Scan *s)
{
    if (!s->in_plan) diag_error(s->diag, here(s), "FCM0007", "a name has dots only inside a plan");
}

static void check_digits(struct Scan *s, const char *text)
{
    errno = 0;
    strtoll(text, NULL, 10);
    if (errno) diag_error(s->diag, here(s), "FCM0006", "integer larger than %lld", (long long)INT64_MAX);
}

void scan_check_int(struct Scan *s, const char *text) { check_digits(s, text); }

void scan_check_pair(struct Scan *s, const char *text)
{
    int before = diag_errors(s->diag);
    check_digits(s, text);
    if (diag_errors(s->diag) == before) check_digits(s, strchr(text, 'x') + 1);
}

void scan_check_real(struct Scan *s, const char *text)
{
    if (isinf(strtod(text, NULL))) diag_error(s->diag, here(s), "FCM0006", "number larger than any double");
}

void scan_bad_number(struct Scan *s)
{
    diag_error(s->diag, here(s), "FCM0005", "malformed number '%.*s'%s", s->len < 40 ? s->len : 40,
               diag_source(s->diag, s->out->source)->text + s->off, s->len > 40 ? "..." : "");
    diag_note(s->diag, here(s), "numbers are 3, 0.5, 1e-6; 3x5 is a pair; letters do not follow a number");
}

void scan_hint(struct Scan *s, const char *hint) { diag_error(s->diag, here(s), "FCM0002", "%s", hint); }

void scan_strange(struct Scan *s, const char *text)
{
    if ((unsigned char)*text < 0x80) diag_error(s->diag, here(s), "FCM0002", "'%c' is not part of the language", *text);
    else diag_error(s->diag, here(s), "FCM0002", "characters outside ASCII may stand only in comments and strings");
}

/* ---- is it text at all? ---- */

/* A file with bytes that no editor would write gets one error, at the first of them, and is not parsed. */
static bool check_bytes(Diag *d, int source)
{
    const DiagSource *src = diag_source(d, source);
    const char *end = src->text + src->len;
    for (const char *p = src->text; p < end;) {
        Loc l = { source, (int32_t)(p - src->text), 1 };
        unsigned char c = (unsigned char)*p;
        int n = text_utf8_length(p, end);
        if (n == 0) return diag_error(d, l, "FCM0001", "byte 0x%02X is not UTF-8", c), false;
        if (c == 0) return diag_error(d, l, "FCM0001", "a NUL byte: this is no text file"), false;
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
            return diag_error(d, l, "FCM0001", "control character 0x%02X", c), false;
        p += n;
    }
    return true;
}

bool scan(Arena *a, Diag *d, int source, Tokens *out)
{
    *out = (Tokens){ .source = source };
    const DiagSource *src = diag_source(d, source);
    if (src->len > SCAN_MAX_BYTES) {
        diag_error(d, (Loc){ source, 0, 0 }, "FCM0008", "the file has %d bytes; the limit is %d", src->len, SCAN_MAX_BYTES);
        return false;
    }
    if (!check_bytes(d, source)) return false;
    struct Scan s = { .arena = a, .diag = d, .out = out };
    int bom = src->len >= 3 && memcmp(src->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    s.len = bom;                                                /* as if a byte order mark had been matched */
    scan_run(&s, src->text + bom, src->len - bom);
    vec_push(a, &out->at, (Token){ 0, !s.line_begun, src->len, 0 });
    return !s.too_deep;
}

Loc token_loc(const Tokens *ts, const Token *t) { return (Loc){ ts->source, t->off, t->len }; }
