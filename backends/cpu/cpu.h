/* cpu.h: shared by the files of the C vocabulary: cpu.c (kernels, instructions), apart.c (a function for each
 * instruction) and epilogue.c (functions and their contexts). */
#ifndef FCM_EMIT_CPU_H
#define FCM_EMIT_CPU_H
#include "emit.h"

const char *cpu_tile(const Emit *e, int tile);                  /* name of its geometry: "k0_xt_t" */
const char *cpu_tensor(const Emit *e, int tensor);              /* "x_g" */
const char *cpu_ref(const Emit *e, int tile, int lead);         /* "(fc_ref){ arena + 1024, 0 }" */
const char *cpu_image(const Emit *e, const TmTile *t, int tensor, int lead);                /* pointer to the tile's image of a tensor */

void cpu_epilogues(Emit *e);                                    /* the functions and context types of a program, before its kernel */
const char *cpu_word(const Emit *e, const char *name, int v);
const char *cpu_operand(const Emit *e, const TmEpi *x, int k, int v);
const char *cpu_shift(const Emit *e, int k, int v);
const char *cpu_epilogue_args(Emit *e, const TmIns *i, const TmTile *dst);  /* prints the context; returns ", function, &context" */

/* Between these two the kernel goes to a text of its own, and the functions of its instructions before it. */
void cpu_apart_begin(Emit *e);
void cpu_apart_end(Emit *e);
void cpu_apart(Emit *e, const TmIns *i, const char *word, void (*print)(Emit *e, const TmIns *i));  /* the function, and its call */
#endif
