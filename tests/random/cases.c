/* cases.c: see cases.h */
#include "cases.h"
#include "ast.h"
#include "device_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Case case_new(uint64_t seed)
{
    Case c = { .a = arena_new(), .rng = { seed * 0x9E3779B97F4A7C15ull | 1 } };
    c.d = diag_new(c.a);
    for (int i = 0; i < 8; i++) rng_next(&c.rng);
    c.batch = rng_in(&c.rng, 1, 2);
    return c;
}

static int multiple_of_8(Rng *r) { return 8 * rng_in(r, 0, 6); }

static Sched random_schedule(Rng *r, TmTarget target)
{
    static const int threads[] = { 32, 64, 96, 128, 256 }, sharers[] = { 1, 2, 3, 5 };
    Sched s = sched_default();
    s.th = rng_in(r, 1, 6);
    s.tw = rng_in(r, 1, 10);
    if (rng_in(r, 0, 2) == 0) s.tk = multiple_of_8(r);
    if (rng_in(r, 0, 1) == 0) s.chunk = multiple_of_8(r);
    if (rng_in(r, 0, 2) == 0) s.line = rng_in(r, 1, 5);
    if (s.line && rng_in(r, 0, 2) == 0) s.strip = rng_in(r, 1, 6);
    if (rng_in(r, 0, 5) == 0 && !s.line) s.taps = 1;
    if (rng_in(r, 0, 1) == 0) s.head = multiple_of_8(r);
    s.resident = rng_in(r, 0, 1);
    if (rng_in(r, 0, 2) == 0 && target == TM_CUDA) s.persist = rng_pick(r, sharers, 4);
    s.stages = rng_in(r, 1, 4);
    if (s.stages > 2 && rng_in(r, 0, 1) == 0) s.chunk = s.head = 8, s.line = s.strip = s.taps = 0;     /* many steps: buffers come round */
    s.threads = rng_pick(r, threads, 5);
    s.mma = rng_in(r, 0, 1);
    return s;
}

bool case_problem(Case *c)
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

TmModule *case_lower(Case *c, const char *device)
{
    c->dev = device_find(c->a, c->d, device);
    PlanOptions o = { .device = c->dev, .batch = c->batch, .source = "random.fcm" };
    const char *why = NULL;
    for (int tries = 0; tries < 12; tries++) {
        c->sched = random_schedule(&c->rng, c->dev->target);
        TmModule *m = plan_with(c->a, c->d, c->g, c->s, &o, &c->sched, &why);
        if (m) return m;
        if (strncmp(why, "instruction ", 12) == 0) return c->broken = why, NULL;
    }
    printf("    refused: %s\n", why ? why : "?");
    return NULL;
}
