// ---- begin fc_act.cuh
// Element-wise functions of epilogues, on pairs of f32. Under FCM_EXACT those that are not integer-valued are replaced by an integer function, the
// same one as in the reference: v < 0 ? -trunc(-v / 2) : v; leaky: v < 0 ? -trunc((1 - v) / 2) : v; clamp: constants rounded to integers.
//
// The real ones are built on exp and a division, never on tanh.approx (11 bits): sigmoid(v) = 1 / (1 + exp(-v)), tanh(v) = 1 - 2 / (1 + exp(2v)),
// which tend to their limits as exp overflows or vanishes.
#pragma once
#include "fc_dev.cuh"

namespace fc {

FC_DEVICE float2 add(float2 a, float2 b) { return pair(a.x + b.x, a.y + b.y); }
FC_DEVICE float2 minus(float2 a, float2 b) { return pair(a.x - b.x, a.y - b.y); }
FC_DEVICE float2 mul(float2 a, float2 b) { return pair(a.x * b.x, a.y * b.y); }
FC_DEVICE float2 splat(float v) { return pair(v, v); }

// Rounded to f16 and back: an intermediate tensor that is declared f16.
FC_DEVICE float2 round_f16(float2 v) { return unpack(pack(v)); }

// The larger and the smaller; NaN stays NaN, so that an error upstream shows in the output.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
FC_DEVICE float max1(float a, float b)
{
    float d;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
}
FC_DEVICE float min1(float a, float b)
{
    float d;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
}
#else
FC_DEVICE float max1(float a, float b) { return a < b ? b : a; }
FC_DEVICE float min1(float a, float b) { return a > b ? b : a; }
#endif
FC_DEVICE float clamp1(float v, float lo, float hi) { return min1(max1(v, lo), hi); }

#ifdef __CUDACC__
FC_DEVICE float exp1(float v) { return __expf(v); }
FC_DEVICE float divide(float a, float b) { return __fdividef(a, b); }
FC_DEVICE float erf1(float v) { return erff(v); }
#else
inline float exp1(float v) { return expf(v); }
inline float divide(float a, float b) { return a / b; }
inline float erf1(float v) { return erff(v); }
#endif

// Integer in, integer out, |f(v)| <= |v| + 1.
FC_DEVICE float exact1(float v) { return v < 0 ? -truncf(v * -0.5f) : v; }

FC_DEVICE float sigmoid1(float v) { return divide(1.0f, 1.0f + exp1(-clamp1(v, -80.0f, 80.0f))); }
FC_DEVICE float tanh1(float v) { return 1.0f - divide(2.0f, 1.0f + exp1(2.0f * clamp1(v, -40.0f, 40.0f))); }

FC_DEVICE float gelu1(float v) { return 0.5f * v * (1.0f + erf1(v * 0.70710678118654752f)); }
FC_DEVICE float gelu_tanh1(float v) { return 0.5f * v * (1.0f + tanh1(0.79788456080286536f * (v + 0.044715f * v * v * v))); }
FC_DEVICE float hsigmoid1(float v) { return clamp1(v + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f); }

#ifdef FCM_EXACT
#define FC_ACT(name, expression) \
    FC_DEVICE float2 name(float2 v) { return pair(exact1(v.x), exact1(v.y)); }
FC_DEVICE float leaky1(float v, float) { return v < 0 ? -truncf((1.0f - v) * 0.5f) : v; }
FC_DEVICE float bound(float v) { return rintf(v); }
#else
#define FC_ACT(name, expression) \
    FC_DEVICE float name##_of(float t) { return expression; } \
    FC_DEVICE float2 name(float2 v) { return pair(name##_of(v.x), name##_of(v.y)); }
FC_DEVICE float leaky1(float v, float a) { return v < 0 ? v * a : v; }
FC_DEVICE float bound(float v) { return v; }
#endif

FC_ACT(sigmoid, sigmoid1(t))
FC_ACT(tanh, tanh1(t))
FC_ACT(silu, t * sigmoid1(t))
FC_ACT(gelu, gelu1(t))
FC_ACT(gelu_tanh, gelu_tanh1(t))
FC_ACT(hswish, t * hsigmoid1(t))
FC_ACT(hsigmoid, hsigmoid1(t))
#undef FC_ACT

FC_DEVICE float2 relu(float2 v) { return pair(max1(v.x, 0), max1(v.y, 0)); }
FC_DEVICE float2 relu6(float2 v) { return pair(clamp1(v.x, 0, 6), clamp1(v.y, 0, 6)); }
FC_DEVICE float2 leaky(float2 v, float a) { return pair(leaky1(v.x, a), leaky1(v.y, a)); }
FC_DEVICE float2 clamp(float2 v, float lo, float hi) { return pair(clamp1(v.x, bound(lo), bound(hi)), clamp1(v.y, bound(lo), bound(hi))); }

}
// ---- end fc_act.cuh
