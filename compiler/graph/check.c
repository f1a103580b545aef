/* check.c: graph_check. Collects the blocks, checks their names, evaluates the compiled block with its inputs, and reads off its
 * outputs. Every user error is reported here or in the files that check.h lists; nothing after this pass meets a bad graph. */
#include "check.h"

#include <string.h>

/* ---- blocks ---- */

/* Only what std.fcm defines may be defined again. */
static void add_def(Ck *ck, const AstBlock *b, bool std)
{
    int old = map_get(&ck->def_by_name, b->name.text);
    if (lang_op_find(b->name.text)) {
        ck_error(ck, b->name.loc, "FCM1021", "'%s' is an op; a block needs another name", b->name.text);
    } else if (old >= 0 && !ck->defs.at[old].std) {
        ck_error(ck, b->name.loc, "FCM1021", "block '%s' is defined twice", b->name.text);
        ck_note(ck, ck->defs.at[old].block->name.loc, "first here");
    } else {
        map_set(ck->arena, &ck->def_by_name, b->name.text, ck->defs.n);
    }
    vec_push(ck->arena, &ck->defs, (Def){ b, std, old });
}

static void collect(Ck *ck, const AstFiles *files)
{
    for (int f = 0; f < files->n; f++)
        for (int i = 0; i < files->at[f]->items.n; i++)
            if (files->at[f]->items.at[i].kind == AST_ITEM_BLOCK)
                add_def(ck, files->at[f]->items.at[i].u.block, f == 0 && files->n > 1);
}

/* The block to compile: by name, else the last one of the main file. */
static int find_root(Ck *ck, const AstFiles *files)
{
    const char *name = ck->options->block;
    const AstFile *main_file = vec_last(files);
    if (name) {
        const Def *d = def_find(ck, name, ck->defs.n);
        if (d) return (int)(d - ck->defs.at);
        ck_error(ck, (Loc){ 0 }, "FCM1025", "there is no block '%s'%s", name, ck_hint(ck, name, &ck->def_by_name, false));
        return -1;
    }
    for (int i = 0; i < main_file->items.n; i++)
        if (main_file->items.at[i].kind == AST_ITEM_BLOCK) return ck->defs.n - 1;       /* its blocks were collected last */
    ck_error(ck, (Loc){ main_file->source, 0, 0 }, "FCM1025", "the file has no block");
    return -1;
}

/* ---- the compiled block's parameters ---- */

static const GraphDefine *find_define(const Ck *ck, const char *name)
{
    for (int i = 0; i < ck->options->ndefines; i++)
        if (strcmp(ck->options->defines[i].name, name) == 0) return &ck->options->defines[i];
    return NULL;
}

/* A tensor becomes an input; a number comes from -D, else from its default. */
static Value root_param(Ck *ck, const AstParam *p)
{
    const GraphDefine *d = p->type ? NULL : find_define(ck, p->name.text);
    if (d) return INTEGER(d->value);
    if (p->type) {
        int node = type_input(ck, p);
        return node < 0 ? BAD : (Value){ .kind = VAL_TENSOR, .node = node };
    }
    if (p->value) return eval(ck, p->value);
    ck_error(ck, p->loc, "FCM1014", "the compiled block leaves '%s' open: give it with -D %s=…", p->name.text, p->name.text);
    return BAD;
}

/* An input without a dtype has that of the others; --dtype was asked before. */
static void share_dtype(Ck *ck)
{
    Graph *g = ck->graph;
    const GraphNode *from = NULL;
    for (int i = 0; i < g->inputs.n && !from; i++)
        if (g->nodes.at[g->inputs.at[i]].dtype != DT_NONE) from = &g->nodes.at[g->inputs.at[i]];
    for (int i = 0; i < g->inputs.n; i++) {
        GraphNode *n = &g->nodes.at[g->inputs.at[i]];
        if (n->dtype != DT_NONE) continue;
        if (from) n->dtype = from->dtype, n->quant = from->quant;
        else {
            ck_error(ck, n->loc, "FCM1015", "no dtype anywhere: write one, as in %s: f16[…], or give --dtype",
                     ck->info.at[g->inputs.at[i]].site->word);
            n->dtype = DT_F32;                                  /* so that the rest is checked too */
        }
    }
}

static bool opens(const AstBlock *b, const char *name, Ck *ck, Map *open)
{
    for (int i = 0; i < b->params.n; i++) {
        const AstParam *p = &b->params.at[i];
        if (!p->type) map_set(ck->arena, open, p->name.text, 0);
        for (int j = 0; p->type && j < p->type->extents.n; j++)
            if (p->type->extents.at[j]->kind == AST_NAME) map_set(ck->arena, open, p->type->extents.at[j]->name.text, 0);
    }
    return map_get(open, name) >= 0;
}

static void check_defines(Ck *ck, const AstBlock *b)
{
    for (int i = 0; i < ck->options->ndefines; i++) {
        const char *name = ck->options->defines[i].name;
        Map open = { 0 };
        if (!opens(b, name, ck, &open))
            ck_error(ck, (Loc){ 0 }, "FCM1025", "-D %s: block '%s' leaves no such name open%s", name, b->name.text,
                     ck_hint(ck, name, &open, false));
    }
}

/* ---- outputs ---- */

static bool declared_nchw(const AstBlock *b, const char *name)
{
    for (int i = 0; i < b->stmts.n; i++) {
        const AstStmt *st = b->stmts.at[i];
        if (st->type && st->type->layout.text && strcmp(st->names.at[0].text, name) == 0) return true;
    }
    return false;
}

/* Outputs are named in files, headers and functions' arguments, beside the inputs: one name, one tensor. */
static void output_clashes(Ck *ck, const GraphOutput *out)
{
    const Graph *g = ck->graph;
    for (int i = 0; i < g->outputs.n; i++) {
        const GraphOutput *o = &g->outputs.at[i];
        if (strcmp(o->name, out->name) == 0)
            ck_error(ck, out->loc, "FCM1017", "two outputs are called '%s': bind them to names", out->name);
        else if (o->node == out->node) ck_error(ck, out->loc, "FCM1023", "'%s' and '%s' are the same tensor", o->name, out->name);
        else continue;
        ck_note(ck, o->loc, "the other one is here");
    }
    for (int i = 0; i < g->inputs.n; i++) {
        if (strcmp(ck->info.at[g->inputs.at[i]].site->word, out->name) != 0) continue;
        ck_error(ck, out->loc, "FCM1017", "an output and an input are both called '%s': bind the output to a name", out->name);
        ck_note(ck, g->nodes.at[g->inputs.at[i]].loc, "the input is here");
    }
}

static void add_output(Ck *ck, const AstBlock *b, const AstExpr *e, const Value *v)
{
    Graph *g = ck->graph;
    if (v->kind != VAL_TENSOR) return;
    GraphNode *n = &g->nodes.at[v->node];
    const char *name = e->kind == AST_NAME ? e->name.text : "out";
    GraphOutput out = { name, name, v->node, e->loc };
    if (n->op == GR_INPUT) {
        ck_error(ck, e->loc, "FCM1023", "the input '%s' is returned as it came; %s |> id would copy it", name, name);
        return;
    }
    if (n->dtype == DT_NONE)
        ck_error(ck, e->loc, "FCM1016", "the output '%s' has no dtype yet: cast it, |> i8(scale, zero) or |> f32", name);
    output_clashes(ck, &out);
    n->nchw = e->kind == AST_NAME && declared_nchw(b, name);
    vec_push(ck->arena, &g->outputs, out);
}

/* ---- the pass ---- */

/* The compiled block is no call: its frame has no call chain, its inputs come from types, its return is called "out". */
static void evaluate(Ck *ck, int root)
{
    const AstBlock *b = ck->defs.at[root].block;
    Frame *frame = NEW(ck->arena, Frame);
    *frame = (Frame){ .before = root };
    ck->frame = frame;
    check_defines(ck, b);
    for (int i = 0; i < b->params.n; i++) frame_bind(ck, b->params.at[i].name, root_param(ck, &b->params.at[i]));
    share_dtype(ck);
    frame->site = site_new(ck, SITE_BLOCK, NULL, b->name.text);
    Values returned = { 0 };
    block_body(ck, b, &returned);
    for (int i = 0; i < returned.n; i++) add_output(ck, b, b->returns.at[i], &returned.at[i]);
}

Graph *graph_check(Arena *a, Diag *d, const AstFiles *files, const GraphOptions *o)
{
    if (diag_errors(d) || files->n == 0) return NULL;           /* after a syntax error half a block would only mislead */
    Ck ck = { .arena = a, .diag = d, .options = o, .graph = NEW(a, Graph) };
    collect(&ck, files);
    for (int i = 0; i < ck.defs.n; i++) names_check(&ck, i);
    int root = find_root(&ck, files);
    if (root < 0) return NULL;
    ck.graph->block = ck.defs.at[root].block->name.text;
    ck.graph->loc = ck.defs.at[root].block->name.loc;
    evaluate(&ck, root);
    if (!diag_errors(d)) params_finish(&ck);
    if (diag_errors(d)) return NULL;
    if (ck.graph->outputs.n == 0) ice("block '%s' has no outputs and no errors", ck.graph->block);
    return ck.graph;
}
