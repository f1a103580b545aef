/* tm_blocks.h: small programs of the tensor machine, written by hand with the builders: an inverted residual with halo recompute, one with a
 * line buffer, and a depthwise convolution on the CPU. Tests break them one at a time.
 *
 *     x[N,12,12,16] ──pw 48, relu6──▶ e ──dw 3x3, relu6──▶ d ──pw 16──▶ y (+ x)        tiles of 4 x 6 outputs, chunks of 16 of the 48 channels */
#ifndef FCM_TEST_TM_BLOCKS_H
#define FCM_TEST_TM_BLOCKS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "device.h"
#include "text.h"
#include "tm.h"

enum { SIZE = 12, CIN = 16, MID = 48, CHUNK = 16, TH = 4, TW = 6 };

typedef struct Block {
    Arena *a;
    TmModule *m;
    TmProgram *p;
    int n, i, j, r, c;                              /* loops; -1 = absent */
    int xt, xp, et, dt, yacc, yt, we, wd, wp, be, bd, by, wt, ft;   /* tiles; -1 = absent */
    int x, e, d, y;                                 /* tensors */
    int w, f;                                       /* images: of a chunk; of the last bias */
} Block;

static inline Device small_gpu(void)
{
    return (Device){ .name = "gpu", .target = TM_CUDA, .arch = 80, .smem_block = 101376, .smem_sm = 102400, .smem_reserved = 1024, .threads_sm = 1536,
                     .threads_block = 1024 };
}

static inline int tensor4(Block *b, const char *name, TmRole role, DType dt, int64_t d1, int64_t d2, int64_t d3)
{
    bool param = role >= TM_PARAM;
    TmTensor t = { .name = name, .cname = name, .role = role, .dtype = dt, .rank = 4, .dim = { param ? 1 : 0, d1, d2, d3 } };
    return tm_tensor(b->a, b->m, t);
}

static inline int tile_at(Block *b, const char *name, int tensor, TmSpace space, Affine h, Affine w, Affine c, int rows, int cols, int channels)
{
    TmTile t = { .name = name, .tensor = tensor, .space = space, .ext = { 1, rows, cols, channels }, .org = { affine_term(0, b->n, 1), h, w, c } };
    t.dtype = space == TM_REGISTER ? DT_F32 : b->m->tensors.at[tensor].dtype;
    return tm_tile(b->a, b->p, t);
}

static inline int param_at(Block *b, int image, const char *name, int tensor, Affine d2, Affine d3, int e1, int e2, int e3)
{
    bool cpu = b->p->target == TM_CPU;
    TmTile t = { .name = name, .tensor = tensor, .space = cpu ? TM_GLOBAL : TM_SHARED, .ext = { 1, e1, e2, e3 }, .org = { affine_const(0), affine_const(0), d2, d3 } };
    t.dtype = cpu ? DT_F32 : b->m->tensors.at[tensor].dtype;
    int tile = tm_tile(b->a, b->p, t);
    b->p->tiles.at[tile].image = image;
    b->p->tiles.at[tile].member = true;
    return tile;
}

static inline int image_tile(Block *b, int image, const char *name, int stages, int stage_loop)
{
    TmTile t = { .name = name, .tensor = -1, .space = b->p->target == TM_CPU ? TM_GLOBAL : TM_SHARED, .dtype = DT_U8, .ext = { 1, 1, 1, 1 } };
    if (b->p->images.at[image].nloop > 0) t.org[3] = affine_term(0, b->c, 1);
    t.stages = stages;
    t.stage_loop = stage_loop;
    int tile = tm_tile(b->a, b->p, t);
    b->p->tiles.at[tile].image = image;
    b->p->images.at[image].tile = tile;
    return tile;
}

static inline TmIns copy_of(Block *b, int tile)
{
    TmIns i = tm_ins(TM_COPY);
    i.dst = tile;
    i.vec = 16;
    (void)b;
    return i;
}

static inline TmIns product_of(TmOp op, TmVariant v, int dst, int src, int wgt)
{
    TmIns i = tm_ins(op);
    i.variant = v;
    i.dst = dst;
    i.src = src;
    i.wgt = wgt;
    i.geom = (TmGeom){ 1, 1, 1, 1, 1, 1, 1 };
    i.item_w = op == TM_DW ? 3 : 0;
    i.wm = op == TM_PW ? 2 : 0;
    i.wn = op == TM_PW ? 1 : 0;
    return i;
}

static inline void with_bias(Block *b, TmIns *i, int bias)
{
    vec_push(b->a, &i->epi, (TmEpi){ .kind = TM_EPI_BIAS, .tile = bias, .tile2 = -1 });
}

static inline void put(Block *b, TmIns i) { tm_emit(b->a, b->p, i); }

/* Tensors, grid loops, the loop over chunks, the packed weights. */
static inline void begin_residual(Block *b, Arena *a, int stages)
{
    *b = (Block){ .a = a, .r = -1, .xp = -1 };
    b->m = tm_module_new(a, "block");
    b->p = tm_program_new(a, b->m, "k0", TM_CUDA, 80);
    b->p->threads = 64;
    b->x = tensor4(b, "x", TM_IN, DT_F16, SIZE, SIZE, CIN);
    b->e = tensor4(b, "e", TM_VIRTUAL, DT_F16, SIZE, SIZE, MID);
    b->d = tensor4(b, "d", TM_VIRTUAL, DT_F16, SIZE, SIZE, MID);
    b->y = tensor4(b, "y", TM_OUT, DT_F16, SIZE, SIZE, CIN);
    int ew = tensor4(b, "e.weight", TM_PARAM, DT_F16, 1, MID, CIN), eb = tensor4(b, "e.bias", TM_PARAM, DT_F32, 1, 1, MID);
    int dw = tensor4(b, "d.weight", TM_PARAM, DT_F16, 3, 3, MID), db = tensor4(b, "d.bias", TM_PARAM, DT_F32, 1, 1, MID);
    int pw = tensor4(b, "y.weight", TM_PARAM, DT_F16, 1, CIN, MID), pb = tensor4(b, "y.bias", TM_PARAM, DT_F32, 1, 1, CIN);
    b->n = tm_loop(a, b->p, "n", TM_GRID, 0);
    b->i = tm_loop(a, b->p, "i", TM_GRID, SIZE / TH);
    b->j = tm_loop(a, b->p, "j", TM_GRID, SIZE / TW);
    b->c = tm_loop(a, b->p, "c", TM_SEQ, MID / CHUNK);
    b->w = tm_image(a, b->p, "w", &b->c, 1);
    b->wt = image_tile(b, b->w, "wt", stages, b->c);
    b->f = tm_image(a, b->p, "f", NULL, 0);
    b->ft = image_tile(b, b->f, "ft", 1, -1);
    Affine zero = affine_const(0), chunk = affine_term(0, b->c, CHUNK);
    b->we = param_at(b, b->w, "we", ew, chunk, zero, 1, CHUNK, CIN);
    b->wd = param_at(b, b->w, "wd", dw, zero, chunk, 3, 3, CHUNK);
    b->wp = param_at(b, b->w, "wp", pw, zero, chunk, 1, CIN, CHUNK);
    b->be = param_at(b, b->w, "be", eb, zero, chunk, 1, 1, CHUNK);
    b->bd = param_at(b, b->w, "bd", db, zero, chunk, 1, 1, CHUNK);
    b->by = param_at(b, b->f, "by", pb, zero, zero, 1, 1, CIN);
}

static inline void accumulate_into(Block *b, Affine h, Affine w, int rows)
{
    b->yacc = tile_at(b, "yacc", b->y, TM_REGISTER, h, w, affine_const(0), rows, TW, CIN);
    TmTile *t = &b->p->tiles.at[b->yacc];
    t->frag = TM_FRAG_MMA;
    t->wm = 2;
    t->wn = 1;
    b->yt = tile_at(b, "yt", b->y, TM_SHARED, h, w, affine_const(0), rows, TW, CIN);
}

/* e's rows h0 … h1 - 1 of the present chunk from the tile src. */
static inline void put_expand(Block *b, int src, int h0, int h1)
{
    TmIns i = product_of(TM_PW, TMV_PW_MMA16816, b->et, src, b->we);
    i.sub = (TmSub){ h0, h1, 0, b->p->tiles.at[b->et].ext[2] };
    i.masked = true;
    with_bias(b, &i, b->be);
    put(b, i);
}

static inline void put_depthwise(Block *b)
{
    TmIns i = product_of(TM_DW, TMV_DW_WINDOW, b->dt, b->et, b->wd);
    with_bias(b, &i, b->bd);
    put(b, i);
}

static inline void put_project(Block *b)
{
    TmIns i = product_of(TM_PW, TMV_PW_MMA16816, b->yacc, b->dt, b->wp);
    i.accumulate = true;
    put(b, i);
}

static inline void put_zero(Block *b)
{
    TmIns i = tm_ins(TM_ZERO);
    i.dst = b->yacc;
    put(b, i);
}

/* residual: tile of x added, or -1 */
static inline void put_store(Block *b, int residual)
{
    TmIns f = tm_ins(TM_FINISH), s = tm_ins(TM_STORE);
    f.dst = b->yt;
    f.src = b->yacc;
    with_bias(b, &f, b->by);
    if (residual >= 0) vec_push(b->a, &f.epi, (TmEpi){ .kind = TM_EPI_ADD, .tile = residual, .tile2 = -1 });
    put(b, f);
    s.src = b->yt;
    s.tensor = b->y;
    s.vec = 16;
    put(b, s);
}

/* The halo form, as lowering hands it over. */
static inline Block halo_block(Arena *a, int stages)
{
    Block b;
    begin_residual(&b, a, stages);
    Affine zero = affine_const(0), oh = affine_term(0, b.i, TH), ow = affine_term(0, b.j, TW), chunk = affine_term(0, b.c, CHUNK);
    Affine ih = affine_term(-1, b.i, TH), iw = affine_term(-1, b.j, TW);
    b.xt = tile_at(&b, "xt", b.x, TM_SHARED, ih, iw, zero, TH + 2, TW + 2, CIN);
    b.et = tile_at(&b, "et", b.e, TM_SHARED, ih, iw, chunk, TH + 2, TW + 2, CHUNK);
    b.dt = tile_at(&b, "dt", b.d, TM_SHARED, oh, ow, chunk, TH, TW, CHUNK);
    accumulate_into(&b, oh, ow, TH);
    tm_open(a, b.p, b.n), tm_open(a, b.p, b.i), tm_open(a, b.p, b.j);
    put(&b, copy_of(&b, b.xt));
    put(&b, copy_of(&b, b.ft));
    put_zero(&b);
    tm_open(a, b.p, b.c);
    put(&b, copy_of(&b, b.wt));
    put_expand(&b, b.xt, 0, TH + 2);
    put_depthwise(&b);
    put_project(&b);
    tm_close(a, b.p, b.c);
    put_store(&b, b.xt);
    tm_close(a, b.p, b.j), tm_close(a, b.p, b.i), tm_close(a, b.p, b.n);
    return b;
}

/* The halo form on 4 persistent blocks: all chunks' weights are copied before the tiles. direct: the sums are stored, with the residual, from
 * their registers, so that a tile's last reader of x is its last instruction. */
static inline Block persistent(Arena *a, bool direct)
{
    Block b = halo_block(a, 1);
    const int tiles[] = { b.n, b.i, b.j };
    TmIns ft = copy_of(&b, b.ft), wt = copy_of(&b, b.wt);
    TmIns *old = b.p->code.at;
    int n = b.p->code.n;
    for (int l = 0; l < 3; l++) b.p->loops.at[tiles[l]].kind = TM_PERSIST;
    b.p->sharers = 4;
    b.p->tiles.at[b.wt].ext[3] = MID / CHUNK;
    b.p->tiles.at[b.wt].org[3] = affine_const(0);
    b.p->code.at = NULL;
    b.p->code.n = b.p->code.cap = 0;
    put(&b, ft), put(&b, wt);
    for (int k = 0; k < n; k++) {
        bool resident = old[k].op == TM_COPY && (old[k].dst == b.ft || old[k].dst == b.wt), staged = direct && old[k].op == TM_FINISH;
        if (direct && old[k].op == TM_STORE) old[k] = old[k - 1], old[k].op = TM_STORE, old[k].dst = -1, old[k].tensor = b.y, old[k].vec = 16;
        if (!resident && !staged) put(&b, old[k]);
    }
    return b;
}
static inline Block with_turns(Arena *a, Block b)
{
    b.p->tiles.at[b.xt].stages = 2;
    b.p->tiles.at[b.xt].stage_loop = tm_loop(a, b.p, "t", TM_TURN, 1);
    return b;
}
static inline Block turns_block(Arena *a) { return with_turns(a, persistent(a, false)); }
static inline Block direct_turns_block(Arena *a) { return with_turns(a, persistent(a, true)); }
static inline Block persist_block(Arena *a) { return persistent(a, false); }
static inline Block direct_block(Arena *a) { return persistent(a, true); }

/* The line buffer: a block takes all 12 rows, two at a time; e keeps four rows of all chunks.
 *
 *     rows of e     r = 0:  [-1 0 | 1 2]        before the loop: rows -1, 0; in the loop two new ones
 *                   r = 1:        [1 2 | 3 4]   row y lies in slot y mod 4 */
static inline Block line_block(Arena *a)
{
    Block b;
    begin_residual(&b, a, 1);
    b.p->loops.at[b.i].trip = 1;
    b.r = tm_loop(a, b.p, "r", TM_SEQ, SIZE / 2);
    Affine zero = affine_const(0), ow = affine_term(0, b.j, TW), iw = affine_term(-1, b.j, TW), chunk = affine_term(0, b.c, CHUNK), row = affine_term(0, b.r, 2);
    b.xp = tile_at(&b, "xp", b.x, TM_SHARED, affine_term(-1, b.r, 2), iw, zero, 2, TW + 2, CIN);
    b.xt = tile_at(&b, "xt", b.x, TM_SHARED, affine_term(1, b.r, 2), iw, zero, 2, TW + 2, CIN);
    b.et = tile_at(&b, "et", b.e, TM_SHARED, affine_term(-1, b.r, 2), iw, zero, 4, TW + 2, MID);
    b.p->tiles.at[b.et].roll = 4;
    b.dt = tile_at(&b, "dt", b.d, TM_SHARED, row, ow, chunk, 2, TW, CHUNK);
    accumulate_into(&b, row, ow, 2);
    tm_open(a, b.p, b.n), tm_open(a, b.p, b.i), tm_open(a, b.p, b.j);
    put(&b, copy_of(&b, b.ft));
    put(&b, copy_of(&b, b.xp));
    tm_open(a, b.p, b.c);
    put(&b, copy_of(&b, b.wt));
    put_expand(&b, b.xp, 0, 2);
    tm_close(a, b.p, b.c);
    tm_open(a, b.p, b.r);
    put(&b, copy_of(&b, b.xt));
    put_zero(&b);
    tm_open(a, b.p, b.c);
    put(&b, copy_of(&b, b.wt));
    put_expand(&b, b.xt, 2, 4);
    put_depthwise(&b);
    put_project(&b);
    tm_close(a, b.p, b.c);
    put_store(&b, -1);
    tm_close(a, b.p, b.r);
    tm_close(a, b.p, b.j), tm_close(a, b.p, b.i), tm_close(a, b.p, b.n);
    return b;
}

/* pw into a tile, depthwise from it, on the CPU; x is read in place. */
static inline Block cpu_block(Arena *a)
{
    Block b = { .a = a, .r = -1, .c = -1, .xp = -1 };
    b.m = tm_module_new(a, "block");
    b.p = tm_program_new(a, b.m, "k0", TM_CPU, 256);
    b.x = tensor4(&b, "x", TM_IN, DT_F32, SIZE, SIZE, CIN);
    b.e = tensor4(&b, "e", TM_VIRTUAL, DT_F32, SIZE, SIZE, CIN);
    b.y = tensor4(&b, "y", TM_OUT, DT_F32, SIZE, SIZE, CIN);
    int ew = tensor4(&b, "e.weight", TM_PARAM, DT_F32, 1, CIN, CIN), dw = tensor4(&b, "y.weight", TM_PARAM, DT_F32, 3, 3, CIN);
    b.n = tm_loop(a, b.p, "n", TM_GRID, 0);
    b.i = tm_loop(a, b.p, "i", TM_GRID, SIZE / TH);
    b.w = tm_image(a, b.p, "w", NULL, 0);
    b.wt = image_tile(&b, b.w, "wt", 1, -1);
    Affine zero = affine_const(0);
    b.we = param_at(&b, b.w, "we", ew, zero, zero, 1, CIN, CIN);
    b.wd = param_at(&b, b.w, "wd", dw, zero, zero, 3, 3, CIN);
    b.xt = tile_at(&b, "xt", b.x, TM_GLOBAL, affine_term(-1, b.i, TH), affine_const(-1), zero, TH + 2, SIZE + 2, CIN);
    b.et = tile_at(&b, "et", b.e, TM_SHARED, affine_term(-1, b.i, TH), affine_const(-1), zero, TH + 2, SIZE + 2, CIN);
    b.yt = tile_at(&b, "yt", b.y, TM_SHARED, affine_term(0, b.i, TH), zero, zero, TH, SIZE, CIN);
    tm_open(a, b.p, b.n), tm_open(a, b.p, b.i);
    TmIns e = product_of(TM_PW, TMV_PW_VEC, b.et, b.xt, b.we), d = product_of(TM_DW, TMV_DW_VEC, b.yt, b.et, b.wd), s = tm_ins(TM_STORE);
    e.item_c = 16, e.item_w = 4, e.masked = true;
    s.src = b.yt, s.tensor = b.y, s.vec = 16;
    put(&b, e), put(&b, d), put(&b, s);
    tm_close(a, b.p, b.i), tm_close(a, b.p, b.n);
    return b;
}

/* All passes; they must succeed. */
static inline void finish_block(Block *b)
{
    Device d = small_gpu();
    const char *why = tm_layout(b->a, b->m, b->p);
    if (!why) why = tm_place(b->a, b->m, b->p, &d);
    if (!why) why = tm_pipe(b->a, b->m, b->p);
    if (!why) why = tm_sync(b->a, b->m, b->p);
    if (why) fail_msg("%s", why);
}

/* "copy xt", "pw et", "loop c", …, separated by "; " */
static inline const char *listing(const Block *b)
{
    Text t = text_new(b->a);
    text_put(&t, "");
    for (int k = 0; k < b->p->code.n; k++) {
        const TmIns *i = &b->p->code.at[k];
        text_printf(&t, "%s%s", k ? "; " : "", tm_op_rows[i->op].text);
        if (i->op == TM_LOOP || i->op == TM_END) text_printf(&t, " %s", b->p->loops.at[i->loop].name);
        if (i->op == TM_WAIT) text_printf(&t, " %d", i->n);
        if (i->dst >= 0) text_printf(&t, " %s", b->p->tiles.at[i->dst].name);
        if (i->lead) text_printf(&t, "@+%d", i->lead);
        if (i->guard_loop >= 0) text_printf(&t, " when %s+%d", b->p->loops.at[i->guard_loop].name, i->guard_add);
    }
    return t.at;
}

/* The k-th instruction of this kind. */
static inline TmIns *nth(Block *b, TmOp op, int k)
{
    for (int i = 0; i < b->p->code.n; i++)
        if (b->p->code.at[i].op == op && k-- == 0) return &b->p->code.at[i];
    fail_msg("the program has too few of %s", tm_op_rows[op].text);
    return NULL;
}

static inline int count_of(const Block *b, TmOp op)
{
    int n = 0;
    for (int i = 0; i < b->p->code.n; i++) n += b->p->code.at[i].op == op;
    return n;
}

static inline void drop(Block *b, const TmIns *i)
{
    int at = (int)(i - b->p->code.at);
    memmove(&b->p->code.at[at], &b->p->code.at[at + 1], sizeof *i * (size_t)(b->p->code.n - at - 1));
    b->p->code.n--;
}
#endif
