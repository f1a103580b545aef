/* parse_check.c: what a parsed program must fulfil so that walk, run, verify and emit may read it without looking: loops nest, operands exist
 * and are of the kind that the operation wants, windows and storage stay inside their bytes, sums stay inside 64 bits and end soon.
 * Whether the program computes the right thing (coverage, hazards, masks) is verify's question, not asked here. */
#include "tm_text.h"
#include "tm_walk.h"

#include <string.h>

/* ---- loops ---- */

/* |k| + Σ |coef| * trip, the batch counted as 2^31, must stay below 2^44. */
static bool affine_fits(const TmProgram *p, const Affine *a)
{
    int64_t sum = a->k < 0 ? -a->k : a->k;
    for (int i = 0; i < a->nterm; i++) {
        int64_t f = a->term[i].coef < 0 ? -a->term[i].coef : a->term[i].coef, trip = p->loops.at[a->term[i].loop].trip;
        sum = tm_sat_add(sum, tm_sat_mul(f, (trip ? trip : TM_MAX_INT) + TM_MAX_STAGES));
    }
    return sum < (int64_t)1 << 44;
}

static bool check_loop(TmParser *z, int at)
{
    const TmLoop *l = &z->p->loops.at[at];
    if (l->limit_bound <= 0) return true;
    if (affine_coef(&l->limit, at) <= 0)
        return tm_error(z, z->loop_loc.at[at], "FCM4008", "the limit of loop '%s' must grow with the loop's variable", l->name);
    return affine_fits(z->p, &l->limit) || tm_error(z, z->loop_loc.at[at], "FCM4013", "the limit of loop '%s' can leave 2^44", l->name);
}

/* Iterations in all, and of loops that are tied to each other: the walk enumerates those. */
static bool check_trips(TmParser *z)
{
    const TmProgram *p = z->p;
    int comp[TM_WALK_LOOPS], n = tm_tied_loops(p, comp);
    int64_t all = 1, cost = 0;
    for (int c = 0; c < n; c++) {
        int64_t tied = 1;
        for (int l = 0; l < p->loops.n; l++)
            if (comp[l] == c && p->loops.at[l].trip) tied = tm_sat_mul(tied, p->loops.at[l].trip);
        all = tm_sat_mul(all, tied);
        cost = tm_sat_add(cost, tied);
        if (tied > TM_MAX_TIED)
            return tm_error(z, z->program_loc, "FCM4013", "windows depend on loops that run %lld times together; %d is the most", (long long)tied, TM_MAX_TIED);
    }
    if (all > TM_MAX_ELEMENTS || tm_sat_mul(cost, p->code.n) > 1 << 24)
        return tm_error(z, z->program_loc, "FCM4013", "the loops of this program run more often than it can be walked");
    return true;
}

/* Grid loops first and closed last; loops closed in turn. A loop may be opened again once it is closed, a grid loop may not. */
static bool check_nesting(TmParser *z)
{
    const TmProgram *p = z->p;
    int stack[TM_MAX_LOOPS], depth = 0;
    bool opened[TM_MAX_LOOPS] = { false }, in_body = false, closing = false;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        Loc at = z->ins_loc.at[k];
        bool grid = i->loop >= 0 && p->loops.at[i->loop].kind == TM_GRID;
        if (closing && !(i->op == TM_END && grid))
            return tm_error(z, at, "FCM4008", "only ends of grid loops may follow the end of a grid loop");
        if (i->op == TM_LOOP) {
            for (int d = 0; d < depth; d++)
                if (stack[d] == i->loop)
                    return tm_error(z, at, "FCM4008", "loop '%s' is open already", p->loops.at[i->loop].name);
            if (grid && in_body)
                return tm_error(z, at, "FCM4008", "grid loop '%s' must stand before all other code", p->loops.at[i->loop].name);
            if (p->loops.at[i->loop].trip == 0 && grid && k > 0)
                return tm_error(z, at, "FCM4008", "the loop over the batch must be the first");
            opened[i->loop] = true;
            stack[depth++] = i->loop;
        } else if (i->op == TM_END) {
            if (depth == 0) return tm_error(z, at, "FCM4008", "no loop is open here");
            if (stack[--depth] != i->loop)
                return tm_error(z, at, "FCM4008", "loop '%s' is open here, not '%s'", p->loops.at[stack[depth]].name, p->loops.at[i->loop].name);
            closing = grid;
        }
        if (!grid) in_body = true;
    }
    if (depth) return tm_error(z, z->program_loc, "FCM4008", "loop '%s' is never closed", p->loops.at[stack[depth - 1]].name);
    for (int l = 0; l < p->loops.n; l++)
        if (!opened[l] && p->loops.at[l].kind != TM_TURN) return tm_error(z, z->loop_loc.at[l], "FCM4008", "loop '%s' is never opened", p->loops.at[l].name);
    int where = 0;
    const char *refusal = tm_persist_refuses(p, &where);
    return !refusal || tm_error(z, z->ins_loc.at[where], "FCM4008", "%s", refusal);
}

/* ---- tiles ---- */

/* Bytes that one slot of the tile's storage needs; -1 if its pitches cannot hold its pixels. */
static int64_t storage_bytes(const TmProgram *p, const TmTile *t)
{
    if (tm_is_image(t)) return tm_sat_mul(t->ext[3], p->images.at[t->image].bytes);
    int64_t size = dtype_bytes(t->dtype), pixel = t->cpad * size, rows = t->roll ? t->roll : t->ext[1];
    if (t->order == TM_PANELS) return tm_sat_mul(win_round_up(t->ext[2], t->panel), pixel);
    if (t->swizzle_mask) pixel = ((((pixel + 15) / 16 - 1) | t->swizzle_mask) + 1) * 16;
    if (t->ext[2] > 1 && t->pitch_w < pixel) return -1;
    int64_t row = tm_sat_add(tm_sat_mul(t->ext[2] - 1, t->pitch_w), pixel);
    if ((rows > 1 || t->member) && t->pitch_h < row) return -1;
    return tm_sat_add(tm_sat_mul(rows - 1, t->pitch_h), row);
}

static bool check_storage(TmParser *z, const TmTile *t, Loc l)
{
    const TmProgram *p = z->p;
    if (t->space != TM_SHARED && !t->member) return true;
    int64_t need = storage_bytes(p, t);
    if (need < 0)
        return tm_error(z, l, "FCM4011", "the pitches of tile '%s' do not hold its %d columns of %d channels", t->name, t->ext[2], t->cpad);
    if (t->member) {
        const TmImage *im = &p->images.at[t->image];
        if (tm_sat_add(t->image_off, need) > im->bytes || tm_sat_add(t->image_off, tm_member_bytes(t)) > im->bytes)
            return tm_error(z, l, "FCM4012", "tile '%s' ends behind its record of %d bytes", t->name, im->bytes);
        return true;
    }
    if (t->slot_bytes < need)
        return tm_error(z, l, "FCM4011", "tile '%s' needs %lld bytes, its slot has %d", t->name, (long long)need, t->slot_bytes);
    if (t->offset < 0 || t->offset % 16)
        return tm_error(z, l, "FCM4011", "tile '%s' has no place in the arena that is a multiple of 16", t->name);
    if (t->offset + tm_tile_bytes(t) > p->arena_bytes)
        return tm_error(z, l, "FCM4011", "tile '%s' ends at byte %lld of an arena of %d", t->name, (long long)(t->offset + tm_tile_bytes(t)), p->arena_bytes);
    return true;
}

static bool check_member(TmParser *z, const TmTile *t, Loc l)
{
    const TmImage *im = &z->p->images.at[t->image];
    bool listed = false;
    for (int i = 0; i < im->members.n; i++) listed = listed || &z->p->tiles.at[im->members.at[i]] == t;
    if (!listed) return tm_error(z, l, "FCM4012", "tile '%s' is missing in the line: members %s", t->name, im->name);
    TmRole role = z->m->tensors.at[t->tensor].role;
    if (role != TM_PARAM && role != TM_DERIVED) return tm_error(z, l, "FCM4012", "tile '%s' is packed, but '%s' is no parameter", t->name,
                                                                z->m->tensors.at[t->tensor].name);
    if (t->roll || t->stages > 1) return tm_error(z, l, "FCM4012", "a member has neither stages nor roll: its image has");
    for (int d = 0; d < 4; d++)
        for (int k = 0; k < t->org[d].nterm; k++) {
            bool by = false;
            for (int i = 0; i < im->nloop; i++) by = by || im->loops[i] == t->org[d].term[k].loop;
            if (!by) return tm_error(z, l, "FCM4012", "tile '%s' depends on loop '%s', its image does not", t->name,
                                     z->p->loops.at[t->org[d].term[k].loop].name);
        }
    return true;
}

static bool check_tile(TmParser *z, int at)
{
    const TmProgram *p = z->p;
    const TmTile *t = &p->tiles.at[at];
    Loc l = z->tile_loc.at[at];
    int64_t all = t->cpad;
    for (int i = 0; i < 4; i++) {
        if (!affine_fits(p, &t->org[i])) return tm_error(z, l, "FCM4013", "the origin of tile '%s' can leave 2^44", t->name);
        if (i < 3) all = tm_sat_mul(all, t->ext[i]);
    }
    if (all > TM_MAX_ELEMENTS) return tm_error(z, l, "FCM4013", "tile '%s' has more than 2^40 elements", t->name);
    if (t->cpad < t->ext[3])
        return tm_error(z, l, "FCM4011", "tile '%s' stores %d channels of its %d", t->name, t->cpad, t->ext[3]);
    if (t->ext[0] != 1)
        return tm_error(z, l, "FCM4010", "tile '%s' is %d images deep; a tile belongs to one", t->name, t->ext[0]);
    if (tm_is_image(t)) {
        if (t->ext[1] != 1 || t->ext[2] != 1 || t->space == TM_REGISTER || t->roll || t->order == TM_PANELS)
            return tm_error(z, l, "FCM4012", "the tile of an image is [1,1,1,records], global or shared");
        return check_storage(z, t, l);
    }
    TmRole role = z->m->tensors.at[t->tensor].role;
    if (t->member && !check_member(z, t, l)) return false;
    if (t->space == TM_GLOBAL && !t->member && (role == TM_VIRTUAL || role == TM_DERIVED))
        return tm_error(z, l, "FCM4009", "tile '%s' is global, but '%s' is never in memory", t->name, z->m->tensors.at[t->tensor].name);
    if (t->space == TM_REGISTER && (t->dtype != DT_F32 || t->roll || t->stages > 1 || t->member || all > 1 << 26))
        return tm_error(z, l, "FCM4011", "register tile '%s' must be f32 accumulators, without stages or roll", t->name);
    return check_storage(z, t, l);
}

static bool check_image(TmParser *z, int at)
{
    const TmImage *im = &z->p->images.at[at];
    Loc l = z->image_loc.at[at];
    int64_t count = 1;
    for (int i = 0; i < im->nloop; i++) {
        count = tm_sat_mul(count, z->p->loops.at[im->loops[i]].trip);
        for (int k = 0; k < i; k++)
            if (im->loops[k] == im->loops[i]) return tm_error(z, l, "FCM4012", "image '%s' names a loop twice", im->name);
    }
    if (count != im->count) return tm_error(z, l, "FCM4012", "image '%s' has %lld records; its loops run %lld times", im->name, (long long)im->count,
                                            (long long)count);
    if (im->tile < 0 || im->members.n == 0)
        return tm_error(z, l, "FCM4012", "image '%s' has no %s", im->name, im->tile < 0 ? "tile" : "members");
    if (tm_sat_add(im->offset, tm_sat_mul(im->count, im->bytes)) > z->m->packed_bytes)
        return tm_error(z, l, "FCM4012", "image '%s' ends behind the packed buffer of %lld bytes", im->name, (long long)z->m->packed_bytes);
    return true;
}

/* ---- instructions ---- */

static bool check_sub(TmParser *z, const TmTile *t, TmSub s, Loc l)
{
    bool rows = s.h0 < s.h1 && (t->roll ? s.h1 - s.h0 <= t->roll : s.h0 >= 0 && s.h1 <= t->ext[1]);
    if (rows && s.w0 < s.w1 && s.w0 >= 0 && s.w1 <= t->ext[2]) return true;
    return tm_error(z, l, "FCM4010", "rows %d … %d, columns %d … %d are no part of tile '%s' of %d x %d", s.h0, s.h1, s.w0, s.w1, t->name, t->ext[1],
                    t->ext[2]);
}

static bool wrong(TmParser *z, Loc l, const TmTile *t, const char *must)
{
    return tm_error(z, l, "FCM4009", "'%s' must be %s here", t->name, must);
}

static bool check_epilogue(TmParser *z, const TmIns *i, Loc l)
{
    if (i->accumulate && i->epi.n)
        return tm_error(z, l, "FCM4009", "sums that are not complete have no epilogue; finish or store applies it");
    for (int k = 0; k < i->epi.n; k++) {
        const TmEpi *e = &i->epi.at[k];
        const int tiles[2] = { e->tile, e->tile2 };
        for (int n = 0; n < 2; n++) {
            if (tiles[n] < 0) continue;
            const TmTile *t = &z->p->tiles.at[tiles[n]];
            if (tm_is_image(t)) return wrong(z, l, t, "a tile of a tensor");
            if (e->kind <= TM_EPI_BN && (t->ext[1] != 1 || t->ext[2] != 1)) return wrong(z, l, t, "one value a channel");
            if (e->kind <= TM_EPI_BN && !t->member && t->space != TM_SHARED) return wrong(z, l, t, "packed or shared");
        }
    }
    return true;
}

static bool check_copy(TmParser *z, const TmIns *i, Loc l)
{
    const TmTile *t = &z->p->tiles.at[i->dst];
    if (t->member || t->space != TM_SHARED) return wrong(z, l, t, "a shared tile of its own");
    if (i->lead && t->stages == 1)
        return tm_error(z, l, "FCM4009", "tile '%s' has one stage: nothing can be copied ahead", t->name);
    if (tm_is_image(t)) return true;
    TmRole role = z->m->tensors.at[t->tensor].role;
    if (role == TM_VIRTUAL || role == TM_DERIVED)
        return tm_error(z, l, "FCM4009", "'%s' is never in memory", z->m->tensors.at[t->tensor].name);
    if (t->order == TM_PANELS) return wrong(z, l, t, "stored pixel by pixel");
    return true;
}

/* PW, DW, FINISH: destination and sources of a computation. */
static bool check_compute(TmParser *z, const TmIns *i, Loc l)
{
    const TmTile *d = &z->p->tiles.at[i->dst], *s = &z->p->tiles.at[i->src], *w = i->wgt < 0 ? NULL : &z->p->tiles.at[i->wgt];
    if (tm_is_image(d) || d->member || d->space == TM_GLOBAL) return wrong(z, l, d, "a shared or register tile of its own");
    if (i->op == TM_FINISH && d->space != TM_SHARED) return wrong(z, l, d, "a shared tile");
    if (d->order == TM_PANELS) return wrong(z, l, d, "stored pixel by pixel");
    if (tm_is_image(s)) return wrong(z, l, s, "a tile of a tensor");
    if (i->op != TM_PW && !s->member && s->space == TM_GLOBAL)
        return wrong(z, l, s, "shared or register: only pw reads a source in place");
    if (w && !w->member && w->space == TM_GLOBAL) return wrong(z, l, w, "packed or shared");
    if (i->op == TM_FINISH && i->accumulate) return tm_error(z, l, "FCM4009", "finish does not accumulate");
    if (i->accumulate && d->dtype != DT_F32) return wrong(z, l, d, "f32 to accumulate");
    if (w && (tm_is_image(w) || w->space == TM_REGISTER)) return wrong(z, l, w, "a tile of weights");
    if (w && i->op == TM_PW && (w->ext[1] != 1 || s->order == TM_PANELS)) return wrong(z, l, w, "[1,1,K,C]");
    if (w && i->op == TM_DW && (w->order == TM_PANELS || s->order == TM_PANELS))
        return wrong(z, l, w, "[1,R,S,C], stored pixel by pixel");
    return true;
}

static bool check_store(TmParser *z, const TmIns *i, Loc l)
{
    const TmTile *s = &z->p->tiles.at[i->src];
    const TmTensor *x = &z->m->tensors.at[i->tensor];
    if (x->role != TM_OUT && x->role != TM_TEMP)
        return tm_error(z, l, "FCM4009", "'%s' is %s: it cannot be stored", x->name, tm_role_words[x->role]);
    if (tm_is_image(s) || s->member || s->space == TM_GLOBAL || s->order == TM_PANELS)
        return wrong(z, l, s, "a shared or register tile of its own");
    return true;
}

static bool check_ins(TmParser *z, int at)
{
    const TmIns *i = &z->p->code.at[at];
    Loc l = z->ins_loc.at[at];
    int tile = i->op == TM_STORE ? i->src : i->dst;
    if (i->masked && i->op != TM_PW && i->op != TM_DW && i->op != TM_FINISH)
        return tm_error(z, l, "FCM4009", "only pw, dw and finish are masked");
    if (i->guard_loop >= 0 && (i->op == TM_LOOP || i->op == TM_END))
        return tm_error(z, l, "FCM4009", "a loop has no guard; it may have a limit");
    if (tile < 0) return true;
    if (i->op == TM_COPY && !check_copy(z, i, l)) return false;
    if (i->op == TM_STORE && !check_store(z, i, l)) return false;
    if (i->op == TM_ZERO && (tm_is_image(&z->p->tiles.at[tile]) || z->p->tiles.at[tile].member || z->p->tiles.at[tile].space == TM_GLOBAL ||
                             z->p->tiles.at[tile].dtype != DT_F32))
        return wrong(z, l, &z->p->tiles.at[tile], "f32 accumulators");
    if ((i->op == TM_PW || i->op == TM_DW || i->op == TM_FINISH) && !check_compute(z, i, l)) return false;
    return check_epilogue(z, i, l) && check_sub(z, &z->p->tiles.at[tile], i->sub, l);
}

/* ---- all of it ---- */

void tm_check_program(TmParser *z)
{
    const TmProgram *p = z->p;
    if (p->code.n == 0) {
        tm_error(z, z->program_loc, "FCM4014", "program '%s' has no code", p->name);
        return;
    }
    bool fine = true;
    for (int i = 0; i < p->loops.n; i++) fine = check_loop(z, i) && fine;
    for (int i = 0; i < p->tiles.n; i++) fine = check_tile(z, i) && fine;
    for (int i = 0; i < p->images.n; i++) fine = check_image(z, i) && fine;
    for (int i = 0; i < p->code.n; i++) fine = check_ins(z, i) && fine;
    if (fine && check_nesting(z)) check_trips(z);
}

void tm_check_module(TmParser *z)
{
    const TmModule *m = z->m;
    Loc start = { z->file, 0, 6 };
    if (m->programs.n == 0) tm_error(z, start, "FCM4014", "module '%s' has no program", m->name);
    for (int i = 0; i < m->tensors.n; i++) {
        const TmTensor *x = &m->tensors.at[i];
        int64_t bytes = x->dim[1] * x->dim[2] * x->dim[3] * dtype_bytes(x->dtype);
        if (x->role == TM_TEMP && x->offset + bytes > m->workspace_bytes)
            tm_error(z, x->loc, "FCM4007", "'%s' ends behind the workspace of %lld bytes", x->name, (long long)m->workspace_bytes);
    }
}
