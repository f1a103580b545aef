/* fuzz_tm.c: bytes, digits, words and lines of .tm texts, changed; what still parses is printed, parsed again, verified, walked and run under a
 * limit of steps. Whatever comes out: no crash, no hang, no refusal without a located error, and no reader that trips over what the parser let by.
 *     fuzz_tm SEED ROUNDS FILE.tm …      prints the seed; a failing text is the one that fuzz_tm SEED+round 1 FILE … makes */
#include "text.h"
#include "tm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SMALL = 1 << 16, STEPS = 50000, SLOW = 5 };              /* elements of a tensor that is given; steps of a run; seconds a text may take */

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Start of a line at or before `at`, and its length with the line end. */
static size_t line_of(const char *s, size_t n, size_t at, size_t *len)
{
    while (at > 0 && s[at - 1] != '\n') at--;
    const char *end = memchr(s + at, '\n', n - at);
    *len = end ? (size_t)(end - s) + 1 - at : n - at;
    return at;
}

static size_t change(char *s, size_t n, size_t cap, unsigned *seed)
{
    size_t at = next(seed) % n, from = next(seed) % n, len = 1 + next(seed) % 12;
    switch (next(seed) % 8) {
    case 0: s[at] = (char)next(seed); return n;
    case 1: s[at] = s[from]; return n;
    case 2:
        if (from + len < n && at + len < n) memmove(s + at, s + from, len);
        return n;
    case 3:                                                     /* a line disappears */
        at = line_of(s, n, at, &len);
        if (len == n) return n;
        memmove(s + at, s + at + len, n - at - len);
        return n - len;
    case 4: {                                                   /* a line is doubled before itself */
        at = line_of(s, n, at, &len);
        if (n + len > cap) return n;
        memmove(s + at + len, s + at, n - at);
        return n + len;
    }
    default:                                                    /* digits: it stays a text, with other numbers */
        while (at < n && (s[at] < '0' || s[at] > '9')) at++;
        for (; at < n && s[at] >= '0' && s[at] <= '9' && next(seed) % 2; at++) s[at] = (char)('0' + next(seed) % 10);
        if (at < n && s[at] >= '0' && s[at] <= '9') s[at] = (char)('0' + next(seed) % 10);
        return n;
    }
}

static bool give_data(Arena *a, const TmModule *m, TmRun *r)
{
    r->data = NEW_N(a, float *, m->tensors.n);
    for (int i = 0; i < m->tensors.n; i++) {
        const TmTensor *t = &m->tensors.at[i];
        int64_t n = (t->dim[0] ? t->dim[0] : r->batch) * t->dim[1];
        if (n > SMALL || n * t->dim[2] > SMALL || n * t->dim[2] * t->dim[3] > SMALL) return false;
        r->data[i] = NEW_N(a, float, n * t->dim[2] * t->dim[3]);
    }
    return true;
}

static bool read_all(Arena *a, Diag *d, const TmModule *m)
{
    Text t = text_new(a);
    tm_print(m, d, &t);
    const TmModule *again = tm_parse(a, d, diag_add_source(d, "printed.tm", t.at, t.n));
    if (!again) return diag_print(d, stdout), false;
    Text u = text_new(a);
    tm_print(again, d, &u);
    if (t.n != u.n || memcmp(t.at, u.at, t.n)) return puts("the text changed on its second way through"), false;
    TmRun r = { .batch = 1, .limit = STEPS };
    for (int i = 0; i < m->programs.n; i++) {
        TmWalk w;
        tm_walk(a, m, m->programs.at[i], 2, &w);
        (void)tm_verify(a, m, m->programs.at[i], NULL);
    }
    if (give_data(a, m, &r)) (void)tm_run(a, m, &r);
    return true;
}

/* 1: it parsed, 0: refused, -1: wrong. */
static int one(unsigned seed, int nfiles, char **files)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    size_t n;
    const char *why, *path = files[next(&seed) % (unsigned)nfiles];
    const char *text = text_read_file(a, path, 1 << 20, &n, &why);
    if (!text || n == 0) return printf("%s: %s\n", path, text ? "empty" : why), -1;
    char *s = arena_alloc(a, 2 * n);
    memcpy(s, text, n);
    for (unsigned edits = 1 + next(&seed) % 3; edits > 0; edits--) n = change(s, n, 2 * n, &seed);
    char *exact = malloc(n);                                    /* no byte behind the end: a sanitizer sees every read too far */
    if (!exact) exit(70);
    memcpy(exact, s, n);
    const TmModule *m = tm_parse(a, d, diag_add_source(d, path, exact, n));
    int verdict = m ? read_all(a, d, m) ? 1 : -1 : diag_errors(d) > 0 ? 0 : -1;
    free(exact);
    arena_free(a);
    return verdict;
}

int main(int argc, char **argv)
{
    if (argc < 4) return puts("usage: fuzz_tm SEED ROUNDS FILE.tm …"), 2;
    unsigned seed = (unsigned)strtoul(argv[1], NULL, 10);
    int rounds = atoi(argv[2]), parsed = 0;
    for (int k = 0; k < rounds; k++) {
        time_t start = time(NULL);
        int verdict = one(seed + (unsigned)k, argc - 3, argv + 3);
        if (verdict < 0 || time(NULL) - start > SLOW) return printf("seed %u%s\n", seed + (unsigned)k, verdict < 0 ? "" : ": too slow"), 1;
        parsed += verdict;
    }
    printf("%d texts from seed %u, %d of them parse\n", rounds, seed, parsed);
    return parsed == 0;                                         /* else nothing behind the parser was tried */
}
