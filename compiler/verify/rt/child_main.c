/* child_main.c: runs one generated build on tensors from a file. Compiled as C, or as C++ (CUDA text on the host, or nvcc),
 * beside child.h, which is printed: CHILD_CPU, CHILD_EMULATED or CHILD_DEVICE; names and sizes.
 *     child IN OUT N THREADS PASSES
 * IN: parameters, then inputs of N images. OUT, per pass: outputs, then read and written bytes per slot. Status 0; 1: the code
 * returned an error, 2: a guard zone was written, 3: a wrong call was not refused, 4: files or memory. */
#include "child.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CHILD_EMULATED
#include "fc_emu.h"
#endif
#ifdef CHILD_DEVICE
#include <cuda_runtime.h>
#endif

enum { GUARD = 4096 };                                          /* bytes before and behind each buffer */

static void fail(int status, const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(status);
}

static void *host_bytes(size_t n)
{
    void *p = aligned_alloc(256, (n + 511) / 256 * 256);
    if (!p) fail(4, "out of memory");
    return p;
}

/* ---- buffers that the code under test sees: guard zones before and behind, poison inside. The emulator learns of them from the
 * code itself ---- */
typedef struct Buffer { char *base, *at; size_t bytes; } Buffer;

static Buffer buffer(size_t bytes)
{
    Buffer b = { NULL, NULL, bytes };
    size_t whole = (bytes + 255) / 256 * 256 + 2 * GUARD;
#ifdef CHILD_DEVICE
    void *p = NULL;
    if (cudaMalloc(&p, whole) == cudaSuccess && cudaMemset(p, 0xA5, whole) == cudaSuccess &&
        cudaMemset((char *)p + GUARD, 0xFF, bytes) == cudaSuccess)
        b.base = (char *)p;
#else
    b.base = (char *)host_bytes(whole);
    memset(b.base, 0xA5, whole);
    memset(b.base + GUARD, 0xFF, bytes);
#endif
    b.at = b.base ? b.base + GUARD : NULL;
    if (!b.at) fail(4, "out of memory");
    return b;
}

static void upload(Buffer b, const void *from)
{
#ifdef CHILD_DEVICE
    if (b.bytes && cudaMemcpy(b.at, from, b.bytes, cudaMemcpyHostToDevice) != cudaSuccess) fail(4, "cudaMemcpy failed");
#else
    if (b.bytes) memcpy(b.at, from, b.bytes);
#endif
}

static void download(Buffer b, void *to)
{
#ifdef CHILD_DEVICE
    if (b.bytes && cudaMemcpy(to, b.at, b.bytes, cudaMemcpyDeviceToHost) != cudaSuccess) fail(4, "cudaMemcpy failed");
#else
    if (b.bytes) memcpy(to, b.at, b.bytes);
#endif
}

static void poison(Buffer b)
{
#ifdef CHILD_DEVICE
    cudaMemset(b.at, 0xFF, b.bytes);
#else
    memset(b.at, 0xFF, b.bytes);
#endif
}

static void check_guards(Buffer b, const char *what)
{
    size_t tail = (b.bytes + 255) / 256 * 256 - b.bytes + GUARD;
    char *host = (char *)host_bytes(GUARD + tail);
#ifdef CHILD_DEVICE
    if (cudaMemcpy(host, b.base, GUARD, cudaMemcpyDeviceToHost) != cudaSuccess ||
        cudaMemcpy(host + GUARD, b.at + b.bytes, tail, cudaMemcpyDeviceToHost) != cudaSuccess)
        fail(4, "cudaMemcpy failed");
#else
    memcpy(host, b.base, GUARD);
    memcpy(host + GUARD, b.at + b.bytes, tail);
#endif
    for (size_t i = 0; i < GUARD + tail; i++)
        if ((unsigned char)host[i] != 0xA5) fprintf(stderr, "%s: ", what), fail(2, "written outside its bounds");
    free(host);
}

/* ---- one run ---- */
static char *take(FILE *f, size_t bytes)
{
    char *p = (char *)host_bytes(bytes);
    if (fread(p, 1, bytes, f) != bytes) fail(4, "the input file is too short");
    return p;
}

static void report(const char *what, int code)
{
    fprintf(stderr, "%s: %s\n", what, CHILD_CALL(error)(code));
#ifdef CHILD_EMULATED
    fprintf(stderr, "%s", fc_emu_message());
#endif
    exit(1);
}

/* A negative batch and a null pointer give codes, no images give none. */
static void check_refusals(Buffer packed, const Buffer *in, const Buffer *out, Buffer ws, CHILD_LAST_TYPE last)
{
    const void *i[CHILD_INPUTS + 1], *none[CHILD_INPUTS + 1];
    void *o[CHILD_OUTPUTS + 1];
    for (int k = 0; k < CHILD_INPUTS; k++) i[k] = in[k].at, none[k] = NULL;
    for (int k = 0; k < CHILD_OUTPUTS; k++) o[k] = out[k].at;
    if (CHILD_RUN(-1, packed.at, i, o, ws.at, last) == 0) fail(3, "a batch of -1 was not refused");
    if (CHILD_INPUTS && CHILD_RUN(CHILD_BATCH, packed.at, none, o, ws.at, last) == 0) fail(3, "a null input was not refused");
    if (CHILD_BATCH_OPEN && CHILD_RUN(0, packed.at, i, o, ws.at, last) != 0) fail(3, "a batch of 0 was refused");
}

static void run_once(int n, Buffer packed, const Buffer *in, const Buffer *out, Buffer ws, CHILD_LAST_TYPE last)
{
    const void *i[CHILD_INPUTS + 1];
    void *o[CHILD_OUTPUTS + 1];
    for (int k = 0; k < CHILD_INPUTS; k++) i[k] = in[k].at;
    for (int k = 0; k < CHILD_OUTPUTS; k++) o[k] = out[k].at;
    int code = CHILD_RUN(n, packed.at, i, o, ws.at, last);
    if (code) report("run", code);
#ifdef CHILD_DEVICE
    cudaError_t e = cudaDeviceSynchronize();
    if (e != cudaSuccess) fail(1, cudaGetErrorString(e));
#endif
#ifdef CHILD_EMULATED
    if (fc_emu_errors()) fprintf(stderr, "%s", fc_emu_message()), exit(1);
#endif
}

static void put_counts(FILE *f)
{
    int64_t read[CHILD_SLOTS + 1], written[CHILD_SLOTS + 1];
    memset(read, 0, sizeof read);
    memset(written, 0, sizeof written);
#if defined FCM_COUNT && defined CHILD_COUNTED
    CHILD_CALL(counts)(read, written);
#endif
    fwrite(read, 8, CHILD_SLOTS, f);
    fwrite(written, 8, CHILD_SLOTS, f);
}

/* Pass 0: lanes ascending, asynchronous copies as late as legal; pass 1: descending, as early as legal. */
static void set_pass(int pass, int threads)
{
    (void)pass, (void)threads;
#ifdef CHILD_EMULATED
    fc_emu_mode mode = { pass ? FC_EMU_DESCENDING : FC_EMU_ASCENDING, 0, pass, threads };
    fc_emu_set_mode(&mode);
    fc_emu_reset();
#endif
}

int main(int argc, char **argv)
{
    if (argc != 6) fail(4, "child IN OUT N THREADS PASSES");
    int n = atoi(argv[3]), threads = atoi(argv[4]), passes = atoi(argv[5]);
    FILE *f = fopen(argv[1], "rb"), *g = fopen(argv[2], "wb");
    if (!f || !g) fail(4, "cannot open the files");

    const void *at[CHILD_PARAMS + 1];
    for (int i = 0; i < CHILD_PARAMS; i++) at[i] = take(f, child_params[i]);
    CHILD_CALL(params) params;
    memset(&params, 0, sizeof params);
    CHILD_FILL(params, at);
    size_t bytes = CHILD_CALL(packed_bytes)();
    void *host = host_bytes(bytes);
    int code = CHILD_CALL(pack)(&params, host);
    if (code) report("pack", code);
    Buffer packed = buffer(bytes), in[CHILD_INPUTS + 1], out[CHILD_OUTPUTS + 1];
    upload(packed, host);
    for (int i = 0; i < CHILD_INPUTS; i++) in[i] = buffer((size_t)n * child_inputs[i]), upload(in[i], take(f, in[i].bytes));
    for (int i = 0; i < CHILD_OUTPUTS; i++) out[i] = buffer((size_t)n * child_outputs[i]);
#ifdef CHILD_CPU
    Buffer ws = buffer(CHILD_CALL(workspace_bytes)(n, threads));
    int last = threads;
#else
    Buffer ws = buffer(CHILD_CALL(workspace_bytes)(n));
    CHILD_LAST_TYPE last = NULL;
#endif
    check_refusals(packed, in, out, ws, last);
    for (int pass = 0; pass < passes; pass++) {
        set_pass(pass, threads);
        poison(ws);
        for (int i = 0; i < CHILD_OUTPUTS; i++) poison(out[i]);
        run_once(n, packed, in, out, ws, last);
        for (int i = 0; i < CHILD_OUTPUTS; i++) {
            char *p = (char *)host_bytes(out[i].bytes);
            download(out[i], p);
            fwrite(p, 1, out[i].bytes, g);
            free(p);
        }
        put_counts(g);
    }
    check_guards(packed, "packed");
    for (int i = 0; i < CHILD_INPUTS; i++) check_guards(in[i], "an input");
    for (int i = 0; i < CHILD_OUTPUTS; i++) check_guards(out[i], "an output");
    check_guards(ws, "the workspace");
    return fclose(g) == 0 ? 0 : 4;
}
