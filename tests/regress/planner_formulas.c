/* planner_formulas.c: closed forms of operational intensity and traffic (arXiv 2404.03617, section on fused blocks) as
 * expected values of plans. Weights are ignored: what one image more moves is the difference between batch 3 and batch 2. OI
 * = 2 MAC / bytes, f16. */
#include "planner_lowered.h"

#include <math.h>

typedef struct Image {
    double macs, unfused, moved, compulsory;
} Image;                            /* of one image: bytes unfused and compulsory by shape, and of the plan's DRAM traffic */

static Image sums(const PlanReport *r)
{
    Image i = { .unfused = (double)r->unfused_bytes, .moved = (double)r->dram_bytes, .compulsory = (double)r->compulsory_bytes };
    for (int k = 0; k < r->groups.n; k++) i.macs += (double)r->groups.at[k].useful_macs;
    return i;
}

/* The plan for two images, and the same plan, pinned, for three. */
static Image image(const char *text)
{
    Planned p = plan_text(text, "h200", (PlanOptions){ .batch = 2, .minimize = PLAN_DRAM });
    const char *plan = plan_print(p.a, p.g, &p.o, &p.r);
    const AstFile *f = ast_parse_plan(p.a, p.d, diag_add_source(p.d, "plan", plan, strlen(plan)));
    PlanOptions o = p.o;
    PlanReport r = { 0 };
    o.batch = 3;
    o.pinned = f->items.at[0].u.plan;
    assert_true(plan_report(p.a, p.d, p.g, p.s, &o, &r));
    Image two = sums(&p.r), three = sums(&r);
    plan_end(&p);
    return (Image){ three.macs - two.macs, three.unfused - two.unfused, three.moved - two.moved,
                    three.compulsory - two.compulsory };
}

static double intensity(const char *text)
{
    Image i = image(text);
    return 2 * i.macs / i.moved;
}

static bool near(double got, double want)
{
    if (fabs(got - want) <= 1e-9 * want) return true;
    print_message("%.6f, expected %.6f\n", got, want);
    return false;
}

static const char *format(char *buffer, const char *form, int c, int e)
{
    snprintf(buffer, 400, form, c, e, c);
    return buffer;
}

static const char mbconv[] =
    "block t(x: f16[N, 16, 16, %d]) { e = x |> pw(%d, bias=false) |> relu  d = e |> dw(3, bias=false) |> relu"
    "  p = d |> pw(%d, bias=false)  return x + p }";
static const char ffn[] =
    "block t(x: f16[N, 16, 16, %d]) { e = x |> pw(%d, bias=false) |> relu  p = e |> pw(%d, bias=false)  return x + p }";

/* Layers alone: pointwise C -> aC has a C / (1 + a), depthwise RS / 2. */
static void layers(void **state)
{
    (void)state;
    char t[400];
    for (int c = 16; c <= 128; c *= 2)
        for (int a = 1; a <= 4; a *= 4)
            assert_true(
                near(intensity(format(t, "block t(x: f16[N, 16, 16, %d]) { return x |> pw(%d, bias=false) }", c, a * c)),
                     a * c / (1.0 + a)));
    for (int k = 3; k <= 7; k += 2)
        assert_true(near(intensity(format(t, "block t(x: f16[N, 16, 16, %d]) { return x |> dw(%d, bias=false) }", 32, k)),
                         k * k / 2.0));
}

/* Fused: read x once, write the result once. MBConv aC + a RS / 2, feed-forward aC. */
static void fused_blocks(void **state)
{
    (void)state;
    char t[400];
    for (int c = 16; c <= 64; c *= 2)
        for (int a = 4; a <= 6; a += 2) assert_true(near(intensity(format(t, mbconv, c, a * c)), a * c + a * 4.5));
    for (int c = 16; c <= 64; c *= 2) assert_true(near(intensity(format(t, ffn, c, 4 * c)), 4.0 * c));
}

/* Elements per pixel, the residual's second reading included: MBConv (3 + 4a) C, feed-forward (3 + 2a) C, against 2 C fused. */
static void traffic_ratios(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        int a;
        double ratio;
    } rows[] = { { mbconv, 4, 9.5 }, { mbconv, 6, 13.5 }, { ffn, 4, 5.5 }, { ffn, 6, 7.5 } };
    char t[400];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int c = 16; c <= 64; c *= 2) {
            Image one = image(format(t, rows[i].form, c, rows[i].a * c));
            assert_true(near(one.unfused / one.moved, rows[i].ratio));
            assert_true(near(one.compulsory, one.moved));
        }
}

/* Halo area of a t x t output tile, (t + k - 1)^2 / t^2, at the printed digits; read off an inner tile: 3x3 tiles minus the
 * clipped rim. */
static void halo_factors(void **state)
{
    (void)state;
    static const struct {
        int t, k;
        double factor;
    } rows[] = { { 8, 3, 1.56 },  { 8, 5, 2.25 },  { 8, 7, 3.06 },  { 14, 3, 1.31 }, { 14, 5, 1.65 }, { 14, 7, 2.04 },
                 { 16, 3, 1.27 }, { 16, 5, 1.56 }, { 28, 3, 1.15 }, { 28, 5, 1.31 }, { 28, 7, 1.47 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200], knobs[60];
        int t = rows[i].t, k = rows[i].k, side[2] = { 4 * t, 3 * t };
        int64_t rows_read[2];
        for (int n = 0; n < 2; n++) {                           /* one row of tiles more is an inner one */
            snprintf(text, sizeof text, "block t(x: f16[N, %d, %d, 8]) { return x |> dw(%d, bias=false) }", side[n], t, k);
            snprintf(knobs, sizeof knobs, "rows=%d cols=%d threads=128", t, t);
            Made z = made(text, "h200", knobs);
            rows_read[n] = read_of_input(&z) / (2 * 8 * t);
            plan_end(&z.p);
        }
        double grow = (double)(rows_read[0] - rows_read[1]) / t;
        assert_true(fabs(grow * grow - rows[i].factor) < 0.00501);
    }
}

/* Waterline of the sequence: fusing MBConv (a = 4, C = 64) lifts its share of the roof; every kernel's roof is the larger of
 * its bounds. */
static void roofs(void **state)
{
    (void)state;
    char t[400];
    Planned p = plan_text(format(t, mbconv, 64, 256), "h200", (PlanOptions){ .batch = 128 });
    const Device *d = p.o.device;
    for (int k = 0; k < p.r.groups.n; k++) {
        const PlanGroup *g = &p.r.groups.at[k];
        double memory = (double)g->compulsory_bytes / d->dram_bw,
               depth = 2.0 * 128 * 256 * 256 * 9 / (d->fma_rate * d->clock * d->sms);
        double tensor = 2.0 * 128 * 256 * (64 * 256 * 2) / (d->mma_rate * d->clock * d->sms);
        if (g->group.n == 3) assert_true(near(g->roof, fmax(memory, fmax(depth, tensor))));
        assert_true(g->roof <= g->best.cost.time && g->roof > 0);
    }
    assert_true(p.r.roof <= p.r.time);
    plan_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(layers), cmocka_unit_test(fused_blocks),
                                        cmocka_unit_test(traffic_ratios), cmocka_unit_test(halo_factors),
                                        cmocka_unit_test(roofs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
