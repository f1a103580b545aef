/* tuning.h: <block>.fcm.tuning, what `fcmc tune` measured. A line per (device, block, batch, shapes, threads):
 *
 *   host 512x2 mbconv_f32 batch=1 threads=2 56x56x24:f32 measured=251.8 modelled=119.4 fcmc=0.1.0 |
 *   k0 = fuse(e.relu6, d.relu6, y, tile=1x0)                     (all in one line)
 *
 * Behind the bar stand the plan's groups, with ; between them. Times in microseconds. Lines that begin with # and empty ones
 * mean nothing. */
#ifndef FCM_TUNING_H
#define FCM_TUNING_H
#include "ast.h"
#include "choose.h"
#include "diag.h"
#include "graph.h"

typedef struct TuningKey { const char *device, *machine, *block, *shapes; int64_t batch; int threads; } TuningKey;
typedef struct TuningLine { TuningKey key; double measured, modelled; const char *version, *plan; } TuningLine;

TuningKey tuning_key(Arena *a, const Graph *g, const Device *dev, int64_t batch, int threads);
const char *tuning_path(Arena *a, const char *source);

/* The plan for this key (its thread count, else any), or NULL. What cannot be used is noted to d, never an error. */
const AstPlan *tuning_find(Arena *a, Diag *d, const char *path, const Graph *g, const Stages *s, const PlanOptions *o,
                           TuningLine *line);

/* Rewrites the file: the line of the same key is replaced, the others stay as they are. *why on failure; the old file stays
 * then. */
bool tuning_store(Arena *a, const char *path, const TuningLine *line, const char **why);
#endif
