// ---- begin fc_tile.cuh
// What the operations work on. Everything that is known when the text is printed is a template argument; an object carries only where the thing
// lies now. Sizes are in elements, pitches in bytes.
#pragma once
#include "fc_dev.cuh"

namespace fc {

FC_HD constexpr int div_up(int a, int b) { return (a + b - 1) / b; }
FC_HD constexpr int round_up(int a, int b) { return div_up(a, b) * b; }
FC_HD constexpr int least(int a, int b) { return a < b ? a : b; }
FC_HD constexpr int most(int a, int b) { return a > b ? a : b; }

template <class T> struct element;
template <> struct element<float> { static constexpr int bytes = 4, chunk = 4; };       // chunk: elements in 16 bytes
template <> struct element<half> { static constexpr int bytes = 2, chunk = 8; };

// A window of a tensor in shared memory, channels innermost.
//
//   p ─▶ row 0   pixel 0 | pixel 1 | …          pixel = CPAD channels, PITCH_W bytes from one to the next
//        row 1   ▲ PITCH_H bytes below          C of the CPAD channels belong to the window
//
// ROLL > 0 is a line buffer of ROLL rows: row h of the window lies in slot (row + h) mod ROLL. With SWZ_MASK, 16-byte chunk i of a pixel lies at
// chunk i ^ (((slot * W + w) >> SWZ_SHIFT) & SWZ_MASK).
template <class T, int H, int W, int C, int CPAD, int PITCH_W, int PITCH_H, int ROLL = 0, int SWZ_MASK = 0, int SWZ_SHIFT = 0>
struct tile {
    using type = T;
    static constexpr int h = H, w = W, c = C, cpad = CPAD, pitch_w = PITCH_W, pitch_h = PITCH_H, size = element<T>::bytes;
    static constexpr bool swizzled = SWZ_MASK != 0;
    static constexpr bool linear = ROLL == 0 && SWZ_MASK == 0 && PITCH_H == W * PITCH_W;        // pixel m of all rows lies at m * PITCH_W
    static_assert(CPAD % 2 == 0 && CPAD >= C, "channels are stored in pairs");

    char *p;
    int row = 0;

    FC_DEVICE int slot(int y) const
    {
        if constexpr (ROLL == 0) return y;
        else return (int)((unsigned)(row + y + 4 * ROLL) % (unsigned)ROLL);
    }
    FC_DEVICE char *pixel(int y, int x) const { return p + slot(y) * PITCH_H + x * PITCH_W; }
    // What a channel's byte offset is XORed with: whole chunks, so anything that stays inside 16 bytes may use it.
    FC_DEVICE int twist(int y, int x) const
    {
        if constexpr (SWZ_MASK == 0) return 0;
        else return (((slot(y) * W + x) >> SWZ_SHIFT) & SWZ_MASK) * 16;
    }
    FC_DEVICE char *at(int y, int x, int ch) const { return pixel(y, x) + ((ch * size) ^ twist(y, x)); }
};

// pw weights, a row of CPAD contraction channels per output channel: the B operand of mma.sync as it is. SWZ_MASK, SWZ_SHIFT: as in tile, by row.
template <class T, int K, int C, int CPAD, int PITCH, int SWZ_MASK = 0, int SWZ_SHIFT = 0> struct weights {
    using type = T;
    static constexpr int k = K, c = C, cpad = CPAD, pitch = PITCH, size = element<T>::bytes;
    static constexpr bool rows = true;
    static_assert((SWZ_MASK << SWZ_SHIFT) < 8, "the twist repeats every 8 rows: those that ldmatrix reads at once");
    const char *p;
    FC_DEVICE static int twist(int ko) { return ((ko >> SWZ_SHIFT) & SWZ_MASK) * 16; }
    FC_DEVICE const char *at(int ko, int ci) const { return p + ko * PITCH + ((ci * size) ^ twist(ko)); }
};

// pw weights in panels of PANEL output channels, contraction index outside: (ko, ci) is element ((ko / PANEL) * CPAD + ci) * PANEL + ko % PANEL.
template <class T, int K, int C, int CPAD, int PANEL> struct panels {
    using type = T;
    static constexpr int k = K, c = C, cpad = CPAD, panel = PANEL, size = element<T>::bytes;
    static constexpr bool rows = false;
    const char *p;
    FC_DEVICE const char *at(int ko, int ci) const { return p + ((ko / PANEL * CPAD + ci) * PANEL + ko % PANEL) * size; }
};

// dw weights: R x S taps, PITCH bytes from one to the next, each the C channels' weights (stored up to the next multiple of 8).
template <class T, int R, int S, int C, int PITCH> struct taps {
    using type = T;
    static constexpr int r = R, s = S, c = C, size = element<T>::bytes;
    const char *p;
    FC_DEVICE const char *at(int y, int x, int ch) const { return p + (y * S + x) * PITCH + ch * size; }
};

// One image in global memory, NHWC, dense. ID names its byte counter.
template <class T, int H, int W, int C, int ID> struct tensor {
    using type = T;
    static constexpr int h = H, w = W, c = C, id = ID, size = element<T>::bytes;
    FC_DEVICE static bool inside(int y, int x) { return (unsigned)y < (unsigned)H && (unsigned)x < (unsigned)W; }
    FC_DEVICE static int64_t offset(int y, int x, int ch) { return ((int64_t)y * W + x) * C + ch; }
};

template <class TENSOR> FC_DEVICE const typename TENSOR::type *image(const void *base, int64_t n)
{
    return static_cast<const typename TENSOR::type *>(base) + n * TENSOR::h * TENSOR::w * TENSOR::c;
}
template <class TENSOR> FC_DEVICE typename TENSOR::type *image(void *base, int64_t n)
{
    return static_cast<typename TENSOR::type *>(base) + n * TENSOR::h * TENSOR::w * TENSOR::c;
}

// Rows H0 … H1 - 1 and columns W0 … W1 - 1 of a destination window; it may reach past the window. Its pixels are numbered along the rows.
template <int H0, int H1, int W0, int W1> struct sub {
    static constexpr int h0 = H0, h1 = H1, w0 = W0, w1 = W1, h = H1 - H0, w = W1 - W0, pixels = h * w;
    FC_DEVICE static int row(int m) { return H0 + m / w; }
    FC_DEVICE static int col(int m) { return W0 + m % w; }
};

// Address and twist of the tile's pixel under pixel m of SUB, dy rows and dx columns away. A window as wide as the tile needs no division.
template <class SUB, class TILE> FC_DEVICE char *pixel_of(TILE t, int m, int dy, int dx)
{
    if constexpr (TILE::linear && SUB::w == TILE::w) return t.p + ((SUB::h0 + dy) * TILE::w + SUB::w0 + dx + m) * TILE::pitch_w;
    else return t.pixel(SUB::row(m) + dy, SUB::col(m) + dx);
}
template <class SUB, class TILE> FC_DEVICE int twist_of(TILE t, int m, int dy, int dx)
{
    if constexpr (TILE::swizzled) return t.twist(SUB::row(m) + dy, SUB::col(m) + dx);
    else return 0;
}

// Is the pixel of the destination (its row 0, column 0 at y0, x0) one of the H x W tensor's? Others store 0, never epilogue(0).
template <int H, int W> struct mask {
    int y0, x0;
    FC_DEVICE bool operator()(int y, int x) const { return (unsigned)(y0 + y) < (unsigned)H && (unsigned)(x0 + x) < (unsigned)W; }
};
struct no_mask {
    FC_DEVICE bool operator()(int, int) const { return true; }
};

template <int STRIDE_H, int STRIDE_W, int DIL_H, int DIL_W, int MULT> struct geom {
    static constexpr int stride_h = STRIDE_H, stride_w = STRIDE_W, dil_h = DIL_H, dil_w = DIL_W, mult = MULT;
};

// ---- elements as pairs and fours of f32 ----
struct float4_t { float v[4]; };

template <class T> FC_DEVICE float load1(const char *p)
{
    if constexpr (element<T>::bytes == 4) return *reinterpret_cast<const float *>(p);
    else return to_float(*reinterpret_cast<const half *>(p));
}
template <class T> FC_DEVICE float2 load2(const char *p)
{
    if constexpr (element<T>::bytes == 4) {
        uint2 v = *reinterpret_cast<const uint2 *>(p);
        return pair(from_bits(v.x), from_bits(v.y));
    } else {
        return unpack(*reinterpret_cast<const uint32_t *>(p));
    }
}
template <class T> FC_DEVICE float4_t load4(const char *p)
{
    if constexpr (element<T>::bytes == 4) {
        uint4 v = *reinterpret_cast<const uint4 *>(p);
        return { { from_bits(v.x), from_bits(v.y), from_bits(v.z), from_bits(v.w) } };
    } else {
        uint2 v = *reinterpret_cast<const uint2 *>(p);
        float2 a = unpack(v.x), b = unpack(v.y);
        return { { a.x, a.y, b.x, b.y } };
    }
}
template <class T> FC_DEVICE void store2(char *p, float2 v)
{
    if constexpr (element<T>::bytes == 4) *reinterpret_cast<uint2 *>(p) = uint2{ bits(v.x), bits(v.y) };
    else *reinterpret_cast<uint32_t *>(p) = pack(v);
}
template <class T> FC_DEVICE void store4(char *p, float2 a, float2 b)
{
    if constexpr (element<T>::bytes == 4) *reinterpret_cast<uint4 *>(p) = uint4{ bits(a.x), bits(a.y), bits(b.x), bits(b.y) };
    else *reinterpret_cast<uint2 *>(p) = uint2{ pack(a), pack(b) };
}

// V neighbouring channels, 4 or 8, as f32, in 16-byte accesses where they are that wide.
template <class T, int V> FC_DEVICE void load_run(float (&v)[V], const char *p)
{
    if constexpr (element<T>::bytes == 2 && V == 8) {
        uint4 u = *reinterpret_cast<const uint4 *>(p);
        float2 a = unpack(u.x), b = unpack(u.y), c = unpack(u.z), d = unpack(u.w);
        v[0] = a.x, v[1] = a.y, v[2] = b.x, v[3] = b.y, v[4] = c.x, v[5] = c.y, v[6] = d.x, v[7] = d.y;
    } else {
        FC_UNROLL
        for (int i = 0; i < V; i += 4) {
            float4_t f = load4<T>(p + i * element<T>::bytes);
            v[i] = f.v[0], v[i + 1] = f.v[1], v[i + 2] = f.v[2], v[i + 3] = f.v[3];
        }
    }
}
template <class T, int V> FC_DEVICE void store_run(char *p, const float2 (&v)[V / 2])
{
    if constexpr (element<T>::bytes == 2 && V == 8) {
        *reinterpret_cast<uint4 *>(p) = uint4{ pack(v[0]), pack(v[1]), pack(v[2]), pack(v[3]) };
    } else {
        FC_UNROLL
        for (int i = 0; i < V / 2; i += 2) store4<T>(p + i * 2 * element<T>::bytes, v[i], v[i + 1]);
    }
}

// Channels c, c + 1 (c even) of an epilogue vector, of a tile, of a tensor in place (0 outside it; what it reads is counted).
FC_DEVICE float2 ld2(const float *p, int c) { return load2<float>(reinterpret_cast<const char *>(p + c)); }

template <class T, int... A> FC_DEVICE float2 ld2(tile<T, A...> t, int h, int w, int c) { return load2<T>(t.at(h, w, c)); }

template <class TENSOR> FC_DEVICE float2 ld2_global(const typename TENSOR::type *p, int y, int x, int c)
{
    using T = typename TENSOR::type;
    constexpr int size = element<T>::bytes;
    if (!TENSOR::inside(y, x) || (unsigned)c >= (unsigned)TENSOR::c) return pair(0, 0);
    const T *at = p + TENSOR::offset(y, x, c);
    if constexpr (TENSOR::c % 2 == 0) {                     // then a pair is never torn, and always aligned
        auto v = ldg<2 * size>(at, TENSOR::id);
        return load2<T>(reinterpret_cast<const char *>(&v));
    } else {
        auto v = ldg<size>(at, TENSOR::id), u = v;
        if (c + 1 < TENSOR::c) u = ldg<size>(at + 1, TENSOR::id);
        float second = load1<T>(reinterpret_cast<const char *>(&u));
        return pair(load1<T>(reinterpret_cast<const char *>(&v)), c + 1 < TENSOR::c ? second : 0);
    }
}

}
// ---- end fc_tile.cuh
