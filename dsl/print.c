/* print.c: see print.h */
#include "print.h"
#include "scan.h"

#include <inttypes.h>
#include <string.h>

static const char *word_of(int kind)
{
    const char *name = token_kind_name(kind);
    if (strcmp(name, "a string in quotes") == 0) return "string";
    if (strncmp(name, "a ", 2) == 0) return name + 2;
    return name[0] == '\'' || strcmp(name, "|>") == 0 ? "sign" : kind == 0 ? "end" : "word";
}

void print_tokens(Diag *d, int source, Text *out)
{
    Tokens tokens;
    scan(out->arena, d, source, &tokens);
    const char *text = diag_source(d, source)->text;
    int line = 1;
    int32_t start = 0, at = 0;                                  /* of the line, and how far lines are counted */
    for (int i = 0; i < tokens.at.n; i++) {
        const Token *t = &tokens.at.at[i];
        for (; at < t->off; at++)
            if (text[at] == '\n') line++, start = at + 1;
        text_line(out, "%d:%d %s%s%.*s", line, t->off - start + 1, word_of(t->kind), t->len ? " " : "", t->len, text + t->off);
    }
}

static void expr(const AstExpr *e, Text *out);

static void arg(const AstArg *a, Text *out)
{
    if (!a->key.text) {
        expr(a->value, out);
        return;
    }
    text_open(out, "named %s", a->key.text);
    expr(a->value, out);
    out->indent--;
}

/* The line of the node itself. */
static void node(const AstExpr *e, Text *out)
{
    switch (e->kind) {
    case AST_NUMBER:
        if (e->is_int) text_line(out, "integer %" PRId64, e->integer);
        else text_line(out, "real %.17g", e->number);
        return;
    case AST_PAIR: text_line(out, "pair %" PRId64 "x%" PRId64, e->pair[0], e->pair[1]); return;
    case AST_NAME: text_line(out, "name %s", e->name.text); return;
    case AST_CALL: text_line(out, "call %s", e->name.text); return;
    case AST_TUPLE: text_line(out, "tuple"); return;
    case AST_PAREN: text_line(out, "paren"); return;
    case AST_PIPE: text_line(out, "pipe"); return;
    case AST_BINARY: text_line(out, "binary %c", e->op); return;
    case AST_NEGATE: text_line(out, "negate"); return;
    }
}

static void expr(const AstExpr *e, Text *out)
{
    node(e, out);
    out->indent++;
    for (int i = 0; i < e->args.n; i++) arg(&e->args.at[i], out);
    for (int i = 0; i < e->list.n; i++) expr(e->list.at[i], out);
    out->indent--;
}

static void type(const AstType *t, Text *out)
{
    if (!t) return;
    text_open(out, "type%s%s", t->layout.text ? " " : "", t->layout.text ? t->layout.text : "");
    if (t->dtype) {
        text_open(out, "dtype");
        expr(t->dtype, out);
        out->indent--;
    }
    for (int i = 0; i < t->extents.n; i++) expr(t->extents.at[i], out);
    out->indent--;
}

static void param(const AstParam *p, Text *out)
{
    text_open(out, "param %s", p->name.text);
    type(p->type, out);
    if (p->value) expr(p->value, out);
    out->indent--;
}

static void stmt(const AstStmt *s, Text *out)
{
    Text names = text_new(out->arena);
    for (int i = 0; i < s->names.n; i++) text_printf(&names, "%s%s", i ? ", " : "", s->names.at[i].text);
    text_open(out, "let %s", names.at);
    type(s->type, out);
    expr(s->value, out);
    out->indent--;
}

static void block(const AstBlock *b, Text *out)
{
    text_open(out, "block %s", b->name.text);
    for (int i = 0; i < b->params.n; i++) param(&b->params.at[i], out);
    for (int i = 0; i < b->stmts.n; i++) stmt(b->stmts.at[i], out);
    text_open(out, "return");
    for (int i = 0; i < b->returns.n; i++) expr(b->returns.at[i], out);
    out->indent -= 2;
}

static void plan(const AstPlan *p, Text *out)
{
    text_open(out, "plan %s for \"%s\"", p->block.text, p->device.text);
    for (int i = 0; i < p->args.n; i++) arg(&p->args.at[i], out);
    for (int i = 0; i < p->knobs.n; i++) {
        text_open(out, "let %s", p->knobs.at[i].name.text);
        expr(p->knobs.at[i].value, out);
        out->indent--;
    }
    out->indent--;
}

void print_ast(const AstFile *file, Text *out)
{
    for (int i = 0; i < file->items.n; i++) {
        const AstItem *item = &file->items.at[i];
        switch (item->kind) {
        case AST_ITEM_USE: text_line(out, "use \"%s\"", item->u.use->path.text); break;
        case AST_ITEM_BLOCK: block(item->u.block, out); break;
        case AST_ITEM_PLAN: plan(item->u.plan, out); break;
        }
    }
}
