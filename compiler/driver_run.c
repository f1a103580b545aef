/* driver_run.c: runs a block once on tensors from files; what is not given is drawn from --seed. */
#include "driver.h"
#include "io.h"
#include "verifier.h"

#include <stdio.h>
#include <string.h>

typedef struct Tensors { IoWant *params, *inputs; const Graph *g; int64_t batch; } Tensors;

static IoWant want_param(const GraphParam *p)
{
    IoWant w = { .name = p->name, .type = io_type_of(p->dtype), .rank = p->rank };
    for (int i = 0; i < p->rank; i++) w.dim[i] = p->dim[i];
    return w;
}

static IoWant want_input(const GraphNode *n)
{
    return (IoWant){ .name = n->name, .type = io_type_of(n->dtype), .rank = 4, .dim = { -1, n->h, n->w, n->c } };
}

/* The tensor that FILE holds for `name`: the only one of an .npy, else the one of that name. */
static const IoTensor *pick(Driver *d, const IoSet *s, const char *name)
{
    const IoTensor *t = s->at.n == 1 && !*s->at.at[0].name ? &s->at.at[0] : io_find(s, name);
    if (!t) diag_error(d->diag, NOWHERE, "FCM3010", "%s: there is no '%s'", s->path, name);
    return t;
}

static bool read_input(Driver *d, Tensors *t, const CliGiven *given)
{
    const char *names[64];
    int n = 0, at = given->name || t->g->inputs.n != 1 ? -1 : 0;
    for (int i = 0; i < t->g->inputs.n && n < 64; i++) {
        names[n++] = t->g->nodes.at[t->g->inputs.at[i]].name;
        if (given->name && strcmp(given->name, names[i]) == 0) at = i;
    }
    if (at < 0) {
        const char *near = given->name ? diag_nearest(given->name, names, n) : NULL;
        diag_error(d->diag, NOWHERE, "FCM5011",
                   given->name ? "the block has no input '%s'" : "'%s': the block has several inputs; write NAME=FILE",
                   given->name ? given->name : given->value);
        if (near) diag_note(d->diag, NOWHERE, "did you mean '%s'?", near);
        return false;
    }
    IoSet s;
    if (!io_read(d->arena, d->diag, given->value, &s)) return false;
    const IoTensor *x = pick(d, &s, names[at]);
    if (!x) return false;
    IoTensor as4 = *x;
    if (x->rank == 2 && t->inputs[at].dim[1] == 1 && t->inputs[at].dim[2] == 1)         /* [N, C] */
        as4 = (IoTensor){ x->name, x->type, 4, { x->dim[0], 1, 1, x->dim[1] }, x->data, x->bytes };
    return io_take(d->arena, d->diag, given->value, &as4, &t->inputs[at], IO_REFUSE);
}

/* All inputs that were read, --batch and the type agree on the batch. */
static bool settle_batch(Driver *d, Tensors *t)
{
    int64_t n = -1;
    const char *from = NULL;
    if (t->g->batch) n = t->g->batch, from = "the type of the block";
    if (cli_has(d->cli, OPT_BATCH) && n < 0) n = cli_number(d->cli, OPT_BATCH, 1), from = "--batch";
    for (int i = 0; i < t->g->inputs.n; i++) {
        const IoWant *w = &t->inputs[i];
        if (!w->data) continue;
        if (n >= 0 && w->dim0 != n) {
            diag_error(d->diag, NOWHERE, "FCM5007", "input '%s' holds %lld images, but %s says %lld", w->name, (long long)w->dim0,
                       from, (long long)n);
            return false;
        }
        n = w->dim0, from = arena_printf(d->arena, "input '%s'", w->name);
    }
    t->batch = n < 0 ? 1 : n;
    if (t->batch <= INT32_MAX) return true;
    diag_error(d->diag, NOWHERE, "FCM5007", "a batch of %lld images is more than one run takes", (long long)t->batch);
    return false;
}

static bool read_tensors(Driver *d, Tensors *t)
{
    const Graph *g = t->g;
    t->params = NEW_N(d->arena, IoWant, g->params.n + 1);
    t->inputs = NEW_N(d->arena, IoWant, g->inputs.n + 1);
    for (int i = 0; i < g->params.n; i++) t->params[i] = want_param(&g->params.at[i]);
    for (int i = 0; i < g->inputs.n; i++) t->inputs[i] = want_input(&g->nodes.at[g->inputs.at[i]]);
    bool ok = true;
    const char *weights = cli_text(d->cli, OPT_WEIGHTS);
    IoSet s;
    if (weights)
        ok = io_read(d->arena, d->diag, weights, &s) &&
             io_match(d->arena, d->diag, &s, t->params, g->params.n, cli_has(d->cli, OPT_CAST) ? IO_CAST : IO_REFUSE);
    for (int i = 0; i < d->cli->given.n; i++)
        if (d->cli->given.at[i].opt == OPT_INPUT) ok = read_input(d, t, &d->cli->given.at[i]) && ok;
    if (!ok || !settle_batch(d, t)) return false;
    VerifyData drawn = data_real(d->arena, g, t->batch, (uint64_t)cli_number(d->cli, OPT_SEED, 1));
    for (int i = 0; i < g->params.n; i++)
        if (!t->params[i].data) t->params[i].data = drawn.param[i];
    for (int i = 0; i < g->inputs.n; i++)
        if (!t->inputs[i].data) t->inputs[i].data = drawn.input[i];
    return true;
}

/* ---- the child ---- */
static bool fail_job(Driver *d, const char *what, const Job *j, const char *code)
{
    diag_error(d->diag, NOWHERE, code, "%s: %s", what, job_words(d->arena, j));
    return false;
}

static bool run_child(Driver *d, const Workdir *w, const Tensors *t, const ChildSig *sig, const Emitted *e, const char **output)
{
    int timeout = (int)cli_number(d->cli, OPT_TIMEOUT, 120);
    ChildBuilder b = { .dir = w, .diag = d->diag };
    ChildBuild build;
    if (!child_build(&b, "run", sig, (ChildText){ e->source.at, e->header.at, "block.h" }, FORM_REAL, &build)) return false;
    jobs_run(b.first.at, b.first.n, driver_jobs(d));
    jobs_run(b.second.at, b.second.n, driver_jobs(d));
    const Job *failed = child_failed(&b, &build);
    if (failed) return fail_job(d, "the generated code does not compile", failed, "FCM5004");

    const char *in = workdir_file(w, "in");
    Text blob = text_new(d->arena);
    for (int i = 0; i < sig->params.n; i++) io_bytes(&blob, t->params[i].data, (size_t)child_bytes(&sig->params.at[i]));
    for (int i = 0; i < sig->inputs.n; i++)
        io_bytes(&blob, t->inputs[i].data, (size_t)(t->batch * child_bytes(&sig->inputs.at[i])));
    if (!workdir_write(w, d->diag, in, blob.at, blob.n)) return false;
    *output = workdir_file(w, "out");
    const char *n = arena_printf(d->arena, "%lld", (long long)t->batch),
               *threads = arena_printf(d->arena, "%lld", (long long)cli_number(d->cli, OPT_THREADS, driver_jobs(d)));
    Job run = { .argv = job_argv(d->arena, build.program, in, *output, n, threads, "1", (char *)NULL),
                .log = workdir_file(w, "run.log"),
                .timeout = timeout };
    jobs_run(&run, 1, 1);
    return job_ok(&run) || fail_job(d, "the generated code failed", &run, "FCM5005");
}

/* ---- outputs ---- */
static bool known_outputs(Driver *d, const Graph *g)
{
    for (int i = 0; i < d->cli->given.n; i++) {
        const CliGiven *o = &d->cli->given.at[i];
        const char *names[64];
        bool known = o->opt != OPT_OUTPUT || (!o->name && g->outputs.n == 1);
        int n = 0;
        for (; n < g->outputs.n && n < 64; n++) {
            names[n] = g->outputs.at[n].name;
            known |= o->name && strcmp(o->name, names[n]) == 0;
        }
        if (o->opt == OPT_OUTPUT && !io_name_writable(o->value)) {
            diag_error(d->diag, NOWHERE, "FCM3002", "%s: a tensor file ends in .npy, .npz or .safetensors", o->value);
            return false;
        }
        if (known) continue;
        const char *near = o->name ? diag_nearest(o->name, names, n) : NULL;
        diag_error(d->diag, NOWHERE, "FCM5011",
                   o->name ? "the block has no output '%s'" : "'%s': the block has several outputs; write NAME=FILE",
                   o->name ? o->name : o->value);
        if (near) diag_note(d->diag, NOWHERE, "did you mean '%s'?", near);
        return false;
    }
    return true;
}

/* Outputs that name the same file go into it together; the first of them writes it. */
static bool write_outputs(Driver *d, const IoTensor *at, int n)
{
    const char **path = NEW_N(d->arena, const char *, n + 1);
    for (int k = 0; k < d->cli->given.n; k++) {
        const CliGiven *o = &d->cli->given.at[k];
        for (int i = 0; o->opt == OPT_OUTPUT && i < n; i++)
            if (!o->name || strcmp(o->name, at[i].name) == 0) path[i] = o->value;
    }
    for (int i = 0; i < n; i++) {
        IoTensor *together = NEW_N(d->arena, IoTensor, n + 1);
        int count = 0;
        bool first = path[i] != NULL;
        for (int k = 0; path[i] && k < n; k++) {
            if (!path[k] || strcmp(path[k], path[i]) != 0) continue;
            first &= k >= i;
            together[count++] = at[k];
        }
        if (first && !io_write(d->arena, d->diag, path[i], together, count)) return false;
    }
    return true;
}

static void summarise(Driver *d, const IoTensor *t)
{
    double lo = 0, hi = 0, sum = 0;
    int64_t n = 0, nan = 0;
    io_elements(t, &n);
    for (int64_t i = 0; i < n; i++) {
        double v = io_element(t, i);
        if (v != v) nan++;
        if (i == 0 || v < lo) lo = v;
        if (i == 0 || v > hi) hi = v;
        sum += v;
    }
    const char *shape = io_shape_text(d->arena, t->rank, t->dim);
    text_printf(&d->out, "%s %s %s: %g to %g, mean %g%s\n", t->name, io_type_name(t->type), shape, lo, hi,
                n ? sum / (double)n : 0, nan ? ", with NaN" : "");
    text_printf(&d->result, "%s{\"name\":\"%s\",\"dtype\":\"%s\",\"shape\":%s}", d->result.n > 1 ? "," : "", t->name,
                io_type_name(t->type), shape);
}

static bool finish_outputs(Driver *d, const Tensors *t, const ChildSig *sig, const char *path)
{
    size_t len;
    const char *why, *p = text_read_file(d->arena, path, (size_t)1 << 36, &len, &why);
    IoTensor *at = NEW_N(d->arena, IoTensor, t->g->outputs.n + 1);
    size_t need = 0;
    for (int i = 0; i < sig->outputs.n; i++) need += (size_t)(t->batch * child_bytes(&sig->outputs.at[i]));
    if (!p || len < need) {
        diag_error(d->diag, NOWHERE, "FCM5005", "the generated code wrote too little");
        return false;
    }
    text_put(&d->result, "[");
    for (int i = 0; i < t->g->outputs.n; i++) {
        const GraphOutput *o = &t->g->outputs.at[i];
        const GraphNode *n = &t->g->nodes.at[o->node];
        at[i] = (IoTensor){ o->name, io_type_of(n->dtype),
                            4,       { t->batch, n->h, n->w, n->c },
                            p,       (size_t)(t->batch * child_bytes(&sig->outputs.at[i])) };
        p += at[i].bytes;
        summarise(d, &at[i]);
    }
    text_put(&d->result, "]");
    return write_outputs(d, at, t->g->outputs.n);
}

int driver_run(Driver *d)
{
    const char *path = d->cli->files.at[0];
    CliTarget target = cli_target(d->cli) ? cli_target(d->cli) : CLI_CPU;
    AstFiles files = { 0 };
    Lowered l;
    Emitted e;
    if (driver_is_tm(path)) {
        diag_error(d->diag, NOWHERE, "FCM5006", "run wants the .fcm file: a .tm file has no names of weights to draw or match");
        return EXIT_INPUT;
    }
    if (!driver_load(d, path, &files)) return EXIT_INPUT;
    Tensors t = { .g = driver_graph(d, &files, NULL) };
    if (!t.g || !driver_lower(d, path, &files, t.g, target, &l) || !known_outputs(d, t.g) || !read_tensors(d, &t))
        return EXIT_INPUT;
    if (!driver_emit(d, &l, target, "block.h", &e)) return EXIT_INPUT;
    bool device = target == CLI_CUDA && driver_has_gpu(d) && program_exists("nvcc");
    ChildKind kind = device ? CHILD_DEVICE : target == CLI_CUDA ? CHILD_EMULATED : CHILD_CPU;
    ChildSig sig = target == CLI_REFERENCE ? child_of_graph(d->arena, t.g, t.g->block)
                                           : child_of_module(d->arena, l.module, l.module->name, kind);
    sig.kind = kind;
    const char *compiler = kind == CHILD_DEVICE ? "nvcc" : kind == CHILD_EMULATED ? "g++" : "cc", *output;
    if (!program_exists(compiler)) {
        diag_error(d->diag, NOWHERE, "FCM5004", "'%s' is not in PATH", compiler);
        return EXIT_ENVIRON;
    }
    Workdir w;
    if (!workdir_open(d->arena, d->diag, &w)) return EXIT_ENVIRON;
    w.keep = cli_has(d->cli, OPT_KEEP);
    bool ran = run_child(d, &w, &t, &sig, &e, &output), ok = ran && finish_outputs(d, &t, &sig, output);
    if (w.keep) driver_say(d, "kept in %s\n", w.path);
    workdir_close(&w);
    return ok ? EXIT_OK : ran ? EXIT_INPUT : EXIT_ENVIRON;
}
