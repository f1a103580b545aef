/* fuzz_graph.c: words of the examples and of the golden cases, deleted, doubled, swapped and replaced by each other; parsed, checked,
 * staged and printed. Whatever comes out: no crash, no hang, and no graph without an error that is located.
 *     fuzz_graph [SEED [ROUNDS]]      prints the seed; a failing text is left in fuzz_graph_<seed>_<round>.fcm */
#include "graph.h"
#include "text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORDS = 40000, MAX_FILES = 200, MAX_TEXT = 1 << 16 };
typedef struct Range { int first, n; } Range;
typedef struct Corpus { const char *word[MAX_WORDS]; int words; Range file[MAX_FILES]; int files; } Corpus;

static uint64_t next(uint64_t *s)                               /* xorshift64* */
{
    *s ^= *s >> 12, *s ^= *s << 25, *s ^= *s >> 27;
    return *s * UINT64_C(2685821657736338717);
}

static int below(uint64_t *s, int n) { return (int)(next(s) >> 33) % n; }

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/* A word: a name or number, |>, a comment, or any other character. */
static const char *end_of(const char *p)
{
    if (p[0] == '/' && p[1] == '/') return p + strcspn(p, "\n");
    if (p[0] == '|' && p[1] == '>') return p + 2;
    if (!is_name(*p)) return p + 1;
    while (is_name(*p)) p++;
    return p;
}

static void add_file(Arena *a, Corpus *c, const char *path)
{
    size_t len;
    const char *why, *text = text_read_file(a, path, MAX_TEXT, &len, &why);
    if (!text || c->files == MAX_FILES) return;
    Range *r = &c->file[c->files++];
    r->first = c->words;
    for (const char *p = text; *p && c->words < MAX_WORDS;) {
        if (strchr(" \n\t\r", *p)) { p++; continue; }
        const char *q = end_of(p);
        if (p[0] != '/' || p[1] != '/') c->word[c->words++] = arena_strndup(a, p, (size_t)(q - p));
        p = q;
    }
    r->n = c->words - r->first;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void add_folder(Arena *a, Corpus *c, const char *folder)
{
    VEC(const char *) paths = { 0 };
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        if (strlen(e->d_name) > 4 && strcmp(e->d_name + strlen(e->d_name) - 4, ".fcm") == 0)
            vec_push(a, &paths, arena_printf(a, "%s/%s", folder, e->d_name));
    if (d) closedir(d);
    qsort(paths.at, (size_t)paths.n, sizeof *paths.at, by_name);    /* the same order everywhere: a seed repeats its texts */
    for (int i = 0; i < paths.n; i++) add_file(a, c, paths.at[i]);
}

static const char *const nasty[] = { "0", "1", "2147483647", "2147483648", "9223372036854775807", "-", "3x5", "(", ")", "N", "x", "C",
                                     "repeat", "res", "/", "*", "|>", "i8", "1e38", "same", "[", "]", ",", "=", "return" };

static const char *random_word(const Corpus *c, uint64_t *s)
{
    if (below(s, 3) == 0) return nasty[below(s, (int)(sizeof nasty / sizeof *nasty))];
    return c->word[below(s, c->words)];
}

static void mutate(Arena *a, const Corpus *c, uint64_t *s, Text *out)
{
    Range r = c->file[below(s, c->files)];
    VEC(const char *) w = { 0 };
    for (int i = 0; i < r.n; i++) vec_push(a, &w, c->word[r.first + i]);
    for (int changes = 1 + below(s, 4); changes > 0 && w.n > 2; changes--) {
        int at = below(s, w.n - 1);
        const char *kept = w.at[at];
        switch (below(s, 4)) {
        case 0: w.at[at] = ""; break;
        case 1: w.at[at] = arena_printf(a, "%s %s", kept, random_word(c, s)); break;
        case 2: w.at[at] = w.at[at + 1], w.at[at + 1] = kept; break;
        default: w.at[at] = random_word(c, s); break;
        }
    }
    for (int i = 0; i < w.n; i++) text_put(out, w.at[i]), text_put(out, " ");
}

static const char *broken(Arena *a, const char *path)
{
    Diag *d = diag_new(a);
    AstFiles files = { 0 };
    const GraphOptions o = { .dtype = DT_F16 };
    ast_load(a, d, path, &files);
    const Graph *g = graph_check(a, d, &files, &o);
    if (!g) return diag_errors(d) ? NULL : "neither a graph nor an error";
    if (diag_errors(d)) return "a graph in spite of errors";
    GraphStats st;
    Text t = text_new(a);
    if (graph_stats(g, &st) && st.macs < 0) return "negative figures";
    graph_print(g, &t);
    return graph_stages(a, d, g) || diag_errors(d) ? NULL : "neither stages nor an error";
}

static bool one_round(const Corpus *c, uint64_t *s, const char *path)
{
    Arena *a = arena_new();
    Text t = text_new(a);
    const char *why = NULL;
    mutate(a, c, s, &t);
    if (!text_write_file(a, path, t.at, t.n, &why)) exit(2);
    alarm(20);                                                  /* a hang ends the run; the text stays */
    why = broken(a, path);
    alarm(0);
    if (why) fprintf(stderr, "%s: %s\n", path, why);
    else remove(path);
    arena_free(a);
    return !why;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    int rounds = argc > 2 ? atoi(argv[2]) : 3000, failed = 0;
    Arena *a = arena_new();
    Corpus *c = NEW(a, Corpus);
    add_folder(a, c, "examples");
    add_folder(a, c, "tests/golden/graph");
    if (c->files == 0) return 2;
    printf("fuzz_graph %llu %d: %d files, %d words\n", (unsigned long long)seed, rounds, c->files, c->words);
    fflush(stdout);
    const char *tmp = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    for (int i = 0; i < rounds; i++) {
        uint64_t s = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)i * UINT64_C(0xD1B54A32D192ED03) + 1;
        next(&s);
        failed += !one_round(c, &s, arena_printf(a, "%s/fuzz_graph_%llu_%d.fcm", tmp, (unsigned long long)seed, i));
    }
    arena_free(a);
    return failed > 0;
}
