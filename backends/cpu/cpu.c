/* cpu.c: the vocabulary of C. A kernel is a function with one parallel region; its grid loops (and the blocks that share
 * tiles) are one collapsed `omp for`; every thread has an arena in the workspace; register tiles are f32 tiles on the stack; every instruction is
 * a call (apart.c). Commit, wait and sync print nothing. */
#include "cpu.h"

const char *cpu_tile(const Emit *e, int tile) { return arena_printf(e->arena, "%s_%s_t", e->p->name, e->tile[tile]); }

const char *cpu_tensor(const Emit *e, int tensor) { return arena_printf(e->arena, "%s_g", e->m->tensors.at[tensor].cname); }

const char *cpu_ref(const Emit *e, int tile, int lead)
{
    const TmTile *t = &e->p->tiles.at[tile];
    if (t->space == TM_REGISTER) return arena_printf(e->arena, "(fc_ref){ (char *)%s_f, 0 }", e->tile[tile]);
    return arena_printf(e->arena, "(fc_ref){ %s, %s }", emit_address(e, t, lead, "arena"), emit_row(e, t, lead));
}

const char *cpu_image(const Emit *e, const TmTile *t, int tensor, int lead)
{
    const char *g = cpu_tensor(e, tensor);
    return arena_printf(e->arena, "fc_image(&%s, %s_p, %s)", g, e->m->tensors.at[tensor].cname,
                        emit_affine(e, emit_ahead(t, t->org[0], lead)));
}

/* ---- records ---- */

static void tile_record(Emit *e, int tile)
{
    const TmTile *t = &e->p->tiles.at[tile];
    const char *type = emit_geometry_type(t->dtype), *name = cpu_tile(e, tile);
    int rows = t->ext[1], cols = t->ext[2];
    if (e->use[tile] == USE_WEIGHTS && t->order == TM_PANELS)
        text_line(e->out, "static const fc_weights %s = { %d, %d, %d, %d, %d * %d, FC_%s };", name, cols, t->ext[3], t->cpad,
                  t->panel, t->cpad, t->panel, type);
    else if (e->use[tile] == USE_WEIGHTS)                       /* rows: panels of one channel, a pitch apart */
        text_line(e->out, "static const fc_weights %s = { %d, %d, %d, 1, %d / %d, FC_%s };", name, cols, t->ext[3], t->cpad,
                  t->pitch_w, dtype_bytes(t->dtype), type);
    else if (e->use[tile] == USE_TAPS)
        text_line(e->out, "static const fc_taps %s = { %d, %d, %d, %d / %d, FC_%s };", name, rows, cols, t->ext[3], t->pitch_w,
                  dtype_bytes(t->dtype), type);
    else if (t->space == TM_REGISTER)
        text_line(e->out, "static const fc_tile %s = { %d, %d, %d, %d, %d * 4, %d * %d * 4, 0, FC_F32 };", name, rows, cols,
                  t->ext[3], t->cpad, t->cpad, cols, t->cpad);
    else
        text_line(e->out, "static const fc_tile %s = { %d, %d, %d, %d, %d, %d, %d, FC_%s };", name, rows, cols, t->ext[3],
                  t->cpad, t->pitch_w, t->pitch_h, t->roll, type);
}

static void records(Emit *e)
{
    for (int i = 0; i < e->p->tiles.n; i++)
        if (e->use[i] != USE_NONE) tile_record(e, i);
    text_line(e->out, "%s", "");
}

static void tensor_records(Emit *e)
{
    bool *seen = NEW_N(e->arena, bool, e->m->tensors.n + 1);
    for (int i = 0; i < e->m->programs.n; i++) {
        e->p = e->m->programs.at[i];
        emit_uses(e);
        for (int t = 0; t < e->m->tensors.n; t++) seen[t] = seen[t] || e->touched[t];
    }
    e->p = NULL;
    for (int t = 0; t < e->m->tensors.n; t++) {
        const TmTensor *x = &e->m->tensors.at[t];
        if (seen[t] && emit_geometry_type(x->dtype))
            text_line(e->out, "static const fc_tensor %s = { %lld, %lld, %lld, FC_%s, %d };", cpu_tensor(e, t),
                      (long long)x->dim[1], (long long)x->dim[2], (long long)x->dim[3], emit_geometry_type(x->dtype), t);
    }
}

/* ---- the kernel around its instructions ---- */

static void signature(Emit *e)
{
    Text *t = e->out;
    text_printf(t, "static void %s_%s(int batch, const void *packed", e->prefix, e->p->name);
    for (int i = 0; i < e->m->tensors.n; i++)
        if (e->touched[i]) text_printf(t, ", %svoid *%s_p", emit_writes(e->p, i) ? "" : "const ", e->m->tensors.at[i].cname);
    text_printf(t, ", char *arenas, int threads)\n{\n");
    t->indent++;
}

static void cpu_kernel(Emit *e)
{
    emit_title(e);
    records(e);
    cpu_epilogues(e);
    cpu_apart_begin(e);
    signature(e);
    text_line(e->out, "(void)batch, (void)packed, (void)arenas;");
    if (e->p->sharers) text_line(e->out, "const int sharers = (int)fc_sharers(%s, %d);", emit_tiles(e, "batch"), e->p->sharers);
    text_line(e->out, "FC_PARALLEL(threads)");
    text_open(e->out, "{");
    text_line(e->out, "char *const arena = fc_arena(arenas, %d);", e->p->arena_bytes);
    text_line(e->out, "(void)arena;");
    int grid = emit_grid_loops(e->p) + (e->p->sharers > 0);
    if (grid) text_line(e->out, "FC_FOR(%d)", grid);
    else text_line(e->out, "FC_SINGLE");
}

static void cpu_grid(Emit *e, int loop)
{
    const TmLoop *l = &e->p->loops.at[loop];
    const char *v = e->loop[loop], *trip = l->trip ? arena_printf(e->arena, "%lld", (long long)l->trip) : "batch";
    text_line(e->out, "for (int %s = 0; %s < %s; %s++)", v, v, trip, v);
}

static void cpu_body(Emit *e)
{
    if (e->p->sharers) text_line(e->out, "for (int block = 0; block < sharers; block++)");
    text_open(e->out, "{");
    for (int i = 0; i < e->p->loops.n; i++) {
        const TmLoop *l = &e->p->loops.at[i];
        if (l->kind == TM_GRID && l->limit_bound > 0)
            text_line(e->out, "if (%s >= %lld) continue;", emit_affine(e, l->limit), (long long)l->limit_bound);
    }
    for (int i = 0; i < e->p->tiles.n; i++) {
        const TmTile *t = &e->p->tiles.at[i];
        if (e->use[i] == USE_TILE && t->space == TM_REGISTER)
            text_line(e->out, "FC_ALIGNED float %s_f[%d * %d * %d];", e->tile[i], t->ext[1], t->ext[2], t->cpad);
    }
}

static void cpu_finish(Emit *e)
{
    for (int i = 0; i < 3; i++) text_close(e->out, "}");        /* body, parallel region, function */
    cpu_apart_end(e);
}

/* ---- pieces of calls ---- */

static const char *sub(const Emit *e, TmSub s)
{
    return arena_printf(e->arena, "(fc_sub){ %d, %d, %d, %d }", s.h0, s.h1, s.w0, s.w1);
}

static const char *tile_and_ref(const Emit *e, int tile, int lead)
{
    return arena_printf(e->arena, "&%s, %s", cpu_tile(e, tile), cpu_ref(e, tile, lead));
}

static const char *weights(const Emit *e, int tile)
{
    return arena_printf(e->arena, "&%s, %s", cpu_tile(e, tile), emit_address(e, &e->p->tiles.at[tile], 0, "arena"));
}

static const char *mask(const Emit *e, const TmIns *i)
{
    if (!i->masked) return "(fc_mask){ 0, 0, 0, 0, 0 }";
    const TmTile *d = &e->p->tiles.at[i->dst];
    const TmTensor *x = &e->m->tensors.at[d->tensor];
    return arena_printf(e->arena, "(fc_mask){ 1, %s, %s, %lld, %lld }", emit_affine(e, d->org[1]), emit_affine(e, d->org[2]),
                        (long long)x->dim[1], (long long)x->dim[2]);
}

/* The tail of a call: mask and epilogue, or nothing where the result is accumulated. Prints the epilogue's context first. */
static const char *tail(Emit *e, const TmIns *i)
{
    if (i->accumulate) return "";
    return arena_printf(e->arena, ", %s%s", mask(e, i), cpu_epilogue_args(e, i, &e->p->tiles.at[i->dst]));
}

static const char *flavour(const Emit *e, const TmIns *i)
{
    int v = emit_epilogue_width(e, i);
    return v == 1 ? "portable" : arena_printf(e->arena, "vec%d", v);
}

/* ---- instructions ---- */

static void cpu_copy(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst];
    if (tm_is_image(d)) {
        emit_call(e, "fc_copy_bytes(%s, %s, %s, %d);", emit_address(e, d, i->lead, "arena"), emit_records(e, d, i->lead),
                  emit_image_bytes(e, d), tm_image_slot(e->m, e->p, d->image));
        return;
    }
    emit_call(e, "fc_copy(%s, %s, &%s, %s, %s, %s, %s);", tile_and_ref(e, i->dst, i->lead), sub(e, i->sub),
              cpu_tensor(e, d->tensor), cpu_image(e, d, d->tensor, i->lead), emit_affine(e, emit_ahead(d, d->org[1], i->lead)),
              emit_affine(e, emit_ahead(d, d->org[2], i->lead)), emit_affine(e, emit_ahead(d, d->org[3], i->lead)));
}

static void cpu_zero(Emit *e, const TmIns *i) { text_line(e->out, "fc_zero(%s);", tile_and_ref(e, i->dst, 0)); }

static void cpu_pw(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst], *s = &e->p->tiles.at[i->src], *w = &e->p->tiles.at[i->wgt];
    EmitShift at = emit_pw_shift(d, s, w);
    bool in_place = s->space == TM_GLOBAL;
    emit_count_members(e, i);
    const char *end = tail(e, i), *k0 = emit_affine(e, at.k0), *wgt = weights(e, i->wgt);
    const char *to = arena_printf(e->arena, "%s, %s", tile_and_ref(e, i->dst, 0), sub(e, i->sub)),
               *acc = i->accumulate ? "_acc" : "";
    if (in_place)
        emit_call(e, "fc_pw_%s_global%s(%s, &%s, %s, %s, %s, %s, %s, %s, %d, %d%s);", flavour(e, i), acc, to,
                  cpu_tensor(e, s->tensor), cpu_image(e, s, s->tensor, 0), emit_affine(e, d->org[1]), emit_affine(e, d->org[2]),
                  emit_affine(e, w->org[3]), wgt, k0, i->item_w, i->item_c, end);
    else
        emit_call(e, "fc_pw_%s%s(%s, %s, %s, %s, %s, %s, %s, %d, %d%s);", flavour(e, i), acc, to, tile_and_ref(e, i->src, 0), wgt,
                  emit_affine(e, at.dy), emit_affine(e, at.dx), emit_affine(e, at.dc), k0, i->item_w, i->item_c, end);
}

static void cpu_dw(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst], *s = &e->p->tiles.at[i->src], *w = &e->p->tiles.at[i->wgt];
    const TmGeom *g = &i->geom;
    EmitShift at = emit_dw_shift(d, s, w, *g);
    emit_count_members(e, i);
    if (s->space == TM_GLOBAL) emit_refuse(e, "a depthwise convolution reads %s in place", s->name);
    const char *end = tail(e, i);
    const char *geom = arena_printf(e->arena, "&(const fc_geom){ %d, %d, %d, %d, %d }", g->stride_h, g->stride_w, g->dil_h,
                                    g->dil_w, g->mult);
    emit_call(e, "fc_dw_%s%s(%s, %s, %s, %s, %s, %s, %s, %s, %s, %d%s);", flavour(e, i), i->accumulate ? "_acc" : "",
              tile_and_ref(e, i->dst, 0), sub(e, i->sub), tile_and_ref(e, i->src, 0), weights(e, i->wgt), geom,
              emit_affine(e, at.dy), emit_affine(e, at.dx), emit_affine(e, at.dc), emit_affine(e, at.k0), i->item_w, end);
}

static void cpu_finish_op(Emit *e, const TmIns *i)
{
    emit_count_members(e, i);
    const char *end = tail(e, i);
    emit_call(e, "fc_finish%d(%s, %s, %s%s);", emit_epilogue_width(e, i), tile_and_ref(e, i->dst, 0), sub(e, i->sub),
              tile_and_ref(e, i->src, 0), end);
}

static void cpu_store(Emit *e, const TmIns *i)
{
    const TmTile *s = &e->p->tiles.at[i->src];
    emit_count_members(e, i);
    const char *end = cpu_epilogue_args(e, i, s);
    emit_call(e, "fc_store%d(%s, %s, &%s, %s, %s, %s, %s%s);", emit_epilogue_width(e, i), tile_and_ref(e, i->src, 0),
              sub(e, i->sub), cpu_tensor(e, i->tensor), cpu_image(e, s, i->tensor, 0), emit_affine(e, s->org[1]),
              emit_affine(e, s->org[2]), emit_affine(e, s->org[3]), end);
}

static void instruction(Emit *e, const TmIns *i)
{
    static const struct { const char *word; void (*print)(Emit *e, const TmIns *i); } of[TM_OP_COUNT] = {
        [TM_COPY] = { "copy", cpu_copy }, [TM_ZERO] = { "zero", cpu_zero }, [TM_PW] = { "pw", cpu_pw }, [TM_DW] = { "dw", cpu_dw },
        [TM_FINISH] = { "finish", cpu_finish_op }, [TM_STORE] = { "store", cpu_store },
    };
    cpu_apart(e, i, of[i->op].word, of[i->op].print);
}

/* ---- the file ---- */

static void cpu_begin(Emit *e)
{
    text_line(e->out, "#define FC_COUNT_SLOTS %d", tm_byte_slots(e->m));
    int bits = 0;
    for (int i = 0; i < e->m->programs.n; i++) bits = e->m->programs.at[i]->arch > bits ? e->m->programs.at[i]->arch : bits;
    text_line(e->out, "#define FC_ISA %d", bits);
}

static void cpu_launches(Emit *e)
{
    long long per_image = (long long)e->m->workspace_bytes;
    text_line(e->out, "if (!fc_isa_supported()) return FC_OLD_CPU;");
    text_line(e->out, "char *const temp = workspace ? fc_align(workspace) : NULL;");
    text_line(e->out, "char *const arenas = temp ? fc_arenas(temp, n, %lld) : NULL;", per_image);
    for (int k = 0; k < e->m->programs.n; k++) {
        e->p = e->m->programs.at[k];
        emit_uses(e);
        const char *args = "";
        for (int i = 0; i < e->m->tensors.n; i++)
            if (e->touched[i]) args = arena_printf(e->arena, "%s, %s", args, emit_pointer(e, i));
        text_line(e->out, "%s_%s(n, packed%s, arenas, threads);", e->prefix, e->p->name, args);
    }
    e->p = NULL;
    text_line(e->out, "return FC_FINE;");
}

static bool has_pw(const TmModule *m) { return emit_has_op(m, TM_PW); }
static bool has_dw(const TmModule *m) { return emit_has_op(m, TM_DW); }

extern const unsigned char fcm_embedded_fc_host_h[], fcm_embedded_fc_pack_h[], fcm_embedded_fc_cpu_h[], fcm_embedded_fc_base_h[],
    fcm_embedded_fc_vec_h[], fcm_embedded_fc_act_h[], fcm_embedded_fc_copy_h[], fcm_embedded_fc_pw_h[], fcm_embedded_fc_dw_h[];
static const EmitFile files[] = {
    { "fc_base.h", fcm_embedded_fc_base_h, NULL },
    { "fc_vec.h", fcm_embedded_fc_vec_h, NULL },
    { "fc_act.h", fcm_embedded_fc_act_h, NULL },
    { "fc_copy.h", fcm_embedded_fc_copy_h, NULL },
    { "fc_pw.h", fcm_embedded_fc_pw_h, has_pw },
    { "fc_dw.h", fcm_embedded_fc_dw_h, has_dw },
    { "fc_host.h", fcm_embedded_fc_host_h, NULL },
    { "fc_pack.h", fcm_embedded_fc_pack_h, NULL },
    { "fc_cpu.h", fcm_embedded_fc_cpu_h, NULL },
    { NULL, NULL, NULL },
};

static const EmitTarget target = {
    .files = files, .begin = cpu_begin, .globals = tensor_records,
    .kernel = cpu_kernel, .grid = cpu_grid, .body = cpu_body, .finish = cpu_finish, .end = "FC_TEXT_END",
    .op = { [TM_COPY] = instruction, [TM_ZERO] = instruction, [TM_PW] = instruction, [TM_DW] = instruction, [TM_FINISH] = instruction,
            [TM_STORE] = instruction },
    .word = cpu_word, .operand = cpu_operand, .shift = cpu_shift,
    .launches = cpu_launches, .last = "int threads", .threads = true,
    .error = "fc_error_text(code)", .counted = "defined FCM_COUNT", .counts = "fc_counts_take",
};

bool emit_cpu(Arena *a, const TmModule *m, const EmitOptions *o, Text *source, Text *header, const char **why)
{
    Emit e = { .arena = a, .m = emit_portable(a, m), .opt = o, .target = &target };
    bool ok = emit_module(&e, source, header);
    *why = e.why;
    return ok;
}
