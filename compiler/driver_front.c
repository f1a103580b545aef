/* driver_front.c: the passes up to the finished programs, and the verbs that need no more than the front: check, fmt. */
#include "driver.h"
#include "fmt.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SOURCE = 16 << 20 };

void driver_say(const Driver *d, const char *fmt, ...)
{
    if (d->json) return;
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}

bool driver_is_tm(const char *path)
{
    size_t n = strlen(path);
    return n > 3 && strcmp(path + n - 3, ".tm") == 0;
}

/* Registers a file's text; its number, or 0 after an error. */
static int add_source(Driver *d, const char *path)
{
    size_t len;
    const char *why;
    const char *text = text_read_file(d->arena, path, MAX_SOURCE, &len, &why);
    if (text) return diag_add_source(d->diag, path, text, len);
    diag_error(d->diag, NOWHERE, "FCM5001", "cannot read '%s': %s", path, why);
    return 0;
}

bool driver_load(Driver *d, const char *path, AstFiles *files)
{
    int before = diag_errors(d->diag);
    ast_load(d->arena, d->diag, path, files);
    return diag_errors(d->diag) == before;
}

Graph *driver_graph(Driver *d, const AstFiles *files, const char *block)
{
    VEC(GraphDefine) defines = { 0 };
    for (int i = 0; i < d->cli->given.n; i++) {
        const CliGiven *g = &d->cli->given.at[i];
        if (g->opt == OPT_DEFINE) vec_push(d->arena, &defines, (GraphDefine){ g->name, g->number });
    }
    GraphOptions o = { block ? block : cli_text(d->cli, OPT_BLOCK), cli_dtype(d->cli), defines.at, defines.n };
    return graph_check(d->arena, d->diag, files, &o);
}

TmModule *driver_read_tm(Driver *d, const char *path)
{
    int source = add_source(d, path);
    return source ? tm_parse(d->arena, d->diag, source) : NULL;
}

int64_t driver_batch(Driver *d, const Graph *g)
{
    int64_t fixed = g ? g->batch : 0, asked = cli_number(d->cli, OPT_BATCH, fixed ? fixed : 1);
    if (!fixed || asked == fixed) return asked;
    diag_error(d->diag, g->loc, "FCM5007", "--batch %lld, but the type fixes the batch to %lld", (long long)asked,
               (long long)fixed);
    return -1;
}

/* ---- check ---- */
static void put_stats(Driver *d, const Graph *g, const GraphStats *s)
{
    text_printf(&d->out, "%s: %lld parameters, %.3f MMAC an image (%.3f depthwise), %.3f MB of activations\n", g->block,
                (long long)s->parameters, (double)s->macs / 1e6, (double)s->dw_macs / 1e6, (double)s->activation_bytes / 1e6);
    text_printf(&d->result, "{\"block\":\"%s\",\"parameters\":%lld,\"macs\":%lld,\"dw_macs\":%lld,\"activation_bytes\":%lld}",
                g->block, (long long)s->parameters, (long long)s->macs, (long long)s->dw_macs, (long long)s->activation_bytes);
}

static bool check_file(Driver *d, const char *path)
{
    if (driver_is_tm(path)) {
        TmModule *m = driver_read_tm(d, path);
        for (int i = 0; m && i < m->programs.n; i++) {
            const char *why = tm_verify(d->arena, m, m->programs.at[i], NULL);
            if (why)
                return diag_error(d->diag, NOWHERE, "FCM5003", "%s: program %s: %s", path, m->programs.at[i]->name, why), false;
        }
        return m != NULL;
    }
    AstFiles files = { 0 };
    GraphStats s;
    if (!driver_load(d, path, &files)) return false;
    Graph *g = driver_graph(d, &files, NULL);
    if (!g) return false;
    if (!cli_has(d->cli, OPT_STATS)) return true;
    if (!graph_stats(g, &s))
        return diag_error(d->diag, g->loc, "FCM5003", "the figures of '%s' do not fit 63 bits", g->block), false;
    if (d->result.n > 1) text_put(&d->result, ",");
    put_stats(d, g, &s);
    return true;
}

int driver_check(Driver *d)
{
    bool ok = true;
    text_put(&d->result, "[");
    for (int i = 0; i < d->cli->files.n; i++) ok = check_file(d, d->cli->files.at[i]) && ok;
    text_put(&d->result, "]");
    return ok ? EXIT_OK : EXIT_INPUT;
}

/* ---- fmt ---- */
static bool fmt_one(Driver *d, const char *path)
{
    int source = add_source(d, path), before = diag_errors(d->diag);
    if (!source) return false;
    const AstFile *file = ast_parse(d->arena, d->diag, source);
    const char *text = diag_errors(d->diag) == before ? fmt_file(d->arena, d->diag, file) : NULL;
    if (!text) return false;
    if (d->result.n > 1) text_put(&d->result, ",");
    text_json_string(&d->result, text);
    const char *target = cli_has(d->cli, OPT_INPLACE) ? path : cli_text(d->cli, OPT_OUT), *why;
    if (!target || strcmp(target, "-") == 0) return text_put(&d->out, text), true;
    const DiagSource *s = diag_source(d->diag, source);
    if (strcmp(target, path) == 0 && (size_t)s->len == strlen(text) && memcmp(s->text, text, (size_t)s->len) == 0) return true;
    if (text_write_file(d->arena, target, text, strlen(text), &why)) return true;
    diag_error(d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", target, why);
    return false;
}

int driver_fmt(Driver *d)
{
    bool ok = true;
    text_put(&d->result, "[");
    for (int i = 0; i < d->cli->files.n; i++) ok = fmt_one(d, d->cli->files.at[i]) && ok;
    text_put(&d->result, "]");
    return ok ? EXIT_OK : EXIT_INPUT;
}
