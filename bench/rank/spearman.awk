# spearman.awk: lines "modelled measured …" of one block: rank correlation with mean ranks for ties, the loss of the model's first choice, and the
# median of measured / modelled.
{ x[NR] = $1; y[NR] = $2 }
function rank(v, r,    i, j, less, same) {
    for (i = 1; i <= NR; i++) {
        less = same = 0
        for (j = 1; j <= NR; j++) { if (v[j] < v[i]) less++; else if (v[j] == v[i]) same++ }
        r[i] = less + (same + 1) / 2
    }
}
END {
    if (NR < 2) exit 1
    rank(x, rx); rank(y, ry)
    m = (NR + 1) / 2
    for (i = 1; i <= NR; i++) { xy += (rx[i] - m) * (ry[i] - m); xx += (rx[i] - m) ^ 2; yy += (ry[i] - m) ^ 2; q[i] = y[i] / x[i] }
    first = best = 1
    for (i = 2; i <= NR; i++) { if (x[i] < x[first]) first = i; if (y[i] < y[best]) best = i }
    rank(q, rq)
    for (i = 1; i <= NR; i++) if (rq[i] >= m && (!mid || q[i] < mid)) mid = q[i]
    printf "%-7s n=%d rho %.3f loss %.1f ratio %.2f least %.1f\n", block, NR, xy / sqrt(xx * yy), 100 * (y[first] / y[best] - 1), mid, y[best]
}
