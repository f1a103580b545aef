// ---- begin fc_dw.cuh
// Depthwise convolution of a tile:  dst(h, w, k0 + k) = epilogue(Σ_rs src(h*stride + r*dil + dy, w*stride + s*dil + dx, (dc + k) / mult) * taps(r, s, k))
// dy, dx, dc are differences of the windows' origins; the halo is part of the source window, so no tap is ever outside it. Channels are written up to
// the next multiple of 8. Accumulation is f32, taps in the order r, s.
#pragma once
#include "fc_frag.cuh"

namespace fc {

// Channels k, k + 1 of one output pixel.
template <class SRC, class TAPS, class GEOM> FC_DEVICE float2 dw_pair(SRC src, TAPS taps, int y, int x, int c, int k)
{
    using T = typename SRC::type;
    float2 sum = pair(0, 0);
    for (int r = 0; r < TAPS::r; r++) {
        for (int s = 0; s < TAPS::s; s++) {
            int sy = y + r * GEOM::dil_h, sx = x + s * GEOM::dil_w;
            float2 v, t = load2<typename TAPS::type>(taps.at(r, s, k));
            if constexpr (GEOM::mult == 1) v = ld2(src, sy, sx, c);
            else v = pair(load1<T>(src.at(sy, sx, c / GEOM::mult)), load1<T>(src.at(sy, sx, (c + 1) / GEOM::mult)));
            sum.x += v.x * t.x;
            sum.y += v.y * t.y;
        }
    }
    return sum;
}

// A thread computes one pair of channels of one pixel at a time.
template <class DST, class SUB, class SRC, class TAPS, class GEOM, int ITEM_W, class MASK, class EPI>
FC_DEVICE void dw_portable(DST dst, SRC src, TAPS taps, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    constexpr int pairs = round_up(TAPS::c, 8) / 2, total = SUB::pixels * pairs;
    for (int i = thread(); i < total; i += threads()) {
        int m = i / pairs, k = i % pairs * 2, h = SUB::row(m), w = SUB::col(m);
        float2 v = pair(0, 0);
        if (mask(h, w)) {
            v = dw_pair<SRC, TAPS, GEOM>(src, taps, h * GEOM::stride_h + dy, w * GEOM::stride_w + dx, dc + k, k);
            v = epi(v, h, w, k0 + k);
        }
        store2<typename DST::type>(dst.at(h, w, k0 + k), v);
    }
}

// frag(m, k) += …, m a pixel of a window W wide, over the whole window.
template <class FRAG, class SRC, class TAPS, class GEOM, int W>
FC_DEVICE void dw_portable_acc(FRAG &frag, SRC src, TAPS taps, int dy, int dx, int dc)
{
    int row = FRAG::first_row(), col = FRAG::first_col();
    FC_UNROLL
    for (int a = 0; a < FRAG::mi; a++) {
        int m = row + a * FRAG::wm, y = m / W * GEOM::stride_h + dy, x = m % W * GEOM::stride_w + dx;
        FC_UNROLL
        for (int b = 0; b < FRAG::ni; b++) {
            FC_UNROLL
            for (int j = 0; j < 4; j += 2) {
                int k = col + b * FRAG::wn * 4 + j;
                if (row >= FRAG::wm || m >= FRAG::m || k >= TAPS::c) continue;
                float2 v = dw_pair<SRC, TAPS, GEOM>(src, taps, y, x, dc + k, k);
                frag.acc[a][b][j] += v.x;
                frag.acc[a][b][j + 1] += v.y;
            }
        }
    }
}

}
// ---- end fc_dw.cuh
