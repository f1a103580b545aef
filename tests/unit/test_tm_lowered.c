/* The readers over programs that the compiler really makes: the text carries the whole program, so that what is read back prints, walks and
 * runs the same. Blocks of examples/ on GPUs of three generations and on the CPU, with the planner's schedules and with random ones. */
#include "ast.h"
#include "choose.h"
#include "device_file.h"
#include "tm_fixture.h"

static const char *const devices[] = { "h200", "t4", "cpu", "a4000" };
enum { DEVICES = 4, RUN_ELEMENTS = 60000 };

typedef struct Made { Arena *a; Diag *d; Graph *g; Stages *s; PlanOptions o; } Made;

static Made begin(const char *path, const char *device)
{
    Made x = { .a = arena_new() };
    AstFiles files = { 0 };
    GraphOptions o = { 0 };
    x.d = diag_new(x.a);
    ast_load(x.a, x.d, path, &files);
    x.g = graph_check(x.a, x.d, &files, &o);
    x.s = x.g ? graph_stages(x.a, x.d, x.g) : NULL;
    x.o = (PlanOptions){ .device = device_find(x.a, x.d, device), .batch = 1, .source = path };
    if (!x.s || !x.o.device) diag_print(x.d, stderr);
    assert_true(x.s && x.o.device);
    return x;
}

static void same_bytes(const TmBytes *a, const TmBytes *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->read, b->read, (size_t)a->n * sizeof *a->read);
    assert_memory_equal(a->written, b->written, (size_t)a->n * sizeof *a->written);
}

static void same_walks(Arena *a, const TmModule *m, const TmModule *again, int64_t *read, int64_t *written)
{
    for (int i = 0; i < m->programs.n; i++) {
        TmWalk v, w;
        tm_walk(a, m, m->programs.at[i], 2, &v);
        tm_walk(a, again, again->programs.at[i], 2, &w);
        same_bytes(&v.issued, &w.issued);
        same_bytes(&v.unique, &w.unique);
        assert_memory_equal(v.flops, w.flops, sizeof v.flops);
        assert_true(v.sfu == w.sfu && v.barriers == w.barriers && v.shared_bytes == w.shared_bytes && v.shared_waves == w.shared_waves && v.blocks == w.blocks);
        for (int s = 0; s < v.issued.n; s++) {
            assert_true(v.unique.read[s] <= v.issued.read[s] && v.unique.written[s] <= v.issued.written[s]);
            read[s] += v.issued.read[s];
            written[s] += v.issued.written[s];
        }
    }
}

static void same_runs(Arena *a, const TmModule *m, const TmModule *again, const int64_t *read, const int64_t *written)
{
    TmRun r = integer_run(a, m, 2, 4), q = integer_run(a, again, 2, 4);
    r.exact = q.exact = true;
    const char *why = tm_run(a, m, &r);
    if (why) fail_msg("%s", why);
    assert_null(tm_run(a, again, &q));
    same_bytes(&r.counted, &q.counted);
    assert_memory_equal(r.counted.read, read, (size_t)r.counted.n * sizeof *read);
    assert_memory_equal(r.counted.written, written, (size_t)r.counted.n * sizeof *written);
    for (int o = 0; o < m->outputs.n; o++) {
        int t = m->outputs.at[o];
        assert_memory_equal(r.data[t], q.data[t], (size_t)tensor_elements(&m->tensors.at[t], 2) * sizeof(float));
    }
}

/* The 8 rows of a matrix that ldmatrix takes from weights lie in 8 different groups of banks, for every chunk of channels. */
static void no_conflicts(const TmProgram *p, const TmTile *w)
{
    int64_t vars[64] = { 0 };
    assert_true(p->loops.n <= 64);
    for (int row = 0; row < w->ext[2]; row += 8)
        for (int c = 0; c < w->cpad; c += 8) {
            unsigned groups = 0;
            for (int r = 0; r < 8; r++) groups |= 1u << tm_address(p, w, vars, 0, 0, row + r, c) / 16 % 8;
            if (groups != 255) fail_msg("%s: rows of %d bytes meet in a bank, from row %d on", w->name, w->pitch_w, row);
        }
}

/* How many weights of tensor cores were looked at. */
static int check_weights(const TmModule *m)
{
    int n = 0;
    for (int k = 0; k < m->programs.n; k++) {
        const TmProgram *p = m->programs.at[k];
        for (int i = 0; i < p->code.n; i++) {
            const TmIns *ins = &p->code.at[i];
            if (ins->op != TM_PW || tm_variant_rows[ins->variant].engine != TM_ENGINE_MMA) continue;
            no_conflicts(p, &p->tiles.at[ins->wgt]);
            assert_int_equal(p->tiles.at[ins->wgt].pitch_w, p->tiles.at[ins->wgt].cpad * 2);     /* and nothing is padded */
            n++;
        }
    }
    return n;
}

/* True if it was small enough to be run as well. */
static bool check_module(const Made *x, const TmModule *m, const char *what)
{
    Text t = text_new(x->a), u = text_new(x->a);
    tm_print(m, x->d, &t);
    Fixture f = fixture_text(t.at, t.n);
    if (!f.m) {
        diag_print(f.d, stderr);
        fail_msg("%s: the printed text is refused", what);
    }
    tm_print(f.m, f.d, &u);
    assert_string_equal(t.at, u.at);
    int slots = tm_byte_slots(m);
    int64_t *read = NEW_N(f.a, int64_t, slots), *written = NEW_N(f.a, int64_t, slots), largest = 0;
    same_walks(f.a, m, f.m, read, written);
    for (int i = 0; i < m->tensors.n; i++)
        if (tensor_elements(&m->tensors.at[i], 1) > largest) largest = tensor_elements(&m->tensors.at[i], 1);
    if (largest <= RUN_ELEMENTS) same_runs(f.a, m, f.m, read, written);
    arena_free(f.a);
    return largest <= RUN_ELEMENTS;
}

static void test_planned(void **s)
{
    (void)s;
    static const char *const paths[] = { "acts", "dw5", "mbconv", "mbconv_f32", "pwpw", "ragged", "two_outputs", "xception_pair" };
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
        for (int d = 0; d < DEVICES; d++) {
            char path[64];
            PlanReport report = { 0 };
            snprintf(path, sizeof path, "examples/%s.fcm", paths[p]);
            Made x = begin(path, devices[d]);
            const TmModule *m = plan_module(x.a, x.d, x.g, x.s, &x.o, &report);
            if (!m) diag_print(x.d, stderr);
            assert_non_null(m);
            check_weights(m);
            check_module(&x, m, path);
            arena_free(x.a);
        }
}

static void test_random_schedules(void **s)
{
    (void)s;
    static const char *const paths[] = { "ragged", "mbconv", "pwpw", "dw5" };
    unsigned seed = 77;
    int made = 0, ran = 0, weights = 0;
    for (int k = 0; k < 120; k++) {
        char path[64];
        snprintf(path, sizeof path, "examples/%s.fcm", paths[k % 4]);
        Made x = begin(path, devices[random_next(&seed) % DEVICES]);
        Sched c = sched_default();
        const char *why;
        c.th = 1 + (int)(random_next(&seed) % 9);
        c.tw = 1 + (int)(random_next(&seed) % 16);
        c.chunk = 8 * (int)(random_next(&seed) % 5);
        c.line = random_next(&seed) % 3 ? 0 : 1 + (int)(random_next(&seed) % 6);
        c.stages = 1 + (int)(random_next(&seed) % 3);
        c.threads = 32 << random_next(&seed) % 4;
        c.mma = (int)(random_next(&seed) % 2);
        const TmModule *m = plan_with(x.a, x.d, x.g, x.s, &x.o, &c, &why);
        if (m) made++, weights += check_weights(m), ran += check_module(&x, m, path);
        arena_free(x.a);
    }
    print_message("%d of 120 schedules fit, %d of them ran\n", made, ran);
    assert_true(made > 20 && ran > 10 && weights > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_planned), cmocka_unit_test(test_random_schedules) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
