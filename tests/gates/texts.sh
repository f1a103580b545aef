#!/usr/bin/env bash
# texts.sh FCMC DIR [long]: what fcmc prints for the examples compiles without a warning: headers as C99 and C++11, C as C11, CUDA as C++17 on the host.
# Short: each header, and one in eight sources, parsed only; long: every source, optimised, where more warnings are found.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
fcmc=$(realpath "$1") dir=$2 size=${3:-short} bad=0 n=0
strict=(-Wall -Wextra -Wpedantic -Werror)
rm -rf "$dir" && mkdir -p "$dir" && dir=$(realpath "$dir")
cd "$dir" || exit 1
how=-fsyntax-only every=8
if [ "$size" = long ]; then how=-O2 every=1; fi
refused() { echo "FAILED: $1"; head -12 "$dir/err"; bad=1; }

header() {
    echo "#include \"$1\"" >h.c
    gcc -std=c99 "${strict[@]}" -fsyntax-only h.c 2>err || refused "$1 as C99"
    g++ -std=c++11 "${strict[@]}" -x c++ -fsyntax-only h.c 2>err || refused "$1 as C++"
}
while read -r example block; do
    n=$((n + 1))
    name=${example}_$block
    for target in cuda:cu cpu:cpu.c reference:ref.c; do
        "$fcmc" "$root/examples/$example.fcm" --block "$block" --target "${target%:*}" -o "$name.${target#*:}" 2>err || refused "$name for ${target%:*}"
    done
    header "$name.h"
    header "$name.cpu.h"
    header "$name.ref.h"
    [ $((n % every)) = 0 ] || continue
    gcc -std=c11 "${strict[@]}" -fopenmp "$how" -c "$name.cpu.c" -o o 2>err || refused "$name.cpu.c"
    gcc -std=c11 "${strict[@]}" -fopenmp "$how" -c "$name.ref.c" -o o 2>err || refused "$name.ref.c"
    g++ -std=c++17 -Wall -Wextra -Werror -fno-strict-aliasing "$how" -I"$root/backends/emulator" -x c++ -c "$name.cu" -o o 2>err || refused "$name.cu on the host"
done < <("$root/tests/gates/blocks.sh" "$fcmc" "$size")
echo "$n blocks"
[ "$n" -gt 50 ] || [ "$size" = once ] || { echo "FAILED: only $n blocks were compiled"; bad=1; }
exit $bad
