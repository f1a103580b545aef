/* fcm.y: the grammar (GRAMMAR.md is its readable form). Actions only call constructors of ast.c.
 *
 * Nothing ends a statement, so recovery is not left to token skipping: after an error syntax_resume() looks for the place
 * where reading can go on and sends one T_RESUME_… token, the only thing that fits after `error`. */
%code requires {
#include "parser.h"
}
%code {
#define YYLTYPE_IS_TRIVIAL 1
#define YYLLOC_DEFAULT(cur, rhs, n) \
    ((cur) = (n) ? diag_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) \
                 : (Loc){ YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).off + YYRHSLOC(rhs, 0).len, 0 })
static int fcm_lex(FCM_STYPE *value, Loc *loc, Parser *p);
static void fcm_error(const Loc *loc, Parser *p, const char *message);
static const AstName none = { 0 };
}
%define api.pure full
%define api.prefix {fcm_}
%define api.location.type {Loc}
%define api.value.type union
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {Parser *p}
%initial-action { @$ = (Loc){ p->tokens.source, 0, 0 }; }

%token T_END 0 "end of the file"
%token T_BLOCK "block" T_RETURN "return" T_USE "use" T_PLAN "plan" T_FOR "for"
%token T_PIPE "|>"
%token <AstName> T_NAME "a name" T_STRING "a string in quotes"
%token T_NUMBER "a number" T_PAIR "a pair"
%token T_BAD "a bad character"
%token T_RESUME_ITEM "the next item" T_RESUME_HEAD "the next body" T_RESUME_STMT "the next statement"

%type <AstExpr *> expr pipe steps step sum product unary atom call args exprs dtype
%type <AstArg> arg
%type <AstName> layout
%type <AstType *> type
%type <AstParam> param
%type <AstStmt *> stmt names
%type <AstBlock *> head params stmts
%type <AstPlan *> plan_head knobs
%type <AstExpr *> plan_args
%%
file:   %empty
    |   file item
    |   file error T_RESUME_ITEM                    { yyerrok; }
    ;
item:   "use" "a string in quotes"                  { ast_add_use(p, @$, $2); }
    |   "block" head '{' stmts "return" exprs '}'   { ast_add_block(p, @$, $2, $4, @5, $6); }
    |   "block" head '{' stmts '}'                  { syntax_missing_return(p, @5); ast_add_block(p, @$, $2, $4, @5, NULL); }
    |   "block" head '{' stmts error T_RESUME_ITEM  { yyerrok; ast_add_block(p, @$, $2, $4, @5, NULL); }
    |   "block" error T_RESUME_ITEM                 { yyerrok; }
    |   "plan" plan_head '{' knobs '}'              { ast_add_plan(p, @$, $2, $4); }
    |   "plan" plan_head '{' knobs error T_RESUME_ITEM  { yyerrok; ast_add_plan(p, @$, $2, $4); }
    |   "plan" error T_RESUME_ITEM                  { yyerrok; }
    ;

head:   "a name" '(' params ')'                     { $$ = ast_head(p, $3, $1); }
    |   error T_RESUME_HEAD                         { yyerrok; $$ = ast_head(p, NULL, none); }
    ;
params: param                                       { $$ = ast_params(p, NULL, $1); }
    |   params ',' param                            { $$ = ast_params(p, $1, $3); }
    ;
param:  "a name" ':' type                           { $$ = ast_param(@$, $1, $3, NULL); }
    |   "a name"                                    { $$ = ast_param(@$, $1, NULL, NULL); }
    |   "a name" '=' expr                           { $$ = ast_param(@$, $1, NULL, $3); }
    ;
type:   dtype '[' exprs ']' layout                  { $$ = ast_type(p, @$, $1, $3, $5); }
    ;
dtype:  %empty                                      { $$ = NULL; }
    |   "a name"                                    { $$ = ast_name(p, $1); }
    |   call
    ;
layout: %empty                                      { $$ = none; }
    |   "a name"
    ;

stmts:  %empty                                      { $$ = ast_body(p, NULL, NULL); }
    |   stmts stmt                                  { $$ = ast_body(p, $1, $2); }
    |   stmts error T_RESUME_STMT                   { yyerrok; $$ = $1; }
    ;
stmt:   "a name" '=' expr                           { $$ = ast_stmt(ast_names(p, NULL, $1), @$, NULL, $3); }
    |   "a name" ':' type '=' expr                  { $$ = ast_stmt(ast_names(p, NULL, $1), @$, $3, $5); }
    |   names '=' expr                              { $$ = ast_stmt($1, @$, NULL, $3); }
    ;
names:  "a name" ',' "a name"                       { $$ = ast_names(p, ast_names(p, NULL, $1), $3); }
    |   names ',' "a name"                          { $$ = ast_names(p, $1, $3); }
    ;

expr:   pipe
    |   sum
    ;
pipe:   steps                                       { $$ = ast_pipe(p, @$, $1); }
    ;
steps:  atom "|>" step                              { $$ = ast_list(p, ast_list(p, NULL, $1), $3); }
    |   steps "|>" step                             { $$ = ast_list(p, $1, $3); }
    ;
step:   "a name"                                    { $$ = ast_name(p, $1); }
    |   call
    ;
sum:    product
    |   sum '+' product                             { $$ = ast_binary(p, @$, '+', @2, $1, $3); }
    |   sum '-' product                             { $$ = ast_binary(p, @$, '-', @2, $1, $3); }
    ;
product: unary
    |   product '*' unary                           { $$ = ast_binary(p, @$, '*', @2, $1, $3); }
    |   product '/' unary                           { $$ = ast_binary(p, @$, '/', @2, $1, $3); }
    ;
unary:  atom
    |   '-' unary                                   { $$ = ast_negate(p, @$, @1, $2); }
    ;
atom:   "a number"                                  { $$ = ast_leaf(p, AST_NUMBER, @1); }
    |   "a pair"                                    { $$ = ast_leaf(p, AST_PAIR, @1); }
    |   "a name"                                    { $$ = ast_name(p, $1); }
    |   call
    |   '(' exprs ')'                               { $$ = ast_group(p, @$, $2); }
    ;
exprs:  expr                                        { $$ = ast_list(p, NULL, $1); }
    |   exprs ',' expr                              { $$ = ast_list(p, $1, $3); }
    ;
call:   "a name" '(' ')'                            { $$ = ast_call(p, @$, $1, NULL); }
    |   "a name" '(' args ')'                       { $$ = ast_call(p, @$, $1, $3); }
    ;
args:   arg                                         { $$ = ast_args(p, NULL, $1); }
    |   args ',' arg                                { $$ = ast_args(p, $1, $3); }
    ;
arg:    expr                                        { $$ = (AstArg){ none, $1 }; }
    |   "a name" '=' expr                           { $$ = (AstArg){ $1, $3 }; }
    ;

plan_head: "a name" plan_args "for" "a string in quotes"    { $$ = ast_plan_head(p, $1, $2, $4); }
    |   error T_RESUME_HEAD                         { yyerrok; $$ = ast_plan_head(p, none, NULL, none); }
    ;
plan_args: %empty                                   { $$ = NULL; }
    |   '(' ')'                                     { $$ = NULL; }
    |   '(' args ')'                                { $$ = $2; }
    ;
knobs:  %empty                                      { $$ = ast_no_knobs(p); }
    |   knobs "a name" '=' call                     { $$ = ast_knobs(p, $1, (AstKnob){ $2, $4 }); }
    |   knobs error T_RESUME_STMT                   { yyerrok; $$ = $1; }
    ;
%%
const char *token_kind_name(int kind) { return yysymbol_name(YYTRANSLATE(kind)); }

/* The next token of the array; after an error, the token that says where reading goes on. */
static int fcm_lex(FCM_STYPE *value, Loc *loc, Parser *p)
{
    if (p->given_up) p->next = p->tokens.at.n - 1;
    else if (p->offender >= 0) {
        int resume = syntax_resume(p);
        *loc = token_loc(&p->tokens, &p->tokens.at.at[p->next]);
        loc->len = 0;
        return resume;
    }
    const Token *t = &p->tokens.at.at[p->next];
    p->last = p->next;
    if (p->next < p->tokens.at.n - 1) p->next++;
    *loc = token_loc(&p->tokens, t);
    const char *text = diag_source(p->diag, p->tokens.source)->text + t->off;
    if (t->kind == T_NAME) value->T_NAME = (AstName){ arena_strndup(p->arena, text, (size_t)t->len), *loc };
    if (t->kind == T_STRING) {
        int quotes = t->len > 1 && text[t->len - 1] == text[0] ? 2 : 1;     /* an unclosed string was reported already */
        value->T_STRING = (AstName){ arena_strndup(p->arena, text + 1, (size_t)(t->len - quotes)), *loc };
    }
    return t->kind;
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++) names[i] = yysymbol_name(kinds[i]);
    syntax_error(p, names, n < 0 ? 0 : n);
    return 0;
}

/* Only for "memory exhausted": nesting is limited by the scanner, so the stack cannot outgrow its limit. */
static void fcm_error(const Loc *loc, Parser *p, const char *message)
{
    diag_error(p->diag, *loc, "FCM0009", "the parser gave up: %s", message);
}
