/* driver_verify.c: every file, every block, every target that was asked for becomes a unit of verify_units. */
#include "backend.h"
#include "driver.h"
#include "verifier.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { INTERPRET_MACS = 60000000 };  /* the interpreter joins in up to this many, about a second */

static void tell(void *ctx, const VerifyLine *l)
{
    Driver *d = ctx;
    driver_say(d, "%-10s %s %s %s: %s\n", verify_status_name(l->status), l->unit, l->subject, l->check, l->text);
    if (l->repro) driver_say(d, "           repeat: %s\n", l->repro);
    text_printf(&d->result, "%s{\"status\":\"%s\",\"block\":", d->result.n > 1 ? "," : "", verify_status_name(l->status));
    text_json_string(&d->result, l->unit);
    text_put(&d->result, ",\"target\":");
    text_json_string(&d->result, l->subject);
    text_printf(&d->result, ",\"check\":\"%s\",\"text\":", l->check);
    text_json_string(&d->result, l->text);
    text_put(&d->result, "}");
}

static void progress(void *ctx, const char *what)
{
    const Driver *d = ctx;
    if (!d->json && isatty(2)) fprintf(stderr, *what ? "\r\033[K%s ...\r" : "\r\033[K%s", what);
}

/* The command that repeats one block: the options that matter, one target. */
static const char *repro(Driver *d, const char *path, const char *block)
{
    Text t = text_new(d->arena);
    text_printf(&t, "fcmc verify %s --block %s", path, block);
    for (int i = 0; i < d->cli->given.n; i++) {
        const CliGiven *g = &d->cli->given.at[i];
        if (g->opt == OPT_DEFINE) text_printf(&t, " -D %s", g->text);
        if (g->opt == OPT_DTYPE) text_printf(&t, " --dtype %s", g->text);
        if (g->opt == OPT_BATCH) text_printf(&t, " --batch %s", g->text);
        if (g->opt == OPT_TARGET) text_printf(&t, " --target %s", g->text);
        if (g->opt == OPT_DEVICE) text_printf(&t, " --device %s", g->text);
        if (g->opt == OPT_PLAN) text_printf(&t, " --plan %s", g->text);
        if (g->opt == OPT_TM) text_printf(&t, " --tm %s", g->text);
    }
    text_printf(&t, " --seed %lld", (long long)cli_number(d->cli, OPT_SEED, 1));
    return t.at;
}

/* The CUDA-scheduled programs in portable C: the same walk, no emulator. */
static void add_portable(Driver *d, VerifyUnit *u, const Lowered *l)
{
    Text source = text_new(d->arena), header = text_new(d->arena);
    EmitOptions o = { .prelude = true, .header = "block.h" };
    const char *why;
    VerifySubject v = { .what = "cuda as C", .kind = CHILD_CPU, .module = l->module, .prefix = l->module->name };
    if (emit_cpu(d->arena, l->module, &o, &source, &header, &why)) v.text = (ChildText){ source.at, header.at, "block.h" };
    else v.skip = why;
    vec_push(d->arena, &u->subjects, v);
}

static bool add_module(Driver *d, VerifyUnit *u, const Lowered *l, CliTarget t, const char *what)
{
    GraphStats s;
    Emitted e;
    if (!driver_emit(d, l, t, "block.h", &e)) return false;
    VerifySubject v = { .what = what,
                        .kind = t == CLI_CPU ? CHILD_CPU : CHILD_EMULATED,
                        .module = l->module,
                        .text = { e.source.at, e.header.at, "block.h" },
                        .prefix = l->module->name,
                        .race = t == CLI_CUDA && cli_has(d->cli, OPT_RACE) };
    v.interpret = graph_stats(u->graph, &s) && s.macs * (u->batch ? u->batch : 1) <= INTERPRET_MACS;
    vec_push(d->arena, &u->subjects, v);
    if (t == CLI_CUDA) add_portable(d, u, l);
    if (t != CLI_CUDA || !driver_has_gpu(d)) return true;
    v.kind = CHILD_DEVICE, v.what = "cuda on the device", v.race = v.interpret = false;
    vec_push(d->arena, &u->subjects, v);
    return true;
}

/* What was planned for a block and a target: to be taken apart if it fails. */
typedef struct Planned { const char *block, *what; CliTarget target; Lowered l; } Planned;
typedef struct Units { VEC(VerifyUnit) at; VEC(Planned) planned; } Units;

static bool add_target(Driver *d, const char *path, const AstFiles *files, VerifyUnit *u, CliTarget t, Units *units)
{
    Lowered l;
    if (t == CLI_REFERENCE) {
        vec_push(d->arena, &u->subjects, (VerifySubject){ .what = "reference", .kind = CHILD_REFERENCE });
        return true;
    }
    const char *what = t == CLI_CPU ? "cpu" : "cuda on the host";
    if (!driver_lower(d, path, files, u->graph, t, &l) || !add_module(d, u, &l, t, what)) return false;
    vec_push(d->arena, &units->planned, (Planned){ u->name, what, t, l });
    return true;
}

/* --device alone narrows the targets to that of the device. */
static bool wanted_targets(Driver *d, bool want[CLI_REFERENCE + 1])
{
    const char *device = cli_text(d->cli, OPT_DEVICE);
    CliTarget only = cli_target(d->cli);
    for (int t = CLI_CUDA; t <= CLI_REFERENCE; t++) want[t] = !only || only == (CliTarget)t;
    if (only || !device || strcmp(device, "native") == 0) return true;
    const Device *dev = device_find(d->arena, d->diag, device);
    if (dev) want[dev->target == TM_CPU ? CLI_CUDA : CLI_CPU] = false;
    return dev != NULL;
}

static bool add_block(Driver *d, const char *path, const AstFiles *files, const char *block, const bool *want, Units *units)
{
    Graph *g = driver_graph(d, files, block);
    if (!g || !graph_stages(d->arena, d->diag, g)) return false;
    VerifyUnit u = { .name = g->block, .graph = g, .batch = driver_batch(d, g), .repro = repro(d, path, g->block) };
    if (u.batch < 0) return false;
    const char *tm = cli_text(d->cli, OPT_TM);
    if (tm) {
        Lowered l = { .graph = g, .module = driver_read_tm(d, tm) };
        if (!l.module) return false;
        CliTarget t = driver_module_target(l.module);
        if (!add_module(d, &u, &l, t, t == CLI_CPU ? "cpu" : "cuda on the host")) return false;
    } else {
        for (int t = CLI_CUDA; t <= CLI_REFERENCE; t++)
            if (want[t] && !add_target(d, path, files, &u, (CliTarget)t, units)) return false;
    }
    vec_push(d->arena, &units->at, u);
    return true;
}

static bool add_file(Driver *d, const char *path, const bool *want, Units *units)
{
    AstFiles files = { 0 };
    const char *blocks = cli_text(d->cli, OPT_BLOCK);
    if (!driver_load(d, path, &files)) return false;
    if (!blocks) return add_block(d, path, &files, NULL, want, units);
    bool ok = true;
    for (const char *s = blocks; *s;) {
        size_t n = strcspn(s, ",");
        ok = add_block(d, path, &files, arena_strndup(d->arena, s, n), want, units) && ok;
        s += n + (s[n] == ',');
    }
    return ok;
}

int driver_jobs(const Driver *d)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return (int)cli_number(d->cli, OPT_JOBS, n > 0 ? n : 1);
}

/* .tm files have no graph: each goes to the interpreter. */
static bool verify_tm(Driver *d, const char *path, VerifyOptions *o, VerifyResult *r)
{
    Lowered l = { .module = driver_read_tm(d, path) };
    Emitted e;
    if (!l.module) return false;
    CliTarget t = cli_target(d->cli) ? cli_target(d->cli) : driver_module_target(l.module);
    if (t == CLI_REFERENCE) return diag_error(d->diag, NOWHERE, "FCM5006", "a .tm file has no graph for the reference"), false;
    if (!driver_emit(d, &l, t, "block.h", &e)) return false;
    VerifySubject s = { .what = t == CLI_CPU ? "cpu" : "cuda on the host",
                        .kind = t == CLI_CPU ? CHILD_CPU : CHILD_EMULATED,
                        .module = l.module,
                        .text = { e.source.at, e.header.at, "block.h" },
                        .prefix = l.module->name };
    int64_t batch = cli_number(d->cli, OPT_BATCH, l.module->batch ? l.module->batch : 1);
    return verify_module(d->arena, d->diag, l.module->name, &s, batch, o, r);
}

static bool has_failed(const VerifyResult *r, const Planned *p)
{
    for (int i = 0; i < r->lines.n; i++) {
        const VerifyLine *l = &r->lines.at[i];
        if (l->status == VERIFY_FAILED && strcmp(l->unit, p->block) == 0 && strcmp(l->subject, p->what) == 0) return true;
    }
    return false;
}

int driver_verify(Driver *d)
{
    bool want[CLI_REFERENCE + 1] = { false }, ok = true;
    Units units = { 0 };
    if (!wanted_targets(d, want)) return EXIT_INPUT;
    for (int i = 0; i < d->cli->files.n; i++)
        if (!driver_is_tm(d->cli->files.at[i])) ok = add_file(d, d->cli->files.at[i], want, &units) && ok;
    if (!ok) return EXIT_INPUT;
    const char *mode = cli_text(d->cli, OPT_MODE);
    VerifyOptions o = { .seed = (uint64_t)cli_number(d->cli, OPT_SEED, 1),
                        .modes = !mode                        ? VERIFY_EXACT | VERIFY_BOUNDED
                                 : strcmp(mode, "exact") == 0 ? VERIFY_EXACT
                                                              : VERIFY_BOUNDED,
                        .jobs = driver_jobs(d),
                        .timeout = (int)cli_number(d->cli, OPT_TIMEOUT, 120),
                        .keep = cli_has(d->cli, OPT_KEEP),
                        .tell = tell,
                        .progress = progress,
                        .ctx = d };
    VerifyResult r = { 0 };
    text_put(&d->result, "[");
    bool ran = units.at.n == 0 || verify_units(d->arena, d->diag, units.at.at, units.at.n, &o, &r), read = true;
    for (int i = 0; ran && i < d->cli->files.n; i++)
        if (driver_is_tm(d->cli->files.at[i])) read = verify_tm(d, d->cli->files.at[i], &o, &r) && read;
    text_put(&d->result, "]");
    for (int i = 0; ran && i < units.planned.n; i++)
        if (has_failed(&r, &units.planned.at[i])) driver_first_wrong(d, &units.planned.at[i].l, units.planned.at[i].target, &o);
    progress(d, "");
    if (o.keep) driver_say(d, "kept in %s\n", o.kept);
    if (!ran || !read) return ran ? EXIT_INPUT : EXIT_ENVIRON;
    int bad = r.count[VERIFY_FAILED] + r.count[VERIFY_MISTRUSTED];
    driver_say(d, "%d passed, %d failed, %d mistrusted, %d skipped\n", r.count[VERIFY_PASSED], r.count[VERIFY_FAILED],
               r.count[VERIFY_MISTRUSTED], r.count[VERIFY_SKIPPED]);
    return bad ? EXIT_DISAGREE : r.count[VERIFY_PASSED] ? EXIT_OK : EXIT_SKIPPED;
}
