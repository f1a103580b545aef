/* driver_html.c: plan --html FILE: the plan and its programs' text as one page. */
#include "backend.h"
#include "driver.h"
#include "report.h"

#include <string.h>

/* The kernels' text, without runtime headers. NULL: the backend has no words for some tensor beside them. */
static const char *kernels_text(Driver *d, const Lowered *l, const TmModule *m)
{
    Text source = text_new(d->arena), header = text_new(d->arena);
    EmitOptions o = { .version = FCM_VERSION };
    const char *why;
    bool ok = (l->device->target == TM_CUDA ? emit_cuda : emit_cpu)(d->arena, m, &o, &source, &header, &why);
    return ok ? source.at : NULL;
}

bool driver_html(Driver *d, const Lowered *l)
{
    const char *path = cli_text(d->cli, OPT_HTML), *why;
    if (!path) return true;
    const Stages *s = graph_stages_partial(d->arena, d->diag, l->graph);
    ReportInput in = { l->graph, s, &l->options, &l->report, NULL, NULL, FCM_VERSION };
    in.module = report_module(d->arena, d->diag, l->graph, s, &l->options, &l->report, &why);
    if (!in.module) return diag_error(d->diag, l->graph->loc, "FCM2002", "%s cannot be lowered: %s", l->graph->block, why), false;
    in.code = kernels_text(d, l, in.module);
    Text page = text_new(d->arena);
    report_page(&page, &in);
    if (text_write_file(d->arena, path, page.at, page.n, &why)) return true;
    diag_error(d->diag, NOWHERE, "FCM5002", "cannot write '%s': %s", path, why);
    return false;
}
