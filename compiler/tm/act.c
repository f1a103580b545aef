/* act.c: activations in f32, and the integer functions that stand in for them under FCM_EXACT. The device headers carry their own text of both
 * (generated code includes nothing of the compiler); tests compare. */
#include "tm.h"

#include <math.h>

static float clampf(float v, float lo, float hi) { return v < lo ? lo : v > hi ? hi : v; }

float tm_act(Act act, double a, double b, float v)
{
    switch (act) {
    case ACT_ID: return v;
    case ACT_RELU: return v < 0 ? 0 : v;
    case ACT_RELU6: return clampf(v, 0, 6);
    case ACT_LEAKY: return v < 0 ? v * (float)a : v;
    case ACT_CLAMP: return clampf(v, (float)a, (float)b);
    case ACT_SILU: return v / (1 + expf(-v));
    case ACT_GELU_ERF: return 0.5f * v * (1 + erff(v * 0.70710678118654752f));
    case ACT_GELU_TANH: return 0.5f * v * (1 + tanhf(0.79788456080286536f * (v + 0.044715f * v * v * v)));
    case ACT_HSWISH: return v * clampf(v + 3, 0, 6) / 6;
    case ACT_HSIGMOID: return clampf(v + 3, 0, 6) / 6;
    case ACT_SIGMOID: return 1 / (1 + expf(-v));
    case ACT_TANH: return tanhf(v);
    case ACT_COUNT: break;
    }
    ice("activation %d", (int)act);
}

/* v is an integer; halves are rounded towards zero. */
static float half(float v) { return truncf(v * 0.5f); }

float tm_exact_act(Act act, double a, double b, float v)
{
    if (act_is_integer(act)) return tm_act(act, a, b, v);
    if (act == ACT_LEAKY) return v < 0 ? -half(-v + 1) : v;
    if (act == ACT_CLAMP) return clampf(v, (float)rint(a), (float)rint(b));
    return v < 0 ? -half(-v) : v;
}

double tm_exact_constant(TmEpiKind k, double a)
{
    double r = rint(a);
    if (k == TM_EPI_MULC) return r > 2 ? 2 : r < -2 ? -2 : r;
    return r > 1000 ? 1000 : r < -1000 ? -1000 : r;
}
