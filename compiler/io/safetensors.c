/* safetensors.c: u64 length of the header, JSON header { name: { dtype, shape, data_offsets: [begin, end) } }, bytes. The header
 * may have 100 MB; the offsets must cover the bytes exactly once, so that a tensor cannot hide in another or point outside. */
#include "formats.h"
#include "window.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100000000 };

static const char *const type_names[] = {
#define X(e, bytes, npy, safe, dtype, words) safe,
    FCM_IO_TYPES(X)
#undef X
};

static bool bad(const IoFile *f, const char *name, const char *why)
{
    if (name) diag_error(f->diag, (Loc){ 0 }, "FCM3006", "%s: tensor '%s': %s", f->path, name, why);
    else diag_error(f->diag, (Loc){ 0 }, "FCM3006", "%s: %s", f->path, why);
    return false;
}

static bool shape_of(const IoFile *f, const char *name, const json_t *shape, IoTensor *t)
{
    if (!json_is_array(shape) || json_array_size(shape) > IO_MAX_RANK)
        return bad(f, name, "its shape is no array of at most 8 extents");
    t->rank = (int)json_array_size(shape);
    for (int i = 0; i < t->rank; i++) {
        const json_t *v = json_array_get(shape, (size_t)i);
        if (!json_is_integer(v) || json_integer_value(v) < 0) return bad(f, name, "an extent of its shape is no integer from 0");
        t->dim[i] = json_integer_value(v);
    }
    return true;
}

static bool tensor_of(const IoFile *f, const char *name, const json_t *row, const unsigned char *data, size_t size, IoTensor *t)
{
    *t = (IoTensor){ .name = arena_strdup(f->arena, name) };
    if (!json_is_object(row)) return bad(f, name, "its entry is no object");
    const char *type = json_string_value(json_object_get(row, "dtype"));
    if (!type) return bad(f, name, "it has no dtype");
    while (t->type < IO_TYPE_COUNT && strcmp(type_names[t->type], type) != 0) t->type++;
    if (t->type == IO_TYPE_COUNT)
        return bad(f, name, arena_printf(f->arena, "its dtype '%.20s' is none of F16 BF16 F32 F64 I8 U8 I32", type));
    if (!shape_of(f, name, json_object_get(row, "shape"), t)) return false;

    const json_t *offsets = json_object_get(row, "data_offsets");
    if (!offsets) offsets = json_object_get(row, "offsets");
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return bad(f, name, "it has no pair of data_offsets");
    json_int_t lo = json_integer_value(from), hi = json_integer_value(to);
    if (lo < 0 || hi < lo || (uint64_t)hi > size) return bad(f, name, "its data_offsets lie outside the data");
    int64_t bytes;
    if (!io_elements(t, &bytes) || !win_mul(bytes, io_type_bytes(t->type), &bytes))
        return bad(f, name, "its shape does not fit memory");
    if (bytes != hi - lo) return bad(f, name, "its data_offsets and its shape disagree");
    t->data = data + lo;
    t->bytes = (size_t)bytes;
    return true;
}

static int by_address(const void *a, const void *b)
{
    const IoTensor *x = *(const IoTensor *const *)a, *y = *(const IoTensor *const *)b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;      /* empty tensors first: they begin where the next one does */
}

static bool covers(const IoFile *f, const IoSet *s, const unsigned char *data, size_t size)
{
    const IoTensor **order = NEW_N(f->arena, const IoTensor *, s->at.n + 1);
    for (int i = 0; i < s->at.n; i++) order[i] = &s->at.at[i];
    qsort(order, (size_t)s->at.n, sizeof *order, by_address);
    const unsigned char *at = data;
    for (int i = 0; i < s->at.n; i++) {
        if (order[i]->data != at)
            return bad(f, order[i]->name,
                       (const unsigned char *)order[i]->data < at ? "its bytes overlap another tensor's"
                                                                  : "there is a hole before its bytes");
        at += order[i]->bytes;
    }
    return at == data + size || bad(f, NULL, "bytes after the last tensor belong to none");
}

bool safetensors_parse(const IoFile *f, IoSet *out)
{
    if (f->n < 8) return bad(f, NULL, "it is shorter than the length of its header");
    uint64_t length = io_le(f->at, 8);
    if (length > MAX_HEADER) return bad(f, NULL, "its header claims more than 100 MB");
    if (length > f->n - 8) return bad(f, NULL, "the file ends in its header");
    json_error_t error;
    json_t *root = json_loadb((const char *)f->at + 8, length, JSON_REJECT_DUPLICATES, &error);
    if (!root) return bad(f, NULL, arena_printf(f->arena, "its header is no JSON object: %s", error.text));

    bool ok = json_is_object(root) || bad(f, NULL, "its header is no JSON object");
    const unsigned char *data = f->at + 8 + length;
    size_t size = f->n - 8 - length;
    const char *name;
    json_t *row;
    json_object_foreach(root, name, row) {
        IoTensor t;
        if (!ok || strcmp(name, "__metadata__") == 0) continue;
        ok = tensor_of(f, name, row, data, size, &t);
        if (ok) vec_push(f->arena, &out->at, t);
    }
    json_decref(root);
    return ok && covers(f, out, data, size);
}

void safetensors_build(Arena *a, const IoTensor *at, int n, Text *out)
{
    Text h = text_new(a);
    size_t offset = 0;
    for (int i = 0; i < n; i++) {
        text_put(&h, i ? "," : "{");
        text_json_string(&h, at[i].name);
        text_printf(&h, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", type_names[at[i].type],
                    io_shape_text(a, at[i].rank, at[i].dim), offset, offset + at[i].bytes);
        offset += at[i].bytes;
    }
    text_put(&h, n ? "}" : "{}");
    while (h.n % 8) text_put(&h, " ");
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)h.n >> 8 * i);
    io_bytes(out, length, 8);
    io_bytes(out, h.at, h.n);
    for (int i = 0; i < n; i++) io_bytes(out, at[i].data, at[i].bytes);
}
