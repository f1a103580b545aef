/* test_dsl.c: that every node stands where its words stand, numbers have their values, files are read once and in order. What is
 * printed and reported is judged by the golden tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ast.h"
#include "fmt.h"
#include "text.h"

typedef struct World { Arena *arena; Diag *diag; } World;

static int set_up(void **state)
{
    World *w = malloc(sizeof *w);
    w->arena = arena_new();
    w->diag = diag_new(w->arena);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    World *w = *state;
    arena_free(w->arena);
    free(w);
    return 0;
}

static AstFile *parse(World *w, const char *text)
{
    return ast_parse(w->arena, w->diag, diag_add_source(w->diag, "a.fcm", text, strlen(text)));
}

static const char *words(World *w, Loc l)
{
    return arena_strndup(w->arena, diag_source(w->diag, l.file)->text + l.off, (size_t)l.len);
}

/* ---- places ---- */

static void check_expr(World *w, const AstExpr *e)
{
    const char *text = words(w, e->loc);
    int deepest = 0;
    for (int i = 0; i < e->list.n; i++) {
        const AstExpr *child = e->list.at[i];
        check_expr(w, child);
        assert_true(child->loc.off >= e->loc.off && child->loc.off + child->loc.len <= e->loc.off + e->loc.len);
        deepest = child->depth > deepest ? child->depth : deepest;
    }
    for (int i = 0; i < e->args.n; i++) {
        const AstArg *arg = &e->args.at[i];
        check_expr(w, arg->value);
        if (arg->key.text) assert_string_equal(words(w, arg->key.loc), arg->key.text);
        deepest = arg->value->depth > deepest ? arg->value->depth : deepest;
    }
    assert_int_equal(e->depth, deepest + 1);
    if (e->kind == AST_NAME) assert_string_equal(text, e->name.text);
    if (e->kind == AST_CALL) assert_string_equal(words(w, e->name.loc), e->name.text);
    if (e->kind == AST_CALL || e->kind == AST_PAREN || e->kind == AST_TUPLE) assert_int_equal(text[strlen(text) - 1], ')');
    if (e->kind == AST_PAREN || e->kind == AST_TUPLE) assert_int_equal(text[0], '(');
    if (e->kind == AST_BINARY || e->kind == AST_NEGATE) {
        assert_int_equal(e->op_loc.len, 1);
        assert_int_equal(words(w, e->op_loc)[0], e->op);
    }
    if (e->kind == AST_BINARY) assert_int_equal(e->loc.off, e->list.at[0]->loc.off);
}

static void check_type(World *w, const AstType *t)
{
    if (t->dtype) check_expr(w, t->dtype);
    for (int i = 0; i < t->extents.n; i++) check_expr(w, t->extents.at[i]);
    const char *text = words(w, t->loc), *layout = t->layout.text;
    if (layout) assert_string_equal(text + strlen(text) - strlen(layout), layout);
    else assert_int_equal(text[strlen(text) - 1], ']');
}

static void check_block(World *w, const AstBlock *b)
{
    const char *text = words(w, b->loc);
    assert_memory_equal(text, "block", 5);
    assert_int_equal(text[strlen(text) - 1], '}');
    assert_string_equal(words(w, b->name.loc), b->name.text);
    assert_string_equal(words(w, b->return_loc), "return");
    for (int i = 0; i < b->params.n; i++) {
        const AstParam *p = &b->params.at[i];
        assert_int_equal(p->loc.off, p->name.loc.off);
        assert_string_equal(words(w, p->name.loc), p->name.text);
        if (p->type) check_type(w, p->type);
        if (p->value) check_expr(w, p->value);
    }
    for (int i = 0; i < b->stmts.n; i++) {
        const AstStmt *s = b->stmts.at[i];
        assert_int_equal(s->loc.off, s->names.at[0].loc.off);
        assert_int_equal(s->loc.off + s->loc.len, s->value->loc.off + s->value->loc.len);
        for (int k = 0; k < s->names.n; k++) assert_string_equal(words(w, s->names.at[k].loc), s->names.at[k].text);
        if (s->type) check_type(w, s->type);
        check_expr(w, s->value);
    }
    for (int i = 0; i < b->returns.n; i++) check_expr(w, b->returns.at[i]);
}

static void nodes_stand_where_their_words_stand(void **state)
{
    World *w = *state;
    AstFile *file = parse(w, "// first\nblock f(x: i8(0.1, zero=-3)[N, H/2, W, 2*C] nchw, g, k=3x3, E = 6*C) {\n"
                             "    a = (x + 3*x) |> g /* c */ |> pw(24, bias=false)\n"
                             "    p, q = f(a, (1, 2),\n        s=-2)   y: [N, C] = - a - b - c\n"
                             "    return (y), p |> relu, g()\n}\n");
    assert_int_equal(diag_errors(w->diag), 0);
    assert_int_equal(file->items.n, 1);
    const AstBlock *b = file->items.at[0].u.block;
    check_block(w, b);
    assert_int_equal(b->params.n, 4);
    assert_int_equal(b->stmts.n, 3);
    assert_int_equal(b->returns.n, 3);
    assert_string_equal(words(w, b->stmts.at[0]->value->loc), "(x + 3*x) |> g /* c */ |> pw(24, bias=false)");
    assert_string_equal(words(w, b->stmts.at[2]->loc), "y: [N, C] = - a - b - c");
    assert_string_equal(words(w, b->params.at[0].loc), "x: i8(0.1, zero=-3)[N, H/2, W, 2*C] nchw");
    assert_string_equal(words(w, b->returns.at[1]->loc), "p |> relu");
}

static void a_plan_stands_where_its_words_stand(void **state)
{
    World *w = *state;
    AstFile *file = parse(w, "use \"b.fcm\" plan s(H=3) for \"sm_90\" { k0 = fuse(y.0.e, tile=8x16) }");
    assert_int_equal(diag_errors(w->diag), 0);
    assert_string_equal(file->items.at[0].u.use->path.text, "b.fcm");
    assert_string_equal(words(w, file->items.at[0].u.use->path.loc), "\"b.fcm\"");
    const AstPlan *plan = file->items.at[1].u.plan;
    assert_string_equal(plan->device.text, "sm_90");
    assert_string_equal(words(w, plan->block.loc), "s");
    const AstExpr *fuse = plan->knobs.at[0].value;
    check_expr(w, fuse);
    assert_string_equal(fuse->args.at[0].value->name.text, "y.0.e");
    assert_int_equal(fuse->args.at[1].value->pair[0], 8);
    assert_int_equal(fuse->args.at[1].value->pair[1], 16);
}

/* ---- values ---- */

static void numbers_have_their_values(void **state)
{
    World *w = *state;
    static const struct { const char *text; int is_int; int64_t integer; double number; } cases[] = {
        { "0", 1, 0, 0 },           { "007", 1, 7, 7 },             { "9223372036854775807", 1, INT64_MAX, 0x1p63 },
        { "0.5", 0, 0, 0.5 },       { "1e-6", 0, 0, 1e-6 },         { "2.5E+3", 0, 0, 2500 },
        { "1e3", 0, 0, 1000 },      { "0.1", 0, 0, 0.1 },           { "4.9e-324", 0, 0, 0x1p-1074 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AstFile *file = parse(w, arena_printf(w->arena, "block f(x) { return %s }", cases[i].text));
        const AstExpr *e = file->items.at[0].u.block->returns.at[0];
        assert_int_equal(e->kind, AST_NUMBER);
        assert_int_equal(e->is_int, cases[i].is_int);
        assert_int_equal(e->integer, cases[i].integer);
        assert_true(e->number == cases[i].number);
    }
    assert_int_equal(diag_errors(w->diag), 0);
}

/* Left to right for equal ranks, products first, signs before both. The text puts every operation into brackets. */
static void put(Text *t, const AstExpr *e)
{
    if (e->kind == AST_NAME) text_put(t, e->name.text);
    if (e->kind == AST_PAREN) put(t, e->list.at[0]);
    if (e->kind == AST_NEGATE) text_put(t, "[-"), put(t, e->list.at[0]), text_put(t, "]");
    if (e->kind == AST_BINARY) text_put(t, "["), put(t, e->list.at[0]), text_printf(t, "%c", e->op), put(t, e->list.at[1]), text_put(t, "]");
}

static void operators_group_as_in_arithmetic(void **state)
{
    World *w = *state;
    static const struct { const char *text, *grouped; } cases[] = {
        { "a - b - c", "[[a-b]-c]" },   { "a + b*c", "[a+[b*c]]" },       { "a/b*c", "[[a/b]*c]" },   { "-a*b", "[[-a]*b]" },
        { "a - -b", "[a-[-b]]" },       { "(a - b)*c", "[[a-b]*c]" },     { "a*(b - c)/d", "[[a*[b-c]]/d]" },
        { "a - (b - c)", "[a-[b-c]]" }, { "--a", "[-[-a]]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AstFile *file = parse(w, arena_printf(w->arena, "block f(x) { return %s }", cases[i].text));
        Text t = text_new(w->arena);
        put(&t, file->items.at[0].u.block->returns.at[0]);
        assert_string_equal(t.at, cases[i].grouped);
    }
}

/* ---- files ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void used_files_come_first_and_once(void **state)
{
    World *w = *state;
    char dir[] = "/tmp/fcm_dsl_XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *a = arena_printf(w->arena, "%s/a.fcm", dir), *b = arena_printf(w->arena, "%s/b.fcm", dir), *c = arena_printf(w->arena, "%s/c.fcm", dir);
    write_file(a, "use \"b.fcm\" use \"./c.fcm\" block a(x) { return x }");
    write_file(b, "use \"c.fcm\" block b(x) { return x }");
    write_file(c, "block c(x) { return x }");
    AstFiles files = { 0 };
    ast_load(w->arena, w->diag, a, &files);
    assert_int_equal(diag_errors(w->diag), 0);
    assert_int_equal(files.n, 4);
    assert_string_equal(diag_source(w->diag, files.at[0]->source)->path, "std.fcm");
    const char *const order[] = { "c", "b", "a" };
    for (int i = 0; i < 3; i++) {
        const AstFile *file = files.at[i + 1];
        assert_string_equal(file->items.at[file->items.n - 1].u.block->name.text, order[i]);
    }
    unlink(a), unlink(b), unlink(c);
    assert_int_equal(rmdir(dir), 0);
}

static void a_missing_file_is_an_error(void **state)
{
    World *w = *state;
    AstFiles files = { 0 };
    ast_load(w->arena, w->diag, "/nowhere/at/all.fcm", &files);
    assert_int_equal(diag_errors(w->diag), 1);
    assert_string_equal(diag_entry(w->diag, 0)->code, "FCM0020");
}

static void std_is_well_placed_and_formatted(void **state)
{
    World *w = *state;
    static const char *const names[] = { "res", "se", "separable", "inverted_residual", "mbconv", "fused_mbconv", "convnext", "convfirst", "convfirst_down" };
    size_t len = 0;
    const char *why = NULL, *text = text_read_file(w->arena, "dsl/std.fcm", 1 << 20, &len, &why);
    assert_non_null(text);
    AstFile *file = parse(w, text);
    assert_int_equal(diag_errors(w->diag), 0);
    assert_int_equal(file->items.n, sizeof names / sizeof *names);
    for (int i = 0; i < file->items.n; i++) {
        check_block(w, file->items.at[i].u.block);
        assert_string_equal(file->items.at[i].u.block->name.text, names[i]);
    }
    assert_string_equal(fmt_file(w->arena, w->diag, file), text);
}

/* Linear time: twenty times the largest published network in well under a second, also under a sanitizer. */
static void large_files_parse_quickly(void **state)
{
    World *w = *state;
    Text t = text_new(w->arena);
    text_put(&t, "block f(x: f16[N, 224, 224, 3]) {\n    a0 = x\n");
    for (int i = 1; i < 2000; i++) text_printf(&t, "    a%d = a%d |> pw(24) |> bn |> repeat(2, res(mbconv_se(40, k=5, E=6*C)))\n", i, i - 1);
    text_put(&t, "    return a1999\n}\n");
    clock_t start = clock();
    AstFile *file = parse(w, t.at);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(diag_errors(w->diag), 0);
    assert_int_equal(file->items.at[0].u.block->stmts.n, 2000);
    assert_true(seconds < 1.0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nodes_stand_where_their_words_stand), TEST(a_plan_stands_where_its_words_stand), TEST(numbers_have_their_values),
        TEST(operators_group_as_in_arithmetic),    TEST(used_files_come_first_and_once),      TEST(a_missing_file_is_an_error),
        TEST(std_is_well_placed_and_formatted),    TEST(large_files_parse_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
