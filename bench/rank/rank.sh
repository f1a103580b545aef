#!/bin/sh
# rank.sh FCMC DEVICE DIR [CANDIDATES [SPREAD [BLOCK…]]]: measures schedules of each block of blocks.fcm, spread over one to SPREAD times
# the least modelled time, on one thread by its own CPU time, into DIR/BLOCK.txt. A block is one kernel (--minimize launches). DEVICE: a device file with sms = 1. Then judge.sh DIR.
set -e
here=$(cd "$(dirname "$0")" && pwd)
fcmc=$1 device=$2 dir=$3 candidates=${4:-24} spread=${5:-3}
[ $# -ge 5 ] && shift 5 || shift $#
[ $# -gt 0 ] || set -- $(sed -n 's/^block \([a-z0-9]*\)(.*/\1/p' "$here/blocks.fcm")
mkdir -p "$dir"
for block in "$@"; do
    "$fcmc" tune "$here/blocks.fcm" --block "$block" --device "$device" --threads 1 --candidates "$candidates" --spread "$spread" \
        --minimize launches --rounds 12 >"$dir/$block.tmp" || { echo "$block could not be measured" >&2; continue; }
    mv "$dir/$block.tmp" "$dir/$block.txt"
done
"$here/judge.sh" "$dir"
