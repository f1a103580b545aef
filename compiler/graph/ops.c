/* ops.c: the table of ops and the binding of their arguments: positional first, then by name, then defaults. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

static const LangOp table[] = {
#define OP(name, graph, act) { #name, GR_##graph, ACT_##act, {
#define A(kind, name, preset) { ARG_##kind, #name, preset },
#define END { ARG_NONE, NULL, NULL } } },
#include "lang_ops.def"
#undef OP
#undef A
#undef END
};

/* Per kind: what is expected, in words; the words that it takes; the least integer. */
static const struct { const char *wants; const char *words[2]; int64_t least; } kinds[] = {
    [ARG_NONE]  = { "nothing", { NULL, NULL }, 0 },
    [ARG_INT]   = { "an integer from 1", { NULL, NULL }, 1 },
    [ARG_COUNT] = { "an integer from 0", { NULL, NULL }, 0 },
    [ARG_ZERO]  = { "an integer from -128 to 127", { NULL, NULL }, -128 },
    [ARG_SIZE]  = { "an integer from 1, or a pair of them", { NULL, NULL }, 1 },
    [ARG_PAD]   = { "same, same_tf, a number, (h, w) or (top, bottom, left, right)", { "same", "same_tf" }, 0 },
    [ARG_BOOL]  = { "true or false", { "true", "false" }, 0 },
    [ARG_REAL]  = { "a number", { NULL, NULL }, 0 },
    [ARG_FORM]  = { "erf or tanh", { "erf", "tanh" }, 0 },
    [ARG_MODE]  = { "nearest or bilinear", { "nearest", "bilinear" }, 0 },
    [ARG_STEP]  = { "a step", { NULL, NULL }, 0 },
};

const LangOp *lang_op_at(int i) { return i < (int)(sizeof table / sizeof *table) ? &table[i] : NULL; }

const LangOp *lang_op_find(const char *name)
{
    for (int i = 0; lang_op_at(i); i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

const char *lang_op_signature(Ck *ck, const LangOp *op)
{
    const char *s = op->name;
    for (const OpArg *a = op->arg; a->kind; a++) {
        const char *preset = strcmp(a->preset, "auto") == 0 ? "true" : a->preset;
        s = arena_printf(ck->arena, "%s%s%s%s%s", s, a == op->arg ? "(" : ", ", a->name, *preset ? "=" : "", preset);
    }
    return op->arg[0].kind ? arena_printf(ck->arena, "%s)", s) : s;
}

/* tanh is an op as well as a word: a value of either form may be what a kind wants. */
static bool takes_word(ArgKind kind, const char *word)
{
    for (int i = 0; i < 2; i++)
        if (kinds[kind].words[i] && strcmp(kinds[kind].words[i], word) == 0) return true;
    return false;
}

/* The integers of a number or tuple; 0 when v is neither. */
static int integers(const Value *v, int64_t out[4])
{
    if (v->kind == VAL_INT) return out[0] = v->integer, 1;
    if (v->kind != VAL_TUPLE) return 0;
    for (int i = 0; i < v->n; i++) out[i] = v->tuple[i];
    return v->n;
}

/* One number stands for all sides; (h, w) for both sides of each axis. */
static void spread(ArgKind kind, int64_t v[4], int n)
{
    if (n == 1) v[1] = v[2] = v[3] = v[0];
    if (n == 2 && kind == ARG_PAD) v[3] = v[2] = v[1], v[1] = v[0];
}

static bool out_of_range(Ck *ck, const OpArg *a, const char *op, Loc loc, int64_t v)
{
    int64_t most = a->kind == ARG_ZERO ? 127 : MAX_EXTENT;
    if (v >= kinds[a->kind].least && v <= most) return false;
    ck_error(ck, loc, "FCM1011", "'%s' of %s is %lld; from %lld to %lld is possible", a->name, op, (long long)v,
             (long long)kinds[a->kind].least, (long long)most);
    return true;
}

/* How many integers a kind takes: one, also two, also four. */
static bool fits(ArgKind kind, int n)
{
    if (kind == ARG_SIZE) return n == 1 || n == 2;
    if (kind == ARG_PAD) return n == 1 || n == 2 || n == 4;
    return n == 1 && (kind == ARG_INT || kind == ARG_COUNT || kind == ARG_ZERO);
}

/* Converts one given argument to what its kind wants, or says what was found instead. */
static bool fill(Ck *ck, const OpArg *a, const char *op, const Arg *given, Cell *c)
{
    const Value *v = &given->value;
    c->loc = given->loc;
    if (v->kind == VAL_BAD) return false;
    if (v->word && takes_word(a->kind, v->word)) return c->word = v->word, true;
    if (a->kind == ARG_STEP && v->kind == VAL_STEP) return c->step = v->step, true;
    if (a->kind == ARG_REAL && (v->kind == VAL_INT || v->kind == VAL_REAL)) return c->real = v->real, true;
    int n = integers(v, c->v);
    if (!fits(a->kind, n)) {
        ck_error(ck, given->loc, "FCM1003", "'%s' of %s is %s, found %s", a->name, op, kinds[a->kind].wants, ck_kind(ck, v));
        return false;
    }
    for (int i = 0; i < n; i++)
        if (out_of_range(ck, a, op, given->loc, c->v[i])) return false;
    spread(a->kind, c->v, n);
    return true;
}

/* A default is text of the table: the name of an argument before it, a word, or a number. */
static void fill_preset(const OpArg *a, const LangOp *op, Loc loc, Cell *cells, Cell *c)
{
    c->loc = loc;
    for (int i = 0; op->arg[i].kind; i++)
        if (strcmp(a->preset, op->arg[i].name) == 0) { *c = cells[i]; return; }
    if (a->kind == ARG_REAL) c->real = strtod(a->preset, NULL);
    else if (takes_word(a->kind, a->preset) || strcmp(a->preset, "auto") == 0) c->word = a->preset;
    else c->v[0] = strtoll(a->preset, NULL, 10), spread(a->kind, c->v, 1);
}

static int find_arg(const LangOp *op, const char *key)
{
    for (int i = 0; op->arg[i].kind; i++)
        if (strcmp(op->arg[i].name, key) == 0) return i;
    return -1;
}

static bool unknown_key(Ck *ck, const LangOp *op, AstName key)
{
    Map names = { 0 };
    for (int i = 0; op->arg[i].kind; i++) map_set(ck->arena, &names, op->arg[i].name, i);
    ck_error(ck, key.loc, "FCM1010", "%s has no argument '%s', it is %s%s", op->name, key.text,
             lang_op_signature(ck, op), ck_hint(ck, key.text, &names, false));
    return false;
}

/* Which argument of the op each of the n given ones is: at[i] = the given one's number, or -1. */
static bool assign(Ck *ck, const LangOp *op, const Arg *args, int n, int at[OP_ARGS])
{
    for (int i = 0; i < OP_ARGS; i++) at[i] = -1;
    for (int i = 0; i < n; i++) {
        int slot = args[i].key.text ? find_arg(op, args[i].key.text) : i;
        if (slot < 0) return unknown_key(ck, op, args[i].key);
        if (!args[i].key.text && i > 0 && args[i - 1].key.text) {
            ck_error(ck, args[i].loc, "FCM1010", "an argument of %s without a name follows one with a name", op->name);
            return false;
        }
        if (slot >= OP_ARGS || !op->arg[slot].kind) {
            ck_error(ck, args[i].loc, "FCM1010", "too many arguments for %s; it is %s", op->name, lang_op_signature(ck, op));
            return false;
        }
        if (at[slot] >= 0) {
            ck_error(ck, args[i].loc, "FCM1010", "'%s' of %s is given twice", op->arg[slot].name, op->name);
            ck_note(ck, args[at[slot]].loc, "first here");
            return false;
        }
        at[slot] = i;
    }
    return true;
}

bool op_args(Ck *ck, const LangOp *op, AstName name, const Arg *args, int n, Cell *cells)
{
    int at[OP_ARGS];
    if (!assign(ck, op, args, n, at)) return false;
    bool ok = true;
    for (int i = 0; op->arg[i].kind; i++) {
        const OpArg *a = &op->arg[i];
        cells[i] = (Cell){ .loc = name.loc };
        if (at[i] >= 0) ok = fill(ck, a, op->name, &args[at[i]], &cells[i]) && ok;
        else if (*a->preset) fill_preset(a, op, name.loc, cells, &cells[i]);
        else {
            ck_error(ck, name.loc, "FCM1010", "%s lacks '%s', %s; it is %s", op->name, a->name, kinds[a->kind].wants,
                     lang_op_signature(ck, op));
            return false;
        }
    }
    return ok;
}
