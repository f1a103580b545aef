/* child.c: what a child needs beside the generated text: names and sizes (child.h), the main program, the emulator, the
 * compiler's command. */
#include "child.h"

#include <string.h>

typedef struct EmbeddedFile { const char *name; const unsigned char *text; } EmbeddedFile;
extern const unsigned char fcm_embedded_child_main_c[], fcm_embedded_ref_main_c[], fcm_embedded_bench_io_h[],
    fcm_embedded_bench_main_c[], fcm_embedded_bench_device_cu[], fcm_embedded_device_time_cuh[], fcm_embedded_calibrate_main_c[],
    fcm_embedded_calibrate_device_cu[], fcm_embedded_onednn_chain_c[], fcm_embedded_fc_dev_cuh[], fcm_embedded_fc_lanes_cuh[];
#define EMULATOR_FILE(id, name) extern const unsigned char fcm_embedded_##id[];
#include "emulator_files.inc"
#undef EMULATOR_FILE
static const EmbeddedFile emulator_files[] = {
#define EMULATOR_FILE(id, name) { name, fcm_embedded_##id },
#include "emulator_files.inc"
#undef EMULATOR_FILE
    { NULL, NULL },
};

int64_t child_bytes(const ChildTensor *t) { return t->elements * dtype_bytes(t->dtype); }

ChildSig child_of_graph(Arena *a, const Graph *g, const char *prefix)
{
    ChildSig s = { .kind = CHILD_REFERENCE, .prefix = prefix, .batch = g->batch, .nodes = g->nodes.n };
    for (int i = 0; i < g->params.n; i++) {
        const GraphParam *p = &g->params.at[i];
        ChildTensor t = { p->cname, p->dtype, 1 };
        for (int d = 0; d < p->rank; d++) t.elements *= p->dim[d];
        vec_push(a, &s.params, t);
    }
    for (int i = 0; i < g->inputs.n; i++) {
        const GraphNode *n = &g->nodes.at[g->inputs.at[i]];
        vec_push(a, &s.inputs, (ChildTensor){ n->name, n->dtype, n->h * n->w * n->c });
    }
    for (int i = 0; i < g->outputs.n; i++) {
        const GraphNode *n = &g->nodes.at[g->outputs.at[i].node];
        vec_push(a, &s.outputs, (ChildTensor){ g->outputs.at[i].cname, n->dtype, n->h * n->w * n->c });
    }
    return s;
}

ChildSig child_of_module(Arena *a, const TmModule *m, const char *prefix, ChildKind kind)
{
    ChildSig s = { .kind = kind, .prefix = prefix, .batch = m->batch, .slots = tm_byte_slots(m) };
    for (int i = 0; i < m->params.n + m->inputs.n + m->outputs.n; i++) {
        int in = i - m->params.n, out = in - m->inputs.n;
        const TmTensor *x = &m->tensors.at[in < 0 ? m->params.at[i] : out < 0 ? m->inputs.at[in] : m->outputs.at[out]];
        ChildTensor t = { x->cname, x->dtype,
                          in < 0 ? x->dim[0] * x->dim[1] * x->dim[2] * x->dim[3] : x->dim[1] * x->dim[2] * x->dim[3] };
        if (in < 0) vec_push(a, &s.params, t);
        else if (out < 0) vec_push(a, &s.inputs, t);
        else vec_push(a, &s.outputs, t);
    }
    return s;
}

static void put_sizes(Text *t, const char *name, const ChildTensor *at, int n)
{
    text_printf(t, "static const size_t child_%s[] = {", name);
    for (int i = 0; i < n; i++) text_printf(t, " %lld,", (long long)child_bytes(&at[i]));
    text_put(t, " 0 };\n");
}

char *child_print(Arena *a, const ChildSig *s, const char *header)
{
    static const char *const kinds[] = { "CHILD_REFERENCE", "CHILD_CPU", "CHILD_EMULATED", "CHILD_DEVICE" };
    bool cuda = s->kind == CHILD_EMULATED || s->kind == CHILD_DEVICE;
    Text t = text_new(a);
    text_printf(&t,
                "/* names and sizes of %s, for child_main.c; made by fcmc */\n#define %s 1\n#include <stddef.h>\n#include "
                "<stdint.h>\n#include \"%s\"\n",
                s->prefix, kinds[s->kind], header);
    text_printf(&t, "#define CHILD_CALL(f) %s_##f\n#define CHILD_LAST_TYPE %s\n", s->prefix,
                cuda ? "struct CUstream_st *" : "int");
    text_printf(&t,
                "enum { CHILD_PARAMS = %d, CHILD_INPUTS = %d, CHILD_OUTPUTS = %d, CHILD_SLOTS = %d, CHILD_NODES = %d, "
                "CHILD_BATCH = %lld, CHILD_BATCH_OPEN = %d };\n",
                s->params.n, s->inputs.n, s->outputs.n, s->slots, s->nodes, (long long)(s->batch ? s->batch : 1), s->batch == 0);
    if (s->slots) text_put(&t, "#define CHILD_COUNTED 1\n");
    put_sizes(&t, "params", s->params.at, s->params.n);
    put_sizes(&t, "inputs", s->inputs.at, s->inputs.n);
    put_sizes(&t, "outputs", s->outputs.at, s->outputs.n);
    text_put(&t, "#define CHILD_FILL(P, at) do { (void)(at);");
    for (int i = 0; i < s->params.n; i++) text_printf(&t, " (P).%s = (at)[%d];", s->params.at[i].cname, i);
    text_put(&t, " } while (0)\n#define CHILD_RUN(n, packed, in, out, ws, last) CHILD_CALL(run)(n, packed,");
    for (int i = 0; i < s->inputs.n; i++) text_printf(&t, " (in)[%d],", i);
    for (int i = 0; i < s->outputs.n; i++) text_printf(&t, " (out)[%d],", i);
    text_put(&t, " ws, last)\n");
    if (s->kind == CHILD_REFERENCE) {
        text_put(&t, "static const size_t child_elements[] = {");
        for (int i = 0; i < s->outputs.n; i++) text_printf(&t, " %lld,", (long long)s->outputs.at[i].elements);
        text_put(&t, " 0 };\n");
    }
    if (s->extra) text_put(&t, s->extra);
    return t.at;
}

/* ---- building ---- */
static int push(ChildBuilder *b, Jobs *to, const char *log, const char *const *argv)
{
    vec_push(b->dir->arena, to, (Job){ .argv = argv, .log = log, .timeout = COMPILE_SECONDS });
    return to->n - 1;
}

/* The emulator's objects, built once for all children; the checker's apart, since only instrumented kernels link it. */
static bool prepare_emulator(ChildBuilder *b)
{
    Arena *a = b->dir->arena;
    if (b->emulator.n) return true;
    for (const EmbeddedFile *f = emulator_files; f->name; f++) {
        const char *path = workdir_file(b->dir, "%s", f->name);
        if (!workdir_write(b->dir, b->diag, path, f->text, strlen((const char *)f->text))) return false;
        if (!strstr(f->name, ".cpp")) continue;
        const char *const *argv = job_argv(a, "g++ -std=c++17 -O2 -fno-strict-aliasing -pthread -c", "-I", b->dir->path, path,
                                           "-o", arena_printf(a, "%s.o", path), (char *)NULL);
        vec_push(a, &b->emulator, push(b, &b->first, workdir_file(b->dir, "%s.log", f->name), argv));
    }
    return true;
}

static const char *const *with_emulator(ChildBuilder *b, const char *const *argv, bool checker)
{
    VEC(const char *) v = { 0 };
    for (; *argv; argv++) vec_push(b->dir->arena, &v, *argv);
    for (const EmbeddedFile *f = emulator_files; f->name; f++)
        if (strstr(f->name, ".cpp") && (checker || !strstr(f->name, "check")))
            vec_push(b->dir->arena, &v, workdir_file(b->dir, "%s.o", f->name));
    vec_push(b->dir->arena, &v, NULL);
    return v.at;
}

static const char device_flags[] = "nvcc -std=c++17 -O3 -arch=native";

static bool write_embedded(const Workdir *w, Diag *d, const char *dir, const EmbeddedFile *files)
{
    for (const EmbeddedFile *f = files; f->name; f++)
        if (!workdir_write(w, d, arena_printf(w->arena, "%s/%s", dir, f->name), f->text, strlen((const char *)f->text))) return false;
    return true;
}

/* What is written beside the generated text, the main program first. */
static const EmbeddedFile *main_files(const ChildSig *s, ChildForm form)
{
    static const EmbeddedFile child_c[] = { { "main.c", fcm_embedded_child_main_c }, { NULL, NULL } },
                              child_cu[] = { { "main.cu", fcm_embedded_child_main_c }, { NULL, NULL } },
                              reference[] = { { "main.c", fcm_embedded_ref_main_c }, { NULL, NULL } },
                              bench_cpu[] = { { "main.c", fcm_embedded_bench_main_c },
                                              { "bench_io.h", fcm_embedded_bench_io_h },
                                              { "onednn_chain.c", fcm_embedded_onednn_chain_c },
                                              { NULL, NULL } },
                              bench_device[] = { { "main.cu", fcm_embedded_bench_device_cu },
                                                 { "bench_io.h", fcm_embedded_bench_io_h },
                                                 { "device_time.cuh", fcm_embedded_device_time_cuh },
                                                 { "fc_dev.cuh", fcm_embedded_fc_dev_cuh },
                                                 { "fc_lanes.cuh", fcm_embedded_fc_lanes_cuh },
                                                 { NULL, NULL } };
    if (form == FORM_BENCH) return s->kind == CHILD_DEVICE ? bench_device : bench_cpu;
    return s->kind == CHILD_REFERENCE ? reference : s->kind == CHILD_CPU ? child_c : child_cu;
}

static const char *const *c_command(Arena *a, const ChildSig *s, ChildForm form, const char *dir, const char *source,
                                    const char *main_file, const char *program, const char *define)
{
    const char *flags = form == FORM_BENCH           ? "cc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -march=native -fopenmp"
                        : s->kind == CHILD_REFERENCE ? "cc -std=c11 -O2 -march=native -ffp-contract=off -fopenmp"
                                                     : "cc -std=c11 -O2 -march=native -fopenmp -DFCM_COUNT";
    if (form == FORM_BENCH && s->peer)
        return job_argv(a, flags, define, "-DFCM_PEER", "-I", dir, source, main_file, arena_printf(a, "%s/onednn_chain.c", dir),
                        "-o", program, "-ldnnl", "-lm", (char *)NULL);
    return job_argv(a, flags, define, "-I", dir, source, main_file, "-o", program, "-lm", (char *)NULL);
}

static const char *const *emulated_command(ChildBuilder *b, ChildForm form, const char *dir, const char *source,
                                           const char *main_file, const char *define, ChildBuild *out)
{
    Arena *a = b->dir->arena;
    const char *object = arena_printf(a, "%s/block.o", dir), *const *argv;
    const char *flags = "g++ -std=c++17 -O1 -fno-strict-aliasing -pthread -DFCM_COUNT";
    if (form != FORM_RACE)
        argv = job_argv(a, flags, define, "-I", dir, "-I", b->dir->path, "-x", "c++", source, main_file, "-x", "none", "-o",
                        out->program, (char *)NULL);
    else {
        out->first = push(b, &b->first, arena_printf(a, "%s/object.log", dir),
                          job_argv(a, "g++ -std=c++17 -O1 -g -fsanitize=thread -fno-strict-aliasing -DFCM_COUNT -x c++ -c",
                                   "-I", dir, "-I", b->dir->path, source, "-o", object, (char *)NULL));
        argv = job_argv(a, flags, "-I", dir, "-I", b->dir->path, "-x", "c++", main_file, "-x", "none", object, "-o",
                        out->program, (char *)NULL);
    }
    return with_emulator(b, argv, form == FORM_RACE);
}

bool child_build(ChildBuilder *b, const char *name, const ChildSig *s, ChildText text, ChildForm form, ChildBuild *out)
{
    Arena *a = b->dir->arena;
    bool cuda = s->kind == CHILD_EMULATED || s->kind == CHILD_DEVICE;
    const char *dir = workdir_file(b->dir, "%s", name), *define = form == FORM_EXACT ? "-DFCM_EXACT" : "-UFCM_EXACT",
               *config = child_print(a, s, text.header_name);
    const EmbeddedFile *files = main_files(s, form);
    const char *source = arena_printf(a, "%s/block.%s", dir, cuda ? "cu" : "c"),
               *main_file = arena_printf(a, "%s/%s", dir, files->name);
    *out = (ChildBuild){ arena_printf(a, "%s/child", dir), -1, -1, s->kind == CHILD_EMULATED };
    workdir_subdir(b->dir, name);
    if (!workdir_write(b->dir, b->diag, source, text.source, strlen(text.source))) return false;
    if (!workdir_write(b->dir, b->diag, arena_printf(a, "%s/%s", dir, text.header_name), text.header, strlen(text.header)))
        return false;
    if (!workdir_write(b->dir, b->diag, arena_printf(a, "%s/child.h", dir), config, strlen(config))) return false;
    if (!write_embedded(b->dir, b->diag, dir, files)) return false;
    const char *const *argv;
    if (!cuda) argv = c_command(a, s, form, dir, source, main_file, out->program, define);
    else if (s->kind == CHILD_DEVICE)
        argv = job_argv(a, device_flags, define, "-I", dir, source, main_file, "-o", out->program, (char *)NULL);
    else if (!prepare_emulator(b)) return false;
    else argv = emulated_command(b, form, dir, source, main_file, define, out);
    out->second = push(b, &b->second, arena_printf(a, "%s/compile.log", dir), argv);
    return true;
}

bool child_calibrate(const Workdir *w, Diag *d, ChildKind kind, Job *build, const char **program)
{
    static const EmbeddedFile cpu[] = { { "calibrate.c", fcm_embedded_calibrate_main_c }, { NULL, NULL } },
                              device[] = { { "calibrate.cu", fcm_embedded_calibrate_device_cu },
                                           { "device_time.cuh", fcm_embedded_device_time_cuh },
                                           { "fc_dev.cuh", fcm_embedded_fc_dev_cuh },
                                           { "fc_lanes.cuh", fcm_embedded_fc_lanes_cuh },
                                           { NULL, NULL } };
    const char *cc = "cc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -march=native -ffp-contract=fast -fopenmp";
    const EmbeddedFile *files = kind == CHILD_DEVICE ? device : cpu;
    *program = workdir_file(w, "calibrate");
    *build = (Job){ .argv = job_argv(w->arena, kind == CHILD_DEVICE ? device_flags : cc, "-I", w->path,
                                     workdir_file(w, "%s", files->name), "-o", *program, (char *)NULL),
                    .log = workdir_file(w, "calibrate.log"), .timeout = COMPILE_SECONDS };
    return write_embedded(w, d, w->path, files);
}

const Job *child_failed(const ChildBuilder *b, const ChildBuild *c)
{
    for (int i = 0; c->emulated && i < b->emulator.n; i++)
        if (!job_ok(&b->first.at[b->emulator.at[i]])) return &b->first.at[b->emulator.at[i]];
    if (c->first >= 0 && !job_ok(&b->first.at[c->first])) return &b->first.at[c->first];
    if (c->second >= 0 && !job_ok(&b->second.at[c->second])) return &b->second.at[c->second];
    return NULL;
}
