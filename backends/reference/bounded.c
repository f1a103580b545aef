/* bounded.c: prints <prefix>_bounded: the graph once more, as calls on triples (value, bound, variance) of rt/ref_bound.h. */
#include "print.h"

static void put_conv(const Ref *r, int id, const GraphNode *n, const GraphNode *in)
{
    const GraphParam *w = &r->g->params.at[n->weight];
    int64_t count = 1;
    for (int d = 0; d < w->rank; d++) count *= w->dim[d];
    text_line(r->out, "ref_b_enter(%s, t[%d], entered, (size_t)n * %lld);", ref_type_name(in->dtype), r->slot[n->in[0]],
              (long long)ref_elements(in));
    text_line(r->out, "ref_weights(%s, %s, weights, %lld);", ref_type_name(w->dtype), ref_param(r, n->weight), (long long)count);
    if (n->op == GR_PW) {
        text_line(r->out, "ref_b_pw(&x, (size_t)n * %lld, %lld, %lld, entered, weights, %s, t[%d]);", (long long)(n->h * n->w),
                  (long long)in->c, (long long)n->c, ref_param(r, n->bias), r->slot[id]);
        return;
    }
    text_line(r->out,
              "ref_b_dw(&x, n, (ref_dw){ %lld, %lld, %lld, %d, %lld, %lld, %d, %d, %d, %d, %d, %d, %d, %d }, entered, weights, "
              "%s, t[%d]);",
              (long long)in->h, (long long)in->w, (long long)in->c, n->mult, (long long)n->h, (long long)n->w, n->ah.k, n->aw.k,
              n->ah.stride, n->aw.stride, n->ah.dilation, n->aw.dilation, n->ah.before, n->aw.before, ref_param(r, n->bias),
              r->slot[id]);
}

static void put_bn(const Ref *r, int id, const GraphNode *n)
{
    text_open(r->out, "{");
    text_line(r->out, "const float *weight = %s, *bias = %s, *mean = %s, *var = %s;", ref_param(r, n->weight),
              ref_param(r, n->bias), ref_param(r, n->mean), ref_param(r, n->var));
    text_line(r->out, "float *s = (float *)weights, *shift = s + %lld;", (long long)n->c);
    text_open(r->out, "for (int c = 0; c < %lld; c++) {", (long long)n->c);
    text_line(r->out, "s[c] = weight[c] / sqrtf(var[c] + %s);", ref_number(r->arena, n->eps));
    text_line(r->out, "float m = mean[c] * s[c];");
    text_line(r->out, "shift[c] = bias[c] - m;");
    text_close(r->out, "}");
    text_line(r->out, "ref_b_bn(&x, (size_t)n * %lld, %lld, t[%d], s, shift, t[%d]);", (long long)(n->h * n->w), (long long)n->c,
              r->slot[n->in[0]], r->slot[id]);
    text_close(r->out, "}");
}

static void put_binary(const Ref *r, int id, const GraphNode *n)
{
    const char *name = n->op == GR_ADD ? "REF_ADD" : n->op == GR_SUB ? "REF_SUB" : "REF_MUL";
    const char *side[2];
    for (int i = 0; i < 2; i++) {
        const GraphNode *in = &r->g->nodes.at[n->in[i]];
        side[i] =
            arena_printf(r->arena, "(ref_operand){ t[%d], %lld, %lld }", r->slot[n->in[i]], (long long)in->h, (long long)in->w);
    }
    text_line(r->out, "ref_b_binary(&x, n, %lld, %lld, %lld, %s, %s, %s, t[%d]);", (long long)n->h, (long long)n->w,
              (long long)n->c, name, side[0], side[1], r->slot[id]);
}

/* x + a, x - a, a - x, x * a, all as f x + a. */
static void put_constant(const Ref *r, int id, const GraphNode *n)
{
    const char *c = ref_number(r->arena, n->constant), *f = "1", *a = "0";
    if (n->op == GR_MUL) f = arena_printf(r->arena, "REF_FACTOR(%s)", c);
    else a = arena_printf(r->arena, "%sREF_ADDEND(%s)", n->op == GR_SUB && !n->constant_first ? "-" : "", c);
    if (n->op == GR_SUB && n->constant_first) f = "-1";
    text_line(r->out, "ref_b_constant(&x, (size_t)n * %lld, %s, %s, t[%d], t[%d]);", (long long)ref_elements(n), f, a,
              r->slot[n->in[0]], r->slot[id]);
}

static void put_node(const Ref *r, int id)
{
    const GraphNode *n = &r->g->nodes.at[id];
    text_line(r->out, "x = (ref_ctx){ %s, u_acc, kappa, maxima + %d };", ref_type_name(n->dtype), 2 * id);
    if (n->op == GR_INPUT) {
        for (int i = 0; i < r->g->inputs.n; i++)
            if (r->g->inputs.at[i] == id)
                text_line(r->out, "ref_b_input(&x, in[%d], t[%d], (size_t)n * %lld);", i, r->slot[id],
                          (long long)ref_elements(n));
    } else if (ref_is_conv(n)) put_conv(r, id, n, &r->g->nodes.at[n->in[0]]);
    else if (n->op == GR_BN) put_bn(r, id, n);
    else if (n->op == GR_ACT)
        text_line(r->out, "ref_b_act(&x, (size_t)n * %lld, %s, %s, %s, t[%d], t[%d]);", (long long)ref_elements(n),
                  ref_act_name(n->act), ref_number(r->arena, n->act_a), ref_number(r->arena, n->act_b), r->slot[n->in[0]],
                  r->slot[id]);
    else if (n->nin > 1) put_binary(r, id, n);
    else put_constant(r, id, n);
}

static int64_t scratch(const Ref *r) /* doubles that are not per image: weights, or a bn's two vectors of f32 */
{
    int64_t n = r->weights;
    for (int i = 0; i < r->g->nodes.n; i++)
        if (r->g->nodes.at[i].c > n) n = r->g->nodes.at[i].c;
    return n;
}

void ref_print_bounded(Ref *r)
{
    int64_t fixed = scratch(r), image = r->entered + r->slots;
    text_put(r->out, "\n");
    text_line(r->out, "size_t %s_bounded_bytes(int n);", r->prefix);
    text_line(r->out, "size_t %s_bounded_bytes(int n) { return 8 * (%lld + 3 * (size_t)n * %lld); }", r->prefix, (long long)fixed,
              (long long)image);
    text_put(r->out, "\n");
    const char *args = "(int n, const void *packed_, const void *const *in, double *const *v, double *const *b, double *const "
                       "*s, double *maxima, double u_acc, double kappa, void *workspace)";
    text_line(r->out, "int %s_bounded%s;", r->prefix, args);
    text_line(r->out, "int %s_bounded%s", r->prefix, args);
    text_open(r->out, "{");
    text_line(r->out, "const char *packed = packed_;");
    text_line(r->out, "double *weights = workspace, *at = weights + %lld;", (long long)fixed);
    text_line(r->out, "ref_val entered, t[%d];", r->size.n);
    text_line(r->out, "ref_ctx x;");
    text_line(r->out, "static const size_t sizes[] = {");
    for (int s = 0; s < r->size.n; s++) text_line(r->out, "    %lld,", (long long)r->size.at[s]);
    text_line(r->out, "};");
    text_open(r->out, "for (int i = 0; i <= %d; i++) {", r->size.n);
    text_line(r->out, "size_t one = (size_t)n * (i < %d ? sizes[i] : %lld);", r->size.n, (long long)r->entered);
    text_line(r->out, "*(i < %d ? &t[i] : &entered) = (ref_val){ at, at + one, at + 2 * one };", r->size.n);
    text_line(r->out, "at += 3 * one;");
    text_close(r->out, "}");
    for (int i = 0; i < r->g->nodes.n; i++) put_node(r, i);
    for (int i = 0; i < r->g->outputs.n; i++) {
        int node = r->g->outputs.at[i].node, slot = r->slot[node];
        long long count = (long long)ref_elements(&r->g->nodes.at[node]);
        text_line(r->out,
                  "memcpy(v[%d], t[%d].v, 8 * (size_t)n * %lld), memcpy(b[%d], t[%d].b, 8 * (size_t)n * %lld), memcpy(s[%d], "
                  "t[%d].s, 8 * (size_t)n * %lld);",
                  i, slot, count, i, slot, count, i, slot, count);
    }
    text_line(r->out, "(void)packed, (void)entered;");
    text_line(r->out, "return 0;");
    text_close(r->out, "}");
}
