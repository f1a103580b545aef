/* cost.c: see cost.h. What overlaps and what does not, put together; the numbers are cuda_cost.c's and cpu_cost.c's. */
#include "cost.h"

#include <math.h>

static double larger(double a, double b) { return a > b ? a : b; }

static int64_t total(const int64_t *v, int n)
{
    int64_t t = 0;
    for (int i = 0; i < n; i++) t += v[i];
    return t;
}

Cost cost_of(const TmModule *m, const TmProgram *p, const TmWalk *w, const Device *d, int64_t batch)
{
    Cost c = { .launch = d->launch_time };
    c.dram_bytes = total(w->unique.read, w->unique.n) + total(w->unique.written, w->unique.n);
    c.l2_bytes = total(w->issued.read, w->issued.n) + total(w->issued.written, w->issued.n);
    if (d->target == TM_CUDA) cost_cuda(&c, p, w, d);
    else cost_cpu(&c, m, p, w, d, batch);
    double most = 0;
    c.bound = "launch";
#define X(field, text) if (c.field > most) most = c.field, c.bound = text;
    FCM_LIMITS(X)
#undef X
    double memory = c.dram + c.l2 + c.smem, hidden = memory < most ? memory : memory - most;
    c.time = most + (1 - d->overlap) * hidden;
    if (d->target == TM_CUDA) c.exposed = larger(0, cost_cuda_alone(&c, m, p, w, d) - most);
    if (c.exposed > most) c.bound = "latency";
#define X(field, text) c.time += c.field;
    FCM_SERIAL(X)
#undef X
    return c;
}

double cost_roof(const Device *d, const Work *w)
{
    bool cached = d->target == TM_CPU && d->l3_bw > 0 && (double)w->bytes <= d->l3_bytes, tensor = w->halves && d->mma_rate > 0;
    double memory = (double)w->bytes / (cached ? larger(d->l3_bw * d->sms, d->dram_bw) : d->dram_bw), rate = d->clock * d->sms;
    double matrix = w->matrix / ((tensor ? d->mma_rate : d->fma_rate) * rate), other = w->other / (d->fma_rate * rate);
    return larger(memory, tensor ? larger(matrix, other) : matrix + other);
}
