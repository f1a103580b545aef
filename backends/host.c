/* host.c: the generated API around the kernels: its header, sizes, run and error texts. What differs between the targets are the
 * launches, run's last parameter, and whether the workspace holds an arena per thread. */
#include "emit.h"

/* ---- the header ---- */

static const char *shape(const Emit *e, const TmTensor *x)
{
    const char *s = x->role == TM_IN || x->role == TM_OUT ? "[n]" : "";
    bool flat = x->rank == 2 && *s;
    for (int d = *s ? (flat ? 3 : 1) : 4 - x->rank; d < 4; d++) s = arena_printf(e->arena, "%s[%lld]", s, (long long)x->dim[d]);
    return arena_printf(e->arena, "%s %s", dtype_name(x->dtype), s);
}

static const char *argument(const Emit *e, int tensor) { return emit_argument(e->arena, e->m->tensors.at[tensor].cname); }

static void params_type(Emit *e)
{
    text_open(e->out, "typedef struct %s_params {", e->prefix);
    for (int i = 0; i < e->m->params.n; i++) {
        const TmTensor *x = &e->m->tensors.at[e->m->params.at[i]];
        text_line(e->out, "const void *%s;  /* %s: %s */", x->cname, x->name, shape(e, x));
    }
    if (e->m->params.n == 0) text_line(e->out, "const void *none;  /* the block has no parameters */");
    text_close(e->out, "} %s_params;", e->prefix);
}

static const char *run_signature(const Emit *e)
{
    const char *s = arena_printf(e->arena, "int %s_run(int n, const void *packed", e->prefix);
    for (int i = 0; i < e->m->inputs.n; i++) s = arena_printf(e->arena, "%s, const void *%s", s, argument(e, e->m->inputs.at[i]));
    for (int i = 0; i < e->m->outputs.n; i++) s = arena_printf(e->arena, "%s, void *%s", s, argument(e, e->m->outputs.at[i]));
    return arena_printf(e->arena, "%s, void *workspace, %s)", s, e->target->last);
}

static const char *workspace_signature(const Emit *e)
{
    return arena_printf(e->arena, "size_t %s_workspace_bytes(int n%s)", e->prefix, e->target->threads ? ", int threads" : "");
}

static void tensors_comment(Emit *e)
{
    for (int i = 0; i < e->m->inputs.n; i++)
        text_line(e->out, "/* in   %s: %s */", argument(e, e->m->inputs.at[i]), shape(e, &e->m->tensors.at[e->m->inputs.at[i]]));
    for (int i = 0; i < e->m->outputs.n; i++)
        text_line(e->out, "/* out  %s: %s */", argument(e, e->m->outputs.at[i]), shape(e, &e->m->tensors.at[e->m->outputs.at[i]]));
}

static void prototypes(Emit *e)
{
    const char *p = e->prefix;
    text_line(e->out, "size_t %s_packed_bytes(void);", p);
    text_line(e->out, "int %s_pack(const %s_params *params, void *packed);  /* host memory; 16-byte aligned */", p, p);
    text_line(e->out, "%s;", workspace_signature(e));
    tensors_comment(e);
    text_line(e->out, "%s;", run_signature(e));
    text_line(e->out, "const char *%s_error(int code);", p);
    text_line(e->out, "#ifdef FCM_COUNT");
    text_line(e->out, "void %s_counts(int64_t *read, int64_t *written);  /* %d slots each; clears them */", p, tm_byte_slots(e->m));
    text_line(e->out, "#endif");
}

void emit_header(Emit *e, Text *header)
{
    Text *source = e->out;
    const char *guard = emit_upper(e->arena, e->prefix);
    e->out = header;
    text_line(header, "/* %s: 0 is success, other codes are worded by %s_error. n images; n == 0 does nothing. */", e->m->name,
              e->prefix);
    text_line(header, "#ifndef FCMC_%s_H\n#define FCMC_%s_H", guard, guard);
    text_line(header, "#include <stddef.h>\n#include <stdint.h>");
    if (!e->target->threads) text_line(header, "struct CUstream_st;  /* what cudaStream_t points to */");
    text_line(header, "#ifdef __cplusplus\nextern \"C\" {\n#endif");
    params_type(e);
    prototypes(e);
    text_line(header, "#ifdef __cplusplus\n}\n#endif\n#endif");
    e->out = source;
}

/* ---- the source ---- */

static long long arena_most(const TmModule *m)
{
    long long most = 0;
    for (int i = 0; i < m->programs.n; i++)
        if (m->programs.at[i]->arena_bytes > most) most = m->programs.at[i]->arena_bytes;
    return most;
}

static void sizes(Emit *e)
{
    text_line(e->out, "size_t %s_packed_bytes(void) { return %lld; }\n", e->prefix, (long long)e->m->packed_bytes);
    if (e->target->threads)
        text_line(e->out, "%s { return fc_workspace(n, %lld, threads, %lld); }\n", workspace_signature(e),
                  (long long)e->m->workspace_bytes, arena_most(e->m));
    else
        text_line(e->out, "%s { return n > 0 ? (size_t)n * %lld : 0; }\n", workspace_signature(e),
                  (long long)e->m->workspace_bytes);
    text_line(e->out, "const char *%s_error(int code) { return %s; }\n", e->prefix, e->target->error);
}

static void check_pointers(Emit *e, const int *tensors, int n)
{
    for (int i = 0; i < n; i++) {
        const char *name = argument(e, tensors[i]);
        int align = e->target->threads ? dtype_bytes(e->m->tensors.at[tensors[i]].dtype) : 16;
        text_line(e->out, "if (!%s) return FC_NULL_POINTER;", name);
        text_line(e->out, "if (fc_misaligned(%s, %d)) return FC_MISALIGNED;", name, align);
    }
}

static void checks(Emit *e)
{
    bool workspace = e->m->workspace_bytes > 0 || (e->target->threads && arena_most(e->m) > 0);
    text_line(e->out, "if (n < 0) return FC_NEGATIVE_BATCH;");
    if (e->m->batch) text_line(e->out, "if (n != %lld) return FC_WRONG_BATCH;", (long long)e->m->batch);
    if (e->target->threads) text_line(e->out, "if (threads < 1) return FC_NO_THREADS;");
    text_line(e->out, "if (n == 0) return FC_FINE;");
    if (e->m->packed_bytes)
        text_line(e->out, "if (!packed) return FC_NULL_POINTER;\n    if (fc_misaligned(packed, 16)) return FC_MISALIGNED;");
    check_pointers(e, e->m->inputs.at, e->m->inputs.n);
    check_pointers(e, e->m->outputs.at, e->m->outputs.n);
    if (workspace) text_line(e->out, "if (!workspace) return FC_NULL_POINTER;");
    if (workspace && !e->target->threads) text_line(e->out, "if (fc_misaligned(workspace, 16)) return FC_MISALIGNED;");
}

const char *emit_pointer(const Emit *e, int tensor)
{
    const TmTensor *x = &e->m->tensors.at[tensor];
    if (x->role != TM_TEMP) return argument(e, tensor);
    return arena_printf(e->arena, "temp + (size_t)n * %lld", (long long)x->offset);
}

static void counts(Emit *e)
{
    text_line(e->out, "\n#if %s", e->target->counted);
    text_line(e->out, "void %s_counts(int64_t *read, int64_t *written) { %s(%sread, written); }", e->prefix, e->target->counts,
              e->target->threads ? "" : arena_printf(e->arena, "%d, ", tm_byte_slots(e->m)));
    text_line(e->out, "#endif");
}

void emit_host(Emit *e)
{
    sizes(e);
    text_line(e->out, "%s", run_signature(e));
    text_open(e->out, "{");
    checks(e);
    e->target->launches(e);
    text_close(e->out, "}");
    counts(e);
}
