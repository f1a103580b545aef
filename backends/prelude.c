/* prelude.c: the runtime headers inside the generated text. Which ones is decided from the module before anything is printed.
 * Their includes of one another are dropped: the list is in dependency order. */
#include "emit.h"

#include <string.h>

/* Lines that make sense in a file of its own only: #pragma once, and includes of other files of the list. */
static bool is_glue(const EmitFile *files, const char *line, size_t n)
{
    if (n >= 12 && strncmp(line, "#pragma once", 12) == 0) return true;
    if (n < 11 || strncmp(line, "#include \"", 10) != 0) return false;
    for (const EmitFile *f = files; f->name; f++)
        if (n == 11 + strlen(f->name) && strncmp(line + 10, f->name, n - 11) == 0) return true;
    return false;
}

static void embed(Emit *e, const EmitFile *f)
{
    const char *text = (const char *)f->text;
    bool announced = strncmp(text, "// ---- begin", 13) == 0;
    if (!announced) text_line(e->out, "// ---- begin %s", f->name);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        if (!is_glue(e->target->files, line, n)) text_printf(e->out, "%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    if (!announced) text_line(e->out, "// ---- end %s", f->name);
}

void emit_prelude(Emit *e)
{
    for (const EmitFile *f = e->target->files; f->name; f++)
        if (!f->needed || f->needed(e->m)) embed(e, f);
}

const char *emit_geometry_type(DType t) { return t == DT_F32 ? "F32" : t == DT_F16 ? "F16" : NULL; }

bool emit_has_op(const TmModule *m, TmOp op)
{
    for (int i = 0; i < m->programs.n; i++)
        for (int k = 0; k < m->programs.at[i]->code.n; k++)
            if (m->programs.at[i]->code.at[k].op == op) return true;
    return false;
}
