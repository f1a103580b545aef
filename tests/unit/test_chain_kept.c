/* test_chain_kept.c: intermediates that others read as well are stored, every element once, by the kernel that has them on chip; and what must come
 * after such a kernel does. */
#include "lowered_fixture.h"

static int64_t written(const Lowered *x, const char *tensor)
{
    TmWalk w;
    tm_walk(x->a, x->m, x->p, 1, &w);
    return w.issued.written[tensor_named(x->m, tensor)];
}

static int stores(const Lowered *x, const char *tensor)
{
    int n = 0, t = tensor_named(x->m, tensor);
    for (int k = 0; k < x->p->code.n; k++) n += x->p->code.at[k].op == TM_STORE && x->p->code.at[k].tensor == t;
    return n;
}

static TmIns *store_of(const Lowered *x, const char *tensor, int number)
{
    int t = tensor_named(x->m, tensor);
    for (int k = 0; k < x->p->code.n; k++)
        if (x->p->code.at[k].op == TM_STORE && x->p->code.at[k].tensor == t && number-- == 0) return &x->p->code.at[k];
    fail_msg("no store of %s", tensor);
    return NULL;
}

/* ---- each form ---- */

typedef struct Form { const char *body, *kept; int64_t bytes; } Form;
/* x: 13 x 11 x 16, f16; kept: what is an output as well */
static const Form all_forms[] = {
    { "a = x |> pw(24)  y = a |> dw(3)", "a", 13 * 11 * 24 * 2 },
    { "a = x |> pw(24)  y = a |> dw(3, stride=2)", "a", 13 * 11 * 24 * 2 },
    { "a = x |> pw(24)  y = a |> dw(3, dilation=2)", "a", 13 * 11 * 24 * 2 },
    { "a = x |> dw(3)   y = a |> pw(24)", "a", 13 * 11 * 16 * 2 },
    { "a = x |> pw(24)  y = a |> pw(8)", "a", 13 * 11 * 24 * 2 },
    { "a = x |> pw(24)  b = a |> dw(5)  y = b |> pw(16)", "a", 13 * 11 * 24 * 2 },
    { "a = x |> pw(24)  b = a |> dw(5)  y = b |> pw(16)", "b", 13 * 11 * 24 * 2 },
    { "a = x |> dw(3)   b = a |> pw(24)  y = b |> dw(3)", "a", 13 * 11 * 16 * 2 },
    { "a = x |> dw(3)   b = a |> pw(24)  y = b |> dw(3, stride=2)", "b", 13 * 11 * 24 * 2 },
    { "a = x |> dw(3)   b = a |> pw(24)  y = b |> pw(8)", "a", 13 * 11 * 16 * 2 },
    { "a = x |> dw(3)   b = a |> pw(24)  c = b |> dw(3)  y = c |> pw(16)", "a", 13 * 11 * 16 * 2 },
    { "a = x |> dw(3)   b = a |> pw(24)  c = b |> dw(3)  y = c |> pw(16)", "c", 13 * 11 * 24 * 2 },
};
enum { FORMS = sizeof all_forms / sizeof *all_forms };

static Lowered form(int number, const char *device, Sched s)
{
    char text[300];
    snprintf(text, sizeof text, "block t(x: f16[N, 13, 11, 16]) { %s  return y, %s }\n", all_forms[number].body, all_forms[number].kept);
    return lowered(text, device, s);
}

static void check(Lowered *x, int number, const char *what)
{
    if (!x->m) fail_msg("form %d, %s: %s", number, what, x->why);
    assert_int_equal(x->m->programs.n, 1);
    assert_int_equal(written(x, all_forms[number].kept), all_forms[number].bytes);
    runs_as_walked(x, 2);
    arena_free(x->a);
}

static void stored_once(void **state)
{
    (void)state;
    static const char *const devices[] = { "h200", "t4", "cpu" };
    for (int f = 0; f < FORMS; f++)
        for (int d = 0; d < 3; d++) {
            Sched s = tiles(4, 6, 0);
            Lowered x = form(f, devices[d], s);
            check(&x, f, "halo");
            s.tk = 8;                               /* blocks of other channels make the same intermediate: one of them stores it */
            s.head = 8;
            x = form(f, devices[d], s);
            check(&x, f, "channels");
            if (!strstr(all_forms[f].body, "dw") || f == 9) continue;
            s.tk = 0;
            s.line = 2;
            s.th = 2;
            x = form(f, devices[d], s);
            check(&x, f, "line");
        }
}

/* The first band's rows before the new ones, and the new ones of every step. With stride 2 the new rows are all. */
static void line_of_a_head(void **state)
{
    (void)state;
    Sched s = tiles(2, 11, 0);
    s.line = 2;
    Lowered one = form(7, "h200", s);
    assert_int_equal(stores(&one, "a"), 2);
    assert_int_equal(store_of(&one, "a", 0)->guard_add, 3);     /* 13 rows in bands of 4 */
    arena_free(one.a);
    Lowered two = lowered("block t(x: f16[N, 12, 12, 16]) { a = x |> dw(3)  b = a |> pw(8)  y = b |> dw(3, stride=2)  return y, a }\n", "h200", s);
    assert_int_equal(stores(&two, "a"), 1);
    arena_free(two.a);
    s.tk = 8;
    Lowered both = form(7, "h200", s);
    assert_null(both.m);
    assert_string_equal(both.why, "an intermediate that others read too would be stored by the first band and the first block of channels only");
    arena_free(both.a);
    s.tk = 0;
    s.persist = 1;
    Lowered tiles_of_a_block = form(7, "h200", s);
    assert_string_equal(tiles_of_a_block.why, "an intermediate that others read too would be stored by the first band only, which persistent blocks do not know");
    arena_free(tiles_of_a_block.a);
}

/* The first block of rows owns a row above the map, and stores none of a: the barrier before its store is for the others. */
static void of_the_first_block_nothing(void **state)
{
    (void)state;
    Lowered x = lowered("block t(x: f32[N, 8, 6, 8]) { a = x |> pw(8)  y = a |> dw(1x3, pad=(1, 0, 2, 3), stride=1x3)  return y, a }\n", "h200", tiles(1, 8, 0));
    if (!x.m) fail_msg("%s", x.why);
    assert_int_equal(x.p->code.at[store_of(&x, "a", 0) - x.p->code.at - 1].op, TM_SYNC);
    arena_free(x.a);
}

/* Chunks that go past a block's channels would store some of the next block's. */
static void chunks_of_a_block(void **state)
{
    (void)state;
    Sched s = tiles(4, 6, 0);
    s.tk = 32, s.chunk = 24;
    Lowered x = lowered("block t(x: f16[N, 13, 11, 16]) { a = x |> pw(64)  y = a |> dw(3)  return y }\n", "h200", s);
    assert_null(x.m);
    assert_string_equal(x.why, "chunk must divide the channels of a block");
    arena_free(x.a);
}

/* ---- what is no group ---- */

static int kernels(const char *body)
{
    char text[300];
    snprintf(text, sizeof text, "block t(x: f16[N, 13, 11, 16]) { %s }\n", body);
    Lowered x = lowered(text, "h200", tiles(4, 6, 0));
    if (!x.m) fail_msg("%s: %s", body, x.why);
    int n = x.m->programs.n;
    TmRun r = integer_run(x.a, x.m, 1, 5);
    const char *why = tm_run(x.a, x.m, &r);         /* in this order everything that is read has been made */
    if (why) fail_msg("%s: %s", body, why);
    arena_free(x.a);
    return n;
}

static void order(void **state)
{
    (void)state;
    assert_int_equal(kernels("a = x |> pw(24)  y = a |> dw(3)  z = a |> dw(5)  return y, z"), 2);
    /* c reads a and is read by y: a, b and y cannot be one kernel; a and b can, and c follows them */
    assert_int_equal(kernels("a = x |> pw(16)  b = a |> dw(3)  c = a |> dw(5)  p = b |> pw(16)  y = p + c  return y"), 3);
    assert_int_equal(kernels("a = x |> dw(3)  b = a |> pw(16)  y = b + a  return y"), 2);                 /* a comes back in the same kernel */
    assert_int_equal(kernels("a = x |> pw(24)  y = a |> dw(3, pad=0)  return y, a"), 2);                  /* its border would not be stored … */
    assert_int_equal(kernels("a = x |> pw(24)  y = a |> dw(1, stride=2, pad=0)  return y, a"), 2);        /* … nor what is skipped */
    /* across a residual: dw pw pw, then dw pw, which reads b again */
    assert_int_equal(kernels("a = x |> dw(3)  b = a |> pw(16)  e = b |> pw(24)  f = e |> dw(3)  g = f |> pw(16)  y = b + g  return y"), 2);
}

/* ---- faults ---- */

static void one_row_down(TmIns *i) { i->sub.h0++, i->sub.h1++; }
static void one_row_more(TmIns *i) { i->sub.h1++; }
static void one_column_less(TmIns *i) { i->sub.w1--; }
static void outside_the_window(TmIns *i) { i->sub.w0 -= 2, i->sub.w1 -= 2; }
static void every_block(TmIns *i) { i->guard_loop = -1; }
static void no_block(TmIns *i) { i->guard_add++; }

static void faults(void **state)
{
    (void)state;
    static const struct { int form; void (*harm)(TmIns *i); const char *word; } all[] = {
        { 0, one_row_down, "misses" }, { 0, one_row_more, "has twice" }, { 0, one_column_less, "misses" }, { 0, outside_the_window, "touches" },
        { 5, every_block, "has twice" }, { 5, no_block, "misses" }, { 6, every_block, "has twice" }, { 8, one_row_more, "has twice" },
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        Sched s = tiles(4, 5, 0);
        s.tk = 8;
        Lowered x = form(all[k].form, "h200", s);
        assert_null(tm_verify(x.a, x.m, x.p, x.dev));
        all[k].harm(store_of(&x, all_forms[all[k].form].kept, 0));
        const char *why = tm_verify(x.a, x.m, x.p, x.dev);
        if (!why || !strstr(why, all[k].word)) fail_msg("fault %d: %s", (int)k, why ? why : "not noticed");
        arena_free(x.a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(stored_once), cmocka_unit_test(line_of_a_head), cmocka_unit_test(order),
                                        cmocka_unit_test(of_the_first_block_nothing), cmocka_unit_test(chunks_of_a_block),
                                        cmocka_unit_test(faults) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
