/* graph.c: the block as one column of boxes in the order in which the kernels run. A frame holds what is one kernel. The tensor that
 * leaves a box stands below it: dashed where it stays on the chip, solid where it lies in memory. Readers that are not the next box are
 * reached by lines on the right. */
#include "parts.h"

#include <math.h>

enum { BOX_X = 60, BOX_W = 400, BOX_H = 40, STEP = 78, WIRE = 120, TOP = 22, LANE = 16, WORDS = 62 };

typedef struct Box { int input, stage, kernel; } Box;           /* one of input and stage is a number, the other -1; kernel -1: none */
typedef struct Arc { int from, to, lane, node; } Arc;
typedef struct Column {
    const ReportInput *in;
    VEC(Box) boxes;
    VEC(Arc) arcs;
    int *box_of_node;                                           /* the box that makes it; -1: none */
    int lanes;
} Column;

static double top_of(int box) { return TOP + (double)box * STEP; }
static const Stage *stage_at(const Column *c, int i) { return &c->in->stages->at.at[i]; }
static const GraphNode *node_at(const Column *c, int i) { return &c->in->graph->nodes.at[i]; }

static int made_by(const Column *c, const Box *b)
{
    return b->stage >= 0 ? stage_at(c, b->stage)->out : c->in->graph->inputs.at[b->input];
}

/* ---- the column ---- */

static void add_box(Arena *a, Column *c, Box b)
{
    c->box_of_node[made_by(c, &b)] = c->boxes.n;
    vec_push(a, &c->boxes, b);
}

/* Cut stages come before the first kernel that ends after them: stages are numbered in the order of evaluation. */
static void add_cuts(Arena *a, Column *c, int *next, int before)
{
    for (; *next < before; ++*next)
        if (stage_at(c, *next)->cut) add_box(a, c, (Box){ -1, *next, -1 });
}

static void add_boxes(Arena *a, Column *c)
{
    const PlanReport *r = c->in->plan;
    int next = 0;
    for (int i = 0; i < c->in->graph->inputs.n; i++) add_box(a, c, (Box){ i, -1, -1 });
    for (int k = 0; k < r->groups.n; k++) {
        const Group *g = &r->groups.at[k].group;
        add_cuts(a, c, &next, g->stage[g->n - 1]);
        for (int i = 0; i < g->n; i++) add_box(a, c, (Box){ -1, g->stage[i], k });
    }
    add_cuts(a, c, &next, c->in->stages->at.n);
}

static bool same_arc(const Column *c, int from, int to)
{
    for (int i = 0; i < c->arcs.n; i++)
        if (c->arcs.at[i].from == from && c->arcs.at[i].to == to) return true;
    return false;
}

/* The innermost lane that is free from box to box. */
static void add_arc(Arena *a, Column *c, int node, int to)
{
    int from = c->box_of_node[node], lane = 0;
    if (from < 0 || from == to || from + 1 == to || same_arc(c, from, to)) return;
    for (int i = 0; i < c->arcs.n; i++) {
        const Arc *x = &c->arcs.at[i];
        if (x->lane == lane && x->from < to && from < x->to) lane++, i = -1;
    }
    vec_push(a, &c->arcs, ((Arc){ from, to, lane, node }));
    if (lane >= c->lanes) c->lanes = lane + 1;
}

/* Every operand of every op of the stage that another box makes. */
static void add_arcs(Arena *a, Column *c)
{
    for (int b = 0; b < c->boxes.n; b++) {
        if (c->boxes.at[b].stage < 0) continue;
        const Stage *s = stage_at(c, c->boxes.at[b].stage);
        const GraphNode *core = node_at(c, s->core);
        for (int i = 0; i < core->nin; i++) add_arc(a, c, core->in[i], b);
        add_arc(a, c, s->in, b);
        for (int e = 0; e < s->epi.n; e++)
            if (s->epi.at[e].kind >= EPI_ADD && s->epi.at[e].kind <= EPI_MUL) add_arc(a, c, s->epi.at[e].value, b);
    }
}

/* ---- words ---- */

static void say_step(const Column *c, const StageEpi *e, Text *t)
{
    switch (e->kind) {
    case EPI_BIAS: text_put(t, "bias"); break;
    case EPI_BN: text_put(t, "bn"); break;
    case EPI_ACT: text_put(t, act_name(e->act)); break;
    case EPI_ADD: text_printf(t, "+ %s", node_at(c, e->value)->name); break;
    case EPI_SUB: text_printf(t, "− %s", node_at(c, e->value)->name); break;
    case EPI_RSUB: text_printf(t, "%s − it", node_at(c, e->value)->name); break;
    case EPI_MUL: text_printf(t, "× %s", node_at(c, e->value)->name); break;
    case EPI_ADDC: text_printf(t, "+ %.4g", e->a); break;
    case EPI_RSUBC: text_printf(t, "%.4g − it", e->a); break;
    case EPI_MULC: text_printf(t, "× %.4g", e->a); break;
    }
}

static const char *words_of(Arena *a, const Column *c, const Stage *s)
{
    Text t = text_new(a);
    const GraphNode *n = node_at(c, s->core);
    if (!s->pointless) {
        text_put(&t, graph_op_name(n->op));
        if (graph_op_pattern(n->op) == 'C' && n->op != GR_PW) text_printf(&t, " %d×%d", n->ah.k, n->aw.k);
        if (graph_op_pattern(n->op) == 'C') text_printf(&t, " %lld→%lld", (long long)node_at(c, n->in[0])->c, (long long)n->c);
        if (n->ah.stride > 1) text_printf(&t, " stride %d", n->ah.stride);
    }
    for (int i = 0; i < s->epi.n; i++) {
        text_put(&t, t.n ? " · " : "");
        say_step(c, &s->epi.at[i], &t);
    }
    return t.n ? t.at : "copy";
}

static const char *tensor_words(Arena *a, const Column *c, int node)
{
    const GraphNode *n = node_at(c, node);
    int64_t bytes = (c->in->options->batch > 0 ? c->in->options->batch : 1) * n->h * n->w * n->c * dtype_bytes(n->dtype);
    const char *shape = n->h == 1 && n->w == 1 ? arena_printf(a, "%lld", (long long)n->c)
                                               : arena_printf(a, "%lld×%lld×%lld", (long long)n->h, (long long)n->w, (long long)n->c);
    return n->dtype == DT_NONE ? shape : arena_printf(a, "%s %s, %s", shape, dtype_name(n->dtype), html_bytes(a, bytes));
}

/* ---- drawing ---- */

static bool on_chip(const Column *c, int b)
{
    return b + 1 < c->boxes.n && c->boxes.at[b].kernel >= 0 && c->boxes.at[b].kernel == c->boxes.at[b + 1].kernel;
}

static bool reads_previous(const Column *c, int b)
{
    const Box *x = &c->boxes.at[b];
    if (x->stage < 0) return false;
    const Stage *s = stage_at(c, x->stage);
    const GraphNode *core = node_at(c, s->core);
    bool found = c->box_of_node[s->in] == b - 1;
    for (int i = 0; i < core->nin; i++) found = found || c->box_of_node[core->in[i]] == b - 1;
    for (int e = 0; e < s->epi.n; e++)
        if (s->epi.at[e].kind >= EPI_ADD && s->epi.at[e].kind <= EPI_MUL) found = found || c->box_of_node[s->epi.at[e].value] == b - 1;
    return found;
}

static bool is_output(const Column *c, int node)
{
    for (int i = 0; i < c->in->graph->outputs.n; i++)
        if (c->in->graph->outputs.at[i].node == node) return true;
    return false;
}

/* Frames first, so that everything lies on them. */
static void put_frames(Text *t, const Column *c)
{
    for (int b = 0, e; b < c->boxes.n; b = e) {
        int kernel = c->boxes.at[b].kernel;
        for (e = b + 1; e < c->boxes.n && kernel >= 0 && c->boxes.at[e].kernel == kernel; e++);
        if (kernel < 0) continue;
        const char *name = c->in->plan->groups.at[kernel].name;
        svg_rect(t, "frame", BOX_X - 48, top_of(b) - 10, BOX_W + 60, top_of(e - 1) - top_of(b) + BOX_H + 20);
        text_printf(t, "<a href=\"#%s\">", name);
        svg_label(t, "kname", BOX_X - 40, top_of(b) + 25, "%s", name);
        text_put(t, "</a>\n");
    }
}

static void put_box(Text *t, const Column *c, int b)
{
    const Box *x = &c->boxes.at[b];
    int node = made_by(c, x);
    double y = top_of(b), mid = BOX_X + BOX_W / 2.0, wire = BOX_X + WIRE;
    const Stage *s = x->stage >= 0 ? stage_at(c, x->stage) : NULL;
    const char *words = s ? words_of(t->arena, c, s) : "input";
    const char *last = is_output(c, node) ? ", output" : on_chip(c, b) ? ", stays on chip" : "";
    text_put(t, "<g><title>");
    html_printf(t, "%s = %s", node_at(c, node)->name, words);
    text_put(t, "</title>\n");
    svg_rect(t, !s ? "box input" : s->cut ? "box cut" : "box", BOX_X, y, BOX_W, BOX_H);
    svg_label(t, "mid strong", mid, y + 17, "%s", html_clip(t->arena, node_at(c, node)->name, WORDS - 8));
    svg_label(t, "mid", mid, y + 32, "%s%s", html_clip(t->arena, words, WORDS), s && s->cut ? " (not lowered)" : "");
    text_put(t, "</g>\n");
    if (b + 1 < c->boxes.n && reads_previous(c, b + 1)) {
        text_printf(t, "<path class=\"%s\" marker-end=\"url(#tip)\" d=\"M%.1f %.1fV%.1f\"/>\n", on_chip(c, b) ? "wire chip" : "wire",
                    wire, y + BOX_H, y + STEP - 2);
    }
    svg_label(t, "size", wire + 10, y + BOX_H + 23, "%s%s", tensor_words(t->arena, c, node), last);
}

static void put_arc(Text *t, const Column *c, const Arc *r)
{
    double right = BOX_X + BOX_W, x = right + 30 + r->lane * LANE;
    double from = top_of(r->from) + BOX_H / 2.0 + 8, to = top_of(r->to) + BOX_H / 2.0 - 8;
    text_put(t, "<g><title>");
    html_text(t, node_at(c, r->node)->name);
    text_put(t, "</title>\n<path class=\"wire far\" marker-end=\"url(#tip)\" ");
    text_printf(t, "d=\"M%.1f %.1fH%.1fQ%.1f %.1f %.1f %.1fV%.1fQ%.1f %.1f %.1f %.1fH%.1f\"/></g>\n",
                right, from, x - 8, x, from, x, from + 8, to - 8, x, to, x - 8, to, right + 2);
}

void report_graph(Text *t, const ReportInput *in)
{
    Column c = { .in = in, .box_of_node = NEW_N(t->arena, int, in->graph->nodes.n + 1) };
    for (int i = 0; i < in->graph->nodes.n; i++) c.box_of_node[i] = -1;
    add_boxes(t->arena, &c);
    add_arcs(t->arena, &c);
    svg_open(t, BOX_X + BOX_W + 50 + c.lanes * LANE, top_of(c.boxes.n) - 8, "the graph: operations, kernels and tensors");
    text_put(t, "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
                "<path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
    put_frames(t, &c);
    for (int i = 0; i < c.arcs.n; i++) put_arc(t, &c, &c.arcs.at[i]);
    for (int b = 0; b < c.boxes.n; b++) put_box(t, &c, b);
    svg_close(t);
}
