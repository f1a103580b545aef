/* choose.c: see choose.h. The planner's passes in order: pinned plan, search and partition, report, module. */
#include "choose.h"
#include "explain.h"

#include <string.h>

bool plan_objective(const char *word, PlanMinimize *out)
{
#define X(e, text, meaning) if (strcmp(word, text) == 0) return *out = PLAN_##e, true;
    FCM_OBJECTIVES(X)
#undef X
    return false;
}

/* ---- errors ---- */

static bool refuse(Diag *d, const Partition *p, const PlanOptions *o, const Stuck *k)
{
    if (k->pinned) return diag_error(d, k->pinned->loc, "FCM2003", "the pinned plan is impossible: %s", k->why), false;
    const GraphNode *core = &p->g->nodes.at[p->s->at.at[k->stage].core];
    diag_error(d, core->loc, "FCM2002", "no schedule of '%s' fits %s", core->name, o->device->name);
    if (k->why) diag_note(d, core->loc, "for instance: %s", k->why);
    return false;
}

/* ---- the report ---- */

static void report_group(Arena *a, Partition *p, const Group *group, const Found *f, PlanReport *r)
{
    const PlanOptions *o = p->table->options;
    PlanGroup out = { .group = *group, .best = f->choice[0], .second = f->choice[1], .tried = f->tried, .unfit = f->unfit,
                      .unfit_why = f->why, .pinned = f->pinned };
    explain_group(a, p->g, p->s, o, r->groups.n, &out);
    if (o->explain) explain_choice(a, p, &out);
    r->time += out.best.cost.time;
    r->roof += out.roof;
    r->dram_bytes += out.best.cost.dram_bytes;
    r->unfused_bytes += out.unfused_bytes;
    r->compulsory_bytes += out.compulsory_bytes;
    vec_push(a, &r->groups, out);
}

static void report(Arena *a, Partition *p, PlanReport *r)
{
    Group *groups = NEW_N(a, Group, p->s->at.n + 1);
    Found **found = NEW_N(a, Found *, p->s->at.n + 1);
    int n = partition_groups(p, groups, found);
    r->searched = p->table->found.n;
    for (int i = 0; i < r->searched; i++) r->tried += p->table->found.at[i]->tried;
    for (int i = 0; i < n; i++) report_group(a, p, &groups[i], found[i], r);
    if (p->table->options->explain) explain_edges(a, p, r);
    explain_cuts(a, p->g, p->s, r);
}

bool plan_report(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, PlanReport *r)
{
    Pin pin = { 0 };
    if (o->pinned && !pin_read(a, d, g, s, o->pinned, &pin)) return false;
    SearchTable table = search_begin(a, d, o);
    Partition p = { .table = &table, .g = g, .s = s };
    Stuck stuck;
    bool ok = partition_best(&p, &pin, &stuck);
    if (ok) report(a, &p, r);
    else refuse(d, &p, o, &stuck);
    search_end(&table);
    return ok;
}

/* ---- modules ---- */

/* Lowers every group into one module; scheds[i] belongs to groups[i]. */
static TmModule *lower_all(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const Group *groups,
                           const Sched *const *scheds, int n, const char **why)
{
    Lowering *l = lower_begin(a, d, g, s, o->device, o->source, groups, n);
    *why = NULL;
    for (int i = 0; i < n; i++) {
        TmProgram *p = lower_group(l, &groups[i], scheds[i], LOWER_FINISHED, why);
        if (!p || (*why = tm_verify(a, l->module, p, o->device))) return NULL;
    }
    lower_end(l);
    return l->module;
}

TmModule *plan_module(Arena *a, Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, PlanReport *r)
{
    if (!plan_report(a, d, g, s, o, r)) return NULL;
    int n = r->groups.n;
    Group *groups = NEW_N(a, Group, n + 1);
    const Sched **scheds = NEW_N(a, const Sched *, n + 1);
    for (int i = 0; i < n; i++) groups[i] = r->groups.at[i].group, scheds[i] = &r->groups.at[i].best.sched;
    const char *why;
    TmModule *m = lower_all(a, d, g, s, o, groups, scheds, n, &why);
    if (!m) diag_error(d, g->loc, "FCM2002", "%s cannot be lowered: %s", g->block, why);
    return m;
}

TmModule *plan_with(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const Sched *sched,
                    const char **why)
{
    Group *groups = NEW_N(a, Group, s->at.n + 1);
    const Sched **scheds = NEW_N(a, const Sched *, s->at.n + 1);
    int n = partition_longest(a, g, s, groups);
    for (int i = 0; i < n; i++) scheds[i] = sched;
    return lower_all(a, d, g, s, o, groups, scheds, n, why);
}
