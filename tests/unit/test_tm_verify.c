/* test_tm_verify.c: programs that are right verify; each broken one is reported with the instruction and the reason. */
#include "tm_blocks.h"

/* A program, what is done to it after all passes, and what verify must say: all of these words. */
typedef struct Fault { const char *name; Block (*make)(Arena *a); void (*harm)(Block *b); const char *words[3]; } Fault;

static Block halo1(Arena *a) { return halo_block(a, 1); }
static Block halo2(Arena *a) { return halo_block(a, 2); }
static Block halo3(Arena *a) { return halo_block(a, 3); }

static TmTile *tile(Block *b, int t) { return &b->p->tiles.at[t]; }

/* ---- the faults ---- */

static void no_wait(Block *b) { drop(b, nth(b, TM_WAIT, 0)); }
static void lax_wait(Block *b) { nth(b, TM_WAIT, 0)->n = 1; }
static void laxer_wait(Block *b) { nth(b, TM_WAIT, 0)->n = 2; }
static void no_mask(Block *b) { nth(b, TM_PW, 0)->masked = false; }
static void narrow_copy(Block *b) { nth(b, TM_COPY, 0)->sub.h0 = 1; }
static void short_ring(Block *b) { tile(b, b->et)->roll = 3; }
static void wrong_phase(Block *b) { tile(b, b->et)->org[1].term[0].coef = 1; }
static void missed_prologue(Block *b) { nth(b, TM_PW, 0)->sub.h1 = 1; }
static void stages_2_of_3(Block *b) { tile(b, b->wt)->stages = 2; }
static void stale_stage(Block *b)
{
    for (int k = 0; k < b->p->code.n; k++)
        if (b->p->code.at[k].op == TM_COPY && b->p->code.at[k].lead == 1) b->p->code.at[k].lead = 0, b->p->code.at[k].guard_loop = -1;
}
static void no_guard(Block *b)
{
    for (int k = 0; k < b->p->code.n; k++) b->p->code.at[k].guard_loop = -1;
}
static void overlap_tiles(Block *b) { tile(b, b->dt)->offset = tile(b, b->et)->offset; }
static void overlap_half(Block *b) { tile(b, b->wt)->offset = tile(b, b->xt)->offset + 64; }
static void window_row_off(Block *b) { tile(b, b->xt)->org[1].k++; }
static void window_column_off(Block *b) { tile(b, b->et)->org[2].k--; }
static void warps_wrong(Block *b) { nth(b, TM_PW, 0)->wm = 4; }
static void accumulator_warps(Block *b) { nth(b, TM_PW, 1)->wm = 1, nth(b, TM_PW, 1)->wn = 2; }
static void store_twice(Block *b) { tile(b, b->yt)->org[2].term[0].coef = TW - 1; }
static void store_again(Block *b)
{
    TmIns s = *nth(b, TM_STORE, 0);
    vec_push(b->a, &b->p->code, s);
    memmove(nth(b, TM_STORE, 0) + 1, nth(b, TM_STORE, 0), sizeof s * (size_t)(&vec_last(&b->p->code) - nth(b, TM_STORE, 0)));
}
static void store_part(Block *b) { b->p->loops.at[b->j].trip = 1; }
static void store_rows(Block *b) { nth(b, TM_STORE, 0)->sub.h1--; }
static void member_shifted(Block *b) { tile(b, b->wd)->image_off -= 16; }
static void member_outside(Block *b) { tile(b, b->by)->image_off = b->p->images.at[b->f].bytes; }
static void member_moves(Block *b) { tile(b, b->we)->org[2] = affine_term(0, b->j, CHUNK); }
static void record_stays(Block *b) { tile(b, b->wt)->org[3] = affine_const(0); }
static void not_zeroed(Block *b) { drop(b, nth(b, TM_ZERO, 0)); }
static void nothing_added(Block *b) { drop(b, nth(b, TM_PW, 1)); }
static void finished_early(Block *b)
{
    TmIns *end = nth(b, TM_END, 0), *finish = nth(b, TM_FINISH, 0), keep = *end;
    *end = *finish;                                 /* the FINISH slips into the loop */
    *finish = keep;
}
static void chunk_twice(Block *b) { tile(b, b->wp)->org[3].term[0].coef = CHUNK - 8; }
static void tap_missing(Block *b) { tile(b, b->wd)->ext[1] = 2; }
static void bias_off(Block *b) { tile(b, b->be)->org[3] = affine_const(0); }
static void wide_store(Block *b) { tile(b, b->yt)->org[3].k = 4, nth(b, TM_STORE, 0)->vec = 16; }
static void thin_async(Block *b) { nth(b, TM_COPY, 0)->vec = 2; }
static void late_copy(Block *b)
{
    TmIns c = *nth(b, TM_COPY, 0), *s = nth(b, TM_STORE, 0);
    c.async = true;
    *s = (vec_push(b->a, &b->p->code, *s), c);
    TmIns *at = nth(b, TM_COPY, count_of(b, TM_COPY) - 1) + 1, store = vec_last(&b->p->code);
    memmove(at + 1, at, sizeof c * (size_t)(&vec_last(&b->p->code) - at));
    *at = store;
}
static void odd_offset(Block *b) { tile(b, b->et)->offset += 8; }
static void beyond_arena(Block *b) { b->p->arena_bytes -= 64; }
static void huge_arena(Block *b) { b->p->arena_bytes = 200000; }
static void too_many_blocks(Block *b) { b->p->ctas = 40; }
static void half_warp(Block *b) { b->p->threads = 40; }
static void grid_inside(Block *b) { b->p->loops.at[b->c].kind = TM_GRID; }
static void old_device(Block *b) { b->p->arch = 75; }
static void strange_type(Block *b) { tile(b, b->we)->dtype = DT_BF16; }
static void double_channels(Block *b) { nth(b, TM_DW, 0)->geom.mult = 2; }
static void few_channels(Block *b) { tile(b, b->et)->cpad = 8; }
static void swallowed_columns(Block *b) { tile(b, b->et)->pitch_h -= 16; }
static void panel_of_8(Block *b) { tile(b, b->we)->panel = 8; }
static void not_whole_item(Block *b) { nth(b, TM_PW, 0)->item_c = 12; }
static void too_large_item(Block *b) { nth(b, TM_PW, 0)->item_w = 33; }
static void too_wide_columns(Block *b) { nth(b, TM_DW, 0)->item_w = 17; }
static TmIns *copy_to(Block *b, int dst)
{
    for (int k = 0; k < b->p->code.n; k++)
        if (b->p->code.at[k].op == TM_COPY && b->p->code.at[k].dst == dst) return &b->p->code.at[k];
    fail_msg("there is no such copy");
    return NULL;
}

/* Instruction `from` moves before instruction `to`, which stands before it. */
static void move_up(Block *b, TmIns *from, TmIns *to)
{
    TmIns i = *from;
    memmove(to + 1, to, sizeof i * (size_t)(from - to));
    *to = i;
    (void)b;
}

static void on_the_weights(Block *b) { tile(b, b->yt)->offset = tile(b, b->wt)->offset + 64; }
static void other_weights(Block *b) { tile(b, b->wt)->ext[3] = 2; }
static void weights_of_the_first_tile(Block *b)
{
    TmIns *wt = copy_to(b, b->wt), *xt = copy_to(b, b->xt), i = *wt;
    memmove(wt, wt + 1, sizeof i * (size_t)(xt - wt));
    *xt = i;
    i.guard_loop = b->i, i.guard_add = SIZE / TH - 1;
    *xt = i;
}
static void x_once(Block *b) { move_up(b, copy_to(b, b->xt), nth(b, TM_LOOP, 0)); }
static void zero_once(Block *b) { move_up(b, nth(b, TM_ZERO, 0), nth(b, TM_LOOP, 0)); }
/* The barrier that stands first or last in the body: the one round the back edge. */
static void back_edge(Block *b)
{
    TmIns *c = copy_to(b, b->xt) - 1;
    if (c->op != TM_SYNC) fail_msg("%s", listing(b));
    drop(b, c);
}
static void store_before(Block *b) { move_up(b, nth(b, TM_STORE, 0), nth(b, TM_LOOP, 0)); }
static void between_loops(Block *b) { move_up(b, copy_to(b, b->xt), nth(b, TM_LOOP, 1)); }
static void behind_loops(Block *b)
{
    TmIns s = tm_ins(TM_SYNC);
    vec_push(b->a, &b->p->code, s);
}
static void nobody_shares(Block *b) { b->p->sharers = 0; }
static void shared_grid(Block *b) { b->p->sharers = 4; }
static void batch_in_grid(Block *b) { b->p->loops.at[b->n].kind = TM_GRID; }
static void open_rows(Block *b) { b->p->loops.at[b->i].trip = 0; }
static void limited(Block *b) { b->p->loops.at[b->i].limit = affine_term(0, b->i, 1), b->p->loops.at[b->i].limit_bound = 2; }
static void in_a_loop(Block *b) { b->p->loops.at[b->n].kind = TM_SEQ, b->p->loops.at[b->n].trip = 2; }
static void staged_by_tile(Block *b) { tile(b, b->xt)->stages = 2, tile(b, b->xt)->stage_loop = b->j; }

/* The copy for the next tile. */
static TmIns *next_x(Block *b)
{
    for (int k = 0; k < b->p->code.n; k++)
        if (b->p->code.at[k].op == TM_COPY && b->p->code.at[k].lead) return &b->p->code.at[k];
    ice("no copy ahead: %s", listing(b));
}
static void too_early(Block *b)
{
    TmIns *c = next_x(b);
    if (c[-1].op != TM_SYNC) fail_msg("%s", listing(b));
    move_up(b, c, c - 1);
}
static void turn_unguarded(Block *b) { next_x(b)->guard_loop = -1; }
static void turn_of_today(Block *b) { next_x(b)->lead = 0; }
static void turn_missing(Block *b) { drop(b, next_x(b)); }
static void first_turn_missing(Block *b) { drop(b, copy_to(b, b->xt)); }
static void turns_of_three(Block *b) { tile(b, b->xt)->stages = 3; }
static void one_slot(Block *b) { tile(b, b->xt)->slot_bytes = 0; }
static void short_slot(Block *b) { tile(b, b->et)->offset = tile(b, b->xt)->offset + tile(b, b->xt)->slot_bytes; }
static void turn_opened(Block *b) { nth(b, TM_LOOP, 3)->loop = nth(b, TM_END, 0)->loop = tile(b, b->xt)->stage_loop; }
static void turn_in_a_window(Block *b) { tile(b, b->et)->org[1] = affine_term(0, tile(b, b->xt)->stage_loop, 1); }
static void turn_elsewhere(Block *b) { nth(b, TM_STORE, 0)->guard_loop = tile(b, b->xt)->stage_loop; }

static void cpu_no_mask(Block *b) { nth(b, TM_PW, 0)->masked = false; }
static void cpu_overlap(Block *b) { tile(b, b->yt)->offset = tile(b, b->et)->offset; }

static const Fault faults[] = {
    { "wait removed", halo1, no_wait, { "pw et = xt, we", "before a wait", "copy_async xt" } },
    { "wait removed under stages", halo2, no_wait, { "pw et = xt", "before a wait", NULL } },
    { "wait leaves a group too many", halo2, lax_wait, { "pw et = xt, we", "before a wait", NULL } },
    { "wait leaves a group too many of 3", halo3, laxer_wait, { "pw et = xt, we", "before a wait", NULL } },
    { "mask off", halo2, no_mask, { "dw dt = et", "wants zeros of the border in et", "unmasked pixel" } },
    { "halo row not copied", halo2, narrow_copy, { "pw et = xt", "finds nothing", NULL } },
    { "ring a row short", line_block, short_ring, { "et", "keeps 3", NULL } },
    { "ring moves too slowly", line_block, wrong_phase, { "pw et = xt", "touches row 2", "at r = 1" } },
    { "ring not filled before its loop", line_block, missed_prologue, { "dw dt = et", "in et, finds", NULL } },
    { "a stage too few", halo3, stages_2_of_3, { "copy_async wt@+2", "further ahead than the tile has stages", NULL } },
    { "a copy of the present stage", halo2, stale_stage, { "wt", NULL, NULL } },
    { "prefetch beyond the last record", halo2, no_guard, { "copy_async wt@+1", "records 3 to 3 of image w, which has 3", NULL } },
    { "tiles share bytes", halo2, overlap_tiles, { "dw dt = et", "overwrites in dt what it reads itself", NULL } },
    { "tiles share some bytes", halo1, overlap_half, { "copy_async wt", "before a wait", "copy_async xt" } },
    { "window a row off", halo2, window_row_off, { "pw et = xt", "touches row -1", "of tile xt" } },
    { "window a column off", halo2, window_column_off, { "pw et = xt", "column -2", "of tile xt" } },
    { "warp grid is not the block", halo2, warps_wrong, { "pw et = xt", "warp grid", NULL } },
    { "warp grid is not the accumulator's", halo2, accumulator_warps, { "pw yacc += dt", "accumulator's", NULL } },
    { "stores overlap", halo2, store_twice, { "store y = yt", "has twice", NULL } },
    { "stored twice", halo2, store_again, { "store y = yt", "has twice", NULL } },
    { "stores miss columns", halo2, store_part, { "store y = yt", "misses (0, 0, 6, 0)", NULL } },
    { "stores miss rows", halo2, store_rows, { "store y = yt", "misses (0, 3, 0, 0)", NULL } },
    { "member shifted", halo2, member_shifted, { "image w", "members we and wd overlap", NULL } },
    { "member outside its record", halo2, member_outside, { "image f", "member by", NULL } },
    { "member moves with another loop", halo2, member_moves, { "image w", "member we moves with loop j", NULL } },
    { "record does not move", halo2, record_stays, { "wants record 1 of image w", "holds 0 to 0", NULL } },
    { "sums never zeroed", halo2, not_zeroed, { "pw yacc += dt", "never zeroed", NULL } },
    { "nothing is added", halo2, nothing_added, { "finish yt = yacc", "nothing is added to yacc", NULL } },
    { "sum taken in the middle", halo2, finished_early, { "finish yt = yacc", "takes yacc before instruction", "pw yacc += dt" } },
    { "chunk added twice", halo2, chunk_twice, { "pw yacc += dt", "has twice (0, 0, 0, 8)", NULL } },
    { "tap left out", halo2, tap_missing, { "dw dt = et", "misses (0, 2, 0, 0)", NULL } },
    { "bias of another chunk", halo2, bias_off, { "pw et = xt", "needs channels 16 to 31 of be", NULL } },
    { "store wider than its start allows", halo2, wide_store, { "store y = yt", "access width", NULL } },
    { "asynchronous copy of 2 bytes", halo2, thin_async, { "copy_async xt", "4, 8 or 16 bytes", NULL } },
    { "copy in flight at the end", halo2, late_copy, { "in flight", NULL, NULL } },
    { "offset not aligned", halo2, odd_offset, { "tile et", "no multiple of 16", NULL } },
    { "tile beyond the arena", halo2, beyond_arena, { "of an arena of", NULL, NULL } },
    { "too much shared memory", halo2, huge_arena, { "asks for 200000 bytes", "101376", NULL } },
    { "too many blocks per SM", halo2, too_many_blocks, { "40 blocks", "do not fit", NULL } },
    { "threads are no warps", halo2, half_warp, { "40 threads", NULL, NULL } },
    { "grid loop inside", halo2, grid_inside, { "loop c", "grid loops open before", NULL } },
    { "variant too new", halo2, old_device, { "pw et = xt", "older than the variant", NULL } },
    { "strange elements", halo2, strange_type, { "pw et = xt", "neither f32 nor f16", NULL } },
    { "window with multiplier", halo2, double_channels, { "dw dt = et", "one output channel", NULL } },
    { "tile stores too few channels", halo2, few_channels, { "tile et", "overlap at pitches", NULL } },
    { "rows overlap", halo2, swallowed_columns, { "tile et", "overlap at pitches", NULL } },
    { "resident weights overwritten", persist_block, on_the_weights, { "pw et = xt", "record 0 of image w", "finds what an earlier tile left" } },
    { "weights of fewer chunks", persist_block, other_weights, { "wants record 2 of image w", "holds 0 to 1", NULL } },
    { "weights copied for some tiles", persist_block, weights_of_the_first_tile, { "copy_async wt", "no guard asks for one", NULL } },
    { "x copied for the first tile only", persist_block, x_once, { "pw et = xt", "finds what an earlier tile left", "at " } },
    { "sums zeroed for the first tile only", persist_block, zero_once, { "pw yacc += dt", "has twice", NULL } },
    { "no barrier round the tiles", direct_block, back_edge, { "copy_async xt", "overwriting xt needs a barrier after", "store y = yacc" } },
    { "stored by every block", persist_block, store_before, { "store y", "would be made by every block", NULL } },
    { "a copy between persist loops", persist_block, between_loops, { "loop i", "directly one after another, once", NULL } },
    { "a barrier behind the tiles", persist_block, behind_loops, { "nothing may follow the persist loops", NULL, NULL } },
    { "persist loops without blocks", persist_block, nobody_shares, { "loop n", "share the tiles is missing", NULL } },
    { "blocks without persist loops", halo2, shared_grid, { "but no persist loops", NULL, NULL } },
    { "the batch is no tile", persist_block, batch_in_grid, { "loop n", "grid loops open before", NULL } },
    { "rows are the batch", persist_block, open_rows, { "loop i", "only the first persist loop may run over the batch", NULL } },
    { "a limit on tiles", persist_block, limited, { "loop i", "a persist loop has no limit", NULL } },
    { "tiles in a loop", persist_block, in_a_loop, { "loop i", "directly inside the grid loops", NULL } },
    { "stages by tile", persist_block, staged_by_tile, { "loop n", "no stages by a persist loop", NULL } },
    { "next tile without a guard", turns_block, turn_unguarded, { "copy_async xt", "one turn ahead while there is another", NULL } },
    { "the present tile's x again", turns_block, turn_of_today, { "copy_async xt", "one turn ahead while there is another", NULL } },
    { "the next tile's x forgotten", turns_block, turn_missing, { "pw et = xt", "finds nothing", "t = 1" } },
    { "the first tile's x forgotten", turns_block, first_turn_missing, { "pw et = xt", "finds nothing", NULL } },
    { "three turns", turns_block, turns_of_three, { "loop n", "a plain tile of two stages", NULL } },
    { "both turns in one slot", turns_block, one_slot, { "tile xt", "exceed its 0 bytes", NULL } },
    { "another tile in the second slot", turns_block, short_slot, { "xt", NULL, NULL } },
    { "copied before the barrier", direct_turns_block, too_early, { "copy_async xt@+1", "overwriting xt needs a barrier after", "store y = yacc" } },
    { "the count as a loop", turns_block, turn_opened, { "count of tiles is no loop", NULL, NULL } },
    { "a window by turns", turns_block, turn_in_a_window, { "moves with the tiles, not with their count", NULL, NULL } },
    { "a store by turns", turns_block, turn_elsewhere, { "store y", "only copies ask", NULL } },
    { "panel is not the item", cpu_block, panel_of_8, { "pw et = xt", "panel", NULL } },
    { "item overruns the registers", cpu_block, too_large_item, { "pw et = xt", "register tile", NULL } },
    { "item has too many columns", cpu_block, too_wide_columns, { "dw yt = et", "16 columns", NULL } },
    { "item is no whole vector", cpu_block, not_whole_item, { "pw et = xt", "whole number of vectors", NULL } },
    { "mask off on the CPU", cpu_block, cpu_no_mask, { "dw yt = et", "unmasked pixel", NULL } },
    { "tiles share bytes on the CPU", cpu_block, cpu_overlap, { "dw yt = et", "overwrites in yt what it reads itself", NULL } },
};

static const char *verdict(Block *b)
{
    Device d = small_gpu();
    return tm_verify(b->a, b->m, b->p, &d);
}

static void right_programs_verify(void **state)
{
    (void)state;
    Block (*const make[])(Arena *) = { halo1, halo2, halo3, line_block, cpu_block, persist_block, direct_block };
    for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
        Arena *a = arena_new();
        Block b = make[i](a);
        finish_block(&b);
        const char *why = verdict(&b);
        if (why) fail_msg("program %d: %s\n%s", (int)i, why, listing(&b));
        arena_free(a);
    }
}

static void broken_programs_are_reported(void **state)
{
    (void)state;
    int missed = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const Fault *f = &faults[i];
        Arena *a = arena_new();
        Block b = f->make(a);
        finish_block(&b);
        f->harm(&b);
        const char *why = verdict(&b);
        if (!why) print_error("%s: not noticed\n", f->name);
        bool reported = why != NULL;
        for (int w = 0; w < 3 && why && f->words[w]; w++)
            if (!strstr(why, f->words[w])) {
                print_error("%s: \"%s\" lacks \"%s\"\n", f->name, why, f->words[w]);
                reported = false;
            }
        missed += !reported;
        arena_free(a);
    }
    assert_int_equal(missed, 0);
}

/* Without any one of its barriers a program has a race; the message names two instructions. */
static void every_barrier_is_needed(void **state)
{
    (void)state;
    Block (*const make[])(Arena *) = { halo1, halo2, halo3, line_block, persist_block, direct_block, turns_block, direct_turns_block };
    for (size_t i = 0; i < sizeof make / sizeof *make; i++)
        for (int k = 0;; k++) {
            Arena *a = arena_new();
            Block b = make[i](a);
            finish_block(&b);
            int n = count_of(&b, TM_SYNC);
            if (k < n) {
                drop(&b, nth(&b, TM_SYNC, k));
                const char *why = verdict(&b);
                if (!why) fail_msg("program %d, barrier %d: not noticed\n%s", (int)i, k, listing(&b));
                assert_non_null(strstr(why, "needs a barrier after instruction"));
            }
            arena_free(a);
            if (k >= n) break;
        }
}

/* A variant's predicate answers for the instruction alone. */
static void variants_refuse(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo2(a);
    finish_block(&b);
    TmIns pw = *nth(&b, TM_PW, 0), dw = *nth(&b, TM_DW, 0);
    assert_null(tm_variant_refuses(b.m, b.p, &pw));
    assert_null(tm_variant_refuses(b.m, b.p, &dw));
    pw.variant = TMV_PW_SIMT;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &pw), "weights lie in panels");
    pw.variant = TMV_DW_WINDOW;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &pw), "the variant belongs to another operation");
    pw.variant = TMV_PW_VEC;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &pw), "the variant belongs to another target");
    pw.variant = TMV_NONE;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &pw), "it has no variant");
    pw.variant = TMV_PW_MMA16816;
    tile(&b, b.xt)->dtype = DT_F32;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &pw), "tensor cores take f16");
    tile(&b, b.xt)->dtype = DT_F16;
    tile(&b, b.et)->org[3].k = 4;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &pw), "written channels start off a multiple of 8");
    dw.item_w = 0;
    assert_string_equal(tm_variant_refuses(b.m, b.p, &dw), "an item has no columns");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_programs_verify),
        cmocka_unit_test(broken_programs_are_reported),
        cmocka_unit_test(every_barrier_is_needed),
        cmocka_unit_test(variants_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
