/* mbconv14.c: the small-image form of a fused MBConv, 14x14, 96 -> 576 -> 96, stride 1, ReLU6, residual, f32, as the emitter prints it: a chunk of
 * expanded channels outermost, expansion and depthwise of the whole tile in the arena, the projection accumulating into a tile. Two threads
 * take half of the rows of an image each (BANDS=2) or an image each (BANDS=1, batch 2).
 *     cc -O2 -fopenmp -Ibackends/cpu/rt bench/micro/mbconv14.c -o mbconv14 && OMP_PROC_BIND=close ./mbconv14
 * Knobs: -DCB=48 channels of a chunk, -DBANDS=2, register tiles -DEW=7 -DEC=48, -DDW=7, -DPW=7 -DPC=48, and the block -DSIDE=14 -DCIN=96 -DEXP=576. */
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
#ifndef SIDE
#define SIDE 14
#define CIN 96
#define EXP 576
#endif
#ifndef CB
#define CB 48
#endif
#ifndef BANDS
#define BANDS 2
#endif
#ifndef EW
#define EW 7
#endif
#ifndef EC
#define EC 48
#endif
#ifndef DW
#define DW 7
#endif
#ifndef PW
#define PW 7
#endif
#ifndef PC
#define PC 48
#endif
enum { H = SIDE, W = SIDE, C = CIN, E = EXP, IMAGES = BANDS == 1 ? MICRO_THREADS : 1, ROWS = (H + BANDS - 1) / BANDS, CHUNKS = E / CB };

/* packed image, a record a chunk: members in storage form; then the bias of the projection */
enum { ECP = (CB + EC - 1) / EC * EC, PCP = (C + PC - 1) / PC * PC };
enum { WE = 0, BE = WE + ECP * C, WD = BE + (CB + 15) / 16 * 16, BD = WD + 9 * CB, WP = BD + (CB + 15) / 16 * 16, RECORD = WP + PCP * CB };
enum { BP = CHUNKS * RECORD, FLOATS = BP + (C + 15) / 16 * 16 };
enum { ET = 0, DT = ET + (ROWS + 2) * (W + 2) * CB * 4, YT = DT + ROWS * W * CB * 4, ARENA = YT + ROWS * W * C * 4 };

static const fc_tensor x_g = { H, W, C, FC_F32, 0 }, y_g = { H, W, C, FC_F32, 1 };
static const fc_tile et_t = { ROWS + 2, W + 2, CB, CB, CB * 4, (W + 2) * CB * 4, 0, FC_F32 };
static const fc_tile dt_t = { ROWS, W, CB, CB, CB * 4, W * CB * 4, 0, FC_F32 };
static const fc_tile yt_t = { ROWS, W, C, C, C * 4, W * C * 4, 0, FC_F32 };
static const fc_weights we_t = { CB, C, C, EC, C * EC, FC_F32 };
static const fc_weights wp_t = { C, CB, CB, PC, CB * PC, FC_F32 };
static const fc_taps wd_t = { 3, 3, CB, CB, FC_F32 };
static const fc_geom d_geom = { 1, 1, 1, 1, 1 };

typedef struct { const float *bias; } e_ctx;
FC_INLINE CAT(fc_v, WIDE) e_epi(CAT(fc_v, WIDE) v, const void *ctx, int h, int w, int c)
{
    (void)h, (void)w;
    return CAT(fc_relu6_, WIDE)(v + CAT(fc_load_, WIDE)(((const e_ctx *)ctx)->bias + c));
}
typedef struct { const float *bias; const float *x; int y0; } y_ctx;
FC_INLINE CAT(fc_v, WIDE) y_epi(CAT(fc_v, WIDE) v, const void *ctx, int h, int w, int c)
{
    const y_ctx *k = ctx;
    v = v + CAT(fc_load_, WIDE)(k->bias + c);
    return v + CAT(fc_global_load, WIDE)(&x_g, k->x, k->y0 + h, w, c);
}

static void mbconv_band(char *arena, const float *packed, const float *x, float *y, int i)
{
    fc_ref et = { arena + ET, 0 }, dt = { arena + DT, 0 }, yt = { arena + YT, 0 };
    fc_mask mask = { 1, ROWS * i - 1, -1, H, W };
    fc_zero(&yt_t, yt);
    FC_SEQ
    for (int c = 0; c < CHUNKS; c++) {
        const float *chunk = packed + c * RECORD;
        CAT(fc_pw_vec, CAT(WIDE, _global))(&et_t, et, (fc_sub){ 0, ROWS + 2, 0, W + 2 }, &x_g, x, ROWS * i - 1, -1, 0, &we_t, chunk + WE, 0, EW, EC, mask,
                                           e_epi, &(e_ctx){ chunk + BE });
        CAT(fc_dw_vec, WIDE)(&dt_t, dt, (fc_sub){ 0, ROWS, 0, W }, &et_t, et, &wd_t, chunk + WD, &d_geom, 0, 0, 0, 0, DW, (fc_mask){ 0, 0, 0, 0, 0 }, e_epi,
                             &(e_ctx){ chunk + BD });
        CAT(fc_pw_vec, CAT(WIDE, _acc))(&yt_t, yt, (fc_sub){ 0, ROWS, 0, W }, &dt_t, dt, &wp_t, chunk + WP, 0, 0, 0, 0, PW, PC);
    }
    CAT(fc_store, WIDE)(&yt_t, yt, (fc_sub){ 0, ROWS, 0, W }, &y_g, y, ROWS * i, 0, 0, y_epi, &(y_ctx){ packed + BP, x, ROWS * i });
}

/* `times` blocks on all threads; returns the seconds that the slowest thread worked for one. */
static double mbconv(char *arena, const float *packed, const float *x, float *y, int times)
{
    double worst = 0;
#pragma omp parallel for num_threads(MICRO_THREADS) schedule(static) reduction(max : worst)
    for (int b = 0; b < IMAGES * BANDS; b++) {
        double t = micro_busy();
        int n = b / BANDS, i = b % BANDS;
        for (int k = 0; k < times; k++)
            mbconv_band(arena + (size_t)b * (ARENA + 4096), packed, fc_image(&x_g, x, n), fc_image(&y_g, y, n), i);
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
            const float *chunk = packed + k / CB * RECORD;
            int q = k % CB;
            float sum = chunk[BE + q];
            for (int c = 0; c < C; c++) sum += x[p * C + c] * chunk[WE + q / EC * C * EC + c * EC + q % EC];
            e[((p / W + 1) * (W + 2) + p % W + 1) * E + k] = relu6(sum);
        }
    for (int p = 0; p < H * W; p++) {
        float d[E];
        for (int k = 0; k < E; k++) {
            const float *chunk = packed + k / CB * RECORD;
            float sum = chunk[BD + k % CB];
            for (int t = 0; t < 9; t++) sum += e[((p / W + t / 3) * (W + 2) + p % W + t % 3) * E + k] * chunk[WD + t * CB + k % CB];
            d[k] = relu6(sum);
        }
        for (int k = 0; k < C; k++) {
            float sum = packed[BP + k] + x[p * C + k];
            for (int c = 0; c < E; c++) sum += d[c] * packed[c / CB * RECORD + WP + k / PC * CB * PC + c % CB * PC + k % PC];
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
    size_t count = (size_t)IMAGES * H * W * C;
    float *x = aligned_alloc(64, count * 4), *y = aligned_alloc(64, count * 4), *want = malloc(count * 4);
    float *packed = aligned_alloc(4096, ((size_t)FLOATS * 4 + 4095) / 4096 * 4096);
    char *arena = aligned_alloc(4096, ((size_t)MICRO_THREADS * (ARENA + 4096) + 4095) / 4096 * 4096);
    if (!fc_isa_supported() || !x || !y || !want || !packed || !arena) return 77;
    for (size_t i = 0; i < count; i++) x[i] = (float)(rand() % 2001 - 1000) / 1000;
    for (size_t i = 0; i < FLOATS; i++) packed[i] = (float)(rand() % 2001 - 1000) / 4000;
    for (int n = 0; n < IMAGES; n++) naive(packed, fc_image(&x_g, x, n), fc_image(&y_g, want, n));
    mbconv(arena, packed, x, y, 1);
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        double d = y[i] > want[i] ? (double)(y[i] - want[i]) : (double)(want[i] - y[i]);
        if (!(d <= worst)) worst = d;
    }
    if (!(worst < 1e-3)) return printf("wrong: difference %g\n", worst), 3;

    double flop = 2.0 * IMAGES * H * W * (2.0 * C * E + 9 * E), rate[MICRO_ROUNDS], busy[MICRO_ROUNDS], wall[MICRO_ROUNDS];
    for (int r = 0; r < MICRO_ROUNDS; r++) {
        rate[r] = micro_peak(100000);
        double t = micro_now();
        busy[r] = mbconv(arena, packed, x, y, 20);
        wall[r] = (micro_now() - t) / 20;
    }
    double top = micro_median(rate, MICRO_ROUNDS), time = micro_median(busy, MICRO_ROUNDS), elapsed = micro_median(wall, MICRO_ROUNDS);
    printf("mbconv%d ISA %d batch %d bands %d chunk %d expand %dx%d dw %d project %dx%d: working %.1f us (min %.1f), %.1f of %.1f GFLOP/s, %.1f %% of peak; "
           "wall %.1f us (min %.1f)\n", H, FC_ISA, IMAGES, BANDS, CB, EW, EC, DW, PW, PC, time * 1e6, busy[0] * 1e6, flop / time * 1e-9, top * 1e-9,
           100 * flop / time / top, elapsed * 1e6, wall[0] * 1e6);
    return 0;
}
FC_TEXT_END
