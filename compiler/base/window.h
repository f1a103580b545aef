/* window.h: the one output-size formula and the one input-window (halo) formula.
 *
 *   along one axis:   in = 7, k = 3, stride = 2, pad = (1, 1), dilation = 1
 *
 *      pad  0   1   2   3   4   5   6  pad          out = (in + before + after - extent) / stride + 1
 *      [--- o0 ---]                                 extent = (k - 1) * dilation + 1
 *              [--- o1 ---]
 *                      [--- o2 ---]
 *                              [--- o3 ---]
 *
 * Output o reads input positions o*stride - before + t*dilation, t = 0 … k-1; positions outside [0, in) are padding. */
#ifndef FCM_WINDOW_H
#define FCM_WINDOW_H
#include <stdbool.h>
#include <stdint.h>

typedef struct WinAxis { int k, stride, dilation, before, after; } WinAxis;     /* one axis of a convolution or pooling */
typedef struct WinSpan { int64_t lo, n; } WinSpan;                              /* positions lo … lo + n - 1; n may be 0 */

int64_t win_extent(const WinAxis *a);                           /* (k-1)*dilation + 1 */
int64_t win_out(const WinAxis *a, int64_t in);                  /* outputs along the axis; 0 or less = no output */
WinSpan win_in(const WinAxis *a, WinSpan out);                  /* input positions that the outputs read, padding included */
/* Inputs that outputs read overlap. Of those that a tile of outputs reads it owns as many as there are between its first output's and the next tile's:
 * tiles side by side own each position once. Not all of them, if some inputs are read by no output or by one tile only. */
WinSpan win_own(const WinAxis *a, WinSpan out);
bool win_owns_all(const WinAxis *a, int64_t in);                /* every position of [0, in), by tiles that read it */
WinSpan win_clip(WinSpan s, int64_t size);                      /* s ∩ [0, size) */

/* Checked arithmetic on extents and byte counts: false on overflow of int64_t. */
bool win_mul(int64_t a, int64_t b, int64_t *out);
bool win_add(int64_t a, int64_t b, int64_t *out);
int64_t win_div_up(int64_t a, int64_t b);                       /* a >= 0, b > 0 */
int64_t win_round_up(int64_t a, int64_t multiple);
#endif
