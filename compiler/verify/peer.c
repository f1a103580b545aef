/* peer.c: a graph as steps of bench/onednn_chain.c: convolutions that take their batch normalisation (folded) and activation
 * along, additions. */
#include "peer.h"

/* Activations that the chain knows, by its numbers; -1: none of them. */
static int act_number(Act a)
{
    return a == ACT_ID        ? 0
           : a == ACT_RELU    ? 1
           : a == ACT_RELU6   ? 2
           : a == ACT_SILU    ? 3
           : a == ACT_HSWISH  ? 4
           : a == ACT_SIGMOID ? 5
                              : -1;
}

static int only_reader(const Graph *g, int node)
{
    if (g->nodes.at[node].consumers != 1) return -1;
    for (int i = node + 1; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.at[i].nin; k++)
            if (g->nodes.at[i].in[k] == node) return i;
    return -1;
}

/* The node whose value the convolution's step produces; *act: its activation. */
static int step_end(const Graph *g, int node, int *act)
{
    int next = only_reader(g, node);
    *act = 0;
    if (next >= 0 && g->nodes.at[next].op == GR_BN) node = next, next = only_reader(g, node);
    if (next >= 0 && g->nodes.at[next].op == GR_ACT && act_number(g->nodes.at[next].act) >= 0) {
        *act = act_number(g->nodes.at[next].act);
        return next;
    }
    return node;
}

static void put_conv(Text *t, const Graph *g, int id, int end, int act)
{
    const GraphNode *n = &g->nodes.at[id], *in = &g->nodes.at[n->in[0]];
    WinAxis one = { 1, 1, 1, 0, 0 };
    const WinAxis *h = n->op == GR_DW ? &n->ah : &one, *w = n->op == GR_DW ? &n->aw : &one;
    text_printf(t, "    { 1, %d, %d, 0, %d, %lld, %lld, %lld, %lld, %lld, %lld, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, %d },\n",
                n->op == GR_DW, n->in[0], end, (long long)in->c, (long long)in->h, (long long)in->w, (long long)n->c,
                (long long)n->h, (long long)n->w, h->k, w->k, h->stride, w->stride, h->dilation, w->dilation, h->before,
                w->before, h->after, w->after, act);
}

static bool same_shape(const GraphNode *a, const GraphNode *b) { return a->h == b->h && a->w == b->w && a->c == b->c; }

/* False: node i starts no step that the chain has. *last: the node whose value the step produces. */
static bool put_step(Text *t, const Graph *g, int i, int *last)
{
    const GraphNode *n = &g->nodes.at[i];
    int act;
    if (n->op == GR_DW || n->op == GR_PW) {
        *last = step_end(g, i, &act);
        put_conv(t, g, i, *last, act);
        return true;
    }
    if (n->op != GR_ADD || n->nin != 2 || !same_shape(&g->nodes.at[n->in[0]], n) || !same_shape(&g->nodes.at[n->in[1]], n))
        return false;
    text_printf(t, "    { 0, 0, %d, %d, %d, 0, 0, 0, %lld, %lld, %lld, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },\n", n->in[0], n->in[1],
                i, (long long)n->c, (long long)n->h, (long long)n->w);
    *last = i;
    return true;
}

bool peer_print(Arena *a, const Graph *g, Text *out)
{
    Text rows = text_new(a);
    bool *done = NEW_N(a, bool, g->nodes.n + 1), ok = true;
    int count = 0;
    for (int i = 0; ok && i < g->nodes.n; i++) {
        if (g->nodes.at[i].op == GR_INPUT || done[i]) continue;
        int last = i;
        ok = put_step(&rows, g, i, &last);
        for (int k = i; k >= 0 && k != last; k = only_reader(g, k)) done[k] = true;
        done[last] = true;
        count++;
    }
    text_printf(out, "enum { PEER_STEPS = %d, PEER_BUFFERS = %d };\n", ok ? count : 0, g->nodes.n);
    text_put(out, "typedef struct PeerStep { int convolution, depthwise, in, in2, out, C, H, W, K, P, Q, R, S, sh, sw, dh, dw, "
                  "top, left, bottom, right, act; } PeerStep;\n");
    text_put(out, "static const PeerStep peer_steps[] = {\n");
    if (ok) text_put(out, rows.at);
    text_put(out, "    { 0 },\n};\nstatic const size_t peer_buffers[] = {");
    for (int i = 0; i < g->nodes.n; i++)
        text_printf(out, " %lld,", (long long)(g->nodes.at[i].h * g->nodes.at[i].w * g->nodes.at[i].c));
    text_put(out, " 0 };\n");
    return ok;
}
