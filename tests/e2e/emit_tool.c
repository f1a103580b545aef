/* emit_tool.c: a .tm module as generated text, for goldens and hand-driven tests.
 *     emit_tool cuda|cpu FILE.tm                          the source without prelude and the header, on stdout
 *     emit_tool cuda|cpu FILE.tm STEM                     STEM.cu or STEM.c and STEM.h, with prelude */
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_pair(Arena *a, const char *stem, const char *suffix, const Text *source, const Text *header)
{
    const char *why = NULL;
    bool ok = text_write_file(a, arena_printf(a, "%s.%s", stem, suffix), source->at, source->n, &why) &&
              text_write_file(a, arena_printf(a, "%s.h", stem), header->at, header->n, &why);
    if (!ok) fprintf(stderr, "%s: %s\n", stem, why);
    return ok;
}

static int emit(Arena *a, bool cuda, const char *path, const char *stem)
{
    Diag *d = diag_new(a);
    size_t len = 0;
    const char *why = NULL, *text = text_read_file(a, path, 1 << 24, &len, &why);
    if (!text) return fprintf(stderr, "%s: %s\n", path, why), 1;
    TmModule *m = tm_parse(a, d, diag_add_source(d, path, text, len));
    diag_print(d, stderr);
    if (!m) return 1;
    const char *base = !stem ? m->name : strrchr(stem, '/') ? strrchr(stem, '/') + 1 : stem;
    EmitOptions o = { .prelude = stem != NULL, .header = arena_printf(a, "%s.h", base) };
    Text source, header;
    if (!(cuda ? emit_cuda : emit_cpu)(a, m, &o, &source, &header, &why)) return fprintf(stderr, "%s: %s\n", path, why), 1;
    if (stem) return !write_pair(a, stem, cuda ? "cu" : "c", &source, &header);
    printf("%s\n%s", source.at, header.at);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    Arena *a = arena_new();
    int status = emit(a, strcmp(argv[1], "cuda") == 0, argv[2], argc > 3 ? argv[3] : NULL);
    arena_free(a);
    return status;
}
