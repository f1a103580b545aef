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

/* ---- rules ---- */

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
    const char *why = before(p, first, where);
    return why ? why : behind(p, first, nest, where);
}
