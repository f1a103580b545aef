// calibrate_device.cu: what the device files (planner/hw/*.hw) want to know of a GPU, by micro-benchmarks: bandwidths, rates per clock and SM, the time
// between launches. stdout: "title NAME", then lines "key value measured" and "key value reported" (by the driver). Status 77: no device answers.
// A measured figure is the best of REPEATS spans, each at least span_seconds long. Rates are per clock of the multiply-adds' run, as its SM counted.
#include "device_time.cuh"

enum { REPEATS = 7, THREADS = 256, FEWEST = 16, CHAINS = 8, LAUNCHES = 400 };
static const double span_seconds = 2e-3;

#ifdef __CUDACC__
FC_DEVICE long long clocks() { return clock64(); }
FC_DEVICE long long nanoseconds()
{
    long long t;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
    return t;
}
FC_DEVICE void ex2(float &v) { asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(v)); }
FC_DEVICE uint4 read16(const uint4 *p) { return __ldcg(p); }    // past the first-level cache
#else
static inline long long nanoseconds() { return (long long)(1e9 * host_seconds()); }
static inline long long clocks() { return 2 * nanoseconds(); }
static inline void ex2(float &v) { v = exp2f(v); }
static inline uint4 read16(const uint4 *p) { return fc::ldg<16>(p, -1); }
#endif

FC_KERNEL(empty_kernel, 32, 1)(int) {}
// The whole buffer, `passes` times over.
FC_KERNEL(read_all, THREADS, 1)(const uint4 *from, long long n, int passes, int blocks, uint32_t *sink)
{
    uint32_t sum = 0;
    for (int p = 0; p < passes; p++)
        for (long long i = (long long)FC_BLOCK() * THREADS + fc::thread(); i < n; i += (long long)blocks * THREADS) {
            const uint4 v = read16(from + i);
            sum += v.x ^ v.y ^ v.z ^ v.w;
        }
    if (sum == 0x12345678u) *sink = sum;
}
// CHAINS independent chains a thread of one kind of instruction. spent: clocks and nanoseconds of one of them.
FC_KERNEL(fma_chains, THREADS, 1)(float *sink, float x, int rounds, long long *spent)
{
    float v[CHAINS];
    for (int i = 0; i < CHAINS; i++) v[i] = (float)fc::thread() + (float)i;
    const long long c = clocks(), t = nanoseconds();
    for (int r = 0; r < rounds; r++) {
        FC_UNROLL
        for (int i = 0; i < CHAINS; i++) v[i] = fmaf(v[i], x, 0.25f);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += v[i];
    if (sum == 12345.678f) *sink = sum;
    else if (FC_BLOCK() == 0 && fc::thread() == 0) spent[0] = clocks() - c, spent[1] = nanoseconds() - t;     // not before the sum is known
}
FC_KERNEL(special_chains, THREADS, 1)(float *sink, float x, int rounds)
{
    float v[CHAINS];
    for (int i = 0; i < CHAINS; i++) v[i] = x * (float)(fc::thread() + i);
    for (int r = 0; r < rounds; r++) {
        FC_UNROLL
        for (int i = 0; i < CHAINS; i++) ex2(v[i]);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += v[i];
    if (sum == 12345.678f) *sink = sum;
}
FC_KERNEL(mma_chains, THREADS, 1)(float *sink, uint32_t x, int rounds)
{
    float v[CHAINS][4] = {};
    const uint32_t a[4] = { x, x + (uint32_t)fc::thread(), x, x };
    for (int r = 0; r < rounds; r++) {
        FC_UNROLL
        for (int i = 0; i < CHAINS; i++) fc::mma_16816(v[i], a, x, x);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += v[i][0] + v[i][3];
    if (sum == 12345.678f) *sink = sum;
}

// Seconds of one round of f(rounds), of which a span has as many as fill it.
template <class F> static double seconds(Stopwatch &w, const F &f)
{
    int rounds = FEWEST;
    time_settle(w, [&] { f(rounds); });                         // a kernel's first launch loads it
    while (time_span(w, [&] { f(rounds); }) < span_seconds && rounds < 1 << 24) rounds *= 2;
    double best = 1e30;
    for (int i = 0; i < REPEATS; i++) {
        const double s = time_span(w, [&] { f(rounds); });
        if (s < best) best = s;
    }
    return best / rounds;
}
static double seconds_of_launch(const Device &d, Stopwatch &w)
{
    const auto launches = [&] {
        for (int i = 0; i < LAUNCHES; i++) must_launch(FCM_LAUNCH(empty_kernel, d.sms, 32, 0, w.stream, 0), "an empty kernel");
    };
    double best = 1e30;
    time_settle(w, launches);
    for (int i = 0; i < REPEATS; i++) {
        const double s = time_span(w, launches);
        if (s < best) best = s;
    }
    return best / LAUNCHES;
}
static double seconds_of_copy(const Device &d, Stopwatch &w, size_t *bytes)
{
    const Copy c = copy_open(d, w);
    *bytes = copy_bytes(c);
    double best = 1e30;
    time_settle(w, [&] { copy_run(c, w); });
    for (int i = 0; i < REPEATS; i++) {
        const double s = time_span(w, [&] { copy_run(c, w); });
        if (s < best) best = s;
    }
    return best;
}

static void measured(const char *key, double value) { printf("%s %.9g measured\n", key, value); }
static void reported(const char *key, double value) { printf("%s %.9g reported\n", key, value); }
static void report(const Device &d)
{
    printf("title %s\n", d.name);
    reported("arch", d.major * 10 + d.minor);
    reported("sms", d.sms);
    reported("smem_block", device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
    reported("smem_sm", device_attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
    reported("regs_sm", device_attribute(cudaDevAttrMaxRegistersPerMultiprocessor));
    reported("threads_sm", device_attribute(cudaDevAttrMaxThreadsPerMultiProcessor));
    reported("blocks_sm", device_attribute(cudaDevAttrMaxBlocksPerMultiprocessor));
    reported("l2", d.l2);
}

int main()
{
    const Device d = device_open();
    Stopwatch w = stopwatch(d.clock);
    const int blocks = d.sms * 8;
    const long long few = d.l2 / 4 / 16;                        // of 16 bytes: a quarter of L2
    uint4 *cached = (uint4 *)device_bytes((size_t)few * 16);
    float *sink = (float *)device_bytes(16);
    long long *spent = (long long *)device_bytes(16), took[2];
    must(cudaMemset(cached, 1, (size_t)few * 16), "cudaMemset");
    must(cudaDeviceSynchronize(), "cudaMemset");
    report(d);

    size_t copied;
    const double copy = seconds_of_copy(d, w, &copied);
    const double read = seconds(w, [&](int n) { must_launch(FCM_LAUNCH(read_all, blocks, THREADS, 0, w.stream, cached, few, n, blocks, (uint32_t *)sink), "reads"); });
    const double special = seconds(w, [&](int n) { must_launch(FCM_LAUNCH(special_chains, blocks, THREADS, 0, w.stream, sink, 1e-3f, n), "special functions"); });
    const double mma = seconds(w, [&](int n) { must_launch(FCM_LAUNCH(mma_chains, blocks, THREADS, 0, w.stream, sink, 0u, n), "mma"); });
    const double fma = seconds(w, [&](int n) { must_launch(FCM_LAUNCH(fma_chains, blocks, THREADS, 0, w.stream, sink, 0.5f, n, spent), "multiply-adds"); });
    must(cudaMemcpy(took, spent, sizeof took, cudaMemcpyDeviceToHost), "cudaMemcpy");
    const double counted = took[1] > 0 ? 1e9 * (double)took[0] / (double)took[1] : 0;
    const bool believed = counted > 2e8 && counted < 4e9;       // some devices' nanoseconds are coarse
    const double clock = believed ? counted : d.clock, per_clock = clock * d.sms;
    const double ops = (double)CHAINS * THREADS * blocks;       // of a round

    (believed ? measured : reported)("clock", clock);
    measured("dram_bw", (double)copied / copy);
    measured("l2_bw", (double)few * 16 / read);
    measured("fma_rate", 2 * ops / fma / per_clock);
    measured("mma_rate", 2 * ops / 32 * 16 * 8 * 16 / mma / per_clock);
    measured("sfu_rate", ops / special / per_clock);
    measured("launch_time", seconds_of_launch(d, w));
    return 0;
}
