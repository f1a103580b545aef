#!/usr/bin/env bash
# device.sh FCMC: bench, tune and calibrate of cuda from end to end without a GPU: tests/stand_in answers for nvidia-smi, nvcc and the runtime, and the
# emulator runs the kernels. What is judged is everything but the times. Needs cc and g++.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
fcmc=$(realpath "$1") failures=0
command -v cc >/dev/null && command -v g++ >/dev/null || exit 77
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir objects tmp bare
ln -s "$root/tests/stand_in/nvidia-smi" bare
export PATH=$root/tests/stand_in:$PATH STAND_IN_OBJECTS=$work/objects TMPDIR=$work/tmp GPU='NVIDIA Stand-in, 8.6'
unset STAND_IN STAND_IN_SPEED

# expect STATUS WORDS COMMAND…: the exit status, and words that stdout or stderr hold ("" = any)
expect() {
    local status=$1 words=$2 got
    shift 2
    "$@" >out 2>err </dev/null
    got=$?
    if [ $got -ne "$status" ]; then echo "FAILED: status $got, expected $status: $*"; cat out err; failures=$((failures + 1))
    elif [ -n "$words" ] && ! grep -qE -- "$words" out err; then echo "FAILED: '$words' is not said by: $*"; cat out err; failures=$((failures + 1)); fi
    [ -z "$(ls tmp)" ] || { echo "FAILED: left behind by $*: $(ls tmp)"; rm -rf tmp/*; failures=$((failures + 1)); }
}
says() { grep -qE -- "$1" out err || { echo "FAILED: '$1' is not said"; cat out err; failures=$((failures + 1)); }; }
silent() { ! grep -qE -- "$1" out err || { echo "FAILED: '$1' is said"; cat out err; failures=$((failures + 1)); }; }
holds() { grep -qE -- "$2" "$1" || { echo "FAILED: '$2' is not in $1"; cat "$1"; failures=$((failures + 1)); }; }

cat >t.fcm <<'END2'
block two(x: f32[N, 6, 5, 8]) {
    y = x |> dw(3)
    z = y |> pw(8)
    return y, z
}
block t(x: f16[N, 6, 5, 8]) {
    e = x |> pw(16) |> relu6
    y = e |> dw(3)
    return y
}
END2
bench="$fcmc bench t.fcm --target cuda --rounds 2"
tune="$fcmc tune t.fcm --target cuda --candidates 2 --rounds 4"
calibrate="$fcmc calibrate --target cuda"

# ---- bench ----
expect 0 "^PASSED +t y: RMS" $bench --batch 2
for line in "^block t, batch 2, on NVIDIA Stand-in A4000, planned for a4000$" "^fcmc +median [0-9.]+ us, .*\(2 rounds\)" "^cold +median .*\(6 rounds\)" \
    "GB/s, [0-9]+ % of the [0-9]+ that a copy reaches here \(device file: 400\)" "^predicted .*: measured is [0-9.]+ times that, [0-9.]+ times with a cold L2"; do says "$line"; done
expect 0 '"result":\{"block":"t","batch":1,"gpu":"NVIDIA Stand-in A4000","device":"h200","fcmc":\{"median":' $bench --device h200 --json
says '"cold":\{"median":[0-9.e-]+,.*"predicted":[0-9.e-]+,"copy_bandwidth":[0-9.e+]+,"device_bandwidth":4.3e\+12,"events":'
expect 0 "warning: what is timed is the GPU at hand, nearest to device a4000, with a plan for h200 .FCM5016." $bench --device h200
expect 0 '"result":\[\{"block":"two",.*\},\{"block":"t",' $bench --block two,t --json
silent FCM5016
expect 0 "^PASSED +two y: .*; z: " $bench --block two

# ---- bench, when something is wrong: no time is reported ----
expect 3 "no time is reported, because the outputs are wrong: 1 of 480 outside their bound; worst y" env STAND_IN=corrupt $bench
silent median
expect 3 '"result":\[\]' env STAND_IN=corrupt $bench --block two,t --json
expect 4 "the outputs changed while it was timed" env STAND_IN=change $bench
silent median
expect 4 "the kernels: unspecified launch failure" env STAND_IN=fail $bench
expect 4 "run: t_k0: threads per block are not those of its launch bounds" env STAND_IN=refuse $bench
expect 4 "no end after 1 seconds" env STAND_IN=hang $bench --timeout 1
expect 5 "no device answers: no CUDA-capable device" env STAND_IN=none $bench
expect 5 "does not compile: exit status 1" env STAND_IN=nvcc $bench
says "nvcc fatal: a stand-in that fails"
for verb in "bench t.fcm" "tune t.fcm" calibrate; do
    expect 5 "no CUDA compiler: 'nvcc' is not in PATH" env PATH="$work/bare" "$fcmc" $verb --target cuda
    [ -e /dev/nvidiactl ] || expect 5 "${verb%% *} --target cuda: no GPU is at hand, and ${verb%% *} never emulates" env GPU= "$fcmc" $verb --target cuda
done

# ---- an interrupt ----
STAND_IN=hang $bench --timeout 60 >out 2>&1 &
for i in $(seq 200); do sleep 0.1; [ ! -e tmp/*/bench0.out ] || break; done 2>/dev/null
[ -e tmp/*/bench0.out ] || { echo "FAILED: the timed program did not start"; failures=$((failures + 1)); }
kill -TERM $!
wait $!
[ $? = 143 ] || { echo "FAILED: a terminated bench did not end by its signal"; failures=$((failures + 1)); }
for i in $(seq 50); do [ -n "$(ls tmp)" ] || break; sleep 0.1; done
[ -z "$(ls tmp)" ] || { echo "FAILED: an interrupted bench left $(ls tmp)"; rm -rf tmp/*; failures=$((failures + 1)); }

# ---- tune: kept, and taken up for this device alone ----
expect 0 "kept in t.fcm.tuning" $tune
says "^k0: 2 schedules, time between events on the device: NVIDIA Stand-in A4000$"
holds t.fcm.tuning '^a4000 86x48 t batch=1 threads=1 6x5x8:f16 measured=[0-9.]+ modelled=[0-9.]+ fcmc=[0-9.]+ \| k0 = fuse\(e\.relu6, y, '
plan=$(sed -n 's/.*| k0 = fuse(e.relu6, y, \(.*\))$/\1/p' t.fcm.tuning)
other=$(grep ' us modelled, ' out | sed 's/.*fuse(e.relu6, y, \(.*\))$/\1/' | grep -vxF "$plan")
[ -n "$other" ] || { echo "FAILED: two schedules were not measured"; cat out; failures=$((failures + 1)); }
for taken in "$other" "$plan"; do                               # so one of them is not what the model would choose
    sed -i "s/y, .*/y, $taken)/" t.fcm.tuning
    expect 0 "'t' takes its plan from t.fcm.tuning: measured [0-9.]+ us \[FCM5012\]" "$fcmc" t.fcm --target cuda --device a4000 -o t.cu
    holds t.cu "k0: $taken;"
    expect 0 "FCM5012" $bench
    expect 0 "" "$fcmc" t.fcm --target cuda --device h200 -o t.cu
    silent FCM5012
done
expect 0 "" $tune --batch 2
[ "$(grep -vc '^#' t.fcm.tuning)" = 2 ] || { echo "FAILED: lines after tuning for another batch"; cat t.fcm.tuning; failures=$((failures + 1)); }
rm t.fcm.tuning
for wrong in corrupt:"its outputs are wrong" fail:"unspecified launch failure" refuse:"run: t_k0" hang:"no end after 1 seconds" nvcc:"does not compile"; do
    expect 4 "k0 could not be tuned" env STAND_IN=${wrong%%:*} $tune --timeout 1
    says "${wrong#*:}"
    [ ! -e t.fcm.tuning ] || { echo "FAILED: a failed tune left a file"; failures=$((failures + 1)); }
done

# ---- calibrate: a device file ----
expect 0 "" env STAND_IN_SPEED=20 $calibrate -o gpu.hw
expect 0 "on gpu, batch 1" "$fcmc" plan t.fcm --target cuda --device ./gpu.hw
holds gpu.hw '^title = NVIDIA Stand-in A4000$'
holds gpu.hw '^sms  *= 2  *# reported by the driver'
holds gpu.hw '^arch  *= 86  *# reported'
for key in clock dram_bw l2_bw fma_rate mma_rate sfu_rate launch_time; do holds gpu.hw "^$key  *= .* # measured by fcmc calibrate"; done
[ "$(grep -c = gpu.hw)" = "$(grep -c = "$root/planner/hw/a4000.hw")" ] || { echo "FAILED: the lines of a4000.hw"; cat gpu.hw; failures=$((failures + 1)); }
expect 0 '"result":\{"arch":86,"sms":2,.*"dram_bw":' $calibrate --json
expect 4 "do not compile" env STAND_IN=nvcc $calibrate
expect 4 "unspecified launch failure" env STAND_IN=fail $calibrate
expect 5 "no device answers" env STAND_IN=none $calibrate

# ---- scripts/gpu.sh, all of it ----
echo "ragged r8" >blocks
expect 0 "^written: out.md" env STAND_IN_SPEED=20 GPU='NVIDIA RTX A4000, 8.6' FCM_BLOCKS="$work/blocks" "$root/scripts/gpu.sh" "$fcmc" out.md
for line in "lanes \| mma, ldmatrix \| 1600 lines equal" "rates \| 7 rates" "verify exact \| ragged \| [0-9]+ passed, 1 of them on the device" \
    "verify bounded \| ragged \| [0-9]+ passed, 1 of them" "bench \| ragged r8 \| [0-9.]+ us, least [0-9.]+, cold [0-9.]+ \([0-9.]+ GB/s, [0-9]+ % of a copy\); predicted" \
    "bench \| 1 blocks \| measured over predicted: least [0-9.]+, median [0-9.]+, most [0-9.]+" "tune \| ragged r8 \| [a-z]+=.*; the model's first choice takes"; do
    holds out.md "^\| $line"
done
holds out.md "^\\| rank \\| ragged r8 \\| k0 +n=[0-9]+ rho -?[0-9.]+ loss"
holds out.md "^ragged r8 [0-9.]+ [0-9.]+ fuse\\("
holds out.md "^dram_bw .*# measured by fcmc calibrate"
[ $failures -eq 0 ]
