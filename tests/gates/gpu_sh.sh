#!/usr/bin/env bash
# gpu_sh.sh FCMC: the logic of scripts/gpu.sh, with stand-ins for the GPU's tools: which device is planned for, what is reported, the exit status.
# The lane maps are compared in earnest: the stand-in for nvcc compiles them for the host, which must also give what the PTX ISA's tables say.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
real=$(realpath "$1") bad=0
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir bin
cat >bin/nvidia-smi <<'END'
#!/bin/sh
[ -n "$GPU" ] && echo "$GPU, 580.10"
END
cat >bin/nvcc <<END
#!/bin/sh
for w; do [ "\$last" != -o ] || out=\$w; last=\$w; done
case "\$*" in
    *--version*) echo "Cuda compilation tools, release 13.0, V13.0.1" ;;
    *record_lanes*) [ -z "\$LANES" ] || { printf '#!/bin/sh\necho other\n' >"\$out"; chmod +x "\$out"; exit; }
        g++ -std=c++17 -fno-strict-aliasing -I$root/backends/cuda/rt -I$root/backends/emulator -x c++ $root/tests/gpu/record_lanes.cu \
            $root/backends/emulator/fc_emu.cpp -pthread -o "\$out" ;;
    *record_rates*) printf '#!/bin/sh\necho "sms = 7"\n' >"\$out"; chmod +x "\$out" ;;
    *) exit 1 ;;
esac
END
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
    bench) echo "x.fcm: error: timing [FCM5008]"; exit \$BENCH ;;
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
    env GPU='NVIDIA A100-SXM4-80GB, 8.0' VERIFY=0 BENCH=5 "$@" "$root/scripts/gpu.sh" ./fcmc out.md >log 2>&1
    got=$?
    [ $got = "$status" ] && grep -q "$words" log || { echo "FAILED: status $got, expected $status and '$words': $*"; head -20 log; bad=1; }
}
expect 0 'planned for a100,' A=
grep -q '| lanes | mma, ldmatrix | 1600 lines equal |' out.md && grep -q '^sms = 7' out.md && grep -q '| racecheck | ragged r8 | nothing found' out.md ||
    { echo "FAILED: the table"; cat out.md; bad=1; }
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
expect 4 'bench | ragged r8 | FAILED' BENCH=4
mv fcmc fcmc.away
expect 5 'missing: an fcmc' A=
mv fcmc.away fcmc

# PTX ISA, matrix fragments for mma.m16n8k16 and m16n8k8 with f16: group g = lane / 4, q = lane % 4.
"$work/bin/nvcc" record_lanes -o lanes && ./lanes >lines
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
