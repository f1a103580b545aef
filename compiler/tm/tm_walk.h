/* tm_walk.h: what the files of the walk share. Private to this folder. */
#ifndef FCM_TM_WALK_H
#define FCM_TM_WALK_H
#include "tm.h"

enum { TM_WALK_LOOPS = 64 };        /* loops of one program */

/* Sums of the readers saturate at INT64_MAX instead of overflowing (a text may ask for 2^31 iterations of anything). */
int64_t tm_sat_mul(int64_t a, int64_t b);
int64_t tm_sat_add(int64_t a, int64_t b);

/* comp[loop] = the component to which the loop belongs: loops are tied when one origin (one dimension of one tile) or one limit depends on
 * both. Sums over untied loops multiply. Returns the number of components. */
int tm_tied_loops(const TmProgram *p, int *comp);

/* Space in which a tile's elements lie: a member's is its image's. */
TmSpace tm_space_of(const TmProgram *p, const TmTile *t);
/* Output channels of PW, DW, FINISH and STORE: n from lo on (absolute) carry values; written is what lands in storage (STORE: n). */
typedef struct TmChannels { const Affine *lo; int64_t n, written; } TmChannels;
TmChannels tm_channels(const TmProgram *p, const TmIns *i);

/* walk_shared.c: bytes and wavefronts of shared memory of one execution of the instruction. stored: elements that a STORE reads, clipped. */
typedef struct TmShared { int64_t bytes, waves; } TmShared;
TmShared tm_shared_traffic(const TmModule *m, const TmProgram *p, const TmIns *i);
#endif
