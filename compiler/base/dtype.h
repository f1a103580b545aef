/* dtype.h: element types, and the activation functions by name. */
#ifndef FCM_DTYPE_H
#define FCM_DTYPE_H
#include <stdbool.h>

typedef enum DType { DT_NONE, DT_F32, DT_F16, DT_BF16, DT_I8, DT_I32, DT_U8 } DType;

/* One row per activation: enum suffix, name in the language, number of constants (leaky a; clamp lo, hi),
 * integer-valued on integers (else FCM_EXACT replaces it by an integer function of its own), special-function operations. */
#define FCM_ACTS(X) \
    X(ID,        "id",        0, 1, 0) \
    X(RELU,      "relu",      0, 1, 0) \
    X(RELU6,     "relu6",     0, 1, 0) \
    X(LEAKY,     "leaky",     1, 0, 0) \
    X(CLAMP,     "clamp",     2, 0, 0) \
    X(SILU,      "silu",      0, 0, 1) \
    X(GELU_ERF,  "gelu",      0, 0, 2) \
    X(GELU_TANH, "gelu_tanh", 0, 0, 1) \
    X(HSWISH,    "hswish",    0, 0, 0) \
    X(HSIGMOID,  "hsigmoid",  0, 0, 0) \
    X(SIGMOID,   "sigmoid",   0, 0, 1) \
    X(TANH,      "tanh",      0, 0, 1)
typedef enum Act {
#define X(e, name, nconst, integer, sfu) ACT_##e,
    FCM_ACTS(X)
#undef X
    ACT_COUNT
} Act;

int dtype_bytes(DType t);                                       /* 0 for DT_NONE */
const char *dtype_name(DType t);                                /* "f32" … */
DType dtype_parse(const char *name);                            /* DT_NONE if it is none */
const char *act_name(Act a);
int act_constants(Act a);
bool act_is_integer(Act a);
int act_sfu(Act a);

float f16_to_f32(unsigned short h);
unsigned short f32_to_f16(float f);                             /* round to nearest even; overflow to infinity */
#endif
