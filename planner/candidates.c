/* candidates.c: see candidates.h */
#include "candidates.h"
#include "space.h"

#include <stdlib.h>

typedef struct Draft { Sched sched; double time; int at; bool taken; } Draft;
typedef VEC(Draft) Drafts;

/* The cut-out group becomes a complete graph: operands wired, inputs named, the last result an output. */
static void complete(Arena *a, const Graph *g, const SubGraph *sub)
{
    Graph *to = sub->graph;
    for (int i = 0; i < g->nodes.n; i++) {
        if (!sub->node[i]) continue;
        GraphNode *n = &to->nodes.at[sub->node[i] - 1];
        if (n->op == GR_INPUT) continue;
        n->nin = g->nodes.at[i].nin;
        n->in = NEW_N(a, int, n->nin + 1);
        for (int k = 0; k < n->nin; k++) n->in[k] = sub->node[g->nodes.at[i].in[k]] - 1;
    }
    for (int i = 0; i < to->inputs.n; i++) to->nodes.at[to->inputs.at[i]].name = arena_printf(a, "operand%d", i);
    int last = sub->stages->at.at[sub->stages->at.n - 1].out;
    vec_push(a, &to->outputs, ((GraphOutput){ "result", "result", last, to->loc }));
}

static Lowering *begin(Arena *a, const Diag *d, const SubGraph *sub, const PlanOptions *o)
{
    return lower_begin(a, d, sub->graph, sub->stages, o->device, o->source, &sub->group, 1);
}

static int by_time(const void *x, const void *y)
{
    const Draft *a = x, *b = y;
    return a->time < b->time ? -1 : a->time > b->time ? 1 : a->at - b->at;
}

static void price_all(Arena *a, const Diag *d, const SubGraph *sub, const PlanOptions *o, Drafts *out)
{
    Arena *scratch = arena_new();
    Scheds space = { 0 };
    space_of(a, sub->graph, sub->stages, &sub->group, o->device, o->batch, &space);
    const Lowering *base = begin(a, d, sub, o);
    for (int i = 0; i < space.n; i++) {
        ArenaMark mark = arena_mark(scratch);
        Lowering *l = lower_scratch(base, scratch);
        const char *why;
        TmProgram *p = lower_group(l, &sub->group, &space.at[i], LOWER_DRAFT, &why);
        if (p) {
            TmWalk w;
            tm_walk(scratch, l->module, p, o->batch, &w);
            vec_push(a, out, ((Draft){ space.at[i], cost_of(l->module, p, &w, o->device, o->batch).time, i, false }));
        }
        arena_reset(scratch, mark);
    }
    arena_free(scratch);
    if (out->n) qsort(out->at, (size_t)out->n, sizeof *out->at, by_time);
}

/* The draft not yet taken whose time is nearest to `time`; -1: none is left. */
static int nearest(const Drafts *v, double time)
{
    int best = -1;
    double off = 0;
    for (int i = 0; i < v->n; i++) {
        double here = v->at[i].time > time ? v->at[i].time - time : time - v->at[i].time;
        if (!v->at[i].taken && (best < 0 || here < off)) best = i, off = here;
    }
    return best;
}

static void finish(Arena *a, const Diag *d, const SubGraph *sub, const PlanOptions *o, const Sched *s, Candidates *out)
{
    Lowering *l = begin(a, d, sub, o);
    const char *why;
    TmProgram *p = lower_group(l, &sub->group, s, LOWER_FINISHED, &why);
    if (!p || tm_verify(a, l->module, p, o->device)) return;
    lower_end(l);
    TmWalk w;
    tm_walk(a, l->module, p, o->batch, &w);
    Candidate c = { p->sched, cost_of(l->module, p, &w, o->device, o->batch).time, l->module };
    int at = out->at.n;
    vec_push(a, &out->at, c);
    for (; at > 0 && out->at.at[at - 1].time > c.time; at--) out->at.at[at] = out->at.at[at - 1];
    out->at.at[at] = c;
}

Candidates plan_candidates(Arena *a, const Diag *d, const Graph *g, const Stages *s, const Group *group, const PlanOptions *o,
                           int most,
                           double spread)
{
    SubGraph sub = subgraph_of(a, g, s, group);
    complete(a, g, &sub);
    Candidates out = { .graph = sub.graph, .key = sub.key };
    Drafts drafts = { 0 };
    price_all(a, d, &sub, o, &drafts);
    for (int i = 0; i < most; i++) {
        double share = most > 1 ? (double)i / (most - 1) : 0, least = drafts.n ? drafts.at[0].time : 0;
        int at = spread > 1 ? nearest(&drafts, least * (1 + (spread - 1) * share * share)) : i < drafts.n ? i : -1;
        if (at < 0) break;
        drafts.at[at].taken = true;
        finish(a, d, &sub, o, &drafts.at[at].sched, &out);
    }
    return out;
}
