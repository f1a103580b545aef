/* scan.h: source text → tokens. The whole file is scanned first; parser, formatter and token printer walk the array,
 * which gives error recovery as much lookahead as it wants. */
#ifndef FCM_SCAN_H
#define FCM_SCAN_H
#include "arena.h"
#include "diag.h"
#include "vec.h"

typedef struct Token {
    int16_t kind;                   /* enum fcm_tokentype of fcm.y; 0 = end of the file, always the last one */
    bool first;                     /* the first token of its line */
    int32_t off, len;               /* bytes of the source */
} Token;

typedef struct Tokens {
    int source;
    VEC(Token) at;
    VEC(Token) comments;            /* kind 0; first: nothing but white space stands before it on its line */
} Tokens;

enum { SCAN_MAX_BYTES = 16 << 20, SCAN_MAX_NESTING = 200 };    /* of a file; of brackets and signs inside each other */

/* Scans source number `source`; what is wrong with characters, numbers, strings, comments and nesting is reported to d.
 * False: the text is unfit for parsing (no text file, too large, nested too deep), the reason was reported. */
bool scan(Arena *a, Diag *d, int source, Tokens *out);

Loc token_loc(const Tokens *ts, const Token *t);
const char *token_kind_name(int kind);                          /* "block", "|>", "a name" … (fcm.y) */
#endif
