/* cli.c: argv → Cli. The first usage error stops the parse; the caller prints it and ends with status 2. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind {
    KIND_FLAG,
    KIND_TEXT,
    KIND_COUNT,
    KIND_MANY,
    KIND_DEFINE,
    KIND_PAIR,
    KIND_DTYPE,
    KIND_TARGET,
    KIND_EMIT
} Kind;
typedef struct VerbRow { const char *name; int files; } VerbRow;
typedef struct OptRow { const char *name; char letter; Kind kind; unsigned verbs; } OptRow;

static const VerbRow verb_rows[] = {
#define VERB(e, name, files, operands, help) { name, files },
#include "options.def"
};
static const OptRow opt_rows[] = {
#define OPTION(e, name, letter, kind, argument, verbs, help) { name, letter, KIND_##kind, verbs },
#include "options.def"
};
static const char *const emit_names[] = {
#define EMIT(e, name, help) name,
#include "options.def"
};
static const char *const target_names[] = {
    [CLI_TARGET_NONE] = "", [CLI_CUDA] = "cuda", [CLI_CPU] = "cpu", [CLI_REFERENCE] = "reference"
};

const char *cli_verb_name(Verb v) { return verb_rows[v].name; }
const char *cli_emit_name(Emit e) { return emit_names[e]; }
const char *cli_target_name(CliTarget t) { return target_names[t]; }

typedef struct Parse { Arena *a; Cli *cli; int argc, at; const char *const *argv; } Parse;

static bool fail(Parse *p, const char *fmt, ...) FCM_PRINTF(2, 3);
static bool fail(Parse *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!p->cli->error) p->cli->error = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    return false;
}

static bool is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
    }
    return n > 0;
}

static bool integer(const char *s, int64_t least, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end || errno || s[0] == ' ' || s[0] == '+' || v < least) return false;
    *out = v;
    return true;
}

/* "--block" or "-o", as the messages name an option. */
static const char *spelling(const Parse *p, Opt o)
{
    const OptRow *r = &opt_rows[o];
    return *r->name ? arena_printf(p->a, "--%s", r->name) : arena_printf(p->a, "-%c", r->letter);
}

static bool parse_emits(Parse *p, const char *text)
{
    for (const char *s = text;; s++) {
        size_t n = strcspn(s, ",");
        int e = 0;
        while (e < EMIT_COUNT && (strlen(emit_names[e]) != n || memcmp(emit_names[e], s, n) != 0)) e++;
        if (e == EMIT_COUNT) {
            const char *near = diag_nearest(arena_strndup(p->a, s, n), emit_names, EMIT_COUNT);
            if (near) p->cli->hint = arena_printf(p->a, "did you mean '%s'?", near);
            return fail(p, "--emit: there is no form '%.*s'", (int)n, s);
        }
        p->cli->emits |= 1u << e;
        if (!*(s += n)) return true;
    }
}

static bool check_value(Parse *p, CliGiven *g)
{
    const char *o = spelling(p, g->opt), *eq = strchr(g->text, '=');
    switch (opt_rows[g->opt].kind) {
    case KIND_FLAG: return true;
    case KIND_TEXT: return *g->text || fail(p, "%s wants a value that is not empty", o);
    case KIND_COUNT:
    case KIND_MANY: {
        int least = opt_rows[g->opt].kind == KIND_MANY;
        if (integer(g->text, least, &g->number) && g->number <= INT32_MAX) return true;
        return fail(p, "%s wants an integer from %d to %d, not '%s'", o, least, INT32_MAX, g->text);
    }
    case KIND_DEFINE:
        if (!eq || !is_name(g->text, (size_t)(eq - g->text)) || !integer(eq + 1, INT64_MIN, &g->number))
            return fail(p, "%s wants NAME=INTEGER, not '%s'", o, g->text);
        break;
    case KIND_PAIR:
        if (eq ? eq == g->text || !eq[1] : !*g->text) return fail(p, "%s wants NAME=FILE, not '%s'", o, g->text);
        break;
    case KIND_DTYPE: {
        DType t = dtype_parse(g->text);
        return t == DT_F32 || t == DT_F16 || t == DT_BF16 || fail(p, "%s wants f32, f16 or bf16, not '%s'", o, g->text);
    }
    case KIND_TARGET:
        for (int t = CLI_CUDA; t <= CLI_REFERENCE; t++)
            if (strcmp(g->text, target_names[t]) == 0) return true;
        return fail(p, "%s wants cuda, cpu or reference, not '%s'", o, g->text);
    case KIND_EMIT: return parse_emits(p, g->text);
    }
    g->name = eq ? arena_strndup(p->a, g->text, (size_t)(eq - g->text)) : NULL;
    g->value = eq ? eq + 1 : g->text;
    return true;
}

/* Takes the option; attached: its value as written in the same word, or NULL. */
static bool take(Parse *p, Opt o, const char *attached)
{
    CliGiven g = { .opt = o, .text = attached };
    if (opt_rows[o].kind == KIND_FLAG) {
        if (attached) return fail(p, "%s takes no value", spelling(p, o));
        g.text = "";
    } else if (!attached) {
        if (p->at + 1 >= p->argc) return fail(p, "%s wants a value", spelling(p, o));
        g.text = p->argv[++p->at];
    }
    if (!check_value(p, &g)) return false;
    vec_push(p->a, &p->cli->given, g);
    return true;
}

static bool long_option(Parse *p, const char *word)
{
    size_t n = strcspn(word, "=");
    const char *names[OPT_COUNT];
    for (int o = 0; o < OPT_COUNT; o++) {
        names[o] = opt_rows[o].name;
        if (strlen(names[o]) == n && n > 0 && memcmp(names[o], word, n) == 0)
            return take(p, (Opt)o, word[n] ? word + n + 1 : NULL);
    }
    const char *near = diag_nearest(arena_strndup(p->a, word, n), names, OPT_COUNT);
    if (near) p->cli->hint = arena_printf(p->a, "did you mean '--%s'?", near);
    return fail(p, "there is no option '--%.*s'", (int)n, word);
}

static bool short_option(Parse *p, const char *word)
{
    for (int o = 0; o < OPT_COUNT; o++)
        if (opt_rows[o].letter == word[0]) return take(p, (Opt)o, word[1] ? word + 1 : NULL);
    return fail(p, "there is no option '-%c'", word[0]);
}

/* The first operand is the verb if it is spelled like one; else it must look like a file, so that a misspelt verb is told. */
static bool operand(Parse *p, const char *word)
{
    Cli *c = p->cli;
    if (c->verb_given || c->files.n > 0) {
        vec_push(p->a, &c->files, word);
        return true;
    }
    const char *names[VERB_COUNT];
    for (int v = 0; v < VERB_COUNT; v++) {
        names[v] = verb_rows[v].name;
        if (strcmp(names[v], word) != 0) continue;
        c->verb = (Verb)v;
        return c->verb_given = true;
    }
    if (!strpbrk(word, "./") && strcmp(word, "-") != 0) {
        const char *near = diag_nearest(word, names, VERB_COUNT);
        if (near) c->hint = arena_printf(p->a, "did you mean '%s'?", near);
        return fail(p, "there is no verb '%s' (a source file is named *.fcm)", word);
    }
    vec_push(p->a, &c->files, word);
    return true;
}

/* What can be judged only when the verb is known. --help and --version need no operands. */
static bool check_whole(Parse *p)
{
    Cli *c = p->cli;
    for (int i = 0; i < c->given.n; i++) {
        Opt o = c->given.at[i].opt;
        if (!(opt_rows[o].verbs & 1u << c->verb))
            return fail(p, "%s does not go with '%s'", spelling(p, o), verb_rows[c->verb].name);
    }
    if (cli_has(c, OPT_HELP) || cli_has(c, OPT_VERSION)) return true;
    int most = verb_rows[c->verb].files;
    bool optional = c->verb == VERB_DEVICES || most == 0;
    if (c->files.n == 0 && !optional)
        return fail(p, c->verb == VERB_EXPLAIN ? "explain wants a code such as FCM3001" : "no source file was given");
    if (c->files.n > most) return fail(p, "'%s' is one operand too many for '%s'", c->files.at[most], verb_rows[c->verb].name);
    if (cli_has(c, OPT_JSON) && cli_text(c, OPT_OUT) && strcmp(cli_text(c, OPT_OUT), "-") == 0)
        return fail(p, "--json and -o - both want stdout");
    const char *mode = cli_text(c, OPT_MODE);
    if (mode && strcmp(mode, "exact") != 0 && strcmp(mode, "bounded") != 0)
        return fail(p, "--mode wants exact or bounded, not '%s'", mode);
    const char *aim = cli_text(c, OPT_MINIMIZE), *remarks = cli_text(c, OPT_REMARKS);
    if (aim && strcmp(aim, "time") != 0 && strcmp(aim, "dram") != 0 && strcmp(aim, "launches") != 0)
        return fail(p, "--minimize wants time, dram or launches, not '%s'", aim);
    if (remarks && strcmp(remarks, "pass=fuse") != 0 && strcmp(remarks, "pass-missed=fuse") != 0)
        return fail(p, "-R wants pass=fuse or pass-missed=fuse, not '%s'", remarks);
    return true;
}

Cli *cli_parse(Arena *a, int argc, const char *const *argv)
{
    Parse p = { .a = a, .cli = NEW(a, Cli), .argc = argc, .argv = argv, .at = 1 };
    bool options = true, ok = true;
    for (; ok && p.at < argc; p.at++) {
        const char *w = argv[p.at];
        if (options && strcmp(w, "--") == 0) options = false;
        else if (options && w[0] == '-' && w[1] == '-') ok = long_option(&p, w + 2);
        else if (options && w[0] == '-' && w[1]) ok = short_option(&p, w + 1);
        else ok = operand(&p, w);
    }
    if (ok) check_whole(&p);
    return p.cli;
}

static const CliGiven *last(const Cli *c, Opt o)
{
    for (int i = c->given.n; i-- > 0;)
        if (c->given.at[i].opt == o) return &c->given.at[i];
    return NULL;
}

bool cli_has(const Cli *c, Opt o) { return last(c, o) != NULL; }
const char *cli_text(const Cli *c, Opt o) { return last(c, o) ? last(c, o)->text : NULL; }
int64_t cli_number(const Cli *c, Opt o, int64_t otherwise) { return last(c, o) ? last(c, o)->number : otherwise; }
DType cli_dtype(const Cli *c) { return cli_has(c, OPT_DTYPE) ? dtype_parse(cli_text(c, OPT_DTYPE)) : DT_NONE; }

CliTarget cli_target(const Cli *c)
{
    for (int t = CLI_CUDA; t <= CLI_REFERENCE; t++)
        if (cli_has(c, OPT_TARGET) && strcmp(cli_text(c, OPT_TARGET), target_names[t]) == 0) return (CliTarget)t;
    return CLI_TARGET_NONE;
}
