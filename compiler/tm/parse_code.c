/* parse_code.c: one line of code, `pw et[2:4,0:18] = xt, w.e -> bias b.e, relu6 [mma16816 warps 4x2] masked when c+1 < 3 "note"`.
 * Operands are looked up here; whether they suit the operation is checked with the whole program (parse_check.c). */
#include "tm_text.h"

#include <string.h>

/* The words that begin a line of code. LOOP and END print as `for` and `end`; an asynchronous copy has a word of its own. */
static const struct { const char *word; TmOp op; } starts[] = {
    { "for", TM_LOOP },  { "end", TM_END },   { "copy", TM_COPY }, { "copy_async", TM_COPY }, { "commit", TM_COMMIT }, { "wait", TM_WAIT },
    { "sync", TM_SYNC }, { "zero", TM_ZERO }, { "pw", TM_PW },     { "dw", TM_DW },           { "finish", TM_FINISH }, { "store", TM_STORE },
};

bool tm_parse_starts_ins(const TmParser *z)
{
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (tm_at(z, starts[i].word)) return true;
    return false;
}

/* ---- operands ---- */

/* name[@+lead][h0:h1,w0:w1]; the sub-window defaults to the whole tile. */
static bool operand(TmParser *z, int *tile, TmSub *sub, int *lead)
{
    if (!tm_ref_tile(z, tile)) return false;
    if (sub) *sub = tm_whole(&z->p->tiles.at[*tile]);
    if (lead && tm_accept(z, "@") && !tm_int32(z, 1, TM_MAX_STAGES, "the lead", lead)) return false;
    if (!sub || !tm_accept(z, "[")) return true;
    const int far = TM_MAX_SMALL;
    return tm_int32(z, -far, far, "a row", &sub->h0) && tm_expect(z, ":") && tm_int32(z, -far, far, "a row", &sub->h1) && tm_expect(z, ",") &&
           tm_int32(z, -far, far, "a column", &sub->w0) && tm_expect(z, ":") && tm_int32(z, -far, far, "a column", &sub->w1) && tm_expect(z, "]");
}

static bool geometry(TmParser *z, TmGeom *g)
{
    const int far = TM_MAX_SMALL;
    return tm_expect(z, "stride") && tm_int32(z, 1, 1024, "the stride", &g->stride_h) && tm_by(z, 1, 1024, "the stride", &g->stride_w) &&
           tm_expect(z, "pad") && tm_int32(z, -far, far, "the padding", &g->pad_top) && tm_expect(z, ",") &&
           tm_int32(z, -far, far, "the padding", &g->pad_left) && tm_expect(z, "dilation") && tm_int32(z, 1, 1024, "the dilation", &g->dil_h) &&
           tm_by(z, 1, 1024, "the dilation", &g->dil_w) && tm_expect(z, "mult") && tm_int32(z, 1, TM_MAX_SMALL, "the multiplier", &g->mult);
}

/* ---- the epilogue ---- */

static bool activation(TmParser *z, TmEpi *e)
{
    const char *words[ACT_COUNT + TM_EPI_ROUND + 2];
    int n = 0, which;
    for (int i = 0; i < ACT_COUNT; i++) words[n++] = act_name((Act)i);
    for (int i = 0; i <= TM_EPI_ROUND; i++) words[n++] = tm_epi_words[i];     /* for "did you mean" alone */
    words[n] = NULL;
    Loc l = z->t.loc;
    if (!tm_word(z, words, "step of an epilogue", &which)) return false;
    if (which >= ACT_COUNT) return tm_error(z, l, "FCM4006", "an activation is written as its name: relu6, clamp -1 1");
    *e = (TmEpi){ .kind = TM_EPI_ACT, .act = (Act)which, .tile = -1, .tile2 = -1 };
    if (act_constants(e->act) > 0 && !tm_real(z, &e->a)) return false;
    return act_constants(e->act) < 2 || tm_real(z, &e->b);
}

static bool step(TmParser *z, TmEpi *e)
{
    int kind = TM_EPI_BIAS;
    while (tm_epi_words[kind] && (kind == TM_EPI_ACT || !tm_at(z, tm_epi_words[kind]))) kind++;
    if (!tm_epi_words[kind]) return activation(z, e);
    tm_next(z);
    *e = (TmEpi){ .kind = (TmEpiKind)kind, .tile = -1, .tile2 = -1 };
    switch (e->kind) {
    case TM_EPI_ADDC: case TM_EPI_RSUBC: case TM_EPI_MULC: return tm_real(z, &e->a);
    case TM_EPI_BN: return tm_ref_tile(z, &e->tile) && tm_ref_tile(z, &e->tile2);
    case TM_EPI_ROUND:
        e->dtype = z->t.kind == TOK_NAME ? dtype_parse(z->t.text) : DT_NONE;
        if (e->dtype != DT_F32 && e->dtype != DT_F16 && e->dtype != DT_BF16) return tm_expected(z, "f32, f16 or bf16");
        tm_next(z);
        return true;
    default: return tm_ref_tile(z, &e->tile);
    }
}

static bool epilogue(TmParser *z, TmIns *i)
{
    if (!tm_accept(z, "->")) return true;
    do {
        TmEpi e = { .tile = -1, .tile2 = -1 };
        if (i->epi.n == TM_MAX_EPI) return tm_error(z, z->t.loc, "FCM4013", "an epilogue has %d steps at most", TM_MAX_EPI);
        if (!step(z, &e)) return false;
        vec_push(z->a, &i->epi, e);
    } while (tm_accept(z, ","));
    return true;
}

/* ---- what follows ---- */

static bool warps(TmParser *z, TmIns *i)
{
    return tm_int32(z, 1, 1024, "the warps along the pixels", &i->wm) && tm_by(z, 1, 1024, "the warps along the channels", &i->wn);
}

static bool item(TmParser *z, TmIns *i)
{
    return tm_int32(z, 0, 1024, "the rows of an item", &i->item_h) && tm_by(z, 0, 1024, "the columns of an item", &i->item_w) &&
           tm_by(z, 0, 1024, "the channels of an item", &i->item_c);
}

/* [mma16816 warps 4x2 item 1x4x8]; variants of one name belong to different operations or targets. */
static bool work(TmParser *z, TmIns *i)
{
    if (!tm_expect(z, "[")) return false;
    if (tm_accept(z, "-")) return tm_expect(z, "]");
    const char *words[TMV_COUNT + 1];
    int n = 0, rows[TMV_COUNT], which;
    for (int v = TMV_NONE + 1; v < TMV_COUNT; v++) {
        const TmVariantRow *row = &tm_variant_rows[v];
        if (row->op != i->op || row->target != z->p->target) continue;
        rows[n] = v;
        words[n++] = row->text;
    }
    words[n] = NULL;
    if (!tm_word(z, words, "variant of this operation on this target", &which)) return false;
    i->variant = (TmVariant)rows[which];
    if (tm_accept(z, "warps") && !warps(z, i)) return false;
    if (tm_accept(z, "item") && !item(z, i)) return false;
    return tm_expect(z, "]");
}

/* when c+1 < 3, or when t+1 for a count of tiles: the bound is the loop's number of iterations, said twice so that a reader need not look it up. */
static bool guard(TmParser *z, TmIns *i)
{
    if (!tm_ref_loop(z, &i->guard_loop)) return false;
    if ((tm_at(z, "+") || tm_at(z, "-")) && !tm_int32(z, -TM_MAX_SMALL, TM_MAX_SMALL, "the guard's constant", &i->guard_add)) return false;
    if (z->p->loops.at[i->guard_loop].kind == TM_TURN) return true;
    if (!tm_expect(z, "<")) return false;
    int64_t trip = z->p->loops.at[i->guard_loop].trip, said = 0;
    Loc l = z->t.loc;
    if (!tm_accept(z, "N") && !tm_int(z, 1, TM_MAX_INT, "the loop's number of iterations", &said)) return false;
    if (said == trip) return true;
    return tm_error(z, l, "FCM4003", "loop '%s' has %lld iterations, not %lld", z->p->loops.at[i->guard_loop].name, (long long)trip, (long long)said);
}

static bool vec_width(TmParser *z, TmIns *i)
{
    if (!tm_accept(z, "vec")) return true;
    Loc l = z->t.loc;
    if (!tm_int32(z, 1, 64, "the bytes of an access", &i->vec)) return false;
    return (i->vec & (i->vec - 1)) == 0 || tm_error(z, l, "FCM4003", "an access has 1, 2, 4 … 64 bytes, not %d", i->vec);
}

/* ---- the operations ---- */

static bool copy(TmParser *z, TmIns *i) { return operand(z, &i->dst, &i->sub, &i->lead) && vec_width(z, i); }

static bool store(TmParser *z, TmIns *i)
{
    return tm_ref_tensor(z, &i->tensor) && tm_expect(z, "<-") && operand(z, &i->src, &i->sub, NULL) && vec_width(z, i) && epilogue(z, i);
}

/* dst[sub] =|+= src[, wgt] */
static bool compute(TmParser *z, TmIns *i)
{
    if (!operand(z, &i->dst, &i->sub, NULL)) return false;
    i->accumulate = tm_accept(z, "+=");
    if (!i->accumulate && !tm_expect(z, "=")) return false;
    if (!operand(z, &i->src, NULL, NULL)) return false;
    if (i->op != TM_FINISH && !(tm_expect(z, ",") && operand(z, &i->wgt, NULL, NULL))) return false;
    if (i->op == TM_DW && !geometry(z, &i->geom)) return false;
    if (!epilogue(z, i)) return false;
    return i->op == TM_FINISH || work(z, i);
}

static bool body(TmParser *z, TmIns *i)
{
    switch (i->op) {
    case TM_LOOP: case TM_END: return tm_ref_loop(z, &i->loop);
    case TM_COPY: return copy(z, i);
    case TM_WAIT: return tm_int32(z, 0, TM_MAX_SMALL, "the groups that may be pending", &i->n);
    case TM_ZERO: return operand(z, &i->dst, NULL, NULL) && (i->sub = tm_whole(&z->p->tiles.at[i->dst]), true);
    case TM_PW: case TM_DW: case TM_FINISH: return compute(z, i);
    case TM_STORE: return store(z, i);
    default: return true;
    }
}

bool tm_parse_ins(TmParser *z)
{
    TmIns i = { .loop = -1, .dst = -1, .src = -1, .wgt = -1, .tensor = -1, .guard_loop = -1, .loc = z->t.loc };
    size_t k = 0;
    while (!tm_at(z, starts[k].word)) k++;
    i.op = starts[k].op;
    i.async = strcmp(starts[k].word, "copy_async") == 0;
    if (z->p->code.n >= TM_MAX_CODE) return tm_error(z, z->t.loc, "FCM4013", "more than %d lines of code", TM_MAX_CODE);
    tm_next(z);
    if (!body(z, &i)) return false;
    i.masked = tm_accept(z, "masked");
    if (tm_accept(z, "when") && !guard(z, &i)) return false;
    if (z->t.kind == TOK_STRING && !tm_name(z, "a note", &i.note)) return false;
    i.loc.len = z->t.loc.off - i.loc.off;
    vec_push(z->a, &z->p->code, i);
    vec_push(z->a, &z->ins_loc, i.loc);
    return true;
}
