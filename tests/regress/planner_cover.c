/* planner_cover.c: plans of whole networks are disjoint covers of what is lowered, in an order in which they can run, and no
 * pinned pair makes them better. */
#include "planner_fixture.h"

static const char *const nets[] = { "examples/mobilenetv1.fcm",        "examples/mobilenetv2.fcm",
                                    "examples/efficientnet_b0.fcm",    "examples/xception.fcm",
                                    "examples/mobilenetv3_large.fcm",  "examples/convnext_tiny.fcm",
                                    "examples/proxylessnas_gprox3.fcm" };
enum { NETS = sizeof nets / sizeof *nets };
static const char *const devices[] = { "h200", "gtx1660", "cpu" };

/* Every stage that is lowered stands in one group, no other does; cuts are listed in order. */
static void covered_once(const Planned *p)
{
    int *in = NEW_N(p->a, int, p->s->at.n + 1), cut = 0;
    for (int k = 0; k < p->r.groups.n; k++)
        for (int i = 0; i < p->r.groups.at[k].group.n; i++) in[p->r.groups.at[k].group.stage[i]]++;
    for (int i = 0; i < p->s->at.n; i++) {
        const Stage *s = &p->s->at.at[i];
        assert_int_equal(in[i], s->cut ? 0 : 1);
        if (!s->cut) continue;
        assert_true(cut < p->r.cuts.n);
        assert_string_equal(p->r.cuts.at[cut++].name, p->g->nodes.at[s->out].name);
    }
    assert_int_equal(cut, p->r.cuts.n);
}

static void mark_made(const Planned *p, const Stage *s, bool *made)
{
    assert_true(made[s->in]);
    for (int e = 0; e < s->epi.n; e++)
        if (s->epi.at[e].value >= 0) assert_true(made[s->epi.at[e].value]);
    (void)p;
    made[s->out] = true;
}

/* Stages that are cut run as soon as what they read is there; a group, when it comes. */
static void runs_in_order(const Planned *p)
{
    bool *made = NEW_N(p->a, bool, p->g->nodes.n);
    int cut = 0;
    for (int i = 0; i < p->g->inputs.n; i++) made[p->g->inputs.at[i]] = true;
    for (int k = 0; k <= p->r.groups.n; k++) {
        const Group *g = k < p->r.groups.n ? &p->r.groups.at[k].group : NULL;
        int last = g ? g->stage[g->n - 1] : p->s->at.n;
        for (; cut < last; cut++)
            if (p->s->at.at[cut].cut) mark_made(p, &p->s->at.at[cut], made);
        for (int i = 0; g && i < g->n; i++) mark_made(p, &p->s->at.at[g->stage[i]], made);
    }
}

static void sums_agree(const Planned *p)
{
    double time = 0;
    int64_t dram = 0;
    for (int k = 0; k < p->r.groups.n; k++) {
        const PlanGroup *g = &p->r.groups.at[k];
        time += g->best.cost.time;
        dram += g->best.cost.dram_bytes;
        assert_true(g->best.cost.dram_bytes >= g->compulsory_bytes && g->unfused_bytes >= g->compulsory_bytes);
    }
    assert_true(time >= 0.999999 * p->r.time && time <= 1.000001 * p->r.time);
    assert_true(dram == p->r.dram_bytes);
}

static void networks(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        Planned p = plan_file(nets[n], NULL, DT_NONE, devices[n % 3], (PlanOptions){ .minimize = (PlanMinimize)(n / 3) });
        covered_once(&p);
        runs_in_order(&p);
        sums_agree(&p);
        plan_end(&p);
    }
}

/* The same network with one pair pinned to one kernel is never better; the fewest launches are not more than those of another
 * objective, and so on. */
static void no_pair_improves(void **state)
{
    (void)state;
    Planned p = plan_file("examples/mobilenetv2.fcm", NULL, DT_NONE, "h200", (PlanOptions){ .explain = true });
    int pairs = 0;
    for (int i = 0; i < p.r.edges.n && pairs < 4; i++) {
        const PlanEdge *e = &p.r.edges.at[i];
        if (e->fused <= 0) continue;
        const char *plan = arena_printf(
            p.a, "plan mobilenetv2 for \"h200\" { k0 = fuse(%s, %s, tile=2x8, threads=256, chunk=64, mma=1) }", e->from, e->to);
        const AstFile *f = ast_parse_plan(p.a, p.d, diag_add_source(p.d, "plan", plan, strlen(plan)));
        PlanOptions o = { .device = p.o.device, .batch = 1, .source = "plan", .pinned = f->items.at[0].u.plan };
        PlanReport r = { 0 };
        if (!plan_report(p.a, p.d, p.g, p.s, &o, &r)) continue; /* not every pair takes this schedule */
        assert_true(r.time >= p.r.time);
        pairs++;
    }
    assert_true(pairs == 4);
    for (int m = 0; m < 3; m++) {
        Planned q = plan_file("examples/mobilenetv2.fcm", NULL, DT_NONE, "h200", (PlanOptions){ .minimize = (PlanMinimize)m });
        if (m == PLAN_LAUNCHES) assert_true(q.r.groups.n <= p.r.groups.n);
        if (m == PLAN_DRAM) assert_true(q.r.dram_bytes <= p.r.dram_bytes);
        if (m == PLAN_TIME) assert_true(q.r.time <= p.r.time);
        plan_end(&q);
    }
    plan_end(&p);
}

/* What is cut: listed with its op; a conv keeps the epilogue that it will have. */
static void cuts(void **state)
{
    (void)state;
    Planned p = plan_text("block t(x: f16[N, 16, 16, 8]) { a = x |> conv(16, 3) |> bn |> relu  d = a |> dw(3)  m = d |> mean "
                          "|> pw(16) |> sigmoid\n"
                          "  z = (d * m) |> pw(8)  w = z |> f32  return w }",
                          "h200", (PlanOptions){ .explain = true });
    static const char *const ops[] = { "conv", "mean", "cast" };
    assert_int_equal(p.r.cuts.n, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(p.r.cuts.at[i].op, ops[i]);
    assert_int_equal(p.r.groups.n, 4);                          /* dw; pw and sigmoid; the product; pw */
    plan_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(networks), cmocka_unit_test(no_pair_improves),
                                        cmocka_unit_test(cuts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
