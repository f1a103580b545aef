/* test_chain_head.c: chains that begin with a depthwise convolution before the expansion: windows of windows, what they move, what is refused, and that a
 * wrong halo is noticed.
 *
 *     x[N,12,12,16] ──dw 3x3──▶ a ──pw 32, relu6──▶ b ──dw 3x3──▶ y        tiles of 4 x 6 outputs: 6 x 8 of a, 8 x 10 of x */
#include "lowered_fixture.h"

static const char triple[] = "block t(x: f16[N, 12, 12, 16]) { a = x |> dw(3)  b = a |> pw(32) |> relu6  y = b |> dw(3)  return y }\n";
static const char strided[] = "block t(x: f16[N, 29, 29, 16]) { a = x |> dw(5, stride=2)  b = a |> pw(32)  y = b |> dw(3, stride=2)  return y }\n";
static const char doubled[] = "block t(x: f16[N, 12, 12, 16]) { a = x |> dw(3, mult=2)  b = a |> pw(24)  y = b |> pw(8)  return y }\n";
static const char four[] = "block t(x: f16[N, 12, 12, 16]) { a = x |> dw(3)  b = a |> pw(32)  c = b |> dw(3)  y = c |> pw(8)  return y }\n";

static int64_t read_of(const Lowered *x, const char *tensor)
{
    TmWalk w;
    tm_walk(x->a, x->m, x->p, 1, &w);
    for (int t = 0; t < x->m->tensors.n; t++)
        if (strcmp(x->m->tensors.at[t].name, tensor) == 0) return w.issued.read[t];
    fail_msg("no tensor %s", tensor);
    return 0;
}

static void extents(const TmTile *t, int rows, int cols, int channels)
{
    assert_int_equal(t->ext[1], rows);
    assert_int_equal(t->ext[2], cols);
    assert_int_equal(t->ext[3], channels);
}

/* ---- geometry ---- */

/* Rows of x, clipped: 0…5, 2…9, 6…11 of bands that read 4i-2 … 4i+5; columns 0…7 and 4…11 twice 8. */
static void windows(void **state)
{
    (void)state;
    static const int heads[] = { 0, 8 };
    for (int k = 0; k < 2; k++) {
        Lowered x = lowered(triple, "h200", tiles(4, 6, heads[k]));
        assert_non_null(x.m);
        extents(tile(&x, "hx"), 8, 10, k ? 8 : 16);
        extents(tile(&x, "xt"), 6, 8, 16);
        extents(tile(&x, "wh"), 3, 3, k ? 8 : 16);
        assert_int_equal(tile(&x, "hx")->org[1].k, -2);
        assert_int_equal(tile(&x, "xt")->org[1].k, -1);
        assert_int_equal(read_of(&x, "x"), (6 + 8 + 6) * (8 + 8) * 16 * 2);
        assert_int_equal(x.p->images.n, 2);
        assert_int_equal(x.p->images.at[1].count, k ? 2 : 1);
        arena_free(x.a);
    }
}

/* y 8x8 of a 15x15 of x 29x29. 3 rows of y read 2*2+3 = 7 of a, from 6i-1 on; these read 6*2+5 = 17 of x, from 2*(6i-1)-2 on. */
static void strides(void **state)
{
    (void)state;
    Lowered x = lowered(strided, "h200", tiles(3, 8, 0));
    assert_non_null(x.m);
    extents(tile(&x, "xt"), 7, 17, 16);
    extents(tile(&x, "hx"), 17, 37, 16);
    assert_int_equal(tile(&x, "hx")->org[1].k, -4);
    assert_int_equal(tile(&x, "hx")->org[1].term[0].coef, 12);
    arena_free(x.a);
}

/* Two rows of a above the band, then two new ones a step; each reads two more of x. */
static void line(void **state)
{
    (void)state;
    Sched s = tiles(2, 12, 8);
    s.line = 6;
    Lowered x = lowered(triple, "h200", s);
    assert_non_null(x.m);
    extents(tile(&x, "xp"), 2, 14, 16);
    extents(tile(&x, "hxp"), 4, 16, 8);
    extents(tile(&x, "xt"), 2, 14, 16);
    extents(tile(&x, "hx"), 4, 16, 8);
    assert_int_equal(tile(&x, "et")->roll, 4);
    /* above: x rows -2 … 1; steps: rows 2r … 2r+3, the last clipped to 10, 11 */
    assert_int_equal(read_of(&x, "x"), (2 + 5 * 4 + 2) * 12 * 16 * 2);
    arena_free(x.a);
}

static void forms(void **state)
{
    (void)state;
    static const char *const texts[] = { triple, strided, doubled, four };
    static const char *const devices[] = { "h200", "t4", "cpu" };
    for (int t = 0; t < 4; t++)
        for (int d = 0; d < 3; d++)
            for (int head = 0; head <= 16; head += 16) {
                Lowered x = lowered(texts[t], devices[d], tiles(4, 6, head));
                if (!x.m) fail_msg("%s%s: %s", texts[t], devices[d], x.why);
                runs_as_walked(&x, 2);
                arena_free(x.a);
            }
}

static void refusals(void **state)
{
    (void)state;
    Lowered x = lowered(triple, "h200", tiles(4, 6, 12)), y = lowered(doubled, "h200", tiles(4, 6, 8));
    assert_null(x.m);
    assert_string_equal(x.why, "head must be a multiple of 8 channels of the first depthwise's input");
    assert_null(y.m);                               /* 8 channels of the result are 4 of the input */
    assert_string_equal(y.why, x.why);
    arena_free(x.a);
    arena_free(y.a);
}

/* ---- faults ---- */

static TmIns *head_of(const Lowered *x)
{
    for (int k = 0; k < x->p->code.n; k++)
        if (x->p->code.at[k].op == TM_DW) return &x->p->code.at[k];
    fail_msg("no depthwise");
    return NULL;
}

static void window_late(const Lowered *x) { tile(x, "hx")->org[1].k++; }
static void window_left(const Lowered *x) { tile(x, "hx")->org[2].k--; }
static void window_short(const Lowered *x) { tile(x, "hx")->ext[1]--; }
static void tile_late(const Lowered *x) { tile(x, "xt")->org[1].k++; }
static void padding(const Lowered *x) { head_of(x)->geom.pad_top++; }
static void row_left_out(const Lowered *x) { head_of(x)->sub.h0++; }
static void one_step_only(const Lowered *x) { tile(x, "wh")->org[3] = affine_const(0); }
static void wrong_channels(const Lowered *x) { tile(x, "hx")->org[3] = affine_const(0); }

static void faults(void **state)
{
    (void)state;
    static const struct { void (*harm)(const Lowered *x); const char *word; } all[] = {
        { window_late, "hx" }, { window_left, "hx" }, { window_short, "hx" }, { tile_late, "xt" }, { padding, "hx" },
        { row_left_out, "in xt, finds" }, { one_step_only, "hx" }, { wrong_channels, "hx" },
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) noticed(lowered(triple, "h200", tiles(4, 6, 8)), all[k].harm, all[k].word, (int)k);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows), cmocka_unit_test(strides),  cmocka_unit_test(line),
                                        cmocka_unit_test(forms),   cmocka_unit_test(refusals), cmocka_unit_test(faults) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
