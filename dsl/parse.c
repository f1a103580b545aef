/* parse.c: one source → AstFile (ast_parse); a file and everything that it uses → AstFiles (ast_load). */
#define _XOPEN_SOURCE 700             /* realpath */
#include "parser.h"
#include "fcm.tab.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

extern const unsigned char fcm_embedded_std_fcm[];
extern const unsigned long fcm_embedded_std_fcm_size;

AstFile *ast_parse(Arena *a, Diag *d, int source)
{
    Parser p = { .arena = a, .diag = d, .file = NEW(a, AstFile), .offender = -1, .resumed = -1 };
    p.file->source = source;
    if (scan(a, d, source, &p.tokens)) fcm_parse(&p);
    return p.file;
}

AstFile *ast_parse_plan(Arena *a, Diag *d, int source)
{
    AstFile *file = ast_parse(a, d, source);
    for (int i = 0; i < file->items.n; i++) {
        const AstItem *item = &file->items.at[i];
        if (item->kind == AST_ITEM_PLAN) continue;
        Loc l = item->kind == AST_ITEM_USE ? item->u.use->loc : item->u.block->name.loc;
        diag_error(d, l, "FCM0018", "a plan text holds plans only");
    }
    return file;
}

/* ---- a file and what it uses ---- */

typedef struct Loaded { const char *canonical; Loc use; bool open; } Loaded;   /* open: its uses are still being read */

typedef struct Loader {
    Arena *arena;
    Diag *diag;
    VEC(Loaded) seen;
    AstFiles *out;
} Loader;

/* Two spellings of one file have one canonical path; a file that does not exist keeps its own. */
static const char *canonical_path(Arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    if (!real) return path;
    const char *kept = arena_strdup(a, real);
    free(real);
    return kept;
}

/* The path as written in `file`, seen from the current directory. */
static const char *beside(Arena *a, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash) return path;
    return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

static void load(Loader *l, const char *path, Loc use);

static void load_uses(Loader *l, const char *path, const AstFile *file)
{
    for (int i = 0; i < file->items.n; i++) {
        if (file->items.at[i].kind != AST_ITEM_USE) continue;
        const AstName *used = &file->items.at[i].u.use->path;
        if (*used->text) load(l, beside(l->arena, path, used->text), used->loc);
        else diag_error(l->diag, used->loc, "FCM0020", "'use' needs the name of a file");
    }
}

/* True if the file was met before; a file that is met again while its own uses are being read uses itself. */
static bool met_before(Loader *l, const char *canonical, Loc use)
{
    for (int i = 0; i < l->seen.n; i++) {
        if (strcmp(l->seen.at[i].canonical, canonical) != 0) continue;
        if (!l->seen.at[i].open) return true;
        diag_error(l->diag, use, "FCM0021", "a file cannot use itself");
        for (int k = i + 1; k < l->seen.n; k++)
            if (l->seen.at[k].open) diag_note(l->diag, l->seen.at[k].use, "on the way: used here");
        return true;
    }
    return false;
}

static void load(Loader *l, const char *path, Loc use)
{
    const char *canonical = canonical_path(l->arena, path), *why = NULL;
    if (met_before(l, canonical, use)) return;
    if (l->seen.n > AST_MAX_FILES) {
        diag_error(l->diag, use, "FCM0022", "more than %d files", AST_MAX_FILES);
        return;
    }
    size_t len = 0;
    char *text = text_read_file(l->arena, path, SCAN_MAX_BYTES, &len, &why);
    if (!text) {
        diag_error(l->diag, use, "FCM0020", "cannot read '%s': %s", path, why);
        return;
    }
    int self = l->seen.n;
    vec_push(l->arena, &l->seen, (Loaded){ canonical, use, true });
    AstFile *file = ast_parse(l->arena, l->diag, diag_add_source(l->diag, path, text, len));
    load_uses(l, path, file);
    l->seen.at[self].open = false;
    vec_push(l->arena, l->out, file);
}

void ast_load(Arena *a, Diag *d, const char *path, AstFiles *out)
{
    int std = diag_add_source(d, "std.fcm", (const char *)fcm_embedded_std_fcm, fcm_embedded_std_fcm_size);
    vec_push(a, out, ast_parse(a, d, std));
    Loader l = { .arena = a, .diag = d, .out = out };
    load(&l, path, (Loc){ 0 });
}
