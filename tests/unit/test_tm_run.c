/* The interpreter against naive convolutions on integers, where every sum and every stored value is exact. */
#include "tm_fixture.h"

#include <math.h>

/* ---- naive layers on [h][w][c] arrays of one image ---- */

typedef struct Map { int h, w, c; float *at; } Map;

static Map map_new(Arena *a, int h, int w, int c) { return (Map){ h, w, c, NEW_N(a, float, h * w * c) }; }
static float *px(const Map *m, int y, int x, int c) { return &m->at[(y * m->w + x) * m->c + c]; }

static Map image(const TmModule *m, const TmRun *r, const char *name, int n)
{
    int t = tensor_named(m, name);
    const int64_t *d = m->tensors.at[t].dim;
    return (Map){ (int)d[1], (int)d[2], (int)d[3], r->data[t] + n * d[1] * d[2] * d[3] };
}

static const float *param(const TmModule *m, const TmRun *r, const char *name) { return r->data[tensor_named(m, name)]; }

static Map naive_pw(Arena *a, const Map *x, const float *weight, const float *bias, int K)
{
    Map y = map_new(a, x->h, x->w, K);
    for (int i = 0; i < x->h * x->w; i++)
        for (int k = 0; k < K; k++) {
            float sum = bias ? bias[k] : 0;
            for (int c = 0; c < x->c; c++) sum += x->at[i * x->c + c] * weight[k * x->c + c];
            y.at[i * K + k] = sum;
        }
    return y;
}

/* 3 x 3, padding 1. */
static Map naive_dw(Arena *a, const Map *x, const float *weight, const float *bias, int stride)
{
    Map y = map_new(a, (x->h - 1) / stride + 1, (x->w - 1) / stride + 1, x->c);
    for (int i = 0; i < y.h; i++)
        for (int j = 0; j < y.w; j++)
            for (int c = 0; c < y.c; c++) {
                float sum = bias ? bias[c] : 0;
                for (int t = 0; t < 9; t++) {
                    int u = i * stride - 1 + t / 3, v = j * stride - 1 + t % 3;
                    if (u >= 0 && u < x->h && v >= 0 && v < x->w) sum += *px(x, u, v, c) * weight[t * x->c + c];
                }
                *px(&y, i, j, c) = sum;
            }
    return y;
}

static Map clip(Map x, float lo, float hi)
{
    for (int i = 0; i < x.h * x.w * x.c; i++) x.at[i] = fminf(fmaxf(x.at[i], lo), hi);
    return x;
}

static void expect(const TmModule *m, const TmRun *r, const char *name, int n, const Map *want)
{
    Map got = image(m, r, name, n);
    assert_int_equal(got.h * got.w * got.c, want->h * want->w * want->c);
    for (int i = 0; i < got.h * got.w * got.c; i++)
        if (!(got.at[i] == want->at[i]))
            fail_msg("%s image %d, row %d, column %d, channel %d: %g, not %g", name, n, i / got.c / got.w, i / got.c % got.w, i % got.c,
                     (double)got.at[i], (double)want->at[i]);
}

/* ---- the programs ---- */

enum { BATCH = 2 };
typedef Map (*Naive)(Arena *a, const TmModule *m, const TmRun *r, int n);

static Map naive_of_pw(Arena *a, const TmModule *m, const TmRun *r, int n)
{
    Map x = image(m, r, "x", n);
    return clip(naive_pw(a, &x, param(m, r, "y.weight"), param(m, r, "y.bias"), 12), 0, 6);
}

static Map naive_of_dw(Arena *a, const TmModule *m, const TmRun *r, int n)
{
    Map x = image(m, r, "x", n), y = naive_dw(a, &x, param(m, r, "y.weight"), NULL, 2);
    for (int i = 0; i < y.h * y.w * y.c; i++) {                 /* variance + eps is 1 */
        float s = param(m, r, "bn.weight")[i % y.c], t = param(m, r, "bn.bias")[i % y.c] - param(m, r, "bn.mean")[i % y.c] * s;
        y.at[i] = fmaxf(y.at[i] * s + t, 0);
    }
    return y;
}

static Map naive_of_mbconv(Arena *a, const TmModule *m, const TmRun *r, int n)
{
    Map x = image(m, r, "x", n);
    Map e = clip(naive_pw(a, &x, param(m, r, "e.weight"), param(m, r, "e.bias"), 40), 0, 6);
    Map d = clip(naive_dw(a, &e, param(m, r, "d.weight"), param(m, r, "d.bias"), 1), 0, 6);
    Map y = naive_pw(a, &d, param(m, r, "p.weight"), param(m, r, "p.bias"), 8);
    for (int i = 0; i < y.h * y.w * y.c; i++) y.at[i] += x.at[i];
    return y;
}

static Map naive_of_persist(Arena *a, const TmModule *m, const TmRun *r, int n)
{
    Map x = image(m, r, "x", n);
    Map e = clip(naive_pw(a, &x, param(m, r, "e.weight"), param(m, r, "e.bias"), 40), 0, 6);
    Map d = clip(naive_dw(a, &e, param(m, r, "d.weight"), param(m, r, "d.bias"), 1), 0, 6);
    return naive_pw(a, &d, param(m, r, "y.weight"), param(m, r, "y.bias"), 16);
}

static Map naive_of_line(Arena *a, const TmModule *m, const TmRun *r, int n)
{
    Map x = image(m, r, "x", n), e = clip(naive_pw(a, &x, param(m, r, "e.weight"), NULL, 16), 0, INFINITY);
    Map y = naive_dw(a, &e, param(m, r, "y.weight"), NULL, 1);
    for (int i = 0; i < y.h * y.w * y.c; i++) y.at[i] += 3;
    return clip(y, -20, 20.5f);
}

/* Under FCM_EXACT: leaky and silu are integer functions. */
static Map naive_of_chain(Arena *a, const TmModule *m, const TmRun *r, int n)
{
    Map x = image(m, r, "x", n), y = naive_pw(a, &x, param(m, r, "h.weight"), param(m, r, "h.bias"), 10);
    for (int i = 0; i < y.h * y.w * y.c; i++) {
        int v = (int)y.at[i], h = v < 0 ? -((-v + 1) / 2) : v, s = h < 0 ? -h : 2 * h;
        y.at[i] = (float)(h < 0 ? h + s : h - s);               /* silu(2h) is 2h, or half of it below 0 */
    }
    return y;
}

static void run_golden(const char *name, Naive naive, bool exact)
{
    Arena *keep = arena_new();
    Fixture f = fixture_golden(keep, name);
    TmRun r = integer_run(f.a, f.m, BATCH, 7);
    r.exact = exact;
    for (int i = 0; i < f.m->tensors.n; i++) {
        const TmTensor *t = &f.m->tensors.at[i];
        for (int64_t k = 0; strcmp(t->name, "bn.var") == 0 && k < t->dim[3]; k++) r.data[i][k] = 1 - 1e-5f;
    }
    const char *why = tm_run(f.a, f.m, &r);
    if (why) fail_msg("%s: %s", name, why);
    for (int n = 0; n < BATCH; n++) {
        Map want = naive(f.a, f.m, &r, n);
        expect(f.m, &r, "y", n, &want);
    }
    arena_free(f.a);
    arena_free(keep);
}

static void test_pw(void **s) { (void)s; run_golden("pw", naive_of_pw, false); }
static void test_dw_halo_bn(void **s) { (void)s; run_golden("dw", naive_of_dw, false); }
static void test_mbconv_chunks_stages(void **s) { (void)s; run_golden("mbconv", naive_of_mbconv, false); }
static void test_persistent_blocks(void **s) { (void)s; run_golden("persist", naive_of_persist, false), run_golden("turns", naive_of_persist, false); }
static void test_line_buffer(void **s) { (void)s; run_golden("line", naive_of_line, false); }
static void test_chain_workspace(void **s) { (void)s; run_golden("chain", naive_of_chain, true); }

/* Real activations instead: y = h - silu(2h) in f32. */
static void test_real_activation(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    Fixture f = fixture_golden(keep, "chain");
    TmRun r = integer_run(f.a, f.m, 1, 3);
    assert_null(tm_run(f.a, f.m, &r));
    Map x = image(f.m, &r, "x", 0), h = naive_pw(f.a, &x, param(f.m, &r, "h.weight"), param(f.m, &r, "h.bias"), 10), y = image(f.m, &r, "y", 0);
    for (int i = 0; i < h.h * h.w * h.c; i++) {
        float v = h.at[i] < 0 ? h.at[i] * 0.25f : h.at[i], d = 2 * v;
        assert_true(y.at[i] == v - d / (1 + expf(-d)));
    }
    arena_free(f.a);
    arena_free(keep);
}

/* Values are rounded to the tensor's dtype when they are stored, products in f32 before. */
static void test_rounding(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    size_t n;
    char *text = golden_text(keep, "pw", &n);
    memcpy(strstr(text, "bias bt, relu6"), "mulc 0.1      ", 14);
    Fixture f = fixture_text(text, n);
    assert_non_null(f.m);
    TmRun r = integer_run(f.a, f.m, 1, 9);
    assert_null(tm_run(f.a, f.m, &r));
    Map x = image(f.m, &r, "x", 0), p = naive_pw(f.a, &x, param(f.m, &r, "y.weight"), NULL, 12), y = image(f.m, &r, "y", 0);
    for (int i = 0; i < p.h * p.w * p.c; i++) assert_true(y.at[i] == f16_to_f32(f32_to_f16(p.at[i] * 0.1f)));
    arena_free(f.a);
    arena_free(keep);
}

/* ---- programs that are wrong must show ---- */

/* Replaces text in a golden and runs it; returns the reason, or "nan"/"wrong"/"same" after comparing y with the unchanged program. */
static const char *run_changed(const char *name, const char *from, const char *to)
{
    Arena *keep = arena_new();
    Fixture good = fixture_golden(keep, name);
    size_t n;
    char *text = golden_text(keep, name, &n), *at = strstr(text, from);
    assert_non_null(at);
    char *changed = arena_printf(keep, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    Fixture bad = fixture_text(changed, strlen(changed));
    if (!bad.m) diag_print(bad.d, stderr);
    assert_non_null(bad.m);
    TmRun a = integer_run(good.a, good.m, BATCH, 7), b = integer_run(bad.a, bad.m, BATCH, 7);
    assert_null(tm_run(good.a, good.m, &a));
    const char *why = tm_run(bad.a, bad.m, &b), *verdict = "same";
    int y = tensor_named(good.m, "y");
    int64_t elements = tensor_elements(&good.m->tensors.at[y], BATCH);
    for (int64_t i = 0; !why && i < elements; i++) {
        if (isnan(b.data[y][i])) verdict = "nan";
        else if (b.data[y][i] != a.data[y][i] && strcmp(verdict, "nan")) verdict = "wrong";
    }
    static char text_of[256];
    snprintf(text_of, sizeof text_of, "%s", why ? why : verdict);
    arena_free(good.a);
    arena_free(bad.a);
    arena_free(keep);
    return text_of;
}

static void test_faults_show(void **s)
{
    (void)s;
    assert_string_equal(run_changed("mbconv", "commit\n", "commit\n"), "same");
    assert_string_equal(run_changed("mbconv", " masked ", " "), "wrong");                    /* act(bias) in the halo */
    assert_string_equal(run_changed("mbconv", "wait 0", "wait 1"), "nan");                   /* the copy has not landed */
    assert_string_equal(run_changed("mbconv", "stages 2 by c", "stages 3 by c"), "wrong");   /* the third slot lies over pi */
    assert_string_equal(run_changed("pw", "zero yt\n", "\n"), "nan");
    assert_string_equal(run_changed("pw", "wait 0\n", "\n"), "nan");
    assert_string_equal(run_changed("line", "roll 4", "roll 3"), "wrong");
    assert_string_equal(run_changed("dw", "4j-1", "4j"), "program k0, line 7 (dw, dw.fcm:2 y = dw 3, stride 2): row 0, column -1, channel 0 of tile "
                        "'xt' [5,5,16]");
}

static void test_limit(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    Fixture f = fixture_golden(keep, "mbconv");
    TmRun r = integer_run(f.a, f.m, 1, 1);
    r.limit = 1000;
    const char *why = tm_run(f.a, f.m, &r);
    assert_non_null(why);
    assert_non_null(strstr(why, "more than 1000 steps"));
    TmRun none = { .batch = 1, .data = NEW_N(f.a, float *, f.m->tensors.n) };
    assert_non_null(strstr(tm_run(f.a, f.m, &none), "tensor 'x' was not given"));
    arena_free(f.a);
    arena_free(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pw), cmocka_unit_test(test_dw_halo_bn), cmocka_unit_test(test_mbconv_chunks_stages), cmocka_unit_test(test_line_buffer), cmocka_unit_test(test_persistent_blocks),
        cmocka_unit_test(test_chain_workspace), cmocka_unit_test(test_real_activation), cmocka_unit_test(test_rounding), cmocka_unit_test(test_faults_show), cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
