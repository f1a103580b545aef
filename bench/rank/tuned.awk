# tuned.awk SPREAD TUNED: lines "modelled measured plan" of one block, from the two runs of rank.sh. Prints by how many percent the best schedule
# of the second run is slower than the best of both. Schedules that were measured in both runs bring them to one scale.
function plan(    p) { p = $0; sub(/^[^ ]+ [^ ]+ /, "", p); return p }
FNR == NR { seen[plan()] = $2; if (!best || $2 < best) best = $2; next }
{ tuned[++n] = $2; if (plan() in seen) ratio[++common] = seen[plan()] / $2 }
END {
    for (i = 1; i <= common; i++) { below = 0; for (j = 1; j <= common; j++) below += ratio[j] < ratio[i] || (ratio[j] == ratio[i] && j < i)
        if (below == int((common - 1) / 2)) scale = ratio[i] }
    if (!scale) { print "none in common"; exit }
    for (i = 1; i <= n; i++) if (!least || tuned[i] * scale < least) least = tuned[i] * scale
    if (least < best) best = least
    printf "%.1f\n", 100 * (least / best - 1)
}
