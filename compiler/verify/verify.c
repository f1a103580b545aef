/* verify.c: the order of a verification. Print and build everything (references and subjects of all units in parallel); draw data
 * and run the references, exact data again with a smaller level where they outgrew exactness; run the subjects on the same files;
 * compare. Results are read from files only when they are compared, one unit at a time. */
#include "verifier_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void push_line(Verify *v, const VerifyLine *line)
{
    vec_push(v->arena, &v->result->lines, *line);
    v->result->count[line->status]++;
    if (v->o->tell) v->o->tell(v->o->ctx, line);
}

void verify_line(Verify *v, const UnitRun *u, const char *subject, const char *check, VerifyStatus status, const char *text)
{
    const char *repro = status == VERIFY_FAILED || status == VERIFY_MISTRUSTED ? u->unit->repro : NULL;
    push_line(v, &(VerifyLine){ status, u->unit->name, subject, check, arena_strdup(v->arena, text), repro });
}

static void progress(const Verify *v, const char *what)
{
    if (v->o->progress) v->o->progress(v->o->ctx, what);
}

/* ---- building ---- */
static bool wants(const Verify *v, int mode) { return v->o->modes & 1 << mode; }

/* The builds that the modes need: where FCM_EXACT changes nothing, one serves both. */
static bool build_modes(Verify *v, const char *name, const ChildSig *sig, ChildText text, bool differ, ChildBuild build[MODES])
{
    ChildBuild *real = NULL;
    for (int m = MODES; m-- > 0;) {
        if (!wants(v, m)) continue;
        bool exact = differ && m == MODE_EXACT;
        if (!exact && real) {
            build[m] = *real;
            continue;
        }
        if (!child_build(&v->builder, arena_printf(v->arena, "%s%s", name, exact ? "x" : ""), sig, text,
                         exact ? FORM_EXACT : FORM_REAL, &build[m]))
            return false;
        if (!exact) real = &build[m];
    }
    return true;
}

static bool build_reference(Verify *v, UnitRun *u, int id)
{
    Text source = text_new(v->arena), header = text_new(v->arena);
    RefOptions o = { .prefix = "reference", .header = "reference.h", .bounded = true };
    if (!emit_reference(v->arena, u->unit->graph, &o, &source, &header)) {
        diag_error(v->diag, u->unit->graph->loc, "FCM5003", "the reference of '%s' does not fit 63 bits", u->unit->name);
        return false;
    }
    u->sig = child_of_graph(v->arena, u->unit->graph, "reference");
    ChildText text = { source.at, header.at, "reference.h" };
    return build_modes(v, arena_printf(v->arena, "r%d", id), &u->sig, text, u->differ, u->reference);
}

static const char *missing_tool(ChildKind kind)
{
    if (kind == CHILD_EMULATED && !program_exists("g++")) return "g++ is not installed";
    if (kind == CHILD_DEVICE && !program_exists("nvcc")) return "nvcc is not installed";
    return NULL;
}

static bool build_subject(Verify *v, UnitRun *u, int id, int k)
{
    const VerifySubject *s = &u->unit->subjects.at[k];
    SubjectRun *r = &u->subjects[k];
    r->skip = s->skip ? s->skip : missing_tool(s->kind);
    if (r->skip || !s->module) return true;
    r->sig = child_of_module(v->arena, s->module, s->prefix, s->kind);
    r->passes = s->kind == CHILD_EMULATED ? 2 : 1;
    const char *name = arena_printf(v->arena, "s%d_%d", id, k);
    if (!build_modes(v, name, &r->sig, s->text, u->differ, r->build)) return false;
    r->race.second = -1;
    return !s->race || child_build(&v->builder, arena_printf(v->arena, "%st", name), &r->sig, s->text, FORM_RACE, &r->race);
}

static bool build_all(Verify *v)
{
    for (int i = 0; i < v->n; i++) {
        UnitRun *u = &v->units[i];
        u->differ = reference_has_exact(u->unit->graph);
        u->subjects = NEW_N(v->arena, SubjectRun, u->unit->subjects.n + 1);
        if (!build_reference(v, u, i)) return false;
        for (int k = 0; k < u->unit->subjects.n; k++)
            if (!build_subject(v, u, i, k)) return false;
    }
    progress(v, "compiling");
    jobs_run(v->builder.first.at, v->builder.first.n, v->o->jobs);
    jobs_run(v->builder.second.at, v->builder.second.n, v->o->jobs);
    return true;
}

/* ---- the references ---- */
static bool write_data(Verify *v, UnitRun *u, int id, int m)
{
    Arena *a = arena_new();
    const Graph *g = u->unit->graph;
    Case *c = &u->cases[m];
    VerifyData d =
        m == MODE_EXACT ? data_exact(a, g, u->unit->batch, v->o->seed, c->level) : data_real(a, g, u->unit->batch, v->o->seed);
    c->in = workdir_file(&v->dir, "c%d_%d.in", id, m);
    c->out = workdir_file(&v->dir, "c%d_%d.ref", id, m);
    bool ok = data_write(a, v->diag, c->in, &d, &u->sig, u->unit->batch);
    arena_free(a);
    return ok;
}

static Job reference_job(Verify *v, const UnitRun *u, int m)
{
    /* f16 products may be added up by tensor cores, which truncate (2^-22 is safe); f32 ones are fused multiply-adds. */
    bool half = u->unit->graph->nodes.at[u->unit->graph->inputs.at[0]].dtype != DT_F32;
    const Case *c = &u->cases[m];
    return (Job){ .argv = job_argv(v->arena, u->reference[m].program, c->in, c->out,
                                   arena_printf(v->arena, "%lld", (long long)u->unit->batch), "1",
                                   half ? "2.384185791015625e-7" : "5.9604644775390625e-8", half ? "1" : "0.3333333333333333",
                                   (char *)NULL),
                  .log = arena_printf(v->arena, "%s.log", c->out),
                  .timeout = v->o->timeout,
                  .threads = 1 };
}

/* The first node whose numbers are too large to be exact, worded; NULL if all are exact. */
static const char *inexact(Verify *v, const UnitRun *u, const Case *c)
{
    const Graph *g = u->unit->graph;
    Expected e;
    Arena *a = arena_new();
    const char *why = NULL;
    if (!expected_read(a, c->out, &u->sig, u->unit->batch, &e)) why = "the reference wrote too little";
    for (int i = 0; !why && i < g->nodes.n; i++) {
        double limit = data_exact_limit(g->nodes.at[i].dtype);
        if (!(e.maxima[2 * i] <= limit))
            why = arena_printf(v->arena, "'%s' reaches %g; integers are exact up to %g", g->nodes.at[i].name, e.maxima[2 * i],
                               limit);
        else if (!(e.maxima[2 * i + 1] <= 16777216))
            why = arena_printf(v->arena, "sums of '%s' may reach %g; f32 is exact up to 2^24", g->nodes.at[i].name,
                               e.maxima[2 * i + 1]);
    }
    arena_free(a);
    return why;
}

/* One round: every reference that is still wanted runs once. True if another round is needed. */
static bool reference_round(Verify *v)
{
    Jobs jobs = { 0 };
    VEC(Case *) cases = { 0 };
    VEC(UnitRun *) owners = { 0 };
    for (int i = 0; i < v->n; i++)
        for (int m = 0; m < MODES; m++) {
            UnitRun *u = &v->units[i];
            if (!wants(v, m) || u->cases[m].state != CASE_OPEN) continue;
            if (!write_data(v, u, i, m)) return false;
            vec_push(v->arena, &jobs, reference_job(v, u, m));
            vec_push(v->arena, &cases, &u->cases[m]);
            vec_push(v->arena, &owners, u);
        }
    jobs_run(jobs.at, jobs.n, v->o->jobs);
    bool again = false;
    for (int i = 0; i < jobs.n; i++) {
        Case *c = cases.at[i];
        UnitRun *u = owners.at[i];
        bool exact = c == &u->cases[MODE_EXACT];
        if (!job_ok(&jobs.at[i])) {
            c->state = CASE_DEAD;
            c->doubt = job_words(v->arena, &jobs.at[i]);
            continue;
        }
        c->doubt = exact ? inexact(v, u, c) : NULL;
        if (c->doubt && c->level + 1 < DATA_LEVELS) c->level++, again = true;
        else c->state = CASE_READY;
    }
    return again;
}

/* ---- the subjects ---- */
static void subject_jobs(Verify *v, UnitRun *u, int id, Jobs *jobs)
{
    for (int k = 0; k < u->unit->subjects.n; k++) {
        SubjectRun *s = &u->subjects[k];
        const VerifySubject *subject = &u->unit->subjects.at[k];
        for (int m = 0; m < MODES + 1; m++) {                   /* the last one is the race checker's */
            bool race = m == MODES;
            int data = race ? (wants(v, MODE_BOUNDED) ? MODE_BOUNDED : MODE_EXACT) : m;
            const ChildBuild *b = race ? &s->race : &s->build[m];
            s->job[m] = -1;
            if (s->skip || !subject->module || (race ? !subject->race : !wants(v, m)) || u->cases[data].state != CASE_READY ||
                child_failed(&v->builder, b))
                continue;
            s->out[m] = workdir_file(&v->dir, "o%d_%d_%d", id, k, m);
            vec_push(v->arena, jobs,
                     (Job){ .argv = job_argv(v->arena, b->program, u->cases[data].in, s->out[m],
                                             arena_printf(v->arena, "%lld", (long long)u->unit->batch), "1",
                                             arena_printf(v->arena, "%d", race ? 1 : s->passes), (char *)NULL),
                            .log = arena_printf(v->arena, "%s.log", s->out[m]),
                            .timeout = v->o->timeout,
                            .threads = 1 });
            s->job[m] = jobs->n - 1;
        }
    }
}

/* Builds of references that failed make the environment unfit: the reference is plain C. */
static bool references_built(Verify *v)
{
    for (int i = 0; i < v->n; i++)
        for (int m = 0; m < MODES; m++) {
            const Job *j = wants(v, m) ? child_failed(&v->builder, &v->units[i].reference[m]) : NULL;
            if (!j) continue;
            diag_error(v->diag, (Loc){ 0 }, "FCM5004", "the reference of '%s' does not compile: %s", v->units[i].unit->name,
                       job_words(v->arena, j));
            return false;
        }
    return true;
}

static bool run_all(Verify *v)
{
    if (!build_all(v) || !references_built(v)) return false;
    progress(v, "running the reference");
    while (reference_round(v)) continue;
    if (diag_errors(v->diag)) return false;
    progress(v, "running");
    Jobs jobs = { 0 };
    for (int i = 0; i < v->n; i++) subject_jobs(v, &v->units[i], i, &jobs);
    jobs_run(jobs.at, jobs.n, v->o->jobs);
    progress(v, "comparing");
    for (int i = 0; i < v->n; i++) judge_unit(v, &v->units[i], jobs.at);
    return true;
}

bool verify_units(Arena *a, Diag *d, const VerifyUnit *units, int n, VerifyOptions *o, VerifyResult *r)
{
    Verify v = { .arena = a, .diag = d, .o = o, .result = r, .n = n, .units = NEW_N(a, UnitRun, n + 1) };
    *r = (VerifyResult){ 0 };
    if (!program_exists("cc")) {
        diag_error(d, (Loc){ 0 }, "FCM5004", "no C compiler: 'cc' is not in PATH");
        return false;
    }
    if (!workdir_open(a, d, &v.dir)) return false;
    v.dir.keep = o->keep;
    o->kept = v.dir.path;
    v.builder = (ChildBuilder){ .dir = &v.dir, .diag = d };
    for (int i = 0; i < n; i++) v.units[i].unit = &units[i];
    bool ok = run_all(&v);
    workdir_close(&v.dir);
    return ok;
}
