/* pack.c: the printed `_pack`. It goes over programs, images, records and members; the helpers of host/fc_pack.h fill the
 * storage. The text is the same for both targets. */
#include "emit.h"

static const char *hwc(const Emit *e, const int64_t *d)
{
    return arena_printf(e->arena, "fc_hwc(%lld, %lld, %lld)", (long long)d[0], (long long)d[1], (long long)d[2]);
}

static const char *origin(const Emit *e, const TmTile *t)
{
    return arena_printf(e->arena, "fc_hwc(%s, %s, %s)", emit_affine(e, t->org[1]), emit_affine(e, t->org[2]),
                        emit_affine(e, t->org[3]));
}

static const char *parameter(Emit *e, int tensor)
{
    const TmTensor *x = &e->m->tensors.at[tensor];
    if (x->role != TM_PARAM) emit_refuse(e, "%s is packed but is no parameter", x->name);
    return arena_printf(e->arena, "params->%s", x->cname);
}

static void derived(Emit *e, const TmTile *t, const TmTensor *x)
{
    if (t->dtype != DT_F32) emit_refuse(e, "%s is not stored as f32", x->name);
    const char *eps = emit_float(e->arena, x->eps), *org = emit_affine(e, t->org[3]);
    const char *weight = parameter(e, x->from[0]), *var = parameter(e, x->from[3]);
    if (x->derive == TM_BN_SCALE)
        emit_call(e, "fc_pack_bn_scale(r + %d, %s, %s, %s, %lld, %s, %d);", t->image_off, weight, var, eps, (long long)x->dim[3],
                  org, t->ext[3]);
    else
        emit_call(e, "fc_pack_bn_shift(r + %d, %s, %s, %s, %s, %s, %lld, %s, %d);", t->image_off, weight, parameter(e, x->from[1]),
                  parameter(e, x->from[2]), var, eps, (long long)x->dim[3], org, t->ext[3]);
}

static void member(Emit *e, const TmTile *t)
{
    const TmTensor *x = &e->m->tensors.at[t->tensor];
    text_line(e->out, "// %s", emit_comment(e->arena, x->name));
    if (x->role == TM_DERIVED && x->derive != TM_AS_IS) {
        derived(e, t, x);
        return;
    }
    if (!emit_geometry_type(t->dtype) || !emit_geometry_type(x->dtype))
        emit_refuse(e, "%s: %s cannot be packed yet", x->name, dtype_name(x->dtype));
    if (e->why) return;
    int64_t ext[3] = { t->ext[1], t->ext[2], t->ext[3] };
    const char *from = arena_printf(e->arena, "%s, FC_PACK_%s, %s, %s",
                                    parameter(e, x->role == TM_DERIVED ? x->from[0] : t->tensor), emit_geometry_type(x->dtype),
                                    hwc(e, &x->dim[1]), origin(e, t));
    const char *to = arena_printf(e->arena, "r + %d, FC_PACK_%s, %s", t->image_off, emit_geometry_type(t->dtype), hwc(e, ext));
    if (t->order == TM_PANELS) emit_call(e, "fc_pack_panels(%s, %d, %d, %s);", to, t->cpad, t->panel, from);
    else
        emit_call(e, "fc_pack_pixels(%s, %d, %d, %d, %d, %s);", to, t->pitch_h, t->pitch_w, t->swizzle_mask, t->swizzle_shift,
                  from);
}

static void image(Emit *e, const TmImage *im)
{
    text_line(e->out, "// %s.%s: %lld x %d bytes", e->p->name, im->name, (long long)im->count, im->bytes);
    text_line(e->out, "r = (char *)packed + %lld;", (long long)im->offset);
    for (int i = 0; i < im->nloop; i++) {
        const char *v = e->loop[im->loops[i]], *next = i == im->nloop - 1 ? arena_printf(e->arena, ", r += %d", im->bytes) : "";
        e->open[im->loops[i]] = true;
        text_open(e->out, "for (int %s = 0; %s < %lld; %s++%s) {", v, v, (long long)e->p->loops.at[im->loops[i]].trip, v, next);
    }
    for (int i = 0; i < im->members.n; i++) member(e, &e->p->tiles.at[im->members.at[i]]);
    for (int i = 0; i < im->nloop; i++) text_close(e->out, "}"), e->open[im->loops[i]] = false;
}

static void images(Emit *e)
{
    emit_names(e);
    e->open = NEW_N(e->arena, bool, e->p->loops.n + 1);
    for (int i = 0; i < e->p->images.n; i++) image(e, &e->p->images.at[i]);
}

void emit_pack(Emit *e)
{
    text_line(e->out, "\n// ---- host ----");
    text_line(e->out, "int %s_pack(const %s_params *params, void *packed)", e->prefix, e->prefix);
    text_open(e->out, "{");
    text_line(e->out, "if (!params) return FC_NULL_POINTER;");
    for (int i = 0; i < e->m->params.n; i++)
        text_line(e->out, "if (!params->%s) return FC_NULL_POINTER;", e->m->tensors.at[e->m->params.at[i]].cname);
    if (e->m->packed_bytes) {
        text_line(e->out, "if (!packed) return FC_NULL_POINTER;");
        text_line(e->out, "memset(packed, 0, %lld);", (long long)e->m->packed_bytes);
        text_line(e->out, "char *r;");
    } else text_line(e->out, "(void)packed;");
    for (int i = 0; i < e->m->programs.n; i++) {
        e->p = e->m->programs.at[i];
        images(e);
    }
    e->p = NULL;
    text_line(e->out, "return FC_FINE;");
    text_close(e->out, "}\n");
}
