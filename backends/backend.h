/* backend.h: a module of tensor-machine programs becomes text, a source file and its header. The backends see nothing but the
 * module: no graph, no schedule, no device; every number is read from the program. Same module and options, same bytes. */
#ifndef FCM_BACKEND_H
#define FCM_BACKEND_H
#include "text.h"
#include "tm.h"

typedef struct EmitOptions {
    bool prelude;                   /* embed the runtime headers; without them the text is for reading (goldens) */
    const char *version;            /* of fcmc, for the header comment; NULL = none */
    const char *predicted;          /* lines for the header comment: predicted bytes and time; NULL = none */
    const char *prefix;             /* of all symbols; NULL = the module's name */
    const char *header;             /* how the source includes its header, "mbconv.h"; NULL = <prefix>.h */
} EmitOptions;

/* Both set *source and *header. false: the module holds what the target cannot print yet, worded in *why. */
bool emit_cuda(Arena *a, const TmModule *m, const EmitOptions *o, Text *source, Text *header, const char **why);

/* OpenMP C11. Programs that were scheduled for CUDA print too: portable operations, no swizzle, barriers and pipelining vanish. */
bool emit_cpu(Arena *a, const TmModule *m, const EmitOptions *o, Text *source, Text *header, const char **why);
#endif
