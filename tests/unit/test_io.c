/* test_io.c: tensor files: what is written reads back equal, what NumPy writes is read, and what is wrong is refused with its
 * code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "formats.h"
#include "io.h"

typedef struct Fix { Arena *a; Diag *d; } Fix;
static Fix fresh(void) { Arena *a = arena_new(); return (Fix){ a, diag_new(a) }; }

/* Builds an .npy with the header dict given and `bytes` bytes 0, 1, 2 … of data. */
static Text npy(Arena *a, int version, const char *dict, size_t bytes)
{
    Text t = text_new(a);
    size_t n = strlen(dict);
    unsigned char head[12] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0, (unsigned char)(n & 255), (unsigned char)(n >> 8), 0, 0
    };
    io_bytes(&t, head, version == 1 ? 10 : 12);
    text_put(&t, dict);
    for (size_t i = 0; i < bytes; i++) io_bytes(&t, &(unsigned char){ (unsigned char)i }, 1);
    return t;
}

static const char *first_code(const Fix *f)
{
    return diag_count(f->d) ? diag_entry(f->d, 0)->code : NULL;
}

static void expect_refusal(const char *path, const void *bytes, size_t n, const char *code, const char *words)
{
    Fix f = fresh();
    IoSet s;
    assert_false(io_parse(f.a, f.d, path, bytes, n, &s));
    assert_string_equal(first_code(&f), code);
    if (!strstr(diag_entry(f.d, 0)->text, words)) fail_msg("'%s' does not say '%s'", diag_entry(f.d, 0)->text, words);
    arena_free(f.a);
}

static void reads_npy_of_each_version(void **state)
{
    (void)state;
    for (int version = 1; version <= 3; version++) {
        Fix f = fresh();
        IoSet s;
        Text t = npy(f.a, version, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }   \n", 12);
        assert_true(io_parse(f.a, f.d, "x.npy", t.at, t.n, &s));
        assert_int_equal(s.at.at[0].type, IO_F16);
        assert_int_equal(s.at.at[0].rank, 2);
        assert_int_equal(s.at.at[0].dim[1], 3);
        assert_int_equal(s.at.at[0].bytes, 12);
        arena_free(f.a);
    }
}

static void reads_scalars_vectors_and_other_quotes(void **state)
{
    (void)state;
    Fix f = fresh();
    IoSet s;
    Text t = npy(f.a, 1, "{\"shape\": (), 'fortran_order': True, 'descr': '|i1'}", 1);
    assert_true(io_parse(f.a, f.d, "x.npy", t.at, t.n, &s));
    assert_int_equal(s.at.at[0].rank, 0);
    t = npy(f.a, 1, "{'shape': (4,), 'fortran_order': False, 'descr': '<f8'}", 32);
    assert_true(io_parse(f.a, f.d, "x.npy", t.at, t.n, &s));
    assert_int_equal(s.at.at[0].dim[0], 4);
    arena_free(f.a);
}

static void refuses_bad_npy(void **state)
{
    (void)state;
    static const struct { const char *dict; size_t bytes; const char *code, *words; } cases[] = {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 23, "FCM3003", "needs 24 bytes of data; there are 23" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 25, "FCM3003", "there are 25" },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24, "FCM3004", "Fortran order" },
        { "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", 24, "FCM3004", "'>f4'" },
        { "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}", 24, "FCM3004", "'|O'" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}", 24, "FCM3003", "structured" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 24, "FCM3003", "does not fit memory" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 0)}", 0, "FCM3003", "63 bits" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3)}", 24, "FCM3003", "something else" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, "FCM3003", "more than 8" },
        { "{'descr': '<f4', 'fortran_order': False}", 24, "FCM3003", "lacks" },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, "FCM3003", "twice" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': ()} ; x", 4, "FCM3003", "follows" },
        { "{'descr': '<f4", 24, "FCM3003", "not closed" },
        { "", 24, "FCM3003", "no dict" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *a = arena_new();
        Text t = npy(a, 1, cases[i].dict, cases[i].bytes);
        expect_refusal("x.npy", t.at, t.n, cases[i].code, cases[i].words);
        arena_free(a);
    }
    expect_refusal("x.npy", "hello world", 11, "FCM3003", "does not begin");
    expect_refusal("x.npy", "\x93NUMPY\1\0\xff\xff", 10, "FCM3003", "ends in its header");
    expect_refusal("x.npy", "\x93NUMPY\4\0\1\0", 10, "FCM3003", "version");
    expect_refusal("x.npy", "version https://git-lfs.github.com", 30, "FCM3007", "Git-LFS");
    expect_refusal("w.pt", "PK", 2, "FCM3002", "ends in");
}

static void writes_and_reads_back(void **state)
{
    (void)state;
    static const char *const names[] = { "t.npz", "t.safetensors" };
    Fix f = fresh();
    float x[6] = { 1, -2, 3.5f, 0, -0.0f, INFINITY };
    unsigned short h[2] = { 0x3C00, 0xFC00 };
    IoTensor two[2] = { { "e.weight", IO_F32, 2, { 2, 3 }, x, sizeof x }, { "b\"\n", IO_F16, 1, { 2 }, h, sizeof h } };
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "/tmp/fcm_io_%ld_%s", (long)getpid(), names[i]);
        assert_true(io_write(f.a, f.d, path, two, 2));
        IoSet s;
        assert_true(io_read(f.a, f.d, path, &s));
        remove(path);
        assert_int_equal(s.at.n, 2);
        for (int k = 0; k < 2; k++) {
            const IoTensor *t = io_find(&s, two[k].name);
            assert_non_null(t);
            assert_int_equal(t->type, two[k].type);
            assert_int_equal(t->bytes, two[k].bytes);
            assert_memory_equal(t->data, two[k].data, t->bytes);
        }
    }
    assert_false(io_write(f.a, f.d, "/nowhere/x.npz", two, 2));
    assert_string_equal(first_code(&f), "FCM3014");
    arena_free(f.a);
}

/* x = arange(3, dtype=f4), deflated, with the 64-bit local header that numpy.savez_compressed writes. */
static void reads_deflated_npz(void **state)
{
    (void)state;
    static const unsigned char file[] = {
        0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xb6, 0x8c, 0x86, 0x53, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x78, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x8c,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b,
        0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x66, 0xa2,
        0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77, 0x4b, 0xcc,
        0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a, 0xc6, 0x3a, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x14,
        0x00, 0x2e, 0x06, 0x30, 0x68, 0xb0, 0x07, 0x12, 0x0e, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00,
        0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xb6, 0x8c, 0x86, 0x53, 0x4b, 0x00, 0x00, 0x00, 0x8c, 0x00, 0x00, 0x00, 0x05, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x78, 0x2e, 0x6e, 0x70,
        0x79, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x33, 0x00, 0x00, 0x00, 0x82, 0x00, 0x00,
        0x00, 0x00, 0x00,
    };
    Fix f = fresh();
    IoSet s;
    assert_true(io_parse(f.a, f.d, "x.npz", file, sizeof file, &s));
    const IoTensor *x = io_find(&s, "x");
    assert_non_null(x);
    for (int i = 0; i < 3; i++) assert_true(io_element(x, i) == i);
    for (size_t i = 0; i < sizeof file; i++) {                  /* one bit wrong anywhere: refused, or in a field that does not matter */
        unsigned char *copy = arena_copy(f.a, file, sizeof file);
        copy[i] ^= 4;
        Fix g = fresh();
        if (io_parse(g.a, g.d, "x.npz", copy, sizeof file, &s) && io_find(&s, "x"))
            for (int k = 0; k < 3; k++) assert_true(io_element(io_find(&s, "x"), k) == k);
        arena_free(g.a);
    }
    arena_free(f.a);
}

static void refuses_damaged_npz(void **state)
{
    (void)state;
    Arena *a = arena_new();
    float x[3] = { 0, 1, 2 };
    IoTensor t = { "x", IO_F32, 1, { 3 }, x, sizeof x };
    Text z = text_new(a);
    assert_true(npz_build(a, &t, 1, &z));
    unsigned char *copy = arena_copy(a, z.at, z.n);
    for (size_t cut = 0; cut < z.n; cut++) {                    /* every truncation is refused */
        Fix f = fresh();
        IoSet s;
        assert_false(io_parse(f.a, f.d, "x.npz", copy, cut, &s));
        arena_free(f.a);
    }
    copy[z.n / 2 - 20] ^= 1;                                    /* inside the member's bytes */
    expect_refusal("x.npz", copy, z.n, "FCM3005", "");
    arena_free(a);
}

static Text safe(Arena *a, const char *json, size_t data)
{
    Text t = text_new(a);
    unsigned char n[8] = { (unsigned char)strlen(json), (unsigned char)(strlen(json) >> 8) };
    io_bytes(&t, n, 8);
    text_put(&t, json);
    for (size_t i = 0; i < data; i++) io_bytes(&t, "\0", 1);
    return t;
}

static void refuses_bad_safetensors(void **state)
{
    (void)state;
    static const struct { const char *json; size_t data; const char *words;
    } cases[] = {
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_"
          "offsets\":[4,12]}}",
          12, "overlap" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_"
          "offsets\":[8,12]}}",
          12, "hole" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "belong to none" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_"
          "offsets\":[0,4]}}",
          4, "JSON" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,4]}}", 4, "disagree" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "integer from 0" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "outside" },
        { "{\"a\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'C64'" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, "memory" },
        { "{\"a\":3}", 0, "no object" },
        { "[]", 0, "no JSON object" },
    };
    Arena *a = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Text t = safe(a, cases[i].json, cases[i].data);
        expect_refusal("w.safetensors", t.at, t.n, "FCM3006", cases[i].words);
    }
    expect_refusal("w.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10, "FCM3006", "100 MB");
    expect_refusal("w.safetensors", "\x03\0\0\0\0\0\0\0{}", 10, "FCM3006", "ends in its header");
    arena_free(a);
}

static void converts_elements(void **state)
{
    (void)state;
    static const struct { IoType type; double in, out;
    } cases[] = {
        { IO_F16, 2049, 2048 },
        { IO_F16, 2051, 2052 },
        { IO_F16, 65519.9, 65504 },
        { IO_F16, 65520, INFINITY },
        { IO_F16, 0x1p-25, 0 },
        { IO_F16, 0x1.8p-25, 0x1p-24 },
        { IO_F16, 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-10 },
        { IO_BF16, 257, 256 },
        { IO_BF16, 259, 260 },
        { IO_I8, 127.5, 127 },
        { IO_I8, -1e9, -128 },
        { IO_I8, 2.5, 2 },
        { IO_U8, -3, 0 },
        { IO_I32, 3e9, 2147483647 },
        { IO_F32, 16777217, 16777216 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char store[8];
        IoTensor t = { "", cases[i].type, 0, { 0 }, store, 8 };
        io_put(cases[i].type, store, 0, cases[i].in);
        assert_true(io_element(&t, 0) == cases[i].out);
    }
}

static void matches_by_name(void **state)
{
    (void)state;
    Fix f = fresh();
    float x[6] = { 1, 2, 3, 4, 5, 6 };
    IoSet s = { .path = "w.npz" };
    vec_push(f.a, &s.at, (IoTensor){ "e.weight", IO_F32, 2, { 2, 3 }, x, 24 });
    IoWant w = { "e.weight", IO_F32, 2, { 2, 3 }, NULL, 0 };
    assert_true(io_match(f.a, f.d, &s, &w, 1, IO_REFUSE));
    assert_memory_equal(w.data, x, 24);

    IoWant other = { "e.wieght", IO_F32, 2, { 2, 3 }, NULL, 0 };
    assert_false(io_match(f.a, f.d, &s, &other, 1, IO_REFUSE));
    assert_string_equal(diag_entry(f.d, 0)->code, "FCM3010");
    assert_non_null(strstr(diag_entry(f.d, 1)->text, "e.weight"));
    assert_string_equal(diag_entry(f.d, 2)->code, "FCM3011");

    Fix g = fresh();
    IoWant shape = { "e.weight", IO_F32, 2, { 3, 2 }, NULL, 0 };
    assert_false(io_match(g.a, g.d, &s, &shape, 1, IO_CAST));
    assert_string_equal(first_code(&g), "FCM3012");
    Fix h = fresh();
    IoWant type = { "e.weight", IO_F16, 2, { -1, 3 }, NULL, 0 };
    assert_false(io_match(h.a, h.d, &s, &type, 1, IO_REFUSE));
    assert_string_equal(first_code(&h), "FCM3013");
    assert_true(io_match(h.a, h.d, &s, &type, 1, IO_CAST));
    assert_int_equal(type.dim0, 2);
    assert_int_equal(((const unsigned short *)type.data)[0], 0x3C00);
    arena_free(f.a), arena_free(g.a), arena_free(h.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_npy_of_each_version), cmocka_unit_test(reads_scalars_vectors_and_other_quotes),
        cmocka_unit_test(refuses_bad_npy),           cmocka_unit_test(writes_and_reads_back),
        cmocka_unit_test(reads_deflated_npz), cmocka_unit_test(refuses_damaged_npz),       cmocka_unit_test(refuses_bad_safetensors),
        cmocka_unit_test(converts_elements),         cmocka_unit_test(matches_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
