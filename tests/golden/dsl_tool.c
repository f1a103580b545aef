/* dsl_tool.c: the front end alone, for the golden tests.   dsl_tool check|load|ast|tokens|plan|fmt FILE
 * Diagnostics go to stderr, the form to stdout; status 1 if there were errors. */
#include "ast.h"
#include "fmt.h"
#include "print.h"

#include <string.h>

enum { MAX_BYTES = 64 << 20 };      /* more than the front end takes: its own limit shall speak */

static int source_of(Arena *a, Diag *d, const char *path)
{
    size_t len;
    const char *why, *slash = strrchr(path, '/');
    char *text = text_read_file(a, path, MAX_BYTES, &len, &why);
    if (!text) {
        diag_error(d, (Loc){ 0 }, NULL, "cannot read %s: %s", path, why);
        return 0;
    }
    return diag_add_source(d, slash ? slash + 1 : path, text, len);
}

static void show(Arena *a, Diag *d, const char *verb, int source, Text *out)
{
    if (strcmp(verb, "tokens") == 0) print_tokens(d, source, out);
    else if (strcmp(verb, "plan") == 0) print_ast(ast_parse_plan(a, d, source), out);
    else {
        AstFile *file = ast_parse(a, d, source);
        if (strcmp(verb, "ast") == 0) print_ast(file, out);
        else if (strcmp(verb, "fmt") == 0 && diag_errors(d) == 0) text_put(out, fmt_file(a, d, file));
    }
}

static void load(Arena *a, Diag *d, const char *path, Text *out)
{
    AstFiles files = { 0 };
    ast_load(a, d, path, &files);
    for (int i = 0; i < files.n; i++) {
        const char *name = diag_source(d, files.at[i]->source)->path, *slash = strrchr(name, '/');
        text_line(out, "%s: %d items", slash ? slash + 1 : name, files.at[i]->items.n);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "usage: dsl_tool check|load|ast|tokens|plan|fmt FILE\n"), 2;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    Text out = text_new(a);
    if (strcmp(argv[1], "load") == 0) load(a, d, argv[2], &out);
    else {
        int source = source_of(a, d, argv[2]);
        if (source) show(a, d, argv[1], source, &out);
    }
    fputs(out.at, stdout);
    diag_print(d, stderr);
    int failed = diag_errors(d) > 0;
    arena_free(a);
    return failed;
}
