#!/bin/sh
# cpu_model.sh FCMC: the schedules that bench/results/cpu_model.txt tells measured times of, modelled anew: ranks must go with the measured ones,
# and the schedule that the model ranks first must be among the best measured.
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
sed 's/^sms .*/sms = 1    # one thread/' "$here/planner/hw/cpu.hw" >"$work/one.hw"
awk -v dir="$work" '/^#/ { next }
    { file = dir "/" $1 ".txt"
      if (!seen[$1]++) print "k0:" >file
      print "0 us modelled, " $2 " measured " substr($0, index($0, "fuse(")) >file }' "$here/bench/results/cpu_model.txt"
"$here/bench/rank/judge.sh" "$work" "$fcmc" "$work/one.hw" >"$work/out" || { cat "$work/out"; exit 1; }
cat "$work/out"
awk '/^rank correlation/ { if ($4 + 0 < 0.9 || $6 + 0 < 0.97) { print "FAILED: rank correlation"; bad = 1 } seen++ }
    /^first choice/ { if ($6 + 0 > 2 || $9 + 0 > 10) { print "FAILED: first choice"; bad = 1 } seen++ }
    / n=/ { blocks++; split($2, n, "="); if (n[2] < 50) { print "FAILED: too few schedules are still possible: " $0; bad = 1 } }
    END { if (blocks < 23 || seen != 2) { print "FAILED: too little was judged"; bad = 1 } exit bad }' "$work/out"
