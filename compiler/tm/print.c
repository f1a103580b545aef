/* print.c: a whole module as text that parse.c reads back: parse(print(m)) prints the same bytes.
 *
 *     module mbconv source "mbconv.fcm" device h200 batch N packed 20480 workspace 0
 *     tensor x in f16 [N,56,56,24]
 *     inputs x
 *     tm mbconv.k0 cuda sm_80 threads 256 ctas 2 arena 51072
 *         loop c seq 3
 *         tile et = e[1,10,18,48] @ (n, 8i-1, 16j-1, 48c) shared f16 pitch 112 row 2016 slot 20160 +8640
 *         for c
 *             pw et = xt, w.e -> bias b.e, relu6 [mma16816 warps 4x2] masked  "mbconv.fcm:3 e = pw 24->144, relu6"
 *         end c
 *
 * Attributes that have their default are left out. Places (Loc) are not carried: in a module that was parsed they are places of this text. */
#include "tm_text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

const char *const tm_role_words[] = { "in", "out", "temp", "virtual", "param", "derived", NULL };
const char *const tm_derive_words[] = { "as_is", "bn_scale", "bn_shift", NULL };
const char *const tm_loop_words[] = { "grid", "persist", "seq", "unroll", "turn", NULL };
const char *const tm_space_words[] = { "global", "shared", "register", NULL };
const char *const tm_frag_words[] = { "none", "simt", "mma", NULL };
const char *const tm_epi_words[] = { "bias", "bn", "act", "add", "sub", "rsub", "mul", "addc", "rsubc", "mulc", "round", NULL };

static bool is_plain(const char *s)
{
    if (!tm_name_start((unsigned char)*s)) return false;
    while (tm_name_char((unsigned char)*s)) s++;
    return *s == 0;
}

static void put_string(Text *t, const char *s)
{
    text_put(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') text_printf(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7F) text_printf(t, "\\x%02x", c);
        else text_printf(t, "%c", c);
    }
    text_put(t, "\"");
}

static void put_name(Text *t, const char *s)
{
    if (is_plain(s)) text_put(t, s);
    else put_string(t, s);
}

/* The shortest decimal that reads back as v, with a point in every locale; whole numbers without an exponent. */
static void put_real(Text *t, double v)
{
    if (fabs(v) < 1e15 && v == floor(v)) {
        text_printf(t, "%.0f", v);
        return;
    }
    char s[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        if (strtod(s, NULL) == v) break;
    }
    const char *point = localeconv()->decimal_point;
    char *p = strstr(s, point);
    if (p) {
        size_t n = strlen(point);
        *p = '.';
        memmove(p + 1, p + n, strlen(p + n) + 1);
    }
    text_put(t, s);
}

static void put_affine(Text *t, const TmProgram *p, const Affine *a)
{
    for (int i = 0; i < a->nterm; i++) {
        int64_t f = a->term[i].coef;
        if (f > 0 && i > 0) text_put(t, "+");
        if (f == -1) text_put(t, "-");
        else if (f != 1) text_printf(t, "%lld", (long long)f);
        put_name(t, p->loops.at[a->term[i].loop].name);
    }
    if (a->nterm == 0) text_printf(t, "%lld", (long long)a->k);
    else if (a->k) text_printf(t, "%+lld", (long long)a->k);
}

static void put_trip(Text *t, int64_t trip)
{
    if (trip) text_printf(t, "%lld", (long long)trip);
    else text_put(t, "N");
}

/* ---- module ---- */

static void print_tensor(const TmModule *m, const TmTensor *x, Text *t)
{
    text_put(t, "tensor ");
    put_name(t, x->name);
    text_printf(t, " %s %s [", tm_role_words[x->role], dtype_name(x->dtype));
    for (int i = 0; i < 4; i++) {
        if (i) text_put(t, ",");
        put_trip(t, x->dim[i]);
    }
    text_put(t, "]");
    if (x->rank != 4) text_printf(t, " rank %d", x->rank);
    if (x->cname && strcmp(x->cname, x->name)) {
        text_put(t, " as ");
        put_name(t, x->cname);
    }
    if (x->role == TM_TEMP) text_printf(t, " at %lld", (long long)x->offset);
    if (x->role == TM_DERIVED) {
        text_printf(t, " %s ", tm_derive_words[x->derive]);
        for (int i = 0; i < (x->derive == TM_AS_IS ? 1 : 4); i++) {
            text_put(t, i ? ", " : "");
            put_name(t, m->tensors.at[x->from[i]].name);
        }
        if (x->derive != TM_AS_IS) {
            text_put(t, " eps ");
            put_real(t, x->eps);
        }
    }
    text_put(t, "\n");
}

static void print_list(const TmModule *m, const char *word, const int *at, int n, Text *t)
{
    if (n == 0) return;
    text_put(t, word);
    for (int i = 0; i < n; i++) {
        text_put(t, i ? ", " : " ");
        put_name(t, m->tensors.at[at[i]].name);
    }
    text_put(t, "\n");
}

static void print_module(const TmModule *m, Text *t)
{
    text_put(t, "module ");
    put_name(t, m->name);
    if (m->source && *m->source) {
        text_put(t, " source ");
        put_string(t, m->source);
    }
    if (m->device && *m->device) {
        text_put(t, " device ");
        put_name(t, m->device);
    }
    text_put(t, " batch ");
    put_trip(t, m->batch);
    text_printf(t, " packed %lld workspace %lld\n\n", (long long)m->packed_bytes, (long long)m->workspace_bytes);
    for (int i = 0; i < m->tensors.n; i++) print_tensor(m, &m->tensors.at[i], t);
    print_list(m, "inputs", m->inputs.at, m->inputs.n, t);
    print_list(m, "outputs", m->outputs.at, m->outputs.n, t);
    print_list(m, "params", m->params.at, m->params.n, t);
}

/* ---- declarations of a program ---- */

static void print_loop(const TmProgram *p, const TmLoop *l, Text *t)
{
    text_put(t, "    loop ");
    put_name(t, l->name);
    text_printf(t, " %s ", tm_loop_words[l->kind]);
    put_trip(t, l->trip);
    if (l->limit_bound > 0) {
        text_put(t, " while ");
        put_affine(t, p, &l->limit);
        text_printf(t, " < %lld", (long long)l->limit_bound);
    }
    text_put(t, "\n");
}

static void print_image(const TmProgram *p, const TmImage *im, Text *t)
{
    text_put(t, "    image ");
    put_name(t, im->name);
    for (int i = 0; i < im->nloop; i++) {
        text_put(t, i ? ", " : " by ");
        put_name(t, p->loops.at[im->loops[i]].name);
    }
    text_printf(t, " count %lld bytes %d +%lld\n", (long long)im->count, im->bytes, (long long)im->offset);
}

static void put_storage(const TmProgram *p, const TmTile *x, Text *t)
{
    if (x->cpad != x->ext[3]) text_printf(t, " cpad %d", x->cpad);
    if (x->order == TM_PANELS) text_printf(t, " panels %d", x->panel);
    if (x->pitch_w) text_printf(t, " pitch %d", x->pitch_w);
    if (x->pitch_h) text_printf(t, " row %d", x->pitch_h);
    if (x->swizzle_mask) text_printf(t, " swizzle %d>>%d", x->swizzle_mask, x->swizzle_shift);
    if (x->roll) text_printf(t, " roll %d", x->roll);
    if (x->stages > 1) {
        text_printf(t, " stages %d by ", x->stages);
        put_name(t, p->loops.at[x->stage_loop].name);
    }
    if (x->slot_bytes) text_printf(t, " slot %d", x->slot_bytes);
    if (x->frag != TM_FRAG_NONE) text_printf(t, " %s %dx%d", tm_frag_words[x->frag], x->wm, x->wn);
    if (x->offset >= 0) text_printf(t, " +%d", x->offset);
    if (x->member) {
        text_put(t, " in ");
        put_name(t, p->images.at[x->image].name);
        text_printf(t, " +%d", x->image_off);
    }
}

static void print_tile(const TmModule *m, const TmProgram *p, const TmTile *x, Text *t)
{
    text_put(t, "    tile ");
    put_name(t, x->name);
    text_put(t, tm_is_image(x) ? " = image " : " = ");
    put_name(t, tm_is_image(x) ? p->images.at[x->image].name : m->tensors.at[x->tensor].name);
    text_printf(t, "[%d,%d,%d,%d] @ (", x->ext[0], x->ext[1], x->ext[2], x->ext[3]);
    for (int i = 0; i < 4; i++) {
        if (i) text_put(t, ", ");
        put_affine(t, p, &x->org[i]);
    }
    text_printf(t, ") %s %s", tm_space_words[x->space], dtype_name(x->dtype));
    put_storage(p, x, t);
    text_put(t, "\n");
}

static void print_members(const TmProgram *p, const TmImage *im, Text *t)
{
    if (im->members.n == 0) return;
    text_put(t, "    members ");
    put_name(t, im->name);
    for (int i = 0; i < im->members.n; i++) {
        text_put(t, i ? ", " : " = ");
        put_name(t, p->tiles.at[im->members.at[i]].name);
    }
    text_put(t, "\n");
}

static void print_program(const TmModule *m, const TmProgram *p, Text *t)
{
    const char *full = arena_printf(t->arena, "%s.%s", m->name, p->name);
    text_put(t, "\ntm ");
    put_name(t, full);
    text_printf(t, " %s %d threads %d ctas %d arena %d", p->target == TM_CUDA ? "cuda sm" : "cpu bits", p->arch, p->threads, p->ctas,
                p->arena_bytes);
    if (p->sharers) text_printf(t, " sharers %d", p->sharers);
    text_put(t, "\n");
    if (p->note && *p->note) {
        text_put(t, "    note ");
        put_string(t, p->note);
        text_put(t, "\n");
    }
    if (p->sched && *p->sched) {
        text_put(t, "    sched ");
        put_string(t, p->sched);
        text_put(t, "\n");
    }
    for (int i = 0; i < p->loops.n; i++) print_loop(p, &p->loops.at[i], t);
    for (int i = 0; i < p->images.n; i++) print_image(p, &p->images.at[i], t);
    for (int i = 0; i < p->tiles.n; i++) print_tile(m, p, &p->tiles.at[i], t);
    for (int i = 0; i < p->images.n; i++) print_members(p, &p->images.at[i], t);
}

/* ---- instructions ---- */

static void put_operand(const TmProgram *p, int tile, const TmSub *sub, int lead, Text *t)
{
    const TmTile *x = &p->tiles.at[tile];
    put_name(t, x->name);
    if (lead) text_printf(t, "@+%d", lead);
    TmSub whole = tm_whole(x);
    if (sub && (sub->h0 != whole.h0 || sub->h1 != whole.h1 || sub->w0 != whole.w0 || sub->w1 != whole.w1))
        text_printf(t, "[%d:%d,%d:%d]", sub->h0, sub->h1, sub->w0, sub->w1);
}

static void put_epi(const TmProgram *p, const TmEpi *e, Text *t)
{
    if (e->kind == TM_EPI_ACT) {
        text_put(t, act_name(e->act));
        for (int i = 0; i < act_constants(e->act); i++) {
            text_put(t, " ");
            put_real(t, i ? e->b : e->a);
        }
        return;
    }
    text_printf(t, "%s ", tm_epi_words[e->kind]);
    switch (e->kind) {
    case TM_EPI_ADDC: case TM_EPI_RSUBC: case TM_EPI_MULC: put_real(t, e->a); return;
    case TM_EPI_ROUND: text_put(t, dtype_name(e->dtype)); return;
    case TM_EPI_BN:
        put_name(t, p->tiles.at[e->tile].name);
        text_put(t, " ");
        put_name(t, p->tiles.at[e->tile2].name);
        return;
    default: put_name(t, p->tiles.at[e->tile].name); return;
    }
}

static void put_geom(const TmGeom *g, Text *t)
{
    text_printf(t, " stride %dx%d pad %d,%d dilation %dx%d mult %d", g->stride_h, g->stride_w, g->pad_top, g->pad_left, g->dil_h, g->dil_w, g->mult);
}

/* What an instruction of that kind does to its operands: everything up to the epilogue. */
static void put_body(const TmModule *m, const TmProgram *p, const TmIns *i, Text *t)
{
    switch (i->op) {
    case TM_COPY:
        text_put(t, i->async ? "copy_async " : "copy ");
        put_operand(p, i->dst, &i->sub, i->lead, t);
        if (i->vec) text_printf(t, " vec %d", i->vec);
        return;
    case TM_WAIT: text_printf(t, "wait %d", i->n); return;
    case TM_STORE:
        text_put(t, "store ");
        put_name(t, m->tensors.at[i->tensor].name);
        text_put(t, " <- ");
        put_operand(p, i->src, &i->sub, 0, t);
        if (i->vec) text_printf(t, " vec %d", i->vec);
        return;
    case TM_ZERO: case TM_PW: case TM_DW: case TM_FINISH: {
        text_printf(t, "%s ", tm_op_rows[i->op].text);
        put_operand(p, i->dst, i->op == TM_ZERO ? NULL : &i->sub, 0, t);
        if (i->src >= 0) text_put(t, i->accumulate ? " += " : " = ");
        if (i->src >= 0) put_operand(p, i->src, NULL, 0, t);
        if (i->wgt >= 0) text_put(t, ", ");
        if (i->wgt >= 0) put_operand(p, i->wgt, NULL, 0, t);
        if (i->op == TM_DW) put_geom(&i->geom, t);
        return;
    }
    default: text_put(t, tm_op_rows[i->op].text); return;
    }
}

static void put_work(const TmIns *i, Text *t)
{
    text_printf(t, " [%s", tm_variant_rows[i->variant].text);
    if (i->wm || i->wn) text_printf(t, " warps %dx%d", i->wm, i->wn);
    if (i->item_h || i->item_w || i->item_c) text_printf(t, " item %dx%dx%d", i->item_h, i->item_w, i->item_c);
    text_put(t, "]");
}

static void print_ins(const TmModule *m, const TmProgram *p, const TmIns *i, Text *t)
{
    put_body(m, p, i, t);
    for (int k = 0; k < i->epi.n; k++) {
        text_put(t, k ? ", " : " -> ");
        put_epi(p, &i->epi.at[k], t);
    }
    if (i->op == TM_PW || i->op == TM_DW) put_work(i, t);
    if (i->masked) text_put(t, " masked");
    if (i->guard_loop >= 0) {
        const TmLoop *l = &p->loops.at[i->guard_loop];
        text_put(t, " when ");
        put_name(t, l->name);
        if (i->guard_add) text_printf(t, "%+d", i->guard_add);
        if (l->kind != TM_TURN) text_put(t, " < "), put_trip(t, l->trip);
    }
    if (i->note && *i->note) {
        text_put(t, "  ");
        put_string(t, i->note);
    }
    text_put(t, "\n");
}

static void indent(Text *t, int depth)
{
    for (int i = 0; i < depth; i++) text_put(t, "    ");
}

static void print_code(const TmModule *m, const TmProgram *p, Text *t)
{
    int depth = 1;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        if (i->op == TM_END) depth--;
        indent(t, depth);
        if (i->op == TM_LOOP || i->op == TM_END) {
            text_put(t, i->op == TM_LOOP ? "for " : "end ");
            put_name(t, p->loops.at[i->loop].name);
            text_put(t, "\n");
        } else {
            print_ins(m, p, i, t);
        }
        if (i->op == TM_LOOP) depth++;
    }
}

void tm_print(const TmModule *m, const Diag *d, Text *out)
{
    (void)d;                                                    /* notes already carry the places of the source */
    print_module(m, out);
    for (int i = 0; i < m->programs.n; i++) {
        print_program(m, m->programs.at[i], out);
        print_code(m, m->programs.at[i], out);
    }
}
