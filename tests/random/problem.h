/* problem.h: a random block in the language, with integer data for every input and parameter, and what it must give. */
#ifndef FCM_TEST_PROBLEM_H
#define FCM_TEST_PROBLEM_H
#include "graph.h"

typedef struct Rng { uint64_t s; } Rng;
uint64_t rng_next(Rng *r);
int rng_in(Rng *r, int lo, int hi);                             /* lo … hi */
int rng_pick(Rng *r, const int *values, int n);

/* The .fcm text of a random block `b`: one or several stages of every pattern, odd sizes, residuals, spread operands. */
char *problem_text(Arena *a, Rng *r);

/* Integer data: elements of node's or parameter's tensor in the language's layout; bn variances make fl(var + eps) = 1. */
float *problem_input(Arena *a, Rng *r, const Graph *g, int node, int64_t batch);
float *problem_param(Arena *a, Rng *r, const Graph *g, int param);

/* The naive evaluation of every node in double, exactly, with the FCM_EXACT stand-ins. value[node]: batch x h x w x c. *largest: the
 * largest magnitude that was seen in any node or partial sum. */
double **problem_oracle(Arena *a, const Graph *g, int64_t batch, float *const *inputs, float *const *params, double *largest);
#endif
