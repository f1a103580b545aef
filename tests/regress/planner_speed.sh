#!/bin/sh
# planner_speed.sh FCMC: processor time and memory of planning, for one device. A network of depthwise and pointwise layers under one second
# and 200 MB; a block under 20 ms (the least of seven, the start of the process included).
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
[ -x /usr/bin/time ] || { echo "no /usr/bin/time"; exit 77; }
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
failures=0

# limit MILLISECONDS RUNS WHAT…: the least processor time of the runs
limit() {
    most=$1 runs=$2 least=999999 kb=0
    shift 2
    for i in $(seq "$runs"); do
        /usr/bin/time -o "$out" -f '%U %S %M' "$fcmc" plan "$@" >/dev/null 2>&1 || { echo "FAILED: plan $*"; failures=$((failures + 1)); return; }
        took=$(awk '{ printf "%d", ($1 + $2) * 1000 }' "$out")
        kb=$(awk '{ print $3 }' "$out")
        [ "$took" -lt $least ] && least=$took
    done
    echo "$least ms, $((kb / 1000)) MB: plan $*"
    [ $least -le "$most" ] && [ "$kb" -lt 200000 ] && return
    echo "FAILED: more than $most ms or 200 MB"
    failures=$((failures + 1))
}

for device in h200 orin gtx1660 cpu; do
    for net in mobilenetv2 efficientnet_b0; do limit 1000 1 "$here/examples/$net.fcm" --device $device; done
    for block in b1 b2 b7 b14; do limit 20 7 "$here/examples/mobilenetv2_blocks.fcm" --block $block --device $device; done
done
exit $failures
