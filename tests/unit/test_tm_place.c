/* test_tm_place.c: storage of tiles, images, and who shares bytes with whom. */
#include "tm_blocks.h"

/* ---- place, on programs of bare copies and reads ---- */

typedef struct Toy { Arena *a; TmModule *m; TmProgram *p; int tensor; } Toy;

static Toy toy(Arena *a, TmTarget target)
{
    Toy t = { .a = a, .m = tm_module_new(a, "toy") };
    t.p = tm_program_new(a, t.m, "k0", target, 80);
    t.tensor = tm_tensor(a, t.m, (TmTensor){ .name = "x", .cname = "x", .role = TM_IN, .dtype = DT_F16, .dim = { 0, 8, 8, 8 } });
    return t;
}

static int bare_tile(Toy *t, int bytes)
{
    TmTile x = { .name = arena_printf(t->a, "t%d", t->p->tiles.n), .tensor = t->tensor, .space = TM_SHARED, .dtype = DT_F16, .ext = { 1, 1, 1, 8 }, .slot_bytes = bytes };
    return tm_tile(t->a, t->p, x);
}

static void write_tile(Toy *t, int tile)
{
    TmIns i = tm_ins(TM_COPY);
    i.dst = tile;
    tm_emit(t->a, t->p, i);
}

static void read_tile(Toy *t, int tile)
{
    TmIns i = tm_ins(TM_STORE);
    i.src = tile;
    i.tensor = t->tensor;
    tm_emit(t->a, t->p, i);
}

/* dst = f(src) */
static void pass_tile(Toy *t, int dst, int src)
{
    TmIns i = tm_ins(TM_FINISH);
    i.dst = dst;
    i.src = src;
    tm_emit(t->a, t->p, i);
}

static int offset(const Toy *t, int tile) { return t->p->tiles.at[tile].offset; }

static void place(Toy *t) { assert_null(tm_place(t->a, t->m, t->p, NULL)); }

/* a → b → c: a and c never meet, b meets both. */
static void a_chain_shares_bytes(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Toy t = toy(a, TM_CUDA);
    int x = bare_tile(&t, 1024), y = bare_tile(&t, 512), z = bare_tile(&t, 768);
    write_tile(&t, x), pass_tile(&t, y, x), pass_tile(&t, z, y), read_tile(&t, z);
    place(&t);
    assert_int_equal(offset(&t, x), 0);
    assert_int_equal(offset(&t, y), 1024);
    assert_int_equal(offset(&t, z), 0);
    assert_int_equal(t.p->arena_bytes, 1536);
    arena_free(a);
}

/* Of two gaps that hold z (256 bytes) the tighter one is taken.
 *      0          1024       1536       1920     2240
 *      | x, dead  | y alive  | u, dead  | w alive |            z → 1536 */
static void the_tightest_gap_is_taken(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Toy t = toy(a, TM_CUDA);
    int x = bare_tile(&t, 1024), y = bare_tile(&t, 512), u = bare_tile(&t, 384), w = bare_tile(&t, 320), z = bare_tile(&t, 256);
    write_tile(&t, x), write_tile(&t, y), write_tile(&t, u), write_tile(&t, w);
    read_tile(&t, x), read_tile(&t, u);
    write_tile(&t, z), read_tile(&t, y), read_tile(&t, w), read_tile(&t, z);
    place(&t);
    assert_int_equal(offset(&t, x), 0);
    assert_int_equal(offset(&t, y), 1024);
    assert_int_equal(offset(&t, u), 1536);
    assert_int_equal(offset(&t, w), 1920);
    assert_int_equal(offset(&t, z), 1536);
    assert_int_equal(t.p->arena_bytes, 2240);
    arena_free(a);
}

/* Two tiles in a loop, the second written after the last read of the first. How the first is written decides. */
typedef enum Carry { WHOLE, PARTLY, GUARDED, ROLLING, STAGED, BEFORE_LOOP, READ_FIRST, READ_AFTER, SUMMED } Carry;

static bool shares(TmLoopKind kind, Carry how)
{
    Arena *a = arena_new();
    Toy t = toy(a, TM_CUDA);
    int l = tm_loop(a, t.p, "l", kind, 4), x = bare_tile(&t, 256), y = bare_tile(&t, 256);
    if (how == BEFORE_LOOP) write_tile(&t, x);
    tm_open(a, t.p, l);
    if (how == READ_FIRST) read_tile(&t, x);
    if (how != BEFORE_LOOP) write_tile(&t, x);
    TmIns *first = &vec_last(&t.p->code);
    TmTile *xt = &t.p->tiles.at[x];
    xt->ext[1] = 4;
    if (first->op == TM_COPY) first->sub = tm_whole(xt);
    if (how == PARTLY) first->sub.h1 = 2;
    if (how == GUARDED) first->guard_loop = l;
    if (how == ROLLING) xt->roll = 4;
    if (how == STAGED) xt->stages = 2, xt->stage_loop = l;
    if (how == SUMMED) first->accumulate = true;
    read_tile(&t, x);
    write_tile(&t, y), read_tile(&t, y);
    tm_close(a, t.p, l);
    if (how == READ_AFTER) read_tile(&t, x);
    place(&t);
    bool apart = offset(&t, x) + tm_tile_bytes(&t.p->tiles.at[x]) <= offset(&t, y) || offset(&t, y) + 256 <= offset(&t, x);
    arena_free(a);
    return !apart;
}

static void what_goes_round_a_loop_keeps_its_bytes(void **state)
{
    (void)state;
    assert_true(shares(TM_SEQ, WHOLE));
    for (int how = PARTLY; how <= SUMMED; how++)
        if (shares(TM_SEQ, (Carry)how)) fail_msg("case %d shares bytes", how);
    assert_true(shares(TM_GRID, PARTLY));                       /* blocks share nothing */
    for (int how = PARTLY; how <= SUMMED; how++)                /* tiles share what was copied before them, and keep what comes after */
        if (shares(TM_PERSIST, (Carry)how) != (how != BEFORE_LOOP && how != READ_AFTER)) fail_msg("case %d of persist loops", how);
}

/* Whatever the program: run it on bytes that remember the tile that wrote them last; every read must find its own. */
static void random_lives_never_collide(void **state)
{
    (void)state;
    uint64_t seed = 7;
    int shared = 0;
    for (int round = 0; round < 300; round++) {
        Arena *a = arena_new();
        Toy t = toy(a, round % 2 ? TM_CPU : TM_CUDA);
        int tiles[8], sum = 0, open = -1;
        for (int i = 0; i < 8; i++) tiles[i] = bare_tile(&t, 64 * (1 + (int)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 60)));
        for (int i = 0; i < 8; i++) sum += t.p->tiles.at[tiles[i]].slot_bytes;
        bool written[8] = { false };
        for (int step = 0; step < 30; step++) {
            int what = (int)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 40), k = what & 7;
            if (what >> 3 & 1) write_tile(&t, tiles[k]), written[k] = true;
            else if (written[k]) read_tile(&t, tiles[k]);
            if ((what >> 4 & 7) != 0) continue;
            if (open < 0) open = tm_loop(a, t.p, "l", TM_SEQ, 2), tm_open(a, t.p, open);
            else tm_close(a, t.p, open), open = -1;
        }
        if (open >= 0) tm_close(a, t.p, open);
        place(&t);
        shared += t.p->arena_bytes < sum;
        int *owner = NEW_N(a, int, t.p->arena_bytes);
        int start = 0, again = 0;
        for (int k = 0; k < t.p->code.n; k++) {
            const TmIns *i = &t.p->code.at[k];
            if (i->op == TM_LOOP) start = k, again = 1;
            if (i->op == TM_END && again-- > 0) k = start;
            int tile = i->op == TM_COPY ? i->dst : i->op == TM_STORE ? i->src : -1;
            for (int at = 0; tile >= 0 && at < t.p->tiles.at[tile].slot_bytes; at++) {
                int *o = &owner[offset(&t, tile) + at];
                if (i->op == TM_STORE) assert_int_equal(*o, tile + 1);
                *o = tile + 1;
            }
        }
        arena_free(a);
    }
    assert_true(shared > 100);                                  /* and bytes are shared where they can be */
}

/* ---- limits ---- */

static const char *placed_on(int bytes, int ctas, double block, double sm)
{
    static char text[200];
    Arena *a = arena_new();
    Toy t = toy(a, TM_CUDA);
    int x = bare_tile(&t, bytes);
    write_tile(&t, x), read_tile(&t, x);
    t.p->ctas = ctas;
    Device d = { .smem_block = block, .smem_sm = sm, .smem_reserved = 1024 };
    const char *why = tm_place(a, t.m, t.p, &d);
    strcpy(text, why ? why : "fits");
    arena_free(a);
    return text;
}

static void the_device_sets_limits(void **state)
{
    (void)state;
    assert_string_equal(placed_on(152 * 1024, 1, 99 * 1024, 100 * 1024), "needs 152 KiB of shared memory, the device has 99 KiB");
    assert_string_equal(placed_on(99 * 1024, 1, 99 * 1024, 100 * 1024), "fits");
    assert_string_equal(placed_on(99 * 1024 + 16, 1, 99 * 1024, 101 * 1024), "needs 99.02 KiB of shared memory, the device has 99 KiB");
    assert_string_equal(placed_on(49 * 1024, 2, 99 * 1024, 100 * 1024), "fits");
    assert_string_equal(placed_on(50 * 1024, 2, 99 * 1024, 100 * 1024), "needs 50 KiB of shared memory, 2 blocks per SM leave 49 KiB each");
}

/* ---- layout ---- */

static void pixels_are_an_odd_number_of_chunks(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 2);
    assert_null(tm_layout(a, b.m, b.p));
    const TmTile *t = b.p->tiles.at;
    assert_int_equal(t[b.xt].pitch_w, 48);                      /* read by ldmatrix; 16 channels of f16 are 2 chunks */
    int weights[] = { b.we, b.wp };                             /* read by ldmatrix alone: swizzled, chunks change places every 4 rows */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(t[weights[i]].pitch_w, 32);
        assert_int_equal(t[weights[i]].swizzle_mask, 1);
        assert_int_equal(t[weights[i]].swizzle_shift, 2);
    }
    assert_int_equal(t[b.xt].swizzle_mask + t[b.dt].swizzle_mask + t[b.wd].swizzle_mask, 0);
    assert_int_equal(t[b.dt].pitch_w, 32);                      /* ldmatrix gains by 48 what the depthwise's stores of 3 pixels lose */
    assert_int_equal(t[b.xt].pitch_h, 48 * (TW + 2));
    assert_int_equal(t[b.xt].slot_bytes, 48 * (TW + 2) * (TH + 2));
    assert_int_equal(t[b.we].order, TM_PIXELS);
    assert_int_equal(t[b.wd].pitch_w, 32);                      /* taps: every lane its own channels, nothing to pad */
    assert_int_equal(t[b.wd].pitch_h, 96);
    /* the image: we 16 rows of 32, wd 9 taps of 32, wp 16 rows of 32, two biases of 16 f32 */
    assert_int_equal(t[b.wd].image_off, 512);
    assert_int_equal(t[b.wp].image_off, 832);                   /* 512 + 288 in units of 64 */
    assert_int_equal(t[b.be].image_off, 832 + 512);
    assert_int_equal(t[b.bd].image_off, 832 + 512 + 64);
    assert_int_equal(b.p->images.at[b.w].bytes, 1472);
    assert_int_equal(b.p->images.at[b.w].offset, 0);
    assert_int_equal(b.p->images.at[b.f].offset, 4608);         /* 3 * 1472 in units of 256 */
    assert_int_equal(b.m->packed_bytes, 4608 + 64);
    assert_int_equal(t[b.wt].slot_bytes, 1472);
    arena_free(a);
}

/* Channels are stored in eights; readers that contract more than a window has make it wider. */
static void channels_are_padded(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 1);
    TmTile *t = b.p->tiles.at;
    t[b.et].ext[3] = 5;
    t[b.we].ext[2] = 5;
    t[b.xt].ext[3] = t[b.we].ext[3] = 12;
    assert_null(tm_layout(a, b.m, b.p));
    assert_int_equal(t[b.et].cpad, 16);                         /* the depthwise reads 16 */
    assert_int_equal(t[b.we].cpad, 16);
    assert_int_equal(t[b.xt].cpad, 16);
    assert_int_equal(t[b.we].pitch_h, 8 * t[b.we].pitch_w);     /* rows in eights */
    assert_int_equal(t[b.be].cpad, 16);
    arena_free(a);
}

static void line_buffers_keep_their_rows(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = line_block(a);
    assert_null(tm_layout(a, b.m, b.p));
    const TmTile *e = &b.p->tiles.at[b.et];
    assert_int_equal(e->cpad, MID);
    assert_int_equal(e->slot_bytes, 4 * e->pitch_h);
    assert_int_equal(e->pitch_h, (TW + 2) * e->pitch_w);
    arena_free(a);
}

static void the_cpu_packs_panels(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = cpu_block(a);
    TmTile *t = b.p->tiles.at;
    t[b.we].ext[2] = 15;                                        /* 15 output channels in a panel of 16 */
    assert_null(tm_layout(a, b.m, b.p));
    assert_int_equal(t[b.we].order, TM_PANELS);
    assert_int_equal(t[b.we].panel, 16);
    assert_int_equal(tm_member_bytes(&t[b.we]), 16 * CIN * 4);
    assert_int_equal(t[b.wd].image_off, 16 * CIN * 4);
    assert_int_equal(t[b.et].pitch_w, CIN * 4);
    assert_int_equal(t[b.et].slot_bytes % 64, 0);
    Device d = small_gpu();
    assert_null(tm_place(a, b.m, b.p, &d));
    assert_int_equal(t[b.et].offset % 64 + t[b.yt].offset % 64, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_shares_bytes),
        cmocka_unit_test(the_tightest_gap_is_taken),
        cmocka_unit_test(what_goes_round_a_loop_keeps_its_bytes),
        cmocka_unit_test(random_lives_never_collide),
        cmocka_unit_test(the_device_sets_limits),
        cmocka_unit_test(pixels_are_an_odd_number_of_chunks),
        cmocka_unit_test(channels_are_padded),
        cmocka_unit_test(line_buffers_keep_their_rows),
        cmocka_unit_test(the_cpu_packs_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
