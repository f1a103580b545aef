#!/usr/bin/env bash
# gpu_sh.sh FCMC: the logic of scripts/gpu.sh, with stand-ins for the GPU's tools: which device is planned for, what is reported, the exit status.
# The lane maps are compared in earnest: the stand-in for nvcc compiles them for the host, which must also give what the PTX ISA's tables say.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
real=$(realpath "$1") bad=0
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir bin
ln -s "$root/tests/stand_in/nvidia-smi" bin
cat >bin/nvcc <<END
#!/bin/sh
for w; do [ "\$last" != -o ] || out=\$w; last=\$w; done
[ -z "\$LANES" ] || { printf '#!/bin/sh\necho other\n' >"\$out"; chmod +x "\$out"; exit; }
exec "$root/tests/stand_in/nvcc" "\$@"
END
export STAND_IN_OBJECTS=$work
cat >fcmc <<END
#!/bin/sh
case \$1 in
    verify)
        echo "\$*" >>"$work/asked"
        case "\$*" in *--keep*) mkdir -p "$work/kept/s0_1"; echo '#define CHILD_DEVICE 1' >"$work/kept/s0_1/child.h"; : >"$work/kept/c0_1.in"
            cp /bin/true "$work/kept/s0_1/child"; echo "kept in $work/kept" ;; esac
        echo "PASSED     r8 cuda on the host exact: y: 2 equal"
        [ -n "\$HOST_ONLY" ] || echo "PASSED     r8 cuda on the device exact: y: 2 equal"
        [ "\$VERIFY" = 0 ] || echo "FAILED     r8 cuda on the device exact: y differs"
        exit \$VERIFY ;;
    bench)
        [ \$BENCH = 0 ] || { echo "x.fcm: error: timing [FCM5005]"; exit \$BENCH; }
        for block in r8 r1; do
            echo "block \$block, batch 1, on a GPU, planned for a100"
            echo "fcmc         median 3.10 us, least 3.00, p75 3.20 (11 rounds)"
            echo "             10.0 GFLOP/s, 1.00 GB/s of 0.003 MB"
            echo "cold         median 6.00 us, least 5.00, p75 7.00 (33 rounds)"
            echo "             50.00 GB/s, 4 % of the 1300 that a copy reaches here (device file: 1400); an empty pair of events takes 1.00 us"
            echo "predicted    2.00 us: measured is 1.55 times that"
        done ;;
    tune) [ -f "\$2" ] || exit 1
        echo "k0: 2 schedules, time between events on the device: a GPU"
        echo "       1.00 us modelled,      2.00 measured (least 1.90, p25 1.90, p75 2.10, wall 2.00)  fuse(y, tile=8x8)"
        echo "       1.10 us modelled, discarded: no end after 1 seconds  fuse(y, tile=2x2)"
        echo "       1.20 us modelled,      2.40 measured (least 2.30, p25 2.30, p75 2.50, wall 2.40)  fuse(y, tile=4x4)"
        echo "  the best: tile=8x8; the model's first choice takes 3.0 % more"; exit \$TUNE ;;
    calibrate) echo "sms = 7 # measured" >"\$5"; exit \$RATES ;;
    *) exec "$real" "\$@" ;;
esac
END
cat >bin/compute-sanitizer <<'END'
#!/bin/sh
[ -z "$RACE" ] || { echo "========= Error: Race reported"; exit 9; }
END
chmod +x bin/* fcmc
printf 'ragged r8\nragged r1\n' >blocks
export PATH=$work/bin:$PATH FCM_BLOCKS=$work/blocks
unset FCM_DEVICE

# expect STATUS WORDS NAME=VALUE…: gpu.sh under those settings
expect() {
    local status=$1 words=$2 got
    shift 2
    env GPU='NVIDIA A100-SXM4-80GB, 8.0' VERIFY=0 BENCH=0 TUNE=0 RATES=0 "$@" "$root/scripts/gpu.sh" ./fcmc out.md >log 2>&1
    got=$?
    [ $got = "$status" ] && grep -q "$words" log || { echo "FAILED: status $got, expected $status and '$words': $*"; head -20 log; bad=1; }
}
expect 0 'planned for a100,' A=
grep -q '| lanes | mma, ldmatrix | 1600 lines equal |' out.md && grep -q '^sms = 7' out.md && grep -q '| racecheck | ragged r8 | nothing found' out.md ||
    { echo "FAILED: the table"; cat out.md; bad=1; }
for line in '| bench | ragged r1 | 3.10 us, least 3.00, cold 6.00 (50.00 GB/s, 4 % of a copy); predicted 2.00, measured is 1.55 times that |' \
    '| bench | 2 blocks | measured over predicted: least 1.55, median 1.55, most 1.55 |' \
    "| tune | ragged r8 | tile=8x8; the model's first choice takes 3.0 % more |" '| rank | ragged r8 | k0      n=2 rho 1.000 loss 0.0 ratio 2.00 least 2.0 |' \
    'ragged r8 1.20 2.40 fuse(y, tile=4x4)'; do
    grep -qF "$line" out.md || { echo "FAILED: the table lacks: $line"; cat out.md; bad=1; }
done
for mode in exact bounded; do grep -q -- "--block r8,r1 --target cuda --device a100 --mode $mode" asked || { echo "FAILED: $mode was not asked for"; bad=1; }; done
expect 0 'planned for t4,' GPU='Tesla T4, 7.5'
expect 0 'planned for h200,' GPU='NVIDIA H200, 9.0'
expect 0 'planned for l4,' GPU='NVIDIA L4, 8.9'
expect 0 'planned for rtx4090,' GPU='NVIDIA L40S, 8.9'
expect 0 'planned for gtx1660s,' GPU='NVIDIA GeForce GTX 1660 SUPER, 7.5'
expect 0 'planned for orin,' GPU='Orin (nvgpu), 8.7'
expect 0 'planned for rtx5090,' GPU='NVIDIA RTX PRO 6000, 12.1'
expect 0 'planned for l4,' FCM_DEVICE=l4
expect 5 'missing: a device file' GPU='Tesla V100, 7.0'
expect 77 'SKIPPED' GPU=
expect 3 'FAILED (status 3)' VERIFY=3
expect 3 'NONE on the device' HOST_ONLY=1
expect 3 'DIFFER in 1 lines' LANES=1
expect 3 'FOUND: ========= Error: Race' RACE=1
expect 4 'bench | ragged | FAILED (status 4): x.fcm: error: timing' BENCH=4
expect 3 'bench | ragged | FAILED (status 3)' BENCH=3
expect 4 'tune | ragged r8 | FAILED' TUNE=4
expect 4 'rank | ragged r8 | FAILED' TUNE=4
expect 4 'rates |  | FAILED' RATES=4
mv fcmc fcmc.away
expect 5 'missing: an fcmc' A=
mv fcmc.away fcmc

# PTX ISA, matrix fragments for mma.m16n8k16 and m16n8k8 with f16: group g = lane / 4, q = lane % 4.
"$work/bin/nvcc" -std=c++17 "$root/tests/gpu/record_lanes.cu" -o lanes && ./lanes >lines
awk '
    function want(row, col) { if ($(NF - 1) != row || $NF != col) { print "FAILED: the table says " row " " col ": " $0; bad = 1 } n++ }
    /^m16/ { g = int($3 / 4); q = $3 % 4 }
    /^m16n8k.* a / { want(g + ($4 % 2) * 8, 2 * q + $5 + ($4 >= 2) * 8) }
    /^m16n8k.* b / { want(2 * q + $5 + $4 * 8, g) }
    /^m16n8k.* c / { want(g + ($4 >= 2) * 8, 2 * q + $4 % 2) }
    /^ldmatrix x. [0-9]/ { want(int($3 / 4), 2 * ($3 % 4) + $5) }
    /^ldmatrix x. trans/ { want(2 * ($4 % 4) + $6, int($4 / 4)) }
    END { if (n != 1600) { print "FAILED: " n " lines"; bad = 1 } exit bad }' lines || bad=1
[ $bad = 0 ] && echo "gpu.sh does as it says"
exit $bad
