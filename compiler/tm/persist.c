/* persist.c: persist loops. A fixed number of blocks stays on the device and takes the tiles of a grid point in turn, so that what all tiles read
 * (weights) is copied once a block instead of once a tile. With loops n, i, j of trips N, 7, 4 and 3 sharers:
 *
 *     tile     0        1        2        3        4   …          tile = (n * 7 + i) * 4 + j
 *     n i j    0 0 0    0 0 1    0 0 2    0 0 3    0 1 0
 *     block    0        1        2        0        1   …          tile mod 3
 */
#include "tm.h"

int64_t tm_tiles(const TmProgram *p, int64_t batch)
{
    int64_t n = 1;
    for (int i = 0; i < p->loops.n; i++)
        if (p->loops.at[i].kind == TM_PERSIST && !win_mul(n, tm_trip(&p->loops.at[i], batch), &n)) return INT64_MAX;
    return n;
}

int64_t tm_sharers(const TmProgram *p, int64_t batch)
{
    int64_t tiles = tm_tiles(p, batch);
    return p->sharers == 0 ? 1 : tiles < p->sharers ? tiles : p->sharers;
}

static bool opens(const TmProgram *p, int at, TmLoopKind kind)
{
    return at < p->code.n && p->code.at[at].op == TM_LOOP && p->loops.at[p->code.at[at].loop].kind == kind;
}

int tm_persist_at(const TmProgram *p)
{
    for (int k = 0; k < p->code.n; k++)
        if (opens(p, k, TM_PERSIST)) return k;
    return -1;
}

int tm_persist_nest(const TmProgram *p, int at)
{
    int n = 0;
    while (opens(p, at + n, TM_PERSIST)) n++;
    return n;
}

void tm_tile_vars(const TmProgram *p, int at, int64_t tile, int64_t *vars)
{
    for (int k = at + tm_persist_nest(p, at) - 1; k > at; k--) {
        const TmLoop *l = &p->loops.at[p->code.at[k].loop];
        vars[p->code.at[k].loop] = tile % l->trip;
        tile /= l->trip;
    }
    vars[p->code.at[at].loop] = tile;
}

int64_t tm_tile_number(const TmProgram *p, int at, const int64_t *vars)
{
    int64_t tile = vars[p->code.at[at].loop];
    for (int k = at + 1; k < at + tm_persist_nest(p, at); k++) tile = tile * p->loops.at[p->code.at[k].loop].trip + vars[p->code.at[k].loop];
    return tile;
}

int tm_turn(const TmProgram *p)
{
    for (int i = 0; i < p->loops.n; i++)
        if (p->loops.at[i].kind == TM_TURN) return i;
    return -1;
}

bool tm_by_turns(const TmProgram *p, const TmTile *t) { return t->stages > 1 && p->loops.at[t->stage_loop].kind == TM_TURN; }

/* ---- rules ---- */

static bool mentions(const Affine *f, int loop) { return affine_coef(f, loop) != 0; }

/* A count has no place in windows, and its ring is double. */
static const char *turn_tiles(const TmProgram *p, int turn)
{
    for (int t = 0; t < p->tiles.n; t++) {
        const TmTile *x = &p->tiles.at[t];
        for (int d = 0; d < 4; d++)
            if (mentions(&x->org[d], turn)) return "a window moves with the tiles, not with their count";
        if (!tm_by_turns(p, x)) continue;
        if (x->stages != 2 || tm_is_image(x) || x->roll) return "what is copied a tile ahead is a plain tile of two stages";
    }
    for (int i = 0; i < p->images.n; i++)
        for (int l = 0; l < p->images.at[i].nloop; l++)
            if (p->images.at[i].loops[l] == turn) return "records do not depend on the count of tiles";
    for (int l = 0; l < p->loops.n; l++)
        if (mentions(&p->loops.at[l].limit, turn) || (l != turn && p->loops.at[l].kind == TM_TURN)) return "there is one count of tiles, for copies only";
    return NULL;
}

/* The copies of such tiles: before the tiles, and directly in their body one turn ahead; no other instruction asks for a turn. */
static const char *turn_copies(const TmProgram *p, int first, int nest, int turn, int *where)
{
    int depth = 0;
    for (int k = 0; k < p->code.n; k++) {
        const TmIns *i = &p->code.at[k];
        bool inside = k >= first + nest, copies = i->op == TM_COPY && tm_by_turns(p, &p->tiles.at[i->dst]);
        *where = k;
        if (i->loop == turn) return "the count of tiles is no loop to be opened";
        if (inside && (i->op == TM_LOOP || i->op == TM_END)) depth += i->op == TM_LOOP ? 1 : -1;
        if (!copies && i->guard_loop == turn) return "only copies ask whether there is another tile";
        if (!copies) continue;
        bool right = inside ? depth == 0 && i->lead == 1 && i->guard_loop == turn && i->guard_add == 1 : i->lead == 0 && i->guard_loop < 0;
        if (!right) return "a tile of two turns is copied before the tiles, and in each of them one turn ahead while there is another";
    }
    return NULL;
}

/* Before the tiles: grid loops of fixed trips, and nothing that another block would do too. */
static const char *before(const TmProgram *p, int first, int *where)
{
    int inner = 0;
    for (int k = 0; k < first; k++) {
        const TmIns *i = &p->code.at[k];
        *where = k;
        if (opens(p, k, TM_GRID) && p->loops.at[i->loop].trip == 0) return "the batch must be a persist loop, too";
        if (i->op == TM_STORE) return "a store before the persist loops would be made by every block";
        if (opens(p, k, TM_SEQ) || opens(p, k, TM_UNROLL)) inner++;
        if (i->op == TM_END) inner--;
    }
    *where = first;
    return inner ? "persist loops stand directly inside the grid loops" : NULL;
}

/* The ends of the nest, directly one after another, then those of grid loops. */
static const char *behind(const TmProgram *p, int first, int nest, int *where)
{
    int end = tm_loop_end(p, first);
    for (int k = end - nest + 1; k < p->code.n; k++) {
        bool expected = p->code.at[k].op == TM_END && (k > end || p->code.at[k].loop == p->code.at[first + end - k].loop);
        *where = k;
        if (!expected) return k < end ? "persist loops close directly one after another" : "nothing may follow the persist loops";
    }
    return NULL;
}

const char *tm_persist_refuses(const TmProgram *p, int *where)
{
    int first = tm_persist_at(p), nest = first < 0 ? 0 : tm_persist_nest(p, first);
    *where = first < 0 ? 0 : first;
    int turn = tm_turn(p);
    if (first < 0 && turn >= 0) return "tiles are counted where there are persist loops";
    if (first < 0) return p->sharers ? "there are blocks that share tiles, but no persist loops" : NULL;
    if (p->sharers < 1) return "the number of blocks that share the tiles is missing";
    for (int k = first; k < first + nest; k++) {
        const TmLoop *l = &p->loops.at[p->code.at[k].loop];
        *where = k;
        if (l->limit_bound > 0) return "a persist loop has no limit";
        if (l->trip < 1 && k > first) return "only the first persist loop may run over the batch";
    }
    for (int k = first + nest; k < p->code.n; k++) {
        int guard = p->code.at[k].guard_loop;
        *where = k;
        if (opens(p, k, TM_PERSIST)) return "persist loops open directly one after another, once";
        if (guard >= 0 && p->loops.at[guard].kind == TM_PERSIST) return "a block takes any tiles: no guard asks for one";
    }
    *where = first;
    for (int t = 0; t < p->tiles.n; t++) {
        const TmTile *x = &p->tiles.at[t];
        if (x->stages > 1 && x->stage_loop >= 0 && p->loops.at[x->stage_loop].kind == TM_PERSIST) return "tiles have no stages by a persist loop";
    }
    const char *why = turn < 0 ? NULL : turn_tiles(p, turn);
    if (!why && turn >= 0) why = turn_copies(p, first, nest, turn, where);
    if (!why) why = before(p, first, where);
    return why ? why : behind(p, first, nest, where);
}
