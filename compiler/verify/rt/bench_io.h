/* bench_io.h: what timed programs share, whatever they run on: arguments, files, memory of the host. C11 and C++.
 *     child IN OUT N THREADS ROUNDS [alone]
 * IN: parameters, then inputs of N images. OUT: the outputs, to be verified before any time is believed. stdout: "ours seconds" for each
 * round, of one call, and what else was timed. With `alone` nothing else is timed. Status 4: files or memory. */
#ifndef BENCH_IO_H
#define BENCH_IO_H
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Bench {
    int n, threads, rounds, alone;
    void *packed, *in[CHILD_INPUTS + 1], *out[CHILD_OUTPUTS + 1];      /* on the host */
    FILE *to;
} Bench;

static void bench_fail(int status, const char *what, const char *why)
{
    fflush(stdout);                                             /* the words of the error are the last of the log */
    fprintf(stderr, "%s%s%s\n", what, *why ? ": " : "", why);
    exit(status);
}

static void *bench_bytes(size_t n)
{
    void *p = aligned_alloc(4096, (n + 8191) / 4096 * 4096);
    if (!p) bench_fail(4, "out of memory", "");
    memset(p, 0, n);
    return p;
}

static void *bench_take(FILE *f, size_t n)
{
    void *p = bench_bytes(n);
    if (fread(p, 1, n, f) != n) bench_fail(4, "the input file is too short", "");
    return p;
}

static size_t bench_output(const Bench *b, int i) { return (size_t)b->n * child_outputs[i]; }

/* What CHILD_RUN or pack returned. */
static void bench_check(const char *what, int code)
{
    if (code) bench_fail(1, what, CHILD_CALL(error)(code));
}

static Bench bench_open(int argc, char **argv)
{
    Bench b;
    memset(&b, 0, sizeof b);
    if (argc != 6 && argc != 7) bench_fail(4, "child IN OUT N THREADS ROUNDS [alone]", "");
    b.n = atoi(argv[3]), b.threads = atoi(argv[4]), b.rounds = atoi(argv[5]), b.alone = argc == 7;
    FILE *f = fopen(argv[1], "rb");
    b.to = fopen(argv[2], "wb");
    if (!f || !b.to) bench_fail(4, "cannot open the files", "");
    const void *at[CHILD_PARAMS + 1];
    for (int i = 0; i < CHILD_PARAMS; i++) at[i] = bench_take(f, child_params[i]);
    for (int i = 0; i < CHILD_INPUTS; i++) b.in[i] = bench_take(f, (size_t)b.n * child_inputs[i]);
    for (int i = 0; i < CHILD_OUTPUTS; i++) b.out[i] = bench_bytes(bench_output(&b, i));
    fclose(f);
    CHILD_CALL(params) params;
    memset(&params, 0, sizeof params);
    CHILD_FILL(params, at);
    b.packed = bench_bytes(CHILD_CALL(packed_bytes)());
    bench_check("pack", CHILD_CALL(pack)(&params, b.packed));
    return b;
}

/* The outputs are complete: into the file. */
static void bench_write(const Bench *b)
{
    for (int i = 0; i < CHILD_OUTPUTS; i++) fwrite(b->out[i], 1, bench_output(b, i), b->to);
    if (fclose(b->to) != 0) bench_fail(4, "cannot write the outputs", "");
}
#endif
