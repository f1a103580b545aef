/* chain.h: the geometry of a chain [head] [expand] [depthwise] [project] under a schedule. Shared by chain_geom.c, which computes it once, and
 * chain.c and chain_head.c, which emit the program. Letters: x the chain's input, u the head's result, e the expansion's, d the depthwise's,
 * y the chain's.
 *
 *      x ──head──▶ u ──expand──▶ e ──depthwise──▶ d ──project──▶ y
 *
 * Each of the four may be absent, not all; the head, itself a depthwise convolution, stands only before an expansion. Without it u is x.
 *
 * Loop a runs over the channels of u that the head makes, before anything reads them. The channel loop c runs over the channels m that the last operation contracts (project) or produces (a final depthwise). */
#ifndef FCM_CHAIN_H
#define FCM_CHAIN_H
#include "parts.h"

typedef struct Chain {
    Parts b;
    const Stage *head, *expand, *depth, *project, *last;        /* NULL: absent */
    WinAxis ah, aw, hh, hw;                                     /* of the depthwise, 1x1 without one; of the head */
    int mult, hmult;
    int x, u, e, d, y;                                          /* tensors; e, d -1 if absent or equal to y */
    int64_t cin, mid, out, rows, cols;                          /* channels of u, m, y; rows and columns of y */
    /* tiles: th x tw outputs per step, tk output channels per block, chunk of m per step of c */
    int64_t th, tw, tk, chunk, taps, width;                     /* width: columns of a block; tw of them per strip */
    int64_t ih, iw, keep;                                       /* rows and columns that th x tw outputs read; rows carried to the next step */
    WinSpan own_h, own_w;                                       /* the part of these that no other step or block stores (chain_keep.c) */
    int64_t nc;                                                 /* steps of c */
    int64_t hchunk, na;                                         /* channels of u per step of a; steps of a */
    bool line, resident, reduce;                                /* reduce: project accumulates over c (or a depthwise over taps) */
    int i, j, k, a, c, r, s, t;                                 /* loops; -1 = one iteration */
    int turn;                                                   /* count of a persistent block's tiles, ahead of which x is copied; -1 = it is not */
    Affine oh, ow, ok;                                          /* origin of the output tile */
    Affine ih0, iw0;                                            /* origin of what it reads */
    Affine mc, ec;                                              /* first m of the chunk; the same in channels of x or e (m / mult) */
    int image, final;                                           /* packed images: of a chunk, of the last epilogue */
    int image_tile, final_tile;
} Chain;

/* Fills everything but tiles. NULL, or why the schedule is impossible for these stages. */
const char *chain_geometry(Chain *h, Lowering *l, const Group *group, TmProgram *p, const Sched *s);
/* Rows row … row + rows - 1 of what the depthwise's output tile reads, all its columns. */
Window chain_rows(const Chain *h, int64_t row, int64_t rows, Affine c, int64_t channels);
/* The window of x that the head reads for those rows of u: the channels of one step of a. */
Window chain_head_rows(const Chain *h, int64_t row, int64_t rows);

/* ---- chain_head.c ---- */
typedef struct Head {
    int image, image_tile, weights; /* its packed image, one record a step of a */
    bool resident;                  /* copied once a block */
    int xt, xp;                     /* windows of x for the tile of u and for the rows above the band; -1 = absent */
    Epilogue epi;
} Head;
Head head_pieces(Chain *h);
void head_open(Chain *h, const Head *t);                        /* before the first head_emit: copies resident weights */
/* Makes the tile `dst` of u from the window `src` of x, step by step. */
void head_emit(Chain *h, const Head *t, int dst, int src);

/* ---- chain_keep.c ---- */
const char *keep_refuses(const Chain *h);                       /* NULL: what is read by others as well can be stored */
/* Store e, d, u from the tile that holds it, if it is kept. above: the tile of the rows above a band. */
void keep_expanded(Chain *h, int tile);
void keep_depthwise(Chain *h, int tile);
void keep_head(Chain *h, int tile, bool above);

/* ---- chain.c, for all ---- */
int chain_image_tile(Chain *h, int image, const char *name, bool resident);
void chain_stage(Chain *h, int tile, int loop);                 /* buffers of what is streamed through the loop */
void chain_turn(Chain *h, int tile);                            /* the same, of x, for the next tile of a persistent block */
void chain_copy(Chain *h, int tile);                            /* of a tile that is not read in place, whole */
void chain_set_dw(const Chain *h, TmIns *i, const WinAxis *ah, const WinAxis *aw, int mult);
#endif
