/* operands.h: which tiles an instruction touches; shared by the passes. */
#ifndef FCM_TM_OPERANDS_H
#define FCM_TM_OPERANDS_H
#include "tm.h"

int tm_holder(const TmProgram *p, int tile);                    /* the tile that owns the bytes: the image tile for a member; -1 stays -1 */
int tm_epi_tiles(const TmEpi *e, int tiles[2]);                 /* the tiles that an epilogue step reads; returns how many */
bool tm_epi_per_channel(const TmEpi *e);                        /* a vector over channels, else a tile of pixels */
bool tm_reads(const TmProgram *p, const TmIns *i, int tile);    /* does i read tile, or a member of it? */

/* "instruction 14, pw et = xt, wt.e [mma16816] (mbconv.fcm:3 e = pw 24->144)" */
const char *tm_ins_text(Arena *a, const TmModule *m, const TmProgram *p, int at);
#endif
