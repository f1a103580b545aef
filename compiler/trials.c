/* trials.c: see trials.h. Every candidate is a process of its own, so that one that crashes or hangs is discarded alone;
 * processes take turns, PASSES times, so that a slow minute of the machine meets them all. */
#include "trials.h"
#include "backend.h"
#include "verifier_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSES = 4 };

typedef struct Built { ChildSig sig; ChildBuild build; const char *out, *log; VEC(double) wall, busy; } Built;
typedef struct Run {
    Trials *t;
    Arena *a;
    const Candidates *c;
    Workdir *dir;
    ChildBuilder builder;
    ChildSig reference_sig;
    ChildBuild reference;
    Built *built;
    const char *in;
    Expected want;
} Run;

static void progress(const Run *r, const char *what, int at, int of)
{
    if (r->t->d->json || !isatty(2)) return;
    if (of) fprintf(stderr, "\r\033[K%s: %s %d of %d ...\r", r->t->name, what, at, of);
    else fputs("\r\033[K", stderr);
}

/* ---- building ---- */

static const char *build_reference(Run *r)
{
    Text source = text_new(r->a), header = text_new(r->a);
    RefOptions o = { .prefix = "reference", .header = "reference.h", .bounded = true };
    if (!emit_reference(r->a, r->c->graph, &o, &source, &header)) return "sizes of the reference do not fit 63 bits";
    r->reference_sig = child_of_graph(r->a, r->c->graph, "reference");
    ChildText text = { source.at, header.at, "reference.h" };
    const char *name = arena_printf(r->a, "%s-reference", r->t->name);
    bool ok = child_build(&r->builder, name, &r->reference_sig, text, FORM_REAL, &r->reference);
    return ok ? NULL : "cannot write the reference";
}

static void build_one(Run *r, int i)
{
    const TmModule *m = r->c->at.at[i].module;
    Built *b = &r->built[i];
    Text source = text_new(r->a), header = text_new(r->a);
    EmitOptions o = { .prelude = true, .version = FCM_VERSION, .header = "block.h" };
    const char *why = NULL, *name = arena_printf(r->a, "%s-%d", r->t->name, i);
    b->out = workdir_file(r->dir, "%s.out", name), b->log = workdir_file(r->dir, "%s.log", name);
    b->sig = child_of_module(r->a, m, m->name, CHILD_CPU);
    if (!emit_cpu(r->a, m, &o, &source, &header, &why)) r->t->at.at[i].why = why;
    else if (!child_build(&r->builder, name, &b->sig, (ChildText){ source.at, header.at, "block.h" }, FORM_BENCH, &b->build))
        r->t->at.at[i].why = "cannot write its text";
}

static const char *build_all(Run *r)
{
    const char *why = build_reference(r);
    for (int i = 0; !why && i < r->c->at.n; i++) build_one(r, i);
    if (why) return why;
    progress(r, "compiling", r->c->at.n, r->c->at.n);
    jobs_run(r->builder.second.at, r->builder.second.n, driver_jobs(r->t->d));
    for (int i = 0; i < r->c->at.n; i++) {
        const Job *j = r->t->at.at[i].why ? NULL : child_failed(&r->builder, &r->built[i].build);
        if (j) r->t->at.at[i].why = arena_printf(r->a, "does not compile: %s", job_words(r->a, j));
    }
    const Job *j = child_failed(&r->builder, &r->reference);
    return j ? arena_printf(r->a, "the reference does not compile: %s", job_words(r->a, j)) : NULL;
}

/* ---- running ---- */

static const char *run_reference(Run *r)
{
    const Graph *g = r->c->graph;
    VerifyData data = data_real(r->a, g, r->t->batch, (uint64_t)cli_number(r->t->d->cli, OPT_SEED, 1));
    const char *want = workdir_file(r->dir, "%s.want", r->t->name);
    r->in = workdir_file(r->dir, "%s.in", r->t->name);
    if (!data_write(r->a, r->t->d->diag, r->in, &data, &r->reference_sig, r->t->batch)) return "cannot write the data";
    bool half = g->nodes.at[g->inputs.at[0]].dtype != DT_F32;
    Job j = { .argv = job_argv(r->a, r->reference.program, r->in, want, arena_printf(r->a, "%lld", (long long)r->t->batch),
                               arena_printf(r->a, "%d", r->t->threads), half ? "2.384185791015625e-7" : "5.9604644775390625e-8",
                               half ? "1" : "0.3333333333333333", (char *)NULL),
              .log = workdir_file(r->dir, "%s-reference.log", r->t->name),
              .timeout = (int)cli_number(r->t->d->cli, OPT_TIMEOUT, 120),
              .threads = r->t->threads };
    jobs_run(&j, 1, 1);
    if (!job_ok(&j)) return arena_printf(r->a, "the reference: %s", job_words(r->a, &j));
    return expected_read(r->a, want, &r->reference_sig, r->t->batch, &r->want) ? NULL : "the reference wrote too little";
}

/* NULL, or what is wrong with the outputs of candidate i. */
static const char *check_outputs(Run *r, int i)
{
    const Graph *g = r->c->graph;
    const Built *b = &r->built[i];
    size_t bytes = 0;
    for (int k = 0; k < g->outputs.n; k++) bytes += (size_t)(r->t->batch * child_bytes(&b->sig.outputs.at[k]));
    const char *p = read_exactly(r->a, b->out, bytes);
    if (!p) return "it wrote no outputs";
    for (int k = 0; k < g->outputs.n; k++) {
        const GraphNode *n = &g->nodes.at[g->outputs.at[k].node];
        int64_t shape[3] = { n->h, n->w, n->c };
        Compared c = compare_bounded(r->a, g->outputs.at[k].name, n->dtype, p, r->want.v[k], r->want.b[k], r->want.s[k],
                                     r->t->batch * n->h * n->w * n->c, shape);
        if (c.status != VERIFY_PASSED) return arena_printf(r->a, "its outputs are wrong: %s", c.text);
        p += r->t->batch * child_bytes(&b->sig.outputs.at[k]);
    }
    return NULL;
}

static void read_times(Run *r, Built *b)
{
    size_t len;
    const char *why;
    char *log = text_read_file(r->a, b->log, 16 << 20, &len, &why);
    for (char *line = log ? strtok(log, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        double wall, busy;
        if (sscanf(line, "ours %lf %lf", &wall, &busy) != 2) continue;
        vec_push(r->a, &b->wall, wall);
        vec_push(r->a, &b->busy, busy);
    }
}

static const char *run_one(Run *r, int i, bool first)
{
    Built *b = &r->built[i];
    Job j = { .argv = job_argv(r->a, b->build.program, r->in, b->out, arena_printf(r->a, "%lld", (long long)r->t->batch),
                               arena_printf(r->a, "%d", r->t->threads),
                               arena_printf(r->a, "%d", (r->t->rounds + PASSES - 1) / PASSES),
                               "alone", (char *)NULL),
              .log = b->log,
              .timeout = (int)cli_number(r->t->d->cli, OPT_TIMEOUT, 120),
              .threads = r->t->threads };
    jobs_run(&j, 1, 1);
    if (!job_ok(&j)) return job_words(r->a, &j);
    const char *why = first ? check_outputs(r, i) : NULL;
    if (!why) read_times(r, b);
    return why;
}

/* ---- the whole ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static Spread spread_of(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return (Spread){ v[0], v[n / 4], v[n / 2], v[n * 3 / 4], n };
}

static const char *measure(Run *r)
{
    const char *why = build_all(r);
    if (!why) why = run_reference(r);
    for (int pass = 0; !why && pass < PASSES; pass++)
        for (int i = 0; i < r->c->at.n; i++) {
            progress(r, "measuring", pass * r->c->at.n + i + 1, PASSES * r->c->at.n);
            if (!r->t->at.at[i].why) r->t->at.at[i].why = run_one(r, i, pass == 0);
        }
    for (int i = 0; !why && i < r->c->at.n; i++) {
        Built *b = &r->built[i];
        Trial *t = &r->t->at.at[i];
        if (!t->why && b->wall.n == 0) t->why = "it printed no times";
        if (!t->why) t->wall = spread_of(b->wall.at, b->wall.n), t->busy = spread_of(b->busy.at, b->busy.n);
    }
    return why;
}

void trials_run(Trials *t, const Candidates *c, Workdir *dir)
{
    Run r = { .t = t, .a = t->d->arena, .c = c, .dir = dir, .builder = { .dir = dir, .diag = t->d->diag } };
    r.built = NEW_N(r.a, Built, c->at.n + 1);
    for (int i = 0; i < c->at.n; i++) vec_push(r.a, &t->at, (Trial){ .candidate = &c->at.at[i] });
    t->failure = c->at.n ? measure(&r) : "no schedule fits";
    progress(&r, "", 0, 0);
}

double trial_seconds(const Trials *t, const Trial *one) { return t->threads == 1 ? one->busy.median : one->wall.median; }

const Trial *trials_best(const Trials *t)
{
    const Trial *best = NULL;
    for (int i = 0; i < t->at.n; i++) {
        const Trial *one = &t->at.at[i];
        if (!one->why && (!best || trial_seconds(t, one) < trial_seconds(t, best))) best = one;
    }
    return best;
}
