/* pin.c: see pin.h */
#include "pin.h"
#include "choose.h"
#include "text.h"

#include <string.h>

/* The stage that a dotted name belongs to: the name of its result, of its core, or of an op in its epilogue. */
static int stage_named(const Graph *g, const Stages *s, const char *name)
{
    for (int i = 0; i < s->at.n; i++) {
        const Stage *st = &s->at.at[i];
        if (st->cut) continue;
        if (strcmp(g->nodes.at[st->out].name, name) == 0 || strcmp(g->nodes.at[st->core].name, name) == 0) return i;
        for (int e = 0; e < st->epi.n; e++)
            if (strcmp(g->nodes.at[st->epi.at[e].node].name, name) == 0) return i;
    }
    return -1;
}

static bool unknown_stage(Arena *a, Diag *d, const Graph *g, const Stages *s, AstName name)
{
    const char **names = NEW_N(a, const char *, s->at.n + 1);
    int n = 0;
    for (int i = 0; i < s->at.n; i++)
        if (!s->at.at[i].cut) names[n++] = g->nodes.at[s->at.at[i].out].name;
    const char *near = diag_nearest(name.text, names, n);
    diag_error(d, name.loc, "FCM2004", "the plan names '%s', which is no operation of %s that is lowered", name.text, g->block);
    if (near) diag_note(d, name.loc, "did you mean '%s'?", near);
    return false;
}

static bool read_stage(Arena *a, Diag *d, const Graph *g, const Stages *s, const AstExpr *e, PinGroup *out)
{
    if (e->kind != AST_NAME) return diag_error(d, e->loc, "FCM2005", "expected the dotted name of an operation"), false;
    int stage = stage_named(g, s, e->name.text);
    if (stage < 0) return unknown_stage(a, d, g, s, e->name);
    if (out->group.n == GROUP_MAX) return diag_error(d, e->loc, "FCM2005", "a group has at most %d operations", GROUP_MAX), false;
    out->group.stage[out->group.n++] = stage;
    return true;
}

static bool read_knob(Diag *d, AstArg arg, PinGroup *out)
{
    const AstExpr *v = arg.value;
    if (strcmp(arg.key.text, "tile") == 0 && v->kind == AST_PAIR)
        return (sched_set(&out->sched, "rows", v->pair[0]) && sched_set(&out->sched, "cols", v->pair[1]))
            || (diag_error(d, v->loc, "FCM2006", "the tile is too large"), false);
    int n;
    const char *const *keys = sched_keys(&n);
    bool known = false;
    for (int i = 0; i < n; i++) known |= strcmp(keys[i], arg.key.text) == 0;
    if (!known) {
        diag_error(d, arg.key.loc, "FCM2006", "unknown knob '%s'", arg.key.text);
        const char *near = diag_nearest(arg.key.text, keys, n);
        if (near) diag_note(d, arg.key.loc, "did you mean '%s'?", near);
        return false;
    }
    if (v->kind != AST_NUMBER || !v->is_int || !sched_set(&out->sched, arg.key.text, v->integer))
        return diag_error(d, v->loc, "FCM2006", "'%s' wants %s", arg.key.text,
                          strcmp(arg.key.text, "tile") == 0 ? "a pair, rows x columns" : "a whole number"), false;
    return true;
}

static bool read_group(Arena *a, Diag *d, const Graph *g, const Stages *s, const AstKnob *k, Pin *out)
{
    PinGroup pin = { .sched = sched_default(), .loc = k->name.loc };
    const AstExpr *call = k->value;
    if (!call || call->kind != AST_CALL || strcmp(call->name.text, "fuse") != 0)
        return diag_error(d, call ? call->loc : k->name.loc, "FCM2005", "expected fuse(operations …, knobs …)"), false;
    for (int i = 0; i < call->args.n; i++) {
        AstArg arg = call->args.at[i];
        if (arg.key.text ? !read_knob(d, arg, &pin) : !read_stage(a, d, g, s, arg.value, &pin)) return false;
    }
    if (pin.group.n == 0) return diag_error(d, call->loc, "FCM2005", "fuse() names no operation"), false;
    if (!lower_is_pattern(g, s, &pin.group))
        return diag_error(d, call->loc, "FCM2007", "these operations do not form a chain that can be fused"), false;
    vec_push(a, &out->at, pin);
    return true;
}

static bool twice(Diag *d, const Pin *pin)
{
    for (int i = 0; i < pin->at.n; i++)
        for (int j = 0; j < i; j++)
            for (int x = 0; x < pin->at.at[i].group.n; x++)
                for (int y = 0; y < pin->at.at[j].group.n; y++)
                    if (pin->at.at[i].group.stage[x] == pin->at.at[j].group.stage[y])
                        return diag_error(d, pin->at.at[i].loc, "FCM2007", "an operation stands in two groups"), true;
    return false;
}

bool pin_read(Arena *a, Diag *d, const Graph *g, const Stages *s, const AstPlan *plan, Pin *out)
{
    bool ok = true;
    for (int i = 0; i < plan->knobs.n; i++) ok &= read_group(a, d, g, s, &plan->knobs.at[i], out);
    return ok && !twice(d, out);
}

const PinGroup *pin_of(const Pin *pin, const Group *group)
{
    for (int i = 0; i < pin->at.n; i++)
        if (pin->at.at[i].group.n == group->n &&
            memcmp(pin->at.at[i].group.stage, group->stage, sizeof(int) * (size_t)group->n) == 0)
            return &pin->at.at[i];
    return NULL;
}

char *plan_print(Arena *a, const Graph *g, const PlanOptions *o, const PlanReport *r)
{
    Text t = text_new(a);
    text_open(&t, "plan %s for \"%s\" {", g->block, o->device->name);
    for (int i = 0; i < r->groups.n; i++) {
        const PlanGroup *p = &r->groups.at[i];
        Text names = text_new(a);
        for (int k = 0; k < p->group.n; k++) text_printf(&names, "%s, ", p->stages[k]);
        text_line(&t, "%s = fuse(%s%s)", p->name, names.at, p->best.text);
    }
    text_close(&t, "}");
    return t.at;
}
