/* schedule.c: see schedule.h */
#include "schedule.h"
#include "text.h"

#include <limits.h>
#include <string.h>

static const struct { const char *key; size_t at; int def; } knobs[] = {
#define X(field, key, def, meaning) { key, offsetof(Sched, field), def },
    FCM_KNOBS(X)
#undef X
};
enum { NKNOBS = sizeof knobs / sizeof *knobs };

static int *knob(Sched *s, int i) { return (int *)((char *)s + knobs[i].at); }

Sched sched_default(void)
{
    Sched s = { 0 };
    for (int i = 0; i < NKNOBS; i++) *knob(&s, i) = knobs[i].def;
    return s;
}

bool sched_set(Sched *s, const char *key, int64_t value)
{
    if (value < 0 || value > INT_MAX) return false;
    for (int i = 0; i < NKNOBS; i++)
        if (strcmp(knobs[i].key, key) == 0) return *knob(s, i) = (int)value, true;
    return false;
}

char *sched_print(Arena *a, const Sched *s)
{
    Text t = text_new(a);
    Sched copy = *s;
    text_printf(&t, "tile=%dx%d", s->th, s->tw);
    for (int i = 2; i < NKNOBS; i++)
        if (*knob(&copy, i) != knobs[i].def) text_printf(&t, ", %s=%d", knobs[i].key, *knob(&copy, i));
    return t.at;
}

const char *const *sched_keys(int *n)
{
    static const char *const keys[] = {
        "tile",
#define X(field, key, def, meaning) key,
        FCM_KNOBS(X)
#undef X
    };
    *n = (int)(sizeof keys / sizeof *keys);
    return keys;
}
