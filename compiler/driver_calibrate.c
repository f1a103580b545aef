/* driver_calibrate.c: measures this machine's CPU or GPU by micro-benchmarks and prints a device file: the built-in one that is nearest, with what
 * was measured, detected or reported by the driver in place of its numbers. */
#include "host.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* how: "measured", "detected", "reported" */
typedef struct Rate { const char *key, *how; double value; } Rate;
typedef struct Calibrate {
    Driver *d;
    const TimingTarget *target;
    Workdir dir;
    VEC(Rate) rates;
    const char *title;
    int base;                       /* number of the built-in device */
    const char *date;
} Calibrate;

/* ---- measuring ---- */

static const Rate *find(const Calibrate *z, const char *key)
{
    for (int i = 0; i < z->rates.n; i++)
        if (strcmp(z->rates.at[i].key, key) == 0) return &z->rates.at[i];
    return NULL;
}

/* Lines "key value [how]" and "title words". */
static void read_log(Calibrate *z, const char *log)
{
    Arena *a = z->d->arena;
    const char *title = timing_words(a, log, "title");
    if (*title) z->title = title;
    for (const char *line = log; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char key[32], how[16] = "measured";
        double v;
        char *copy = arena_strndup(a, line, strcspn(line, "\n"));
        if (sscanf(copy, "%31s %lf %15s", key, &v, how) >= 2) vec_push(a, &z->rates, ((Rate){ arena_strdup(a, key), arena_strdup(a, how), v }));
    }
}

static const char *const *cpu_command(Calibrate *z, const Device *h, const char *program)
{
    const struct { const char *key; double value; } known[] = {
        { "arch", h->arch }, { "sms", h->sms }, { "l1", h->l1_bytes }, { "l2", h->l2_bytes }, { "l3", h->l3_bytes },
    };
    Arena *a = z->d->arena;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        vec_push(a, &z->rates, ((Rate){ known[i].key, "detected", known[i].value }));
    return job_argv(a, program, arena_printf(a, "%.0f", h->sms), arena_printf(a, "%.0f", h->l1_bytes),
                    arena_printf(a, "%.0f", h->l2_bytes), arena_printf(a, "%.0f", h->l3_bytes), (char *)NULL);
}

static int measure(Calibrate *z)
{
    Driver *d = z->d;
    const Device *h = device_find(d->arena, d->diag, "host");
    const char *program, *log = workdir_file(&z->dir, "rates.log"), *why;
    Job build;
    if (!h || !child_calibrate(&z->dir, d->diag, z->target->kind, &build, &program)) return EXIT_ENVIRON;
    jobs_run(&build, 1, 1);
    if (!job_ok(&build)) return timing_failed(d, "the micro-benchmarks do not compile", &build);
    Job run = { .log = log, .timeout = 120, .threads = (int)h->sms };
    run.argv = z->target->kind == CHILD_CPU ? cpu_command(z, h, program) : job_argv(d->arena, program, (char *)NULL);
    jobs_run(&run, 1, 1);
    if (!job_ok(&run)) return timing_failed(d, "the micro-benchmarks", &run);
    size_t len;
    char *text = text_read_file(d->arena, log, 1 << 20, &len, &why);
    if (text) read_log(z, text);
    if (find(z, "dram_bw")) return EXIT_OK;
    diag_error(d->diag, NOWHERE, "FCM5005", "the micro-benchmarks printed no rates");
    return EXIT_BENCH;
}

/* For a GPU the file of its name, else of its architecture, else of the newest one before it. */
static int nearest(const Calibrate *z)
{
    const char *name = "cpu";
    if (z->target->kind == CHILD_DEVICE) {
        const Rate *arch = find(z, "arch");
        name = NULL;
        for (int sm = arch ? (int)arch->value : 0; !name && sm >= 0; sm--) name = device_of_gpu(z->title, sm);
        if (!name) name = "h200";
    }
    int i = 0;
    while (strcmp(device_name(i), name) != 0) i++;
    return i;
}

/* ---- the file ---- */

/* One line of the base, with a better number where there is one. */
static void put_line(Calibrate *z, Text *out, const char *line, int n)
{
    char key[32];
    if (*line == '#' || sscanf(line, "%31[a-z0-9_] =", key) != 1 || strcmp(key, "title") == 0) return;
    const Rate *r = find(z, key);
    if (!r) text_printf(out, "%.*s\n", n, line);
    else if (strcmp(r->how, "measured") == 0)
        text_printf(out, "%-12s = %-10.4g # measured by fcmc calibrate on %s\n", key, r->value, z->date);
    else if (strcmp(r->how, "detected") == 0)
        text_printf(out, "%-12s = %-10.0f # detected by fcmc calibrate on %s\n", key, r->value, z->date);
    else text_printf(out, "%-12s = %-10.0f # reported by the driver to fcmc calibrate on %s\n", key, r->value, z->date);
}

static const char *device_text_of(Calibrate *z)
{
    Text t = text_new(z->d->arena);
    text_printf(&t, "# %s, by fcmc calibrate on %s; what it does not measure is from %s.hw.", z->title, z->date, device_name(z->base));
    for (int i = 0; i < z->rates.n; i++)
        if (strncmp(z->rates.at[i].key, "fma", 3) == 0 && z->rates.at[i].key[3] != '_')
            text_printf(&t, " FMA peak of a core, %s bits: %.1f GFLOP/s.", z->rates.at[i].key + 3, z->rates.at[i].value / 1e9);
    text_printf(&t, "\ntitle = %s\n", z->title);
    for (const char *p = device_text(z->base); *p;) {
        size_t n = strcspn(p, "\n");
        put_line(z, &t, p, (int)n);
        p += n + (p[n] != 0);
    }
    return t.at;
}

static int write_out(Calibrate *z)
{
    const char *path = cli_text(z->d->cli, OPT_OUT), *why, *text = device_text_of(z);
    text_put(&z->d->result, "{");
    for (int i = 0; i < z->rates.n; i++)
        text_printf(&z->d->result, "%s\"%s\":%.9g", i ? "," : "", z->rates.at[i].key, z->rates.at[i].value);
    text_put(&z->d->result, "}");
    if (!path || strcmp(path, "-") == 0) return text_put(&z->d->out, text), EXIT_OK;
    if (text_write_file(z->d->arena, path, text, strlen(text), &why)) return EXIT_OK;
    diag_error(z->d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", path, why);
    return EXIT_INPUT;
}

/* ---- the verb ---- */

int driver_calibrate(Driver *d)
{
    int status = EXIT_OK;
    Calibrate z = { .d = d, .title = "this machine's CPU" };
    if (!(z.target = timing_target(d, "it is no device", &status))) return status;
    if (!timing_open(d, z.target, &z.dir)) return EXIT_ENVIRON;
    char date[32];
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&now));
    z.date = date;
    status = measure(&z);
    if (status == EXIT_OK) z.base = nearest(&z), status = write_out(&z);
    timing_close(d, &z.dir);
    return status;
}
