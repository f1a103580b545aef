/* cover.h: do boxes, enumerated over loops, cover a box exactly once? Asked about stores (outputs) and about sums (contracted channels, taps). */
#ifndef FCM_TM_COVER_H
#define FCM_TM_COVER_H
#include "tm.h"

enum { COVER_LOOPS = 16 };
/* Box lo[d] … lo[d] + n[d] - 1 in each of four dimensions, once for every value of these loops (others keep the value in vars). */
typedef struct Coverer { Affine lo[4]; int64_t n[4]; int nloop, loops[COVER_LOOPS]; const TmIns *ins; } Coverer;
typedef enum CoverKind { COVER_EXACT, COVER_HOLE, COVER_TWICE, COVER_TOO_LARGE } CoverKind;
typedef struct CoverResult { CoverKind kind; int64_t at[4]; } CoverResult;

/* The part of the boxes outside size[d] is cut off. A batch loop counts as two iterations. vars is scratch, of all loops. */
CoverResult tm_cover(Arena *a, const TmProgram *p, const Coverer *c, int n, const WinSpan size[4], int64_t *vars);
#endif
