/* npy.c: one array. Header: "\x93NUMPY", version, length, then a Python dict literal
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * padded with spaces to a line end. Only this dict is understood; anything else is refused, nothing is evaluated. */
#include "formats.h"
#include "window.h"

#include <string.h>

enum { MAX_HEADER = 1 << 20, MAX_WORD = 64 };

typedef struct Scan {
    const IoFile *f;
    const char *what;
    const char *p, *end;
} Scan; /* what: "x.npy" or "w.npz: member e.weight" */

static bool bad(const Scan *s, const char *why)
{
    diag_error(s->f->diag, (Loc){ 0 }, "FCM3003", "%s: %s", s->what, why);
    return false;
}

static void blanks(Scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')) s->p++;
}

static bool accept(Scan *s, char c)
{
    blanks(s);
    if (s->p >= s->end || *s->p != c) return false;
    s->p++;
    return true;
}

static bool word(Scan *s, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0) return false;
    s->p += n;
    return true;
}

/* A quoted string without escapes. */
static bool quoted(Scan *s, char out[MAX_WORD])
{
    blanks(s);
    if (s->p >= s->end || (*s->p != '\'' && *s->p != '"')) return bad(s, "the header has no quoted string where one belongs");
    char quote = *s->p++;
    size_t n = 0;
    for (; s->p < s->end && *s->p != quote; s->p++) {
        if (n + 1 >= MAX_WORD || *s->p < ' ' || *s->p == '\\') return bad(s, "the header holds a string that no array has");
        out[n++] = *s->p;
    }
    if (s->p >= s->end) return bad(s, "a string of the header is not closed");
    s->p++;
    out[n] = 0;
    return true;
}

static bool shape(Scan *s, IoTensor *t)
{
    if (!accept(s, '(')) return bad(s, "'shape' is no tuple");
    for (t->rank = 0; !accept(s, ')');) {
        blanks(s);
        int64_t v = 0;
        const char *start = s->p;
        for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
            if (!win_mul(v, 10, &v) || !win_add(v, *s->p - '0', &v)) return bad(s, "an extent of the shape does not fit 63 bits");
        if (s->p == start) return bad(s, "'shape' holds something else than extents");
        if (t->rank == IO_MAX_RANK) return bad(s, "the array has more than 8 dimensions");
        t->dim[t->rank++] = v;
        if (!accept(s, ',') && (s->p >= s->end || *s->p != ')')) return bad(s, "'shape' is not closed");
    }
    return true;
}

typedef struct Dict { bool descr, order, shape, fortran; char type[MAX_WORD]; } Dict;

static bool entry(Scan *s, Dict *d, IoTensor *t)
{
    char key[MAX_WORD];
    if (!quoted(s, key)) return false;
    if (!accept(s, ':')) return bad(s, "a key of the header has no value");
    blanks(s);
    if (strcmp(key, "descr") == 0 && !d->descr) {
        if (s->p < s->end && *s->p == '[') return bad(s, "structured arrays are not supported");
        return d->descr = quoted(s, d->type);
    }
    if (strcmp(key, "fortran_order") == 0 && !d->order) {
        d->order = true;
        if (word(s, "False")) return true;
        return d->fortran = word(s, "True") || bad(s, "'fortran_order' is neither True nor False");
    }
    if (strcmp(key, "shape") == 0 && !d->shape) return d->shape = shape(s, t);
    return bad(s, "the header has a key that is unknown or comes twice");
}

static bool dict(Scan *s, Dict *d, IoTensor *t)
{
    if (!accept(s, '{')) return bad(s, "the header is no dict");
    while (!accept(s, '}')) {
        if (!entry(s, d, t)) return false;
        blanks(s);
        if (!accept(s, ',') && (s->p >= s->end || *s->p != '}')) return bad(s, "the dict of the header is not closed");
    }
    blanks(s);
    if (s->p != s->end) return bad(s, "something follows the dict of the header");
    return (d->descr && d->order && d->shape) || bad(s, "the header lacks descr, fortran_order or shape");
}

static bool type_of(const Scan *s, const Dict *d, IoTensor *t)
{
    static const char *const names[] = {
#define X(e, bytes, npy, safe, dtype, words) npy,
        FCM_IO_TYPES(X)
#undef X
    };
    for (t->type = 0; t->type < IO_TYPE_COUNT; t->type++)
        if (*names[t->type] && strcmp(names[t->type], d->type) == 0) break;
    if (t->type == IO_TYPE_COUNT) {
        diag_error(s->f->diag, (Loc){ 0 }, "FCM3004", "%s: elements are '%s'; read are <f2 <f4 <f8 |i1 |u1 <i4", s->what,
                   d->type);
        return false;
    }
    if (!d->fortran || t->rank < 2) return true;
    diag_error(s->f->diag, (Loc){ 0 }, "FCM3004", "%s: the array is in Fortran order; save numpy.ascontiguousarray(x)", s->what);
    return false;
}

bool npy_parse(const IoFile *f, const char *name, IoTensor *out)
{
    Scan s = { .f = f, .what = *name ? arena_printf(f->arena, "%s: member %s", f->path, name) : f->path };
    *out = (IoTensor){ .name = name };
    if (f->n < 10 || memcmp(f->at, "\x93NUMPY", 6) != 0) return bad(&s, "it does not begin like an .npy file");
    unsigned version = f->at[6];
    if (version < 1 || version > 3 || f->at[7] != 0) return bad(&s, "the version of the format is none of 1.0, 2.0 and 3.0");
    size_t start = version == 1 ? 10 : 12;
    if (f->n < start) return bad(&s, "the file ends in its header");
    size_t length = io_le(f->at + 8, version == 1 ? 2 : 4);
    if (length > MAX_HEADER || length > f->n - start) return bad(&s, "the file ends in its header");
    s.p = (const char *)f->at + start;
    s.end = s.p + length;

    Dict d = { 0 };
    if (!dict(&s, &d, out) || !type_of(&s, &d, out)) return false;
    int64_t n;
    if (!io_elements(out, &n) || !win_mul(n, io_type_bytes(out->type), &n)) return bad(&s, "the shape does not fit memory");
    size_t left = f->n - start - length;
    if ((uint64_t)n != left) {
        diag_error(f->diag, (Loc){ 0 }, "FCM3003", "%s: shape %s of %s needs %lld bytes of data; there are %zu", s.what,
                   io_shape_text(f->arena, out->rank, out->dim), io_type_name(out->type), (long long)n, left);
        return false;
    }
    out->data = f->at + start + length;
    out->bytes = left;
    return true;
}

void npy_header(Text *t, const IoTensor *x)
{
    static const char *const names[] = {
#define X(e, bytes, npy, safe, dtype, words) npy,
        FCM_IO_TYPES(X)
#undef X
    };
    Text h = text_new(t->arena);
    text_printf(&h, "{'descr': '%s', 'fortran_order': False, 'shape': (", names[x->type]);
    for (int i = 0; i < x->rank; i++)
        text_printf(&h, i + 1 < x->rank ? "%lld, " : x->rank == 1 ? "%lld," : "%lld", (long long)x->dim[i]);
    text_put(&h, "), }");
    while ((10 + h.n + 1) % 64) text_put(&h, " ");
    text_put(&h, "\n");
    const unsigned char head[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(h.n & 255), (unsigned char)(h.n >> 8) };
    io_bytes(t, head, sizeof head);
    io_bytes(t, h.at, h.n);
}
