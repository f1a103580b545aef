/* module.c: from the graph's stages to a module: which tensors exist in memory, one program per group, the workspace. What a program looks
 * like inside is the business of chain.c and pointwise.c. */
#include "lower.h"
#include "text.h"

#include <string.h>

/* ---- tensors ---- */

static bool name_taken(const TmModule *m, const char *cname)
{
    for (int i = 0; i < m->tensors.n; i++)
        if (strcmp(m->tensors.at[i].cname, cname) == 0) return true;
    return false;
}

/* "y.0.e" → "y_0_e", made unique by a trailing underscore. */
static const char *c_name(Arena *a, const TmModule *m, const char *name)
{
    char *c = arena_strdup(a, name);
    for (char *p = c; *p; p++)
        if (*p == '.') *p = '_';
    while (name_taken(m, c)) c = arena_printf(a, "%s_", c);
    return c;
}

static int node_tensor(Lowering *l, int node, TmRole role, const char *name, const char *cname)
{
    const GraphNode *v = &l->graph->nodes.at[node];
    TmTensor t = { .name = name, .cname = cname ? cname : c_name(l->arena, l->module, name), .role = role, .dtype = v->dtype,
                   .dim = { 0, v->h, v->w, v->c }, .rank = v->h == 1 && v->w == 1 ? 2 : 4, .loc = v->loc };
    return tm_tensor(l->arena, l->module, t);
}

static void param_tensor(Lowering *l, int i)
{
    const GraphParam *q = &l->graph->params.at[i];
    TmTensor t = { .name = q->name, .cname = q->cname, .role = TM_PARAM, .dtype = q->dtype, .dim = { 1, 1, 1, 1 }, .rank = q->rank,
                   .loc = l->graph->nodes.at[q->node].loc };
    for (int d = 0; d < q->rank; d++) t.dim[4 - q->rank + d] = q->dim[d];
    l->tensor_of_param[i] = tm_tensor(l->arena, l->module, t);
    vec_push(l->arena, &l->module->params, l->tensor_of_param[i]);
}

static const GraphOutput *output_of(const Graph *g, int node)
{
    for (int i = 0; i < g->outputs.n; i++)
        if (g->outputs.at[i].node == node) return &g->outputs.at[i];
    return NULL;
}

static void stage_tensor(Lowering *l, int stage, bool ends_group)
{
    int node = l->stages->at.at[stage].out;
    const GraphOutput *o = output_of(l->graph, node);
    TmRole role = o ? TM_OUT : ends_group || lower_is_kept(l->graph, &l->stages->at.at[stage]) ? TM_TEMP : TM_VIRTUAL;
    l->tensor_of_node[node] = node_tensor(l, node, role, o ? o->name : l->graph->nodes.at[node].name, o ? o->cname : NULL);
}

Lowering *lower_begin(Arena *a, const Diag *d, const Graph *g, const Stages *s, const Device *dev, const char *source, const Group *groups, int ngroups)
{
    Lowering *l = NEW(a, Lowering);
    *l = (Lowering){ .arena = a, .diag = d, .graph = g, .stages = s, .device = dev, .module = tm_module_new(a, g->block) };
    l->module->source = source;
    l->module->device = dev->name;
    l->module->batch = g->batch;
    l->tensor_of_node = NEW_N(a, int, g->nodes.n + 1);
    l->tensor_of_param = NEW_N(a, int, g->params.n + 1);
    for (int i = 0; i < g->nodes.n; i++) l->tensor_of_node[i] = -1;
    for (int i = 0; i < g->inputs.n; i++) {
        int node = g->inputs.at[i];
        l->tensor_of_node[node] = node_tensor(l, node, TM_IN, g->nodes.at[node].name, NULL);
        vec_push(a, &l->module->inputs, l->tensor_of_node[node]);
    }
    for (int i = 0; i < g->params.n; i++) param_tensor(l, i);
    for (int i = 0; i < ngroups; i++)
        for (int j = 0; j < groups[i].n; j++) stage_tensor(l, groups[i].stage[j], j == groups[i].n - 1);
    return l;
}

/* ---- groups ---- */

static const Stage *stage_at(const Stages *s, int i) { return &s->at.at[i]; }

bool lower_hands_over(const Stage *from, const Stage *to) { return to->in == from->out; }

bool lower_is_kept(const Graph *g, const Stage *st) { return g->nodes.at[st->out].consumers > 1; }

static bool reads_beside(const Stage *st, int node, bool next)
{
    bool does = st->in == node && !next;
    for (int e = 0; e < st->epi.n; e++) does = does || st->epi.at[e].value == node;
    return does;
}

int lower_too_early(const Graph *g, const Stages *s, const Group *group)
{
    int last = group->stage[group->n - 1];
    for (int i = 0; i + 1 < group->n; i++) {
        const Stage *st = stage_at(s, group->stage[i]);
        for (int k = group->stage[i] + 1; lower_is_kept(g, st) && k <= last; k++)
            if (reads_beside(stage_at(s, k), st->out, k == group->stage[i + 1])) return k;
    }
    return -1;
}

bool lower_leaves_out(const Graph *g, const Stages *s, const Group *group)
{
    const GraphNode *dw = NULL;                                 /* the depthwise whose windows the blocks make */
    bool leaves = false;
    for (int i = group->n - 1; i >= 0; i--) {
        const Stage *st = stage_at(s, group->stage[i]);
        const GraphNode *made = &g->nodes.at[st->out];
        if (dw && lower_is_kept(g, st)) leaves = leaves || !win_owns_all(&dw->ah, made->h) || !win_owns_all(&dw->aw, made->w);
        if (!dw && !st->pointless && g->nodes.at[st->core].op == GR_DW) dw = &g->nodes.at[st->core];
    }
    return leaves;
}

bool lower_is_pattern(const Graph *g, const Stages *s, const Group *group)
{
    char ops[GROUP_MAX + 1] = { 0 };
    for (int i = 0; i < group->n; i++) {
        const Stage *st = stage_at(s, group->stage[i]);
        GraphOp op = g->nodes.at[st->core].op;
        ops[i] = st->cut ? '?' : st->pointless ? 'x' : op == GR_DW ? 'd' : op == GR_PW ? 'p' : '?';
        if (i > 0 && !lower_hands_over(stage_at(s, group->stage[i - 1]), st)) return false;
    }
    static const char *const patterns[] = { "x", "d", "p", "dp", "pd", "pp", "pdp", "dpd", "dpp", "dpdp" };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(ops, patterns[i]) == 0) return lower_too_early(g, s, group) < 0 && !lower_leaves_out(g, s, group);
    return false;
}

static const char *group_note(const Lowering *l, const Group *group)
{
    Text t = text_new(l->arena);
    for (int i = 0; i < group->n; i++)
        text_printf(&t, "%s%s", i ? ", " : "fuse(", l->graph->nodes.at[stage_at(l->stages, group->stage[i])->out].name);
    text_put(&t, ")");
    return t.at;
}

/* As many blocks as registers allow were asked for; shared memory and threads may allow fewer. */
static void fit_blocks(const Device *d, TmProgram *p)
{
    double by_memory = d->smem_sm / (p->arena_bytes + d->smem_reserved), by_threads = d->threads_sm / p->threads;
    double most = by_memory < by_threads ? by_memory : by_threads;
    if (most > d->blocks_sm) most = d->blocks_sm;
    if (p->ctas > most) p->ctas = most < 1 ? 1 : (int)most;
}

/* Without a number in the knob as many blocks share the tiles of a grid point as the device holds at once. */
static int sharers(const Device *d, const TmProgram *p, const Sched *s)
{
    int64_t grid = 1;
    if (tm_persist_at(p) < 0) return 0;
    for (int i = 0; i < p->loops.n; i++)
        if (p->loops.at[i].kind == TM_GRID) grid *= p->loops.at[i].trip;
    int64_t held = (int64_t)d->sms * p->ctas / grid;
    return s->persist > 1 ? s->persist : held < 1 ? 1 : (int)held;
}

static const char *finish(Lowering *l, TmProgram *p, const Sched *s, LowerDepth depth)
{
    const char *why = tm_layout(l->arena, l->module, p);
    int asked = p->ctas;
    bool automatic = p->target == TM_CUDA && s->ctas == 0;
    if (automatic) p->ctas = 1;
    if (!why) why = tm_place(l->arena, l->module, p, l->device);
    if (!why && automatic) p->ctas = asked, fit_blocks(l->device, p);
    p->sharers = sharers(l->device, p, s);
    if (depth == LOWER_DRAFT) return why;
    if (!why) why = tm_pipe(l->arena, l->module, p);
    if (!why) why = tm_sync(l->arena, l->module, p);
    return why;
}

TmProgram *lower_group(Lowering *l, const Group *group, const Sched *s, LowerDepth depth, const char **why)
{
    TmModule *m = l->module;
    int tensors = m->tensors.n;
    int64_t packed = m->packed_bytes;
    TmProgram *p = tm_program_new(l->arena, m, arena_printf(l->arena, "k%d", m->programs.n), l->device->target, (int)l->device->arch);
    l->draft = depth == LOWER_DRAFT;
    if (!l->draft) p->note = group_note(l, group), p->sched = sched_print(l->arena, s);
    bool pointwise = stage_at(l->stages, group->stage[0])->pointless;
    *why = s->persist && p->target == TM_CPU ? "persistent blocks are CUDA's: on the CPU weights are read in place" : NULL;
    if (!*why) p = pointwise ? lower_pointwise(l, group, s, p, why) : lower_chain(l, group, s, p, why);
    if (!*why) *why = finish(l, p, s, depth);
    if (!*why) return p;
    m->programs.n--;
    m->tensors.n = tensors;
    m->packed_bytes = packed;
    return NULL;
}

Lowering *lower_scratch(const Lowering *l, Arena *scratch)
{
    Lowering *c = arena_copy(scratch, l, sizeof *l);
    TmModule *m = c->module = arena_copy(scratch, l->module, sizeof *l->module);
    c->arena = scratch;
    m->tensors.at = arena_copy(scratch, m->tensors.at, (size_t)m->tensors.n * sizeof *m->tensors.at);
    m->tensors.cap = m->tensors.n;
    m->programs.n = m->programs.cap = 0;
    m->packed_bytes = 0;
    return c;
}

/* ---- the end ---- */

/* Temporaries live one after another: every one has its own bytes. */
static void place_workspace(TmModule *m)
{
    for (int i = 0; i < m->tensors.n; i++) {
        TmTensor *t = &m->tensors.at[i];
        if (t->role != TM_TEMP) continue;
        t->offset = m->workspace_bytes;
        m->workspace_bytes += win_round_up(t->dim[1] * t->dim[2] * t->dim[3] * dtype_bytes(t->dtype), 256);
    }
}

void lower_end(Lowering *l)
{
    const Graph *g = l->graph;
    for (int i = 0; i < g->outputs.n; i++) vec_push(l->arena, &l->module->outputs, l->tensor_of_node[g->outputs.at[i].node]);
    place_workspace(l->module);
}
