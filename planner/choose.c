/* choose.c: see choose.h. For each group: price drafts of all schedules, finish the few cheapest, take the least time that verifies. */
#include "choose.h"
#include "pin.h"
#include "space.h"

#include <string.h>

enum { FINALISTS = 3 };

/* ---- groups ---- */

/* The longest pattern that starts at stage i. */
static Group longest(const Graph *g, const Stages *s, int i, const bool *taken)
{
    Group best = { .n = 1, .stage = { i } }, grow = best;
    while (grow.n < GROUP_MAX) {
        int next = -1, from = s->at.at[grow.stage[grow.n - 1]].out;
        for (int j = i + 1; j < s->at.n && next < 0; j++)
            if (s->at.at[j].in == from && !taken[j]) next = j;
        if (next < 0) break;
        grow.stage[grow.n++] = next;
        if (lower_is_pattern(g, s, &grow)) best = grow;
    }
    return best;
}

/* A stage can't start before what its residuals read is done: the group runs where its last stage stands. */
static int last_stage(const Group *g) { return g->stage[g->n - 1]; }

static void sort_groups(Group *groups, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && last_stage(&groups[j]) < last_stage(&groups[j - 1]); j--) {
            Group t = groups[j];
            groups[j] = groups[j - 1];
            groups[j - 1] = t;
        }
}

/* Is a value that a stage inside the group (not its first) reads beside its input made by a later group? The sort by last stage rules that out,
 * since residuals come from earlier stages. */
static int partition(Arena *a, const Graph *g, const Stages *s, Group *groups)
{
    bool *taken = NEW_N(a, bool, s->at.n + 1);
    int n = 0;
    for (int i = 0; i < s->at.n; i++) {
        if (taken[i]) continue;
        groups[n] = longest(g, s, i, taken);
        for (int k = 0; k < groups[n].n; k++) taken[groups[n].stage[k]] = true;
        n++;
    }
    sort_groups(groups, n);
    return n;
}

/* ---- pricing ---- */

typedef struct Priced { Sched sched; double time; } Priced;
typedef struct Search {
    const Lowering *l;
    const PlanOptions *o;
    Arena *scratch;
    Priced best[FINALISTS];
    int nbest, tried, unfit;
    const char *why;
} Search;

static void keep(Search *q, const Sched *s, double time)
{
    int at = q->nbest < FINALISTS ? q->nbest++ : FINALISTS - 1;
    if (at == FINALISTS - 1 && q->nbest == FINALISTS && q->best[at].time > 0 && time >= q->best[at].time) return;
    for (; at > 0 && q->best[at - 1].time > time; at--) q->best[at] = q->best[at - 1];
    q->best[at] = (Priced){ *s, time };
}

static void price(Search *q, const Group *group, const Sched *s, Arena *keep_in)
{
    ArenaMark mark = arena_mark(q->scratch);
    Lowering *l = lower_scratch(q->l, q->scratch);
    const char *why;
    TmProgram *p = lower_group(l, group, s, LOWER_DRAFT, &why);
    q->tried++;
    if (p) {
        TmWalk w;
        tm_walk(q->scratch, l->module, p, q->o->batch, &w);
        keep(q, s, cost_of(l->module, p, &w, q->o->device, q->o->batch).time);
    } else {
        q->unfit++;
        q->why = arena_strdup(keep_in, why);
    }
    arena_reset(q->scratch, mark);
}

static const char *finish(Lowering *l, const Group *group, const Sched *s, const PlanOptions *o, PlanChoice *c)
{
    const char *why;
    TmProgram *p = lower_group(l, group, s, LOWER_FINISHED, &why);
    if (!p) return why;
    if ((why = tm_verify(l->arena, l->module, p, o->device))) return why;
    *c = (PlanChoice){ .sched = *s, .text = p->sched, .arena_bytes = p->arena_bytes };
    tm_walk(l->arena, l->module, p, o->batch, &c->walk);
    c->cost = cost_of(l->module, p, &c->walk, o->device, o->batch);
    return NULL;
}

/* Finishes the finalists on the side; the two cheapest become best and second. */
static bool choose(Search *q, Arena *a, const Group *group, PlanGroup *out)
{
    for (int i = 0; i < q->nbest; i++) {
        Lowering *l = lower_scratch(q->l, a);
        PlanChoice c;
        const char *why = finish(l, group, &q->best[i].sched, q->o, &c);
        if (why) {
            q->unfit++;
            q->why = why;
            continue;
        }
        if (!out->best.text || c.cost.time < out->best.cost.time) out->second = out->best, out->best = c;
        else if (!out->second.text || c.cost.time < out->second.cost.time) out->second = c;
    }
    return out->best.text != NULL;
}

static bool search(Arena *a, const Lowering *l, const PlanOptions *o, const Group *group, PlanGroup *out)
{
    Search q = { .l = l, .o = o, .scratch = arena_new() };
    Scheds space = { 0 };
    space_of(a, l->graph, l->stages, group, o->device, o->batch, &space);
    for (int i = 0; i < space.n; i++) price(&q, group, &space.at[i], a);
    bool found = choose(&q, a, group, out);
    arena_free(q.scratch);
    out->tried = q.tried;
    out->unfit = q.unfit;
    out->unfit_why = q.why;
    return found;
}

/* ---- reports ---- */

static void add_tensor(const Lowering *l, int node, int64_t batch, int64_t *bytes)
{
    const GraphNode *v = &l->graph->nodes.at[node];
    *bytes += batch * v->h * v->w * v->c * dtype_bytes(v->dtype);
}

static void stage_parameters(const Lowering *l, const Stage *st, int64_t *bytes)
{
    for (int i = 0; i < l->graph->params.n; i++) {
        const GraphParam *q = &l->graph->params.at[i];
        bool mine = !st->pointless && q->node == st->core;
        for (int e = 0; e < st->epi.n && !mine; e++) mine = st->epi.at[e].node == q->node;
        if (mine) *bytes += q->dim[0] * (q->rank > 1 ? q->dim[1] : 1) * (q->rank > 2 ? q->dim[2] : 1) * (q->rank > 3 ? q->dim[3] : 1) * dtype_bytes(q->dtype);
    }
}

static void bytes_beside(const Lowering *l, PlanGroup *out, int64_t batch)
{
    for (int i = 0; i < out->group.n; i++) {
        const Stage *st = &l->stages->at.at[out->group.stage[i]];
        bool first = i == 0, last = i == out->group.n - 1;
        int64_t in = 0, result = 0, others = 0;
        add_tensor(l, st->in, batch, &in);
        add_tensor(l, st->out, batch, &result);
        stage_parameters(l, st, &others);
        int group_in = l->stages->at.at[out->group.stage[0]].in;
        int64_t again = 0;
        for (int e = 0; e < st->epi.n; e++) {
            StageEpi s = st->epi.at[e];
            if (s.kind != EPI_ADD && s.kind != EPI_SUB && s.kind != EPI_RSUB && s.kind != EPI_MUL) continue;
            add_tensor(l, s.value, batch, s.value == group_in && !first ? &again : &others);
        }
        out->unfused_bytes += in + result + others + again;
        out->compulsory_bytes += (first ? in : 0) + (last ? result : 0) + others;
    }
}

static void describe(Arena *a, const Lowering *l, PlanGroup *out, int number, int64_t batch)
{
    const char **names = NEW_N(a, const char *, GROUP_MAX);
    for (int i = 0; i < out->group.n; i++) names[i] = l->graph->nodes.at[l->stages->at.at[out->group.stage[i]].out].name;
    out->stages = names;
    out->name = arena_printf(a, "k%d", number);
    bytes_beside(l, out, batch);
}

/* ---- the plan ---- */

/* No schedule fits the whole group: its stages become groups of their own. */
static int split(Group *groups, int n, int at)
{
    Group g = groups[at];
    for (int i = n - 1; i > at; i--) groups[i + g.n - 1] = groups[i];
    for (int i = 0; i < g.n; i++) groups[at + i] = (Group){ .n = 1, .stage = { g.stage[i] } };
    return n + g.n - 1;
}

static void refuse(Diag *d, const Graph *g, const Stages *s, const PlanGroup *p, const Device *dev)
{
    const GraphNode *core = &g->nodes.at[s->at.at[p->group.stage[0]].core];
    diag_error(d, core->loc, "FCM2002", "no schedule of '%s' fits %s: all %d were refused", core->name, dev->name, p->tried);
    if (p->unfit_why) diag_note(d, core->loc, "for instance: %s", p->unfit_why);
}

/* Searches every group; groups that fit nowhere are split and searched again. Returns the number of groups, 0 after errors. */
static int plan_groups(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, Group *groups, int n, const Pin *pin, PlanReport *r)
{
    for (int i = 0; i < n; i++) {
        Lowering *l = lower_begin(a, d, g, s, o->device, o->source, groups, n);
        PlanGroup out = { .group = groups[i] };
        const PinGroup *fixed = pin_of(pin, &groups[i]);
        if (fixed && (out.pinned = true)) {
            const char *why = finish(lower_scratch(l, a), &groups[i], &fixed->sched, o, &out.best);
            if (why) return diag_error(d, fixed->loc, "FCM2003", "the pinned plan is impossible: %s", why), 0;
        } else if (!search(a, l, o, &groups[i], &out)) {
            if (groups[i].n == 1) return refuse(d, g, s, &out, o->device), 0;
            n = split(groups, n, i--);
            continue;
        }
        describe(a, l, &out, r->groups.n, o->batch);
        vec_push(a, &r->groups, out);
    }
    return n;
}

TmModule *plan_module(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, PlanReport *r)
{
    Pin pin = { 0 };
    Group *groups = NEW_N(a, Group, s->at.n + 1);
    if (o->pinned && !pin_read(a, d, g, s, o->pinned, &pin)) return NULL;
    int n = o->pinned ? pin_partition(g, s, &pin, groups) : partition(a, g, s, groups);
    if (o->pinned) sort_groups(groups, n);
    if (s->at.n && !(n = plan_groups(a, d, g, s, o, groups, n, &pin, r))) return NULL;
    Lowering *l = lower_begin(a, d, g, s, o->device, o->source, groups, n);
    const char *why = NULL;
    for (int i = 0; i < n && !why; i++) {
        if (!lower_group(l, &groups[i], &r->groups.at[i].best.sched, LOWER_FINISHED, &why)) break;
        r->time += r->groups.at[i].best.cost.time;
    }
    if (why) return diag_error(d, g->loc, "FCM2002", "%s cannot be lowered: %s", g->block, why), NULL;
    lower_end(l);
    return l->module;
}

TmModule *plan_with(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const Sched *sched, const char **why)
{
    Group *groups = NEW_N(a, Group, s->at.n + 1);
    int n = partition(a, g, s, groups);
    Lowering *l = lower_begin(a, d, g, s, o->device, o->source, groups, n);
    for (int i = 0; i < n; i++) {
        TmProgram *p = lower_group(l, &groups[i], sched, LOWER_FINISHED, why);
        if (!p || (*why = tm_verify(a, l->module, p, o->device))) return NULL;
    }
    lower_end(l);
    return l->module;
}
