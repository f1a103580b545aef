/* text.c: see text.h */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Text text_new(Arena *a)
{
    Text t = { .arena = a, .cap = 256 };
    t.at = arena_alloc(a, t.cap);
    return t;
}

static void reserve(Text *t, size_t more)
{
    if (t->n + more + 1 <= t->cap) return;
    while (t->n + more + 1 > t->cap) t->cap *= 2;
    char *fresh = arena_alloc(t->arena, t->cap);
    memcpy(fresh, t->at, t->n);
    t->at = fresh;
}

static void put_n(Text *t, const char *s, size_t n)
{
    reserve(t, n);
    memcpy(t->at + t->n, s, n);
    t->n += n;
    t->at[t->n] = 0;
}

void text_put(Text *t, const char *s) { put_n(t, s, strlen(s)); }

static void put_format(Text *t, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) ice("bad format '%s'", fmt);
    reserve(t, (size_t)n);
    vsnprintf(t->at + t->n, (size_t)n + 1, fmt, again);
    va_end(again);
    t->n += (size_t)n;
}

void text_printf(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_format(t, fmt, ap);
    va_end(ap);
}

static void put_line(Text *t, const char *fmt, va_list ap)
{
    size_t start = t->n;
    for (int i = 0; i < t->indent; i++) text_put(t, "    ");
    size_t body = t->n;
    put_format(t, fmt, ap);
    if (t->n == body) t->n = start;                             /* a blank line carries no spaces */
    text_put(t, "\n");
}

void text_line(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_line(t, fmt, ap);
    va_end(ap);
}

void text_open(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_line(t, fmt, ap);
    va_end(ap);
    t->indent++;
}

void text_close(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->indent--;
    put_line(t, fmt, ap);
    va_end(ap);
}

int text_utf8_length(const char *text, const char *end)
{
    const unsigned char *s = (const unsigned char *)text;
    int n = s[0] < 0x80 ? 1 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : s[0] >= 0xE0 && s[0] < 0xF0 ? 3 : s[0] >= 0xF0 && s[0] < 0xF5 ? 4 : 0;
    if (end - text < n) return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] >= 0xA0)) return 0;
    if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] >= 0x90)) return 0;
    return n;
}

void text_json_string(Text *t, const char *s)
{
    text_put(t, "\"");
    const char *end = s + strlen(s);
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        int n = text_utf8_length((const char *)p, end);
        if (n == 0) text_put(t, "\\ufffd");
        else if (*p == '"' || *p == '\\') text_printf(t, "\\%c", *p);
        else if (*p == '\n') text_put(t, "\\n");
        else if (*p < 0x20) text_printf(t, "\\u%04x", *p);
        else put_n(t, (const char *)p, (size_t)n);
        p += n ? n : 1;
    }
    text_put(t, "\"");
}

static char *read_all(Arena *a, FILE *f, size_t max, size_t *len, const char **why)
{
    Text t = text_new(a);
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) {
        if (t.n + n > max) return *why = arena_printf(a, "larger than %zu bytes", max), NULL;
        put_n(&t, chunk, n);
    }
    if (ferror(f)) return *why = arena_strdup(a, strerror(errno)), NULL;
    *len = t.n;
    return t.at;
}

char *text_read_file(Arena *a, const char *path, size_t max, size_t *len, const char **why)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return *why = "it is a directory", NULL;
    FILE *f = fopen(path, "rb");
    if (!f) return *why = arena_strdup(a, strerror(errno)), NULL;
    char *text = read_all(a, f, max, len, why);
    fclose(f);
    return text;
}

static bool write_stdout(Arena *a, const char *data, size_t len, const char **why)
{
    if (fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0) return true;
    *why = arena_strdup(a, strerror(errno));
    return false;
}

bool text_write_file(Arena *a, const char *path, const char *data, size_t len, const char **why)
{
    if (strcmp(path, "-") == 0) return write_stdout(a, data, len, why);
    char *tmp = arena_printf(a, "%s.tmp%ld", path, (long)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0666);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) {
        *why = arena_strdup(a, strerror(errno));
        if (fd >= 0) close(fd), unlink(tmp);
        return false;
    }
    bool ok = fwrite(data, 1, len, f) == len;
    ok = fclose(f) == 0 && ok;
    ok = ok && rename(tmp, path) == 0;
    if (!ok) *why = arena_strdup(a, strerror(errno)), unlink(tmp);
    return ok;
}
