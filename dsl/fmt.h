/* fmt.h: the canonical text of a file. Only white space changes: words and comments stay as they are and where they are. */
#ifndef FCM_FMT_H
#define FCM_FMT_H
#include "ast.h"

/* NULL if d holds errors: a file that does not parse is not touched. Formatting the result again gives the same text. */
char *fmt_file(Arena *a, const Diag *d, const AstFile *file);
#endif
