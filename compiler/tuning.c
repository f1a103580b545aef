/* tuning.c: see tuning.h */
#include "tuning.h"
#include "pin.h"
#include "search.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 16 << 20, WORD = 512 };

TuningKey tuning_key(Arena *a, const Graph *g, const Device *dev, int64_t batch, int threads)
{
    Text t = text_new(a);
    for (int i = 0; i < g->inputs.n; i++) {
        const GraphNode *n = &g->nodes.at[g->inputs.at[i]];
        text_printf(&t, "%s%lldx%lldx%lld:%s", i ? "," : "", (long long)n->h, (long long)n->w, (long long)n->c,
                    dtype_name(n->dtype));
    }
    const char *machine = arena_printf(a, "%.0fx%.0f", dev->arch, dev->sms);
    char *device = arena_strdup(a, dev->name);
    for (char *p = device; *p; p++)
        if (*p <= ' ') *p = '_';                                /* a file's name may have blanks; words of a line may not */
    return (TuningKey){ device, machine, g->block, t.n ? t.at : "-", batch, threads };
}

const char *tuning_path(Arena *a, const char *source) { return arena_printf(a, "%s.tuning", source); }

/* ---- lines ---- */

static bool read_line(Arena *a, const char *text, TuningLine *out)
{
    char device[WORD], machine[64], block[WORD], shapes[WORD], version[64];
    long long batch;
    int threads, used = 0;
    int n = sscanf(text, "%511s %63s %511s batch=%lld threads=%d %511s measured=%lf modelled=%lf fcmc=%63s | %n", device,
                   machine, block, &batch,
                   &threads, shapes, &out->measured, &out->modelled, version, &used);
    if (n != 9 || !used || !text[used] || batch < 0 || threads < 1 || !(out->measured > 0)) return false;
    out->key = (TuningKey){ arena_strdup(a, device), arena_strdup(a, machine), arena_strdup(a, block),
                            arena_strdup(a, shapes), batch, threads };
    out->version = arena_strdup(a, version);
    out->plan = text + used;
    return true;
}

static bool same_block(const TuningKey *x, const TuningKey *y)
{
    return strcmp(x->device, y->device) == 0 && strcmp(x->machine, y->machine) == 0 && strcmp(x->block, y->block) == 0 &&
           strcmp(x->shapes, y->shapes) == 0 && x->batch == y->batch;
}

/* Splits off the next line of *p; NULL at the end. The text is cut at its line ends. */
static char *next_line(char **p)
{
    char *line = *p;
    if (!line || !*line) return NULL;
    char *nl = strchr(line, '\n');
    *p = nl ? nl + 1 : NULL;
    if (nl) *nl = 0;
    return line;
}

static bool is_comment(const char *line) { return line[strspn(line, " \t\r")] == 0 || line[strspn(line, " \t")] == '#'; }

/* ---- finding ---- */

/* Plan text as the parser wants it; reported to nobody: what is wrong with it is one note. */
static const AstPlan *parse(Arena *a, Diag *d, const char *path, const TuningLine *l, const char *device)
{
    Text t = text_new(a);
    text_printf(&t, "plan %s for \"%s\" {\n", l->key.block, device);
    for (const char *p = l->plan; *p; p += *p == ';') {
        size_t n = strcspn(p, ";");
        text_printf(&t, "    %.*s\n", (int)n, p);
        p += n;
    }
    text_put(&t, "}\n");
    Diag *quiet = diag_new(a);
    int source = diag_add_source(quiet, path, t.at, t.n);
    const AstFile *f = ast_parse_plan(a, quiet, source);
    if (diag_errors(quiet) || f->items.n != 1 || f->items.at[0].kind != AST_ITEM_PLAN) return NULL;
    /* located in the text that the caller's diagnostics know */
    f = ast_parse_plan(a, d, diag_add_source(d, path, t.at, t.n));
    return f->items.at[0].u.plan;
}

/* Does the plan still fit block and device? What is wrong with it is reported to nobody. */
static bool fits(Arena *a, const Diag *d, const AstPlan *plan, const Graph *g, const Stages *s, const PlanOptions *o)
{
    Pin pin = { 0 };
    if (!pin_read(a, diag_new(a), g, s, plan, &pin)) return false;
    SearchTable table = search_begin(a, d, o);
    bool ok = true;
    for (int i = 0; ok && i < pin.at.n; i++) {
        PlanChoice c;
        ok = search_pinned(&table, g, s, &pin.at.at[i].group, &pin.at.at[i].sched, &c) == NULL;
    }
    search_end(&table);
    return ok;
}

const AstPlan *tuning_find(Arena *a, Diag *d, const char *path, const Graph *g, const Stages *s, const PlanOptions *o,
                           TuningLine *line)
{
    size_t len;
    const char *why;
    if (access(path, F_OK) != 0) return NULL;
    char *p = text_read_file(a, path, MOST_BYTES, &len, &why), *text;
    if (!p) return diag_remark(d, (Loc){ 0 }, "FCM5013", "'%s' is left aside: %s", path, why), NULL;
    TuningKey key = tuning_key(a, g, o->device, o->batch, (int)o->device->sms);
    bool found = false;
    for (int number = 1; (text = next_line(&p)); number++) {
        TuningLine l = { 0 };
        if (is_comment(text)) continue;
        if (!read_line(a, text, &l)) diag_remark(d, (Loc){ 0 }, "FCM5013", "%s:%d: no tuning line, left aside", path, number);
        else if (same_block(&l.key, &key) && (!found || l.key.threads == key.threads)) *line = l, found = true;
    }
    if (!found) return NULL;
    const AstPlan *plan = parse(a, d, path, line, o->device->name);
    if (plan && fits(a, d, plan, g, s, o)) return plan;
    diag_remark(d, (Loc){ 0 }, "FCM5013", "%s: the plan for '%s' does not fit it any more, left aside", path, g->block);
    return NULL;
}

/* ---- storing ---- */

bool tuning_store(Arena *a, const char *path, const TuningLine *line, const char **why)
{
    Text t = text_new(a);
    size_t len;
    char *p = access(path, F_OK) == 0 ? text_read_file(a, path, MOST_BYTES, &len, why) : arena_strdup(a, ""), *old;
    if (!p) return false;
    if (!*p) text_put(&t, "# measured by fcmc tune; one line per device, block, batch and shapes; times in microseconds\n");
    while ((old = next_line(&p))) {
        TuningLine l = { 0 };
        bool replaced = !is_comment(old) && read_line(a, old, &l) && same_block(&l.key, &line->key) &&
                l.key.threads == line->key.threads;
        if (!replaced) text_printf(&t, "%s\n", old);
    }
    const TuningKey *k = &line->key;
    text_printf(&t, "%s %s %s batch=%lld threads=%d %s measured=%.2f modelled=%.2f fcmc=%s | %s\n", k->device, k->machine,
                k->block,
                (long long)k->batch, k->threads, k->shapes, line->measured, line->modelled, line->version, line->plan);
    return text_write_file(a, path, t.at, t.n, why);
}
