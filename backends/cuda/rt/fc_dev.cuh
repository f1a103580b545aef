// ---- begin fc_dev.cuh
// The two faces of the kernels' text. Under nvcc every name is an intrinsic or inline PTX; under a host compiler (g++ >= 12, C++17,
// -fno-strict-aliasing) it is a call into the emulator, which runs one fiber per CUDA thread. Nothing else in the generated text knows which.
//
//   what                                   device                          host
//   kernel, launch                         FC_KERNEL, FCM_LAUNCH           static function, fc_emu_launch
//   shared memory                          FC_SMEM(name)                   the block's guarded arena
//   barrier, copies, waits                 FC_SYNC, FC_COMMIT, FC_WAIT     counted, checked by source line
//   global memory                          ldg, stg, cp_async              bounds checked, bytes counted per buffer
//   warp operations                        shuffle, ldmatrix, mma          rendezvous of 32 fibers
#pragma once
#include "fc_lanes.cuh"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>
#define FC_DEVICE __device__ __forceinline__
#define FC_KERNEL(name, threads, ctas) extern "C" __global__ void __launch_bounds__(threads, ctas) name
#define FC_SMEM(name) extern __shared__ __align__(128) char name[]
#define FC_BLOCK() ((int)blockIdx.x)
#define FC_SYNC() __syncthreads()
#define FC_COMMIT() fc::cp_async_commit()
#define FC_WAIT(n) fc::cp_async_wait<n>()
#define FC_SEQ _Pragma("unroll 1")
#define FC_UNROLL _Pragma("unroll")
#define FC_NOTE(kernel, arch, threads, ctas, smem, source)
#define FC_BUFFER(id, base, bytes) ((void)0)
#define FC_COUNT_READ(id, bytes) ((void)0)
#else
#include "fc_emu.h"
#include <math.h>
#include <string.h>
#define FC_DEVICE inline
#define FC_KERNEL(name, threads, ctas) static void name
#define FC_SMEM(name) char *const name = fc_emu_shared()
#define FC_BLOCK() fc_emu_block()
#define FC_SYNC() fc_emu_sync(__LINE__)
#define FC_COMMIT() fc_emu_commit()
#define FC_WAIT(n) fc_emu_wait(n)
#define FC_SEQ
#define FC_UNROLL
#define FC_NOTE(kernel, arch, threads, ctas, smem, source) \
    [[maybe_unused]] static const int fc_note_##kernel = fc_emu_note(#kernel, arch, threads, ctas, smem, source);
#define FC_BUFFER(id, base, bytes) fc_emu_buffer(id, base, bytes)
#define FC_COUNT_READ(id, bytes) fc_emu_count_read(id, bytes)
struct float2 { float x, y; };
struct alignas(8) uint2 { uint32_t x, y; };
struct alignas(16) uint4 { uint32_t x, y, z, w; };
typedef struct CUstream_st *cudaStream_t;
#endif

#ifdef FCM_EXACT
#define FC_CONSTANT(real, exact) ((float)(exact))
#else
#define FC_CONSTANT(real, exact) ((float)(real))
#endif

namespace fc {

// What one access of BYTES bytes moves: raw<16>::type is uint4, … The pieces of a tile are copied as these, without looking inside.
template <int BYTES> struct raw;
template <> struct raw<2> { using type = uint16_t; };
template <> struct raw<4> { using type = uint32_t; };
template <> struct raw<8> { using type = uint2; };
template <> struct raw<16> { using type = uint4; };

#ifdef __CUDACC__
// ============================================================ device
using half = __half;

FC_DEVICE float2 pair(float x, float y) { return make_float2(x, y); }
FC_DEVICE int thread() { return (int)threadIdx.x; }
FC_DEVICE int threads() { return (int)blockDim.x; }
FC_DEVICE float to_float(half v) { return __half2float(v); }
FC_DEVICE half to_half(float v) { return __float2half_rn(v); }
FC_DEVICE float2 unpack(uint32_t v) { return __half22float2(*reinterpret_cast<__half2 *>(&v)); }        // two f16, low first
FC_DEVICE uint32_t pack(float2 v)
{
    __half2 h = __floats2half2_rn(v.x, v.y);
    return *reinterpret_cast<uint32_t *>(&h);
}
FC_DEVICE uint32_t bits(float v) { return __float_as_uint(v); }
FC_DEVICE float from_bits(uint32_t v) { return __uint_as_float(v); }

template <int VEC> FC_DEVICE typename raw<VEC>::type ldg(const void *p, int)
{
    return __ldg(static_cast<const typename raw<VEC>::type *>(p));
}
template <int VEC> FC_DEVICE void stg(void *p, typename raw<VEC>::type v, int) { *static_cast<typename raw<VEC>::type *>(p) = v; }

FC_DEVICE uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

// VEC bytes from global to shared memory; zeros when !inside (then src is not read, but must be a valid address all the same).
template <int VEC> FC_DEVICE void cp_async(void *dst, const void *src, bool inside, int)
{
#if __CUDA_ARCH__ >= 800
    int bytes = inside ? VEC : 0;
    if constexpr (VEC == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(dst)), "l"(src), "r"(bytes) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(dst)), "l"(src), "n"(VEC), "r"(bytes) : "memory");
#else
    typename raw<VEC>::type v = {};
    if (inside) v = ldg<VEC>(src, 0);
    *static_cast<typename raw<VEC>::type *>(dst) = v;
#endif
}
FC_DEVICE void cp_async_commit()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
template <int N> FC_DEVICE void cp_async_wait()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

FC_DEVICE uint32_t shuffle_xor(uint32_t v, int mask) { return __shfl_xor_sync(0xFFFFFFFFu, v, mask); }
FC_DEVICE uint32_t shuffle_down(uint32_t v, int by) { return __shfl_down_sync(0xFFFFFFFFu, v, by); }
FC_DEVICE uint32_t shuffle_up(uint32_t v, int by) { return __shfl_up_sync(0xFFFFFFFFu, v, by); }
FC_DEVICE uint32_t shuffle(uint32_t v, int lane) { return __shfl_sync(0xFFFFFFFFu, v, lane); }
FC_DEVICE void sync_warp() { __syncwarp(); }

// Row r of matrix i (8 f16, 16-byte aligned) lies at the address that lane 8 i + r gives.
FC_DEVICE void ldmatrix_x4(uint32_t (&d)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared_address(row)) : "memory");
}
FC_DEVICE void ldmatrix_x2(uint32_t (&d)[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(d[0]), "=r"(d[1]) : "r"(shared_address(row)) : "memory");
}
FC_DEVICE void ldmatrix_x4_trans(uint32_t (&d)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared_address(row)) : "memory");
}
FC_DEVICE void ldmatrix_x2_trans(uint32_t (&d)[2], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(d[0]), "=r"(d[1]) : "r"(shared_address(row)) : "memory");
}

// d += a b; the lane maps are those of fc_lanes.cuh.
FC_DEVICE void mma_1688(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a0), "r"(a1), "r"(b));
}
FC_DEVICE void mma_16816(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    mma_1688(d, a[0], a[1], b0);
    mma_1688(d, a[2], a[3], b1);
#endif
}

// 0 or the cudaError_t. Above 48 KB a kernel must ask for its shared memory.
template <class... P, class... A>
int launch(void (*kernel)(P...), long long blocks, int threads, size_t smem, cudaStream_t stream, A... args)
{
    if (blocks == 0) return 0;
    if (blocks < 0 || blocks > 0x7FFFFFFF) return (int)cudaErrorInvalidConfiguration;
    if (smem > 48 * 1024) {
        cudaError_t e = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)smem);
        if (e != cudaSuccess) return (int)e;
    }
    kernel<<<(unsigned)blocks, (unsigned)threads, smem, stream>>>(args...);
    return (int)cudaGetLastError();
}
#define FCM_LAUNCH(kernel, blocks, threads, smem, stream, ...) fc::launch(kernel, blocks, threads, smem, stream, __VA_ARGS__)

inline int device_attribute(cudaDeviceAttr what)
{
    int device = 0, value = 0;
    cudaError_t e = cudaGetDevice(&device);
    if (e == cudaSuccess) e = cudaDeviceGetAttribute(&value, what, device);
    return e == cudaSuccess ? value : -(int)e;
}
inline int device_arch()
{
    int major = device_attribute(cudaDevAttrComputeCapabilityMajor), minor = device_attribute(cudaDevAttrComputeCapabilityMinor);
    return major < 0 ? major : minor < 0 ? minor : major * 10 + minor;
}
inline int device_smem() { return device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin); }
inline const char *error_string(int code) { return cudaGetErrorString((cudaError_t)code); }

#else
// ============================================================ host
struct half { uint16_t bits; };

inline float2 pair(float x, float y) { return { x, y }; }
inline int thread() { return fc_emu_thread(); }
inline int threads() { return fc_emu_threads(); }
inline uint32_t bits(float v)
{
    uint32_t b;
    memcpy(&b, &v, 4);
    return b;
}
inline float from_bits(uint32_t b)
{
    float v;
    memcpy(&v, &b, 4);
    return v;
}
inline float to_float(half h)
{
    float v = from_bits((uint32_t)(h.bits & 0x7FFF) << 13) * 0x1p112f;         // exponents' biases differ by 112; normalises subnormals too
    uint32_t b = (h.bits & 0x7C00) == 0x7C00 ? 0x7F800000u | (uint32_t)(h.bits & 0x3FF) << 13 : bits(v);
    return from_bits(b | (uint32_t)(h.bits & 0x8000) << 16);
}
inline half to_half(float v)                                                   // round to nearest, ties to even
{
    uint32_t b = bits(v), sign = b >> 16 & 0x8000;
    b &= 0x7FFFFFFF;
    if (b > 0x7F800000) return { (uint16_t)(sign | 0x7E00) };                  // NaN
    if (b >= 0x47800000) return { (uint16_t)(sign | 0x7C00) };                 // 65536 and more, infinity
    if (b < 0x38800000) {                                                      // subnormal: the sum with 0.5 rounds at 2^-24
        float r = from_bits(b) + 0.5f;
        return { (uint16_t)(sign | (bits(r) - bits(0.5f))) };
    }
    b += 0xFFF + (b >> 13 & 1) - (112u << 23);
    return { (uint16_t)(sign | b >> 13) };
}
inline float2 unpack(uint32_t v) { return { to_float({ (uint16_t)v }), to_float({ (uint16_t)(v >> 16) }) }; }
inline uint32_t pack(float2 v) { return to_half(v.x).bits | (uint32_t)to_half(v.y).bits << 16; }

// id: the tensor's counter, < 0 = found by address. The emulator checks and counts; a refused access reads NaN and writes nothing.
template <int VEC> inline typename raw<VEC>::type ldg(const void *p, int id)
{
    typename raw<VEC>::type v;
    if (fc_emu_global(p, VEC, id, 0)) __builtin_memcpy(&v, p, VEC);
    else __builtin_memset(&v, 0xFF, VEC);
    return v;
}
template <int VEC> inline void stg(void *p, typename raw<VEC>::type v, int id)
{
    if (fc_emu_global(p, VEC, id, 1)) __builtin_memcpy(p, &v, VEC);
}
template <int VEC> inline void cp_async(void *dst, const void *src, bool inside, int id) { fc_emu_cp_async(dst, src, VEC, inside, id); }

inline uint32_t shuffle_xor(uint32_t v, int mask) { return fc_emu_shuffle(FC_EMU_XOR, v, mask); }
inline uint32_t shuffle_down(uint32_t v, int by) { return fc_emu_shuffle(FC_EMU_DOWN, v, by); }
inline uint32_t shuffle_up(uint32_t v, int by) { return fc_emu_shuffle(FC_EMU_UP, v, by); }
inline uint32_t shuffle(uint32_t v, int lane) { return fc_emu_shuffle(FC_EMU_IDX, v, lane); }
inline void sync_warp() { fc_emu_sync_warp(); }

inline void ldmatrix_x4(uint32_t (&d)[4], const void *row) { fc_emu_ldmatrix(d, row, 4, 0); }
inline void ldmatrix_x2(uint32_t (&d)[2], const void *row) { fc_emu_ldmatrix(d, row, 2, 0); }
inline void ldmatrix_x4_trans(uint32_t (&d)[4], const void *row) { fc_emu_ldmatrix(d, row, 4, 1); }
inline void ldmatrix_x2_trans(uint32_t (&d)[2], const void *row) { fc_emu_ldmatrix(d, row, 2, 1); }
inline void mma_1688(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    uint32_t a[2] = { a0, a1 };
    fc_emu_mma(d, a, &b, 8);
}
inline void mma_16816(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    uint32_t b[2] = { b0, b1 };
    fc_emu_mma(d, a, b, 16);
}

template <class F> int launch(const char *name, int64_t blocks, int threads, size_t smem, const F &kernel)
{
    F copy = kernel;
    return fc_emu_launch(name, blocks, threads, smem, [](void *f) { (*static_cast<F *>(f))(); }, &copy, sizeof copy);
}
#define FCM_LAUNCH(kernel, blocks, threads, smem, stream, ...) \
    ((void)(stream), fc::launch(#kernel, blocks, threads, smem, [=] { kernel(__VA_ARGS__); }))
inline int device_arch() { return 1000; }
inline int device_smem() { return 1 << 30; }
inline const char *error_string(int code) { return fc_emu_error_string(code); }
#endif

}
// ---- end fc_dev.cuh
