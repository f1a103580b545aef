/* parts.h: the parts of the page, each in the file that its comment names. */
#ifndef FCM_REPORT_PARTS_H
#define FCM_REPORT_PARTS_H
#include "html.h"
#include "report.h"

void report_graph(Text *t, const ReportInput *in);              /* graph.c: operations, kernels, tensors */
void report_waterline(Text *t, const ReportInput *in);          /* waterline.c: rate over cumulative work */
void report_gap(Text *t, const ReportInput *in);                /* waterline.c: ideal against predicted time */
void report_tiles(Text *t, const TmModule *m, const TmProgram *p);      /* tiles.c: the output tile in its input window */
void report_traffic(Text *t, const PlanGroup *g);               /* kernel.c: bytes */
void report_limits(Text *t, const PlanChoice *c);               /* kernel.c: what the kernel waits for */
void report_instructions(Text *t, const ReportInput *in, const TmProgram *p);   /* kernel.c: the costs of each */
void report_tensors(Text *t, const ReportInput *in, const TmProgram *p);        /* kernel.c: their bytes */
#endif
