/* params.c: nodes, and at the end parameters and names.
 *
 * A site is a place that gives names: a block (the compiled one or a call), its statements and its return, and in those the ops and
 * calls, in order of evaluation. Paths, from the outside in:
 *
 *   statement e of a block        block's path . e
 *   return                        the block's path, "out" in the compiled block
 *   op or call with parameters    the statement's path if it is the only one with parameters there, else path . number
 *   op or call without            the statement's path if nothing there has parameters and it is the last, else path . its word
 *
 * Only the paths of ops with parameters are promised to users (e.0.weight); the others make node names, unique by .2, .3 …
 * Who has parameters is known only after everything was evaluated, so sites are kept and paths are made at the end. */
#include "check.h"

#include <string.h>

enum { MAX_PATH = 1000 };

Site *site_new(Ck *ck, SiteKind kind, Site *outer, const char *word)
{
    Site *s = NEW(ck->arena, Site);
    *s = (Site){ .kind = kind, .outer = outer, .word = word };
    if (outer) outer->last = s;
    vec_push(ck->arena, &ck->sites, s);
    return s;
}

static bool has_params(GraphOp op) { return graph_op_pattern(op) == 'C' || graph_op_pattern(op) == 'N' || op == GR_SCALE; }

int node_add(Ck *ck, GraphNode n, const char *word, BiasMode bias, bool table)
{
    if (ck->graph->nodes.n >= MAX_NODES) {
        if (!ck->stopped) ck_error(ck, n.loc, "FCM1018", "the calls expand to more than %d ops", MAX_NODES);
        ck->stopped = true;
        return -1;
    }
    n.call = ck->frame->call;
    n.weight = n.bias = n.mean = n.var = n.wscale = -1;
    Site *site = site_new(ck, SITE_OP, ck->scope, word);
    for (Site *s = site; has_params(n.op) && s && !s->params; s = s->outer) s->params = true;
    vec_push(ck->arena, &ck->info, (NodeInfo){ site, bias, table });
    vec_push(ck->arena, &ck->graph->nodes, n);
    return ck->graph->nodes.n - 1;
}

/* ---- paths ---- */

static const char *join(Ck *ck, const char *path, const char *word)
{
    return *path ? arena_printf(ck->arena, "%s.%s", path, word) : word;
}

static const char *member_path(Ck *ck, const Site *s)
{
    const Site *o = s->outer;
    if (!o) return s->kind == SITE_OP ? s->word : "";           /* an input, or the compiled block */
    if (s->params) return o->nparam == 1 ? o->path : arena_printf(ck->arena, "%s.%d", o->path, s->ordinal);
    return o->nparam == 0 && o->last == s ? o->path : join(ck, o->path, s->word);
}

static void set_paths(Ck *ck)
{
    for (int i = 0; i < ck->sites.n; i++) {
        Site *s = ck->sites.at[i];
        bool member = s->kind == SITE_OP || s->kind == SITE_BLOCK;
        if (member && s->params && s->outer) s->ordinal = s->outer->nparam++;
    }
    for (int i = 0; i < ck->sites.n; i++) {
        Site *s = ck->sites.at[i];
        s->path = s->kind == SITE_STMT     ? join(ck, s->outer->path, s->word)
                  : s->kind == SITE_RETURN ? (s->outer->outer ? s->outer->path : "out")
                                           : member_path(ck, s);
        if (strlen(s->path) <= MAX_PATH) continue;
        ck_error(ck, ck->graph->loc, "FCM1018", "a dotted name grows longer than %d characters", MAX_PATH);
        s->path = "too_long";
    }
}

/* Nodes with parameters have their path; they are unique once add_param found no coincidence. The others get out of their way. */
static void name_nodes(Ck *ck)
{
    Map taken = { 0 };
    for (int i = 0; i < ck->graph->nodes.n; i++) {
        GraphNode *n = &ck->graph->nodes.at[i];
        n->name = ck->info.at[i].site->path;
        if (has_params(n->op)) map_set(ck->arena, &taken, n->name, 2);
    }
    for (int i = 0; i < ck->graph->nodes.n; i++) {
        GraphNode *n = &ck->graph->nodes.at[i];
        if (has_params(n->op)) continue;
        const char *base = n->name;
        while (map_get(&taken, n->name) >= 0) {                 /* taken[base] is the next number to try */
            int next = map_get(&taken, base);
            map_set(ck->arena, &taken, base, next + 1);
            n->name = arena_printf(ck->arena, "%s.%d", base, next);
        }
        map_set(ck->arena, &taken, n->name, 2);
    }
}

/* ---- parameters ---- */

static const char *c_name(Ck *ck, const char *name)
{
    char *c = arena_strdup(ck->arena, name);
    for (char *p = c; *p; p++)
        if (*p == '.') *p = '_';
    return c;
}

typedef struct Names { Map name, cname; } Names;

static void coincide(Ck *ck, const GraphParam *p, const GraphParam *q)
{
    const GraphNode *here = &ck->graph->nodes.at[p->node], *there = &ck->graph->nodes.at[q->node];
    ck->frame->call = here->call;
    if (strcmp(p->name, q->name) == 0) ck_error(ck, here->loc, "FCM1017", "two parameters are called '%s'", p->name);
    else ck_error(ck, here->loc, "FCM1017", "the parameters '%s' and '%s' are both '%s' in C", p->name, q->name, p->cname);
    ck_note(ck, there->loc, "the other one is made here");
}

static int add_param(Ck *ck, Names *names, int node, const char *suffix, DType dtype, int rank, const int64_t *dim)
{
    Graph *g = ck->graph;
    GraphParam p = { .name = join(ck, ck->info.at[node].site->path, suffix), .dtype = dtype, .rank = rank, .node = node };
    p.cname = c_name(ck, p.name);
    for (int i = 0; i < 4; i++) p.dim[i] = i < rank ? dim[i] : 1;
    int old = map_get(&names->cname, p.cname);
    if (old >= 0) coincide(ck, &p, &g->params.at[old]);
    map_set(ck->arena, &names->cname, p.cname, g->params.n);
    vec_push(ck->arena, &g->params, p);
    return g->params.n - 1;
}

static void conv_params(Ck *ck, Names *names, int i, BiasMode bias)
{
    Graph *g = ck->graph;
    GraphNode *n = &g->nodes.at[i];
    const GraphNode *x = &g->nodes.at[n->in[0]];
    const int64_t k = n->c, r = n->ah.k, s = n->aw.k;
    if (n->op == GR_CONV) n->weight = add_param(ck, names, i, "weight", x->dtype, 4, (int64_t[4]){ k, r, s, x->c / n->groups });
    if (n->op == GR_DW) n->weight = add_param(ck, names, i, "weight", x->dtype, 3, (int64_t[4]){ r, s, k });
    if (n->op == GR_PW) n->weight = add_param(ck, names, i, "weight", x->dtype, 2, (int64_t[4]){ k, x->c });
    if (bias != BIAS_NONE) n->bias = add_param(ck, names, i, "bias", x->dtype == DT_I8 ? DT_I32 : DT_F32, 1, &k);
    if (x->dtype == DT_I8) n->wscale = add_param(ck, names, i, "scale", DT_F32, 1, &k);
}

static void make_params(Ck *ck)
{
    Graph *g = ck->graph;
    Names names = { 0 };
    for (int i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i].op == GR_BN && ck->info.at[g->nodes.at[i].in[0]].bias == BIAS_AUTO)
            ck->info.at[g->nodes.at[i].in[0]].bias = BIAS_NONE; /* its shift would be lost in bn's */
    for (int i = 0; i < g->nodes.n; i++) {
        GraphNode *n = &g->nodes.at[i];
        const int64_t c = n->c;
        if (graph_op_pattern(n->op) == 'C') conv_params(ck, &names, i, ck->info.at[i].bias);
        else if (has_params(n->op)) n->weight = add_param(ck, &names, i, "weight", DT_F32, 1, &c);
        if (n->op == GR_BN || n->op == GR_LAYERNORM) n->bias = add_param(ck, &names, i, "bias", DT_F32, 1, &c);
        if (n->op == GR_BN) {
            n->mean = add_param(ck, &names, i, "mean", DT_F32, 1, &c);
            n->var = add_param(ck, &names, i, "var", DT_F32, 1, &c);
        }
    }
}

/* ---- dead nodes: an unused name was warned about, its ops are not computed and its parameters not asked for ---- */

static bool *live_nodes(Ck *ck)
{
    Graph *g = ck->graph;
    bool *live = NEW_N(ck->arena, bool, g->nodes.n + 1);
    for (int i = 0; i < g->inputs.n; i++) live[g->inputs.at[i]] = true;
    for (int i = 0; i < g->outputs.n; i++) live[g->outputs.at[i].node] = true;
    for (int i = g->nodes.n - 1; i >= 0; i--)                   /* operands come first, so one pass backwards is enough */
        for (int j = 0; live[i] && j < g->nodes.at[i].nin; j++) live[g->nodes.at[i].in[j]] = true;
    return live;
}

static void drop_params(Graph *g, const bool *live, int *where)
{
    int kept = 0;
    for (int i = 0; i < g->params.n; i++) {
        where[i] = live[g->params.at[i].node] ? kept : -1;
        if (where[i] >= 0) g->params.at[kept++] = g->params.at[i];
    }
    g->params.n = kept;
}

static int moved(const int *where, int i) { return i < 0 ? i : where[i]; }

static void drop_dead(Ck *ck)
{
    Graph *g = ck->graph;
    const bool *live = live_nodes(ck);
    int *node = NEW_N(ck->arena, int, g->nodes.n + 1), *param = NEW_N(ck->arena, int, g->params.n + 1), kept = 0;
    drop_params(g, live, param);
    for (int i = 0; i < g->nodes.n; i++) {
        if (!live[i]) continue;
        GraphNode *n = &g->nodes.at[kept];
        *n = g->nodes.at[i];
        for (int j = 0; j < n->nin; j++) n->in[j] = node[n->in[j]];
        n->weight = moved(param, n->weight), n->bias = moved(param, n->bias), n->wscale = moved(param, n->wscale);
        n->mean = moved(param, n->mean), n->var = moved(param, n->var);
        node[i] = kept++;
    }
    g->nodes.n = kept;
    for (int i = 0; i < g->params.n; i++) g->params.at[i].node = node[g->params.at[i].node];
    for (int i = 0; i < g->inputs.n; i++) g->inputs.at[i] = node[g->inputs.at[i]];
    for (int i = 0; i < g->outputs.n; i++) g->outputs.at[i].node = node[g->outputs.at[i].node];
}

static void count_consumers(Graph *g)
{
    for (int i = 0; i < g->nodes.n; i++)
        for (int j = 0; j < g->nodes.at[i].nin; j++) g->nodes.at[g->nodes.at[i].in[j]].consumers++;
    for (int i = 0; i < g->outputs.n; i++) g->nodes.at[g->outputs.at[i].node].consumers++;
}

void params_finish(Ck *ck)
{
    set_paths(ck);
    make_params(ck);
    name_nodes(ck);
    drop_dead(ck);
    count_consumers(ck->graph);
}
