/* cli.h: the command line, parsed and checked by the tables of options.def. */
#ifndef FCM_CLI_H
#define FCM_CLI_H
#include "arena.h"
#include "dtype.h"
#include "text.h"
#include "vec.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum Verb {
#define VERB(e, name, files, operands, help) VERB_##e,
#include "options.def"
    VERB_COUNT
} Verb;
typedef enum Opt {
#define OPTION(e, name, letter, kind, argument, verbs, help) OPT_##e,
#include "options.def"
    OPT_COUNT
} Opt;
typedef enum Emit {
#define EMIT(e, name, help) EMIT_##e,
#include "options.def"
    EMIT_COUNT
} Emit;
enum {
#define STATUS(e, code, help) EXIT_##e = code,
#include "options.def"
};
typedef enum CliTarget { CLI_TARGET_NONE, CLI_CUDA, CLI_CPU, CLI_REFERENCE } CliTarget;

/* One option as given. name/value: the two sides of DEFINE and PAIR (a PAIR without "=" has name NULL); number: COUNT, MANY,
 * DEFINE. */
typedef struct CliGiven { Opt opt; const char *text, *name, *value; int64_t number; } CliGiven;

typedef struct Cli {
    Verb verb;
    bool verb_given;                /* false: compile, because no verb was written */
    VEC(CliGiven) given;            /* in order */
    VEC(const char *) files;
    unsigned emits;                 /* bit e: EMIT_e was asked for */
    const char *error;              /* usage error, worded; NULL if none. What was parsed before it is valid */
    const char *hint;               /* "did you mean ...", or NULL */
} Cli;

Cli *cli_parse(Arena *a, int argc, const char *const *argv);
bool cli_has(const Cli *c, Opt o);
const char *cli_text(const Cli *c, Opt o);                      /* NULL if not given */
int64_t cli_number(const Cli *c, Opt o, int64_t otherwise);
CliTarget cli_target(const Cli *c);
DType cli_dtype(const Cli *c);
const char *cli_verb_name(Verb v);
const char *cli_emit_name(Emit e);
const char *cli_target_name(CliTarget t);

void cli_help(Text *t);                                         /* fcmc --help */
void cli_help_verb(Text *t, Verb v);                            /* fcmc VERB --help */
#endif
