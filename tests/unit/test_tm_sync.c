/* test_tm_sync.c: what pipe and sync make of a program, instruction by instruction. */
#include "tm_blocks.h"

static void piped(Block *b)
{
    Device d = small_gpu();
    assert_null(tm_layout(b->a, b->m, b->p));
    assert_null(tm_place(b->a, b->m, b->p, &d));
    assert_null(tm_pipe(b->a, b->m, b->p));
}

/* ---- pipe ---- */

static void unstaged_copies_are_waited_for(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 1);
    piped(&b);
    assert_string_equal(listing(&b), "loop n; loop i; loop j; copy xt; copy ft; zero yacc; loop c; copy wt; commit; wait 0; pw et; dw dt; pw yacc; end c; "
                                     "finish yt; store; end j; end i; end n");
    arena_free(a);
}

static void two_stages(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 2);
    piped(&b);
    assert_string_equal(listing(&b), "loop n; loop i; loop j; copy xt; copy ft; zero yacc; copy wt; commit; loop c; wait 0; copy wt@+1 when c+1; commit; pw et; dw dt; "
                                     "pw yacc; end c; finish yt; store; end j; end i; end n");
    for (int k = 0; k < b.p->code.n; k++) assert_int_equal(b.p->code.at[k].async, b.p->code.at[k].op == TM_COPY);
    arena_free(a);
}

/* More stages than iterations: copies that no iteration needs are left out, their commits stay. */
static void five_stages_of_three_iterations(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 5);
    piped(&b);
    assert_non_null(strstr(listing(&b), "zero yacc; copy wt; commit; copy wt@+1; commit; copy wt@+2; commit; commit; loop c; wait 3; copy wt@+4 when c+4; commit; pw et"));
    assert_null(tm_sync(a, b.m, b.p));
    Device d = small_gpu();
    assert_null(tm_verify(a, b.m, b.p, &d));
    arena_free(a);
}

/* An asynchronous copy moves at least 4 bytes; a channel count may allow 2 only. Images are always whole chunks. */
static void narrow_copies_stay_synchronous(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 1);
    for (int k = 0; k < b.p->code.n; k++)
        if (b.p->code.at[k].dst == b.xt) b.p->code.at[k].vec = 2;
    piped(&b);
    assert_false(nth(&b, TM_COPY, 0)->async);
    assert_true(nth(&b, TM_COPY, 1)->async);
    arena_free(a);
}

/* sm_75 has no asynchronous copies: stages still run ahead, nothing is waited for. */
static void old_devices_copy_synchronously(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 2);
    b.p->arch = 75;
    for (int k = 0; k < b.p->code.n; k++)
        if (b.p->code.at[k].op == TM_PW) b.p->code.at[k].variant = TMV_PW_MMA1688;
    piped(&b);
    assert_int_equal(count_of(&b, TM_WAIT) + count_of(&b, TM_COMMIT), 0);
    assert_int_equal(count_of(&b, TM_COPY), 4);
    assert_null(tm_sync(a, b.m, b.p));
    Device d = small_gpu();
    assert_null(tm_verify(a, b.m, b.p, &d));
    arena_free(a);
}

static void a_staged_copy_stands_in_its_loop(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 1);
    TmTile *t = &b.p->tiles.at[b.xt];
    t->stages = 2;
    t->stage_loop = b.c;
    assert_null(tm_layout(a, b.m, b.p));
    assert_string_equal(tm_pipe(a, b.m, b.p), "tile xt is staged by loop c, but copied elsewhere");
    arena_free(a);
}

static void nothing_to_pipe_on_the_cpu(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = cpu_block(a);
    const char *before = listing(&b);
    finish_block(&b);
    assert_string_equal(listing(&b), before);
    arena_free(a);
}

/* ---- sync ---- */

/* One barrier makes the chunk's copies visible and keeps the next copy from overtaking the readers of its slot. */
static void barriers_of_two_stages(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 2);
    finish_block(&b);
    assert_string_equal(listing(&b), "loop n; loop i; loop j; copy xt; copy ft; zero yacc; copy wt; commit; loop c; wait 0; sync; copy wt@+1 when c+1; commit; pw et; "
                                     "sync; dw dt; sync; pw yacc; end c; finish yt; sync; store; end j; end i; end n");
    arena_free(a);
}

/* One stage: the copy must not overtake the last readers, and must be visible. */
static void barriers_of_one_stage(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 1);
    finish_block(&b);
    assert_string_equal(listing(&b), "loop n; loop i; loop j; copy xt; copy ft; zero yacc; loop c; sync; copy wt; commit; wait 0; sync; pw et; sync; dw dt; sync; pw yacc; "
                                     "end c; finish yt; sync; store; end j; end i; end n");
    arena_free(a);
}

/* e's rows of one chunk are read by the depthwise of that chunk only, so two barriers a chunk suffice … */
static void barriers_of_a_line_buffer(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = line_block(a);
    finish_block(&b);
    const char *text = listing(&b);
    assert_non_null(strstr(text, "pw et; sync; dw dt; sync; pw yacc; end c; "));
    Device d = small_gpu();
    assert_null(tm_verify(a, b.m, b.p, &d));
    /* … and the same program again, twice the same barriers */
    Block again = line_block(a);
    finish_block(&again);
    assert_string_equal(listing(&again), text);
    arena_free(a);
}

/* A barrier that is needed once is moved before the loop. xt is read in the loop over chunks, copied before it; the weights wait for nobody. */
static void a_barrier_moves_before_the_loop(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 1);
    TmIns *copy = nth(&b, TM_COPY, 2);
    assert_int_equal(copy->dst, b.wt);
    drop(&b, copy);
    TmTile *wt = &b.p->tiles.at[b.wt];
    wt->ext[3] = 3;                                 /* all records at once, copied beside xt */
    wt->org[3] = affine_const(0);
    nth(&b, TM_COPY, 1)->dst = b.wt;
    b.p->tiles.at[b.by].image = b.w;                /* the last bias stands in every record; the loop's variable reads 0 after the loop */
    b.p->tiles.at[b.ft].image = -1;
    b.p->images.n = 1;
    finish_block(&b);
    assert_non_null(strstr(listing(&b), "commit; wait 0; sync; loop c; pw et; sync; dw dt; sync; pw yacc; end c"));
    arena_free(a);
}

/* Weights are waited for with the first tile's x; from then on a tile has the barriers of its chunks, and the next tile's x comes after the one before
 * the store. */
static void barriers_of_persistent_blocks(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = persist_block(a);
    finish_block(&b);
    assert_string_equal(listing(&b), "copy ft; copy wt; loop n; loop i; loop j; copy xt; zero yacc; commit; wait 0; sync; loop c; pw et; sync; dw dt; sync; "
                                     "pw yacc; end c; finish yt; sync; store; end j; end i; end n");
    arena_free(a);
}

/* The store reads x at the end of a tile: the next copy waits for it at a barrier round the back edge. */
static void a_barrier_round_the_tiles(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = direct_block(a);
    finish_block(&b);
    assert_string_equal(listing(&b), "copy ft; copy wt; loop n; loop i; loop j; sync; copy xt; zero yacc; commit; wait 0; sync; loop c; pw et; sync; dw dt; sync; "
                                     "pw yacc; end c; store; end j; end i; end n");
    arena_free(a);
}

/* x of the next tile is asked for as soon as this tile's has landed; the barrier that shows it to all threads also keeps the copy behind the last
 * reader of its slot, the residual of the tile before. */
static void copies_a_tile_ahead(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = turns_block(a), d = direct_turns_block(a);
    finish_block(&b);
    assert_string_equal(listing(&b), "copy ft; copy wt; copy xt; commit; loop n; loop i; loop j; wait 0; copy xt@+1 when t+1; commit; zero yacc; sync; loop c; pw et; "
                                     "sync; dw dt; sync; pw yacc; end c; finish yt; sync; store; end j; end i; end n");
    finish_block(&d);
    assert_string_equal(listing(&d), "copy ft; copy wt; copy xt; commit; loop n; loop i; loop j; wait 0; sync; copy xt@+1 when t+1; commit; zero yacc; loop c; pw et; "
                                     "sync; dw dt; sync; pw yacc; end c; store; end j; end i; end n");
    arena_free(a);
}

/* Sync adds nothing to a program that has its barriers. */
static void sync_is_idempotent(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = line_block(a);
    finish_block(&b);
    const char *before = listing(&b);
    assert_null(tm_sync(a, b.m, b.p));
    assert_string_equal(listing(&b), before);
    arena_free(a);
}

/* No barrier helps a program that reads what nobody wrote. */
static void sync_reports_what_barriers_cannot_mend(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Block b = halo_block(a, 2);
    piped(&b);
    drop(&b, nth(&b, TM_COPY, 0));
    const char *why = tm_sync(a, b.m, b.p);
    assert_non_null(why);
    assert_non_null(strstr(why, "finds nothing"));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unstaged_copies_are_waited_for),
        cmocka_unit_test(two_stages),
        cmocka_unit_test(five_stages_of_three_iterations),
        cmocka_unit_test(narrow_copies_stay_synchronous),
        cmocka_unit_test(old_devices_copy_synchronously),
        cmocka_unit_test(a_staged_copy_stands_in_its_loop),
        cmocka_unit_test(nothing_to_pipe_on_the_cpu),
        cmocka_unit_test(barriers_of_two_stages),
        cmocka_unit_test(barriers_of_one_stage),
        cmocka_unit_test(barriers_of_a_line_buffer),
        cmocka_unit_test(a_barrier_moves_before_the_loop),
        cmocka_unit_test(barriers_of_persistent_blocks),
        cmocka_unit_test(copies_a_tile_ahead),
        cmocka_unit_test(a_barrier_round_the_tiles),
        cmocka_unit_test(sync_is_idempotent),
        cmocka_unit_test(sync_reports_what_barriers_cannot_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
