/* apart.c: every instruction of a kernel is a function of its own, so that each has the vector registers for itself: a compiler that sees them in
 * one function keeps the constants of one across the loops of another and spills the sums.
 *
 *     static FC_APART void k0_1_dw_dt(const void *packed, char *arena)      instruction 1: a dw, into tile dt
 *     static void b_k0(int batch, …)                                        loops, around calls
 *
 * A function takes those of the kernel's variables that its text names. */
#include "cpu.h"

#include <ctype.h>
#include <string.h>

void cpu_apart_begin(Emit *e)
{
    e->functions = text_new(e->arena);
    e->kernel = text_new(e->arena);
    e->file = e->out;
    e->out = &e->kernel;
}

void cpu_apart_end(Emit *e)
{
    e->out = e->file;
    if (e->functions.n) text_put(e->out, e->functions.at);
    text_put(e->out, e->kernel.at);
}

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static bool names(const Text *t, const char *word)
{
    size_t n = strlen(word);
    for (const char *s = t->n ? strstr(t->at, word) : NULL; s; s = strstr(s + 1, word))
        if ((s == t->at || !in_word(s[-1])) && !in_word(s[n])) return true;
    return false;
}

typedef struct Params { Emit *e; const Text *body; const char *declared, *passed; } Params;

static void take(Params *p, const char *type, const char *name)
{
    if (!names(p->body, name)) return;
    const char *comma = *p->passed ? ", " : "";
    p->declared = arena_printf(p->e->arena, "%s%s%s%s", p->declared, comma, type, name);
    p->passed = arena_printf(p->e->arena, "%s%s%s", p->passed, comma, name);
}

static Params params_of(Emit *e, const Text *body)
{
    Params p = { e, body, "", "" };
    take(&p, "const void *", "packed");
    for (int i = 0; i < e->m->tensors.n; i++)
        if (e->touched[i])
            take(&p, emit_writes(e->p, i) ? "void *" : "const void *", arena_printf(e->arena, "%s_p", e->m->tensors.at[i].cname));
    take(&p, "char *", "arena");
    for (int i = 0; i < e->p->tiles.n; i++)
        if (e->p->tiles.at[i].space == TM_REGISTER) take(&p, "float *", arena_printf(e->arena, "%s_f", e->tile[i]));
    for (int i = 0; i < e->p->loops.n; i++) take(&p, "int ", e->loop[i]);
    return p;
}

void cpu_apart(Emit *e, const TmIns *i, const char *word, void (*print)(Emit *e, const TmIns *i))
{
    Text body = text_new(e->arena), *kernel = e->out;
    int tile = i->op == TM_STORE ? i->src : i->dst;
    body.indent = 1;
    e->out = &body;
    print(e, i);
    Params p = params_of(e, &body);
    const char *name = arena_printf(e->arena, "%s_%d_%s_%s", e->p->name, e->at, word, e->tile[tile]);
    e->out = &e->functions;
    emit_call(e, "static FC_APART void %s(%s)", name, *p.declared ? p.declared : "void");
    text_printf(e->out, "{\n%s}\n\n", body.at);
    e->out = kernel;
    emit_call(e, "%s(%s);", name, p.passed);
}
