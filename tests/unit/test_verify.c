/* test_verify.c: a verification that cannot fail proves nothing. Wrong programs, crashes, endless loops, wrong byte counts,
 * useless bounds and useless data must each be noticed, and right ones pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "choose.h"
#include "device_file.h"
#include "reference.h"
#include "verifier.h"

typedef struct Fix { Arena *a; Diag *d; VerifyResult r; } Fix;

static Graph *graph_of(Fix *f, const char *text)
{
    AstFiles files = { 0 };
    char path[] = "/tmp/fcm_verify_XXXXXX";
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "w");
    fputs(text, out);
    fclose(out);
    ast_load(f->a, f->d, path, &files);
    remove(path);
    GraphOptions o = { 0 };
    Graph *g = graph_check(f->a, f->d, &files, &o);
    if (!g) diag_print(f->d, stderr);
    assert_non_null(g);
    return g;
}

/* The CPU module of a block under rows x all columns, and its text. */
static VerifySubject subject_of(Fix *f, const char *text, int rows)
{
    const Graph *g = graph_of(f, text);
    Stages *s = graph_stages(f->a, f->d, g);
    PlanOptions p = { .device = device_find(f->a, f->d, "cpu"), .batch = 1, .source = "test.fcm" };
    Sched sched = sched_default();
    const char *why = NULL;
    sched.th = rows;
    TmModule *m = s ? plan_with(f->a, f->d, g, s, &p, &sched, &why) : NULL;
    if (!m) fail_msg("no program: %s", why ? why : "?");
    Text source = text_new(f->a), header = text_new(f->a);
    EmitOptions o = { .prelude = true, .header = "block.h" };
    if (!emit_cpu(f->a, m, &o, &source, &header, &why)) fail_msg("%s", why);
    return (VerifySubject){ .what = "cpu",
                            .kind = CHILD_CPU,
                            .module = m,
                            .text = { source.at, header.at, "block.h" },
                            .prefix = m->name,
                            .interpret = true };
}

static Fix verify(const char *reference, VerifySubject s, Fix f, int timeout)
{
    VerifyUnit u = { .name = "b", .graph = graph_of(&f, reference), .batch = 2, .repro = "again" };
    VerifyOptions o = { .seed = 3, .modes = VERIFY_EXACT | VERIFY_BOUNDED, .jobs = 2, .timeout = timeout };
    vec_push(f.a, &u.subjects, s);
    bool ran = verify_units(f.a, f.d, &u, 1, &o, &f.r);
    if (!ran) diag_print(f.d, stderr);
    assert_true(ran);
    return f;
}

static Fix fresh(void)
{
    Fix f = { .a = arena_new() };
    f.d = diag_new(f.a);
    return f;
}

static const VerifyLine *line_of(const Fix *f, const char *check)
{
    for (int i = 0; i < f->r.lines.n; i++)
        if (strcmp(f->r.lines.at[i].check, check) == 0) return &f->r.lines.at[i];
    fail_msg("no line about '%s'", check);
    return NULL;
}

static void expect(Fix *f, const char *check, VerifyStatus status, const char *words)
{
    const VerifyLine *l = line_of(f, check);
    if (l->status != status || !strstr(l->text, words)) fail_msg("%s: %s: %s", check, verify_status_name(l->status), l->text);
}

#define BLOCK(body) "block b(x: f32[N, 7, 6, 8]) { " body " return y }"
static const char good[] = BLOCK("e = x |> pw(16) |> relu6  d = e |> dw(3) |> silu  y = d |> pw(8)");

static void a_right_program_passes(void **state)
{
    (void)state;
    Fix f = fresh();
    f = verify(good, subject_of(&f, good, 2), f, 60);
    for (int i = 0; i < f.r.lines.n; i++)
        if (f.r.lines.at[i].status != VERIFY_PASSED) fail_msg("%s: %s", f.r.lines.at[i].check, f.r.lines.at[i].text);
    assert_int_equal(f.r.lines.n, 4);                           /* exact, interpreter, bounded, bytes */
    arena_free(f.a);
}

/* Each differs from the good block in one small thing. */
static void wrong_programs_fail(void **state)
{
    (void)state;
    static const struct { const char *body; bool exact;
    } cases[] = {
        { BLOCK("e = x |> pw(16) |> relu   d = e |> dw(3) |> silu  y = d |> pw(8)"), true },
        { BLOCK("e = x |> pw(16) |> relu6  d = e |> dw(3, dilation=2, pad=2) |> silu  y = d |> pw(8)"), true },
        { BLOCK("e = x |> pw(16) |> relu6  d = e |> dw(3) |> relu  y = d |> pw(8)"), true },
        { BLOCK("e = x |> pw(16) |> relu6  d = e |> dw(3) |> hswish  y = d |> pw(8)"),
          false }, /* the same stand-in: only real numbers tell */
        { BLOCK("e = x |> pw(16) |> relu6  d = e |> dw(3) |> silu  p = d |> pw(8)  y = p * 1.001"), false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Fix f = fresh();
        f = verify(good, subject_of(&f, cases[i].body, 2), f, 60);
        expect(&f, "exact", cases[i].exact ? VERIFY_FAILED : VERIFY_PASSED, cases[i].exact ? "expected" : "equal");
        expect(&f, "bounded", VERIFY_FAILED, "expected");
        if (cases[i].exact) expect(&f, "interpreter", VERIFY_FAILED, "worst");
        assert_string_equal(line_of(&f, "bounded")->repro, "again");
        arena_free(f.a);
    }
}

static void wrong_byte_counts_fail(void **state)
{
    (void)state;
    Fix f = fresh();
    VerifySubject s = subject_of(&f, good, 2);
    s.module = subject_of(&f, good, 3).module;                  /* the walk of another schedule */
    f = verify(good, s, f, 60);
    expect(&f, "exact", VERIFY_PASSED, "equal");
    expect(&f, "bytes", VERIFY_FAILED, "the walk counts");
    arena_free(f.a);
}

static void broken_children_are_told_apart(void **state)
{
    (void)state;
    static const struct { const char *addition; const char *check, *words; int timeout;
    } cases[] = {
        { "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }\n", "exact", "signal 6", 60 },
        { "__attribute__((constructor)) static void f(void) { for (volatile int i = 0;; i++) continue; }\n", "exact",
          "no end after 5 seconds", 5 },
        { "#error no\n", "compile", "#error no", 60 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Fix f = fresh();
        VerifySubject s = subject_of(&f, good, 2);
        s.interpret = false;
        s.text.source = arena_printf(f.a, "%s\n%s", s.text.source, cases[i].addition);
        f = verify(good, s, f, cases[i].timeout);
        expect(&f, cases[i].check, VERIFY_FAILED, cases[i].words);
        arena_free(f.a);
    }
}

/* A store past the end of an output, and an output that is left alone. */
static void stray_writes_are_noticed(void **state)
{
    (void)state;
    Fix f = fresh();
    VerifySubject s = subject_of(&f, good, 2);
    s.interpret = false;
    const char *run = arena_printf(f.a, "#define %s_run real_run\n", s.prefix), *at = s.text.source;
    s.text.source = arena_printf(
        f.a,
        "%s%s\n#undef %s_run\nint %s_run(int n, const void *p, const void *x, void *y, void *w, int t);\n"
        "int %s_run(int n, const void *p, const void *x, void *y, void *w, int t) { int c = real_run(n, p, x, y, w, t);"
        " if (c == 0 && n > 0) ((float *)y)[n * 7 * 6 * 8] = 1; return c; }\n",
        run, at, s.prefix, s.prefix, s.prefix);
    f = verify(good, s, f, 60);
    expect(&f, "exact", VERIFY_FAILED, "an output: written outside its bounds");
    arena_free(f.a);
}

static void growing_numbers_are_mistrusted(void **state)
{
    (void)state;
    static const char growing[] = "block b(x: f16[N, 7, 6, 8]) { a = x * 2 * 2 * 2 * 2  c = a * 2 * 2 * 2 * 2  d = c * 2 * 2 * 2 "
                                  "* 2  y = d |> pw(8) return y }";
    Fix f = fresh();
    f = verify(growing, subject_of(&f, growing, 2), f, 60);
    expect(&f, "exact", VERIFY_MISTRUSTED, "exact up to 2048");
    arena_free(f.a);
}

static void comparisons_notice_what_says_little(void **state)
{
    (void)state;
    enum { N = 400 };
    Arena *a = arena_new();
    static float got[N];
    static double want[N], bound[N], variance[N], zero[N];
    const int64_t shape[3] = { 10, 10, 4 };
    for (int i = 0; i < N; i++) want[i] = i % 7 - 3, got[i] = (float)(i % 7 - 3), bound[i] = 1e-4, variance[i] = 1e-10;
    assert_int_equal(compare_exact(a, "y", DT_F32, got, want, N, shape).status, VERIFY_PASSED);
    assert_int_equal(compare_bounded(a, "y", DT_F32, got, want, bound, variance, N, shape).status, VERIFY_PASSED);

    got[123] = NAN;
    Compared c = compare_exact(a, "y", DT_F32, got, want, N, shape);
    assert_int_equal(c.status, VERIFY_FAILED);
    assert_non_null(strstr(c.text, "1 of 400 differ; worst y[0, 3, 0, 3]"));
    assert_int_equal(compare_bounded(a, "y", DT_F32, got, want, bound, variance, N, shape).status, VERIFY_FAILED);

    got[123] = (float)want[123] + 2e-4f;                        /* outside its bound by a factor of two */
    assert_int_equal(compare_bounded(a, "y", DT_F32, got, want, bound, variance, N, shape).status, VERIFY_FAILED);
    for (int i = 0; i < N; i++)
        got[i] = (float)want[i] + 9e-5f, bound[i] = 1e9; /* a bound that lets all pass: the RMS does not */
    c = compare_bounded(a, "y", DT_F32, got, want, bound, variance, N, shape);
    assert_int_equal(c.status, VERIFY_FAILED);
    assert_non_null(strstr(c.text, "RMS"));
    for (int i = 0; i < N; i++) variance[i] = 1e9;              /* and an estimate that lets all pass is mistrusted */
    assert_int_equal(compare_bounded(a, "y", DT_F32, got, want, bound, variance, N, shape).status, VERIFY_MISTRUSTED);

    for (int i = 0; i < N; i++) got[i] = 0;
    assert_int_equal(compare_exact(a, "y", DT_F32, got, zero, N, shape).status, VERIFY_MISTRUSTED);
    for (int i = 0; i < N; i++) got[i] = 5, zero[i] = 5;
    assert_int_equal(compare_exact(a, "y", DT_F32, got, zero, N, shape).status, VERIFY_MISTRUSTED);
    arena_free(a);
}

/* Data are the same for the same seed, other for another, and integers of the promised size. */
static void data_keep_their_promises(void **state)
{
    (void)state;
    Fix f = fresh();
    const Graph *g =
        graph_of(&f, "block b(x: f16[N, 7, 6, 8]) { e = x |> pw(16) |> bn(eps=1e-3)  y = e |> dw(3) |> bn return y }");
    VerifyData p = data_exact(f.a, g, 2, 5, 0), q = data_exact(f.a, g, 2, 5, 0), other = data_exact(f.a, g, 2, 6, 0);
    assert_memory_equal(p.input[0], q.input[0], 2 * 7 * 6 * 8 * 2);
    assert_memory_not_equal(p.input[0], other.input[0], 2 * 7 * 6 * 8 * 2);
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *n = &g->nodes.at[i];
        for (int64_t c = 0; n->op == GR_BN && c < n->c; c++) {
            volatile float sum = ((float *)p.param[n->var])[c] + (float)n->eps;
            assert_true(sum == 1.0f);
        }
    }
    arena_free(f.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_program_passes),          cmocka_unit_test(wrong_programs_fail),
        cmocka_unit_test(wrong_byte_counts_fail),          cmocka_unit_test(broken_children_are_told_apart),
        cmocka_unit_test(stray_writes_are_noticed),        cmocka_unit_test(growing_numbers_are_mistrusted),
        cmocka_unit_test(comparisons_notice_what_says_little), cmocka_unit_test(data_keep_their_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
