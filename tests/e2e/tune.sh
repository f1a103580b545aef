#!/bin/sh
# tune.sh FCMC: tune measures, keeps and replaces; the others take its file up, or leave it aside with a remark; calibrate's file is a device.
# Needs cc.
fcmc=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
command -v cc >/dev/null || exit 77

# expect STATUS WORDS COMMAND…: the exit status, and words that stdout or stderr hold ("" = any)
expect() {
    status=$1 words=$2
    shift 2
    "$@" >out 2>err </dev/null
    got=$?
    if [ $got -ne "$status" ]; then
        echo "FAILED: status $got, expected $status: $*"; cat out err; failures=$((failures + 1))
    elif [ -n "$words" ] && ! grep -qF -- "$words" out err; then
        echo "FAILED: '$words' is not said by: $*"; cat out err; failures=$((failures + 1))
    fi
}
silent() { grep -qF -- "$1" out err && { echo "FAILED: '$1' is said"; cat out err; failures=$((failures + 1)); }; }
is() { [ "$1" = "$2" ] || { echo "FAILED: $3: '$1', expected '$2'"; failures=$((failures + 1)); }; }

cat >t.fcm <<'END'
block t(x: f32[N, 6, 5, 8]) {
    e = x |> pw(16) |> relu6
    y = e |> dw(3)
    return y
}
END
tune="$fcmc tune t.fcm --candidates 2 --rounds 4 --threads 1"

# ---- measured, kept, taken up ----
expect 0 "kept in t.fcm.tuning" $tune
is "$(grep -vc '^#' t.fcm.tuning)" 1 "lines of the tuning file"
grep -q '^host [0-9x]* t batch=1 threads=1 6x5x8:f32 measured=[0-9.]* modelled=[0-9.]* fcmc=[0-9.]* | k0 = fuse(e.relu6, y, ' t.fcm.tuning ||
    { echo "FAILED: the line of t.fcm.tuning"; cat t.fcm.tuning; failures=$((failures + 1)); }
plan=$(sed -n 's/.* | k0 = //p' t.fcm.tuning)
expect 0 "FCM5012" "$fcmc" plan t.fcm --target cpu
grep -qF "$plan" out || { echo "FAILED: plan does not print $plan"; cat out; failures=$((failures + 1)); }
expect 0 "FCM5012" "$fcmc" t.fcm --target cpu -o t.c
expect 0 "" "$fcmc" plan t.fcm --target cpu --no-tuning
silent FCM5012
expect 0 "" "$fcmc" plan t.fcm --target cpu --batch 3
silent FCM5012
expect 0 "" "$fcmc" plan t.fcm --target cpu --device cpu
silent FCM5012
expect 0 "" "$fcmc" plan t.fcm --target cpu --minimize dram
silent FCM5012

# ---- the same key is replaced, another one is added ----
expect 0 "" $tune
is "$(grep -vc '^#' t.fcm.tuning)" 1 "lines after tuning again"
expect 0 "" $tune --batch 2
is "$(grep -vc '^#' t.fcm.tuning)" 2 "lines after tuning for another batch"
expect 0 '"groups":[{"group":"k0","candidates":[{"plan":"fuse(' $tune --json
expect 0 "schedules" $tune --spread 2
cp t.fcm.tuning kept

# ---- what cannot be used is left aside, never an error ----
echo "some words" >>t.fcm.tuning
expect 0 "t.fcm.tuning:4: no tuning line" "$fcmc" plan t.fcm --target cpu
expect 0 "FCM5012" "$fcmc" plan t.fcm --target cpu
sed 's/e.relu6, y/gone, y/' kept >t.fcm.tuning
expect 0 "does not fit it any more" "$fcmc" plan t.fcm --target cpu
silent FCM5012
sed 's/fuse(/fuse((/' kept >t.fcm.tuning
expect 0 "FCM5013" "$fcmc" t.fcm --target cpu -o t.c
sed 's/measured=[0-9.]*/measured=-1/' kept >t.fcm.tuning
expect 0 "no tuning line" "$fcmc" plan t.fcm --target cpu
sed 's/rows=[0-9]*\|tile=[0-9x]*/tile=1x1, strip=3, line=9/' kept >t.fcm.tuning
expect 0 "" "$fcmc" plan t.fcm --target cpu
printf 'host 512' >t.fcm.tuning
expect 0 "no tuning line" "$fcmc" plan t.fcm --target cpu
: >t.fcm.tuning
expect 0 "" "$fcmc" plan t.fcm --target cpu
silent FCM5013
rm t.fcm.tuning
mkdir t.fcm.tuning
expect 0 "left aside" "$fcmc" plan t.fcm --target cpu
expect 1 "FCM5002" $tune
rmdir t.fcm.tuning

# ---- refusals ----
[ -e /dev/nvidiactl ] || expect 5 "no GPU" "$fcmc" tune t.fcm --target cuda
expect 2 "no schedules" "$fcmc" tune t.fcm --target reference
expect 0 "" "$fcmc" t.fcm --target cpu --emit=tm -o t.tm
[ -s t.tm ] || cp out t.tm
expect 1 "one schedule" "$fcmc" tune t.tm
mkdir bin
printf '#!/bin/sh\necho no compiler today; exit 1\n' >bin/cc
chmod +x bin/cc
expect 4 "FCM5014" env PATH="$work/bin:$PATH" "$fcmc" tune t.fcm --candidates 2
[ ! -e t.fcm.tuning ] || { echo "FAILED: a failed tune left a file"; failures=$((failures + 1)); }

# ---- calibrate ----
expect 0 "" "$fcmc" calibrate -o here.hw
expect 0 "on here" "$fcmc" plan t.fcm --target cpu --device ./here.hw
is "$(grep -c 'measured by fcmc calibrate' here.hw)" 9 "rates measured by calibrate"
rate=$(sed -n 's/^fma_rate *= *\([0-9]*\).*/\1/p' here.hw)
[ "$rate" -ge 4 ] && [ "$rate" -le 72 ] || { echo "FAILED: fma_rate $rate: no core does that"; failures=$((failures + 1)); }
expect 2 "it is no device" "$fcmc" calibrate --target reference
[ -e /dev/nvidiactl ] || expect 5 "no GPU" "$fcmc" calibrate --target cuda
expect 4 "do not compile" env PATH="$work/bin:$PATH" "$fcmc" calibrate
[ $failures -eq 0 ]
