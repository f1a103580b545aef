/* call.c: steps, calls of blocks, repeat.
 *
 *   x |> f(b)     step_of makes the step f(b); step_apply puts x before its arguments
 *   f(x, b)       the same, complete at once: all its tensors are there
 *   res(f(b))     f(b) is incomplete and stays a value until res applies it */
#include "check.h"

#include <string.h>

/* The newest definition of name among the first `before`. */
const Def *def_find(const Ck *ck, const char *name, int before)
{
    int i = map_get(&ck->def_by_name, name);
    while (i >= before) i = ck->defs.at[i].previous;
    return i < 0 ? NULL : &ck->defs.at[i];
}

/* After |> and before ( stands a step that a name is bound to, else a block, else an op. */
const Step *step_of_name(Ck *ck, AstName name)
{
    const Value *bound = frame_find(ck->frame, name.text);
    if (bound && bound->kind == VAL_BAD) return NULL;
    if (bound && bound->kind == VAL_STEP) {
        Step *closed = NEW(ck->arena, Step);
        *closed = *bound->step;
        closed->closed = true;
        return closed;
    }
    Step *s = NEW(ck->arena, Step);
    *s = (Step){ .name = name, .def = def_find(ck, name.text, ck->frame->before), .op = lang_op_find(name.text) };
    if (s->def) s->op = NULL;
    if (s->def || s->op) return s;
    if (bound) {
        ck_error(ck, name.loc, "FCM1003", "a step is wanted here, '%s' is %s", name.text, ck_kind(ck, bound));
        if (bound->bound.file) ck_note(ck, bound->bound, "bound here");
    } else if (name_is_word(name.text)) {
        ck_error(ck, name.loc, "FCM1003", "a step is wanted here, '%s' is a word", name.text);
    } else if (diag_errors(ck->diag) == 0) {
        ice("names.c let '%s' pass, which nothing binds", name.text);
    }
    return NULL;
}

/* f(x) with f a parameter is x |> f; anything else in the brackets would be a second set of arguments. */
static bool no_more_arguments(Ck *ck, const AstExpr *e, const Step *s, const Arg *args)
{
    if (!s->closed || e->args.n == 0) return true;
    if (e->args.n == 1 && !args[0].key.text && (args[0].value.kind == VAL_TENSOR || args[0].value.kind == VAL_BAD)) return true;
    ck_error(ck, e->args.at[0].value->loc, "FCM1010", "'%s' came as a step with its arguments and takes no more", e->name.text);
    ck_note(ck, s->name.loc, "written here");
    return false;
}

/* All arguments are evaluated, in the frame where they stand, even if the step is unknown: their errors are told in the same run. */
const Step *step_of(Ck *ck, const AstExpr *e)
{
    const Step *s = step_of_name(ck, e->name);
    Arg *args = NEW_N(ck->arena, Arg, e->args.n + (s ? s->nargs : 0) + 1);
    bool fine = s != NULL;
    for (int i = 0; i < e->args.n; i++) {
        args[i] = (Arg){ .key = e->args.at[i].key, .value = eval(ck, e->args.at[i].value), .loc = e->args.at[i].value->loc };
        fine = args[i].value.kind != VAL_BAD && fine;
    }
    if (!fine || !no_more_arguments(ck, e, s, args)) return NULL;
    if (e->args.n == 0) return s;
    for (int i = 0; i < s->nargs; i++) args[e->args.n + i] = s->args[i];
    Step *with = NEW(ck->arena, Step);
    *with = *s;
    with->args = args;
    with->nargs = e->args.n + s->nargs;
    return with;
}

/* A call is complete when it has as many tensors as its op or block takes; else it is a step that waits for the first one. */
static int tensors_wanted(const Step *s)
{
    if (s->op) return s->op->graph == GR_CONCAT ? 2 : 1;
    int n = 0;
    for (int i = 0; i < s->def->block->params.n; i++) n += s->def->block->params.at[i].type != NULL;
    return n;
}

bool step_is_complete(const Step *s)
{
    int n = 0;
    for (int i = 0; i < s->nargs; i++) n += s->args[i].value.kind == VAL_TENSOR || s->args[i].value.kind == VAL_SEVERAL;
    return n >= tensors_wanted(s);
}

/* ---- blocks ---- */

static int find_param(const AstBlock *b, const char *name)
{
    for (int i = 0; i < b->params.n; i++)
        if (strcmp(b->params.at[i].name.text, name) == 0) return i;
    return -1;
}

static bool unknown_key(Ck *ck, const AstBlock *b, AstName key)
{
    Map names = { 0 };
    for (int i = 0; i < b->params.n; i++) map_set(ck->arena, &names, b->params.at[i].name.text, i);
    ck_error(ck, key.loc, "FCM1010", "block '%s' has no parameter '%s'%s", b->name.text, key.text,
             ck_hint(ck, key.text, &names, false));
    ck_note(ck, b->name.loc, "the block is here");
    return false;
}

/* slot[p] = the argument for parameter p, or NULL. */
static bool assign(Ck *ck, const AstBlock *b, const Arg *args, int n, const Arg **slot)
{
    for (int i = 0; i < n; i++) {
        int p = args[i].key.text ? find_param(b, args[i].key.text) : i;
        if (p < 0) return unknown_key(ck, b, args[i].key);
        if (!args[i].key.text && i > 0 && args[i - 1].key.text) {
            ck_error(ck, args[i].loc, "FCM1010", "an argument of '%s' without a name follows one with a name", b->name.text);
            return false;
        }
        if (p >= b->params.n) {
            ck_error(ck, args[i].loc, "FCM1010", "too many arguments for block '%s': it takes %d, the tensor included",
                     b->name.text, b->params.n);
            ck_note(ck, b->name.loc, "the block is here");
            return false;
        }
        if (slot[p]) {
            ck_error(ck, args[i].loc, "FCM1010", "parameter '%s' of block '%s' is given twice", b->params.at[p].name.text,
                     b->name.text);
            ck_note(ck, slot[p]->loc, "first here");
            return false;
        }
        slot[p] = &args[i];
    }
    return true;
}

/* A parameter with a type is a tensor, one without is a number, a step or a word. */
static bool right_kind(Ck *ck, const AstBlock *b, const AstParam *p, const Value *v, Loc at)
{
    if (v->kind == VAL_BAD) return false;
    if (p->type ? v->kind == VAL_TENSOR : v->kind != VAL_TENSOR && v->kind != VAL_SEVERAL && v->kind != VAL_BATCH) return true;
    ck_error(ck, at, "FCM1003", "parameter '%s' of block '%s' is %s, found %s", p->name.text, b->name.text,
             p->type ? "a tensor" : "a number or a step (it has no type)", ck_kind(ck, v));
    ck_note(ck, p->loc, "declared here");
    return false;
}

/* Binds the parameters in order, so that a default may use what stands before it. The frame is already the block's own, the
 * call chain still the caller's: what does not fit is the caller's error. */
static bool bind_params(Ck *ck, const AstBlock *b, const Arg **slot, AstName name, const GraphCall *inside)
{
    const GraphCall *outside = ck->frame->call;
    bool fine = true;
    for (int i = 0; i < b->params.n; i++) {
        const AstParam *p = &b->params.at[i];
        Value v = BAD;
        if (slot[i]) {
            if (right_kind(ck, b, p, &slot[i]->value, slot[i]->loc)) v = slot[i]->value;
            if (v.kind == VAL_TENSOR) type_check(ck, p->type, p->name, &ck->graph->nodes.at[v.node], slot[i]->loc);
        } else if (p->value && fine) {
            ck->frame->call = inside;
            v = eval(ck, p->value);
            if (!right_kind(ck, b, p, &v, p->value->loc)) v = BAD;
            ck->frame->call = outside;
        } else if (!p->value) {
            ck_error(ck, name.loc, "FCM1010", "block '%s' lacks its parameter '%s', %s", b->name.text, p->name.text,
                     p->type ? "a tensor" : "a number or a step");
            ck_note(ck, p->loc, "declared here");
        }
        fine = v.kind != VAL_BAD && fine;
        if (p->type) type_give_up(ck, p->type);
        frame_bind(ck, p->name, v);
    }
    return fine;
}

static Value several(Ck *ck, const Values *returned)
{
    if (returned->n == 1) return returned->at[0];
    int *nodes = NEW_N(ck->arena, int, returned->n);
    for (int i = 0; i < returned->n; i++) nodes[i] = returned->at[i].kind == VAL_TENSOR ? returned->at[i].node : -1;
    return returned->n ? (Value){ .kind = VAL_SEVERAL, .n = returned->n, .nodes = nodes } : BAD;
}

/* Each call has a frame: names of the caller are not seen. The sites of its statements hang below a site of its own. */
static Value call_block(Ck *ck, const Step *s, const Arg *args, int n)
{
    const AstBlock *b = s->def->block;
    const Arg **slot = NEW_N(ck->arena, const Arg *, b->params.n + 1);
    if (!assign(ck, b, args, n, slot)) return BAD;
    GraphCall *inside = NEW(ck->arena, GraphCall);
    *inside = (GraphCall){ b->name.text, s->name.loc, ck->frame->call };
    Frame *outer = ck->frame, *frame = NEW(ck->arena, Frame);
    Site *scope = ck->scope;
    *frame = (Frame){ .call = outer->call, .before = (int)(s->def - ck->defs.at) };
    frame->site = site_new(ck, SITE_BLOCK, scope, b->name.text);
    ck->frame = frame;
    Value result = BAD;
    if (bind_params(ck, b, slot, s->name, inside)) {
        Values returned = { 0 };
        frame->call = inside;
        block_body(ck, b, &returned);
        result = several(ck, &returned);
    }
    ck->frame = outer;
    ck->scope = scope;
    return result;
}

/* `p, q = f(x)`, or one name for a tensor or a number. */
static void bind_result(Ck *ck, const AstStmt *st, Value v)
{
    if (st->names.n == 1) {
        bool fine = v.kind == VAL_TENSOR || v.kind == VAL_INT || v.kind == VAL_REAL || v.kind == VAL_TUPLE || v.kind == VAL_BAD;
        if (!fine)
            ck_error(ck, st->value->loc, "FCM1003", "'%s' is bound to a tensor or a number, found %s", st->names.at[0].text,
                     ck_kind(ck, &v));
        if (fine && st->type && v.kind == VAL_TENSOR)
            type_check(ck, st->type, st->names.at[0], &ck->graph->nodes.at[v.node], st->names.at[0].loc);
        if (fine && st->type && v.kind != VAL_TENSOR && v.kind != VAL_BAD)
            ck_error(ck, st->type->loc, "FCM1003", "a type is for tensors, '%s' is %s", st->names.at[0].text, ck_kind(ck, &v));
        if (st->type) type_give_up(ck, st->type);
        frame_bind(ck, st->names.at[0], fine ? v : BAD);
        return;
    }
    bool fits = v.kind == VAL_SEVERAL && v.n == st->names.n;
    if (!fits && v.kind != VAL_BAD)
        ck_error(ck, st->value->loc, "FCM1019", "%d names on the left, %s on the right", st->names.n, ck_kind(ck, &v));
    for (int i = 0; i < st->names.n; i++)
        frame_bind(ck, st->names.at[i], fits && v.nodes[i] >= 0 ? (Value){ .kind = VAL_TENSOR, .node = v.nodes[i] } : BAD);
}

/* The scope, statement or return, is where ops and calls find their names (params.c). */
void block_body(Ck *ck, const AstBlock *b, Values *returned)
{
    for (int i = 0; i < b->stmts.n; i++) {
        const AstStmt *st = b->stmts.at[i];
        ck->scope = site_new(ck, SITE_STMT, ck->frame->site, st->names.at[0].text);
        bind_result(ck, st, eval(ck, st->value));
    }
    ck->scope = site_new(ck, SITE_RETURN, ck->frame->site, "return");
    for (int i = 0; i < b->returns.n; i++) vec_push(ck->arena, returned, eval_tensor(ck, b->returns.at[i]));
}

/* ---- applying ---- */

/* repeat(n, step) is the step written n times; 0 times is the tensor itself. */
static Value repeat(Ck *ck, const Step *s, const Arg *args, int n)
{
    Cell cell[OP_ARGS];
    if (!op_args(ck, s->op, s->name, args + 1, n - 1, cell)) return BAD;
    if (cell[0].v[0] > MAX_REPEAT) {
        ck_error(ck, cell[0].loc, "FCM1018", "repeat %lld times; at most %d is possible", (long long)cell[0].v[0], MAX_REPEAT);
        return BAD;
    }
    Value v = args[0].value;
    for (int64_t i = 0; i < cell[0].v[0] && v.kind != VAL_BAD; i++) v = step_apply(ck, cell[1].step, &v);
    return v;
}

/* Doubling blocks expand exponentially and empty blocks cost no node, so it is the applied steps that are counted. */
static bool limits_passed(Ck *ck, const Step *s)
{
    if (ck->stopped) return true;
    ck->stopped = ++ck->steps > MAX_NODES || ck->depth >= MAX_DEPTH || ck->nesting >= MAX_NESTING;
    if (!ck->stopped) return false;
    if (ck->steps > MAX_NODES) ck_error(ck, s->name.loc, "FCM1018", "the calls expand to more than %d ops", MAX_NODES);
    else if (ck->depth >= MAX_DEPTH) ck_error(ck, s->name.loc, "FCM1018", "calls are nested deeper than %d", MAX_DEPTH);
    else ck_error(ck, s->name.loc, "FCM1018", "nested deeper than %d expressions and calls", MAX_NESTING);
    return true;
}

static bool one_tensor_first(Ck *ck, const Step *s, const Arg *args, int n)
{
    const Value *v = n ? &args[0].value : NULL;
    if (v && v->kind == VAL_TENSOR && !args[0].key.text) return true;
    Loc at = v && args[0].loc.file ? args[0].loc : s->name.loc;
    ck_error(ck, at, "FCM1003", "'%s' works on a tensor, found %s", s->name.text, v ? ck_kind(ck, v) : "nothing");
    return false;
}

Value step_apply(Ck *ck, const Step *s, const Value *first)
{
    if (limits_passed(ck, s)) return BAD;
    int n = s->nargs + (first != NULL);
    Arg *args = NEW_N(ck->arena, Arg, n + 1);
    if (first) args[0] = (Arg){ .value = *first, .loc = s->name.loc };
    for (int i = 0; i < s->nargs; i++) args[i + (first != NULL)] = s->args[i];
    if (s->op && !one_tensor_first(ck, s, args, n)) return BAD;
    ck->depth += s->def != NULL;
    ck->nesting++;
    Value v = s->def                            ? call_block(ck, s, args, n)
              : s->op->graph == GR_OP_COUNT     ? repeat(ck, s, args, n)
                                                : op_apply(ck, s->op, s->name, args, n);
    ck->nesting--;
    ck->depth -= s->def != NULL;
    return v;
}
