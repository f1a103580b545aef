#!/bin/sh
# rank.sh FCMC DIR [CANDIDATES [SPREAD [BLOCK…]]]: measures schedules of each block of blocks.fcm, between the least modelled time and SPREAD
# times that, on one thread by its own CPU time, into DIR/BLOCK.txt; then those that `fcmc tune` measures, into DIR/tuned/BLOCK.txt. A block is
# one kernel (--minimize launches), planned for one core of planner/hw/cpu.hw. Then judge.sh DIR.
set -e
here=$(cd "$(dirname "$0")" && pwd)
fcmc=$1 dir=$2 candidates=${3:-50} spread=${4:-3}
[ $# -ge 4 ] && shift 4 || shift $#
[ $# -gt 0 ] || set -- $(sed -n 's/^block \([a-z0-9]*\)(.*/\1/p' "$here/blocks.fcm")
mkdir -p "$dir/tuned"
cp "$here/blocks.fcm" "$dir"                                    # the tuning file is written beside it
sed 's/^sms .*/sms = 1    # one thread/' "$here/../../planner/hw/cpu.hw" >"$dir/one.hw"
measure() {     # block file options…
    block=$1 to=$2
    shift 2
    "$fcmc" tune "$dir/blocks.fcm" --block "$block" --device "$dir/one.hw" --threads 1 --minimize launches --rounds 12 "$@" >"$to.tmp" ||
        { echo "$block could not be measured" >&2; return; }
    mv "$to.tmp" "$to"
}
for block in "$@"; do
    measure "$block" "$dir/$block.txt" --candidates "$candidates" --spread "$spread"
    measure "$block" "$dir/tuned/$block.txt"
done
"$here/judge.sh" "$dir"
