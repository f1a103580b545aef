/* verify.c: all invariants of a finished program. What needs no execution is asked first (structure, storage, images, variants, access widths,
 * complete sums and stores), then the abstract run goes through the blocks at the corners of the grid and one in the middle. */
#include "verify.h"
#include "abstract.h"
#include "cover.h"
#include "device.h"
#include "operands.h"

/* ---- structure ---- */

/* Grid loops open first and close last; loops nest, and none is opened inside itself. */
static const char *structure(Arena *a, const TmModule *m, const TmProgram *p)
{
    VEC(int) open = { 0 };
    bool body = false, grid_closed = false;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        bool grid = (i->op == TM_LOOP || i->op == TM_END) && p->loops.at[i->loop].kind == TM_GRID;
        if (i->op == TM_LOOP) {
            for (int o = 0; o < open.n; o++)
                if (open.at[o] == i->loop) return arena_printf(a, "%s: the loop is opened inside itself", tm_ins_text(a, m, p, k));
            if (grid && body) return arena_printf(a, "%s: grid loops open before everything else", tm_ins_text(a, m, p, k));
            if (p->loops.at[i->loop].trip < 1 && p->loops.at[i->loop].kind != TM_PERSIST && (!grid || open.n > 0))
                return arena_printf(a, "%s: only the first grid loop may be open", tm_ins_text(a, m, p, k));
            vec_push(a, &open, i->loop);
        }
        if (i->op == TM_END) {
            if (open.n == 0 || vec_last(&open) != i->loop)
                return arena_printf(a, "%s: closes a loop that is not the innermost", tm_ins_text(a, m, p, k));
            open.n--;
        }
        if (grid && i->op == TM_END) grid_closed = true;
        else if (grid_closed) return arena_printf(a, "%s: stands behind the grid loops", tm_ins_text(a, m, p, k));
        if (!grid) body = true;
    }
    if (open.n > 0) return arena_printf(a, "loop %s is never closed", p->loops.at[vec_last(&open)].name);
    int where = 0;
    const char *refusal = tm_persist_refuses(p, &where);
    return refusal ? arena_printf(a, "%s: %s", tm_ins_text(a, m, p, where), refusal) : NULL;
}

/* ---- storage ---- */

static const char *pitches(Arena *a, const TmProgram *p, const TmTile *t, bool weight)
{
    int size = dtype_bytes(t->dtype), grain = p->target == TM_CUDA ? 16 : size;
    if (t->order == TM_PANELS) {
        if (t->panel < 1 || t->ext[1] != 1 || !t->member)
            return arena_printf(a, "tile %s: only pw weights of an image lie in panels", t->name);
        return NULL;
    }
    if (t->cpad < t->ext[3] || t->pitch_w < t->cpad * size || t->pitch_h < t->ext[2] * t->pitch_w)
        return arena_printf(a, "tile %s: %d channels of %d bytes and %d columns overlap at pitches %d and %d", t->name, t->cpad,
                            size, t->ext[2], t->pitch_w, t->pitch_h);
    if (t->pitch_w % grain || t->pitch_h % grain)
        return arena_printf(a, "tile %s: pitches %d and %d are no multiples of %d", t->name, t->pitch_w, t->pitch_h, grain);
    if (!weight && t->cpad % 8) return arena_printf(a, "tile %s: stores %d channels, which is no multiple of 8", t->name, t->cpad);
    return NULL;
}

static const char *storage(Arena *a, const TmProgram *p, int tile)
{
    const TmTile *t = &p->tiles.at[tile];
    int grain = p->target == TM_CUDA ? 16 : 64;
    bool weight = false;
    for (int k = 0; k < p->code.n; k++) weight = weight || (p->code.at[k].op == TM_PW && p->code.at[k].wgt == tile);
    if (t->stages > 1 && t->stage_loop < 0) return arena_printf(a, "tile %s has %d stages by no loop", t->name, t->stages);
    if (t->member || (t->space == TM_SHARED && !tm_is_image(t))) {
        const char *why = pitches(a, p, t, weight);
        if (why) return why;
        int64_t rows = t->roll ? t->roll : t->ext[1];
        if (!t->member && t->order == TM_PIXELS && t->slot_bytes < rows * t->pitch_h)
            return arena_printf(a, "tile %s: %lld rows of %d bytes exceed its %d bytes", t->name, (long long)rows, t->pitch_h,
                                t->slot_bytes);
    }
    if (t->space != TM_SHARED || t->member || t->offset < 0) return NULL;           /* never placed = never used */
    if (t->offset % grain) return arena_printf(a, "tile %s lies at byte %d, which is no multiple of %d", t->name, t->offset, grain);
    if (t->offset + tm_tile_bytes(t) > p->arena_bytes)
        return arena_printf(a, "tile %s ends at byte %lld of an arena of %d", t->name, (long long)(t->offset + tm_tile_bytes(t)),
                            p->arena_bytes);
    return NULL;
}

enum { MOST_ARENA = 256 << 20 };

static const char *capacity(Arena *a, const TmProgram *p, const Device *d)
{
    if (p->arena_bytes > MOST_ARENA) return arena_printf(a, "an arena of %d bytes is larger than any thread's cache", p->arena_bytes);
    if (!d || p->target != TM_CUDA) return NULL;
    if (p->arena_bytes > d->smem_block)
        return arena_printf(a, "asks for %d bytes of shared memory, a block may have %.0f", p->arena_bytes, d->smem_block);
    if ((p->arena_bytes + d->smem_reserved) * p->ctas > d->smem_sm)
        return arena_printf(a, "%d blocks of %d bytes of shared memory do not fit an SM's %.0f", p->ctas, p->arena_bytes, d->smem_sm);
    if (p->threads > d->threads_block || p->threads * p->ctas > d->threads_sm)
        return arena_printf(a, "%d blocks of %d threads do not fit an SM", p->ctas, p->threads);
    if (p->threads % 32) return arena_printf(a, "%d threads are no whole number of warps", p->threads);
    return p->arch <= d->arch ? NULL : arena_printf(a, "made for sm_%d, the device is sm_%.0f", p->arch, d->arch);
}

/* ---- images ---- */

/* Members lie apart inside the record, start aligned, and depend on the image's loops only. */
static const char *image(Arena *a, const TmProgram *p, int number)
{
    const TmImage *im = &p->images.at[number];
    int64_t count = 1;
    for (int l = 0; l < im->nloop; l++) count *= p->loops.at[im->loops[l]].trip;
    if (im->count != count || im->bytes % 64 || im->offset % 256)
        return arena_printf(a, "image %s: %lld records of %d bytes at %lld, wanted %lld, multiples of 64 and 256", im->name,
                            (long long)im->count, im->bytes,
                            (long long)im->offset, (long long)count);
    for (int k = 0; k < im->members.n; k++) {
        const TmTile *t = &p->tiles.at[im->members.at[k]];
        int64_t end = t->image_off + tm_member_bytes(t);
        if (t->image != number || !t->member || t->image_off < 0 || t->image_off % 16 || end > im->bytes)
            return arena_printf(a, "image %s: member %s at bytes %d to %lld of a record of %d", im->name, t->name, t->image_off,
                                (long long)end, im->bytes);
        for (int o = 0; o < k; o++) {
            const TmTile *u = &p->tiles.at[im->members.at[o]];
            if (t->image_off < u->image_off + tm_member_bytes(u) && u->image_off < end)
                return arena_printf(a, "image %s: members %s and %s overlap", im->name, u->name, t->name);
        }
        for (int d = 0; d < 4; d++)
            for (int n = 0; n < t->org[d].nterm; n++) {
                bool known = false;
                for (int l = 0; l < im->nloop; l++) known = known || im->loops[l] == t->org[d].term[n].loop;
                if (!known)
                    return arena_printf(a, "image %s: member %s moves with loop %s, its records do not", im->name, t->name,
                                        p->loops.at[t->org[d].term[n].loop].name);
            }
    }
    return NULL;
}

/* ---- instructions ---- */

static bool divides(int64_t by, int64_t n) { return n % by == 0; }

/* COPY and STORE: the width divides every pixel's start and run. */
static const char *width(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    const TmTile *t = &p->tiles.at[i->op == TM_STORE ? i->src : i->dst];
    if (tm_is_image(t) || p->target != TM_CUDA) return NULL;
    const TmTensor *x = &m->tensors.at[t->tensor];
    int size = dtype_bytes(x->dtype);
    bool fits = i->vec >= size && i->vec <= 16 && (i->vec & (i->vec - 1)) == 0 && divides(i->vec, x->dim[3] * size)
        && divides(i->vec, t->org[3].k * size);
    for (int n = 0; n < t->org[3].nterm; n++) fits = fits && divides(i->vec, t->org[3].term[n].coef * size);
    fits = fits && (t->ext[3] >= x->dim[3] || divides(i->vec, (int64_t)t->ext[3] * size));
    return fits ? NULL : "the access width does not divide the channels' start and run";
}

static const char *copy_or_store(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    if (i->op == TM_COPY) {
        const TmTile *t = &p->tiles.at[i->dst];
        if (t->space != TM_SHARED || t->member) return "copies into no tile of the arena";
        if (t->order == TM_PANELS) return "copies into panels";
        if (!tm_is_image(t) && m->tensors.at[t->tensor].role == TM_VIRTUAL) return "copies a tensor that is never in memory";
        if (i->async && p->target != TM_CUDA) return "asynchronous copies exist on CUDA only";
        if (i->async && !tm_is_image(t) && (i->vec < 4 || t->dtype != m->tensors.at[t->tensor].dtype))
            return "an asynchronous copy converts nothing and moves 4, 8 or 16 bytes";
        if (i->lead && (t->stages < 2 || i->lead >= t->stages)) return "runs further ahead than the tile has stages";
    } else {
        const TmTile *t = &p->tiles.at[i->src];
        const TmTensor *x = &m->tensors.at[t->tensor], *y = &m->tensors.at[i->tensor];
        if (x->dim[1] != y->dim[1] || x->dim[2] != y->dim[2] || x->dim[3] != y->dim[3])
            return "stores a tile of a tensor of another shape";
        if (m->tensors.at[i->tensor].role != TM_OUT && m->tensors.at[i->tensor].role != TM_TEMP)
            return "stores a tensor that is neither output nor temporary";
        if (t->space == TM_GLOBAL) return "stores what already is in memory";
    }
    return width(m, p, i);
}

static const char *instruction(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    if (i->op == TM_COPY || i->op == TM_STORE) return copy_or_store(m, p, i);
    if (i->op == TM_FINISH && p->target == TM_CUDA && p->tiles.at[i->dst].space != TM_SHARED) return "finishes into no tile of the arena";
    if ((i->op == TM_PW || i->op == TM_DW) && i->accumulate) {
        TmSub s = tm_whole(&p->tiles.at[i->dst]);
        bool whole = i->sub.h0 == s.h0 && i->sub.h1 == s.h1 && i->sub.w0 == s.w0 && i->sub.w1 == s.w1;
        if (!whole && p->tiles.at[i->dst].space == TM_REGISTER) return "adds to a part of its registers";
    }
    return tm_variant_refuses(m, p, i);
}

/* ---- the abstract run over blocks ---- */

/* A dimension of two has no middle; persistent blocks of one grid point differ in the tile that comes first. */
static const char *run_blocks(Arena *a, const TmModule *m, const TmProgram *p)
{
    enum { MOVING = 64, BLOCKS = 3 };               /* rows and columns meet the border; large images stay cheap */
    int64_t grid = 1, tiles = 1;
    for (int l = 0; l < p->loops.n; l++) {
        const TmLoop *x = &p->loops.at[l];
        if (x->kind == TM_GRID && x->trip > grid) grid = x->trip;
        if (x->kind == TM_PERSIST && x->trip > tiles) tiles = x->trip;
    }
    int64_t n = p->sharers && tiles > 1 && grid < 2 ? 2 : grid;
    return abstract_blocks(abstract_new(a, m, p, MOVING), 0, n < BLOCKS ? (int)n : BLOCKS);
}

const char *tm_verify(Arena *a, const TmModule *m, const TmProgram *p, const Device *d)
{
    const char *why = structure(a, m, p);
    if (!why) why = capacity(a, p, d);
    for (int t = 0; t < p->tiles.n && !why; t++) why = storage(a, p, t);
    for (int i = 0; i < p->images.n && !why; i++) why = image(a, p, i);
    for (int k = 0; k < p->code.n && !why; k++) {
        const char *refusal = instruction(m, p, &p->code.at[k]);
        if (refusal) why = arena_printf(a, "%s: %s", tm_ins_text(a, m, p, k), refusal);
    }
    if (!why) why = verify_sums(a, m, p);
    if (!why) why = verify_stores(a, m, p);
    return why ? why : run_blocks(a, m, p);
}
