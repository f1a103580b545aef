/* report.h: a plan as one self-contained web page: graph, traffic, tiles, limits, waterline, refusals, generated code. No scripts, no
 * network; the same plan gives the same bytes. */
#ifndef FCM_REPORT_H
#define FCM_REPORT_H
#include "choose.h"
#include "text.h"

typedef struct ReportInput {
    const Graph *graph;
    const Stages *stages;           /* those that were planned; some may be cut */
    const PlanOptions *options;     /* device, batch, path of the source */
    const PlanReport *plan;
    const TmModule *module;         /* one program per group, of report_module; NULL: no tiles and instructions */
    const char *code;               /* the module's generated text without the runtime; NULL: none */
    const char *version;            /* of fcmc */
} ReportInput;

/* The page, appended to out. */
void report_page(Text *out, const ReportInput *in);

/* The chosen groups as programs of one module, in the plan's order. Results of stages that are cut become tensors in memory that nobody
 * writes, so with cuts the module is for reading. NULL: a group cannot be lowered, *why tells. */
TmModule *report_module(Arena *a, const Diag *d, const Graph *g, const Stages *s, const PlanOptions *o, const PlanReport *r,
                        const char **why);
#endif
