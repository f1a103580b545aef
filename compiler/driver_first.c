/* driver_first.c: a compiled target is wrong; which stage is wrong first? The block is cut after its first stage, its second, …, planned and
 * compiled again, and compared with the reference on integers. The first part that disagrees ends with the stage that is named. */
#include "driver.h"
#include "verifier.h"

/* The graph up to `node`, which becomes its only output. Operands and parameters come in order of evaluation, so that a prefix is whole. */
static Graph *graph_until(Arena *a, const Graph *g, int node)
{
    Graph *part = arena_copy(a, g, sizeof *g);
    part->nodes.n = node + 1;
    part->nodes.at = arena_copy(a, g->nodes.at, sizeof *g->nodes.at * (size_t)part->nodes.n);
    part->nodes.cap = part->nodes.n;
    part->params.n = 0;
    while (part->params.n < g->params.n && g->params.at[part->params.n].node <= node) part->params.n++;
    part->outputs.at = NEW(a, GraphOutput);
    part->outputs.at[0] = (GraphOutput){ .name = "part", .cname = "part", .node = node, .loc = g->nodes.at[node].loc };
    part->outputs.n = part->outputs.cap = 1;
    for (int i = 0; i <= node; i++) part->nodes.at[i].consumers = i == node;
    for (int i = 0; i <= node; i++)
        for (int k = 0; k < part->nodes.at[i].nin; k++) part->nodes.at[part->nodes.at[i].in[k]].consumers++;
    return part;
}

static bool inputs_inside(const Graph *g, int node)
{
    for (int i = 0; i < g->inputs.n; i++)
        if (g->inputs.at[i] > node) return false;
    return true;
}

/* Does the part, compiled for the target, differ from the reference? False too if it cannot be built. */
static bool part_fails(Driver *d, const Lowered *whole, CliTarget t, Graph *part, const VerifyOptions *o)
{
    Lowered l = { .graph = part, .device = whole->device, .options = whole->options };
    Emitted e;
    Stages *s = graph_stages(d->arena, d->diag, part);
    l.options.pinned = NULL;
    if (!s || !(l.module = plan_module(d->arena, d->diag, part, s, &l.options, &l.report))) return false;
    if (!driver_emit(d, &l, t, "block.h", &e)) return false;
    VerifyUnit u = { .name = part->block, .graph = part, .batch = whole->options.batch };
    VerifySubject v = { .what = "part", .kind = t == CLI_CPU ? CHILD_CPU : CHILD_EMULATED, .module = l.module,
                        .text = { e.source.at, e.header.at, "block.h" }, .prefix = l.module->name };
    vec_push(d->arena, &u.subjects, v);
    VerifyOptions quiet = { .seed = o->seed, .modes = VERIFY_EXACT, .jobs = o->jobs, .timeout = o->timeout };
    VerifyResult r = { 0 };
    return verify_units(d->arena, d->diag, &u, 1, &quiet, &r) && r.count[VERIFY_FAILED] > 0;
}

void driver_first_wrong(Driver *d, const Lowered *l, CliTarget t, const VerifyOptions *o)
{
    const Stages *s = graph_stages(d->arena, d->diag, l->graph);
    for (int i = 0; s && i < s->at.n; i++) {
        const GraphNode *core = &l->graph->nodes.at[s->at.at[i].core];
        int out = s->at.at[i].out;
        if (!inputs_inside(l->graph, out) || !part_fails(d, l, t, graph_until(d->arena, l->graph, out), o)) continue;
        diag_remark(d->diag, core->loc, "FCM5015", "the first stage that is wrong for %s is '%s'", cli_target_name(t), l->graph->nodes.at[out].name);
        return;
    }
}
