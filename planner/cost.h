/* cost.h: the modelled time of a program on a device. A reader of the finished program: all numbers come from tm_walk and
 * the device file. */
#ifndef FCM_COST_H
#define FCM_COST_H
#include "device.h"
#include "tm.h"

/* What a kernel waits for, in seconds. These overlap, so that the largest counts … */
#define FCM_LIMITS(X) \
    X(dram,   "DRAM") \
    X(l2,     "L2") \
    X(smem,   "shared memory") \
    X(fma,    "FMA") \
    X(mma,    "tensor cores") \
    X(issue,  "instruction issue") \
    X(sfu,    "special functions")
/* … and what comes on top. fill: persistent blocks copy what stays on chip before their first tile. exposed: what a block waits for, or computes
 * meanwhile, with no other block on its SM to fill the gap (CUDA, cuda_cost.c). */
#define FCM_SERIAL(X) \
    X(barriers, "barriers") \
    X(fill,     "resident weights") \
    X(exposed,  "exposed") \
    X(launch,   "launch")
typedef struct Cost {
    double time;
#define X(field, text) double field;
    FCM_LIMITS(X)
    FCM_SERIAL(X)
#undef X
    double occupancy;               /* CUDA: share of the device's block slots used in the average wave; CPU: of the cores */
    const char *bound;              /* text of the largest; "latency" if more than that is exposed */
    int64_t dram_bytes, l2_bytes;   /* unique and issued */
} Cost;

Cost cost_of(const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch);

/* The limits of a CUDA program, and the seconds that its blocks take one by one on each SM, without launch, fill and barriers (cuda_cost.c). */
void cost_cuda(Cost *c, const TmProgram *p, const TmWalk *w, const Device *d);
double cost_cuda_alone(const Cost *c, const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d);

/* The limits of a CPU program (cpu_cost.c). */
void cost_cpu(Cost *c, const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch);

/* Seconds that no kernel can beat: bytes at full bandwidth, or operations at the peak of their engine, whichever takes
 * longer. matrix: those that tensor cores can take, if the device has some for the dtype; the others run on FMA units. */
typedef struct Work { int64_t bytes; double matrix, other; bool halves; } Work;
double cost_roof(const Device *d, const Work *w);
#endif
