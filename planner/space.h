/* space.h: the schedules that are worth lowering for a group on a device. */
#ifndef FCM_SPACE_H
#define FCM_SPACE_H
#include "lower.h"

typedef VEC(Sched) Scheds;
void space_of(Arena *a, const Graph *g, const Stages *s, const Group *group, const Device *d, int64_t batch, Scheds *out);
#endif
