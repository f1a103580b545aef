// ---- begin fc_dw.cuh
// Depthwise convolution of a tile:
//     dst(h, w, k0 + k) = epilogue(Σ_rs src(h*stride + r*dil + dy, w*stride + s*dil + dx, (dc + k) / mult) * taps(r, s, k))
// dy, dx, dc are differences of the windows' origins; the halo is part of the source window, so no tap is ever outside it. Channels are
// written up to the next multiple of 8. Accumulation is f32, taps in the order r, s.
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

// One row of taps over one row of the source: ITEM_W neighbouring outputs, V channels. Each source pixel is read once and serves every output
// whose window it is in:
//
//   source columns   x0 . . . . .          stride 1, 3 taps, ITEM_W 4: six loads of 16 bytes for 12 * V multiply-adds
//   output 0         a b c
//   output 1           a b c               last: the last column that any output needs; a ragged item reads that one again instead of going on
//   output 2             a b c
//   output 3               a b c
template <int ITEM_W, int V, bool RAGGED, class SRC, class TAPS, class GEOM>
FC_DEVICE void dw_row(float (&acc)[ITEM_W][V], SRC src, TAPS taps, int r, int y, int x0, int last, int c, int k)
{
    constexpr int span = (ITEM_W - 1) * GEOM::stride_w + (TAPS::s - 1) * GEOM::dil_w + 1;
    float t[TAPS::s][V];
    FC_UNROLL
    for (int s = 0; s < TAPS::s; s++) load_run<typename TAPS::type>(t[s], taps.at(r, s, k));
    const char *row = src.pixel(y, x0);
    FC_UNROLL
    for (int x = 0; x < span; x++) {
        int at = RAGGED ? least(x, last - x0) : x;
        float v[V];
        load_run<typename SRC::type>(v, row + at * SRC::pitch_w + ((c * SRC::size) ^ src.twist(y, x0 + at)));
        FC_UNROLL
        for (int s = 0; s < TAPS::s; s++) {
            int first = x - s * GEOM::dil_w, o = first / GEOM::stride_w;
            if (first < 0 || first % GEOM::stride_w != 0 || o >= ITEM_W) continue;
            FC_UNROLL
            for (int j = 0; j < V; j++) acc[o][j] += v[j] * t[s][j];
        }
    }
}

// A thread computes ITEM_W neighbouring pixels of one 16-byte chunk of channels; lanes run over the chunks, then along the row, then down.
template <class DST, class SUB, class SRC, class TAPS, class GEOM, int ITEM_W, class MASK, class EPI>
FC_DEVICE void dw_window(DST dst, SRC src, TAPS taps, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    static_assert(GEOM::mult == 1, "the window form has one output channel an input channel");
    constexpr int V = element<typename SRC::type>::chunk, chunks = round_up(TAPS::c, 8) / V, cols = div_up(SUB::w, ITEM_W);
    static_assert(V * DST::size <= 16 || !DST::swizzled, "what a thread stores at once stays inside one chunk");
    constexpr bool ragged = SUB::w % ITEM_W != 0;
    for (int i = thread(); i < chunks * cols * SUB::h; i += threads()) {
        int k = i % chunks * V, h = SUB::h0 + i / chunks / cols, w = SUB::w0 + i / chunks % cols * ITEM_W;
        int y = h * GEOM::stride_h + dy, x = w * GEOM::stride_w + dx, last = (SUB::w1 - 1) * GEOM::stride_w + dx + (TAPS::s - 1) * GEOM::dil_w;
        float acc[ITEM_W][V] = {};
        FC_SEQ
        for (int r = 0; r < TAPS::r; r++) dw_row<ITEM_W, V, ragged, SRC, TAPS, GEOM>(acc, src, taps, r, y + r * GEOM::dil_h, x, last, dc + k, k);
        FC_UNROLL
        for (int o = 0; o < ITEM_W; o++) {
            if (ragged && w + o >= SUB::w1) continue;
            bool on = mask(h, w + o);
            float2 v[V / 2];
            FC_UNROLL
            for (int j = 0; j < V; j += 2) v[j / 2] = on ? epi(pair(acc[o][j], acc[o][j + 1]), h, w + o, k0 + k + j) : pair(0, 0);
            store_run<typename DST::type, V>(dst.at(h, w + o, k0 + k), v);
        }
    }
}

// One row of source pixels v times one row of taps t.
template <int ITEM_W, class GEOM, int SPAN, int S> FC_DEVICE void dw_slide_row(float2 (&acc)[ITEM_W], const float2 (&v)[SPAN], const float2 (&t)[S])
{
    FC_UNROLL
    for (int o = 0; o < ITEM_W; o++) {
        FC_UNROLL
        for (int s = 0; s < S; s++) {
            float2 x = v[o * GEOM::stride_w + s * GEOM::dil_w];
            acc[o].x += x.x * t[s].x;
            acc[o].y += x.y * t[s].y;
        }
    }
}

// A thread computes ITEM_H x ITEM_W neighbouring pixels of two channels, going down: each row of the source is read once and serves every
// output row whose window it is in; a row of outputs leaves when its last row of taps is done. All is unrolled, so only the sums of rows that
// are under way hold registers (arXiv 2404.03617's circular accumulators, without their index):
//
//   source row 0   r0                    stride 1, 3 taps: sums of three rows of outputs are alive
//   source row 1   r1 r0
//   source row 2   r2 r1 r0              output row 0 leaves
//   source row 3      r2 r1 r0           output row 1 leaves
template <class DST, class SUB, class SRC, class TAPS, class GEOM, int ITEM_H, int ITEM_W, class MASK, class EPI>
FC_DEVICE void dw_slide(DST dst, SRC src, TAPS taps, int dy, int dx, int dc, int k0, MASK mask, const EPI &epi)
{
    static_assert(GEOM::mult == 1, "the sliding form has one output channel an input channel");
    constexpr int pairs = round_up(TAPS::c, 8) / 2, cols = div_up(SUB::w, ITEM_W), bands = div_up(SUB::h, ITEM_H);
    constexpr int reach_h = (TAPS::r - 1) * GEOM::dil_h, reach_w = (TAPS::s - 1) * GEOM::dil_w, span = (ITEM_W - 1) * GEOM::stride_w + reach_w + 1;
    constexpr bool ragged_h = SUB::h % ITEM_H != 0, ragged_w = SUB::w % ITEM_W != 0;
    for (int i = thread(); i < pairs * cols * bands; i += threads()) {
        const int k = i % pairs * 2, h = SUB::h0 + i / pairs / cols * ITEM_H, w = SUB::w0 + i / pairs % cols * ITEM_W;
        const int y = h * GEOM::stride_h + dy, x = w * GEOM::stride_w + dx;
        const int last_y = (SUB::h1 - 1) * GEOM::stride_h + dy + reach_h, last_x = (SUB::w1 - 1) * GEOM::stride_w + dx + reach_w;
        float2 t[TAPS::r][TAPS::s], acc[ITEM_H][ITEM_W] = {};
        FC_UNROLL
        for (int r = 0; r < TAPS::r; r++) {
            FC_UNROLL
            for (int s = 0; s < TAPS::s; s++) t[r][s] = load2<typename TAPS::type>(taps.at(r, s, k));
        }
        FC_UNROLL
        for (int d = 0; d <= (ITEM_H - 1) * GEOM::stride_h + reach_h; d++) {
            const int row = ragged_h ? least(y + d, last_y) : y + d;        // a ragged item reads the last row again instead of going on
            const char *pixel = src.pixel(row, x);
            float2 v[span];
            FC_UNROLL
            for (int p = 0; p < span; p++) {
                int at = ragged_w ? least(p, last_x - x) : p;
                v[p] = load2<typename SRC::type>(pixel + at * SRC::pitch_w + (((dc + k) * SRC::size) ^ src.twist(row, x + at)));
            }
            FC_UNROLL
            for (int r = 0; r < TAPS::r; r++) {
                int first = d - r * GEOM::dil_h, o = first / GEOM::stride_h;
                if (first >= 0 && first % GEOM::stride_h == 0 && o < ITEM_H) dw_slide_row<ITEM_W, GEOM>(acc[o], v, t[r]);
            }
            int done = d - reach_h, o = done / GEOM::stride_h;
            if (done < 0 || done % GEOM::stride_h != 0 || (ragged_h && h + o >= SUB::h1)) continue;
            FC_UNROLL
            for (int q = 0; q < ITEM_W; q++) {
                if (ragged_w && w + q >= SUB::w1) continue;
                float2 u = mask(h + o, w + q) ? epi(acc[o][q], h + o, w + q, k0 + k) : pair(0, 0);
                store2<typename DST::type>(dst.at(h + o, w + q, k0 + k), u);
            }
        }
    }
}

}
// ---- end fc_dw.cuh
