/* reference.c: prints the oracle: the header, pack, one function with a naive loop nest per node, and run, which calls them in
 * order. */
#include "reference.h"
#include "print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ALIGN = 64 };                /* bytes between parameters in packed */
extern const unsigned char fcm_embedded_ref_rt_h[], fcm_embedded_ref_bound_h[];

/* ---- facts ---- */
const char *ref_type_name(DType t) { return t == DT_F32 ? "REF_F32" : t == DT_F16 ? "REF_F16" : "REF_BF16"; }

const char *ref_act_name(Act a)
{
    static const char *const names[ACT_COUNT] = {
        [ACT_ID] = "REF_ID",         [ACT_RELU] = "REF_RELU", [ACT_RELU6] = "REF_RELU6",       [ACT_LEAKY] = "REF_LEAKY",
        [ACT_CLAMP] = "REF_CLAMP",   [ACT_SILU] = "REF_SILU", [ACT_GELU_ERF] = "REF_GELU",     [ACT_GELU_TANH] = "REF_GELU_TANH",
        [ACT_HSWISH] = "REF_HSWISH", [ACT_TANH] = "REF_TANH", [ACT_HSIGMOID] = "REF_HSIGMOID", [ACT_SIGMOID] = "REF_SIGMOID",
    };
    return names[a];
}

const char *ref_number(Arena *a, double v)
{
    char s[40];
    snprintf(s, sizeof s, "%.9g", (double)(float)v);
    return arena_printf(a, strpbrk(s, ".e") ? "%sf" : "%s.0f", s);
}

bool ref_is_conv(const GraphNode *n) { return n->op == GR_DW || n->op == GR_PW; }
int64_t ref_elements(const GraphNode *n) { return n->h * n->w * n->c; }

const char *ref_param(const Ref *r, int param)
{
    return param < 0 ? "NULL" : arena_printf(r->arena, "(const void *)(packed + %lld)", (long long)r->param[param]);
}

bool reference_has_exact(const Graph *g)
{
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *n = &g->nodes.at[i];
        double most = n->op == GR_MUL ? 2 : 1000;
        if (n->op == GR_ACT && !act_is_integer(n->act)) return true;
        if (n->has_constant && (n->constant != rint(n->constant) || fabs(n->constant) > most)) return true;
    }
    return false;
}

/* ---- memory ---- */
/* Buffers by first fit: a node's buffer is free again after its last reader. */
static void assign_slots(Ref *r)
{
    int count = r->g->nodes.n, *last = NEW_N(r->arena, int, count + 1), *owner = NEW_N(r->arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        last[i] = i;
        for (int k = 0; k < r->g->nodes.at[i].nin; k++) last[r->g->nodes.at[i].in[k]] = i;
    }
    for (int i = 0; i < r->g->outputs.n; i++) last[r->g->outputs.at[i].node] = count;
    for (int i = 0; i < count; i++) {
        int s = 0;
        while (s < r->size.n && owner[s] >= 0 && last[owner[s]] >= i) s++;
        if (s == r->size.n) vec_push(r->arena, &r->size, 0);
        owner[s] = i;
        r->slot[i] = s;
        int64_t n = ref_elements(&r->g->nodes.at[i]);
        if (n > r->size.at[s]) r->size.at[s] = n;
    }
    r->before = NEW_N(r->arena, int64_t, r->size.n + 1);
    for (int s = 0; s < r->size.n; s++) r->before[s + 1] = r->before[s] + r->size.at[s];
    r->slots = r->before[r->size.n];
}

/* False: more than 2^40 elements anywhere, so that byte counts stay far from 2^63. */
static bool measure(Ref *r)
{
    const Graph *g = r->g;
    const int64_t most = (int64_t)1 << 40;
    r->slot = NEW_N(r->arena, int, g->nodes.n + 1);
    r->param = NEW_N(r->arena, int64_t, g->params.n + 1);
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *n = &g->nodes.at[i];
        int64_t area;
        if (!win_mul(n->h, n->w, &area) || !win_mul(area, n->c, &area) || area > most) return false;
        if (!ref_is_conv(n)) continue;
        int64_t in = ref_elements(&g->nodes.at[n->in[0]]),
                w = n->op == GR_PW ? n->c * g->nodes.at[n->in[0]].c : n->ah.k * n->aw.k * n->c;
        if (in > r->entered) r->entered = in;
        if (w > r->weights) r->weights = w;
    }
    for (int i = 0; i < g->params.n; i++) {
        const GraphParam *p = &g->params.at[i];
        int64_t bytes = dtype_bytes(p->dtype);
        for (int d = 0; d < p->rank; d++)
            if (!win_mul(bytes, p->dim[d], &bytes) || bytes > most) return false;
        r->param[i] = r->packed;
        r->packed += win_round_up(bytes, ALIGN);
    }
    assign_slots(r);
    return r->packed <= most && r->slots <= most;
}

static int64_t param_bytes(const GraphParam *p)
{
    int64_t n = dtype_bytes(p->dtype);
    for (int d = 0; d < p->rank; d++) n *= p->dim[d];
    return n;
}

/* ---- the loop nests ---- */
static void put_comment(const Ref *r, const GraphNode *n)
{
    const char *at = "";
    if (r->o->diag && n->loc.file) {
        int line, col;
        diag_position(r->o->diag, n->loc, &line, &col);
        at = arena_printf(r->arena, "%s:%d ", diag_source(r->o->diag, n->loc.file)->path, line);
    }
    text_put(r->out, "\n");
    text_line(r->out, "/* %s%s = %s, [%lld, %lld, %lld] */", at, n->name,
              n->op == GR_ACT ? act_name(n->act) : graph_op_name(n->op), (long long)n->h, (long long)n->w, (long long)n->c);
}

/* The loops over the node's elements; opens `depth` levels to be closed by close_nest. */
static void open_nest(const Ref *r, const GraphNode *n)
{
    text_put(r->out, "#pragma omp parallel for collapse(2) num_threads(threads)\n");
    text_open(r->out, "for (int i = 0; i < n; i++)");
    text_open(r->out, "for (int p = 0; p < %lld; p++)", (long long)n->h);
    text_open(r->out, "for (int q = 0; q < %lld; q++)", (long long)n->w);
    text_open(r->out, "for (int k = 0; k < %lld; k++) {", (long long)n->c);
}

static void close_nest(const Ref *r)
{
    text_close(r->out, "}");
    r->out->indent -= 3;
}

static const char *out_index(const Ref *r, const GraphNode *n)
{
    return arena_printf(r->arena, "REF_AT(i, p, q, k, %lld, %lld, %lld)", (long long)n->h, (long long)n->w, (long long)n->c);
}

static void print_conv(const Ref *r, int id, const GraphNode *n, const GraphNode *in)
{
    text_line(r->out, "static void node%d(int n, const double *x, const double *w, const float *bias, double *y, int threads)",
              id);
    text_open(r->out, "{");
    open_nest(r, n);
    text_line(r->out, "double v = %s;", n->bias >= 0 ? "bias[k]" : "0");
    if (n->op == GR_PW) {
        text_line(
            r->out,
            "for (int c = 0; c < %lld; c++) v += x[REF_AT(i, p, q, c, %lld, %lld, %lld)] * w[(size_t)k * %lld + (size_t)c];",
            (long long)in->c, (long long)in->h, (long long)in->w, (long long)in->c, (long long)in->c);
    } else {
        text_open(r->out, "for (int r = 0; r < %d; r++)", n->ah.k);
        text_open(r->out, "for (int s = 0; s < %d; s++) {", n->aw.k);
        text_line(r->out, "int h = p * %d - %d + r * %d, u = q * %d - %d + s * %d;", n->ah.stride, n->ah.before, n->ah.dilation,
                  n->aw.stride, n->aw.before, n->aw.dilation);
        text_line(r->out, "if (h < 0 || h >= %lld || u < 0 || u >= %lld) continue;", (long long)in->h, (long long)in->w);
        text_line(r->out, "v += x[REF_AT(i, h, u, k / %d, %lld, %lld, %lld)] * w[(size_t)(r * %d + s) * %lld + (size_t)k];",
                  n->mult, (long long)in->h, (long long)in->w, (long long)in->c, n->aw.k, (long long)n->c);
        text_close(r->out, "}");
        r->out->indent--;
    }
    text_line(r->out, "y[%s] = v;", out_index(r, n));
    close_nest(r);
    if (n->bias < 0) text_line(r->out, "(void)bias;");
    text_close(r->out, "}");
}

static void print_bn(const Ref *r, int id, const GraphNode *n)
{
    text_line(r->out,
              "static void node%d(int n, const double *x, const float *weight, const float *bias, const float *mean, const float "
              "*var, double *y, int threads)",
              id);
    text_open(r->out, "{");
    open_nest(r, n);
    text_line(r->out, "float s = weight[k] / sqrtf(var[k] + %s), m = mean[k] * s, t = bias[k] - m;",
              ref_number(r->arena, n->eps));
    text_line(r->out, "y[%s] = x[%s] * s + t;", out_index(r, n), out_index(r, n));
    close_nest(r);
    text_close(r->out, "}");
}

static const char *operand(const Ref *r, const char *name, const GraphNode *in)
{
    return arena_printf(r->arena, "%s[REF_AT(i, %s, %s, k, %lld, %lld, %lld)]", name, in->h == 1 ? "0" : "p",
                        in->w == 1 ? "0" : "q", (long long)in->h, (long long)in->w, (long long)in->c);
}

static void print_elementwise(const Ref *r, int id, const GraphNode *n)
{
    const GraphNode *x = &r->g->nodes.at[n->in[0]], *z = n->nin > 1 ? &r->g->nodes.at[n->in[1]] : NULL;
    const char *sign = n->op == GR_ADD ? "+" : n->op == GR_SUB ? "-" : "*", *v = operand(r, "x", x), *e;
    if (n->op == GR_ACT)
        e = arena_printf(r->arena, "ref_act(%s, %s, %s, %s)", ref_act_name(n->act), ref_number(r->arena, n->act_a),
                         ref_number(r->arena, n->act_b), v);
    else {
        const char *c =
            arena_printf(r->arena, "%s(%s)", n->op == GR_MUL ? "REF_FACTOR" : "REF_ADDEND", ref_number(r->arena, n->constant));
        const char *w = z ? operand(r, "z", z) : c;
        e = n->has_constant && n->constant_first ? arena_printf(r->arena, "%s %s %s", w, sign, v)
                                                 : arena_printf(r->arena, "%s %s %s", v, sign, w);
    }
    text_line(r->out, "static void node%d(int n, const double *x, %sdouble *y, int threads)", id, z ? "const double *z, " : "");
    text_open(r->out, "{");
    open_nest(r, n);
    text_line(r->out, "y[%s] = %s;", out_index(r, n), e);
    close_nest(r);
    text_close(r->out, "}");
}

static void print_node(const Ref *r, int id)
{
    const GraphNode *n = &r->g->nodes.at[id];
    if (n->op == GR_INPUT) return;
    put_comment(r, n);
    if (ref_is_conv(n)) print_conv(r, id, n, &r->g->nodes.at[n->in[0]]);
    else if (n->op == GR_BN) print_bn(r, id, n);
    else if (n->op == GR_ACT || n->op == GR_ADD || n->op == GR_SUB || n->op == GR_MUL) print_elementwise(r, id, n);
    else ice("the reference has no '%s'", graph_op_name(n->op));
}

/* ---- run ---- */
static void call_node(const Ref *r, int id)
{
    const GraphNode *n = &r->g->nodes.at[id];
    int y = r->slot[id];
    if (n->op == GR_INPUT) return;
    int x = r->slot[n->in[0]];
    if (ref_is_conv(n)) {
        const GraphNode *in = &r->g->nodes.at[n->in[0]];
        const GraphParam *w = &r->g->params.at[n->weight];
        text_line(r->out, "ref_enter(%s, t%d, entered, (size_t)n * %lld);", ref_type_name(in->dtype), x,
                  (long long)ref_elements(in));
        text_line(r->out, "ref_weights(%s, %s, weights, %lld);", ref_type_name(w->dtype), ref_param(r, n->weight),
                  (long long)(param_bytes(w) / dtype_bytes(w->dtype)));
        text_line(r->out, "node%d(n, entered, weights, %s, t%d, threads);", id, ref_param(r, n->bias), y);
    } else if (n->op == GR_BN) {
        text_line(r->out, "node%d(n, t%d, %s, %s, %s, %s, t%d, threads);", id, x, ref_param(r, n->weight), ref_param(r, n->bias),
                  ref_param(r, n->mean), ref_param(r, n->var), y);
    } else if (n->nin > 1) text_line(r->out, "node%d(n, t%d, t%d, t%d, threads);", id, x, r->slot[n->in[1]], y);
    else text_line(r->out, "node%d(n, t%d, t%d, threads);", id, x, y);
}

/* A name of the user's as a parameter of run: its own locals and C's words get a _. */
static const char *ident(Arena *a, const char *name)
{
    static const char *const words[] = {
        "auto",   "break",  "case",   "char",   "const",     "continue", "default", "do",       "double",   "else",     "enum",
        "extern", "float",  "for",    "goto",   "if",        "inline",   "int",     "long",     "register", "restrict", "short",
        "signed", "sizeof", "static", "struct", "switch",    "typedef",  "union",   "unsigned", "void",     "volatile", "while",
        "asm",    "main",   "n",      "packed", "workspace", "threads",  "weights", "entered",  "temps",    "i",
    };
    bool local = name[0] == 't' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) local |= strcmp(name, words[i]) == 0;
    return local ? arena_printf(a, "%s_", name) : name;
}

/* n, packed, inputs, outputs as parameters of run; with names only, as conditions of its null check. */
static const char *tensor_list(const Ref *r, const char *in, const char *out)
{
    Text t = text_new(r->arena);
    for (int i = 0; i < r->g->inputs.n; i++) text_printf(&t, in, ident(r->arena, r->g->nodes.at[r->g->inputs.at[i]].name));
    for (int i = 0; i < r->g->outputs.n; i++) text_printf(&t, out, ident(r->arena, r->g->outputs.at[i].cname));
    return t.at;
}

static void print_run(const Ref *r)
{
    text_put(r->out, "\n");
    text_line(r->out, "int %s_run(int n, const void *packed_, %svoid *workspace, int threads)", r->prefix,
              tensor_list(r, "const void *%s, ", "void *%s, "));
    text_open(r->out, "{");
    text_line(r->out, "const char *packed = packed_;");
    text_line(r->out, "double *weights = workspace;");
    if (r->g->batch) text_line(r->out, "if (n != %lld) return 2;", (long long)r->g->batch);
    text_line(r->out, "if (n < 0) return 2;");
    text_line(r->out, "if (n == 0) return 0;");
    text_line(r->out, "if (%s%s!workspace) return 1;", r->g->params.n ? "!packed || " : "", tensor_list(r, "!%s || ", "!%s || "));
    text_line(r->out, "if (threads < 1) threads = omp_get_max_threads();");
    text_line(r->out, "double *entered = weights + %lld, *temps = entered + (size_t)n * %lld;", (long long)r->weights,
              (long long)r->entered);
    for (int s = 0; s < r->size.n; s++) text_line(r->out, "double *t%d = temps + (size_t)n * %lld;", s, (long long)r->before[s]);
    for (int i = 0; i < r->g->inputs.n; i++) {
        const GraphNode *n = &r->g->nodes.at[r->g->inputs.at[i]];
        text_line(r->out, "ref_weights(%s, %s, t%d, (size_t)n * %lld);", ref_type_name(n->dtype), ident(r->arena, n->name),
                  r->slot[r->g->inputs.at[i]], (long long)ref_elements(n));
    }
    for (int i = 0; i < r->g->nodes.n; i++) call_node(r, i);
    for (int i = 0; i < r->g->outputs.n; i++) {
        const GraphOutput *o = &r->g->outputs.at[i];
        const GraphNode *n = &r->g->nodes.at[o->node];
        text_line(r->out, "for (size_t i = 0; i < (size_t)n * %lld; i++) ref_store(%s, %s, i, t%d[i]);",
                  (long long)ref_elements(n), ref_type_name(n->dtype), ident(r->arena, o->cname), r->slot[o->node]);
    }
    text_line(r->out, "(void)packed, (void)weights, (void)entered;");
    text_line(r->out, "return 0;");
    text_close(r->out, "}");
}

/* ---- the host functions ---- */
static void print_host(const Ref *r)
{
    text_put(r->out, "\n");
    text_line(r->out, "size_t %s_packed_bytes(void) { return %lld; }", r->prefix, (long long)r->packed);
    text_put(r->out, "\n");
    text_line(r->out, "size_t %s_workspace_bytes(int n, int threads)", r->prefix);
    text_open(r->out, "{");
    text_line(r->out, "(void)threads;");
    text_line(r->out, "return n < 0 ? 0 : %lld + (size_t)n * %lld;", (long long)(8 * r->weights),
              (long long)(8 * (r->entered + r->slots)));
    text_close(r->out, "}");
    text_put(r->out, "\n");
    text_line(r->out, "int %s_pack(const %s_params *p, void *packed)", r->prefix, r->prefix);
    text_open(r->out, "{");
    if (r->g->params.n == 0) text_line(r->out, "(void)p, (void)packed;");
    else text_line(r->out, "if (!p || !packed) return 1;");
    for (int i = 0; i < r->g->params.n; i++) text_line(r->out, "if (!p->%s) return 1;", r->g->params.at[i].cname);
    for (int i = 0; i < r->g->params.n; i++)
        text_line(r->out, "memcpy((char *)packed + %lld, p->%s, %lld);", (long long)r->param[i], r->g->params.at[i].cname,
                  (long long)param_bytes(&r->g->params.at[i]));
    text_line(r->out, "return 0;");
    text_close(r->out, "}");
    text_put(r->out, "\n");
    text_line(r->out, "const char *%s_error(int code)", r->prefix);
    text_open(r->out, "{");
    text_line(r->out, "return code == 0 ? \"no error\" : code == 1 ? \"a pointer is null\" : code == 2 ? \"the batch is not one "
                      "that this code runs\" : \"unknown error\";");
    text_close(r->out, "}");
}

static void print_header(const Ref *r, Text *h)
{
    const char *p = r->prefix;
    text_line(h, "/* %s.h: block %s, the reference%s%s. Made by fcmc; see the source file beside it. */", p, r->g->block,
              r->o->version ? ", fcmc " : "", r->o->version ? r->o->version : "");
    text_line(h, "#ifndef FCM_REF_%s_H\n#define FCM_REF_%s_H\n#include <stddef.h>\n", p, p);
    text_line(h, "#ifdef __cplusplus\nextern \"C\" {\n#endif");
    text_line(h, "/* Layouts: dw [R][S][C*mult], pw [K][C], vectors [C]; a convolution's weight has its input's dtype, all else "
                 "is f32. */");
    text_open(h, "typedef struct %s_params {", p);
    for (int i = 0; i < r->g->params.n; i++) {
        const GraphParam *q = &r->g->params.at[i];
        Text dims = text_new(r->arena);
        for (int d = 0; d < q->rank; d++) text_printf(&dims, "[%lld]", (long long)q->dim[d]);
        text_line(h, "const void *%s;   /* %s, %s %s */", q->cname, q->name, dtype_name(q->dtype), dims.at);
    }
    if (r->g->params.n == 0) text_line(h, "char none;");
    text_close(h, "} %s_params;", p);
    text_line(h, "size_t %s_packed_bytes(void);", p);
    text_line(h, "int %s_pack(const %s_params *params, void *packed);", p, p);
    text_line(h, "size_t %s_workspace_bytes(int n, int threads);", p);
    text_line(h, "/* NHWC, n images; threads 0: all. Returns 0, or a code for %s_error. */", p);
    text_line(h, "int %s_run(int n, const void *packed, %svoid *workspace, int threads);", p,
              tensor_list(r, "const void *%s, ", "void *%s, "));
    text_line(h, "const char *%s_error(int code);", p);
    text_line(h, "#ifdef __cplusplus\n}\n#endif\n#endif");
}

bool emit_reference(Arena *a, const Graph *g, const RefOptions *o, Text *source, Text *header)
{
    Ref r = { .arena = a, .g = g, .o = o, .prefix = o->prefix ? o->prefix : g->block, .out = source };
    if (!measure(&r)) return false;
    text_line(source, "/* %s: the reference of block %s%s%s: one naive loop nest per op, accumulating in double. Made by fcmc.",
              r.prefix, g->block, o->version ? ", fcmc " : "", o->version ? o->version : "");
    text_line(source, " * cc -std=c11 -O2 -fopenmp -ffp-contract=off -c; link with -lm. -DFCM_EXACT: activations and constants "
                      "become integer-valued. */");
    text_line(source, "#include \"%s\"", o->header ? o->header : arena_printf(a, "%s.h", r.prefix));
    text_line(source, "#include <omp.h>\n");
    text_put(source, (const char *)fcm_embedded_ref_rt_h);
    for (int i = 0; i < g->nodes.n; i++) print_node(&r, i);
    print_host(&r);
    print_run(&r);
    if (o->bounded) {
        text_put(source, "\n");
        text_put(source, (const char *)fcm_embedded_ref_bound_h);
        ref_print_bounded(&r);
    }
    print_header(&r, header);
    return true;
}
