/* page.c: the order of the page. Its frame is page.html, its look page.css. */
#include "parts.h"

#include <string.h>

extern const unsigned char fcm_embedded_page_html[], fcm_embedded_page_css[];

static const char *shown_path(const ReportInput *in) { return in->options->source ? in->options->source : ""; }

static void fact(Text *t, const char *value, const char *what)
{
    text_put(t, "<div><b>");
    html_text(t, value);
    text_put(t, "</b><span>");
    html_text(t, what);
    text_put(t, "</span></div>\n");
}

static void put_head(Text *t, const ReportInput *in)
{
    const PlanReport *r = in->plan;
    const Device *d = in->options->device;
    Arena *a = t->arena;
    text_put(t, "<header>\n<h1>");
    html_text(t, in->graph->block);
    text_put(t, "</h1>\n<p class=\"soft\">");
    html_printf(t, "planned for %s (%s), batch %lld, from %s, by fcmc %s", d->title ? d->title : d->name, d->name,
                (long long)in->options->batch, shown_path(in), in->version);
    text_put(t, "</p>\n<div class=\"facts\">\n");
    fact(t, html_time(a, r->time), "predicted time");
    fact(t, arena_printf(a, "%d", r->groups.n), r->groups.n == 1 ? "kernel" : "kernels");
    fact(t, html_bytes(a, r->dram_bytes), "DRAM traffic");
    fact(t, html_bytes(a, r->compulsory_bytes), "compulsory");
    fact(t, html_bytes(a, r->unfused_bytes), "unfused");
    double left = r->unfused_bytes ? (double)r->dram_bytes / (double)r->unfused_bytes : 1;
    fact(t, arena_printf(a, "%.1f %%", 100 - 100 * left), "of it removed");
    fact(t, arena_printf(a, "%.0f %%", r->time > 0 ? 100 * r->roof / r->time : 0), "of the waterline");
    text_put(t, "</div>\n</header>\n");
}

static void put_stages(Text *t, const PlanGroup *g)
{
    text_put(t, "<code>fuse(");
    for (int i = 0; i < g->group.n; i++) html_printf(t, "%s%s", i ? ", " : "", g->stages[i]);
    text_put(t, ")</code>");
}

/* ---- the table of candidates ---- */

static void put_choice(Text *t, const PlanChoice *c)
{
    if (!c->text) {
        text_put(t, "<td>none</td><td></td>");
        return;
    }
    text_put(t, "<td><code>");
    html_text(t, c->text);
    text_printf(t, "</code></td><td class=\"n\">%s<br/>%s</td>", html_time(t->arena, c->cost.time),
                html_bytes(t->arena, c->cost.dram_bytes));
}

static void put_candidates(Text *t, const PlanReport *r)
{
    text_printf(t, "<h2>Candidates</h2>\n<p>%d different groups were searched, %d schedules priced.</p>\n", r->searched, r->tried);
    text_put(t, "<div class=\"wide\"><table>\n<thead><tr><th></th><th>best</th><th></th><th>second</th><th></th><th>why it lost</th>"
                "<th>tried</th><th>refused</th><th>for instance</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < r->groups.n; i++) {
        const PlanGroup *g = &r->groups.at[i];
        text_printf(t, "<tr><td class=\"n\"><a href=\"#%s\">%s</a></td>", g->name, g->name);
        put_choice(t, &g->best);
        put_choice(t, &g->second);
        text_put(t, "<td>");
        html_text(t, g->pinned ? "the best is pinned" : g->lost ? g->lost : "");
        text_printf(t, "</td><td>%d</td><td>%d</td><td>", g->tried, g->unfit);
        html_text(t, g->unfit_why ? g->unfit_why : "");
        text_put(t, "</td></tr>\n");
    }
    text_put(t, "</tbody>\n</table></div>\n");
}

/* ---- kernels ---- */

/* The part of the text between the heads of this kernel and of the next part. */
static void put_code(Text *t, const ReportInput *in, const PlanGroup *g)
{
    const char *head = arena_printf(t->arena, "// ---- %s: ", g->name), *from = in->code ? strstr(in->code, head) : NULL;
    if (!from) return;
    const char *body = strchr(from, '\n'), *end = body ? strstr(body, "\n// ---- ") : NULL;
    if (!body) return;
    text_put(t, "<details><summary>generated code</summary>\n<pre><code>");
    html_textn(t, body + 1, end && end > body ? (size_t)(end - body - 1) : strlen(body + 1));
    text_put(t, "</code></pre></details>\n");
}

static void put_words(Text *t, const PlanGroup *g)
{
    const PlanChoice *c = &g->best;
    Arena *a = t->arena;
    text_put(t, "<p><code>");
    html_text(t, c->text);
    text_printf(t, "</code>%s</p>\n<p>%s, bound by <b>", g->pinned ? " (pinned)" : "", html_time(a, c->cost.time));
    html_text(t, c->cost.bound);
    text_printf(t, "</b>; %.0f %% of the roof; occupancy %.0f %%; ", 100 * g->roof / c->cost.time, 100 * c->cost.occupancy);
    if (c->tiles)
        text_printf(t, "%lld tiles on %lld persistent blocks with %s on chip", (long long)c->tiles, (long long)c->blocks,
                    html_bytes(a, c->arena_bytes));
    else text_printf(t, "%lld blocks with %s on chip", (long long)c->blocks, html_bytes(a, c->arena_bytes));
    if (g->useful_macs)
        text_printf(t, "; %.3f MMAC, executed %.3f: %.1f %% more for halo and padding", (double)g->useful_macs / 1e6,
                    (double)c->executed_macs / 1e6, 100 * (double)(c->executed_macs - g->useful_macs) / (double)g->useful_macs);
    text_put(t, ".</p>\n");
    if (g->apart_time > 0)
        text_printf(t, "<p>Apart, as a kernel for each operation: %s and %s.</p>\n", html_time(a, g->apart_time),
                    html_bytes(a, g->apart_bytes));
    if (!g->second.text) return;
    text_put(t, "<p>Runner-up <code>");
    html_text(t, g->second.text);
    text_printf(t, "</code>: %s, %s", html_time(a, g->second.cost.time), html_bytes(a, g->second.cost.dram_bytes));
    html_printf(t, "%s%s.", g->lost ? "; " : "", g->lost ? g->lost : "");
    text_put(t, "</p>\n");
}

static void put_kernel(Text *t, const ReportInput *in, int i)
{
    const PlanGroup *g = &in->plan->groups.at[i];
    const TmProgram *p = in->module && i < in->module->programs.n ? in->module->programs.at[i] : NULL;
    text_printf(t, "<section class=\"kernel\" id=\"%s\">\n<h3>%s = ", g->name, g->name);
    put_stages(t, g);
    text_put(t, "</h3>\n");
    put_words(t, g);
    text_put(t, "<div class=\"figures\">\n<figure>\n");
    report_traffic(t, g);
    text_put(t, "<figcaption>Bytes: the least possible, of device memory, asked for by the instructions, of a kernel for each operation."
                "</figcaption>\n</figure>\n<figure>\n");
    report_limits(t, &g->best);
    text_put(t, "<figcaption>What overlaps is paid once: the longest of the upper bars; barriers, resident weights and the launch come on "
                "top.");
    if (in->options->device->overlap < 1)
        text_printf(t, " Of the shorter ones among DRAM, L2 and shared memory only %.0f %% hides.", 100 * in->options->device->overlap);
    text_put(t, "</figcaption>\n</figure>\n");
    if (p) {
        text_put(t, "<figure>\n");
        report_tiles(t, in->module, p);
        text_put(t, "</figure>\n<figure>\n");
        report_tensors(t, in, p);
        text_put(t, "</figure>\n");
    }
    text_put(t, "</div>\n");
    if (p) report_instructions(t, in, p);
    put_code(t, in, g);
    text_put(t, "</section>\n");
}

/* ---- what is not in a kernel together, or in none ---- */

static void put_price(Text *t, double seconds, int64_t bytes)
{
    if (seconds > 0) text_printf(t, "<td class=\"n\">%s<br/>%s</td>", html_time(t->arena, seconds), html_bytes(t->arena, bytes));
    else text_put(t, "<td>–</td>");
}

static void put_edges(Text *t, const PlanReport *r)
{
    if (!r->edges.n) return;
    text_put(t, "<h2>Not fused</h2>\n<div class=\"wide\"><table>\n"
                "<thead><tr><th>result</th><th>reader</th><th>as one kernel</th><th>apart</th><th>why</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < r->edges.n; i++) {
        const PlanEdge *e = &r->edges.at[i];
        text_put(t, "<tr><td><code>");
        html_text(t, e->from);
        text_put(t, "</code></td><td><code>");
        html_text(t, e->to);
        text_put(t, "</code></td>");
        put_price(t, e->fused, e->fused_bytes);
        put_price(t, e->apart, e->apart_bytes);
        text_put(t, "<td>");
        html_text(t, e->why);
        text_put(t, "</td></tr>\n");
    }
    text_put(t, "</tbody>\n</table></div>\n");
}

static void put_cuts(Text *t, const PlanReport *r)
{
    if (!r->cuts.n) return;
    text_printf(t, "<h2>Not lowered yet</h2>\n<p>%d operations are cut out of the graph; their inputs and results lie in memory.</p>\n<ul>\n",
                r->cuts.n);
    for (int i = 0; i < r->cuts.n; i++) {
        text_put(t, "<li><code>");
        html_printf(t, "%s = %s", r->cuts.at[i].name, r->cuts.at[i].op);
        text_put(t, "</code></li>\n");
    }
    text_put(t, "</ul>\n");
}

static void put_body(Text *t, const ReportInput *in)
{
    put_head(t, in);
    text_put(t, "<h2>Graph</h2>\n<p>A frame is one kernel. A dashed arrow is a tensor that never leaves the chip, a solid one lies in memory.</p>\n"
                "<figure class=\"scroll\">\n");
    report_graph(t, in);
    text_put(t, "</figure>\n<h2>Waterline</h2>\n<p>In front the predicted rate of each kernel, behind it the rate that its bytes and the "
                "engines allow: bluish under water, held down by memory, sandy above.</p>\n<figure>\n");
    report_waterline(t, in);
    text_put(t, "</figure>\n<h2>Efficiency gap</h2>\n<p>Ideal time (green: compulsory bytes or useful operations at full rate) of the predicted "
                "time.</p>\n<figure>\n");
    report_gap(t, in);
    text_put(t, "</figure>\n");
    put_candidates(t, in->plan);
    put_edges(t, in->plan);
    put_cuts(t, in->plan);
    text_put(t, "<h2>Kernels</h2>\n");
    for (int i = 0; i < in->plan->groups.n; i++) put_kernel(t, in, i);
}

void report_page(Text *out, const ReportInput *in)
{
    const char *frame = (const char *)fcm_embedded_page_html;
    for (const char *at; (at = strchr(frame, '@')); frame = strchr(at + 1, '@') + 1) {
        text_printf(out, "%.*s", (int)(at - frame), frame);
        if (at[1] == 'T') html_printf(out, "%s on %s: the plan", in->graph->block, in->options->device->name);
        else if (at[1] == 'S') text_put(out, (const char *)fcm_embedded_page_css);
        else put_body(out, in);
    }
    text_put(out, frame);
}
