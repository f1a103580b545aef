#!/bin/sh
# judge.sh DIR [FCMC DEVICE]: for each group in DIR/BLOCK.txt of rank.sh the rank correlation (Spearman) of modelled and measured time, and how
# much longer the schedule that the model ranks first takes than the best one measured. With FCMC and DEVICE the schedules are modelled anew.
set -e
here=$(cd "$(dirname "$0")" && pwd)
dir=$1 fcmc=$2 device=$3
pairs() {       # group modelled measured plan; microseconds
    awk '/^k[0-9]+:/ { group = substr($1, 1, length($1) - 1) }
        / us modelled, / && / measured / { print group, $1, $4, substr($0, index($0, "fuse(")) }' "$1"
}
again() {       # the same with today's model
    block=$(basename "$1" .txt)
    pairs "$1" | while read -r group old measured plan; do
        printf 'plan %s for "%s" { %s = %s }\n' "$block" "$(basename "$device" .hw)" "$group" "$plan" >"$dir/one.plan"
        now=$("$fcmc" plan "$here/blocks.fcm" --block "$block" --device "$device" --target cpu --plan "$dir/one.plan" 2>/dev/null |
            awk '/   pinned$/ { getline; print $2 }')
        [ -z "$now" ] || echo "$group $now $measured $plan"
    done
}
for file in "$dir"/*.txt; do
    block=$(basename "$file" .txt)
    if [ -n "$fcmc" ]; then again "$file"; else pairs "$file"; fi >"$dir/$block.pairs"
    for group in $(cut -d' ' -f1 "$dir/$block.pairs" | sort -u); do
        grep "^$group " "$dir/$block.pairs" | cut -d' ' -f2- | awk -v block="$block.$group" -f "$here/spearman.awk"
    done
done | tee "$dir/summary"
sort -k4 -n "$dir/summary" | awk '{ r[NR] = $4 } END { printf "rank correlation: least %.3f, median %.3f\n", r[1], r[int((NR + 1) / 2)] }'
sort -k6 -n "$dir/summary" | awk '{ r[NR] = $6 } END { printf "first choice over best: median %.1f %%, worst %.1f %%\n", r[int((NR + 1) / 2)], r[NR] }'
rm -f "$dir/one.plan"
