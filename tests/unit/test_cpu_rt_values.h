/* Included by test_cpu_rt.c: constant shapes, so that every loop folds as in generated code, and the values of activations and conversions. */

#ifdef FOLDED
/* Tiles with rows of w pixels of cpad channels, dense. */
#define TILE(h, w, c, cpad, roll, type, size) { h, w, c, cpad, (cpad) * (size), (w) * (cpad) * (size), roll, type }
#define F32_TILE(h, w, c, cpad, roll) TILE(h, w, c, cpad, roll, FC_F32, 4)
#define NO_MASK { 0, 0, 0, 0, 0 }

/* name, fields of a PwCase; widths that the build lacks are left out of the tables below */
#define PW_CONST(name, ...) \
    static const PwCase name##_case = { __VA_ARGS__ }; \
    static void name(const PwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx) { (void)p; pw_call(&name##_case, dst, src, w, ctx); }
#define DW_CONST(name, ...) \
    static const DwCase name##_case = { __VA_ARGS__ }; \
    static void name(const DwCase *p, fc_ref dst, fc_ref src, const void *w, const Ctx *ctx) { (void)p; dw_call(&name##_case, dst, src, w, ctx); }

PW_CONST(pw_scalar, .V = 1, .epi = 1, .dst_t = F32_TILE(3, 10, 20, 24, 0), .src_t = F32_TILE(4, 12, 17, 24, 0), .dy = 1, .dx = 2, .dc = 3, .item_w = 8,
         .item_c = 8, .sub = { 0, 3, 0, 10 }, .wt = { 20, 14, 14, 8, 112, FC_F32 }, .mask = { 1, -1, -2, 3, 7 })
#if FC_ISA >= 256
/* 56x56 expand with the vectors of AVX2: a masked row of a line buffer, in place */
PW_CONST(pw_expand8, .V = 8, .global = 1, .epi = 1, .dst_t = F32_TILE(3, 58, 48, 48, 4), .g = { 56, 56, 24, FC_F32, 1 }, .y0 = 7, .x0 = -1, .item_w = 4,
         .item_c = 24, .sub = { 2, 3, 0, 58 }, .wt = { 48, 24, 24, 24, 576, FC_F32 }, .mask = { 1, 7, -1, 56, 56 })
PW_CONST(pw_project8, .V = 8, .epi = 1, .dst_t = F32_TILE(1, 8, 24, 24, 0), .src_t = F32_TILE(1, 8, 144, 144, 0), .item_w = 8, .item_c = 24,
         .sub = { 0, 1, 0, 8 }, .wt = { 24, 144, 144, 24, 3456, FC_F32 }, .mask = NO_MASK)
PW_CONST(pw_ragged8, .V = 8, .acc = 1, .dst_t = F32_TILE(2, 11, 37, 40, 0), .src_t = F32_TILE(2, 11, 9, 16, 0), .item_w = 6, .item_c = 16,
         .sub = { 0, 2, 1, 11 }, .wt = { 37, 9, 9, 16, 144, FC_F32 }, .mask = NO_MASK)
PW_CONST(pw_halves8, .V = 8, .epi = 1, .dst_t = TILE(2, 7, 24, 24, 0, FC_F16, 2), .src_t = TILE(2, 7, 16, 16, 0, FC_F16, 2), .item_w = 7, .item_c = 24,
         .sub = { 0, 2, 0, 7 }, .wt = { 24, 16, 16, 24, 384, FC_F16 }, .mask = NO_MASK)
#endif
#if FC_ISA >= 512
PW_CONST(pw_expand16, .V = 16, .global = 1, .epi = 1, .dst_t = F32_TILE(3, 58, 144, 144, 4), .g = { 56, 56, 24, FC_F32, 1 }, .y0 = 54, .x0 = -1,
         .item_w = 8, .item_c = 48, .sub = { 1, 3, 0, 58 }, .wt = { 144, 24, 24, 48, 1152, FC_F32 }, .mask = { 1, 54, -1, 56, 56 })
PW_CONST(pw_bare16, .V = 16, .global = 1, .epi = 1, .dst_t = F32_TILE(2, 12, 32, 32, 0), .g = { 5, 9, 24, FC_F16, 1 }, .y0 = -1, .x0 = -2, .c0 = 16,
         .item_w = 5, .item_c = 32, .sub = { 0, 2, 0, 12 }, .wt = { 32, 16, 16, 32, 512, FC_F32 }, .mask = NO_MASK)
PW_CONST(pw_sum16, .V = 16, .acc = 1, .dst_t = F32_TILE(7, 7, 96, 96, 0), .src_t = F32_TILE(7, 7, 48, 48, 0), .item_w = 7, .item_c = 48,
         .sub = { 0, 7, 0, 7 }, .wt = { 96, 48, 48, 48, 2304, FC_F32 }, .mask = NO_MASK)
PW_CONST(pw_project16, .V = 16, .dst_t = F32_TILE(1, 8, 24, 24, 0), .src_t = F32_TILE(1, 8, 144, 144, 0), .item_w = 8, .item_c = 32,
         .sub = { 0, 1, 0, 8 }, .wt = { 24, 144, 144, 32, 4608, FC_F32 }, .mask = NO_MASK)
PW_CONST(pw_halves16, .V = 16, .epi = 1, .dst_t = F32_TILE(2, 12, 40, 40, 0), .src_t = F32_TILE(2, 12, 9, 16, 0), .item_w = 7, .item_c = 48,
         .sub = { 0, 2, 0, 12 }, .wt = { 37, 9, 9, 48, 432, FC_F32 }, .mask = { 1, 0, 0, 2, 11 })
PW_CONST(pw_last16, .V = 16, .acc = 1, .dst_t = F32_TILE(2, 12, 40, 40, 0), .src_t = F32_TILE(2, 12, 9, 16, 0), .item_w = 7, .item_c = 32,
         .sub = { 0, 2, 0, 12 }, .wt = { 40, 9, 9, 32, 288, FC_F32 }, .mask = NO_MASK)
#endif

#define DW_FIELDS .epi = 1, .mask = NO_MASK
DW_CONST(dw_scalar, .V = 1, DW_FIELDS, .dst_t = F32_TILE(2, 5, 10, 16, 0), .src_t = F32_TILE(6, 14, 5, 8, 6), .item_w = 4, .sub = { 0, 2, 0, 5 },
         .tt = { 3, 3, 10, 16, FC_F32 }, .geom = { 2, 2, 1, 2, 2 })
#if FC_ISA >= 256
DW_CONST(dw_strip8, .V = 8, DW_FIELDS, .dst_t = F32_TILE(1, 8, 24, 24, 0), .src_t = F32_TILE(3, 58, 24, 24, 4), .dy = 0, .dx = 16, .item_w = 8,
         .sub = { 0, 1, 0, 8 }, .tt = { 3, 3, 24, 24, FC_F32 }, .geom = { 1, 1, 1, 1, 1 })
DW_CONST(dw_stride8, .V = 8, DW_FIELDS, .dst_t = F32_TILE(2, 11, 20, 24, 0), .src_t = F32_TILE(7, 25, 20, 24, 0), .item_w = 4, .sub = { 0, 2, 0, 11 },
         .tt = { 5, 5, 20, 24, FC_F32 }, .geom = { 2, 2, 1, 1, 1 })
DW_CONST(dw_wide8, .V = 8, .acc = 1, .mask = NO_MASK, .dst_t = F32_TILE(2, 11, 16, 16, 0), .src_t = F32_TILE(8, 22, 16, 16, 0), .item_w = 8,
         .sub = { 0, 2, 0, 10 }, .tt = { 4, 7, 16, 16, FC_F32 }, .geom = { 1, 1, 2, 2, 1 })
#endif
#if FC_ISA >= 512
DW_CONST(dw_strip16, .V = 16, DW_FIELDS, .dst_t = F32_TILE(1, 8, 144, 144, 0), .src_t = F32_TILE(3, 58, 144, 144, 4), .dx = 48, .item_w = 8,
         .sub = { 0, 1, 0, 8 }, .tt = { 3, 3, 144, 144, FC_F32 }, .geom = { 1, 1, 1, 1, 1 })
DW_CONST(dw_stride16, .V = 16, .epi = 1, .dst_t = F32_TILE(2, 9, 32, 32, 0), .src_t = F32_TILE(5, 19, 32, 32, 0), .item_w = 7, .sub = { 0, 2, 0, 9 },
         .tt = { 3, 3, 32, 32, FC_F32 }, .geom = { 2, 2, 1, 1, 1 }, .mask = { 1, 0, -1, 1, 7 })
DW_CONST(dw_seven16, .V = 16, DW_FIELDS, .dst_t = TILE(2, 7, 16, 16, 0, FC_F16, 2), .src_t = TILE(8, 13, 16, 16, 0, FC_F16, 2), .item_w = 7,
         .sub = { 0, 2, 0, 7 }, .tt = { 7, 7, 16, 16, FC_F16 }, .geom = { 1, 1, 1, 1, 1 })
#endif

static void pw_constant(void **unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++) {
        check_pw(&pw_scalar_case, pw_scalar, i);
#if FC_ISA >= 256
        check_pw(&pw_expand8_case, pw_expand8, i);
        check_pw(&pw_project8_case, pw_project8, i);
        check_pw(&pw_ragged8_case, pw_ragged8, i);
        check_pw(&pw_halves8_case, pw_halves8, i);
#endif
#if FC_ISA >= 512
        check_pw(&pw_expand16_case, pw_expand16, i);
        check_pw(&pw_bare16_case, pw_bare16, i);
        check_pw(&pw_sum16_case, pw_sum16, i);
        check_pw(&pw_project16_case, pw_project16, i);
        check_pw(&pw_halves16_case, pw_halves16, i);
        check_pw(&pw_last16_case, pw_last16, i);
#endif
    }
}

static void dw_constant(void **unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++) {
        check_dw(&dw_scalar_case, dw_scalar, i);
#if FC_ISA >= 256
        check_dw(&dw_strip8_case, dw_strip8, i);
        check_dw(&dw_stride8_case, dw_stride8, i);
        check_dw(&dw_wide8_case, dw_wide8, i);
#endif
#if FC_ISA >= 512
        check_dw(&dw_strip16_case, dw_strip16, i);
        check_dw(&dw_stride16_case, dw_stride16, i);
        check_dw(&dw_seven16_case, dw_seven16, i);
#endif
    }
}

#else

/* ---- activations ---- */
#ifdef FCM_EXACT
static double real_act(Act a, double v) { return tm_exact_act(a, 0.3, 2.6, (float)v); }
#else
static double real_act(Act a, double v)
{
    switch (a) {
    case ACT_RELU: return v < 0 ? 0 : v;
    case ACT_RELU6: return fmin(6, fmax(0, v));
    case ACT_LEAKY: return v < 0 ? v * (double)0.3f : v;
    case ACT_CLAMP: return fmin((double)2.6f, fmax((double)0.3f, v));
    case ACT_SILU: return v / (1 + exp(-v));
    case ACT_GELU_ERF: return 0.5 * v * erfc(-v * sqrt(0.5));
    case ACT_GELU_TANH: return 0.5 * v * (1 + tanh(0.79788456080286536 * (v + 0.044715 * v * v * v)));
    case ACT_HSWISH: return v * fmin(6, fmax(0, v + 3)) / 6;
    case ACT_HSIGMOID: return fmin(6, fmax(0, v + 3)) / 6;
    case ACT_SIGMOID: return 1 / (1 + exp(-v));
    case ACT_TANH: return tanh(v);
    default: return v;
    }
}
#endif

#define ACT_OF(V) \
    static fc_v##V act_##V(Act a, fc_v##V v) \
    { \
        switch (a) { \
        case ACT_RELU: return fc_relu_##V(v); \
        case ACT_RELU6: return fc_relu6_##V(v); \
        case ACT_LEAKY: return fc_leaky_##V(v, 0.3f); \
        case ACT_CLAMP: return fc_clamp_##V(v, 0.3f, 2.6f); \
        case ACT_SILU: return fc_silu_##V(v); \
        case ACT_GELU_ERF: return fc_gelu_##V(v); \
        case ACT_GELU_TANH: return fc_gelu_tanh_##V(v); \
        case ACT_HSWISH: return fc_hswish_##V(v); \
        case ACT_HSIGMOID: return fc_hsigmoid_##V(v); \
        case ACT_SIGMOID: return fc_sigmoid_##V(v); \
        case ACT_TANH: return fc_tanh_##V(v); \
        default: return v; \
        } \
    }
ACT_OF(1)
#if FC_ISA >= 256
ACT_OF(8)
#endif
#if FC_ISA >= 512
ACT_OF(16)
#endif

/* The bound of fc_act.h, 4e-7 * max(1, |v|); the exact functions are equal on integers. */
static void activations(void **unused)
{
    (void)unused;
    for (int a = 0; a < ACT_COUNT; a++) {
        double worst = 0, where = 0;
        for (int i = -60000; i <= 60000; i++) {
#ifdef FCM_EXACT
            float v = (float)(i / 40);
            double err = act_1((Act)a, v) == (float)real_act((Act)a, v) ? 0 : 1;
#else
            float v = i % 3 ? (float)i * 0.0003f : (float)i * 0.01f;
            double err = fabs((double)act_1((Act)a, v) - real_act((Act)a, (double)v)) / fmax(1, fabs((double)v));
#endif
            if (!(err <= worst)) worst = err, where = (double)v;
        }
        if (!(worst <= 4e-7)) fail_msg("%s: error %g at %g", act_name((Act)a), worst, where);
    }
}

/* Widths 8 and 16 give what width 1 gives, up to the contraction of products and sums that the compiler chooses for it. */
static void widths_agree(void **unused)
{
    (void)unused;
#if FC_ISA >= 256
    for (int a = 0; a < ACT_COUNT; a++)
        for (int i = -4000; i < 4000; i += 16) {
            float v[16], r[16];
            for (int j = 0; j < 16; j++) v[j] = FC_CONSTANT(0.013f, 1.0f) * (float)(i + j);
#if FC_ISA >= 512
            fc_put16((char *)r, FC_F32, act_16((Act)a, fc_load_16(v)));
#else
            fc_put8((char *)r, FC_F32, act_8((Act)a, fc_load_8(v)));
            fc_put8((char *)(r + 8), FC_F32, act_8((Act)a, fc_load_8(v + 8)));
#endif
            fc_v8 low = act_8((Act)a, fc_load_8(v));
            for (int j = 0; j < 16; j++) {
                float one = act_1((Act)a, v[j]);
                assert_true(fabsf(r[j] - one) <= 4e-7f * fmaxf(1, fabsf(v[j])));
                if (j < 8) assert_true(fabsf(low[j] - one) <= 4e-7f * fmaxf(1, fabsf(v[j])));
            }
        }
#endif
}

/* ---- f16: all halves there and back, and roundings between them ---- */
static void halves(void **unused)
{
    (void)unused;
    for (unsigned h = 0; h < 65536; h++) {
        float f = fc_from_half((uint16_t)h), want = f16_to_f32((unsigned short)h);
        if (want != want) {
            assert_true(f != f);
            continue;
        }
        assert_true(fc_bits(f) == fc_bits(want));
        assert_int_equal(fc_to_half(f), h);
        for (int k = 1; k < 8; k++) {                       /* eighths of the last place, both signs */
            float next = f16_to_f32((unsigned short)(h + 1)), between = f + (next - f) * 0.125f * (float)k;
            if ((h & 0x7fff) < 0x7bff) assert_int_equal(fc_to_half(between), f32_to_f16(between));
            if ((h & 0x7fff) < 0x7bff) assert_true(fc_round_f16_1(between) == f16_to_f32(f32_to_f16(between)));
        }
    }
    assert_int_equal(fc_to_half(65519.0f), 0x7bff);
    assert_int_equal(fc_to_half(65520.0f), 0x7c00);
    assert_int_equal(fc_to_half(-1e30f), 0xfc00);
    assert_int_equal(fc_to_half(1e-30f), 0);
    assert_true((fc_to_half(NAN) & 0x7c00) == 0x7c00 && (fc_to_half(NAN) & 0x3ff));
#if FC_ISA >= 256
    char b[32];
    fc_v8 v = { 1.0f, -2.5f, 1e-7f, 65520.0f, 0.1f, 1e-5f, 2049.0f, -3.0f };
    fc_put8(b, FC_F16, v);
    for (int i = 0; i < 8; i++) assert_true(element(b + 2 * i, FC_F16) == f16_to_f32(f32_to_f16(v[i])) && fc_get8(b, FC_F16)[i] == element(b + 2 * i, FC_F16));
#endif
}
#endif
