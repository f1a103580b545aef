/* cuda.h: shared by the files of the CUDA vocabulary: cuda.c (kernels, launches, instructions) and epilogue.c (lambdas). */
#ifndef FCM_EMIT_CUDA_H
#define FCM_EMIT_CUDA_H
#include "emit.h"

const char *cuda_ref(const Emit *e, int tile, int lead);        /* "xt_t{smem + 1024}" */
const char *cuda_image(const Emit *e, const TmTile *t, int tensor, int lead);               /* pointer to the tile's image of a tensor */
const char *cuda_word(const Emit *e, const char *name, int v);
const char *cuda_operand(const Emit *e, const TmEpi *x, int k, int v);
const char *cuda_shift(const Emit *e, int k, int v);
void cuda_epilogue(Emit *e, const TmIns *i, const TmTile *dst); /* prints the lambda `epi` and what it captures */
#endif
