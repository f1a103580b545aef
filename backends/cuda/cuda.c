/* cuda.c: the vocabulary of CUDA. A kernel is a 1-D grid, the first grid loop slowest; geometry is template arguments; tiles are
 * references into the block's shared memory; accumulators are fragments in registers. The batch goes in slices where a grid would
 * pass 2^31 - 1 blocks. */
#include "cuda.h"

static const char *type(const Emit *e, DType t)
{
    (void)e;
    return t == DT_F32 ? "float" : "fc::half";
}

static const char *tensor(const Emit *e, int t) { return arena_printf(e->arena, "%s_g", e->m->tensors.at[t].cname); }

const char *cuda_ref(const Emit *e, int tile, int lead)
{
    const TmTile *t = &e->p->tiles.at[tile];
    if (t->space == TM_REGISTER) return arena_printf(e->arena, "%s_f", e->tile[tile]);
    const char *at = emit_address(e, t, lead, "smem");
    if (!t->roll) return arena_printf(e->arena, "%s_t{%s}", e->tile[tile], at);
    return arena_printf(e->arena, "%s_t{%s, %s}", e->tile[tile], at, emit_row(e, t, lead));
}

const char *cuda_image(const Emit *e, const TmTile *t, int x, int lead)
{
    return arena_printf(e->arena, "fc::image<%s>(%s_p, %s)", tensor(e, x), e->m->tensors.at[x].cname,
                        emit_affine(e, emit_ahead(t, t->org[0], lead)));
}

/* ---- geometry ---- */

static void fragment_type(Emit *e, int tile)
{
    const TmTile *t = &e->p->tiles.at[tile];
    if (t->frag == TM_FRAG_NONE) emit_refuse(e, "the accumulators %s have no distribution over threads", t->name);
    text_line(e->out, "using %s_t = fc::frag_%s<%d * %d, %d, %d, %d>;", e->tile[tile], t->frag == TM_FRAG_MMA ? "mma" : "simt",
              t->ext[1], t->ext[2], t->cpad, t->wm, t->wn);
}

static void tile_type(Emit *e, int tile)
{
    const TmTile *t = &e->p->tiles.at[tile];
    const char *name = e->tile[tile], *of = type(e, t->dtype);
    const char *twist = t->swizzle_mask ? arena_printf(e->arena, ", %d, %d", t->swizzle_mask, t->swizzle_shift) : "";
    if (e->use[tile] == USE_WEIGHTS && t->order == TM_PANELS)
        text_line(e->out, "using %s_t = fc::panels<%s, %d, %d, %d, %d>;", name, of, t->ext[2], t->ext[3], t->cpad, t->panel);
    else if (e->use[tile] == USE_WEIGHTS)
        text_line(e->out, "using %s_t = fc::weights<%s, %d, %d, %d, %d%s>;", name, of, t->ext[2], t->ext[3], t->cpad, t->pitch_w, twist);
    else if (e->use[tile] == USE_TAPS)
        text_line(e->out, "using %s_t = fc::taps<%s, %d, %d, %d, %d>;", name, of, t->ext[1], t->ext[2], t->ext[3], t->pitch_w);
    else if (t->space == TM_REGISTER) fragment_type(e, tile);
    else {
        const char *roll = t->roll || t->swizzle_mask ? arena_printf(e->arena, ", %d", t->roll) : "";
        text_line(e->out, "using %s_t = fc::tile<%s, %d, %d, %d, %d, %d, %d%s%s>;", name, of, t->ext[1], t->ext[2], t->ext[3],
                  t->cpad, t->pitch_w, t->pitch_h, roll, twist);
    }
    bool repeats = t->swizzle_mask << t->swizzle_shift < 8;     /* every 8 rows: those that ldmatrix reads at once */
    if (t->swizzle_mask && (e->use[tile] == USE_TAPS || (e->use[tile] == USE_WEIGHTS && !repeats)))
        emit_refuse(e, "the weights %s are swizzled", t->name);
}

static void geometry(Emit *e)
{
    for (int i = 0; i < e->m->tensors.n; i++) {
        const TmTensor *x = &e->m->tensors.at[i];
        if (e->touched[i])
            text_line(e->out, "using %s = fc::tensor<%s, %lld, %lld, %lld, %d>;", tensor(e, i), type(e, x->dtype),
                      (long long)x->dim[1], (long long)x->dim[2], (long long)x->dim[3], i);
    }
    for (int i = 0; i < e->p->tiles.n; i++)
        if (e->use[i] != USE_NONE) tile_type(e, i);
}

/* ---- the kernel around its instructions ---- */

static void signature(Emit *e)
{
    const TmProgram *p = e->p;
    Text *t = e->out;
    text_printf(t, "FC_KERNEL(%s_%s, %d, %d)(const void *packed", e->prefix, p->name, p->threads, p->ctas);
    for (int i = 0; i < e->m->tensors.n; i++)
        if (e->touched[i]) text_printf(t, ", %svoid *%s_p", emit_writes(p, i) ? "" : "const ", e->m->tensors.at[i].cname);
    text_printf(t, ", int %s)\n", p->sharers ? "batch" : "n0");
    text_open(t, "{");
}

/* Blocks are numbered with the first grid loop slowest, so the last one is decoded first; the batch starts at n0. The blocks that share a grid point
 * are slower still: neighbours take the same tile. */
static void decode(Emit *e)
{
    int first = -1;
    for (int i = 0; i < e->p->code.n && first < 0; i++)
        if (e->p->code.at[i].op == TM_LOOP && e->p->loops.at[e->p->code.at[i].loop].kind == TM_GRID) first = e->p->code.at[i].loop;
    if (first < 0 && !e->p->sharers) return;
    if (e->p->sharers) first = -1;
    text_line(e->out, "int block = FC_BLOCK();");
    for (int i = e->p->code.n - 1; i >= 0; i--) {
        int loop = e->p->code.at[i].loop;
        if (e->p->code.at[i].op != TM_LOOP || e->p->loops.at[loop].kind != TM_GRID || loop == first) continue;
        long long trip = (long long)e->p->loops.at[loop].trip;
        text_line(e->out, "const int %s = block %% %lld; block /= %lld;", e->loop[loop], trip, trip);
    }
    if (first >= 0) text_line(e->out, "const int %s = %sblock;", e->loop[first], e->p->loops.at[first].trip ? "" : "n0 + ");
}

static void cuda_kernel(Emit *e)
{
    emit_title(e);
    signature(e);
    geometry(e);
    if (e->p->arena_bytes) text_line(e->out, "FC_SMEM(smem);");
    decode(e);
}

static void unused(Emit *e)
{
    text_line(e->out, "(void)packed, (void)%s;", e->p->sharers ? "batch" : "n0");
    for (int i = 0; i < e->p->loops.n; i++)
        if (e->p->loops.at[i].kind == TM_GRID) text_line(e->out, "(void)%s;", e->loop[i]);
}

static void cuda_body(Emit *e)
{
    unused(e);
    for (int i = 0; i < e->p->loops.n; i++) {
        const TmLoop *l = &e->p->loops.at[i];
        if (l->kind == TM_GRID && l->limit_bound > 0)
            text_line(e->out, "if (%s >= %lld) return;", emit_affine(e, l->limit), (long long)l->limit_bound);
    }
    for (int i = 0; i < e->p->tiles.n; i++)
        if (e->use[i] == USE_TILE && e->p->tiles.at[i].space == TM_REGISTER)
            text_line(e->out, "%s_t %s_f;", e->tile[i], e->tile[i]);
}

static void cuda_finish(Emit *e)
{
    const TmProgram *p = e->p;
    text_close(e->out, "}");
    text_line(e->out, "FC_NOTE(%s_%s, %d, %d, %d, %d, \"%s\")", e->prefix, p->name, p->arch, p->threads, p->ctas, p->arena_bytes,
              e->m->source ? emit_quoted(e->arena, e->m->source) : "");
}

/* ---- pieces of calls ---- */

static const char *sub(const Emit *e, TmSub s) { return arena_printf(e->arena, "fc::sub<%d, %d, %d, %d>", s.h0, s.h1, s.w0, s.w1); }

static const char *weights(const Emit *e, int tile)
{
    return arena_printf(e->arena, "%s_t{%s}", e->tile[tile], emit_address(e, &e->p->tiles.at[tile], 0, "smem"));
}

static const char *mask(const Emit *e, const TmIns *i)
{
    if (!i->masked) return "fc::no_mask{}";
    const TmTile *d = &e->p->tiles.at[i->dst];
    const TmTensor *x = &e->m->tensors.at[d->tensor];
    return arena_printf(e->arena, "fc::mask<%lld, %lld>{%s, %s}", (long long)x->dim[1], (long long)x->dim[2],
                        emit_affine(e, d->org[1]), emit_affine(e, d->org[2]));
}

static const char *const pw_functions[TMV_COUNT] = {
    [TMV_PW_SIMT] = "fc::pw_simt", [TMV_PW_MMA1688] = "fc::pw_mma1688", [TMV_PW_MMA16816] = "fc::pw_mma16816",
};
static const char *const dw_functions[TMV_COUNT] = {
    [TMV_DW_PORTABLE] = "fc::dw_portable", [TMV_DW_WINDOW] = "fc::dw_window", [TMV_DW_SLIDE] = "fc::dw_slide",
};

static const char *function(Emit *e, const TmIns *i)
{
    const char *f = i->op == TM_PW ? pw_functions[i->variant] : dw_functions[i->variant];
    if (!f)
        emit_refuse(e, "%s has the variant %s, which is none of CUDA's", tm_op_rows[i->op].text,
                    tm_variant_rows[i->variant].text);
    return f ? f : "";
}

/* A lambda needs a scope of its own. */
static bool scope(Emit *e, const TmIns *i, const TmTile *dst)
{
    bool needed = i->epi.n > 0 && !i->accumulate;
    emit_count_members(e, i);
    if (!needed) return false;
    text_open(e->out, "{");
    cuda_epilogue(e, i, dst);
    return true;
}

static void end_scope(Emit *e, bool opened)
{
    if (opened) text_close(e->out, "}");
}

static const char *epilogue(const TmIns *i) { return i->epi.n ? "epi" : "[](float2 v, int, int, int) { return v; }"; }

/* An accumulating operation fills the whole fragment, from its channel 0. */
static void check_accumulation(Emit *e, const TmIns *i, Affine k0)
{
    const TmTile *d = &e->p->tiles.at[i->dst];
    TmSub whole = tm_whole(d);
    Affine f = emit_visible(e, k0);
    bool all = i->sub.h0 == whole.h0 && i->sub.h1 == whole.h1 && i->sub.w0 == whole.w0 && i->sub.w1 == whole.w1;
    if (d->space != TM_REGISTER || !all || f.nterm || f.k)
        emit_refuse(e, "%s is accumulated in part, or not in registers", d->name);
}

/* ---- instructions ---- */

static void cuda_copy(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst];
    const char *async = i->async ? "true" : "false";
    if (tm_is_image(d)) {
        emit_call(e, "fc::copy_bytes<%s, %s>(%s, %s);", emit_image_bytes(e, d), async, emit_address(e, d, i->lead, "smem"),
                  emit_records(e, d, i->lead));
        return;
    }
    emit_call(e, "fc::copy<%s_t, %s, %s, %d, %s>(%s, %s, %s, %s, %s);", e->tile[i->dst], sub(e, i->sub), tensor(e, d->tensor),
              i->vec, async, cuda_ref(e, i->dst, i->lead), cuda_image(e, d, d->tensor, i->lead),
              emit_affine(e, emit_ahead(d, d->org[1], i->lead)), emit_affine(e, emit_ahead(d, d->org[2], i->lead)),
              emit_affine(e, emit_ahead(d, d->org[3], i->lead)));
}

static void cuda_commit(Emit *e, const TmIns *i) { (void)i, text_line(e->out, "FC_COMMIT();"); }
static void cuda_wait(Emit *e, const TmIns *i) { text_line(e->out, "FC_WAIT(%d);", i->n); }
static void cuda_sync(Emit *e, const TmIns *i) { (void)i, text_line(e->out, "FC_SYNC();"); }
static void cuda_zero(Emit *e, const TmIns *i) { text_line(e->out, "fc::zero(%s);", cuda_ref(e, i->dst, 0)); }

static void cuda_pw(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst], *s = &e->p->tiles.at[i->src], *w = &e->p->tiles.at[i->wgt];
    const char *dn = e->tile[i->dst], *sn = e->tile[i->src], *wn = e->tile[i->wgt], *f = function(e, i);
    EmitShift at = emit_pw_shift(d, s, w);
    if (s->space != TM_SHARED) emit_refuse(e, "pw reads %s, which is not in shared memory", s->name);
    bool opened = scope(e, i, d);
    const char *from = arena_printf(e->arena, "%s, %s, %s, %s, %s", cuda_ref(e, i->src, 0), weights(e, i->wgt),
                                    emit_affine(e, at.dy), emit_affine(e, at.dx), emit_affine(e, at.dc));
    if (i->accumulate) {
        check_accumulation(e, i, at.k0);
        emit_call(e, "%s_acc<%s_t, %s_t, %s_t, %d>(%s, %s);", f, dn, sn, wn, d->ext[2], cuda_ref(e, i->dst, 0), from);
    } else {
        emit_call(e, "%s<%s_t, %s, %s_t, %s_t, %d, %d>(%s, %s, %s, %s, %s);", f, dn, sub(e, i->sub), sn, wn, i->wm, i->wn,
                  cuda_ref(e, i->dst, 0), from, emit_affine(e, at.k0), mask(e, i), epilogue(i));
    }
    end_scope(e, opened);
}

static void cuda_dw(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst], *s = &e->p->tiles.at[i->src], *w = &e->p->tiles.at[i->wgt];
    const TmGeom *g = &i->geom;
    EmitShift at = emit_dw_shift(d, s, w, *g);
    const char *f = function(e, i);
    if (s->space != TM_SHARED) emit_refuse(e, "dw reads %s, which is not in shared memory", s->name);
    bool opened = scope(e, i, d);
    const char *types = arena_printf(e->arena, "%s_t, %s_t, fc::geom<%d, %d, %d, %d, %d>", e->tile[i->src], e->tile[i->wgt],
                                     g->stride_h, g->stride_w, g->dil_h, g->dil_w, g->mult);
    const char *from = arena_printf(e->arena, "%s, %s, %s, %s, %s", cuda_ref(e, i->src, 0), weights(e, i->wgt),
                                    emit_affine(e, at.dy), emit_affine(e, at.dx), emit_affine(e, at.dc));
    const char *rows = i->variant == TMV_DW_SLIDE ? arena_printf(e->arena, "%d, ", i->item_h) : "";
    if (i->accumulate) {
        check_accumulation(e, i, at.k0);
        emit_call(e, "%s_acc<%s_t, %s, %d>(%s, %s);", f, e->tile[i->dst], types, d->ext[2], cuda_ref(e, i->dst, 0), from);
    } else {
        emit_call(e, "%s<%s_t, %s, %s, %s%d>(%s, %s, %s, %s, %s);", f, e->tile[i->dst], sub(e, i->sub), types, rows, i->item_w,
                  cuda_ref(e, i->dst, 0), from, emit_affine(e, at.k0), mask(e, i), epilogue(i));
    }
    end_scope(e, opened);
}

static void cuda_finish_op(Emit *e, const TmIns *i)
{
    const TmTile *d = &e->p->tiles.at[i->dst];
    const char *f = e->p->tiles.at[i->src].space == TM_REGISTER ? "finish" : "finish_tile";
    bool opened = scope(e, i, d);
    emit_call(e, "fc::%s<%s_t, %s, %s_t>(%s, %s, %s, %s);", f, e->tile[i->dst], sub(e, i->sub), e->tile[i->src],
              cuda_ref(e, i->dst, 0), cuda_ref(e, i->src, 0), mask(e, i), epilogue(i));
    end_scope(e, opened);
}

static void cuda_store(Emit *e, const TmIns *i)
{
    const TmTile *s = &e->p->tiles.at[i->src];
    bool opened = scope(e, i, s);
    const char *to = cuda_image(e, s, i->tensor, 0), *at = arena_printf(e->arena, "%s, %s, %s", emit_affine(e, s->org[1]),
                                                                        emit_affine(e, s->org[2]), emit_affine(e, s->org[3]));
    if (s->space == TM_REGISTER)
        emit_call(e, "fc::store_frag<%s_t, %d, %s, %d>(%s, %s, %s, %s);", e->tile[i->src], s->ext[2], tensor(e, i->tensor),
                  i->vec, to, cuda_ref(e, i->src, 0), at, epilogue(i));
    else
        emit_call(e, "fc::store<%s_t, %s, %s, %d>(%s, %s, %s, %s);", e->tile[i->src], sub(e, i->sub), tensor(e, i->tensor),
                  i->vec, to, cuda_ref(e, i->src, 0), at, epilogue(i));
    end_scope(e, opened);
}

/* ---- run ---- */

static bool has_batch(const TmProgram *p)
{
    for (int i = 0; i < p->loops.n; i++)
        if (p->loops.at[i].kind == TM_GRID && p->loops.at[i].trip == 0) return true;
    return false;
}

/* The newest architecture that any program wants. */
static int cuda_arch(const TmModule *m)
{
    int arch = 0;
    for (int i = 0; i < m->programs.n; i++) arch = m->programs.at[i]->arch > arch ? m->programs.at[i]->arch : arch;
    return arch;
}

static void device_checks(Emit *e)
{
    int smem = 0;
    for (int i = 0; i < e->m->programs.n; i++)
        smem = e->m->programs.at[i]->arena_bytes > smem ? e->m->programs.at[i]->arena_bytes : smem;
    text_line(e->out, "const int arch = fc::device_arch(), shared = fc::device_smem();");
    text_line(e->out, "if (arch < 0 || shared < 0) return FC_CUDA - (arch < 0 ? arch : shared);");
    text_line(e->out, "if (arch < %d) return FC_OLD_DEVICE;", cuda_arch(e->m));
    text_line(e->out, "if (shared < %d) return FC_SMALL_SHARED;", smem);
}

static void buffers(Emit *e)
{
    const TmModule *m = e->m;
    for (int i = 0; i < m->tensors.n; i++) {
        const TmTensor *x = &m->tensors.at[i];
        if (x->role == TM_IN || x->role == TM_OUT || x->role == TM_TEMP)
            text_line(e->out, "FC_BUFFER(%d, %s, (size_t)n * %lld * %lld * %lld * %d);", i, emit_pointer(e, i),
                      (long long)x->dim[1], (long long)x->dim[2], (long long)x->dim[3], dtype_bytes(x->dtype));
    }
    for (int i = 0; i < m->programs.n; i++)
        for (int k = 0; k < m->programs.at[i]->images.n; k++) {
            const TmImage *im = &m->programs.at[i]->images.at[k];
            text_line(e->out, "FC_BUFFER(%d, (const char *)packed + %lld, (size_t)%lld * %d);",
                      tm_image_slot(m, m->programs.at[i], k), (long long)im->offset, (long long)im->count, im->bytes);
        }
}

static void launch(Emit *e)
{
    const TmProgram *p = e->p;
    long long blocks = (long long)tm_blocks(p, 1), shared = (long long)tm_sharers(p, 1);
    const char *args = "packed";
    emit_uses(e);
    for (int i = 0; i < e->m->tensors.n; i++)
        if (e->touched[i]) args = arena_printf(e->arena, "%s, %s", args, emit_pointer(e, i));
    const char *config = arena_printf(e->arena, "%d, %d, stream, %s", p->threads, p->arena_bytes, args);
    if (p->sharers) {
        text_open(e->out, "{");
        text_line(e->out, "const int64_t blocks = fc_sharers(%s, %d) * %lld;", emit_tiles(e, "n"), p->sharers, blocks / shared);
        text_line(e->out, "status = FCM_LAUNCH(%s_%s, blocks, %s, n);", e->prefix, p->name, config);
        text_close(e->out, "}");
    } else if (!has_batch(p)) {
        text_line(e->out, "status = FCM_LAUNCH(%s_%s, %lldLL, %s, 0);", e->prefix, p->name, blocks, config);
    } else {
        text_open(e->out, "for (int n0 = 0, count; !status && n0 < n; n0 += count) {");
        text_line(e->out, "count = fc_slice(n - n0, %lld);", blocks);
        text_line(e->out, "status = FCM_LAUNCH(%s_%s, count * %lldLL, %s, n0);", e->prefix, p->name, blocks, config);
        text_close(e->out, "}");
    }
    text_line(e->out, "if (status) return FC_CUDA + status;");
}

static void cuda_launches(Emit *e)
{
    device_checks(e);
    if (e->m->workspace_bytes) text_line(e->out, "char *const temp = (char *)workspace;");
    else text_line(e->out, "(void)workspace;");
    buffers(e);
    text_line(e->out, "int status = 0;");
    for (int i = 0; i < e->m->programs.n; i++) {
        e->p = e->m->programs.at[i];
        launch(e);
    }
    e->p = NULL;
    text_line(e->out, "return FC_FINE;");
}

/* ---- the file ---- */

static bool has_pw(const TmModule *m) { return emit_has_op(m, TM_PW); }
static bool has_dw(const TmModule *m) { return emit_has_op(m, TM_DW); }
static bool has_store(const TmModule *m) { return emit_has_op(m, TM_STORE); }

extern const unsigned char fcm_embedded_fc_lanes_cuh[], fcm_embedded_fc_dev_cuh[], fcm_embedded_fc_tile_cuh[],
    fcm_embedded_fc_act_cuh[], fcm_embedded_fc_copy_cuh[], fcm_embedded_fc_frag_cuh[], fcm_embedded_fc_pw_cuh[],
    fcm_embedded_fc_dw_cuh[], fcm_embedded_fc_store_cuh[], fcm_embedded_fc_host_h[], fcm_embedded_fc_pack_h[];
static const EmitFile files[] = {
    { "fc_lanes.cuh", fcm_embedded_fc_lanes_cuh, NULL },
    { "fc_dev.cuh", fcm_embedded_fc_dev_cuh, NULL },
    { "fc_tile.cuh", fcm_embedded_fc_tile_cuh, NULL },
    { "fc_act.cuh", fcm_embedded_fc_act_cuh, NULL },
    { "fc_copy.cuh", fcm_embedded_fc_copy_cuh, NULL },
    { "fc_frag.cuh", fcm_embedded_fc_frag_cuh, NULL },
    { "fc_pw.cuh", fcm_embedded_fc_pw_cuh, has_pw },
    { "fc_dw.cuh", fcm_embedded_fc_dw_cuh, has_dw },
    { "fc_store.cuh", fcm_embedded_fc_store_cuh, has_store },
    { "fc_host.h", fcm_embedded_fc_host_h, NULL },
    { "fc_pack.h", fcm_embedded_fc_pack_h, NULL },
    { NULL, NULL, NULL },
};

static void cuda_begin(Emit *e) { text_line(e->out, "// nvcc -std=c++17 -O3 -arch=sm_%d …", cuda_arch(e->m)); }

static const EmitTarget target = {
    .files = files, .begin = cuda_begin,
    .kernel = cuda_kernel, .body = cuda_body, .finish = cuda_finish,
    .op = { [TM_COPY] = cuda_copy, [TM_COMMIT] = cuda_commit, [TM_WAIT] = cuda_wait, [TM_SYNC] = cuda_sync, [TM_ZERO] = cuda_zero,
            [TM_PW] = cuda_pw, [TM_DW] = cuda_dw, [TM_FINISH] = cuda_finish_op, [TM_STORE] = cuda_store },
    .word = cuda_word, .operand = cuda_operand, .shift = cuda_shift,
    .launches = cuda_launches, .last = "struct CUstream_st *stream",
    .error = "code > FC_CUDA ? fc::error_string(code - FC_CUDA) : fc_error_text(code)",
    .counted = "defined FCM_COUNT && !defined __CUDACC__", .counts = "fc_emu_counts",
};

bool emit_cuda(Arena *a, const TmModule *m, const EmitOptions *o, Text *source, Text *header, const char **why)
{
    Emit e = { .arena = a, .m = m, .opt = o, .target = &target };
    for (int i = 0; i < m->programs.n; i++)
        if (m->programs.at[i]->target != TM_CUDA) emit_refuse(&e, "%s was scheduled for a CPU", m->programs.at[i]->name);
    bool ok = emit_module(&e, source, header);
    *why = e.why;
    return ok;
}
