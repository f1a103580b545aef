/* affine.c: k + Σ coef * loop, the only arithmetic on loop variables. */
#include "tm.h"

Affine affine_const(int64_t k) { return (Affine){ .k = k }; }

Affine affine_term(int64_t k, int loop, int64_t coef)
{
    Affine a = { .k = k };
    if (coef == 0) return a;
    a.nterm = 1;
    a.term[0].loop = loop;
    a.term[0].coef = coef;
    return a;
}

static Affine add_term(Affine a, int loop, int64_t coef)
{
    int i = 0;
    while (i < a.nterm && a.term[i].loop != loop) i++;
    if (i == a.nterm) {
        if (coef == 0) return a;
        if (a.nterm == AFFINE_TERMS) ice("an origin depends on more than %d loops", AFFINE_TERMS);
        a.term[a.nterm].loop = loop;
        a.term[a.nterm++].coef = coef;
        return a;
    }
    a.term[i].coef += coef;
    if (a.term[i].coef == 0) a.term[i] = a.term[--a.nterm];
    return a;
}

Affine affine_add(Affine a, Affine b)
{
    a.k += b.k;
    for (int i = 0; i < b.nterm; i++) a = add_term(a, b.term[i].loop, b.term[i].coef);
    return a;
}

Affine affine_scale(Affine a, int64_t f)
{
    if (f == 0) return affine_const(0);
    a.k *= f;
    for (int i = 0; i < a.nterm; i++) a.term[i].coef *= f;
    return a;
}

Affine affine_sub(Affine a, Affine b) { return affine_add(a, affine_scale(b, -1)); }

int64_t affine_coef(const Affine *a, int loop)
{
    for (int i = 0; i < a->nterm; i++)
        if (a->term[i].loop == loop) return a->term[i].coef;
    return 0;
}

int64_t affine_eval(const Affine *a, const int64_t *vars)
{
    int64_t v = a->k;
    for (int i = 0; i < a->nterm; i++) v += a->term[i].coef * vars[a->term[i].loop];
    return v;
}

bool affine_equal(const Affine *a, const Affine *b)
{
    Affine d = affine_sub(*a, *b);
    return d.k == 0 && d.nterm == 0;
}
