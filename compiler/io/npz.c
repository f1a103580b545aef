/* npz.c: a zip archive of .npy members, stored or deflated. The central directory is what counts; local headers only tell where
 * data begin. Bombs: deflate cannot expand more than 1032 times, and members may not share bytes, so memory stays within that of
 * the file. */
#include "formats.h"
#include "window.h"

#include <string.h>
#include <zlib.h>

enum {
    END_BYTES = 22,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    MAX_COMMENT = 65535,
    MAX_MEMBERS = 65536,
    DEFLATE_MOST = 1032
};

typedef struct Directory { uint64_t count, bytes, offset; } Directory;
typedef struct Member { const char *name; unsigned flags, method, crc; uint64_t packed, size, local; } Member;

static bool bad(const IoFile *f, const char *name, const char *why)
{
    if (name) diag_error(f->diag, (Loc){ 0 }, "FCM3005", "%s: member '%s': %s", f->path, name, why);
    else diag_error(f->diag, (Loc){ 0 }, "FCM3005", "%s: %s", f->path, why);
    return false;
}

/* The end record, and the 64-bit one before it where its fields are full. */
static bool find_directory(const IoFile *f, Directory *d)
{
    size_t least = f->n > END_BYTES + MAX_COMMENT ? f->n - END_BYTES - MAX_COMMENT : 0, at = f->n - END_BYTES;
    if (f->n < END_BYTES) return bad(f, NULL, "it is too short for a zip archive");
    while (memcmp(f->at + at, "PK\5\6", 4) != 0)
        if (at-- == least) return bad(f, NULL, "it has no directory of a zip archive: the file is cut off or no .npz");
    const unsigned char *e = f->at + at;
    *d = (Directory){ io_le(e + 10, 2), io_le(e + 12, 4), io_le(e + 16, 4) };
    if (d->count == 0xFFFF || d->bytes == UINT32_MAX || d->offset == UINT32_MAX) {
        const unsigned char *l = e - LOCATOR_BYTES;
        if (at < LOCATOR_BYTES || memcmp(l, "PK\6\7", 4) != 0) return bad(f, NULL, "its 64-bit directory is missing");
        uint64_t where = io_le(l + 8, 8);
        if (f->n < END64_BYTES || where > f->n - END64_BYTES || memcmp(f->at + where, "PK\6\6", 4) != 0)
            return bad(f, NULL, "its 64-bit directory is missing");
        const unsigned char *w = f->at + where;
        *d = (Directory){ io_le(w + 32, 8), io_le(w + 40, 8), io_le(w + 48, 8) };
    }
    if (d->offset > f->n || d->bytes > f->n - d->offset) return bad(f, NULL, "its directory lies outside the file");
    return d->count <= MAX_MEMBERS || bad(f, NULL, "it has more than 65536 members");
}

/* Sizes of 2^32 - 1 stand in the 64-bit extra field, in this order, only those that are full. */
static bool wide_fields(const IoFile *f, Member *m, const unsigned char *extra, size_t n)
{
    uint64_t *full[] = { m->size == UINT32_MAX ? &m->size : NULL, m->packed == UINT32_MAX ? &m->packed : NULL,
                         m->local == UINT32_MAX ? &m->local : NULL };
    if (!full[0] && !full[1] && !full[2]) return true;
    for (size_t at = 0; n - at >= 4;) {
        size_t id = io_le(extra + at, 2), len = io_le(extra + at + 2, 2);
        if (len > n - at - 4) break;
        const unsigned char *p = extra + at + 4, *end = p + len;
        at += 4 + len;
        if (id != 1) continue;
        for (int i = 0; i < 3; i++) {
            if (!full[i]) continue;
            if (end - p < 8) return bad(f, m->name, "its 64-bit sizes are missing");
            *full[i] = io_le(p, 8);
            p += 8;
        }
        return true;
    }
    return bad(f, m->name, "its 64-bit sizes are missing");
}

static bool read_entry(const IoFile *f, const unsigned char **at, const unsigned char *end, Member *m)
{
    const unsigned char *p = *at;
    if (end - p < ENTRY_BYTES || memcmp(p, "PK\1\2", 4) != 0) return bad(f, NULL, "an entry of its directory is malformed");
    size_t name = io_le(p + 28, 2), extra = io_le(p + 30, 2), comment = io_le(p + 32, 2);
    if ((size_t)(end - p) < ENTRY_BYTES + name + extra + comment) return bad(f, NULL, "an entry of its directory is malformed");
    if (memchr(p + ENTRY_BYTES, 0, name)) return bad(f, NULL, "the name of a member holds a NUL");
    *m = (Member){ .name = arena_strndup(f->arena, (const char *)p + ENTRY_BYTES, name),
                   .flags = (unsigned)io_le(p + 8, 2),
                   .method = (unsigned)io_le(p + 10, 2),
                   .crc = (unsigned)io_le(p + 16, 4),
                   .packed = io_le(p + 20, 4),
                   .size = io_le(p + 24, 4),
                   .local = io_le(p + 42, 4) };
    *at = p + ENTRY_BYTES + name + extra + comment;
    return wide_fields(f, m, p + ENTRY_BYTES + name, extra);
}

static bool inflate_member(const IoFile *f, const Member *m, const unsigned char *packed, unsigned char *out)
{
    z_stream z = { 0 };
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) ice("zlib does not start");
    size_t in = m->packed, room = m->size;
    int state = Z_OK;
    z.next_in = (z_const Bytef *)(uintptr_t)packed;
    z.next_out = out;
    while (state == Z_OK && (in || z.avail_in || room || z.avail_out)) {        /* zlib counts in unsigned int */
        if (!z.avail_in) z.avail_in = in > 1u << 30 ? 1u << 30 : (uInt)in, in -= z.avail_in;
        if (!z.avail_out) z.avail_out = room > 1u << 30 ? 1u << 30 : (uInt)room, room -= z.avail_out;
        state = inflate(&z, Z_NO_FLUSH);
    }
    bool whole = state == Z_STREAM_END && room == 0 && z.avail_out == 0;
    inflateEnd(&z);
    return whole || bad(f, m->name, "its deflated data are damaged");
}

/* The member's bytes: in place when stored. taken: packed bytes of all members so far. */
static bool unpack(const IoFile *f, const Member *m, uint64_t *taken, IoFile *out)
{
    if (m->flags & 1) return bad(f, m->name, "it is encrypted");
    if (m->method != 0 && m->method != 8) return bad(f, m->name, "it is packed by another method than deflate");
    if (m->local > f->n || f->n - m->local < LOCAL_BYTES || memcmp(f->at + m->local, "PK\3\4", 4) != 0)
        return bad(f, m->name, "its data lie outside the file");
    const unsigned char *l = f->at + m->local;
    uint64_t start = m->local + LOCAL_BYTES + io_le(l + 26, 2) + io_le(l + 28, 2);
    if (start > f->n || m->packed > f->n - start) return bad(f, m->name, "its data lie outside the file");
    *taken += m->packed;
    if (*taken > f->n) return bad(f, m->name, "it shares its bytes with other members");
    *out = (IoFile){ f->arena, f->diag, f->path, f->at + start, m->size };
    if (m->method == 0) {
        if (m->packed != m->size) return bad(f, m->name, "it is stored, yet its two sizes differ");
    } else {
        if (m->size > m->packed * DEFLATE_MOST + DEFLATE_MOST)
            return bad(f, m->name, "it claims more bytes than its data can hold");
        unsigned char *fresh = arena_alloc(f->arena, m->size ? m->size : 1);
        if (!inflate_member(f, m, f->at + start, fresh)) return false;
        out->at = fresh;
    }
    return crc32_z(0, out->at, out->n) == m->crc || bad(f, m->name, "its checksum is wrong");
}

bool npz_parse(const IoFile *f, IoSet *out)
{
    Directory d = { 0 };
    if (!find_directory(f, &d)) return false;
    const unsigned char *at = f->at + d.offset, *end = at + d.bytes;
    uint64_t taken = 0;
    for (uint64_t i = 0; i < d.count; i++) {
        Member m;
        IoFile body;
        IoTensor t;
        if (!read_entry(f, &at, end, &m)) return false;
        size_t n = strlen(m.name);
        if (n < 5 || strcmp(m.name + n - 4, ".npy") != 0) return bad(f, m.name, "it is no .npy array");
        const char *name = arena_strndup(f->arena, m.name, n - 4);
        if (io_find(out, name)) return bad(f, m.name, "it comes twice");
        if (!unpack(f, &m, &taken, &body) || !npy_parse(&body, name, &t)) return false;
        vec_push(f->arena, &out->at, t);
    }
    return at == end || bad(f, NULL, "its directory counts fewer entries than it holds");
}

static void put_le(Text *t, uint64_t v, int bytes)
{
    unsigned char p[8];
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
    io_bytes(t, p, (size_t)bytes);
}

/* The fields that local header and directory entry share: version to the length of the extra field. Dates are 1980-01-01: same
 * bytes every day. */
static void put_common(Text *t, uint32_t crc, size_t size, size_t name)
{
    const unsigned fields[] = { 20, 0, 0, 0, 0x21 };
    for (int i = 0; i < 5; i++) put_le(t, fields[i], 2);
    put_le(t, crc, 4);
    put_le(t, size, 4);
    put_le(t, size, 4);
    put_le(t, name, 2);
    put_le(t, 0, 2);
}

bool npz_build(Arena *a, const IoTensor *at, int n, Text *out)
{
    Text directory = text_new(a);
    if (n > 0xFFFE) return false;
    for (int i = 0; i < n; i++) {
        const char *name = arena_printf(a, "%s.npy", at[i].name);
        Text body = text_new(a);
        npy_header(&body, &at[i]);
        io_bytes(&body, at[i].data, at[i].bytes);
        size_t local = out->n;
        if (local + body.n > UINT32_MAX - 1) return false;
        uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)body.at, body.n);
        io_bytes(out, "PK\3\4", 4);
        put_common(out, crc, body.n, strlen(name));
        text_put(out, name);
        io_bytes(out, body.at, body.n);
        io_bytes(&directory, "PK\1\2", 4);
        put_le(&directory, 20, 2);
        put_common(&directory, crc, body.n, strlen(name));
        put_le(&directory, 0, 2 + 2 + 2);                       /* comment, disk, internal attributes */
        put_le(&directory, 0, 4);
        put_le(&directory, local, 4);
        text_put(&directory, name);
    }
    size_t start = out->n;
    io_bytes(out, directory.at, directory.n);
    io_bytes(out, "PK\5\6", 4);
    put_le(out, 0, 4);
    put_le(out, (uint64_t)n, 2);
    put_le(out, (uint64_t)n, 2);
    put_le(out, directory.n, 4);
    put_le(out, start, 4);
    put_le(out, 0, 2);
    return out->n <= UINT32_MAX;
}
