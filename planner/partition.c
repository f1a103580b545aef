/* partition.c: see partition.h */
#include "partition.h"

#include <math.h>
#include <string.h>

static const Stage *stage_at(const Stages *s, int i) { return &s->at.at[i]; }

/* The stage to which stage i hands its result, the first if several read it, or -1. */
static int next_stage(const Stages *s, int i)
{
    for (int j = i + 1; j < s->at.n; j++)
        if (!stage_at(s, j)->cut && lower_hands_over(stage_at(s, i), stage_at(s, j))) return j;
    return -1;
}

/* ---- order ---- */

/* A stage can't start before what its residuals read is done: a group runs where its last stage stands (partition.h). */
static int last_stage(const Group *g) { return g->stage[g->n - 1]; }

void partition_sort(Group *groups, Found **found, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && last_stage(&groups[j]) < last_stage(&groups[j - 1]); j--) {
            Group t = groups[j];
            groups[j] = groups[j - 1];
            groups[j - 1] = t;
            Found *f = found ? found[j] : NULL;
            if (found) found[j] = found[j - 1], found[j - 1] = f;
        }
}

/* ---- without prices ---- */

static Group longest(const Graph *g, const Stages *s, int i)
{
    Group best = { .n = 1, .stage = { i } }, grow = best;
    while (grow.n < GROUP_MAX) {
        int next = next_stage(s, last_stage(&grow));
        if (next < 0) break;
        grow.stage[grow.n++] = next;
        if (lower_is_pattern(g, s, &grow)) best = grow;
    }
    return best;
}

int partition_longest(Arena *a, const Graph *g, const Stages *s, Group *groups)
{
    bool *taken = NEW_N(a, bool, s->at.n + 1);
    int n = 0;
    for (int i = 0; i < s->at.n; i++) {
        if (taken[i]) continue;
        groups[n] = longest(g, s, i);
        for (int k = 0; k < groups[n].n; k++) taken[groups[n].stage[k]] = true;
        n++;
    }
    partition_sort(groups, NULL, n);
    return n;
}

/* ---- paths ---- */

static void add_path(Partition *p, int first, const int *next)
{
    Arena *a = p->table->a;
    Path path = { 0 };
    for (int i = first; i >= 0; i = next[i]) path.n++;
    path.stage = NEW_N(a, int, path.n);
    for (int i = first, k = 0; i >= 0; i = next[i]) path.stage[k++] = i;
    path.segment = NEW_N(a, Found *, path.n * GROUP_MAX);
    path.before = NEW_N(a, Score, path.n + 1);
    path.after = NEW_N(a, Score, path.n + 1);
    path.length = NEW_N(a, int, path.n + 1);
    vec_push(a, &p->paths, path);
}

static void find_paths(Partition *p)
{
    int n = p->s->at.n, *next = NEW_N(p->table->a, int, n + 1);
    bool *fed = NEW_N(p->table->a, bool, n + 1);
    for (int i = 0; i < n; i++) {
        next[i] = stage_at(p->s, i)->cut ? -1 : next_stage(p->s, i);
        if (next[i] >= 0) fed[next[i]] = true;
    }
    for (int i = 0; i < n; i++)
        if (!stage_at(p->s, i)->cut && !fed[i]) add_path(p, i, next);
}

Found *path_segment(const Path *p, int start, int length)
{
    bool inside = start >= 0 && length >= 1 && length <= GROUP_MAX && start + length <= p->n;
    return inside ? p->segment[start * GROUP_MAX + length - 1] : NULL;
}

Group path_group(const Path *p, int start, int length)
{
    Group g = { .n = length };
    for (int i = 0; i < length; i++) g.stage[i] = p->stage[start + i];
    return g;
}

/* ---- segments ---- */

/* The pinned group that has a stage of `group`, or NULL. */
static const PinGroup *pinned_in(const Pin *pin, const Group *group)
{
    for (int k = 0; pin && k < pin->at.n; k++)
        for (int i = 0; i < pin->at.at[k].group.n; i++)
            for (int j = 0; j < group->n; j++)
                if (pin->at.at[k].group.stage[i] == group->stage[j]) return &pin->at.at[k];
    return NULL;
}

static const char *pinned_segment(Partition *p, const PinGroup *pin, Found **out)
{
    Found *f = NEW(p->table->a, Found);
    const char *why = search_pinned(p->table, p->g, p->s, &pin->group, &pin->sched, &f->choice[0]);
    f->pinned = true;
    if (!why) f->score = score_of(p->table->options, &f->choice[0].cost);
    *out = f;
    return why;
}

static bool find_segments(Partition *p, Path *path, const Pin *pin, Stuck *stuck)
{
    int most = p->table->options->longest ? p->table->options->longest : GROUP_MAX;
    for (int i = 0; i < path->n; i++)
        for (int n = 1; n <= GROUP_MAX && i + n <= path->n; n++) {
            Found **to = &path->segment[i * GROUP_MAX + n - 1];
            Group group = path_group(path, i, n);
            const PinGroup *fixed = pinned_in(pin, &group);
            bool same = fixed && pin_of(pin, &group) == fixed;
            if (same) {
                if ((stuck->why = pinned_segment(p, fixed, to))) return stuck->pinned = fixed, false;
            } else if (!fixed && n <= most && lower_is_pattern(p->g, p->s, &group))
                *to = search_group(p->table, p->g, p->s, &group);
        }
    return true;
}

/* ---- covers ---- */

/* Longer groups win ties. */
static void cover(Path *p)
{
    for (int i = 1; i <= p->n; i++) {
        p->before[i] = score_never;
        p->length[i] = 0;
        for (int n = GROUP_MAX; n >= 1; n--) {
            const Found *f = path_segment(p, i - n, n);
            if (!f) continue;
            Score s = score_add(p->before[i - n], f->score);
            if (score_less(s, p->before[i])) p->before[i] = s, p->length[i] = n;
        }
    }
    for (int i = p->n - 1; i >= 0; i--) {
        p->after[i] = score_never;
        for (int n = 1; n <= GROUP_MAX; n++) {
            const Found *f = path_segment(p, i, n);
            Score s = f ? score_add(f->score, p->after[i + n]) : score_never;
            if (score_less(s, p->after[i])) p->after[i] = s;
        }
    }
}

Score path_joined(const Path *p, int i)
{
    Score best = score_never;
    for (int n = 2; n <= GROUP_MAX; n++)
        for (int start = i + 2 - n < 0 ? 0 : i + 2 - n; start <= i; start++) {
            const Found *f = path_segment(p, start, n);
            Score s = f ? score_add(score_add(p->before[start], f->score), p->after[start + n]) : score_never;
            if (score_less(s, best)) best = s;
        }
    return best;
}

/* A draft's score is a lower bound, so a cover is the best one as soon as all its groups are finished; those that are not
 * are finished, which may make another cover the best. */
static bool settle(Partition *p, Path *path)
{
    for (bool again = true; again;) {
        again = false;
        cover(path);
        for (int i = path->n; i > 0 && path->length[i]; i -= path->length[i]) {
            Found *f = path_segment(path, i - path->length[i], path->length[i]);
            again = again || !search_finished(f);
            search_finish(p->table, f, FINALISTS);
        }
    }
    return isfinite(path->before[path->n].first);
}

bool partition_best(Partition *p, const Pin *pin, Stuck *stuck)
{
    *stuck = (Stuck){ .stage = -1 };
    find_paths(p);
    for (int i = 0; i < p->paths.n; i++) {
        Path *path = &p->paths.at[i];
        if (!find_segments(p, path, pin, stuck)) return false;
        if (settle(p, path)) continue;
        int k = 0;
        while (k < path->n && isfinite(path->before[k + 1].first)) k++;
        stuck->stage = path->stage[k < path->n ? k : 0];
        Found *f = path_segment(path, k < path->n ? k : 0, 1);
        stuck->why = f ? f->why : NULL;
        return false;
    }
    return true;
}

int partition_groups(const Partition *p, Group *groups, Found **found)
{
    int n = 0;
    for (int k = 0; k < p->paths.n; k++) {
        const Path *path = &p->paths.at[k];
        for (int i = path->n; i > 0; i -= path->length[i], n++) {
            groups[n] = path_group(path, i - path->length[i], path->length[i]);
            found[n] = path_segment(path, i - path->length[i], path->length[i]);
        }
    }
    partition_sort(groups, found, n);
    return n;
}
