/* window.c: see window.h */
#include "window.h"

int64_t win_extent(const WinAxis *a) { return (int64_t)(a->k - 1) * a->dilation + 1; }

int64_t win_out(const WinAxis *a, int64_t in)
{
    int64_t room = in + a->before + a->after - win_extent(a);
    return room < 0 ? 0 : room / a->stride + 1;
}

WinSpan win_in(const WinAxis *a, WinSpan out)
{
    if (out.n <= 0) return (WinSpan){ out.lo * a->stride - a->before, 0 };
    return (WinSpan){ out.lo * a->stride - a->before, (out.n - 1) * a->stride + win_extent(a) };
}

/* From the position that output o*stride stands on, or the last that keeps the tile's last one inside its window. */
WinSpan win_own(const WinAxis *a, WinSpan out)
{
    int64_t last = win_extent(a) - a->stride - a->before;
    return (WinSpan){ out.lo * a->stride + (last < 0 ? last : 0), out.n * a->stride };
}

bool win_owns_all(const WinAxis *a, int64_t in)
{
    WinSpan own = win_own(a, (WinSpan){ 0, win_out(a, in) });
    return own.lo >= -a->before && own.lo + own.n >= in;
}

WinSpan win_clip(WinSpan s, int64_t size)
{
    int64_t lo = s.lo < 0 ? 0 : s.lo, hi = s.lo + s.n > size ? size : s.lo + s.n;
    return hi > lo ? (WinSpan){ lo, hi - lo } : (WinSpan){ lo < size ? lo : size, 0 };
}

bool win_mul(int64_t a, int64_t b, int64_t *out)
{
    if (a != 0 && b != 0) {
        if ((a == -1 && b == INT64_MIN) || (b == -1 && a == INT64_MIN)) return false;
        if (a > 0 ? (b > 0 ? a > INT64_MAX / b : b < INT64_MIN / a) : (b > 0 ? a < INT64_MIN / b : b < INT64_MAX / a)) return false;
    }
    *out = a * b;
    return true;
}

bool win_add(int64_t a, int64_t b, int64_t *out)
{
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) return false;
    *out = a + b;
    return true;
}

int64_t win_div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t win_round_up(int64_t a, int64_t multiple) { return win_div_up(a, multiple) * multiple; }
