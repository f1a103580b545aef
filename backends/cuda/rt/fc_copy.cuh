// ---- begin fc_copy.cuh
// Global to shared memory: windows of tensors with their halo, and runs of packed weights.
#pragma once
#include "fc_tile.cuh"

namespace fc {

// VEC bytes, asynchronously where the hardware can; zeros when !inside.
template <int VEC, bool ASYNC> FC_DEVICE void move(char *dst, const void *src, bool inside, int id)
{
    if constexpr (ASYNC && VEC >= 4) {
        cp_async<VEC>(dst, src, inside, id);
    } else {
        using V = typename raw<VEC>::type;
        V v = {};
        if (inside) v = ldg<VEC>(src, id);
        *reinterpret_cast<V *>(dst) = v;
    }
}

// Rows and columns SUB of the tile, from absolute position (y0 + h, x0 + w, c0 + c).
//
//        x0+W0
//   y0+H0  0 0 0 0 0 0 0        pixels outside the tensor are 0, and so are channels beyond it or beyond the window, up to cpad
//          0 ┌──────────        thread t moves the accesses t, t + threads, … of   pixel 0: VEC bytes, VEC bytes, … | pixel 1: …
//          0 │ tensor           so that a warp reads consecutive addresses
//
// VEC divides every pixel's run and start, hence an access lies inside the tensor or outside, never across.
template <class TILE, class SUB, class TENSOR, int VEC, bool ASYNC>
FC_DEVICE void copy(TILE dst, const typename TENSOR::type *src, int y0, int x0, int c0)
{
    constexpr int size = TILE::size, run = VEC / size, per_pixel = TILE::cpad / run, total = SUB::pixels * per_pixel;
    static_assert(size == TENSOR::size, "a copy does not convert");
    static_assert(VEC >= size && TILE::cpad % run == 0, "an access is whole channels, a pixel whole accesses");
    for (int i = thread(); i < total; i += threads()) {
        int m = i / per_pixel, c = i % per_pixel * run, h = SUB::row(m), w = SUB::col(m);
        bool inside = TENSOR::inside(y0 + h, x0 + w) && c < TILE::c && c0 + c < TENSOR::c;
        const void *from = inside ? src + TENSOR::offset(y0 + h, x0 + w, c0 + c) : src;
        move<VEC, ASYNC>(dst.at(h, w, c), from, inside, TENSOR::id);
    }
}

// One run of BYTES bytes; both ends 16-byte aligned.
template <int BYTES, bool ASYNC> FC_DEVICE void copy_bytes(char *dst, const void *src)
{
    static_assert(BYTES % 16 == 0, "runs are whole 16-byte accesses");
    const char *from = static_cast<const char *>(src);
    for (int i = thread() * 16; i < BYTES; i += threads() * 16) move<16, ASYNC>(dst + i, from + i, true, -1);
}

}
// ---- end fc_copy.cuh
