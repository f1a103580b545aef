// cuda_runtime.h, a stand-in: what the programs that time a device ask of the runtime's host side, answered on the host over the emulator. Everything
// is done when the call returns, so no span of calls is ever still being enqueued. For tests of those programs; its times mean nothing.
//     STAND_IN=none      no device answers
//     STAND_IN=corrupt   one byte of what is copied from the device is wrong
//     STAND_IN=change    … of every copy but the first
//     STAND_IN=hang      the device never ends
//     STAND_IN=fail      kernels end with an error
//     STAND_IN=refuse    a kernel t_k0 cannot be launched
//     STAND_IN_SPEED=N   events run N times as fast as the clock
#pragma once
#include "fc_emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum cudaError_t {
    cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2, cudaErrorNoDevice = 100, cudaErrorNotReady = 600, cudaErrorLaunchFailure = 719
} cudaError_t;
typedef enum cudaDeviceAttr {
    cudaDevAttrL2CacheSize = 65536, cudaDevAttrClockRate = 2000000, cudaDevAttrMaxSharedMemoryPerBlockOptin = 101376,
    cudaDevAttrMaxSharedMemoryPerMultiprocessor = 102400, cudaDevAttrMaxRegistersPerMultiprocessor = 65535,
    cudaDevAttrMaxThreadsPerMultiProcessor = 1536, cudaDevAttrMaxBlocksPerMultiprocessor = 16
} cudaDeviceAttr;                                               // each is its own answer
typedef struct cudaDeviceProp { char name[256]; int major, minor, multiProcessorCount; } cudaDeviceProp;
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st { double at; } *cudaEvent_t;
enum { cudaStreamNonBlocking = 1 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };

static inline bool stand_in_is(const char *what)
{
    const char *is = getenv("STAND_IN");
    return is && strcmp(is, what) == 0;
}
static inline double stand_in_clock()
{
    const char *speed = getenv("STAND_IN_SPEED");
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) / (speed ? atof(speed) : 1);
}
static inline cudaError_t stand_in_finish()
{
    while (stand_in_is("hang")) pause();
    return fc_emu_errors() || stand_in_is("fail") ? cudaErrorLaunchFailure : cudaSuccess;
}

static inline const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaErrorNoDevice            ? "no CUDA-capable device is detected"
           : e == cudaErrorMemoryAllocation  ? "out of memory"
           : e == cudaErrorLaunchFailure     ? *fc_emu_message() ? fc_emu_message() : "unspecified launch failure"
                                             : "invalid argument";
}
static inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int)
{
    if (stand_in_is("none")) return cudaErrorNoDevice;
    *p = { "NVIDIA Stand-in A4000", 8, 6, 2 };
    return cudaSuccess;
}
static inline cudaError_t cudaSetDevice(int)
{
    if (stand_in_is("refuse")) fc_emu_note("t_k0", 80, 1, 1, 0, "");   // other launch bounds than it has
    return cudaSuccess;
}
static inline cudaError_t cudaGetDevice(int *id) { return *id = 0, cudaSuccess; }
static inline cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr what, int) { return *v = (int)what, cudaSuccess; }
static inline cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *all) { return *free_bytes = *all = 3933568, cudaSuccess; }     // a copy's threads do not all have the same number of steps

// Guarded buffers, which the emulator knows beside those that generated code announces.
static inline cudaError_t cudaMalloc(void **p, size_t n)
{
    static int id = 4000;
    *p = fc_emu_alloc(id++, n);
    return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}
static inline cudaError_t cudaMemset(void *p, int v, size_t n) { return memset(p, v, n), cudaSuccess; }
static inline cudaError_t cudaMemsetAsync(void *p, int v, size_t n, cudaStream_t) { return cudaMemset(p, v, n); }
static inline cudaError_t cudaMemcpy(void *to, const void *from, size_t n, cudaMemcpyKind kind)
{
    static int copies = 0;
    memcpy(to, from, n);
    bool wrong = kind == cudaMemcpyDeviceToHost && (stand_in_is("corrupt") || (stand_in_is("change") && copies));
    if (kind == cudaMemcpyDeviceToHost) copies++;
    if (wrong) ((char *)to)[n / 2] ^= 0x55;
    return cudaSuccess;
}

static inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, int) { return *s = nullptr, cudaSuccess; }
static inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return stand_in_finish(); }
static inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
static inline cudaError_t cudaEventCreate(cudaEvent_t *e) { return *e = new CUevent_st(), cudaSuccess; }
static inline cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) { return e->at = stand_in_clock(), cudaSuccess; }
static inline cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }
static inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return stand_in_finish(); }
static inline cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) { return *ms = (float)(1e3 * (to->at - from->at)), cudaSuccess; }
static inline cudaError_t cudaGetLastError() { return cudaSuccess; }
