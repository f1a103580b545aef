/* pipe.c: copies into shared memory become asynchronous, staged ones run ahead of their readers (CUDA; nothing to do on the CPU).
 *
 * A tile of S stages by loop v is copied in v's body. Copies run S - 1 iterations ahead; a group of copies is closed by a COMMIT, and
 * WAIT n lets the n youngest groups stay in flight. With S = 3:
 *
 *     copy w@0; commit; copy w@1; commit            prologue: a closed loop's variable reads 0; always S - 1 groups, empty ones included,
 *     loop v                                        so that the count in the body holds from the first iteration on
 *       wait 1                                      groups in flight: v, v+1, of which the older one is needed now
 *       copy w@2 when v+2 < trip; commit            always a commit: the count must not depend on the guard
 *       … readers of w …
 *
 * A line buffer of S stages keeps the rows of S - 1 steps more; its copies run ahead just so.
 *
 * A tile of two turns is staged by the persist loops, taken together: its first copy goes before the outermost of them.
 *
 * Copies of unstaged tiles stay where they stand, join the next group, and are waited for before the first instruction that reads them, or
 * before the loop in which it stands. */
#include "operands.h"

/* An asynchronous copy of an unstaged tile that nobody has waited for yet. younger: groups certainly closed after its own; depth: of the loops
 * that were open. */
typedef struct Pending { int tile, depth; bool committed, wanted; int younger; } Pending;
typedef VEC(Pending) Pendings;

typedef struct Pipe {
    Arena *arena;
    TmProgram *p;
    const TmIns *old;               /* the code before */
    int n;
    bool any;                       /* is there an asynchronous copy at all? */
    Pendings pending;
    int depth;                      /* open loops */
} Pipe;

/* ---- questions ---- */

bool tm_may_be_async(const TmModule *m, const TmProgram *p, const TmIns *i)
{
    if (i->op != TM_COPY || p->arch < 80) return false;
    const TmTile *t = &p->tiles.at[i->dst];
    if (t->space != TM_SHARED) return false;
    return tm_is_image(t) || (i->vec >= 4 && t->dtype == m->tensors.at[t->tensor].dtype);
}

static int staged_by(const TmProgram *p, const TmIns *i)
{
    return i->op == TM_COPY && p->tiles.at[i->dst].stages > 1 ? p->tiles.at[i->dst].stage_loop : -1;
}

/* The loop variable that counts the iterations of the body of the LOOP at `at`: of the innermost persist loop's, the turns. -1: none does. */
static int counted_by(const TmProgram *p, const TmIns *code, int at)
{
    int loop = code[at].loop;
    if (p->loops.at[loop].kind != TM_PERSIST) return loop;
    bool inner = code[at + 1].op == TM_LOOP && p->loops.at[code[at + 1].loop].kind == TM_PERSIST;
    return inner ? -1 : tm_turn(p);
}

/* A persist loop directly in another: nothing stands between them. */
static bool inside_nest(const Pipe *x, int at)
{
    return x->p->loops.at[x->old[at].loop].kind == TM_PERSIST && at > 0 && x->old[at - 1].op == TM_LOOP && x->p->loops.at[x->old[at - 1].loop].kind == TM_PERSIST;
}

/* The loop variable ahead of whose iterations copies stand before the LOOP at `at`: before the outermost persist loop, the turns. */
static int ahead_of(const Pipe *x, int at)
{
    int loop = x->old[at].loop;
    if (x->p->loops.at[loop].kind != TM_PERSIST) return loop;
    return inside_nest(x, at) ? -1 : tm_turn(x->p);
}

/* Index of the END of the LOOP at `at`, in the code before. */
static int end_of(const Pipe *x, int at)
{
    for (int i = at + 1; i < x->n; i++)
        if (x->old[i].op == TM_END && x->old[i].loop == x->old[at].loop) return i;
    ice("loop %s is never closed", x->p->loops.at[x->old[at].loop].name);
}

/* ---- new code ---- */

static void emit(Pipe *x, TmIns i) { vec_push(x->arena, &x->p->code, i); }

static void commit(Pipe *x)
{
    if (!x->any) return;
    emit(x, tm_ins(TM_COMMIT));
    for (int k = 0; k < x->pending.n; k++) {
        Pending *q = &x->pending.at[k];
        if (q->committed) q->younger++;
        q->committed = true;
    }
}

static void wait(Pipe *x, int n)
{
    if (!x->any) return;
    TmIns i = tm_ins(TM_WAIT);
    i.n = n;
    emit(x, i);
    int kept = 0;
    for (int k = 0; k < x->pending.n; k++) {
        Pending q = x->pending.at[k];
        if (!q.committed || q.younger < n) x->pending.at[kept++] = q;
    }
    x->pending.n = kept;
}

/* Commits and waits so that the copies of the marked entries have landed: once for all of them. */
static void settle(Pipe *x)
{
    int n = -1;
    for (int k = 0; k < x->pending.n; k++)
        if (x->pending.at[k].wanted && !x->pending.at[k].committed) {
            commit(x);
            break;
        }
    for (int k = 0; k < x->pending.n; k++)
        if (x->pending.at[k].wanted && (n < 0 || x->pending.at[k].younger < n)) n = x->pending.at[k].younger;
    if (n >= 0) wait(x, n);
}

/* Settles what instructions from … to - 1 of the old code read. */
static void settle_readers(Pipe *x, int from, int to)
{
    for (int k = 0; k < x->pending.n; k++) {
        Pending *q = &x->pending.at[k];
        q->wanted = false;
        for (int i = from; i < to && !q->wanted; i++) q->wanted = tm_reads(x->p, &x->old[i], q->tile);
    }
    settle(x);
}

/* Settles copies made inside the loop that ends here. */
static void settle_inner(Pipe *x)
{
    for (int k = 0; k < x->pending.n; k++) x->pending.at[k].wanted = x->pending.at[k].depth == x->depth;
    settle(x);
}

static void emit_copy(Pipe *x, const TmIns *i)
{
    emit(x, *i);
    if (i->async) vec_push(x->arena, &x->pending, (Pending){ .tile = i->dst, .depth = x->depth });
}

/* ---- staged copies ---- */

typedef struct Depths { int most, least; } Depths;      /* stages of the tiles that a loop's body copies; most 0: none */

static Depths depths(const Pipe *x, int by, int at, int end)
{
    Depths d = { 0, 0 };
    for (int i = at + 1; i < end; i++) {
        if (by < 0 || staged_by(x->p, &x->old[i]) != by) continue;
        int s = x->p->tiles.at[x->old[i].dst].stages;
        if (s > d.most) d.most = s;
        if (d.least == 0 || s < d.least) d.least = s;
    }
    return d;
}

static void emit_ahead(Pipe *x, const TmIns *i, int lead, bool guarded)
{
    TmIns c = *i;
    c.lead = lead;
    if (guarded) {
        c.guard_loop = x->p->tiles.at[i->dst].stage_loop;
        c.guard_add = lead;
    }
    emit(x, c);
}

static void prologue(Pipe *x, int by, int at, int end, Depths d)
{
    int64_t trip = x->p->loops.at[by].trip;
    for (int lead = 0; lead < d.most - 1; lead++) {
        for (int i = at + 1; i < end; i++)
            if (staged_by(x->p, &x->old[i]) == by && lead < x->p->tiles.at[x->old[i].dst].stages - 1 && lead < trip)
                emit_ahead(x, &x->old[i], lead, false);
        commit(x);
    }
}

/* The first staged copy of a body: everything that the body copies ahead goes here. Unstaged copies of the same run go first, in a group of
 * their own: waiting for them leaves the stages in flight. Returns the instruction after the run. */
static int body_copies(Pipe *x, int first, int by, int at, int end, Depths d)
{
    int i = first;
    wait(x, d.least - 2);
    for (; i < end && x->old[i].op == TM_COPY; i++)
        if (staged_by(x->p, &x->old[i]) < 0) emit_copy(x, &x->old[i]);
    for (int k = 0; k < x->pending.n; k++)
        if (!x->pending.at[k].committed) {
            commit(x);
            break;
        }
    for (int k = at + 1; k < end; k++)
        if (staged_by(x->p, &x->old[k]) == by) emit_ahead(x, &x->old[k], x->p->tiles.at[x->old[k].dst].stages - 1, true);
    commit(x);
    return i;
}

/* ---- the walk over the old code ---- */

static void range(Pipe *x, int from, int to, int at, Depths d);

static Pendings snapshot(Pipe *x)
{
    Pendings s = { 0 };
    for (int k = 0; k < x->pending.n; k++) vec_push(x->arena, &s, x->pending.at[k]);
    return s;
}

/* What is pending after a loop: copies made inside are settled inside. Of those made before it, an iteration may have settled some, unless
 * it may not run at all; commits inside do not count, nobody knows how many there were. */
static void after_loop(Pipe *x, const Pendings *before, bool skipped)
{
    if (skipped) {
        x->pending.n = 0;
        for (int k = 0; k < before->n; k++) vec_push(x->arena, &x->pending, before->at[k]);
    }
    for (int k = 0; k < x->pending.n; k++) {
        x->pending.at[k].younger = 0;
        for (int b = 0; b < before->n; b++)
            if (before->at[b].tile == x->pending.at[k].tile && before->at[b].committed) x->pending.at[k].younger = before->at[b].younger;
    }
}

/* From here on a body waits in every iteration anyway; what is read before it is better waited for once, before the loop. */
static int first_async(const Pipe *x, int from, int to)
{
    while (from < to && !x->old[from].async) from++;
    return from;
}

/* May the limit keep even the first iteration from running? */
static bool may_be_skipped(const TmProgram *p, int loop)
{
    const TmLoop *l = &p->loops.at[loop];
    int64_t most = l->limit.k;
    for (int t = 0; t < l->limit.nterm; t++) {
        int other = l->limit.term[t].loop;
        if (other != loop && l->limit.term[t].coef > 0) most += l->limit.term[t].coef * (p->loops.at[other].trip - 1);
    }
    return l->limit_bound > 0 && most >= l->limit_bound;
}

static void loop(Pipe *x, int at, int end)
{
    const TmLoop *l = &x->p->loops.at[x->old[at].loop];
    bool skipped = may_be_skipped(x->p, x->old[at].loop);
    int by = counted_by(x->p, x->old, at), before_it = ahead_of(x, at);
    Depths d = depths(x, by, at, end), first = depths(x, before_it, at, end);
    if (first.most > 0) prologue(x, before_it, at, end, first);
    else if (l->kind != TM_GRID && !inside_nest(x, at)) settle_readers(x, at + 1, first_async(x, at + 1, end));
    for (int k = 0; k < x->pending.n && skipped; k++)
        if (!x->pending.at[k].committed) {          /* a commit inside may not happen */
            commit(x);
            break;
        }
    Pendings before = snapshot(x);
    emit(x, x->old[at]);
    x->depth++;
    range(x, at + 1, end, at, d);
    settle_inner(x);
    x->depth--;
    emit(x, x->old[end]);
    after_loop(x, &before, skipped);
    if (l->limit_bound > 0 && d.most > 0) wait(x, 0);              /* copies ahead of the iterations that did not run */
}

static void range(Pipe *x, int from, int to, int at, Depths d)
{
    bool copied = false;
    int by = at >= 0 ? counted_by(x->p, x->old, at) : -1;
    for (int i = from; i < to;) {
        const TmIns *o = &x->old[i];
        if (o->op == TM_LOOP) {
            int end = end_of(x, i);
            loop(x, i, end);
            i = end + 1;
            continue;
        }
        if (by >= 0 && staged_by(x->p, o) == by) {
            if (copied) i++;                        /* went ahead with the first */
            else i = body_copies(x, i, by, at, to, d);
            copied = true;
            continue;
        }
        settle_readers(x, i, i + 1);
        if (o->op == TM_COPY) emit_copy(x, o);
        else emit(x, *o);
        i++;
    }
}

typedef VEC(int) Opens;             /* LOOPs whose bodies an instruction stands in */

static bool within(const Pipe *x, const Opens *open, int loop)
{
    for (int k = 0; k < open->n; k++)
        if (x->old[open->at[k]].loop == loop) return true;
    return false;
}

/* A staged tile's copies stand directly in the body of its loop, those of a line buffer before it, too: the rows above the band. */
static const char *misplaced(Pipe *x)
{
    Opens open = { 0 };
    for (int i = 0; i < x->n; i++) {
        const TmIns *o = &x->old[i];
        if (o->op == TM_LOOP) vec_push(x->arena, &open, i);
        if (o->op == TM_END) open.n--;
        int by = staged_by(x->p, o);
        if (by >= 0 && o->guard_loop >= 0)
            return arena_printf(x->arena, "the copy of the staged tile %s has a guard", x->p->tiles.at[o->dst].name);
        bool above = by >= 0 && x->p->tiles.at[o->dst].roll && !within(x, &open, by);
        if (by >= 0 && !above && (open.n == 0 || counted_by(x->p, x->old, vec_last(&open)) != by))
            return arena_printf(x->arena, "tile %s is staged by loop %s, but copied elsewhere", x->p->tiles.at[o->dst].name,
                                x->p->loops.at[by].name);
    }
    return NULL;
}

const char *tm_pipe(Arena *a, const TmModule *m, TmProgram *p)
{
    if (p->target != TM_CUDA) return NULL;
    Pipe x = { .arena = a, .p = p, .old = p->code.at, .n = p->code.n };
    for (int i = 0; i < x.n; i++) {
        p->code.at[i].async = tm_may_be_async(m, p, &p->code.at[i]);
        x.any = x.any || p->code.at[i].async;
    }
    const char *why = misplaced(&x);
    if (why) return why;
    p->code.at = NULL;
    p->code.n = p->code.cap = 0;
    range(&x, 0, x.n, -1, (Depths){ 0, 0 });
    return NULL;
}
