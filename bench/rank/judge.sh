#!/bin/sh
# judge.sh DIR [FCMC DEVICE]: for each group in DIR/BLOCK.txt of rank.sh the rank correlation (Spearman) of modelled and measured time, and how
# much longer the schedule that the model ranks first takes than the best one measured; and the schedule that tuning chose, where DIR/tuned
# tells. With FCMC and DEVICE the schedules are modelled anew.
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
        grep "^$group " "$dir/$block.pairs" | cut -d' ' -f2- >"$dir/one.pairs"
        line=$(awk -v block="$block.$group" -f "$here/spearman.awk" "$dir/one.pairs")
        [ ! -f "$dir/tuned/$block.txt" ] ||
            line="$line tuned $(pairs "$dir/tuned/$block.txt" | cut -d' ' -f2- | awk -f "$here/tuned.awk" "$dir/one.pairs" -)"
        echo "$line"
    done
done | tee "$dir/summary"
middle() {      # field words: "words: median m %, worst w %"
    awk -v f="$1" 'NF >= f { print $f }' "$dir/summary" | sort -n |
        awk -v words="$2" '{ r[NR] = $1 } END { if (NR) printf "%s: median %.1f %%, worst %.1f %%\n", words, r[int((NR + 1) / 2)], r[NR] }'
}
sort -k4 -n "$dir/summary" | awk '{ r[NR] = $4 } END { printf "rank correlation: least %.3f, median %.3f\n", r[1], r[int((NR + 1) / 2)] }'
middle 6 "first choice over best"
middle 12 "after tuning over best"
rm -f "$dir/one.plan" "$dir/one.pairs"
