/* dtype.c: see dtype.h */
#include "dtype.h"

#include <stdint.h>
#include <string.h>

static const struct { const char *name; int bytes; } types[] = {
    [DT_NONE] = { "none", 0 }, [DT_F32] = { "f32", 4 }, [DT_F16] = { "f16", 2 }, [DT_BF16] = { "bf16", 2 },
    [DT_I8] = { "i8", 1 },     [DT_I32] = { "i32", 4 }, [DT_U8] = { "u8", 1 },
};

static const struct { const char *name; int constants, integer, sfu; } acts[] = {
#define X(e, name, nconst, integer, sfu) { name, nconst, integer, sfu },
    FCM_ACTS(X)
#undef X
};

int dtype_bytes(DType t) { return types[t].bytes; }
const char *dtype_name(DType t) { return types[t].name; }

DType dtype_parse(const char *name)
{
    for (int t = DT_F32; t <= DT_U8; t++)
        if (strcmp(types[t].name, name) == 0) return (DType)t;
    return DT_NONE;
}

const char *act_name(Act a) { return acts[a].name; }
int act_constants(Act a) { return acts[a].constants; }
bool act_is_integer(Act a) { return acts[a].integer; }
int act_sfu(Act a) { return acts[a].sfu; }

float f16_to_f32(unsigned short h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = (h >> 10) & 31u, man = h & 0x3FFu, bits;
    if (exp == 31) bits = sign | 0x7F800000u | man << 13;
    else if (exp) bits = sign | (exp + 112) << 23 | man << 13;
    else {
        float f = (float)man * 0x1p-24f;                        /* subnormal: exact in f32 */
        memcpy(&bits, &f, 4);
        bits |= sign;
    }
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

unsigned short f32_to_f16(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint32_t sign = bits >> 16 & 0x8000u, mag = bits & 0x7FFFFFFFu;
    if (mag > 0x7F800000u) return (unsigned short)(sign | 0x7E00u);
    if (mag >= 0x477FF000u) return (unsigned short)(sign | 0x7C00u);    /* 65520 and above round to infinity */
    if (mag < 0x38800000u) {                                            /* below 2^-14: the sum places the rounding */
        float magnitude, shifted;
        memcpy(&magnitude, &mag, 4);
        shifted = magnitude + 0.5f;
        uint32_t r;
        memcpy(&r, &shifted, 4);
        return (unsigned short)(sign | (r - 0x3F000000u));
    }
    uint32_t odd = mag >> 13 & 1u;
    return (unsigned short)(sign | ((mag - 0x38000000u + 0xFFFu + odd) >> 13));
}
