/* dtypes.c: the dtype of every op's result. Four classes of operand:
 *
 *   float    f32 f16 bf16              keeps its dtype; + - * want equal ones
 *   i8       quantised                 an op makes `open` of it; max maxpool concat pad upsample keep it
 *   open     DT_NONE: accumulated from i8, no dtype until a cast; only bn, + - *, id relu relu6 leaky clamp and casts take it
 *   table    open, made by any other activation of i8: a table of 256 entries, which only a cast to i8 may follow */
#include "check.h"

typedef enum Class { FLOAT, QUANT, OPEN, TABLE } Class;

static Class class_of(const Ck *ck, int node)
{
    const GraphNode *n = &ck->graph->nodes.at[node];
    if (ck->info.at[node].table) return TABLE;
    return n->dtype == DT_NONE ? OPEN : n->dtype == DT_I8 ? QUANT : FLOAT;
}

static const char *word_of(const GraphNode *n) { return n->op == GR_ACT ? act_name(n->act) : graph_op_name(n->op); }

static bool refuse(Ck *ck, const GraphNode *n, Class c)
{
    const char *name = word_of(n);
    if (c == TABLE)
        ck_error(ck, n->loc, "FCM1016",
                 "%s follows an activation of i8, which is a table of 256 entries: only a cast |> i8(scale, zero) may", name);
    else if (c == OPEN)
        ck_error(ck, n->loc, "FCM1016", "%s on a result that has no dtype yet: cast it first, |> i8(scale, zero) or |> f32",
                 name);
    else
        ck_error(ck, n->loc, "FCM1016", "%s does not work on i8: cast it first, |> f32", name);
    return false;
}

static bool open_acts(Act a) { return a == ACT_ID || a == ACT_RELU || a == ACT_RELU6 || a == ACT_LEAKY || a == ACT_CLAMP; }

static void keep(GraphNode *n, const GraphNode *x) { n->dtype = x->dtype, n->quant = x->quant; }

static bool rule_act(Ck *ck, GraphNode *n, Class c, bool *table)
{
    if (c == TABLE || (c == OPEN && !open_acts(n->act))) return refuse(ck, n, c);
    if (c == QUANT && !open_acts(n->act)) *table = true;
    if (c == FLOAT || (c == QUANT && n->act == ACT_ID)) keep(n, &ck->graph->nodes.at[n->in[0]]);
    return true;
}

/* pw, dw, conv, mean …: floats keep their dtype, i8 becomes open. */
static bool rule_open(Ck *ck, GraphNode *n, Class c)
{
    if (c == TABLE || c == OPEN) return refuse(ck, n, c);
    if (c == FLOAT) keep(n, &ck->graph->nodes.at[n->in[0]]);
    return true;
}

static const char *dtype_text(DType t) { return t == DT_NONE ? "an i8 result that lacks its cast" : dtype_name(t); }

static bool differ(Ck *ck, const GraphNode *n, const GraphNode *a, const GraphNode *b)
{
    ck_error(ck, n->loc, "FCM1005", "%s wants equal dtypes, found %s and %s%s", word_of(n), dtype_text(a->dtype),
             dtype_text(b->dtype), a->dtype == b->dtype ? " of another scale or zero point" : "");
    return false;
}

static bool same_quant(const GraphNode *a, const GraphNode *b)
{
    return a->quant.present == b->quant.present && a->quant.scale == b->quant.scale && a->quant.zero == b->quant.zero;
}

/* + - *: equal floats, or i8 and open results in any mixture. */
static bool rule_element(Ck *ck, GraphNode *n)
{
    const GraphNode *nodes = ck->graph->nodes.at, *a = &nodes[n->in[0]];
    Class c = class_of(ck, n->in[0]);
    for (int i = 0; i < n->nin; i++)
        if (class_of(ck, n->in[i]) == TABLE) return refuse(ck, n, TABLE);
    for (int i = 1; i < n->nin; i++) {
        const GraphNode *b = &nodes[n->in[i]];
        if ((c == FLOAT) != (class_of(ck, n->in[i]) == FLOAT) || (c == FLOAT && a->dtype != b->dtype)) return differ(ck, n, a, b);
    }
    if (c == FLOAT) keep(n, a);
    return true;
}

/* max maxpool concat pad upsample: they only move values, so i8 stays as it is. */
static bool rule_keep(Ck *ck, GraphNode *n)
{
    const GraphNode *nodes = ck->graph->nodes.at, *a = &nodes[n->in[0]];
    for (int i = 0; i < n->nin; i++) {
        const GraphNode *b = &nodes[n->in[i]];
        Class c = class_of(ck, n->in[i]);
        if (c == OPEN || c == TABLE) return refuse(ck, n, c);
        if (a->dtype != b->dtype || !same_quant(a, b)) return differ(ck, n, a, b);
    }
    keep(n, a);
    return true;
}

/* A cast brings its dtype along. What is open becomes i8 or f32 only: its accumulator is rounded once. */
static bool rule_cast(Ck *ck, const GraphNode *n, Class c)
{
    if (c == TABLE && n->dtype != DT_I8) return refuse(ck, n, c);
    if (c != OPEN || n->dtype == DT_I8 || n->dtype == DT_F32) return true;
    ck_error(ck, n->loc, "FCM1016", "what came of i8 is cast to i8(scale, zero) or f32 first, found %s", dtype_name(n->dtype));
    return false;
}

bool dtype_rule(Ck *ck, GraphNode *n, bool *table)
{
    Class c = class_of(ck, n->in[0]);
    *table = false;
    switch (n->op) {
    case GR_ACT: return rule_act(ck, n, c, table);
    case GR_ADD: case GR_SUB: case GR_MUL: return rule_element(ck, n);
    case GR_MAX: case GR_MAXPOOL: case GR_CONCAT: case GR_PAD: case GR_UPSAMPLE: return rule_keep(ck, n);
    case GR_CAST: return rule_cast(ck, n, c);
    case GR_LAYERNORM: case GR_SCALE: case GR_BLUR: return c == FLOAT ? rule_open(ck, n, c) : refuse(ck, n, c);
    case GR_BN: return c == OPEN ? true : rule_open(ck, n, c);
    default: return rule_open(ck, n, c);
    }
}
