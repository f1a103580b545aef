/* The walk against brute force (every iteration, every byte) and against the interpreter's counters, on fixed and on random programs. */
#include "tm_fixture.h"

/* ---- brute force: the loops as they stand, a byte map per tensor and image ---- */

typedef struct Brute {
    Arena *a;
    const TmModule *m;
    const TmProgram *p;
    int64_t batch, vars[64], *read, *written, barriers, block, tile, blocks;
    unsigned char **seen[2];        /* [written][slot]: elements, records, or member bytes touched */
} Brute;

static void touch(Brute *b, int written, int slot, int64_t first, int64_t n)
{
    memset(b->seen[written][slot] + first, 1, (size_t)n);
}

/* Rows, columns and channels one by one; n is the image. */
static void touch_window(Brute *b, int written, int tensor, const TmTile *t, TmSub s, const int64_t *vars, int64_t lo, int64_t n)
{
    const TmTensor *x = &b->m->tensors.at[tensor];
    int64_t image = affine_eval(&t->org[0], vars), size = dtype_bytes(x->dtype), count = 0;
    for (int64_t y = affine_eval(&t->org[1], vars) + s.h0, y1 = y + s.h1 - s.h0; y < y1; y++)
        for (int64_t c, w = affine_eval(&t->org[2], vars) + s.w0, w1 = w + s.w1 - s.w0; w < w1; w++)
            for (c = lo; c < lo + n; c++) {
                if (y < 0 || y >= x->dim[1] || w < 0 || w >= x->dim[2] || c < 0 || c >= x->dim[3]) continue;
                touch(b, written, tensor, ((image * x->dim[1] + y) * x->dim[2] + w) * x->dim[3] + c, 1);
                count++;
            }
    (written ? b->written : b->read)[tensor] += count * size;
}

/* Tiles in order, counted down to the one that the copy is for: this block's first, or the lead-th of its own behind the present one. */
static bool brute_tile(const Brute *b, const TmIns *i, int64_t *vars)
{
    int64_t left = i->lead ? i->lead * b->p->sharers : b->block;
    int at = tm_persist_at(b->p), last = at + tm_persist_nest(b->p, at) - 1;
    for (; left > 0; left--) {
        int k = last;
        while (++vars[b->p->code.at[k].loop] == tm_trip(&b->p->loops.at[b->p->code.at[k].loop], b->batch)) {
            vars[b->p->code.at[k].loop] = 0;
            if (--k < at) return false;
        }
    }
    return true;
}

static void touch_copy(Brute *b, const TmIns *i)
{
    const TmTile *t = &b->p->tiles.at[i->dst];
    int64_t vars[64];
    memcpy(vars, b->vars, sizeof vars);
    if (i->lead && !tm_by_turns(b->p, t)) vars[t->stage_loop] += i->lead;
    if (tm_by_turns(b->p, t) && !brute_tile(b, i, vars)) return;
    if (!tm_is_image(t)) {
        touch_window(b, 0, t->tensor, t, i->sub, vars, affine_eval(&t->org[3], vars), t->ext[3]);
        return;
    }
    const TmImage *im = &b->p->images.at[t->image];
    int slot = tm_image_slot(b->m, b->p, t->image);
    touch(b, 0, slot, affine_eval(&t->org[3], vars) * im->bytes, (int64_t)t->ext[3] * im->bytes);
    b->read[slot] += (int64_t)t->ext[3] * im->bytes;
}

static void touch_operand(Brute *b, const TmIns *i, int tile, int64_t lo, int64_t n)
{
    const TmTile *t = &b->p->tiles.at[tile], *at = &b->p->tiles.at[i->op == TM_STORE ? i->src : i->dst];
    if (!t->member && t->space == TM_GLOBAL) touch_window(b, 0, t->tensor, at, i->sub, b->vars, lo, n);
    if (!t->member || b->p->tiles.at[b->p->images.at[t->image].tile].space != TM_GLOBAL) return;
    const TmImage *im = &b->p->images.at[t->image];
    int slot = tm_image_slot(b->m, b->p, t->image);
    touch(b, 0, slot, tm_image_index(b->p, im, b->vars) * im->bytes + t->image_off, tm_member_bytes(t));
    b->read[slot] += tm_member_bytes(t);
}

static void touch_ins(Brute *b, const TmIns *i)
{
    const TmTile *t = i->op == TM_STORE ? &b->p->tiles.at[i->src] : i->dst >= 0 ? &b->p->tiles.at[i->dst] : NULL;
    if (i->op == TM_SYNC) b->barriers++;
    if (i->op == TM_COPY) touch_copy(b, i);
    if (i->op == TM_STORE) touch_window(b, 1, i->tensor, t, i->sub, b->vars, affine_eval(&t->org[3], b->vars), t->ext[3]);
    const TmTile *w = i->wgt >= 0 ? &b->p->tiles.at[i->wgt] : NULL;
    if (i->op == TM_PW) touch_operand(b, i, i->src, affine_eval(&w->org[3], b->vars), w->cpad);
    if (w) touch_operand(b, i, i->wgt, 0, 0);
    for (int k = 0; k < i->epi.n; k++) {                        /* a member named twice in a row counts once */
        const TmEpi *e = &i->epi.at[k];
        bool again = k > 0 && e->tile >= 0 && e->tile == i->epi.at[k - 1].tile && b->p->tiles.at[e->tile].member;
        if (e->tile >= 0 && !again) touch_operand(b, i, e->tile, affine_eval(&t->org[3], b->vars), t->ext[3]);
        if (e->kind == TM_EPI_BN) touch_operand(b, i, e->tile2, affine_eval(&t->org[3], b->vars), t->ext[3]);
    }
}

/* Blocks that share the tiles of a grid point, each from the first instruction behind the grid loops on: number `block` takes the tiles of which
 * it is the remainder. */
static bool is_grid(const Brute *b, int at)
{
    return at < b->p->code.n && b->p->code.at[at].op == TM_LOOP && b->p->loops.at[b->p->code.at[at].loop].kind == TM_GRID;
}

static void enumerate(Brute *b, int from, int to);

static void enumerate_blocks(Brute *b, int from, int to)
{
    int64_t tiles = 1;
    for (int l = 0; l < b->p->loops.n; l++)
        if (b->p->loops.at[l].kind == TM_PERSIST) tiles *= tm_trip(&b->p->loops.at[l], b->batch);
    int64_t blocks = b->p->sharers == 0 ? 1 : tiles < b->p->sharers ? tiles : b->p->sharers;
    for (b->block = 0; b->block < blocks; b->block++) {
        b->tile = 0;
        b->blocks++;
        enumerate(b, from, to);
    }
}

static void enumerate_ins(Brute *b, int k, int end)
{
    const TmLoop *inner = k + 1 < b->p->code.n && b->p->code.at[k + 1].op == TM_LOOP ? &b->p->loops.at[b->p->code.at[k + 1].loop] : NULL;
    bool tile = b->p->loops.at[b->p->code.at[k].loop].kind == TM_PERSIST && !(inner && inner->kind == TM_PERSIST);
    if (tile && b->tile++ % b->p->sharers != b->block) return;
    if (is_grid(b, k) && !is_grid(b, k + 1)) enumerate_blocks(b, k + 1, end);
    else enumerate(b, k + 1, end);
}

static void enumerate(Brute *b, int from, int to)
{
    for (int k = from; k < to; k++) {
        const TmIns *i = &b->p->code.at[k];
        if (i->op == TM_LOOP) {
            int end = tm_loop_end(b->p, k);
            const TmLoop *l = &b->p->loops.at[i->loop];
            for (int64_t v = 0; v < (l->trip ? l->trip : b->batch); v++) {
                b->vars[i->loop] = v;
                if (l->limit_bound > 0 && affine_eval(&l->limit, b->vars) >= l->limit_bound) break;
                enumerate_ins(b, k, end);
            }
            b->vars[i->loop] = 0;
            k = end;
        } else if (i->guard_loop < 0 || b->p->loops.at[i->guard_loop].kind == TM_TURN || b->vars[i->guard_loop] + i->guard_add < tm_trip(&b->p->loops.at[i->guard_loop], b->batch)) {
            touch_ins(b, i);
        }
    }
}

static Brute brute(Arena *a, const TmModule *m, const TmProgram *p, int64_t batch)
{
    int n = tm_byte_slots(m);
    Brute b = { .a = a, .m = m, .p = p, .batch = batch, .read = NEW_N(a, int64_t, n), .written = NEW_N(a, int64_t, n) };
    for (int w = 0; w < 2; w++) {
        b.seen[w] = NEW_N(a, unsigned char *, n);
        for (int s = 0; s < n; s++)
            b.seen[w][s] = NEW_N(a, unsigned char, s < m->tensors.n ? tensor_elements(&m->tensors.at[s], batch) : m->packed_bytes);
    }
    if (is_grid(&b, 0)) enumerate(&b, 0, p->code.n);
    else enumerate_blocks(&b, 0, p->code.n);
    return b;
}

static int64_t seen_bytes(const Brute *b, int written, int slot)
{
    bool tensor = slot < b->m->tensors.n;
    int64_t n = tensor ? tensor_elements(&b->m->tensors.at[slot], b->batch) : b->m->packed_bytes, count = 0;
    for (int64_t i = 0; i < n; i++) count += b->seen[written][slot][i];
    return count * (tensor ? dtype_bytes(b->m->tensors.at[slot].dtype) : 1);
}

/* ---- the comparison ---- */

static void compare(const TmModule *m, int64_t batch, const char *what)
{
    Arena *a = arena_new();
    int slots = tm_byte_slots(m);
    TmRun r = integer_run(a, m, batch, 11);
    const char *why = tm_run(a, m, &r);
    if (why) fail_msg("%s: %s", what, why);
    int64_t *read = NEW_N(a, int64_t, slots), *written = NEW_N(a, int64_t, slots);
    for (int k = 0; k < m->programs.n; k++) {
        TmWalk w;
        tm_walk(a, m, m->programs.at[k], batch, &w);
        Brute b = brute(a, m, m->programs.at[k], batch);
        assert_int_equal(w.barriers, b.barriers);
        assert_int_equal(w.blocks, b.blocks);
        assert_int_equal(tm_blocks(m->programs.at[k], batch), b.blocks);
        for (int s = 0; s < slots; s++) {
            if (w.issued.read[s] != b.read[s] || w.issued.written[s] != b.written[s] || w.unique.read[s] != seen_bytes(&b, 0, s) ||
                w.unique.written[s] != seen_bytes(&b, 1, s))
                fail_msg("%s, batch %d, program %d, slot %d: read %lld (%lld unique), written %lld (%lld); brute force %lld (%lld), %lld (%lld)", what,
                         (int)batch, k, s, (long long)w.issued.read[s], (long long)w.unique.read[s], (long long)w.issued.written[s],
                         (long long)w.unique.written[s], (long long)b.read[s], (long long)seen_bytes(&b, 0, s), (long long)b.written[s],
                         (long long)seen_bytes(&b, 1, s));
            read[s] += w.issued.read[s];
            written[s] += w.issued.written[s];
        }
    }
    for (int s = 0; s < slots; s++) {
        assert_int_equal(read[s], r.counted.read[s]);
        assert_int_equal(written[s], r.counted.written[s]);
    }
    arena_free(a);
}

static void test_goldens(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    for (int g = 0; g < TM_GOLDENS; g++)
        for (int64_t batch = 0; batch <= 3; batch++) {
            Fixture f = fixture_golden(keep, tm_goldens[g]);
            compare(f.m, batch, tm_goldens[g]);
            arena_free(f.a);
        }
    arena_free(keep);
}

static char *replaced_all(Arena *a, char *text, const char *from, const char *to)
{
    for (char *at; (at = strstr(text, from));) text = arena_printf(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return text;
}

/* Blocks from the bottom up: spans come in falling order and overlap. */
static void test_falling(void **s)
{
    (void)s;
    static const char *const names[] = { "pw", "mbconv" };
    for (int g = 0; g < 2; g++) {
        Arena *keep = arena_new();
        size_t n;
        char *text = golden_text(keep, names[g], &n);
        text = replaced_all(keep, text, "4i-1", "-4 i+3");      /* the gap keeps it from being replaced again */
        text = replaced_all(keep, text, " 4i", " -4 i+4");
        if (g == 0) text = replaced_all(keep, text, "copy_async xt vec", "copy_async xt[1:3,0:4] vec");     /* with gaps between them */
        Fixture f = fixture_text(text, strlen(text));
        if (!f.m) diag_print(f.d, stderr);
        assert_non_null(f.m);
        compare(f.m, 2, names[g]);
        arena_free(f.a);
        arena_free(keep);
    }
}

/* A depthwise program over random shapes: ragged tiles, halo, channel chunks staged by an asynchronous loop, a limit on the last band. */
static char *random_program(Arena *a, unsigned *seed)
{
#define R(n) ((int)(random_next(seed) % (unsigned)(n)))
    int H = 3 + R(12), W = 3 + R(12), C = 4 * (1 + R(6)), th = 1 + R(5), tw = 1 + R(6), tc = 4 * (1 + R(3)), bands = 1 + R(3);
    int ni = (H + th - 1) / th, nj = (W + tw - 1) / tw, nc = (C + tc - 1) / tc, nr = (ni + bands - 1) / bands, rows = nr * th;
    int cpad = (tc + 7) / 8 * 8, pitch = cpad * 4, xrow = (tw + 2) * pitch, xslot = (th + 2) * xrow, yslot = th * tw * pitch;
    int record = ((9 * pitch) + 63) / 64 * 64;
    return arena_printf(a,
        "module r batch N packed %d workspace 0\n"
        "tensor x in f32 [N,%d,%d,%d]\ntensor y out f32 [N,%d,%d,%d]\ntensor w param f32 [1,3,3,%d] rank 3\ninputs x\noutputs y\nparams w\n"
        "tm r.k0 cuda sm 80 threads 32 ctas 1 arena %d\n"
        "loop n grid N\nloop b grid %d\nloop j grid %d\nloop r seq %d while %db+%dr < %d\nloop c seq %d\n"
        "image w by c count %d bytes %d +0\n"
        "tile xt = x[1,%d,%d,%d] @ (n, %db+%dr-1, %dj-1, %dc) shared f32 cpad %d pitch %d row %d stages 2 by c slot %d +0\n"
        "tile yt = y[1,%d,%d,%d] @ (n, %db+%dr, %dj, %dc) shared f32 cpad %d pitch %d row %d slot %d +%d\n"
        "tile wi = image w[1,1,1,1] @ (0, 0, 0, c) shared u8 slot %d +%d\n"
        "tile wt = w[1,3,3,%d] @ (0, 0, 0, %dc) shared f32 cpad %d pitch %d row %d in w +0\nmembers w = wt\n"
        "for n\nfor b\nfor j\nfor r\ncopy_async xt\ncommit\nfor c\nwait 0\nsync\ncopy_async xt@+1 when c+1 < %d\ncommit\ncopy wi\nsync\n"
        "dw yt = xt, wt stride 1x1 pad 1,1 dilation 1x1 mult 1 [portable]\nsync\nstore y <- yt\nend c\nend r\nend j\nend b\nend n\n",
        record * nc, H, W, C, H, W, C, C, 2 * xslot + (yslot + 15) / 16 * 16 + record, bands, nj, nr, rows, th, H, nc, nc, record,
        th + 2, tw + 2, tc, rows, th, tw, tc, cpad, pitch, xrow, xslot, th, tw, tc, rows, th, tw, tc, cpad, pitch, tw * pitch, yslot, 2 * xslot,
        record, 2 * xslot + (yslot + 15) / 16 * 16, tc, tc, cpad, pitch, 3 * pitch, nc);
#undef R
}

/* The window's rows all lie in the band of its own block here, so y's values are those of a plain depthwise convolution. */
static void check_random_values(const Fixture *f)
{
    TmRun r = integer_run(f->a, f->m, 2, 5);
    assert_null(tm_run(f->a, f->m, &r));
    const int64_t *d = f->m->tensors.at[0].dim;
    int64_t H = d[1], W = d[2], C = d[3];
    for (int64_t i = 0; i < 2 * H * W * C; i++) {
        int64_t c = i % C, x = i / C % W, y = i / C / W % H, n = i / C / W / H;
        float sum = 0;
        for (int64_t t = 0; t < 9; t++) {
            int64_t v = y - 1 + t / 3, u = x - 1 + t % 3;
            if (v >= 0 && v < H && u >= 0 && u < W) sum += r.data[0][((n * H + v) * W + u) * C + c] * r.data[2][t * C + c];
        }
        if (r.data[1][i] != sum) fail_msg("image %d, row %d, column %d, channel %d: %g, not %g", (int)n, (int)y, (int)x, (int)c, (double)r.data[1][i], (double)sum);
    }
}

static void test_random(void **s)
{
    (void)s;
    unsigned seed = 2026;
    for (int k = 0; k < 60; k++) {
        Arena *keep = arena_new();
        char *text = random_program(keep, &seed);
        Fixture f = fixture_text(text, strlen(text));
        if (!f.m) {
            diag_print(f.d, stderr);
            fail_msg("%s", text);
        }
        compare(f.m, 2, text);
        check_random_values(&f);
        arena_free(f.a);
        arena_free(keep);
    }
}

/* ---- numbers worked out by hand ---- */

static TmWalk walk_golden(Arena *keep, const char *name, int program, int64_t batch)
{
    Fixture f = fixture_golden(keep, name);
    TmWalk w;
    tm_walk(keep, f.m, f.m->programs.at[program], batch, &w);
    arena_free(f.a);
    return w;
}

static void test_by_hand(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    TmWalk w = walk_golden(keep, "pw", 0, 1);                   /* 4 blocks of 4x4 pixels over 6x7; 16 x 16 fragments on 2 warps, 8 channels */
    assert_int_equal(w.issued.read[0], 6 * 7 * 8 * 2);
    assert_int_equal(w.issued.written[2], 6 * 7 * 12 * 2);
    assert_int_equal(w.issued.read[5], 4 * 320);
    assert_int_equal(w.unique.read[5], 320);
    assert_int_equal(w.flops[TM_ENGINE_MMA], 4 * 2 * 16 * 16 * 8);
    assert_int_equal(w.flops[TM_ENGINE_FMA], 0);
    assert_int_equal(w.barriers, 4);
    assert_int_equal(w.blocks, 4);

    w = walk_golden(keep, "mbconv", 0, 1);                      /* 4 blocks, 3 chunks of 16: expand 36 (48) pixels, 3 x 3 on 16 pixels, project */
    assert_int_equal(w.flops[TM_ENGINE_MMA], 4 * 3 * 2 * (64 * 16 * 8 + 16 * 8 * 16));
    assert_int_equal(w.flops[TM_ENGINE_FMA], 4 * 3 * 2 * 9 * 16 * 16);
    assert_int_equal(w.barriers, 4 * 3 * 3);
    assert_int_equal(w.issued.read[0], (5 + 4) * (5 + 3) * 16); /* rows -1 … 4 and 3 … 8 of 7, columns -1 … 4 and 3 … 8 of 6 */
    assert_int_equal(w.sfu, 0);

    w = walk_golden(keep, "chain", 1, 2);                       /* silu of 2 rows x 5 x 16 stored channels in 3 blocks of 2 images */
    assert_int_equal(w.sfu, 2 * 3 * 2 * 5 * 16);
    assert_int_equal(w.issued.read[1], 2 * 2 * 5 * 5 * 10 * 4); /* once copied, once in place */
    assert_int_equal(w.unique.read[1], 2 * 5 * 5 * 10 * 4);

    w = walk_golden(keep, "persist", 0, 1);                     /* 4 tiles, shared by 3 blocks for each half of the channels */
    assert_int_equal(w.blocks, 2 * 3);
    assert_int_equal(w.tiles, 4);
    assert_int_equal(w.resident_bytes, 2 * 3 * (3 * 960 + 64));
    assert_int_equal(w.issued.read[10], 2 * 3 * 3 * 960);
    assert_int_equal(w.unique.read[10], 6 * 960);
    assert_int_equal(w.issued.read[0], 2 * (5 + 4) * (5 + 3) * 16);
    assert_int_equal(w.barriers, 2 * 4 * (1 + 3 * 2));
    assert_int_equal(w.flops[TM_ENGINE_MMA], 2 * 4 * 3 * 2 * (64 * 16 * 8 + 16 * 8 * 16));
    w = walk_golden(keep, "persist", 0, 100);                   /* the weights are read no oftener; all else grows with the batch */
    assert_int_equal(w.issued.read[10], 2 * 3 * 3 * 960);
    assert_int_equal(w.issued.read[0], 100 * 2 * (5 + 4) * (5 + 3) * 16);
    assert_int_equal(w.tiles, 400);

    w = walk_golden(keep, "mbconv", 0, 0);                      /* an empty batch moves nothing */
    assert_int_equal(w.issued.read[0] + w.flops[TM_ENGINE_MMA] + w.barriers + w.blocks, 0);
    arena_free(keep);
}

/* Pitches: 48 bytes (3 chunks, odd) is free of conflicts for 8 rows of 16 bytes, 128 bytes puts all 8 into the same banks. */
static void test_conflicts(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    Fixture f = fixture_golden(keep, "mbconv");
    TmProgram *p = f.m->programs.at[0];
    TmWalk before, after;
    tm_walk(keep, f.m, p, 1, &before);
    TmTile *dt = &p->tiles.at[2];
    assert_string_equal(dt->name, "dt");
    dt->pitch_w = 128;
    dt->pitch_h = 512;
    tm_walk(keep, f.m, p, 1, &after);
    assert_int_equal(after.shared_bytes, before.shared_bytes);
    /* 12 times: reads of 16 pixels x 32 bytes are 4 wavefronts, all of them 8 now; stores of the rows of 4 were 2 lanes deep, now 4 */
    assert_int_equal(after.shared_waves - before.shared_waves, 12 * (4 * 7 + 4 * 2));
    dt->swizzle_mask = 7;                                       /* the same pitch, swizzled by the pixel: as it was */
    tm_walk(keep, f.m, p, 1, &after);
    assert_int_equal(after.shared_waves, before.shared_waves);
    for (int i = 0; i < p->code.n; i++)
        if (p->code.at[i].op == TM_DW) p->code.at[i].variant = TMV_DW_SLIDE, p->code.at[i].item_h = 2;
    tm_walk(keep, f.m, p, 1, &after);
    /* 4 items of a row read 3 x 6 pixels and 9 taps of 16 channels; 2 items of two rows read 4 x 6 and 9 */
    assert_int_equal(before.shared_bytes - after.shared_bytes, 12 * (4 * (18 + 9) - 2 * (24 + 9)) * 32);
    arena_free(f.a);
    arena_free(keep);
}

static TmWalk walk_text(Arena *keep, const char *text)
{
    Fixture f = fixture_text(text, strlen(text));
    TmWalk w;
    if (!f.m) diag_print(f.d, stderr);
    assert_non_null(f.m);
    tm_walk(keep, f.m, f.m->programs.at[0], 2, &w);
    arena_free(f.a);
    return w;
}

/* Loops tied by a limit alone, and a guard whose instruction moves nothing. */
static void test_limits_and_guards(void **s)
{
    (void)s;
    Arena *keep = arena_new();
#define HEAD "module m\ntm m.k0 cuda sm 80 threads 32 ctas 1 arena 0\nloop n grid N\nloop i grid 3\nloop r seq 4"
    TmWalk w = walk_text(keep, HEAD " while i+r < 4\nfor n\nfor i\nfor r\nsync\nend r\nend i\nend n\n");
    assert_int_equal(w.barriers, 2 * (4 + 3 + 2));
    w = walk_text(keep, HEAD "\nfor n\nfor i\nsync when r+3 < 4\nfor r\nsync when r+1 < 4\nsync when i+2 < 3\nend r\nsync when r+4 < 4\nend i\nend n\n");
    assert_int_equal(w.barriers, 2 * (3 + 3 * 3 + 4));          /* a closed loop's variable reads 0 */
#undef HEAD
    arena_free(keep);
}

/* An instruction that names a member twice reads it once; a tensor in place is read each time. */
static void test_named_twice(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    size_t n;
    char *text = golden_text(keep, "chain", &n), *at = strstr(text, "bias bt");
    text = arena_printf(keep, "%.*sbias bt, %s", (int)(at - text), text, at);
    at = strstr(text, "rsub hg");
    text = arena_printf(keep, "%.*srsub hg, %s", (int)(at - text), text, at);
    Fixture f = fixture_text(text, strlen(text));
    assert_non_null(f.m);
    compare(f.m, 2, "named twice");
    TmWalk w;
    tm_walk(keep, f.m, f.m->programs.at[1], 1, &w);
    assert_int_equal(w.issued.read[1], 3 * 5 * 5 * 10 * 4);     /* copied, and subtracted twice */
    arena_free(f.a);
    arena_free(keep);
}

/* A text may ask for more than 64 bits can count: sums stop at the largest number. */
static void test_saturates(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    Fixture f = fixture_golden(keep, "mbconv");
    TmWalk w;
    tm_walk(keep, f.m, f.m->programs.at[0], INT64_MAX / 2, &w);
    assert_true(w.issued.read[0] == INT64_MAX && w.flops[TM_ENGINE_MMA] == INT64_MAX && w.unique.read[0] == INT64_MAX);
    arena_free(f.a);
    arena_free(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens), cmocka_unit_test(test_falling), cmocka_unit_test(test_random), cmocka_unit_test(test_by_hand), cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_limits_and_guards), cmocka_unit_test(test_named_twice), cmocka_unit_test(test_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
