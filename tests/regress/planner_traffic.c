/* planner_traffic.c: the ideal traffic (inputs, outputs and weights of depthwise and pointwise convolutions once, in
 * elements, batch 1) that plans for the fewest DRAM bytes remove, against the figures of arXiv 2404.19331's networks: best
 * disjoint pairs, and whole blocks. */
#include "planner_fixture.h"

typedef struct Traffic { int64_t apart, fused; } Traffic;

/* The classifier of MobileNetV1 counts, as in the paper's graph of it; the other graphs end before. */
static bool counts(const Planned *p, int stage, bool classifier)
{
    const GraphNode *n = core_of(p, stage);
    return is_conv(p, stage) && (classifier || n->h * n->w > 1);
}

static Traffic traffic(const Planned *p, bool classifier)
{
    Traffic t = { 0 };
    for (int k = 0; k < p->r.groups.n; k++) {
        const Group *g = &p->r.groups.at[k].group;
        for (int i = 0; i < g->n; i++) {
            const Stage *s = &p->s->at.at[g->stage[i]];
            if (!counts(p, g->stage[i], classifier)) continue;
            int64_t in = elements(p, s->in), out = elements(p, s->out), w = weights(p, g->stage[i]);
            t.apart += in + out + w;
            t.fused += (i == 0 ? in : 0) + (i == g->n - 1 || lower_is_kept(p->g, s) ? out : 0) + w;
        }
    }
    return t;
}

/* ---- an oracle: the least elements over all covers of a path by given forms ---- */

static const char *const pairs[] = { "d", "p", "dp", "pd", "pp", NULL };
static const char *const forms[] = { "d", "p", "dp", "pd", "pp", "pdp", "dpd", "dpp", "dpdp", NULL };

static int reader(const Planned *p, int stage)
{
    for (int j = stage + 1; j < p->s->at.n; j++)
        if (!p->s->at.at[j].cut && lower_hands_over(&p->s->at.at[stage], &p->s->at.at[j])) return is_conv(p, j) ? j : -1;
    return -1;
}

/* Least elements of the stages from `stage` on along its path; known[stage]: found before, 0 if not. */
static int64_t least(const Planned *p, int stage, const char *const *allowed, int64_t *known)
{
    if (stage < 0) return 0;
    if (known[stage]) return known[stage];
    int64_t best = INT64_MAX;
    for (int f = 0; allowed[f]; f++) {
        Group group = { 0 };
        int64_t moved = elements(p, p->s->at.at[stage].in);
        bool same = true;
        for (int at = stage; allowed[f][group.n] && at >= 0; at = reader(p, at)) {
            const Stage *st = &p->s->at.at[at];
            same = same && (core_of(p, at)->op == GR_DW) == (allowed[f][group.n] == 'd');
            group.stage[group.n++] = at;
            moved += weights(p, at) + (!allowed[f][group.n] || lower_is_kept(p->g, st) ? elements(p, st->out) : 0);
        }
        if (!same || allowed[f][group.n] || lower_too_early(p->g, p->s, &group) >= 0) continue;
        int64_t sum = moved + least(p, reader(p, group.stage[group.n - 1]), allowed, known);
        if (sum < best) best = sum;
    }
    return known[stage] = best;
}

static int64_t ideal(const Planned *p, bool classifier, const char *const *allowed)
{
    bool *fed = NEW_N(p->a, bool, p->s->at.n + 1);
    int64_t sum = 0, *known = NEW_N(p->a, int64_t, p->s->at.n + 1);
    for (int i = 0; i < p->s->at.n; i++)
        if (is_conv(p, i) && reader(p, i) >= 0) fed[reader(p, i)] = true;
    for (int i = 0; i < p->s->at.n; i++)
        if (counts(p, i, classifier) && !fed[i]) sum += least(p, i, allowed, known);
    return sum;
}

/* ---- networks ---- */

typedef struct Net { const char *path; bool classifier; int64_t beside; double base, pairs, whole; } Net;

static double share(const Net *n, int64_t fused, int64_t apart)
{
    return 100 * (double)(apart - fused) / (double)(apart + n->beside);
}

static Planned plan_net(const Net *n, int most)
{
    return plan_file(n->path, NULL, DT_NONE, "h200", (PlanOptions){ .minimize = PLAN_DRAM, .longest = most });
}

static void check_net(const Net *n)
{
    Planned p = plan_net(n, 2), q = plan_net(n, 0);
    Traffic two = traffic(&p, n->classifier), all = traffic(&q, n->classifier);
    double got2 = share(n, two.fused, two.apart), got = share(n, all.fused, all.apart);
    double best2 = share(n, ideal(&p, n->classifier, pairs), two.apart),
           best = share(n, ideal(&p, n->classifier, forms), two.apart), base = (double)(two.apart + n->beside) / 1e6;
    print_message("%-32s %.2f M: pairs %.1f (best %.1f, wanted %.0f), whole %.1f (best %.1f, wanted %.0f) %%\n", n->path, base, got2, best2,
                  n->pairs, got, best, n->whole);
    assert_true(base > 0.99 * n->base && base < 1.01 * n->base);
    assert_true(got2 >= n->pairs - 0.5 && got >= n->whole - 0.5);             /* the sheet's figures are whole percents */
    assert_true(got2 <= best2 + 1e-9 && got2 > best2 - 0.3);
    assert_true(got <= best + 1e-9 && got > best - 1); /* where weights exceed a block, copies of them count */
    plan_end(&p);
    plan_end(&q);
}

/* beside: elements of Xception's four shortcuts, which count as pointwise in the sheet and are strided convolutions here. */
static void networks(void **state)
{
    (void)state;
    static const Net nets[] = {
        { "examples/mobilenetv1.fcm", true, 0, 13.90, 38, 49 },
        { "examples/mobilenetv2.fcm", false, 0, 15.15, 50, 74 },
        { "examples/xception.fcm", false, 3242000, 56.83, 28, 38 },
        { "examples/proxylessnas_gprox3.fcm", false, 0, 14.67, 38, 54 },
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) check_net(&nets[i]);
}

/* MobileNetV2 block 1: 82.7 % by the pair that the paper reports as 83 %, 91 % by the triple. */
static double block_saving(const char *text)
{
    Planned p = plan_text(text, "h200", (PlanOptions){ .minimize = PLAN_DRAM });
    assert_int_equal(p.r.groups.n, 1);
    Traffic t = traffic(&p, true);
    plan_end(&p);
    return 100 - 100 * (double)t.fused / (double)t.apart;
}

static void pair_and_triples(void **state)
{
    (void)state;
    static const char pair[] =
        "block p(x: f16[N, 112, 112, 16]) { e = x |> pw(96) |> relu6  y = e |> dw(3, stride=2) |> relu6  return y }";
    assert_float_equal(block_saving(pair), 82.7, 0.05);
    static const struct {
        int h, c, e, k, s;
        double share;
    } blocks[] = { { 112, 16, 96, 24, 2, 91.5 },
                   { 56, 24, 144, 24, 1, 91.9 },
                   { 56, 24, 144, 32, 2, 91.1 },
                   { 28, 32, 192, 32, 1, 90.4 },
                   { 28, 32, 192, 64, 2, 86.6 } };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "block t(x: f16[N, %d, %d, %d]) { e = x |> pw(%d) |> relu6  d = e |> dw(3, stride=%d) |> relu6"
                 "  y = d |> pw(%d)  return y }",
                 blocks[i].h, blocks[i].h, blocks[i].c, blocks[i].e, blocks[i].s, blocks[i].k);
        double saved = block_saving(text);
        print_message("PW %d->%d, DW s%d, PW ->%d at %d: %.1f %%\n", blocks[i].c, blocks[i].e, blocks[i].s, blocks[i].k,
                      blocks[i].h, saved);
        assert_float_equal(saved, blocks[i].share, 0.1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(networks), cmocka_unit_test(pair_and_triples) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
