/* fc_warp.h: what warp operations compute, over the arguments that the 32 lanes deposited; for fc_emu.cpp alone. */
#ifndef FC_WARP_H
#define FC_WARP_H
#include "fc_emu.h"
#include "fc_lanes.cuh"

#include <string.h>

namespace fc_emu {

struct shuffle_args { uint32_t value, result; int arg; };

static void shuffle_all(const warp *w, fc_emu_shuffle_kind kind)
{
    for (int l = 0; l < 32; l++) {
        if (!(w->live >> l & 1)) continue;
        shuffle_args *a = (shuffle_args *)w->args[l];
        int from = kind == FC_EMU_XOR ? l ^ a->arg : kind == FC_EMU_DOWN ? l + a->arg : kind == FC_EMU_UP ? l - a->arg : a->arg & 31;
        if (from < 0 || from > 31) from = l;        /* as the hardware does: keeps its own value */
        a->result = w->live >> from & 1 ? ((shuffle_args *)w->args[from])->value : 0xFFFFFFFFu;      /* an ended lane gives NaN */
    }
}

struct ldmatrix_args { uint32_t *d; const char *row; };

/* Matrix i of 8 rows to register i of all lanes. */
static void ldmatrix_scatter(const warp *w, int i, const uint16_t (&e)[8][8], bool transposed)
{
    for (int r = 0; r < 8; r++)
        for (int word = 0; word < 4; word++) {
            uint32_t lo = transposed ? e[word * 2][r] : e[r][word * 2], hi = transposed ? e[word * 2 + 1][r] : e[r][word * 2 + 1];
            ((ldmatrix_args *)w->args[fc::ldmatrix_lane(r, word)])->d[i] = lo | hi << 16;
        }
}

struct mma_args { float *d; const uint32_t *a, *b; };

static float f16_value(uint32_t h)
{
    uint32_t bits = (h & 0x7FFF) << 13, sign = (h & 0x8000) << 16;
    float f;
    memcpy(&f, &bits, 4);
    f *= 0x1p112f;                                  /* the exponents' biases differ by 112; this also normalises subnormals */
    memcpy(&bits, &f, 4);
    if ((h & 0x7C00) == 0x7C00) bits = 0x7F800000 | (h & 0x3FF) << 13;
    bits |= sign;
    memcpy(&f, &bits, 4);
    return f;
}

/* D[16][8] += A[16][k] B[k][8]: products are exact in f32, sums go in ascending k. */
static void mma_all(const warp *w, int k)
{
    float a[16][16], b[16][8], c[16][8];
    for (int l = 0; l < 32; l++) {
        const mma_args *x = (const mma_args *)w->args[l];
        for (int i = 0; i < 2 * (k / 8) * 2; i++) {
            fc::frag_place at = fc::frag_a(l, i / 2, i % 2);
            a[at.row][at.col] = f16_value(x->a[i / 2] >> i % 2 * 16 & 0xFFFF);
        }
        for (int i = 0; i < k / 8 * 2; i++) {
            fc::frag_place at = fc::frag_b(l, i / 2, i % 2);
            b[at.row][at.col] = f16_value(x->b[i / 2] >> i % 2 * 16 & 0xFFFF);
        }
        for (int i = 0; i < 4; i++) c[fc::frag_c(l, i).row][fc::frag_c(l, i).col] = x->d[i];
    }
    for (int r = 0; r < 16; r++)
        for (int i = 0; i < k; i++)
            for (int n = 0; n < 8; n++) c[r][n] += a[r][i] * b[i][n];
    for (int l = 0; l < 32; l++)
        for (int i = 0; i < 4; i++) ((mma_args *)w->args[l])->d[i] = c[fc::frag_c(l, i).row][fc::frag_c(l, i).col];
}

}
#endif
