/* planner_defects.c: the defects of the published planner (arXiv 2404.19331, released code), one test each, named after it.
 * Expected values come from the exact traffic model: input read = Σ clipped windows, rows x columns x channels. */
#include "planner_lowered.h"

#include <math.h>

#define DW(h, c, s) "block t(x: f32[N, " #h ", " #h ", " #c "]) { y = x |> dw(3, stride=" #s ", bias=false)  return y }"
static const char pwdw2[] = "block t(x: f32[N, 28, 28, 16]) { e = x |> pw(32)  y = e |> dw(3, stride=2)  return y }";
static const char dwpw2[] = "block t(x: f32[N, 28, 28, 16]) { d = x |> dw(3, stride=2)  y = d |> pw(32)  return y }";

/* 1: the stride was taken from the pointwise layer. */
static void d1_stride_of_the_depthwise(void **state)
{
    (void)state;
    Made z = made(pwdw2, "h200", "rows=7 cols=7 threads=128");
    int64_t r = windows(28, 7, 3, 2, 1);
    assert_int_equal(read_of_input(&z), 4 * 16 * r * r);
    assert_int_equal(written_of_output(&z), 4 * 32 * 14 * 14);
    plan_end(&z.p);
}

/* 2: sizes of the wrong layers, and an overlap that was always zero. */
static void d2_sizes_of_depthwise_then_pointwise(void **state)
{
    (void)state;
    Made z = made(dwpw2, "h200", "rows=7 cols=7 threads=128");
    int64_t r = windows(28, 7, 3, 2, 1);
    assert_true(r > 28);
    assert_int_equal(read_of_input(&z), 4 * 16 * r * r);
    assert_int_equal(written_of_output(&z), 4 * 32 * 14 * 14);
    assert_int_equal(z.p.r.groups.at[0].compulsory_bytes, 4 * (16 * 28 * 28 + 32 * 14 * 14 + 9 * 16 + 16 + 16 * 32 + 32));
    plan_end(&z.p);
}

/* 3: the halo of an unfused depthwise was not multiplied by its channels. */
static void d3_halo_of_all_channels(void **state)
{
    (void)state;
    Made one = made(DW(28, 8, 1), "h200", "rows=7 cols=14 threads=128"),
         four = made(DW(28, 32, 1), "h200", "rows=7 cols=14 threads=128");
    int64_t r = windows(28, 7, 3, 1, 1), c = windows(28, 14, 3, 1, 1);
    assert_int_equal(read_of_input(&one), 4 * 8 * r * c);
    assert_int_equal(read_of_input(&four), 4 * 32 * r * c);
    plan_end(&one.p);
    plan_end(&four.p);
}

static const char *const devices[] = { "gtx1660", "orin", "a4000", "t4", "h200" };
enum { DEVICES = sizeof devices / sizeof *devices };

/* 4: a tile was recorded before it was tested. */
static void d4_what_is_chosen_fits(void **state)
{
    (void)state;
    static const int shapes[][3] = { { 14, 96, 576 }, { 56, 24, 144 }, { 7, 160, 960 }, { 28, 128, 512 }, { 13, 50, 270 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int d = 0; d < DEVICES; d++) {
            char text[256];
            snprintf(text, sizeof text,
                     "block t(x: f32[N, %d, %d, %d]) { e = x |> pw(%d)  d = e |> dw(3)  y = d |> pw(%d)  return x + y }",
                     shapes[i][0], shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][1]);
            Planned p = plan_text(text, devices[d], (PlanOptions){ 0 });
            for (int k = 0; k < p.r.groups.n; k++) {
                assert_true((double)p.r.groups.at[k].best.arena_bytes <= p.o.device->smem_block);
                assert_true((double)p.r.groups.at[k].second.arena_bytes <= p.o.device->smem_block);
            }
            plan_end(&p);
        }
}

/* 5: the capacity test kept using the first tile. */
static void d5_capacity_of_the_tile_itself(void **state)
{
    (void)state;
    Made small = made(DW(56, 64, 1), "gtx1660", "rows=4 cols=8 threads=128"),
         large = made(DW(56, 64, 1), "gtx1660", "rows=8 cols=8 threads=128");
    assert_true(large.k->arena_bytes > small.k->arena_bytes);
    Made huge = make(DW(56, 64, 1), "gtx1660", "rows=32 cols=32 threads=128", 1);
    assert_null(huge.m);
    assert_non_null(strstr(huge.why, "of shared memory, the device has 64 KiB"));
    plan_end(&small.p);
    plan_end(&large.p);
    plan_end(&huge.p);
}

/* 6: filters per tile were powers of two below the number of filters. */
static void d6_filters_of_any_number_up_to_all(void **state)
{
    (void)state;
    static const char text[] = "block t(x: f16[N, 14, 14, 64]) { y = x |> pw(96)  return y }";
    static const char *const knobs[] = { "rows=4 cols=14 threads=128", "rows=4 cols=14 channels=24 threads=128",
                                         "rows=4 cols=14 channels=48 threads=128" };
    static const int64_t blocks[] = { 4, 16, 8 };
    for (int i = 0; i < 3; i++) {
        Made z = made(text, "h200", knobs[i]);
        assert_int_equal(z.w.blocks, blocks[i]);
        plan_end(&z.p);
    }
    Planned p = plan_file("examples/mobilenetv2_blocks.fcm", "b2", DT_NONE, "h200", (PlanOptions){ .minimize = PLAN_DRAM });
    assert_int_equal(p.r.groups.at[0].best.sched.tk, 0);        /* all of the 24 filters */
    plan_end(&p);
}

/* 7: a division by the avoided traffic, which may be nothing. */
static void d7_nothing_avoided(void **state)
{
    (void)state;
    for (int minimize = 0; minimize < 3; minimize++) {
        Planned p = plan_text("block t(x: f32[N, 1, 1, 8]) { e = x |> pw(8)  d = e |> dw(1)  y = d + e  return y }", "orin",
                              (PlanOptions){ .minimize = (PlanMinimize)minimize, .explain = true });
        assert_int_equal(p.r.groups.n, 2);                      /* e comes back as an operand: no byte is saved */
        assert_int_equal(p.r.unfused_bytes, p.r.compulsory_bytes);
        assert_true(isfinite(p.r.time) && isfinite(p.r.roof));
        assert_int_equal(p.r.edges.n, 1);
        plan_end(&p);
    }
}

/* 8: the next layer in the list was taken for the consumer. */
static void d8_consumers_by_edges(void **state)
{
    (void)state;
    static const char text[] = "block t(x: f16[N, 14, 14, 32]) { a = x |> pw(32)  b = x |> dw(3)  c = a |> relu |> pw(32)\n"
                               "  s = b + c  y = s |> relu |> dw(3)  z = s |> pw(32)  return y, z }";
    Planned p = plan_text(text, "h200", (PlanOptions){ .minimize = PLAN_LAUNCHES, .explain = true });
    for (int k = 0; k < p.r.groups.n; k++) {
        const Group *g = &p.r.groups.at[k].group;
        for (int i = 1; i < g->n; i++) assert_int_equal(p.s->at.at[g->stage[i]].in, p.s->at.at[g->stage[i - 1]].out);
    }
    for (int i = 0; i < p.r.edges.n; i++) assert_non_null(p.r.edges.at[i].why);
    assert_int_equal(p.r.groups.n, 5);                          /* b; a, c + b; relu; dw; z */
    plan_end(&p);
}

/* 9: kernels had tiles of their own, whatever was planned. */
static void d9_plan_is_the_kernel(void **state)
{
    (void)state;
    Planned p = plan_file("examples/mobilenetv2_blocks.fcm", "b7", DT_NONE, "orin", (PlanOptions){ 0 });
    Stages *s = graph_stages(p.a, p.d, p.g);
    PlanReport r = { 0 };
    TmModule *m = plan_module(p.a, p.d, p.g, s, &p.o, &r);
    assert_non_null(m);
    assert_int_equal(m->programs.n, r.groups.n);
    for (int k = 0; k < r.groups.n; k++) {
        const TmProgram *q = m->programs.at[k];
        const PlanChoice *c = &r.groups.at[k].best;
        TmWalk w;
        tm_walk(p.a, m, q, 1, &w);
        Cost cost = cost_of(m, q, &w, p.o.device, 1);
        assert_int_equal(q->arena_bytes, c->arena_bytes);
        assert_int_equal(cost.dram_bytes, c->cost.dram_bytes);
        assert_int_equal(cost.l2_bytes, c->cost.l2_bytes);
        assert_int_equal(w.blocks, c->blocks);
        assert_true(fabs(cost.time - c->cost.time) <= 1e-12);
        assert_int_equal(q->threads, c->sched.threads);
        bool tile = false;
        for (int t = 0; t < q->tiles.n; t++)
            tile = tile || (q->tiles.at[t].ext[1] == c->sched.th && q->tiles.at[t].ext[2] == c->sched.tw);
        assert_true(tile);
    }
    plan_end(&p);
}

/* a: the overlap was charged twice, its corners not at all: 112x112, 3x3, tiles of 14x14 re-read 3332 elements a channel,
 * not 6272. */
static void da_overlap_to_the_element(void **state)
{
    (void)state;
    Made z = made(DW(112, 8, 1), "h200", "rows=14 cols=14 threads=128");
    assert_int_equal(read_of_input(&z) / 4 / 8 - 112 * 112, 3332);
    plan_end(&z.p);
}

/* b: one tile too many where the tile divides the map. */
static void db_number_of_tiles(void **state)
{
    (void)state;
    Made even = made(DW(112, 8, 1), "h200", "rows=14 cols=14 threads=128"),
         ragged = made(DW(30, 8, 1), "h200", "rows=14 cols=14 threads=128");
    assert_int_equal(even.w.blocks, 64);
    assert_int_equal(ragged.w.blocks, 9);
    plan_end(&even.p);
    plan_end(&ragged.p);
}

/* c: the redundancy of PW, DW used the map's width for a depth; DW, PW and PW, PW had none. On the CPU no fragment is padded
 * and pixels outside the map are not computed; channels are whole vectors. */
static void dc_redundant_work(void **state)
{
    (void)state;
    Made z = made("block t(x: f32[N, 8, 24, 16]) { e = x |> pw(48)  y = e |> dw(3)  return y }", "cpu", "rows=4 cols=8");
    assert_int_equal(executed_macs(&z), windows(8, 4, 3, 1, 1) * windows(24, 8, 3, 1, 1) * 16 * 48 + 8 * 24 * 48 * 9);
    Made split =
        made("block t(x: f32[N, 8, 24, 16]) { d = x |> dw(3)  y = d |> pw(96)  return y }", "cpu", "rows=4 cols=8 channels=48");
    assert_int_equal(executed_macs(&split), 2 * 8 * 24 * 16 * 9 + 8 * 24 * 16 * 96);
    plan_end(&z.p);
    plan_end(&split.p);
}

/* d: weights were charged once a tile even where they stay. */
static void dd_resident_weights(void **state)
{
    (void)state;
    static const char text[] = "block t(x: f16[N, 28, 28, 16]) { e = x |> pw(48)  d = e |> dw(3)  y = d |> pw(16)  return y }";
    Made tiles = made(text, "h200", "rows=2 cols=28 chunk=16 threads=128");
    Made line = made(text, "h200", "rows=2 cols=28 line=14 chunk=16 resident=1 threads=128");
    assert_int_equal(tiles.w.blocks, 14);
    assert_int_equal(line.w.blocks, 1);
    assert_true(read_of_weights(&line) * 14 <= read_of_weights(&tiles) &&
                read_of_weights(&line) * 15 > read_of_weights(&tiles));
    assert_int_equal(read_of_input(&line), 2 * 16 * 28 * 28);   /* every row once: no halo in rows */
    plan_end(&tiles.p);
    plan_end(&line.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d1_stride_of_the_depthwise), cmocka_unit_test(d2_sizes_of_depthwise_then_pointwise),
        cmocka_unit_test(d3_halo_of_all_channels), cmocka_unit_test(d4_what_is_chosen_fits),
        cmocka_unit_test(d5_capacity_of_the_tile_itself), cmocka_unit_test(d6_filters_of_any_number_up_to_all),
        cmocka_unit_test(d7_nothing_avoided), cmocka_unit_test(d8_consumers_by_edges), cmocka_unit_test(d9_plan_is_the_kernel),
        cmocka_unit_test(da_overlap_to_the_element), cmocka_unit_test(db_number_of_tiles), cmocka_unit_test(dc_redundant_work),
        cmocka_unit_test(dd_resident_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
