/* fc_host.h: what the host side of generated code shares: error codes and their texts, checks of pointers. C99 and C++. */
#ifndef FC_HOST_H
#define FC_HOST_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __GNUC__
#define FC_HOST static inline __attribute__((unused))
#else
#define FC_HOST static inline
#endif

enum {
    FC_FINE = 0,
    FC_NULL_POINTER = 1,
    FC_NEGATIVE_BATCH = 2,
    FC_WRONG_BATCH = 3,
    FC_MISALIGNED = 4,
    FC_OLD_DEVICE = 5,
    FC_SMALL_SHARED = 6,
    FC_NO_THREADS = 7,
    FC_OLD_CPU = 8,
    FC_CUDA = 1000                                              /* FC_CUDA + e: the CUDA runtime said e */
};

FC_HOST const char *fc_error_text(int code)
{
    switch (code) {
    case FC_FINE: return "no error";
    case FC_NULL_POINTER: return "a pointer is null";
    case FC_NEGATIVE_BATCH: return "the batch is negative";
    case FC_WRONG_BATCH: return "the code was made for another batch";
    case FC_MISALIGNED:
        return "a pointer is not aligned: device memory and packed weights want 16 bytes, other memory its elements' size";
    case FC_OLD_DEVICE: return "the code was made for newer devices than this one";
    case FC_SMALL_SHARED: return "the code wants more shared memory than this device has";
    case FC_NO_THREADS: return "at least one thread is needed";
    case FC_OLD_CPU: return "this processor lacks the instructions that the code was made for";
    default: return "unknown error code";
    }
}

FC_HOST int fc_misaligned(const void *p, size_t bytes) { return (uintptr_t)p % bytes != 0; }

/* Images that one launch of `blocks` blocks each can take: a grid ends at 2^31 - 1 blocks. */
FC_HOST int fc_slice(int images, int64_t blocks)
{
    int64_t most = blocks < 2147483647 ? 2147483647 / blocks : 1;
    return images < most ? images : (int)most;
}

/* Blocks that share `tiles` tiles, `most` at most. */
FC_HOST int64_t fc_sharers(int64_t tiles, int64_t most) { return tiles < most ? tiles : most; }
#endif
