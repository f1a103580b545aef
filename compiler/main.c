/* main.c: parses the command line, runs the verb, prints what it reported, ends with its status. */
#include "driver.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static int (*const verbs[VERB_COUNT])(Driver *) = {
    [VERB_COMPILE] = driver_compile, [VERB_PLAN] = driver_plan,       [VERB_VERIFY] = driver_verify,
    [VERB_RUN] = driver_run,         [VERB_BENCH] = driver_bench,     [VERB_CHECK] = driver_check,
    [VERB_FMT] = driver_fmt,         [VERB_DEVICES] = driver_devices, [VERB_DOCTOR] = driver_doctor,
    [VERB_EXPLAIN] = driver_explain, [VERB_TUNE] = driver_tune,       [VERB_CALIBRATE] = driver_calibrate,
};

static void json_diagnostics(const Driver *d, Text *t)
{
    static const char *const kinds[] = { "error", "warning", "remark", "note" };
    text_put(t, "[");
    for (int i = 0; i < diag_count(d->diag); i++) {
        const DiagEntry *e = diag_entry(d->diag, i);
        int line, col;
        diag_position(d->diag, e->loc, &line, &col);
        text_printf(t, "%s{\"kind\":\"%s\",\"code\":", i ? "," : "", kinds[e->kind]);
        if (e->code) text_json_string(t, e->code);
        else text_put(t, "null");
        text_put(t, ",\"message\":");
        text_json_string(t, e->text);
        if (e->loc.file) {
            text_put(t, ",\"file\":");
            text_json_string(t, diag_source(d->diag, e->loc.file)->path);
            text_printf(t, ",\"line\":%d,\"column\":%d,\"length\":%d", line, col, (int)e->loc.len);
        }
        text_put(t, "}");
    }
    text_put(t, "]");
}

static int finish(const Driver *d, int status)
{
    Text t = text_new(d->arena);
    if (d->json) {
        text_put(&t, "{\"version\":\"" FCM_VERSION "\",\"verb\":");
        text_json_string(&t, cli_verb_name(d->cli->verb));
        text_printf(&t, ",\"exit\":%d,\"diagnostics\":", status);
        json_diagnostics(d, &t);
        text_printf(&t, ",\"result\":%s}\n", d->result.n ? d->result.at : "null");
    } else {
        diag_print(d->diag, stderr);
        t = d->out;
    }
    bool written = fwrite(t.at, 1, t.n, stdout) == t.n && fflush(stdout) == 0 && !ferror(stdout);
    if (written) return status;
    fputs("fcmc: error: cannot write to stdout [FCM5002]\n", stderr);
    return status ? status : EXIT_INPUT;
}

static int usage_error(Driver *d)
{
    diag_error(d->diag, NOWHERE, NULL, "%s", d->cli->error);
    if (d->cli->hint) diag_note(d->diag, NOWHERE, "%s", d->cli->hint);
    diag_note(d->diag, NOWHERE, "fcmc --help shows verbs and options");
    return finish(d, EXIT_USAGE);
}

static int help(Driver *d)
{
    Text text = text_new(d->arena);
    if (cli_has(d->cli, OPT_VERSION)) text_put(&text, "fcmc " FCM_VERSION "\n");
    else if (d->cli->verb_given) cli_help_verb(&text, d->cli->verb);
    else cli_help(&text);
    text_json_string(&d->result, text.at);
    d->out = text;
    return finish(d, EXIT_OK);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    Arena *a = arena_new();
    const char **words = NEW_N(a, const char *, argc + 1);
    for (int i = 0; i < argc; i++) words[i] = argv[i];
    const Cli *cli = cli_parse(a, argc, words);
    Driver d = {
        .arena = a, .diag = diag_new(a), .cli = cli, .json = cli_has(cli, OPT_JSON), .out = text_new(a), .result = text_new(a)
    };
    if (argc == 1) {
        cli_help(&d.out);
        fputs(d.out.at, stderr);
        arena_free(a);
        return EXIT_USAGE;
    }
    int status;
    if (cli->error) status = usage_error(&d);
    else if (cli_has(cli, OPT_HELP) || cli_has(cli, OPT_VERSION)) status = help(&d);
    else status = finish(&d, verbs[cli->verb](&d));
    arena_free(a);
    return status;
}
