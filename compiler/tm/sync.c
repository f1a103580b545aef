/* sync.c: barriers by the abstract run. The run goes through a block and puts a barrier before each instruction that needs one (as late as
 * possible, which is best along a straight line). Round a back edge that may be one too many, so each barrier is then tried without, and
 * before the loop in which it stands; what still runs clean stays. In the end other blocks may add what the first one did not need. */
#include "abstract.h"

enum { MOVING = 3, ALL = 3 };                       /* rows of a line buffer: each meets what the last ones left; verify runs more */

/* Blocks differ where a limit cuts off iterations. */
static bool limited(const TmProgram *p)
{
    for (int l = 0; l < p->loops.n; l++)
        if (p->loops.at[l].limit_bound > 0) return true;
    return false;
}

/* Blocks that may need what the first one did not: some store less than others, of an intermediate they own a part of their tile, of one at the border
 * nothing; and persistent ones take their tiles in any order. */
static int others(const TmProgram *p)
{
    int stores = 0;
    for (int k = 0; k < p->code.n; k++) stores += p->code.at[k].op == TM_STORE;
    return stores > 1 ? ALL : p->sharers ? 2 : 1;
}

/* The LOOP around instruction `at` that is no grid loop, or -1. Persist loops are one: nothing stands between them. */
static int loop_around(const TmProgram *p, int at)
{
    int depth = 0;
    for (int i = at - 1; i >= 0; i--) {
        if (p->code.at[i].op == TM_END) depth++;
        if (p->code.at[i].op != TM_LOOP || depth-- > 0) continue;
        TmLoopKind kind = p->loops.at[p->code.at[i].loop].kind;
        return kind == TM_GRID ? -1 : kind == TM_PERSIST ? tm_persist_at(p) : i;
    }
    return -1;
}

static void try_without(Abstract *x, int at, int blocks)
{
    x->barrier[at] = false;
    if (!abstract_blocks(x, 0, blocks)) return;
    for (int loop = loop_around(x->p, at); loop >= 0; loop = loop_around(x->p, loop)) {
        if (x->barrier[loop]) continue;
        x->barrier[loop] = true;
        if (!abstract_blocks(x, 0, blocks)) return;
        x->barrier[loop] = false;
    }
    x->barrier[at] = true;
}

const char *tm_sync(Arena *a, const TmModule *m, TmProgram *p)
{
    if (p->target != TM_CUDA) return NULL;
    Abstract *x = abstract_new(a, m, p, MOVING);
    x->insert = true;
    int blocks = limited(p) ? ALL : 1;
    const char *why = abstract_blocks(x, 0, blocks);
    if (why) return why;
    x->insert = false;
    for (int i = p->code.n - 1; i >= 0; i--)
        if (x->barrier[i] && loop_around(p, i) >= 0) try_without(x, i, blocks);
    x->insert = true;
    if ((why = abstract_blocks(x, blocks, others(p)))) return why;
    TmIns *old = p->code.at;
    int n = p->code.n;
    p->code.at = NULL;
    p->code.n = p->code.cap = 0;
    for (int i = 0; i < n; i++) {
        if (x->barrier[i]) vec_push(a, &p->code, tm_ins(TM_SYNC));
        vec_push(a, &p->code, old[i]);
    }
    return NULL;
}
