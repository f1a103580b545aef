/* variants.c: what a variant of an operation asks for. The tile functions of the runtime headers rely on it, static_asserts repeat some of it. */
#include "operands.h"

/* ---- common to all products ---- */

static const char *platform(const TmProgram *p, const TmIns *i)
{
    const TmVariantRow *v = &tm_variant_rows[i->variant];
    if (i->variant == TMV_NONE) return i->op == TM_PW || i->op == TM_DW ? "it has no variant" : NULL;
    if (v->op != i->op) return "the variant belongs to another operation";
    if (v->target != p->target) return "the variant belongs to another target";
    return p->arch < v->arch ? "the device is older than the variant" : NULL;
}

static bool is_float(DType t) { return t == DT_F32 || t == DT_F16; }

static const char *element_types(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    int tiles[] = { i->dst, i->src, i->wgt };
    for (int k = 0; k < 3; k++)
        if (!is_float(p->tiles.at[tiles[k]].dtype)) return "elements are neither f32 nor f16";
    const TmTile *s = &p->tiles.at[i->src];
    if (s->space == TM_GLOBAL && s->dtype != m->tensors.at[s->tensor].dtype) return "a source in place has the tensor's type";
    return NULL;
}

static const char *spaces(const TmProgram *p, const TmIns *i)
{
    const TmTile *d = &p->tiles.at[i->dst], *s = &p->tiles.at[i->src], *w = &p->tiles.at[i->wgt];
    if (p->target == TM_CPU) {
        if (s->space == TM_REGISTER || d->space != TM_SHARED) return "tiles lie in the arena on the CPU";
        if (s->space == TM_GLOBAL && i->op == TM_DW) return "a depthwise convolution does not read its source in place";
        return NULL;
    }
    if (s->space != TM_SHARED || w->space != TM_SHARED) return "source and weights lie in shared memory";
    if (i->accumulate != (d->space == TM_REGISTER)) return "sums are kept in registers, results in shared memory";
    return NULL;
}

/* Channels are stored in groups of eight, so every group that an instruction writes starts at a multiple of eight in its tile. */
static bool starts_at_eight(const TmProgram *p, int tile, const Affine *first)
{
    Affine at = affine_sub(*first, p->tiles.at[tile].org[3]);
    bool even = at.k % 8 == 0;
    for (int t = 0; t < at.nterm; t++) even = even && at.term[t].coef % 8 == 0;
    return even;
}

static const char *accumulation(const TmProgram *p, const TmIns *i)
{
    if (!i->accumulate) return NULL;
    if (i->epi.n > 0) return "a sum takes its epilogue later";
    return p->tiles.at[i->dst].dtype == DT_F32 ? NULL : "sums are f32";
}

/* ---- the variants ---- */

static const char *pw_simt(const TmProgram *p, const TmIns *i)
{
    const TmTile *d = &p->tiles.at[i->dst];
    if (p->tiles.at[i->wgt].order != TM_PANELS) return "weights lie in panels";
    if (i->wm * i->wn != p->threads) return "the thread grid is not the block";
    if (d->space == TM_REGISTER && (d->frag != TM_FRAG_SIMT || d->wm != i->wm || d->wn != i->wn))
        return "the thread grid differs from the accumulator's";
    return NULL;
}

static const char *pw_mma(const TmProgram *p, const TmIns *i)
{
    const TmTile *d = &p->tiles.at[i->dst], *s = &p->tiles.at[i->src], *w = &p->tiles.at[i->wgt];
    if (s->dtype != DT_F16 || w->dtype != DT_F16) return "tensor cores take f16";
    if (w->order != TM_PIXELS) return "weights lie in rows";
    if (w->cpad % 8) return "contracts a number of channels that is no multiple of 8";
    if (!starts_at_eight(p, i->src, &w->org[3])) return "contracted channels start off a multiple of 8";
    if (i->wm * i->wn * 32 != p->threads) return "the warp grid is not the block's warps";
    if (d->space == TM_REGISTER && (d->frag != TM_FRAG_MMA || d->wm != i->wm || d->wn != i->wn))
        return "the warp grid differs from the accumulator's";
    return NULL;
}

static const char *dw_window(const TmProgram *p, const TmIns *i)
{
    if (i->geom.mult != 1) return "the register window wants one output channel per input channel";
    if (i->accumulate) return "the register window does not add to sums";
    if (i->item_w < 1) return "an item has no columns";
    return starts_at_eight(p, i->src, &p->tiles.at[i->wgt].org[3]) ? NULL : "channels start off a multiple of 8";
}

/* Unrolled over its rows: more would be a page of code. */
enum { SLIDE_ROWS = 16, SLIDE_COLUMNS = 8 };

static const char *dw_slide(const TmProgram *p, const TmIns *i)
{
    if (i->item_h < 1 || i->item_h > SLIDE_ROWS || i->item_w > SLIDE_COLUMNS) return "an item of the sliding form has 1 to 16 rows of 1 to 8 columns";
    return dw_window(p, i);
}

static const char *dw_portable(const TmProgram *p, const TmIns *i)
{
    const TmTile *d = &p->tiles.at[i->dst];
    return d->space == TM_REGISTER && d->frag != TM_FRAG_SIMT ? "sums of a depthwise convolution lie in a thread grid" : NULL;
}

/* What the C runtime keeps in registers at once (backends/RUNTIME.md): it has room for no more. */
enum { PW_VECTORS = 32, DW_COLUMNS = 16 };

static const char *pw_cpu(const TmModule *m, const TmProgram *p, const TmIns *i, bool vectors)
{
    const TmTile *w = &p->tiles.at[i->wgt];
    if (w->order != TM_PANELS) return "weights lie in panels";
    if (!vectors) return NULL;
    if (i->item_c < 8 || i->item_c % 8 || i->item_w < 1) return "an item is no whole number of vectors";
    if (w->panel != i->item_c) return "the panel of the weights is not the item's";
    if (i->item_w > PW_VECTORS || i->item_w * (i->item_c / tm_vector(m, p, i)) > PW_VECTORS) return "an item is larger than the register tile of 32 vectors";
    return w->dtype == DT_F32 ? NULL : "vector weights are f32";
}

static const char *dw_vec(const TmProgram *p, const TmIns *i)
{
    if (i->geom.mult != 1) return "vectors want one output channel per input channel";
    if (i->item_w < 1) return "an item has no columns";
    if (i->item_w > DW_COLUMNS) return "an item has more than 16 columns";
    return p->tiles.at[i->wgt].dtype == DT_F32 ? NULL : "vector weights are f32";
}

static const char *variant(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    switch (i->variant) {
    case TMV_PW_SIMT: return pw_simt(p, i);
    case TMV_PW_MMA1688:
    case TMV_PW_MMA16816: return pw_mma(p, i);
    case TMV_DW_PORTABLE: return dw_portable(p, i);
    case TMV_DW_WINDOW: return dw_window(p, i);
    case TMV_DW_SLIDE: return dw_slide(p, i);
    case TMV_PW_C: return pw_cpu(m, p, i, false);
    case TMV_PW_VEC: return pw_cpu(m, p, i, true);
    case TMV_DW_VEC: return dw_vec(p, i);
    case TMV_NONE: case TMV_DW_C: case TMV_COUNT: break;
    }
    return NULL;
}

const char *tm_variant_refuses(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    const char *why = platform(p, i);
    if (why || (i->op != TM_PW && i->op != TM_DW)) return why;
    const TmTile *w = &p->tiles.at[i->wgt];
    if ((why = element_types(m, p, i)) || (why = spaces(p, i)) || (why = accumulation(p, i))) return why;
    if (i->op == TM_DW && (i->geom.mult < 1 || i->geom.stride_h < 1 || i->geom.stride_w < 1 || i->geom.dil_h < 1 || i->geom.dil_w < 1))
        return "stride, dilation and multiplier are at least 1";
    if (!starts_at_eight(p, i->dst, &w->org[i->op == TM_PW ? 2 : 3])) return "written channels start off a multiple of 8";
    return variant(m, p, i);
}
