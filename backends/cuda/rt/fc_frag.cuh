// ---- begin fc_frag.cuh
// Accumulators in registers, spread over the threads of a block: element (m, k) of an f32 matrix, m the linear pixel of a window, k the channel.
//
//   frag_mma    warps in a grid WM x WN, warp (i, j) = (warp / WN, warp % WN). It owns the 16-row tiles i*MI … i*MI + MI-1 and the 8-column tiles
//               j*NI … j*NI + NI-1; inside a tile the C map of mma.sync (fc_lanes.cuh): two rows of a pair of channels a lane
//   frag_simt   threads in a grid WM x WN, thread (i, j) = (t / WN, t % WN). It owns pixels i + WM*a and channels (j + WN*b)*4 … +3
//
// each(f) calls f(m, k, v) for every pair of channels k, k + 1 that this thread holds, inside M x round_up(CPAD, 8); v may be changed. Everything
// that leaves the registers goes through it, so that a lane map is written down once.
#pragma once
#include "fc_tile.cuh"

namespace fc {

template <int M, int CPAD, int WM, int WN> struct frag_mma {
    static constexpr int m = M, cpad = CPAD, wm = WM, wn = WN;
    static constexpr bool tensor_cores = true;
    static constexpr int mi = div_up(div_up(M, 16), WM), ni = div_up(div_up(CPAD, 8), WN);
    float acc[mi][ni][4];

    FC_DEVICE static int warp() { return thread() / 32; }
    FC_DEVICE static int first_row() { return warp() / WN * mi * 16; }
    FC_DEVICE static int first_col() { return warp() % WN * ni * 8; }

    template <class F> FC_DEVICE void each(const F &f)
    {
        int lane = thread() % 32, row = first_row(), col = first_col();
        FC_UNROLL
        for (int a = 0; a < mi; a++) {
            FC_UNROLL
            for (int r = 0; r < 4; r += 2) {                // registers r, r + 1 are one row
                int y = row + a * 16 + frag_c(lane, r).row;
                FC_UNROLL
                for (int b = 0; b < ni; b++) {
                    int k = col + b * 8 + frag_c(lane, r).col;
                    if (y < M && k < round_up(CPAD, 8)) f(y, k, pair(acc[a][b][r], acc[a][b][r + 1]));
                }
            }
        }
    }
};

template <int M, int CPAD, int WM, int WN> struct frag_simt {
    static constexpr int m = M, cpad = CPAD, wm = WM, wn = WN;
    static constexpr bool tensor_cores = false;
    static constexpr int mi = div_up(M, WM), ni = div_up(CPAD, 4 * WN);
    float acc[mi][ni][4];

    FC_DEVICE static int first_row() { return thread() / WN; }
    FC_DEVICE static int first_col() { return thread() % WN * 4; }

    template <class F> FC_DEVICE void each(const F &f)
    {
        int row = first_row(), col = first_col();
        FC_UNROLL
        for (int a = 0; a < mi; a++) {
            int y = row + a * WM;
            FC_UNROLL
            for (int b = 0; b < ni; b++) {
                int k = col + b * WN * 4;
                if (row < WM && y < M && k < CPAD) {
                    f(y, k, pair(acc[a][b][0], acc[a][b][1]));
                    f(y, k + 2, pair(acc[a][b][2], acc[a][b][3]));
                }
            }
        }
    }
};

template <class FRAG> FC_DEVICE void zero(FRAG &f)
{
    FC_UNROLL
    for (int a = 0; a < FRAG::mi; a++) {
        FC_UNROLL
        for (int b = 0; b < FRAG::ni; b++) {
            FC_UNROLL
            for (int r = 0; r < 4; r++) f.acc[a][b][r] = 0;
        }
    }
}

// Pixels SUB of dst = epilogue(accumulators); the accumulators' window is dst's.
template <class DST, class SUB, class FRAG, class MASK, class EPI> FC_DEVICE void finish(DST dst, FRAG &frag, MASK mask, const EPI &epi)
{
    static_assert(FRAG::m == DST::h * DST::w, "the accumulators cover the window");
    frag.each([&](int m, int k, float2 v) {
        int h = m / DST::w, w = m % DST::w;
        if (k >= DST::cpad || h < SUB::h0 || h >= SUB::h1 || w < SUB::w0 || w >= SUB::w1) return;
        store2<typename DST::type>(dst.at(h, w, k), mask(h, w) ? epi(v, h, w, k) : pair(0, 0));
    });
}

// The same from another tile.
template <class DST, class SUB, class SRC, class MASK, class EPI> FC_DEVICE void finish_tile(DST dst, SRC src, MASK mask, const EPI &epi)
{
    constexpr int pairs = DST::cpad / 2, total = SUB::pixels * pairs;
    for (int i = thread(); i < total; i += threads()) {
        int m = i / pairs, c = i % pairs * 2, h = SUB::row(m), w = SUB::col(m);
        float2 v = pair(0, 0);
        if (mask(h, w)) v = epi(c < SRC::cpad ? ld2(src, h, w, c) : v, h, w, c);
        store2<typename DST::type>(dst.at(h, w, c), v);
    }
}

}
// ---- end fc_frag.cuh
