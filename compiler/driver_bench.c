/* driver_bench.c: times a block on this machine. The child that is timed first writes its outputs; unless they lie inside the
 * reference's bounds, no time is reported. Rounds of our code, of a loop of fused multiply-adds and of the peer's chain alternate
 * in one process. */
#include "driver.h"
#include "peer.h"
#include "verifier_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Series { VEC(double) at; double least, median, p75; } Series;
typedef struct Bench {
    Driver *d;
    Lowered l;
    int64_t batch;
    Workdir dir;
    ChildBuilder builder;
    ChildSig sig, reference_sig;
    ChildBuild build, reference;
    const char *in, *want, *got, *log;
} Bench;

/* ---- building and checking ---- */
static bool has_peer(Bench *b)
{
    static const char program[] = "#include <dnnl.h>\n#if DNNL_VERSION_MAJOR != 2\n#error the chain is written for oneDNN "
                                  "2\n#endif\nint main(void) { return dnnl_version() == 0; }\n";
    const char *c = workdir_file(&b->dir, "probe.c");
    if (!workdir_write(&b->dir, b->d->diag, c, program, strlen(program))) return false;
    Job j = { .argv = job_argv(b->d->arena, "cc", c, "-o", workdir_file(&b->dir, "probe"), "-ldnnl", (char *)NULL),
              .log = workdir_file(&b->dir, "probe.log"),
              .timeout = 60 };
    jobs_run(&j, 1, 1);
    return job_ok(&j);
}

static bool failed(Bench *b, const char *what, const Job *j)
{
    diag_error(b->d->diag, NOWHERE, "FCM5005", "%s: %s", what, job_words(b->d->arena, j));
    return false;
}

static bool build_both(Bench *b, const Emitted *e)
{
    Arena *a = b->d->arena;
    Text source = text_new(a), header = text_new(a), extra = text_new(a);
    RefOptions o = { .prefix = "reference", .header = "reference.h", .bounded = true };
    if (!emit_reference(a, b->l.graph, &o, &source, &header)) return false;
    b->reference_sig = child_of_graph(a, b->l.graph, "reference");
    b->sig = child_of_module(a, b->l.module, b->l.module->name, CHILD_CPU);
    b->sig.peer = peer_print(a, b->l.graph, &extra) && has_peer(b);
    b->sig.extra = extra.at;
    if (!child_build(&b->builder, "bench", &b->sig, (ChildText){ e->source.at, e->header.at, "block.h" }, FORM_BENCH, &b->build))
        return false;
    if (!child_build(&b->builder, "reference", &b->reference_sig, (ChildText){ source.at, header.at, "reference.h" }, FORM_REAL,
                     &b->reference))
        return false;
    jobs_run(b->builder.second.at, b->builder.second.n, driver_jobs(b->d));
    const Job *j = child_failed(&b->builder, &b->build);
    if (!j) j = child_failed(&b->builder, &b->reference);
    return !j || failed(b, "a child does not compile", j);
}

static bool run_both(Bench *b, int threads, int rounds)
{
    Arena *a = b->d->arena;
    VerifyData data = data_real(a, b->l.graph, b->batch, (uint64_t)cli_number(b->d->cli, OPT_SEED, 1));
    b->in = workdir_file(&b->dir, "in"), b->want = workdir_file(&b->dir, "want"), b->got = workdir_file(&b->dir, "got"),
    b->log = workdir_file(&b->dir, "bench.log");
    if (!data_write(a, b->d->diag, b->in, &data, &b->reference_sig, b->batch)) return false;
    const char *n = arena_printf(a, "%lld", (long long)b->batch), *t = arena_printf(a, "%d", threads);
    bool half = b->l.graph->nodes.at[b->l.graph->inputs.at[0]].dtype != DT_F32;
    int timeout = (int)cli_number(b->d->cli, OPT_TIMEOUT, 120);
    Job reference = { .argv = job_argv(a, b->reference.program, b->in, b->want, n, t,
                                       half ? "2.384185791015625e-7" : "5.9604644775390625e-8", half ? "1" : "0.3333333333333333",
                                       (char *)NULL),
                      .log = workdir_file(&b->dir, "reference.log"),
                      .timeout = timeout,
                      .threads = threads };
    jobs_run(&reference, 1, 1);
    if (!job_ok(&reference)) return failed(b, "the reference", &reference);
    Job bench = { .argv = job_argv(a, b->build.program, b->in, b->got, n, t, arena_printf(a, "%d", rounds), (char *)NULL),
                  .log = b->log,
                  .timeout = timeout,
                  .threads = threads };
    jobs_run(&bench, 1, 1);
    return job_ok(&bench) || failed(b, "the timed program", &bench);
}

/* The outputs of the very program that was timed. */
static bool agrees(Bench *b)
{
    Arena *a = b->d->arena;
    Expected want;
    const Graph *g = b->l.graph;
    size_t len;
    const char *why, *p = text_read_file(a, b->got, (size_t)1 << 36, &len, &why);
    if (!p || !expected_read(a, b->want, &b->reference_sig, b->batch, &want)) return false;
    for (int i = 0; i < g->outputs.n; i++) {
        const GraphNode *n = &g->nodes.at[g->outputs.at[i].node];
        int64_t shape[3] = { n->h, n->w, n->c };
        Compared c = compare_bounded(a, g->outputs.at[i].name, n->dtype, p, want.v[i], want.b[i], want.s[i],
                                     b->batch * n->h * n->w * n->c, shape);
        p += b->batch * child_bytes(&b->sig.outputs.at[i]);
        driver_say(b->d, "%-10s %s %s\n", verify_status_name(c.status), g->block, c.text);
        if (c.status != VERIFY_PASSED)
            return diag_error(b->d->diag, NOWHERE, NULL, "no time is reported, because the outputs are wrong: %s", c.text), false;
    }
    return true;
}

/* ---- the report ---- */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void summarise(Series *s)
{
    if (s->at.n == 0) return;
    qsort(s->at.at, (size_t)s->at.n, sizeof(double), by_value);
    s->least = s->at.at[0], s->median = s->at.at[s->at.n / 2], s->p75 = s->at.at[s->at.n * 3 / 4];
}

typedef struct Times { Series ours, fma, peer; double fma_flops; const char *notes; } Times;

static bool read_times(Bench *b, Times *t)
{
    size_t len;
    const char *why;
    char *log = text_read_file(b->d->arena, b->log, 16 << 20, &len, &why);
    Text notes = text_new(b->d->arena);
    for (char *line = log ? strtok(log, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        char word[16];
        double v;
        if (strncmp(line, "note ", 5) == 0) text_printf(&notes, "%s%s", notes.n ? ", " : "", line + 5);
        if (sscanf(line, "%15s %lf", word, &v) != 2) continue;
        Series *s = strcmp(word, "ours") == 0   ? &t->ours
                    : strcmp(word, "fma") == 0  ? &t->fma
                    : strcmp(word, "peer") == 0 ? &t->peer
                                                : NULL;
        if (s) vec_push(b->d->arena, &s->at, v);
        if (strcmp(word, "flops") == 0) t->fma_flops = v;
    }
    t->notes = notes.at;
    summarise(&t->ours), summarise(&t->fma), summarise(&t->peer);
    return t->ours.at.n > 0 && t->fma.at.n > 0;
}

static void put_series(Driver *d, const char *name, const Series *s)
{
    text_printf(&d->out, "%-12s median %.2f us, least %.2f, p75 %.2f (%d rounds)\n", name, s->median * 1e6, s->least * 1e6,
                s->p75 * 1e6, s->at.n);
    text_printf(&d->result, ",\"%s\":{\"median\":%.9g,\"least\":%.9g,\"p75\":%.9g,\"rounds\":%d}", name, s->median, s->least,
                s->p75, s->at.n);
}

static bool report(Bench *b, int threads)
{
    Times t = { 0 };
    GraphStats stats;
    Driver *d = b->d;
    if (!read_times(b, &t) || !graph_stats(b->l.graph, &stats)) {
        diag_error(d->diag, NOWHERE, "FCM5005", "the timed program printed no times");
        return false;
    }
    int64_t bytes = 0;
    for (int i = 0; i < b->l.report.groups.n; i++) bytes += b->l.report.groups.at[i].best.cost.dram_bytes;
    double flops = 2.0 * (double)stats.macs * (double)b->batch, rate = flops / t.ours.median, peak = t.fma_flops / t.fma.median;
    text_printf(&d->out, "block %s, batch %lld, %d threads, planned for %s\n", b->l.graph->block, (long long)b->batch, threads,
                b->l.device->name);
    text_printf(&d->result, "{\"block\":\"%s\",\"batch\":%lld,\"threads\":%d,\"device\":\"%s\"", b->l.graph->block,
                (long long)b->batch, threads, b->l.device->name);
    put_series(d, "fcmc", &t.ours);
    text_printf(&d->out, "%-12s %.1f GFLOP/s, %.0f %% of the %.1f that fused multiply-adds reach here; %.2f GB/s of %.3f MB\n",
                "", rate / 1e9, 100 * rate / peak, peak / 1e9, (double)bytes / t.ours.median / 1e9, (double)bytes / 1e6);
    text_printf(&d->out, "%-12s %.2f us: measured is %.2f times that\n", "predicted", b->l.report.time * 1e6,
                t.ours.median / b->l.report.time);
    text_printf(&d->result, ",\"flops\":%.9g,\"peak_flops\":%.9g,\"bytes\":%lld,\"predicted\":%.9g", flops, peak,
                (long long)bytes, b->l.report.time);
    if (t.peer.at.n) {
        put_series(d, "onednn", &t.peer);
        text_printf(&d->out, "%-12s fcmc is %.2f times as fast by medians, %.2f by least; f32, one primitive an op: %s\n", "",
                    t.peer.median / t.ours.median, t.peer.least / t.ours.least, t.notes);
    } else
        text_printf(&d->out, "%-12s not compared: %s\n", "onednn",
                    b->sig.peer ? "it refused the chain" : "libdnnl 2 is missing, or the block has ops that the chain has not");
    text_put(&d->result, "}");
    return true;
}

static int bench_cpu(Bench *b)
{
    Driver *d = b->d;
    Emitted e;
    int threads = (int)cli_number(d->cli, OPT_THREADS, driver_jobs(d));
    if (!driver_emit(d, &b->l, CLI_CPU, "block.h", &e)) return EXIT_INPUT;
    if (!build_both(b, &e)) return EXIT_ENVIRON;
    if (!run_both(b, threads, (int)cli_number(d->cli, OPT_ROUNDS, 41))) return EXIT_BENCH;
    if (!agrees(b)) return EXIT_DISAGREE;
    return report(b, threads) ? EXIT_OK : EXIT_BENCH;
}

int driver_bench(Driver *d)
{
    const char *path = d->cli->files.at[0];
    CliTarget t = cli_target(d->cli) ? cli_target(d->cli) : CLI_CPU;
    if (t == CLI_CUDA || t == CLI_REFERENCE) {
        const char *why = t == CLI_REFERENCE ? "the reference is not made to be fast"
                          : driver_has_gpu() ? "timing on the device is not built yet"
                                             : "no GPU is at hand, and bench never emulates";
        diag_error(d->diag, NOWHERE, "FCM5008", "bench --target %s: %s", cli_target_name(t), why);
        return t == CLI_REFERENCE ? EXIT_USAGE : EXIT_ENVIRON;
    }
    if (driver_is_tm(path)) {
        diag_error(d->diag, NOWHERE, "FCM5006", "bench wants the .fcm file: a .tm file has no graph to verify it with");
        return EXIT_INPUT;
    }
    AstFiles files = { 0 };
    Bench b = { .d = d };
    if (!driver_load(d, path, &files)) return EXIT_INPUT;
    Graph *g = driver_graph(d, &files, NULL);
    if (!g || !driver_lower(d, path, &files, g, t, &b.l)) return EXIT_INPUT;
    b.batch = b.l.options.batch;
    if (!program_exists("cc")) {
        diag_error(d->diag, NOWHERE, "FCM5004", "no C compiler: 'cc' is not in PATH");
        return EXIT_ENVIRON;
    }
    if (!workdir_open(d->arena, d->diag, &b.dir)) return EXIT_ENVIRON;
    b.dir.keep = cli_has(d->cli, OPT_KEEP);
    b.builder = (ChildBuilder){ .dir = &b.dir, .diag = d->diag };
    int status = bench_cpu(&b);
    if (b.dir.keep) driver_say(d, "kept in %s\n", b.dir.path);
    workdir_close(&b.dir);
    return status;
}
