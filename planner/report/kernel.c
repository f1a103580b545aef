/* kernel.c: one kernel in bars and tables: bytes, limits, and what every instruction and every tensor costs. */
#include "parts.h"

#include <math.h>
#include <string.h>

/* ---- bars ---- */

void report_traffic(Text *t, const PlanGroup *g)
{
    Arena *a = t->arena;
    int64_t fused = g->best.cost.dram_bytes, issued = g->best.cost.l2_bytes;
    const Bar bars[] = {
        { "compulsory", "least", html_bytes(a, g->compulsory_bytes), (double)g->compulsory_bytes },
        { "fused: DRAM", "fused", html_bytes(a, fused), (double)fused },
        { "fused: issued", "issued", html_bytes(a, issued), (double)issued },
        { "unfused", "unfused", html_bytes(a, g->unfused_bytes), (double)g->unfused_bytes },
        { "apart, as planned", g->apart_time > 0 ? "unfused" : NULL, html_bytes(a, g->apart_bytes), (double)g->apart_bytes },
    };
    double most = 0;
    for (size_t i = 0; i < sizeof bars / sizeof *bars; i++) most = fmax(most, bars[i].length);
    svg_bars(t, "bytes of this kernel", bars, (int)(sizeof bars / sizeof *bars), most);
}

void report_limits(Text *t, const PlanChoice *choice)
{
    Arena *a = t->arena;
    const Cost *c = &choice->cost;
    const Bar bars[] = {
#define X(field, text) { text, strcmp(c->bound, text) == 0 ? "binds" : "waits", html_time(a, c->field), c->field },
        FCM_LIMITS(X)
#undef X
#define X(field, text) { text, c->field > 0 ? "serial" : NULL, html_time(a, c->field), c->field },
        FCM_SERIAL(X)
#undef X
        { "predicted time", "total", html_time(a, c->time), c->time },
    };
    svg_bars(t, "what this kernel waits for", bars, (int)(sizeof bars / sizeof *bars), c->time);
}

/* ---- by instruction ---- */

/* The program with one of its working instructions: its loops run as before, so the walk tells what this one costs in all. */
static Cost alone(Arena *a, const ReportInput *in, const TmProgram *p, int at, TmWalk *w)
{
    TmProgram q = *p, *list[1] = { &q };
    TmModule m = *in->module;
    q.code.at = NEW_N(a, TmIns, p->code.n);
    q.code.n = 0;
    for (int i = 0; i < p->code.n; i++)
        if (i == at || p->code.at[i].op == TM_LOOP || p->code.at[i].op == TM_END) q.code.at[q.code.n++] = p->code.at[i];
    m.programs.at = list;
    m.programs.n = 1;
    tm_walk(a, &m, &q, in->options->batch, w);
    return cost_of(&m, &q, w, in->options->device, in->options->batch);
}

static void put_name(Text *t, const TmModule *m, const TmProgram *p, const TmIns *i)
{
    const TmTile *x = i->op == TM_STORE ? NULL : i->dst >= 0 ? &p->tiles.at[i->dst] : NULL;
    if (!i->note) text_printf(t, "%s ", tm_op_rows[i->op].text);
    if (i->note) html_text(t, i->note);
    else if (i->op == TM_STORE) html_text(t, m->tensors.at[i->tensor].name);
    else if (x && tm_is_image(x)) text_put(t, "packed weights");
    else if (x) html_text(t, m->tensors.at[x->tensor].name);
    if (i->variant != TMV_NONE) text_printf(t, " <small>[%s]</small>", tm_variant_rows[i->variant].text);
}

static int64_t moved(const TmBytes *b)
{
    int64_t n = 0;
    for (int i = 0; i < b->n; i++) n += b->read[i] + b->written[i];
    return n;
}

static double busiest(const Cost *c)
{
    double most = 0;
#define X(field, text) most = fmax(most, c->field);
    FCM_LIMITS(X)
#undef X
    return most;
}

static void put_instruction(Text *t, Arena *scratch, const ReportInput *in, const TmProgram *p, int at)
{
    const TmIns *i = &p->code.at[at];
    TmWalk w;
    Cost c = alone(scratch, in, p, at, &w);
    double flops = (double)(w.flops[0] + w.flops[1] + w.flops[2]), most = busiest(&c);
    const char *on = c.bound;
    if (c.fill > most) most = c.fill, on = "L2, before the tiles";
    text_put(t, "<tr><td>");
    put_name(t, in->module, p, i);
    text_printf(t, "</td><td>%s</td><td>%s</td><td>%s</td>", flops > 0 ? html_count(t->arena, flops, "") : "–",
                moved(&w.issued) ? html_bytes(t->arena, moved(&w.issued)) : "–",
                w.shared_bytes ? html_bytes(t->arena, w.shared_bytes) : "–");
    text_printf(t, "<td>%s</td><td>%s</td></tr>\n", most > 0 ? html_time(t->arena, most) : "–", most > 0 ? on : "");
}

static void put_instructions(Text *t, Arena *scratch, const ReportInput *in, const TmProgram *p)
{
    text_printf(t, "<table>\n<thead><tr><th>instruction</th><th>flops</th><th>issued</th><th>%s</th><th>at least</th><th>on</th></tr></thead>\n"
                   "<tbody>\n", p->target == TM_CUDA ? "shared memory" : "on-chip bytes");
    for (int i = 0; i < p->code.n; i++) {
        TmOp op = p->code.at[i].op;
        if (op == TM_LOOP || op == TM_END || op == TM_COMMIT || op == TM_WAIT || op == TM_SYNC || op == TM_ZERO) continue;
        ArenaMark mark = arena_mark(scratch);
        put_instruction(t, scratch, in, p, i);
        arena_reset(scratch, mark);
    }
    text_put(t, "</tbody>\n</table>\n");
}

/* ---- by tensor ---- */

static void put_tensor(Text *t, const char *name, const char *dtype, int64_t once, int64_t issued)
{
    if (issued == 0) return;
    text_put(t, "<tr><td><code>");
    html_text(t, name);
    text_printf(t, "</code> %s</td><td>%s</td><td>%s</td><td>%.2f</td></tr>\n", dtype, html_bytes(t->arena, once),
                html_bytes(t->arena, issued), once ? (double)issued / (double)once : 0);
}

static void put_tensors(Text *t, Arena *scratch, const ReportInput *in, const TmProgram *p)
{
    const TmModule *m = in->module;
    TmWalk w;
    tm_walk(scratch, m, p, in->options->batch, &w);
    text_put(t, "<table>\n<thead><tr><th>memory</th><th>once</th><th>issued</th><th>times</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < m->tensors.n; i++) {
        const TmTensor *x = &m->tensors.at[i];
        put_tensor(t, x->name, dtype_name(x->dtype), w.unique.read[i] + w.unique.written[i], w.issued.read[i] + w.issued.written[i]);
    }
    for (int i = 0; i < p->images.n; i++) {
        int slot = tm_image_slot(m, p, i);
        put_tensor(t, p->images.at[i].name, "packed weights", w.unique.read[slot], w.issued.read[slot]);
    }
    text_put(t, "</tbody>\n</table>\n");
}

void report_instructions(Text *t, const ReportInput *in, const TmProgram *p)
{
    Arena *scratch = arena_new();
    put_instructions(t, scratch, in, p);
    arena_free(scratch);
}

void report_tensors(Text *t, const ReportInput *in, const TmProgram *p)
{
    Arena *scratch = arena_new();
    put_tensors(t, scratch, in, p);
    arena_free(scratch);
}
