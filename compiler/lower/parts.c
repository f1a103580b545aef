/* parts.c: see parts.h */
#include "parts.h"
#include "text.h"

#include <string.h>

Parts parts_begin(Lowering *l, TmProgram *p, const Sched *s)
{
    Parts b = { .l = l, .a = l->arena, .m = l->module, .p = p, .s = s, .cuda = p->target == TM_CUDA };
    b.n = tm_loop(b.a, p, "n", parts_tile_loops(&b), 0);
    return b;
}

TmLoopKind parts_tile_loops(const Parts *b) { return b->s->persist > 0 ? TM_PERSIST : TM_GRID; }

int parts_loop(Parts *b, const char *name, TmLoopKind kind, int64_t trip)
{
    return trip == 1 ? -1 : tm_loop(b->a, b->p, name, kind, trip);
}

Affine parts_at(int loop, int64_t coef) { return loop < 0 ? affine_const(0) : affine_term(0, loop, coef); }

void parts_open(Parts *b, int loop)
{
    if (loop >= 0) tm_open(b->a, b->p, loop);
}

void parts_close(Parts *b, int loop)
{
    if (loop >= 0) tm_close(b->a, b->p, loop);
}

DType parts_dtype(const Parts *b, int tensor) { return b->cuda ? b->m->tensors.at[tensor].dtype : DT_F32; }

int parts_tile(Parts *b, const char *name, int tensor, Window v, TmSpace space)
{
    TmTile t = { .name = name, .tensor = tensor, .space = space, .ext = { 1, (int)v.rows, (int)v.cols, (int)v.channels } };
    t.dtype = space == TM_GLOBAL ? b->m->tensors.at[tensor].dtype : space == TM_REGISTER ? DT_F32 : parts_dtype(b, tensor);
    t.org[0] = affine_term(0, b->n, 1);
    t.org[1] = v.h;
    t.org[2] = v.w;
    t.org[3] = v.c;
    return tm_tile(b->a, b->p, t);
}

int parts_weights(Parts *b, const char *name, int tensor, int image, Affine org[4], const int64_t ext[4])
{
    TmTile t = { .name = name, .tensor = tensor, .space = b->cuda ? TM_SHARED : TM_GLOBAL };
    bool vector = ext[1] == 1 && ext[2] == 1;
    t.dtype = vector && b->m->tensors.at[tensor].dtype == DT_F32 ? DT_F32 : parts_dtype(b, tensor);
    for (int d = 0; d < 4; d++) {
        t.org[d] = org[d];
        t.ext[d] = (int)ext[d];
    }
    int tile = tm_tile(b->a, b->p, t);
    b->p->tiles.at[tile].image = image;
    b->p->tiles.at[tile].member = true;
    return tile;
}

static bool persists(const Parts *b) { return parts_tile_loops(b) == TM_PERSIST; }

static void open_tiles(Parts *b, Outer o) { parts_open(b, o.n), parts_open(b, o.i), parts_open(b, o.j); }
static void close_tiles(Parts *b, Outer o) { parts_close(b, o.j), parts_close(b, o.i), parts_close(b, o.n); }

void parts_open_blocks(Parts *b, Outer o)
{
    if (!persists(b)) open_tiles(b, o);
    parts_open(b, o.k);
}

void parts_open_tiles(Parts *b, Outer o)
{
    if (persists(b)) open_tiles(b, o);
}

void parts_close_outer(Parts *b, Outer o)
{
    if (persists(b)) close_tiles(b, o);
    parts_close(b, o.k);
    if (!persists(b)) close_tiles(b, o);
}

/* ---- global accesses ---- */

static int64_t low_bit(int64_t v) { return v == 0 ? 16 : v & -v; }

int parts_vec(const Parts *b, int tensor, const TmTile *t)
{
    const TmTensor *x = &b->m->tensors.at[tensor];
    int size = dtype_bytes(x->dtype);
    int64_t vec = 16;
    if (low_bit(x->dim[3] * size) < vec) vec = low_bit(x->dim[3] * size);
    if (low_bit(t->org[3].k * size) < vec) vec = low_bit(t->org[3].k * size);
    for (int i = 0; i < t->org[3].nterm; i++)
        if (low_bit(t->org[3].term[i].coef * size) < vec) vec = low_bit(t->org[3].term[i].coef * size);
    while (vec > size && (t->ext[3] * size) % vec != 0 && t->ext[3] < x->dim[3]) vec /= 2;
    return (int)(vec < size ? size : vec);
}

void parts_copy(Parts *b, int tile, int h0, int h1)
{
    const TmTile *t = &b->p->tiles.at[tile];
    TmIns i = tm_ins(TM_COPY);
    i.dst = tile;
    i.sub = (TmSub){ h0, h1, 0, t->ext[2] };
    i.vec = tm_is_image(t) ? 16 : parts_vec(b, t->tensor, t);
    tm_emit(b->a, b->p, i);
}

/* ---- epilogues ---- */

/* Nobody reads the names of a draft. */
static const char *named(const Parts *b, const char *fmt, ...)
{
    va_list ap;
    if (b->l->draft) return "";
    va_start(ap, fmt);
    const char *name = arena_vprintf(b->a, fmt, ap);
    va_end(ap);
    return name;
}

static int vector(Parts *b, const char *prefix, const char *suffix, int tensor, int image, Window v)
{
    Affine org[4] = { affine_const(0), affine_const(0), affine_const(0), v.c };
    int64_t ext[4] = { 1, 1, 1, v.channels };
    return parts_weights(b, named(b, "%s_%s", prefix, suffix), tensor, image, org, ext);
}

/* bn's s and t as tensors of their own, computed by pack. */
static int derived(Parts *b, const StageEpi *e, TmDerive what)
{
    const GraphNode *node = &b->l->graph->nodes.at[e->node];
    TmTensor t = { .role = TM_DERIVED, .dtype = DT_F32, .dim = { 1, 1, 1, node->c }, .rank = 1, .derive = what, .eps = e->eps, .loc = node->loc };
    t.name = named(b, "%s.%s", node->name, what == TM_BN_SCALE ? "scale" : "shift");
    t.cname = named(b, "bn%d_%s", e->node, what == TM_BN_SCALE ? "scale" : "shift");
    for (int i = 0; i < 4; i++) t.from[i] = b->l->tensor_of_param[e->param[i]];
    return tm_tensor(b->a, b->m, t);
}

/* The tile that gives z at the coordinates of v: the cover, the tensor in place, or, where z spreads, a copy on chip. */
static int residual(Parts *b, const StageEpi *e, const char *prefix, Window v, int cover, Epilogue *out)
{
    const GraphNode *z = &b->l->graph->nodes.at[e->value], *at = &b->l->graph->nodes.at[e->node];
    int tensor = b->l->tensor_of_node[e->value];
    if (cover >= 0 && b->p->tiles.at[cover].tensor == tensor && z->h == at->h && z->w == at->w) return cover;
    const char *name = named(b, "%s_z%d", prefix, out->steps.n);
    bool spread_h = z->h == 1 && at->h != 1, spread_w = z->w == 1 && at->w != 1;
    if (!spread_h && !spread_w) return parts_tile(b, name, tensor, v, TM_GLOBAL);
    if (spread_h) v.h = affine_const(0), v.rows = 1;
    if (spread_w) v.w = affine_const(0), v.cols = 1;
    int tile = parts_tile(b, name, tensor, v, TM_SHARED);
    vec_push(b->a, &out->first, tile);
    return tile;
}

static const TmEpiKind tm_kind[] = {
    [EPI_BIAS] = TM_EPI_BIAS, [EPI_BN] = TM_EPI_BN,     [EPI_ACT] = TM_EPI_ACT, [EPI_ADD] = TM_EPI_ADD,     [EPI_SUB] = TM_EPI_SUB,
    [EPI_RSUB] = TM_EPI_RSUB, [EPI_MUL] = TM_EPI_MUL, [EPI_ADDC] = TM_EPI_ADDC, [EPI_RSUBC] = TM_EPI_RSUBC, [EPI_MULC] = TM_EPI_MULC,
};

Epilogue parts_epilogue(Parts *b, const Stage *st, const char *prefix, Window v, int image, int cover)
{
    Epilogue out = { 0 };
    for (int i = 0; i < st->epi.n; i++) {
        const StageEpi *e = &st->epi.at[i];
        TmEpi step = { .kind = tm_kind[e->kind], .tile = -1, .tile2 = -1, .act = e->act, .a = e->a, .b = e->b };
        const char *tag = out.steps.n ? named(b, "%s%d", prefix, out.steps.n) : prefix;
        switch (e->kind) {
        case EPI_BIAS:
            step.tile = vector(b, tag, "bias", b->l->tensor_of_param[e->param[0]], image, v);
            break;
        case EPI_BN:
            step.tile = vector(b, tag, "scale", derived(b, e, TM_BN_SCALE), image, v);
            step.tile2 = vector(b, tag, "shift", derived(b, e, TM_BN_SHIFT), image, v);
            break;
        case EPI_ADD: case EPI_SUB: case EPI_RSUB: case EPI_MUL:
            step.tile = residual(b, e, tag, v, cover, &out);
            break;
        default:
            break;
        }
        vec_push(b->a, &out.steps, step);
    }
    return out;
}

void parts_copy_first(Parts *b, const Epilogue *e)
{
    for (int i = 0; i < e->first.n; i++) parts_copy(b, e->first.at[i], 0, b->p->tiles.at[e->first.at[i]].ext[1]);
}

void parts_set_epi(Parts *b, TmIns *i, const Epilogue *e)
{
    for (int k = 0; k < e->steps.n; k++) vec_push(b->a, &i->epi, e->steps.at[k]);
}

/* ---- notes ---- */

static void note_step(Text *t, const StageEpi *e)
{
    static const char *const names[] = { [EPI_BIAS] = "bias", [EPI_BN] = "bn", [EPI_ADD] = "+ z", [EPI_SUB] = "- z", [EPI_RSUB] = "z -",
                                         [EPI_MUL] = "* z", [EPI_ADDC] = "+ c", [EPI_RSUBC] = "c -", [EPI_MULC] = "* c", [EPI_ACT] = "" };
    text_printf(t, ", %s", e->kind == EPI_ACT ? act_name(e->act) : names[e->kind]);
}

const char *parts_note(const Parts *b, const Stage *st)
{
    if (b->l->draft) return NULL;
    const Graph *g = b->l->graph;
    const GraphNode *core = &g->nodes.at[st->core], *in = &g->nodes.at[st->in];
    Text t = text_new(b->a);
    if (core->loc.file > 0) {
        int line, col;
        diag_position(b->l->diag, core->loc, &line, &col);
        const char *path = diag_source(b->l->diag, core->loc.file)->path, *slash = strrchr(path, '/');
        text_printf(&t, "%s:%d ", slash ? slash + 1 : path, line);
    }
    text_printf(&t, "%s = %s", g->nodes.at[st->out].name, st->pointless ? g->nodes.at[st->in].name : graph_op_name(core->op));
    if (core->op == GR_DW && !st->pointless) text_printf(&t, " %dx%d/%d", core->ah.k, core->aw.k, core->ah.stride);
    if (!st->pointless) text_printf(&t, " %lld->%lld", (long long)in->c, (long long)core->c);
    for (int i = 0; i < st->epi.n; i++) note_step(&t, &st->epi.at[i]);
    return t.at;
}

/* ---- warp and thread grids ---- */

static int up(int a, int b) { return (a + b - 1) / b; }

void parts_grid(int workers, int mt, int nt, int *wm, int *wn)
{
    long best = 0;
    int root = 1;
    while ((root + 1) * (root + 1) <= workers) root++;
    for (int k = 1; k <= 2 * root; k++) {                       /* divisors in ascending order: up to the root, then the others of each pair */
        int small = k <= root ? k : 2 * root + 1 - k;
        if (workers % small) continue;
        int m = k <= root ? small : workers / small, n = workers / m;
        long mi = up(mt, m), ni = up(nt, n), price = mi * ni * 16 + mi + ni;
        if (best && price > best) continue;                     /* on a tie the taller grid: fewer re-reads of the pixels */
        best = price;
        *wm = m;
        *wn = n;
    }
}

/* The work of one item in issue slots (four a clock): a warp's load of w bytes a lane takes w / 4 clocks of shared memory, an FMA one slot, and
 * about three more go to each result's epilogue. */
static int64_t dw_price(const TmIns *i, const TmTile *w, int64_t loads, int lane_channels, int lane_bytes)
{
    int64_t results = (int64_t)(i->item_h > 0 ? i->item_h : 1) * i->item_w * lane_channels, taps = (int64_t)w->ext[1] * w->ext[2];
    return (loads + taps) * (lane_bytes + 1 + lane_channels) + results * (taps + 3);
}

static int64_t dw_rounds(const Parts *b, const TmIns *i, const TmTile *w, int lane_channels)
{
    int64_t rows = win_div_up(i->sub.h1 - i->sub.h0, i->item_h > 0 ? i->item_h : 1), cols = win_div_up(i->sub.w1 - i->sub.w0, i->item_w);
    return win_div_up(rows * cols * (win_round_up(w->ext[3], 8) / lane_channels), b->p->threads);
}

/* Registers of the sliding form: sums of the rows that are under way, taps, a row of pixels, addresses (known for sm_90: 58 for 3x3, 128 for
 * 5x5 with four columns; this says 62 and 122). */
static bool slides(const TmIns *i, const TmTile *w)
{
    int reach_h = (w->ext[1] - 1) * i->geom.dil_h, reach_w = (w->ext[2] - 1) * i->geom.dil_w, alive = reach_h / i->geom.stride_h + 1;
    int span = (i->item_w - 1) * i->geom.stride_w + reach_w + 1;
    return 2 * ((alive < i->item_h ? alive : i->item_h) * i->item_w + w->ext[1] * w->ext[2] + span) + 16 <= WORKING_REGISTERS;
}

void parts_dw_items(const Parts *b, TmIns *i)
{
    static const int rows[] = { 1, 2, 3, 4, 7, 8 }, cols[] = { 1, 2, 4 };
    const TmTile *w = &b->p->tiles.at[i->wgt];
    const TmGeom *g = &i->geom;
    int size = dtype_bytes(b->p->tiles.at[i->src].dtype), reach_h = (w->ext[1] - 1) * g->dil_h, reach_w = (w->ext[2] - 1) * g->dil_w;
    TmIns best = *i, try = *i;
    best.variant = TMV_DW_WINDOW;
    best.item_w = 4;
    int64_t least = dw_rounds(b, &best, w, 16 / size) * dw_price(&best, w, (int64_t)w->ext[1] * (3 * g->stride_w + reach_w + 1), 16 / size, 16);
    try.variant = TMV_DW_SLIDE;
    for (int r = 0; r < 6; r++)
        for (int c = 0; c < 3; c++) {
            try.item_h = rows[r], try.item_w = cols[c];
            if (rows[r] > i->sub.h1 - i->sub.h0 || cols[c] > i->sub.w1 - i->sub.w0 || !slides(&try, w)) continue;
            int64_t loads = (int64_t)((rows[r] - 1) * g->stride_h + reach_h + 1) * ((cols[c] - 1) * g->stride_w + reach_w + 1);
            int64_t price = dw_rounds(b, &try, w, 2) * dw_price(&try, w, loads, 2, 2 * size);
            if (price < least) least = price, best = try;
        }
    i->variant = best.variant;
    i->item_h = best.item_h;
    i->item_w = best.item_w;
}

/* The fewest runs of at most `most` that make up n, all of one length but for the last: 10 columns are 5 + 5, not 8 + 2. */
static int even_share(int64_t n, int most) { return n <= 0 ? 1 : (int)win_div_up(n, win_div_up(n, most)); }

/* Columns of a row that are computed: of a window around the whole map those of the map. */
static int64_t live_cols(const Parts *b, const TmIns *i)
{
    int64_t cols = i->sub.w1 - i->sub.w0, map = b->m->tensors.at[b->p->tiles.at[i->dst].tensor].dim[2];
    return i->masked && map < cols ? map : cols;
}

/* A panel is a whole number of vectors. Two pipes do 4 * V flops a clock with V floats, at most the core's rate (cores that split 512-bit operations
 * gain nothing from them). The register tile keeps about 24 accumulators busy (AVX2: 12); `price` is the padded width over the rate, and a
 * little for the loads. A panel of one vector takes more pixels: with one load a pixel and one for the weights it lives by its loads. */
void parts_cpu_items(const Parts *b, TmIns *i)
{
    const Device *d = b->l->device;
    int accumulators = d->arch >= 512 ? 24 : 12, k = b->p->tiles.at[i->wgt].ext[2], item_c = 8, item_w = 1;
    int64_t cols = live_cols(b, i), run = tm_pw_linear(b->p, i) ? (i->sub.h1 - i->sub.h0) * cols : cols;
    double best = 0;
    for (int panel = 48; panel >= 8 && d->arch > 0; panel -= 8) {
        i->item_c = panel;
        int vector = tm_vector(b->m, b->p, i), vectors = panel / vector;
        if (vectors > accumulators / 4) continue;
        int most = accumulators / vectors, cap = vectors == 1 ? 16 : 8, pixels = most < cap ? most : cap;
        double rate = 4 * vector < d->fma_rate ? 4 * vector : d->fma_rate;
        double price = (double)win_round_up(k, panel) / rate * (1 + 0.25 * (vectors + pixels) / (vectors * pixels));
        if (best > 0 && price >= best) continue;
        best = price;
        item_c = panel;
        item_w = even_share(run, pixels);
    }
    i->item_c = item_c;
    i->item_w = item_w;
}

/* Sums, the taps of a filter row and one input share the vector registers (fc_dw.h); where they cannot, taps stream past 8 sums. */
void parts_cpu_dw_item(const Parts *b, TmIns *i)
{
    int registers = b->l->device->arch >= 512 ? 32 : 16, most = registers - 2 - b->p->tiles.at[i->wgt].ext[2];
    if (most < 4) most = 8;
    i->item_w = even_share(live_cols(b, i), most < 16 ? most : 16);
}
