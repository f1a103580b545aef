/* random_programs.c: random (problem x schedule) programs. Each is lowered for a GPU or a CPU under random knobs, verified by the abstract run,
 * interpreted on integers and compared with a naive evaluation, and the interpreter's byte counters must equal the walk's.
 *     random_programs COUNT [SEED] [-v]       prints the seed of every failure; one seed repeats one program */
#include "cases.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Verdict { AGREES, REFUSED, UNUSABLE, WRONG } Verdict;

static int64_t elements(const TmTensor *t, int64_t batch) { return (t->dim[0] ? t->dim[0] : batch) * t->dim[1] * t->dim[2] * t->dim[3]; }

/* Runs the interpreter; false and a message when it differs from the oracle or from the walk. */
static Verdict compare(Case *c, TmModule *m)
{
    float **inputs = NEW_N(c->a, float *, c->g->inputs.n + 1), **params = NEW_N(c->a, float *, c->g->params.n + 1);
    TmRun run = { .batch = c->batch, .exact = true, .data = NEW_N(c->a, float *, m->tensors.n) };
    for (int i = 0; i < c->g->inputs.n; i++) run.data[m->inputs.at[i]] = inputs[i] = problem_input(c->a, &c->rng, c->g, c->g->inputs.at[i], c->batch);
    for (int i = 0; i < c->g->params.n; i++) run.data[m->params.at[i]] = params[i] = problem_param(c->a, &c->rng, c->g, i);
    double largest, **want = problem_oracle(c->a, c->g, c->batch, inputs, params, &largest);
    if (largest > 2048) return UNUSABLE;                        /* beyond f16's integers */
    const char *why = tm_run(c->a, m, &run);
    if (why) return printf("    the interpreter refuses: %s\n", why), WRONG;
    for (int o = 0; o < m->outputs.n; o++) {
        const TmTensor *t = &m->tensors.at[m->outputs.at[o]];
        const float *got = run.data[m->outputs.at[o]];
        const double *right = want[c->g->outputs.at[o].node];
        for (int64_t i = 0; i < elements(t, c->batch); i++)
            if (!((double)got[i] == right[i]))
                return printf("    output %s[%lld] = %g, should be %g\n", t->name, (long long)i, (double)got[i], right[i]), WRONG;
    }
    int slots = tm_byte_slots(m);
    int64_t *read = NEW_N(c->a, int64_t, slots), *written = NEW_N(c->a, int64_t, slots);
    for (int i = 0; i < m->programs.n; i++) {
        TmWalk w;
        tm_walk(c->a, m, m->programs.at[i], c->batch, &w);
        for (int k = 0; k < slots; k++) read[k] += w.issued.read[k], written[k] += w.issued.written[k];
    }
    for (int k = 0; k < slots; k++)
        if (read[k] != run.counted.read[k] || written[k] != run.counted.written[k])
            return printf("    slot %d: walk says %lld read %lld written, the interpreter counts %lld and %lld\n", k, (long long)read[k], (long long)written[k],
                          (long long)run.counted.read[k], (long long)run.counted.written[k]), WRONG;
    return AGREES;
}

/* Programs with so many buffers of a tile; with such of x for the next row steps, in a line buffer or beside it, and for the next tile. */
typedef struct Rings { int deep[5], rows, lines, turns; } Rings;

static void count_rings(Rings *r, const TmModule *m)
{
    int most = 1;
    bool rows = false, lines = false, turns = false;
    for (int i = 0; i < m->programs.n; i++)
        for (int k = 0; k < m->programs.at[i]->tiles.n; k++) {
            const TmTile *t = &m->programs.at[i]->tiles.at[k];
            if (t->stages > most) most = t->stages;
            if (t->stages < 2) continue;
            lines = lines || t->roll;
            rows = rows || (!t->roll && !strcmp(m->programs.at[i]->loops.at[t->stage_loop].name, "r"));
            turns = turns || tm_by_turns(m->programs.at[i], t);
        }
    r->deep[most]++, r->rows += rows, r->lines += lines, r->turns += turns;
}

static Verdict one(uint64_t seed, bool verbose, Rings *rings)
{
    static const char *const devices[] = { "h200", "t4", "cpu", "a4000" };
    Case c = case_new(seed);
    TmModule *m = NULL;
    Verdict v = !case_problem(&c) ? WRONG : !(m = case_lower(&c, devices[rng_in(&c.rng, 0, 3)])) ? c.broken ? WRONG : REFUSED : compare(&c, m);
    if (c.broken) printf("    %s\n", c.broken);
    if (v == WRONG || verbose) {
        printf("seed %llu on %s, batch %d, %s\n%s", (unsigned long long)seed, c.dev ? c.dev->name : "?", (int)c.batch, sched_print(c.a, &c.sched), c.text);
        diag_print(c.d, stdout);
    }
    if (verbose && m) {
        Text t = text_new(c.a);
        tm_print(m, c.d, &t);
        fputs(t.at, stdout);
    }
    if (v == AGREES) count_rings(rings, m);
    arena_free(c.a);
    return v;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100, tally[4] = { 0 };
    Rings rings = { 0 };
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool verbose = argc > 3 && strcmp(argv[3], "-v") == 0;
    for (int i = 0; tally[AGREES] < count && i < count * 3; i++) tally[one(seed + (uint64_t)i, verbose, &rings)]++;
    printf("%d programs agree, %d wrong, %d without a schedule that fits, %d with values beyond f16's integers\n", tally[AGREES], tally[WRONG], tally[REFUSED],
           tally[UNUSABLE]);
    printf("of these %d with two buffers of a tile, %d with three, %d with four; x ahead by row steps in %d, in a line buffer in %d, by tiles in %d\n",
           rings.deep[2], rings.deep[3], rings.deep[4], rings.rows, rings.lines, rings.turns);
    /* with a dozen random schedules each, every problem finds one that fits: a program that verify refuses shows as a missing one */
    bool drawn = count < 1000 || (rings.deep[2] > 0 && rings.deep[3] > 0 && rings.deep[4] > 0 && rings.rows > 0 && rings.lines > 0 && rings.turns > 0);
    return tally[WRONG] > 0 || tally[REFUSED] > 0 || tally[AGREES] < count || !drawn;
}
