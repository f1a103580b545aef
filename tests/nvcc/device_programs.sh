#!/usr/bin/env bash
# device_programs.sh FCMC DIR: what only a GPU can run compiles all the same, without a warning: the recorder of tests/gpu and the micro-benchmarks of
# `fcmc calibrate` for every architecture; the program that `fcmc verify` builds for a device (the emulated one's sources, told that they are for a
# device) and the one that `fcmc bench` and `tune` time (kept by a run under tests/stand_in, whose nvcc does nothing). 77: no nvcc.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$nvcc" ] || { echo "SKIPPED: no nvcc: the programs for a device were not compiled"; exit 77; }
fcmc=$(realpath "$1") dir=$2 bad=0
mkdir -p "$dir" && cd "$dir" || exit 1
for arch in 75 80 86 87 89 90 100 120; do
    for program in tests/gpu/record_lanes compiler/verify/rt/calibrate_device; do
        "$nvcc" -std=c++17 -O3 -arch=sm_$arch -cubin -I"$root/backends/cuda/rt" "$root/$program.cu" -o p.cubin >log 2>&1 && [ ! -s log ] ||
            { echo "FAILED: $program for sm_$arch"; cat log; bad=1; }
    done
done
# build WHAT FOLDER ARCH
build() {
    "$nvcc" -std=c++17 -O3 -arch=sm_$3 -I "$2" "$2/block.cu" "$2/main.cu" -o program >log 2>&1 && [ ! -s log ] || { echo "FAILED: $1 for sm_$3"; cat log; bad=1; }
}
"$fcmc" verify "$root/examples/ragged.fcm" --block r8 --target cuda --device t4 --mode exact --keep >log 2>&1
kept=$(sed -n 's/^kept in //p' log)
child=$(grep -ls 'define CHILD_EMULATED' "$kept"/*/child.h | head -1)
child=${child%/child.h}
if [ -d "$child" ]; then
    sed -i 's/CHILD_EMULATED/CHILD_DEVICE/' "$child/child.h"
    build "the child for a device" "$child" 75
    rm -rf "$kept"
else
    echo "FAILED: verify kept nothing"; cat log; bad=1
fi
for arch in t4:75 h200:90; do
    PATH=$root/tests/stand_in:$PATH GPU='NVIDIA Stand-in, 8.6' STAND_IN=nvcc "$fcmc" bench "$root/examples/ragged.fcm" --block r8 --target cuda --device ${arch%:*} --keep >log 2>&1
    kept=$(sed -n 's/^kept in //p' log)
    if [ -d "$kept/bench0" ]; then build "the program that is timed" "$kept/bench0" ${arch#*:}; rm -rf "$kept"
    else echo "FAILED: bench kept nothing"; cat log; bad=1; fi
done
exit $bad
