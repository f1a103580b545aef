/* fuzz_io.c SEED ROUNDS: mutated tensor files never crash the readers, and what is accepted can be read in full. */
#include "formats.h"
#include "io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void mutate(unsigned char *p, size_t *n)
{
    static const unsigned char odd[] = { 0, 1, 0x7F, 0x80, 0xFF, '{', '}', '[', ',', '9', '-', '"' };
    for (uint32_t k = draw(6); k-- > 0 && *n > 0;) {
        size_t at = draw((uint32_t)*n);
        switch (draw(5)) {
        case 0: p[at] ^= (unsigned char)(1u << draw(8)); break;
        case 1: p[at] = odd[draw(sizeof odd)]; break;
        case 2: *n = at; break;
        case 3: memmove(p + at, p + at + 1, --*n - at); break;
        default:                                                /* copy a piece over another */
            for (size_t from = draw((uint32_t)*n), i = 0; i < 8 && at + i < *n && from + i < *n; i++) p[at + i] = p[from + i];
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const paths[] = { "x.npy", "x.npz", "x.safetensors" };
    state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 1000, accepted = 0;
    float x[6] = { 1, 2, 3, 4, 5, 6 };
    IoTensor two[] = { { "e.weight", IO_F32, 2, { 2, 3 }, x, 24 }, { "e.bias", IO_F32, 1, { 2 }, x, 8 } };
    double sum = 0;
    for (long r = 0; r < rounds; r++) {
        Arena *a = arena_new();
        Diag *d = diag_new(a);
        Text t = text_new(a);
        int kind = (int)draw(3);
        if (kind == 0) npy_header(&t, two), io_bytes(&t, x, 24);
        else if (kind == 1) npz_build(a, two, 2, &t);
        else safetensors_build(a, two, 2, &t);
        size_t n = t.n;
        unsigned char *bytes = malloc(n);                       /* exact size, so that the sanitizer sees one byte too far */
        memcpy(bytes, t.at, n);
        mutate(bytes, &n);
        unsigned char *exact = malloc(n ? n : 1);
        memcpy(exact, bytes, n);
        IoSet s;
        if (io_parse(a, d, paths[kind], exact, n, &s)) {
            accepted++;
            for (int i = 0; i < s.at.n; i++) {
                int64_t count;
                if (!io_elements(&s.at.at[i], &count)) abort();
                for (int64_t k = 0; k < count; k++) sum += io_element(&s.at.at[i], k) > 0;
            }
        } else if (diag_errors(d) == 0) {
            printf("seed %s round %ld: refused without a word\n", argc > 1 ? argv[1] : "1", r);
            return 1;
        }
        free(bytes), free(exact);
        arena_free(a);
    }
    printf("%ld of %ld accepted (%g positive elements)\n", accepted, rounds, sum);
    return accepted == 0;
}
