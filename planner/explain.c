/* explain.c: see explain.h */
#include "explain.h"
#include "text.h"

#include <math.h>

static const Stage *stage_at(const Stages *s, int i) { return &s->at.at[i]; }
static const char *stage_name(const Graph *g, const Stages *s, int i) { return g->nodes.at[stage_at(s, i)->out].name; }

/* ---- bytes and operations ---- */

static int64_t tensor_bytes(const Graph *g, int node, int64_t batch)
{
    const GraphNode *v = &g->nodes.at[node];
    return batch * v->h * v->w * v->c * dtype_bytes(v->dtype);
}

static int64_t weight_elements(const Graph *g, const Stage *st)
{
    if (st->pointless) return 0;
    const GraphParam *q = &g->params.at[g->nodes.at[st->core].weight];
    return q->dim[0] * q->dim[1] * q->dim[2] * q->dim[3];
}

static bool reads_tensor(const StageEpi *e) { return e->kind >= EPI_ADD && e->kind <= EPI_MUL; }

/* What comes with a stage: its weights, a bias as one f32 vector, bn as two. */
static int64_t parameter_bytes(const Graph *g, const Stage *st)
{
    int64_t channels = g->nodes.at[st->out].c, bytes = 0;
    if (!st->pointless) bytes = weight_elements(g, st) * dtype_bytes(g->params.at[g->nodes.at[st->core].weight].dtype);
    for (int i = 0; i < st->epi.n; i++) {
        if (st->epi.at[i].kind == EPI_BIAS) bytes += 4 * channels;
        if (st->epi.at[i].kind == EPI_BN) bytes += 8 * channels;
    }
    return bytes;
}

/* A residual that is the group's own input is read once when fused. One row or column that spreads counts as it lies. */
static void stage_bytes(const Graph *g, const Stages *s, int64_t batch, int at, PlanGroup *out)
{
    const Stage *st = stage_at(s, out->group.stage[at]), *head = stage_at(s, out->group.stage[0]);
    int64_t in = tensor_bytes(g, st->in, batch), made = tensor_bytes(g, st->out, batch);
    int64_t with = parameter_bytes(g, st), again = 0;
    for (int e = 0; e < st->epi.n; e++) {
        if (!reads_tensor(&st->epi.at[e])) continue;
        int64_t bytes = tensor_bytes(g, st->epi.at[e].value, batch);
        if (st->epi.at[e].value == st->in) continue;            /* a kernel of its own reads it once, too */
        if (st->epi.at[e].value == head->in) again += bytes;
        else with += bytes;
    }
    out->unfused_bytes += in + made + with + again;
    out->compulsory_bytes += (at == 0 ? in : 0) + (at == out->group.n - 1 || lower_is_kept(g, st) ? made : 0) + with;
}

static int64_t stage_macs(const Graph *g, const Stage *st, int64_t batch)
{
    if (st->pointless) return 0;
    const GraphNode *core = &g->nodes.at[st->core];
    return batch * core->h * core->w * weight_elements(g, st);
}

void explain_group(Arena *a, const Graph *g, const Stages *s, const PlanOptions *o, int number, PlanGroup *out)
{
    const char **names = NEW_N(a, const char *, GROUP_MAX);
    const Stage *head = stage_at(s, out->group.stage[0]);
    Text kept = text_new(a);
    Work work = { .halves = g->nodes.at[head->in].dtype == DT_F16 };
    for (int i = 0; i < out->group.n; i++) {
        const Stage *st = stage_at(s, out->group.stage[i]);
        int64_t macs = stage_macs(g, st, o->batch);
        names[i] = stage_name(g, s, out->group.stage[i]);
        if (i + 1 < out->group.n && lower_is_kept(g, st)) text_printf(&kept, "%s%s", kept.n ? ", " : "", names[i]);
        stage_bytes(g, s, o->batch, i, out);
        out->useful_macs += macs;
        if (!st->pointless && g->nodes.at[st->core].op == GR_PW) work.matrix += 2.0 * (double)macs;
        else work.other += 2.0 * (double)macs;
    }
    work.bytes = out->compulsory_bytes;
    out->stages = names;
    out->kept = kept.n ? kept.at : NULL;
    out->loc = g->nodes.at[head->core].loc;
    out->name = arena_printf(a, "k%d", number);
    out->roof = cost_roof(o->device, &work);
}

/* ---- the runner-up ---- */

/* The wait that grew most from a to b, in words. */
static const char *largest_rise(Arena *a, const Cost *x, const Cost *y)
{
    double rise = 0, from = 0, to = 0;
    const char *name = NULL;
#define X(field, text) if (y->field - x->field > rise) rise = y->field - x->field, from = x->field, to = y->field, name = text;
    FCM_LIMITS(X)
    FCM_SERIAL(X)
#undef X
    return name ? arena_printf(a, "%s %.2f us against %.2f", name, to * 1e6, from * 1e6) : "nothing but order";
}

static const char *lost(Arena *a, const PlanOptions *o, const PlanChoice *best, const PlanChoice *second)
{
    double slower = (second->cost.time - best->cost.time) * 1e6;
    double more = (double)(second->cost.dram_bytes - best->cost.dram_bytes) / 1e6;
    const char *rise = largest_rise(a, &best->cost, &second->cost);
    if (o->minimize == PLAN_DRAM && more > 0) return arena_printf(a, "%.3f MB more (%+.2f us)", more, slower);
    if (slower > 0) return arena_printf(a, "%.2f us more: %s", slower, rise);
    return more > 0 ? arena_printf(a, "the same time, %.3f MB more", more) : "the same price";
}

/* Where a stage stands on its path. */
static const Path *path_of(const Partition *p, int stage, int *at)
{
    for (int i = 0; i < p->paths.n; i++)
        for (*at = 0; *at < p->paths.at[i].n; ++*at)
            if (p->paths.at[i].stage[*at] == stage) return &p->paths.at[i];
    return NULL;
}

void explain_choice(Arena *a, Partition *p, PlanGroup *out)
{
    if (out->second.text) out->lost = lost(a, p->table->options, &out->best, &out->second);
    if (out->group.n == 1) return;
    for (int i = 0; i < out->group.n; i++) {
        Group one = { .n = 1, .stage = { out->group.stage[i] } };
        Found *f = search_group(p->table, p->g, p->s, &one);
        search_finish(p->table, f, 1);
        if (!isfinite(found_time(f))) {
            out->apart_time = 0;
            return;
        }
        out->apart_time += found_time(f);
        out->apart_bytes += found_dram(f);
    }
}

/* ---- neighbours ---- */

static const char *kind_of(const Graph *g, const Stage *st)
{
    return st->pointless ? "an element-wise operation" : g->nodes.at[st->core].op == GR_DW ? "a depthwise" : "a pointwise";
}

/* Why a pair of stages, of which the second reads the first's result, is no segment of a path; NULL: it is one. */
static const char *not_handed(Arena *a, const Partition *p, const Group *pair, const Path *path, int at)
{
    const Stage *x = stage_at(p->s, pair->stage[0]), *y = stage_at(p->s, pair->stage[1]);
    const char *name = p->g->nodes.at[x->out].name;
    if (!lower_hands_over(x, y)) return arena_printf(a, "%s is a second operand, which is read from memory", name);
    int early = lower_too_early(p->g, p->s, pair), next = at + 1 < path->n ? path->stage[at + 1] : -1;
    if (next != pair->stage[1]) return arena_printf(a, "%s goes on chip to its first reader, %s, only", name, stage_name(p->g, p->s, next));
    if (early == next) return arena_printf(a, "%s reads %s twice, once from memory", stage_name(p->g, p->s, next), name);
    if (early >= 0) return arena_printf(a, "%s reads %s too, and comes first", stage_name(p->g, p->s, early), name);
    if (lower_leaves_out(p->g, p->s, pair)) return arena_printf(a, "%s is read elsewhere too, and not all of it is read here", name);
    return NULL;
}

static const char *score_words(Arena *a, const PlanOptions *o, Score more)
{
    if (o->minimize == PLAN_DRAM && more.first > 0) return arena_printf(a, "moves %.3f MB more", more.first / 1e6);
    if (o->minimize == PLAN_LAUNCHES && more.first > 0) return arena_printf(a, "has %.0f kernels more", more.first);
    double seconds = o->minimize == PLAN_TIME ? more.first : more.second;
    return arena_printf(a, "takes %.2f us more", seconds * 1e6);
}

static void priced(Arena *a, Partition *p, const Path *path, int at, PlanEdge *e)
{
    Found *both = path_segment(path, at, 2), *one = path_segment(path, at, 1), *two = path_segment(path, at + 1, 1);
    search_finish(p->table, both, 1);
    if (!isfinite(found_time(both))) {
        e->why = arena_printf(a, "none of %d schedules fits: %s", both->tried, both->why);
        return;
    }
    e->fused = found_time(both);
    e->fused_bytes = found_dram(both);
    if (one && two) {
        search_finish(p->table, one, 1);
        search_finish(p->table, two, 1);
    }
    if (one && two && isfinite(found_time(one) + found_time(two))) {
        e->apart = found_time(one) + found_time(two);
        e->apart_bytes = found_dram(one) + found_dram(two);
    }
    Score best = path->before[path->n], joined = path_joined(path, at);
    Score more = { joined.first - best.first, joined.second - best.second };
    const char *prices = e->apart > 0 ? arena_printf(a, "fused %.2f us and %.3f MB, apart %.2f us and %.3f MB", e->fused * 1e6,
                                                     (double)e->fused_bytes / 1e6, e->apart * 1e6, (double)e->apart_bytes / 1e6)
                                      : arena_printf(a, "fused %.2f us", e->fused * 1e6);
    e->why = arena_printf(a, "%s; the best plan with them in one kernel %s", prices, score_words(a, p->table->options, more));
}

static void explain_edge(Arena *a, Partition *p, int from, int to, PlanReport *r)
{
    const Stage *x = stage_at(p->s, from), *y = stage_at(p->s, to);
    PlanEdge e = { .from = stage_name(p->g, p->s, from), .to = stage_name(p->g, p->s, to), .loc = p->g->nodes.at[y->core].loc };
    int at = 0;
    const Path *path = path_of(p, from, &at);
    Group pair = { .n = 2, .stage = { from, to } };
    bool handed = !(e.why = not_handed(a, p, &pair, path, at));
    if (handed && !lower_is_pattern(p->g, p->s, &pair))
        e.why = arena_printf(a, "no kernel has the form %s, then %s", kind_of(p->g, x), kind_of(p->g, y));
    else if (handed && !path_segment(path, at, 2)) e.why = "a pinned plan keeps them apart";
    else if (handed) priced(a, p, path, at, &e);
    vec_push(a, &r->edges, e);
}

static bool reads(const Stage *st, int node)
{
    bool does = st->in == node;
    for (int i = 0; i < st->epi.n; i++) does = does || (reads_tensor(&st->epi.at[i]) && st->epi.at[i].value == node);
    return does;
}

static bool together(const PlanReport *r, int x, int y)
{
    for (int i = 0; i < r->groups.n; i++) {
        const Group *g = &r->groups.at[i].group;
        int both = 0;
        for (int k = 0; k < g->n; k++) both += g->stage[k] == x || g->stage[k] == y;
        if (both) return both == 2;
    }
    return false;
}

void explain_edges(Arena *a, Partition *p, PlanReport *r)
{
    for (int x = 0; x < p->s->at.n; x++)
        for (int y = x + 1; y < p->s->at.n; y++) {
            bool lowered = !stage_at(p->s, x)->cut && !stage_at(p->s, y)->cut;
            if (lowered && reads(stage_at(p->s, y), stage_at(p->s, x)->out) && !together(r, x, y)) explain_edge(a, p, x, y, r);
        }
}

void explain_cuts(Arena *a, const Graph *g, const Stages *s, PlanReport *r)
{
    for (int i = 0; i < s->at.n; i++) {
        const GraphNode *core = &g->nodes.at[stage_at(s, i)->core];
        if (stage_at(s, i)->cut) vec_push(a, &r->cuts, (PlanCut){ stage_name(g, s, i), graph_op_name(core->op), core->loc });
    }
}
