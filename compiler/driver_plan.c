/* driver_plan.c: what was planned, in words: groups, schedules, bytes, time, and what else was looked at. */
#include "driver.h"

#include <string.h>

static void put_group(Driver *d, const PlanGroup *g)
{
    const Cost *c = &g->best.cost;
    Text stages = text_new(d->arena);
    for (int i = 0; i < g->group.n; i++) text_printf(&stages, "%s%s", i ? ", " : "", g->stages[i]);
    text_printf(&d->out, "%s = fuse(%s%s%s)%s\n", g->name, stages.at, *g->best.text ? ", " : "", g->best.text,
                g->pinned ? "   pinned" : "");
    text_printf(&d->out, "    time     %.2f us, bound by %s; occupancy %.0f %%\n", c->time * 1e6, c->bound, 100 * c->occupancy);
    text_printf(&d->out, "    traffic  %.3f MB of DRAM, %.3f MB issued; compulsory %.3f, unfused %.3f\n",
                (double)c->dram_bytes / 1e6, (double)c->l2_bytes / 1e6, (double)g->compulsory_bytes / 1e6,
                (double)g->unfused_bytes / 1e6);
    text_printf(&d->out, "    waits   ");
#define X(field, text) if (c->field > 0) text_printf(&d->out, " " text " %.2f", c->field * 1e6);
    FCM_LIMITS(X)
#undef X
    text_printf(&d->out, " us; barriers %.2f, launch %.2f; %s %lld bytes\n", c->barriers * 1e6, c->launch * 1e6, "on chip",
                (long long)g->best.arena_bytes);
    if (g->second.text)
        text_printf(&d->out, "    next     %s: %.2f us, %.3f MB\n", g->second.text, g->second.cost.time * 1e6,
                    (double)g->second.cost.dram_bytes / 1e6);
    text_printf(&d->out, "    looked   at %d schedules; %d do not fit%s%s\n", g->tried, g->unfit,
                g->unfit_why ? ", most often: " : "", g->unfit_why ? g->unfit_why : "");
}

static void json_choice(Text *t, const PlanChoice *c)
{
    text_put(t, "{\"schedule\":");
    text_json_string(t, c->text);
    text_printf(t, ",\"seconds\":%.9g,\"dram_bytes\":%lld,\"issued_bytes\":%lld,\"on_chip_bytes\":%lld,\"bound\":\"%s\"}",
                c->cost.time, (long long)c->cost.dram_bytes, (long long)c->cost.l2_bytes, (long long)c->arena_bytes,
                c->cost.bound);
}

static void json_group(Driver *d, const PlanGroup *g, bool first)
{
    Text *t = &d->result;
    text_printf(t, "%s{\"name\":\"%s\",\"stages\":[", first ? "" : ",", g->name);
    for (int i = 0; i < g->group.n; i++) {
        text_put(t, i ? "," : "");
        text_json_string(t, g->stages[i]);
    }
    text_printf(t, "],\"pinned\":%s,\"tried\":%d,\"unfit\":%d,\"compulsory_bytes\":%lld,\"unfused_bytes\":%lld,\"best\":",
                g->pinned ? "true" : "false", g->tried, g->unfit, (long long)g->compulsory_bytes, (long long)g->unfused_bytes);
    json_choice(t, &g->best);
    text_put(t, ",\"second\":");
    if (g->second.text) json_choice(t, &g->second);
    else text_put(t, "null");
    text_put(t, "}");
}

int driver_plan(Driver *d)
{
    const char *path = d->cli->files.at[0];
    CliTarget t = cli_target(d->cli) ? cli_target(d->cli) : CLI_CUDA;
    const char *device = cli_text(d->cli, OPT_DEVICE);
    if (!cli_target(d->cli) && device && strcmp(device, "native") != 0) {       /* the device tells the target */
        const Device *dev = device_find(d->arena, d->diag, device);
        if (!dev) return EXIT_INPUT;
        if (dev->target == TM_CPU) t = CLI_CPU;
    }
    if (driver_is_tm(path) || t == CLI_REFERENCE || (d->cli->emits & ~(1u << EMIT_PLAN))) {
        diag_error(d->diag, NOWHERE, "FCM5006",
                   driver_is_tm(path)   ? "a .tm file is planned already"
                   : t == CLI_REFERENCE ? "the reference is not planned"
                                        : "plan knows --emit=plan only");
        return EXIT_USAGE;
    }
    AstFiles files = { 0 };
    Lowered l;
    if (!driver_load(d, path, &files)) return EXIT_INPUT;
    Graph *g = driver_graph(d, &files, NULL);
    if (!g || !driver_lower(d, path, &files, g, t, &l)) return EXIT_INPUT;
    const char *text = plan_print(d->arena, g, &l.options, &l.report);
    if (d->cli->emits) text_put(&d->out, text);
    else {
        text_printf(&d->out, "block %s on %s, batch %lld: %d kernel%s, %.2f us\n", g->block, l.device->name,
                    (long long)l.options.batch, l.report.groups.n, l.report.groups.n == 1 ? "" : "s", l.report.time * 1e6);
        for (int i = 0; i < l.report.groups.n; i++) put_group(d, &l.report.groups.at[i]);
    }
    text_printf(&d->result, "{\"block\":\"%s\",\"device\":\"%s\",\"batch\":%lld,\"seconds\":%.9g,\"plan\":", g->block,
                l.device->name, (long long)l.options.batch, l.report.time);
    text_json_string(&d->result, text);
    text_put(&d->result, ",\"groups\":[");
    for (int i = 0; i < l.report.groups.n; i++) json_group(d, &l.report.groups.at[i], i == 0);
    text_put(&d->result, "]}");
    const char *out = cli_text(d->cli, OPT_OUT), *why;
    if (!out || strcmp(out, "-") == 0) return EXIT_OK;
    bool ok = text_write_file(d->arena, out, d->out.at, d->out.n, &why);
    d->out = text_new(d->arena);
    if (!ok) diag_error(d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", out, why);
    return ok ? EXIT_OK : EXIT_INPUT;
}
