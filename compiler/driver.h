/* driver.h: one run of fcmc. Each verb is a function that returns the exit status; what it reports goes to diag, what it prints
 * to stdout goes through driver_say or out, what --json shows of it into result. */
#ifndef FCM_DRIVER_H
#define FCM_DRIVER_H
#include "ast.h"
#include "choose.h"
#include "cli.h"
#include "device_file.h"
#include "diag.h"
#include "graph.h"
#include "text.h"
#include "tm.h"

typedef struct Driver {
    Arena *arena;
    Diag *diag;
    const Cli *cli;
    bool json;
    Text out;                       /* for stdout, when the verb is done; not shown under --json */
    Text result;                    /* JSON; empty = null */
    unsigned remarked;              /* bit t: which device target t is planned for has been said */
    enum { GPU_NOT_ASKED, GPU_NONE, GPU_THERE } gpu;
} Driver;

#define NOWHERE ((Loc){ 0 })

int driver_check(Driver *d);
int driver_fmt(Driver *d);
int driver_compile(Driver *d);
int driver_plan(Driver *d);
int driver_verify(Driver *d);
int driver_run(Driver *d);
int driver_bench(Driver *d);
int driver_tune(Driver *d);
int driver_calibrate(Driver *d);
int driver_devices(Driver *d);
int driver_doctor(Driver *d);
int driver_explain(Driver *d);

/* To stdout at once (nothing under --json): for work whose lines appear one by one. */
void driver_say(const Driver *d, const char *fmt, ...) FCM_PRINTF(2, 3);

/* ---- the front: from a file to a graph, and on to programs; NULL or false after errors ---- */
bool driver_is_tm(const char *path);
bool driver_load(Driver *d, const char *path, AstFiles *files);
Graph *driver_graph(Driver *d, const AstFiles *files, const char *block);       /* block NULL: --block, or the last one */
TmModule *driver_read_tm(Driver *d, const char *path);

/* What lowering for one target came to. stages, graph and report are empty for a .tm file. */
typedef struct Lowered {
    const Graph *graph;
    const Device *device;
    TmModule *module;
    PlanReport report;
    PlanOptions options;
} Lowered;
bool driver_lower(Driver *d, const char *path, const AstFiles *files, const Graph *g, CliTarget target, Lowered *out);
/* The plan alone: operations that are not lowered are cut out and listed. module stays NULL. */
bool driver_report(Driver *d, const char *path, const AstFiles *files, const Graph *g, CliTarget target, Lowered *out);
bool driver_wants_remark(const Driver *d, const char *which);   /* "pass=fuse", "pass-missed=fuse": was -R… given? */
void driver_remarks(Driver *d, const Lowered *l);               /* those that were asked for */
bool driver_html(Driver *d, const Lowered *l);                  /* --html FILE, if given */
CliTarget driver_module_target(const TmModule *m);
bool driver_has_gpu(Driver *d);
int driver_jobs(const Driver *d);                                /* -j, or the processors */
int64_t driver_batch(Driver *d, const Graph *g);                /* --batch, or the batch of the type, or 1; -1 after an error */

/* Texts of a target: source and header. */
typedef struct Emitted { Text source, header; } Emitted;
bool driver_emit(Driver *d, const Lowered *l, CliTarget target, const char *header_name, Emitted *out);
/* After a failure: remarks which stage of the block is wrong first for the target (nothing if no part fails by itself). */
struct VerifyOptions;
void driver_first_wrong(Driver *d, const Lowered *l, CliTarget t, const struct VerifyOptions *o);
#endif
