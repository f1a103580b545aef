/* emit.c: the walker. It goes through a program once, opens and closes loops and guards, writes the source note before each
 * instruction, and calls the target's function for everything else. What a program uses is collected before printing. */
#include "emit.h"

#include <string.h>

void emit_refuse(Emit *e, const char *fmt, ...)
{
    if (e->why) return;
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(e->arena, fmt, ap);
    va_end(ap);
    e->why = e->p ? arena_printf(e->arena, "program %s: %s", e->p->name, what) : what;
}

enum { COLUMNS = 120 };

void emit_call(Emit *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *s = arena_vprintf(e->arena, fmt, ap), *start = s, *cut = NULL;
    va_end(ap);
    int room = COLUMNS - 4 * e->out->indent, depth = 0;
    for (const char *c = s; *c; c++) {
        depth += strchr("({[<", *c) != NULL;
        depth -= strchr(")}]>", *c) != NULL;
        if (c - start >= room && cut) {
            text_line(e->out, "%s%.*s", start == s ? "" : "    ", (int)(cut - start), start);
            room -= start == s ? 4 : 0;
            start = cut + 1;
            cut = NULL;
        }
        if (*c == ',' && depth == 1) cut = c + 1;
    }
    text_line(e->out, "%s%s", start == s ? "" : "    ", start);
}

/* ---- uses ---- */

static void touch(Emit *e, int tensor)
{
    TmRole role = e->m->tensors.at[tensor].role;
    if (role != TM_IN && role != TM_OUT && role != TM_TEMP)
        emit_refuse(e, "%s is read or written in place, but does not lie in global memory", e->m->tensors.at[tensor].name);
    e->touched[tensor] = true;
}

static void use(Emit *e, int tile, EmitUse as)
{
    if (tile < 0) return;
    const TmTile *t = &e->p->tiles.at[tile];
    if (!t->member && t->space == TM_GLOBAL) {
        touch(e, t->tensor);
        return;
    }
    if (e->use[tile] != USE_NONE && e->use[tile] != as) emit_refuse(e, "tile %s is used in two different ways", t->name);
    e->use[tile] = as;
}

static void use_epilogue(Emit *e, const TmIns *i)
{
    for (int k = 0; k < i->epi.n; k++) {
        EmitOperand o = emit_operand(e, &i->epi.at[k]);
        if (o == OPERAND_TILE || o == OPERAND_IN_PLACE) use(e, i->epi.at[k].tile, USE_TILE);
    }
}

static void use_instruction(Emit *e, const TmIns *i)
{
    bool image = i->op == TM_COPY && tm_is_image(&e->p->tiles.at[i->dst]);
    if (i->op == TM_COPY && !image) touch(e, e->p->tiles.at[i->dst].tensor);
    if (i->op == TM_STORE) touch(e, i->tensor);
    if (!image) use(e, i->dst, USE_TILE);
    use(e, i->src, USE_TILE);
    use(e, i->wgt, i->op == TM_DW ? USE_TAPS : USE_WEIGHTS);
    use_epilogue(e, i);
}

static void check_types(Emit *e)
{
    for (int i = 0; i < e->p->tiles.n; i++)
        if (e->use[i] != USE_NONE && !emit_geometry_type(e->p->tiles.at[i].dtype))
            emit_refuse(e, "tile %s has dtype %s, which the runtime headers lack", e->p->tiles.at[i].name,
                        dtype_name(e->p->tiles.at[i].dtype));
    for (int i = 0; i < e->m->tensors.n; i++)
        if (e->touched[i] && !emit_geometry_type(e->m->tensors.at[i].dtype))
            emit_refuse(e, "%s has dtype %s, which the runtime headers lack", e->m->tensors.at[i].name,
                        dtype_name(e->m->tensors.at[i].dtype));
}

void emit_uses(Emit *e)
{
    e->use = NEW_N(e->arena, EmitUse, e->p->tiles.n + 1);
    e->touched = NEW_N(e->arena, bool, e->m->tensors.n + 1);
    for (int i = 0; i < e->p->code.n; i++) use_instruction(e, &e->p->code.at[i]);
    check_types(e);
}

/* ---- what the CPU's vectors allow ---- */

int emit_epilogue_width(const Emit *e, const TmIns *i) { return tm_vector(e->m, e->p, i); }

/* ---- loops and guards ---- */

const char *emit_tiles(const Emit *e, const char *batch)
{
    long long fixed = tm_tiles(e->p, 1);
    bool open = e->p->loops.at[e->p->code.at[tm_persist_at(e->p)].loop].trip == 0;
    return open ? arena_printf(e->arena, "(int64_t)%s * %lld", batch, fixed) : arena_printf(e->arena, "%lld", fixed);
}

/* The variables of the persist loops from the tile number that the text `tile` names. */
static void tile_variables(Emit *e, const char *tile)
{
    int at = tm_persist_at(e->p), nest = tm_persist_nest(e->p, at);
    int64_t inner = 1;
    const char *unused = "";
    for (int k = at + nest - 1; k >= at; k--) {
        int loop = e->p->code.at[k].loop;
        const char *v = e->loop[loop], *over = inner == 1 ? tile : arena_printf(e->arena, "%s / %lld", tile, (long long)inner);
        if (k == at) text_line(e->out, "const int %s = (int)(%s);", v, over);
        else text_line(e->out, "const int %s = (int)(%s %% %lld);", v, over, (long long)e->p->loops.at[loop].trip);
        unused = arena_printf(e->arena, "%s%s(void)%s", unused, *unused ? ", " : "", v);
        e->open[loop] = true;
        inner *= e->p->loops.at[loop].trip;
    }
    text_line(e->out, "%s;", unused);
}

/* The persist loops as one loop over the tiles of this block: from its own number on, `sharers` apart. */
static void open_tiles(Emit *e)
{
    int turn = tm_turn(e->p);
    const char *count = turn < 0 ? "" : arena_printf(e->arena, ", %s++", e->loop[turn]);
    if (turn >= 0) text_line(e->out, "int %s = 0;", e->loop[turn]), e->open[turn] = true;
    if (!e->target->grid) text_line(e->out, "FC_SEQ");
    text_open(e->out, "for (int64_t tile = block; tile < %s; tile += %d%s) {", emit_tiles(e, "batch"), e->p->sharers, count);
    tile_variables(e, "tile");
}

/* A copy for the block's first tile, before the tiles, or for the next one, if there is one: in a scope of its own, with that tile's variables. */
static void copy_by_turns(Emit *e, const TmIns *i)
{
    int at = tm_persist_at(e->p), nest = tm_persist_nest(e->p, at);
    bool inside = e->open[tm_turn(e->p)];
    const char **names = arena_copy(e->arena, e->loop, (size_t)e->p->loops.n * sizeof *e->loop);
    for (int k = at; k < at + nest; k++) {
        int loop = e->p->code.at[k].loop;
        e->loop[loop] = arena_printf(e->arena, "%s_%s", inside ? "next" : "first", names[loop]);
    }
    if (inside) {
        text_open(e->out, "if (tile + %d < %s) {", e->p->sharers, emit_tiles(e, "batch"));
        text_line(e->out, "const int64_t next = tile + %d;", e->p->sharers);
    } else text_open(e->out, "{");
    tile_variables(e, inside ? "next" : "(int64_t)block");
    e->target->op[i->op](e, i);
    text_close(e->out, "}");
    for (int k = at; k < at + nest; k++) {
        e->loop[e->p->code.at[k].loop] = names[e->p->code.at[k].loop];
        e->open[e->p->code.at[k].loop] = inside;
    }
}

static void open_loop(Emit *e, int loop)
{
    const TmLoop *l = &e->p->loops.at[loop];
    if (l->kind == TM_PERSIST) {
        if (e->at == tm_persist_at(e->p)) open_tiles(e);
        return;
    }
    const char *v = e->loop[loop];
    e->open[loop] = true;
    if (l->kind == TM_GRID) {
        if (e->target->grid) e->target->grid(e, loop);
        return;
    }
    if (!e->target->grid || l->kind == TM_UNROLL) text_line(e->out, l->kind == TM_UNROLL ? "FC_UNROLL" : "FC_SEQ");
    const char *limit = l->limit_bound > 0
                            ? arena_printf(e->arena, " && %s < %lld", emit_affine(e, l->limit), (long long)l->limit_bound)
                            : "";
    text_open(e->out, "for (int %s = 0; %s < %lld%s; %s++) {", v, v, (long long)l->trip, limit, v);
}

static void close_loop(Emit *e, int loop)
{
    TmLoopKind kind = e->p->loops.at[loop].kind;
    bool tiles = kind == TM_PERSIST && e->at == tm_loop_end(e->p, tm_persist_at(e->p));
    e->open[loop] = false;
    if (kind == TM_SEQ || kind == TM_UNROLL || tiles) text_close(e->out, "}");
}

/* The guard as a condition; "" = always, NULL = never (its loop is closed). */
static const char *guard(Emit *e, const TmIns *i)
{
    if (i->guard_loop < 0) return "";
    const TmLoop *l = &e->p->loops.at[i->guard_loop];
    if (!l->trip) emit_refuse(e, "an instruction is guarded by the batch loop %s", l->name);
    if (!e->open[i->guard_loop]) return i->guard_add < l->trip ? "" : NULL;
    return arena_printf(e->arena, "%s < %lld", emit_affine(e, affine_term(i->guard_add, i->guard_loop, 1)), (long long)l->trip);
}

static void instruction(Emit *e, const TmIns *i)
{
    if (i->op == TM_COPY && tm_by_turns(e->p, &e->p->tiles.at[i->dst])) {
        copy_by_turns(e, i);
        return;
    }
    const char *condition = guard(e, i);
    if (!e->target->op[i->op] || !condition) return;
    if (i->note) text_line(e->out, "// %s", emit_comment(e->arena, i->note));
    if (*condition) text_open(e->out, "if (%s) {", condition);
    e->target->op[i->op](e, i);
    if (*condition) text_close(e->out, "}");
}

int emit_grid_loops(const TmProgram *p)
{
    int n = 0;
    for (int i = 0; i < p->loops.n; i++) n += p->loops.at[i].kind == TM_GRID;
    return n;
}

static void walk(Emit *e)
{
    int grid = emit_grid_loops(e->p);
    if (grid == 0) e->target->body(e);
    for (int k = 0; k < e->p->code.n; k++) {
        const TmIns *i = &e->p->code.at[k];
        e->at = k;
        if (i->op == TM_LOOP) {
            open_loop(e, i->loop);
            if (e->p->loops.at[i->loop].kind == TM_GRID && --grid == 0) e->target->body(e);
        } else if (i->op == TM_END) close_loop(e, i->loop);
        else instruction(e, i);
    }
}

void emit_title(Emit *e)
{
    const char *note = e->p->note ? arena_printf(e->arena, ": %s", emit_comment(e->arena, e->p->note)) : "";
    text_line(e->out, "\n// ---- %s%s ----", e->p->name, note);
}

bool emit_writes(const TmProgram *p, int tensor)
{
    for (int i = 0; i < p->code.n; i++)
        if (p->code.at[i].op == TM_STORE && p->code.at[i].tensor == tensor) return true;
    return false;
}

void emit_program(Emit *e)
{
    emit_names(e);
    e->open = NEW_N(e->arena, bool, e->p->loops.n + 1);
    emit_uses(e);
    if (e->why) return;
    e->target->kernel(e);
    walk(e);
    e->target->finish(e);
}

/* ---- the module ---- */

static void lines_as_comment(Emit *e, const char *head, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        text_line(e->out, "// %s%s", head, emit_comment(e->arena, arena_strndup(e->arena, text, n)));
        text += n + (text[n] == '\n');
    }
}

static void head_comment(Emit *e)
{
    const TmModule *m = e->m;
    const char *version = e->opt->version ? arena_printf(e->arena, " %s", e->opt->version) : "";
    const char *from = m->source ? arena_printf(e->arena, " from %s", emit_comment(e->arena, m->source)) : "";
    const char *device = m->device ? arena_printf(e->arena, ", planned for %s", emit_comment(e->arena, m->device)) : "";
    text_line(e->out, "// %s: made by fcmc%s%s%s", m->name, version, from, device);
    for (int i = 0; i < m->programs.n; i++) {
        const TmProgram *p = m->programs.at[i];
        text_line(e->out, "//   %s%s%s", p->name, p->note ? "  " : "", p->note ? emit_comment(e->arena, p->note) : "");
        lines_as_comment(e, "        ", p->sched);
    }
    lines_as_comment(e, "", e->opt->predicted);
}

bool emit_module(Emit *e, Text *source, Text *header)
{
    e->prefix = emit_symbol(e->arena, e->opt->prefix ? e->opt->prefix : e->m->name);
    *source = text_new(e->arena);
    *header = text_new(e->arena);
    e->out = source;
    head_comment(e);
    e->target->begin(e);
    if (e->opt->prelude) emit_prelude(e);
    text_line(e->out, "#include \"%s\"", e->opt->header ? e->opt->header : arena_printf(e->arena, "%s.h", e->prefix));
    if (e->target->globals) e->target->globals(e);
    for (int i = 0; i < e->m->programs.n && !e->why; i++) {
        e->p = e->m->programs.at[i];
        emit_program(e);
    }
    e->p = NULL;
    if (e->why) return false;
    if (e->target->end) text_line(e->out, "%s", e->target->end);
    emit_pack(e);
    emit_host(e);
    emit_header(e, header);
    return e->why == NULL;
}
