// ---- begin fc_pw.cuh
// Pointwise convolution of a tile, by f32 multiply-adds or on tensor cores:
//     dst(h, w, k0 + k) = epilogue(Σ_c src(h + dy, w + dx, dc + c) * wgt(k, c)),  c < wgt.cpad
// dy, dx, dc, k0 are differences of the windows' origins. Channels are written up to the next multiple of 8, those beyond wgt.k from sums
// of 0. Accumulation is f32 in ascending c.
//
// By multiply-adds (pw_simt) a thread's work is a register tile, MB pixels by NB fours of channels, over all of c, four at a time:
//
//              k ──▶                     threads form a grid WM x WN; thread (i, j) has pixels i + WM*a and channels (j + WN*b)*4 … +3, so
//         ┌──┬──┬──┬──┐                  that the lanes of a warp that share a pixel read one address, and store 4-channel neighbours
//    m │  │00│01│00│01│  WM = 2
//      ▼  │10│11│10│11│  WN = 2          8 pixels x 8 channels x 4 c = 256 multiply-adds for 16 loads of 16 bytes
#pragma once
#include "fc_frag.cuh"

namespace fc {

// Weights of channels k … k + 3 at c … c + 3, [c][k]; 0 beyond the last channel.
template <class WGT> FC_DEVICE void pw_weights(float (&b)[4][4], WGT wgt, int k, int c)
{
    using T = typename WGT::type;
    FC_UNROLL
    for (int i = 0; i < 4; i++) {
        if constexpr (WGT::rows) {
            float4_t v = { { 0, 0, 0, 0 } };
            if (k + i < WGT::k) v = load4<T>(wgt.at(k + i, c));
            FC_UNROLL
            for (int j = 0; j < 4; j++) b[j][i] = v.v[j];
        } else {
            float4_t v = load4<T>(wgt.at(k, c + i));        // panels hold whole eights of channels: their surplus is 0
            FC_UNROLL
            for (int j = 0; j < 4; j++) b[i][j] = v.v[j];
        }
    }
}

// acc[a][b][j] += pixels base[a] (their channel dc, with the tile's twist) by channels k + b*step + j.
template <int MB, int NB, class SRC, class WGT>
FC_DEVICE void pw_block(float (&acc)[MB][NB][4], const char *const (&base)[MB], const int (&twist)[MB], WGT wgt, int dc, int k, int step)
{
    using T = typename SRC::type;
    static_assert(WGT::cpad % 4 == 0, "contraction goes in fours");
    FC_SEQ
    for (int c = 0; c < WGT::cpad; c += 4) {
        float4_t x[MB];
        FC_UNROLL
        for (int a = 0; a < MB; a++) x[a] = load4<T>(base[a] + (((dc + c) * SRC::size) ^ twist[a]));
        FC_UNROLL
        for (int b = 0; b < NB; b++) {
            float w[4][4];
            pw_weights(w, wgt, least(k + b * step, round_up(WGT::k, 4) - 4), c);
            FC_UNROLL
            for (int a = 0; a < MB; a++) {
                FC_UNROLL
                for (int i = 0; i < 4; i++) {
                    FC_UNROLL
                    for (int j = 0; j < 4; j++) acc[a][b][j] += x[a].v[i] * w[i][j];
                }
            }
        }
    }
}

template <class DST, class SUB, class SRC, class WGT, int WM, int WN, class MASK, class EPI>
FC_DEVICE void pw_simt(DST dst, SRC src, WGT wgt, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    constexpr int channels = round_up(WGT::k, 8), ma = div_up(SUB::pixels, WM), na = div_up(channels, 4 * WN);
    constexpr int NB = least(na, 2), MB = least(ma, 16 / NB);
    const int i = thread() / WN, j = thread() % WN;
    if (i >= WM) return;                                                        // threads beyond the grid have no work
    FC_SEQ
    for (int a0 = 0; a0 < ma; a0 += MB) {
        const char *base[MB];
        int twist[MB];
        FC_UNROLL
        for (int a = 0; a < MB; a++) {                                          // surplus pixels compute the last one once more and store nothing
            int m = least(i + WM * (a0 + a), SUB::pixels - 1);
            base[a] = pixel_of<SUB>(src, m, dy, dx);
            twist[a] = twist_of<SUB>(src, m, dy, dx);
        }
        FC_SEQ
        for (int b0 = 0; b0 < na; b0 += NB) {
            int k = (j + WN * b0) * 4;
            float acc[MB][NB][4] = {};
            pw_block<MB, NB, SRC>(acc, base, twist, wgt, dc, k, WN * 4);
            FC_UNROLL
            for (int a = 0; a < MB; a++) {
                int m = i + WM * (a0 + a), h = SUB::row(m), w = SUB::col(m);
                if (m >= SUB::pixels) continue;
                bool on = mask(h, w);
                FC_UNROLL
                for (int b = 0; b < NB; b++) {
                    int kb = k + b * WN * 4;
                    if (kb >= channels) continue;
                    float2 u = pair(0, 0), v = u;
                    bool real = kb < WGT::k;                                    // the four above the last one, in the last eight
                    if (on) {
                        u = epi(real ? pair(acc[a][b][0], acc[a][b][1]) : u, h, w, k0 + kb);
                        v = epi(real ? pair(acc[a][b][2], acc[a][b][3]) : v, h, w, k0 + kb + 2);
                    }
                    store4<typename DST::type>(pixel_of<SUB>(dst, m, 0, 0) + (((k0 + kb) * DST::size) ^ twist_of<SUB>(dst, m, 0, 0)), u, v);
                }
            }
        }
    }
}

// frag(m, k) += …, m a pixel of a window W wide, over the whole window.
template <class FRAG, class SRC, class WGT, int W>
FC_DEVICE void pw_simt_acc(FRAG &frag, SRC src, WGT wgt, int dy, int dx, int dc)
{
    using ALL = sub<0, FRAG::m / W, 0, W>;
    const int i = FRAG::first_row();
    if (i >= FRAG::wm) return;
    const char *base[FRAG::mi];
    int twist[FRAG::mi];
    FC_UNROLL
    for (int a = 0; a < FRAG::mi; a++) {
        int m = least(i + FRAG::wm * a, FRAG::m - 1);
        base[a] = pixel_of<ALL>(src, m, dy, dx);
        twist[a] = twist_of<ALL>(src, m, dy, dx);
    }
    pw_block<FRAG::mi, FRAG::ni, SRC>(frag.acc, base, twist, wgt, dc, FRAG::first_col(), FRAG::wn * 4);
}

// ============================================================ tensor cores: f16 operands, weights in rows, the same contract
//
//   pixels of the source tile            weights                            a warp: MB x NB tiles of 16 pixels x 8 channels
//   16 x 16 = A, ldmatrix.x4             row k = column k of B              16 channels of c a step: m16n8k16, or m16n8k8 twice;
//   lane l gives row l % 16,             two tiles of 8 channels by         the last 8 of an odd multiple of 8: m16n8k8
//   channels l / 16 * 8                  ldmatrix.x4
//
// Warps form a grid WM x WN, warp (i, j) owns consecutive tiles of both (as frag_mma). Surplus pixels of the last tile read the last pixel again and
// are not stored; surplus channels have zero weights.

template <bool K16> FC_DEVICE void mma_step(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    if constexpr (K16) {
        mma_16816(d, a, b0, b1);
    } else {
        mma_1688(d, a[0], a[1], b0);
        mma_1688(d, a[2], a[3], b1);
    }
}

// The rows of B that this lane's ldmatrix addresses name. FULL: all tiles of 8 channels from n0 on lie inside the weights, so that their addresses
// differ by constants.
template <class WGT, bool FULL> struct mma_rows {
    WGT wgt;
    int n0, lane;

    // FULL: n % 8 is lane % 8, so the twist is one number for all rows of this lane.
    FC_DEVICE const char *row(int n, int c) const
    {
        if constexpr (FULL) return wgt.p + n * WGT::pitch + ((c * WGT::size) ^ WGT::twist(lane));
        else return wgt.at(least(n, WGT::k - 1), c);
    }
    // Tiles b and b + 1, 16 values of c: matrices (b, c), (b, c + 8), (b + 1, c), (b + 1, c + 8).
    FC_DEVICE const char *two(int b, int c) const { return row(n0 + lane % 8 + lane / 16 * 8 + b * 8, c + lane / 8 % 2 * 8); }
    // Tile b alone; lanes 16 … 31 are not asked.
    FC_DEVICE const char *one(int b, int c) const { return row(n0 + lane % 8 + b * 8, c + lane / 8 % 2 * 8); }
    // Tiles b and b + 1, 8 values of c; the second may be surplus.
    FC_DEVICE const char *tail(int b, int c, bool both) const { return row(n0 + lane % 8 + (both ? lane / 8 % 2 * 8 : 0) + b * 8, c); }
    // B's registers of tile b, without what belongs to channels beyond the last.
    FC_DEVICE uint32_t real(uint32_t v, int b) const
    {
        if constexpr (WGT::k % 8 == 0) return v;
        else return n0 + b * 8 + frag_b(lane, 0, 0).col < WGT::k ? v : 0;
    }
};

// acc[a][b] += tiles of pixels base[a] (their channel 0, and twist) by tiles of channels n0 + 8 b.
template <bool K16, bool FULL, int MB, int NB, class SRC, class WGT>
FC_DEVICE void mma_block(float (&acc)[MB][NB][4], const char *const (&base)[MB], const int (&twist)[MB], WGT wgt, int dc, int n0)
{
    static_assert(SRC::size == 2 && WGT::size == 2 && WGT::rows, "tensor cores take f16, weights in rows");
    static_assert(WGT::cpad % 8 == 0 && WGT::pitch % 16 == 0, "ldmatrix reads rows of 16 bytes");
    constexpr int steps = WGT::cpad / 16;
    const int lane = thread() % 32;
    const mma_rows<WGT, FULL> rows{ wgt, n0, lane };
    FC_UNROLL
    for (int i = 0; i < steps; i++) {
        uint32_t x[MB][4];
        FC_UNROLL
        for (int a = 0; a < MB; a++) ldmatrix_x4(x[a], base[a] + (((dc + i * 16 + lane / 16 * 8) * 2) ^ twist[a]));
        FC_UNROLL
        for (int b = 0; b < NB; b += 2) {
            uint32_t w[4] = {}, half_w[2];
            if (b + 1 < NB) {
                ldmatrix_x4(w, rows.two(b, i * 16));
            } else {
                ldmatrix_x2(half_w, rows.one(b, i * 16));
                w[0] = half_w[0], w[1] = half_w[1];
            }
            FC_UNROLL
            for (int j = 0; j < 2 && b + j < NB; j++) {
                FC_UNROLL
                for (int a = 0; a < MB; a++) mma_step<K16>(acc[a][b + j], x[a], rows.real(w[j * 2], b + j), rows.real(w[j * 2 + 1], b + j));
            }
        }
    }
    if constexpr (WGT::cpad % 16 != 0) {
        uint32_t x[MB][2];
        FC_UNROLL
        for (int a = 0; a < MB; a++) ldmatrix_x2(x[a], base[a] + (((dc + steps * 16) * 2) ^ twist[a]));
        FC_UNROLL
        for (int b = 0; b < NB; b += 2) {
            uint32_t w[2];
            ldmatrix_x2(w, rows.tail(b, steps * 16, b + 1 < NB));
            FC_UNROLL
            for (int j = 0; j < 2 && b + j < NB; j++) {
                FC_UNROLL
                for (int a = 0; a < MB; a++) mma_1688(acc[a][b + j], x[a][0], x[a][1], rows.real(w[j], b + j));
            }
        }
    }
}

// Where this lane's rows of the source lie: row lane % 16 of the 16-pixel tiles first, first + 1, … of SUB. CLAMP: some may lie past the
// last pixel.
template <class SUB, bool CLAMP, int MB, class SRC>
FC_DEVICE void mma_pixels(const char *(&base)[MB], int (&twist)[MB], SRC src, int first, int dy, int dx)
{
    FC_UNROLL
    for (int a = 0; a < MB; a++) {
        int m = (first + a) * 16 + thread() % 16;
        if (CLAMP) m = least(m, SUB::pixels - 1);
        base[a] = pixel_of<SUB>(src, m, dy, dx);
        twist[a] = twist_of<SUB>(src, m, dy, dx);
    }
}

// How many tiles a warp works on at once: even parts of n, at most `limit` tiles each.
FC_HD constexpr int even_part(int n, int limit) { return div_up(n, div_up(n, limit)); }

template <bool K16, class DST, class SUB, class SRC, class WGT, int WM, int WN, class MASK, class EPI>
FC_DEVICE void pw_mma(DST dst, SRC src, WGT wgt, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    constexpr int M = SUB::pixels, mt = div_up(M, 16), nt = div_up(WGT::k, 8), MI = div_up(mt, WM), NI = div_up(nt, WN);
    constexpr int NB = even_part(NI, 8), MB = even_part(MI, most(1, 16 / NB));              // at most 64 accumulators a lane
    constexpr bool full = WGT::k % 8 == 0 && nt % WN == 0 && NI % NB == 0;
    const int warp = thread() / 32, lane = thread() % 32, last_m = least((warp / WN + 1) * MI, mt), last_n = least((warp % WN + 1) * NI, nt);
    if (warp >= WM * WN) return;
    FC_SEQ
    for (int tm = warp / WN * MI; tm < last_m; tm += MB) {
        const char *base[MB];
        int twist[MB];
        mma_pixels<SUB, M % 16 != 0 || mt % WM != 0 || MI % MB != 0>(base, twist, src, tm, dy, dx);
        FC_SEQ
        for (int tn = warp % WN * NI; tn < last_n; tn += NB) {
            float acc[MB][NB][4] = {};
            mma_block<K16, full, MB, NB, SRC>(acc, base, twist, wgt, dc, tn * 8);
            FC_UNROLL
            for (int a = 0; a < MB; a++) {
                FC_UNROLL
                for (int r = 0; r < 4; r += 2) {
                    int m = (tm + a) * 16 + frag_c(lane, r).row, h = SUB::row(m), w = SUB::col(m);
                    if (m >= M || tm + a >= last_m) continue;
                    bool on = mask(h, w);
                    char *pixel = pixel_of<SUB>(dst, m, 0, 0);
                    int swizzle = twist_of<SUB>(dst, m, 0, 0);
                    FC_UNROLL
                    for (int b = 0; b < NB; b++) {
                        int k = k0 + (tn + b) * 8 + frag_c(lane, r).col;
                        if (!full && tn + b >= last_n) continue;
                        float2 v = pair(acc[a][b][r], acc[a][b][r + 1]);
                        store2<typename DST::type>(pixel + ((k * DST::size) ^ swizzle), on ? epi(v, h, w, k) : pair(0, 0));
                    }
                }
            }
        }
    }
}

template <class DST, class SUB, class SRC, class WGT, int WM, int WN, class MASK, class EPI>
FC_DEVICE void pw_mma16816(DST dst, SRC src, WGT wgt, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    pw_mma<true, DST, SUB, SRC, WGT, WM, WN>(dst, src, wgt, dy, dx, dc, k0, mask, epi);
}
template <class DST, class SUB, class SRC, class WGT, int WM, int WN, class MASK, class EPI>
FC_DEVICE void pw_mma1688(DST dst, SRC src, WGT wgt, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    pw_mma<false, DST, SUB, SRC, WGT, WM, WN>(dst, src, wgt, dy, dx, dc, k0, mask, epi);
}

// frag(m, k) += …, m a pixel of a window W wide, over the whole window.
template <bool K16, class FRAG, class SRC, class WGT, int W> FC_DEVICE void pw_mma_acc(FRAG &frag, SRC src, WGT wgt, int dy, int dx, int dc)
{
    using ALL = sub<0, FRAG::m / W, 0, W>;
    static_assert(ALL::pixels == FRAG::m, "the accumulators cover whole rows");
    constexpr bool full = WGT::k == FRAG::wn * FRAG::ni * 8;
    if (FRAG::warp() >= FRAG::wm * FRAG::wn) return;
    const char *base[FRAG::mi];
    int twist[FRAG::mi];
    mma_pixels<ALL, FRAG::m != FRAG::wm * FRAG::mi * 16>(base, twist, src, FRAG::first_row() / 16, dy, dx);
    mma_block<K16, full, FRAG::mi, FRAG::ni, SRC>(frag.acc, base, twist, wgt, dc, FRAG::first_col());
}
template <class FRAG, class SRC, class WGT, int W> FC_DEVICE void pw_mma16816_acc(FRAG &frag, SRC src, WGT wgt, int dy, int dx, int dc)
{
    pw_mma_acc<true, FRAG, SRC, WGT, W>(frag, src, wgt, dy, dx, dc);
}
template <class FRAG, class SRC, class WGT, int W> FC_DEVICE void pw_mma1688_acc(FRAG &frag, SRC src, WGT wgt, int dy, int dx, int dc)
{
    pw_mma_acc<false, FRAG, SRC, WGT, W>(frag, src, wgt, dy, dx, dc);
}

}
// ---- end fc_pw.cuh
