/* fc_emu.h: runs the text of CUDA kernels on the host, one fiber per CUDA thread.
 *
 * Three readers: a driver (C or C++; first part), the host face of fc_dev.cuh (second part), and the checker (last part, FC_EMU_INTERNAL).
 *
 * Build: g++ -std=c++17 -fno-strict-aliasing -I<here> -I<rt> kernel.cu fc_emu.cpp -lpthread            plain
 *        the same, kernel.cu alone with -O1 -g -fsanitize=thread, linked without it, with fc_checker.cpp    checked
 *
 * What it judges: divergent and missing barriers, warp operations that not all lanes reach, copies that nobody waits for (their destinations are
 * poisoned), misaligned accesses, global accesses outside the buffers that were registered, writes past shared memory (guard zones); with the
 * checker also races, uninitialised and out-of-bounds accesses of shared memory, wild pointers. What it does not: time, weak memory order, races
 * between blocks, the rounding inside a tensor core. */
#ifndef FC_EMU_H
#define FC_EMU_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- for drivers ---- */
enum { FC_EMU_IDS = 4096 };
enum { FC_EMU_ERROR = 719 };                        /* what a launch returns after an error: the number of cudaErrorLaunchFailure */
typedef enum fc_emu_order { FC_EMU_ASCENDING, FC_EMU_DESCENDING, FC_EMU_RANDOM } fc_emu_order;
typedef struct fc_emu_mode {
    fc_emu_order order;             /* which lane runs next; right kernels do not care */
    unsigned seed;                  /* of RANDOM */
    int early;                      /* 0: asynchronous copies happen at their wait, 1: at their issue */
    int threads;                    /* OS threads that run blocks; 0 = as many as there are processors */
} fc_emu_mode;
void fc_emu_set_mode(const fc_emu_mode *mode);
void fc_emu_get_mode(fc_emu_mode *mode);

/* Global buffers. A later call for an id replaces the earlier one; bytes = 0 forgets it. As soon as one is registered, an access outside all of
 * them is an error. */
void fc_emu_buffer(int id, const void *base, size_t bytes);
void fc_emu_count(int id, int64_t *read, int64_t *written);     /* bytes moved since the last fc_emu_reset */
void fc_emu_counts(int n, int64_t *read, int64_t *written);     /* of ids 0 … n - 1; clears them */
void *fc_emu_alloc(int id, size_t bytes);           /* registered, aligned to 256, filled with 0xFF, between guard zones; NULL: no memory */
int fc_emu_free(int id);                            /* forgets and frees; 0, or FC_EMU_ERROR if a guard zone was written */

int fc_emu_errors(void);                            /* how many since the last fc_emu_reset */
const char *fc_emu_message(void);                   /* the first few, one a line; "" if none */
void fc_emu_reset(void);                            /* forgets errors and counts, keeps buffers and mode */

/* ---- for the host face of fc_dev.cuh; all but the first three are called by running kernels ---- */
int fc_emu_launch(const char *kernel, int64_t blocks, int threads, size_t smem, void (*body)(void *), void *closure, size_t closure_bytes);
int fc_emu_note(const char *kernel, int arch, int threads, int ctas, int smem, const char *source);
const char *fc_emu_error_string(int code);

int fc_emu_thread(void);
int fc_emu_threads(void);
int fc_emu_block(void);
int fc_emu_blocks(void);
char *fc_emu_shared(void);
void fc_emu_sync(int line);
void fc_emu_sync_warp(void);
void fc_emu_count_read(int id, int64_t bytes);      /* once a block: only its thread 0 counts */
/* Checks and counts; id < 0: whichever buffer the address lies in. Returns 0 when the access must not happen. */
int fc_emu_global(const void *p, int bytes, int id, int write);
void fc_emu_cp_async(void *dst, const void *src, int bytes, int inside, int id);
void fc_emu_commit(void);
void fc_emu_wait(int pending);
typedef enum fc_emu_shuffle_kind { FC_EMU_XOR, FC_EMU_DOWN, FC_EMU_UP, FC_EMU_IDX } fc_emu_shuffle_kind;
uint32_t fc_emu_shuffle(fc_emu_shuffle_kind kind, uint32_t value, int arg);
void fc_emu_ldmatrix(uint32_t *d, const void *row, int matrices, int transposed);
void fc_emu_mma(float d[4], const uint32_t *a, const uint32_t *b, int k);       /* d += a b; m16n8k8 or m16n8k16, f16 -> f32 */
void fc_emu_unsupported(const char *what);          /* an error; ends the block */

#ifdef __cplusplus
}
#endif

/* ---- for fc_emu.cpp and fc_checker.cpp ---- */
#ifdef FC_EMU_INTERNAL
namespace fc_emu {

enum { THREADS = 1024, WARPS = 32, STACK = 256 << 10, GUARD = 4096 };

/* One cp.async that has been issued; group numbers count a thread's commits. */
struct copy { void *dst; const void *src; int bytes, inside, id; };

struct fiber {
    void *sp;                       /* saved stack pointer, or ucontext_t * */
    char *stack;                    /* STACK usable bytes above a page without access */
    int line;                       /* of the last barrier passed; 0 = none yet */
    copy *queue; int queued, capacity;              /* pending copies, oldest first */
    int *group; int groups, group_capacity;         /* group[i] = copies queued when group i was closed */
};

/* The lanes of a warp. live: started, not ended; runnable: could run now; arrived: wait in a warp operation. */
struct warp { uint32_t live, runnable, arrived; int kind; void *args[32]; uint64_t epoch; };

/* What runs one block at a time: one per OS thread. */
struct machine {
    fiber fibers[THREADS];
    warp warps[WARPS];
    void *main_sp;                  /* the launcher, to which the last thread returns */
    int threads, nwarps, current, live, at_barrier, barrier_line, exited;
    bool running, failed;           /* a fiber runs; the block was given up */
    int64_t block;
    uint64_t epoch, first_epoch;    /* barriers so far, over all blocks; the one at which this block began */
    uint32_t random;
    char *arena, *shared;           /* GUARD bytes, the block's shared memory, GUARD bytes */
    size_t arena_bytes, smem;
    char *stacks;
    int last_buffer;
    int64_t counts[2][FC_EMU_IDS];
    void *shadow;                   /* the checker's */
    size_t shadow_bytes;
    const struct launch *job;
    machine *next;                  /* in the list of idle machines */
    void *fake_stack;               /* AddressSanitizer's, of the launcher */
};

machine *self();                                                /* of this OS thread; NULL outside launches */
void report(machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
[[noreturn]] void give_up(machine *m);                          /* ends the block; report() first */
bool known_global(const void *p, size_t bytes, bool *any);      /* inside a registered buffer; *any: is there one at all */
bool launch_state(const machine *m, const void *p, size_t bytes);

/* Present only with fc_checker.cpp. */
void check_block_begin(machine *m) __attribute__((weak));
enum access_kind { READ, WRITE, ISSUE, LAND };                 /* ISSUE, LAND: an asynchronous copy is written at its issue and at its wait */
void check_shared(machine *m, int thread, const void *p, size_t bytes, access_kind kind, void *pc) __attribute__((weak));

}
#endif
#endif
