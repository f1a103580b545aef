/* schedule.h: a schedule is a handful of knobs that say how one fusion group becomes one kernel. Plan text spells them
 *     fuse(y.0.e, y.0.d, y, tile=8x16, chunk=48, stages=2, threads=192)
 * lower_group() turns (group, schedule) into a finished program or says why it cannot. */
#ifndef FCM_SCHEDULE_H
#define FCM_SCHEDULE_H
#include "tm.h"

/* X(field, key, default, meaning); every knob is an int, 0 means "all" or "let lowering choose" unless said otherwise */
#define FCM_KNOBS(X) \
    X(th,       "rows",     0, "output rows of a tile (tile=ROWSxCOLS sets both)") \
    X(tw,       "cols",     0, "output columns of a tile") \
    X(tk,       "channels", 0, "output channels of a block; 0 = all") \
    X(chunk,    "chunk",    0, "channels of the last intermediate per step of the channel loop; 0 = all") \
    X(head,     "head",     0, "channels per step of a depthwise before the expansion; 0 = all") \
    X(taps,     "taps",     0, "filter rows of a lone depthwise convolution per step; 0 = all") \
    X(line,     "line",     0, "row steps of a band under a line buffer; 0 = halo recompute") \
    X(strip,    "strip",    0, "line buffer: columns per step inside a row; 0 = the tile's") \
    X(resident, "resident", 0, "line buffer or persistent blocks: 1 = the weights of all chunks stay on chip") \
    X(persist,  "persist",  0, "1 = as many blocks as the device holds at once share the tiles; more = so many blocks (CUDA)") \
    X(stages,   "stages",   1, "buffers of what the channel loop streams; line buffer: of x by row steps; persistent, resident weights: 2 = of x by tiles") \
    X(threads,  "threads",  0, "threads of a block (CUDA)") \
    X(ctas,     "blocks",   0, "blocks that an SM must hold at once (CUDA); 0 = as many as registers and shared memory allow") \
    X(mma,      "mma",      0, "1 = tensor cores where dtype and device allow")

typedef struct Sched {
#define X(field, key, def, meaning) int field;
    FCM_KNOBS(X)
#undef X
} Sched;

Sched sched_default(void);
bool sched_set(Sched *s, const char *key, int64_t value);       /* false: no such knob, or out of int's range */
char *sched_print(Arena *a, const Sched *s);                    /* "tile=8x16, chunk=48, …": what differs from the default */
const char *const *sched_keys(int *n);                          /* for did-you-mean; "tile" included */
#endif
