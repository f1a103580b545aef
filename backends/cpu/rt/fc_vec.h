/* fc_vec.h: vectors of V = 16 and 8 floats and, by the same names, single floats (V = 1): load, store, convert, minimum, fused multiply-add.
 * Types are vector extensions, so + - * / and mixed scalars work on all three; what those lack has one function per width.
 * fc_getV and fc_putV move V elements of a tile or tensor of either type, at any alignment. */
#ifndef FC_VEC_H
#define FC_VEC_H
typedef float fc_v1;
typedef int32_t fc_n1;
typedef float fc_v8 __attribute__((vector_size(32)));
typedef int32_t fc_n8 __attribute__((vector_size(32)));
typedef float fc_v16 __attribute__((vector_size(64)));
typedef int32_t fc_n16 __attribute__((vector_size(64)));
typedef float fc_u1 __attribute__((aligned(1), may_alias));
typedef float fc_u8 __attribute__((vector_size(32), aligned(1), may_alias));
typedef float fc_u16 __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint16_t fc_half __attribute__((aligned(1), may_alias));

/* Epilogues: of value v, V channels from c on, of pixel (h, w) of the destination tile. */
typedef fc_v1 (*fc_epi1)(fc_v1 v, const void *ctx, int h, int w, int c);
typedef fc_v8 (*fc_epi8)(fc_v8 v, const void *ctx, int h, int w, int c);
typedef fc_v16 (*fc_epi16)(fc_v16 v, const void *ctx, int h, int w, int c);

/* ---- f16, round to nearest even ---- */
FC_INLINE uint32_t fc_bits(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }
FC_INLINE float fc_float(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }

#if FC_X86
FC_INLINE float fc_from_half(uint16_t h) { return _cvtsh_ss(h); }
FC_INLINE uint16_t fc_to_half(float f) { return (uint16_t)_cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT); }
#else
/* Exponent and mantissa move into place and a multiplication by 2^112 corrects the bias, also of subnormals. */
FC_INLINE float fc_from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = (uint32_t)(h & 0x7fffu) << 13;
    if (rest >= 0x0f800000u) return fc_float(sign | 0x7f800000u | (rest & 0x007fffffu));
    return fc_float(sign | fc_bits(fc_float(rest) * 0x1p112f));
}

/* Adding a power of two whose unit is the half's last place rounds in the float adder: 13 bits for normal values, 2^-24 for subnormal ones. */
FC_INLINE uint16_t fc_to_half(float f)
{
    uint32_t u = fc_bits(f), sign = u >> 16 & 0x8000u, mag = u & 0x7fffffffu;
    if (mag > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
    if (mag < 0x38800000u) return (uint16_t)(sign | (fc_bits(fc_float(mag) + 0.5f) - 0x3f000000u));
    mag += 0xc8000fffu + (mag >> 13 & 1u);
    return (uint16_t)(sign | mag >> 13);
}
#endif

/* ---- width 1 ---- */
FC_INLINE float fc_splat_1(float f) { return f; }
FC_INLINE float fc_fma_1(float a, float b, float c) { return a * b + c; }
FC_INLINE float fc_min_1(float a, float b) { return a < b ? a : b; }    /* both give b if one is no number, as x86 does */
FC_INLINE float fc_max_1(float a, float b) { return a > b ? a : b; }
FC_INLINE float fc_halves1(const char *p) { return fc_from_half(*(const fc_half *)p); }
FC_INLINE void fc_put_halves1(char *p, float v) { *(fc_half *)p = fc_to_half(v); }
FC_INLINE int32_t fc_int_1(float v) { return (int32_t)v; }              /* towards zero */
FC_INLINE float fc_float_1(int32_t n) { return (float)n; }
FC_INLINE float fc_cast_1(int32_t n) { return fc_float((uint32_t)n); }

/* ---- widths 8 and 16 ---- */
#define FC_VEC_CASTS(V) \
    FC_INLINE fc_v##V fc_splat_##V(float f) { return f - (fc_v##V){ 0 }; } \
    FC_INLINE fc_n##V fc_int_##V(fc_v##V v) { return __builtin_convertvector(v, fc_n##V); } \
    FC_INLINE fc_v##V fc_float_##V(fc_n##V n) { return __builtin_convertvector(n, fc_v##V); } \
    FC_INLINE fc_v##V fc_cast_##V(fc_n##V n) { return (fc_v##V)n; }
#if FC_ISA >= 256
FC_VEC_CASTS(8)
#endif
#if FC_ISA >= 512
FC_VEC_CASTS(16)
#endif

/* Without intrinsics: C has no ?: on vectors, masks take its place. */
#define FC_VEC_GENERIC(V) \
    FC_INLINE fc_v##V fc_fma_##V(fc_v##V a, fc_v##V b, fc_v##V c) { return a * b + c; } \
    FC_INLINE fc_v##V fc_min_##V(fc_v##V a, fc_v##V b) { fc_n##V m = a < b; return (fc_v##V)(((fc_n##V)a & m) | ((fc_n##V)b & ~m)); } \
    FC_INLINE fc_v##V fc_max_##V(fc_v##V a, fc_v##V b) { fc_n##V m = a > b; return (fc_v##V)(((fc_n##V)a & m) | ((fc_n##V)b & ~m)); } \
    FC_INLINE fc_v##V fc_halves##V(const char *p) \
    { \
        float f[V]; \
        for (int i = 0; i < V; i++) f[i] = fc_halves1(p + 2 * i); \
        fc_v##V v; \
        memcpy(&v, f, sizeof v); \
        return v; \
    } \
    FC_INLINE void fc_put_halves##V(char *p, fc_v##V v) \
    { \
        float f[V]; \
        memcpy(f, &v, sizeof v); \
        for (int i = 0; i < V; i++) fc_put_halves1(p + 2 * i, f[i]); \
    }

#if FC_X86
FC_INLINE fc_v8 fc_fma_8(fc_v8 a, fc_v8 b, fc_v8 c) { return (fc_v8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
FC_INLINE fc_v8 fc_min_8(fc_v8 a, fc_v8 b) { return (fc_v8)_mm256_min_ps((__m256)a, (__m256)b); }
FC_INLINE fc_v8 fc_max_8(fc_v8 a, fc_v8 b) { return (fc_v8)_mm256_max_ps((__m256)a, (__m256)b); }
FC_INLINE fc_v8 fc_halves8(const char *p) { return (fc_v8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
FC_INLINE void fc_put_halves8(char *p, fc_v8 v) { _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT)); }
#elif FC_ISA >= 256
FC_VEC_GENERIC(8)
#endif
#if FC_X86 && FC_ISA >= 512
FC_INLINE fc_v16 fc_fma_16(fc_v16 a, fc_v16 b, fc_v16 c) { return (fc_v16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
FC_INLINE fc_v16 fc_min_16(fc_v16 a, fc_v16 b) { return (fc_v16)_mm512_min_ps((__m512)a, (__m512)b); }
FC_INLINE fc_v16 fc_max_16(fc_v16 a, fc_v16 b) { return (fc_v16)_mm512_max_ps((__m512)a, (__m512)b); }
FC_INLINE fc_v16 fc_halves16(const char *p) { return (fc_v16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
FC_INLINE void fc_put_halves16(char *p, fc_v16 v) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT)); }
#elif FC_ISA >= 512
FC_VEC_GENERIC(16)
#endif

/* A loaded value stays in its register; else gcc reads it again for every product, and loads become the limit. */
#if FC_X86 && FC_ISA >= 512
FC_INLINE fc_v16 fc_keep_16(fc_v16 v) { __asm__("" : "+v"(v)); return v; }
FC_INLINE fc_v8 fc_keep_8(fc_v8 v) { __asm__("" : "+v"(v)); return v; }
#elif FC_X86
FC_INLINE fc_v8 fc_keep_8(fc_v8 v) { __asm__("" : "+x"(v)); return v; }
#elif FC_ISA >= 256
FC_INLINE fc_v8 fc_keep_8(fc_v8 v) { return v; }
#if FC_ISA >= 512
FC_INLINE fc_v16 fc_keep_16(fc_v16 v) { return v; }
#endif
#endif

/* The same pointer, for the compiler another one for every v: what is read through it is read where it is needed. */
FC_INLINE const float *fc_hide_1(const float *p, float v) { (void)v; return p; }
#define FC_VEC_HIDE(V, CLASS) \
    FC_INLINE const float *fc_hide_##V(const float *p, fc_v##V v) { __asm__("" : "+r"(p) : CLASS(v)); return p; }
#define FC_VEC_SHOW(V) FC_INLINE const float *fc_hide_##V(const float *p, fc_v##V v) { (void)v; return p; }
#if FC_X86 && FC_ISA >= 512
FC_VEC_HIDE(8, "v")
FC_VEC_HIDE(16, "v")
#elif FC_X86 && FC_ISA >= 256
FC_VEC_HIDE(8, "x")
#elif FC_ISA >= 256
FC_VEC_SHOW(8)
#if FC_ISA >= 512
FC_VEC_SHOW(16)
#endif
#endif

/* ---- halves of a vector: two groups of 8 channels share one ---- */
#if FC_X86 && FC_ISA >= 512
FC_INLINE fc_v16 fc_pair(fc_v16 a, fc_v16 b) { return (fc_v16)_mm512_mask_blend_ps(0xff00, (__m512)a, (__m512)b); }     /* a's low, b's high half */
FC_INLINE fc_v8 fc_low(fc_v16 v) { return (fc_v8)_mm512_castps512_ps256((__m512)v); }
FC_INLINE fc_v8 fc_high(fc_v16 v) { return (fc_v8)_mm512_extractf32x8_ps((__m512)v, 1); }
FC_INLINE fc_v16 fc_join(fc_v8 low, fc_v8 high) { return (fc_v16)_mm512_insertf32x8(_mm512_castps256_ps512((__m256)low), (__m256)high, 1); }
#elif FC_ISA >= 512
FC_INLINE fc_v8 fc_low(fc_v16 v) { fc_v8 r; memcpy(&r, &v, sizeof r); return r; }
FC_INLINE fc_v8 fc_high(fc_v16 v) { fc_v8 r; memcpy(&r, (const char *)&v + sizeof r, sizeof r); return r; }
FC_INLINE fc_v16 fc_join(fc_v8 low, fc_v8 high)
{
    fc_v16 r;
    memcpy(&r, &low, sizeof low);
    memcpy((char *)&r + sizeof low, &high, sizeof high);
    return r;
}
FC_INLINE fc_v16 fc_pair(fc_v16 a, fc_v16 b) { return fc_join(fc_low(a), fc_high(b)); }
#endif

/* ---- the first n of V floats, in one masked access where the instruction set has it ---- */
#if FC_X86 && FC_ISA >= 512
#define FC_GET_SOME(V) if (type == FC_F32) return fc_get_some##V(p, n);
#define FC_PUT_SOME(V) if (type == FC_F32) { fc_put_some##V(p, v, n); return; }
FC_INLINE float fc_get_some1(const char *p, int n) { return n ? *(const fc_u1 *)p : 0; }
FC_INLINE void fc_put_some1(char *p, float v, int n) { if (n) *(fc_u1 *)p = v; }
FC_INLINE fc_v8 fc_get_some8(const char *p, int n) { return (fc_v8)_mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), p); }
FC_INLINE fc_v16 fc_get_some16(const char *p, int n) { return (fc_v16)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
FC_INLINE void fc_put_some8(char *p, fc_v8 v, int n) { _mm256_mask_storeu_ps(p, (__mmask8)((1u << n) - 1), (__m256)v); }
FC_INLINE void fc_put_some16(char *p, fc_v16 v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v); }
#else
#define FC_GET_SOME(V)
#define FC_PUT_SOME(V)
#endif

/* ---- elements of tiles and tensors, all widths ---- */
#define FC_VEC_ELEMENTS(V) \
    FC_INLINE fc_v##V fc_add_##V(fc_v##V a, fc_v##V b) { return a + b; } \
    FC_INLINE fc_v##V fc_sub_##V(fc_v##V a, fc_v##V b) { return a - b; } \
    FC_INLINE fc_v##V fc_mul_##V(fc_v##V a, fc_v##V b) { return a * b; } \
    FC_INLINE fc_v##V fc_load_##V(const float *p) { return *(const fc_u##V *)p; } \
    FC_INLINE fc_v##V fc_get##V(const char *p, int type) \
    { \
        if (type == FC_F16) return fc_halves##V(p); \
        return *(const fc_u##V *)p; \
    } \
    FC_INLINE void fc_put##V(char *p, int type, fc_v##V v) \
    { \
        if (type == FC_F16) fc_put_halves##V(p, v); \
        else *(fc_u##V *)p = v; \
    } \
    FC_INLINE fc_v##V fc_get_n##V(const char *p, int type, int n)       /* the first n of V; the others are 0 */ \
    { \
        FC_GET_SOME(V) \
        float f[V] = { 0 }; \
        for (int i = 0; i < n; i++) f[i] = fc_get1(p + i * fc_size(type), type); \
        fc_v##V v; \
        memcpy(&v, f, sizeof v); \
        return v; \
    } \
    FC_INLINE void fc_put_n##V(char *p, int type, fc_v##V v, int n) \
    { \
        FC_PUT_SOME(V) \
        float f[V]; \
        memcpy(f, &v, sizeof v); \
        for (int i = 0; i < n; i++) fc_put1(p + i * fc_size(type), type, f[i]); \
    } \
    FC_INLINE fc_v##V fc_round_f16_##V(fc_v##V v) \
    { \
        char h[2 * V]; \
        fc_put_halves##V(h, v); \
        return fc_halves##V(h); \
    } \
    FC_INLINE fc_v##V fc_tile_load##V(const fc_tile *t, fc_ref r, int h, int w, int c) \
    { \
        const char *p = fc_at(t, r, h, w, c); \
        return c + V <= t->cpad ? fc_get##V(p, t->type) : fc_get_n##V(p, t->type, t->cpad - c);     /* a half vector's epilogue */ \
    } \
    FC_INLINE fc_v##V fc_global_load##V(const fc_tensor *g, const void *image, int y, int x, int c) \
    { \
        const char *p = (const char *)image + fc_offset(g, y, x, c); \
        int n = fc_max(0, fc_min(V, g->c - c)); \
        if ((unsigned)y >= (unsigned)g->h || (unsigned)x >= (unsigned)g->w) return (fc_v##V){ 0 }; \
        FC_COUNT_READ(g->id, n * fc_size(g->type)); \
        return n == V ? fc_get##V(p, g->type) : fc_get_n##V(p, g->type, n); \
    }
FC_VEC_ELEMENTS(1)
#if FC_ISA >= 256
FC_VEC_ELEMENTS(8)
#endif
#if FC_ISA >= 512
FC_VEC_ELEMENTS(16)
#endif
#endif
