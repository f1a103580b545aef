/* test_base.c: arenas, arrays, text, files, windows against brute force, and f16 exhaustively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "dtype.h"
#include "text.h"
#include "vec.h"
#include "window.h"

/* ---- memory ---- */

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    static const char zeros[100000];
    Arena *a = arena_new();
    ArenaMark start = arena_mark(a);
    for (int round = 0; round < 2; round++) {                   /* the second round gets memory that was written before */
        for (size_t n = 0; n <= sizeof zeros; n = n * 3 + 1) {
            char *p = arena_alloc(a, n);
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_memory_equal(p, zeros, n);
            memset(p, 0xA5, n);
        }
        arena_reset(a, start);
    }
    arena_free(a);
    arena_free(NULL);
}

static void arena_blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { N = 3000 };
    Arena *a = arena_new();
    unsigned char *block[N];
    for (int i = 0; i < N; i++) memset(block[i] = arena_alloc(a, (size_t)(i % 97)), i & 255, (size_t)(i % 97));
    for (int i = 0; i < N; i++)
        for (int k = 0; k < i % 97; k++) assert_int_equal(block[i][k], i & 255);
    arena_free(a);
}

static void arena_reset_keeps_what_is_older(void **state)
{
    (void)state;
    Arena *a = arena_new();
    char *kept = arena_strdup(a, "kept");
    ArenaMark mark = arena_mark(a);
    void *first = arena_alloc(a, 64);
    for (int i = 0; i < 100; i++) arena_alloc(a, 100000);       /* several blocks */
    arena_reset(a, mark);
    assert_ptr_equal(arena_alloc(a, 64), first);
    assert_string_equal(kept, "kept");
    arena_free(a);
}

static void arena_copies_strings(void **state)
{
    (void)state;
    Arena *a = arena_new();
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(a, "", 0), "");
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    char *long_text = arena_printf(a, "%070000d", 5);
    assert_int_equal(strlen(long_text), 70000);
    assert_memory_equal(arena_copy(a, "a\0b", 3), "a\0b", 3);
    arena_free(a);
}

static void vec_grows_and_keeps_order(void **state)
{
    (void)state;
    Arena *a = arena_new();
    typedef struct Item { int i; double d; } Item;
    VEC(Item) v = { 0 };
    for (int i = 0; i < 10000; i++) vec_push(a, &v, (Item){ i, i / 2.0 });
    assert_int_equal(v.n, 10000);
    for (int i = 0; i < v.n; i++) assert_true(v.at[i].i == i && v.at[i].d == i / 2.0);
    vec_last(&v).i = -1;
    assert_int_equal(v.at[9999].i, -1);
    arena_free(a);
}

/* ---- text ---- */

static void text_indents_lines(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Text t = text_new(a);
    text_open(&t, "a %d {", 1);
    text_line(&t, "b");
    text_line(&t, "%s", "");
    text_open(&t, "c {");
    text_put(&t, "raw\n");
    text_close(&t, "}");
    text_close(&t, "}");
    assert_string_equal(t.at, "a 1 {\n    b\n\n    c {\nraw\n    }\n}\n");
    assert_int_equal(t.n, strlen(t.at));
    arena_free(a);
}

static void text_grows(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Text t = text_new(a);
    for (int i = 0; i < 5000; i++) text_printf(&t, "%04d,", i);
    assert_int_equal(t.n, 25000);
    assert_int_equal(atoi(t.at + 4321 * 5), 4321);
    assert_int_equal(t.at[t.n], 0);
    arena_free(a);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        { "", "\"\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "tab\tline\nbell\a", "\"tab\\u0009line\\nbell\\u0007\"" },
        { "\xC3\xA9 \xE6\xBC\xA2 \xF0\x9F\x98\x80", "\"\xC3\xA9 \xE6\xBC\xA2 \xF0\x9F\x98\x80\"" },
        { "\xE9", "\"\\ufffd\"" },                              /* Latin-1 */
        { "\xC0\xAF", "\"\\ufffd\\ufffd\"" },                   /* overlong '/' */
        { "\xED\xA0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },        /* half a surrogate pair */
        { "\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },  /* past U+10FFFF */
        { "\xE6\xBC", "\"\\ufffd\\ufffd\"" },                   /* cut short */
    };
    Arena *a = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Text t = text_new(a);
        text_json_string(&t, cases[i].in);
        assert_string_equal(t.at, cases[i].out);
    }
    arena_free(a);
}

static void files_appear_whole_or_not_at_all(void **state)
{
    (void)state;
    Arena *a = arena_new();
    const char *why = NULL;
    size_t len = 0;
    char dir[] = "/tmp/fcm_test_XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = arena_printf(a, "%s/out", dir), *missing = arena_printf(a, "%s/no/out", dir);

    assert_true(text_write_file(a, path, "a\0b", 3, &why));
    assert_true(text_write_file(a, path, "second", 6, &why));   /* replaces */
    assert_string_equal(text_read_file(a, path, 100, &len, &why), "second");
    assert_int_equal(len, 6);
    assert_non_null(text_read_file(a, path, 6, &len, &why));

    assert_null(text_read_file(a, path, 5, &len, &why));
    assert_string_equal(why, "larger than 5 bytes");
    assert_null(text_read_file(a, dir, 100, &len, &why));
    assert_string_equal(why, "it is a directory");
    why = NULL;
    assert_null(text_read_file(a, missing, 100, &len, &why));
    assert_non_null(why);
    why = NULL;
    assert_false(text_write_file(a, missing, "x", 1, &why));
    assert_non_null(why);
    why = NULL;
    assert_false(text_write_file(a, dir, "x", 1, &why));        /* the rename fails: no temporary file stays behind */
    assert_non_null(why);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    arena_free(a);
}

/* ---- windows ---- */

/* The definition, literally: output o reads o*stride - before + t*dilation; it exists if all of that lies in the padded input. */
static int64_t count_outputs(const WinAxis *w, int64_t in)
{
    int64_t n = 0;
    while (n * w->stride + (int64_t)(w->k - 1) * w->dilation < in + w->before + w->after) n++;
    return n;
}

static void check_window(const WinAxis *w, int64_t in)
{
    int64_t out = count_outputs(w, in);
    assert_int_equal(win_out(w, in) > 0 ? win_out(w, in) : 0, out);
    for (int64_t lo = 0; lo < out; lo++) {
        for (int64_t n = 1; lo + n <= out; n++) {
            int64_t first = INT64_MAX, last = INT64_MIN;
            for (int64_t o = lo; o < lo + n; o++) {
                for (int t = 0; t < w->k; t++) {
                    int64_t at = o * w->stride - w->before + (int64_t)t * w->dilation;
                    first = at < first ? at : first;
                    last = at > last ? at : last;
                }
            }
            WinSpan s = win_in(w, (WinSpan){ lo, n });
            assert_int_equal(s.lo, first);
            assert_int_equal(s.n, last - first + 1);
            WinSpan c = win_clip(s, in);
            int64_t inside = 0;
            for (int64_t i = first; i <= last; i++) inside += i >= 0 && i < in;
            assert_int_equal(c.n, inside);
            if (inside) assert_true(c.lo == (first > 0 ? first : 0));
        }
    }
}

/* Tiles of n outputs own what they read, and each position once, exactly if win_owns_all() says so. */
static void check_owned(const WinAxis *w, int64_t in)
{
    int64_t out = win_out(w, in);
    for (int64_t n = 1; n <= out && out > 0; n++) {
        int times[64] = { 0 };
        bool right = true;
        for (int64_t lo = 0; lo < out; lo += n) {
            WinSpan tile = { lo, n }, own = win_own(w, tile), all = win_in(w, tile);
            right = right && own.lo >= all.lo;
            assert_true(own.lo + own.n <= all.lo + all.n);
            for (int64_t i = own.lo; i < own.lo + own.n; i++)
                if (i >= 0 && i < in) times[i]++;
        }
        if (out % n) continue;                      /* the last tile's own outputs beyond the tensor may own more */
        for (int64_t i = 0; i < in; i++) assert_true(times[i] <= 1), right = right && times[i] == 1;
        assert_true(right == win_owns_all(w, in));
    }
}

static void windows_match_brute_force(void **state)
{
    (void)state;
    for (int k = 1; k <= 5; k++)
        for (int stride = 1; stride <= 3; stride++)
            for (int dilation = 1; dilation <= 3; dilation++)
                for (int before = 0; before <= 3; before++)
                    for (int after = 0; after <= 3; after++)
                        for (int64_t in = 1; in <= 9; in++) {
                            check_window(&(WinAxis){ k, stride, dilation, before, after }, in);
                            check_owned(&(WinAxis){ k, stride, dilation, before, after }, in);
                        }
}

static void windows_match_known_layers(void **state)
{
    (void)state;
    static const struct { WinAxis w; int64_t in, out; } layers[] = {
        { { 3, 2, 1, 1, 1 }, 224, 112 },    /* stem */
        { { 3, 2, 1, 0, 1 }, 224, 112 },    /* stem, TensorFlow's padding */
        { { 3, 1, 1, 1, 1 }, 56, 56 },      { { 5, 2, 1, 2, 2 }, 56, 28 },   { { 7, 1, 1, 3, 3 }, 14, 14 },
        { { 4, 4, 1, 0, 0 }, 224, 56 },     /* ConvNeXt's patches */
        { { 3, 2, 1, 0, 0 }, 224, 111 },    /* Xception */
        { { 3, 1, 2, 2, 2 }, 28, 28 },      { { 3, 1, 1, 0, 0 }, 2, 0 },     { { 1, 1, 1, 0, 0 }, 7, 7 },
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) assert_int_equal(win_out(&layers[i].w, layers[i].in), layers[i].out);
    assert_int_equal(win_extent(&(WinAxis){ 3, 1, 2, 0, 0 }), 5);
    assert_int_equal(win_in(&(WinAxis){ 3, 1, 1, 1, 1 }, (WinSpan){ 4, 0 }).n, 0);
}

static void clipping_never_leaves_the_tensor(void **state)
{
    (void)state;
    for (int64_t lo = -9; lo <= 9; lo++)
        for (int64_t n = 0; n <= 9; n++)
            for (int64_t size = 0; size <= 6; size++) {
                WinSpan c = win_clip((WinSpan){ lo, n }, size);
                assert_true(c.n >= 0 && c.lo >= 0 && c.lo + c.n <= size);
            }
}

static void arithmetic_reports_overflow(void **state)
{
    (void)state;
    static const int64_t values[] = { INT64_MIN, INT64_MIN + 1, -4294967296, -3, -1, 0, 1, 2, 3037000499, 3037000500, 4294967296,
                                      INT64_MAX / 2, INT64_MAX - 1, INT64_MAX };
    enum { N = sizeof values / sizeof *values };
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            int64_t a = values[i], b = values[k], r = 42;
            int64_t half = b / 2, rest = b - half;              /* a + b by two steps of which each is safe or shows the overflow */
            bool fits = half >= 0 ? a <= INT64_MAX - half : a >= INT64_MIN - half;
            if (fits) fits = rest >= 0 ? a + half <= INT64_MAX - rest : a + half >= INT64_MIN - rest;
            assert_int_equal(win_add(a, b, &r), fits);
            if (fits) assert_int_equal(r, (int64_t)((uint64_t)a + (uint64_t)b));
            long double exact = (long double)a * (long double)b;    /* 64 bits of mantissa tell 2^63 from 2^63 - 1 */
            bool small = exact >= -0x1p63L && exact < 0x1p63L;
            assert_int_equal(win_mul(a, b, &r), small);
            if (small) assert_int_equal(r, (int64_t)((uint64_t)a * (uint64_t)b));
        }
    assert_int_equal(win_div_up(0, 4), 0);
    assert_int_equal(win_div_up(1, 4), 1);
    assert_int_equal(win_div_up(8, 4), 2);
    assert_int_equal(win_round_up(17, 16), 32);
    assert_int_equal(win_round_up(16, 16), 16);
}

/* ---- element types ---- */

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

/* The value of a finite f16 from its fields, by exact powers of two. */
static double f16_value(unsigned h)
{
    int exp = (int)(h >> 10 & 31), man = (int)(h & 1023);
    double v = exp ? 1024 + man : man;
    for (int e = exp ? exp : 1; e < 25; e++) v /= 2;
    for (int e = exp; e > 25; e--) v *= 2;
    return h & 0x8000 ? -v : v;
}

static void f16_round_trips_exhaustively(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x10000; h++) {
        float f = f16_to_f32((unsigned short)h);
        if ((h & 0x7C00) != 0x7C00) assert_true((double)f == f16_value(h));
        if ((h & 0x7FFF) > 0x7C00) {                            /* not a number: stays one */
            assert_true(f != f);
            assert_int_equal(f32_to_f16(f) & 0x7C00, 0x7C00);
            assert_int_not_equal(f32_to_f16(f) & 0x03FF, 0);
            continue;
        }
        assert_int_equal(bits_of(f) >> 31, h >> 15);            /* the sign of zero, too */
        assert_int_equal(f32_to_f16(f), h);
    }
}

/* Between two neighbours f16 rounds to the nearer one, and from the middle to the even one. */
static void f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7BFF; h++) {
        float lo = f16_to_f32((unsigned short)h), hi = f16_to_f32((unsigned short)(h + 1)), middle = (lo + hi) / 2;
        uint32_t m = bits_of(middle);
        float below, above;
        memcpy(&below, &(uint32_t){ m - 1 }, 4);
        memcpy(&above, &(uint32_t){ m + 1 }, 4);
        assert_int_equal(f32_to_f16(below), h);
        assert_int_equal(f32_to_f16(above), h + 1);
        assert_int_equal(f32_to_f16(middle), h & 1 ? h + 1 : h);
        assert_int_equal(f32_to_f16(-middle), 0x8000 | (h & 1 ? h + 1 : h));
    }
    assert_int_equal(f32_to_f16(65519.996f), 0x7BFF);
    assert_int_equal(f32_to_f16(65520.0f), 0x7C00);
    assert_int_equal(f32_to_f16(-1e30f), 0xFC00);
    assert_int_equal(f32_to_f16(0x1p-25f), 0);                  /* half of the smallest: to even, that is zero */
    assert_int_equal(f32_to_f16(1e-40f), 0);
}

static void types_and_activations_have_names(void **state)
{
    (void)state;
    static const int bytes[] = { [DT_F32] = 4, [DT_F16] = 2, [DT_BF16] = 2, [DT_I8] = 1, [DT_I32] = 4, [DT_U8] = 1 };
    for (int t = DT_F32; t <= DT_U8; t++) {
        assert_int_equal(dtype_parse(dtype_name((DType)t)), t);
        assert_int_equal(dtype_bytes((DType)t), bytes[t]);
    }
    assert_int_equal(dtype_parse("f64"), DT_NONE);
    assert_int_equal(dtype_parse("none"), DT_NONE);
    assert_int_equal(dtype_bytes(DT_NONE), 0);
    assert_string_equal(act_name(ACT_GELU_ERF), "gelu");
    assert_int_equal(act_constants(ACT_CLAMP), 2);
    assert_true(act_is_integer(ACT_RELU6));
    assert_false(act_is_integer(ACT_SILU));
    assert_int_equal(act_sfu(ACT_RELU), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_aligned_memory), cmocka_unit_test(arena_blocks_do_not_overlap),
        cmocka_unit_test(arena_reset_keeps_what_is_older),   cmocka_unit_test(arena_copies_strings),
        cmocka_unit_test(vec_grows_and_keeps_order),         cmocka_unit_test(text_indents_lines),
        cmocka_unit_test(text_grows),                        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(files_appear_whole_or_not_at_all),  cmocka_unit_test(windows_match_brute_force),
        cmocka_unit_test(windows_match_known_layers),        cmocka_unit_test(clipping_never_leaves_the_tensor),
        cmocka_unit_test(arithmetic_reports_overflow),       cmocka_unit_test(f16_round_trips_exhaustively),
        cmocka_unit_test(f16_rounds_to_nearest_even),        cmocka_unit_test(types_and_activations_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
