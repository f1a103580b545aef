/* fc_pack.h: weights from the language's layouts into the storage of packed images. Each function fills one member of one record;
 * the record was zeroed before, so whatever lies outside the tensor or the window stays 0. C99 and C++. */
#ifndef FC_PACK_H
#define FC_PACK_H
#include "fc_host.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { FC_PACK_F32, FC_PACK_F16 };

/* (h, w, c) as the tensor machine has them: pw weights 1 x K x C, dw weights R x S x C, vectors 1 x 1 x C. */
typedef struct fc_dims { int64_t h, w, c; } fc_dims;
FC_HOST fc_dims fc_hwc(int64_t h, int64_t w, int64_t c)
{
    fc_dims d;
    d.h = h, d.w = w, d.c = c;
    return d;
}

/* Round to nearest even; overflow to infinity; NaN stays NaN. */
FC_HOST uint16_t fc_half_bits(float f)
{
    uint32_t u, sign, man, half, rest;
    int exp;
    memcpy(&u, &f, 4);
    sign = u >> 16 & 0x8000u, man = u & 0x7FFFFFu, exp = (int)(u >> 23 & 255) - 112;
    if (exp == 143) return (uint16_t)(sign | 0x7C00u | (man ? 0x200u : 0));
    if (exp >= 31) return (uint16_t)(sign | 0x7C00u);
    if (exp < -10) return (uint16_t)sign;
    if (exp <= 0) {                                             /* subnormal: 14 - exp bits go, 14 … 24 */
        int gone = 14 - exp;
        man |= 0x800000u, half = man >> gone, rest = man & ((1u << gone) - 1);
        return (uint16_t)(sign | (half + (rest > 1u << (gone - 1) || (rest == 1u << (gone - 1) && (half & 1)))));
    }
    half = (uint32_t)exp << 10 | man >> 13, rest = man & 0x1FFFu;
    return (uint16_t)(sign | (half + (rest > 0x1000u || (rest == 0x1000u && (half & 1)))));
}

FC_HOST float fc_half_value(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = h >> 10 & 31u, man = h & 0x3FFu, u;
    float f = (float)man * 5.9604644775390625e-8f;              /* subnormal: man * 2^-24, exact */
    if (exp == 0) memcpy(&u, &f, 4), u |= sign;
    else u = sign | (exp == 31 ? 255u : exp + 112) << 23 | man << 13;
    memcpy(&f, &u, 4);
    return f;
}

FC_HOST size_t fc_pack_size(int type) { return type == FC_PACK_F32 ? 4 : 2; }

/* dst[0] = src[at], converted where the types differ */
FC_HOST void fc_pack_element(char *dst, int dst_type, const void *src, int src_type, int64_t at)
{
    const char *s = (const char *)src + (size_t)at * fc_pack_size(src_type);
    float f;
    uint16_t h;
    if (src_type == FC_PACK_F32) memcpy(&f, s, 4);
    else memcpy(&h, s, 2), f = fc_half_value(h);
    if (dst_type == FC_PACK_F32) memcpy(dst, &f, 4);
    else h = fc_half_bits(f), memcpy(dst, &h, 2);
}

FC_HOST int64_t fc_pack_index(fc_dims dim, int64_t h, int64_t w, int64_t c)
{
    if (h < 0 || h >= dim.h || w < 0 || w >= dim.w || c < 0 || c >= dim.c) return -1;
    return (h * dim.w + w) * dim.c + c;
}

/* Rows of pixels of contiguous channels; with a mask the 16-byte chunk in a pixel is XORed with bits of the pixel's number. */
FC_HOST void fc_pack_pixels(char *dst, int dst_type, fc_dims ext, int64_t pitch_h, int64_t pitch_w, int mask, int shift,
                            const void *src, int src_type, fc_dims dim, fc_dims org)
{
    for (int64_t h = 0; h < ext.h; h++)
        for (int64_t w = 0; w < ext.w; w++)
            for (int64_t c = 0; c < ext.c; c++) {
                int64_t byte = c * (int64_t)fc_pack_size(dst_type), flip = (h * ext.w + w) >> shift & mask;
                int64_t from = fc_pack_index(dim, org.h + h, org.w + w, org.c + c);
                if (from >= 0)
                    fc_pack_element(dst + h * pitch_h + w * pitch_w + (((byte >> 4) ^ flip) << 4 | (byte & 15)), dst_type, src,
                                    src_type, from);
            }
}

/* Panels of output channels w: contraction index c outside, output channel inside. */
FC_HOST void fc_pack_panels(char *dst, int dst_type, fc_dims ext, int64_t cpad, int64_t panel, const void *src, int src_type,
                            fc_dims dim, fc_dims org)
{
    for (int64_t w = 0; w < ext.w; w++)
        for (int64_t c = 0; c < ext.c; c++) {
            int64_t to = (w / panel * cpad + c) * panel + w % panel, from = fc_pack_index(dim, org.h, org.w + w, org.c + c);
            if (from >= 0) fc_pack_element(dst + (size_t)to * fc_pack_size(dst_type), dst_type, src, src_type, from);
        }
}

/* bn as v*s + t: s = weight / sqrt(var + eps), t = bias - mean*s, each step rounded to f32 (the product must not contract). */
FC_HOST float fc_bn_scale(const float *weight, const float *var, float eps, int64_t c) { return weight[c] / sqrtf(var[c] + eps); }

FC_HOST void fc_pack_bn_scale(char *dst, const void *weight, const void *var, float eps, int64_t channels, int64_t org, int64_t ext)
{
    for (int64_t c = 0; c < ext && org + c < channels; c++) {
        float s = fc_bn_scale((const float *)weight, (const float *)var, eps, org + c);
        memcpy(dst + c * 4, &s, 4);
    }
}

FC_HOST void fc_pack_bn_shift(char *dst, const void *weight, const void *bias, const void *mean, const void *var, float eps,
                              int64_t channels, int64_t org, int64_t ext)
{
    for (int64_t c = 0; c < ext && org + c < channels; c++) {
        float s = fc_bn_scale((const float *)weight, (const float *)var, eps, org + c), t;
        volatile float product = ((const float *)mean)[org + c] * s;
        t = ((const float *)bias)[org + c] - product;
        memcpy(dst + c * 4, &t, 4);
    }
}
#endif
