/* ref_bound.h: the same ops on triples: value v, a bound b with |target - v| <= b, and the variance s of the error that is
 * expected.
 *
 * The target may compute in f32 (unit roundoff U), accumulate with roundoff u_acc, and round each op's result once to the
 * tensor's dtype.
 *   n terms      b = sum |w| b_x + g (sum |w| (|x| + b_x)),  g = n u_acc / (1 - n u_acc)
 *   f(v)         b = max |f(v +- b) - f(v)| where f is monotone, else L b; plus the error of the target's own f
 *   any result   b += U (|v| + b), then u_t (|v| + b) + eta_t for the one rounding to the dtype
 * The variances add up likewise, a rounding of v counting (u v)^2 / 3. */
#define REF_U 0x1p-24

typedef struct ref_val { double *v, *b, *s; } ref_val;
typedef struct ref_ctx { ref_type type; double u_acc, kappa; double *maxima; } ref_ctx;     /* maxima: of this node */

static inline double ref_unit(ref_type t)
{
    return t == REF_F32 ? 0 : t == REF_F16 ? 0x1p-11 : 0x1p-8;
} /* f32: the op's own rounding */
static inline double ref_eta(ref_type t) { return t == REF_F16 ? 0x1p-25 : 0x1p-134; }

static inline void ref_max(double *m, double v)                 /* NaN stays: whatever it is compared with, it fails */
{
    if (!(v <= *m)) *m = v;
}

/* Finishes an element: f32 roundings of the op itself, then the one to the dtype. */
static inline void ref_set(const ref_ctx *x, ref_val y, size_t i, double v, double b, double s, int roundings)
{
    double u = ref_unit(x->type), m = fabs(v) + b;
    b += roundings * REF_U * m;
    b += u * (m + b) + ref_eta(x->type);
    s += v * v * (roundings * REF_U * REF_U + u * u) / 3 + ref_eta(x->type) * ref_eta(x->type);
    y.v[i] = v, y.b[i] = b, y.s[i] = s;
}

static inline void ref_note(const ref_ctx *x, const double *v, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) ref_max(&most, fabs(v[i]));
    ref_max(x->maxima, most);
}

static inline void ref_b_input(const ref_ctx *x, const void *in, ref_val y, size_t count)
{
    for (size_t i = 0; i < count; i++) y.v[i] = ref_load(x->type, in, i), y.b[i] = 0, y.s[i] = 0;
    ref_note(x, y.v, count);
}

/* On entering a convolution. The target's rounding is the one that b already allows; the reference's is known. */
static inline void ref_b_enter(ref_type t, ref_val in, ref_val y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double r = t == REF_F32 ? in.v[i] : ref_round(t, in.v[i]), d = r - in.v[i], moved = in.b[i] > 0 ? d : 0;
        y.v[i] = r, y.b[i] = in.b[i] + fabs(moved), y.s[i] = in.s[i] + moved * moved;
    }
}

typedef struct ref_sums { double v, a, e, q, t; } ref_sums;     /* sum x w, |x w|, |w| b, w^2 s, (x w)^2 */

static inline void ref_b_conv(const ref_ctx *x, ref_val y, size_t i, ref_sums m, double bias, int terms, double *partial)
{
    double n = terms + 1, g = n * x->u_acc / (1 - n * x->u_acc), v = m.v + bias, a = m.a + fabs(bias);
    ref_max(partial, a);
    ref_set(x, y, i, v, m.e + g * (a + m.e), m.q + x->kappa * x->u_acc * x->u_acc * n * (m.t + v * v) / 2, 0);
}

static inline void ref_b_pw(const ref_ctx *x, size_t pixels, int C, int K, ref_val in, const double *w, const float *bias,
                            ref_val y)
{
    double most = 0;
#pragma omp parallel for reduction(max : most)
    for (size_t p = 0; p < pixels; p++) {
        double partial = 0;
        for (int k = 0; k < K; k++) {
            const double *wk = w + (size_t)k * (size_t)C, *v = in.v + p * (size_t)C, *b = in.b + p * (size_t)C,
                         *s = in.s + p * (size_t)C;
            double sv = 0, sa = 0, se = 0, sq = 0, st = 0;
#pragma omp simd reduction(+ : sv, sa, se, sq, st)
            for (int c = 0; c < C; c++) {
                double t = v[c] * wk[c];
                sv += t, sa += fabs(t), se += fabs(wk[c]) * b[c], sq += wk[c] * wk[c] * s[c], st += t * t;
            }
            ref_b_conv(x, y, p * (size_t)K + (size_t)k, (ref_sums){ sv, sa, se, sq, st }, bias ? bias[k] : 0, C, &partial);
        }
        most = partial <= most ? most : partial;
    }
    ref_max(x->maxima + 1, most);
    ref_note(x, y.v, pixels * (size_t)K);
}

typedef struct ref_dw { int H, W, C, mult, P, Q, R, S, sh, sw, dh, dw, top, left; } ref_dw;

static inline void ref_b_dw(const ref_ctx *x, int n, ref_dw d, ref_val in, const double *w, const float *bias, ref_val y)
{
    double most = 0;
    int K = d.C * d.mult;
#pragma omp parallel for collapse(2) reduction(max : most)
    for (int i = 0; i < n; i++)
        for (int p = 0; p < d.P; p++)
            for (int q = 0; q < d.Q; q++)
                for (int k = 0; k < K; k++) {
                    ref_sums m = { 0 };
                    double partial = 0;
                    for (int t = 0; t < d.R * d.S; t++) {
                        int h = p * d.sh - d.top + t / d.S * d.dh, u = q * d.sw - d.left + t % d.S * d.dw;
                        if (h < 0 || h >= d.H || u < 0 || u >= d.W) continue;
                        size_t at = REF_AT(i, h, u, k / d.mult, (size_t)d.H, (size_t)d.W, (size_t)d.C);
                        double f = w[(size_t)t * (size_t)K + (size_t)k], xw = in.v[at] * f;
                        m.v += xw, m.a += fabs(xw), m.e += fabs(f) * in.b[at], m.q += f * f * in.s[at], m.t += xw * xw;
                    }
                    ref_b_conv(x, y, REF_AT(i, p, q, k, (size_t)d.P, (size_t)d.Q, (size_t)K), m, bias ? bias[k] : 0, d.R * d.S,
                               &partial);
                    most = partial <= most ? most : partial;
                }
    ref_max(x->maxima + 1, most);
    ref_note(x, y.v, (size_t)n * (size_t)d.P * (size_t)d.Q * (size_t)K);
}

/* v s + t: two f32 roundings, on v s and on the sum. */
static inline void ref_b_bn(const ref_ctx *x, size_t pixels, int C, ref_val in, const float *s, const float *t, ref_val y)
{
    for (size_t p = 0; p < pixels; p++)
        for (int c = 0; c < C; c++) {
            size_t i = p * (size_t)C + (size_t)c;
            double f = s[c], m = in.v[i] * f, b = fabs(f) * in.b[i], u = REF_U * (fabs(m) + b);
            ref_set(x, y, i, m + t[c], b + u, f * f * in.s[i] + u * u / 3, 1);
        }
    ref_note(x, y.v, pixels * (size_t)C);
}

/* Error of the target's activation in f32, and of the approximations that the f16 kernels use (tanh.approx: relative 2^-11; exp
 * and division by approximation: a few units in the last place, which the factor 32 covers). The variance counts a quarter of it:
 * the worst case is rare. */
static inline double ref_act_error(ref_act_kind k, ref_type t, double v, double f)
{
    if (k <= REF_CLAMP) return 0;
    double m = k == REF_SIGMOID || k == REF_HSIGMOID || k == REF_TANH ? 1 : fabs(v);
    if (k == REF_HSWISH || k == REF_HSIGMOID) return 8 * REF_U * (m + fabs(f));
    return t == REF_F32 ? 32 * REF_U * (m + fabs(f)) : m * 0x1p-12 + 32 * REF_U * m;
}

/* Steepest slope of the activations that are not monotone. */
static inline double ref_lipschitz(ref_act_kind k)
{
    return k == REF_SILU ? 1.1 : k == REF_HSWISH ? 1.5 : k == REF_GELU || k == REF_GELU_TANH ? 1.13 : 0;
}

static inline double ref_spread(ref_act_kind k, double a, double b, double v, double f, double d)
{
    double slope = k == REF_LEAKY && a < 0 ? fmax(1, -a) : ref_lipschitz(k);
    if (slope > 0) return slope * d;
    return fmax(fabs(ref_act(k, a, b, v + d) - f), fabs(ref_act(k, a, b, v - d) - f));
}

static inline void ref_b_act(const ref_ctx *x, size_t count, ref_act_kind k, double a, double b, ref_val in, ref_val y)
{
#pragma omp parallel for
    for (size_t i = 0; i < count; i++) {
        double v = in.v[i], f = ref_act(k, a, b, v), e = ref_act_error(k, x->type, v, f),
               d = ref_spread(k, a, b, v, f, sqrt(in.s[i]));
        ref_set(x, y, i, f, ref_spread(k, a, b, v, f, in.b[i]) + e, d * d + e * e / 16, k > REF_CLAMP || k == REF_LEAKY);
    }
    ref_note(x, y.v, count);
}

typedef enum ref_binary { REF_ADD, REF_SUB, REF_MUL } ref_binary;
typedef struct ref_operand { ref_val t; int H, W; } ref_operand;        /* H, W = 1 spreads */

static inline void ref_b_binary(const ref_ctx *x, int n, int H, int W, int C, ref_binary op, ref_operand l, ref_operand r,
                                ref_val y)
{
    for (int i = 0; i < n; i++)
        for (int h = 0; h < H; h++)
            for (int w = 0; w < W; w++)
                for (int c = 0; c < C; c++) {
                    size_t at = REF_AT(i, h, w, c, (size_t)H, (size_t)W, (size_t)C);
                    size_t p = REF_AT(i, l.H == 1 ? 0 : h, l.W == 1 ? 0 : w, c, (size_t)l.H, (size_t)l.W, (size_t)C);
                    size_t q = REF_AT(i, r.H == 1 ? 0 : h, r.W == 1 ? 0 : w, c, (size_t)r.H, (size_t)r.W, (size_t)C);
                    double a = l.t.v[p], b = r.t.v[q], ea = l.t.b[p], eb = r.t.b[q];
                    if (op == REF_MUL)
                        ref_set(x, y, at, a * b, fabs(a) * eb + fabs(b) * ea + ea * eb, a * a * r.t.s[q] + b * b * l.t.s[p], 1);
                    else ref_set(x, y, at, op == REF_ADD ? a + b : a - b, ea + eb, l.t.s[p] + r.t.s[q], 1);
                }
    ref_note(x, y.v, (size_t)n * (size_t)H * (size_t)W * (size_t)C);
}

/* f v + a. */
static inline void ref_b_constant(const ref_ctx *x, size_t count, double f, double a, ref_val in, ref_val y)
{
    for (size_t i = 0; i < count; i++) ref_set(x, y, i, f * in.v[i] + a, fabs(f) * in.b[i], f * f * in.s[i], 1);
    ref_note(x, y.v, count);
}
