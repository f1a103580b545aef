/* device_file.c: see device_file.h */
#include "device_file.h"
#include "host.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BUILTIN(name, gpu, arch) extern const unsigned char fcm_embedded_##name##_hw[];
#include "devices.def"
#undef BUILTIN
static const struct { const char *name, *gpu; int arch; const unsigned char *text; } builtins[] = {
#define BUILTIN(name, gpu, arch) { #name, gpu, arch, fcm_embedded_##name##_hw },
#include "devices.def"
#undef BUILTIN
};
enum { BUILTINS = sizeof builtins / sizeof *builtins };

int device_count(void) { return BUILTINS; }
const char *device_name(int i) { return builtins[i].name; }
const char *device_text(int i) { return (const char *)builtins[i].text; }

const char *device_of_gpu(const char *gpu, int arch)
{
    const char *best = NULL;
    size_t longest = 0;
    for (int i = 0; i < BUILTINS; i++) {
        size_t n = strlen(builtins[i].gpu);
        if (n > longest && strstr(gpu, builtins[i].gpu)) best = builtins[i].name, longest = n;
    }
    for (int i = 0; i < BUILTINS && !best; i++)
        if (arch > 0 && builtins[i].arch == arch) best = builtins[i].name;
    return best;
}

/* need: C CUDA, H CPU, B both, O optional */
static const struct { const char *key; size_t at; char need; double def, least, most; } fields[] = {
#define X(field, key, need, def, least, most) { key, offsetof(Device, field), #need[0], def, least, most },
    FCM_DEVICE_FIELDS(X)
#undef X
};
enum { FIELDS = sizeof fields / sizeof *fields };

typedef struct Reader { Arena *a; Diag *d; int source; Device *dev; bool seen[FIELDS], target; } Reader;

static double *value_of(Device *dev, int i) { return (double *)((char *)dev + fields[i].at); }

static Loc loc_of(const Reader *r, const char *from, const char *to)
{
    return (Loc){ r->source, (int32_t)(from - diag_source(r->d, r->source)->text), (int32_t)(to - from) };
}

static void unknown_key(Reader *r, Loc l, const char *key)
{
    const char *names[FIELDS + 2] = { "title", "target" };
    for (int i = 0; i < FIELDS; i++) names[i + 2] = fields[i].key;
    const char *near = diag_nearest(key, names, FIELDS + 2);
    diag_error(r->d, l, "FCM2101", "unknown key '%s'", key);
    if (near) diag_note(r->d, l, "did you mean '%s'?", near);
}

static void number(Reader *r, Loc l, int i, const char *text, bool sourced)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= fields[i].least && v <= fields[i].most))
        diag_error(r->d, l, "FCM2102", "%s = '%s' is not a number from %g to %g", fields[i].key, text, fields[i].least,
                   fields[i].most);
    else if (!sourced)
        diag_error(r->d, l, "FCM2103", "%s has no source: say after # where the number comes from", fields[i].key);
    else if (r->seen[i]) diag_error(r->d, l, "FCM2104", "%s is given twice", fields[i].key);
    *value_of(r->dev, i) = v;
    r->seen[i] = true;
}

static void target(Reader *r, Loc l, const char *text)
{
    r->target = true;
    if (strcmp(text, "cuda") == 0) r->dev->target = TM_CUDA;
    else if (strcmp(text, "cpu") == 0) r->dev->target = TM_CPU;
    else diag_error(r->d, l, "FCM2102", "target = '%s' is neither cuda nor cpu", text);
}

static char *trimmed(Arena *a, const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from)) from++;
    while (to > from && isspace((unsigned char)to[-1])) to--;
    return arena_strndup(a, from, (size_t)(to - from));
}

static void line(Reader *r, const char *from, const char *to)
{
    const char *hash = memchr(from, '#', (size_t)(to - from)), *end = hash ? hash : to;
    const char *eq = memchr(from, '=', (size_t)(end - from));
    Loc l = loc_of(r, from, end);
    if (!*trimmed(r->a, from, end)) return;
    if (!eq) {
        diag_error(r->d, l, "FCM2101", "expected 'key = value  # source'");
        return;
    }
    char *key = trimmed(r->a, from, eq), *text = trimmed(r->a, eq + 1, end);
    bool sourced = hash && *trimmed(r->a, hash + 1, to);
    if (strcmp(key, "title") == 0) r->dev->title = text;
    else if (strcmp(key, "target") == 0) target(r, l, text);
    else {
        int i = 0;
        while (i < FIELDS && strcmp(fields[i].key, key) != 0) i++;
        if (i < FIELDS) number(r, l, i, text, sourced);
        else unknown_key(r, l, key);
    }
}

static void complete(Reader *r)
{
    Loc l = { r->source, 0, 0 };
    if (!r->target) diag_error(r->d, l, "FCM2105", "the line 'target = cuda' or 'target = cpu' is missing");
    for (int i = 0; i < FIELDS; i++) {
        char need = fields[i].need;
        bool required = need == 'B' || (need == 'C' && r->dev->target == TM_CUDA) || (need == 'H' && r->dev->target == TM_CPU);
        if (r->seen[i]) continue;
        if (required) diag_error(r->d, l, "FCM2105", "%s is missing", fields[i].key);
        *value_of(r->dev, i) = fields[i].def;
    }
}

static const Device *read_text(Arena *a, Diag *d, const char *name, const char *path, const char *text, size_t len)
{
    Reader r = { .a = a, .d = d, .source = diag_add_source(d, path, text, len), .dev = NEW(a, Device) };
    int before = diag_errors(d);
    r.dev->name = r.dev->title = name;
    for (const char *p = text, *end = text + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *to = nl ? nl : end;
        line(&r, p, to);
        p = to + 1;
    }
    complete(&r);
    return diag_errors(d) == before ? r.dev : NULL;
}

static const Device *read_file(Arena *a, Diag *d, const char *path)
{
    const char *why;
    size_t len;
    char *text = text_read_file(a, path, 1 << 20, &len, &why);
    if (!text) return diag_error(d, (Loc){ 0 }, "FCM2106", "cannot read device file '%s': %s", path, why), NULL;
    if (memchr(text, 0, len))
        return diag_error(d, (Loc){ 0 }, "FCM2106", "'%s' is no device file: it holds a zero byte", path), NULL;
    const char *base = strrchr(path, '/');
    char *name = arena_strdup(a, base ? base + 1 : path), *dot = strrchr(name, '.');
    if (dot && dot != name) *dot = 0;
    return read_text(a, d, name, path, text, len);
}

static const Device *unknown_device(Diag *d, const char *name)
{
    const char *names[BUILTINS + 1] = { "host" };
    for (int i = 0; i < BUILTINS; i++) names[i + 1] = builtins[i].name;
    const char *near = diag_nearest(name, names, BUILTINS + 1);
    diag_error(d, (Loc){ 0 }, "FCM2107", "unknown device '%s' (fcmc devices lists them; a file is named by its path)", name);
    if (near) diag_note(d, (Loc){ 0 }, "did you mean '%s'?", near);
    return NULL;
}

const Device *device_find(Arena *a, Diag *d, const char *name)
{
    size_t n = strlen(name);
    if (strchr(name, '/') || (n > 3 && strcmp(name + n - 3, ".hw") == 0)) return read_file(a, d, name);
    bool host = strcmp(name, "host") == 0;
    for (int i = 0; i < BUILTINS; i++) {
        if (strcmp(builtins[i].name, host ? "cpu" : name) != 0) continue;
        const char *text = (const char *)builtins[i].text;
        const Device *dev = read_text(a, d, name, arena_printf(a, "%s.hw", builtins[i].name), text, strlen(text));
        return host && dev ? host_detect(a, dev) : dev;
    }
    return unknown_device(d, name);
}
