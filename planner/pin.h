/* pin.h: plan text → fixed groups and schedules, and back. */
#ifndef FCM_PIN_H
#define FCM_PIN_H
#include "ast.h"
#include "lower.h"

typedef struct PinGroup { Group group; Sched sched; Loc loc; } PinGroup;
typedef struct Pin { VEC(PinGroup) at; } Pin;

/* fuse(name, …, knob=number, …): names are the dotted results of stages (or of the ops inside them). Errors FCM2004… are
 * located. */
bool pin_read(Arena *a, Diag *d, const Graph *g, const Stages *s, const AstPlan *plan, Pin *out);

const PinGroup *pin_of(const Pin *pin, const Group *group);     /* NULL: not pinned */
#endif
