/* tied.c: which loops depend on each other: what walk and the parser's checks share. */
#include "tm_walk.h"

static int root(const int *up, int l)
{
    while (up[l] != l) l = up[l];
    return l;
}

static void tie(int *up, int first, const Affine *a)
{
    for (int i = 0; i < a->nterm; i++) {
        if (first >= 0) up[root(up, a->term[i].loop)] = root(up, first);
        first = a->term[i].loop;
    }
}

int tm_tied_loops(const TmProgram *p, int *comp)
{
    int up[TM_WALK_LOOPS], n = 0;
    if (p->loops.n > TM_WALK_LOOPS) ice("program %s has %d loops", p->name, p->loops.n);
    for (int l = 0; l < p->loops.n; l++) up[l] = l;
    for (int l = 0; l < p->loops.n; l++)
        if (p->loops.at[l].limit_bound > 0) tie(up, l, &p->loops.at[l].limit);
    for (int i = 0; i < p->tiles.n; i++)
        for (int d = 0; d < 4; d++) tie(up, -1, &p->tiles.at[i].org[d]);
    for (int l = 0; l < p->loops.n; l++)
        if (root(up, l) == l) comp[l] = n++;
    for (int l = 0; l < p->loops.n; l++) comp[l] = comp[root(up, l)];
    return n;
}

TmSpace tm_space_of(const TmProgram *p, const TmTile *t)
{
    return t->member ? p->tiles.at[p->images.at[t->image].tile].space : t->space;
}

TmChannels tm_channels(const TmProgram *p, const TmIns *i)
{
    const TmTile *t = &p->tiles.at[i->wgt >= 0 ? i->wgt : i->op == TM_STORE ? i->src : i->dst];
    if (i->op == TM_PW) return (TmChannels){ &t->org[2], t->ext[2], win_round_up(t->ext[2], 8) };
    if (i->op == TM_DW) return (TmChannels){ &t->org[3], t->ext[3], win_round_up(t->ext[3], 8) };
    return (TmChannels){ &t->org[3], t->ext[3], i->op == TM_STORE ? t->ext[3] : t->cpad };
}

bool tm_spreads(const TmModule *m, const TmTile *t, int d) { return t->ext[d] == 1 && m->tensors.at[t->tensor].dim[d] == 1; }
