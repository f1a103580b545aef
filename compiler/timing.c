/* timing.c: see timing.h */
#include "timing.h"
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the target ---- */

const TimingTarget *timing_target(Driver *d, const char *reference, int *status)
{
    static const TimingTarget cpu = { CLI_CPU, CHILD_CPU, "cc", true, "wall time" },
                              cuda = { CLI_CUDA, CHILD_DEVICE, "nvcc", false, "time between events on the device" };
    const char *verb = cli_verb_name(d->cli->verb);
    CliTarget t = cli_target(d->cli);
    if (t == CLI_REFERENCE) {
        diag_error(d->diag, NOWHERE, "FCM5008", "%s --target reference: %s", verb, reference);
        return *status = EXIT_USAGE, NULL;
    }
    if (t != CLI_CUDA) return &cpu;
    if (driver_has_gpu(d)) return &cuda;
    diag_error(d->diag, NOWHERE, "FCM5008", "%s --target cuda: no GPU is at hand, and %s never emulates", verb, verb);
    return *status = EXIT_ENVIRON, NULL;
}

static bool has_compiler(Driver *d, const char *name, const char *what)
{
    if (program_exists(name)) return true;
    diag_error(d->diag, NOWHERE, "FCM5004", "no %s: '%s' is not in PATH", what, name);
    return false;
}

bool timing_open(Driver *d, const TimingTarget *t, Workdir *w)
{
    if (t->kind == CHILD_DEVICE && !has_compiler(d, t->compiler, "CUDA compiler")) return false;
    bool reference = d->cli->verb != VERB_CALIBRATE;
    if ((t->kind == CHILD_CPU || reference) && !has_compiler(d, "cc", "C compiler")) return false;
    if (!workdir_open(d->arena, d->diag, w)) return false;
    w->keep = cli_has(d->cli, OPT_KEEP);
    return true;
}

void timing_close(Driver *d, Workdir *w)
{
    if (w->keep) driver_say(d, "kept in %s\n", w->path);
    workdir_close(w);
}

/* ---- the reference ---- */

const char *referee_build(Referee *r, ChildBuilder *b)
{
    Arena *a = r->d->arena;
    Text source = text_new(a), header = text_new(a);
    RefOptions o = { .prefix = "reference", .header = "reference.h", .bounded = true };
    if (!emit_reference(a, r->graph, &o, &source, &header)) return "sizes of the reference do not fit 63 bits";
    r->sig = child_of_graph(a, r->graph, "reference");
    ChildText text = { source.at, header.at, "reference.h" };
    bool ok = child_build(b, arena_printf(a, "%s-reference", r->name), &r->sig, text, FORM_REAL, &r->build);
    return ok ? NULL : "cannot write the reference";
}

const char *referee_run(Referee *r, const ChildBuilder *b, int threads)
{
    Arena *a = r->d->arena;
    const Job *built = child_failed(b, &r->build);
    if (built) return arena_printf(a, "the reference does not compile: %s", job_words(a, built));
    VerifyData data = data_real(a, r->graph, r->batch, (uint64_t)cli_number(r->d->cli, OPT_SEED, 1));
    const char *want = workdir_file(r->dir, "%s.want", r->name);
    r->in = workdir_file(r->dir, "%s.in", r->name);
    if (!data_write(a, r->d->diag, r->in, &data, &r->sig, r->batch)) return "cannot write the data";
    bool half = r->graph->nodes.at[r->graph->inputs.at[0]].dtype != DT_F32;
    Job j = { .argv = job_argv(a, r->build.program, r->in, want, arena_printf(a, "%lld", (long long)r->batch),
                               arena_printf(a, "%d", threads), half ? "2.384185791015625e-7" : "5.9604644775390625e-8",
                               half ? "1" : "0.3333333333333333", (char *)NULL),
              .log = workdir_file(r->dir, "%s-reference.log", r->name),
              .timeout = (int)cli_number(r->d->cli, OPT_TIMEOUT, 120),
              .threads = threads };
    jobs_run(&j, 1, 1);
    if (!job_ok(&j)) return arena_printf(a, "the reference: %s", job_words(a, &j));
    return expected_read(a, want, &r->sig, r->batch, &r->want) ? NULL : "the reference wrote too little";
}

Compared referee_judge(const Referee *r, const char *path)
{
    Arena *a = r->d->arena;
    const Graph *g = r->graph;
    Compared all = { VERIFY_PASSED, "" };
    size_t bytes = 0;
    for (int k = 0; k < g->outputs.n; k++) bytes += (size_t)(r->batch * child_bytes(&r->sig.outputs.at[k]));
    const char *p = read_exactly(a, path, bytes);
    if (!p) return (Compared){ VERIFY_FAILED, "there are none" };
    for (int k = 0; k < g->outputs.n; k++) {
        const GraphNode *n = &g->nodes.at[g->outputs.at[k].node];
        int64_t shape[3] = { n->h, n->w, n->c };
        Compared c = compare_bounded(a, g->outputs.at[k].name, n->dtype, p, r->want.v[k], r->want.b[k], r->want.s[k],
                                     r->batch * n->h * n->w * n->c, shape);
        if (c.status != VERIFY_PASSED) return c;
        all.text = *all.text ? arena_printf(a, "%s; %s", all.text, c.text) : c.text;
        p += r->batch * child_bytes(&r->sig.outputs.at[k]);
    }
    return all;
}

/* ---- timed programs ---- */

Job timing_job(const Referee *r, const ChildBuild *b, const char *out, const char *log, int threads, int rounds, bool alone)
{
    Arena *a = r->d->arena;
    return (Job){ .argv = job_argv(a, b->program, r->in, out, arena_printf(a, "%lld", (long long)r->batch),
                                   arena_printf(a, "%d", threads), arena_printf(a, "%d", rounds), alone ? "alone" : (char *)NULL,
                                   (char *)NULL),
                  .log = log,
                  .timeout = (int)cli_number(r->d->cli, OPT_TIMEOUT, 120),
                  .threads = threads };
}

int timing_failed(Driver *d, const char *what, const Job *j)
{
    diag_error(d->diag, NOWHERE, "FCM5005", "%s: %s", what, job_words(d->arena, j));
    return j->end == JOB_EXITED && j->code == CHILD_NO_DEVICE ? EXIT_ENVIRON : EXIT_BENCH;
}

static const char *next_line(const char *line)
{
    const char *nl = strchr(line, '\n');
    return nl ? nl + 1 : line + strlen(line);
}

/* What follows "name " on this line, or NULL. */
static const char *after(const char *line, const char *name)
{
    size_t n = strlen(name);
    return strncmp(line, name, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

void series_read(Arena *a, Series *s, const char *log, const char *name, int column)
{
    for (const char *line = log; *line; line = next_line(line)) {
        const char *p = after(line, name);
        char *end = NULL;
        double v = 0;
        for (int i = 0; p && i < column; i++) {
            p += strspn(p, " ");
            v = *p == '\n' ? 0 : strtod(p, &end);
            p = *p != '\n' && end > p ? end : NULL;
        }
        if (p) vec_push(a, &s->at, v);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void series_end(Series *s)
{
    if (s->at.n == 0) return;
    qsort(s->at.at, (size_t)s->at.n, sizeof(double), by_value);
    s->least = s->at.at[0], s->p25 = s->at.at[s->at.n / 4], s->median = s->at.at[s->at.n / 2], s->p75 = s->at.at[s->at.n * 3 / 4];
}

double timing_number(const char *log, const char *name)
{
    double v = 0;
    for (const char *line = log; *line; line = next_line(line))
        if (after(line, name)) v = strtod(after(line, name), NULL);
    return v;
}

const char *timing_words(Arena *a, const char *log, const char *name)
{
    Text t = text_new(a);
    for (const char *line = log; *line; line = next_line(line)) {
        const char *p = after(line, name);
        if (p) text_printf(&t, "%s%.*s", t.n ? ", " : "", (int)strcspn(p, "\n"), p);
    }
    return t.n ? t.at : "";
}
