/* print.h: what the two files that print the reference share. */
#ifndef FCM_REFERENCE_PRINT_H
#define FCM_REFERENCE_PRINT_H
#include "reference.h"

typedef struct Ref {
    Arena *arena;
    const Graph *g;
    const RefOptions *o;
    const char *prefix;
    Text *out;
    int *slot;                      /* per node: the buffer of its values; freed after its last reader */
    VEC(int64_t) size;              /* of each slot: elements an image */
    int64_t slots;                  /* their sum */
    int64_t entered, weights;       /* largest convolution input (an image) and weight, in elements */
    int64_t *param;                 /* byte offset of each parameter in packed */
    int64_t packed;
    int64_t *before;                /* per slot: elements an image before it */
} Ref;

const char *ref_type_name(DType t);                             /* "REF_F16" */
const char *ref_act_name(Act a);                                /* "REF_RELU6" */
const char *ref_number(Arena *a, double v);                     /* v rounded to f32, as a literal of type float */
bool ref_is_conv(const GraphNode *n);
int64_t ref_elements(const GraphNode *n);                       /* an image */
const char *ref_param(const Ref *r, int param);                 /* pointer into packed, or "NULL" */
void ref_print_bounded(Ref *r);
#endif
