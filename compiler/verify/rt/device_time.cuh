// device_time.cuh: how programs on a device measure time, and the copy that tells the roof of its memory. With nvcc, or on the host against a
// stand-in for the runtime's host side.
//
// A span of calls is timed by a pair of events. A kernel that merely waits holds the stream while the host enqueues the first event, the calls and
// the second event; so what is timed is the device, not the host's launches. It holds longer as long as the host is not done before it ends.
#pragma once
#include "fc_dev.cuh"

#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NO_DEVICE = 77, COPY_THREADS = 256 };

[[noreturn]] static inline void time_fail(int status, const char *what, const char *why)
{
    fflush(stdout);                                             // the words of the error are the last of the log
    fprintf(stderr, "%s: %s\n", what, why);
    exit(status);
}
static inline void must(cudaError_t e, const char *what)
{
    if (e != cudaSuccess) time_fail(1, what, cudaGetErrorString(e));
}
static inline void must_launch(int code, const char *what)
{
    if (code) time_fail(1, what, fc::error_string(code));
}

FC_KERNEL(time_hold, 32, 1)(long long clocks)
{
#ifdef __CUDACC__
    for (long long from = clock64(); clock64() - from < clocks;) {}
#else
    (void)clocks;
#endif
}
// n times 16 bytes; four a thread are under way.
FC_KERNEL(time_copy, COPY_THREADS, 1)(uint4 *to, const uint4 *from, long long n, int blocks)
{
    const long long step = (long long)blocks * COPY_THREADS;
    long long i = (long long)FC_BLOCK() * COPY_THREADS + fc::thread();
    for (; i + 3 * step < n; i += 4 * step) {
        uint4 v[4];
        FC_UNROLL
        for (int k = 0; k < 4; k++) v[k] = fc::ldg<16>(from + i + k * step, -1);
        FC_UNROLL
        for (int k = 0; k < 4; k++) fc::stg<16>(to + i + k * step, v[k], -1);
    }
    for (; i < n; i += step) fc::stg<16>(to + i, fc::ldg<16>(from + i, -1), -1);
}

struct Device {
    char name[256];
    int major, minor, sms, l2;
    double clock;                                               // Hz, as the driver names it
    size_t free_bytes;
};
static inline int device_attribute(cudaDeviceAttr what)
{
    int v = 0, id = 0;
    must(cudaGetDevice(&id), "cudaGetDevice");
    must(cudaDeviceGetAttribute(&v, what, id), "cudaDeviceGetAttribute");
    return v;
}
static inline Device device_open()
{
    Device d = {};
    cudaDeviceProp prop;
    size_t all = 0;
    cudaError_t e = cudaGetDeviceProperties(&prop, 0);
    if (e != cudaSuccess) time_fail(NO_DEVICE, "no device answers", cudaGetErrorString(e));
    must(cudaSetDevice(0), "cudaSetDevice");
    snprintf(d.name, sizeof d.name, "%s", prop.name);
    d.major = prop.major, d.minor = prop.minor, d.sms = prop.multiProcessorCount;
    d.l2 = device_attribute(cudaDevAttrL2CacheSize);
    d.clock = 1e3 * device_attribute(cudaDevAttrClockRate);
    must(cudaMemGetInfo(&d.free_bytes, &all), "cudaMemGetInfo");
    return d;
}
static inline void *device_bytes(size_t n)
{
    void *p = nullptr;
    must(cudaMalloc(&p, n ? n : 1), "cudaMalloc");
    return p;
}

struct Stopwatch {
    cudaStream_t stream;
    cudaEvent_t from, to;
    double clock, hold;                                         // Hz; seconds
    int spans, late;                                            // late: spans that began before all of their calls were enqueued
};
static inline Stopwatch stopwatch(double clock)
{
    Stopwatch w = {};
    must(cudaStreamCreateWithFlags(&w.stream, cudaStreamNonBlocking), "cudaStreamCreate");
    must(cudaEventCreate(&w.from), "cudaEventCreate");
    must(cudaEventCreate(&w.to), "cudaEventCreate");
    w.clock = clock > 0 ? clock : 1e9, w.hold = 5e-5;
    return w;
}
static inline double host_seconds()
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
// Seconds that the device takes for what `timed` enqueues, after what `before` enqueues.
template <class Before, class Timed> static double time_span(Stopwatch &w, const Before &before, const Timed &timed)
{
    float ms = 0;
    must_launch(FCM_LAUNCH(time_hold, 1, 32, 0, w.stream, (long long)(w.hold * w.clock)), "the kernel that holds the stream");
    const double start = host_seconds();
    before();
    must(cudaEventRecord(w.from, w.stream), "cudaEventRecord");
    timed();
    must(cudaEventRecord(w.to, w.stream), "cudaEventRecord");
    const double enqueued = host_seconds() - start;
    const cudaError_t e = cudaEventQuery(w.from);
    w.spans++;
    if (e == cudaErrorNotReady) {
        cudaGetLastError();                                     // an answer, not an error
    } else {
        must(e, "cudaEventQuery");
        w.late++;
        if (w.hold < 2e-2) w.hold = 2 * (w.hold > enqueued ? w.hold : enqueued);
    }
    must(cudaEventSynchronize(w.to), "the kernels");
    must(cudaEventElapsedTime(&ms, w.from, w.to), "cudaEventElapsedTime");
    return 1e-3 * (double)ms;
}
template <class Timed> static double time_span(Stopwatch &w, const Timed &timed)
{
    return time_span(w, [] {}, timed);
}
// For so long that the clocks have risen, and until the stream is held for long enough, if that comes about.
template <class Timed> static void time_settle(Stopwatch &w, const Timed &timed)
{
    const double start = host_seconds();
    for (int i = 0, late = -1; (i < 8 && late != w.late) || host_seconds() - start < 0.2; i++) late = w.late, time_span(w, timed);
    w.spans = w.late = 0;
}

// A copy of a buffer too large for L2: what device memory gives at most.
struct Copy { uint4 *to, *from; long long n; int blocks; };
static inline size_t copy_bytes(const Copy &c) { return (size_t)c.n * 32; }                // read and written
static inline Copy copy_open(const Device &d, const Stopwatch &w)
{
    size_t bytes = (size_t)d.l2 * 4 > (size_t)64 << 20 ? (size_t)d.l2 * 4 : (size_t)64 << 20;
    if (bytes > d.free_bytes / 8) bytes = d.free_bytes / 8;
    Copy c = { (uint4 *)device_bytes(bytes), (uint4 *)device_bytes(bytes), (long long)(bytes / 16), d.sms * 8 };
    must(cudaMemsetAsync(c.from, 1, bytes, w.stream), "cudaMemset");
    return c;
}
static inline void copy_run(const Copy &c, const Stopwatch &w)
{
    must_launch(FCM_LAUNCH(time_copy, c.blocks, COPY_THREADS, 0, w.stream, c.to, c.from, c.n, c.blocks), "the copy");
}
