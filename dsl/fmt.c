/* fmt.c: see fmt.h. The tokens are cut into units, one a line: an item's head up to `{`, a statement, a `return`, a `}`. The AST
 * says where units begin. A unit is cut into pieces, the stretches between which a long line may break:
 *
 *     y = x |> mbconv_se(40, k=5, s=2) |> repeat(2, f)
 *     rank: 1              2    2      1            2        A line breaks before `|>` or after `,`. The rank of the place is
 *                                                            twice the brackets open there, and one more before `|>`.
 *
 * The stretch from a place to the next one of the same or a lower rank stays on one line where it fits. So a line breaks as
 * far outside as it can.
 *
 * A comment belongs to the word before it on its line, or has a line of its own; both survive formatting, hence idempotence. */
#include "fmt.h"
#include "fcm.tab.h"
#include "scan.h"
#include "text.h"

#include <string.h>

enum { WIDTH = 110, INDENT = 4, MAX_OPEN = SCAN_MAX_NESTING + 2 };

typedef struct Piece {
    const char *text;
    int width;                      /* columns, without a comment that ends the line */
    int rank;                       /* of the place where it begins */
    bool own_line;                  /* a comment alone on its line */
    bool ends_line;                 /* ends with a comment after which the line must end */
} Piece;
typedef VEC(Piece) Pieces;

typedef struct Fmt {
    Arena *arena;
    const char *source;
    Tokens tokens;
    VEC(int32_t) starts;            /* offsets at which units begin, ascending */
    int comment;                    /* the next comment that is not yet printed */
    int32_t last_end;               /* end of the last word or comment that was printed, in the source */
    int depth;                      /* braces open */
    Text out;
} Fmt;

static const Token *token(const Fmt *f, int i) { return &f->tokens.at.at[i]; }

/* The next comment if it stands before offset `off`, else NULL. */
static const Token *comment_before(const Fmt *f, int32_t off)
{
    const Token *c = f->comment < f->tokens.comments.n ? &f->tokens.comments.at[f->comment] : NULL;
    return c && c->off < off ? c : NULL;
}

static bool ends_line(const Fmt *f, const Token *c)
{
    return f->source[c->off + 1] == '/' || memchr(f->source + c->off, '\n', (size_t)c->len);
}

/* Takes the next comment; its text without white space at line ends. */
static const char *take_comment(Fmt *f)
{
    const Token *c = &f->tokens.comments.at[f->comment++];
    Text t = text_new(f->arena);
    const char *end = f->source + c->off + c->len;
    for (const char *line = f->source + c->off; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line)), *last = stop ? stop : end;
        while (last > line && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r')) last--;
        text_printf(&t, "%.*s%s", (int)(last - line), line, stop ? "\n" : "");
        line = stop ? stop + 1 : end;
    }
    f->last_end = c->off + c->len;
    return t.at;
}

/* ---- where units begin ---- */

static void add_start(Fmt *f, Loc l) { vec_push(f->arena, &f->starts, l.off); }

static void collect_starts(Fmt *f, const AstFile *file)
{
    for (int i = 0; i < file->items.n; i++) {
        const AstItem *item = &file->items.at[i];
        if (item->kind == AST_ITEM_USE) add_start(f, item->u.use->loc);
        if (item->kind == AST_ITEM_PLAN) {
            const AstPlan *plan = item->u.plan;
            add_start(f, plan->loc);
            for (int k = 0; k < plan->knobs.n; k++) add_start(f, plan->knobs.at[k].name.loc);
        }
        if (item->kind == AST_ITEM_BLOCK) {
            const AstBlock *block = item->u.block;
            add_start(f, block->loc);
            for (int k = 0; k < block->stmts.n; k++) add_start(f, block->stmts.at[k]->loc);
            add_start(f, block->return_loc);
        }
    }
}

/* Index past the last token of the unit that begins with token i. *start is the next entry of f->starts. */
static int unit_end(const Fmt *f, int i, int *start)
{
    if (token(f, i)->kind == '}') return i + 1;
    while (*start < f->starts.n && f->starts.at[*start] <= token(f, i)->off) ++*start;
    for (;; i++) {
        int next = token(f, i + 1)->kind;
        if (token(f, i)->kind == '{' || next == '}' || next == T_END) return i + 1;
        if (*start < f->starts.n && token(f, i + 1)->off >= f->starts.at[*start]) return i + 1;
    }
}

/* ---- spaces between words ---- */

typedef struct Open { bool call[MAX_OPEN]; int n, calls; } Open;  /* the brackets that are open; calls: of calls, heads and types */

static void bracket(Open *o, int before, int kind)
{
    if ((kind == '(' || kind == '[') && o->n < MAX_OPEN) {
        bool call = kind == '[' || before == T_NAME;
        o->call[o->n++] = call;
        o->calls += call;
    }
    if ((kind == ')' || kind == ']') && o->n > 0) o->calls -= o->call[--o->n];
}

static bool is_operand_end(int k) { return k == T_NAME || k == T_NUMBER || k == T_PAIR || k == ')' || k == ']'; }

/* Whether a space stands between token kinds a and b; before_a is the kind before a. o holds the brackets open between them. */
static bool space_between(const Open *o, int before_a, int a, int b)
{
    if (a == '(' || a == '[' || b == ')' || b == ']' || b == ',' || b == ':') return false;
    if ((b == '(' && a == T_NAME) || (b == '[' && (a == T_NAME || a == ')'))) return false;
    if (a == '-' && !is_operand_end(before_a)) return false;    /* a sign, not a difference */
    if ((a == '=' || b == '=') && o->n > 0) return false;       /* k=3 */
    if ((a == '*' || a == '/' || b == '*' || b == '/') && o->calls > 0) return false;   /* se(C/4), but x * s */
    return true;
}

/* ---- a unit's pieces ---- */

static void end_piece(Fmt *f, Pieces *out, Text *t, Piece *piece)
{
    if (t->n == 0) return;
    piece->text = t->at;
    if (!piece->ends_line) piece->width = (int)t->n;
    vec_push(f->arena, out, *piece);
    *t = text_new(f->arena);
    *piece = (Piece){ 0 };
}

/* The comments between a word of the unit and the next one. */
static void comments_inside(Fmt *f, Pieces *out, Text *t, Piece *piece, int32_t before)
{
    for (const Token *c; (c = comment_before(f, before));) {
        bool own = c->first, ends = ends_line(f, c);
        if (own) {
            end_piece(f, out, t, piece);
            vec_push(f->arena, out, (Piece){ .text = take_comment(f), .own_line = true });
            continue;
        }
        if (ends) piece->width = (int)t->n;
        text_printf(t, "%s%s", ends ? "  " : " ", take_comment(f));
        piece->ends_line = ends;
        if (ends) end_piece(f, out, t, piece);
    }
}

static void cut(Fmt *f, int first, int end, Pieces *out)
{
    Open open = { 0 };
    Text t = text_new(f->arena);
    Piece piece = { 0 };
    for (int i = first; i < end; i++) {
        const Token *now = token(f, i);
        int a = i > first ? token(f, i - 1)->kind : 0, before_a = i > first + 1 ? token(f, i - 2)->kind : 0;
        if (i > first) comments_inside(f, out, &t, &piece, now->off);
        bool pipe = now->kind == T_PIPE;
        if (pipe || a == ',') {
            end_piece(f, out, &t, &piece);
            piece.rank = 2 * open.n + pipe;
        }
        bool after_comment = t.n > 1 && strcmp(t.at + t.n - 2, "*/") == 0;
        if (t.n && (after_comment || space_between(&open, before_a, a, now->kind))) text_put(&t, " ");
        text_printf(&t, "%.*s", now->len, f->source + now->off);
        f->last_end = now->off + now->len;
        bracket(&open, a, now->kind);
    }
    end_piece(f, out, &t, &piece);
}

/* ---- lines ---- */

static void new_line(Fmt *f, int indent) { text_printf(&f->out, "\n%*s", indent, ""); }

/* Columns of the stretch that piece i begins, where they fit on a line of their own; else those of the piece. */
static int wanted_width(const Pieces *p, int i, int room)
{
    int width = p->at[i].width, rank = p->at[i].rank;
    for (int k = i; !p->at[k].ends_line && ++k < p->n && p->at[k].rank > rank && !p->at[k].own_line;) width += 1 + p->at[k].width;
    return width <= room ? width : p->at[i].width;
}

static void print_unit(Fmt *f, const Pieces *p)
{
    int indent = f->depth * INDENT, column = indent;
    bool fresh = true;                                          /* nothing stands on this line yet */
    text_printf(&f->out, "%*s", indent, "");
    for (int i = 0; i < p->n; i++) {
        const Piece *piece = &p->at[i];
        int wanted = wanted_width(p, i, WIDTH - indent - INDENT);
        bool forced = i > 0 && (piece->own_line || p->at[i - 1].own_line || p->at[i - 1].ends_line);
        if (forced || (!fresh && column + 1 + wanted > WIDTH)) {
            column = indent + INDENT;
            new_line(f, column);
            fresh = true;
        }
        text_printf(&f->out, "%s%s", fresh ? "" : " ", piece->text);
        column += piece->width + !fresh;
        fresh = false;
    }
}

/* Whether the source leaves a blank line before offset off. */
static bool blank_before(const Fmt *f, int32_t off)
{
    int lines = 0;
    for (int32_t i = f->last_end; i < off; i++) lines += f->source[i] == '\n';
    return lines > 1;
}

/* Comments on lines of their own before token `next`; `blank` demands a blank line before what comes first. */
static void print_leading(Fmt *f, const Token *next, bool blank, bool after_open)
{
    for (const Token *c; (c = comment_before(f, next->off)); blank = after_open = false) {
        if (f->out.n && !after_open && (blank || blank_before(f, c->off))) text_put(&f->out, "\n");
        text_printf(&f->out, "%*s%s\n", f->depth * INDENT, "", take_comment(f));
    }
    bool closes = next->kind == '}' || next->kind == T_END;
    if (f->out.n && !after_open && !closes && (blank || blank_before(f, next->off))) text_put(&f->out, "\n");
}

static void print_trailing(Fmt *f, int32_t before)
{
    for (const Token *c; (c = comment_before(f, before)) && !c->first;) text_printf(&f->out, "  %s", take_comment(f));
    text_put(&f->out, "\n");
}

static void print_all(Fmt *f)
{
    int start = 0, item = 0;                                    /* item: kind of the last item's first word, 0 = none yet */
    bool after_open = false;
    for (int i = 0; ;) {
        const Token *t = token(f, i);
        bool outside = f->depth == 0 && t->kind != '}';
        print_leading(f, t, outside && item && !(item == T_USE && t->kind == T_USE), after_open);
        if (t->kind == T_END) return;
        if (outside) item = t->kind;
        if (t->kind == '}') f->depth--;
        int end = unit_end(f, i, &start);
        Pieces pieces = { 0 };
        cut(f, i, end, &pieces);
        print_unit(f, &pieces);
        after_open = token(f, end - 1)->kind == '{';
        f->depth += after_open;
        print_trailing(f, token(f, end)->off);
        i = end;
    }
}

char *fmt_file(Arena *a, const Diag *d, const AstFile *file)
{
    if (diag_errors(d) > 0) return NULL;
    const DiagSource *s = diag_source(d, file->source);
    Diag *unused = diag_new(a);                                 /* the text scanned without errors before */
    Fmt f = { .arena = a, .source = s->text, .out = text_new(a) };
    if (!scan(a, unused, diag_add_source(unused, s->path, s->text, (size_t)s->len), &f.tokens)) ice("%s scans no more", s->path);
    collect_starts(&f, file);
    print_all(&f);
    return f.out.at;
}
