/* lowered_fixture.h: a block from its text to a module, every group under one given schedule, for the tests of the chains' forms. */
#ifndef LOWERED_FIXTURE_H
#define LOWERED_FIXTURE_H
#include "ast.h"
#include "choose.h"
#include "device_file.h"
#include "tm_fixture.h"

#include <stdlib.h>
#include <unistd.h>

/* p: the first program; m NULL: refused, why tells */
typedef struct Lowered { Arena *a; Diag *d; const Device *dev; TmModule *m; TmProgram *p; const char *why; } Lowered;

static inline Lowered lowered(const char *text, const char *device, Sched s)
{
    Lowered x = { .a = arena_new() };
    AstFiles files = { 0 };
    GraphOptions o = { 0 };
    char name[] = "/tmp/fcm_chain_XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    x.d = diag_new(x.a);
    ast_load(x.a, x.d, name, &files);
    remove(name);
    Graph *g = graph_check(x.a, x.d, &files, &o);
    Stages *st = g ? graph_stages(x.a, x.d, g) : NULL;
    if (!st) diag_print(x.d, stderr);
    assert_non_null(st);
    x.dev = device_find(x.a, x.d, device);
    PlanOptions plan = { .device = x.dev, .batch = 1, .source = "chain.fcm" };
    x.m = plan_with(x.a, x.d, g, st, &plan, &s, &x.why);
    if (x.m) x.p = x.m->programs.at[0];
    return x;
}

static inline Sched tiles(int rows, int cols, int head)
{
    Sched s = sched_default();
    s.th = rows;
    s.tw = cols;
    s.head = head;
    s.threads = 64;
    return s;
}

/* What verify has found right runs on integers, and moves what walk says. */
static inline void runs_as_walked(const Lowered *x, int64_t batch)
{
    TmRun r = integer_run(x->a, x->m, batch, 3);
    assert_null(tm_run(x->a, x->m, &r));
    TmWalk w;
    tm_walk(x->a, x->m, x->p, batch, &w);
    assert_memory_equal(w.issued.read, r.counted.read, (size_t)r.counted.n * sizeof *r.counted.read);
    assert_memory_equal(w.issued.written, r.counted.written, (size_t)r.counted.n * sizeof *r.counted.written);
}

/* Verify finds nothing, and after `harm` a violation in whose text `word` stands. */
static inline void noticed(Lowered x, void (*harm)(const Lowered *x), const char *word, int number)
{
    assert_null(tm_verify(x.a, x.m, x.p, x.dev));
    harm(&x);
    const char *why = tm_verify(x.a, x.m, x.p, x.dev);
    if (!why || !strstr(why, word)) fail_msg("fault %d: %s", number, why ? why : "not noticed");
    arena_free(x.a);
}

static inline TmTile *tile(const Lowered *x, const char *name)
{
    for (int t = 0; t < x->p->tiles.n; t++)
        if (strcmp(x->p->tiles.at[t].name, name) == 0) return &x->p->tiles.at[t];
    fail_msg("no tile %s", name);
    return NULL;
}
#endif
