/* driver_plan.c: the verb `plan`, and the remarks of -Rpass=fuse and -Rpass-missed=fuse: what was planned, in words and as
 * JSON. */
#include "driver.h"

#include <string.h>

static double mb(int64_t bytes) { return (double)bytes / 1e6; }
static double us(double seconds) { return seconds * 1e6; }

static const char *names_of(Arena *a, const PlanGroup *g)
{
    Text t = text_new(a);
    for (int i = 0; i < g->group.n; i++) text_printf(&t, "%s%s", i ? ", " : "", g->stages[i]);
    return t.at;
}

/* ---- words ---- */

static void put_work(Driver *d, const PlanGroup *g)
{
    const PlanChoice *c = &g->best;
    if (g->useful_macs == 0) return;
    double extra = (double)(c->executed_macs - g->useful_macs);
    text_printf(&d->out, "    work     %.3f MMAC, executed %.3f: %.1f %% more for halo and padding\n",
                (double)g->useful_macs / 1e6, (double)c->executed_macs / 1e6, 100 * extra / (double)g->useful_macs);
}

static void put_waits(Driver *d, const PlanChoice *choice)
{
    const Cost *c = &choice->cost;
    text_put(&d->out, "    waits   ");
#define X(field, text) if (c->field > 0) text_printf(&d->out, " " text " %.2f", us(c->field));
    FCM_LIMITS(X)
#undef X
    text_put(&d->out, " us; ");
    const char *sep = "";
#define X(field, text) if (c->field > 0) text_printf(&d->out, "%s" text " %.2f", sep, us(c->field)), sep = ", ";
    FCM_SERIAL(X)
#undef X
    text_printf(&d->out, "; on chip %lld bytes, ", (long long)choice->arena_bytes);
    if (choice->tiles) text_printf(&d->out, "%lld tiles on %lld persistent blocks\n", (long long)choice->tiles, (long long)choice->blocks);
    else text_printf(&d->out, "%lld blocks\n", (long long)choice->blocks);
}

static void put_group(Driver *d, const PlanGroup *g)
{
    const Cost *c = &g->best.cost;
    text_printf(&d->out, "%s = fuse(%s, %s)%s\n", g->name, names_of(d->arena, g), g->best.text, g->pinned ? "   pinned" : "");
    text_printf(&d->out, "    time     %.2f us, bound by %s; %.0f %% of the roof; occupancy %.0f %%\n", us(c->time), c->bound,
                100 * g->roof / c->time, 100 * c->occupancy);
    text_printf(&d->out, "    traffic  %.3f MB of DRAM, %.3f MB issued; compulsory %.3f, unfused %.3f\n", mb(c->dram_bytes),
                mb(c->l2_bytes), mb(g->compulsory_bytes), mb(g->unfused_bytes));
    if (g->kept) text_printf(&d->out, "    stores   %s too, for others that read it\n", g->kept);
    put_work(d, g);
    put_waits(d, &g->best);
    if (g->apart_time > 0) text_printf(&d->out, "    apart    %.2f us, %.3f MB\n", us(g->apart_time), mb(g->apart_bytes));
    if (g->second.text)
        text_printf(&d->out, "    next     %s: %.2f us, %.3f MB; %s\n", g->second.text, us(g->second.cost.time),
                    mb(g->second.cost.dram_bytes), g->lost ? g->lost : "");
    if (g->tried)
        text_printf(&d->out, "    looked   at %d schedules; %d do not fit%s%s\n", g->tried, g->unfit,
                    g->unfit_why ? ", for instance: " : "", g->unfit_why ? g->unfit_why : "");
}

static void put_edges(Driver *d, const PlanReport *r)
{
    if (r->edges.n) text_put(&d->out, "not fused:\n");
    for (int i = 0; i < r->edges.n; i++)
        text_printf(&d->out, "    %s -> %s: %s\n", r->edges.at[i].from, r->edges.at[i].to, r->edges.at[i].why);
}

static void put_cuts(Driver *d, const PlanReport *r)
{
    if (r->cuts.n) text_printf(&d->out, "not lowered yet, cut out of the graph (%d):\n", r->cuts.n);
    for (int i = 0; i < r->cuts.n; i++) {
        int line = 0, col = 0;
        const PlanCut *c = &r->cuts.at[i];
        diag_position(d->diag, c->loc, &line, &col);
        text_printf(&d->out, "    %s = %s (line %d)\n", c->name, c->op, line);
    }
}

static void put_plan(Driver *d, const Lowered *l)
{
    const PlanReport *r = &l->report;
    text_printf(&d->out, "block %s on %s, batch %lld: %d kernel%s, %.2f us\n", l->graph->block, l->device->name,
                (long long)l->options.batch, r->groups.n, r->groups.n == 1 ? "" : "s", us(r->time));
    text_printf(&d->out, "%.3f MB of DRAM; compulsory %.3f, unfused %.3f (%.1f %% removed); %.0f %% of the waterline\n",
                mb(r->dram_bytes), mb(r->compulsory_bytes), mb(r->unfused_bytes),
                r->unfused_bytes ? 100 - 100 * (double)r->dram_bytes / (double)r->unfused_bytes : 0,
                r->time > 0 ? 100 * r->roof / r->time : 0);
    for (int i = 0; i < r->groups.n; i++) put_group(d, &r->groups.at[i]);
    put_edges(d, r);
    put_cuts(d, r);
}

/* ---- JSON ---- */

static void json_text(Text *t, const char *key, const char *value)
{
    text_printf(t, "\"%s\":", key);
    if (value) text_json_string(t, value);
    else text_put(t, "null");
}

static void json_choice(Text *t, const PlanChoice *c)
{
    text_put(t, "{");
    json_text(t, "schedule", c->text);
    text_printf(t, ",\"seconds\":%.9g,\"dram_bytes\":%lld,\"issued_bytes\":%lld,\"on_chip_bytes\":%lld", c->cost.time,
                (long long)c->cost.dram_bytes, (long long)c->cost.l2_bytes, (long long)c->arena_bytes);
    text_printf(t, ",\"executed_macs\":%lld,\"blocks\":%lld,\"occupancy\":%.6g,\"bound\":\"%s\",\"waits\":{",
                (long long)c->executed_macs, (long long)c->blocks, c->cost.occupancy, c->cost.bound);
#define X(field, text) text_printf(t, "\"" #field "\":%.9g,", c->cost.field);
    FCM_LIMITS(X)
#undef X
    const char *sep = "";
#define X(field, text) text_printf(t, "%s\"" #field "\":%.9g", sep, c->cost.field), sep = ",";
    FCM_SERIAL(X)
#undef X
    text_put(t, "}}");
}

static void json_group(Text *t, const PlanGroup *g)
{
    text_printf(t, "{\"name\":\"%s\",\"stages\":[", g->name);
    for (int i = 0; i < g->group.n; i++) {
        text_put(t, i ? "," : "");
        text_json_string(t, g->stages[i]);
    }
    text_printf(t, "],\"pinned\":%s,\"tried\":%d,\"unfit\":%d,", g->pinned ? "true" : "false", g->tried, g->unfit);
    json_text(t, "unfit_why", g->unfit_why);
    text_printf(t, ",\"compulsory_bytes\":%lld,\"unfused_bytes\":%lld,\"useful_macs\":%lld,\"roof_seconds\":%.9g",
                (long long)g->compulsory_bytes, (long long)g->unfused_bytes, (long long)g->useful_macs, g->roof);
    if (g->apart_time > 0)
        text_printf(t, ",\"apart\":{\"seconds\":%.9g,\"dram_bytes\":%lld}", g->apart_time, (long long)g->apart_bytes);
    else text_put(t, ",\"apart\":null");
    text_put(t, ",\"best\":");
    json_choice(t, &g->best);
    text_put(t, ",\"second\":");
    if (g->second.text) json_choice(t, &g->second);
    else text_put(t, "null");
    text_put(t, ",");
    json_text(t, "second_lost", g->lost);
    text_put(t, ",");
    json_text(t, "kept", g->kept);
    text_put(t, "}");
}

static void json_edge(Text *t, const PlanEdge *e)
{
    text_put(t, "{");
    json_text(t, "from", e->from);
    text_put(t, ",");
    json_text(t, "to", e->to);
    text_put(t, ",");
    json_text(t, "why", e->why);
    if (e->fused > 0) text_printf(t, ",\"fused\":{\"seconds\":%.9g,\"dram_bytes\":%lld}", e->fused, (long long)e->fused_bytes);
    if (e->apart > 0) text_printf(t, ",\"apart\":{\"seconds\":%.9g,\"dram_bytes\":%lld}", e->apart, (long long)e->apart_bytes);
    text_put(t, "}");
}

static void json_plan(Text *t, const Lowered *l, const char *plan)
{
    const PlanReport *r = &l->report;
    text_put(t, "{");
    json_text(t, "block", l->graph->block);
    static const char *const objectives[] = {
#define X(e, word, meaning) word,
        FCM_OBJECTIVES(X)
#undef X
    };
    text_printf(t, ",\"minimize\":\"%s\",\"longest\":%d", objectives[l->options.minimize],
                l->options.longest ? l->options.longest : GROUP_MAX);
    text_printf(t, ",\"device\":\"%s\",\"batch\":%lld,\"seconds\":%.9g,\"roof_seconds\":%.9g", l->device->name,
                (long long)l->options.batch, r->time, r->roof);
    text_printf(t, ",\"dram_bytes\":%lld,\"compulsory_bytes\":%lld,\"unfused_bytes\":%lld,\"searched\":%d,\"tried\":%d,",
                (long long)r->dram_bytes, (long long)r->compulsory_bytes, (long long)r->unfused_bytes, r->searched, r->tried);
    json_text(t, "plan", plan);
    text_put(t, ",\"groups\":[");
    for (int i = 0; i < r->groups.n; i++) text_put(t, i ? "," : ""), json_group(t, &r->groups.at[i]);
    text_put(t, "],\"not_fused\":[");
    for (int i = 0; i < r->edges.n; i++) text_put(t, i ? "," : ""), json_edge(t, &r->edges.at[i]);
    text_put(t, "],\"not_lowered\":[");
    for (int i = 0; i < r->cuts.n; i++) {
        text_put(t, i ? ",{" : "{");
        json_text(t, "name", r->cuts.at[i].name);
        text_put(t, ",");
        json_text(t, "op", r->cuts.at[i].op);
        text_put(t, "}");
    }
    text_put(t, "]}");
}

/* ---- remarks ---- */

bool driver_wants_remark(const Driver *d, const char *which)
{
    for (int i = 0; i < d->cli->given.n; i++)
        if (d->cli->given.at[i].opt == OPT_REMARKS && strcmp(d->cli->given.at[i].text, which) == 0) return true;
    return false;
}

void driver_remarks(Driver *d, const Lowered *l)
{
    const PlanReport *r = &l->report;
    for (int i = 0; i < r->groups.n && driver_wants_remark(d, "pass=fuse"); i++) {
        const PlanGroup *g = &r->groups.at[i];
        diag_remark(d->diag, g->loc, "FCM2201", "%s = fuse(%s, %s): %.3f MB instead of %.3f, %.2f us, bound by %s", g->name,
                    names_of(d->arena, g), g->best.text, mb(g->best.cost.dram_bytes), mb(g->unfused_bytes),
                    us(g->best.cost.time), g->best.cost.bound);
    }
    for (int i = 0; i < r->edges.n && driver_wants_remark(d, "pass-missed=fuse"); i++) {
        const PlanEdge *e = &r->edges.at[i];
        diag_remark(d->diag, e->loc, "FCM2202", "%s is not fused with %s: %s", e->to, e->from, e->why);
    }
}

/* ---- the verb ---- */

static bool write_out(Driver *d)
{
    const char *out = cli_text(d->cli, OPT_OUT), *why;
    if (!out || strcmp(out, "-") == 0) return true;
    bool ok = text_write_file(d->arena, out, d->out.at, d->out.n, &why);
    d->out = text_new(d->arena);
    if (!ok) diag_error(d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", out, why);
    return ok;
}

/* Without --target the device tells it. CLI_TARGET_NONE after an error. */
static CliTarget target_of(Driver *d)
{
    CliTarget t = cli_target(d->cli) ? cli_target(d->cli) : CLI_CUDA;
    const char *device = cli_text(d->cli, OPT_DEVICE);
    if (cli_target(d->cli) || !device || strcmp(device, "native") == 0) return t;
    const Device *dev = device_find(d->arena, d->diag, device);
    return !dev ? CLI_TARGET_NONE : dev->target == TM_CPU ? CLI_CPU : t;
}

static const char *refusal(const Driver *d, CliTarget t)
{
    if (driver_is_tm(d->cli->files.at[0])) return "a .tm file is planned already";
    if (t == CLI_REFERENCE) return "the reference is not planned";
    if (cli_has(d->cli, OPT_HTML) && strcmp(cli_text(d->cli, OPT_HTML), "-") == 0) return "--html wants a file: stdout is for the words";
    return d->cli->emits & ~(1u << EMIT_PLAN) ? "plan knows --emit=plan only" : NULL;
}

int driver_plan(Driver *d)
{
    const char *path = d->cli->files.at[0];
    CliTarget t = target_of(d);
    if (t == CLI_TARGET_NONE) return EXIT_INPUT;
    const char *why = refusal(d, t);
    if (why) {
        diag_error(d->diag, NOWHERE, "FCM5006", "%s", why);
        return EXIT_USAGE;
    }
    AstFiles files = { 0 };
    Lowered l;
    if (!driver_load(d, path, &files)) return EXIT_INPUT;
    Graph *g = driver_graph(d, &files, NULL);
    if (!g || !driver_report(d, path, &files, g, t, &l)) return EXIT_INPUT;
    const char *text = plan_print(d->arena, g, &l.options, &l.report);
    if (d->cli->emits) text_put(&d->out, text);
    else put_plan(d, &l);
    json_plan(&d->result, &l, text);
    return driver_html(d, &l) && write_out(d) ? EXIT_OK : EXIT_INPUT;
}
