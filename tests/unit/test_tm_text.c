/* print and parse: round trips, located errors of broken texts, and mutated texts through all readers. */
#include "tm_fixture.h"

static void round_trip(const char *name, const char *text, size_t n)
{
    Fixture f = fixture_text(text, n);
    if (!f.m) diag_print(f.d, stderr);
    assert_non_null(f.m);
    Text once = text_new(f.a), twice = text_new(f.a);
    tm_print(f.m, f.d, &once);
    Fixture g = fixture_text(once.at, once.n);
    if (!g.m) diag_print(g.d, stderr);
    assert_non_null(g.m);
    tm_print(g.m, g.d, &twice);
    assert_string_equal(once.at, twice.at);
    if (name) assert_string_equal(once.at, text);               /* the goldens are written as print writes */
    arena_free(g.a);
    arena_free(f.a);
}

static void test_goldens(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    for (int g = 0; g < TM_GOLDENS; g++) {
        size_t n;
        char *text = golden_text(keep, tm_goldens[g], &n);
        round_trip(tm_goldens[g], text, n);
    }
    arena_free(keep);
}

static char *replaced(Arena *a, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at) fail_msg("no '%s' in %s", from, text);
    return arena_printf(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* golden with the first `from` replaced by `to`; from NULL: to is the whole text. */
static char *changed(Arena *a, const char *name, const char *from, const char *to)
{
    size_t n;
    if (!from) return arena_strdup(a, to);
    return replaced(a, golden_text(a, name, &n), from, to);
}

/* Names with any bytes, constants that are no short decimals, attributes in another order, comments, Windows line ends. */
static void test_unusual(void **s)
{
    (void)s;
    static const struct { const char *golden, *from, *to, *from2, *to2; } edits[] = {
        { "chain", "leaky 0.25", "leaky 0.1000000000000000055", NULL, NULL },
        { "chain", "leaky 0.25", "clamp -1e-300 1e300", NULL, NULL },
        { "chain", "leaky 0.25", "rsubc 0.3333333333333333148, round f16, gelu, mulc -2.5e-7", NULL, NULL },
        { "chain", "\"chain.fcm:2 h = pw 6->10\"", "\"tab \\x09 quote \\\" back \\\\ \xC3\xA9\"", NULL, NULL },
        { "chain", "tile hg =", "tile \"h g\" =", "rsub hg", "rsub \"h g\"" },
        { "pw", "shared f16 pitch 16 row 64 slot 256 +0", "shared f16 +0 slot 256 row 64 pitch 16 // any order", NULL, NULL },
        { "pw", "note \"fuse(y)\"", "note plain", NULL, NULL },
        { "pw", "4i, 4j, 0) shared", "2i+2i, 4j-3+3, 0i) shared", NULL, NULL },
        { "pw", "copy_async xt vec 16", "copy_async xt[0:2,1:3] vec 16", NULL, NULL },
        { "pw", "sync\n", "sync\r\n\r\n  // between\r\n", NULL, NULL },
        { "pw", "pitch 16 row 64 slot 256 +0", "pitch 64 row 256 swizzle 3>>1 slot 1024 +576", "arena 576", "arena 1600" },
        { "dw", "sync", "sync  \"a note\"", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        Arena *a = arena_new();
        char *text = changed(a, edits[i].golden, edits[i].from, edits[i].to);
        if (edits[i].from2) text = replaced(a, text, edits[i].from2, edits[i].to2);
        round_trip(NULL, text, strlen(text));
        arena_free(a);
    }
}

/* What was parsed is what was written, not merely something that prints alike. */
static void test_values(void **s)
{
    (void)s;
    Arena *keep = arena_new();
    Fixture f = fixture_golden(keep, "mbconv");
    const TmProgram *p = f.m->programs.at[0];
    assert_string_equal(p->name, "k0");
    assert_int_equal(p->target, TM_CUDA);
    assert_int_equal(p->arch, 90);
    assert_int_equal(p->threads, 64);
    assert_int_equal(p->arena_bytes, 8192);
    const TmTile *et = &p->tiles.at[1];
    assert_string_equal(et->name, "et");
    assert_int_equal(et->tensor, tensor_named(f.m, "e"));
    assert_int_equal(affine_coef(&et->org[1], 1), 4);
    assert_int_equal(et->org[1].k, -1);
    assert_int_equal(affine_coef(&et->org[3], 3), 16);
    assert_int_equal(et->pitch_w, 48);
    assert_int_equal(et->offset, 576);
    const TmTile *wi = &p->tiles.at[4];
    assert_true(tm_is_image(wi) && wi->stages == 2 && wi->stage_loop == 3);
    assert_int_equal(p->images.at[0].members.n, 5);
    const TmIns *pw = NULL, *copy = NULL;
    for (int k = 0; k < p->code.n; k++) {
        if (p->code.at[k].op == TM_PW && !pw) pw = &p->code.at[k];
        if (p->code.at[k].guard_loop >= 0) copy = &p->code.at[k];
    }
    assert_true(pw && pw->masked && !pw->accumulate && pw->variant == TMV_PW_MMA16816 && pw->wm == 2 && pw->wn == 1 && pw->epi.n == 2);
    assert_true(copy && copy->async && copy->lead == 1 && copy->guard_loop == 3 && copy->guard_add == 1);
    assert_string_equal(pw->note, "mbconv.fcm:3 e = pw 8->40, relu6");
    int line, col;
    diag_position(f.d, pw->loc, &line, &col);
    assert_int_equal(line, 54);
    arena_free(f.a);
    arena_free(keep);
}

/* ---- broken texts: code, and the text that the error points at ---- */

typedef struct Broken { const char *golden, *from, *to, *code, *at, *says; } Broken;
static const Broken broken[] = {
    { NULL, NULL, "", "FCM4002", "", "expected 'module'" },
    { NULL, NULL, "block f(x) { return x }", "FCM4002", "block", "expected 'module', found 'block'" },
    { NULL, NULL, "module a", "FCM4014", "module", "has no program" },
    { NULL, NULL, "module a\n\x01", "FCM4001", "\x01", "byte 0x01" },
    { NULL, NULL, "module a size 3", "FCM4002", "size", "source, device, batch" },
    { "pw", "batch N", "batch -3", "FCM4003", "-3", "the batch is -3" },
    { "pw", "packed 512", "packed 99999999999999999999999", "FCM4003", "99999", "it must lie in" },
    { "pw", "\"pw.fcm\" device", "\"pw.fcm device", "FCM4001", "\"pw.fcm", "not closed" },
    { "pw", "tensor p virtual", "tensor p virtuel", "FCM4006", "virtuel", "did you mean 'virtual'" },
    { "pw", "tensor p virtual f16", "tensor p virtual f17", "FCM4006", "f17", "is no dtype" },
    { "pw", "tensor p virtual f16 [N,6", "tensor p virtual f16 [1,6", "FCM4007", "p", "its first extent is N" },
    { "pw", "tensor p virtual f16 [N,6", "tensor p virtual f16 [N,0", "FCM4003", "0,7", "an extent is 0" },
    { "pw", "tensor p virtual f16 [N,6", "tensor p virtual f16 [N,4294967296", "FCM4003", "4294967296", "an extent" },
    { "pw", "tensor p virtual f16 [N,6,7", "tensor p virtual f16 [N,2147483647,2147483647", "FCM4013", "[N,2147483647", "2^40" },
    { "pw", "tensor p virtual", "tensor x virtual", "FCM4005", "x virtual", "already a tensor 'x'" },
    { "pw", "inputs x", "inputs y", "FCM4007", "y\n", "'y' is out, not in" },
    { "pw", "outputs y", "outputs z", "FCM4004", "z\n", "there is no tensor 'z'" },
    { "dw", "bn_scale bn.weight", "bn_scale y.weight", "FCM4007", "y.weight, bn", "no parameter of its size" },
    { "dw", "bn_scale", "bn_scalle", "FCM4006", "bn_scalle", "did you mean 'bn_scale'" },
    { "dw", "eps 1e-05", "eps 1e999", "FCM4003", "1e999", "too large" },
    { "dw", "eps 1e-05", "eps 1e--5", "FCM4002", "1e--5", "is no number" },
    { "chain", "at 0\n", "at 600\n", "FCM4007", "h temp", "ends behind the workspace" },
    { "pw", "tm pw.k0", "tm dw.k0", "FCM4002", "dw.k0", "must begin with the module's: pw.k0" },
    { "pw", "pw.k0 cuda", "pw.k0 hip", "FCM4002", "hip", "cuda or cpu" },
    { "chain", "tm chain.k1", "tm chain.k0", "FCM4005", "chain.k0 cpu bits 0 threads 1 ctas 1 arena 1024\n    loop n grid N\n    loop i grid 3",
      "already a program" },
    { "pw", "threads 64", "threads 4096", "FCM4003", "4096", "the number of threads" },
    { "pw", "loop i grid 2", "loop i grad 2", "FCM4006", "grad", "did you mean 'grid'" },
    { "pw", "loop i grid 2", "loop i grid N", "FCM4008", "N\n", "only the first loop" },
    { "persist", "loop i persist 2", "loop i persist N", "FCM4008", "N\n", "only the first loop, a grid or persist loop" },
    { "persist", "loop i persist 2", "loop i persist 2 while 4i < 8", "FCM4008", "for i", "a persist loop has no limit" },
    { "persist", " sharers 3", "", "FCM4008", "for n", "share the tiles is missing" },
    { "persist", " sharers 3", " sharers 0", "FCM4003", "0\n", "the blocks that share the tiles is 0" },
    { "pw", "arena 576", "arena 576 sharers 2", "FCM4008", "for n", "but no persist loops" },
    { "persist", "for n\n            for i", "for n\n        sync\n            for i", "FCM4008", "for i", "directly one after another, once" },
    { "persist", "                end j\n", "                end j\n sync\n", "FCM4008", "sync\n            end i", "close directly one after another" },
    { "persist", "        end n\n", "        end n\n sync\n", "FCM4008", "sync\n    end k", "nothing may follow the persist loops" },
    { "persist", "loop n persist N", "loop n grid N", "FCM4008", "for n", "must stand before all other code" },
    { "persist", "loop c seq 3", "loop c persist 3", "FCM4008", "for c", "directly one after another, once" },
    { "persist", "copy_async ft\n", "store y <- yacc vec 16\n", "FCM4008", "store y", "would be made by every block" },
    { "persist", "copy_async xt vec 16", "copy_async xt vec 16 when i < 2", "FCM4008", "copy_async xt", "no guard asks for one" },
    { "persist", "slot 576 +0", "stages 2 by j slot 288 +0", "FCM4011", "xt = x", "needs 576 bytes" },
    { "persist", "slot 576 +0", "stages 2 by j slot 576 +6016", "FCM4008", "for n", "no stages by a persist loop" },
    { "turns", "stages 2 by t", "stages 3 by t", "FCM4008", "for n", "a plain tile of two stages" },
    { "turns", "xt@+1 vec 16 when t+1", "xt@+1 vec 16", "FCM4008", "copy_async xt@", "one turn ahead while there is another" },
    { "turns", "xt@+1 vec 16 when t+1", "xt vec 16", "FCM4008", "copy_async xt vec 16\n                    commit\n                    zero", "one turn ahead while there is another" },
    { "turns", "-> bias by", "-> bias by when t", "FCM4008", "store y", "only copies ask" },
    { "turns", "for c", "for t", "FCM4008", "end c", "is open here" },
    { "turns", "et = e[1,6,6,16] @ (n, 4i-1", "et = e[1,6,6,16] @ (n, 4t-1", "FCM4008", "for n", "not with their count" },
    { "persist", "loop c seq 3", "loop c seq 3\n    loop t turn 1\n    loop u turn 1", "FCM4008", "for n", "one count of tiles" },
    { "mbconv", "loop c seq 3", "loop c seq 3\n    loop t turn 1", "FCM4008", "for n", "where there are persist loops" },
    { "pw", "loop i grid 2", "loop i grid 0", "FCM4003", "0\n", "iterations is 0" },
    { "pw", "loop i grid 2", "loop n grid 2", "FCM4005", "n grid 2", "already a loop 'n'" },
    { "pw", "loop i grid 2", "loop i grid 2000000", "FCM4013", "pw.k0", "run 2000000 times together" },
    { "line", "while 6i+2r < 10", "while 6i-2r < 10", "FCM4008", "r seq", "must grow" },
    { "pw", "image w count 1", "image w count 2", "FCM4012", "w count", "its loops run 1 times" },
    { "mbconv", "image w by c", "image w by c, c", "FCM4012", "w by", "names a loop twice" },
    { "pw", "packed 512", "packed 64", "FCM4012", "w count", "ends behind the packed buffer of 64" },
    { "pw", "members w = wt, bt", "members w = wt", "FCM4012", "bt = y.bias", "missing in the line: members w" },
    { "pw", "members w = wt, bt", "members w = wt, wt", "FCM4005", "wt\n", "member already" },
    { "pw", "members w = wt, bt", "members w = wt, xt", "FCM4012", "xt\n", "does not lie in image" },
    { "pw", "in w +256", "in w +300", "FCM4012", "bt = y.bias", "ends behind its record" },
    { "mbconv", "tile we = e.weight[1,1,16,8] @ (0, 0, 16c, 0)", "tile we = e.weight[1,1,16,8] @ (0, 0, 16i, 0)", "FCM4012", "we =", "depends on loop 'i'" },
    { "pw", "tile xt = x[1,4", "tile xt = xx[1,4", "FCM4004", "xx[", "no tensor 'xx'; did you mean 'x'" },
    { "pw", "(n, 4i, 4j, 0) shared", "(n, 4i, 4m, 0) shared", "FCM4004", "m, 0)", "no loop 'm'" },
    { "pw", "(n, 4i, 4j, 0) shared", "(n, 99999999999i, 4j, 0) shared", "FCM4003", "99999999999", "a coefficient" },
    { "pw", "(n, 4i, 4j, 0) shared", "(n, 4i 4j, 0) shared", "FCM4002", "4j, 0) shared", "expected ','" },
    { "pw", "shared f16 pitch 16 row 64", "shared f16 pitch 8 row 64", "FCM4011", "xt = x", "do not hold its 4 columns of 8" },
    { "pw", "row 64 slot 256 +0", "row 64 slot 255 +0", "FCM4011", "xt = x", "needs 256 bytes" },
    { "pw", "slot 320 +256", "slot 320 +272", "FCM4011", "wi = image", "of an arena of 576" },
    { "pw", "slot 320 +256", "slot 320 +250", "FCM4011", "wi = image", "multiple of 16" },
    { "pw", "register f32 cpad 16", "register f16 cpad 16", "FCM4011", "yt = p", "f32 accumulators" },
    { "pw", "register f32 cpad 16", "register f32 cpad 8", "FCM4011", "yt = p", "stores 8 channels of its 12" },
    { "mbconv", "stages 2 by c", "stages 9 by c", "FCM4003", "9 by", "the number of stages is 9" },
    { "line", "roll 4", "roll 0", "FCM4003", "0 slot", "the rows kept is 0" },
    { "pw", "for n\n", "for i\n        for n\n", "FCM4008", "for n", "the batch must be the first" },
    { "pw", "end j", "end i", "FCM4008", "end i", "loop 'j' is open here, not 'i'" },
    { "pw", "        end i\n    end n\n", "        end i\n", "FCM4008", "pw.k0", "loop 'n' is never closed" },
    { "pw", "zero yt", "for i", "FCM4008", "for i", "loop 'i' is open already" },
    { "mbconv", "end c\n", "end c\n                end c\n", "FCM4008", "end c\n                store", "loop 'j' is open here" },
    { "pw", "        end i\n", "        sync\n        end i\n", "FCM4008", "sync\n        end i", "only ends of grid loops" },
    { "pw", "zero yt", "zerro yt", "FCM4006", "zerro", "did you mean 'zero'" },
    { "pw", "zero yt", "zero yy", "FCM4004", "yy", "no tile 'yy'; did you mean" },
    { "pw", "zero yt", "zero xt", "FCM4009", "zero xt", "f32 accumulators" },
    { "pw", "copy_async xt vec 16", "copy_async yt vec 16", "FCM4009", "copy_async yt", "a shared tile of its own" },
    { "pw", "copy_async xt vec 16", "copy_async xt@+1 vec 16", "FCM4009", "copy_async xt", "one stage" },
    { "pw", "copy_async xt vec 16", "copy_async xt vec 12", "FCM4003", "12", "1, 2, 4" },
    { "pw", "copy_async xt vec 16", "copy_async xt[0:5,0:4] vec 16", "FCM4010", "copy_async xt", "no part of tile 'xt' of 4 x 4" },
    { "pw", "copy_async xt vec 16", "copy_async xt[2:2,0:4] vec 16", "FCM4010", "copy_async xt", "rows 2" },
    { "pw", "pw yt += xt, wt [mma16816", "pw yt += xt, wt [mma16861", "FCM4006", "mma16861", "did you mean 'mma16816'" },
    { "pw", "pw yt += xt, wt [mma16816", "pw yt += xt, wt [vec", "FCM4006", "vec warps", "is no variant of this operation on this target" },
    { "pw", "pw yt += xt, wt", "pw yt += xt, wi", "FCM4009", "pw yt", "'wi' must be a tile of weights" },
    { "pw", "pw yt += xt, wt", "pw wt += xt, wt", "FCM4009", "pw wt", "'wt' must be" },
    { "pw", "pw yt += xt, wt [", "pw yt += xt, wt -> relu [", "FCM4009", "pw yt", "not complete" },
    { "pw", "warps 1x2]", "warps 1x]", "FCM4002", "]  \"pw", "the warps along the channels" },
    { "pw", "store y <- yt", "store x <- yt", "FCM4009", "store x", "'x' is in: it cannot be stored" },
    { "pw", "bias bt, relu6", "bias bt, rellu6", "FCM4006", "rellu6", "did you mean 'relu6'" },
    { "pw", "bias bt, relu6", "bias xt, relu6", "FCM4009", "store y", "one value a channel" },
    { "chain", "leaky 0.25", "leaky", "FCM4002", "[portable", "a number" },
    { "chain", "leaky 0.25", "round i8", "FCM4002", "i8", "f32, f16 or bf16" },
    { "mbconv", "when c+1 < 3", "when c+1 < 4", "FCM4003", "4\n", "'c' has 3 iterations, not 4" },
    { "mbconv", "when c+1 < 3", "when q+1 < 3", "FCM4004", "q+1", "no loop 'q'" },
    { "mbconv", "stride 1x1 pad", "stride 0x1 pad", "FCM4003", "0x1", "the stride is 0" },
    { "mbconv", "mult 1 ->", "->", "FCM4002", "->", "expected 'mult'" },
    { "pw", "sync\n", "sync now\n", "FCM4002", "now", "the end of the line" },
    { "pw", "wait 0", "wait", "FCM4002", "\n", "the line ends here" },
    { "pw", "store y <- yt vec 8 -> bias bt, relu6", "store y <- yt vec 8 -> bias bt, relu6 masked", "FCM4009", "store y", "only pw, dw and finish" },
};

static void test_broken(void **s)
{
    (void)s;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const Broken *b = &broken[i];
        Arena *a = arena_new();
        char *text = changed(a, b->golden, b->from, b->to);
        Fixture f = fixture_text(text, strlen(text));
        const char *name = b->from ? b->to : text;
        if (f.m) fail_msg("'%s' is accepted", name);
        assert_true(diag_count(f.d) > 0);
        const DiagEntry *e = diag_entry(f.d, 0);
        if (strcmp(e->code, b->code) || !strstr(e->text, b->says) || strncmp(text + e->loc.off, b->at, strlen(b->at)))
            fail_msg("'%s': %s at '%.20s': %s; expected %s at '%.20s': … %s …", name, e->code, text + e->loc.off, e->text, b->code, b->at, b->says);
        arena_free(f.a);
        arena_free(a);
    }
}

/* Several errors in one text are all reported; one broken line does not hide the next. */
static void test_several(void **s)
{
    (void)s;
    Arena *a = arena_new();
    size_t n;
    char *text = golden_text(a, "pw", &n);
    memcpy(strstr(text, "virtual"), "virtuel", 7);
    memcpy(strstr(text, "zero yt"), "zerr yt", 7);
    memcpy(strstr(text, "relu6"), "relu7", 5);
    Fixture f = fixture_text(text, n);
    assert_null(f.m);
    assert_true(diag_errors(f.d) >= 3);
    arena_free(f.a);
    arena_free(a);
}

/* ---- mutated texts: no crash, no hang; what still parses prints, walks and runs under a limit ---- */

static void all_readers(const Fixture *f)
{
    Text t = text_new(f->a);
    tm_print(f->m, f->d, &t);
    Fixture again = fixture_text(t.at, t.n);
    if (!again.m) diag_print(again.d, stderr);
    assert_non_null(again.m);
    arena_free(again.a);
    int64_t elements = 0;
    for (int i = 0; i < f->m->programs.n; i++) {
        TmWalk w;
        tm_walk(f->a, f->m, f->m->programs.at[i], 2, &w);
        assert_true(w.blocks >= 0 && w.flops[TM_ENGINE_MMA] >= 0 && w.shared_bytes >= 0 && w.shared_waves >= 0);
    }
    for (int i = 0; i < f->m->tensors.n; i++) elements += tensor_elements(&f->m->tensors.at[i], 1) > 1 << 16 ? 1 << 20 : 0;
    if (elements) return;
    TmRun r = integer_run(f->a, f->m, 1, 1);
    r.limit = 100000;
    (void)tm_run(f->a, f->m, &r);
}

static size_t mutate(char *text, size_t n, unsigned *seed)
{
    static const char bytes[] = "0123456789abcnijxyw[](),:+-=<>@.\" \n";
    bool gentle = random_next(seed) % 2;
    int edits = gentle ? 1 : 1 + (int)(random_next(seed) % 4);
    for (int e = 0; e < edits; e++) {
        size_t at = random_next(seed) % n, from = random_next(seed) % n, len = 1 + random_next(seed) % 12;
        switch (gentle ? 2 : random_next(seed) % 5) {
        case 0: text[at] = bytes[random_next(seed) % (sizeof bytes - 1)]; break;
        case 1: text[at] = (char)random_next(seed); break;
        case 2:                                                 /* one digit becomes another: it stays a text */
            while (at < n && (text[at] < '0' || text[at] > '9')) at++;
            if (at < n) text[at] = (char)('0' + random_next(seed) % 10);
            break;
        case 3:                                                 /* a piece is copied over another */
            if (from + len < n && at + len < n) memmove(text + at, text + from, len);
            break;
        default:                                                /* a piece disappears */
            if (at + len < n) memmove(text + at, text + at + len, n - at - len), n -= len;
            break;
        }
    }
    return n;
}

static void test_mutations(void **s)
{
    (void)s;
    unsigned seed = 1;
    int parsed = 0;
    for (int k = 0; k < 4000; k++) {
        Arena *a = arena_new();
        size_t n;
        char *text = golden_text(a, tm_goldens[k % TM_GOLDENS], &n), *copy = arena_alloc(a, n);
        n = mutate(memcpy(copy, text, n), n, &seed);
        Fixture f = fixture_text(copy, n);                      /* not terminated by 0: a read behind the end shows under ASan */
        if (f.m) all_readers(&f), parsed++;
        else assert_true(diag_errors(f.d) > 0);
        arena_free(f.a);
        arena_free(a);
    }
    print_message("%d of 4000 mutated texts still parse\n", parsed);
    assert_true(parsed > 400);                                  /* else the readers behind the parser were not tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens), cmocka_unit_test(test_unusual), cmocka_unit_test(test_values), cmocka_unit_test(test_broken),
        cmocka_unit_test(test_several), cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
