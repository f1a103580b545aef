// record_rates.cu: what the device files (planner/hw/*.hw) want to know, measured: bandwidths, rates per clock and SM, the time between launches.
// Prints lines of their syntax, to be compared or copied.   nvcc -std=c++17 -O3 -arch=sm_XX -I backends/cuda/rt record_rates.cu
// Every figure is the best of REPEATS timings by events. Rates per clock refer to the clock that the driver names, which may not be the one it runs at.
#include "fc_dev.cuh"
#include <stdio.h>
#include <stdlib.h>

enum { REPEATS = 7, THREADS = 256, ROUNDS = 4096, CHAINS = 8 };

static void ok(cudaError_t e, const char *what)
{
    if (e != cudaSuccess) fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(e)), exit(e == cudaErrorNoDevice ? 77 : 1);
}

__global__ void empty_kernel() {}
__global__ void fill(uint4 *to, size_t n)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) to[i] = make_uint4(1, 2, 3, 4);
}
__global__ void copy_all(uint4 *to, const uint4 *from, size_t n)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) to[i] = from[i];
}
// The whole buffer, `passes` times over, past the first-level cache.
__global__ void read_all(const uint4 *from, size_t n, int passes, uint32_t *sink)
{
    uint32_t sum = 0;
    for (int p = 0; p < passes; p++)
        for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) {
            uint4 v = __ldcg(from + i);
            sum += v.x ^ v.y ^ v.z ^ v.w;
        }
    if (sum == 0x12345678u) *sink = sum;
}
// CHAINS independent chains a thread of one kind of instruction.
__global__ void __launch_bounds__(THREADS) fma_chains(float *sink, float x)
{
    float v[CHAINS];
    for (int i = 0; i < CHAINS; i++) v[i] = (float)threadIdx.x + (float)i;
    for (int r = 0; r < ROUNDS; r++) {
        FC_UNROLL
        for (int i = 0; i < CHAINS; i++) v[i] = fmaf(v[i], x, 0.25f);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += v[i];
    if (sum == 12345.678f) *sink = sum;
}
__global__ void __launch_bounds__(THREADS) special_chains(float *sink, float x)
{
    float v[CHAINS];
    for (int i = 0; i < CHAINS; i++) v[i] = x * (float)(threadIdx.x + i);
    for (int r = 0; r < ROUNDS; r++) {
        FC_UNROLL
        for (int i = 0; i < CHAINS; i++) asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(v[i]));
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += v[i];
    if (sum == 12345.678f) *sink = sum;
}
__global__ void __launch_bounds__(THREADS) mma_chains(float *sink, uint32_t x)
{
    float v[CHAINS][4] = {};
    const uint32_t a[4] = { x, x + threadIdx.x, x, x };
    for (int r = 0; r < ROUNDS; r++) {
        FC_UNROLL
        for (int i = 0; i < CHAINS; i++) fc::mma_16816(v[i], a, x, x);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += v[i][0] + v[i][3];
    if (sum == 12345.678f) *sink = sum;
}

// Seconds of the best run of f.
template <class F> static double seconds(const F &f)
{
    cudaEvent_t from, to;
    ok(cudaEventCreate(&from), "event"), ok(cudaEventCreate(&to), "event");
    float best = 1e30f;
    f();
    for (int i = 0; i < REPEATS; i++) {
        float ms = 0;
        ok(cudaEventRecord(from), "record");
        f();
        ok(cudaEventRecord(to), "record");
        ok(cudaEventSynchronize(to), "run");
        ok(cudaEventElapsedTime(&ms, from, to), "time");
        if (ms < best) best = ms;
    }
    ok(cudaGetLastError(), "launch");
    return best * 1e-3;
}
static int attribute(cudaDeviceAttr what)
{
    int v = 0;
    ok(cudaDeviceGetAttribute(&v, what, 0), "attribute");
    return v;
}

int main()
{
    cudaDeviceProp prop;
    ok(cudaGetDeviceProperties(&prop, 0), "no device");
    const int sms = attribute(cudaDevAttrMultiProcessorCount), l2 = attribute(cudaDevAttrL2CacheSize), blocks = sms * 8;
    const double clock = 1e3 * attribute(cudaDevAttrClockRate), per_clock = clock * sms;
    size_t bytes = (size_t)512 << 20, small = l2 > 0 ? (size_t)l2 / 4 : (size_t)1 << 20, free_bytes = 0, all = 0;
    ok(cudaMemGetInfo(&free_bytes, &all), "memory");
    if (free_bytes / 4 < bytes) bytes = free_bytes / 4;
    const size_t n = bytes / 16, few = small / 16;
    uint4 *a, *b;
    ok(cudaMalloc(&a, bytes), "memory"), ok(cudaMalloc(&b, bytes), "memory");
    fill<<<blocks, THREADS>>>(a, n);
    fill<<<blocks, THREADS>>>(b, n);
    ok(cudaDeviceSynchronize(), "fill");
    float *sink = (float *)b;

    enum { PASSES = 50, LAUNCHES = 1000 };
    const double ops = (double)ROUNDS * CHAINS * THREADS * blocks;
    const double copy = seconds([&] { copy_all<<<blocks, THREADS>>>(b, a, n); });
    const double cached = seconds([&] { read_all<<<blocks, THREADS>>>(a, few, PASSES, (uint32_t *)sink); });
    const double fma = seconds([&] { fma_chains<<<blocks, THREADS>>>(sink, 0.5f); });
    const double special = seconds([&] { special_chains<<<blocks, THREADS>>>(sink, 1e-3f); });
    const double mma = seconds([&] { mma_chains<<<blocks, THREADS>>>(sink, 0u); });
    const double launches = seconds([&] { for (int i = 0; i < LAUNCHES; i++) empty_kernel<<<sms, 32>>>(); });

    printf("title = %s\ntarget = cuda\n", prop.name);
    printf("arch         = %d\nsms          = %d\nclock        = %.4g\n", prop.major * 10 + prop.minor, sms, clock);
    printf("smem_block   = %d\nsmem_sm      = %d\n", attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin), attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
    printf("regs_sm      = %d\nthreads_sm   = %d\n", attribute(cudaDevAttrMaxRegistersPerMultiprocessor), attribute(cudaDevAttrMaxThreadsPerMultiProcessor));
    printf("blocks_sm    = %d\nl2           = %d\n", attribute(cudaDevAttrMaxBlocksPerMultiprocessor), l2);
    printf("dram_bw      = %.4g   # measured: a copy of %zu MiB, read and written\n", 2.0 * (double)bytes / copy, bytes >> 20);
    printf("l2_bw        = %.4g   # measured: %zu KiB read %d times past the first-level cache\n", (double)(few * 16) * PASSES / cached, small >> 10, PASSES);
    printf("fma_rate     = %.4g   # measured: chains of fma, 2 a lane\n", 2 * ops / fma / per_clock);
    printf("mma_rate     = %.4g   # measured: chains of mma.sync f16 with f32 sums, 2 an element\n", 2 * ops / 32 * 16 * 8 * 16 / mma / per_clock);
    printf("sfu_rate     = %.4g   # measured: chains of ex2.approx\n", ops / special / per_clock);
    printf("launch_time  = %.4g   # measured: %d empty kernels in one stream\n", launches / LAUNCHES, (int)LAUNCHES);
    return 0;
}
