/* shape.c: one rule per op: what it makes of the shape of its operands. Output sizes come from base/window.h alone. */
#include "check.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The largest tensor is far beyond any memory; the limit keeps every later product of extents and element sizes in 64 bits. */
bool size_check(Ck *ck, Loc at, const char *what, int64_t h, int64_t w, int64_t c)
{
    int64_t batch = ck->graph->batch ? ck->graph->batch : 1, pixels, image, all;
    bool small = h <= MAX_EXTENT && w <= MAX_EXTENT && c <= MAX_EXTENT;
    if (small && win_mul(h, w, &pixels) && win_mul(pixels, c, &image) && win_mul(image, batch, &all) && all < MAX_ELEMENTS)
        return true;
    ck_error(ck, at, "FCM1009", "%s would be %lld x %lld x %lld%s; extents end at %lld, tensors below 2^40 elements", what,
             (long long)h, (long long)w, (long long)c, ck->graph->batch ? " for each image of the batch" : "", (long long)MAX_EXTENT);
    return false;
}

/* Puts the padding of one axis into a. With in = 8, k = 3, stride = 2:
 *
 *     same     1 before, 1 after: outputs at -1 1 3 5        [-1 0 1] [1 2 3] [3 4 5] [5 6 7]
 *     same_tf  0 before, 1 after: outputs at  0 2 4 6        [0 1 2] [2 3 4] [4 5 6] [6 7 8]
 *
 * same does not ask for the extent and is symmetric; same_tf makes ceil(in / stride) outputs and puts the odd pixel at the end. */
static bool set_padding(Ck *ck, const Cell *pad, int64_t before, int64_t after, int64_t in, WinAxis *a)
{
    int64_t extent = win_extent(a);
    if (extent > MAX_EXTENT) {
        ck_error(ck, pad->loc, "FCM1009", "a window of %lld with its dilation; at most %lld is possible", (long long)extent,
                 (long long)MAX_EXTENT);
        return false;
    }
    if (pad->word && strcmp(pad->word, "same") == 0) {
        if ((extent - 1) % 2 != 0) {
            ck_error(ck, pad->loc, "FCM1012",
                     "pad=same of k = %d, dilation = %d is %lld/2 on each side, no integer: give pad=… or same_tf",
                     a->k, a->dilation, (long long)(extent - 1));
            return false;
        }
        before = after = (extent - 1) / 2;
    } else if (pad->word) {
        int64_t span = win_in(a, (WinSpan){ 0, win_div_up(in, a->stride) }).n, total = span > in ? span - in : 0;
        before = total / 2, after = total - before;
    }
    a->before = (int)before, a->after = (int)after;
    return true;
}

/* Sets the result's height and width. Larger paddings could make an empty result non-empty, so they are part of the message. */
static bool not_empty(Ck *ck, Loc at, const GraphNode *x, GraphNode *n)
{
    n->h = win_out(&n->ah, x->h), n->w = win_out(&n->aw, x->w);
    if (n->h > 0 && n->w > 0) return true;
    bool rows = n->h <= 0;
    const WinAxis *a = rows ? &n->ah : &n->aw;
    ck_error(ck, at, "FCM1006", "empty result: a window of %lld %s on %lld, padded by %d and %d", (long long)win_extent(a),
             rows ? "rows" : "columns", (long long)(rows ? x->h : x->w), a->before, a->after);
    return false;
}

static bool window(Ck *ck, const Cell *k, const Cell *stride, const Cell *pad, const Cell *dilation, const GraphNode *x,
                   GraphNode *n)
{
    n->ah = (WinAxis){ (int)k->v[0], (int)stride->v[0], dilation ? (int)dilation->v[0] : 1, 0, 0 };
    n->aw = (WinAxis){ (int)k->v[1], (int)stride->v[1], dilation ? (int)dilation->v[1] : 1, 0, 0 };
    return set_padding(ck, pad, pad->v[0], pad->v[1], x->h, &n->ah) && set_padding(ck, pad, pad->v[2], pad->v[3], x->w, &n->aw) &&
           not_empty(ck, n->loc, x, n);
}

/* Weights obey the same limit as tensors; a, b, c are at most 2^62, 2^31 and 2^31. */
static bool weights_fit(Ck *ck, const GraphNode *n, int64_t a, int64_t b, int64_t c)
{
    int64_t ab, abc;
    if (win_mul(a, b, &ab) && win_mul(ab, c, &abc) && abc < MAX_ELEMENTS) return true;
    ck_error(ck, n->loc, "FCM1009", "the weights would be %lld x %lld x %lld; tensors stay below 2^40 elements", (long long)a,
             (long long)b, (long long)c);
    return false;
}

static bool groups_divide(Ck *ck, const Cell *groups, const char *what, int64_t channels)
{
    if (channels % groups->v[0] == 0) return true;
    ck_error(ck, groups->loc, "FCM1024", "%lld %s cannot be split into %lld groups", (long long)channels, what,
             (long long)groups->v[0]);
    return false;
}

static bool shape_conv(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    if (!groups_divide(ck, &c[5], "input channels", x->c) || !groups_divide(ck, &c[5], "output channels", c[0].v[0]))
        return false;
    n->c = c[0].v[0];
    n->groups = (int)c[5].v[0];
    return window(ck, &c[1], &c[2], &c[3], &c[4], x, n) && weights_fit(ck, n, n->c, (int64_t)n->ah.k * n->aw.k, x->c / n->groups);
}

/* Output channel c*mult + j reads input channel c. */
static bool shape_dw(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->mult = (int)c[4].v[0];
    return win_mul(x->c, n->mult, &n->c) && window(ck, &c[0], &c[1], &c[2], &c[3], x, n) &&
        weights_fit(ck, n, n->ah.k, n->aw.k, n->c);
}

static bool shape_pw(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->h = x->h, n->w = x->w, n->c = c[0].v[0];
    return weights_fit(ck, n, n->c, x->c, 1);
}

static bool shape_act(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->h = x->h, n->w = x->w, n->c = x->c;
    if (n->act == ACT_GELU_ERF && strcmp(c[0].word, "tanh") == 0) n->act = ACT_GELU_TANH;
    if (n->act == ACT_LEAKY || n->act == ACT_CLAMP) n->act_a = c[0].real;
    if (n->act == ACT_CLAMP) n->act_b = c[1].real;
    if (n->act != ACT_CLAMP || n->act_a <= n->act_b) return true;
    ck_error(ck, c[0].loc, "FCM1011", "clamp(lo, hi) with lo = %g above hi = %g", n->act_a, n->act_b);
    return false;
}

static bool shape_norm(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->h = x->h, n->w = x->w, n->c = x->c, n->eps = c[0].real;
    if (n->eps >= 0) return true;
    ck_error(ck, c[0].loc, "FCM1011", "eps is %g; it must not be negative", n->eps);
    return false;
}

static bool shape_reduce(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    (void)ck, (void)c;
    n->h = n->w = 1, n->c = x->c;
    return true;
}

static bool shape_avgpool(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->c = x->c;
    return window(ck, &c[0], &c[1], &c[2], NULL, x, n);
}

/* The maximum ignores padding, so each window must see a pixel. */
static bool sees_pixels(const WinAxis *a, int64_t in, int64_t out)
{
    return a->before < a->k && (out - 1) * a->stride - a->before < in;
}

static bool shape_maxpool(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    if (!shape_avgpool(ck, c, x, n)) return false;
    if (sees_pixels(&n->ah, x->h, n->h) && sees_pixels(&n->aw, x->w, n->w)) return true;
    ck_error(ck, c[2].loc, "FCM1011", "a window of maxpool would see padding only");
    return false;
}

/* As a window of one pixel, so that the sizes come from the one formula. */
static bool shape_pad(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->c = x->c;
    n->ah = (WinAxis){ 1, 1, 1, (int)c[0].v[0], (int)c[0].v[1] };
    n->aw = (WinAxis){ 1, 1, 1, (int)c[0].v[2], (int)c[0].v[3] };
    return not_empty(ck, n->loc, x, n);
}

static bool shape_upsample(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    (void)ck;
    n->upsample = (int)c[0].v[0];
    n->bilinear = strcmp(c[1].word, "bilinear") == 0;
    n->c = x->c;
    return win_mul(x->h, n->upsample, &n->h) && win_mul(x->w, n->upsample, &n->w);
}

static bool shape_blur(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    n->c = x->c;
    n->ah = (WinAxis){ 3, (int)c[0].v[0], 1, 1, 1 };
    n->aw = (WinAxis){ 3, (int)c[0].v[1], 1, 1, 1 };
    return not_empty(ck, n->loc, x, n);
}

static bool shape_same(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    (void)ck, (void)c;
    n->h = x->h, n->w = x->w, n->c = x->c;
    return true;
}

static bool shape_cast(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n)
{
    if (n->dtype == DT_I8) n->quant = (GraphQuant){ true, c[0].real, (int)c[1].v[0] };
    if (!n->quant.present || n->quant.scale > 0) return shape_same(ck, c, x, n);
    ck_error(ck, c[0].loc, "FCM1011", "the scale of i8 is %g; it must be greater than 0", n->quant.scale);
    return false;
}

/* Over channels; all operands have the same pixels. */
static bool shape_concat(Ck *ck, const Arg *args, GraphNode *n)
{
    const GraphNode *nodes = ck->graph->nodes.at, *first = &nodes[args[0].value.node];
    n->h = first->h, n->w = first->w, n->c = 0;
    for (int i = 0; i < n->nin; i++) {
        const GraphNode *x = &nodes[args[i].value.node];
        if (x->h != n->h || x->w != n->w) {
            ck_error(ck, n->loc, "FCM1004", "concat wants equal heights and widths, found %s and %s", ck_shape(ck, first),
                     ck_shape(ck, x));
            return false;
        }
        n->c += x->c;                                           /* at most MAX_NODES operands of at most MAX_EXTENT */
    }
    return true;
}

/* A rule fills in what the op makes of operand x: h, w, c and the op's own fields. It reports what cannot be. concat and + - * have
 * several operands and rules of their own. */
typedef bool ShapeRule(Ck *ck, const Cell *c, const GraphNode *x, GraphNode *n);
static ShapeRule *const rules[GR_OP_COUNT] = {
    [GR_CONV] = shape_conv,       [GR_DW] = shape_dw,       [GR_PW] = shape_pw,           [GR_ACT] = shape_act,
    [GR_BN] = shape_norm,         [GR_LAYERNORM] = shape_norm, [GR_MEAN] = shape_reduce,  [GR_MAX] = shape_reduce,
    [GR_AVGPOOL] = shape_avgpool, [GR_MAXPOOL] = shape_maxpool, [GR_PAD] = shape_pad,     [GR_UPSAMPLE] = shape_upsample,
    [GR_BLUR] = shape_blur,       [GR_SCALE] = shape_same,  [GR_CAST] = shape_cast,
};

/* Whether a convolution without a written bias has one depends on its readers, which are not there yet: params.c decides. */
static BiasMode bias_mode(const LangOp *op, const Cell *cells)
{
    for (int i = 0; op->arg[i].kind; i++)
        if (op->arg[i].kind == ARG_BOOL)
            return strcmp(cells[i].word, "auto") == 0 ? BIAS_AUTO : strcmp(cells[i].word, "true") == 0 ? BIAS_YES : BIAS_NONE;
    return BIAS_NONE;
}

static Value add(Ck *ck, GraphNode *n, const char *word, BiasMode bias)
{
    bool table;
    if (!size_check(ck, n->loc, "the result", n->h, n->w, n->c) || !dtype_rule(ck, n, &table)) return BAD;
    int node = node_add(ck, *n, word, bias, table);
    return node < 0 ? BAD : (Value){ .kind = VAL_TENSOR, .node = node };
}

/* How many arguments are operands: one, and for concat every tensor. */
static int operands(Ck *ck, const LangOp *op, AstName name, const Arg *args, int n)
{
    int nin = 1;
    while (op->graph == GR_CONCAT && nin < n && args[nin].value.kind == VAL_TENSOR && !args[nin].key.text) nin++;
    if (op->graph == GR_CONCAT && nin < 2) {
        ck_error(ck, name.loc, "FCM1010", "concat wants two tensors or more");
        return 0;
    }
    return nin;
}

Value op_apply(Ck *ck, const LangOp *op, AstName name, const Arg *args, int n)
{
    Cell cells[OP_ARGS];
    int nin = operands(ck, op, name, args, n);
    if (nin == 0 || !op_args(ck, op, name, args + nin, n - nin, cells)) return BAD;
    GraphNode node = { .op = op->graph, .loc = name.loc, .nin = nin, .act = op->act };
    if (op->graph == GR_CAST) node.dtype = dtype_parse(op->name);
    node.in = NEW_N(ck->arena, int, nin);
    for (int i = 0; i < nin; i++) node.in[i] = args[i].value.node;
    const GraphNode *x = &ck->graph->nodes.at[node.in[0]];
    bool fine = op->graph == GR_CONCAT ? shape_concat(ck, args, &node) : rules[op->graph](ck, cells, x, &node);
    return fine ? add(ck, &node, op->name, bias_mode(op, cells)) : BAD;
}

/* ---- + - * ---- */

static const char *element_word(GraphOp op) { return op == GR_ADD ? "add" : op == GR_SUB ? "sub" : "mul"; }

/* The number is rounded to f32 when it is used; here it only must not become infinite. */
static Value with_number(Ck *ck, GraphNode *n, const Value *x, const Value *number, bool first)
{
    if (fabs(number->real) > FLT_MAX) {
        ck_error(ck, n->loc, "FCM1008", "%g beside a tensor is f32, where it overflows", number->real);
        return BAD;
    }
    const GraphNode *t = &ck->graph->nodes.at[x->node];
    n->h = t->h, n->w = t->w, n->c = t->c;
    n->nin = 1;
    n->in = NEW(ck->arena, int);
    n->in[0] = x->node;
    n->has_constant = true;
    n->constant = number->real;
    n->constant_first = first;
    return add(ck, n, element_word(n->op), BIAS_NONE);
}

/* Spreading: an h or w of 1 meets any other, also crosswise, [N, 1, W, C] with [N, H, 1, C]. Channels never spread. */
Value op_binary(Ck *ck, GraphOp op, Loc at, const Value *a, const Value *b)
{
    GraphNode n = { .op = op, .loc = at, .nin = 2 };
    if (a->kind != VAL_TENSOR) return with_number(ck, &n, b, a, true);
    if (b->kind != VAL_TENSOR) return with_number(ck, &n, a, b, false);
    const GraphNode *x = &ck->graph->nodes.at[a->node], *y = &ck->graph->nodes.at[b->node];
    bool fits = x->c == y->c && (x->h == y->h || x->h == 1 || y->h == 1) && (x->w == y->w || x->w == 1 || y->w == 1);
    if (!fits) {
        ck_error(ck, at, "FCM1004", "'%s' of %s and %s: channels must agree, heights and widths agree or be 1", graph_op_name(op),
                 ck_shape(ck, x), ck_shape(ck, y));
        return BAD;
    }
    n.h = x->h > y->h ? x->h : y->h;
    n.w = x->w > y->w ? x->w : y->w;
    n.c = x->c;
    n.in = NEW_N(ck->arena, int, 2);
    n.in[0] = a->node, n.in[1] = b->node;
    return add(ck, &n, element_word(op), BIAS_NONE);
}
