/* compare.c: outputs against the reference. Every comparison is written so that NaN fails it. */
#include "io.h"
#include "verifier.h"

#include <math.h>

const char *verify_status_name(VerifyStatus s)
{
    static const char *const names[] = { "PASSED", "FAILED", "SKIPPED", "MISTRUSTED" };
    return names[s];
}

static IoTensor view(DType t, const void *data) { return (IoTensor){ .type = io_type_of(t), .data = data }; }

/* "y[1, 3, 55, 7]" */
static const char *place(Arena *a, const char *name, int64_t i, const int64_t s[3])
{
    long long c = i % s[2], w = i / s[2] % s[1], h = i / s[2] / s[1] % s[0], n = i / s[2] / s[1] / s[0];
    return arena_printf(a, "%s[%lld, %lld, %lld, %lld]", name, n, h, w, c);
}

/* An exact pass says something only if the numbers do: a quarter of a percent non-zero, and not all the same. */
static const char *says_little(Arena *a, const char *name, const double *want, int64_t n)
{
    int64_t live = 0, other = 0;
    for (int64_t i = 0; i < n; i++) live += want[i] != 0, other += want[i] != want[0];
    if (n < 16) return NULL;
    if (live * 400 < n)
        return arena_printf(a, "%s: only %lld of %lld expected values are not 0", name, (long long)live, (long long)n);
    return other ? NULL : arena_printf(a, "%s: all expected values are %g", name, want[0]);
}

Compared compare_exact(Arena *a, const char *name, DType t, const void *got, const double *want, int64_t n,
                       const int64_t shape[3])
{
    IoTensor g = view(t, got);
    int64_t wrong = 0, worst = 0;
    double most = -1;
    for (int64_t i = 0; i < n; i++) {
        double v = io_element(&g, i), e = fabs(v - want[i]);
        if (v == want[i]) continue;
        wrong++;
        if (!(e <= most) && (!isnan(most) || wrong == 1)) most = e, worst = i;
    }
    if (wrong)
        return (Compared){ VERIFY_FAILED,
                           arena_printf(a, "%lld of %lld differ; worst %s: expected %.9g, got %.9g", (long long)wrong,
                                        (long long)n, place(a, name, worst, shape), want[worst], io_element(&g, worst)) };
    const char *little = says_little(a, name, want, n);
    if (little) return (Compared){ VERIFY_MISTRUSTED, little };
    return (Compared){ VERIFY_PASSED, arena_printf(a, "%s: %lld equal", name, (long long)n) };
}

typedef struct Sums { double e2, v2, s2, worst; int64_t at, outside; } Sums;

static Sums measure(const IoTensor *g, const double *want, const double *bound, const double *variance, int64_t n)
{
    Sums m = { .worst = -1 };
    for (int64_t i = 0; i < n; i++) {
        double e = fabs(io_element(g, i) - want[i]), of_bound = e == 0 ? 0 : e / bound[i];
        m.e2 += e * e, m.v2 += want[i] * want[i], m.s2 += variance[i];
        m.outside += !(e <= bound[i]);
        if (!(of_bound <= m.worst) && !isnan(m.worst)) m.worst = of_bound, m.at = i;
    }
    return m;
}

/* The estimate adds up what may happen at every op; a quarter more covers its model, and 3 / sqrt(n) the scatter of few elements.
 * An estimate above a twentieth of the values themselves would let wrong code pass. */
Compared compare_bounded(Arena *a, const char *name, DType t, const void *got, const double *want, const double *bound,
                         const double *variance, int64_t n, const int64_t shape[3])
{
    IoTensor g = view(t, got);
    if (n == 0) return (Compared){ VERIFY_PASSED, arena_printf(a, "%s: no elements", name) };
    Sums m = measure(&g, want, bound, variance, n);
    double rms = sqrt(m.e2 / (double)n), values = sqrt(m.v2 / (double)n), estimate = sqrt(m.s2 / (double)n),
           allowed = 1.25 * estimate * (1 + 3 / sqrt((double)n));
    const char *where = place(a, name, m.at, shape);
    if (m.outside)
        return (Compared){
            VERIFY_FAILED, arena_printf(a, "%lld of %lld outside their bound; worst %s: expected %.9g +- %.3g, got %.9g",
                                        (long long)m.outside, (long long)n, where, want[m.at], bound[m.at], io_element(&g, m.at))
        };
    if (!(rms <= allowed))
        return (Compared){ VERIFY_FAILED,
                           arena_printf(a, "%s: RMS error %.3g, at most %.3g is expected; worst %s: expected %.9g, got %.9g",
                                        name, rms, allowed, where, want[m.at], io_element(&g, m.at)) };
    if (!(allowed <= values / 20))
        return (Compared){ VERIFY_MISTRUSTED,
                           arena_printf(a, "%s: the expected error %.3g is not small beside the values (RMS %.3g)", name,
                                        estimate, values) };
    return (Compared){ VERIFY_PASSED, arena_printf(a, "%s: RMS error %.2g of %.2g expected, largest %.0f %% of its bound", name,
                                                   rms, estimate, 100 * m.worst) };
}
