/* driver_bench.c: times blocks on this machine. The program that is timed first writes its outputs; unless they lie inside the
 * reference's bounds, no time is reported. Rounds of our code and of what it is measured against alternate in one process: on a CPU a
 * loop of fused multiply-adds and the peer's chain, on a GPU a copy of its memory. */
#include "peer.h"
#include "timing.h"

#include <string.h>

typedef struct Bench {
    Lowered l;
    Referee referee;
    ChildSig sig;
    ChildBuild build;
    const char *out, *log;
    int status;                     /* once it is known */
} Bench;
typedef struct Benches {
    Driver *d;
    const TimingTarget *target;
    int threads, rounds;
    bool several;                   /* --block a,b */
    VEC(Bench) at;
    Workdir dir;
    ChildBuilder builder;
} Benches;

/* ---- building and checking ---- */

static bool has_peer(Benches *z)
{
    static const char program[] = "#include <dnnl.h>\n#if DNNL_VERSION_MAJOR != 2\n#error the chain is written for oneDNN "
                                  "2\n#endif\nint main(void) { return dnnl_version() == 0; }\n";
    if (z->target->kind != CHILD_CPU) return false;
    const char *c = workdir_file(&z->dir, "probe.c");
    if (!workdir_write(&z->dir, z->d->diag, c, program, strlen(program))) return false;
    Job j = { .argv = job_argv(z->d->arena, "cc", c, "-o", workdir_file(&z->dir, "probe"), "-ldnnl", (char *)NULL),
              .log = workdir_file(&z->dir, "probe.log"),
              .timeout = 60 };
    jobs_run(&j, 1, 1);
    return job_ok(&j);
}

static int build_one(Benches *z, Bench *b, int id, bool peer)
{
    Arena *a = z->d->arena;
    Emitted e;
    Text extra = text_new(a);
    const char *name = arena_printf(a, "bench%d", id), *why;
    if (!driver_emit(z->d, &b->l, z->target->target, "block.h", &e)) return EXIT_INPUT;
    b->sig = child_of_module(a, b->l.module, b->l.module->name, z->target->kind);
    if (z->target->kind == CHILD_CPU) b->sig.peer = peer_print(a, b->l.graph, &extra) && peer;
    b->sig.extra = extra.at;
    b->out = workdir_file(&z->dir, "%s.out", name), b->log = workdir_file(&z->dir, "%s.log", name);
    b->referee = (Referee){ .d = z->d, .dir = &z->dir, .name = name, .graph = b->l.graph, .batch = b->l.options.batch };
    if (!child_build(&z->builder, name, &b->sig, (ChildText){ e.source.at, e.header.at, "block.h" }, FORM_BENCH, &b->build))
        return EXIT_ENVIRON;
    if (!(why = referee_build(&b->referee, &z->builder))) return EXIT_OK;
    diag_error(z->d->diag, b->l.graph->loc, "FCM5003", "%s: %s", b->l.graph->block, why);
    return EXIT_INPUT;
}

static void build_all(Benches *z)
{
    bool peer = has_peer(z);
    for (int i = 0; i < z->at.n; i++) z->at.at[i].status = build_one(z, &z->at.at[i], i, peer);
    jobs_run(z->builder.second.at, z->builder.second.n, driver_jobs(z->d));
}

static int run_one(Benches *z, Bench *b)
{
    Driver *d = z->d;
    const Job *failed = child_failed(&z->builder, &b->build);
    if (failed) return timing_failed(d, "the timed program does not compile", failed), EXIT_ENVIRON;
    const char *why = referee_run(&b->referee, &z->builder, z->threads);
    if (why) return diag_error(d->diag, NOWHERE, "FCM5005", "%s", why), EXIT_BENCH;
    Job j = timing_job(&b->referee, &b->build, b->out, b->log, z->threads, z->rounds, false);
    jobs_run(&j, 1, 1);
    if (!job_ok(&j)) return timing_failed(d, "the timed program", &j);
    Compared c = referee_judge(&b->referee, b->out);
    driver_say(d, "%-10s %s %s\n", verify_status_name(c.status), b->l.graph->block, c.text);
    if (c.status == VERIFY_PASSED) return EXIT_OK;
    diag_error(d->diag, NOWHERE, NULL, "no time is reported, because the outputs are wrong: %s", c.text);
    return EXIT_DISAGREE;
}

/* ---- the report ---- */

/* threads: of a CPU; 0 on a GPU */
typedef struct Report { Driver *d; const Bench *b; const char *log; int threads; Series ours; double flops, bytes; } Report;

static double us(double seconds) { return seconds * 1e6; }

static Series series_of(const Report *r, const char *name)
{
    Series s = { 0 };
    series_read(r->d->arena, &s, r->log, name, 1);
    series_end(&s);
    return s;
}

static void put_series(Driver *d, const char *name, const Series *s)
{
    text_printf(&d->out, "%-12s median %.2f us, least %.2f, p75 %.2f (%d rounds)\n", name, us(s->median), us(s->least), us(s->p75),
                s->at.n);
    text_printf(&d->result, ",\"%s\":{\"median\":%.9g,\"least\":%.9g,\"p75\":%.9g,\"rounds\":%d}", name, s->median, s->least,
                s->p75, s->at.n);
}

static void put_rate(const Report *r, double peak)
{
    double rate = r->flops / r->ours.median;
    text_printf(&r->d->out, "%-12s %.1f GFLOP/s, ", "", rate / 1e9);
    if (peak > 0) text_printf(&r->d->out, "%.0f %% of the %.1f that fused multiply-adds reach here; ", 100 * rate / peak, peak / 1e9);
    text_printf(&r->d->out, "%.2f GB/s of %.3f MB\n", r->bytes / r->ours.median / 1e9, r->bytes / 1e6);
    text_printf(&r->d->result, ",\"flops\":%.9g", r->flops);
    if (peak > 0) text_printf(&r->d->result, ",\"peak_flops\":%.9g", peak);
    text_printf(&r->d->result, ",\"bytes\":%.0f", r->bytes);
}

/* What the planned kernels take as modelled: on as many cores as there are threads, where those are fewer than the plan was made for. */
static double modelled(const Report *r)
{
    const Lowered *l = &r->b->l;
    if (r->threads == 0 || r->threads >= (int)l->device->sms) return l->report.time;
    Device fewer = *l->device;
    double time = 0;
    fewer.sms = r->threads;
    for (int i = 0; i < l->module->programs.n; i++) {
        const TmProgram *p = l->module->programs.at[i];
        TmWalk w;
        tm_walk(r->d->arena, l->module, p, r->b->referee.batch, &w);
        time += cost_of(l->module, p, &w, &fewer, r->b->referee.batch).time;
    }
    return time;
}

/* cold: seconds of a call with a cold L2, 0 if that was not measured. */
static void put_predicted(const Report *r, double cold)
{
    double time = modelled(r);
    text_printf(&r->d->out, "%-12s %.2f us: measured is %.2f times that", "predicted", us(time), r->ours.median / time);
    if (cold > 0) text_printf(&r->d->out, ", %.2f times with a cold L2 (less the empty pair)", cold / time);
    text_put(&r->d->out, "\n");
    text_printf(&r->d->result, ",\"predicted\":%.9g", time);
}

static bool report_cpu(const Report *r)
{
    Driver *d = r->d;
    Series fma = series_of(r, "fma"), peer = series_of(r, "peer");
    if (fma.at.n == 0) return false;
    put_series(d, "fcmc", &r->ours);
    put_rate(r, timing_number(r->log, "flops") / fma.median);
    put_predicted(r, 0);
    if (peer.at.n) {
        put_series(d, "onednn", &peer);
        text_printf(&d->out, "%-12s fcmc is %.2f times as fast by medians, %.2f by least; f32, one primitive an op: %s\n", "",
                    peer.median / r->ours.median, peer.least / r->ours.least, timing_words(d->arena, r->log, "note"));
    } else
        text_printf(&d->out, "%-12s not compared: %s\n", "onednn",
                    r->b->sig.peer ? "it refused the chain"
                                   : "libdnnl 2 is missing, or the block has ops that the chain has not");
    return true;
}

/* What the model counts as traffic moves in full when nothing of it was in L2. */
static bool report_device(const Report *r)
{
    Driver *d = r->d;
    Series cold = series_of(r, "cold"), copy = series_of(r, "copy"), events = series_of(r, "events");
    if (cold.at.n == 0 || copy.at.n == 0 || events.at.n == 0) return false;
    double roof = timing_number(r->log, "copied") / copy.median, rate = r->bytes / cold.median, file = r->b->l.device->dram_bw;
    const char *notes = timing_words(d->arena, r->log, "note");
    put_series(d, "fcmc", &r->ours);
    put_rate(r, 0);
    put_series(d, "cold", &cold);
    text_printf(&d->out, "%-12s %.2f GB/s, %.0f %% of the %.0f that a copy reaches here (device file: %.0f); an empty pair of events takes %.2f us\n",
                "", rate / 1e9, 100 * rate / roof, roof / 1e9, file / 1e9, us(events.median));
    put_predicted(r, cold.median > events.median ? cold.median - events.median : 0);
    if (*notes) text_printf(&d->out, "%-12s %s\n", "note", notes);
    text_printf(&d->result, ",\"copy_bandwidth\":%.9g,\"device_bandwidth\":%.9g,\"events\":%.9g", roof, file, events.median);
    return true;
}

static bool report(Benches *z, const Bench *b)
{
    Driver *d = z->d;
    const Lowered *l = &b->l;
    GraphStats stats;
    size_t len;
    const char *why, *block = l->graph->block;
    Report r = { .d = d, .b = b, .threads = z->target->threads ? z->threads : 0, .log = text_read_file(d->arena, b->log, 16 << 20, &len, &why) };
    if (r.log) r.ours = series_of(&r, "ours");
    if (r.ours.at.n == 0 || !graph_stats(l->graph, &stats)) return false;
    for (int i = 0; i < l->report.groups.n; i++) r.bytes += (double)l->report.groups.at[i].best.cost.dram_bytes;
    r.flops = 2.0 * (double)stats.macs * (double)b->referee.batch;
    const char *gpu = timing_words(d->arena, r.log, "device"), *device = l->device->name;
    long long n = b->referee.batch;
    text_printf(&d->result, "{\"block\":\"%s\",\"batch\":%lld,", block, n);
    if (z->target->threads) {
        text_printf(&d->out, "block %s, batch %lld, %d threads, planned for %s\n", block, n, z->threads, device);
        text_printf(&d->result, "\"threads\":%d,", z->threads);
    } else {
        text_printf(&d->out, "block %s, batch %lld, on %s, planned for %s\n", block, n, gpu, device);
        text_put(&d->result, "\"gpu\":"), text_json_string(&d->result, gpu), text_put(&d->result, ",");
    }
    text_printf(&d->result, "\"device\":\"%s\"", device);
    bool ok = z->target->kind == CHILD_CPU ? report_cpu(&r) : report_device(&r);
    text_put(&d->result, "}");
    return ok;
}

/* ---- the verb ---- */

static int bench_all(Benches *z)
{
    Driver *d = z->d;
    int status = EXIT_OK, reported = 0;
    build_all(z);
    if (z->several) text_put(&d->result, "[");
    for (int i = 0; i < z->at.n; i++) {
        Bench *b = &z->at.at[i];
        if (b->status == EXIT_OK) b->status = run_one(z, b);
        if (b->status == EXIT_OK) {
            if (reported++) text_put(&d->result, ",");
            if (!report(z, b)) {
                diag_error(d->diag, NOWHERE, "FCM5005", "the timed program printed no times");
                b->status = EXIT_BENCH;
            }
        }
        if (status == EXIT_OK) status = b->status;
    }
    if (z->several) text_put(&d->result, "]");
    return status;
}

static bool lower_blocks(Benches *z, const char *path, const AstFiles *files)
{
    Driver *d = z->d;
    const char *blocks = cli_text(d->cli, OPT_BLOCK);
    z->several = blocks && strchr(blocks, ',');
    const char *s = blocks ? blocks : "";
    do {
        size_t n = strcspn(s, ",");
        Bench b = { 0 };
        Graph *g = driver_graph(d, files, blocks ? arena_strndup(d->arena, s, n) : NULL);
        if (!g || !driver_lower(d, path, files, g, z->target->target, &b.l)) return false;
        vec_push(d->arena, &z->at, b);
        s += n + (s[n] == ',');
    } while (*s);
    return true;
}

int driver_bench(Driver *d)
{
    const char *path = d->cli->files.at[0];
    int status = EXIT_OK;
    AstFiles files = { 0 };
    Benches z = { .d = d, .target = timing_target(d, "the reference is not made to be fast", &status) };
    if (!z.target) return status;
    if (driver_is_tm(path)) {
        diag_error(d->diag, NOWHERE, "FCM5006", "bench wants the .fcm file: a .tm file has no graph to verify it with");
        return EXIT_INPUT;
    }
    z.threads = (int)cli_number(d->cli, OPT_THREADS, driver_jobs(d));
    z.rounds = (int)cli_number(d->cli, OPT_ROUNDS, 41);
    if (!driver_load(d, path, &files) || !lower_blocks(&z, path, &files)) return EXIT_INPUT;
    if (!timing_open(d, z.target, &z.dir)) return EXIT_ENVIRON;
    z.builder = (ChildBuilder){ .dir = &z.dir, .diag = d->diag };
    status = bench_all(&z);
    timing_close(d, &z.dir);
    return status;
}
