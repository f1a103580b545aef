/* help.c: --help, printed from the tables, so that it cannot drift from what is parsed. */
#include "cli.h"

#include <string.h>

enum { COLUMN = 30 };               /* where the explanations start */

static const struct { const char *name, *operands, *help; } verbs[] = {
#define VERB(e, name, files, operands, help) { name, operands, help },
#include "options.def"
};
static const struct { const char *name; char letter; const char *argument; unsigned verbs; const char *help; } options[] = {
#define OPTION(e, name, letter, kind, argument, verbs, help) { name, letter, argument, verbs, help },
#include "options.def"
};
static const struct { const char *name, *help; } emits[] = {
#define EMIT(e, name, help) { name, help },
#include "options.def"
};
static const struct { int code; const char *help; } statuses[] = {
#define STATUS(e, code, help) { code, help },
#include "options.def"
};

static void entry(Text *t, const char *left, const char *help)
{
    if (strlen(left) < COLUMN) text_printf(t, "  %-*s%s\n", COLUMN, left, help);
    else text_printf(t, "  %s\n  %*s%s\n", left, COLUMN, "", help);
}

static void put_option(Text *t, int o)
{
    const char *name = options[o].name, *arg = options[o].argument;
    char letter = options[o].letter;
    Text left = text_new(t->arena);
    if (letter) text_printf(&left, "-%c", letter);
    if (letter && *name) text_put(&left, ", ");
    if (*name) text_printf(&left, "--%s", name);
    if (arg) text_printf(&left, *name ? "=%s" : " %s", arg);
    entry(t, left.at, options[o].help);
}

void cli_help(Text *t)
{
    text_put(t, "usage: fcmc [VERB] FILE [options]\n\nfcmc compiles blocks of depthwise and pointwise convolutions into fused "
                "CUDA kernels and OpenMP C.\n\nverbs:\n");
    for (int v = 0; v < VERB_COUNT; v++)
        entry(t, arena_printf(t->arena, "%s %s", verbs[v].name, verbs[v].operands), verbs[v].help);
    text_put(t, "\noptions (fcmc VERB --help shows those of one verb):\n");
    for (int o = 0; o < OPT_COUNT; o++) put_option(t, o);
    text_put(t, "\nforms of --emit:\n");
    for (int e = 0; e < EMIT_COUNT; e++) entry(t, emits[e].name, emits[e].help);
    text_put(t, "\nexit status:\n");
    for (size_t s = 0; s < sizeof statuses / sizeof *statuses; s++)
        entry(t, arena_printf(t->arena, "%d", statuses[s].code), statuses[s].help);
}

void cli_help_verb(Text *t, Verb v)
{
    text_printf(t, "usage: fcmc %s %s%s[options]\n\n%s\n\noptions:\n", verbs[v].name, verbs[v].operands,
                *verbs[v].operands ? " " : "", verbs[v].help);
    for (int o = 0; o < OPT_COUNT; o++)
        if (options[o].verbs & 1u << v) put_option(t, o);
}
