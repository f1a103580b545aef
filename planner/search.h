/* search.h: the best schedules of one fusion group, and a table that remembers groups by their key. Drafts (laid out and
 * placed) are priced first; the cheapest few are finished and verified when somebody wants that group. Finishing only adds
 * barriers, so a draft's score is a lower bound of the finished one. */
#ifndef FCM_SEARCH_H
#define FCM_SEARCH_H
#include "choose.h"
#include "subgraph.h"

/* What is minimised, then what decides between equals: seconds and bytes, bytes and seconds, or kernels and seconds. */
typedef struct Score { double first, second; } Score;
Score score_add(Score a, Score b);
bool score_less(Score a, Score b);
extern const Score score_never;     /* no schedule fits */

enum { DRAFTS = 5, FINALISTS = 3 };     /* schedules that are remembered, and of these finished */
typedef struct Priced {
    Sched sched;
    Score rank, score;              /* rank orders the schedules of a group, scores add up over groups */
    double time;
    int64_t dram;
} Priced;

typedef struct Found {
    SubGraph sub;
    Priced draft[DRAFTS];           /* ascending ranks */
    int ndraft, tried, unfit;
    const char *why;                /* the refusal of the most modest schedule that does not fit; NULL: all fitted */
    int finished;                   /* drafts that have been finished, from the first on */
    bool pinned;
    Score rank[2];                  /* of the choices */
    PlanChoice choice[2];           /* of the finished ones: the best, and the runner-up (text NULL: none) */
    Score score;                    /* of choice[0], or of draft[0] before; score_never if nothing fits */
} Found;

typedef struct SearchTable {
    Arena *a, *scratch;
    const Diag *diag;
    const PlanOptions *options;
    VEC(Found *) found;
} SearchTable;

SearchTable search_begin(Arena *a, const Diag *d, const PlanOptions *o);
void search_end(SearchTable *t);

Found *search_group(SearchTable *t, const Graph *g, const Stages *s, const Group *group);
/* Finishes and verifies the first `most` drafts, and more until one verifies: fills choice and score. */
void search_finish(SearchTable *t, Found *f, int most);
bool search_finished(const Found *f);                           /* all that are worth it: FINALISTS, or as many as there are */
double found_time(const Found *f);                              /* seconds and bytes of the best schedule; HUGE_VAL: none */
int64_t found_dram(const Found *f);

/* One given schedule: NULL and the choice, or why it is impossible (for pinned plans). */
const char *search_pinned(SearchTable *t, const Graph *g, const Stages *s, const Group *group, const Sched *sched,
                          PlanChoice *out);
Score score_of(const PlanOptions *o, const Cost *c);
#endif
