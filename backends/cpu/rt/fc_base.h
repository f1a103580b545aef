/* fc_base.h: records, instruction set and byte counters of the generated OpenMP C. Comes first in the text, then fc_vec.h, fc_act.h,
 * fc_copy.h, fc_pw.h, fc_dw.h; the headers do not include each other.
 *
 * The generator defines before this file
 *     FC_ISA           vector bits that the programs were planned for: 512, 256 or 0 (default); widths V = FC_ISA / 32 and, from 8 on, its halves
 *     FC_COUNT_SLOTS   with FCM_COUNT: number of byte counters
 * and ends its text with FC_TEXT_END. On x86 the functions in between are compiled for the instruction set of FC_ISA whatever the
 * command line says, so that `cc -O2 -fopenmp` suffices; FC_GENERIC switches that and all intrinsics off (other machines, tests).
 *
 * Every function is always inlined and gets constants for all geometry, so that the compiler folds what is not arithmetic. Coordinates
 * h, w, c are relative to the tile, y, x to the image. Nothing is read or written outside a tensor or a tile's storage. */
#ifndef FC_BASE_H
#define FC_BASE_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef FC_ISA
#define FC_ISA 0
#endif
#if FC_ISA >= 256 && !defined(FC_GENERIC) && (defined(__x86_64__) || defined(__i386__))
#define FC_X86 1
#include <immintrin.h>
#else
#define FC_X86 0
#endif

/* ---- code for FC_ISA from here on ---- */
#if FC_X86 && FC_ISA >= 512
#define FC_TARGET "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"
#define FC_REGISTERS 32
#elif FC_X86
#define FC_TARGET "avx2,fma,f16c"
#define FC_REGISTERS 16
#else
#define FC_REGISTERS 16
#endif
#if FC_X86 && defined(__clang__)
#if FC_ISA >= 512
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
#else
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#endif
#define FC_TEXT_END _Pragma("clang attribute pop")
#elif FC_X86
#pragma GCC push_options
#if FC_ISA >= 512
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")
#else
#pragma GCC target("avx2,fma,f16c")
#endif
#define FC_TEXT_END _Pragma("GCC pop_options")
#else
#define FC_TEXT_END
#endif
#ifdef FC_GENERIC
#pragma GCC diagnostic ignored "-Wpsabi"        /* vectors wider than the machine's never cross a real call */
#endif

#define FC_INLINE static inline __attribute__((always_inline, unused))
/* A function of its own of which the caller's compilation knows nothing. Not just noinline: gcc 12 finds some of them free of side effects, once the
 * address of their stores has become a difference of pointers, and drops the call. */
#ifdef __clang__
#define FC_APART __attribute__((noinline))
#else
#define FC_APART __attribute__((noipa))
#endif
/* Loops over the register tile: trips are constants of at most 64 (the inputs of 16 depthwise pixels, stride 2), and the accumulators stay in registers
 * only if the loops vanish. */
#ifdef FC_FULL
#elif defined(__clang__)
#define FC_FULL _Pragma("clang loop unroll(full)")
#else
#define FC_FULL _Pragma("GCC unroll 64")
#endif
#define FC_SEQ
#define FC_UNROLL
#define FC_COMMIT()
#define FC_WAIT(n)
#define FC_SYNC()
#ifdef FCM_EXACT
#define FC_CONSTANT(real, exact) (exact)
#else
#define FC_CONSTANT(real, exact) (real)
#endif

/* May code for FC_ISA run here? */
FC_INLINE int fc_isa_supported(void)
{
#if FC_X86 && FC_ISA >= 512
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
#elif FC_X86
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 1;
#endif
}

/* ---- records ---- */
enum { FC_F32, FC_F16 };
typedef struct fc_tile { int h, w, c, cpad, pitch_w, pitch_h, roll, type; } fc_tile;    /* pitches in bytes; roll: rows kept, 0 = all */
typedef struct fc_ref { char *p; int row; } fc_ref;                                     /* row: slot of the tile's row 0, with roll */
typedef struct fc_tensor { int h, w, c, type, id; } fc_tensor;                          /* one image, NHWC dense; id of its counters */
typedef struct fc_sub { int h0, h1, w0, w1; } fc_sub;
typedef struct fc_mask { int on, y0, x0, h, w; } fc_mask;                               /* y0, x0: absolute pixel of the tile's (0, 0) */
typedef struct fc_geom { int stride_h, stride_w, dil_h, dil_w, mult; } fc_geom;
typedef struct fc_weights { int k, c, cpad, panel, pitch, type; } fc_weights;           /* (k, c) at (k/panel)*pitch + c*panel + k%panel */
typedef struct fc_taps { int r, s, c, pitch, type; } fc_taps;                           /* (r, s, c) at (r*S + s)*pitch + c; elements */

FC_INLINE int fc_size(int type) { return type == FC_F16 ? 2 : 4; }
FC_INLINE int fc_up8(int n) { return (n + 7) / 8 * 8; }
FC_INLINE int fc_min(int a, int b) { return a < b ? a : b; }
FC_INLINE int fc_max(int a, int b) { return a > b ? a : b; }

/* Element (h, w, c). In a line buffer rows wrap; h may be negative by up to 64 windows. */
FC_INLINE char *fc_at(const fc_tile *t, fc_ref r, int h, int w, int c)
{
    int row = t->roll ? (int)((unsigned)(r.row + h + 64 * t->roll) % (unsigned)t->roll) : h;
    return r.p + ((ptrdiff_t)row * t->pitch_h + (ptrdiff_t)w * t->pitch_w + (ptrdiff_t)c * fc_size(t->type));
}

FC_INLINE ptrdiff_t fc_offset(const fc_tensor *g, int y, int x, int c) { return (((ptrdiff_t)y * g->w + x) * g->c + c) * fc_size(g->type); }

FC_INLINE void *fc_image(const fc_tensor *g, const void *base, int64_t n)
{
    return (char *)(uintptr_t)base + n * ((ptrdiff_t)g->h * g->w * g->c * fc_size(g->type));
}

/* ---- spans: the part of [lo, hi) that lies inside [from, from + n) ---- */
typedef struct fc_span { int lo, hi; } fc_span;
FC_INLINE fc_span fc_clip(int lo, int hi, int from, int n)
{
    int a = fc_max(lo, from), b = fc_min(hi, from + n);
    return a < b ? (fc_span){ a, b } : (fc_span){ lo, lo };
}

FC_INLINE int fc_inside(fc_mask m, int h, int w) { return !m.on || ((unsigned)(m.y0 + h) < (unsigned)m.h && (unsigned)(m.x0 + w) < (unsigned)m.w); }

/* ---- byte counters ---- */
#ifdef FCM_COUNT
static int64_t fc_counts[2][FC_COUNT_SLOTS];
FC_INLINE void fc_count(int written, int id, int64_t bytes)
{
#ifdef _OPENMP
#pragma omp atomic
#endif
    fc_counts[written][id] += bytes;
}
#define FC_COUNT_READ(id, bytes) fc_count(0, (id), (bytes))
#define FC_COUNT_WRITE(id, bytes) fc_count(1, (id), (bytes))
#else
#define FC_COUNT_READ(id, bytes) ((void)(id), (void)(bytes))
#define FC_COUNT_WRITE(id, bytes) ((void)(id), (void)(bytes))
#endif
#endif
