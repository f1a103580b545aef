/* test_faults.cpp: wrong kernels, each of which must be reported in so many words, or at least give wrong numbers, and right ones beside them that must
 * not. Built twice: plain, and under the checker (FC_CHECKED), which sees more. */
#include "harness.h"

using fc::half;
enum { W = 64, THREADS = 128 };

#ifdef FC_CHECKED
static const bool checked = true;
#else
static const bool checked = false;
#endif

static buffer<float> *in, *out;

/* Runs it; the report must contain `words` ("" = there must be none). */
template <class Body> static void expect(const char *name, const char *words, fc_emu_order order, int early, int blocks, int threads, size_t smem, Body body)
{
    fc_emu_mode mode = { order, 3, early, 1 };
    fc_emu_reset();
    fc_emu_set_mode(&mode);
    memset((void *)out->at, 0, (size_t)out->n * 4);
    int rc = fc::launch(name, blocks, threads, smem, body);
    bool right = *words ? rc == FC_EMU_ERROR && strstr(fc_emu_message(), words) && strstr(fc_emu_message(), name) : rc == 0;
    CHECK(right, "expected \"%s\", got %d: %s", words, rc, fc_emu_message());
}
template <class Body> static void expect(const char *name, const char *words, size_t smem, Body body)
{
    expect(name, words, FC_EMU_ASCENDING, 0, 1, THREADS, smem, body);
}

/* out(i) = in(i) through shared memory; each fault takes one thing away. */
struct faults { bool wait = true, barrier = true, last_barrier = true, single_stage = false; };

static void rounds(faults f, const float *x, float *y)
{
    FC_SMEM(s);
    float *stage = (float *)s;
    int t = fc::thread();
    for (int r = 0; r < 4; r++) {
        int slot = f.single_stage ? 0 : r % 2;
        fc::cp_async<4>(stage + slot * THREADS + t, x + r * THREADS + t, true, -1);
        FC_COMMIT();
        if (f.wait) FC_WAIT(0);
        if (f.barrier) FC_SYNC();
        fc::stg<4>(y + r * THREADS + t, fc::bits(stage[slot * THREADS + (t + 32) % THREADS]), -1);        /* another warp's element */
        if (f.last_barrier) FC_SYNC();
    }
    FC_WAIT(0);
}

static int wrong_numbers()
{
    int wrong = 0;
    for (int i = 0; i < 4 * THREADS; i++) wrong += !(out->at[i] == in->at[i / THREADS * THREADS + (i + 32) % THREADS]);
    return wrong;
}

static void copies()
{
    const float *x = in->at;
    float *y = out->at;
    size_t smem = 2 * THREADS * 4;
    expect("right", "", smem, [=] { rounds({}, x, y); });
    CHECK(wrong_numbers() == 0, "%d", wrong_numbers());

    /* a wait left out: poison reaches the output */
    expect("no_wait", checked ? "shared read of an asynchronous copy before its wait: thread" : "", smem, [=] { rounds({ false, true, true, false }, x, y); });
    CHECK(wrong_numbers() > 0, "the missing wait went unnoticed");
    expect("pending", "ends with 1 asynchronous copies pending", smem, [=] {
        FC_SMEM(s);
        fc::cp_async<4>(s + fc::thread() * 4, x + fc::thread(), true, -1);
        FC_COMMIT();
    });

    /* barriers left out: after the copy, and between a round's readers and the next round's writers */
    expect("no_barrier", checked ? "uninitialised shared read: thread 0, 4 bytes at byte 128" : "", smem, [=] { rounds({ true, false, true, false }, x, y); });
    CHECK(wrong_numbers() > 0, "the missing barrier went unnoticed");
    expect("no_last_barrier", checked ? "race read/write: thread" : "", smem, [=] { rounds({ true, true, false, true }, x, y); });

    /* one stage instead of two, the next copy issued before the readers are done: numbers are wrong when copies happen early */
    auto early = [=] {
        FC_SMEM(s);
        float *stage = (float *)s;
        int t = fc::thread();
        fc::cp_async<4>(stage + t, x + t, true, -1);
        FC_COMMIT();
        for (int r = 0; r < 4; r++) {
            FC_WAIT(0);
            FC_SYNC();
            if (r < 3) fc::cp_async<4>(stage + t, x + (r + 1) * THREADS + t, true, -1);
            FC_COMMIT();
            fc::stg<4>(y + r * THREADS + t, fc::bits(stage[(t + 32) % THREADS]), -1);
        }
    };
    expect("early_copy", checked ? "race" : "", FC_EMU_ASCENDING, 1, 1, THREADS, smem, early);
    CHECK(wrong_numbers() > 0, "the early copy went unnoticed");
}

static void barriers()
{
    size_t smem = 64;
    expect("divergent", "threads wait at different barriers", smem, [=] {
        if (fc::thread() % 2) FC_SYNC();
        else
            FC_SYNC();
    });
    expect("some_only", "ends while 64 threads wait at the barrier", smem, [=] {
        if (fc::thread() < 64) FC_SYNC();
    });
    expect("after_exit", "after 64 threads ended", FC_EMU_DESCENDING, 0, 1, THREADS, smem, [=] {
        if (fc::thread() < 64) FC_SYNC();
    });
    expect("half_warp", "ends while other lanes of its warp wait in a warp operation", smem, [=] {
        if (fc::thread() % 32 < 16) fc::shuffle_xor(1, 1);
    });
    expect("mixed_warp", "divergent warp operation", smem, [=] {
        if (fc::thread() % 32 < 16) fc::shuffle_xor(1, 1);
        else fc::sync_warp();
    });
    expect("warp_against_block", "deadlock: ", smem, [=] {
        if (fc::thread() % 32 < 16) FC_SYNC();
        else fc::sync_warp();
        FC_SYNC();
    });
    expect("short_warp", "not all 32 lanes are alive", FC_EMU_ASCENDING, 0, 1, 16, 64, [=] {
        float d[4] = {};
        fc::mma_1688(d, 0, 0, 0);
    });
}

static void bounds()
{
    const float *x = in->at;
    float *y = out->at;
    size_t smem = THREADS * 4;
    expect("shared_write", checked ? "shared write out of bounds: thread 127, 4 bytes at byte 512" : "shared memory out of bounds: byte 512 of 512 was written", smem, [=] {
        FC_SMEM(s);
        ((float *)s)[fc::thread() + 1] = 1;
    });
    if (checked) {
        expect("shared_read", "shared read out of bounds: thread 0, 4 bytes at byte -4", smem, [=] {
            FC_SMEM(s);
            volatile float *f = (float *)s;
            f[fc::thread()] = 1;
            (void)f[fc::thread() - 1];
        });
        expect("never_written", "uninitialised shared read: thread 5", smem, [=] {
            FC_SMEM(s);
            volatile unsigned char *f = (unsigned char *)s;
            if (fc::thread() == 5) (void)f[17];              /* as a number, 0xFF is as good as any int8 */
        });
        expect("write_write", "race write/write: thread 1 against thread 0", smem, [=] {
            FC_SMEM(s);
            if (fc::thread() < 2) *(volatile float *)s = 1;
        });
        expect("warp_ordered", "", smem, [=] {               /* a warp barrier orders the lanes of one warp, */
            FC_SMEM(s);
            volatile float *f = (float *)s;
            f[fc::thread()] = 1;
            fc::sync_warp();
            (void)f[fc::thread() ^ 1];
        });
        expect("warps_unordered", "race write/read: thread", smem, [=] {       /* not those of two */
            FC_SMEM(s);
            volatile float *f = (float *)s;
            f[fc::thread()] = 1;
            fc::sync_warp();
            if (fc::thread() >= 32) (void)f[fc::thread() ^ 32];
        });
        expect("shuffle_orders_nothing", "race write/read", smem, [=] {
            FC_SMEM(s);
            volatile float *f = (float *)s;
            f[fc::thread()] = 1;
            fc::shuffle_xor(0, 1);
            (void)f[fc::thread() ^ 1];
        });
        expect("readers_then_writer", "race read/write: thread 7 against", smem, [=] {
            FC_SMEM(s);
            volatile float *f = (float *)s;
            if (fc::thread() == 0) f[0] = 1;
            FC_SYNC();
            if (fc::thread() < 4 || fc::thread() > 100) (void)f[0];
            if (fc::thread() == 7) f[0] = 2;
        });
        expect("wild", "wild write of 4 bytes", smem, [=] { *(volatile float *)(y + (1 << 20)) = 1; });
        expect("line", "test_faults.cpp:", smem, [=] {
            FC_SMEM(s);
            ((volatile float *)s)[fc::thread() + 1] = 1;
        });
    }
    expect("read_past", "global read out of bounds: byte 2048 of buffer 1, which has 2048", smem, [=] { fc::ldg<4>(x + 4 * THREADS, 1); });
    expect("write_past", "global write of 4 bytes", smem, [=] { fc::stg<4>(y - 1, 0, -1); });
    expect("copy_past", "global read of 16 bytes", smem, [=] {
        FC_SMEM(s);
        fc::cp_async<16>(s, x + 4 * THREADS + 64, true, -1);
    });
    expect("outside_unread", "", smem, [=] {                 /* zero-filled copies do not read */
        FC_SMEM(s);
        fc::cp_async<4>(s + fc::thread() * 4, x + 4 * THREADS + 64, false, -1);
        FC_COMMIT();
        FC_WAIT(0);
    });
    expect("misaligned_copy", "cp.async: misaligned destination, byte 4", smem, [=] {
        FC_SMEM(s);
        fc::cp_async<8>(s + 4, x, true, -1);
    });
    expect("misaligned_load", "misaligned global read of 16 bytes", smem, [=] { fc::ldg<16>(x + 1, -1); });
    expect("copy_too_far", "cp.async: destination out of bounds, byte 512 of 512", smem, [=] {
        FC_SMEM(s);
        fc::cp_async<16>(s + 512, x, true, -1);
    });
    expect("ldmatrix_row", "ldmatrix: misaligned row of lane 3", FC_EMU_ASCENDING, 0, 1, 32, smem, [=] {
        FC_SMEM(s);
        uint32_t d[4];
        fc::ldmatrix_x4(d, s + fc::thread() % 8 * 16 + (fc::thread() == 3 ? 2 : 0));
    });
    expect("ldmatrix_outside", "ldmatrix: row of lane 31 outside shared memory, byte 512 of 512", FC_EMU_ASCENDING, 0, 1, 32, smem, [=] {
        FC_SMEM(s);
        for (int i = fc::thread(); i < 128; i += 32) ((float *)s)[i] = 0;
        FC_SYNC();
        uint32_t d[4];
        fc::ldmatrix_x4(d, s + (fc::thread() == 31 ? 512 : 0));
    });
    expect("unsupported", "unsupported: wgmma", smem, [=] { fc_emu_unsupported("wgmma"); });
    expect("too_wide", "threads per block outside", FC_EMU_ASCENDING, 0, 1, 2048, smem, [=] {});
    fc_emu_note("noted", 80, 64, 1, 0, "here");
    expect("noted", "not those of its launch bounds", smem, [=] {});
    expect("no_blocks", "", FC_EMU_ASCENDING, 0, 0, THREADS, smem, [=] { fc_emu_unsupported("a block that does not exist"); });
    expect("second_block", "second_block block 5 thread 0", FC_EMU_ASCENDING, 0, 8, THREADS, smem, [=] {
        if (FC_BLOCK() == 5) fc_emu_unsupported("this");
    });
}

/* The guard zones of global buffers catch what no hook saw. */
static void guards()
{
    float *p = (float *)fc_emu_alloc(9, 64);
    fc_emu_reset();
    p[16] = 0;
    CHECK(fc_emu_free(9) == FC_EMU_ERROR && strstr(fc_emu_message(), "beside buffer 9"), "%s", fc_emu_message());
}

int main()
{
    buffer<float> a(1, 4 * THREADS), b(2, 4 * THREADS);
    in = &a, out = &b;
    a.fill(1, 1000);
    copies();
    barriers();
    bounds();
    guards();
    fc_emu_reset();
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
