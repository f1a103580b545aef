/* onednn_chain.c: the block as oneDNN (2.x) would run it: one primitive per convolution with its activation as a post-op, one per
 * addition, f32, NHWC between them, weights in the layout that the library prefers. bench_main.c links it when dnnl.h and -ldnnl
 * are there; the steps come from child.h (peer_steps). Data are small non-zero numbers: only time is taken from it. */
#include "child.h"

#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>

int peer_open(int n, int threads);
void peer_run(void);

typedef struct Step { dnnl_primitive_t primitive; dnnl_exec_arg_t args[5]; int nargs; } Step;
static Step steps[PEER_STEPS + 1];
static float *buffers[PEER_BUFFERS + 1];
static dnnl_engine_t engine;
static dnnl_stream_t stream;

static float *numbers(size_t n)
{
    float *p = aligned_alloc(64, (n * sizeof *p + 127) / 64 * 64);
    for (size_t i = 0; p && i < n; i++) p[i] = (float)(i * 2654435761u % 97) / 97 - 0.45f;
    return p;
}

static int memory_of(dnnl_memory_t *m, const dnnl_memory_desc_t *md, void *data)
{
    return data ? (int)dnnl_memory_create(m, md, engine, data) : 1;
}

static int activation_attr(dnnl_primitive_attr_t *attr, const PeerStep *s)
{
    dnnl_post_ops_t ops;
    int bad = dnnl_primitive_attr_create(attr) | dnnl_post_ops_create(&ops);
    if (!bad && s->act)
        bad = dnnl_post_ops_append_eltwise(ops, 1.0f,
                                           s->act == 1   ? dnnl_eltwise_relu
                                           : s->act == 2 ? dnnl_eltwise_clip
                                           : s->act == 3 ? dnnl_eltwise_swish
                                           : s->act == 4 ? dnnl_eltwise_hardswish
                                                         : dnnl_eltwise_logistic,
                                           s->act == 3 ? 1.0f : 0.0f, s->act == 2 ? 6.0f : 0.0f);
    return bad ? bad : (int)dnnl_primitive_attr_set_post_ops(*attr, ops);
}

static int open_conv(Step *t, const PeerStep *s, int n, int index)
{
    dnnl_dims_t src = { n, s->C, s->H, s->W }, dst = { n, s->K, s->P, s->Q }, bias = { s->K }, strides = { s->sh, s->sw },
                dilates = { s->dh - 1, s->dw - 1 };
    dnnl_dims_t grouped = { s->C, s->K / s->C, 1, s->R, s->S }, plain = { s->K, s->C, s->R, s->S }, before = { s->top, s->left },
                after = { s->bottom, s->right };
    dnnl_memory_desc_t smd, wmd, bmd, dmd;
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd;
    int bad =
        dnnl_memory_desc_init_by_tag(&smd, 4, src, dnnl_f32, dnnl_nhwc) |
        dnnl_memory_desc_init_by_tag(&dmd, 4, dst, dnnl_f32, dnnl_nhwc) |
        dnnl_memory_desc_init_by_tag(&bmd, 1, bias, dnnl_f32, dnnl_a) |
        dnnl_memory_desc_init_by_tag(&wmd, s->depthwise ? 5 : 4, s->depthwise ? grouped : plain, dnnl_f32, dnnl_format_tag_any) |
        dnnl_dilated_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &smd, &wmd, &bmd, &dmd,
                                                   strides, dilates, before, after) |
        activation_attr(&attr, s);
    if (bad || dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL) != 0 || dnnl_primitive_create(&t->primitive, pd) != 0)
        return 1;
    const char *name = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    printf("note %d %s\n", index, name);
    const dnnl_memory_desc_t *real = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    const int slots[] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST };
    const dnnl_memory_desc_t *mds[] = { &smd, real, &bmd, &dmd };
    void *data[] = { buffers[s->in], numbers(dnnl_memory_desc_get_size(real) / sizeof(float)), numbers((size_t)s->K),
                     buffers[s->out] };
    for (t->nargs = 0; t->nargs < 4; t->nargs++) {
        t->args[t->nargs].arg = slots[t->nargs];
        if (memory_of(&t->args[t->nargs].memory, mds[t->nargs], data[t->nargs])) return 1;
    }
    return 0;
}

static int open_add(Step *t, const PeerStep *s, int n)
{
    dnnl_dims_t dims = { n, s->K, s->P, s->Q };
    dnnl_memory_desc_t md;
    dnnl_binary_desc_t desc;
    dnnl_primitive_desc_t pd;
    if (dnnl_memory_desc_init_by_tag(&md, 4, dims, dnnl_f32, dnnl_nhwc) |
        dnnl_binary_desc_init(&desc, dnnl_binary_add, &md, &md, &md))
        return 1;
    if (dnnl_primitive_desc_create(&pd, &desc, NULL, engine, NULL) != 0 || dnnl_primitive_create(&t->primitive, pd) != 0)
        return 1;
    const int slots[] = { DNNL_ARG_SRC_0, DNNL_ARG_SRC_1, DNNL_ARG_DST }, which[] = { s->in, s->in2, s->out };
    for (t->nargs = 0; t->nargs < 3; t->nargs++) {
        t->args[t->nargs].arg = slots[t->nargs];
        if (memory_of(&t->args[t->nargs].memory, &md, buffers[which[t->nargs]])) return 1;
    }
    return 0;
}

int peer_open(int n, int threads)
{
    (void)threads;                                              /* OMP_NUM_THREADS rules both */
    if (PEER_STEPS == 0 || dnnl_engine_create(&engine, dnnl_cpu, 0) != 0 ||
        dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != 0)
        return 1;
    for (int i = 0; i < PEER_BUFFERS; i++) buffers[i] = numbers((size_t)n * peer_buffers[i]);
    for (int i = 0; i < PEER_STEPS; i++)
        if (peer_steps[i].convolution ? open_conv(&steps[i], &peer_steps[i], n, i) : open_add(&steps[i], &peer_steps[i], n))
            return 1;
    return 0;
}

void peer_run(void)
{
    for (int i = 0; i < PEER_STEPS; i++) dnnl_primitive_execute(steps[i].primitive, stream, steps[i].nargs, steps[i].args);
    dnnl_stream_wait(stream);
}
