/* graph_tool: loads, checks and prints what the golden tests compare.
 *     graph_tool [graph | stats | stages | all] [--block NAME] [--dtype T] [-D NAME=INTEGER]… FILE
 * The form goes to stdout, diagnostics to stderr; status 1 after an error. */
#include "graph.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const Graph *g, int node) { return node < 0 ? "-" : g->nodes.at[node].name; }

static void print_epi(const Graph *g, const StageEpi *e)
{
    switch (e->kind) {
    case EPI_BIAS:  printf("  BIAS %s", g->params.at[e->param[0]].name); break;
    case EPI_BN:    printf("  BN %s", g->params.at[e->param[0]].name); break;
    case EPI_ACT:   printf("  ACT %s", act_name(e->act)); break;
    case EPI_ADD:   printf("  ADD %s", name_of(g, e->value)); break;
    case EPI_SUB:   printf("  SUB %s", name_of(g, e->value)); break;
    case EPI_RSUB:  printf("  RSUB %s", name_of(g, e->value)); break;
    case EPI_MUL:   printf("  MUL %s", name_of(g, e->value)); break;
    case EPI_ADDC:  printf("  ADDC %g", e->a); break;
    case EPI_RSUBC: printf("  RSUBC %g", e->a); break;
    case EPI_MULC:  printf("  MULC %g", e->a); break;
    }
}

static void print_stages(Arena *a, Diag *d, const Graph *g)
{
    const Stages *s = graph_stages(a, d, g);
    for (int i = 0; s && i < s->at.n; i++) {
        const Stage *st = &s->at.at[i];
        printf("%d: %s %s", i, st->pointless ? "points" : graph_op_name(g->nodes.at[st->core].op), name_of(g, st->in));
        for (int j = 0; j < st->epi.n; j++) print_epi(g, &st->epi.at[j]);
        printf(" -> %s\n", name_of(g, st->out));
    }
}

static void print_stats(const Graph *g)
{
    GraphStats s;
    if (!graph_stats(g, &s)) { puts("overflow"); return; }
    printf("parameters %lld  macs %lld  depthwise %lld  activation bytes %lld\n", (long long)s.parameters, (long long)s.macs,
           (long long)s.dw_macs, (long long)s.activation_bytes);
}

typedef struct Line { const char *form, *file; GraphOptions options; GraphDefine defines[16]; } Line;

static void read_define(Line *l, char *text)
{
    char *eq = strchr(text, '=');
    if (!eq || l->options.ndefines == 16) exit(2);
    *eq = 0;
    l->defines[l->options.ndefines++] = (GraphDefine){ text, strtoll(eq + 1, NULL, 10) };
}

static void read_line(Line *l, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--block") == 0 && more) l->options.block = argv[++i];
        else if (strcmp(argv[i], "--dtype") == 0 && more) l->options.dtype = dtype_parse(argv[++i]);
        else if (strcmp(argv[i], "-D") == 0 && more) read_define(l, argv[++i]);
        else if (strchr(argv[i], '.')) l->file = argv[i];
        else l->form = argv[i];
    }
    l->options.defines = l->defines;
}

int main(int argc, char **argv)
{
    Line l = { .form = "all" };
    read_line(&l, argc, argv);
    if (!l.file) return 2;
    Arena *a = arena_new();
    Diag *d = diag_new(a);
    AstFiles files = { 0 };
    ast_load(a, d, l.file, &files);
    const Graph *g = graph_check(a, d, &files, &l.options);
    bool all = strcmp(l.form, "all") == 0;
    if (g && (all || strcmp(l.form, "graph") == 0)) {
        Text t = text_new(a);
        graph_print(g, &t);
        fputs(t.at, stdout);
    }
    if (g && (all || strcmp(l.form, "stats") == 0)) print_stats(g);
    if (g && (all || strcmp(l.form, "stages") == 0)) print_stages(a, d, g);
    fflush(stdout);
    diag_print(d, stderr);
    int status = diag_errors(d) > 0;
    arena_free(a);
    return status;
}
