/* driver_info.c: the verbs that ask nothing of a source file: devices, doctor, explain. */
#include "child.h"
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- explain ---- */
static const struct { const char *code, *title, *text; } codes[] = {
#define X(code, title, text) { code, title, text },
#include "all_codes.inc"
#undef X
};
enum { CODES = sizeof codes / sizeof *codes };

int driver_explain(Driver *d)
{
    const char *code = d->cli->files.at[0], *names[CODES];
    for (int i = 0; i < CODES; i++) {
        names[i] = codes[i].code;
        if (strcmp(code, codes[i].code) != 0) continue;
        text_printf(&d->out, "%s: %s\n\n%s\n", codes[i].code, codes[i].title, codes[i].text);
        text_put(&d->result, "{\"code\":");
        text_json_string(&d->result, codes[i].code);
        text_put(&d->result, ",\"title\":");
        text_json_string(&d->result, codes[i].title);
        text_put(&d->result, ",\"text\":");
        text_json_string(&d->result, codes[i].text);
        text_put(&d->result, "}");
        return EXIT_OK;
    }
    const char *near = diag_nearest(code, names, CODES);
    diag_error(d->diag, NOWHERE, "FCM5010", "there is no code '%s'", code);
    if (near) diag_note(d->diag, NOWHERE, "did you mean %s?", near);
    return EXIT_INPUT;
}

/* ---- devices ---- */
static void put_device(Driver *d, const Device *dev, const char *name)
{
    text_printf(&d->out, "%-10s %-5s %-28s", name, dev->target == TM_CPU ? "cpu" : "cuda", dev->title);
    if (dev->target == TM_CPU)
        text_printf(&d->out, " %g-bit vectors, %g cores, %.0f GB/s\n", dev->arch, dev->sms, dev->dram_bw / 1e9);
    else text_printf(&d->out, " sm_%g, %g SMs, %.0f GB/s\n", dev->arch, dev->sms, dev->dram_bw / 1e9);
    text_put(&d->result, d->result.n > 1 ? ",{\"name\":" : "{\"name\":");
    text_json_string(&d->result, name);
    text_put(&d->result, ",\"title\":");
    text_json_string(&d->result, dev->title);
    text_printf(&d->result, ",\"target\":\"%s\"", dev->target == TM_CPU ? "cpu" : "cuda");
#define X(field, key, need, def, least, most) text_printf(&d->result, ",\"" key "\":%.17g", dev->field);
    FCM_DEVICE_FIELDS(X)
#undef X
    text_put(&d->result, "}");
}

static int show_device(Driver *d, const char *name)
{
    const Device *dev = device_find(d->arena, d->diag, name);
    if (!dev) return EXIT_INPUT;
    put_device(d, dev, name);
    for (int i = 0; i < device_count(); i++)
        if (strcmp(device_name(i), name) == 0) return text_printf(&d->out, "\n%s", device_text(i)), EXIT_OK;
#define X(field, key, need, def, least, most) if (dev->field != 0) text_printf(&d->out, "%-14s = %.9g\n", key, dev->field);
    FCM_DEVICE_FIELDS(X)
#undef X
    return EXIT_OK;
}

int driver_devices(Driver *d)
{
    if (d->cli->files.n) return show_device(d, d->cli->files.at[0]);
    text_put(&d->result, "[");
    bool ok = true;
    for (int i = 0; i <= device_count(); i++) {
        const char *name = i < device_count() ? device_name(i) : "host";
        const Device *dev = device_find(d->arena, d->diag, name);
        if (dev) put_device(d, dev, name);
        else ok = false;
    }
    text_put(&d->result, "]");
    return ok ? EXIT_OK : EXIT_INPUT;
}

/* ---- doctor ---- */
static void put_finding(Driver *d, const char *what, bool found, const char *detail)
{
    size_t n = strcspn(detail, "\n");
    text_printf(&d->out, "%-10s %-4s %.*s\n", what, found ? "yes" : "no", (int)n, detail);
    text_printf(&d->result, "%s\"%s\":{\"found\":%s,\"detail\":", d->result.n > 1 ? "," : "", what, found ? "true" : "false");
    text_json_string(&d->result, arena_strndup(d->arena, detail, n));
    text_put(&d->result, "}");
}

/* Runs a tool for its version; line: the one of its output that matters. */
static bool put_tool(Driver *d, const Workdir *w, const char *what, const char *command, const char *line, const char *without)
{
    Job j = { .argv = job_argv(d->arena, command, (char *)NULL), .log = workdir_file(w, "tool.log"), .timeout = 20 };
    size_t n;
    const char *why;
    bool found = program_exists(j.argv[0]);
    if (found) jobs_run(&j, 1, 1);
    const char *log = found && job_ok(&j) ? text_read_file(d->arena, j.log, 1 << 20, &n, &why) : NULL;
    const char *at = log && line ? strstr(log, line) : log;
    put_finding(d, what, log != NULL, log ? at ? at : log : without);
    return log != NULL;
}

/* Does a program with these lines compile, link and run? */
static bool put_probe(Driver *d, const Workdir *w, const char *what, const char *program, const char *flags, const char *with,
                      const char *without)
{
    const char *c = workdir_file(w, "probe.c"), *exe = workdir_file(w, "probe");
    workdir_write(w, d->diag, c, program, strlen(program));
    Job build = { .argv = job_argv(d->arena, "cc -x c", c, "-o", exe, flags, (char *)NULL),
                  .log = workdir_file(w, "tool.log"),
                  .timeout = 20 };
    Job run = { .argv = job_argv(d->arena, "", exe, (char *)NULL), .log = workdir_file(w, "tool.log"), .timeout = 20 };
    jobs_run(&build, 1, 1);
    if (job_ok(&build)) jobs_run(&run, 1, 1);
    bool ok = job_ok(&build) && job_ok(&run);
    put_finding(d, what, ok, ok ? with : without);
    return ok;
}

static const char *isa(void)
{
#if defined __GNUC__ && (defined __x86_64__ || defined __i386__)
    if (__builtin_cpu_supports("avx512f")) return "AVX-512";
    if (__builtin_cpu_supports("avx2")) return "AVX2";
#endif
    return "portable C only";
}

int driver_doctor(Driver *d)
{
    Workdir w;
    if (!workdir_open(d->arena, d->diag, &w)) return EXIT_ENVIRON;
    text_put(&d->result, "{");
    bool cc = put_tool(d, &w, "cc", "cc --version", NULL, "the cpu and reference builds cannot be verified, run or timed");
    put_tool(d, &w, "g++", "g++ --version", NULL, "CUDA text cannot be run on the host");
    put_tool(d, &w, "nvcc", "nvcc --version", "release", "CUDA text cannot be compiled for a device; nothing else needs it");
    bool gpu = driver_has_gpu(d);
    if (gpu) put_tool(d, &w, "gpu", "nvidia-smi -L", NULL, "a device node is there, but nvidia-smi does not answer");
    else put_finding(d, "gpu", false, "verify and run emulate CUDA on the host; bench of cuda needs a GPU");
    if (cc) {
        put_probe(d, &w, "openmp", "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n", "-fopenmp",
                  "cc -fopenmp works", "the cpu build runs on one thread");
        put_probe(d, &w, "libdnnl", "#include <dnnl.h>\nint main(void) { return dnnl_version() == 0; }\n", "-ldnnl",
                  "bench compares with oneDNN", "bench reports without oneDNN");
    }
    put_finding(d, "isa", true, isa());
    text_put(&d->result, "}");
    workdir_close(&w);
    return cc ? EXIT_OK : EXIT_ENVIRON;
}
