/* device.h: what a device can hold and how fast it is. Read from planner/hw/<name>.hw; every line there names its source. Bandwidths in bytes
 * per second, rates in operations per second, times in seconds, capacities in bytes. */
#ifndef FCM_DEVICE_H
#define FCM_DEVICE_H
#include "tm.h"

/* X(field, key in the file, required for: C CUDA, H CPU, B both, O optional with default, default, least, most) */
#define FCM_DEVICE_FIELDS(X) \
    X(arch,            "arch",             B, 0,      0,    1000)    /* CUDA: sm; CPU: vector bits (0, 256, 512) */ \
    X(sms,             "sms",              B, 0,      1,    4096)    /* SMs, or CPU cores */ \
    X(smem_block,      "smem_block",       C, 0,      1024, 1e7)     /* shared memory a block may ask for (opt-in) */ \
    X(smem_sm,         "smem_sm",          C, 0,      1024, 1e7)     /* of an SM, shared by its blocks */ \
    X(smem_reserved,   "smem_reserved",    O, 1024,   0,    65536)   /* taken by the system per block */ \
    X(regs_sm,         "regs_sm",          C, 0,      1024, 1e7)     /* 32-bit registers of an SM */ \
    X(regs_thread,     "regs_thread",      O, 255,    16,   1024) \
    X(threads_sm,      "threads_sm",       C, 0,      32,   8192) \
    X(threads_block,   "threads_block",    O, 1024,   32,   4096) \
    X(blocks_sm,       "blocks_sm",        C, 0,      1,    64) \
    X(l1_bytes,        "l1",               H, 0,      1024, 1e9)     /* CPU: L1d of a core */ \
    X(l2_bytes,        "l2",               B, 0,      1024, 1e10)    /* CUDA: of the device; CPU: of a core */ \
    X(l3_bytes,        "l3",               O, 0,      0,    1e11)    /* CPU: shared */ \
    X(clock,           "clock",            B, 0,      1e8,  1e10)    /* Hz, sustained */ \
    X(dram_bw,         "dram_bw",          B, 0,      1e9,  1e14)    /* copy bandwidth, read plus write, achievable */ \
    X(l2_bw,           "l2_bw",            B, 0,      1e9,  1e15)    /* CPU: of a core */ \
    X(l3_bw,           "l3_bw",            O, 0,      0,    1e15)    /* CPU: of a core */ \
    X(l1_bw,           "l1_bw",            O, 0,      0,    1e15)    /* CPU: of a core */ \
    X(smem_bw_sm,      "smem_bw_sm",       O, 128,    1,    4096)    /* CUDA: bytes a clock and SM */ \
    X(fma_rate,        "fma_rate",         B, 0,      1,    1e5)     /* f32 flops a clock and SM or core (an FMA is 2) */ \
    X(mma_rate,        "mma_rate",         O, 0,      0,    1e6)     /* dense f16 tensor-core flops a clock and SM, by mma.sync */ \
    X(sfu_rate,        "sfu_rate",         B, 0,      0.1,  1e4)     /* special-function operations a clock and SM or core */ \
    X(sfu_tile_rate,   "sfu_tile_rate",    O, 1e4,    0.1,  1e4)     /* CPU: the same in a pw's epilogue, where a register tile holds the registers */ \
    X(issue_rate,      "issue_rate",       O, 4,      0.1,  1e3)     /* warp instructions (CPU: vector instructions) a clock */ \
    X(portable_rate,   "portable_rate",    O, 16,     0.01, 1e5)     /* flops a clock and SM or core of portable (untuned) tile operations */ \
    X(warps_full,      "warps_full",       O, 12,     1,    128)     /* resident warps that keep an SM busy; fewer lose in proportion */ \
    X(overlap,         "overlap",          O, 1,      0,    1)       /* share of the cache and memory time that hides behind arithmetic */ \
    X(barrier_time,    "barrier_time",     O, 3e-8,   0,    1e-3)    /* seconds a block loses at a barrier */ \
    X(latency,         "latency",          O, 3e-7,   0,    1e-3)    /* CUDA: seconds from a copy to its data, with little else under way */ \
    X(fma_latency,     "fma_latency",      O, 4,      1,    64)      /* CPU: clocks from an FMA to the next one on its sum */ \
    X(reorder_window,  "reorder_window",   O, 224,    1,    4096)    /* CPU: operations that a core has under way */ \
    X(load_rate,       "load_rate",        O, 2,      0.5,  16)      /* CPU: vector loads a clock from L1 */ \
    X(store_rate,      "store_rate",       O, 1,      0.5,  16)      /* CPU: vector stores a clock to L1 */ \
    X(tile_clocks,     "tile_clocks",      O, 12,     0,    1000)    /* CPU: clocks that a register tile costs besides */ \
    X(launch_time,     "launch_time",      B, 0,      0,    1)       /* seconds from kernel to kernel; CPU: of a parallel region */

typedef struct Device {
    const char *name;               /* "h200" */
    const char *title;              /* "NVIDIA H200 SXM" */
    TmTarget target;
#define X(field, key, need, def, least, most) double field;
    FCM_DEVICE_FIELDS(X)
#undef X
} Device;
#endif
