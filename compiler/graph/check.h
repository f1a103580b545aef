/* check.h: what the files of graph_check share. One pass over the names of every block (names.c), then the compiled block is
 * evaluated with all its calls: values are tensors (nodes), numbers, steps or words; every tensor expression adds a node. At the
 * end parameters are named and dead nodes dropped (params.c).
 *
 *   check.c   blocks, the compiled block's inputs and outputs      eval.c    expressions and arithmetic
 *   names.c   bound once, bound before use, used                   call.c    steps, calls, repeat
 *   type.c    dtype[extents] layout: binding and checking          ops.c     the ops' arguments
 *   shape.c   one shape rule per op                                dtypes.c  one dtype rule per op
 *   params.c  parameters, their names, the nodes' names            report.c  errors with the calls on the way */
#ifndef FCM_CHECK_H
#define FCM_CHECK_H
#include "graph.h"
#include "map.h"

/* An error was reported for a VAL_BAD: whoever meets one gives VAL_BAD and stays silent. */
typedef enum ValueKind {
    VAL_BAD, VAL_INT, VAL_REAL, VAL_TUPLE, VAL_BATCH, VAL_TENSOR, VAL_SEVERAL, VAL_STEP, VAL_WORD
} ValueKind;

typedef struct Step Step;
typedef struct Value {
    ValueKind kind;
    int64_t integer;
    double real;
    int64_t tuple[4];               /* TUPLE: n integers */
    int n;                          /* also SEVERAL: how many tensors */
    int node;                       /* TENSOR */
    const int *nodes;               /* SEVERAL: -1 = bad */
    const Step *step;
    const char *word;               /* WORD; also set for the step `tanh`, which is a word of gelu */
    Loc bound;                      /* where a name was bound to it; file 0 otherwise */
} Value;

typedef VEC(Value) Values;
typedef struct Arg { AstName key; Value value; Loc loc; } Arg;          /* key.text NULL: positional */

/* ---- the ops' arguments ---- */
typedef enum ArgKind {
    ARG_NONE, ARG_INT, ARG_COUNT, ARG_ZERO, ARG_SIZE, ARG_PAD, ARG_BOOL, ARG_REAL, ARG_FORM, ARG_MODE, ARG_STEP
} ArgKind;
enum { OP_ARGS = 8 };
typedef struct OpArg { ArgKind kind; const char *name, *preset; } OpArg;
typedef struct LangOp { const char *name; GraphOp graph; Act act; OpArg arg[OP_ARGS]; } LangOp;     /* ends with ARG_NONE */

/* One argument after binding: numbers in v (SIZE: v[0], v[1]; PAD: top, bottom, left, right), or a word, or a step. */
typedef struct Cell { Loc loc; int64_t v[4]; double real; const char *word; const Step *step; } Cell;

/* ---- blocks and steps ---- */
typedef struct Def { const AstBlock *block; bool std; int previous; } Def;      /* previous: the definition that it hides, or -1 */

/* A call that still lacks its tensor. Either op or def is set. A closed step came as a value: it takes no more arguments. */
struct Step { AstName name; const LangOp *op; const Def *def; int nargs; const Arg *args; bool closed; };

/* ---- where parameters get their names from; see params.c ---- */
typedef enum SiteKind { SITE_BLOCK, SITE_STMT, SITE_RETURN, SITE_OP } SiteKind;
typedef struct Site Site;
struct Site {
    SiteKind kind;
    Site *outer;                    /* STMT, RETURN: of a BLOCK. OP, BLOCK: of a STMT or RETURN; NULL: the compiled block */
    const char *word;               /* the statement's, block's or op's name */
    bool params;                    /* something below creates parameters */
    int nparam, ordinal;            /* STMT, RETURN: members with parameters. OP, BLOCK: number among them */
    const Site *last;               /* the member evaluated last */
    const char *path;
};

typedef enum BiasMode { BIAS_NONE, BIAS_YES, BIAS_AUTO } BiasMode;
typedef struct NodeInfo {
    Site *site;
    BiasMode bias;
    bool table;                     /* an activation table of i8: nothing but a cast to i8 may follow */
} NodeInfo;

/* What a name of one call of a block is bound to. */
typedef struct Frame { Map names; Values values; const GraphCall *call; Site *site; int before; } Frame;

enum { MAX_NODES = 100000, MAX_EVALS = 1000000, MAX_REPEAT = 10000, MAX_DEPTH = 100, MAX_NESTING = 2000 };
#define MAX_EXTENT INT64_C(0x7fffffff)
#define MAX_ELEMENTS (INT64_C(1) << 40)

typedef struct Ck {
    Arena *arena;
    Diag *diag;
    const GraphOptions *options;
    Graph *graph;
    VEC(Def) defs;                  /* in order of visibility: a block sees those with smaller indices */
    Map def_by_name;                /* newest definition */
    VEC(NodeInfo) info;             /* parallel to graph->nodes */
    VEC(Site *) sites;              /* in order of evaluation; an outer site comes before its members */
    Frame *frame;
    Site *scope;                    /* statement or return under evaluation */
    int depth, nesting;             /* calls; recursion of the evaluator, calls included */
    int steps, evals;               /* applied steps, evaluated expressions: both limited */
    bool stopped;                   /* a limit was passed and reported */
    VEC(DiagEntry) reported;        /* loc and code of every error, so that a block called twice complains once */
    bool quiet;                     /* the last error was such a repetition: its notes are dropped too */
} Ck;

/* report.c */
void ck_error(Ck *ck, Loc loc, const char *code, const char *fmt, ...) FCM_PRINTF(4, 5);     /* adds a note for each call on the way */
void ck_note(Ck *ck, Loc loc, const char *fmt, ...) FCM_PRINTF(3, 4);                        /* belongs to the ck_error before it */
const char *ck_shape(Ck *ck, const GraphNode *n);                                            /* "[N, 28, 28, 40]" */
const char *ck_kind(Ck *ck, const Value *v);                                                 /* "the number 3", "a tensor [N, 40]" */
const char *ck_hint(Ck *ck, const char *name, const Map *names, bool ops);                   /* "; did you mean 'pw'?" or "" */
#define BAD ((Value){ .kind = VAL_BAD })
#define INTEGER(i) ((Value){ .kind = VAL_INT, .integer = (i), .real = (double)(i) })

/* names.c */
void names_check(Ck *ck, int def);
bool name_is_word(const char *name);

/* eval.c */
Value eval(Ck *ck, const AstExpr *e);
Value eval_tensor(Ck *ck, const AstExpr *e);                            /* VAL_TENSOR or VAL_BAD */
bool eval_extent(Ck *ck, const AstExpr *e, int64_t *out);               /* a positive integer */
const Value *frame_find(const Frame *f, const char *name);
void frame_bind(Ck *ck, AstName name, Value v);

/* call.c */
const Def *def_find(const Ck *ck, const char *name, int before);
const Step *step_of(Ck *ck, const AstExpr *e);                          /* NAME or CALL; NULL after an error */
const Step *step_of_name(Ck *ck, AstName name);
bool step_is_complete(const Step *s);
Value step_apply(Ck *ck, const Step *s, const Value *first);            /* first NULL: all tensors are among the arguments */
void block_body(Ck *ck, const AstBlock *b, Values *returned);           /* in ck->frame; VAL_BAD or VAL_TENSOR each */

/* type.c */
bool type_dtype(Ck *ck, const AstType *t, DType *dtype, GraphQuant *q); /* DT_NONE when none is written; false after an error */
void type_check(Ck *ck, const AstType *t, AstName name, const GraphNode *n, Loc at);
void type_give_up(Ck *ck, const AstType *t);                            /* what t would have bound is VAL_BAD */
int type_input(Ck *ck, const AstParam *p);                              /* the new GR_INPUT node, or -1 */

/* ops.c */
const LangOp *lang_op_find(const char *name);
const LangOp *lang_op_at(int i);                                        /* NULL past the end */
const char *lang_op_signature(Ck *ck, const LangOp *op);
bool op_args(Ck *ck, const LangOp *op, AstName name, const Arg *args, int n, Cell *cells);

/* shape.c */
Value op_apply(Ck *ck, const LangOp *op, AstName name, const Arg *args, int n);
Value op_binary(Ck *ck, GraphOp op, Loc at, const Value *a, const Value *b);
bool size_check(Ck *ck, Loc at, const char *what, int64_t h, int64_t w, int64_t c);

/* dtypes.c */
bool dtype_rule(Ck *ck, GraphNode *n, bool *table);

/* params.c */
Site *site_new(Ck *ck, SiteKind kind, Site *outer, const char *word);
int node_add(Ck *ck, GraphNode n, const char *word, BiasMode bias, bool table);
void params_finish(Ck *ck);
#endif
