/* search.c: see search.h */
#include "search.h"
#include "space.h"

#include <math.h>
#include <string.h>

const Score score_never = { HUGE_VAL, HUGE_VAL };

Score score_add(Score a, Score b) { return (Score){ a.first + b.first, a.second + b.second }; }

bool score_less(Score a, Score b) { return a.first < b.first || (a.first <= b.first && a.second < b.second); }

Score score_of(const PlanOptions *o, const Cost *c)
{
    switch (o->minimize) {
    case PLAN_DRAM: return (Score){ (double)c->dram_bytes, c->time };
    case PLAN_LAUNCHES: return (Score){ 1, c->time };
    case PLAN_TIME: break;
    }
    return (Score){ c->time, (double)c->dram_bytes };
}

/* Between the schedules of one group a few percent of bytes (the padding of weights, for instance) do not outweigh any time:
 * bytes count in steps of about one percent. */
static Score rank_of(const PlanOptions *o, const Cost *c)
{
    Score s = score_of(o, c);
    int64_t bytes = c->dram_bytes, unit = 1;
    while (bytes / unit >= 128) unit *= 2;
    if (o->minimize == PLAN_DRAM) s.first = (double)(bytes / unit * unit);
    return s;
}

SearchTable search_begin(Arena *a, const Diag *d, const PlanOptions *o)
{
    return (SearchTable){ .a = a, .scratch = arena_new(), .diag = d, .options = o };
}

void search_end(SearchTable *t) { arena_free(t->scratch); }

/* ---- drafts ---- */

enum { FORMS = 12, LEADERS = 3 };

/* The schedules of one group, which of them have been priced, and at what. */
typedef struct Search {
    SearchTable *t;
    Found *f;
    const Lowering *l;
    Scheds space;
    int first;                      /* of the schedules from which a sample is taken */
    bool *priced;
    VEC(Sched) met;                 /* whose neighbours all have a price */
    Priced best[FORMS];             /* of each form; time 0: none yet */
} Search;

/* Halo or line buffer, a block a tile or persistent blocks: no single knob leads from one to the other. */
static int form_of(const Sched *s) { return (s->line > 0) + 2 * (s->persist > 0) + 4 * ((s->threads > 128) + (s->threads > 256)); }

static bool twins(Sched a, const Sched *b)
{
    if (a.stages < 2 || b->stages < 2) return false;
    a.stages = b->stages;
    return memcmp(&a, b, sizeof a) == 0;
}

/* Of rings that differ in their buffers only the best is kept, of equals the one with the fewest: the others would take the places of different
 * schedules. One buffer is no ring: it needs other barriers, which drafts do not have. */
static void keep(Found *f, Priced p)
{
    int at = 0;
    while (at < f->ndraft && !twins(p.sched, &f->draft[at].sched)) at++;
    if (at < f->ndraft) {
        const Priced *twin = &f->draft[at];
        if (score_less(twin->rank, p.rank) || (!score_less(p.rank, twin->rank) && twin->sched.stages < p.sched.stages)) return;
        for (f->ndraft--; at < f->ndraft; at++) f->draft[at] = f->draft[at + 1];
    }
    at = f->ndraft;
    if (at == DRAFTS && !score_less(p.rank, f->draft[--at].rank)) return;
    if (f->ndraft < DRAFTS) f->ndraft++;
    for (; at > 0 && score_less(p.rank, f->draft[at - 1].rank); at--) f->draft[at] = f->draft[at - 1];
    f->draft[at] = p;
}

static void price(Search *q, int at)
{
    if (q->priced[at]) return;
    q->priced[at] = true;
    SearchTable *t = q->t;
    ArenaMark mark = arena_mark(t->scratch);
    Lowering *l = lower_scratch(q->l, t->scratch);
    const char *why;
    TmProgram *p = lower_group(l, &q->f->sub.group, &q->space.at[at], LOWER_DRAFT, &why);
    q->f->tried++;
    if (p) {
        TmWalk w;
        tm_walk(t->scratch, l->module, p, t->options->batch, &w);
        Cost c = cost_of(l->module, p, &w, t->options->device, t->options->batch);
        Priced one = { q->space.at[at], rank_of(t->options, &c), score_of(t->options, &c), c.time, c.dram_bytes };
        Priced *form = &q->best[form_of(&one.sched)];
        if (form->time <= 0 || score_less(one.rank, form->rank)) *form = one;
        keep(q->f, one);
    } else {
        q->f->unfit++;
        q->f->why = arena_strdup(t->a, why);
    }
    arena_reset(t->scratch, mark);
}

/* ---- which schedules are priced ---- */

/* Do a and b differ in one knob at most? One are the two sides of a tile; chunk and threads, which together decide what fits; and where weights
 * stay, with the buffers that they then need. */
static bool near(const Sched *a, const Sched *b)
{
    bool weights = a->persist != b->persist || a->resident != b->resident;
    int n = (a->th != b->th || a->tw != b->tw) + (a->chunk != b->chunk || a->threads != b->threads) + (weights || a->stages != b->stages);
    if (n > 1) return false;
    Sched x = *a;
    x.th = b->th, x.tw = b->tw, x.chunk = b->chunk, x.stages = b->stages, x.threads = b->threads;
    x.persist = b->persist, x.resident = b->resident;
#define X(field, key, def, meaning) n += x.field != b->field;
    FCM_KNOBS(X)
#undef X
    return n <= 1;
}

static void price_round(Search *q, Sched s)
{
    for (int i = 0; i < q->met.n; i++)
        if (memcmp(&q->met.at[i], &s, sizeof s) == 0) return;
    vec_push(q->t->scratch, &q->met, s);
    for (int i = 0; i < q->space.n; i++)
        if (!q->priced[i] && near(&q->space.at[i], &s)) price(q, i);
}

/* Forms that are far behind do not catch up by one knob after another. */
static bool promising(const Search *q, const Priced *best)
{
    const double BEHIND = 1.75;
    return best->rank.first <= BEHIND * q->f->draft[0].rank.first;
}

/* Schedules one knob away from one of the best so far, in all or of a form. true: there were some that had no price. */
static bool price_neighbours(Search *q)
{
    Sched best[LEADERS + FORMS];
    int n = 0, before = q->f->tried;
    for (; n < q->f->ndraft && n < LEADERS; n++) best[n] = q->f->draft[n].sched;
    for (int k = 0; k < FORMS; k++)
        if (q->best[k].time > 0 && promising(q, &q->best[k])) best[n++] = q->best[k].sched;
    for (int k = 0; k < n; k++) price_round(q, best[k]);
    return q->f->tried > before;
}

/* A sample spread over the space, then descent from its best. Where not one of the sample fits, everything is looked at: the
 * refusal that is kept is that of the last, most modest schedule. */
static void price_space(Search *q)
{
    enum { RUN = 5, SHORT_RUN = 3, SMALL = 256 };                               /* a small space has fewer ways out of a corner */
    bool all = q->t->options->exhaustive;
    int first = all ? 0 : q->first, n = q->space.n - first, step = all ? 1 : n < SMALL ? SHORT_RUN : RUN;
    for (int k = 0; k * step < n; k++) {
        int at = k * step + (int)((unsigned)k * 2654435769u >> 16) % step;      /* anywhere in the k-th run: no beat with the order of knobs */
        if (at < n) price(q, first + at);
    }
    while (q->f->ndraft && price_neighbours(q)) continue;
    for (int i = first; i < q->space.n && !q->f->ndraft; i++) price(q, i);
}

Found *search_group(SearchTable *t, const Graph *g, const Stages *s, const Group *group)
{
    ArenaMark start = arena_mark(t->a);
    SubGraph sub = subgraph_of(t->a, g, s, group);
    for (int i = 0; i < t->found.n; i++)
        if (strcmp(t->found.at[i]->sub.key, sub.key) == 0) {
            arena_reset(t->a, start);
            return t->found.at[i];
        }
    Found *f = NEW(t->a, Found);
    f->sub = sub;
    vec_push(t->a, &t->found, f);
    ArenaMark mark = arena_mark(t->scratch);
    Search q = { .t = t, .f = f };
    const PlanOptions *o = t->options;
    q.l = lower_begin(t->scratch, t->diag, sub.graph, sub.stages, o->device, o->source, &sub.group, 1);
    q.first = space_of(t->scratch, sub.graph, sub.stages, &sub.group, o->device, o->batch, &q.space);
    q.priced = NEW_N(t->scratch, bool, q.space.n + 1);
    price_space(&q);
    arena_reset(t->scratch, mark);
    f->score = f->ndraft ? f->draft[0].score : score_never;
    return f;
}

/* ---- finished programs ---- */

/* Everything but the numbers stays in scratch. */
static const char *finish(SearchTable *t, const SubGraph *sub, const Sched *s, PlanChoice *c)
{
    const PlanOptions *o = t->options;
    ArenaMark mark = arena_mark(t->scratch);
    Lowering *l = lower_begin(t->scratch, t->diag, sub->graph, sub->stages, o->device, o->source, &sub->group, 1);
    const char *why;
    TmProgram *p = lower_group(l, &sub->group, s, LOWER_FINISHED, &why);
    if (p) why = tm_verify(t->scratch, l->module, p, o->device);
    if (!why) {
        TmWalk w;
        tm_walk(t->scratch, l->module, p, o->batch, &w);
        *c = (PlanChoice){ .sched = *s, .text = arena_strdup(t->a, p->sched), .arena_bytes = p->arena_bytes };
        c->executed_macs = (w.flops[TM_ENGINE_FMA] + w.flops[TM_ENGINE_MMA] + w.flops[TM_ENGINE_ISSUE]) / 2;
        c->blocks = w.blocks;
        c->tiles = w.tiles ? w.blocks / tm_sharers(p, o->batch) * w.tiles : 0;
        c->cost = cost_of(l->module, p, &w, o->device, o->batch);
    } else why = arena_strdup(t->a, why);
    arena_reset(t->scratch, mark);
    return why;
}

bool search_finished(const Found *f)
{
    int all = f->ndraft < FINALISTS ? f->ndraft : FINALISTS;
    return f->pinned || f->finished >= all;
}

static void finish_next(SearchTable *t, Found *f)
{
    PlanChoice c;
    const char *why = finish(t, &f->sub, &f->draft[f->finished++].sched, &c);
    if (why) {
        f->unfit++;
        f->why = why;
        return;
    }
    Score rank = rank_of(t->options, &c.cost);
    if (score_less(rank, f->rank[0])) {
        f->choice[1] = f->choice[0], f->rank[1] = f->rank[0];
        f->choice[0] = c, f->rank[0] = rank, f->score = score_of(t->options, &c.cost);
    } else if (score_less(rank, f->rank[1])) f->choice[1] = c, f->rank[1] = rank;
}

void search_finish(SearchTable *t, Found *f, int most)
{
    if (search_finished(f)) return;
    if (f->finished == 0) f->score = f->rank[0] = f->rank[1] = score_never;
    while (!search_finished(f) && (f->finished < most || !f->choice[0].text)) finish_next(t, f);
}

double found_time(const Found *f)
{
    if (f->finished || f->pinned) return f->choice[0].text ? f->choice[0].cost.time : HUGE_VAL;
    return f->ndraft ? f->draft[0].time : HUGE_VAL;
}

int64_t found_dram(const Found *f)
{
    return f->finished || f->pinned ? f->choice[0].cost.dram_bytes : f->ndraft ? f->draft[0].dram : 0;
}

const char *search_pinned(SearchTable *t, const Graph *g, const Stages *s, const Group *group, const Sched *sched,
                          PlanChoice *out)
{
    SubGraph sub = subgraph_of(t->a, g, s, group);
    return finish(t, &sub, sched, out);
}
