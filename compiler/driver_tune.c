/* driver_tune.c: measures the best few schedules of every group of the plan, keeps the winners beside the source. */
#include "candidates.h"
#include "trials.h"
#include "tuning.h"

#include <stdio.h>
#include <string.h>

typedef struct Tuned { const char *key; Trials *trials; } Tuned;   /* groups that look alike are measured once */
typedef struct Tune {
    Driver *d;
    const char *path;
    const TimingTarget *target;
    Lowered l;
    const Stages *stages;
    int threads, most;
    double spread;
    Workdir dir;
    VEC(Tuned) tuned;
    Text plan;                      /* "k0 = fuse(…); k1 = …" */
    double measured, modelled;      /* sums over the groups, microseconds */
} Tune;

static double us(double seconds) { return seconds * 1e6; }

/* ---- reports ---- */

static const char *names_of(Arena *a, const PlanGroup *g)
{
    Text t = text_new(a);
    for (int i = 0; i < g->group.n; i++) text_printf(&t, "%s%s", i ? ", " : "", g->stages[i]);
    return t.at;
}

static void put_trial(Tune *z, const PlanGroup *g, const Trials *t, const Trial *one)
{
    Driver *d = z->d;
    const char *plan = arena_printf(d->arena, "fuse(%s, %s)", names_of(d->arena, g), one->candidate->text);
    text_printf(&d->result, "%s{\"plan\":", d->result.at[d->result.n - 1] == '[' ? "" : ",");
    text_json_string(&d->result, plan);
    text_printf(&d->result, ",\"modelled\":%.9g", one->candidate->time);
    if (one->why) {
        text_printf(&d->out, "  %9.2f us modelled, discarded: %s  %s\n", us(one->candidate->time), one->why, plan);
        text_put(&d->result, ",\"discarded\":");
        text_json_string(&d->result, one->why);
    } else {
        const Series *s = trial_series(t, one);
        text_printf(&d->out, "  %9.2f us modelled, %9.2f measured (least %.2f, p25 %.2f, p75 %.2f, wall %.2f)  %s\n",
                    us(one->candidate->time), us(s->median), us(s->least), us(s->p25), us(s->p75), us(one->wall.median), plan);
        text_printf(&d->result, ",\"median\":%.9g,\"least\":%.9g,\"p25\":%.9g,\"p75\":%.9g,\"wall\":%.9g", s->median,
                    s->least, s->p25, s->p75, one->wall.median);
    }
    text_put(&d->result, "}");
}

static void put_trials(Tune *z, const PlanGroup *g, const Trials *t, const Trial *best)
{
    Driver *d = z->d;
    const char *clock = trials_by_own_time(t) ? "one thread, its own time" : z->target->clock;
    text_printf(&d->out, "%s: %d schedules, %s%s%s\n", g->name, t->at.n, clock, *t->gpu ? ": " : "", t->gpu);
    text_printf(&d->result, "%s{\"group\":\"%s\",\"candidates\":[", d->result.at[d->result.n - 1] == '[' ? "" : ",", g->name);
    for (int i = 0; i < t->at.n; i++) put_trial(z, g, t, &t->at.at[i]);
    text_put(&d->result, "]}");
    double first = t->at.at[0].why ? 0 : trial_series(t, &t->at.at[0])->median, least = trial_series(t, best)->median;
    text_printf(&d->out, "  the best: %s", best->candidate->text);
    if (first > 0) text_printf(&d->out, "; the model's first choice takes %.1f %% more", 100 * (first / least - 1));
    text_put(&d->out, "\n");
}

/* ---- groups ---- */

static Trials *measure(Tune *z, const PlanGroup *g)
{
    Arena *a = z->d->arena;
    Candidates *c = NEW(a, Candidates);
    *c = plan_candidates(a, z->d->diag, z->l.graph, z->stages, &g->group, &z->l.options, z->most, z->spread);
    for (int i = 0; i < z->tuned.n; i++)
        if (strcmp(z->tuned.at[i].key, c->key) == 0) return z->tuned.at[i].trials;
    Trials *t = NEW(a, Trials);
    *t = (Trials){ .d = z->d, .target = z->target, .name = g->name, .gpu = "", .batch = z->l.options.batch, .threads = z->threads };
    t->rounds = (int)cli_number(z->d->cli, OPT_ROUNDS, 20);
    trials_run(t, c, &z->dir);
    vec_push(a, &z->tuned, ((Tuned){ c->key, t }));
    return t;
}

static bool tune_group(Tune *z, const PlanGroup *g)
{
    Trials *t = measure(z, g);
    const Trial *best = trials_best(t);
    if (!best) {
        const char *why = t->failure ? t->failure : t->at.n ? t->at.at[0].why : "no schedule fits";
        diag_error(z->d->diag, g->loc, "FCM5014", "%s could not be tuned: %s", g->name, why);
        return false;
    }
    put_trials(z, g, t, best);
    text_printf(&z->plan, "%s%s = fuse(%s, %s)", z->plan.n ? "; " : "", g->name, names_of(z->d->arena, g), best->candidate->text);
    z->measured += us(trial_series(t, best)->median);
    z->modelled += us(best->candidate->time);
    return true;
}

static bool store(Tune *z)
{
    Arena *a = z->d->arena;
    const char *path = tuning_path(a, z->path), *why;
    TuningLine line = { tuning_key(a, z->l.graph, z->l.device, z->l.options.batch, z->threads), z->measured, z->modelled,
                       FCM_VERSION, z->plan.at };
    if (!tuning_store(a, path, &line, &why))
        return diag_error(z->d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", path, why), false;
    text_printf(&z->d->out, "%.2f us measured, %.2f modelled; kept in %s\n", z->measured, z->modelled, path);
    return true;
}

static int tune_all(Tune *z)
{
    Driver *d = z->d;
    text_printf(&d->result, "{\"block\":\"%s\",\"device\":\"%s\",\"batch\":%lld,\"threads\":%d,\"groups\":[", z->l.graph->block,
                z->l.device->name, (long long)z->l.options.batch, z->threads);
    bool ok = true;
    for (int i = 0; i < z->l.report.groups.n; i++) ok = tune_group(z, &z->l.report.groups.at[i]) && ok;
    text_printf(&d->result, "],\"measured\":%.9g,\"modelled\":%.9g}", z->measured * 1e-6, z->modelled * 1e-6);
    if (!ok) return EXIT_BENCH;
    return z->spread > 1 || store(z) ? EXIT_OK : EXIT_INPUT;
}

/* ---- the verb ---- */

int driver_tune(Driver *d)
{
    int status = EXIT_OK;
    AstFiles files = { 0 };
    Tune z = { .d = d, .path = d->cli->files.at[0], .plan = text_new(d->arena) };
    if (!(z.target = timing_target(d, "the reference has no schedules", &status))) return status;
    if (driver_is_tm(z.path)) {
        diag_error(d->diag, NOWHERE, "FCM5006", "tune wants the .fcm file: a .tm file is one schedule");
        return EXIT_INPUT;
    }
    if (!driver_load(d, z.path, &files)) return EXIT_INPUT;
    Graph *g = driver_graph(d, &files, NULL);
    if (!g || !driver_lower(d, z.path, &files, g, z.target->target, &z.l) || !(z.stages = graph_stages(d->arena, d->diag, g))) return EXIT_INPUT;
    z.threads = z.target->threads ? (int)cli_number(d->cli, OPT_THREADS, (int64_t)z.l.device->sms) : 1;
    z.most = (int)cli_number(d->cli, OPT_CANDIDATES, 12);
    z.spread = (double)cli_number(d->cli, OPT_SPREAD, 1);
    if (!timing_open(d, z.target, &z.dir)) return EXIT_ENVIRON;
    status = tune_all(&z);
    timing_close(d, &z.dir);
    return status;
}
