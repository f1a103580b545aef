/* driver_compile.c: the default verb: files, or with --emit intermediate forms. */
#include "driver.h"
#include "print.h"

#include <stdio.h>
#include <string.h>

static const unsigned front_forms = 1u << EMIT_TOKENS | 1u << EMIT_AST | 1u << EMIT_GRAPH;
static const unsigned text_forms = 1u << EMIT_CUDA | 1u << EMIT_C | 1u << EMIT_HEADER;

static bool write_text(Driver *d, const char *path, const Text *t)
{
    const char *why;
    if (text_write_file(d->arena, path, t->at, t->n, &why)) return true;
    diag_error(d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", path, why);
    return false;
}

/* A form that was asked for: to stdout (or -o), and into the result under its name. */
static void put_form(Driver *d, Emit e, const char *text)
{
    text_printf(&d->result, "%s\"%s\":", d->result.n > 1 ? "," : "", cli_emit_name(e));
    text_json_string(&d->result, text);
    text_put(&d->out, text);
}

static bool asked(const Driver *d, Emit e) { return d->cli->emits >> e & 1; }

/* File name without folders and suffix. */
static const char *stem(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    return dot && dot > base ? arena_strndup(a, base, (size_t)(dot - base)) : base;
}

/* P.ext gives P.h; STEM alone gives the names of the target. */
static void output_names(Driver *d, const char *path, CliTarget t, const char **source, const char **header)
{
    const char *o = cli_text(d->cli, OPT_OUT), *s = stem(d->arena, path);
    if (o) {
        const char *slash = strrchr(o, '/'), *dot = strrchr(o, '.');
        *source = o;
        if (dot && (!slash || dot > slash + 1) && dot > o) *header = arena_printf(d->arena, "%.*s.h", (int)(dot - o), o);
        else *header = arena_printf(d->arena, "%s.h", o);
        return;
    }
    const char *tail = t == CLI_CPU ? "_cpu" : t == CLI_REFERENCE ? "_ref" : "";
    *source = arena_printf(d->arena, "%s%s.%s", s, tail, t == CLI_CUDA ? "cu" : "c");
    *header = arena_printf(d->arena, "%s%s.h", s, tail);
}

/* Source and header appear both or not at all: the header is undone when the source cannot be written. */
static bool write_pair(Driver *d, const char *source, const char *header, const Emitted *e)
{
    size_t len;
    const char *why, *old = text_read_file(d->arena, header, (size_t)1 << 30, &len, &why);
    if (!write_text(d, header, &e->header)) return false;
    if (write_text(d, source, &e->source)) return true;
    if (old) text_write_file(d->arena, header, old, len, &why);
    else remove(header);
    return false;
}

static int write_files(Driver *d, const char *path, CliTarget t, const Lowered *l)
{
    const char *source, *header;
    Emitted e;
    output_names(d, path, t, &source, &header);
    if (strcmp(source, header) == 0) {
        diag_error(d->diag, NOWHERE, "FCM5002", "-o %s would be both source and header", source);
        return EXIT_USAGE;
    }
    bool out = strcmp(source, "-") == 0;
    const char *slash = strrchr(header, '/');
    if (!driver_emit(d, l, t, out ? NULL : slash ? slash + 1 : header, &e)) return EXIT_INPUT;
    if (out) return text_put(&d->out, e.source.at), EXIT_OK;
    if (!write_pair(d, source, header, &e)) return EXIT_INPUT;
    text_put(&d->result, "{\"files\":[");
    text_json_string(&d->result, source);
    text_put(&d->result, ",");
    text_json_string(&d->result, header);
    text_put(&d->result, "]}");
    return EXIT_OK;
}

static bool front_texts(Driver *d, const AstFiles *files, const Graph *g)
{
    const AstFile *main_file = files->at[files->n - 1];
    Text t = text_new(d->arena);
    if (asked(d, EMIT_TOKENS)) print_tokens(d->diag, main_file->source, &t), put_form(d, EMIT_TOKENS, t.at);
    t = text_new(d->arena);
    if (asked(d, EMIT_AST)) print_ast(main_file, &t), put_form(d, EMIT_AST, t.at);
    t = text_new(d->arena);
    if (asked(d, EMIT_GRAPH) && g) graph_print(g, &t), put_form(d, EMIT_GRAPH, t.at);
    return !asked(d, EMIT_GRAPH) || g;
}

static bool target_texts(Driver *d, const Lowered *l, CliTarget t)
{
    Text text = text_new(d->arena);
    Emitted e;
    if (asked(d, EMIT_PLAN)) put_form(d, EMIT_PLAN, plan_print(d->arena, l->graph, &l->options, &l->report));
    if (asked(d, EMIT_TM)) tm_print(l->module, d->diag, &text), put_form(d, EMIT_TM, text.at);
    if (!(d->cli->emits & text_forms)) return true;
    if (!driver_emit(d, l, t, NULL, &e)) return false;
    if (asked(d, EMIT_CUDA)) put_form(d, EMIT_CUDA, e.source.at);
    if (asked(d, EMIT_C)) put_form(d, EMIT_C, e.source.at);
    if (asked(d, EMIT_HEADER)) put_form(d, EMIT_HEADER, e.header.at);
    return true;
}

static int refuse_form(Driver *d, Emit e, const char *what)
{
    diag_error(d->diag, NOWHERE, "FCM5006", "--emit=%s: %s", cli_emit_name(e), what);
    return EXIT_USAGE;
}

/* The forms that cannot be had of this input and target; 0 if all can. */
static int check_forms(Driver *d, bool tm, CliTarget t)
{
    for (Emit e = 0; e < EMIT_COUNT; e++) {
        if (!asked(d, e)) continue;
        if (tm && (e <= EMIT_GRAPH || e == EMIT_PLAN)) return refuse_form(d, e, "a .tm file has no such form");
        if (t == CLI_REFERENCE && (e == EMIT_PLAN || e == EMIT_TM))
            return refuse_form(d, e, "the reference is printed from the graph, unplanned");
        if (e == EMIT_CUDA && t != CLI_CUDA) return refuse_form(d, e, "wants --target cuda");
        if (e == EMIT_C && t == CLI_CUDA) return refuse_form(d, e, "wants --target cpu or reference");
    }
    return 0;
}

static int finish_forms(Driver *d)
{
    text_put(&d->result, "}");
    const char *path = cli_text(d->cli, OPT_OUT);
    if (!path || strcmp(path, "-") == 0) return EXIT_OK;
    bool ok = write_text(d, path, &d->out);
    d->out = text_new(d->arena);
    return ok ? EXIT_OK : EXIT_INPUT;
}

static int compile_tm(Driver *d, const char *path)
{
    Lowered l = { .module = driver_read_tm(d, path) };
    if (!l.module) return EXIT_INPUT;
    CliTarget t = cli_target(d->cli) ? cli_target(d->cli) : driver_module_target(l.module);
    if (t == CLI_REFERENCE) {
        diag_error(d->diag, NOWHERE, "FCM5006", "the reference is printed from the graph; a .tm file has none");
        return EXIT_USAGE;
    }
    int refused = check_forms(d, true, t);
    if (refused) return refused;
    if (!d->cli->emits) return write_files(d, path, t, &l);
    text_put(&d->result, "{");
    return target_texts(d, &l, t) ? finish_forms(d) : EXIT_INPUT;
}

int driver_compile(Driver *d)
{
    const char *path = d->cli->files.at[0];
    if (driver_is_tm(path)) return compile_tm(d, path);
    CliTarget t = cli_target(d->cli);
    unsigned emits = d->cli->emits;
    if (!t && asked(d, EMIT_C) && !asked(d, EMIT_CUDA)) t = CLI_CPU;
    if (!t && (emits & ~front_forms)) t = CLI_CUDA;
    if (!t && !emits) {
        diag_error(d->diag, NOWHERE, NULL, "--target cuda, cpu or reference is wanted");
        return EXIT_USAGE;
    }
    int refused = check_forms(d, false, t);
    if (refused) return refused;

    AstFiles files = { 0 };
    Lowered l;
    if (!driver_load(d, path, &files)) return EXIT_INPUT;
    Graph *g = (emits & ~(1u << EMIT_TOKENS | 1u << EMIT_AST)) || !emits ? driver_graph(d, &files, NULL) : NULL;
    text_put(&d->result, emits ? "{" : "");
    if (emits && !front_texts(d, &files, g)) return EXIT_INPUT;
    if (emits && !(emits & ~front_forms)) return finish_forms(d);
    if (!g || !driver_lower(d, path, &files, g, t, &l)) return EXIT_INPUT;
    if (!emits) return write_files(d, path, t, &l);
    return target_texts(d, &l, t) ? finish_forms(d) : EXIT_INPUT;
}
