/* ast.c: the nodes of ast.h, made from bottom to top as fcm.y recognises them. The one thing that is checked here is depth:
 * a sum of a million terms leans to the left a million deep, and every later pass recurses. */
#include "parser.h"

#include <stdlib.h>
#include <string.h>

static AstExpr *node(Parser *p, AstKind kind, Loc l)
{
    AstExpr *e = NEW(p->arena, AstExpr);
    e->kind = kind;
    e->loc = l;
    e->depth = 1;
    return e;
}

/* Takes child's depth into account; a node that gets too deep is reported and emptied to a leaf, and parsing ends there. */
static AstExpr *deepen(Parser *p, AstExpr *e, const AstExpr *child)
{
    if (child && child->depth >= e->depth) e->depth = child->depth + 1;
    if (e->depth <= AST_MAX_DEPTH) return e;
    if (!p->given_up)
        diag_error(p->diag, e->loc, "FCM0009", "an expression of more than %d levels; give parts of it a name", AST_MAX_DEPTH);
    p->given_up = true;
    return node(p, AST_NUMBER, e->loc);
}

/* ---- expressions ---- */

AstExpr *ast_leaf(Parser *p, AstKind kind, Loc l)
{
    AstExpr *e = node(p, kind, l);
    char *text = arena_strndup(p->arena, diag_source(p->diag, l.file)->text + l.off, (size_t)l.len), *end;
    e->number = strtod(text, NULL);
    e->is_int = strpbrk(text, ".eE") == NULL;
    e->integer = e->is_int ? strtoll(text, &end, 10) : 0;
    if (kind == AST_PAIR) {
        e->pair[0] = e->integer;
        e->pair[1] = strtoll(strchr(text, 'x') + 1, NULL, 10);
    }
    return e;
}

AstExpr *ast_name(Parser *p, AstName name)
{
    AstExpr *e = node(p, AST_NAME, name.loc);
    e->name = name;
    return e;
}

AstExpr *ast_list(Parser *p, AstExpr *list, AstExpr *e)
{
    if (!list) list = node(p, AST_TUPLE, e->loc);
    vec_push(p->arena, &list->list, e);
    return list;
}

AstExpr *ast_args(Parser *p, AstExpr *call, AstArg arg)
{
    if (!call) call = node(p, AST_CALL, arg.value->loc);
    vec_push(p->arena, &call->args, arg);
    return call;
}

AstExpr *ast_call(Parser *p, Loc l, AstName name, AstExpr *args)
{
    AstExpr *e = args ? args : node(p, AST_CALL, l);
    e->loc = l;
    e->name = name;
    for (int i = 0; i < e->args.n; i++)
        if (deepen(p, e, e->args.at[i].value) != e) return node(p, AST_NUMBER, l);
    return e;
}

/* Gives a list that ast_list() grew its kind and place. */
static AstExpr *settle(Parser *p, AstKind kind, Loc l, AstExpr *list)
{
    list->kind = kind;
    list->loc = l;
    for (int i = 0; i < list->list.n; i++)
        if (deepen(p, list, list->list.at[i]) != list) return node(p, AST_NUMBER, l);
    return list;
}

AstExpr *ast_group(Parser *p, Loc l, AstExpr *list) { return settle(p, list->list.n == 1 ? AST_PAREN : AST_TUPLE, l, list); }
AstExpr *ast_pipe(Parser *p, Loc l, AstExpr *list) { return settle(p, AST_PIPE, l, list); }

AstExpr *ast_binary(Parser *p, Loc l, int op, Loc op_loc, AstExpr *a, AstExpr *b)
{
    AstExpr *e = settle(p, AST_BINARY, l, ast_list(p, ast_list(p, NULL, a), b));
    e->op = op;
    e->op_loc = op_loc;
    return e;
}

AstExpr *ast_negate(Parser *p, Loc l, Loc op_loc, AstExpr *a)
{
    AstExpr *e = settle(p, AST_NEGATE, l, ast_list(p, NULL, a));
    e->op = '-';
    e->op_loc = op_loc;
    return e;
}

/* ---- types, statements, blocks: the containers grow while their list is being read ---- */

AstType *ast_type(Parser *p, Loc l, AstExpr *dtype, AstExpr *extents, AstName layout)
{
    AstType *t = NEW(p->arena, AstType);
    t->loc = l;
    t->dtype = dtype;
    t->layout = layout;
    for (int i = 0; i < extents->list.n; i++) vec_push(p->arena, &t->extents, extents->list.at[i]);
    return t;
}

AstParam ast_param(Loc l, AstName name, AstType *type, AstExpr *value) { return (AstParam){ name, type, value, l }; }

AstStmt *ast_names(Parser *p, AstStmt *stmt, AstName name)
{
    if (!stmt) stmt = NEW(p->arena, AstStmt);
    vec_push(p->arena, &stmt->names, name);
    return stmt;
}

AstStmt *ast_stmt(AstStmt *stmt, Loc l, AstType *type, AstExpr *value)
{
    stmt->loc = l;
    stmt->type = type;
    stmt->value = value;
    return stmt;
}

AstBlock *ast_params(Parser *p, AstBlock *head, AstParam param)
{
    if (!head) head = NEW(p->arena, AstBlock);
    vec_push(p->arena, &head->params, param);
    return head;
}

AstBlock *ast_head(Parser *p, AstBlock *head, AstName name)
{
    if (!head) head = NEW(p->arena, AstBlock);
    head->name = name;
    return head;
}

/* A body begins without errors of its own; a missing `return` is worth a word only if nothing else was wrong. */
AstBlock *ast_body(Parser *p, AstBlock *body, AstStmt *stmt)
{
    if (!body) {
        body = NEW(p->arena, AstBlock);
        p->broken = false;
    }
    if (stmt) vec_push(p->arena, &body->stmts, stmt);
    return body;
}

/* ---- plans and items ---- */

AstPlan *ast_plan_head(Parser *p, AstName block, AstExpr *args, AstName device)
{
    AstPlan *plan = NEW(p->arena, AstPlan);
    plan->block = block;
    plan->device = device;
    for (int i = 0; args && i < args->args.n; i++) vec_push(p->arena, &plan->args, args->args.at[i]);
    return plan;
}

AstPlan *ast_no_knobs(Parser *p)
{
    p->broken = false;
    return NEW(p->arena, AstPlan);
}

AstPlan *ast_knobs(Parser *p, AstPlan *knobs, AstKnob knob)
{
    vec_push(p->arena, &knobs->knobs, knob);
    return knobs;
}

void ast_add_use(Parser *p, Loc l, AstName path)
{
    AstUse *use = NEW(p->arena, AstUse);
    *use = (AstUse){ path, l };
    vec_push(p->arena, &p->file->items, (AstItem){ AST_ITEM_USE, { .use = use } });
}

/* A block or plan whose head was broken has no name and is dropped: its errors were reported. */
void ast_add_block(Parser *p, Loc l, AstBlock *head, AstBlock *body, Loc return_loc, AstExpr *returns)
{
    if (!head->name.text) return;
    head->loc = l;
    head->stmts.at = body->stmts.at;
    head->stmts.n = body->stmts.n;
    head->stmts.cap = body->stmts.cap;
    head->return_loc = return_loc;
    for (int i = 0; returns && i < returns->list.n; i++) vec_push(p->arena, &head->returns, returns->list.at[i]);
    vec_push(p->arena, &p->file->items, (AstItem){ AST_ITEM_BLOCK, { .block = head } });
}

void ast_add_plan(Parser *p, Loc l, AstPlan *head, AstPlan *knobs)
{
    if (!head->block.text) return;
    head->loc = l;
    head->knobs.at = knobs->knobs.at;
    head->knobs.n = knobs->knobs.n;
    head->knobs.cap = knobs->knobs.cap;
    vec_push(p->arena, &p->file->items, (AstItem){ AST_ITEM_PLAN, { .plan = head } });
}
