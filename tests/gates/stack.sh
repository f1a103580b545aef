#!/bin/sh
# stack.sh FCMC: the sums of a register tile stay in registers. Wide tiles of each kind are compiled for AVX-512; an operation whose sums lay in memory
# (loops over the tile that did not vanish) would need 1 KiB of stack for sixteen vectors. Without gcc it is skipped (77).
fcmc=$1
cc=$(command -v gcc) || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
echo 'int x;' >probe.c
"$cc" -march=skylake-avx512 -fstack-usage -c probe.c 2>/dev/null || exit 77
cat >tiles.fcm <<'END'
block narrow(x: f32[N, 56, 56, 32]) { y = x |> dw(3) |> bn |> relu6  return y }
plan narrow for "cpu" { k0 = fuse(y.relu6, tile=8x16) }
block strided(x: f32[N, 56, 56, 32]) { y = x |> dw(3, stride=2) |> bn |> relu6  return y }
plan strided for "cpu" { k0 = fuse(y.relu6, tile=8x16) }
block wide(x: f32[N, 56, 56, 32]) { y = x |> dw(5, stride=2) |> bn |> silu  return y }
plan wide for "cpu" { k0 = fuse(y.silu, tile=8x16) }
block seven(x: f32[N, 56, 56, 32]) { y = x |> dw(7) |> bn |> relu6  return y }
plan seven for "cpu" { k0 = fuse(y.relu6, tile=8x16) }
block project(x: f32[N, 28, 28, 96]) { y = x |> pw(24) |> bn |> silu  return y }
block expand(x: f32[N, 28, 28, 24]) { y = x |> pw(144) |> bn |> relu6  return y }
END
failures=0
for block in narrow strided wide seven project expand; do
    "$fcmc" tiles.fcm --block $block --target cpu --device cpu -o $block.c 2>err || { cat err; exit 1; }
    "$cc" -O2 -march=skylake-avx512 -fopenmp -w -fstack-usage -c $block.c -o $block.o || exit 1
    most=$(awk '/:k0_[0-9]+_/ { n++; if ($2 > most) most = $2 } END { if (n) print most + 0 }' $block.su)
    [ "${most:-9999}" -le 512 ] && continue
    echo "FAILED: an operation of $block needs ${most:-?} bytes of stack"
    failures=1
done
exit $failures
