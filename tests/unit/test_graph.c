/* test_graph.c: whole networks against their published figures; invariants of graphs and stages; names, locations, limits.
 * Single rules and messages are golden tests (tests/golden/graph). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph.h"
#include "text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Job { Arena *arena; Diag *diag; AstFiles files; } Job;

static Job start(const char *path)
{
    Job j = { .arena = arena_new() };
    j.diag = diag_new(j.arena);
    ast_load(j.arena, j.diag, path, &j.files);
    return j;
}

static void stop(Job *j) { arena_free(j->arena); }

static const Graph *check(Job *j, const char *block)
{
    const GraphOptions o = { .block = block };
    const Graph *g = graph_check(j->arena, j->diag, &j->files, &o);
    if (!g) diag_print(j->diag, stderr);
    return g;
}

/* The text goes through a file, as a user's does. */
static Job start_text(const char *text)
{
    char path[] = "/tmp/fcm_test_graph_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fputs(text, f);
    fclose(f);
    Job j = start(path);
    remove(path);
    return j;
}

/* ---- published figures ---- */

typedef struct Net { const char *path; int64_t parameters; double mmac, dw_mmac; } Net;
static const Net nets[] = {                     /* MMAC from facts: published or rebuilt from the tables, to the printed digit */
    { "examples/mobilenetv1.fcm",       4231976,  568.7,  17.4 },
    { "examples/mobilenetv2.fcm",       3504872,  300.8,  20.7 },
    { "examples/mobilenetv3_large.fcm", 5483032,  216.6,  18.4 },
    { "examples/xception.fcm",         22855952, 4552.9,  72.4 },
    { "examples/efficientnet_b0.fcm",   5288548,  385.8,  34.5 },
    { "examples/convnext_tiny.fcm",    28589128, 4455.5, 105.1 },
};

static void networks_have_their_published_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        Job j = start(nets[i].path);
        const Graph *g = check(&j, NULL);
        GraphStats s;
        assert_non_null(g);
        assert_true(graph_stats(g, &s));
        assert_int_equal(s.parameters, nets[i].parameters);
        assert_int_equal((s.macs + 50000) / 100000, (int64_t)(nets[i].mmac * 10 + 0.5));
        assert_int_equal((s.dw_macs + 50000) / 100000, (int64_t)(nets[i].dw_mmac * 10 + 0.5));
        assert_int_equal(diag_count(j.diag), 0);
        stop(&j);
    }
}

/* Convolutions alone, counted by hand: block 2 of MobileNetV2 in the table of its paper, 24 -> 144 -> 24 on 56x56. */
static void figures_of_one_block(void **state)
{
    (void)state;
    Job j = start("examples/mobilenetv2_blocks.fcm");
    GraphStats s;
    assert_true(graph_stats(check(&j, "b2"), &s));
    assert_int_equal(s.macs, 56 * 56 * (24 * 144 + 9 * 144 + 144 * 24));
    assert_int_equal(s.dw_macs, 56 * 56 * 9 * 144);
    assert_int_equal(s.parameters, 24 * 144 + 9 * 144 + 144 * 24 + 2 * (144 + 144 + 24));
    assert_int_equal(s.activation_bytes, 2 * 56 * 56 * (24 + 144 + 144 + 24));
    stop(&j);
}

/* ---- invariants, over every block of every example that can be compiled alone ---- */

static void check_graph(const Graph *g)
{
    int *readers = calloc((size_t)g->nodes.n, sizeof *readers), params = 0;
    for (int i = 0; i < g->nodes.n; i++) {
        const GraphNode *n = &g->nodes.at[i];
        assert_true(n->h > 0 && n->w > 0 && n->c > 0 && n->loc.file > 0 && n->loc.len > 0);
        for (int k = 0; k < n->nin; k++) assert_in_range(n->in[k], 0, i - 1), readers[n->in[k]]++;
        for (int k = 0; k < i; k++) assert_string_not_equal(g->nodes.at[k].name, n->name);
        const int param[5] = { n->weight, n->bias, n->mean, n->var, n->wscale };
        for (int k = 0; k < 5; k++)
            if (param[k] >= 0) assert_int_equal(g->params.at[param[k]].node, i), params++;
    }
    assert_int_equal(params, g->params.n);                      /* every parameter has its reader */
    for (int i = 0; i < g->outputs.n; i++) readers[g->outputs.at[i].node]++;
    for (int i = 0; i < g->nodes.n; i++) {
        assert_int_equal(g->nodes.at[i].consumers, readers[i]);
        assert_true(readers[i] > 0 || g->nodes.at[i].op == GR_INPUT);
    }
    free(readers);
}

static int64_t elements(const GraphNode *n) { return n->h * n->w * n->c; }

/* Every node but inputs in one stage; a stage reads only inputs and `out`s of earlier stages; inner values stay inside. */
static void check_stages(const Graph *g, const Stages *s)
{
    int *stage_of = malloc((size_t)g->nodes.n * sizeof *stage_of), placed = 0;
    for (int i = 0; i < g->nodes.n; i++) stage_of[i] = g->nodes.at[i].op == GR_INPUT ? -1 : -2;
    for (int i = 0; i < s->at.n; i++) {
        const Stage *st = &s->at.at[i];
        assert_true(stage_of[st->in] == -1 || (stage_of[st->in] >= 0 && s->at.at[stage_of[st->in]].out == st->in));
        assert_true(st->pointless == (graph_op_pattern(g->nodes.at[st->core].op) != 'C'));
        int last = st->core;
        if (!st->pointless) stage_of[st->core] = i, placed++;
        for (int k = 0; k < st->epi.n; k++) {
            const StageEpi *e = &st->epi.at[k];
            int z = e->value;
            if (z >= 0) assert_true(stage_of[z] == -1 || (stage_of[z] >= 0 && stage_of[z] < i && s->at.at[stage_of[z]].out == z));
            if (e->kind != EPI_BIAS) assert_int_equal(stage_of[e->node], -2), stage_of[e->node] = i, placed++;
            if (e->kind != EPI_BIAS && last != e->node) assert_int_equal(g->nodes.at[last].consumers, 1);
            assert_int_equal(elements(&g->nodes.at[e->node]), elements(&g->nodes.at[st->core]));
            last = e->node;
        }
        assert_int_equal(st->out, last);
    }
    assert_int_equal(placed, g->nodes.n - g->inputs.n);
    for (int i = 0; i < g->outputs.n; i++) assert_int_equal(s->at.at[stage_of[g->outputs.at[i].node]].out, g->outputs.at[i].node);
    free(stage_of);
}

static bool has_typed_inputs(const AstBlock *b)
{
    for (int i = 0; i < b->params.n; i++)
        if (!b->params.at[i].type || !b->params.at[i].type->dtype) return false;
    return true;
}

static int check_file(const char *path)
{
    int lowered = 0;
    Job j = start(path);
    const AstFile *f = j.files.at[j.files.n - 1];
    for (int i = 0; i < f->items.n; i++) {
        if (f->items.at[i].kind != AST_ITEM_BLOCK || !has_typed_inputs(f->items.at[i].u.block)) continue;
        Job one = start(path);
        const Graph *g = check(&one, f->items.at[i].u.block->name.text);
        assert_non_null(g);
        check_graph(g);
        const Stages *s = graph_stages(one.arena, one.diag, g);
        if (s) check_stages(g, s), lowered++;
        stop(&one);
    }
    stop(&j);
    return lowered;
}

static void examples_keep_the_invariants(void **state)
{
    (void)state;
    DIR *d = opendir("examples");
    int lowered = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[300];
        size_t n = strlen(e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 4, ".fcm") != 0) continue;
        snprintf(path, sizeof path, "examples/%s", e->d_name);
        lowered += check_file(path);
    }
    closedir(d);
    assert_true(lowered >= 17 + 13 + 10 + 9 + 12 + 6);          /* MobileNetV2, V1, Xception, ragged, acts, the single ones */
}

static void golden_graphs_keep_the_invariants(void **state)
{
    (void)state;
    assert_int_equal(check_file("tests/golden/graph/stages_operands.fcm"), 1);
    assert_int_equal(check_file("tests/golden/graph/stages_shared.fcm"), 1);
    assert_int_equal(check_file("tests/golden/graph/stages_mbconv.fcm"), 1);
    assert_int_equal(check_file("tests/golden/graph/stages_two_readers.fcm"), 1);
    assert_int_equal(check_file("tests/golden/graph/dead.fcm"), 1);
}

/* A MobileNetV2 block is three stages, with the input as the residual of the last one. */
static void a_residual_block_is_three_stages(void **state)
{
    (void)state;
    Job j = start("examples/mobilenetv2_blocks.fcm");
    const Graph *g = check(&j, "b4");
    const Stages *s = graph_stages(j.arena, j.diag, g);
    static const GraphOp core[3] = { GR_PW, GR_DW, GR_PW };
    static const EpiKind second[3] = { EPI_ACT, EPI_ACT, EPI_ADD };
    assert_int_equal(s->at.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(g->nodes.at[s->at.at[i].core].op, core[i]);
        assert_int_equal(s->at.at[i].epi.n, 2);
        assert_int_equal(s->at.at[i].epi.at[0].kind, EPI_BN);
        assert_int_equal(s->at.at[i].epi.at[1].kind, second[i]);
    }
    assert_int_equal(s->at.at[2].epi.at[1].value, g->inputs.at[0]);
    stop(&j);
}

/* ---- names, locations ---- */

static int param_named(const Graph *g, const char *name)
{
    for (int i = 0; i < g->params.n; i++)
        if (strcmp(g->params.at[i].name, name) == 0) return i;
    return -1;
}

static void parameters_are_named_by_the_rule(void **state)
{
    (void)state;
    Job j = start_text("block se2(x: [N, H, W, C], r) {\n"
                       "    s = x |> mean |> pw(r) |> silu |> pw(C) |> sigmoid\n    return x * s\n}\n"
                       "block mb(x: [N, H, W, C], K, k=3, s=1, E=6*C, act=silu) {\n"
                       "    e = x |> pw(E) |> bn |> act\n    d = e |> dw(k, stride=s) |> bn |> act |> se2(C/4)\n"
                       "    y = d |> pw(K) |> bn\n    return y\n}\n"
                       "block stage3(x: f16[N, 56, 56, 24]) {\n"
                       "    y: [N, 28, 28, 40] = x |> mb(40, k=5, s=2) |> repeat(2, res(mb(40, k=5)))\n    return y\n}\n");
    const Graph *g = check(&j, NULL);
    static const struct { const char *name; int rank; int64_t dim[4]; } want[] = {
        { "y.0.e.0.weight", 2, { 144, 24, 1, 1 } },     { "y.1.e.0.weight", 2, { 240, 40, 1, 1 } },
        { "y.2.y.1.var", 1, { 40, 1, 1, 1 } },          { "y.0.d.0.weight", 3, { 5, 5, 144, 1 } },
        { "y.0.d.2.s.0.weight", 2, { 6, 144, 1, 1 } },  { "y.1.d.2.s.1.bias", 1, { 240, 1, 1, 1 } },
    };
    assert_non_null(g);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int p = param_named(g, want[i].name);
        assert_true(p >= 0);
        assert_int_equal(g->params.at[p].rank, want[i].rank);
        assert_memory_equal(g->params.at[p].dim, want[i].dim, sizeof want[i].dim);
    }
    assert_int_equal(param_named(g, "y.0.e.0.bias"), -1);       /* it feeds bn */
    assert_string_equal(g->params.at[param_named(g, "y.1.d.2.s.1.bias")].cname, "y_1_d_2_s_1_bias");
    assert_int_equal(g->params.at[param_named(g, "y.0.e.0.weight")].dtype, DT_F16);
    assert_int_equal(g->params.at[param_named(g, "y.0.e.1.weight")].dtype, DT_F32);
    stop(&j);
}

/* A node stands where its op was written, with the calls on the way from the inside out. */
static void nodes_know_their_calls(void **state)
{
    (void)state;
    Job j = start_text("block f(x: [N, H, W, C]) { return x |> dw(3) }\nblock g(x: [N, H, W, C]) { return x |> f }\n"
                       "block h(x: f32[N, 5, 5, 2]) {\n    y = x |> g\n    return y\n}\n");
    const Graph *g = check(&j, NULL);
    const GraphNode *n = &g->nodes.at[1];
    int line, col;
    diag_position(j.diag, n->loc, &line, &col);
    assert_int_equal(line, 1), assert_int_equal(col, 40), assert_int_equal(n->loc.len, 2);
    assert_string_equal(n->call->block, "f");
    diag_position(j.diag, n->call->loc, &line, &col);
    assert_int_equal(line, 2), assert_int_equal(col, 40);
    assert_string_equal(n->call->outer->block, "g");
    diag_position(j.diag, n->call->outer->loc, &line, &col);
    assert_int_equal(line, 4), assert_int_equal(col, 14);
    assert_null(n->call->outer->outer);
    stop(&j);
}

/* ---- limits ---- */

static void figures_that_overflow_are_refused(void **state)
{
    (void)state;
    Job j = start_text("block f(x: f32[N, 1000000, 1000000, 1]) { return x |> conv(1, 1000001, pad=500000) }\n");
    GraphStats s;
    const Graph *g = check(&j, NULL);
    assert_non_null(g);
    assert_false(graph_stats(g, &s));                           /* 10^12 outputs of 10^12 taps each */
    stop(&j);
}

static void the_largest_network_takes_less_than_50_ms(void **state)
{
    (void)state;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    Job j = start("examples/efficientnet_b0.fcm");
    assert_non_null(check(&j, NULL));
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) * 1e-6;
    print_message("efficientnet_b0: load and check %.2f ms\n", ms);
    assert_true(ms < 50);
    stop(&j);
}

/* Just below and just above the limit of 100 000 ops: both end soon, one with an error. */
static void a_hundred_thousand_ops_are_the_limit(void **state)
{
    (void)state;
    Job fits = start_text("block f(x: f32[N, 5, 5, 2]) { return x |> repeat(9, repeat(10000, id)) }\n");
    const Graph *g = check(&fits, NULL);
    assert_non_null(g);
    assert_int_equal(g->nodes.n, 90001);
    const Stages *s = graph_stages(fits.arena, fits.diag, g);
    assert_int_equal(s->at.n, 1);
    stop(&fits);
    Job over = start_text("block f(x: f32[N, 5, 5, 2]) { return x |> repeat(10, repeat(10000, id)) }\n");
    const GraphOptions none = { 0 };
    assert_null(graph_check(over.arena, over.diag, &over.files, &none));
    assert_int_equal(diag_errors(over.diag), 1);
    assert_string_equal(diag_entry(over.diag, 0)->code, "FCM1018");
    stop(&over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_have_their_published_size),   cmocka_unit_test(figures_of_one_block),
        cmocka_unit_test(examples_keep_the_invariants),         cmocka_unit_test(golden_graphs_keep_the_invariants),
        cmocka_unit_test(a_residual_block_is_three_stages),     cmocka_unit_test(parameters_are_named_by_the_rule),
        cmocka_unit_test(nodes_know_their_calls),               cmocka_unit_test(figures_that_overflow_are_refused),
        cmocka_unit_test(the_largest_network_takes_less_than_50_ms), cmocka_unit_test(a_hundred_thousand_ops_are_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
