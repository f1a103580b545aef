/* waterline.c: the sequence of kernels on the machine. The roofline generalised to a sequence: a kernel with work W and bytes Q takes at
 * least max(W / R, Q / B); its rate W / time is drawn over the work done so far. Where the least time is one of bytes, the kernel is
 * under water. */
#include "parts.h"

#include <math.h>
#include <string.h>

enum { LEFT = 92, WIDTH = 720, TOP = 24, HEIGHT = 240, RIGHT = 130, GAP_ROW = 20 };

static double work_of(const PlanGroup *g) { return 2.0 * (double)g->useful_macs; }

static bool halves(const ReportInput *in)
{
    const PlanReport *r = in->plan;
    return r->groups.n && in->graph->nodes.at[in->stages->at.at[r->groups.at[0].group.stage[0]].in].dtype == DT_F16;
}

/* The fastest engine that the plan's dtype can use. */
static double peak_of(const ReportInput *in)
{
    const Device *d = in->options->device;
    return d->clock * d->sms * (halves(in) && d->mma_rate > 0 ? d->mma_rate : d->fma_rate);
}

typedef struct Scale { double total, low, high; } Scale;        /* work; rates at the bottom and at the top, powers of ten */

static double x_at(const Scale *s, double work) { return LEFT + work / s->total * WIDTH; }
static double y_at(const Scale *s, double rate)
{
    double part = (log10(fmax(rate, s->low)) - log10(s->low)) / (log10(s->high) - log10(s->low));
    return TOP + (1 - part) * HEIGHT;
}

static Scale scale_of(const ReportInput *in)
{
    double least = HUGE_VAL, peak = peak_of(in);
    Scale s = { 0, 1, 10 };
    for (int i = 0; i < in->plan->groups.n; i++) {
        const PlanGroup *g = &in->plan->groups.at[i];
        if (!g->useful_macs) continue;
        s.total += work_of(g);
        least = fmin(least, work_of(g) / g->best.cost.time);
    }
    if (s.total == 0) return s;
    s.high = pow(10, ceil(log10(peak)));
    s.low = fmax(pow(10, floor(log10(least / 3))), s.high / 1e5);       /* room for the names in the bars; tiny kernels fall below */
    return s;
}

static void put_axes(Text *t, const ReportInput *in, const Scale *s)
{
    for (double r = s->low; r <= s->high * 1.01; r *= 10) {
        svg_line(t, "gridline", LEFT, y_at(s, r), LEFT + WIDTH, y_at(s, r));
        svg_label(t, "end", LEFT - 8, y_at(s, r) + 4, "%s", html_count(t->arena, r, "FLOP/s"));
    }
    svg_line(t, "axis", LEFT, TOP + HEIGHT, LEFT + WIDTH, TOP + HEIGHT);
    for (int i = 0; i <= 4; i++)
        svg_label(t, "mid", LEFT + WIDTH * i / 4.0, TOP + HEIGHT + 18, "%s", i ? html_count(t->arena, s->total * i / 4, "FLOP") : "0");
    svg_label(t, "mid", LEFT + WIDTH / 2.0, TOP + HEIGHT + 36, "work done so far, batch %lld", (long long)in->options->batch);
}

/* Horizontal lines, the highest rate first, with their names at the right, at least a line of text apart. */
typedef struct Mark { const char *class, *name; double rate; } Mark;
static void put_marks(Text *t, const Scale *s, const Mark *m, int n)
{
    double y = 0;
    for (int i = 0; i < n; i++) {
        svg_line(t, m[i].class, LEFT, y_at(s, m[i].rate), LEFT + WIDTH, y_at(s, m[i].rate));
        y = fmax(y_at(s, m[i].rate), i ? y + 14 : 0);
        svg_label(t, "value", LEFT + WIDTH + 6, y + 4, "%s", m[i].name);
    }
}

static void put_kernel(Text *t, const Scale *s, const PlanGroup *g, double before, double peak)
{
    double x = x_at(s, before), w = work_of(g) / s->total * WIDTH, rate = work_of(g) / g->best.cost.time, roof = work_of(g) / g->roof;
    bool under = roof < 0.99 * peak;
    text_put(t, "<g><title>");
    html_printf(t, "%s: %s of at most %s", g->name, html_count(t->arena, rate, "FLOP/s"), html_count(t->arena, roof, "FLOP/s"));
    text_put(t, "</title>\n");
    svg_rect(t, under ? "water" : "dry", x, y_at(s, roof), w, TOP + HEIGHT - y_at(s, roof));
    svg_rect(t, "reached", x, y_at(s, rate), w, TOP + HEIGHT - y_at(s, rate));
    svg_line(t, "roof", x, y_at(s, roof), x + w, y_at(s, roof));
    if (w > 22) svg_label(t, "mid inbar", x + w / 2, TOP + HEIGHT - 6, "%s", g->name);
    text_put(t, "</g>\n");
}

void report_waterline(Text *t, const ReportInput *in)
{
    const PlanReport *r = in->plan;
    Scale s = scale_of(in);
    double peak = peak_of(in), done = 0, roof = 0, time = 0;
    if (s.total == 0) {
        text_put(t, "<p>No kernel of this plan multiplies: there is no rate to draw.</p>\n");
        return;
    }
    svg_open(t, LEFT + WIDTH + RIGHT, TOP + HEIGHT + 44, "waterline: rate over the work done so far");
    put_axes(t, in, &s);
    for (int i = 0; i < r->groups.n; i++) {
        const PlanGroup *g = &r->groups.at[i];
        roof += g->roof;
        time += g->best.cost.time;
        if (!g->useful_macs) continue;
        put_kernel(t, &s, g, done, peak);
        done += work_of(g);
    }
    double attainable = s.total / roof, predicted = s.total / time;
    const Mark marks[] = { { "peakline", halves(in) && in->options->device->mma_rate > 0 ? "peak, tensor cores" : "peak, FMA", peak },
                           { "waterline", "waterline", attainable }, { "meanline", "predicted", predicted } };
    put_marks(t, &s, marks, (int)(sizeof marks / sizeof *marks));
    svg_close(t);
    text_printf(t, "<p>Peak %s; the waterline, at which the sequence could run, %s (%.0f %% of the peak); predicted %s, %.0f %% of the "
                   "waterline.</p>\n", html_count(t->arena, peak, "FLOP/s"), html_count(t->arena, attainable, "FLOP/s"), 100 * attainable / peak,
                html_count(t->arena, predicted, "FLOP/s"), 100 * predicted / attainable);
}

void report_gap(Text *t, const ReportInput *in)
{
    const PlanReport *r = in->plan;
    double most = 0;
    for (int i = 0; i < r->groups.n; i++) most = fmax(most, r->groups.at[i].best.cost.time);
    svg_open(t, LEFT + WIDTH + RIGHT, r->groups.n * GAP_ROW + 6, "efficiency gap: ideal against predicted time of each kernel");
    for (int i = 0; i < r->groups.n; i++) {
        const PlanGroup *g = &r->groups.at[i];
        double y = 2 + i * GAP_ROW, w = g->best.cost.time / most * (WIDTH - 100), ideal = g->roof / most * (WIDTH - 100);
        svg_label(t, "end", LEFT - 8, y + 14, "%s", g->name);
        svg_rect(t, "lost", LEFT, y + 2, w, GAP_ROW - 4);
        svg_rect(t, "ideal", LEFT, y + 2, fmax(ideal, 1), GAP_ROW - 4);
        svg_label(t, "value", LEFT + w + 6, y + 14, "%s of %s: %.0f %%", html_time(t->arena, g->roof),
                  html_time(t->arena, g->best.cost.time), 100 * g->roof / g->best.cost.time);
    }
    svg_line(t, "axis", LEFT, 0, LEFT, r->groups.n * GAP_ROW + 6);
    svg_close(t);
}
