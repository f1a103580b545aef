/* io.c: files by suffix, elements, and the matching of names, shapes and dtypes with what a block wants. */
#include "io.h"
#include "formats.h"
#include "window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE ((Loc){ 0 })
static const size_t max_file = (size_t)1 << 36;

static const struct { int bytes; DType dtype; const char *words; } types[] = {
#define X(e, bytes, npy, safe, dtype, words) { bytes, dtype, words },
    FCM_IO_TYPES(X)
#undef X
};
int io_type_bytes(IoType t) { return types[t].bytes; }
const char *io_type_name(IoType t) { return types[t].words; }

IoType io_type_of(DType t)
{
    IoType i = 0;
    while (i < IO_TYPE_COUNT && (types[i].dtype != t || t == DT_NONE)) i++;
    return i;
}

bool io_elements(const IoTensor *t, int64_t *n)
{
    *n = 1;
    for (int i = 0; i < t->rank; i++)
        if (!win_mul(*n, t->dim[i], n)) return false;
    return true;
}

const char *io_shape_text(Arena *a, int rank, const int64_t *dim)
{
    Text t = text_new(a);
    text_put(&t, "[");
    for (int i = 0; i < rank; i++) text_printf(&t, dim[i] < 0 ? "%sN" : "%s%lld", i ? ", " : "", (long long)dim[i]);
    text_put(&t, "]");
    return t.at;
}

const IoTensor *io_find(const IoSet *s, const char *name)
{
    for (int i = 0; i < s->at.n; i++)
        if (strcmp(s->at.at[i].name, name) == 0) return &s->at.at[i];
    return NULL;
}

/* ---- elements ---- */
double io_element(const IoTensor *t, int64_t i)
{
    const unsigned char *p = (const unsigned char *)t->data + i * types[t->type].bytes;
    float f;
    double d;
    uint32_t bits = (uint32_t)io_le(p, types[t->type].bytes < 4 ? types[t->type].bytes : 4);
    switch (t->type) {
    case IO_F16: return f16_to_f32((unsigned short)bits);
    case IO_F32: return memcpy(&f, p, 4), f;
    case IO_F64: return memcpy(&d, p, 8), d;
    case IO_BF16: bits <<= 16; return memcpy(&f, &bits, 4), f;
    case IO_I8: return (signed char)bits;
    case IO_U8: return bits;
    case IO_I32: return (int32_t)bits;
    case IO_TYPE_COUNT: break;
    }
    ice("tensor type %d", (int)t->type);
}

/* v rounded once, to nearest even, to `digits` significant bits with least exponent `least`: what is left is exact in the narrow
 * type. */
static double round_digits(double v, int digits, int least)
{
    if (v == 0 || !isfinite(v)) return v;
    int e = ilogb(v) < least ? least : ilogb(v);
    double ulp = ldexp(1, e - digits + 1);
    return nearbyint(v / ulp) * ulp;
}

static double clamped(double v, double lo, double hi) { return v >= lo ? v <= hi ? nearbyint(v) : hi : lo; } /* NaN becomes lo */

void io_put(IoType type, void *data, int64_t i, double v)
{
    unsigned char *p = (unsigned char *)data + i * types[type].bytes;
    float f = (float)v;
    uint32_t bits = 0;
    switch (type) {
    case IO_F16: bits = f32_to_f16((float)round_digits(v, 11, -14)); break;
    case IO_F32: memcpy(&bits, &f, 4); break;
    case IO_F64: memcpy(p, &v, 8); return;
    case IO_BF16:
        f = (float)round_digits(v, 8, -126);
        memcpy(&bits, &f, 4);
        bits = isnan(v) ? 0x7FC0 : bits >> 16;
        break;
    case IO_I8: bits = (uint32_t)(int32_t)clamped(v, -128, 127); break;
    case IO_U8: bits = (uint32_t)clamped(v, 0, 255); break;
    case IO_I32: bits = (uint32_t)(int32_t)clamped(v, INT32_MIN, INT32_MAX); break;
    case IO_TYPE_COUNT: ice("tensor type %d", (int)type);
    }
    for (int b = 0; b < types[type].bytes; b++) p[b] = (unsigned char)(bits >> 8 * b);
}

void io_bytes(Text *t, const void *p, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        while (t->n + n + 1 > t->cap) t->cap *= 2;
        char *fresh = arena_alloc(t->arena, t->cap);
        memcpy(fresh, t->at, t->n);
        t->at = fresh;
    }
    if (n) memcpy(t->at + t->n, p, n);
    t->n += n;
    t->at[t->n] = 0;
}

/* ---- files ---- */
static bool ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n > m && strcmp(s + n - m, suffix) == 0;
}

bool io_name_writable(const char *path) { return ends(path, ".npy") || ends(path, ".npz") || ends(path, ".safetensors"); }

static bool unknown_suffix(Diag *d, const char *path)
{
    diag_error(d, NOWHERE, "FCM3002", "%s: a tensor file ends in .npy, .npz or .safetensors", path);
    if (ends(path, ".pt") || ends(path, ".pth") || ends(path, ".bin"))
        diag_note(d, NOWHERE,
                  "convert it in Python: safetensors.torch.save_file(torch.load('w.pt', weights_only=True), 'w.safetensors')");
    return false;
}

static bool stands_in(const IoFile *f)
{
    static const char *const heads[] = { "version https://git-lfs", "<!DOCTYPE", "<!doctype", "<html" };
    for (int i = 0; i < 4; i++) {
        if (f->n < strlen(heads[i]) || memcmp(f->at, heads[i], strlen(heads[i])) != 0) continue;
        diag_error(f->diag, NOWHERE, "FCM3007", "%s: this is %s, not the tensors themselves", f->path,
                   i == 0 ? "a Git-LFS pointer" : "a web page");
        return true;
    }
    return false;
}

bool io_parse(Arena *a, Diag *d, const char *path, const void *bytes, size_t n, IoSet *out)
{
    IoFile f = { a, d, path, bytes, n };
    *out = (IoSet){ .path = path };
    if (!io_name_writable(path)) return unknown_suffix(d, path);
    if (stands_in(&f)) return false;
    if (ends(path, ".npz")) return npz_parse(&f, out);
    if (ends(path, ".safetensors")) return safetensors_parse(&f, out);
    IoTensor t;
    if (!npy_parse(&f, "", &t)) return false;
    vec_push(a, &out->at, t);
    return true;
}

bool io_read(Arena *a, Diag *d, const char *path, IoSet *out)
{
    if (!io_name_writable(path)) return unknown_suffix(d, path);
    size_t n = 0;
    const char *why = NULL;
    const char *bytes = text_read_file(a, path, max_file, &n, &why);
    if (bytes) return io_parse(a, d, path, bytes, n, out);
    diag_error(d, NOWHERE, "FCM3001", "cannot read '%s': %s", path, why);
    return false;
}

bool io_write(Arena *a, Diag *d, const char *path, const IoTensor *at, int n)
{
    Text t = text_new(a);
    const char *why = NULL;
    if (!io_name_writable(path)) return unknown_suffix(d, path);
    for (int i = 0; i < n; i++)
        if (at[i].type == IO_BF16 && !ends(path, ".safetensors")) why = "bf16 has no place in .npy; write .safetensors";
    if (ends(path, ".npy") && n != 1) why = "an .npy file holds one tensor";
    if (why) goto failed;
    if (ends(path, ".npy")) npy_header(&t, at), io_bytes(&t, at->data, at->bytes);
    else if (ends(path, ".safetensors")) safetensors_build(a, at, n, &t);
    else if (!npz_build(a, at, n, &t)) why = "more than 4 GiB; write .safetensors";
    if (!why && text_write_file(a, path, t.at, t.n, &why)) return true;
failed:
    diag_error(d, NOWHERE, "FCM3014", "cannot write '%s': %s", path, why);
    return false;
}

/* ---- matching ---- */
static bool same_shape(const IoTensor *t, const IoWant *w)
{
    for (int i = 0; t->rank == w->rank && i < w->rank; i++)
        if (w->dim[i] != -1 && w->dim[i] != t->dim[i]) return false;
    return t->rank == w->rank;
}

bool io_take(Arena *a, Diag *d, const char *path, const IoTensor *t, IoWant *w, IoCast cast)
{
    if (!same_shape(t, w)) {
        diag_error(d, NOWHERE, "FCM3012", "%s: '%s' has shape %s; the block wants %s", path, w->name,
                   io_shape_text(a, t->rank, t->dim), io_shape_text(a, w->rank, w->dim));
        return false;
    }
    if (t->type != w->type && cast == IO_REFUSE) {
        diag_error(d, NOWHERE, "FCM3013", "%s: '%s' is %s; the block wants %s", path, w->name, io_type_name(t->type),
                   io_type_name(w->type));
        return false;
    }
    w->dim0 = w->rank ? t->dim[0] : 1;
    if (t->type == w->type) {
        w->data = arena_copy(a, t->bytes ? t->data : "", t->bytes ? t->bytes : 1);
        return true;
    }
    int64_t n;
    if (!io_elements(t, &n)) ice("elements of %s overflow after parsing", w->name);
    void *fresh = arena_alloc(a, (size_t)(n ? n : 1) * (size_t)io_type_bytes(w->type));
    for (int64_t i = 0; i < n; i++) io_put(w->type, fresh, i, io_element(t, i));
    w->data = fresh;
    return true;
}

static const char *nearest_in(Arena *a, const char *name, const IoSet *s)
{
    const char **names = NEW_N(a, const char *, s->at.n + 1);
    for (int i = 0; i < s->at.n; i++) names[i] = s->at.at[i].name;
    return diag_nearest(name, names, s->at.n);
}

static const char *nearest_want(Arena *a, const char *name, const IoWant *w, int n)
{
    const char **names = NEW_N(a, const char *, n + 1);
    for (int i = 0; i < n; i++) names[i] = w[i].name;
    return diag_nearest(name, names, n);
}

bool io_match(Arena *a, Diag *d, const IoSet *s, IoWant *wants, int n, IoCast cast)
{
    bool ok = true;
    for (int i = 0; i < n; i++) {
        const IoTensor *t = io_find(s, wants[i].name);
        if (t) {
            ok &= io_take(a, d, s->path, t, &wants[i], cast);
            continue;
        }
        const char *near = nearest_in(a, wants[i].name, s);
        diag_error(d, NOWHERE, "FCM3010", "%s: there is no '%s' %s of %s", s->path, wants[i].name,
                   io_shape_text(a, wants[i].rank, wants[i].dim), io_type_name(wants[i].type));
        if (near) diag_note(d, NOWHERE, "the file has '%s': did you mean that?", near);
        ok = false;
    }
    for (int i = 0; i < s->at.n; i++) {
        const char *name = s->at.at[i].name;
        bool known = false;
        for (int w = 0; w < n && !known; w++) known = strcmp(wants[w].name, name) == 0;
        if (known) continue;
        const char *near = nearest_want(a, name, wants, n);
        diag_error(d, NOWHERE, "FCM3011", "%s: the block has no parameter '%s'", s->path, name);
        if (near) diag_note(d, NOWHERE, "did you mean '%s'?", near);
        ok = false;
    }
    return ok;
}
