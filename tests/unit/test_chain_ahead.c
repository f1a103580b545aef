/* test_chain_ahead.c: x is copied ahead of the step that reads it: row steps of a line buffer, tiles of a persistent block; with a head and without. */
#include "lowered_fixture.h"
#include "tm_blocks.h"

static const char mbconv[] = "block t(x: f16[N, 13, 11, 16]) { a = x |> pw(24)  b = a |> dw(3)  p = b |> pw(16)  y = p + x  return y }\n";
static const char pair[] = "block t(x: f16[N, 13, 11, 16]) { a = x |> dw(3)  y = a |> pw(24)  return y }\n";
static const char strided[] = "block t(x: f16[N, 27, 21, 16]) { a = x |> dw(5, stride=2)  y = a |> pw(24)  return y }\n";
static const char head[] = "block t(x: f16[N, 13, 11, 16]) { a = x |> dw(3)  b = a |> pw(24)  c = b |> dw(3)  y = c |> pw(16)  return y }\n";
static const char narrow[] = "block t(x: f16[N, 2, 13, 15], z: f16[N, 1, 13, 7]) { a = x |> pw(7)  y = a + z  return y }\n";

static Sched rows(int th, int line, int stages)
{
    Sched s = tiles(th, 6, 0);
    s.line = line, s.resident = 1, s.stages = stages;
    return s;
}

static Sched turns(int sharers)
{
    Sched s = tiles(4, 6, 0);
    s.persist = sharers, s.resident = 1, s.stages = 2;
    return s;
}

static void check(const char *text, const char *device, Sched s, const char *staged, int stages, int roll)
{
    Lowered x = lowered(text, device, s);
    if (!x.m) fail_msg("%s%s: %s", text, device, x.why);
    assert_int_equal(tile(&x, staged)->stages, stages);
    assert_int_equal(tile(&x, staged)->roll, roll);
    runs_as_walked(&x, 3);
    arena_free(x.a);
}

/* 13 rows are bands of 4 steps of 2 rows, the last cut short; the ring of a depthwise that reads x itself holds the rows of the steps that are under way. */
static void forms(void **state)
{
    (void)state;
    static const char *const devices[] = { "h200", "t4" };
    for (int d = 0; d < 2; d++)
        for (int n = 2; n <= 4; n++) {
            check(mbconv, devices[d], rows(2, 4, n), "xt", n, 0);
            check(pair, devices[d], rows(2, 4, n), "xt", n, 4 + (n - 1) * 2);
            check(pair, devices[d], rows(1, 5, n), "xt", n, 3 + (n - 1));
            check(strided, devices[d], rows(2, 4, n), "xt", n, 7 + (n - 1) * 4);
            check(head, devices[d], rows(2, 4, n), "hx", n, 0);
        }
    for (int n = 1; n <= 5; n++) {
        check(mbconv, "h200", turns(n), "xt", 2, 0);
        check(head, "h200", turns(n), "hx", 2, 0);
        check(narrow, "h200", turns(n), "xt", 2, 0);
    }
}

/* Steps of a head's channels are a ring of their own; there is no second one for rows. */
static void one_ring_a_tile(void **state)
{
    (void)state;
    Sched s = rows(2, 4, 2);
    s.head = 8;
    check(head, "h200", s, "hx", 1, 0);
    s = turns(2), s.head = 8;
    check(head, "h200", s, "hx", 2, 0);
    Lowered x = lowered(head, "h200", s);
    assert_int_equal(x.p->loops.at[tile(&x, "hx")->stage_loop].kind, TM_SEQ);
    arena_free(x.a);
}

static void expect(const char *text, Sched s, const char *order)
{
    Lowered x = lowered(text, "h200", s);
    if (!x.m) fail_msg("%s", x.why);
    assert_string_equal(listing(&(Block){ .a = x.a, .m = x.m, .p = x.p }), order);
    arena_free(x.a);
}

/* The rows above the band are waited for with the first step's. */
static void orders(void **state)
{
    (void)state;
    expect(pair, rows(2, 4, 2),
           "loop n; loop i; loop j; copy wt; copy xt; copy xt; commit; loop r; wait 0; copy xt@+1 when r+1; commit; sync; dw dt; sync; pw yt; sync; store; end r; "
           "wait 0; end j; end i; end n");
    expect(narrow, turns(2),
           "copy wt; copy xt; commit; loop n; loop j; wait 0; copy y1_z1; copy xt@+1 when turn+1; commit; sync; pw yt; sync; store; end j; end n");
}

/* ---- faults ---- */

static void ring_too_short(const Lowered *x) { tile(x, "xt")->roll--; }
static void ring_of_today(const Lowered *x) { tile(x, "xt")->roll -= 2 * (tile(x, "xt")->stages - 1); }
static TmIns *copy(const Lowered *x, int number) { return nth(&(Block){ .p = x->p }, TM_COPY, number); }
static void rows_above_left_out(const Lowered *x) { copy(x, 1)->sub.h0++; }
static void step_left_out(const Lowered *x) { copy(x, 2)->sub.h0++; }
static void no_lead(const Lowered *x) { copy(x, 3)->lead = 0; }
static void waits_for_less(const Lowered *x) { nth(&(Block){ .p = x->p }, TM_WAIT, 0)->n = 1; }

static void faults(void **state)
{
    (void)state;
    static const struct { void (*harm)(const Lowered *x); const char *word; } all[] = {
        { ring_too_short, "xt" },      { ring_of_today, "xt" },                 { rows_above_left_out, "in xt, finds" },
        { step_left_out, "in xt, finds" }, { no_lead, "xt" }, { waits_for_less, "before a wait" },
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) noticed(lowered(pair, "h200", rows(2, 4, 2)), all[k].harm, all[k].word, (int)k);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(forms), cmocka_unit_test(one_ring_a_tile), cmocka_unit_test(orders), cmocka_unit_test(faults) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
