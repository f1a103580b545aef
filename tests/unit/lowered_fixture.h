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

static inline TmTile *tile(const Lowered *x, const char *name)
{
    for (int t = 0; t < x->p->tiles.n; t++)
        if (strcmp(x->p->tiles.at[t].name, name) == 0) return &x->p->tiles.at[t];
    fail_msg("no tile %s", name);
    return NULL;
}
#endif
