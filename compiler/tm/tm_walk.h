/* tm_walk.h: what the files of the walk share. Private to this folder. */
#ifndef FCM_TM_WALK_H
#define FCM_TM_WALK_H
#include "tm.h"

enum { TM_WALK_LOOPS = 64, TM_WALK_FAR = 1 << 20 };      /* loops of one program; rows that a line buffer may be asked for */

/* Sums of the readers saturate at INT64_MAX instead of overflowing (a text may ask for 2^31 iterations of anything). Innermost in all planning, so
 * they are inline, and no product of numbers below 2^31 is divided to see whether it fits. */
static inline int64_t tm_sat_mul(int64_t a, int64_t b)
{
    int64_t r;
    if (a >= 0 && b >= 0 && a <= INT32_MAX && b <= INT32_MAX) return a * b;
    if (win_mul(a, b, &r)) return r;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static inline int64_t tm_sat_add(int64_t a, int64_t b)
{
    int64_t r;
    if (a >= 0 && b >= 0 && a <= INT64_MAX - b) return a + b;
    if (win_add(a, b, &r)) return r;
    return a > 0 ? INT64_MAX : INT64_MIN;
}

/* comp[loop] = the component to which the loop belongs: loops are tied when one origin (one dimension of one tile) or one limit depends on
 * both. Sums over untied loops multiply. Returns the number of components. */
int tm_tied_loops(const TmProgram *p, int *comp);

/* Space in which a tile's elements lie: a member's is its image's. */
TmSpace tm_space_of(const TmProgram *p, const TmTile *t);
/* Output channels of PW, DW, FINISH and STORE: n from lo on (absolute) carry values; written is what lands in storage (STORE: n). */
typedef struct TmChannels { const Affine *lo; int64_t n, written; } TmChannels;
TmChannels tm_channels(const TmProgram *p, const TmIns *i);
/* A tile of extent 1 over a tensor of size 1 in dimension d (1 or 2): its one row or column stands for all. */
bool tm_spreads(const TmModule *m, const TmTile *t, int d);

/* ---- sets of bytes (walk_unique.c) ---- */
/* Sorted, disjoint, not adjacent spans. */
typedef VEC(WinSpan) TmSpans;
void tm_spans_add(Arena *a, TmSpans *s, WinSpan x);             /* in any order; then close once */
void tm_spans_close(TmSpans *s);
/* What one instruction touches of one tensor, image or member, over the whole program: a product of three sets. */
typedef struct TmTouch { int slot, member; bool written; int64_t unit; TmSpans dim[3]; } TmTouch;
typedef VEC(TmTouch) TmTouches;
/* Elements in the union of those touches of `all` that have first's slot, member and direction. */
int64_t tm_union_elements(Arena *a, const TmTouches *all, const TmTouch *first);

/* ---- shared memory (walk_shared.c) ---- */
/* Bytes and wavefronts of one execution of the instruction, without what STORE reads of its source. */
typedef struct TmShared { int64_t bytes, waves; } TmShared;
TmShared tm_shared_traffic(const TmProgram *p, const TmIns *i);
#endif
