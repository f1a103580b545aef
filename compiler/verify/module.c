/* module.c: a module without its graph. What it should compute is what the interpreter makes of it, so this checks the printed
 * text, not the planning: outputs with ==, bytes of walk, interpreter and compiled counters. */
#include "io.h"
#include "verifier_run.h"

#include <math.h>

const char *interpret(Arena *a, const TmModule *m, const ChildSig *sig, const VerifyData *data, int64_t batch, TmRun *run)
{
    *run = (TmRun){ .batch = batch, .exact = true, .data = NEW_N(a, float *, m->tensors.n + 1) };
    for (int i = 0; i < m->params.n + m->inputs.n; i++) {
        bool in = i >= m->params.n;
        const ChildTensor *t = in ? &sig->inputs.at[i - m->params.n] : &sig->params.at[i];
        IoTensor view = { .type = io_type_of(t->dtype), .data = in ? data->input[i - m->params.n] : data->param[i] };
        int64_t n = t->elements * (in ? batch : 1);
        float *f = NEW_N(a, float, n + 1);
        for (int64_t e = 0; e < n; e++) f[e] = (float)io_element(&view, e);
        run->data[in ? m->inputs.at[i - m->params.n] : m->params.at[i]] = f;
    }
    return tm_run(a, m, run);
}

typedef struct Check {
    Arena *a;
    VerifyOptions *o;
    VerifyResult *r;
    const char *name;
    const VerifySubject *s;
    int64_t batch;
    ChildSig sig;
} Check;

static void say(Check *c, const char *check, VerifyStatus status, const char *text)
{
    VerifyLine line = { status, c->name, c->s->what, check, text, NULL };
    vec_push(c->a, &c->r->lines, line);
    c->r->count[status]++;
    if (c->o->tell) c->o->tell(c->o->ctx, &line);
}

/* One pass of the child against the interpreter; the first output that is wrong decides. */
static Compared compare_pass(const Check *c, const TmRun *run, const char *p)
{
    const TmModule *m = c->s->module;
    for (int i = 0; i < m->outputs.n; i++) {
        const TmTensor *t = &m->tensors.at[m->outputs.at[i]];
        int64_t n = c->batch * c->sig.outputs.at[i].elements;
        double *want = NEW_N(c->a, double, n + 1), most = 0;
        for (int64_t e = 0; e < n; e++) {
            want[e] = (double)run->data[m->outputs.at[i]][e];
            if (!(fabs(want[e]) <= most)) most = fabs(want[e]);
        }
        Compared r = compare_exact(c->a, t->name, t->dtype, p, want, n, t->dim + 1);
        if (r.status != VERIFY_PASSED) return r;
        if (!(most <= data_exact_limit(t->dtype)))
            return (Compared){ VERIFY_MISTRUSTED, arena_printf(c->a, "%s reaches %g, which is not exact", t->name, most) };
        p += c->batch * child_bytes(&c->sig.outputs.at[i]);
    }
    return (Compared){ VERIFY_PASSED, "as the interpreter" };
}

static void judge_module(Check *c, const TmRun *run, const char *path, int passes)
{
    const TmModule *m = c->s->module;
    size_t outputs = 0, counts = 16 * (size_t)c->sig.slots;
    for (int i = 0; i < m->outputs.n; i++) outputs += (size_t)(c->batch * child_bytes(&c->sig.outputs.at[i]));
    const char *p = read_exactly(c->a, path, (outputs + counts) * (size_t)passes), *differ;
    if (!p) {
        say(c, "exact", VERIFY_FAILED, "the child wrote too little");
        return;
    }
    Compared r = compare_pass(c, run, p);
    if (r.status == VERIFY_PASSED && passes > 1) r = compare_pass(c, run, p + outputs + counts);
    say(c, "exact", r.status, r.text);
    TmBytes walk = bytes_walked(c->a, m, c->batch);
    const int64_t *counted = arena_copy(c->a, p + outputs, counts + 1);
    differ = bytes_differ(c->a, m, &walk, counted, counted + c->sig.slots, c->s->what);
    if (!differ) differ = bytes_differ(c->a, m, &walk, run->counted.read, run->counted.written, "the interpreter");
    const char *same = arena_printf(c->a, "walk = interpreter = counters = %lld bytes", (long long)bytes_total(&walk));
    say(c, "bytes", differ ? VERIFY_FAILED : VERIFY_PASSED, differ ? differ : same);
}

static bool run_module(Check *c, Diag *d, const Workdir *w)
{
    const TmModule *m = c->s->module;
    ChildBuilder b = { .dir = w, .diag = d };
    ChildBuild build;
    TmRun run;
    const char *in = workdir_file(w, "in"), *out = workdir_file(w, "out");
    VerifyData data = data_module(c->a, m, c->batch, c->o->seed);
    c->sig = child_of_module(c->a, m, c->s->prefix, c->s->kind);
    if (!child_build(&b, "m", &c->sig, c->s->text, FORM_EXACT, &build) || !data_write(c->a, d, in, &data, &c->sig, c->batch))
        return false;
    jobs_run(b.first.at, b.first.n, c->o->jobs);
    jobs_run(b.second.at, b.second.n, c->o->jobs);
    const Job *failed = child_failed(&b, &build);
    if (failed) return say(c, "compile", VERIFY_FAILED, job_words(c->a, failed)), true;
    const char *why = interpret(c->a, m, &c->sig, &data, c->batch, &run), *passes = c->s->kind == CHILD_EMULATED ? "2" : "1";
    if (why) return say(c, "interpreter", VERIFY_FAILED, why), true;
    const char *n = arena_printf(c->a, "%lld", (long long)c->batch);
    Job job = { .argv = job_argv(c->a, build.program, in, out, n, "1", passes, (char *)NULL),
                .log = workdir_file(w, "run.log"),
                .timeout = c->o->timeout,
                .threads = 1 };
    jobs_run(&job, 1, 1);
    if (!job_ok(&job)) say(c, "exact", VERIFY_FAILED, job_words(c->a, &job));
    else judge_module(c, &run, out, *passes - '0');
    return true;
}

bool verify_module(Arena *a, Diag *d, const char *name, const VerifySubject *s, int64_t batch, VerifyOptions *o, VerifyResult *r)
{
    Check c = { a, o, r, name, s, batch, { 0 } };
    const char *compiler = s->kind == CHILD_CPU ? "cc" : "g++";
    Workdir w;
    if (!program_exists(compiler)) {
        say(&c, "all", VERIFY_SKIPPED, arena_printf(a, "%s is not installed", compiler));
        return true;
    }
    if (!workdir_open(a, d, &w)) return false;
    w.keep = o->keep;
    o->kept = w.path;
    bool ok = run_module(&c, d, &w);
    workdir_close(&w);
    return ok;
}
