// record_lanes.cu: where mma.sync and ldmatrix put the elements of their matrices, found by running them. The emulator scatters and gathers by
// backends/cuda/rt/fc_lanes.cuh; a device must print the same lines.
//     device   nvcc -std=c++17 -arch=sm_XX -I backends/cuda/rt record_lanes.cu
//     host     g++ -std=c++17 -fno-strict-aliasing -I backends/cuda/rt -I backends/emulator -x c++ record_lanes.cu fc_emu.cpp -lpthread
// Lines: `m16n8k16 a 5 1 0 : 1 2` = lane 5, register 1, low half of A holds row 1, column 2. Each element is found on its own: it alone is 1, against a
// partner whose elements are powers of two, so that the result tells its row by its place and its column by its value.
#include "fc_dev.cuh"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 32, WORDS = 4 * LANES };

// One mma with each lane's registers as given: a[reg * 32 + lane], and so on; d, 4 f32 a lane, starts as 0.
FC_KERNEL(mma_k16, 32, 1)(const uint32_t *a, const uint32_t *b, float *d)
{
    int lane = fc::thread();
    uint32_t x[4] = { a[lane], a[32 + lane], a[64 + lane], a[96 + lane] };
    float acc[4] = { 0, 0, 0, 0 };
    fc::mma_16816(acc, x, b[lane], b[32 + lane]);
    for (int r = 0; r < 4; r++) d[r * 32 + lane] = acc[r];
}
FC_KERNEL(mma_k8, 32, 1)(const uint32_t *a, const uint32_t *b, float *d)
{
    int lane = fc::thread();
    float acc[4] = { 0, 0, 0, 0 };
    fc::mma_1688(acc, a[lane], a[32 + lane], b[lane]);
    for (int r = 0; r < 4; r++) d[r * 32 + lane] = acc[r];
}
// Four 8x8 matrices whose elements are their own numbers, 64 m + 8 row + column; d, 4 words a lane.
FC_KERNEL(load_matrices, 32, 1)(uint32_t *d, int transposed, int four)
{
    FC_SMEM(smem);
    int lane = fc::thread();
    for (int i = lane; i < 256; i += 32) reinterpret_cast<uint16_t *>(smem)[i] = (uint16_t)i;
    FC_SYNC();
    uint32_t x4[4] = { 0, 0, 0, 0 }, x2[2];
    const char *row = smem + (four ? lane : lane % 16) * 16;
    if (four && transposed) fc::ldmatrix_x4_trans(x4, row);
    else if (four) fc::ldmatrix_x4(x4, row);
    else {
        if (transposed) fc::ldmatrix_x2_trans(x2, row);
        else fc::ldmatrix_x2(x2, row);
        x4[0] = x2[0], x4[1] = x2[1];
    }
    for (int r = 0; r < 4; r++) d[r * 32 + lane] = x4[r];
}

static void *memory(size_t bytes)
{
    void *p = NULL;
#ifdef __CUDACC__
    if (cudaMallocManaged(&p, bytes) != cudaSuccess) p = NULL;
#else
    p = aligned_alloc(256, (bytes + 255) / 256 * 256);
#endif
    if (!p) fprintf(stderr, "no memory on this device\n"), exit(4);
    memset(p, 0, bytes);
    return p;
}
static void finish(int status, const char *what)
{
#ifdef __CUDACC__
    if (!status) status = (int)cudaDeviceSynchronize();
#endif
    if (status) fprintf(stderr, "%s: %s\n", what, fc::error_string(status)), exit(1);
}

static uint32_t *a, *b, *words;
static float *d;

static void multiply(int k)
{
    if (k == 16) finish(FCM_LAUNCH(mma_k16, 1, 32, 0, (cudaStream_t)0, a, b, d), "mma m16n8k16");
    else finish(FCM_LAUNCH(mma_k8, 1, 32, 0, (cudaStream_t)0, a, b, d), "mma m16n8k8");
}
// 2^e as f16 bits, -14 <= e <= 15
static uint32_t power(int e) { return (uint32_t)(e + 15) << 10; }
static int exponent(float v)
{
    int e = 0;
    for (; v > 1; v /= 2) e++;
    for (; v < 1; v *= 2) e--;
    return e;
}

// Columns of A and rows of B are the same contraction index. B's element alone is 1; every row of A is 1, 2, 4 … over its columns in the order of
// fc_lanes.cuh (lanes 0…3, two halves, then the next pair of registers), so the value in D names the k that the element met. The place in D names
// the column, by the C map, which print_c finds with lane 0's first elements only.
static int column_of_b(int k, int lane, int reg, int half, int *row)
{
    memset(a, 0, WORDS * 4), memset(b, 0, WORDS * 4);
    int e = -8;
    for (int r = 0; r < k / 8; r++)
        for (int q = 0; q < 4; q++) {
            uint32_t low = power(e), high = power(e + 1);
            for (int g = 0; g < 8; g++)                     // every row alike
                for (int t = 0; t < 2; t++) a[(r * 2 + t) * 32 + g * 4 + q] = low | high << 16;
            e += 2;
        }
    b[reg * 32 + lane] = power(0) << (16 * half);
    multiply(k);
    for (int l = 0; l < 4; l++)                             // row 0 of D: lanes 0…3, registers 0 and 1
        for (int r = 0; r < 2; r++)
            if (d[r * 32 + l] != 0) {
                *row = exponent(d[r * 32 + l]) + 8;
                return l * 2 + r;
            }
    return *row = -1;
}
static void print_b(int k)
{
    for (int lane = 0; lane < LANES; lane++)
        for (int reg = 0; reg < k / 8; reg++)
            for (int half = 0; half < 2; half++) {
                int row, col = column_of_b(k, lane, reg, half, &row);
                printf("m16n8k%d b %d %d %d : %d %d\n", k, lane, reg, half, row, col);
            }
}
// A's element alone is 1; B's row k, found above, is all 2^(k - 8): the place in D names the row, the value names the column.
static void print_a(int k)
{
    static int rows[LANES][2][2];
    for (int lane = 0; lane < LANES; lane++)
        for (int reg = 0; reg < k / 8; reg++)
            for (int half = 0; half < 2; half++) column_of_b(k, lane, reg, half, &rows[lane][reg][half]);
    for (int lane = 0; lane < LANES; lane++)
        for (int reg = 0; reg < k / 4; reg++)
            for (int half = 0; half < 2; half++) {
                memset(a, 0, WORDS * 4), memset(b, 0, WORDS * 4);
                for (int l = 0; l < LANES; l++)
                    for (int r = 0; r < k / 8; r++) b[r * 32 + l] = power(rows[l][r][0] - 8) | power(rows[l][r][1] - 8) << 16;
                a[reg * 32 + lane] = power(0) << (16 * half);
                multiply(k);
                int row = -1, col = -1;
                for (int l = 0; l < LANES && row < 0; l++)
                    for (int r = 0; r < 4 && row < 0; r++)
                        if (d[r * 32 + l] != 0) row = fc::frag_c(l, r).row, col = exponent(d[r * 32 + l]) + 8;
                printf("m16n8k%d a %d %d %d : %d %d\n", k, lane, reg, half, row, col);
            }
}
// C: row i of A is 2^(i - 8), column j of B is alike once 1 and once 2^j, at k = 0 only: two products name row and column.
static void print_c(int k)
{
    float first[WORDS];
    for (int pass = 0; pass < 2; pass++) {
        memset(a, 0, WORDS * 4), memset(b, 0, WORDS * 4);
        for (int g = 0; g < 8; g++) a[g * 4] = power(g - 8), a[32 + g * 4] = power(g);
        for (int g = 0; g < 8; g++) b[g * 4] = power(pass * g);
        multiply(k);
        if (pass == 0) memcpy(first, d, sizeof first);
    }
    for (int lane = 0; lane < LANES; lane++)
        for (int reg = 0; reg < 4; reg++) {
            int row = exponent(first[reg * 32 + lane]) + 8, col = exponent(d[reg * 32 + lane]) + 8 - row;
            printf("m16n8k%d c %d %d : %d %d\n", k, lane, reg, row, col);
        }
}
static void print_matrices(int four, int transposed)
{
    finish(FCM_LAUNCH(load_matrices, 1, 32, 512, (cudaStream_t)0, words, transposed, four), "ldmatrix");
    for (int lane = 0; lane < LANES; lane++)
        for (int reg = 0; reg < (four ? 4 : 2); reg++)
            for (int half = 0; half < 2; half++) {
                int v = (int)(words[reg * 32 + lane] >> (16 * half) & 0xFFFF);
                printf("ldmatrix x%d%s %d %d %d : %d %d %d\n", four ? 4 : 2, transposed ? " trans" : "", lane, reg, half, v / 64, v / 8 % 8, v % 8);
            }
}

int main()
{
    a = (uint32_t *)memory(WORDS * 4), b = (uint32_t *)memory(WORDS * 4), words = (uint32_t *)memory(WORDS * 4);
    d = (float *)memory(WORDS * 4);
    int arch = fc::device_arch();
    if (arch < 75) {
        fprintf(stderr, "no device of compute capability 7.5 or later\n");
        return 77;
    }
    for (int k = 8; k <= 16; k += 8) print_a(k), print_b(k), print_c(k);
    for (int i = 0; i < 4; i++) print_matrices(i / 2, i % 2);
    return 0;
}
