/* ref_main.c: runs the reference in both forms.
 *     child IN OUT N THREADS U_ACC KAPPA
 * OUT: values, bounds and variances of each output in double; then each output as <prefix>_run stores it; then two maxima per
 * node. */
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t CHILD_CALL(bounded_bytes)(int n);
int CHILD_CALL(bounded)(int n, const void *packed, const void *const *in, double *const *v, double *const *b, double *const *s,
                        double *maxima, double u_acc, double kappa, void *workspace);

static void *bytes_of(size_t n)
{
    void *p = aligned_alloc(64, (n + 127) / 64 * 64);
    if (!p) fputs("out of memory\n", stderr), exit(4);
    memset(p, 0, n);
    return p;
}

static void *take(FILE *f, size_t n)
{
    void *p = bytes_of(n);
    if (fread(p, 1, n, f) != n) fputs("the input file is too short\n", stderr), exit(4);
    return p;
}

int main(int argc, char **argv)
{
    if (argc != 7) return 4;
    int n = atoi(argv[3]), threads = atoi(argv[4]);
    FILE *f = fopen(argv[1], "rb"), *g = fopen(argv[2], "wb");
    if (!f || !g) return 4;
    const void *at[CHILD_PARAMS + 1], *in[CHILD_INPUTS + 1];
    for (int i = 0; i < CHILD_PARAMS; i++) at[i] = take(f, child_params[i]);
    for (int i = 0; i < CHILD_INPUTS; i++) in[i] = take(f, (size_t)n * child_inputs[i]);
    CHILD_CALL(params) params;
    memset(&params, 0, sizeof params);
    CHILD_FILL(params, at);
    void *packed = bytes_of(CHILD_CALL(packed_bytes)()), *out[CHILD_OUTPUTS + 1];
    double *t[3][CHILD_OUTPUTS + 1], *maxima = bytes_of(16 * CHILD_NODES + 16);
    if (CHILD_CALL(pack)(&params, packed) != 0) return 1;
    for (int i = 0; i < CHILD_OUTPUTS; i++) {
        out[i] = bytes_of((size_t)n * child_outputs[i]);
        for (int k = 0; k < 3; k++) t[k][i] = bytes_of((size_t)n * child_elements[i] * 8);
    }
    size_t need = CHILD_CALL(bounded_bytes)(n), other = CHILD_CALL(workspace_bytes)(n, threads);
    void *ws = bytes_of(need > other ? need : other);
    if (CHILD_CALL(bounded)(n, packed, in, t[0], t[1], t[2], maxima, strtod(argv[5], NULL), strtod(argv[6], NULL), ws) != 0)
        return 1;
    if (CHILD_RUN(n, packed, in, out, ws, threads) != 0) return 1;
    for (int i = 0; i < CHILD_OUTPUTS; i++)
        for (int k = 0; k < 3; k++) fwrite(t[k][i], 8, (size_t)n * child_elements[i], g);
    for (int i = 0; i < CHILD_OUTPUTS; i++) fwrite(out[i], 1, (size_t)n * child_outputs[i], g);
    fwrite(maxima, 16, CHILD_NODES, g);
    return fclose(g) == 0 ? 0 : 4;
}
