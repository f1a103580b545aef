// ---- begin fc_lanes.cuh
// Where the elements of an mma.sync fragment lie: the only statement of it. The device's epilogues ask it which element a register holds; the
// emulator's ldmatrix and mma scatter and gather by it.
//
//   lane l = 4 g + q (g 0…7, q 0…3); every 32-bit register of A and B holds two f16, `half` says which
//
//   A 16 x 16   reg 0 (g, 2q)   reg 1 (g+8, 2q)   reg 2 (g, 2q+8)   reg 3 (g+8, 2q+8)        m16n8k8 has registers 0 and 1 only
//   B 16 x 8    reg 0 (k = 2q, g)   reg 1 (k = 2q+8, g)                                      m16n8k8 has register 0 only
//   C 16 x 8    reg 0 (g, 2q)   reg 1 (g, 2q+1)   reg 2 (g+8, 2q)   reg 3 (g+8, 2q+1)        one f32 each
#pragma once

#ifdef __CUDACC__
#define FC_HD __host__ __device__ __forceinline__
#else
#define FC_HD inline
#endif

namespace fc {

struct frag_place { int row, col; };

FC_HD constexpr frag_place frag_a(int lane, int reg, int half) { return { lane / 4 + reg % 2 * 8, lane % 4 * 2 + reg / 2 * 8 + half }; }
FC_HD constexpr frag_place frag_b(int lane, int reg, int half) { return { lane % 4 * 2 + reg * 8 + half, lane / 4 }; }
FC_HD constexpr frag_place frag_c(int lane, int reg) { return { lane / 4 + reg / 2 * 8, lane % 4 * 2 + reg % 2 }; }

// ldmatrix: an 8x8 matrix of f16; word (two elements) `word` of row `row` goes to this lane. Transposed: lane l gets (2q, g) and (2q+1, g).
FC_HD constexpr int ldmatrix_lane(int row, int word) { return row * 4 + word; }

}
// ---- end fc_lanes.cuh
