#!/bin/sh
# The text of small modules: goldens without prelude, and what the compilers say of the whole: C with and without OpenMP, CUDA on the host, the header
# as C99 and C++, nvcc for three architectures when it is installed. No warning is allowed.
#     emit_texts.sh EMIT_TOOL REPOSITORY [update]
set -u
tool=$1 root=$2 update=${3:-} bad=0
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
strict='-Wall -Wextra -Werror'

say() { echo "$1"; bad=1; }

golden() {      # target suffix name
    "$tool" "$1" "$root/tests/golden/tm/$3.tm" >"$work/got" || { say "$3: not printed for $1"; return; }
    want=$root/tests/golden/emit/$3.$2
    if [ -n "$update" ]; then cp "$work/got" "$want"; fi
    diff -u "$want" "$work/got" || say "$3.$2 differs"
}

header() {
    echo "#include \"$work/$1.h\"" >"$work/h.c"
    gcc -std=c99 -Wpedantic $strict -fsyntax-only "$work/h.c" && g++ -std=c++11 -Wpedantic $strict -x c++ -fsyntax-only "$work/h.c" || say "$1.h is not plain"
}

c_text() {
    "$tool" cpu "$root/tests/golden/tm/$1.tm" "$work/$1" || { say "$1: not printed for cpu"; return; }
    gcc -std=c11 -O1 $strict -fopenmp -c "$work/$1.c" -o "$work/o" || say "$1.c does not compile"
    gcc -std=c11 -O1 $strict -DFC_GENERIC -Wno-psabi -c "$work/$1.c" -o "$work/o" || say "$1.c does not compile without OpenMP"
    header "$1"
}

cuda_text() {
    "$tool" cuda "$root/tests/golden/tm/$1.tm" "$work/$1" || { say "$1: not printed for cuda"; return; }
    g++ -std=c++17 -O1 $strict -fno-strict-aliasing -I"$root/backends/emulator" -x c++ -c "$work/$1.cu" -o "$work/o" || say "$1.cu does not compile on the host"
    header "$1"
    command -v nvcc >/dev/null || { echo "nvcc is missing: $1.cu was compiled for the host only"; return; }
    for arch in 75 80 90; do
        nvcc -std=c++17 -arch=sm_$arch -cubin -Xptxas -v "$work/$1.cu" -o "$work/o" >"$work/log" 2>&1 || say "$1.cu does not compile for sm_$arch: $(cat "$work/log")"
        grep -E 'warning|[1-9][0-9]* bytes spill' "$work/log" && say "$1.cu for sm_$arch: warnings or spills"
    done
}

for name in pw mbconv chain line dw persist; do
    golden cpu c "$name"
    c_text "$name"
done
for name in pw mbconv dw persist; do
    golden cuda cu "$name"
    cuda_text "$name"
done
exit $bad
