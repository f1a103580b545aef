/* ref_rt.h: elements, roundings and activations of the reference, all in double. FCM_EXACT replaces what is not integer-valued.
 * */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define REF_AT(i, h, w, c, H, W, C) ((((size_t)(i) * (H) + (size_t)(h)) * (W) + (size_t)(w)) * (C) + (size_t)(c))
typedef enum ref_type { REF_F32, REF_F16, REF_BF16 } ref_type;

/* v rounded once, to nearest even, to 24, 11 or 8 significant bits: adding 2^k cuts off what lies below the last place. */
static inline double ref_round(ref_type t, double v)
{
    if (t == REF_F32) return (double)(float)v;
    if (!isfinite(v) || v == 0) return v;
    int digits = t == REF_F16 ? 11 : 8, least = t == REF_F16 ? -14 : -126, e;
    frexp(v, &e);
    e = e - 1 < least ? least : e - 1;
    double cut = ldexp(1.5, e - digits + 1 + 52), r = (v + cut) - cut;
    return t == REF_F16 && fabs(r) > 65504 ? copysign(INFINITY, r) : r;
}

static inline double ref_load(ref_type t, const void *p, size_t i)
{
    float f;
    uint16_t h;
    if (t == REF_F32) return memcpy(&f, (const char *)p + 4 * i, 4), f;
    memcpy(&h, (const char *)p + 2 * i, 2);
    if (t == REF_BF16) {
        uint32_t bits = (uint32_t)h << 16;
        return memcpy(&f, &bits, 4), f;
    }
    int exp = h >> 10 & 31, man = h & 1023;
    double v = exp == 31 ? (man ? NAN : INFINITY) : exp ? ldexp(1024 + man, exp - 25) : ldexp(man, -24);
    return h & 0x8000 ? -v : v;
}

static inline void ref_store(ref_type t, void *p, size_t i, double v)
{
    double r = ref_round(t, v);
    float f = (float)r;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    if (t == REF_F32) {
        memcpy((char *)p + 4 * i, &f, 4);
        return;
    }
    uint16_t h = (uint16_t)(bits >> 16);                        /* bf16: the upper half, exact after rounding */
    if (t == REF_BF16 && isnan(v)) h = 0x7FC0;
    if (t == REF_F16) {
        double m = fabs(r);
        uint16_t sign = bits >> 16 & 0x8000;
        int e = 0;
        if (isnan(v)) h = 0x7E00;
        else if (isinf(r)) h = (uint16_t)(sign | 0x7C00);
        else if (m < 0x1p-14) h = (uint16_t)(sign | (uint16_t)(m * 0x1p24));
        else {
            frexp(m, &e);                                       /* m = 2^(e-1) * (1 + fraction) */
            h = (uint16_t)(sign | (uint16_t)((e + 14) << 10) | (uint16_t)(ldexp(m, 11 - e) - 1024));
        }
    }
    memcpy((char *)p + 2 * i, &h, 2);
}

/* What enters a convolution has its dtype; f32 is left as it is, since the reference computes in double. */
static inline void ref_enter(ref_type t, const double *in, double *out, size_t count)
{
    for (size_t i = 0; i < count; i++) out[i] = t == REF_F32 ? in[i] : ref_round(t, in[i]);
}

static inline void ref_weights(ref_type t, const void *in, double *out, size_t count)
{
    for (size_t i = 0; i < count; i++) out[i] = ref_load(t, in, i);
}

typedef enum ref_act_kind {
    REF_ID,
    REF_RELU,
    REF_RELU6,
    REF_LEAKY,
    REF_CLAMP,
    REF_SILU,
    REF_GELU,
    REF_GELU_TANH,
    REF_HSWISH,
    REF_HSIGMOID,
    REF_SIGMOID,
    REF_TANH
} ref_act_kind;
static inline double ref_clamp(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

static inline double ref_act_real(ref_act_kind k, double a, double b, double v)
{
    switch (k) {
    case REF_ID: return v;
    case REF_RELU: return v < 0 ? 0 : v;
    case REF_RELU6: return ref_clamp(v, 0, 6);
    case REF_LEAKY: return v < 0 ? v * a : v;
    case REF_CLAMP: return ref_clamp(v, a, b);
    case REF_SILU: return v / (1 + exp(-v));
    case REF_GELU: return v / 2 * (1 + erf(v * 0.70710678118654752440));
    case REF_GELU_TANH: return v / 2 * (1 + tanh(0.79788456080286535588 * (v + 0.044715 * v * v * v)));
    case REF_HSWISH: return v * ref_clamp(v + 3, 0, 6) / 6;
    case REF_HSIGMOID: return ref_clamp(v + 3, 0, 6) / 6;
    case REF_SIGMOID: return 1 / (1 + exp(-v));
    case REF_TANH: return tanh(v);
    }
    return NAN;
}

/* Integer in, integer out: negative values are halved (towards zero; leaky: away from it), so that a lost activation shows. */
static inline double ref_act_exact(ref_act_kind k, double a, double b, double v)
{
    if (k <= REF_RELU6) return ref_act_real(k, a, b, v);
    if (k == REF_CLAMP) return ref_clamp(v, rint(a), rint(b));
    if (v >= 0) return v;
    return k == REF_LEAKY ? -trunc((1 - v) / 2) : -trunc(-v / 2);
}

#ifdef FCM_EXACT
#define ref_act ref_act_exact
#define REF_ADDEND(a) ref_clamp(rint(a), -1000, 1000)
#define REF_FACTOR(a) ref_clamp(rint(a), -2, 2)
#else
#define ref_act ref_act_real
#define REF_ADDEND(a) (a)
#define REF_FACTOR(a) (a)
#endif
