/* tm_run.h: what the files of the interpreter share. Private to this folder. */
#ifndef FCM_TM_RUN_H
#define FCM_TM_RUN_H
#include "tm_walk.h"

/* An asynchronous copy that has been issued and not yet waited for; it lands as late as the program allows. */
typedef struct TmPending { const TmIns *ins; int64_t group, vars[TM_WALK_LOOPS]; } TmPending;

typedef struct TmExec {
    Arena *a;
    const TmModule *m;
    const TmProgram *p;
    TmRun *r;
    const TmIns *ins;               /* for messages */
    int64_t vars[TM_WALK_LOOPS];
    unsigned char *packed;          /* the packed buffer of the module */
    unsigned char *arena;           /* shared memory of the block; 0xFF where nothing was written (NaN in every float type) */
    float **reg;                    /* per tile: REGISTER tiles, [pixel][cpad] */
    VEC(TmPending) pending;
    int64_t committed;              /* groups closed so far in this block */
    int64_t block;                  /* its number among those that share the tiles of a grid point */
    int64_t steps;
    const char *why;                /* the first reason why the program cannot be run */
} TmExec;

void tm_exec_fail(TmExec *z, const char *fmt, ...) FCM_PRINTF(2, 3);
bool tm_exec_steps(TmExec *z, int64_t n);                       /* counts work; false once the limit is reached or something failed */

/* A tile as it lies now. */
typedef struct TmView { const TmTile *t; int tile; TmSpace space; int64_t org[4]; } TmView;
TmView tm_view(TmExec *z, int tile, const int64_t *vars);
/* Elements by tile-relative coordinates; outside the storage they fail and read 0. Not for GLOBAL activation tiles. */
float tm_view_get(TmExec *z, const TmView *v, int64_t h, int64_t w, int64_t c);
void tm_view_put(TmExec *z, const TmView *v, const int64_t *vars, int64_t h, int64_t w, int64_t c, float x);
float *tm_data_at(TmExec *z, int tensor, int64_t n, int64_t y, int64_t x, int64_t c);            /* NULL outside the tensor */
float tm_rounded(DType t, float v);                             /* v as it is stored in t (f32, f16) */
void tm_count(TmExec *z, bool written, int slot, int64_t bytes);

void tm_exec_copy(TmExec *z, const TmIns *i, const int64_t *vars);       /* moves; counting is the issuer's */
void tm_exec_op(TmExec *z, const TmIns *i);                     /* ZERO, PW, DW, FINISH, STORE */
#endif
