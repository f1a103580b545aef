/* emit_driver.c: calls generated code on the data of a case and compares. Built once per case, against its header:
 *     cc -DFCM_COUNT -DCASE_CALL=… -DCASE_CPU=0|1 -include net.h emit_driver.c net.o
 * Argument: the case file that emit_random.c writes. Exit status 0, or 1 and a line that says what differs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !CASE_CPU
#include "fc_emu.h"
#endif

/* Under AddressSanitizer buffers end where they end; without it guard zones tell of writes past them. */
#ifdef __SANITIZE_ADDRESS__
enum { GUARD = 0 };
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#else
enum { GUARD = 256 };
#endif
enum { MOST = 64, POISON = 0xFF };

typedef struct Blob { int64_t bytes; char *at; } Blob;
typedef struct Case { int64_t batch, nparams, nin, nout, slots, half; Blob param[MOST], in[MOST], want[MOST], read, written; } Case;

static void fail(const char *what, long long at, double got, double want)
{
    printf("%s[%lld] = %g, should be %g\n", what, at, got, want);
    exit(1);
}

static Blob load(FILE *f)
{
    Blob b = { 0, NULL };
    if (fread(&b.bytes, sizeof b.bytes, 1, f) != 1) exit(2);
    b.at = malloc((size_t)b.bytes + 1);
    if (!b.at || fread(b.at, 1, (size_t)b.bytes, f) != (size_t)b.bytes) exit(2);
    return b;
}

static Case load_case(const char *path)
{
    Case c;
    FILE *f = fopen(path, "rb");
    memset(&c, 0, sizeof c);
    if (!f || fread(&c, sizeof(int64_t), 6, f) != 6) exit(2);
    for (int i = 0; i < c.nparams; i++) c.param[i] = load(f);
    for (int i = 0; i < c.nin; i++) c.in[i] = load(f);
    for (int i = 0; i < c.nout; i++) c.want[i] = load(f);
    c.read = load(f);
    c.written = load(f);
    fclose(f);
    return c;
}

/* `bytes` bytes filled with 0xFF (NaN in every float type) between guard zones of 0xA5. */
static char *guarded(size_t bytes)
{
    void *base = NULL;
    if (posix_memalign(&base, 256, bytes + 2 * GUARD + 1)) exit(2);
    char *p = base;
    memset(p, 0xA5, bytes + 2 * GUARD);
    memset(p + GUARD, POISON, bytes);
    return p + GUARD;
}

static void check_guards(const char *what, const char *p, size_t bytes)
{
    for (int i = 0; i < GUARD; i++) {
        if (p[-1 - i] != (char)0xA5) fail(what, -1 - i, p[-1 - i], 0xA5);
        if (p[bytes + (size_t)i] != (char)0xA5) fail(what, (long long)bytes + i, p[bytes + (size_t)i], 0xA5);
    }
}

static double element(const char *p, int64_t i, int half)
{
    _Float16 h;
    float f;
    if (half) memcpy(&h, p + 2 * i, 2), f = (float)h;
    else memcpy(&f, p + 4 * i, 4);
    return f;
}

#if CASE_CPU
typedef int Last;
enum { LAST = 3 };
#else
typedef struct CUstream_st *Last;
#define LAST NULL
#endif

static void check_codes(Case *c, const void *packed, void *workspace, char **in, char **out)
{
    Last last = LAST;
    int n = -1;
    if (CASE_CALL == 0) fail("a negative batch gives", 0, 0, 2);
    n = 0;
    if (CASE_CALL != 0) fail("an empty batch gives", 0, CASE_CALL, 0);
    n = (int)c->batch;
    char *first = in[0];
    in[0] = NULL;
    if (strcmp(net_error(CASE_CALL), "a pointer is null") != 0) fail("a null input gives", 0, CASE_CALL, 1);
    in[0] = first + 1;
    if (CASE_CALL != 4) fail("a misaligned input gives", 0, CASE_CALL, 4);
    in[0] = first;
#if CASE_CPU
    last = 0;
    if (CASE_CALL != 7) fail("no thread at all gives", 0, CASE_CALL, 7);
#endif
}

static void check_counts(Case *c, int64_t *read, int64_t *written)
{
    for (int64_t i = 0; i < c->slots; i++) {
        int64_t r, w;
        memcpy(&r, c->read.at + 8 * i, 8);
        memcpy(&w, c->written.at + 8 * i, 8);
        if (read[i] != r) fail("bytes read in slot", i, (double)read[i], (double)r);
        if (written[i] != w) fail("bytes written in slot", i, (double)written[i], (double)w);
    }
}

/* One run into poisoned outputs, then everything that can be compared. */
static void once(Case *c, const void *packed, char *workspace, size_t workspace_bytes, char **in, char **out)
{
    Last last = LAST;
    int n = (int)c->batch, size = c->half ? 2 : 4, status;
    memset(workspace, POISON, workspace_bytes);
    for (int i = 0; i < c->nout; i++) memset(out[i], POISON, (size_t)(c->want[i].bytes / 8 * size));
    status = CASE_CALL;
    if (status) {
        printf("%s\n", net_error(status));
#if !CASE_CPU
        printf("%s\n", fc_emu_message());
#endif
        exit(1);
    }
    int64_t *read = calloc((size_t)c->slots, 8), *written = calloc((size_t)c->slots, 8);
    net_counts(read, written);
    check_guards("workspace", workspace, workspace_bytes);
    for (int i = 0; i < c->nout; i++) {
        check_guards("output", out[i], (size_t)(c->want[i].bytes / 8 * size));
        for (int64_t k = 0; k < c->want[i].bytes / 8; k++) {
            double want;
            memcpy(&want, c->want[i].at + 8 * k, 8);
            if (!(element(out[i], k, (int)c->half) == want)) fail("output", k, element(out[i], k, (int)c->half), want);
        }
    }
    check_counts(c, read, written);
    free(read);
    free(written);
}

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    Case c = load_case(argv[1]);
    const void *params[MOST] = { 0 };
    net_params p;
    for (int i = 0; i < c.nparams; i++) params[i] = c.param[i].at;
    memcpy(&p, params, sizeof p);
    char *packed = guarded(net_packed_bytes()), *in[MOST] = { 0 }, *out[MOST] = { 0 };
#if CASE_CPU
    size_t workspace_bytes = net_workspace_bytes((int)c.batch, LAST);
#else
    size_t workspace_bytes = net_workspace_bytes((int)c.batch);
#endif
    char *workspace = guarded(workspace_bytes);
    for (int i = 0; i < c.nin; i++) in[i] = guarded((size_t)c.in[i].bytes), memcpy(in[i], c.in[i].at, (size_t)c.in[i].bytes);
    for (int i = 0; i < c.nout; i++) out[i] = guarded((size_t)(c.want[i].bytes / 8 * (c.half ? 2 : 4)));
    if (net_pack(&p, packed)) fail("pack", 0, net_pack(&p, packed), 0);
    check_guards("packed", packed, net_packed_bytes());
    check_codes(&c, packed, workspace, in, out);
#if CASE_CPU
    once(&c, packed, workspace, workspace_bytes, in, out);
#else
    static const fc_emu_mode modes[] = { { FC_EMU_ASCENDING, 0, 0, 1 },
                                         { FC_EMU_DESCENDING, 0, 1, 1 },
                                         { FC_EMU_RANDOM, 7, 0, 2 } };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        fc_emu_set_mode(&modes[i]);
        once(&c, packed, workspace, workspace_bytes, in, out);
    }
#endif
    return 0;
}
