/* sync.c: barriers by the abstract run. The run goes through a block and puts a barrier before each instruction that needs one (as late as
 * possible, which is best along a straight line). Round a back edge that may be one too many, so each barrier is then tried without, and
 * before the loop in which it stands; what still runs clean stays. */
#include "abstract.h"

enum { MOVING = 3 };                                /* rows of a line buffer: each meets what the last ones left; verify runs more */

/* Blocks may differ where an iteration is cut off by a limit: the first block and the last. A persistent block goes from the first tile to the last
 * and back. */
static const char *run_blocks(Abstract *x)
{
    const TmProgram *p = x->p;
    ArenaMark mark = arena_mark(x->arena);
    int64_t *first = NEW_N(x->arena, int64_t, p->loops.n), *last = NEW_N(x->arena, int64_t, p->loops.n);
    const int64_t *const up[] = { first, last, first }, *const down[] = { last, first, last };
    int tiles = p->sharers ? 3 : 1;
    bool limits = false;
    for (int l = 0; l < p->loops.n; l++) limits = limits || p->loops.at[l].limit_bound > 0;
    for (int l = 0; l < p->loops.n; l++) last[l] = p->loops.at[l].trip > 0 ? p->loops.at[l].trip - 1 : 0;
    const char *why = abstract_run(x, up, tiles);
    if (!why && limits) why = abstract_run(x, down, tiles);
    if (!why) {
        arena_reset(x->arena, mark);
        x->groups.at = NULL;                        /* they lay above the mark */
        x->groups.n = x->groups.cap = 0;
    }
    return why;
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

static void try_without(Abstract *x, int at)
{
    x->barrier[at] = false;
    if (!run_blocks(x)) return;
    for (int loop = loop_around(x->p, at); loop >= 0; loop = loop_around(x->p, loop)) {
        if (x->barrier[loop]) continue;
        x->barrier[loop] = true;
        if (!run_blocks(x)) return;
        x->barrier[loop] = false;
    }
    x->barrier[at] = true;
}

const char *tm_sync(Arena *a, const TmModule *m, TmProgram *p)
{
    if (p->target != TM_CUDA) return NULL;
    Abstract *x = abstract_new(a, m, p, MOVING);
    x->insert = true;
    const char *why = run_blocks(x);
    if (why) return why;
    x->insert = false;
    for (int i = p->code.n - 1; i >= 0; i--)
        if (x->barrier[i] && loop_around(p, i) >= 0) try_without(x, i);
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
