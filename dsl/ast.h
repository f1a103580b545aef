/* ast.h: what a file says, before any name is looked up. Made by fcm.y, read by compiler/graph and by fmt.
 * All nodes live in one arena, carry a Loc, and are never changed after parsing. */
#ifndef FCM_AST_H
#define FCM_AST_H
#include "arena.h"
#include "diag.h"
#include "vec.h"

typedef struct AstName { const char *text; Loc loc; } AstName;              /* text == NULL: absent */

typedef enum AstKind {
    AST_NUMBER,         /* number, is_int, integer */
    AST_PAIR,           /* pair[0] x pair[1], height first */
    AST_NAME,           /* name */
    AST_CALL,           /* name, args */
    AST_TUPLE,          /* list of two or more: (a, b) */
    AST_PAREN,          /* list of one: (e), kept for fmt and for the rule about pipes and arithmetic */
    AST_PIPE,           /* list[0] |> list[1] |> …; every list[i > 0] is AST_NAME or AST_CALL */
    AST_BINARY,         /* op '+' '-' '*' '/', list[0], list[1] */
    AST_NEGATE          /* list[0] */
} AstKind;

enum {
    AST_MAX_DEPTH = 1000,           /* nodes from an expression down to its deepest leaf */
    AST_MAX_FILES = 200             /* read by one ast_load() */
};

typedef struct AstExpr AstExpr;
typedef struct AstArg { AstName key; AstExpr *value; } AstArg;              /* key.text NULL: positional */
struct AstExpr {
    AstKind kind;
    Loc loc;                                                                /* the whole expression */
    int depth;                                                              /* at most AST_MAX_DEPTH, so recursion is safe */
    AstName name;
    double number; int64_t integer; int is_int;                             /* an integer literal that overflows is a scan error */
    int64_t pair[2];
    int op; Loc op_loc;
    VEC(AstArg) args;
    VEC(AstExpr *) list;
};

typedef struct AstType {                                                    /* dtype[extents] layout */
    Loc loc;
    AstExpr *dtype;                                                         /* AST_NAME or AST_CALL (i8(scale, zero=0)); NULL: none written */
    VEC(AstExpr *) extents;
    AstName layout;                                                         /* "nchw", or absent */
} AstType;

typedef struct AstParam { AstName name; AstType *type; AstExpr *value; Loc loc; } AstParam;   /* type: a tensor; else number or step, value = default */
typedef struct AstStmt { VEC(AstName) names; AstType *type; AstExpr *value; Loc loc; } AstStmt;

typedef struct AstBlock {
    AstName name;
    Loc loc;
    VEC(AstParam) params;
    VEC(AstStmt *) stmts;
    VEC(AstExpr *) returns;                                                 /* may be empty after an error was reported */
    Loc return_loc;
} AstBlock;

typedef struct AstKnob { AstName name; AstExpr *value; } AstKnob;           /* k0 = fuse(y.0.e, tile=8x16): names may be dotted */
typedef struct AstPlan {
    AstName block;
    VEC(AstArg) args;
    AstName device;                                                         /* the string, without quotes */
    VEC(AstKnob) knobs;
    Loc loc;
} AstPlan;

typedef struct AstUse { AstName path; Loc loc; } AstUse;                    /* without quotes */
typedef enum AstItemKind { AST_ITEM_USE, AST_ITEM_BLOCK, AST_ITEM_PLAN } AstItemKind;
typedef struct AstItem { AstItemKind kind; union { AstUse *use; AstBlock *block; AstPlan *plan; } u; } AstItem;

typedef struct AstFile { int source; VEC(AstItem) items; } AstFile;         /* in order of appearance */

/* Parses source number `source` of d. Always returns a file; what could not be parsed was reported to d. */
AstFile *ast_parse(Arena *a, Diag *d, int source);

/* A plan text alone (--plan FILE): the same grammar; items other than plans are an error. */
AstFile *ast_parse_plan(Arena *a, Diag *d, int source);

/* Parses the file and, first, every file that it `use`s (relative to the file, each read once), with std.fcm in front of all.
 * out[0] is std.fcm; the last one is the main file. Unreadable or circular uses are errors at the `use`. */
typedef VEC(AstFile *) AstFiles;
void ast_load(Arena *a, Diag *d, const char *path, AstFiles *out);

struct Text;
#endif
