// ---- begin fc_pw.cuh
// Pointwise convolution of a tile, by f32 multiply-adds:  dst(h, w, k0 + k) = epilogue(Σ_c src(h + dy, w + dx, dc + c) * wgt(k, c)),
// c < wgt.cpad; dy, dx, dc, k0 are differences of the windows' origins. Channels are written up to the next multiple of 8, those beyond wgt.k from
// sums of 0. Accumulation is f32 in ascending c.
//
// A thread's work is a register tile, MB pixels by NB fours of channels, over all of c, four at a time:
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

}
// ---- end fc_pw.cuh
