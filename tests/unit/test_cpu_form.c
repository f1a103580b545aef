/* The C form of lowered blocks: register tiles share a row evenly, and every instruction is a function of its own. */
#include "backend.h"
#include "lowered_fixture.h"

#include <stdio.h>

static const char mbconv[] = "block b(x: f32[N, %d, %d, 24]) {\n e = x |> pw(96) |> relu6\n d = e |> dw(%d) |> relu6\n y = d |> pw(%d)\n return y\n}\n";

static Lowered block(int map, int kernel, int channels, int rows, int cols)
{
    char text[256];
    snprintf(text, sizeof text, mbconv, map, map, kernel, channels);
    Lowered x = lowered(text, "cpu", tiles(rows, cols, 0));
    if (!x.m) fail_msg("%s", x.why);
    return x;
}

static int item_of(const Lowered *x, TmOp op, const char *name)
{
    for (int k = 0; k < x->p->code.n; k++) {
        const TmIns *i = &x->p->code.at[k];
        if (i->op == op && strcmp(x->p->tiles.at[i->dst].name, name) == 0) return i->item_w;
    }
    fail_msg("nothing makes %s", name);
    return 0;
}

/* Pixels of a register tile: the fewest equal shares of what is computed in a row, or in all rows where those follow each other. */
static void test_items(void **state)
{
    static const struct { int map, kernel, channels, rows, cols, expand, depth, project; } cases[] = {
        { 24, 3, 24, 8, 8, 5, 8, 8 },       /* a window of 10 columns is 5 + 5 */
        { 7, 3, 24, 7, 7, 7, 7, 7 },        /* the window of 9 has 7 of the map; 49 pixels are 7 x 7 */
        { 28, 5, 24, 14, 14, 6, 14, 8 },    /* 18 are 6 + 6 + 6 */
        { 28, 3, 16, 4, 28, 7, 14, 16 },    /* the map's 28 are 4 x 7; one vector of channels: sixteen pixels at once */
        { 40, 7, 24, 1, 20, 7, 10, 7 },     /* 26 are 7 + 7 + 7 + 5, 20 are 10 + 10 and 7 + 7 + 6 */
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        Lowered x = block(cases[c].map, cases[c].kernel, cases[c].channels, cases[c].rows, cases[c].cols);
        assert_int_equal(item_of(&x, TM_PW, "et"), cases[c].expand);
        assert_int_equal(item_of(&x, TM_DW, "dt"), cases[c].depth);
        assert_int_equal(item_of(&x, TM_PW, "yt"), cases[c].project);
        arena_free(x.a);
    }
}

static int count(const char *text, const char *words)
{
    int n = 0;
    for (const char *s = strstr(text, words); s; s = strstr(s + 1, words)) n++;
    return n;
}

/* One function an instruction, called once, and no tile function inside the kernel's parallel region. */
static void test_apart(void **state)
{
    (void)state;
    Lowered x = block(24, 3, 24, 8, 8);
    Text source, header;
    EmitOptions o = { 0 };
    const char *why;
    int instructions = 0;
    assert_true(emit_cpu(x.a, x.m, &o, &source, &header, &why));
    for (int k = 0; k < x.p->code.n; k++) {
        TmOp op = x.p->code.at[k].op;
        if (op != TM_COPY && op != TM_PW && op != TM_DW && op != TM_STORE) continue;
        if (op == TM_COPY && tm_is_image(&x.p->tiles.at[x.p->code.at[k].dst])) continue;    /* weights are read where they lie */
        assert_int_equal(count(source.at, arena_printf(x.a, " k0_%d_", k)), 2);
        instructions++;
    }
    assert_int_equal(count(source.at, "static FC_APART void k0_"), instructions);
    const char *region = strstr(source.at, "FC_PARALLEL(threads)\n");
    assert_non_null(region);
    char *kernel = arena_strndup(x.a, region, (size_t)(strstr(region, "\n}\n") - region));
    assert_int_equal(count(kernel, "fc_pw_") + count(kernel, "fc_dw_") + count(kernel, "fc_copy") + count(kernel, "fc_store"), 0);
    arena_free(x.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_items), cmocka_unit_test(test_apart) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
