/* random_programs.c: random (problem x schedule) programs. Each is lowered for a GPU or a CPU under random knobs, verified by the abstract run,
 * interpreted on integers and compared with a naive evaluation, and the interpreter's byte counters must equal the walk's.
 *     random_programs COUNT [SEED] [-v]       prints the seed of every failure; one seed repeats one program */
#include "ast.h"
#include "choose.h"
#include "device_file.h"
#include "problem.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case { Arena *a; Diag *d; Rng rng; Graph *g; Stages *s; const Device *dev; Sched sched; int64_t batch; char *text; TmModule *m; } Case;
typedef enum Verdict { AGREES, REFUSED, UNUSABLE, WRONG } Verdict;

static int multiple_of_8(Rng *r) { return 8 * rng_in(r, 0, 6); }

static Sched random_schedule(Rng *r)
{
    static const int threads[] = { 32, 64, 96, 128, 256 };
    Sched s = sched_default();
    s.th = rng_in(r, 1, 6);
    s.tw = rng_in(r, 1, 10);
    if (rng_in(r, 0, 2) == 0) s.tk = multiple_of_8(r);
    if (rng_in(r, 0, 1) == 0) s.chunk = multiple_of_8(r);
    if (rng_in(r, 0, 2) == 0) s.line = rng_in(r, 1, 5);
    if (s.line && rng_in(r, 0, 2) == 0) s.strip = rng_in(r, 1, 6);
    if (rng_in(r, 0, 5) == 0 && !s.line) s.taps = 1;
    s.resident = rng_in(r, 0, 1);
    s.stages = rng_in(r, 1, 3);
    s.threads = rng_pick(r, threads, 5);
    s.mma = rng_in(r, 0, 1);
    return s;
}

static bool make_problem(Case *c)
{
    c->text = problem_text(c->a, &c->rng);
    AstFiles files = { 0 };
    char name[64];
    snprintf(name, sizeof name, "%s/fcm_random_XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    int fd = mkstemp(name);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) return false;
    fputs(c->text, f);
    fclose(f);
    ast_load(c->a, c->d, name, &files);
    remove(name);
    GraphOptions o = { 0 };
    c->g = diag_errors(c->d) ? NULL : graph_check(c->a, c->d, &files, &o);
    c->s = c->g ? graph_stages(c->a, c->d, c->g) : NULL;
    return c->s != NULL;
}

static bool lower_somehow(Case *c)
{
    PlanOptions o = { .device = c->dev, .batch = c->batch, .source = "random.fcm" };
    const char *why = NULL;
    for (int tries = 0; tries < 12; tries++) {
        c->sched = random_schedule(&c->rng);
        c->m = plan_with(c->a, c->d, c->g, c->s, &o, &c->sched, &why);
        if (c->m) return true;
    }
    printf("    refused: %s\n", why ? why : "?");
    return false;
}

static int64_t elements(const TmTensor *t, int64_t batch) { return (t->dim[0] ? t->dim[0] : batch) * t->dim[1] * t->dim[2] * t->dim[3]; }

/* Runs the interpreter; false and a message when it differs from the oracle or from the walk. */
static Verdict compare(Case *c)
{
    float **inputs = NEW_N(c->a, float *, c->g->inputs.n + 1), **params = NEW_N(c->a, float *, c->g->params.n + 1);
    TmRun run = { .batch = c->batch, .exact = true, .data = NEW_N(c->a, float *, c->m->tensors.n) };
    for (int i = 0; i < c->g->inputs.n; i++) run.data[c->m->inputs.at[i]] = inputs[i] = problem_input(c->a, &c->rng, c->g, c->g->inputs.at[i], c->batch);
    for (int i = 0; i < c->g->params.n; i++) run.data[c->m->params.at[i]] = params[i] = problem_param(c->a, &c->rng, c->g, i);
    double largest, **want = problem_oracle(c->a, c->g, c->batch, inputs, params, &largest);
    if (largest > 2048) return UNUSABLE;                        /* beyond f16's integers */
    const char *why = tm_run(c->a, c->m, &run);
    if (why) return printf("    the interpreter refuses: %s\n", why), WRONG;
    for (int o = 0; o < c->m->outputs.n; o++) {
        const TmTensor *t = &c->m->tensors.at[c->m->outputs.at[o]];
        const float *got = run.data[c->m->outputs.at[o]];
        const double *right = want[c->g->outputs.at[o].node];
        for (int64_t i = 0; i < elements(t, c->batch); i++)
            if (!((double)got[i] == right[i]))
                return printf("    output %s[%lld] = %g, should be %g\n", t->name, (long long)i, (double)got[i], right[i]), WRONG;
    }
    int slots = tm_byte_slots(c->m);
    int64_t *read = NEW_N(c->a, int64_t, slots), *written = NEW_N(c->a, int64_t, slots);
    for (int i = 0; i < c->m->programs.n; i++) {
        TmWalk w;
        tm_walk(c->a, c->m, c->m->programs.at[i], c->batch, &w);
        for (int k = 0; k < slots; k++) read[k] += w.issued.read[k], written[k] += w.issued.written[k];
    }
    for (int k = 0; k < slots; k++)
        if (read[k] != run.counted.read[k] || written[k] != run.counted.written[k])
            return printf("    slot %d: walk says %lld read %lld written, the interpreter counts %lld and %lld\n", k, (long long)read[k], (long long)written[k],
                          (long long)run.counted.read[k], (long long)run.counted.written[k]), WRONG;
    return AGREES;
}

static Verdict one(uint64_t seed, bool verbose)
{
    static const char *const devices[] = { "h200", "t4", "cpu", "a4000" };
    Arena *a = arena_new();
    Case c = { .a = a, .d = diag_new(a), .rng = { seed * 0x9E3779B97F4A7C15ull | 1 } };
    for (int i = 0; i < 8; i++) rng_next(&c.rng);
    c.dev = device_find(a, c.d, devices[rng_in(&c.rng, 0, 3)]);
    c.batch = rng_in(&c.rng, 1, 2);
    Verdict v = !make_problem(&c) ? WRONG : !lower_somehow(&c) ? REFUSED : compare(&c);
    if (v == WRONG || verbose) {
        printf("seed %llu on %s, batch %d, %s\n%s", (unsigned long long)seed, c.dev ? c.dev->name : "?", (int)c.batch, sched_print(a, &c.sched), c.text);
        diag_print(c.d, stdout);
    }
    if (verbose && c.m) {
        Text t = text_new(a);
        tm_print(c.m, c.d, &t);
        fputs(t.at, stdout);
    }
    arena_free(a);
    return v;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100, tally[4] = { 0 };
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool verbose = argc > 3 && strcmp(argv[3], "-v") == 0;
    for (int i = 0; tally[AGREES] < count && i < count * 3; i++) tally[one(seed + (uint64_t)i, verbose)]++;
    printf("%d programs agree, %d wrong, %d without a schedule that fits, %d with values beyond f16's integers\n", tally[AGREES], tally[WRONG], tally[REFUSED],
           tally[UNUSABLE]);
    /* with a dozen random schedules each, every problem finds one that fits: a program that verify refuses shows as a missing one */
    return tally[WRONG] > 0 || tally[REFUSED] > 0 || tally[AGREES] < count;
}
