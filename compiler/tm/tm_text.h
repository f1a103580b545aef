/* tm_text.h: what print.c, tmlex.c and the files of the parser share. Private to this folder. */
#ifndef FCM_TM_TEXT_H
#define FCM_TM_TEXT_H
#include "text.h"
#include "tm.h"

/* The words of the closed sets, in the order of their enums; NULL ends them. */
extern const char *const tm_role_words[], *const tm_derive_words[], *const tm_loop_words[], *const tm_space_words[];
extern const char *const tm_frag_words[], *const tm_epi_words[];

static inline bool tm_name_start(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static inline bool tm_name_char(int c) { return tm_name_start(c) || (c >= '0' && c <= '9') || c == '.'; }

/* ---- tokens ---- */
typedef enum TokKind { TOK_END, TOK_LINE, TOK_NAME, TOK_STRING, TOK_INT, TOK_MARK, TOK_BAD } TokKind;
/* MARK: text is "[", "->" …; STRING: decoded; INT: digits only, INT64_MAX when they do not fit; BAD was reported already. */
typedef struct Tok { TokKind kind; Loc loc; const char *text; int64_t value; } Tok;

typedef struct TmParser {
    Arena *a;
    Diag *d;
    int file;
    const char *s;                  /* the source text */
    int32_t len, pos;               /* pos: behind the token t */
    Tok t;                          /* the next token */
    TmModule *m;
    TmProgram *p;                   /* the program that is being read, or NULL */
    bool bad_program;               /* it has errors: its structure is not checked */
    Loc program_loc;
    VEC(Loc) loop_loc, tile_loc, image_loc, ins_loc;            /* parallel to the program's arrays */
} TmParser;

/* Largest numbers that the text may carry; with them no reader overflows or runs for ever. */
enum {
    TM_MAX_TENSORS = 16384, TM_MAX_PROGRAMS = 4096, TM_MAX_LOOPS = 64, TM_MAX_TILES = 1024, TM_MAX_IMAGES = 64, TM_MAX_CODE = 16384,
    TM_MAX_STAGES = 8, TM_MAX_EPI = 64, TM_MAX_TIED = 1 << 18, TM_MAX_SMALL = 1 << 20, TM_MAX_INT = 0x7FFFFFFF
};
#define TM_MAX_ELEMENTS ((int64_t)1 << 40)

void tm_next(TmParser *z);                                      /* scans the next token into z->t */
bool tm_at(const TmParser *z, const char *text);                /* is the next token that mark or name? */
bool tm_accept(TmParser *z, const char *text);
bool tm_expect(TmParser *z, const char *text);
bool tm_error(TmParser *z, Loc l, const char *code, const char *fmt, ...) FCM_PRINTF(4, 5);      /* always false */
bool tm_expected(TmParser *z, const char *what);                /* "expected what, found the next token"; always false */
bool tm_int(TmParser *z, int64_t lo, int64_t hi, const char *what, int64_t *out);               /* with a sign */
bool tm_int32(TmParser *z, int lo, int hi, const char *what, int *out);
bool tm_by(TmParser *z, int lo, int hi, const char *what, int *out);                            /* the "x4" of "2x4" */
bool tm_real(TmParser *z, double *out);
bool tm_word(TmParser *z, const char *const *words, const char *what, int *out);                /* one of them, or did you mean */
bool tm_name(TmParser *z, const char *what, const char **out);  /* a plain or a quoted name */
bool tm_end_line(TmParser *z);
void tm_skip_line(TmParser *z);

/* ---- names (parse.c); they report what is unknown, with the nearest name ---- */
bool tm_ref_tensor(TmParser *z, int *out);
bool tm_ref_loop(TmParser *z, int *out);
bool tm_ref_tile(TmParser *z, int *out);

bool tm_parse_ins(TmParser *z);                                 /* parse_code.c: one line of code, up to its end */
bool tm_parse_starts_ins(const TmParser *z);
void tm_check_program(TmParser *z);                             /* parse_check.c: what parses is safe for every reader */
void tm_check_module(TmParser *z);
#endif
