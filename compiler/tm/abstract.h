/* abstract.h: the abstract run. One block of a program is executed on tags instead of values: every 16-byte cell of the arena knows which
 * logical value it holds, who wrote and who read it in which epoch (barriers count epochs), and which group of asynchronous copies it waits
 * for. Sync inserts barriers by it, verify judges by it.
 *
 *     cell    what it holds            a pixel of a tensor (h, w, first channel) | 0 of the border | bytes of an image's record | rubbish
 *             last write               execution, epoch, group; a group lands with a WAIT and is visible after the next barrier
 *             last read                execution, epoch
 *
 * A read is right if the cell holds what the instruction means (coverage: halo, line buffers, stages, masks), and ordered if the writer's
 * epoch is past. Activations that an earlier tile of a persistent block left are never right: the tiles of a block are any distance apart. A write is ordered if the epochs of the last read and write are past. Cells are bytes, so tiles that share bytes are seen. */
#ifndef FCM_TM_ABSTRACT_H
#define FCM_TM_ABSTRACT_H
#include "tm.h"

/* by, read_by: the instructions, for messages; writer, reader: the executions */
/* turn: of the tile for which it was written; -1: before all tiles */
typedef struct Cell { uint64_t tag; int32_t writer, write_epoch, group, reader, read_epoch, by, read_by, turn; } Cell;
typedef struct Group { int landed; bool real; } Group;          /* epoch in which it landed, -1 = in flight; holds a copy at all */
typedef struct Accumulator { bool defined; int64_t org[4]; } Accumulator;   /* a register tile: where its pixels lay when it was zeroed */

typedef struct Abstract {
    Arena *arena;
    const TmModule *m;
    const TmProgram *p;
    bool ordered;                   /* races matter (CUDA) */
    bool insert;                    /* a missing barrier is noted in `barrier` and the run goes on */
    bool *barrier;                  /* per instruction: a barrier stands before it, besides those of the program */
    int64_t *trips;                 /* of every loop in this run: cut where iterations are alike */
    /* state */
    int64_t *vars;
    Cell *cells;
    int64_t ncells;
    int first, serial, epoch;       /* number of the block's first execution, of this one; barriers so far */
    int turn;                       /* tiles that the block took before this one; -1 outside persist loops */
    const int64_t *const *tiles;    /* the tiles that the block takes, as values of the persist loops */
    int ntile;
    VEC(Group) groups;              /* the last one is open */
    int waited;                     /* groups before this one have landed */
    Accumulator *sums;              /* per tile */
    int at;                         /* instruction in execution */
    bool missing;                   /* … lacks a barrier (insert only) */
    const char *why;                /* the first violation */
} Abstract;

/* moving: iterations of a loop in which rows or columns move; of others a few show everything. */
Abstract *abstract_new(Arena *a, const TmModule *m, const TmProgram *p, int64_t moving);
/* Runs a block: at[0] gives the values of the grid loops (indexed by loop), at[0 … n-1] those of the persist loops, tile by tile. NULL, or the
 * first violation in words. */
const char *abstract_run(Abstract *x, const int64_t *const *at, int n);
/* Runs blocks from … n - 1 of three: the first of the grid, the last and one in the middle, so that each dimension meets both its borders and the
 * inside. Rows and columns leave a tensor independently of each other, so other corners show nothing new. The batch counts as one image: images are
 * alike. A block with persist loops takes the first, last and middle tile in turn, whatever its share is: each meets what another one left, and another
 * one comes first in the next block. */
const char *abstract_blocks(Abstract *x, int from, int n);

/* ---- inside the abstract run ---- */

/* The persist loops at `at` stand at the block's tile of that number. */
void abstract_take(Abstract *x, int at, int turn);
/* Positions along one axis, absolute, from lo on. use[i]: 0 not touched, 1 touched, 2 the value matters. */
typedef struct Axis { int64_t lo; int n; unsigned char *use; } Axis;
/* A cross product of rows, columns and channels c0 … c1-1 (tile relative) of a tile. */
typedef struct Region { int tile; Axis rows, cols; int64_t c0, c1; } Region;

void abstract_fail(Abstract *x, const char *fmt, ...) FCM_PRINTF(2, 3);
void abstract_read(Abstract *x, const Region *r);
void abstract_write(Abstract *x, const Region *r, bool zero_outside, int group);
void abstract_read_member(Abstract *x, int tile);               /* all bytes of a member at the present loop values */
void abstract_write_image(Abstract *x, int tile, int group);
void abstract_step(Abstract *x, const TmIns *i);                /* steps.c: what one instruction touches */
#endif
