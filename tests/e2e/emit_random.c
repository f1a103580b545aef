/* emit_random.c: random (problem x schedule) programs as text. Each is lowered, printed as OpenMP C and, when it was scheduled
 * for a GPU, as CUDA too, compiled by the host's compilers, and run by emit_driver.c: outputs must equal the naive evaluation,
 * byte counters the walk's. emit_random COUNT SEED FOLDER SOURCES [c|cuda]      SOURCES: the repository; FOLDER: for the texts,
 * kept when a case fails With EMIT_SANITIZE in the environment the C is built with the address and undefined-behaviour
 * sanitizers. */
#include "ast.h"
#include "backend.h"
#include "choose.h"
#include "device_file.h"
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    Arena *a;
    Diag *d;
    Rng rng;
    const char *folder, *sources, *text;
    const Device *device;
    Graph *g;
    Stages *s;
    Sched sched;
    TmModule *m;
    int64_t batch;
} Case;
typedef enum Verdict { AGREES, UNUSABLE, WRONG } Verdict;

/* ---- a random program ---- */

static Sched random_schedule(Rng *r)
{
    static const int threads[] = { 32, 64, 128, 256 };
    Sched s = sched_default();
    s.th = rng_in(r, 1, 6);
    s.tw = rng_in(r, 1, 10);
    s.tk = rng_in(r, 0, 2) ? 0 : 8 * rng_in(r, 1, 6);
    s.chunk = rng_in(r, 0, 1) ? 0 : 8 * rng_in(r, 1, 6);
    s.line = rng_in(r, 0, 2) ? 0 : rng_in(r, 1, 5);
    s.strip = s.line && rng_in(r, 0, 2) == 0 ? rng_in(r, 1, 6) : 0;
    s.taps = rng_in(r, 0, 5) == 0 && !s.line;
    s.resident = rng_in(r, 0, 1);
    s.stages = rng_in(r, 1, 3);
    s.threads = rng_pick(r, threads, 4);
    s.mma = rng_in(r, 0, 1);
    return s;
}

static bool make_program(Case *c)
{
    const char *why = NULL, *path = arena_printf(c->a, "%s/net.fcm", c->folder);
    AstFiles files = { 0 };
    c->text = problem_text(c->a, &c->rng);
    if (!text_write_file(c->a, path, c->text, strlen(c->text), &why)) return fprintf(stderr, "%s: %s\n", path, why), false;
    ast_load(c->a, c->d, path, &files);
    GraphOptions o = { 0 };
    c->g = diag_errors(c->d) ? NULL : graph_check(c->a, c->d, &files, &o);
    c->s = c->g ? graph_stages(c->a, c->d, c->g) : NULL;
    PlanOptions p = { .device = c->device, .batch = c->batch, .source = "net.fcm" };
    for (int tries = 0; c->s && !c->m && tries < 12; tries++) {
        c->sched = random_schedule(&c->rng);
        c->m = plan_with(c->a, c->d, c->g, c->s, &p, &c->sched, &why);
    }
    return c->m != NULL;
}

/* ---- its data ---- */

static int64_t elements(const TmTensor *t, int64_t batch)
{
    return (t->role == TM_PARAM ? t->dim[0] : batch) * t->dim[1] * t->dim[2] * t->dim[3];
}

static void put_blob(FILE *f, const void *p, int64_t bytes)
{
    fwrite(&bytes, sizeof bytes, 1, f);
    fwrite(p, 1, (size_t)bytes, f);
}

static void put_tensor(Case *c, FILE *f, const TmTensor *t, const float *v)
{
    int64_t n = elements(t, c->batch);
    if (t->dtype == DT_F32) {
        put_blob(f, v, 4 * n);
        return;
    }
    unsigned short *h = NEW_N(c->a, unsigned short, n + 1);
    for (int64_t i = 0; i < n; i++) h[i] = f32_to_f16(v[i]);
    put_blob(f, h, 2 * n);
}

static void put_counts(Case *c, FILE *f)
{
    int slots = tm_byte_slots(c->m);
    int64_t *read = NEW_N(c->a, int64_t, slots), *written = NEW_N(c->a, int64_t, slots);
    for (int i = 0; i < c->m->programs.n; i++) {
        TmWalk w;
        tm_walk(c->a, c->m, c->m->programs.at[i], c->batch, &w);
        for (int k = 0; k < slots; k++) read[k] += w.issued.read[k], written[k] += w.issued.written[k];
    }
    put_blob(f, read, 8 * slots);
    put_blob(f, written, 8 * slots);
}

/* false: values beyond what f16 holds exactly */
static bool write_case(Case *c)
{
    const Graph *g = c->g;
    float **in = NEW_N(c->a, float *, g->inputs.n + 1), **params = NEW_N(c->a, float *, g->params.n + 1);
    for (int i = 0; i < g->inputs.n; i++) in[i] = problem_input(c->a, &c->rng, g, g->inputs.at[i], c->batch);
    for (int i = 0; i < g->params.n; i++) params[i] = problem_param(c->a, &c->rng, g, i);
    double largest, **want = problem_oracle(c->a, g, c->batch, in, params, &largest);
    if (largest > 2048) return false;
    FILE *f = fopen(arena_printf(c->a, "%s/net.dat", c->folder), "wb");
    if (!f) return false;
    bool half = c->m->tensors.at[c->m->outputs.at[0]].dtype == DT_F16;
    int64_t head[6] = { c->batch, c->m->params.n, c->m->inputs.n, c->m->outputs.n, tm_byte_slots(c->m), half };
    fwrite(head, sizeof *head, 6, f);
    for (int i = 0; i < c->m->params.n; i++) put_tensor(c, f, &c->m->tensors.at[c->m->params.at[i]], params[i]);
    for (int i = 0; i < c->m->inputs.n; i++) put_tensor(c, f, &c->m->tensors.at[c->m->inputs.at[i]], in[i]);
    for (int i = 0; i < c->m->outputs.n; i++)
        put_blob(f, want[g->outputs.at[i].node], 8 * elements(&c->m->tensors.at[c->m->outputs.at[i]], c->batch));
    put_counts(c, f);
    return fclose(f) == 0;
}

/* ---- its texts ---- */

static const char *call(Case *c)
{
    const char *s = "net_run(n, packed";
    for (int i = 0; i < c->m->inputs.n; i++) s = arena_printf(c->a, "%s, in[%d]", s, i);
    for (int i = 0; i < c->m->outputs.n; i++) s = arena_printf(c->a, "%s, out[%d]", s, i);
    return arena_printf(c->a, "%s, workspace, last)", s);
}

static bool shell(Case *c, const char *command)
{
    if (system(command) == 0) return true;
    printf("failed: %s\n", command);
    (void)c;
    return false;
}

static bool write_text(Case *c, bool cuda)
{
    Text source, header;
    const char *why = NULL, *suffix = cuda ? "cu" : "c";
    EmitOptions o = { .prelude = true, .prefix = "net", .version = "test" };
    bool ok = cuda ? emit_cuda(c->a, c->m, &o, &source, &header, &why) : emit_cpu(c->a, c->m, &o, &source, &header, &why);
    ok = ok && text_write_file(c->a, arena_printf(c->a, "%s/net.%s", c->folder, suffix), source.at, source.n, &why) &&
         text_write_file(c->a, arena_printf(c->a, "%s/net.h", c->folder), header.at, header.n, &why);
    if (!ok) printf("%s: %s\n", suffix, why);
    return ok;
}

static Verdict run_target(Case *c, bool cuda)
{
    const char *f = c->folder, *s = c->sources,
               *sanitize = getenv("EMIT_SANITIZE") && !cuda ? "-fsanitize=address,undefined -fno-sanitize-recover=all" : "";
    const char *flags = arena_printf(c->a, "-O1 -DFCM_COUNT -DFCM_EXACT -Wall -Wextra -Werror %s", sanitize);
    if (!write_text(c, cuda)) return WRONG;
    const char *build = cuda
                            ? arena_printf(
                                  c->a,
                                  "g++ -std=c++17 -fno-strict-aliasing %s -I%s/backends/emulator -x c++ -c %s/net.cu -o %s/net.o",
                                  flags, s, f, f)
                            : arena_printf(c->a, "gcc -std=c11 -fopenmp %s -c %s/net.c -o %s/net.o", flags, f, f);
    const char *link = arena_printf(
        c->a,
        "gcc -std=gnu11 -O1 -DFCM_COUNT '-DCASE_CALL=%s' -DCASE_CPU=%d -I%s/backends/emulator -include %s/net.h %s/tests/e2e/emit_driver.c %s/net.o %s %s -o %s/net",
        call(c), !cuda, s, f, s, f, sanitize, cuda ? arena_printf(c->a, "%s/fc_emu.o -lstdc++ -lpthread -lm", f) : "-fopenmp -lm",
        f);
    if (!shell(c, build) || !shell(c, link)) return WRONG;
    return shell(c, arena_printf(c->a, "%s/net %s/net.dat", f, f)) ? AGREES : WRONG;
}

static Verdict one(uint64_t seed, const char *folder, const char *sources, const char *only)
{
    static const char *const devices[] = { "h200", "t4", "cpu", "a4000" };
    Arena *a = arena_new();
    Case c = { .a = a, .d = diag_new(a), .rng = { seed * 0x9E3779B97F4A7C15ull | 1 }, .folder = folder, .sources = sources };
    for (int i = 0; i < 8; i++) rng_next(&c.rng);
    c.device = device_find(a, c.d, devices[rng_in(&c.rng, 0, 3)]);
    c.batch = rng_in(&c.rng, 1, 2);
    Verdict v = make_program(&c) && write_case(&c) ? AGREES : UNUSABLE;
    bool cuda = v == AGREES && c.m->programs.at[0]->target == TM_CUDA;
    if (v == AGREES && (!only || strcmp(only, "c") == 0)) v = run_target(&c, false);
    if (v == AGREES && cuda && (!only || strcmp(only, "cuda") == 0)) v = run_target(&c, true);
    if (v == WRONG) printf("seed %llu on %s, %s\n%s", (unsigned long long)seed, c.device->name, sched_print(a, &c.sched), c.text);
    diag_print(c.d, stdout);
    fflush(stdout);
    arena_free(a);
    return v;
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    int count = atoi(argv[1]), tally[3] = { 0 };
    Arena *a = arena_new();
    const char *emulator = arena_printf(
        a,
        "g++ -std=c++17 -O2 -fno-strict-aliasing -I%s/backends/emulator -I%s/backends/cuda/rt -c %s/backends/emulator/fc_emu.cpp -o %s/fc_emu.o",
        argv[4], argv[4], argv[4], argv[3]);
    if (system(arena_printf(a, "mkdir -p %s", argv[3])) || system(emulator)) return 2;
    uint64_t seed = strtoull(argv[2], NULL, 10);
    for (int i = 0; tally[AGREES] + tally[WRONG] < count && i < count * 4; i++)
        tally[one(seed + (uint64_t)i, argv[3], argv[4], argc > 5 ? argv[5] : NULL)]++;
    printf("%d programs agree, %d wrong, %d unusable\n", tally[AGREES], tally[WRONG], tally[UNUSABLE]);
    return tally[WRONG] > 0 || tally[AGREES] < count;
}
