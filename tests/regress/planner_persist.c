/* planner_persist.c: persistent blocks under given schedules: how many there are, what they copy once, and what that costs. */
#include "planner_lowered.h"

#include <math.h>

static const char mbconv[] = "block t(x: f16[N, 28, 28, 16]) { e = x |> pw(48)  d = e |> dw(3)  y = d |> pw(16)  return y }";

static Made at_batch(const char *text, const char *device, const char *knobs, int64_t batch)
{
    Made z = make(text, device, knobs, batch);
    if (!z.m) print_message("%s: %s\n", knobs, z.why);
    assert_non_null(z.m);
    return z;
}

/* 14 tiles an image. Each block reads the weights once; x and y are what the tiles read and write. */
static void weights_once_a_block(void **state)
{
    (void)state;
    const char *tiles = "rows=2 cols=28 chunk=16 threads=128";
    Made plain = at_batch(mbconv, "h200", tiles, 3);
    Made five = at_batch(mbconv, "h200", "rows=2 cols=28 chunk=16 threads=128 resident=1 persist=5", 3);
    Made many = at_batch(mbconv, "h200", "rows=2 cols=28 chunk=16 threads=128 resident=1 persist=1", 3);
    Made streamed = at_batch(mbconv, "h200", "rows=2 cols=28 chunk=16 threads=128 persist=5", 3);
    int64_t weights = plain.m->packed_bytes;
    assert_int_equal(plain.w.blocks, 42);
    assert_int_equal(five.w.blocks, 5);
    assert_int_equal(five.w.tiles, 42);
    assert_int_equal(many.k->sharers, 132 * many.k->ctas);
    assert_int_equal(many.w.blocks, 42);                        /* no more blocks than tiles */
    assert_true(read_of_weights(&plain) <= 42 * weights && read_of_weights(&plain) > 41 * (weights - 256));
    assert_int_equal(read_of_weights(&five), read_of_weights(&plain) / 42 * 5);
    assert_int_equal(read_of_weights(&many), read_of_weights(&plain));
    assert_int_equal(five.w.resident_bytes, read_of_weights(&five));
    assert_true(streamed.w.resident_bytes > 0 && streamed.w.resident_bytes < 5 * 256);          /* the last bias alone */
    Made *all[] = { &plain, &five, &many, &streamed };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(read_of_input(all[i]), read_of_input(&plain));
        assert_int_equal(written_of_output(all[i]), 3 * 2 * 16 * 28 * 28);
        assert_int_equal(executed_macs(all[i]), executed_macs(&plain));
    }
    for (int i = 0; i < 4; i++) plan_end(&all[i]->p);
}

/* Blocks of a grid point: what the device holds is shared out over the halves of the channels. */
static void channels_share_the_device(void **state)
{
    (void)state;
    static const char text[] = "block t(x: f16[N, 14, 14, 32]) { d = x |> dw(3)  y = d |> pw(256)  return y }";
    Made z = at_batch(text, "h200", "rows=7 cols=7 channels=64 threads=256 persist=1", 512);
    assert_int_equal(z.k->sharers, 132 * z.k->ctas / 4);
    assert_int_equal(z.w.blocks, 4 * z.k->sharers);
    assert_int_equal(z.w.tiles, 512 * 4);
    plan_end(&z.p);
}

static Cost priced(const Made *z, int64_t blocks, int64_t tiles, int sharers, int64_t resident, const Device *d)
{
    TmProgram p = *z->k;
    TmWalk w = z->w;
    p.sharers = sharers;
    w.blocks = blocks;
    w.tiles = tiles;
    w.resident_bytes = resident;
    w.barriers = 100 * (tiles ? tiles : blocks);
    return cost_of(z->m, &p, &w, d, 1);
}

/* Ten SMs. The busiest one decides, whether its tiles come as blocks or as shares; barriers wait for the block with most tiles. */
static void the_busiest_share_decides(void **state)
{
    (void)state;
    Made z = at_batch(mbconv, "h200", "rows=2 cols=28 chunk=16 threads=512 mma=1 blocks=1", 1);
    Device d = *z.p.o.device;
    d.sms = 10;
    Cost even = priced(&z, 10, 20, 10, 0, &d), one_more = priced(&z, 10, 21, 10, 0, &d), grid = priced(&z, 21, 0, 0, 0, &d);
    assert_true(fabs(one_more.mma / even.mma - 30.0 / 21) < 1e-9);      /* the same work as 21 tiles on SMs of which one takes 3 … */
    assert_true(fabs(one_more.mma - grid.mma) < 1e-12);         /* … as a grid of 21 blocks does */
    assert_true(fabs(one_more.barriers - 300 * d.barrier_time) < 1e-12);
    assert_true(fabs(even.barriers - 200 * d.barrier_time) < 1e-12);
    Cost two = priced(&z, 20, 30, 20, 0, &d), three = priced(&z, 30, 0, 0, 0, &d);
    assert_true(fabs(two.mma - three.mma) < 1e-12);             /* 2 blocks an SM, half of them with a second tile: 3 tiles each */
    plan_end(&z.p);
}

/* What is copied before the tiles comes on top, at the bandwidth of L2; the rest of the issued bytes overlaps. */
static void resident_weights_are_waited_for(void **state)
{
    (void)state;
    Made z = at_batch(mbconv, "h200", "rows=2 cols=28 chunk=16 threads=512 mma=1 blocks=1", 1);
    const Device *d = z.p.o.device;
    Cost all = priced(&z, 132, 264, 132, 0, d), some = priced(&z, 132, 264, 132, all.l2_bytes / 2, d);
    assert_true(all.fill <= 0);
    assert_true(fabs(some.fill - (double)(all.l2_bytes / 2) / d->l2_bw) < 1e-12);
    assert_true(fabs(some.l2 + some.fill - all.l2) < 0.05 * all.l2);
    assert_true(fabs(some.time - (some.launch + some.barriers + some.fill + some.exposed + fmax(some.smem, fmax(some.dram, some.l2)))) < 1e-12);
    plan_end(&z.p);
}

static void what_cannot_persist_says_so(void **state)
{
    (void)state;
    Made cpu = make(mbconv, "cpu", "rows=2 cols=28 persist=1", 1);
    assert_null(cpu.m);
    assert_string_equal(cpu.why, "persistent blocks are CUDA's: on the CPU weights are read in place");
    Made large = make("block t(x: f32[N, 14, 14, 512]) { e = x |> pw(512)  y = e |> pw(512)  return y }", "h200",
                      "rows=1 cols=1 chunk=8 threads=128 resident=1 persist=1", 1);
    assert_null(large.m);
    assert_non_null(strstr(large.why, "KiB of shared memory, the device has"));
    plan_end(&cpu.p);
    plan_end(&large.p);
}

/* A chosen plan with persistent blocks, printed and read back, has the same price: the text says it all. true: the plan has such blocks. */
static bool text_says_it_all(const char *block, const char *device)
{
    Planned p = plan_file("examples/mobilenetv2_blocks.fcm", block, DT_NONE, device, (PlanOptions){ .batch = 128 });
    const char *plan = plan_print(p.a, p.g, &p.o, &p.r);
    bool persists = strstr(plan, "persist=1");
    if (persists) assert_true(p.r.groups.at[0].best.tiles > p.r.groups.at[0].best.blocks);
    const AstFile *f = ast_parse_plan(p.a, p.d, diag_add_source(p.d, "plan", plan, strlen(plan)));
    PlanOptions o = p.o;
    PlanReport r = { 0 };
    o.pinned = f->items.at[0].u.plan;
    assert_true(plan_report(p.a, p.d, p.g, p.s, &o, &r));
    assert_true(fabs(r.time - p.r.time) < 1e-12);
    assert_int_equal(r.groups.at[0].best.blocks, p.r.groups.at[0].best.blocks);
    plan_end(&p);
    return persists;
}

/* Of these plans some have persistent blocks: where tiles are small and many, weights read once a block instead of once a tile save time. */
static void the_text_says_it_all(void **state)
{
    (void)state;
    static const char *const devices[] = { "h200", "a4000" }, *const blocks[] = { "b1", "b2", "b3" };
    int persist = 0;
    for (int d = 0; d < 2; d++)
        for (int b = 0; b < 3; b++) persist += text_says_it_all(blocks[b], devices[d]);
    assert_true(persist > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_once_a_block),          cmocka_unit_test(channels_share_the_device),
        cmocka_unit_test(the_busiest_share_decides),     cmocka_unit_test(resident_weights_are_waited_for),
        cmocka_unit_test(what_cannot_persist_says_so),   cmocka_unit_test(the_text_says_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
