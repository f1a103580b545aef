/* test_diag.c: positions, carets, limits, nearest names, internal errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "diag.h"

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

static const char *printed(World *w)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    diag_print(w->diag, f);
    fclose(f);
    const char *kept = arena_strndup(w->arena, text, n);
    free(text);
    return kept;
}

static int source(World *w, const char *text) { return diag_add_source(w->diag, "a.fcm", text, strlen(text)); }

/* The printed caret line, from its first column on, for a mark at `from` … `to` of a one-line source. */
static void check_caret(World *w, const char *text, int from, int to, const char *line, const char *caret)
{
    w->diag = diag_new(w->arena);
    diag_error(w->diag, (Loc){ source(w, text), from, to - from }, "FCM9999", "m");
    const char *expected = arena_printf(w->arena, "a.fcm:1:%d: error: m [FCM9999]\n    1 | %s\n      | %s\n", from + 1, line, caret);
    assert_string_equal(printed(w), expected);
}

static void carets_stand_under_their_word(void **state)
{
    World *w = *state;
    check_caret(w, "y = x + d", 4, 5, "y = x + d", "    ^");
    check_caret(w, "y = pw(24)", 4, 10, "y = pw(24)", "    ^~~~~~");
    check_caret(w, "y = x", 5, 5, "y = x", "     ^");               /* the end of the file */
    check_caret(w, "y = x\n", 5, 6, "y = x", "     ^");             /* the line end itself */
    check_caret(w, "y = x\r\n", 5, 7, "y = x", "     ^");
    check_caret(w, "y = (x +\n d)", 4, 12, "y = (x +", "    ^~~~"); /* a mark ends with its line */
    check_caret(w, "", 0, 0, "", "^");
}

static void tabs_go_to_their_stops(void **state)
{
    World *w = *state;
    check_caret(w, "\tab", 1, 3, "        ab", "        ^~");
    check_caret(w, "abc\td", 4, 5, "abc     d", "        ^");
    check_caret(w, "abcdefgh\td", 9, 10, "abcdefgh        d", "                ^");
    check_caret(w, "a\tb", 0, 3, "a       b", "^~~~~~~~~");
}

static void utf8_counts_columns_not_bytes(void **state)
{
    World *w = *state;
    check_caret(w, "/* \xC3\xA9 */ x", 9, 10, "/* \xC3\xA9 */ x", "        ^");          /* é: two bytes, one column */
    check_caret(w, "/*\xE6\xBC\xA2*/ x", 8, 9, "/*\xE6\xBC\xA2*/ x", "       ^");          /* 漢: two columns */
    check_caret(w, "/*e\xCC\x81*/ x", 8, 9, "/*e\xCC\x81*/ x", "      ^");                 /* e and a combining accent */
    check_caret(w, "a\xE9 x", 3, 4, "a\xEF\xBF\xBD x", "   ^");                            /* no UTF-8: one replacement each */
    check_caret(w, "a\x01\x1B x", 4, 5, "a\xEF\xBF\xBD\xEF\xBF\xBD x", "    ^");           /* no escape reaches the terminal */
}

static void long_lines_show_a_window(void **state)
{
    World *w = *state;
    enum { N = 100000, AT = 70000 };
    char *text = arena_alloc(w->arena, N + 1);
    memset(text, 'a', N);
    text[AT] = 'B';
    diag_error(w->diag, (Loc){ source(w, text), AT, 1 }, "FCM9999", "m");
    const char *out = printed(w), *mark = strchr(out, '^'), *line = strchr(out, '\n') + 1, *under = strstr(line, "\n") + 1;
    assert_true(strlen(out) < 500);
    assert_int_equal(line[mark - under], 'B');
}

static void positions_count_from_one(void **state)
{
    World *w = *state;
    int file = source(w, "ab\n\ncd"), line, col;
    static const struct { int off, line, col; } cases[] = { { 0, 1, 1 }, { 1, 1, 2 }, { 2, 1, 3 }, { 3, 2, 1 }, { 4, 3, 1 }, { 6, 3, 3 }, { 99, 3, 3 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        diag_position(w->diag, (Loc){ file, cases[i].off, 0 }, &line, &col);
        assert_int_equal(line, cases[i].line);
        assert_int_equal(col, cases[i].col);
    }
    diag_position(w->diag, (Loc){ 0 }, &line, &col);
    assert_int_equal(line, 0);
}

static void check_join(Loc a, Loc b, Loc expected)
{
    Loc j = diag_join(a, b);
    assert_memory_equal(&j, &expected, sizeof j);
}

static void joins_cover_both(void **state)
{
    (void)state;
    check_join((Loc){ 1, 4, 2 }, (Loc){ 1, 9, 3 }, (Loc){ 1, 4, 8 });
    check_join((Loc){ 1, 9, 3 }, (Loc){ 1, 4, 2 }, (Loc){ 1, 4, 8 });
    check_join((Loc){ 1, 4, 9 }, (Loc){ 1, 5, 1 }, (Loc){ 1, 4, 9 });
    check_join((Loc){ 0 }, (Loc){ 1, 5, 1 }, (Loc){ 1, 5, 1 });
    check_join((Loc){ 1, 5, 1 }, (Loc){ 0 }, (Loc){ 1, 5, 1 });
}

static void kinds_codes_and_notes(void **state)
{
    World *w = *state;
    Loc x = { source(w, "x y"), 0, 1 }, y = { 1, 2, 1 };
    diag_warning(w->diag, x, "FCM1900", "unused '%s'", "x");
    diag_note(w->diag, x, "the same place is not shown twice");
    diag_note(w->diag, y, "elsewhere");
    diag_remark(w->diag, (Loc){ 0 }, NULL, "from nowhere");
    assert_int_equal(diag_errors(w->diag), 0);
    assert_int_equal(diag_count(w->diag), 4);
    assert_int_equal(diag_entry(w->diag, 2)->kind, DIAG_NOTE);
    assert_string_equal(printed(w), "a.fcm:1:1: warning: unused 'x' [FCM1900]\n    1 | x y\n      | ^\n"
                                    "a.fcm:1:1: note: the same place is not shown twice\n"
                                    "a.fcm:1:3: note: elsewhere\n    1 | x y\n      |   ^\n"
                                    "fcmc: remark: from nowhere\n");
}

static void errors_beyond_the_limit_are_counted(void **state)
{
    World *w = *state;
    for (int i = 0; i < DIAG_LIMIT + 5; i++) {
        diag_error(w->diag, (Loc){ 0 }, "FCM9999", "error %d", i);
        diag_note(w->diag, (Loc){ 0 }, "its note");
    }
    diag_warning(w->diag, (Loc){ 0 }, "FCM9998", "still heard");
    diag_note(w->diag, (Loc){ 0 }, "with its note");
    assert_int_equal(diag_errors(w->diag), DIAG_LIMIT + 5);
    assert_int_equal(diag_count(w->diag), 2 * DIAG_LIMIT + 2);
    assert_non_null(strstr(printed(w), "at least 5 more errors"));
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    static const char *const names[] = { "relu", "relu6", "sigmoid", "hsigmoid", "layernorm", "x", "dw", "mbconv" };
    enum { N = sizeof names / sizeof *names };
    static const struct { const char *name, *nearest; } cases[] = {
        { "rleu", "relu" },        { "sigmod", "sigmoid" },  { "hsigmod", "hsigmoid" }, { "layer_norm", "layernorm" },
        { "layernrom", "layernorm" }, { "relu", "relu" },    { "relu7", "relu" },       { "mbcnv", "mbconv" },
        { "bm", NULL },            { "q", NULL },            { "", NULL },              { "conv3d_transposed", NULL },
        { "wd", "dw" },            { "xx", "x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = diag_nearest(cases[i].name, names, N);
        if (!cases[i].nearest) assert_null(found);
        else assert_string_equal(found, cases[i].nearest);
    }
    char longest[200] = { 0 };
    memset(longest, 'a', sizeof longest - 1);
    assert_null(diag_nearest(longest, names, N));
    assert_null(diag_nearest("relu", names, 0));
}

static void internal_errors_exit_with_70(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        ice("seven is %d", 7);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
}

/* The table of codes: ascending, hence unique; every row worded. */
static void codes_ascend(void **state)
{
    (void)state;
    static const struct { const char *code, *title, *text; } codes[] = {
#define X(code, title, text) { code, title, text },
#include "diag_codes.def"
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_int_equal(strlen(codes[i].code), 7);
        assert_memory_equal(codes[i].code, "FCM", 3);
        assert_true(strlen(codes[i].title) > 5 && strlen(codes[i].text) > 20);
        if (i) assert_true(strcmp(codes[i - 1].code, codes[i].code) < 0);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(carets_stand_under_their_word), TEST(tabs_go_to_their_stops),   TEST(utf8_counts_columns_not_bytes),
        TEST(long_lines_show_a_window),      TEST(positions_count_from_one), TEST(joins_cover_both),
        TEST(kinds_codes_and_notes),         TEST(errors_beyond_the_limit_are_counted),
        TEST(the_nearest_name_is_found),     TEST(internal_errors_exit_with_70), TEST(codes_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
