/* report.c: errors of graph_check. The same error at the same place, in another call of the same block, is said once. */
#include "check.h"

#include <string.h>

enum {
    NOTES = 8,                                                  /* calls shown on the way; the rest is counted */
    REMEMBERED = 50 * DIAG_LIMIT                                /* errors that are compared with; far more than are shown */
};

static bool said_before(Ck *ck, Loc loc, const char *code)
{
    if (ck->reported.n > REMEMBERED) return false;
    for (int i = 0; i < ck->reported.n; i++) {
        const DiagEntry *e = &ck->reported.at[i];
        if (loc.file && e->loc.file == loc.file && e->loc.off == loc.off && strcmp(e->code, code) == 0) return true;
    }
    return false;
}

static void note_calls(Ck *ck)
{
    int shown = 0, left = 0;
    for (const GraphCall *c = ck->frame ? ck->frame->call : NULL; c; c = c->outer) {
        if (shown < NOTES) diag_note(ck->diag, c->loc, "in this call of '%s'", c->block), shown++;
        else left++;
    }
    if (left) diag_note(ck->diag, (Loc){ 0 }, "and %d more calls", left);
}

/* The chain is that of the frame under evaluation, innermost call first. */
void ck_error(Ck *ck, Loc loc, const char *code, const char *fmt, ...)
{
    ck->quiet = said_before(ck, loc, code);
    if (ck->quiet) return;
    vec_push(ck->arena, &ck->reported, (DiagEntry){ .loc = loc, .code = code });
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(ck->arena, fmt, ap);
    va_end(ap);
    diag_error(ck->diag, loc, code, "%s", text);
    note_calls(ck);
}

void ck_note(Ck *ck, Loc loc, const char *fmt, ...)
{
    if (ck->quiet) return;
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(ck->arena, fmt, ap);
    va_end(ap);
    diag_note(ck->diag, loc, "%s", text);
}

const char *ck_shape(Ck *ck, const GraphNode *n)
{
    const Graph *g = ck->graph;
    const char *batch = g->batch ? arena_printf(ck->arena, "%lld", (long long)g->batch) : g->batch_name ? g->batch_name : "N";
    if (n->h == 1 && n->w == 1) return arena_printf(ck->arena, "[%s, %lld]", batch, (long long)n->c);
    return arena_printf(ck->arena, "[%s, %lld, %lld, %lld]", batch, (long long)n->h, (long long)n->w, (long long)n->c);
}

const char *ck_kind(Ck *ck, const Value *v)
{
    switch (v->kind) {
    case VAL_INT:     return arena_printf(ck->arena, "the number %lld", (long long)v->integer);
    case VAL_REAL:    return arena_printf(ck->arena, "the number %g", v->real);
    case VAL_TUPLE:   return arena_printf(ck->arena, "a tuple of %d numbers", v->n);
    case VAL_BATCH:   return "the batch";
    case VAL_TENSOR:  return arena_printf(ck->arena, "a tensor %s", ck_shape(ck, &ck->graph->nodes.at[v->node]));
    case VAL_SEVERAL: return arena_printf(ck->arena, "%d tensors", v->n);
    case VAL_STEP:    return arena_printf(ck->arena, "the step '%s', which still lacks its tensor", v->step->name.text);
    case VAL_WORD:    return arena_printf(ck->arena, "the word '%s'", v->word);
    case VAL_BAD:     break;
    }
    return "nothing";
}

const char *ck_hint(Ck *ck, const char *name, const Map *names, bool ops)
{
    VEC(const char *) all = { 0 };
    if (diag_errors(ck->diag) >= DIAG_LIMIT) return "";         /* nobody will see it */
    for (int i = 0; names && i < names->cap; i++)
        if (names->key[i]) vec_push(ck->arena, &all, names->key[i]);
    for (int i = 0; ops && lang_op_at(i); i++) vec_push(ck->arena, &all, lang_op_at(i)->name);
    for (int i = 0; ops && i < ck->defs.n; i++) vec_push(ck->arena, &all, ck->defs.at[i].block->name.text);
    const char *near = diag_nearest(name, all.at, all.n);
    return near ? arena_printf(ck->arena, "; did you mean '%s'?", near) : "";
}
