#!/bin/sh
# nvcc.sh FILE.cu DIR: compiles the kernels of FILE for every architecture; prints registers and spills; fails on an error, a warning or a spill.
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$nvcc" ] || { echo "skipped: no nvcc"; exit 77; }
root=$(cd "$(dirname "$0")/../.." && pwd)
bad=0
for arch in ${FCM_ARCHS:-75 80 86 87 89 90 100 120}; do
    log=$2/nvcc_$(basename "$1" .cu)_$arch.log
    "$nvcc" -std=c++17 -arch=sm_$arch -cubin -Xptxas -v -I"$root/backends/cuda/rt" "$1" -o "$2/nvcc.cubin" > "$log" 2>&1 || { cat "$log"; exit 1; }
    grep -q warning "$log" && { cat "$log"; bad=1; }
    awk -v arch="$arch" '
        /Compiling entry/ { split($0, part, "\047"); name = part[2] }
        /spill stores/ { match($0, /[0-9]+ bytes spill stores/); spill = substr($0, RSTART, RLENGTH) + 0 }
        /Used [0-9]+ registers/ { match($0, /Used [0-9]+/); print "sm_" arch, name, substr($0, RSTART + 5, RLENGTH - 5), "registers,", spill, "bytes spilled"; bad += spill > 0 }
        END { exit bad > 0 }' "$log" || bad=1
done
"$nvcc" -std=c++17 -arch=sm_80 -c -I"$root/backends/cuda/rt" "$1" -o "$2/nvcc.o" || bad=1     # and its host side
rm -f "$2/nvcc.cubin" "$2/nvcc.o"
exit $bad
