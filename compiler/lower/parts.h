/* parts.h: what every pattern is made of: tiles with the right storage type, vectors of parameters, epilogues, access widths, warp grids. */
#ifndef FCM_PARTS_H
#define FCM_PARTS_H
#include "lower.h"

typedef struct Parts {
    Lowering *l;
    Arena *a;
    TmModule *m;
    TmProgram *p;
    const Sched *s;
    bool cuda;
    int n;                          /* the batch loop */
} Parts;

Parts parts_begin(Lowering *l, TmProgram *p, const Sched *s);   /* opens nothing; declares the batch loop */
TmLoopKind parts_tile_loops(const Parts *b);                    /* the kind of n, i and j: GRID, or PERSIST where the schedule says so */

/* The loops round a kernel: images, rows, columns, channels. A block's own part of the grid is opened first, then what all its tiles read may be
 * copied, then its tiles are opened:  grid n i j k | -  or, with persistent blocks,  grid k | persist n i j */
typedef struct Outer { int n, i, j, k; } Outer;
void parts_open_blocks(Parts *b, Outer o);
void parts_open_tiles(Parts *b, Outer o);
void parts_close_outer(Parts *b, Outer o);

/* A loop of `trip` iterations, or -1 if trip is 1: then its variable is the constant 0. */
int parts_loop(Parts *b, const char *name, TmLoopKind kind, int64_t trip);
Affine parts_at(int loop, int64_t coef);                        /* coef * loop; 0 if loop is -1 */
void parts_open(Parts *b, int loop);
void parts_close(Parts *b, int loop);

/* Element type of an on-chip tile of tensor t: the tensor's on CUDA, f32 on the CPU. */
DType parts_dtype(const Parts *b, int tensor);

/* A window of an activation tensor. org[0] is the batch loop. */
typedef struct Window { Affine h, w, c; int64_t rows, cols, channels; } Window;
int parts_tile(Parts *b, const char *name, int tensor, Window v, TmSpace space);
int parts_weights(Parts *b, const char *name, int tensor, int image, Affine org[4], const int64_t ext[4]);

/* Emits COPY of tile rows h0…h1 (all columns), with the widest access that alignment allows. */
void parts_copy(Parts *b, int tile, int h0, int h1);
int parts_vec(const Parts *b, int tensor, const TmTile *t);     /* 2 … 16 bytes: divides every pixel's run and every origin in c */

/* The epilogue of a stage on the channels of window v, whose bias and bn vectors become members of `image`. cover: a SHARED tile that already holds
 * the tensor of a residual at v's coordinates, or -1. Tiles in `first` must be copied before the instruction that uses the epilogue. */
typedef struct Epilogue { VEC(TmEpi) steps; VEC(int) first; } Epilogue;
Epilogue parts_epilogue(Parts *b, const Stage *st, const char *prefix, Window v, int image, int cover);
void parts_copy_first(Parts *b, const Epilogue *e);
void parts_set_epi(Parts *b, TmIns *i, const Epilogue *e);

/* "mbconv.fcm:3 e = pw 24->144, bn, relu6"; NULL in drafts */
const char *parts_note(const Parts *b, const Stage *st);

/* Splits mt x nt tiles over a grid of wm x wn workers with the least work for the busiest one; ties prefer fewer loads. */
void parts_grid(int workers, int mt, int nt, int *wm, int *wn);

/* CUDA: registers that an operation may hold beside the accumulators of a projection, addresses included. */
enum { WORKING_REGISTERS = 104 };

/* CUDA: variant and item of a depthwise convolution without multiplier whose tiles, window and geometry are set: those whose busiest thread has
 * the least work. */
void parts_dw_items(const Parts *b, TmIns *i);

/* CPU: the register tile of a pw whose variant and tiles are set: item_c channels (a panel of the weights) x item_w pixels. */
void parts_cpu_items(const Parts *b, TmIns *i);

/* CPU: item_w, the pixels of a row that a vector dw keeps in registers at once. */
void parts_cpu_dw_item(const Parts *b, TmIns *i);
#endif
