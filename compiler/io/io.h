/* io.h: tensor files: .npy, .npz, .safetensors. Files are hostile: every length, offset and count is checked against the bytes
 * that are there. */
#ifndef FCM_IO_H
#define FCM_IO_H
#include "arena.h"
#include "diag.h"
#include "dtype.h"
#include "text.h"
#include "vec.h"
#include <stdbool.h>
#include <stdint.h>

/* X(enum, bytes, .npy descr ("" = none), .safetensors dtype ("" = none), dtype of the language, words) */
#define FCM_IO_TYPES(X) \
    X(F16,  2, "<f2", "F16",  DT_F16,  "f16") \
    X(F32,  4, "<f4", "F32",  DT_F32,  "f32") \
    X(F64,  8, "<f8", "F64",  DT_NONE, "f64") \
    X(BF16, 2, "",    "BF16", DT_BF16, "bf16") \
    X(I8,   1, "|i1", "I8",   DT_I8,   "i8") \
    X(U8,   1, "|u1", "U8",   DT_U8,   "u8") \
    X(I32,  4, "<i4", "I32",  DT_I32,  "i32")
typedef enum IoType {
#define X(e, bytes, npy, safe, dtype, words) IO_##e,
    FCM_IO_TYPES(X)
#undef X
    IO_TYPE_COUNT
} IoType;
int io_type_bytes(IoType t);
const char *io_type_name(IoType t);
IoType io_type_of(DType t);                                     /* IO_TYPE_COUNT for DT_NONE */

enum { IO_MAX_RANK = 8 };
typedef struct IoTensor {
    const char *name;               /* "" in a .npy */
    IoType type;
    int rank;
    int64_t dim[IO_MAX_RANK];
    const void *data;               /* row-major, little-endian; unaligned */
    size_t bytes;
} IoTensor;
typedef struct IoSet { const char *path; VEC(IoTensor) at; } IoSet;

/* Reads by suffix. False: reported to d (FCM3xxx). */
bool io_read(Arena *a, Diag *d, const char *path, IoSet *out);
bool io_parse(Arena *a, Diag *d, const char *path, const void *bytes, size_t n, IoSet *out);       /* the same, from memory */
bool io_write(Arena *a, Diag *d, const char *path, const IoTensor *at, int n);                     /* whole or not at all */
bool io_name_writable(const char *path);                        /* has one of the three suffixes */
void io_bytes(Text *t, const void *p, size_t n);                  /* appends bytes, zeros included */
bool io_elements(const IoTensor *t, int64_t *n);                /* false: the product overflows */
double io_element(const IoTensor *t, int64_t i);
void io_put(IoType type, void *data, int64_t i, double v);      /* rounds to nearest even; integers saturate */
const IoTensor *io_find(const IoSet *s, const char *name);      /* NULL if there is none */
const char *io_shape_text(Arena *a, int rank, const int64_t *dim);     /* "[3, 3, 144]" */

/* What the graph wants of a file. A dimension -1 takes any size. */
typedef struct IoWant { const char *name; IoType type; int rank; int64_t dim[4]; const void *data; int64_t dim0; } IoWant;
typedef enum IoCast { IO_REFUSE, IO_CAST } IoCast;

/* Finds each want by name and sets data (aligned to 16; dim0: the size found for dim[0]). Missing, unknown, misshapen and
 * mistyped tensors are all reported. */
bool io_match(Arena *a, Diag *d, const IoSet *s, IoWant *wants, int n, IoCast cast);
/* The tensor of a want alone, whatever its name in the file. */
bool io_take(Arena *a, Diag *d, const char *path, const IoTensor *t, IoWant *want, IoCast cast);
#endif
