/* fc_act.h: activations of width V, fc_<name>_V(v, constants…), and under FCM_EXACT the integer functions that stand in for them
 * (compiler/tm/act.c defines both; tests compare).
 *
 * exp: v = n ln2 + r, |r| <= ln2/2, degree-6 polynomial, 2^n by two exponent-field factors so that n may reach -252: relative error below 2e-7 above
 * 1e-37. tanh and erf: odd rational functions P13/Q6 and P13/Q8 of the clamped argument, relative error below 6e-7. The activations'
 * absolute errors against the real function are below 4e-7 * max(1, |v|); tests/unit/test_cpu_rt.c checks each against libm. */
#ifndef FC_ACT_H
#define FC_ACT_H
#define FC_ACTS_COMMON(V) \
    FC_INLINE fc_v##V fc_relu_##V(fc_v##V v) { return fc_max_##V((fc_v##V){ 0 }, v); } \
    FC_INLINE fc_v##V fc_clamp_to_##V(fc_v##V v, float lo, float hi) { return fc_min_##V(fc_splat_##V(hi), fc_max_##V(fc_splat_##V(lo), v)); } \
    FC_INLINE fc_v##V fc_relu6_##V(fc_v##V v) { return fc_clamp_to_##V(v, 0.0f, 6.0f); }

/* ---- the real ones ----
 * Constants come from tables through a pointer that depends, for the compiler, on the argument (fc_hide): as literals they would be moved out of
 * all loops, and a dozen vector registers with them, away from the sums of the register tiles between. */
#define FC_ACTS_REAL(V) \
    FC_INLINE fc_v##V fc_exp_##V(fc_v##V v) \
    { \
        static const float constants[] = { -103.0f, 88.7f, 1.44269504088896341f, 12582912.0f, -0.693359375f, 2.12194440e-4f, \
                                           1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f }; \
        const float *c = fc_hide_##V(constants, v); \
        v = fc_clamp_to_##V(v, c[0], c[1]); \
        fc_v##V t = fc_fma_##V(v, fc_splat_##V(c[2]), fc_splat_##V(c[3])) - fc_splat_##V(c[3]);                     /* to nearest */ \
        fc_v##V r = fc_fma_##V(t, fc_splat_##V(c[4]), v); \
        r = fc_fma_##V(t, fc_splat_##V(c[5]), r); \
        fc_v##V p = fc_fma_##V(r, fc_splat_##V(c[6]), fc_splat_##V(c[7])); \
        FC_FULL for (int i = 8; i < 11; i++) p = fc_fma_##V(r, p, fc_splat_##V(c[i])); \
        p = fc_fma_##V(r * r, p, r) + 1.0f; \
        fc_n##V n = fc_int_##V(t), half = n >> 1; \
        return p * fc_cast_##V((half + 127) << 23) * fc_cast_##V((n - half + 127) << 23); \
    } \
    /* x * P(x * x) / Q(x * x), |x| at most c[0]; P of degree np - 1, Q of degree nq - 1, highest powers first */ \
    FC_INLINE fc_v##V fc_odd_##V(fc_v##V v, const float *table, int np, int nq) \
    { \
        const float *c = fc_hide_##V(table, v); \
        fc_v##V x = fc_clamp_to_##V(v, -c[0], c[0]), z = x * x, p = fc_splat_##V(c[1]), q = fc_splat_##V(c[1 + np]); \
        FC_FULL for (int i = 1; i < np; i++) p = fc_fma_##V(z, p, fc_splat_##V(c[1 + i])); \
        FC_FULL for (int i = 1; i < nq; i++) q = fc_fma_##V(z, q, fc_splat_##V(c[1 + np + i])); \
        return x * p / q; \
    } \
    FC_INLINE fc_v##V fc_tanh_##V(fc_v##V v) \
    { \
        static const float constants[] = { 7.90531110763549805f, \
            -2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f, 5.12229709037114e-08f, 1.48572235717979e-05f, \
            6.37261928875436e-04f, 4.89352455891786e-03f, \
            1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f, 4.89352518554385e-03f }; \
        return fc_odd_##V(v, constants, 7, 4); \
    } \
    FC_INLINE fc_v##V fc_erf_##V(fc_v##V v) \
    { \
        static const float constants[] = { 4.0f, \
            -2.72614225801306e-10f, 2.77068142495902e-08f, -2.10102402082508e-06f, -5.69250639462346e-05f, -7.34990630326855e-04f, \
            -2.95459980854025e-03f, -1.60960333262415e-02f, \
            -1.45660718464996e-05f, -2.13374055278905e-04f, -1.68282697438203e-03f, -7.37332916720468e-03f, -1.42647390514189e-02f }; \
        return fc_odd_##V(v, constants, 7, 5); \
    } \
    FC_INLINE fc_v##V fc_leaky_##V(fc_v##V v, float a) { return fc_fma_##V(fc_min_##V(fc_splat_##V(0.0f), v), fc_splat_##V(a), fc_max_##V(fc_splat_##V(0.0f), v)); } \
    FC_INLINE fc_v##V fc_clamp_##V(fc_v##V v, float lo, float hi) { return fc_clamp_to_##V(v, lo, hi); } \
    FC_INLINE fc_v##V fc_sigmoid_##V(fc_v##V v) { return 1.0f / (1.0f + fc_exp_##V(-v)); } \
    FC_INLINE fc_v##V fc_silu_##V(fc_v##V v) { return v / (1.0f + fc_exp_##V(-v)); } \
    FC_INLINE fc_v##V fc_gelu_##V(fc_v##V v) { return 0.5f * v * (1.0f + fc_erf_##V(v * 0.70710678118654752f)); } \
    FC_INLINE fc_v##V fc_gelu_tanh_##V(fc_v##V v) \
    { \
        return 0.5f * v * (1.0f + fc_tanh_##V(0.79788456080286536f * fc_fma_##V(v * v * v, fc_splat_##V(0.044715f), v))); \
    } \
    FC_INLINE fc_v##V fc_hsigmoid_##V(fc_v##V v) { return fc_clamp_to_##V(v + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f); } \
    FC_INLINE fc_v##V fc_hswish_##V(fc_v##V v) { return v * fc_hsigmoid_##V(v); }

/* ---- FCM_EXACT: integers to integers, halves towards zero ---- */
/* to nearest, halves to even, as rintf; from 2^22 on every float is an integer */
FC_INLINE float fc_nearest(float a) { return a < 4194304.0f && a > -4194304.0f ? a + 12582912.0f - 12582912.0f : a; }

#define FC_ACTS_EXACT(V) \
    FC_INLINE fc_v##V fc_stand_in_##V(fc_v##V v, float below)       /* v < 0 ? trunc((v - below) / 2) : v */ \
    { \
        fc_v##V negative = (fc_min_##V(v, (fc_v##V){ 0 }) - below) * 0.5f; \
        return fc_max_##V(v, (fc_v##V){ 0 }) + fc_float_##V(fc_int_##V(negative)); \
    } \
    FC_INLINE fc_v##V fc_leaky_##V(fc_v##V v, float a) { (void)a; return fc_stand_in_##V(v, 1.0f); } \
    FC_INLINE fc_v##V fc_clamp_##V(fc_v##V v, float lo, float hi) { return fc_clamp_to_##V(v, fc_nearest(lo), fc_nearest(hi)); } \
    FC_INLINE fc_v##V fc_sigmoid_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); } \
    FC_INLINE fc_v##V fc_silu_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); } \
    FC_INLINE fc_v##V fc_gelu_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); } \
    FC_INLINE fc_v##V fc_gelu_tanh_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); } \
    FC_INLINE fc_v##V fc_hsigmoid_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); } \
    FC_INLINE fc_v##V fc_hswish_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); } \
    FC_INLINE fc_v##V fc_tanh_##V(fc_v##V v) { return fc_stand_in_##V(v, 0.0f); }

#ifdef FCM_EXACT
#define FC_ACTS(V) FC_ACTS_COMMON(V) FC_ACTS_EXACT(V)
#else
#define FC_ACTS(V) FC_ACTS_COMMON(V) FC_ACTS_REAL(V)
#endif
FC_ACTS(1)
#if FC_ISA >= 256
FC_ACTS(8)
#endif
#if FC_ISA >= 512
FC_ACTS(16)
#endif
#endif
