/* judge.c: reads what reference and subjects wrote, and says PASSED, FAILED, SKIPPED or MISTRUSTED. */
#include "io.h"
#include "verifier_run.h"

#include <stdio.h>
#include <string.h>

/* The whole file, which must have exactly n bytes. */
char *read_exactly(Arena *a, const char *path, size_t n)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *p = arena_alloc(a, n + 1);
    bool ok = fread(p, 1, n, f) == n && fgetc(f) == EOF;
    fclose(f);
    return ok ? p : NULL;
}

bool data_write(Arena *a, Diag *d, const char *path, const VerifyData *data, const ChildSig *sig, int64_t batch)
{
    FILE *f = fopen(path, "wb");
    bool ok = f != NULL;
    for (int i = 0; ok && i < sig->params.n; i++)
        ok = fwrite(data->param[i], 1, (size_t)child_bytes(&sig->params.at[i]), f) == (size_t)child_bytes(&sig->params.at[i]);
    for (int i = 0; ok && i < sig->inputs.n; i++) {
        size_t n = (size_t)(batch * child_bytes(&sig->inputs.at[i]));
        ok = fwrite(data->input[i], 1, n, f) == n;
    }
    if (f && fclose(f) != 0) ok = false;
    if (!ok) diag_error(d, (Loc){ 0 }, "FCM5002", "cannot write '%s'", arena_strdup(a, path));
    return ok;
}

bool expected_read(Arena *a, const char *path, const ChildSig *sig, int64_t batch, Expected *out)
{
    size_t n = 16 * (size_t)sig->nodes;
    for (int i = 0; i < sig->outputs.n; i++)
        n += (size_t)(batch * (24 * sig->outputs.at[i].elements + child_bytes(&sig->outputs.at[i])));
    char *p = read_exactly(a, path, n);
    if (!p) return false;
    double ***into[] = { &out->v, &out->b, &out->s };
    for (int k = 0; k < 3; k++) *into[k] = NEW_N(a, double *, sig->outputs.n + 1);
    out->plain = NEW_N(a, const void *, sig->outputs.n + 1);
    for (int i = 0; i < sig->outputs.n; i++)
        for (int k = 0; k < 3; k++) {
            (*into[k])[i] = (double *)(void *)p;
            p += batch * 8 * sig->outputs.at[i].elements;
        }
    for (int i = 0; i < sig->outputs.n; i++) out->plain[i] = p, p += batch * child_bytes(&sig->outputs.at[i]);
    out->maxima = arena_copy(a, p, 16 * (size_t)sig->nodes);    /* it may be unaligned behind f16 outputs */
    return true;
}

/* ---- outputs ---- */
typedef struct Judge { Verify *v; const UnitRun *u; Arena *scratch; const Expected *want; int mode; } Judge;

static void shape_of(const UnitRun *u, int output, int64_t shape[3])
{
    const Graph *g = u->unit->graph;
    const GraphNode *n = &g->nodes.at[g->outputs.at[output].node];
    shape[0] = n->h, shape[1] = n->w, shape[2] = n->c;
}

/* All outputs of one run; the first that is wrong decides. */
static Compared judge_outputs(const Judge *j, const char *const *got)
{
    Compared all = { VERIFY_PASSED, "" };
    const Graph *g = j->u->unit->graph;
    for (int i = 0; i < g->outputs.n; i++) {
        int64_t shape[3], n = j->u->unit->batch * j->u->sig.outputs.at[i].elements;
        DType t = j->u->sig.outputs.at[i].dtype;
        const char *name = g->outputs.at[i].name;
        shape_of(j->u, i, shape);
        Compared c = j->mode == MODE_EXACT
                         ? compare_exact(j->v->arena, name, t, got[i], j->want->v[i], n, shape)
                         : compare_bounded(j->v->arena, name, t, got[i], j->want->v[i], j->want->b[i], j->want->s[i], n, shape);
        if (c.status != VERIFY_PASSED) return c;
        all.text = *all.text ? arena_printf(j->v->arena, "%s; %s", all.text, c.text) : c.text;
    }
    if (j->mode == MODE_EXACT && j->u->cases[MODE_EXACT].doubt)
        return (Compared){ VERIFY_MISTRUSTED, j->u->cases[MODE_EXACT].doubt };
    return all;
}

/* ---- bytes ---- */
static const char *slot_name(Arena *a, const TmModule *m, int slot)
{
    if (slot < m->tensors.n) return m->tensors.at[slot].name;
    for (int p = 0; p < m->programs.n; p++)
        for (int i = 0; i < m->programs.at[p]->images.n; i++)
            if (tm_image_slot(m, m->programs.at[p], i) == slot)
                return arena_printf(a, "packed image %s of %s", m->programs.at[p]->images.at[i].name, m->programs.at[p]->name);
    return arena_printf(a, "slot %d", slot);
}

TmBytes bytes_walked(Arena *a, const TmModule *m, int64_t batch)
{
    int n = tm_byte_slots(m);
    TmBytes sum = { n, NEW_N(a, int64_t, n + 1), NEW_N(a, int64_t, n + 1) };
    for (int p = 0; p < m->programs.n; p++) {
        TmWalk w;
        tm_walk(a, m, m->programs.at[p], batch, &w);
        for (int i = 0; i < n; i++) sum.read[i] += w.issued.read[i], sum.written[i] += w.issued.written[i];
    }
    return sum;
}

/* NULL: equal. */
const char *bytes_differ(Arena *a, const TmModule *m, const TmBytes *walk, const int64_t *read, const int64_t *written,
                                const char *who)
{
    for (int i = 0; i < walk->n; i++)
        if (walk->read[i] != read[i] || walk->written[i] != written[i])
            return arena_printf(a, "%s: the walk counts %lld bytes read and %lld written, %s %lld and %lld", slot_name(a, m, i),
                                (long long)walk->read[i], (long long)walk->written[i], who, (long long)read[i],
                                (long long)written[i]);
    return NULL;
}

int64_t bytes_total(const TmBytes *b)
{
    int64_t n = 0;
    for (int i = 0; i < b->n; i++) n += b->read[i] + b->written[i];
    return n;
}

/* ---- a subject ---- */
static const char *end_words(Judge *j, const Job *job, VerifyStatus *status)
{
    const char *words = job_words(j->v->arena, job);
    *status = strstr(words, "this processor lacks") ? VERIFY_SKIPPED : VERIFY_FAILED;
    return words;
}

/* One mode of one subject: per pass the outputs and the counters. */
static void judge_run(Judge *j, int k, const Job *jobs)
{
    const VerifySubject *subject = &j->u->unit->subjects.at[k];
    const SubjectRun *s = &j->u->subjects[k];
    const char *check = j->mode == MODE_EXACT ? "exact" : "bounded";
    int outputs = s->sig.outputs.n;
    size_t one = 16 * (size_t)s->sig.slots;
    for (int i = 0; i < outputs; i++) one += (size_t)(j->u->unit->batch * child_bytes(&s->sig.outputs.at[i]));
    VerifyStatus status = VERIFY_FAILED;
    if (!job_ok(&jobs[s->job[j->mode]])) {
        const char *words = end_words(j, &jobs[s->job[j->mode]], &status);
        verify_line(j->v, j->u, subject->what, check, status, words);
        return;
    }
    char *p = read_exactly(j->scratch, s->out[j->mode], one * (size_t)s->passes);
    if (!p) {
        verify_line(j->v, j->u, subject->what, check, VERIFY_FAILED, "the child wrote too little");
        return;
    }
    TmBytes walk = bytes_walked(j->scratch, subject->module, j->u->unit->batch);
    Compared worst = { VERIFY_PASSED, "" };
    const char *differ = NULL, **got = NEW_N(j->scratch, const char *, outputs + 1);
    for (int pass = 0; pass < s->passes; pass++) {
        for (int i = 0; i < outputs; i++) got[i] = p, p += j->u->unit->batch * child_bytes(&s->sig.outputs.at[i]);
        Compared c = judge_outputs(j, got);
        if (pass == 0 || c.status != VERIFY_PASSED) worst = c;
        const int64_t *counts = arena_copy(j->scratch, p, 16 * (size_t)s->sig.slots + 1);
        p += 16 * s->sig.slots;
        if (!differ) differ = bytes_differ(j->v->arena, subject->module, &walk, counts, counts + s->sig.slots, subject->what);
        if (c.status != VERIFY_PASSED) break;
    }
    verify_line(j->v, j->u, subject->what, check, worst.status, worst.text);
    bool last = j->mode == MODE_BOUNDED || !(j->v->o->modes & VERIFY_BOUNDED);
    if (subject->kind == CHILD_DEVICE || !(differ || last)) return;
    if (differ) verify_line(j->v, j->u, subject->what, "bytes", VERIFY_FAILED, differ);
    else
        verify_line(j->v, j->u, subject->what, "bytes", VERIFY_PASSED,
                    arena_printf(j->v->arena, "walk = counters = %lld bytes", (long long)bytes_total(&walk)));
}

/* The interpreter on the exact data: same outputs, same bytes. */
static void judge_interpreter(Judge *j, int k)
{
    const VerifySubject *subject = &j->u->unit->subjects.at[k];
    const TmModule *m = subject->module;
    int64_t batch = j->u->unit->batch;
    VerifyData d = data_exact(j->scratch, j->u->unit->graph, batch, j->v->o->seed, j->u->cases[MODE_EXACT].level);
    TmRun run;
    const char *why = interpret(j->scratch, m, &j->u->sig, &d, batch, &run),
               **got = NEW_N(j->scratch, const char *, m->outputs.n + 1);
    if (why) {
        verify_line(j->v, j->u, subject->what, "interpreter", VERIFY_FAILED, why);
        return;
    }
    for (int i = 0; i < m->outputs.n; i++) {
        const ChildTensor *t = &j->u->sig.outputs.at[i];
        void *stored = arena_alloc(j->scratch, (size_t)(batch * child_bytes(t)) + 1);
        for (int64_t e = 0; e < batch * t->elements; e++)
            io_put(io_type_of(t->dtype), stored, e, (double)run.data[m->outputs.at[i]][e]);
        got[i] = stored;
    }
    Compared c = judge_outputs(j, got);
    TmBytes walk = bytes_walked(j->scratch, m, batch);
    const char *differ = bytes_differ(j->v->arena, m, &walk, run.counted.read, run.counted.written, "the interpreter");
    if (c.status == VERIFY_PASSED && differ) c = (Compared){ VERIFY_FAILED, differ };
    verify_line(j->v, j->u, subject->what, "interpreter", c.status, c.text);
}

static void judge_race(Judge *j, int k, const Job *jobs)
{
    const SubjectRun *s = &j->u->subjects[k];
    const char *what = j->u->unit->subjects.at[k].what;
    const Job *failed = child_failed(&j->v->builder, &s->race);
    if (failed) verify_line(j->v, j->u, what, "race", VERIFY_FAILED, job_words(j->v->arena, failed));
    else if (s->job[MODES] < 0) verify_line(j->v, j->u, what, "race", VERIFY_SKIPPED, "the reference did not run");
    else if (!job_ok(&jobs[s->job[MODES]]))
        verify_line(j->v, j->u, what, "race", VERIFY_FAILED, job_words(j->v->arena, &jobs[s->job[MODES]]));
    else verify_line(j->v, j->u, what, "race", VERIFY_PASSED, "no race, no uninitialised or stray access");
}

/* The reference's plain form stands for the text that users get: it must equal the rounded values of the bounded form. */
static void judge_plain(Judge *j, int k)
{
    const Graph *g = j->u->unit->graph;
    const char *what = j->u->unit->subjects.at[k].what, *check = j->mode == MODE_EXACT ? "exact" : "bounded";
    const char **got = NEW_N(j->scratch, const char *, g->outputs.n + 1);
    for (int i = 0; i < g->outputs.n; i++) got[i] = j->want->plain[i];
    Compared c = judge_outputs(j, got);
    verify_line(j->v, j->u, what, check, c.status, c.text);
}

static void judge_mode(Judge *j, const Job *jobs)
{
    const Case *c = &j->u->cases[j->mode];
    const char *check = j->mode == MODE_EXACT ? "exact" : "bounded";
    for (int k = 0; k < j->u->unit->subjects.n; k++) {
        const VerifySubject *subject = &j->u->unit->subjects.at[k];
        const SubjectRun *s = &j->u->subjects[k];
        if (s->skip) continue;
        const Job *failed = subject->module ? child_failed(&j->v->builder, &s->build[j->mode]) : NULL;
        if (c->state == CASE_DEAD)
            verify_line(j->v, j->u, subject->what, check, VERIFY_FAILED,
                        arena_printf(j->v->arena, "the reference: %s", c->doubt));
        else if (!subject->module) judge_plain(j, k);
        else if (failed) verify_line(j->v, j->u, subject->what, "compile", VERIFY_FAILED, job_words(j->v->arena, failed));
        else judge_run(j, k, jobs);
        if (j->mode == MODE_EXACT && subject->interpret && subject->module && c->state == CASE_READY) judge_interpreter(j, k);
    }
}

void judge_unit(Verify *v, const UnitRun *u, const Job *jobs)
{
    for (int m = 0; m < MODES; m++) {
        if (!(v->o->modes & 1 << m)) continue;
        Arena *scratch = arena_new();
        Expected want;
        Judge j = { v, u, scratch, &want, m };
        if (u->cases[m].state == CASE_READY && !expected_read(scratch, u->cases[m].out, &u->sig, u->unit->batch, &want))
            verify_line(v, u, "reference", m == MODE_EXACT ? "exact" : "bounded", VERIFY_FAILED,
                        "the reference wrote too little");
        else judge_mode(&j, jobs);
        arena_free(scratch);
    }
    for (int k = 0; k < u->unit->subjects.n; k++) {
        const VerifySubject *s = &u->unit->subjects.at[k];
        if (u->subjects[k].skip) verify_line(v, u, s->what, "all", VERIFY_SKIPPED, u->subjects[k].skip);
        else if (s->race && s->module) judge_race(&(Judge){ .v = v, .u = u }, k, jobs);
    }
}
