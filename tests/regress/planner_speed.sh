#!/usr/bin/env bash
# planner_speed.sh FCMC: processor time and memory of planning, for one device. A network of depthwise and pointwise layers under one second
# and 200 MB; a block under 20 ms (the least of seven, the start of the process included).
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
failures=0
TIMEFORMAT='%U %S'

# limit MILLISECONDS RUNS WHAT…: the least processor time of the runs
limit() {
    local most=$1 runs=$2 least=999999 took
    shift 2
    for _ in $(seq "$runs"); do
        took=$({ time "$fcmc" plan "$@" >/dev/null 2>&1; } 2>&1 | awk '{ printf "%d", ($1 + $2) * 1000 }')
        [ "$took" -lt $least ] && least=$took
    done
    echo "$least ms: plan $*"
    [ $least -le "$most" ] && return
    echo "FAILED: more than $most ms"
    failures=$((failures + 1))
}

# within 200 MB of address space
(ulimit -v 200000 && "$fcmc" plan "$here/examples/xception.fcm" --device h200 >/dev/null 2>&1) || { echo "FAILED: 200 MB"; failures=1; }
for device in h200 orin gtx1660 cpu; do
    for net in mobilenetv2 efficientnet_b0; do limit 1000 1 "$here/examples/$net.fcm" --device $device; done
    for block in b1 b2 b7 b14; do limit 20 7 "$here/examples/mobilenetv2_blocks.fcm" --block $block --device $device; done
done
exit $failures
