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
        FC_UNROLL
        for (int j = 0; j < run; j += 2) v[j / 2] = epi(ld2(src, h, w, c + j), h, w, c + j);
        put<TENSOR, VEC, run>(dst + TENSOR::offset(y0 + h, x0 + w, c0 + c), v, limit);
    }
}

// Accumulators of a window W pixels wide.
template <class FRAG, int W, class TENSOR, int VEC, class EPI>
FC_DEVICE void store_frag(typename TENSOR::type *dst, FRAG &frag, int y0, int x0, int c0, const EPI &epi)
{
    frag.each([&](int m, int k, float2 v) {
        int h = m / W, w = m % W, limit = least(FRAG::cpad, TENSOR::c - c0) - k;
        if (limit <= 0 || !TENSOR::inside(y0 + h, x0 + w)) return;
        v = epi(v, h, w, k);
        put<TENSOR, VEC, 2>(dst + TENSOR::offset(y0 + h, x0 + w, c0 + k), &v, limit);
    });
}

}
// ---- end fc_store.cuh
