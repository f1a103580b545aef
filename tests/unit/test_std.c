/* test_std.c: the blocks of std.fcm have the shapes and the parameter counts of the published ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph.h"
#include "text.h"

#include <string.h>

/* A use of a block on an f32 image [N, h, w, c], the shape that comes out, and its learnable parameters; 2 for each channel of a bn. */
typedef struct Case { const char *step; int h, c, out_h, out_c; int64_t parameters; } Case;

static const Case cases[] = {
    /* MobileNetV2's blocks 0 and 3 (PyTorch: features.1, features.4) */
    { "separable(16)", 112, 32, 112, 16, 9 * 32 + 64 + 32 * 16 + 32 },
    { "inverted_residual(32, s=2)", 56, 24, 28, 32, 24 * 144 + 288 + 9 * 144 + 288 + 144 * 32 + 64 },
    { "res(inverted_residual(24))", 56, 24, 56, 24, 24 * 144 + 288 + 9 * 144 + 288 + 144 * 24 + 48 },
    /* EfficientNet-B0, stage 3, second block: squeeze width 40/4, with biases */
    { "res(mbconv(40, k=5, mid=se(10)))", 28, 40, 28, 40,
      40 * 240 + 480 + 25 * 240 + 480 + (240 * 10 + 10 + 10 * 240 + 240) + 240 * 40 + 80 },
    { "mbconv(40, k=5, s=2)", 56, 24, 28, 40, 24 * 144 + 288 + 25 * 144 + 288 + 144 * 40 + 80 },
    { "se(24, act=relu, gate=hsigmoid)", 28, 72, 28, 72, 72 * 24 + 24 + 24 * 72 + 72 },
    { "fused_mbconv(48, s=2)", 56, 24, 28, 48, 9 * 24 * 96 + 192 + 96 * 48 + 96 },
    { "convnext", 56, 96, 56, 96, 79296 },                      /* ConvNeXt-T, stage 1 */
    { "convfirst", 64, 64, 64, 64, 9 * 8 * 64 + 128 + 64 * 256 + 512 + 256 * 64 + 128 },
    { "convfirst_down(128)", 64, 64, 32, 128, 9 * 8 * 64 + 128 + 128 * 256 + 512 + 256 * 128 + 256 },
};

static void check(const Case *c)
{
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    AstFiles files = { 0 };
    char *path = arena_printf(a, "/tmp/fcm_test_std_%p.fcm", (void *)a);
    char *text = arena_printf(a, "block t(x: f32[N, %d, %d, %d]) { y: [N, %d, %d, %d] = x |> %s return y }\n", c->h, c->h, c->c, c->out_h,
                              c->out_h, c->out_c, c->step);
    const char *why = NULL;
    assert_true(text_write_file(a, path, text, strlen(text), &why));
    ast_load(a, d, path, &files);
    remove(path);
    Graph *g = graph_check(a, d, &files, &(GraphOptions){ 0 });
    if (!g) diag_print(d, stderr);
    assert_non_null(g);                                         /* the shape was declared in the text */
    GraphStats s;
    assert_true(graph_stats(g, &s));
    assert_int_equal(s.parameters, c->parameters);
    arena_free(a);
}

static void blocks_have_published_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(blocks_have_published_parameters) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
