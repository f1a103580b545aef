/* cases.h: a random problem and random schedules of it, lowered for a device. One seed, one case. */
#ifndef FCM_TEST_CASES_H
#define FCM_TEST_CASES_H
#include "choose.h"
#include "problem.h"

typedef struct Case { Arena *a; Diag *d; Rng rng; char *text; Graph *g; Stages *s; int64_t batch; const Device *dev; Sched sched; const char *broken; } Case;
Case case_new(uint64_t seed);
bool case_problem(Case *c);                                     /* text, graph, stages; false: the front end refused its own problem */
TmModule *case_lower(Case *c, const char *device);              /* under the first of a dozen random schedules that fits (c->sched), or NULL; broken: verify refused what
                                                                 * lowering had made of it, and says why */
#endif
