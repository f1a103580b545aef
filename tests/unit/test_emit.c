/* test_emit.c: pieces of the emitter: identifiers, literals, refusals; and the host headers of generated code against the
 * compiler's own functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "emit.h"
#include "host/fc_host.h"
#include "host/fc_pack.h"

#include <math.h>
#include <stdlib.h>

static void identifiers(void **state)
{
    (void)state;
    Arena *a = arena_new();
    static const char *const pairs[][2] = {
        { "x", "x" },    { "y.0.e", "y_0_e" }, { "3d", "_3d" },     { "class", "class_" }, { "restrict", "restrict_" },
        { "p0", "p0_" }, { "p0x", "p0x" },     { "size", "size_" }, { "smem", "smem_" },   { "", "_" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) assert_string_equal(emit_ident(a, pairs[i][0]), pairs[i][1]);
    assert_string_equal(emit_symbol(a, "p0"), "p0");
    assert_string_equal(emit_argument(a, "p0"), "p0");
    assert_string_equal(emit_argument(a, "n"), "n_");
    assert_string_equal(emit_comment(a, "a\\\nb"), "a  b");
    arena_free(a);
}

static void floats(void **state)
{
    (void)state;
    Arena *a = arena_new();
    assert_string_equal(emit_float(a, 3), "3.0f");
    assert_string_equal(emit_float(a, -0.5), "(-0.5f)");
    assert_string_equal(emit_float(a, 0.1), "0.1f");
    assert_string_equal(emit_float(a, INFINITY), "3.4028235e+38f");
    assert_string_equal(emit_float(a, 1e30), "1e+30f");
    uint32_t bits = 1;
    for (int i = 0; i < 100000; i++) {
        float f;
        bits = bits * 1664525u + 1013904223u;
        memcpy(&f, &bits, 4);
        if (!isfinite(f)) continue;
        const char *s = emit_float(a, (double)f);
        assert_true(strtof(*s == '(' ? s + 1 : s, NULL) == f);
    }
    arena_free(a);
}

static void halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float want = f16_to_f32((unsigned short)h), got = fc_half_value((uint16_t)h);
        assert_true(want == got || (isnan(want) && isnan(got)));
    }
    uint32_t bits = 7;
    for (int i = 0; i < 1000000; i++) {
        float f;
        bits = bits * 1664525u + 1013904223u;
        uint32_t narrow = i % 2 ? bits
                                : (bits & 0x80FFFFFFu) |
                                      (0x33000000u + (bits >> 4 & 0x0F000000u)); /* every other one near f16's range */
        memcpy(&f, &narrow, 4);
        if (!isnan(f)) assert_int_equal(fc_half_bits(f), f32_to_f16(f));
    }
}

/* A grid ends at 2^31 - 1 blocks. */
static void slices(void **state)
{
    (void)state;
    assert_int_equal(fc_slice(5, 28), 5);
    assert_int_equal(fc_slice(100000, 100000), 21474);
    assert_true((int64_t)fc_slice(2147483647, 3) * 3 <= 2147483647);
    assert_int_equal(fc_slice(7, 1LL << 33), 1);
    assert_int_equal(fc_sharers(3, 132), 3);
    assert_int_equal(fc_sharers(1LL << 40, 132), 132);
}

static void bn_folds_in_f32(void **state)
{
    (void)state;
    float weight[2] = { 1.1f, 3 }, bias[2] = { 0.3f, -1 }, mean[2] = { 0.7f, 2 }, var[2] = { 2.3f, 0.999f }, s[2] = { 0 },
          t[2] = { 0 };
    fc_pack_bn_scale((char *)s, weight, var, 1e-3f, 2, 0, 2);
    fc_pack_bn_shift((char *)t, weight, bias, mean, var, 1e-3f, 2, 0, 2);
    for (int i = 0; i < 2; i++) {
        volatile float root = sqrtf(var[i] + 1e-3f), scale = weight[i] / root, product = mean[i] * scale;
        assert_true(s[i] == scale && t[i] == bias[i] - product);
    }
}

/* x -> y by copy and store, on the CPU */
static TmModule *tiny(Arena *a, DType dtype)
{
    TmModule *m = tm_module_new(a, "tiny");
    vec_push(a, &m->inputs,
             tm_tensor(a, m,
                       (TmTensor){ .name = "x", .cname = "x", .role = TM_IN, .dtype = dtype, .dim = { 0, 2, 2, 8 }, .rank = 4 }));
    vec_push(
        a, &m->outputs,
        tm_tensor(a, m,
                  (TmTensor){ .name = "y", .cname = "y", .role = TM_OUT, .dtype = dtype, .dim = { 0, 2, 2, 8 }, .rank = 4 }));
    TmProgram *p = tm_program_new(a, m, "k0", TM_CPU, 0);
    int n = tm_loop(a, p, "n", TM_GRID, 0);
    TmTile t = { .name = "t",
                 .ext = { 1, 2, 2, 8 },
                 .space = TM_SHARED,
                 .dtype = dtype,
                 .pitch_w = 32,
                 .pitch_h = 64,
                 .slot_bytes = 128,
                 .org = { affine_term(0, n, 1) } };
    int x = tm_tile(a, p, t);
    p->tiles.at[x].offset = 0;
    p->arena_bytes = 128;
    tm_open(a, p, n);
    tm_emit(a, p, (TmIns){ .op = TM_COPY, .loop = -1, .dst = x, .src = -1, .wgt = -1, .tensor = -1, .guard_loop = -1, .vec = 4 });
    tm_emit(a, p, (TmIns){ .op = TM_STORE, .loop = -1, .dst = -1, .src = x, .wgt = -1, .tensor = 1, .guard_loop = -1, .vec = 4 });
    tm_close(a, p, n);
    return m;
}

static bool printed(Arena *a, const TmModule *m, bool cuda, Text *source, const char **why)
{
    Text header;
    EmitOptions o = { 0 };
    *why = NULL;
    return cuda ? emit_cuda(a, m, &o, source, &header, why) : emit_cpu(a, m, &o, source, &header, why);
}

static void refusals_are_worded(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Text source;
    const char *why;
    assert_true(printed(a, tiny(a, DT_F32), false, &source, &why));
    assert_null(why);
    assert_false(printed(a, tiny(a, DT_F32), true, &source, &why));
    assert_string_equal(why, "k0 was scheduled for a CPU");
    assert_false(printed(a, tiny(a, DT_BF16), false, &source, &why));
    assert_string_equal(why, "program k0: tile t has dtype bf16, which the runtime headers lack");
    TmModule *m = tiny(a, DT_F32);
    m->programs.at[0]->code.at[1].guard_loop = 0;
    assert_false(printed(a, m, false, &source, &why));
    assert_string_equal(why, "program k0: an instruction is guarded by the batch loop n");
    arena_free(a);
}

static void batch_may_be_fixed(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Text source;
    const char *why;
    TmModule *m = tiny(a, DT_F32);
    assert_true(printed(a, m, false, &source, &why));
    assert_null(strstr(source.at, "FC_WRONG_BATCH"));
    m->batch = 4;
    assert_true(printed(a, m, false, &source, &why));
    assert_non_null(strstr(source.at, "if (n != 4) return FC_WRONG_BATCH;"));
    arena_free(a);
}

/* Closed loops read 0; a guard on one is decided when printing. */
static void closed_loops_vanish(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Text source;
    const char *why;
    TmModule *m = tiny(a, DT_F32);
    TmProgram *p = m->programs.at[0];
    int c = tm_loop(a, p, "c", TM_SEQ, 3);
    p->tiles.at[0].org[1] = affine_term(-1, c, 2);
    p->code.at[1].guard_loop = c;
    p->code.at[1].guard_add = 2;
    assert_true(printed(a, m, false, &source, &why));
    assert_non_null(strstr(source.at, "fc_image(&x_g, x_p, n), -1, 0, 0);"));
    assert_null(strstr(source.at, "if (c"));
    p->code.at[1].guard_add = 3;
    assert_true(printed(a, m, false, &source, &why));
    assert_null(strstr(source.at, "fc_copy("));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers),
        cmocka_unit_test(floats),
        cmocka_unit_test(halves),
        cmocka_unit_test(slices),
        cmocka_unit_test(bn_folds_in_f32),
        cmocka_unit_test(refusals_are_worded),
        cmocka_unit_test(batch_may_be_fixed),
        cmocka_unit_test(closed_loops_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
