/* eval.c: expressions. Numbers are exact 64-bit integers or doubles; what is a tensor becomes a node (shape.c). */
#include "check.h"

#include <math.h>
#include <string.h>

const Value *frame_find(const Frame *f, const char *name)
{
    int i = map_get(&f->names, name);
    return i < 0 ? NULL : &f->values.at[i];
}

void frame_bind(Ck *ck, AstName name, Value v)
{
    Frame *f = ck->frame;
    if (map_get(&f->names, name.text) >= 0) return;             /* bound twice: names.c said so */
    v.bound = name.loc;
    map_set(ck->arena, &f->names, name.text, f->values.n);
    vec_push(ck->arena, &f->values, v);
}

static Value overflow(Ck *ck, Loc at, const char *what)
{
    ck_error(ck, at, "FCM1008", "%s overflows", what);
    return BAD;
}

static Value real_value(Ck *ck, Loc at, double v)
{
    return isfinite(v) ? (Value){ .kind = VAL_REAL, .real = v } : overflow(ck, at, "this number");
}

/* Exact between integers: a channel count that silently loses its rest would be another network. */
static Value divide(Ck *ck, Loc at, const Value *a, const Value *b)
{
    if (b->real == 0) {
        ck_error(ck, at, "FCM1007", "division by zero");
        return BAD;
    }
    if (a->kind == VAL_REAL || b->kind == VAL_REAL) return real_value(ck, at, a->real / b->real);
    if (a->integer == INT64_MIN && b->integer == -1) return overflow(ck, at, "this quotient");
    if (a->integer % b->integer == 0) return INTEGER(a->integer / b->integer);
    ck_error(ck, at, "FCM1007", "%lld/%lld is no integer", (long long)a->integer, (long long)b->integer);
    return BAD;
}

/* Integers stay integers and never wrap; one real operand makes the result real. */
static Value number_binary(Ck *ck, int op, Loc at, const Value *a, const Value *b)
{
    if (op == '/') return divide(ck, at, a, b);
    if (a->kind == VAL_REAL || b->kind == VAL_REAL)
        return real_value(ck, at, op == '+' ? a->real + b->real : op == '-' ? a->real - b->real : a->real * b->real);
    int64_t r;
    bool fits = op == '*'   ? win_mul(a->integer, b->integer, &r)
                : op == '+' ? win_add(a->integer, b->integer, &r)
                            : b->integer != INT64_MIN && win_add(a->integer, -b->integer, &r);
    return fits ? INTEGER(r) : overflow(ck, at, op == '*' ? "this product" : op == '+' ? "this sum" : "this difference");
}

static bool is_number(const Value *v) { return v->kind == VAL_INT || v->kind == VAL_REAL; }

/* A value that arithmetic takes: a number or one tensor. */
static bool is_operand(Ck *ck, const Value *v, const AstExpr *e)
{
    if (v->kind == VAL_BAD) return false;
    if (is_number(v) || v->kind == VAL_TENSOR) return true;
    if (v->kind == VAL_BATCH) ck_error(ck, e->loc, "FCM1013", "the batch is known at run time only and stands in no arithmetic");
    else ck_error(ck, e->loc, "FCM1003", "a number or a tensor is wanted here, found %s", ck_kind(ck, v));
    return false;
}

static Value eval_binary(Ck *ck, const AstExpr *e)
{
    Value a = eval(ck, e->list.at[0]), b = eval(ck, e->list.at[1]);
    bool fine = is_operand(ck, &a, e->list.at[0]);
    fine = is_operand(ck, &b, e->list.at[1]) && fine;
    if (!fine) return BAD;
    if (is_number(&a) && is_number(&b)) return number_binary(ck, e->op, e->op_loc, &a, &b);
    if (e->op == '/') {
        ck_error(ck, e->op_loc, "FCM1003", "'/' is for numbers; found %s / %s", ck_kind(ck, &a), ck_kind(ck, &b));
        return BAD;
    }
    return op_binary(ck, e->op == '+' ? GR_ADD : e->op == '-' ? GR_SUB : GR_MUL, e->op_loc, &a, &b);
}

/* -x of a tensor is x * -1, which every target can do. */
static Value eval_negate(Ck *ck, const AstExpr *e)
{
    Value v = eval(ck, e->list.at[0]), minus = INTEGER(-1);
    if (!is_operand(ck, &v, e->list.at[0])) return BAD;
    if (v.kind == VAL_REAL) return (Value){ .kind = VAL_REAL, .real = -v.real };
    if (v.kind == VAL_INT) return number_binary(ck, '*', e->loc, &v, &minus);
    return op_binary(ck, GR_MUL, e->loc, &v, &minus);
}

/* (h, w) or (top, bottom, left, right): sizes, so integers only. */
static Value eval_tuple(Ck *ck, const AstExpr *e)
{
    Value t = { .kind = VAL_TUPLE, .n = e->list.n };
    if (t.n != 2 && t.n != 4) {
        ck_error(ck, e->loc, "FCM1003", "a tuple has two or four numbers, found %d", t.n);
        return BAD;
    }
    for (int i = 0; i < e->list.n; i++) {
        Value v = eval(ck, e->list.at[i]);
        if (v.kind != VAL_INT && v.kind != VAL_BAD)
            ck_error(ck, e->list.at[i]->loc, "FCM1003", "a tuple holds integers, found %s", ck_kind(ck, &v));
        if (v.kind != VAL_INT) t.kind = VAL_BAD;
        t.tuple[i] = v.integer;
    }
    return t;
}

/* Elsewhere than after |> a name is first of all a value, then a word, then a step. */
static Value eval_name(Ck *ck, const AstExpr *e)
{
    const Value *bound = frame_find(ck->frame, e->name.text);
    if (bound) return *bound;
    Value v = { .kind = VAL_WORD, .word = name_is_word(e->name.text) ? e->name.text : NULL };
    if (v.word && !lang_op_find(v.word)) return v;
    v.step = step_of_name(ck, e->name);
    v.kind = v.step ? VAL_STEP : VAL_BAD;
    return v;
}

static Value eval_call(Ck *ck, const AstExpr *e)
{
    const Step *s = step_of(ck, e);
    if (!s) return BAD;
    return step_is_complete(s) ? step_apply(ck, s, NULL) : (Value){ .kind = VAL_STEP, .step = s };
}

/* After an error the other steps are still looked at, so that their own errors are told in the same run. */
static Value eval_pipe(Ck *ck, const AstExpr *e)
{
    Value v = eval(ck, e->list.at[0]);
    for (int i = 1; i < e->list.n; i++) {
        const Step *s = step_of(ck, e->list.at[i]);
        v = s && v.kind != VAL_BAD ? step_apply(ck, s, &v) : BAD;
    }
    return v;
}

static Value eval_node(Ck *ck, const AstExpr *e)
{
    switch (e->kind) {
    case AST_NUMBER: return e->is_int ? INTEGER(e->integer) : real_value(ck, e->loc, e->number);
    case AST_PAIR:   return (Value){ .kind = VAL_TUPLE, .n = 2, .tuple = { e->pair[0], e->pair[1] } };
    case AST_NAME:   return eval_name(ck, e);
    case AST_CALL:   return eval_call(ck, e);
    case AST_TUPLE:  return eval_tuple(ck, e);
    case AST_PAREN:  return eval(ck, e->list.at[0]);
    case AST_PIPE:   return eval_pipe(ck, e);
    case AST_BINARY: return eval_binary(ck, e);
    case AST_NEGATE: return eval_negate(ck, e);
    }
    return BAD;
}

/* Both limits are on the whole run: the number of expressions bounds time and memory, their nesting, through all calls, the C stack. */
Value eval(Ck *ck, const AstExpr *e)
{
    if (ck->stopped) return BAD;
    if (++ck->evals > MAX_EVALS || ck->nesting >= MAX_NESTING) {
        ck->stopped = true;
        if (ck->evals > MAX_EVALS) ck_error(ck, e->loc, "FCM1018", "the calls expand to more than %d expressions", MAX_EVALS);
        else ck_error(ck, e->loc, "FCM1018", "nested deeper than %d expressions and calls", MAX_NESTING);
        return BAD;
    }
    ck->nesting++;
    Value v = eval_node(ck, e);
    ck->nesting--;
    return v;
}

Value eval_tensor(Ck *ck, const AstExpr *e)
{
    Value v = eval(ck, e);
    if (v.kind == VAL_TENSOR || v.kind == VAL_BAD) return v;
    ck_error(ck, e->loc, "FCM1003", "a tensor is wanted here, found %s", ck_kind(ck, &v));
    return BAD;
}

bool eval_extent(Ck *ck, const AstExpr *e, int64_t *out)
{
    Value v = eval(ck, e);
    if (v.kind == VAL_BAD) return false;
    *out = v.integer;
    if (v.kind == VAL_BATCH)
        ck_error(ck, e->loc, "FCM1013", "the batch is the first extent; the others are known at compile time");
    else if (v.kind != VAL_INT) ck_error(ck, e->loc, "FCM1003", "an extent is an integer, found %s", ck_kind(ck, &v));
    else if (v.integer < 1 || v.integer > MAX_EXTENT)
        ck_error(ck, e->loc, "FCM1009", "an extent of %lld; from 1 to %lld is possible", (long long)v.integer,
                 (long long)MAX_EXTENT);
    else return true;
    return false;
}
