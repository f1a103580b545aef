/* type.c: dtype[extents] layout. For what arrives (a parameter of a called block, a statement) a type binds and checks; for an input
 * of the compiled block it makes the tensor, with -D and --dtype for what it leaves open. */
#include "check.h"

#include <string.h>

/* f32, f16, bf16, or i8(scale, zero=0). */
bool type_dtype(Ck *ck, const AstType *t, DType *dtype, GraphQuant *q)
{
    const AstExpr *e = t->dtype;
    *dtype = DT_NONE;
    *q = (GraphQuant){ 0 };
    if (!e) return true;
    const LangOp *op = lang_op_find(e->name.text);
    if (!op || op->graph != GR_CAST) {
        ck_error(ck, e->name.loc, "FCM1001", "unknown dtype '%s'; there are f32, f16, bf16 and i8(scale, zero=0)", e->name.text);
        return false;
    }
    Arg *args = NEW_N(ck->arena, Arg, e->args.n + 1);
    for (int i = 0; i < e->args.n; i++)
        args[i] = (Arg){ .key = e->args.at[i].key, .value = eval(ck, e->args.at[i].value), .loc = e->args.at[i].value->loc };
    Cell cell[OP_ARGS];
    if (!op_args(ck, op, e->name, args, e->args.n, cell)) return false;
    *dtype = dtype_parse(op->name);
    if (*dtype == DT_I8) *q = (GraphQuant){ true, cell[0].real, (int)cell[1].v[0] };
    if (!q->present || q->scale > 0) return true;
    ck_error(ck, cell[0].loc, "FCM1011", "the scale of i8 is %g; it must be greater than 0", q->scale);
    return false;
}

static const char *dtype_text(Ck *ck, DType t, GraphQuant q)
{
    if (t == DT_NONE) return "no dtype until a cast";
    return q.present ? arena_printf(ck->arena, "i8(%.9g, %d)", q.scale, q.zero) : dtype_name(t);
}

static void check_dtype(Ck *ck, const AstType *t, AstName name, const GraphNode *n, Loc at)
{
    DType want;
    GraphQuant q;
    if (!type_dtype(ck, t, &want, &q) || want == DT_NONE) return;
    bool same_quant = !q.present || (q.scale == n->quant.scale && q.zero == n->quant.zero);
    if (want == n->dtype && same_quant) return;
    ck_error(ck, at, "FCM1005", "'%s' is declared %s, found %s", name.text, dtype_text(ck, want, q),
             dtype_text(ck, n->dtype, n->quant));
    ck_note(ck, t->dtype->loc, "declared here");
}

/* The batch: the same for all tensors. A name stands for it; a number must be the batch that the compiled block fixes. */
static void check_batch(Ck *ck, const AstExpr *e, Loc at)
{
    if (e->kind == AST_NAME) {
        const Value *v = frame_find(ck->frame, e->name.text);
        if (!v) frame_bind(ck, e->name, (Value){ .kind = VAL_BATCH });
        else if (v->kind != VAL_BATCH && v->kind != VAL_BAD)
            ck_error(ck, e->loc, "FCM1013", "the first extent is the batch; '%s' is %s", e->name.text, ck_kind(ck, v));
        return;
    }
    if (e->kind != AST_NUMBER || e->integer == ck->graph->batch) return;
    if (ck->graph->batch)
        ck_error(ck, at, "FCM1004", "batch %lld is wanted, found %lld", (long long)e->integer, (long long)ck->graph->batch);
    else ck_error(ck, at, "FCM1004", "batch %lld is wanted, but the batch is open until run time", (long long)e->integer);
    ck_note(ck, e->loc, "declared here");
}

/* One extent: an unbound bare name is bound to what arrives. Returns what the type says (or arrives, after an error). */
static int64_t wanted_extent(Ck *ck, const AstExpr *e, int64_t arrives)
{
    if (e->kind == AST_NAME && !frame_find(ck->frame, e->name.text)) {
        frame_bind(ck, e->name, INTEGER(arrives));
        return arrives;
    }
    int64_t v;
    return eval_extent(ck, e, &v) ? v : arrives;
}

/* Names that stay unbound after an error would be called unknown wherever they are used. */
void type_give_up(Ck *ck, const AstType *t)
{
    for (int i = 0; i < t->extents.n; i++) {
        const AstExpr *e = t->extents.at[i];
        if (e->kind == AST_NAME && !frame_find(ck->frame, e->name.text)) frame_bind(ck, e->name, BAD);
    }
}

void type_check(Ck *ck, const AstType *t, AstName name, const GraphNode *arrived, Loc at)
{
    static const char *const axis[4] = { "batch", "height", "width", "channels" };
    GraphNode n = *arrived;                                     /* evaluating an extent may move the nodes */
    check_dtype(ck, t, name, &n, at);
    int rank = t->extents.n;
    if (rank != 2 && rank != 4) {
        type_give_up(ck, t);
        return;
    }
    check_batch(ck, t->extents.at[0], at);
    if (rank == 2 && (n.h != 1 || n.w != 1)) {
        ck_error(ck, at, "FCM1004", "'%s' is declared [N, C], which is one pixel; found %s", name.text, ck_shape(ck, &n));
        ck_note(ck, t->loc, "declared here");
        type_give_up(ck, t);
        return;
    }
    const int64_t found[4] = { 0, n.h, n.w, n.c };
    for (int i = 1; i < rank; i++) {
        int a = rank == 2 ? 3 : i;
        int64_t want = wanted_extent(ck, t->extents.at[i], found[a]);
        if (want == found[a]) continue;
        ck_error(ck, at, "FCM1004", "'%s' is declared with %s %lld, found %lld in %s", name.text, axis[a], (long long)want,
                 (long long)found[a], ck_shape(ck, &n));
        ck_note(ck, t->extents.at[i]->loc, "declared here");
    }
}

/* ---- inputs of the compiled block ---- */

static const GraphDefine *find_define(const Ck *ck, const char *name)
{
    for (int i = 0; i < ck->options->ndefines; i++)
        if (strcmp(ck->options->defines[i].name, name) == 0) return &ck->options->defines[i];
    return NULL;
}

/* A number in a type, or -D N=…, fixes the batch for the whole graph; without either it stays open until run time. */
static bool set_batch(Ck *ck, int64_t batch, Loc at)
{
    Graph *g = ck->graph;
    if (batch < 1 || batch > MAX_EXTENT) {
        ck_error(ck, at, "FCM1009", "a batch of %lld; from 1 to %lld is possible", (long long)batch, (long long)MAX_EXTENT);
        return false;
    }
    if (g->batch && g->batch != batch) {
        ck_error(ck, at, "FCM1004", "the batch is one for all tensors: %lld here, %lld before", (long long)batch,
                 (long long)g->batch);
        return false;
    }
    g->batch = batch;
    return true;
}

static bool input_batch(Ck *ck, const AstExpr *e)
{
    if (e->kind == AST_NUMBER) return set_batch(ck, e->integer, e->loc);
    if (e->kind != AST_NAME) return false;
    const Value *v = frame_find(ck->frame, e->name.text);
    if (v) {
        if (v->kind != VAL_BATCH)
            ck_error(ck, e->loc, "FCM1013", "the first extent is the batch; '%s' is %s", e->name.text, ck_kind(ck, v));
        return v->kind == VAL_BATCH;
    }
    frame_bind(ck, e->name, (Value){ .kind = VAL_BATCH });
    if (!ck->graph->batch_name) ck->graph->batch_name = e->name.text;
    const GraphDefine *d = find_define(ck, e->name.text);
    return !d || set_batch(ck, d->value, e->loc);
}

static bool input_extent(Ck *ck, const AstParam *p, const AstExpr *e, int64_t *out)
{
    if (e->kind == AST_NAME && !frame_find(ck->frame, e->name.text)) {
        const GraphDefine *d = find_define(ck, e->name.text);
        if (!d)
            ck_error(ck, e->loc, "FCM1014", "'%s' is open in the input '%s': give it with -D %s=…", e->name.text, p->name.text,
                     e->name.text);
        frame_bind(ck, e->name, d ? INTEGER(d->value) : BAD);
    }
    return eval_extent(ck, e, out);
}

/* The dtype that a type leaves open is --dtype's, else that of the inputs before. */
static bool input_dtype(Ck *ck, const AstParam *p, GraphNode *n)
{
    if (!type_dtype(ck, p->type, &n->dtype, &n->quant)) return false;
    if (n->dtype != DT_NONE) return true;
    n->dtype = ck->options->dtype;
    if (n->dtype == DT_I8) {
        ck_error(ck, p->loc, "FCM1016", "--dtype i8 gives '%s' no scale: write i8(scale, zero) in its type", p->name.text);
        return false;
    }
    return true;
}

/* Everything that is wrong with the type is told at once; the node is made only if nothing was. */
int type_input(Ck *ck, const AstParam *p)
{
    const AstType *t = p->type;
    GraphNode n = { .op = GR_INPUT, .loc = p->name.loc, .h = 1, .w = 1, .nchw = t->layout.text != NULL };
    bool fine = input_dtype(ck, p, &n);
    if (t->extents.n != 2 && t->extents.n != 4) {
        type_give_up(ck, t);
        return -1;
    }
    fine = input_batch(ck, t->extents.at[0]) && fine;
    int64_t *extent[3] = { &n.h, &n.w, &n.c };
    for (int i = 1; i < t->extents.n; i++) {
        int a = t->extents.n == 2 ? 2 : i - 1;
        fine = input_extent(ck, p, t->extents.at[i], extent[a]) && fine;
    }
    if (!fine || !size_check(ck, p->name.loc, "this tensor", n.h, n.w, n.c)) return -1;
    int node = node_add(ck, n, p->name.text, BIAS_NONE, false);
    if (node >= 0) vec_push(ck->arena, &ck->graph->inputs, node);
    return node;
}
