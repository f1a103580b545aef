#!/bin/sh
# planner_words.sh FCMC: what plan and the remarks say: numbers of every group, reasons for every pair that is not fused, JSON.
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
says() { grep -qE -- "$1" out err || { echo "FAILED: '$1' is not said"; cat out err; failures=$((failures + 1)); }; }
run() { "$fcmc" "$@" >out 2>err || { echo "FAILED: status $?: $*"; cat err; failures=$((failures + 1)); }; }

run plan "$here/examples/mbconv.fcm" --device orin
says '^k0 = fuse\(e.relu6, d.relu6, y, tile='
says 'time +[0-9.]+ us, bound by .*; [0-9]+ % of the roof; occupancy'
says 'traffic +[0-9.]+ MB of DRAM, [0-9.]+ MB issued; compulsory [0-9.]+, unfused [0-9.]+'
says 'work +[0-9.]+ MMAC, executed [0-9.]+: [0-9.]+ % more for halo and padding'
says 'apart +[0-9.]+ us, [0-9.]+ MB'
says 'next +tile=.*: [0-9.]+ us, [0-9.]+ MB; ([0-9.]+ us more: [a-zA-Z0-9 ]+ [0-9.]+ us against|the same)'

# reasons: another reader, no such form, too large for the device, price, pairs only
cat >why.fcm <<'END'
block why(x: f16[N, 14, 14, 64]) {
    a = x |> pw(64) |> relu
    b = a |> dw(3)
    c = a |> dw(5)
    d = b |> dw(3)
    y = c + (d |> pw(64))
    return y
}
block early(x: f16[N, 14, 14, 64]) { a = x |> pw(64)  b = a |> dw(3)  y = b + a  return y }
block border(x: f16[N, 14, 14, 64]) { a = x |> pw(64)  y = a |> dw(3, pad=0)  return y, a }
block wide(x: f16[N, 14, 14, 4096]) { e = x |> pw(4096)  y = e |> pw(4096)  return y }
END
run plan why.fcm --block why --device h200
says '^k0 = fuse\(a.relu, b, '
says 'stores +a.relu too'
says 'a.relu -> c: a.relu goes on chip to its first reader, b, only'
says 'c -> y.add: c is a second operand, which is read from memory'
says 'b -> d: no kernel has the form a depthwise, then a depthwise'
run plan why.fcm --block early --device h200
says 'a -> y: y reads a twice, once from memory'
run plan why.fcm --block border --device h200
says 'a -> y: a is read elsewhere too, and not all of it is read here'
run plan why.fcm --block wide --device t4
says 'e -> y: (none of [0-9]+ schedules fits: needs [0-9.]+ KiB of shared memory, the device has 64 KiB|fused [0-9.]+ us)'
run plan "$here/examples/mobilenetv2.fcm" --device h200
says 'fused [0-9.]+ us and [0-9.]+ MB, apart [0-9.]+ us and [0-9.]+ MB; the best plan with them in one kernel takes [0-9.]+ us more'
says 'not lowered yet, cut out of the graph \(2\):'
says 'a.relu6 = conv \(line 9\)'
says 'logits.mean = mean \(line 16\)'
run plan "$here/examples/mbconv.fcm" --device orin --pairs-only
[ "$(grep -c '^k' out)" = 2 ] || { echo "FAILED: pairs only"; failures=$((failures + 1)); }
run plan "$here/examples/mobilenetv2.fcm" --device h200 --minimize launches
launches=$(grep -c '^k' out)
run plan "$here/examples/mobilenetv2.fcm" --device h200
[ "$launches" -le "$(grep -c '^k' out)" ] || { echo "FAILED: launches are not minimised"; failures=$((failures + 1)); }

# persistent blocks: how many tiles they share, and the weights that they copy before the first
run plan "$here/examples/persistent.fcm" --block few --device h200 --batch 8
says '^k0 = fuse\(.*, tile=7x7, chunk=64, resident=1, persist=3, threads=128, mma=1\)   pinned'
says 'barriers [0-9.]+, resident weights 0[.0-9]+, exposed [0-9.]+, launch [0-9.]+; on chip [0-9]+ bytes, 32 tiles on 3 persistent blocks'
run plan "$here/examples/persistent.fcm" --block few --device h200 --batch 8 --html=page.html
grep -q '32 tiles on 3 persistent blocks' page.html && grep -q 'L2, before the tiles' page.html && grep -q '>exposed<' page.html || { echo "FAILED: the page of persistent blocks"; failures=$((failures + 1)); }

# remarks
run "$here/examples/mbconv.fcm" --target cuda --device orin --emit=header -Rpass=fuse
says 'mbconv.fcm:[0-9]+:[0-9]+: remark: k0 = fuse\(e.relu6, d.relu6, y, .*\): [0-9.]+ MB instead of [0-9.]+.*\[FCM2201\]'
run why.fcm --block why --target cuda --device orin --emit=header -Rpass-missed=fuse
says 'remark: d is not fused with b: no kernel has the form.*\[FCM2202\]'
grep -q FCM2201 err && { echo "FAILED: a remark that was not asked for"; failures=$((failures + 1)); }
"$fcmc" why.fcm --target cuda -Rpass=tile >out 2>err && { echo "FAILED: -Rpass=tile"; failures=$((failures + 1)); }
"$fcmc" plan why.fcm --minimize joules >out 2>err && { echo "FAILED: --minimize joules"; failures=$((failures + 1)); }

# JSON: one object with everything
run plan "$here/examples/mobilenetv2.fcm" --device h200 --json
for key in minimize longest seconds roof_seconds compulsory_bytes unfused_bytes useful_macs executed_macs waits second_lost not_fused not_lowered apart plan; do
    says "\"$key\":"
done
if command -v python3 >/dev/null; then
    python3 - out <<'END' || failures=$((failures + 1))
import json, sys
r = json.load(open(sys.argv[1]))["result"]
assert abs(sum(g["best"]["seconds"] for g in r["groups"]) - r["seconds"]) < 1e-9
assert sum(g["best"]["dram_bytes"] for g in r["groups"]) == r["dram_bytes"]
assert all(g["best"]["executed_macs"] >= g["useful_macs"] for g in r["groups"])
assert all(g["best"]["dram_bytes"] >= g["compulsory_bytes"] for g in r["groups"])
assert all(g["unfused_bytes"] >= g["compulsory_bytes"] for g in r["groups"])
assert all(e["why"] for e in r["not_fused"])
END
fi
[ $failures = 0 ] && echo "all passed"
exit $failures
