/* print.h: the front-end forms as text, for --emit=tokens and --emit=ast. */
#ifndef FCM_PRINT_H
#define FCM_PRINT_H
#include "ast.h"
#include "text.h"

/* One line a token: "line:col kind text". Scan errors go to d. */
void print_tokens(Diag *d, int source, Text *out);
void print_ast(const AstFile *file, Text *out);                 /* an indented tree */
#endif
