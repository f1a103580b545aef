#!/bin/sh
# planner_plans.sh FCMC: plan files. What is printed can be edited and pinned, and gives the same plan; what is wrong is located.
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# refused WORDS PLACE: the plan in the file p is refused with these words at this place
refused() {
    "$fcmc" plan "$here/examples/mbconv.fcm" --device orin --plan p >out 2>err && fail "accepted: $(cat p)"
    grep -qF -- "$1" err || { fail "'$1' is not said of: $(cat p)"; cat err; }
    grep -qF -- "p:$2: error" err || { fail "not at p:$2: $(cat p)"; cat err; }
}

# printed, pinned, the same: single blocks and a network, all objectives, both targets
for what in "mbconv orin" "mobilenetv2 h200" "mobilenetv1_pairs cpu" "efficientnet_b0 a4000" "xception t4"; do
    set -- $what
    for aim in time dram launches; do
        "$fcmc" plan "$here/examples/$1.fcm" --device "$2" --minimize $aim --emit=plan >first 2>err || fail "$what $aim"
        "$fcmc" plan "$here/examples/$1.fcm" --device "$2" --plan first --emit=plan >second 2>err || fail "$what $aim, pinned"
        cmp -s first second || { fail "$what $aim: the pinned plan differs"; diff first second; }
    done
done

# the same plan twice, and the same bytes of code from the printed plan
"$fcmc" plan "$here/examples/mbconv.fcm" --device orin --emit=plan >p 2>err
"$fcmc" "$here/examples/mbconv.fcm" --device orin --emit=cuda >a 2>err || fail "compile"
"$fcmc" "$here/examples/mbconv.fcm" --device orin --plan p --emit=cuda >b 2>err || fail "compile, pinned"
cmp -s a b || fail "the printed plan makes other code"

# edited: the knob is in the plan that comes out; what is not pinned is planned
sed 's/tile=[0-9]*x[0-9]*/tile=4x8/' p >q
"$fcmc" plan "$here/examples/mbconv.fcm" --device orin --plan q --emit=plan >out 2>err || fail "edited"
grep -q "tile=4x8" out || fail "the edited tile is lost"
name=$(sed -n 's/.*fuse(\([^,]*\),.*/\1/p' p | head -1)
echo "plan mbconv for \"orin\" { k0 = fuse($name, tile=4x8, threads=128, mma=1) }" >q
"$fcmc" plan "$here/examples/mbconv.fcm" --device orin --plan q >out 2>err || fail "pinned in part"
grep -q "$name, tile=4x8, threads=128, mma=1)   pinned" out || fail "the pinned part is lost"
[ "$(grep -c '^k[0-9]' out)" = 2 ] || fail "the rest is one kernel"
grep -q "a pinned plan keeps them apart" out || fail "the pinned cut is explained"

# wrong: located
echo 'plan mbconv for "orin" { k0 = fuse(nothing, tile=4x8) }' >p
refused "names 'nothing'" 1:36
printf 'plan mbconv for "orin" {\n    k0 = fuse(e.relu6, tile=4x8, thread=128)\n}\n' >p
refused "unknown knob 'thread'" 2:34
printf 'plan mbconv for "orin" { k0 = fuse(%s, tile=8) }\n' "$name" >p
refused "'tile' wants a pair" 1:50
printf 'plan mbconv for "orin" { k0 = fuse(%s, %s) }\n' "$name" "$name" >p
refused "do not form a chain" 1:31
printf 'plan mbconv for "orin" { k0 = fuse(%s, tile=4x8) k1 = fuse(%s, tile=4x8) }\n' "$name" "$name" >p
refused "stands in two groups" 1:55
printf 'plan mbconv for "orin" { k0 = fuse(%s, tile=56x56, threads=128) }\n' "$name" >p
refused "the pinned plan is impossible" 1:26
refused "of shared memory, the device has" 1:26
printf 'plan mbconv for "orin" { k0 = fuse(%s, tile=4x8, channels=12, threads=128) }\n' "$name" >p
refused "channels must be a multiple of 8" 1:26
printf 'plan mbconv for "orin" { k0 = fuse(%s, tile=4x8, threads=4096) }\n' "$name" >p
refused "the pinned plan is impossible" 1:26
echo 'plan other for "orin" { k0 = fuse(e, tile=4x8) }' >p
"$fcmc" plan "$here/examples/mbconv.fcm" --device orin --plan p >out 2>err || fail "a plan for another block is not an error"
grep -qF "FCM2009" err || fail "a plan for another block is not told"

# the codes keep their meanings
"$fcmc" "$here/examples/mbconv.fcm" --target cpu --device h200 --emit=c >out 2>err && fail "cpu on h200"
grep -qF "FCM2008" err || fail "a device of another target has its own code"

[ $failures = 0 ] && echo "all passed"
exit $failures
