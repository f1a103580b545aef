/* planner_fixture.h: from a file or a text to a report, for the tests of the planner. */
#ifndef FCM_PLANNER_FIXTURE_H
#define FCM_PLANNER_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ast.h"
#include "choose.h"
#include "device_file.h"
#include "graph.h"
#include "text.h"

typedef struct Planned { Arena *a; Diag *d; Graph *g; Stages *s; PlanOptions o; PlanReport r; bool ok; } Planned;

static inline Planned plan_file(const char *path, const char *block, DType dtype, const char *device, PlanOptions o)
{
    Planned p = { .a = arena_new(), .o = o };
    AstFiles files = { 0 };
    GraphOptions go = { .block = block, .dtype = dtype };
    p.d = diag_new(p.a);
    ast_load(p.a, p.d, path, &files);
    p.g = diag_errors(p.d) ? NULL : graph_check(p.a, p.d, &files, &go);
    p.s = p.g ? graph_stages_partial(p.a, p.d, p.g) : NULL;
    p.o.device = device_find(p.a, p.d, device);
    p.o.source = path;
    if (!p.o.batch) p.o.batch = 1;
    p.ok = p.s && p.o.device && plan_report(p.a, p.d, p.g, p.s, &p.o, &p.r);
    if (!p.ok) diag_print(p.d, stderr);
    assert_true(p.ok);
    return p;
}

/* The text goes through a file, as a user's does. */
static inline Planned plan_text(const char *text, const char *device, PlanOptions o)
{
    char name[] = "/tmp/fcm_planner_XXXXXX";
    int fd = mkstemp(name);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    Planned p = plan_file(name, NULL, DT_NONE, device, o);
    remove(name);
    return p;
}

static inline void plan_end(Planned *p) { arena_free(p->a); }

static inline const GraphNode *core_of(const Planned *p, int stage) { return &p->g->nodes.at[p->s->at.at[stage].core]; }
static inline bool is_conv(const Planned *p, int stage) { return !p->s->at.at[stage].cut && !p->s->at.at[stage].pointless; }

static inline int64_t elements(const Planned *p, int node)
{
    const GraphNode *n = &p->g->nodes.at[node];
    return n->h * n->w * n->c;
}

static inline int64_t weights(const Planned *p, int stage)
{
    const GraphParam *q = &p->g->params.at[core_of(p, stage)->weight];
    return q->dim[0] * q->dim[1] * q->dim[2] * q->dim[3];
}
#endif
