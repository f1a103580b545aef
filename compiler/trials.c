/* trials.c: see trials.h. Every candidate is a process of its own, so that one that crashes or hangs is discarded alone;
 * processes take turns, PASSES times, so that a slow minute of the machine meets them all. */
#include "trials.h"
#include "backend.h"

#include <stdio.h>
#include <unistd.h>

enum { PASSES = 4 };

typedef struct Built { ChildSig sig; ChildBuild build; const char *out, *log; } Built;
typedef struct Run {
    Trials *t;
    Arena *a;
    const Candidates *c;
    Workdir *dir;
    ChildBuilder builder;
    Referee referee;
    Built *built;
} Run;

static void progress(const Run *r, const char *what, int at, int of)
{
    if (r->t->d->json || !isatty(2)) return;
    if (of) fprintf(stderr, "\r\033[K%s: %s %d of %d ...\r", r->t->name, what, at, of);
    else fputs("\r\033[K", stderr);
}

/* ---- building ---- */

static void build_one(Run *r, int i)
{
    const TmModule *m = r->c->at.at[i].module;
    Built *b = &r->built[i];
    Text source = text_new(r->a), header = text_new(r->a);
    EmitOptions o = { .prelude = true, .version = FCM_VERSION, .header = "block.h" };
    const char *why = NULL, *name = arena_printf(r->a, "%s-%d", r->t->name, i);
    b->out = workdir_file(r->dir, "%s.out", name), b->log = workdir_file(r->dir, "%s.log", name);
    b->sig = child_of_module(r->a, m, m->name, r->t->target->kind);
    if (!(r->t->target->target == CLI_CUDA ? emit_cuda : emit_cpu)(r->a, m, &o, &source, &header, &why)) r->t->at.at[i].why = why;
    else if (!child_build(&r->builder, name, &b->sig, (ChildText){ source.at, header.at, "block.h" }, FORM_BENCH, &b->build))
        r->t->at.at[i].why = "cannot write its text";
}

static const char *build_all(Run *r)
{
    const char *why = referee_build(&r->referee, &r->builder);
    for (int i = 0; !why && i < r->c->at.n; i++) build_one(r, i);
    if (why) return why;
    progress(r, "compiling", r->c->at.n, r->c->at.n);
    jobs_run(r->builder.second.at, r->builder.second.n, driver_jobs(r->t->d));
    for (int i = 0; i < r->c->at.n; i++) {
        const Job *j = r->t->at.at[i].why ? NULL : child_failed(&r->builder, &r->built[i].build);
        if (j) r->t->at.at[i].why = arena_printf(r->a, "does not compile: %s", job_words(r->a, j));
    }
    return NULL;
}

/* ---- running ---- */

static const char *run_one(Run *r, int i, bool first)
{
    Built *b = &r->built[i];
    Trial *one = &r->t->at.at[i];
    size_t len;
    const char *why, *log;
    Job j = timing_job(&r->referee, &b->build, b->out, b->log, r->t->threads, (r->t->rounds + PASSES - 1) / PASSES, true);
    jobs_run(&j, 1, 1);
    if (!job_ok(&j)) return job_words(r->a, &j);
    if (first) {
        Compared c = referee_judge(&r->referee, b->out);
        if (c.status != VERIFY_PASSED) return arena_printf(r->a, "its outputs are wrong: %s", c.text);
    }
    if (!(log = text_read_file(r->a, b->log, 16 << 20, &len, &why))) return why;
    series_read(r->a, &one->wall, log, "ours", 1);
    series_read(r->a, &one->busy, log, "ours", 2);
    r->t->gpu = timing_words(r->a, log, "device");
    return NULL;
}

/* ---- the whole ---- */

static const char *measure(Run *r)
{
    const char *why = build_all(r);
    if (!why) why = referee_run(&r->referee, &r->builder, r->t->target->threads ? r->t->threads : driver_jobs(r->t->d));
    for (int pass = 0; !why && pass < PASSES; pass++)
        for (int i = 0; i < r->c->at.n; i++) {
            progress(r, "measuring", pass * r->c->at.n + i + 1, PASSES * r->c->at.n);
            if (!r->t->at.at[i].why) r->t->at.at[i].why = run_one(r, i, pass == 0);
        }
    for (int i = 0; !why && i < r->c->at.n; i++) {
        Trial *t = &r->t->at.at[i];
        if (!t->why && t->wall.at.n == 0) t->why = "it printed no times";
        if (!t->why) series_end(&t->wall), series_end(&t->busy);
    }
    return why;
}

void trials_run(Trials *t, const Candidates *c, Workdir *dir)
{
    Run r = { .t = t, .a = t->d->arena, .c = c, .dir = dir, .builder = { .dir = dir, .diag = t->d->diag } };
    r.referee = (Referee){ .d = t->d, .dir = dir, .name = t->name, .graph = c->graph, .batch = t->batch };
    r.built = NEW_N(r.a, Built, c->at.n + 1);
    for (int i = 0; i < c->at.n; i++) vec_push(r.a, &t->at, (Trial){ .candidate = &c->at.at[i] });
    t->failure = c->at.n ? measure(&r) : "no schedule fits";
    progress(&r, "", 0, 0);
}

bool trials_by_own_time(const Trials *t) { return t->target->threads && t->threads == 1; }

const Series *trial_series(const Trials *t, const Trial *one) { return trials_by_own_time(t) ? &one->busy : &one->wall; }

const Trial *trials_best(const Trials *t)
{
    const Trial *best = NULL;
    for (int i = 0; i < t->at.n; i++) {
        const Trial *one = &t->at.at[i];
        if (!one->why && (!best || trial_series(t, one)->median < trial_series(t, best)->median)) best = one;
    }
    return best;
}
