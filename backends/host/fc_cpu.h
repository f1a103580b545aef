/* fc_cpu.h: how generated C runs: threads, and their arenas in the workspace. Comes after fc_base.h and fc_host.h. Without OpenMP
 * all runs on one thread. */
#ifndef FC_CPU_H
#define FC_CPU_H
#include <stddef.h>
#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#define FC_PRAGMA(x) _Pragma(#x)
#define FC_PARALLEL(threads) FC_PRAGMA(omp parallel num_threads(threads))
#define FC_FOR(loops) FC_PRAGMA(omp for collapse(loops) schedule(static) nowait)
#define FC_SINGLE FC_PRAGMA(omp single nowait)
FC_HOST int fc_thread(void) { return omp_get_thread_num(); }
#else
#define FC_PARALLEL(threads) (void)(threads);
#define FC_FOR(loops)
#define FC_SINGLE
FC_HOST int fc_thread(void) { return 0; }
#endif
#define FC_ALIGNED _Alignas(64)

FC_HOST size_t fc_up64(size_t bytes) { return (bytes + 63) & ~(size_t)63; }
FC_HOST char *fc_align(void *p) { return (char *)fc_up64((uintptr_t)p); }

/* The workspace: up to 63 bytes until a multiple of 64, the intermediate tensors of n images, an arena per thread. */
FC_HOST size_t fc_workspace(int n, size_t per_image, int threads, size_t arena)
{
    if (n < 0 || threads < 1 || (per_image == 0 && arena == 0)) return 0;
    return 63 + fc_up64((size_t)n * per_image) + (size_t)threads * fc_up64(arena);
}

FC_HOST char *fc_arenas(char *aligned, int n, size_t per_image) { return aligned + fc_up64((size_t)n * per_image); }
FC_HOST char *fc_arena(char *arenas, size_t bytes) { return arenas ? arenas + (size_t)fc_thread() * fc_up64(bytes) : NULL; }

#ifdef FCM_COUNT
/* The counters since the last call; clears them. */
FC_HOST void fc_counts_take(int64_t *read, int64_t *written)
{
    memcpy(read, fc_counts[0], sizeof fc_counts[0]);
    memcpy(written, fc_counts[1], sizeof fc_counts[1]);
    memset(fc_counts, 0, sizeof fc_counts);
}
#endif
#endif
