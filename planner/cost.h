/* cost.h: the modelled time of a program on a device. A reader of the finished program: all numbers come from tm_walk and
 * the device file. */
#ifndef FCM_COST_H
#define FCM_COST_H
#include "device.h"
#include "tm.h"

/* What a kernel waits for, in seconds. time = launch + barriers + fill + the largest of the others: they overlap. fill: persistent blocks
 * copy what stays on chip before their first tile. */
#define FCM_LIMITS(X) \
    X(dram,   "DRAM") \
    X(l2,     "L2") \
    X(smem,   "shared memory") \
    X(fma,    "FMA") \
    X(mma,    "tensor cores") \
    X(issue,  "instruction issue") \
    X(sfu,    "special functions")
typedef struct Cost {
    double time;
#define X(field, text) double field;
    FCM_LIMITS(X)
#undef X
    double barriers, fill, launch;
    double occupancy;               /* CUDA: share of the device's block slots used in the average wave; CPU: of the cores */
    const char *bound;              /* text of the largest */
    int64_t dram_bytes, l2_bytes;   /* unique and issued */
} Cost;

Cost cost_of(const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch);

/* The limits of a CPU program (cpu_cost.c). */
void cost_cpu(Cost *c, const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch);

/* Seconds that no kernel can beat: bytes at full bandwidth, or operations at the peak of their engine, whichever takes
 * longer. matrix: those that tensor cores can take, if the device has some for the dtype; the others run on FMA units. */
typedef struct Work { int64_t bytes; double matrix, other; bool halves; } Work;
double cost_roof(const Device *d, const Work *w);
#endif
