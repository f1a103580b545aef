// bench_device.cu: times one generated CUDA build on the device, in rounds that alternate with a copy of device memory. Called as bench_io.h says.
//     device NAME           copied BYTES: a copy reads and writes, together
//     ours S                seconds of a call, of a round of enough calls for a millisecond; what they read is in L2 if it fits
//     cold S                of a call after a buffer larger than L2 was written
//     copy S                of a copy
//     events S              of a pair of events with nothing between: so much of `cold` is none of the call's
//     note TEXT
// With `alone` only `ours`. Status 77: no device answers.
#include "bench_io.h"
#include "device_time.cuh"

enum { MOST_CALLS = 200, MOST_SPANS = 16, COLD_CALLS = 3 };     // what is enqueued at a time stays below the queue's length
static const double round_seconds = 1e-3;

struct Call {
    const Bench *b;
    Stopwatch *watch;
    void *packed, *in[CHILD_INPUTS + 1], *out[CHILD_OUTPUTS + 1], *ws;
};

static void *uploaded(const void *from, size_t bytes)
{
    void *p = device_bytes(bytes);
    if (bytes) must(cudaMemcpy(p, from, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    return p;
}
static void *poisoned(size_t bytes)
{
    void *p = device_bytes(bytes);
    if (bytes) must(cudaMemset(p, 0xFF, bytes), "cudaMemset");
    return p;
}
static Call call_open(const Bench &b, Stopwatch &w)
{
    Call c = {};
    c.b = &b, c.watch = &w;
    c.packed = uploaded(b.packed, CHILD_CALL(packed_bytes)());
    for (int i = 0; i < CHILD_INPUTS; i++) c.in[i] = uploaded(b.in[i], (size_t)b.n * child_inputs[i]);
    for (int i = 0; i < CHILD_OUTPUTS; i++) c.out[i] = poisoned(bench_output(&b, i));
    c.ws = poisoned(CHILD_CALL(workspace_bytes)(b.n));
    must(cudaDeviceSynchronize(), "cudaMemset");
    return c;
}
static void call_run(const Call &c)
{
    const void *in[CHILD_INPUTS + 1];
    for (int i = 0; i < CHILD_INPUTS; i++) in[i] = c.in[i];
    bench_check("run", CHILD_RUN(c.b->n, c.packed, in, c.out, c.ws, c.watch->stream));
}
static void download(const Call &c, int output, void *to)
{
    if (bench_output(c.b, output)) must(cudaMemcpy(to, c.out[output], bench_output(c.b, output), cudaMemcpyDeviceToHost), "cudaMemcpy");
}
// The outputs of the first call are verified; all later calls must have left the same bytes.
static void check_again(const Call &c)
{
    for (int i = 0; i < CHILD_OUTPUTS; i++) {
        void *now = bench_bytes(bench_output(c.b, i));
        download(c, i, now);
        if (memcmp(now, c.b->out[i], bench_output(c.b, i)) != 0) bench_fail(1, "run", "the outputs changed while it was timed");
        free(now);
    }
}

// A round: `spans` spans of `calls` calls each, behind one that brings into L2 what fits there.
struct Plan { int calls, spans; };
template <class Run> static Plan plan_rounds(Stopwatch &w, const Run &run)
{
    time_span(w, run);
    const double once = time_span(w, run);
    Plan p = { MOST_CALLS, 1 };
    if (once * MOST_CALLS > round_seconds) p.calls = once > round_seconds ? 1 : (int)(round_seconds / once) + 1;
    else if (once > 0) p.spans = (int)(round_seconds / (once * MOST_CALLS)) + 1;
    if (p.spans > MOST_SPANS) p.spans = MOST_SPANS;
    time_settle(w, [&] { for (int i = 0; i < p.calls; i++) run(); });
    return p;
}
template <class Run> static void put_round(Stopwatch &w, const char *name, Plan p, const Run &run)
{
    double sum = 0;
    for (int s = 0; s < p.spans; s++) sum += time_span(w, run, [&] { for (int i = 0; i < p.calls; i++) run(); });
    printf("%s %.9g\n", name, sum / p.calls / p.spans);
}
static void put_cold(Stopwatch &w, const Call &c, void *scrap, size_t bytes, int value)
{
    for (int i = 0; i < COLD_CALLS; i++)
        printf("cold %.9g\n", time_span(w, [&] { must(cudaMemsetAsync(scrap, value + i, bytes, w.stream), "cudaMemset"); }, [&] { call_run(c); }));
    printf("events %.9g\n", time_span(w, [] {}));
}

int main(int argc, char **argv)
{
    const Bench b = bench_open(argc, argv);
    const Device d = device_open();
    Stopwatch w = stopwatch(d.clock);
    const Call c = call_open(b, w);
    printf("device %s\n", d.name);
    call_run(c);
    must(cudaStreamSynchronize(w.stream), "the kernels");
    for (int i = 0; i < CHILD_OUTPUTS; i++) download(c, i, b.out[i]);
    bench_write(&b);

    const auto ours = [&] { call_run(c); };
    const Plan plan = plan_rounds(w, ours);
    if (b.alone) {
        for (int r = 0; r < b.rounds; r++) put_round(w, "ours", plan, ours);
    } else {
        const Copy copy = copy_open(d, w);
        const auto copies = [&] { copy_run(copy, w); };
        const Plan copy_plan = plan_rounds(w, copies);
        const size_t scrap_bytes = (size_t)d.l2 * 2 > 0 ? (size_t)d.l2 * 2 : (size_t)16 << 20;
        void *scrap = device_bytes(scrap_bytes);
        printf("copied %zu\n", copy_bytes(copy));
        for (int r = 0; r < b.rounds; r++) {
            put_round(w, "ours", plan, ours);
            put_round(w, "copy", copy_plan, copies);
            put_cold(w, c, scrap, scrap_bytes, r);
        }
    }
    check_again(c);
    if (w.late) printf("note %d of %d spans began before all of their calls were enqueued\n", w.late, w.spans);
    return 0;
}
