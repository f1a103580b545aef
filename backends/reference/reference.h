/* reference.h: the oracle. One naive OpenMP loop nest per node of the graph, accumulating in double; it shares nothing with
 * lowering. Rounding: inputs, outputs and parameters are in their dtype; what enters a convolution is rounded to the
 * convolution's dtype; else all is double. */
#ifndef FCM_REFERENCE_H
#define FCM_REFERENCE_H
#include "diag.h"
#include "graph.h"
#include "text.h"

typedef struct RefOptions {
    const char *version;            /* of fcmc, for the header comment */
    const char *prefix;             /* of all symbols; NULL = the block's name */
    const char *header;             /* how the source includes its header; NULL = <prefix>.h */
    bool bounded;                   /* also print <prefix>_bounded, for verify */
    const Diag *diag;               /* for "file:line" in comments; NULL = none */
} RefOptions;

/* The API of the CPU build, with packed = the parameters one after the other, each from a multiple of 64 bytes. With bounded also
 *     size_t P_bounded_bytes(int n);
 *     int P_bounded(int n, const void *packed, const void *const *in, double *const *v, double *const *b, double *const *s,
 * double *maxima,
 *                   double u_acc, double kappa, void *workspace);
 * v, b, s: per output its values, their rigorous error bounds and the variances of the expected error; maxima: per node of the
 * graph the largest magnitude and the largest sum of |x w|; u_acc: the unit roundoff of the accumulator under test; kappa: 1/3
 * where it rounds to nearest, 1 where it may truncate. False: a size overflows. Ops that are not lowered were refused by
 * graph_stages. */
bool emit_reference(Arena *a, const Graph *g, const RefOptions *o, Text *source, Text *header);

/* Does FCM_EXACT change the text: are there activations or constants that are not integer-valued? */
bool reference_has_exact(const Graph *g);
#endif
