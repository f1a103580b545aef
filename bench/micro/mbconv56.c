/* mbconv56.c: a fused MBConv, 56x56, 24 -> 144 -> 24, stride 1, ReLU6, residual, f32, written by hand as the emitter prints it: bands of rows, a line
 * buffer of 4 expanded rows, strips of columns. Checked against naive loops, then timed against the FMA peak of this machine.
 *     cc -O2 -fopenmp -Ibackends/cpu/rt bench/micro/mbconv56.c -o mbconv56 && OMP_PROC_BIND=close ./mbconv56
 * Knobs: -DSTRIP=8 columns of a strip, -DEW=8 -DEC=48 register tile of the expansion, -DPW=8 -DPV=8 of the projection, -DSTEP=1 rows of a step, -DROLL=4 rows kept. */
#ifndef FC_ISA
#define FC_ISA 512
#endif
#include "fc_base.h"
#include "fc_vec.h"
#include "fc_act.h"
#include "fc_copy.h"
#include "fc_pw.h"
#include "fc_dw.h"
#include "micro.h"

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#if FC_ISA >= 512
#define WIDE 16
#else
#define WIDE 8
#endif
#ifndef STRIP
#define STRIP 8
#endif
#ifndef EW
#define EW 8
#endif
#ifndef EC
#define EC 48
#endif
#ifndef DW
#define DW 8
#endif
#ifndef PW
#define PW 8
#endif
#ifndef PV                                              /* width and panel of the projection */
#define PV WIDE
#endif
#ifndef ROLL
#define ROLL 4
#endif
#ifndef STEP                                            /* output rows of a step */
#define STEP 1
#endif
#ifndef SIDE
#define SIDE 56
#endif
enum { H = SIDE, W = SIDE, C = 24, E = 144, BANDS = MICRO_THREADS, ROWS = H / BANDS, PC = (C + PV - 1) / PV * PV };

/* packed image: members in storage form */
enum { WE = 0, BE = WE + E * C, WD = BE + E, BD = WD + 9 * E, WP = BD + E, BP = WP + PC * E, FLOATS = BP + 64 };
/* arena of a thread */
enum { ET = 0, DT = ET + ROLL * (W + 2) * E * 4, YT = DT + STEP * STRIP * E * 4, ARENA = YT + STEP * STRIP * C * 4 };

static const fc_tensor x_g = { H, W, C, FC_F32, 0 }, y_g = { H, W, C, FC_F32, 1 };
static const fc_tile et_t = { STEP + 2, W + 2, E, E, E * 4, (W + 2) * E * 4, ROLL, FC_F32 };
static const fc_tile dt_t = { STEP, STRIP, E, E, E * 4, STRIP * E * 4, 0, FC_F32 };
static const fc_tile yt_t = { STEP, STRIP, C, C, C * 4, STRIP * C * 4, 0, FC_F32 };
static const fc_weights we_t = { E, C, C, EC, C * EC, FC_F32 };
static const fc_weights wp_t = { C, E, E, PC, E * PC, FC_F32 };
static const fc_taps wd_t = { 3, 3, E, E, FC_F32 };
static const fc_geom d_geom = { 1, 1, 1, 1, 1 };

typedef struct { const float *bias; } e_ctx;
FC_INLINE CAT(fc_v, WIDE) e_epi(CAT(fc_v, WIDE) v, const void *ctx, int h, int w, int c)
{
    (void)h, (void)w;
    return CAT(fc_relu6_, WIDE)(v + CAT(fc_load_, WIDE)(((const e_ctx *)ctx)->bias + c));
}
typedef struct { const float *bias; const float *x; int y0, x0; } y_ctx;
FC_INLINE fc_v8 y_epi(fc_v8 v, const void *ctx, int h, int w, int c)
{
    const y_ctx *k = ctx;
    v = v + fc_load_8(k->bias + c);
    return v + fc_global_load8(&x_g, k->x, k->y0 + h, k->x0 + w, c);
}

static void mbconv_band(char *arena, const float *packed, const float *x, float *y, int i)
{
    FC_SEQ
    for (int r = 0; r < ROWS; r += STEP) {
        fc_ref et = { arena + ET, r % ROLL };
        fc_mask mask = { 1, ROWS * i + r - 1, -1, H, W };
        CAT(fc_pw_vec, CAT(WIDE, _global))(&et_t, et, (fc_sub){ r ? 2 : 0, STEP + 2, 0, W + 2 }, &x_g, x, ROWS * i + r - 1, -1, 0, &we_t, packed + WE, 0, EW, EC,
                                           mask, e_epi, &(e_ctx){ packed + BE });
        FC_SEQ
        for (int j = 0; j < W / STRIP; j++) {
            fc_ref dt = { arena + DT, 0 }, yt = { arena + YT, 0 };
            CAT(fc_dw_vec, WIDE)(&dt_t, dt, (fc_sub){ 0, STEP, 0, STRIP }, &et_t, et, &wd_t, packed + WD, &d_geom, 0, STRIP * j, 0, 0, DW,
                                 (fc_mask){ 0, 0, 0, 0, 0 }, e_epi, &(e_ctx){ packed + BD });
            CAT(fc_pw_vec, PV)(&yt_t, yt, (fc_sub){ 0, STEP, 0, STRIP }, &dt_t, dt, &wp_t, packed + WP, 0, 0, 0, 0, PW, PC, (fc_mask){ 0, 0, 0, 0, 0 }, NULL, NULL);
            fc_store8(&yt_t, yt, (fc_sub){ 0, STEP, 0, STRIP }, &y_g, y, ROWS * i + r, STRIP * j, 0, y_epi, &(y_ctx){ packed + BP, x, ROWS * i + r, STRIP * j });
        }
    }
}

/* `times` blocks on all threads; returns the seconds that the slowest thread worked for one. */
static double mbconv(char *arena, const float *packed, const float *x, float *y, int times)
{
    double worst = 0;
#pragma omp parallel for num_threads(MICRO_THREADS) schedule(static) reduction(max : worst)
    for (int i = 0; i < BANDS; i++) {
        double t = micro_busy();
        for (int k = 0; k < times; k++) mbconv_band(arena + (size_t)i * (ARENA + 4096), packed, x, y, i);
        worst = (micro_busy() - t) / times;
    }
    return worst;
}

/* ---- the naive block ---- */
static float relu6(float v) { return v < 0 ? 0 : v > 6 ? 6 : v; }
static void naive(const float *packed, const float *x, float *y)
{
    float *e = calloc((size_t)(H + 2) * (W + 2) * E, sizeof *e);
    for (int p = 0; p < H * W; p++)
        for (int k = 0; k < E; k++) {
            float sum = packed[BE + k];
            for (int c = 0; c < C; c++) sum += x[p * C + c] * packed[WE + k / EC * C * EC + c * EC + k % EC];
            e[((p / W + 1) * (W + 2) + p % W + 1) * E + k] = relu6(sum);
        }
    for (int p = 0; p < H * W; p++) {
        float d[E];
        for (int k = 0; k < E; k++) {
            float sum = packed[BD + k];
            for (int t = 0; t < 9; t++) sum += e[((p / W + t / 3) * (W + 2) + p % W + t % 3) * E + k] * packed[WD + t * E + k];
            d[k] = relu6(sum);
        }
        for (int k = 0; k < C; k++) {
            float sum = packed[BP + k] + x[p * C + k];
            for (int c = 0; c < E; c++) sum += d[c] * packed[WP + c * PC + k];
            y[p * C + k] = sum;
        }
    }
    free(e);
}

#if FC_ISA >= 512
MICRO_PEAK(16)
#else
MICRO_PEAK(8)
#endif
int main(void)
{
    size_t pixels = (size_t)H * W;
    float *x = aligned_alloc(64, pixels * C * 4), *y = aligned_alloc(64, pixels * C * 4), *want = malloc(pixels * C * 4), *packed = aligned_alloc(4096, FLOATS * 4);
    char *arena = aligned_alloc(4096, (size_t)BANDS * (ARENA + 4096) / 4096 * 4096 + 4096);
    if (!fc_isa_supported() || !x || !y || !want || !packed || !arena) return 77;
    for (size_t i = 0; i < pixels * C; i++) x[i] = (float)(rand() % 2001 - 1000) / 1000;
    for (size_t i = 0; i < FLOATS; i++) packed[i] = (float)(rand() % 2001 - 1000) / 2000;
    naive(packed, x, want);
    mbconv(arena, packed, x, y, 1);
    double worst = 0;
    for (size_t i = 0; i < pixels * C; i++) {
        double d = y[i] > want[i] ? (double)(y[i] - want[i]) : (double)(want[i] - y[i]);
        if (!(d <= worst)) worst = d;
    }
    if (!(worst < 1e-4)) return printf("wrong: difference %g\n", worst), 3;

    double flop = 2.0 * (double)pixels * (C * E + 9 * E + E * C), rate[MICRO_ROUNDS], busy[MICRO_ROUNDS], wall[MICRO_ROUNDS];
    for (int r = 0; r < MICRO_ROUNDS; r++) {
        rate[r] = micro_peak(100000);
        double t = micro_now();
        busy[r] = mbconv(arena, packed, x, y, 20);
        wall[r] = (micro_now() - t) / 20;
    }
    double top = micro_median(rate, MICRO_ROUNDS), time = micro_median(busy, MICRO_ROUNDS), elapsed = micro_median(wall, MICRO_ROUNDS);
    printf("mbconv56 ISA %d strip %dx%d expand %dx%d dw %d project %dx%d roll %d: working %.1f us (min %.1f), %.1f of %.1f GFLOP/s, %.1f %% of peak; wall %.1f us (min %.1f)\n", FC_ISA,
           STEP, STRIP, EW, EC, DW, PW, PC, ROLL, time * 1e6, busy[0] * 1e6, flop / time * 1e-9, top * 1e-9, 100 * flop / time / top, elapsed * 1e6, wall[0] * 1e6);
    return 0;
}
FC_TEXT_END
