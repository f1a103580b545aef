/* module.c: the planned groups lowered into one module, cuts and all. */
#include "report.h"

TmModule *report_module(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const PlanReport *r,
                        const char **why)
{
    int n = 0;
    Group *groups = NEW_N(a, Group, r->groups.n + s->at.n + 1);
    for (int i = 0; i < r->groups.n; i++) groups[n++] = r->groups.at[i].group;
    for (int i = 0; i < s->at.n; i++)
        if (s->at.at[i].cut) groups[n++] = (Group){ .n = 1, .stage = { i } };   /* only its tensor is wanted */
    Lowering *l = lower_begin(a, d, g, s, o->device, o->source, groups, n);
    *why = NULL;
    for (int i = 0; i < r->groups.n; i++)
        if (!lower_group(l, &groups[i], &r->groups.at[i].best.sched, LOWER_FINISHED, why)) return NULL;
    lower_end(l);
    return l->module;
}
