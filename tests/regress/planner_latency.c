/* planner_latency.c: what a block waits for with nobody else on its SM, in closed form. Three chunks; on the device of these tests bytes cost nothing,
 * so only latencies are left: of the window of x with the last bias, and of the weights of each chunk. */
#include "planner_lowered.h"

#include <math.h>

static const char mbconv[] = "block t(x: f16[N, 28, 28, 16]) { e = x |> pw(48)  d = e |> dw(3)  y = d |> pw(16)  return y }";
enum { CHUNKS = 3 };

static Device weightless(const Device *d, double latency)
{
    Device x = *d;
    x.dram_bw = x.l2_bw = 1e30;
    x.latency = latency;
    return x;
}

static Made with(const char *device, int threads, int stages, int64_t batch)
{
    char knobs[100];
    snprintf(knobs, sizeof knobs, "rows=7 cols=28 chunk=16 threads=%d stages=%d mma=1 blocks=%d", threads, stages, 512 / threads);
    Made z = make(mbconv, device, knobs, batch);
    if (!z.m) print_message("%s: %s\n", knobs, z.why);
    assert_non_null(z.m);
    return z;
}

/* Of one wave of blocks. */
static double alone(const Made *z, const Device *d)
{
    Cost c = cost_of(z->m, z->k, &z->w, d, 1);
    return cost_cuda_alone(&c, z->m, z->k, &z->w, d);
}

static double waits_of(Made z, double latency)
{
    Device none = weightless(z.p.o.device, 0), d = weightless(z.p.o.device, latency);
    double waits = (alone(&z, &d) - alone(&z, &none)) / latency;
    plan_end(&z.p);
    return waits;
}

static double latencies(const char *device, int stages, double latency) { return waits_of(with(device, 512, stages, 1), latency); }

static bool near(double got, double want)
{
    if (fabs(got - want) < 1e-3) return true;
    print_message("%.6f latencies, expected %.6f\n", got, want);
    return false;
}

/* One buffer: x, then each chunk. S buffers, and latencies so long that arithmetic does not count: the first chunk comes with x, and the others S - 1 at
 * a time. More buffers than chunks do not exist. */
static void long_latencies(void **state)
{
    (void)state;
    assert_true(near(latencies("h200", 1, 10), 1 + CHUNKS));
    assert_true(near(latencies("h200", 2, 10), 1 + (CHUNKS - 1)));
    assert_true(near(latencies("h200", 3, 10), 1 + (CHUNKS - 1) / 2.0));
    assert_true(near(latencies("h200", 4, 10), 1 + (CHUNKS - 1) / 2.0));
}

/* Shorter than a step's arithmetic: only the first wait is left. Copies that are not asynchronous hide nothing, though the first chunk comes with x. */
static void short_latencies(void **state)
{
    (void)state;
    assert_true(near(latencies("h200", 1, 1e-9), 1 + CHUNKS));
    for (int s = 2; s <= 3; s++) assert_true(near(latencies("h200", s, 1e-9), 1));
    for (int s = 1; s <= 3; s++) assert_true(near(latencies("t4", s, 1e-9), s == 1 ? 1 + CHUNKS : CHUNKS));
}

/* Persistent blocks of four tiles each, weights resident: x of every tile is waited for, or, a tile ahead, of the first one only. */
static void tiles_ahead(void **state)
{
    (void)state;
    for (int stages = 1; stages <= 2; stages++)
        for (int is_long = 0; is_long <= 1; is_long++) {
            char knobs[100];
            snprintf(knobs, sizeof knobs, "rows=7 cols=28 chunk=16 threads=512 mma=1 blocks=1 resident=1 persist=132 stages=%d", stages);
            Made z = make(mbconv, "h200", knobs, 132);
            assert_non_null(z.m);
            assert_true(z.w.blocks == 132 && z.w.tiles == 132 * 4);
            assert_true(near(waits_of(z, is_long ? 10 : 1e-9), stages == 1 || is_long ? 4 : 1));
        }
}

/* Bytes: what a block alone copies takes its time on top of the arithmetic, all of it; of two blocks beside each other half, which the other's arithmetic
 * hides. Nobody waits for what is stored. */
static void one_block_and_two(void **state)
{
    (void)state;
    for (int blocks = 1; blocks <= 2; blocks++) {
        Made z = with("h200", 512 / blocks, 1, 132 * 8);
        Device d = *z.p.o.device;
        d.latency = 0;
        d.warps_full = 1;                                       /* as fast with few warps as with many */
        Device none = weightless(&d, 0);
        Cost c = cost_of(z.m, z.k, &z.w, &d, 132 * 8);
        double most = fmax(fmax(c.dram, c.l2), fmax(fmax(c.smem, c.fma), fmax(c.mma, c.issue)));
        double reads = (double)(read_of_input(&z) + read_of_weights(&z)), share = reads / (reads + (double)written_of_output(&z));
        assert_true(fabs((alone(&z, &d) - alone(&z, &none)) * blocks / (c.l2 * share) - 1) < 1e-9);
        assert_true(c.l2 > c.dram && c.smem > c.l2);
        assert_true(blocks == 1 ? c.exposed > 0.5 * share * c.l2 : c.exposed <= 0);
        assert_true(fabs(c.time - (c.launch + c.barriers + c.exposed + most)) < 1e-12);
        plan_end(&z.p);
    }
}

/* More buffers never wait longer, and what is chosen is no dearer than the same with another number of them. */
static void rings_of_chosen_plans(void **state)
{
    (void)state;
    static const char *const blocks[] = { "b6", "b7", "b10", "b13" };
    for (int b = 0; b < 4; b++) {
        Planned p = plan_file("examples/mobilenetv2_blocks.fcm", blocks[b], DT_NONE, "h200", (PlanOptions){ .batch = 1 });
        for (int k = 0; k < p.r.groups.n; k++) {
            Sched s = p.r.groups.at[k].best.sched;
            double before = HUGE_VAL;
            for (s.stages = 1; s.stages <= 4 && p.r.groups.n == 1; s.stages++) {
                const char *why;
                TmModule *m = plan_with(p.a, p.d, p.g, p.s, &p.o, &s, &why);
                if (!m) continue;
                TmWalk w;
                tm_walk(p.a, m, m->programs.at[0], 1, &w);
                Cost c = cost_of(m, m->programs.at[0], &w, p.o.device, 1);
                double now = cost_cuda_alone(&c, m, m->programs.at[0], &w, p.o.device);
                assert_true(now <= before * (1 + 1e-9));
                assert_true(c.time >= p.r.groups.at[k].best.cost.time * (1 - 1e-9));
                before = now;
            }
        }
        plan_end(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(long_latencies), cmocka_unit_test(short_latencies), cmocka_unit_test(tiles_ahead), cmocka_unit_test(one_block_and_two),
                                        cmocka_unit_test(rings_of_chosen_plans) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
