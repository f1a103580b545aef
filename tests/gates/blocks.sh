#!/usr/bin/env bash
# blocks.sh FCMC [long|short|once]: a line `example block` for every block of the examples that fcmc can compile (once: for the first of them). Blocks
# whose inputs have no type are called by these.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
for file in "$root"/examples/*.fcm; do
    for block in $(sed -n 's/^block \([a-z_0-9]*\)([a-z_]*: *\(f16\|f32\|bf16\|i8\).*/\1/p' "$file"); do
        "$1" "$file" "--block=$block" --target cuda --emit=plan >/dev/null 2>&1 || continue
        echo "$(basename "$file" .fcm) $block"
        [ "${2:-}" != once ] || exit 0
    done
done
