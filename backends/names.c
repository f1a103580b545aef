/* names.c: identifiers and literals of the printed text */
#include "emit.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Words of C11 and C++17. */
static const char *const keywords[] = {
    "alignas",   "alignof",  "and",   "asm",       "auto",     "bool",     "break",     "case",     "catch",
    "char",      "class",    "const", "constexpr", "continue", "decltype", "default",   "delete",   "do",
    "double",    "else",     "enum",  "explicit",  "export",   "extern",   "false",     "float",    "for",
    "friend",    "goto",     "if",    "inline",    "int",      "int64_t",  "linux",     "long",     "mutable",
    "namespace", "new",      "not",   "operator",  "or",       "private",  "protected", "public",   "register",
    "restrict",  "return",   "short", "signed",    "size_t",   "sizeof",   "static",    "struct",   "switch",
    "template",  "this",     "throw", "true",      "try",      "typedef",  "typeid",    "typename", "union",
    "unix",      "unsigned", "using", "virtual",   "void",     "volatile", "while",     "xor",      NULL,
};
/* Names that run uses itself, and those of kernels: their own, and those that make a type of C's headers when _t follows. */
static const char *const run_words[] = {
    "arch", "arenas", "blocks", "count", "n", "n0", "packed", "params", "shared", "status", "stream", "temp", "threads", "workspace", NULL,
};
static const char *const kernel_words[] = {
    "arena", "arenas", "batch",  "block",  "clock", "ec",     "eh",      "epi",  "ew",   "fc",
    "int16", "int32",  "int64",  "int8",   "n0",    "packed", "ptrdiff", "sharers", "size", "smem",
    "threads", "tile", "time",  "uint16", "uint32", "uint64", "uint8",   "v",       "wchar", NULL,
};

static bool is_among(const char *const *words, const char *s)
{
    while (*words && strcmp(*words, s) != 0) words++;
    return *words != NULL;
}

/* p0, q0, z0 …: operands of epilogues */
static bool is_operand(const char *s) { return *s && strchr("pqz", *s) && s[1] && s[1 + strspn(s + 1, "0123456789")] == 0; }

const char *emit_symbol(Arena *a, const char *name)
{
    char *s = arena_printf(a, "%s%s", isdigit((unsigned char)name[0]) || !name[0] ? "_" : "", name);
    for (char *c = s; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '_';
    return s;
}

const char *emit_ident(Arena *a, const char *name)
{
    const char *s = emit_symbol(a, name);
    return is_among(keywords, s) || is_among(kernel_words, s) || is_operand(s) ? arena_printf(a, "%s_", s) : s;
}

const char *emit_argument(Arena *a, const char *name)
{
    const char *s = emit_symbol(a, name);
    return is_among(keywords, s) || is_among(run_words, s) ? arena_printf(a, "%s_", s) : s;
}

const char *emit_upper(Arena *a, const char *name)
{
    char *s = arena_strdup(a, name);
    for (char *c = s; *c; c++) *c = (char)toupper((unsigned char)*c);
    return s;
}

const char *emit_comment(Arena *a, const char *text)
{
    char *s = arena_strdup(a, text);
    for (char *c = s; *c; c++)
        if (*c == '\n' || *c == '\\' || *c == '\r') *c = ' ';
    return s;
}

const char *emit_quoted(Arena *a, const char *text)
{
    char *s = arena_strdup(a, text);
    for (char *c = s; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < 32) *c = '_';
    return s;
}

/* The shortest decimal that reads back as the f32 nearest to v. An open end of clamp becomes f32's largest. */
const char *emit_float(Arena *a, double v)
{
    float f = (float)(isinf(v) ? copysign(3.4028234663852886e38, v) : v);
    if (f == floorf(f) && fabsf(f) < 1e6f) return arena_printf(a, f < 0 ? "(%.1ff)" : "%.1ff", (double)f);
    char *s = "";
    for (int digits = 1; digits <= 9; digits++) {
        s = arena_printf(a, "%.*g", digits, (double)f);
        if (strtof(s, NULL) == f) break;
    }
    return arena_printf(a, f < 0 ? "(%s%sf)" : "%s%sf", s, strpbrk(s, ".e") ? "" : ".0");
}

/* name, or name_2, name_3 … when an earlier one of the n names is the same. */
static const char *unique(Arena *a, const char *name, const char *const *taken, int n)
{
    const char *s = name;
    for (int k = 2, i = 0; i < n; i++) {
        if (strcmp(taken[i], s) != 0) continue;
        s = arena_printf(a, "%s_%d", name, k++);
        i = -1;
    }
    return s;
}

void emit_names(Emit *e)
{
    e->tile = NEW_N(e->arena, const char *, e->p->tiles.n + 1);
    for (int i = 0; i < e->p->tiles.n; i++)
        e->tile[i] = unique(e->arena, emit_ident(e->arena, e->p->tiles.at[i].name), e->tile, i);
    e->loop = NEW_N(e->arena, const char *, e->p->loops.n + 1);
    for (int i = 0; i < e->p->loops.n; i++)
        e->loop[i] = unique(e->arena, emit_ident(e->arena, e->p->loops.at[i].name), e->loop, i);
}
