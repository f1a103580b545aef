/* formats.h: what the readers of one format share; not for other folders. */
#ifndef FCM_IO_FORMATS_H
#define FCM_IO_FORMATS_H
#include "io.h"

typedef struct IoFile { Arena *arena; Diag *diag; const char *path; const unsigned char *at; size_t n; } IoFile;

bool npy_parse(const IoFile *f, const char *name, IoTensor *out);       /* name: of the member in an .npz, "" for a file */
bool npz_parse(const IoFile *f, IoSet *out);
bool safetensors_parse(const IoFile *f, IoSet *out);
void npy_header(Text *t, const IoTensor *x);                            /* magic, version, dict, padded to 64 bytes */
bool npz_build(Arena *a, const IoTensor *at, int n, Text *out);         /* stored, not deflated; false: over 4 GiB */
void safetensors_build(Arena *a, const IoTensor *at, int n, Text *out);

static inline uint64_t io_le(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}
#endif
