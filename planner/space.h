/* space.h: the schedules that are worth lowering for a group on a device, the most modest last. Returns the index of the first that is no mere
 * variant, in its number of stages, of one behind it. */
#ifndef FCM_SPACE_H
#define FCM_SPACE_H
#include "lower.h"

typedef VEC(Sched) Scheds;
int space_of(Arena *a, const Graph *g, const Stages *s, const Group *group, const Device *d, int64_t batch, Scheds *out);
#endif
