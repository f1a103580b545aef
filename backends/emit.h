/* emit.h: what the two vocabularies (cuda/cuda.c, cpu/cpu.c) share. The walker (emit.c) goes through a program once and calls one
 * function per instruction. Around it:
 *
 *   place.c      tiles, members and origins as expressions      names.c      identifiers and literals
 *   epilogue.c   the steps of epilogues                         prelude.c    the runtime headers in the text
 *   host.c       header, sizes, run, error                      pack.c       pack
 *   portable.c   CUDA programs made fit for C
 *
 * Names in the printed text: tile `xt` has the geometry xt_t, its accumulators xt_f; tensor `x` has the geometry x_g and the pointer
 * x_p. Loop variables carry the loop's name. Suffixes and tables of reserved words keep them apart. */
#ifndef FCM_EMIT_H
#define FCM_EMIT_H
#include "backend.h"

/* What a program uses a tile as: decides which geometry is declared. */
typedef enum EmitUse { USE_NONE, USE_TILE, USE_WEIGHTS, USE_TAPS } EmitUse;

typedef struct Emit Emit;

/* A file of the prelude; needed == NULL: always there. */
typedef struct EmitFile { const char *name; const unsigned char *text; bool (*needed)(const TmModule *m); } EmitFile;

typedef struct EmitTarget {
    const struct EmitFile *files;                               /* of the prelude, in order; ends with NULL */
    void (*begin)(Emit *e);                                     /* before the prelude: macros that steer it */
    void (*globals)(Emit *e);                                   /* after it, before the first kernel */
    void (*kernel)(Emit *e);                                    /* everything before the kernel's first loop; opens the body */
    void (*body)(Emit *e);                                      /* after the grid loops are open */
    void (*finish)(Emit *e);                                    /* closes the kernel */
    void (*grid)(Emit *e, int loop);                            /* opens a grid loop; NULL where the kernel decodes them itself */
    void (*op[TM_OP_COUNT])(Emit *e, const TmIns *i);           /* NULL: prints nothing */
    const char *(*word)(const Emit *e, const char *name, int v);                            /* function `name` on v channels */
    const char *(*operand)(const Emit *e, const TmEpi *x, int k, int v);                    /* value of step k's operand, inside the epilogue */
    const char *(*shift)(const Emit *e, int k, int v);          /* of bn's second vector */
    void (*launches)(Emit *e);                                  /* the part of run that differs */
    const char *end;                                            /* a line after the last kernel, or NULL */
    const char *error;                                          /* text of `code`, an expression */
    const char *counted, *counts;                               /* when counters exist; the function that takes them */
    const char *last;                                           /* run's last parameter, with its type */
    bool threads;                                               /* workspace_bytes takes a thread count */
} EmitTarget;

struct Emit {
    Arena *arena;
    const TmModule *m;
    const EmitOptions *opt;
    const EmitTarget *target;
    const char *prefix;
    Text *out;
    const char *why;                /* set once by emit_refuse */
    /* of the program being printed */
    const TmProgram *p;
    const char **tile, **loop;      /* identifiers */
    bool *open;                     /* loops whose variable is in scope; closed ones read 0 */
    EmitUse *use;                   /* per tile */
    bool *touched;                  /* per tensor: it has a pointer and a geometry */
    int at;                         /* index of the instruction being printed */
    Text functions, kernel, *file;  /* C: of its instructions, and around them; file: where both go in the end */
};

void emit_refuse(Emit *e, const char *fmt, ...) FCM_PRINTF(2, 3);

/* ---- names.c ---- */
const char *emit_symbol(Arena *a, const char *name);            /* letters, digits and _ only: the prefix of symbols */
const char *emit_ident(Arena *a, const char *name);             /* of loops and tiles: reserved words and names of kernels get a _ */
const char *emit_argument(Arena *a, const char *name);          /* of run's parameters, likewise */
const char *emit_upper(Arena *a, const char *name);
const char *emit_comment(Arena *a, const char *text);           /* safe behind // */
const char *emit_quoted(Arena *a, const char *text);            /* safe between "" */
const char *emit_float(Arena *a, double v);                     /* a float literal that reads back exactly */
void emit_names(Emit *e);                                       /* tile[] and loop[] of the program: unique identifiers */

/* ---- place.c: expressions ---- */
Affine emit_visible(const Emit *e, Affine f);                   /* terms of closed loops read 0 and go */
const char *emit_affine(const Emit *e, Affine f);               /* "8 * i - 1" */
Affine emit_ahead(const TmTile *t, Affine f, int lead);         /* f with lead added to the tile's stage variable */
const char *emit_address(const Emit *e, const TmTile *t, int lead, const char *base);       /* byte pointer to element 0 of tile or member */
const char *emit_row(const Emit *e, const TmTile *t, int lead); /* slot of a line buffer's row 0; "0" without one */
const char *emit_records(const Emit *e, const TmTile *t, int lead);                         /* image tile: pointer to its records in `packed` */
const char *emit_image_bytes(const Emit *e, const TmTile *t);  /* of an image tile's window */
bool emit_in_packed(const Emit *e, const TmTile *t);            /* a member that is read in place */
typedef struct EmitShift { Affine dy, dx, dc, k0; } EmitShift;
EmitShift emit_pw_shift(const TmTile *dst, const TmTile *src, const TmTile *wgt);
EmitShift emit_dw_shift(const TmTile *dst, const TmTile *src, const TmTile *wgt, TmGeom g);

/* ---- epilogue.c ---- */
typedef enum EmitOperand { OPERAND_NONE, OPERAND_VECTOR, OPERAND_TILE, OPERAND_IN_PLACE } EmitOperand;
EmitOperand emit_operand(const Emit *e, const TmEpi *x);
bool emit_has_operands(const Emit *e, const TmIns *i);
void emit_epilogue_steps(Emit *e, const TmIns *i, int v);       /* v = …; lines and the return; v channels at once */
const char *emit_vector(Emit *e, int tile, const TmTile *dst, const char *base);
/* Where element (0, 0, 0) of dst lies in an operand: relative to its tile, absolute in a tensor in place. A tensor of extent 1 spreads: the
 * coordinate does not move with the destination's. */
typedef struct EmitAt { Affine h, w, c; bool spread_h, spread_w; } EmitAt;
EmitAt emit_operand_at(const Emit *e, const TmTile *dst, const TmTile *z);
void emit_count_members(Emit *e, const TmIns *i);               /* members read in place count once per instruction that names them */

/* ---- emit.c ---- */
void emit_call(Emit *e, const char *fmt, ...) FCM_PRINTF(2, 3);  /* a call; long ones break after commas between its own arguments */
const char *emit_tiles(const Emit *e, const char *batch);       /* the number of tiles that persistent blocks share; batch: an expression */
void emit_uses(Emit *e);                                        /* fills use and touched from the program */
int emit_grid_loops(const TmProgram *p);
void emit_program(Emit *e);
bool emit_module(Emit *e, Text *source, Text *header);
void emit_title(Emit *e);                                       /* a comment line before a kernel */
bool emit_writes(const TmProgram *p, int tensor);               /* does it store into that tensor? */
int emit_epilogue_width(const Emit *e, const TmIns *i);         /* channels that an epilogue function of a CPU program handles at once */

/* ---- host.c, pack.c, prelude.c ---- */
void emit_header(Emit *e, Text *header);
void emit_host(Emit *e);                                        /* packed_bytes, workspace_bytes, run, error, counts */
const char *emit_pointer(const Emit *e, int tensor);            /* in run: the pointer to a tensor; TEMPs lie behind `temp` */
void emit_pack(Emit *e);
void emit_prelude(Emit *e);
bool emit_has_op(const TmModule *m, TmOp op);
const char *emit_geometry_type(DType t);                        /* suffix of FC_: "F32", "F16"; NULL = not printed yet */

/* ---- portable.c ---- */
const TmModule *emit_portable(Arena *a, const TmModule *m);     /* a copy for C: portable variants, plain storage */
#endif
