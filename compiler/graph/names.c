/* names.c: what can be said about the names of a block before it is evaluated: bound once, bound before they are used, used at all.
 * Done once for every block, also for those that are not called; what is unknown here is silent later. */
#include "check.h"

#include <string.h>

typedef enum BindingKind { FROM_PARAM, FROM_TYPE, FROM_STMT } BindingKind;
typedef struct Binding { AstName name; BindingKind kind; bool used; } Binding;
typedef struct Scope { Ck *ck; Map names; VEC(Binding) bindings; int def; int depth; } Scope;

static const char *const words[] = { "same", "same_tf", "true", "false", "erf", "tanh", "nearest", "bilinear" };

bool name_is_word(const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

static void bind(Scope *s, AstName name, BindingKind kind)
{
    int old = map_get(&s->names, name.text);
    if (name_is_word(name.text)) {
        ck_error(s->ck, name.loc, "FCM1002", "'%s' is a word that ops take and cannot be bound", name.text);
    } else if (old >= 0) {
        ck_error(s->ck, name.loc, "FCM1002", "'%s' is bound twice", name.text);
        ck_note(s->ck, s->bindings.at[old].name.loc, "first here");
    } else {
        map_set(s->ck->arena, &s->names, name.text, s->bindings.n);
        vec_push(s->ck->arena, &s->bindings, (Binding){ name, kind, false });
    }
}

/* What a name may be that the block does not bind. */
static bool known(const Scope *s, const char *name)
{
    return lang_op_find(name) || name_is_word(name) || def_find(s->ck, name, s->def);
}

static void use(Scope *s, AstName name)
{
    int i = map_get(&s->names, name.text);
    if (i >= 0) s->bindings.at[i].used = true;
    else if (!known(s, name.text)) {
        const Def *below = def_find(s->ck, name.text, s->ck->defs.n);
        const char *hint = below ? "" : ck_hint(s->ck, name.text, &s->names, true);
        ck_error(s->ck, name.loc, "FCM1001", "unknown name '%s'%s", name.text, hint);
        if (!below) return;
        bool self = below == &s->ck->defs.at[s->def];
        ck_note(s->ck, below->block->name.loc,
                self ? "a block cannot call itself" : "a block sees only those above it; this one stands below");
    }
}

/* Which kind a name has depends on the call; that it is there does not. */
static void walk(Scope *s, const AstExpr *e)
{
    if (s->depth >= MAX_NESTING) {
        ck_error(s->ck, e->loc, "FCM1018", "nested deeper than %d expressions and calls", MAX_NESTING);
        return;
    }
    s->depth++;
    if (e->kind == AST_NAME || e->kind == AST_CALL) use(s, e->name);
    for (int i = 0; i < e->args.n; i++) walk(s, e->args.at[i].value);
    for (int i = 0; i < e->list.n; i++) walk(s, e->list.at[i]);
    s->depth--;
}

/* A bare name that is not bound yet is bound by the type; every other extent is an expression. */
static void walk_type(Scope *s, const AstType *t)
{
    Ck *ck = s->ck;
    DType dtype;
    GraphQuant q;
    if (t->dtype && t->dtype->kind == AST_NAME) type_dtype(ck, t, &dtype, &q);
    for (int i = 0; t->dtype && i < t->dtype->args.n; i++) walk(s, t->dtype->args.at[i].value);
    if (t->extents.n != 2 && t->extents.n != 4)
        ck_error(ck, t->loc, "FCM1022", "a tensor has four extents, [N, H, W, C], or two, [N, C]; found %d", t->extents.n);
    for (int i = 0; i < t->extents.n; i++) {
        const AstExpr *e = t->extents.at[i];
        if (i == 0 && e->kind != AST_NAME && !(e->kind == AST_NUMBER && e->is_int))
            ck_error(ck, e->loc, "FCM1013", "the first extent is the batch: a name or a number, in no arithmetic");
        else if (e->kind == AST_NAME && map_get(&s->names, e->name.text) < 0) bind(s, e->name, FROM_TYPE);
        else walk(s, e);
    }
    if (t->layout.text && strcmp(t->layout.text, "nchw") != 0)
        ck_error(ck, t->layout.loc, "FCM1020", "unknown layout '%s'; nchw may follow a type", t->layout.text);
}

static bool is_returned(const AstBlock *b, const char *name)
{
    for (int i = 0; i < b->returns.n; i++)
        if (b->returns.at[i]->kind == AST_NAME && strcmp(b->returns.at[i]->name.text, name) == 0) return true;
    return false;
}

static void walk_stmt(Scope *s, const AstBlock *b, const AstStmt *st)
{
    walk(s, st->value);
    if (st->type) {
        walk_type(s, st->type);
        if (st->type->layout.text && !is_returned(b, st->names.at[0].text))
            ck_error(s->ck, st->type->layout.loc, "FCM1020",
                     "a layout belongs to inputs and returned names; '%s' is not returned", st->names.at[0].text);
    }
    for (int i = 0; i < st->names.n; i++) bind(s, st->names.at[i], FROM_STMT);
}

/* The extents' names need no reader: [N, H, W, C] is how shapes are written. */
static void warn_unused(const Scope *s)
{
    for (int i = 0; i < s->bindings.n; i++) {
        const Binding *b = &s->bindings.at[i];
        if (!b->used && b->kind != FROM_TYPE)
            diag_warning(s->ck->diag, b->name.loc, "FCM1030", "'%s' is never used", b->name.text);
    }
}

void names_check(Ck *ck, int def)
{
    const AstBlock *b = ck->defs.at[def].block;
    Scope s = { .ck = ck, .def = def };
    for (int i = 0; i < b->params.n; i++) {
        const AstParam *p = &b->params.at[i];
        if (p->type) walk_type(&s, p->type);
        if (p->value) walk(&s, p->value);
        bind(&s, p->name, FROM_PARAM);
    }
    for (int i = 0; i < b->stmts.n; i++) walk_stmt(&s, b, b->stmts.at[i]);
    for (int i = 0; i < b->returns.n; i++) walk(&s, b->returns.at[i]);
    warn_unused(&s);
}
