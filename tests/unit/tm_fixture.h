/* tm_fixture.h: reading .tm texts, integer data, and a small generator, for the tests of the tensor machine's readers. */
#ifndef TM_FIXTURE_H
#define TM_FIXTURE_H
#include "text.h"
#include "tm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const char *const tm_goldens[] = { "pw", "dw", "mbconv", "line", "chain", "persist", "turns", "ring" };
enum { TM_GOLDENS = sizeof tm_goldens / sizeof *tm_goldens };

typedef struct Fixture { Arena *a; Diag *d; TmModule *m; } Fixture;

static inline Fixture fixture_text(const char *text, size_t n)
{
    Fixture f = { .a = arena_new() };
    f.d = diag_new(f.a);
    f.m = tm_parse(f.a, f.d, diag_add_source(f.d, "test.tm", text, n));
    return f;
}

static inline char *golden_text(Arena *a, const char *name, size_t *n)
{
    const char *why = NULL;
    char *s = text_read_file(a, arena_printf(a, "tests/golden/tm/%s.tm", name), 1 << 20, n, &why);
    if (!s) fail_msg("%s: %s", name, why);
    return s;
}

static inline Fixture fixture_golden(Arena *keep, const char *name)
{
    size_t n;
    char *s = golden_text(keep, name, &n);
    Fixture f = fixture_text(s, n);
    if (!f.m) diag_print(f.d, stderr);
    assert_non_null(f.m);
    return f;
}

static inline unsigned random_next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static inline int64_t tensor_elements(const TmTensor *t, int64_t batch)
{
    return (t->dim[0] ? t->dim[0] : batch) * t->dim[1] * t->dim[2] * t->dim[3];
}

/* Small integers for every input and parameter: sums of a few hundred products stay exact in f32, and results in f16. */
static inline TmRun integer_run(Arena *a, const TmModule *m, int64_t batch, unsigned seed)
{
    TmRun r = { .batch = batch, .data = NEW_N(a, float *, m->tensors.n) };
    for (int i = 0; i < m->tensors.n; i++) {
        const TmTensor *t = &m->tensors.at[i];
        if (t->role != TM_IN && t->role != TM_PARAM) continue;
        int64_t n = tensor_elements(t, batch);
        r.data[i] = NEW_N(a, float, n);
        for (int64_t k = 0; k < n; k++) r.data[i][k] = (float)((int)(random_next(&seed) % 5) - 2);
    }
    return r;
}

static inline int tensor_named(const TmModule *m, const char *name)
{
    for (int i = 0; i < m->tensors.n; i++)
        if (strcmp(m->tensors.at[i].name, name) == 0) return i;
    fail_msg("no tensor %s", name);
    return -1;
}
#endif
