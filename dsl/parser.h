/* parser.h: the parser's state, what fcm.y calls to build nodes (ast.c), and error reporting and recovery (syntax.c). */
#ifndef FCM_PARSER_H
#define FCM_PARSER_H
#include "ast.h"
#include "scan.h"

typedef struct Parser {
    Arena *arena;
    Diag *diag;
    AstFile *file;                  /* items are added as they are recognised, so a failed parse keeps them */
    Tokens tokens;
    int next, last;                 /* index of the token that the parser gets next, and of the one that it got last */
    int offender;                   /* index of the token that broke the grammar, while recovery has not begun; else -1 */
    int resumed;                    /* where recovery went on last; it never goes on at one place twice, so it ends */
    bool given_up;                  /* too many errors, or too deep: the parser gets no more tokens */
    bool broken;                    /* the block or plan being read has an error already */
} Parser;

/* ---- nodes (ast.c). Each takes what the grammar rule holds; lists grow in the node that is passed. ---- */
AstExpr *ast_leaf(Parser *p, AstKind kind, Loc l);              /* the token at l: AST_NUMBER or AST_PAIR */
AstExpr *ast_name(Parser *p, AstName name);
AstExpr *ast_list(Parser *p, AstExpr *list, AstExpr *e);        /* list NULL: a new one; returns it with e added */
AstExpr *ast_args(Parser *p, AstExpr *call, AstArg arg);        /* call NULL: a new, nameless one */
AstExpr *ast_call(Parser *p, Loc l, AstName name, AstExpr *args);   /* args NULL: f() */
AstExpr *ast_group(Parser *p, Loc l, AstExpr *list);            /* AST_PAREN or AST_TUPLE */
AstExpr *ast_pipe(Parser *p, Loc l, AstExpr *list);
AstExpr *ast_binary(Parser *p, Loc l, int op, Loc op_loc, AstExpr *a, AstExpr *b);
AstExpr *ast_negate(Parser *p, Loc l, Loc op_loc, AstExpr *a);
AstType *ast_type(Parser *p, Loc l, AstExpr *dtype, AstExpr *extents, AstName layout);
AstParam ast_param(Loc l, AstName name, AstType *type, AstExpr *value);
AstStmt *ast_names(Parser *p, AstStmt *stmt, AstName name);     /* stmt NULL: a new one */
AstStmt *ast_stmt(AstStmt *stmt, Loc l, AstType *type, AstExpr *value);
AstBlock *ast_params(Parser *p, AstBlock *head, AstParam param);    /* head NULL: a new one */
AstBlock *ast_head(Parser *p, AstBlock *head, AstName name);
AstBlock *ast_body(Parser *p, AstBlock *body, AstStmt *stmt);   /* body NULL: a new one; stmt NULL: nothing is added */
AstPlan *ast_plan_head(Parser *p, AstName block, AstExpr *args, AstName device);
AstPlan *ast_knobs(Parser *p, AstPlan *knobs, AstKnob knob);    /* knobs NULL: a new one */
AstPlan *ast_no_knobs(Parser *p);
void ast_add_use(Parser *p, Loc l, AstName path);
void ast_add_block(Parser *p, Loc l, AstBlock *head, AstBlock *body, Loc return_loc, AstExpr *returns);
void ast_add_plan(Parser *p, Loc l, AstPlan *head, AstPlan *knobs);

/* ---- errors (syntax.c) ---- */
/* Token p->last breaks the grammar; `expected` are the kinds (named as by token_kind_name) that would have fitted. */
void syntax_error(Parser *p, const char *const *expected, int n);
void syntax_missing_return(Parser *p, Loc closing);
/* Skips from the offender to where reading can go on; returns T_RESUME_ITEM, _HEAD or _STMT and leaves p->next there. */
int syntax_resume(Parser *p);
#endif
