/* planner_search.c: pricing a sample of the schedules and the neighbours of its best loses next to nothing against pricing
 * all of them. */
#include "planner_fixture.h"

typedef struct Loss { double sampled, all, worst; int tried, space; } Loss;

static void compare(Loss *sum, const char *path, const char *block, const char *device, int64_t batch)
{
    Planned some = plan_file(path, block, DT_NONE, device, (PlanOptions){ .batch = batch });
    Planned all = plan_file(path, block, DT_NONE, device, (PlanOptions){ .batch = batch, .exhaustive = true });
    double loss = some.r.time / all.r.time - 1;
    if (loss > 0.02)
        print_message("%s on %s, batch %d: %.1f %% slower with %s than with %s\n", block ? block : path, device, (int)batch, 100 * loss,
                      some.r.groups.at[0].best.text, all.r.groups.at[0].best.text);
    sum->sampled += some.r.time, sum->all += all.r.time;
    sum->tried += some.r.tried, sum->space += all.r.tried;
    if (loss > sum->worst) sum->worst = loss;
    plan_end(&some);
    plan_end(&all);
}

static void sampled_against_all(void **state)
{
    (void)state;
    static const char *const devices[] = { "h200", "orin", "gtx1660", "cpu" };
    static const char *const blocks[] = { "b0", "b1", "b2", "b3", "b4", "b6", "b7", "b10", "b11", "b13", "b14", "b16" };
    Loss sum = { 0 };
    for (int d = 0; d < 4; d++) {
        for (int b = 0; b < 12; b++)
            for (int64_t n = 1; n <= 32; n *= 32) compare(&sum, "examples/mobilenetv2_blocks.fcm", blocks[b], devices[d], n);
        compare(&sum, "examples/mobilenetv1.fcm", NULL, devices[d], 1);
        compare(&sum, "examples/xception.fcm", NULL, devices[d], 1);
    }
    print_message("%d of %d schedules priced; in all %.2f %% slower, at worst %.1f %%\n", sum.tried, sum.space,
                  100 * (sum.sampled / sum.all - 1), 100 * sum.worst);
    assert_true(sum.tried * 2 < sum.space);
    assert_true(sum.sampled <= 1.005 * sum.all && sum.worst <= 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sampled_against_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
