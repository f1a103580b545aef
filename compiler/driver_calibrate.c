/* driver_calibrate.c: measures this machine's CPU by micro-benchmarks and prints a device file: cpu.hw with what was measured
 * and detected in place of its numbers. */
#include "child.h"
#include "driver.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const unsigned char fcm_embedded_calibrate_main_c[];

typedef struct Rate { const char *key; double value; } Rate;
typedef struct Calibrate {
    Driver *d;
    Workdir dir;
    const Device *host;
    VEC(Rate) measured;
    const char *date;
} Calibrate;

/* ---- measuring ---- */

static bool ran(Calibrate *z, const char *what, Job *j)
{
    jobs_run(j, 1, 1);
    if (!job_ok(j)) diag_error(z->d->diag, NOWHERE, "FCM5005", "%s: %s", what, job_words(z->d->arena, j));
    return job_ok(j);
}

static bool measure(Calibrate *z)
{
    Arena *a = z->d->arena;
    const char *text = (const char *)fcm_embedded_calibrate_main_c, *c = workdir_file(&z->dir, "calibrate.c");
    const char *program = workdir_file(&z->dir, "calibrate"), *log = workdir_file(&z->dir, "calibrate.log"), *why;
    if (!workdir_write(&z->dir, z->d->diag, c, text, strlen(text))) return false;
    Job build = { .argv = job_argv(a, "cc -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -march=native -ffp-contract=fast -fopenmp",
                                   c, "-o", program,
                                   (char *)NULL),
                  .log = log, .timeout = COMPILE_SECONDS };
    if (!ran(z, "the micro-benchmarks do not compile", &build)) return false;
    const Device *h = z->host;
    Job run = { .argv = job_argv(a, program, arena_printf(a, "%.0f", h->sms), arena_printf(a, "%.0f", h->l1_bytes),
                                 arena_printf(a, "%.0f", h->l2_bytes), arena_printf(a, "%.0f", h->l3_bytes), (char *)NULL),
                .log = log, .timeout = 120, .threads = (int)h->sms };
    if (!ran(z, "the micro-benchmarks", &run)) return false;
    size_t len;
    char *at = text_read_file(a, log, 1 << 20, &len, &why);
    for (char *line = at ? strtok(at, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        char key[32];
        double v;
        if (sscanf(line, "%31s %lf", key, &v) == 2) vec_push(a, &z->measured, ((Rate){ arena_strdup(a, key), v }));
    }
    return z->measured.n > 0;
}

/* ---- the file ---- */

static const Rate *measured(const Calibrate *z, const char *key)
{
    for (int i = 0; i < z->measured.n; i++)
        if (strcmp(z->measured.at[i].key, key) == 0) return &z->measured.at[i];
    return NULL;
}

static bool detected(const Calibrate *z, const char *key, double *value)
{
    const struct { const char *key; double value; } known[] = {
        { "arch", z->host->arch }, { "sms", z->host->sms }, { "l1", z->host->l1_bytes }, { "l2", z->host->l2_bytes }, { "l3",
                z->host->l3_bytes },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].key, key) == 0) return *value = known[i].value, true;
    return false;
}

/* One line of cpu.hw, with a better number where there is one. */
static void put_line(Calibrate *z, Text *out, const char *line, int n)
{
    char key[32];
    double value;
    if (*line == '#' || sscanf(line, "%31[a-z0-9_] =", key) != 1 || strcmp(key, "title") == 0) return;
    const Rate *r = measured(z, key);
    if (r) text_printf(out, "%-12s = %-10.4g # measured by fcmc calibrate on %s\n", key, r->value, z->date);
    else if (detected(z, key, &value)) text_printf(out, "%-12s = %-10.0f # detected by fcmc calibrate on %s\n", key, value,
                                                   z->date);
    else text_printf(out, "%.*s\n", n, line);
}

static const char *device_text_of(Calibrate *z)
{
    Text t = text_new(z->d->arena);
    int cpu = 0;
    while (strcmp(device_name(cpu), "cpu") != 0) cpu++;
    text_printf(&t, "# This machine's CPU, by fcmc calibrate on %s. FMA peak of a core:", z->date);
    for (int i = 0; i < z->measured.n; i++)
        if (strncmp(z->measured.at[i].key, "fma", 3) == 0 && z->measured.at[i].key[3] != '_')
            text_printf(&t, " %s bits %.1f GFLOP/s", z->measured.at[i].key + 3, z->measured.at[i].value / 1e9);
    text_put(&t, "\ntitle = this machine's CPU\n");
    for (const char *p = device_text(cpu); *p;) {
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
    for (int i = 0; i < z->measured.n; i++)
        text_printf(&z->d->result, "%s\"%s\":%.9g", i ? "," : "", z->measured.at[i].key, z->measured.at[i].value);
    text_put(&z->d->result, "}");
    if (!path || strcmp(path, "-") == 0) return text_put(&z->d->out, text), EXIT_OK;
    if (text_write_file(z->d->arena, path, text, strlen(text), &why)) return EXIT_OK;
    diag_error(z->d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", path, why);
    return EXIT_INPUT;
}

/* ---- the verb ---- */

int driver_calibrate(Driver *d)
{
    CliTarget t = cli_target(d->cli) ? cli_target(d->cli) : CLI_CPU;
    Calibrate z = { .d = d };
    if (t != CLI_CPU) {
        diag_error(d->diag, NOWHERE, "FCM5008", "calibrate --target %s: only the CPU can be measured", cli_target_name(t));
        return t == CLI_REFERENCE ? EXIT_USAGE : EXIT_ENVIRON;
    }
    if (!(z.host = device_find(d->arena, d->diag, "host"))) return EXIT_BUG;
    if (!program_exists("cc")) {
        diag_error(d->diag, NOWHERE, "FCM5004", "no C compiler: 'cc' is not in PATH");
        return EXIT_ENVIRON;
    }
    if (!workdir_open(d->arena, d->diag, &z.dir)) return EXIT_ENVIRON;
    char date[32];
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&now));
    z.date = date;
    int status = measure(&z) ? write_out(&z) : EXIT_BENCH;
    workdir_close(&z.dir);
    return status;
}
