/* chain.h: the geometry of a chain [expand] [depthwise] [project] under a schedule. Shared by chain_geom.c, which computes it once, and chain.c,
 * which emits the program. Letters: x the chain's input, e the expansion's result, d the depthwise's, y the chain's.
 *
 *      x ──expand──▶ e ──depthwise──▶ d ──project──▶ y        each of the three may be absent, not all
 *
 * The channel loop c runs over the channels m that the last operation contracts (project) or produces (a final depthwise). */
#ifndef FCM_CHAIN_H
#define FCM_CHAIN_H
#include "parts.h"

typedef struct Chain {
    Parts b;
    const Stage *expand, *depth, *project, *last;               /* NULL: absent */
    WinAxis ah, aw;                                             /* of the depthwise; 1x1 without one */
    int mult;
    int x, e, d, y;                                             /* tensors; e, d -1 if absent or equal to y */
    int64_t cin, mid, out, rows, cols;                          /* channels of x, m, y; rows and columns of y */
    /* tiles: th x tw outputs per step, tk output channels per block, chunk of m per step of c */
    int64_t th, tw, tk, chunk, taps, width;                     /* width: columns of a block; tw of them per strip */
    int64_t ih, iw, keep;                                       /* rows and columns that th x tw outputs read; rows carried to the next step */
    int64_t nc;                                                 /* steps of c */
    bool line, resident, reduce;                                /* reduce: project accumulates over c (or a depthwise over taps) */
    int i, j, k, c, r, s, t;                                    /* loops; -1 = one iteration */
    Affine oh, ow, ok;                                          /* origin of the output tile */
    Affine ih0, iw0;                                            /* origin of what it reads */
    Affine mc, ec;                                              /* first m of the chunk; the same in channels of x or e (m / mult) */
    int image, final;                                           /* packed images: of a chunk, of the last epilogue */
    int image_tile, final_tile;
} Chain;

/* Fills everything but tiles. NULL, or why the schedule is impossible for these stages. */
const char *chain_geometry(Chain *h, Lowering *l, const Group *group, TmProgram *p, const Sched *s);
#endif
