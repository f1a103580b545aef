/* fuzz_dsl.c: damaged sources through scanner, parser, formatter and diagnostics.
 *     fuzz_dsl SEED SECONDS FILE…       mutates the files for so long; prints how to repeat a failure
 *     fuzz_dsl SEED 0 FILE… @ROUND      that one round again, its input on stdout
 * Whatever the input: no crash, an end, every diagnostic lies inside the source and is worded, an unparsable file is not formatted, a
 * parsable one keeps its words and formats to itself. */
#include "ast.h"
#include "fmt.h"
#include "scan.h"
#include "text.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REQUIRE(condition, what) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "fuzz_dsl: %s\n", what); \
            abort(); \
        } \
    } while (0)

static void check_diagnostics(const Diag *d, int source)
{
    int32_t len = diag_source(d, source)->len;
    for (int i = 0; i < diag_count(d); i++) {
        const DiagEntry *e = diag_entry(d, i);
        REQUIRE(e->text[0], "a diagnostic without words");
        REQUIRE(e->kind == DIAG_NOTE || (e->code && strncmp(e->code, "FCM0", 4) == 0), "an error without a code of the front end");
        REQUIRE(e->loc.file == source && e->loc.off >= 0 && e->loc.len >= 0, "a diagnostic from nowhere");
        REQUIRE(e->loc.off + e->loc.len <= len, "a diagnostic outside the source");
    }
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    diag_print(d, f);
    fclose(f);
    REQUIRE(diag_errors(d) == 0 || n > 0, "errors that print nothing");
    free(text);
}

/* Tokens of a text that has no errors. */
static Tokens tokens_of(Arena *a, const char *text, size_t len)
{
    Diag *d = diag_new(a);
    Tokens t;
    REQUIRE(scan(a, d, diag_add_source(d, "tokens", text, len), &t) && diag_errors(d) == 0, "a good text scans with errors");
    return t;
}

static void check_format(Arena *a, const char *text, size_t len, const char *once)
{
    Tokens before = tokens_of(a, text, len), after = tokens_of(a, once, strlen(once));
    REQUIRE(before.at.n == after.at.n && before.comments.n == after.comments.n, "formatting loses words or comments");
    for (int i = 0; i < before.at.n; i++) {
        const Token *x = &before.at.at[i], *y = &after.at.at[i];
        REQUIRE(x->kind == y->kind && x->len == y->len && memcmp(text + x->off, once + y->off, (size_t)x->len) == 0, "formatting changes a word");
    }
    Diag *d = diag_new(a);
    const AstFile *file = ast_parse(a, d, diag_add_source(d, "once", once, strlen(once)));
    REQUIRE(diag_errors(d) == 0, "a formatted text does not parse");
    REQUIRE(strcmp(fmt_file(a, d, file), once) == 0, "formatting twice differs from formatting once");
}

/* True if the input parsed. */
static bool try_input(const char *text, size_t len)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    int source = diag_add_source(d, "fuzz", text, len);
    const AstFile *file = ast_parse(a, d, source);
    const char *formatted = fmt_file(a, d, file);
    REQUIRE((formatted != NULL) == (diag_errors(d) == 0), "formatted in spite of errors, or not without");
    check_diagnostics(d, source);
    if (formatted) check_format(a, text, len, formatted);
    arena_free(a);
    return formatted != NULL;
}

#ifdef FCM_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_input((const char *)data, size);
    return 0;
}
#else

enum { MAX_INPUT = 1 << 16 };

typedef struct Rng { uint64_t s; } Rng;                         /* xorshift64* */

static uint32_t below(Rng *r, size_t n)
{
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    uint64_t x = (r->s * 0x2545F4914F6CDD1Du) >> 32;
    return n ? (uint32_t)(x % n) : 0;
}

typedef struct Input { char at[MAX_INPUT]; size_t n; } Input;

/* Replaces `gone` bytes at `at` by n bytes of s, as far as there is room. */
static void splice(Input *in, size_t at, size_t gone, const char *s, size_t n)
{
    if (in->n - gone + n > MAX_INPUT) return;
    memmove(in->at + at + n, in->at + at + gone, in->n - at - gone);
    memcpy(in->at + at, s, n);
    in->n = in->n - gone + n;
}

static void mutate(Rng *r, Input *in, const Input *other)
{
    static const char *const words[] = { "block ", "return ", "use \"a\" ", "plan ", "for ", "|>", "(", ")", "[", "]", "{", "}", ",", ":", "=", "+",
                                         "-", "*", "/", "//", "/*", "*/", "\n", "\"", "3x5", "1e-6", "x", ".", "k=3", "\xC3\xA9", "f(x)", " " };
    size_t at = below(r, in->n + 1), room = in->n - at, some = below(r, (room < 40 ? room : 40) + 1);
    char byte = (char)below(r, 256);
    size_t from = below(r, other->n + 1), piece = below(r, (other->n - from < 200 ? other->n - from : 200) + 1);
    const char *word = words[below(r, sizeof words / sizeof *words)];
    switch (below(r, 7)) {
    case 0: splice(in, at, room ? 1 : 0, &byte, 1); break;      /* another byte */
    case 1: splice(in, at, some, "", 0); break;                 /* a piece less */
    case 2: splice(in, at, some, other->at + from, piece); break;   /* a piece of another file */
    case 3: splice(in, at, 0, other->at + from, piece); break;
    case 4: in->n = below(r, 20) ? in->n : at; break;           /* seldom: cut off */
    default: splice(in, at, below(r, 2) ? some : 0, word, strlen(word)); break;
    }
}

/* Comments, line ends and spaces where a sign or a space stands: what parses mostly still does, and the formatter has work. */
static void scatter_layout(Rng *r, Input *in)
{
    static const char *const layout[] = { " ", "\n", "\n\n\n", "\r\n", "\t", "/* c */", " // d\n", "\n// e\n", "/* f\n  g */", "\n/* h */\n", "/**/" };
    for (uint32_t k = below(r, 12) + 1; k > 0; k--) {
        size_t at = below(r, in->n + 1);
        while (at < in->n && !strchr(" ,()[]{}=|\n", in->at[at])) at++;
        if (at > 0 && in->at[at - 1] == '|') at--;              /* not into `|>` */
        const char *s = layout[below(r, sizeof layout / sizeof *layout)];
        splice(in, at, 0, s, strlen(s));
    }
}

/* Where the run stands, for the handler that tells how to repeat a crash. */
static volatile sig_atomic_t current_round;
static char **arguments;

static void crashed(int signal_number)
{
    char line[200];
    int n = snprintf(line, sizeof line, "fuzz_dsl: signal %d; repeat with: %s %s 0 (the same files) @%ld\n", signal_number, arguments[0],
                     arguments[1], (long)current_round);
    if (n > 0 && write(2, line, (size_t)n) < 0) _exit(2);
    _exit(1);
}

static void make_input(Rng *r, Input *in, const Input *seeds, int n)
{
    *in = seeds[below(r, (size_t)n)];
    bool layout = below(r, 2);
    if (layout) scatter_layout(r, in);
    for (uint32_t k = below(r, 8) + !layout; k > 0 && !(layout && below(r, 4)); k--) mutate(r, in, &seeds[below(r, (size_t)n)]);
}

static int read_seeds(int argc, char **argv, Input *seeds, long *only)
{
    int n = 0;
    for (int i = 3; i < argc; i++) {
        if (argv[i][0] == '@') {
            *only = atol(argv[i] + 1);
            continue;
        }
        FILE *f = fopen(argv[i], "rb");
        if (!f) continue;
        seeds[n].n = fread(seeds[n].at, 1, MAX_INPUT / 2, f);
        fclose(f);
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 4) return fprintf(stderr, "usage: fuzz_dsl SEED SECONDS FILE... [@ROUND]\n"), 2;
    uint64_t seed = strtoull(argv[1], NULL, 10);
    long only = -1;
    Input *seeds = calloc((size_t)argc, sizeof *seeds), *in = calloc(1, sizeof *in);
    int n = seeds && in ? read_seeds(argc, argv, seeds, &only) : 0;
    if (n == 0) return fprintf(stderr, "fuzz_dsl: no seed files\n"), 2;
    arguments = argv;
    signal(SIGABRT, crashed);
    signal(SIGSEGV, crashed);
    signal(SIGALRM, crashed);

    time_t end = time(NULL) + atol(argv[2]);
    long round = only < 0 ? 0 : only, parsed = 0;
    do {
        current_round = (sig_atomic_t)round;
        Rng r = { (seed * 0x9E3779B97F4A7C15u + (uint64_t)round * 0xD1B54A32D192ED03u) | 1 };
        make_input(&r, in, seeds, n);
        if (only >= 0) fwrite(in->at, 1, in->n, stdout), fflush(stdout);
        char *exact = malloc(in->n ? in->n : 1);                /* of exactly this size, so that a byte too far is seen */
        if (!exact) return 2;
        memcpy(exact, in->at, in->n);
        alarm(5);                                               /* for one round: far beyond what any takes */
        parsed += try_input(exact, in->n);
        free(exact);
        round++;
    } while (only < 0 && time(NULL) < end);
    fprintf(stderr, "fuzz_dsl: seed %s, %ld rounds, %ld of them parsed, %d seed files\n", argv[1], round, parsed, n);
    free(seeds);
    free(in);
    return 0;
}
#endif
