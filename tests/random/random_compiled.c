/* random_compiled.c: random (problem x schedule) programs as compiled text. Each problem is lowered for a GPU and for a CPU under random knobs;
 * the CUDA text runs on the host, the OpenMP text natively, and the program that was scheduled for the GPU also as OpenMP text. All are
 * compared with the reference on integers, and their byte counters with the walk. Every fourth runs under the race checker too.
 *     random_compiled COUNT [SEED]       one seed repeats one problem */
#include "backend.h"
#include "cases.h"
#include "text.h"
#include "verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUND = 25 };                /* problems per call of verify_units */

static void tell(void *ctx, const VerifyLine *l)
{
    (void)ctx;
    if (l->status != VERIFY_PASSED) printf("%s %s %s %s: %s\n", verify_status_name(l->status), l->unit, l->subject, l->check, l->text);
}

static bool add(Case *c, VerifyUnit *u, const char *device, ChildKind kind, const char *what, const TmModule *given)
{
    const TmModule *m = given ? given : case_lower(c, device);
    Text source = text_new(c->a), header = text_new(c->a);
    const char *why = "no schedule fits";
    EmitOptions o = { .prelude = true, .header = "block.h" };
    if (!m || !(kind == CHILD_CPU ? emit_cpu : emit_cuda)(c->a, m, &o, &source, &header, &why))
        return printf("%s for %s: %s\n%s", u->name, device, why, c->text), false;
    VerifySubject v = { .what = what, .kind = kind, .module = m, .text = { source.at, header.at, "block.h" }, .prefix = m->name };
    v.race = kind == CHILD_EMULATED && rng_in(&c->rng, 0, 3) == 0;
    vec_push(c->a, &u->subjects, v);
    return true;
}

static bool add_case(Case *c, uint64_t seed, VerifyUnit *u)
{
    static const char *const gpus[] = { "h200", "t4", "a4000" };
    const char *gpu = gpus[rng_in(&c->rng, 0, 2)];
    if (!case_problem(c)) return diag_print(c->d, stdout), printf("seed %llu\n%s", (unsigned long long)seed, c->text), false;
    *u = (VerifyUnit){ .name = arena_printf(c->a, "seed %llu", (unsigned long long)seed), .graph = c->g, .batch = c->batch,
                       .repro = arena_printf(c->a, "random_compiled 1 %llu", (unsigned long long)seed) };
    bool ok = add(c, u, gpu, CHILD_EMULATED, "cuda on the host", NULL);
    if (ok && rng_in(&c->rng, 0, 3) == 0) ok = add(c, u, gpu, CHILD_CPU, "c from the cuda schedule", u->subjects.at[0].module);
    return ok && add(c, u, "host", CHILD_CPU, "cpu", NULL);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10, tally[4] = { 0 };
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool ok = true;
    for (int done = 0; done < count;) {
        VerifyUnit units[ROUND];
        Case cases[ROUND];
        int n = count - done < ROUND ? count - done : ROUND;
        for (int i = 0; i < n; i++) {
            cases[i] = case_new(seed + (uint64_t)(done + i));
            ok &= add_case(&cases[i], seed + (uint64_t)(done + i), &units[i]);
        }
        Arena *a = arena_new();
        Diag *d = diag_new(a);
        VerifyResult r = { 0 };
        VerifyOptions o = { .seed = seed, .modes = VERIFY_EXACT, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN), .timeout = 120, .tell = tell };
        ok &= verify_units(a, d, units, n, &o, &r);
        diag_print(d, stdout);
        for (int k = 0; k < 4; k++) tally[k] += r.count[k];
        for (int i = 0; i < n; i++) arena_free(cases[i].a);
        arena_free(a);
        done += n;
    }
    printf("%d problems: %d checks passed, %d failed, %d mistrusted, %d skipped\n", count, tally[VERIFY_PASSED], tally[VERIFY_FAILED], tally[VERIFY_MISTRUSTED],
           tally[VERIFY_SKIPPED]);
    /* A problem whose results are all 0 proves nothing (activations halve integers, chains are long): at most one in a hundred, of two checks */
    bool vacuous = tally[VERIFY_MISTRUSTED] > count / 50;
    return !ok || tally[VERIFY_FAILED] || vacuous || tally[VERIFY_SKIPPED] || tally[VERIFY_PASSED] + tally[VERIFY_MISTRUSTED] < 4 * count;
}
