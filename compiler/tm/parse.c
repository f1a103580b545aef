/* parse.c: the text that print.c writes, back into a module: the module line, tensors, and the declarations of each program. Code lines are
 * in parse_code.c. An error skips the rest of its line; a program without errors is then checked as a whole (parse_check.c), so that what
 * tm_parse returns is safe for every reader: no index, extent, trip or affine sum can leave its range. */
#include "tm_text.h"

#include <string.h>

/* ---- names ---- */

/* Reports the unknown name that stands at z->t, with the nearest of n names; at(k) is column `stride` of an array of structs. */
static bool unknown(TmParser *z, const char *what, const void *first, int n, size_t stride)
{
    const char **names = NEW_N(z->a, const char *, n + 1);
    for (int i = 0; i < n; i++) memcpy(&names[i], (const char *)first + (size_t)i * stride, sizeof names[i]);
    const char *near = diag_nearest(z->t.text, names, n);
    return tm_error(z, z->t.loc, "FCM4004", "there is no %s '%s'%s%s%s", what, z->t.text, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
}

/* The array element whose first field, a name, is name; -1 if there is none. */
static int find(const void *first, int n, size_t stride, const char *name)
{
    for (int i = 0; i < n; i++) {
        const char *s;
        memcpy(&s, (const char *)first + (size_t)i * stride, sizeof s);
        if (strcmp(s, name) == 0) return i;
    }
    return -1;
}

static bool reference(TmParser *z, const char *what, const void *first, int n, size_t stride, int *out)
{
    if (z->t.kind != TOK_NAME && z->t.kind != TOK_STRING) return tm_expected(z, arena_printf(z->a, "the name of a %s", what));
    *out = find(first, n, stride, z->t.text);
    if (*out < 0) return unknown(z, what, first, n, stride);
    tm_next(z);
    return true;
}

_Static_assert(offsetof(TmTensor, name) == 0 && offsetof(TmLoop, name) == 0 && offsetof(TmTile, name) == 0 && offsetof(TmImage, name) == 0,
               "find() reads the name as the first field");
#define REFERENCE(z, what, v, out) reference((z), (what), (v).at, (v).n, sizeof *(v).at, (out))
bool tm_ref_tensor(TmParser *z, int *out) { return REFERENCE(z, "tensor", z->m->tensors, out); }
bool tm_ref_loop(TmParser *z, int *out) { return REFERENCE(z, "loop", z->p->loops, out); }
bool tm_ref_tile(TmParser *z, int *out) { return REFERENCE(z, "tile", z->p->tiles, out); }
static bool ref_image(TmParser *z, int *out) { return REFERENCE(z, "image", z->p->images, out); }

/* A new name, unlike the n that are there; `most` is how many there may be. */
static bool new_name(TmParser *z, const char *what, const void *first, int n, size_t stride, int most, const char **out)
{
    Loc l = z->t.loc;
    if (!tm_name(z, arena_printf(z->a, "the name of a %s", what), out)) return false;
    if (n >= most) return tm_error(z, l, "FCM4013", "more than %d %ss", most, what);
    if (find(first, n, stride, *out) >= 0) return tm_error(z, l, "FCM4005", "there is already a %s '%s'", what, *out);
    return true;
}
#define NEW_NAME(z, what, v, most, out) new_name((z), (what), (v).at, (v).n, sizeof *(v).at, (most), (out))

/* ---- pieces ---- */

/* N (0) or a number. */
static bool trip(TmParser *z, int64_t hi, const char *what, int64_t *out)
{
    if (tm_accept(z, "N")) return *out = 0, true;
    return tm_int(z, 1, hi, what, out);
}

static bool parse_dtype(TmParser *z, DType *out)
{
    if (z->t.kind != TOK_NAME) return tm_expected(z, "a dtype");
    *out = dtype_parse(z->t.text);
    if (*out == DT_NONE) return tm_error(z, z->t.loc, "FCM4006", "'%s' is no dtype (f32 f16 bf16 i8 i32 u8)", z->t.text);
    tm_next(z);
    return true;
}

/* k + Σ coef * loop: `8i+c-1`. Coefficients and constants stay small, so that sums over 2^31 iterations fit. */
static bool affine(TmParser *z, Affine *out)
{
    Affine a = affine_const(0);
    for (bool first = true; first || tm_at(z, "+") || tm_at(z, "-"); first = false) {
        bool minus = tm_accept(z, "-"), number;
        if (!minus && !first) tm_expect(z, "+");
        int64_t v = 1;
        number = z->t.kind == TOK_INT;
        if (number && !tm_int(z, 0, TM_MAX_INT, "a coefficient", &v)) return false;
        v = minus ? -v : v;
        if (z->t.kind == TOK_NAME || z->t.kind == TOK_STRING) {
            int loop;
            Loc l = z->t.loc;
            if (!tm_ref_loop(z, &loop)) return false;
            if (a.nterm == AFFINE_TERMS && affine_coef(&a, loop) == 0)
                return tm_error(z, l, "FCM4013", "a place depends on more than %d loops", AFFINE_TERMS);
            a = affine_add(a, affine_term(0, loop, v));
        } else if (number) {
            a.k += v;
        } else {
            return tm_expected(z, "a number or a loop");
        }
        if (a.k > TM_MAX_INT || a.k < -TM_MAX_INT)
            return tm_error(z, z->t.loc, "FCM4003", "the constants before this add up to %lld", (long long)a.k);
    }
    return *out = a, true;
}

/* ---- module ---- */

static bool parse_module(TmParser *z)
{
    TmModule *m = z->m;
    if (!tm_expect(z, "module") || !tm_name(z, "the module's name", &m->name)) return false;
    while (z->t.kind == TOK_NAME) {
        if (tm_accept(z, "source")) {
            if (!tm_name(z, "a path", &m->source)) return false;
        } else if (tm_accept(z, "device")) {
            if (!tm_name(z, "a device", &m->device)) return false;
        } else if (tm_accept(z, "batch")) {
            if (!trip(z, TM_MAX_INT, "the batch", &m->batch)) return false;
        } else if (tm_accept(z, "packed")) {
            if (!tm_int(z, 0, TM_MAX_ELEMENTS, "the packed size", &m->packed_bytes)) return false;
        } else if (tm_accept(z, "workspace")) {
            if (!tm_int(z, 0, TM_MAX_ELEMENTS, "the workspace", &m->workspace_bytes)) return false;
        } else {
            return tm_expected(z, "source, device, batch, packed or workspace");
        }
    }
    return true;
}

/* [N,56,56,24] */
static bool parse_dims(TmParser *z, TmTensor *x)
{
    Loc start = z->t.loc;
    int64_t all = 1;
    for (int i = 0; i < 4; i++) {
        if (!tm_expect(z, i ? "," : "[")) return false;
        if (i == 0 ? !trip(z, TM_MAX_INT, "an extent", &x->dim[0]) : !tm_int(z, 1, TM_MAX_INT, "an extent", &x->dim[i])) return false;
        if (!win_mul(all, x->dim[i] ? x->dim[i] : 1, &all) || all > TM_MAX_ELEMENTS)
            return tm_error(z, diag_join(start, z->t.loc), "FCM4013", "tensor '%s' has more than 2^40 elements", x->name);
    }
    return tm_expect(z, "]");
}

static bool parse_derive(TmParser *z, TmTensor *x)
{
    int derive;
    if (!tm_word(z, tm_derive_words, "way to derive a tensor", &derive)) return false;
    x->derive = (TmDerive)derive;
    for (int i = 0; i < (x->derive == TM_AS_IS ? 1 : 4); i++) {
        if (i && !tm_expect(z, ",")) return false;
        Loc l = z->t.loc;
        if (!tm_ref_tensor(z, &x->from[i])) return false;
        const TmTensor *from = &z->m->tensors.at[x->from[i]];
        if ((from->role != TM_PARAM && from->role != TM_DERIVED) || memcmp(from->dim, x->dim, sizeof x->dim))
            return tm_error(z, l, "FCM4007", "'%s' is computed from '%s', which is no parameter of its size", x->name, from->name);
    }
    if (x->derive == TM_AS_IS) return true;
    return tm_expect(z, "eps") && tm_real(z, &x->eps);
}

static bool parse_tensor(TmParser *z)
{
    TmTensor x = { .rank = 4, .loc = z->t.loc };
    int role;
    if (!NEW_NAME(z, "tensor", z->m->tensors, TM_MAX_TENSORS, &x.name)) return false;
    if (!tm_word(z, tm_role_words, "role", &role) || !parse_dtype(z, &x.dtype)) return false;
    x.role = (TmRole)role;
    x.cname = x.name;
    if (!parse_dims(z, &x)) return false;
    if ((x.dim[0] == 0) != (x.role <= TM_VIRTUAL))
        return tm_error(z, x.loc, "FCM4007", x.dim[0] ? "'%s' is %s: its first extent is N" : "'%s' is %s: its first extent is a number", x.name,
                        tm_role_words[role]);
    if (tm_accept(z, "rank") && !tm_int32(z, 0, 4, "the rank", &x.rank)) return false;
    if (tm_accept(z, "as") && !tm_name(z, "a C identifier", &x.cname)) return false;
    if (x.role == TM_TEMP && !(tm_expect(z, "at") && tm_int(z, 0, TM_MAX_ELEMENTS, "the place in the workspace", &x.offset))) return false;
    if (x.role == TM_DERIVED && !parse_derive(z, &x)) return false;
    tm_tensor(z->a, z->m, x);
    return true;
}

/* inputs, outputs, params: tensors of one role in the order of the generated functions. */
static bool parse_list(TmParser *z, TmRole role)
{
    do {
        int x;
        Loc l = z->t.loc;
        if (!tm_ref_tensor(z, &x)) return false;
        if (z->m->tensors.at[x].role != role)
            return tm_error(z, l, "FCM4007", "'%s' is %s, not %s", z->m->tensors.at[x].name, tm_role_words[z->m->tensors.at[x].role],
                            tm_role_words[role]);
        if (role == TM_IN) vec_push(z->a, &z->m->inputs, x);
        else if (role == TM_OUT) vec_push(z->a, &z->m->outputs, x);
        else vec_push(z->a, &z->m->params, x);
    } while (tm_accept(z, ","));
    return true;
}

/* ---- declarations of a program ---- */

/* tm mbconv.k0 cuda sm 90 threads 256 ctas 2 arena 51072 sharers 264 */
static bool parse_program(TmParser *z)
{
    Loc l = z->t.loc;
    const char *name;
    z->program_loc = l;
    z->bad_program = false;
    TmProgram *p = NEW(z->a, TmProgram);
    *p = (TmProgram){ .name = "", .threads = 1, .ctas = 1 };
    z->p = p;
    z->loop_loc.n = z->tile_loc.n = z->image_loc.n = z->ins_loc.n = 0;
    if (!tm_name(z, "the program's name", &name)) return false;
    size_t prefix = z->m->name ? strlen(z->m->name) : 0;
    if (!z->m->name || strncmp(name, z->m->name, prefix) || name[prefix] != '.' || !name[prefix + 1])
        return tm_error(z, l, "FCM4002", "the program's name '%s' must begin with the module's: %s.k0", name, z->m->name ? z->m->name : "block");
    p->name = name + prefix + 1;
    if (z->m->programs.n >= TM_MAX_PROGRAMS) return tm_error(z, l, "FCM4013", "more than %d programs", TM_MAX_PROGRAMS);
    for (int i = 0; i < z->m->programs.n; i++)
        if (strcmp(z->m->programs.at[i]->name, p->name) == 0)
            return tm_error(z, l, "FCM4005", "there is already a program '%s'", name);
    if (tm_accept(z, "cpu")) p->target = TM_CPU;
    else if (!tm_accept(z, "cuda")) return tm_expected(z, "cuda or cpu");
    return tm_expect(z, p->target == TM_CUDA ? "sm" : "bits") && tm_int32(z, 0, 1024, "the architecture", &p->arch) &&
           tm_expect(z, "threads") && tm_int32(z, 1, 1024, "the number of threads", &p->threads) &&
           tm_expect(z, "ctas") && tm_int32(z, 1, 64, "the number of blocks", &p->ctas) &&
           tm_expect(z, "arena") && tm_int32(z, 0, TM_MAX_INT, "the arena", &p->arena_bytes) &&
           (!tm_accept(z, "sharers") || tm_int32(z, 1, TM_MAX_SMALL, "the blocks that share the tiles", &p->sharers));
}

static bool parse_loop(TmParser *z)
{
    Loc loc = z->t.loc;
    TmLoop l = { 0 };
    int kind;
    if (!NEW_NAME(z, "loop", z->p->loops, TM_MAX_LOOPS, &l.name) || !tm_word(z, tm_loop_words, "kind of loop", &kind)) return false;
    l.kind = (TmLoopKind)kind;
    if (tm_at(z, "N") && ((l.kind != TM_GRID && l.kind != TM_PERSIST) || z->p->loops.n > 0))
        return tm_error(z, z->t.loc, "FCM4008", "only the first loop, a grid or persist loop, may run over the batch N");
    if (!trip(z, TM_MAX_INT, "the number of iterations", &l.trip)) return false;
    vec_push(z->a, &z->p->loops, l);                            /* before the limit: it names this loop */
    vec_push(z->a, &z->loop_loc, loc);
    if (!tm_accept(z, "while")) return true;
    TmLoop *fresh = &vec_last(&z->p->loops);
    return affine(z, &fresh->limit) && tm_expect(z, "<") && tm_int(z, 1, TM_MAX_ELEMENTS, "the limit", &fresh->limit_bound);
}

static bool parse_image(TmParser *z)
{
    TmImage im = { .tile = -1 };
    Loc loc = z->t.loc;
    if (!NEW_NAME(z, "image", z->p->images, TM_MAX_IMAGES, &im.name)) return false;
    if (tm_accept(z, "by")) {
        do {
            if (im.nloop == 3) return tm_error(z, z->t.loc, "FCM4012", "a packed image depends on three loops at most");
            if (!tm_ref_loop(z, &im.loops[im.nloop++])) return false;
        } while (tm_accept(z, ","));
    }
    if (!tm_expect(z, "count") || !tm_int(z, 1, TM_MAX_INT, "the number of records", &im.count)) return false;
    if (!tm_expect(z, "bytes") || !tm_int32(z, 0, TM_MAX_INT, "the bytes of a record", &im.bytes)) return false;
    if (!tm_int(z, 0, TM_MAX_ELEMENTS, "the place in the packed buffer", &im.offset)) return false;
    vec_push(z->a, &z->p->images, im);
    vec_push(z->a, &z->image_loc, loc);
    return true;
}

/* One attribute of a tile's storage; the attributes may stand in any order. */
static bool tile_attribute(TmParser *z, TmTile *t)
{
    if (tm_accept(z, "cpad")) return tm_int32(z, 1, TM_MAX_INT, "the stored channels", &t->cpad);
    if (tm_accept(z, "panels")) return t->order = TM_PANELS, tm_int32(z, 1, 1024, "the width of a panel", &t->panel);
    if (tm_accept(z, "pitch")) return tm_int32(z, 1, TM_MAX_INT, "the pitch", &t->pitch_w);
    if (tm_accept(z, "row")) return tm_int32(z, 1, TM_MAX_INT, "the pitch of rows", &t->pitch_h);
    if (tm_accept(z, "roll")) return tm_int32(z, 1, TM_MAX_SMALL, "the rows kept", &t->roll);
    if (tm_accept(z, "slot")) return tm_int32(z, 1, TM_MAX_INT, "the bytes of a slot", &t->slot_bytes);
    if (tm_accept(z, "swizzle"))
        return tm_int32(z, 1, 1023, "the swizzle's mask", &t->swizzle_mask) && tm_expect(z, ">>") &&
               tm_int32(z, 0, 31, "the swizzle's shift", &t->swizzle_shift);
    if (tm_accept(z, "stages"))
        return tm_int32(z, 2, TM_MAX_STAGES, "the number of stages", &t->stages) && tm_expect(z, "by") && tm_ref_loop(z, &t->stage_loop);
    if (tm_at(z, "simt") || tm_at(z, "mma")) {
        t->frag = tm_accept(z, "simt") ? TM_FRAG_SIMT : (tm_next(z), TM_FRAG_MMA);
        return tm_int32(z, 1, 1024, "the warps along the pixels", &t->wm) && tm_by(z, 1, 1024, "the warps along the channels", &t->wn);
    }
    if (tm_at(z, "+")) return tm_int32(z, 0, TM_MAX_INT, "the place in the arena", &t->offset);
    if (tm_accept(z, "in"))
        return t->member = true, ref_image(z, &t->image) && tm_int32(z, 0, TM_MAX_INT, "the place in the record", &t->image_off);
    return tm_expected(z, "an attribute of the tile's storage");
}

static bool tile_window(TmParser *z, TmTile *t)
{
    for (int i = 0; i < 4; i++)
        if (!tm_expect(z, i ? "," : "[") || !tm_int32(z, 1, TM_MAX_INT, "an extent", &t->ext[i])) return false;
    if (!tm_expect(z, "]") || !tm_expect(z, "@")) return false;
    for (int i = 0; i < 4; i++)
        if (!tm_expect(z, i ? "," : "(") || !affine(z, &t->org[i])) return false;
    return tm_expect(z, ")");
}

static bool parse_tile(TmParser *z)
{
    TmTile t = { .tensor = -1, .image = -1, .stages = 1, .stage_loop = -1, .offset = -1 };
    Loc loc = z->t.loc;
    if (!NEW_NAME(z, "tile", z->p->tiles, TM_MAX_TILES, &t.name) || !tm_expect(z, "=")) return false;
    if (tm_accept(z, "image")) {
        Loc l = z->t.loc;
        if (!ref_image(z, &t.image)) return false;
        if (z->p->images.at[t.image].tile >= 0)
            return tm_error(z, l, "FCM4012", "image '%s' has a tile already", z->p->images.at[t.image].name);
    } else if (!tm_ref_tensor(z, &t.tensor)) {
        return false;
    }
    int space, image = t.image;
    if (!tile_window(z, &t) || !tm_word(z, tm_space_words, "space", &space) || !parse_dtype(z, &t.dtype)) return false;
    t.space = (TmSpace)space;
    t.cpad = t.ext[3];
    Loc first = z->t.loc;
    while (z->t.kind == TOK_NAME || z->t.kind == TOK_MARK)
        if (!tile_attribute(z, &t)) return false;
    if (image >= 0 && t.member) return tm_error(z, first, "FCM4012", "the tile of an image is no member of an image");
    vec_push(z->a, &z->p->tiles, t);
    vec_push(z->a, &z->tile_loc, loc);
    if (image >= 0) z->p->images.at[image].tile = z->p->tiles.n - 1;
    return true;
}

static bool parse_members(TmParser *z)
{
    int image;
    if (!ref_image(z, &image) || !tm_expect(z, "=")) return false;
    do {
        int tile;
        Loc l = z->t.loc;
        if (!tm_ref_tile(z, &tile)) return false;
        TmImage *im = &z->p->images.at[image];
        if (!z->p->tiles.at[tile].member || z->p->tiles.at[tile].image != image)
            return tm_error(z, l, "FCM4012", "tile '%s' does not lie in image '%s'", z->p->tiles.at[tile].name, im->name);
        for (int i = 0; i < im->members.n; i++)
            if (im->members.at[i] == tile)
                return tm_error(z, l, "FCM4005", "'%s' is a member already", z->p->tiles.at[tile].name);
        vec_push(z->a, &im->members, tile);
    } while (tm_accept(z, ","));
    return true;
}

/* ---- lines ---- */

static void end_program(TmParser *z)
{
    if (!z->p) return;
    if (!z->bad_program) tm_check_program(z);
    vec_push(z->a, &z->m->programs, z->p);
    z->p = NULL;
}

static bool program_line(TmParser *z)
{
    if (tm_parse_starts_ins(z)) return tm_parse_ins(z);
    if (tm_accept(z, "loop")) return parse_loop(z);
    if (tm_accept(z, "image")) return parse_image(z);
    if (tm_accept(z, "tile")) return parse_tile(z);
    if (tm_accept(z, "members")) return parse_members(z);
    if (tm_accept(z, "note")) return tm_name(z, "a text", &z->p->note);
    if (tm_accept(z, "sched")) return tm_name(z, "a text", &z->p->sched);
    static const char *const words[] = { "loop", "image", "tile", "members", "note", "sched", "tm", "for", "end", "copy", "copy_async", "commit",
                                         "wait", "sync", "zero", "pw", "dw", "finish", "store", NULL };
    int none;
    return tm_word(z, words, "line of a program", &none) ? tm_expected(z, "a line of a program") : false;
}

static bool line(TmParser *z)
{
    if (tm_at(z, "tm")) {
        end_program(z);
        tm_next(z);
        return parse_program(z);
    }
    if (z->p) return program_line(z);
    if (tm_accept(z, "tensor")) return parse_tensor(z);
    if (tm_accept(z, "inputs")) return parse_list(z, TM_IN);
    if (tm_accept(z, "outputs")) return parse_list(z, TM_OUT);
    if (tm_accept(z, "params")) return parse_list(z, TM_PARAM);
    return tm_expected(z, "tensor, inputs, outputs, params or tm");
}

static void blank_lines(TmParser *z)
{
    while (z->t.kind == TOK_LINE) tm_next(z);
}

TmModule *tm_parse(Arena *a, Diag *d, int source)
{
    const DiagSource *s = diag_source(d, source);
    TmParser *z = NEW(a, TmParser);
    int before = diag_errors(d);
    *z = (TmParser){ .a = a, .d = d, .file = source, .s = s->text, .len = s->len, .m = NEW(a, TmModule) };
    tm_next(z);
    blank_lines(z);
    if (!parse_module(z) || !tm_end_line(z)) {
        if (z->m->name == NULL) return NULL;                    /* this is no .tm text: one error says so */
        tm_skip_line(z);
    }
    for (blank_lines(z); z->t.kind != TOK_END; blank_lines(z))
        if (!line(z) || !tm_end_line(z)) tm_skip_line(z);
    end_program(z);
    if (diag_errors(d) == before) tm_check_module(z);
    return diag_errors(d) == before ? z->m : NULL;
}
