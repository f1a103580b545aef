// ---- begin fc_store.cuh
// Results to global memory, through an epilogue, clipped to the tensor.
#pragma once
#include "fc_frag.cuh"

namespace fc {

// N channels c … of a pixel, as f32 pairs, to memory in accesses of at most VEC bytes; N * size is VEC, or a pair of channels where VEC is less.
template <class TENSOR, int VEC, int N> FC_DEVICE void put(typename TENSOR::type *p, const float2 *v, int limit)
{
    using T = typename TENSOR::type;
    constexpr int size = TENSOR::size;
    alignas(16) char bytes[N * size < 16 ? 16 : N * size];
    FC_UNROLL
    for (int i = 0; i < N / 2; i++) store2<T>(bytes + i * 2 * size, v[i]);
    constexpr int access = least(VEC, N * size), step = access / size;
    FC_UNROLL
    for (int i = 0; i < N; i += step)
        if (i < limit) stg<access>(p + i, *reinterpret_cast<typename raw<access>::type *>(bytes + i * size), TENSOR::id);
}

// Rows and columns SUB of the tile to (y0 + h, x0 + w, c0 + c). Thread t takes the accesses t, t + threads, … as copy does.
template <class TILE, class SUB, class TENSOR, int VEC, class EPI>
FC_DEVICE void store(typename TENSOR::type *dst, TILE src, int y0, int x0, int c0, const EPI &epi)
{
    constexpr int run = most(VEC / TENSOR::size, 2), per_pixel = div_up(TILE::c, run), total = SUB::pixels * per_pixel;
    for (int i = thread(); i < total; i += threads()) {
        int m = i / per_pixel, c = i % per_pixel * run, h = SUB::row(m), w = SUB::col(m);
        int limit = least(TILE::c, TENSOR::c - c0) - c;
        if (limit <= 0 || !TENSOR::inside(y0 + h, x0 + w)) continue;
        float2 v[run / 2];
        if constexpr (run >= 4 && round_up(TILE::c, run) <= TILE::cpad && (run * TILE::size <= 16 || !TILE::swizzled)) {
            float f[run];
            load_run<typename TILE::type>(f, src.at(h, w, c));
            FC_UNROLL
            for (int j = 0; j < run; j += 2) v[j / 2] = epi(pair(f[j], f[j + 1]), h, w, c + j);
        } else {
            FC_UNROLL
            for (int j = 0; j < run; j += 2) v[j / 2] = epi(ld2(src, h, w, c + j), h, w, c + j);
        }
        put<TENSOR, VEC, run>(dst + TENSOR::offset(y0 + h, x0 + w, c0 + c), v, limit);
    }
}

// The four lanes q of a row hold words (pairs of f16) q of N neighbouring 8-channel tiles. Afterwards N = 2: lane q holds two words of tile
// q % 2, from word q / 2 * 2 on; N = 4: all four of tile q. So what leaves in one access is 8 or 16 bytes, and a row's accesses touch.
//
//   lane   0    1    2    3               0     1     2     3                 0       1       2       3
//        a0   a1   a2   a3     xor 1     a0a1  b0b1  a2a3  b2b3     xor 2     a0-a3   b0-b3   c0-c3   d0-d3
//        b0   b1   b2   b3    ──────▶    c0c1  d0d1  c2c3  d2d3    ──────▶
FC_DEVICE void quad_swap(uint32_t &a, uint32_t &b, bool odd)
{
    uint32_t got = shuffle_xor(odd ? a : b, 1), mine = odd ? b : a;
    a = odd ? got : mine;
    b = odd ? mine : got;
}
FC_DEVICE void quad_transpose(uint32_t (&w)[2], int q) { quad_swap(w[0], w[1], q % 2 != 0); }
FC_DEVICE void quad_transpose(uint32_t (&w)[4], int q)
{
    quad_swap(w[0], w[1], q % 2 != 0);
    quad_swap(w[2], w[3], q % 2 != 0);
    FC_UNROLL
    for (int i = 0; i < 2; i++) {
        uint32_t got = shuffle_xor(q < 2 ? w[i + 2] : w[i], 2), mine = q < 2 ? w[i] : w[i + 2];
        w[i] = q < 2 ? mine : got;
        w[i + 2] = q < 2 ? got : mine;
    }
}

// Tiles b … b + N - 1 of one row of accumulators: registers r, r + 1 of acc. k0 is the channel of tile 0, limit the channels that exist.
template <class TENSOR, int N, int NI, class EPI>
FC_DEVICE void put_tiles(typename TENSOR::type *p, const float (&acc)[NI][4], int r, int b, bool on, int h, int w, int k0, int limit,
                         const EPI &epi)
{
    const int q = thread() % 4;
    uint32_t words[N];
    FC_UNROLL
    for (int i = 0; i < N; i++) {
        int k = k0 + (b + i) * 8 + q * 2;
        words[i] = on && k < limit ? pack(epi(pair(acc[b + i][r], acc[b + i][r + 1]), h, w, k)) : 0;
    }
    int k = k0 + b * 8 + q * 2;
    if constexpr (N > 1) {
        quad_transpose(words, q);
        k = k0 + b * 8 + (N == 4 ? q * 8 : q % 2 * 8 + q / 2 * 4);
    }
    using V = typename raw<N * 4>::type;
    V v;
    if constexpr (N == 4) v = V{ words[0], words[1], words[2], words[3] };
    else if constexpr (N == 2) v = V{ words[0], words[1] };
    else v = words[0];
    if (on && k < limit) stg<N * 4>(p + k, v, TENSOR::id);
}

// Accumulators of a window W pixels wide. Those of tensor cores leave in 16 or 8 bytes where VEC allows, after an exchange among the lanes of a row.
template <class FRAG, int W, class TENSOR, int VEC, class EPI>
FC_DEVICE void store_frag(typename TENSOR::type *dst, FRAG &frag, int y0, int x0, int c0, const EPI &epi)
{
    if constexpr (FRAG::tensor_cores && TENSOR::size == 2 && VEC >= 8) {
        constexpr int NI = FRAG::ni, fours = VEC >= 16 ? NI / 4 * 4 : 0, twos = fours + (NI - fours) / 2 * 2;
        const int row = FRAG::first_row() + frag_c(thread() % 32, 0).row, col = FRAG::first_col(), limit = least(FRAG::cpad, TENSOR::c - c0);
        FC_UNROLL
        for (int i = 0; i < FRAG::mi * 2; i++) {            // lanes of one row stay together: the exchange needs all 32
            int m = row + i * 8, h = m / W, w = m % W, r = i % 2 * 2;
            bool on = m < FRAG::m && FRAG::warp() < FRAG::wm * FRAG::wn && TENSOR::inside(y0 + h, x0 + w);
            typename TENSOR::type *p = on ? dst + TENSOR::offset(y0 + h, x0 + w, c0) : dst;
            FC_UNROLL
            for (int b = 0; b < fours; b += 4) put_tiles<TENSOR, 4>(p, frag.acc[i / 2], r, b, on, h, w, col, limit, epi);
            FC_UNROLL
            for (int b = fours; b < twos; b += 2) put_tiles<TENSOR, 2>(p, frag.acc[i / 2], r, b, on, h, w, col, limit, epi);
            if constexpr (twos < NI) put_tiles<TENSOR, 1>(p, frag.acc[i / 2], r, twos, on, h, w, col, limit, epi);
        }
    } else {
        frag.each([&](int m, int k, float2 v) {
            int h = m / W, w = m % W, limit = least(FRAG::cpad, TENSOR::c - c0) - k;
            if (limit <= 0 || !TENSOR::inside(y0 + h, x0 + w)) return;
            v = epi(v, h, w, k);
            put<TENSOR, VEC, 2>(dst + TENSOR::offset(y0 + h, x0 + w, c0 + k), &v, limit);
        });
    }
}

}
// ---- end fc_store.cuh
