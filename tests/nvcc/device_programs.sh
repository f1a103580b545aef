#!/usr/bin/env bash
# device_programs.sh FCMC DIR: what only a GPU can run compiles all the same, without a warning: the recorders of tests/gpu for every architecture, and
# the program that `fcmc verify` builds for a device (the emulated one's sources, told that they are for a device). 77: no nvcc.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$nvcc" ] || { echo "SKIPPED: no nvcc: the programs for a device were not compiled"; exit 77; }
fcmc=$(realpath "$1") dir=$2 bad=0
mkdir -p "$dir" && cd "$dir" || exit 1
for arch in 75 80 86 87 89 90 100 120; do
    for program in record_lanes record_rates; do
        "$nvcc" -std=c++17 -O3 -arch=sm_$arch -cubin -I"$root/backends/cuda/rt" "$root/tests/gpu/$program.cu" -o p.cubin >log 2>&1 && [ ! -s log ] ||
            { echo "FAILED: $program for sm_$arch"; cat log; bad=1; }
    done
done
"$fcmc" verify "$root/examples/ragged.fcm" --block r8 --target cuda --device t4 --mode exact --keep >log 2>&1
kept=$(sed -n 's/^kept in //p' log)
child=$(grep -ls 'define CHILD_EMULATED' "$kept"/*/child.h | head -1)
child=${child%/child.h}
if [ -d "$child" ]; then
    sed -i 's/CHILD_EMULATED/CHILD_DEVICE/' "$child/child.h"
    "$nvcc" -std=c++17 -O3 -arch=sm_75 -I "$child" "$child/block.cu" "$child/main.cu" -o program >log 2>&1 && [ ! -s log ] || { echo "FAILED: the child for a device"; cat log; bad=1; }
    rm -rf "$kept"
else
    echo "FAILED: verify kept nothing"; cat log; bad=1
fi
exit $bad
