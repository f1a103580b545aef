/* tm.h: the tensor machine. A program is one kernel: a flat list of loops and tile instructions over windows of logical
 * tensors. Everybody reads it (walk, verify, run, print, emit, cost); lower/ and the passes make it; nobody recomputes it.
 *
 * Coordinates. Every tensor is logically 4-dimensional: activations [n][h][w][c]; parameters as the language lays them out, right
 * aligned: pw weight [1][1][K][C], dw weight [1][R][S][C*mult], vectors [1][1][1][C]. Dimension indices: 0 n, 1 h (r), 2 w (s, or k of a pw
 * weight), 3 c. A tile is a window: extents and an origin that is affine in the loop variables; the window may leave the tensor.
 *
 * What a tile holds. Element (h, w, c) of a tile, absolute coordinates y = origin_h + h …, holds the tensor's value there, and 0 where the
 * pixel (y, x) lies outside the tensor. Channels: storage has cpad >= extent channels a pixel; every writer writes all cpad of them.
 * Channels beyond the tensor's C hold something finite (COPY writes 0 there; PW and DW write their epilogue of 0-weighted sums); readers
 * meet them with zero weights, and stores clip them. */
#ifndef FCM_TM_H
#define FCM_TM_H
#include "arena.h"
#include "diag.h"
#include "dtype.h"
#include "vec.h"
#include "window.h"

/* ---- closed sets ---- */
typedef enum TmTarget { TM_CUDA, TM_CPU } TmTarget;
typedef enum TmEngine { TM_ENGINE_FMA, TM_ENGINE_MMA, TM_ENGINE_ISSUE } TmEngine;
typedef enum TmOp {
#define TM_OP(e, text, reads, writes, flops) TM_##e,
#include "tm_ops.def"
    TM_OP_COUNT
} TmOp;
typedef enum TmVariant {
#define TM_VARIANT(e, text, op, target, arch, engine) TMV_##e,
#include "tm_ops.def"
    TMV_COUNT
} TmVariant;
typedef struct TmOpRow { const char *text, *reads, *writes; char flops; } TmOpRow;
typedef struct TmVariantRow { const char *text; TmOp op; TmTarget target; int arch; TmEngine engine; } TmVariantRow;
extern const TmOpRow tm_op_rows[TM_OP_COUNT];
extern const TmVariantRow tm_variant_rows[TMV_COUNT];

/* ---- affine expressions in loop variables ---- */
enum { AFFINE_TERMS = 4 };
typedef struct Affine { int64_t k; int nterm; struct { int loop; int64_t coef; } term[AFFINE_TERMS]; } Affine;  /* k + Σ coef * loop; no zero coefs */
Affine affine_const(int64_t k);
Affine affine_term(int64_t k, int loop, int64_t coef);
Affine affine_add(Affine a, Affine b);                          /* equal loops merge; ice() beyond AFFINE_TERMS */
Affine affine_sub(Affine a, Affine b);
Affine affine_scale(Affine a, int64_t f);
int64_t affine_coef(const Affine *a, int loop);
int64_t affine_eval(const Affine *a, const int64_t *vars);      /* vars[loop]; closed loops read 0 */
bool affine_equal(const Affine *a, const Affine *b);

/* ---- tensors of a module ---- */
typedef enum TmRole {
    TM_IN, TM_OUT, TM_TEMP,         /* in global memory, NHWC dense; TEMP lies in the workspace */
    TM_VIRTUAL,                     /* never in memory: only windows of it exist */
    TM_PARAM,                       /* given by the user, in the language's layout */
    TM_DERIVED                      /* computed from parameters when packing */
} TmRole;
/* BN_SCALE: s = weight / sqrt(var + eps); BN_SHIFT: t = bias - mean * s; all in f32, in this order. from: weight, bias, mean, var */
typedef enum TmDerive { TM_AS_IS, TM_BN_SCALE, TM_BN_SHIFT } TmDerive;

typedef struct TmTensor {
    const char *name;               /* as the user spells it: "x", "y.0.e", "e.weight" */
    const char *cname;              /* unique C identifier */
    TmRole role;
    DType dtype;
    int64_t dim[4];                 /* dim[0] of IN, OUT, TEMP and VIRTUAL is the batch and reads 0 */
    int rank;                       /* PARAM: as the language writes it (for .npy shapes); others 4 (2 for [N, C]: h = w = 1) */
    TmDerive derive; int from[4]; double eps;                   /* DERIVED */
    int64_t offset;                 /* TEMP: bytes per image before it in the workspace, multiple of 256 */
    Loc loc;
} TmTensor;

/* ---- loops ---- */
typedef enum TmLoopKind { TM_GRID, TM_PERSIST, TM_SEQ, TM_UNROLL, TM_TURN } TmLoopKind;
/* A SEQ loop may be opened again after it was closed (never inside itself). GRID loops come first in the program and are closed last: blocks on CUDA, an OpenMP collapse on the CPU; blocks
 * are numbered with the first grid loop slowest. trip 0 is the batch n, known at run time, only on the first grid or persist loop.
 * PERSIST loops nest directly in each other, inside the grid loops, once: their iterations are the tiles of a grid point, numbered with the last
 * loop fastest. `sharers` blocks (as many as there are tiles, if those are fewer) share them out: number b takes the tiles b, b + sharers, …
 *     grid k
 *       copy w                  once a block: what every tile reads stays on chip
 *       persist n i j           the body once a tile; nothing but such copies lives from one tile to the next, nothing follows the tiles
 * TURN is never opened: its variable counts the tiles that a block has taken, of which a tile staged by it holds two. Such a tile is copied before the
 * persist loops, for the block's first tile, and in their body one turn ahead, while there is another:
 *     copy x                      of tile b: slot 0
 *     persist n i j
 *       copy x@+1 when t+1        of tile b + (t+1) * sharers: slot (t+1) mod 2
 *       … readers of x …          of tile b + t * sharers: slot t mod 2
 * limit_bound > 0: an iteration runs only while limit < limit_bound (limit affine, growing in this loop's variable): ragged bands. */
typedef struct TmLoop { const char *name; TmLoopKind kind; int64_t trip; Affine limit; int64_t limit_bound; } TmLoop;

/* ---- tiles ---- */
typedef enum TmSpace { TM_GLOBAL, TM_SHARED, TM_REGISTER } TmSpace;     /* SHARED on the CPU: the thread's arena, meant for a cache */
typedef enum TmOrder { TM_PIXELS, TM_PANELS } TmOrder;
typedef enum TmFrag { TM_FRAG_NONE, TM_FRAG_SIMT, TM_FRAG_MMA } TmFrag;

/* Storage of SHARED tiles (and of members of an image, in whatever space the image lies):
 *   PIXELS  byte address = slot*slot_bytes + row*pitch_h + w*pitch_w + c*size(dtype);   with swizzle: the 16-byte chunk index inside the
 *           pixel, c*size/16, is XORed with ((row*ext_w + w) >> swizzle_shift) & swizzle_mask
 *   PANELS  (pw weights only; ext = {1, 1, tk, tc}) element ((w / panel) * cpad + c) * panel + w % panel: panels of `panel` output
 *           channels, contraction index c outside, output channel inside; w runs to a multiple of panel (zeros)
 *   row     = h, or with roll > 0: (origin_h + h - origin_h.k) mod roll — the line buffer: absolute rows, modulo
 *   slot    = stage_loop variable (+ lead) mod stages, 0 if stages == 1 or roll > 0: a line buffer that is copied ahead keeps the rows of
 *             stages - 1 more steps
 * REGISTER tiles are f32 accumulators, element (m, k), m = h*ext_w + w the linear pixel, k the channel:
 *   FRAG_MMA   warps form a grid wm x wn; warp (i, j) = (warp / wn, warp % wn) owns the 16-row tiles i*MI … +MI-1, MI = up(up(M,16),wm), and the
 *              8-column tiles j*NI … +NI-1, NI = up(up(cpad,8),wn) [up(a,b) = ceil(a/b)]; inside a 16x8 tile the m16n8 map of mma.sync:
 *              element (r, q) lies in lane (r%8)*4 + q/2, register (r/8)*2 + q%2
 *   FRAG_SIMT  threads form a grid wm x wn; thread (i, j) = (t / wn, t % wn) owns pixels i + wm*a, a < up(M, wm), and the channels
 *              (j + wn*b)*4 … +3, b < up(cpad, 4*wn)
 *   On the CPU a register tile is a float array [M][cpad].
 * GLOBAL tiles are read in place: an activation tile (dtype = the tensor's), or an image (see below). */
typedef struct TmTile {
    const char *name;
    int tensor;                     /* -1 for an image tile */
    int ext[4];
    Affine org[4];
    TmSpace space;
    DType dtype;                    /* of the elements stored; may be wider than the tensor's */
    int cpad;
    /* storage, filled by layout and place */
    TmOrder order; int panel;
    int pitch_w, pitch_h;           /* bytes, multiples of 16 when SHARED on CUDA */
    int swizzle_mask, swizzle_shift;
    int stages, stage_loop;         /* stages >= 1; stage_loop -1 if 1 */
    int roll;                       /* rows kept; 0 = no line buffer */
    int slot_bytes;                 /* one stage */
    int offset;                     /* byte offset in the arena, multiple of 16 (CUDA) or 64 (CPU); -1 before place */
    /* packed image */
    int image;                      /* image tile: the image it is a window of; member: the image it is a part of; else -1 */
    bool member; int image_off;     /* member: byte offset in the image's record */
    /* register */
    TmFrag frag; int wm, wn;
} TmTile;

/* A packed image: `count` records of `bytes` bytes in the packed buffer, each the concatenation of its members in storage form. Record number
 * i belongs to the values of loops[0], loops[1], … with i row-major over their trips (nloop = 0: one record). The members' origins may
 * depend on those loops only. An image tile is a window ext[3] records long at record org[3]; the member that is read at loop values v lies in
 * record index(v), i.e. at image tile + (slot)*slot_bytes + (index(v) - org[3](v))*bytes + image_off. */
typedef struct TmImage {
    const char *name;
    int nloop, loops[3];
    int64_t count;
    int bytes;                      /* of a record, multiple of 64 */
    int64_t offset;                 /* in the packed buffer, multiple of 256 */
    int tile;                       /* the image tile through which programs see it */
    VEC(int) members;               /* tile numbers */
} TmImage;

/* ---- epilogues ---- */
typedef enum TmEpiKind {
    TM_EPI_BIAS,                    /* v + tile[c] */
    TM_EPI_BN,                      /* v * tile[c] + tile2[c] */
    TM_EPI_ACT,                     /* act(v; a, b) */
    TM_EPI_ADD, TM_EPI_SUB, TM_EPI_RSUB, TM_EPI_MUL,    /* v + z, v - z, z - v, v * z, z the tile's element at the same absolute coordinates; */
                                    /* a tile of extent 1 in h or w spreads (its tensor's size there is 1) */
    TM_EPI_ADDC, TM_EPI_RSUBC, TM_EPI_MULC,             /* v + a, a - v, v * a */
    TM_EPI_ROUND                    /* rounded to dtype, kept as f32 */
} TmEpiKind;
typedef struct TmEpi { TmEpiKind kind; int tile, tile2; Act act; double a, b; DType dtype; } TmEpi;

/* ---- instructions ----
 * The weight tile says which channels an instruction handles:
 *   PW  contracts source channels wgt.org[3] … + wgt.cpad - 1 (absolute; weights are 0 beyond the tensor) into destination channels
 *       wgt.org[2] … + wgt.ext[2] - 1, so a destination or source tile may hold more channels than one instruction touches
 *   DW  destination channels wgt.org[3] … + wgt.ext[3] - 1, absolute taps wgt.org[1] … (rows) and wgt.org[2] … (columns)
 * Both write the storage of those channels up to the next multiple of 8, or of tm_vector() where that is more. Without accumulate the epilogue is applied and the result stored in
 * dst's dtype; with accumulate dst is f32 (REGISTER, or SHARED on the CPU), no epilogue, and FINISH or STORE applies one later.
 * PW reads the source at the destination's own pixels. A source in GLOBAL space (CPU) is read in place, pixels outside the tensor as 0.
 * FINISH and STORE take a REGISTER or SHARED source; epilogue order is the vector's order. */
typedef struct TmSub { int h0, h1, w0, w1; } TmSub;             /* rows and columns of the destination window, tile relative; may leave the window */
typedef struct TmGeom {             /* DW: source row = y*stride_h - pad_top + r*dil_h (absolute), r the absolute tap; source channel = c / mult */
    int stride_h, stride_w, pad_top, pad_left, dil_h, dil_w, mult;
} TmGeom;
typedef struct TmIns {
    TmOp op;
    TmVariant variant;
    int loop;                       /* LOOP, END */
    int dst, src, wgt;              /* tiles; -1 = none */
    int lead;                       /* COPY: iterations of the destination's stage loop ahead */
    int tensor;                     /* STORE: the tensor written, at the source window's coordinates */
    TmSub sub;                      /* COPY, PW, DW, FINISH, STORE: of dst (STORE: of src); always set (whole window by default) */
    bool async, accumulate, masked; /* COPY; PW and DW: +=; PW, DW, FINISH: a pixel outside the tensor of dst stores 0 */
    int guard_loop, guard_add;      /* runs when var(guard_loop) + guard_add < trip (TURN: the block's tiles); guard_loop -1 = always */
    int n;                          /* WAIT: groups that may stay pending */
    int vec;                        /* COPY, STORE: bytes of one global access, 2 … 16: the largest that divides every pixel's run and start */
    int item_h, item_w, item_c;     /* work of one thread or register tile, where the variant has one; else 0 */
    int wm, wn;                     /* PW: warp grid (mma) or thread grid (simt); else 0 */
    TmGeom geom;                    /* DW */
    VEC(TmEpi) epi;
    Loc loc; const char *note;      /* the op in the source, "mbconv.fcm:3 e = pw 24->144, relu6"; NULL for structure */
} TmIns;

typedef struct TmProgram {
    const char *name;               /* "k0" */
    const char *note;               /* what it computes: "fuse(e, d, y)" */
    const char *sched;              /* the schedule in plan syntax, for the header comment and remarks */
    TmTarget target;
    int arch;                       /* CUDA: 75, 80, …; CPU: vector bits 0, 256, 512 */
    int threads;                    /* CUDA: of a block; CPU: 1 */
    int ctas;                       /* CUDA: blocks per SM that registers and shared memory must allow (launch bounds) */
    int sharers;                    /* blocks that share the tiles of a grid point, at most; 0 without persist loops */
    VEC(TmLoop) loops;
    VEC(TmTile) tiles;
    VEC(TmImage) images;
    VEC(TmIns) code;
    int arena_bytes;                /* shared memory of a block, or arena of a CPU thread; by place */
} TmProgram;

typedef struct TmModule {
    const char *name;               /* the block; prefix of all symbols */
    const char *source;             /* path as given, for comments */
    const char *device;             /* name of the device it was planned for */
    int64_t batch;                  /* 0 open, else fixed */
    VEC(TmTensor) tensors;
    VEC(int) inputs, outputs, params;       /* tensors, in the order of the generated API */
    VEC(TmProgram *) programs;      /* launch order */
    int64_t packed_bytes;           /* of all images */
    int64_t workspace_bytes;        /* per image of the batch */
} TmModule;

/* ---- builders (tm.c): the only places where trip counts, tile extents and bytes are computed ---- */
TmModule *tm_module_new(Arena *a, const char *name);
int tm_tensor(Arena *a, TmModule *m, TmTensor t);
TmProgram *tm_program_new(Arena *a, TmModule *m, const char *name, TmTarget target, int arch);
int tm_loop(Arena *a, TmProgram *p, const char *name, TmLoopKind kind, int64_t trip);          /* declares; tm_open emits it */
int tm_tile(Arena *a, TmProgram *p, TmTile t);                  /* sets defaults: stages 1, offset -1, image -1, cpad = ext c if 0 */
int tm_image(Arena *a, TmProgram *p, const char *name, const int *loops, int nloop);
void tm_member(Arena *a, TmProgram *p, int image, int tile);    /* appends at the next 16-byte (CUDA) or 64-byte (CPU) boundary; after layout */
TmIns tm_ins(TmOp op);                                           /* no tiles, no loop, no guard */
TmIns *tm_emit(Arena *a, TmProgram *p, TmIns ins);              /* appends; sub defaults to the whole window when all 0; valid until the next */
void tm_open(Arena *a, TmProgram *p, int loop);
void tm_close(Arena *a, TmProgram *p, int loop);
TmSub tm_whole(const TmTile *t);

/* ---- facts that readers share (tm.c) ---- */
bool tm_is_image(const TmTile *t);                              /* an image tile (not a member) */
int tm_slots(const TmTile *t);                                  /* copies of the window that are kept: stages, one in a line buffer */
int64_t tm_tile_bytes(const TmTile *t);                         /* storage of all slots */
int64_t tm_member_bytes(const TmTile *t);                       /* storage of a member in its record */
/* Byte address of element (h, w, c), tile relative, in the arena or (members of a GLOBAL image) in the packed buffer. vars: loop values;
 * lead: added to the stage loop's variable. Not for REGISTER tiles and GLOBAL activation tiles. */
int64_t tm_address(const TmProgram *p, const TmTile *t, const int64_t *vars, int lead, int h, int w, int c);
int64_t tm_image_index(const TmProgram *p, const TmImage *im, const int64_t *vars);
void tm_image_vars(const TmProgram *p, const TmImage *im, int64_t index, int64_t *vars);       /* the inverse: sets those loops' values */
/* The part of [sub rows] x [sub cols] x [channels] of tile t that lies inside the tensor, as absolute spans (n is one image). */
typedef struct TmBox { WinSpan h, w, c; } TmBox;
TmBox tm_box(const TmModule *m, const TmProgram *p, const TmTile *t, TmSub sub, const int64_t *vars);
int64_t tm_box_elements(TmBox b);
bool tm_guard(const TmProgram *p, const TmIns *i, const int64_t *vars, int64_t batch);
int64_t tm_trip(const TmLoop *l, int64_t batch);
bool tm_runs(const TmLoop *l, const int64_t *vars);             /* the limit: does this iteration run? */
int64_t tm_blocks(const TmProgram *p, int64_t batch);           /* product of the grid trips, times the blocks that share a grid point */
/* Floats of one vector of a CPU instruction's epilogue and stores: 16 or 8, the widest that the ISA has and the written channels fill (a pw that
 * writes all channels of its tensor may pad the last vector: its tile then has the room); 1 for portable variants and on CUDA. */
int tm_vector(const TmModule *m, const TmProgram *p, const TmIns *i);

/* PW on a CPU: do rows follow each other in both tiles, so that all pixels are computed as one row (fc_pw_linear() of backends/cpu/rt)? */
bool tm_pw_linear(const TmProgram *p, const TmIns *i);
int tm_loop_end(const TmProgram *p, int at);                    /* index of the END that closes the LOOP at index `at` */

/* ---- persist loops (persist.c) ---- */
int64_t tm_tiles(const TmProgram *p, int64_t batch);            /* tiles of a grid point: the product of the persist trips; 1 without such loops */
int64_t tm_sharers(const TmProgram *p, int64_t batch);          /* blocks of a grid point: no more than tiles; 1 without persist loops */
int tm_persist_at(const TmProgram *p);                          /* index of the LOOP of the outermost persist loop; -1 */
int tm_persist_nest(const TmProgram *p, int at);                /* persist loops that are opened one after another from index `at` on */
void tm_tile_vars(const TmProgram *p, int at, int64_t tile, int64_t *vars);     /* sets the variables of those loops for that tile */
int64_t tm_tile_number(const TmProgram *p, int at, const int64_t *vars);        /* the inverse */
int tm_turn(const TmProgram *p);                                /* the TURN loop; -1: none */
bool tm_by_turns(const TmProgram *p, const TmTile *t);          /* staged by it */
/* NULL, or the rule of persist loops that instruction *where violates. All loops must be closed in turn. */
const char *tm_persist_refuses(const TmProgram *p, int *where);

/* ---- passes, in order (each in its own file); NULL = done, else the reason why the program is impossible ---- */
struct Device;
struct Text;
/* Layout sets cpad, pitches, panels, slot_bytes and lays out the images, whose place in the packed buffer it takes from (and adds to) m->packed_bytes: once
 * a program; whoever drops the program sets packed_bytes back. */
const char *tm_layout(Arena *a, TmModule *m, TmProgram *p);
const char *tm_place(Arena *a, const TmModule *m, TmProgram *p, const struct Device *d);   /* offsets; tiles with disjoint lives share bytes */
const char *tm_pipe(Arena *a, const TmModule *m, TmProgram *p);                            /* async, commit, wait, leads */
bool tm_may_be_async(const TmModule *m, const TmProgram *p, const TmIns *i);               /* a copy that pipe makes asynchronous */
const char *tm_sync(Arena *a, const TmModule *m, TmProgram *p);                            /* barriers, where the abstract run needs them */

/* ---- readers ---- */
/* Bytes of global memory, per tensor (index) and per image (tensors.n + number of the image over all programs, in order). */
typedef struct TmBytes { int n; int64_t *read, *written; } TmBytes;
int tm_byte_slots(const TmModule *m);
int tm_image_slot(const TmModule *m, const TmProgram *p, int image);
/* CPU: how often an instruction is executed; the rows and columns that it computes and, PW, the channels that it contracts, summed over all
 * executions. */
typedef struct TmExtent { int64_t runs, rows, cols, contracted; } TmExtent;
/* CUDA: what an instruction does in all its executions: as the totals below, bytes of global memory in both directions. LOOP: runs is how often the
 * loop is entered, the rest 0. */
typedef struct TmUse { int64_t runs, bytes, flops[3], sfu, shared_bytes, shared_waves; } TmUse;
typedef struct TmWalk {
    TmExtent *extent;               /* of each instruction of the code; CPU targets, else NULL */
    TmUse *use;                     /* of each instruction of the code; CUDA, else NULL */
    TmBytes issued;                 /* what the instructions move (equal to every counter) */
    TmBytes unique;                 /* each byte once per program */
    int64_t flops[3];               /* per TmEngine, as executed: halo and padding included */
    int64_t sfu, barriers;          /* special-function operations; barriers summed over blocks */
    int64_t shared_bytes;           /* read and written in shared memory (or the CPU's arena) by the tile instructions */
    int64_t shared_waves;           /* CUDA: 128-byte wavefronts of shared memory, bank conflicts included */
    int64_t blocks;
    int64_t tiles;                  /* of a grid point that persistent blocks share; 0 without persist loops, or without images */
    int64_t resident_bytes;         /* of issued.read: before the persist loops, by all blocks together */
} TmWalk;
void tm_walk(Arena *a, const TmModule *m, const TmProgram *p, int64_t batch, TmWalk *w);       /* adds to nothing: w is set */

/* verify: NULL if all invariants hold, else the violated one, worded with the instruction. */
const char *tm_verify(Arena *a, const TmModule *m, const TmProgram *p, const struct Device *d);
const char *tm_variant_refuses(const TmModule *m, const TmProgram *p, const TmIns *i);         /* NULL: the variant's predicate holds */

/* run: the interpreter. data[tensor] = the tensor's elements as float in logical order, all of IN, PARAM given; OUT and TEMP are allocated by it.
 * exact: activations replaced by their FCM_EXACT functions. Every value is rounded where the program says. Counts bytes into *counted. */
typedef struct TmRun { int64_t batch; bool exact; float **data; TmBytes counted; int64_t limit; } TmRun;       /* limit: of steps; 0 = none */
const char *tm_run(Arena *a, const TmModule *m, TmRun *r);

/* print and parse: a whole module; parse(print(m)) prints the same. Errors of the text are located (FCM4xxx). */
void tm_print(const TmModule *m, const Diag *d, struct Text *out);
TmModule *tm_parse(Arena *a, Diag *d, int source);

/* The integer function that replaces act under FCM_EXACT: integer in, integer out, odd enough that a lost activation shows, |f(v)| <= |v| + 1.
 * Integer-valued activations (act_is_integer) stay themselves; leaky: v < 0 ? -((-v + 1) / 2) : v; clamp: constants rounded to nearest; the
 * others: v < 0 ? -(-v / 2) : v. Constants a of ADDC, RSUBC, MULC become nearest integers, MULC's at most 2 in magnitude. */
float tm_exact_act(Act act, double a, double b, float v);
double tm_exact_constant(TmEpiKind k, double a);
float tm_act(Act act, double a, double b, float v);             /* the real one, in f32 */
#endif
