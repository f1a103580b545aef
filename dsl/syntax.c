/* syntax.c: what is said about a text that breaks the grammar, and where reading goes on afterwards.
 *
 * Nothing ends a statement, so the parser resumes where something plainly begins: an item (`block`, `use`, `plan`), a body
 * (`{`), `return`, `}`, or a name that is first on its line and looks bound (`a =`, `a:`, `a, b =`). */
#include "parser.h"
#include "fcm.tab.h"

#include <string.h>

typedef enum Place { PLACE_ITEM, PLACE_HEAD, PLACE_BLOCK, PLACE_PLAN } Place;   /* between items; name to `{`; inside a body */

/* Indices may lie outside the array: there stands the end of the file. */
static const Token *token(const Parser *p, int i)
{
    static const Token outside = { 0 };
    return i >= 0 && i < p->tokens.at.n ? &p->tokens.at.at[i] : &outside;
}

static int kind(const Parser *p, int i) { return token(p, i)->kind; }
static const char *text(const Parser *p, int i) { return diag_source(p->diag, p->tokens.source)->text + token(p, i)->off; }

/* The end of the file is shown behind its last word, not on an empty line. */
static Loc loc(const Parser *p, int i)
{
    Loc l = token_loc(&p->tokens, token(p, i));
    if (kind(p, i) != T_END || i == 0) return l;
    const Token *before = token(p, i - 1);
    return (Loc){ l.file, before->off + before->len, 0 };
}

static bool is_arithmetic(int k) { return k == '+' || k == '-' || k == '*' || k == '/'; }

static bool is_reserved(int k) { return k == T_BLOCK || k == T_RETURN || k == T_USE || k == T_PLAN || k == T_FOR; }

/* A reserved word that is followed as only a name would be: `plan = x`, `pw(use)`. */
static bool stands_as_name(const Parser *p, int i)
{
    int after = kind(p, i + 1);
    return is_reserved(kind(p, i)) &&
           (after == '=' || after == ':' || after == ',' || after == ')' || after == T_PIPE || is_arithmetic(after));
}

/* Where token i stands, told by the tokens before it. */
static Place place_of(const Parser *p, int i)
{
    bool in_body = false;
    for (i--; i >= 0; i--) {
        int k = kind(p, i);
        if (k == '}' || (k == T_USE && !stands_as_name(p, i))) return PLACE_ITEM;
        if (k == '{') in_body = true;
        if (stands_as_name(p, i)) continue;
        if (k == T_BLOCK) return in_body ? PLACE_BLOCK : PLACE_HEAD;
        if (k == T_PLAN) return in_body ? PLACE_PLAN : PLACE_HEAD;
    }
    return PLACE_ITEM;
}

/* ---- recovery ---- */

static bool begins_item(const Parser *p, int i)
{
    int k = kind(p, i);
    return (k == T_BLOCK || k == T_USE || k == T_PLAN) && !stands_as_name(p, i);
}

/* A name argument `k=3` on a line of its own follows a ',' or a '(', a statement does not. */
static bool begins_stmt(const Parser *p, int i, Place place)
{
    if (kind(p, i) != T_NAME || !token(p, i)->first) return false;
    if (kind(p, i - 1) == ',' || kind(p, i - 1) == '(') return false;
    if (kind(p, i + 1) == '=') return true;
    if (place == PLACE_PLAN) return false;
    while (kind(p, i + 1) == ',' && kind(p, i + 2) == T_NAME) i += 2;
    return kind(p, i + 1) == '=' || kind(p, i + 1) == ':';
}

int syntax_resume(Parser *p)
{
    Place place = place_of(p, p->offender);
    int i = p->offender > p->resumed ? p->offender : p->resumed + 1;
    p->offender = -1;
    for (; kind(p, i) != T_END; i++) {
        p->next = p->resumed = i;
        if (begins_item(p, i)) return T_RESUME_ITEM;
        if (place == PLACE_HEAD && kind(p, i) == '{') return T_RESUME_HEAD;
        if (place < PLACE_BLOCK) continue;
        if (kind(p, i) == '}' || (place == PLACE_BLOCK && kind(p, i) == T_RETURN && token(p, i)->first)) return T_RESUME_STMT;
        if (begins_stmt(p, i, place)) return T_RESUME_STMT;
    }
    p->next = p->tokens.at.n - 1;
    return T_RESUME_ITEM;
}

/* ---- messages ---- */

typedef struct Expected { const char *const *names; int n; } Expected;

static bool has(const Expected *x, const char *name)
{
    for (int i = 0; i < x->n; i++)
        if (strcmp(x->names[i], name) == 0) return true;
    return false;
}

/* The innermost bracket that is open before token i, or -1. */
static int open_bracket(const Parser *p, int i)
{
    int closed = 0;
    for (i--; i >= 0; i--) {
        int k = kind(p, i);
        if (k == ')' || k == ']' || k == '}') closed++;
        if ((k == '(' || k == '[' || k == '{') && closed-- == 0) return i;
        if (begins_item(p, i)) return -1;                       /* an item's brackets are its own */
    }
    return -1;
}

/* "'return'", "name 'foo'", "number 3", "end of the file" */
static const char *describe(const Parser *p, int i)
{
    const Token *t = token(p, i);
    int len = t->len < 40 ? t->len : 40;
    const char *more = t->len > 40 ? "..." : "", *what = text(p, i);
    switch (t->kind) {
    case T_END: return "end of the file";
    case T_NAME: return arena_printf(p->arena, "name '%.*s%s'", len, what, more);
    case T_NUMBER: return arena_printf(p->arena, "number %.*s%s", len, what, more);
    case T_PAIR: return arena_printf(p->arena, "pair %.*s%s", len, what, more);
    case T_STRING: return arena_printf(p->arena, "string %.*s%s", len, what, more);
    default: return arena_printf(p->arena, "'%.*s'", len, what);
    }
}

/* What would have fitted, in few words: whatever begins an expression is "an expression", operators are left out. */
static const char *describe_expected(const Parser *p, const Expected *x)
{
    bool expression = has(x, "a number"), operators = has(x, "'*'") || has(x, "|>");
    const char *words[8];
    int n = 0;
    if (expression) words[n++] = "an expression";
    for (int i = 0; i < x->n && n < 8; i++) {
        const char *name = x->names[i];
        bool starts = strcmp(name, "a name") == 0 || strcmp(name, "a number") == 0 || strcmp(name, "a pair") == 0 ||
                      strcmp(name, "'('") == 0 || strcmp(name, "'-'") == 0;
        bool joins = strcmp(name, "|>") == 0 || (name[0] == '\'' && name[2] == '\'' && is_arithmetic(name[1]));
        if ((expression && starts) || (operators && (joins || strcmp(name, "'('") == 0)) || strncmp(name, "the next", 8) == 0) continue;
        bool word = strchr(name, ' ') != NULL || name[0] == '\'';
        words[n++] = word ? name : arena_printf(p->arena, "'%s'", name);
    }
    if (n == 0 || n > 5) return "";
    const char *list = words[0];
    for (int i = 1; i < n; i++) list = arena_printf(p->arena, "%s%s%s", list, i == n - 1 ? " or " : ", ", words[i]);
    return arena_printf(p->arena, ", expected %s", list);
}

/* `x + d |> pw(24)` could mean two networks, so it means none. */
static bool mixes_pipe_and_arithmetic(Parser *p, const Expected *x)
{
    bool pipe = kind(p, p->last) == T_PIPE && has(x, "'*'");
    bool sum = is_arithmetic(kind(p, p->last)) && has(x, "|>");
    if (!pipe && !sum) return false;
    const char *op = arena_strndup(p->arena, text(p, p->last), (size_t)token(p, p->last)->len);
    diag_error(p->diag, loc(p, p->last), "FCM0011",
               "'%s' after %s: a pipe and arithmetic meet only through parentheses or a name", op, pipe ? "arithmetic" : "a pipe");
    if (pipe) diag_note(p->diag, loc(p, p->last), "write 'a + (b |> f)' or '(a + b) |> f': they are different networks");
    else diag_note(p->diag, loc(p, p->last), "write '(a |> f) %s b'", op);
    return true;
}

static bool misuses_reserved_word(Parser *p, const Expected *x)
{
    if (!has(x, "a name") || !stands_as_name(p, p->last)) return false;
    diag_error(p->diag, loc(p, p->last), "FCM0012", "%s is a reserved word and names nothing", describe(p, p->last));
    return true;
}

static bool closes_nothing(Parser *p)
{
    int k = kind(p, p->last), open = open_bracket(p, p->last);
    if (k != ')' && k != ']' && k != '}') return false;
    if (open >= 0 && (kind(p, open) != '{' || k == '}')) return false;
    diag_error(p->diag, loc(p, p->last), "FCM0019", "'%c' closes nothing", k);
    return true;
}

/* Seen where something comes that cannot stand inside the bracket: the next line, another bracket's end, the end of the file. */
static bool leaves_bracket_open(Parser *p, const Expected *x)
{
    int k = kind(p, p->last), open = open_bracket(p, p->last);
    if (open < 0) return false;
    bool closes_other = k == ')' || k == ']' || k == '}' || k == '{' || begins_item(p, p->last) || k == T_RETURN;
    bool next_line = token(p, p->last)->first && (has(x, "')'") || has(x, "']'"));
    bool brace = kind(p, open) == '{';
    bool closes_it = (k == ')' && kind(p, open) == '(') || (k == ']' && kind(p, open) == '[') || (k == '}' && brace);
    if (closes_it || (k != T_END && !next_line && !(closes_other && !brace) && !(brace && begins_item(p, p->last)))) return false;
    diag_error(p->diag, loc(p, p->last), "FCM0015", "%s before '%c' is closed", describe(p, p->last), *text(p, open));
    diag_note(p->diag, loc(p, open), "it is opened here");
    return true;
}

/* `a =` and then the next line: the fault is shown at the sign that nothing follows, not at what comes instead, which for
 * a statement `b = x` would be its '='. */
static bool lacks_expression(Parser *p)
{
    int k = kind(p, p->last), first = p->last;
    if ((k == '=' || k == ':') && kind(p, p->last - 1) == T_NAME) first--;
    else if (k != '}' && k != T_END && k != T_RETURN && !begins_item(p, p->last)) return false;
    int before = kind(p, first - 1);
    if (before != '=' && before != T_PIPE && !is_arithmetic(before)) return false;
    if (k != '}' && k != T_END && !token(p, first)->first) return false;
    diag_error(p->diag, loc(p, first - 1), "FCM0014", "nothing follows this %s", describe(p, first - 1));
    p->offender = first;
    return true;
}

static bool goes_on_after_return(Parser *p, const Expected *x)
{
    int k = kind(p, p->last);
    if ((k != T_NAME && k != T_RETURN) || !has(x, "'}'") || has(x, "return") || place_of(p, p->last) != PLACE_BLOCK) return false;
    diag_error(p->diag, loc(p, p->last), "FCM0016", "'return' ends a block; '}' is expected here");
    return true;
}

/* `a = x x`: the second x was taken for the name of a statement; it is shown, not the word behind it. */
static bool strays(Parser *p, const Expected *x)
{
    if (!has(x, "'='") || !has(x, "','") || !has(x, "':'") || place_of(p, p->last) != PLACE_BLOCK) return false;
    diag_error(p->diag, loc(p, p->last - 1), "FCM0010",
               "unexpected %s: no '=' follows it, and nothing joins it to what stands before", describe(p, p->last - 1));
    return true;
}

/* The scanner has spoken about this very word. */
static bool is_reported(const Parser *p)
{
    if (kind(p, p->last) == T_BAD) return true;
    Loc l = token_loc(&p->tokens, token(p, p->last));
    for (int i = 0; i < diag_count(p->diag); i++) {
        const Loc *other = &diag_entry(p->diag, i)->loc;
        if (other->file == l.file && other->off == l.off && other->len == l.len) return true;
    }
    return false;
}

static bool pipes_into_no_step(Parser *p)
{
    if (kind(p, p->last - 1) != T_PIPE || kind(p, p->last) == T_END) return false;
    diag_error(p->diag, loc(p, p->last), "FCM0017", "%s is no step: after '|>' stands a name or a call", describe(p, p->last));
    return true;
}

void syntax_error(Parser *p, const char *const *expected, int n)
{
    Expected x = { expected, n };
    p->offender = p->last;
    p->broken = true;
    if (p->given_up || is_reported(p)) return;
    if (diag_errors(p->diag) >= DIAG_LIMIT) p->given_up = true;
    if (mixes_pipe_and_arithmetic(p, &x) || misuses_reserved_word(p, &x) || lacks_expression(p)) return;
    if (pipes_into_no_step(p) || closes_nothing(p) || leaves_bracket_open(p, &x)) return;
    if (goes_on_after_return(p, &x) || strays(p, &x)) return;
    diag_error(p->diag, loc(p, p->last), "FCM0010", "unexpected %s%s", describe(p, p->last), describe_expected(p, &x));
}

void syntax_missing_return(Parser *p, Loc closing)
{
    if (!p->broken) diag_error(p->diag, closing, "FCM0013", "the block ends without 'return'");
    p->broken = true;
}
