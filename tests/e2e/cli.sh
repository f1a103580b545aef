#!/bin/sh
# cli.sh FCMC: exit statuses, messages and files of the command, one line a case. Needs cc; what needs g++ is skipped without it.
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

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
same() { cmp -s "$1" "$2" || { echo "FAILED: $1 and $2 differ"; failures=$((failures + 1)); }; }
absent() { [ ! -e "$1" ] || { echo "FAILED: $1 was left behind"; failures=$((failures + 1)); }; }
present() { [ -s "$1" ] || { echo "FAILED: $1 is missing"; failures=$((failures + 1)); }; }

cat >good.fcm <<'END'
block first(x: f32[N, 6, 5, 8]) { y = x |> pw(4) |> relu6  return y }
block good(x: f32[N, 6, 5, 8]) {
    e = x |> pw(16) |> relu6
    y = e |> dw(3)
    return y
}
END
echo 'block bad(x: f32[N, 6, 5, 8]) { y = x |> pww(4)  return y }' >bad.fcm
echo 'block open_(x: f32[N, H, 5, 8]) { y = x |> pw(4)  return y }' >open.fcm
echo 'block untyped(x: [N, 6, 5, 8]) { y = x |> pw(4)  return y }' >untyped.fcm
echo 'block conv_(x: f32[N, 6, 5, 8]) { y = x |> conv(4, 3)  return y }' >conv.fcm

# ---- usage: 2 ----
expect 2 "usage" "$fcmc"
expect 2 "no verb 'import'" "$fcmc" import model.onnx
expect 2 "did you mean 'verify'" "$fcmc" verfy good.fcm
expect 2 "did you mean '--target'" "$fcmc" good.fcm --tarpet cpu
expect 2 "wants a value" "$fcmc" good.fcm --target
expect 2 "wants cuda, cpu or reference" "$fcmc" good.fcm --target gpu
expect 2 "no source file" "$fcmc" check
expect 2 "one operand too many" "$fcmc" good.fcm bad.fcm
expect 2 "wants NAME=INTEGER" "$fcmc" good.fcm --target cpu -D H=x
expect 2 "wants an integer from 1" "$fcmc" verify good.fcm -j 0
expect 2 "wants an integer from 0" "$fcmc" good.fcm --target cpu --batch -1
expect 2 "wants an integer" "$fcmc" good.fcm --target cpu --batch 99999999999
expect 2 "does not go with" "$fcmc" check good.fcm --weights w.npz
expect 2 "no form 'tkens'" "$fcmc" good.fcm --emit=tkens
expect 2 "wants --target cuda" "$fcmc" good.fcm --target cpu --emit=cuda
expect 2 "takes no value" "$fcmc" check good.fcm --json=1
expect 2 "wants f32, f16 or bf16" "$fcmc" check good.fcm --dtype f64
expect 2 "no option '-x'" "$fcmc" good.fcm -x
expect 2 "--target cuda, cpu or reference is wanted" "$fcmc" good.fcm
expect 2 "both want stdout" "$fcmc" good.fcm --target cpu --json -o -
expect 2 "explain wants a code" "$fcmc" explain

# ---- fine: 0 ----
expect 0 "exit status" "$fcmc" --help
expect 0 "--weights" "$fcmc" run --help
expect 0 "fcmc " "$fcmc" --version
expect 0 "" "$fcmc" check good.fcm
expect 0 "pw" "$fcmc" good.fcm --emit=graph
expect 0 "block" "$fcmc" good.fcm --emit=tokens,ast
expect 0 "tm " "$fcmc" good.fcm --target cpu --emit=tm
expect 0 "plan good for" "$fcmc" plan good.fcm --emit=plan
expect 0 "looked" "$fcmc" plan good.fcm --device a4000
expect 0 "a malformed .npy file" "$fcmc" explain FCM3003
expect 0 "h200" "$fcmc" devices
expect 0 "sms" "$fcmc" devices h200
expect 0 "cc" "$fcmc" doctor
expect 0 "\"exit\":0" "$fcmc" check good.fcm --json
expect 0 "" "$fcmc" untyped.fcm --dtype f16 --target cpu
expect 0 "" "$fcmc" open.fcm -DH=6 --target cpu
expect 0 "" "$fcmc" compile --target cpu -- good.fcm

# ---- errors in the input: 1 ----
expect 1 "did you mean" "$fcmc" check bad.fcm
expect 1 "cannot read" "$fcmc" check nowhere.fcm
expect 1 "it is a directory" "$fcmc" check ./.
expect 1 "H" "$fcmc" open.fcm --target cpu
expect 1 "dtype" "$fcmc" untyped.fcm --target cpu
expect 1 "FCM2001" "$fcmc" conv.fcm --target cpu
expect 1 "" "$fcmc" good.fcm --target cpu --block nothing
expect 1 "" "$fcmc" good.fcm --target cpu --device h2000
expect 1 "is for --target cuda" "$fcmc" good.fcm --target cpu --device h200
expect 1 "cannot write" "$fcmc" good.fcm --target cpu -o /nowhere/x.c
expect 1 "no code 'FCM9999'" "$fcmc" explain FCM9999
expect 1 "\"exit\":1" "$fcmc" check bad.fcm --json
expect 1 "" "$fcmc" devices nothing
: >empty.fcm
expect 1 "" "$fcmc" check empty.fcm

# ---- output files ----
expect 0 "" "$fcmc" good.fcm --target cuda; present good.cu; present good.h
expect 0 "" "$fcmc" good.fcm --target cpu; present good_cpu.c; present good_cpu.h
expect 0 "" "$fcmc" good.fcm --target reference; present good_ref.c; present good_ref.h
expect 0 "" "$fcmc" good.fcm --target cpu -o other.c; present other.c; present other.h
expect 0 "" "$fcmc" good.fcm --target cpu --prefix mine -o mine.c
grep -q "int mine_run" mine.h || { echo "FAILED: --prefix"; failures=$((failures + 1)); }
expect 0 "good_run" "$fcmc" good.fcm --target cpu -o -
echo old >keep.c; echo old >keep.h; cp keep.c was
expect 1 "" "$fcmc" bad.fcm --target cpu -o keep.c; same keep.c was; same keep.h was
mkdir stop.c; echo old >stop.h
expect 1 "cannot write" "$fcmc" good.fcm --target cpu -o stop.c; same stop.h was
expect 1 "" "$fcmc" bad.fcm --target cpu -o never.c; absent never.c; absent never.h
cp good_cpu.c first_cpu.c
mkdir sub && (cd sub && LC_ALL=C MALLOC_PERTURB_=7 "$fcmc" ../good.fcm --target reference -o - >ref 2>/dev/null; "$fcmc" ../good.fcm --target reference -o - 2>/dev/null | cmp -s - ref) ||
    { echo "FAILED: two runs differ"; failures=$((failures + 1)); }
expect 0 "" "$fcmc" good.fcm --target cpu; same good_cpu.c first_cpu.c
for c in good_cpu.c good_ref.c; do
    cc -std=c11 -Wall -Wextra -Werror -fopenmp -march=native -c $c -o o.o 2>err || { echo "FAILED: $c has warnings"; head -5 err; failures=$((failures + 1)); }
done

# ---- .tm files ----
"$fcmc" good.fcm --target cpu --emit=tm >good.tm 2>err
expect 0 "" "$fcmc" check good.tm
expect 0 "" "$fcmc" good.tm -o fromtm.c; present fromtm.c
expect 2 "no such form" "$fcmc" good.tm --emit=ast
expect 0 "0 failed" "$fcmc" verify good.fcm --tm good.tm
expect 0 "walk = interpreter = counters" "$fcmc" verify good.tm --batch 3
expect 1 "no graph" "$fcmc" verify good.tm --target reference
echo nonsense >bad.tm
expect 1 "FCM4" "$fcmc" verify bad.tm
expect 1 "FCM4" "$fcmc" check bad.tm

# ---- verify ----
expect 0 "0 failed" "$fcmc" verify good.fcm --target cpu --batch 2
expect 0 "0 failed" "$fcmc" verify good.fcm --block first,good --target reference
expect 0 "\"status\":\"PASSED\"" "$fcmc" verify good.fcm --target cpu --mode exact --json
expect 5 "temporary directory" env TMPDIR=/nowhere "$fcmc" verify good.fcm --target cpu
expect 5 "no C compiler" env PATH=/nowhere "$fcmc" verify good.fcm --target cpu
mkdir bin && for t in cc as ld sh collect2; do p=$(command -v $t) && ln -s "$p" bin/; done
expect 0 "g++ is not installed" env PATH="$work/bin" "$fcmc" verify good.fcm --target cuda
"$fcmc" good.fcm --target cuda --emit=tm >device.tm 2>err
expect 77 "g++ is not installed" env PATH="$work/bin" "$fcmc" verify device.tm
sed 's/relu6/relu/' good.fcm >changed.fcm
expect 3 "repeat: fcmc verify changed.fcm" "$fcmc" verify changed.fcm --tm good.tm
ls -d "${TMPDIR:-/tmp}"/fcmc-?????? >left 2>/dev/null; [ "$(wc -l <left)" -le 40 ] || { echo "FAILED: temporary directories are left"; failures=$((failures + 1)); }
if command -v g++ >/dev/null; then expect 0 "cuda on the host bytes" "$fcmc" verify good.fcm --target cuda; fi

# ---- run ----
expect 0 "y f32 [1, 6, 5, 16]" "$fcmc" run good.fcm --output y=y.npy; present y.npy
expect 0 "" "$fcmc" run good.fcm --target reference --batch 3 --output all.npz
expect 0 "" "$fcmc" run good.fcm --output z.npy; same y.npy z.npy
expect 1 "ends in .npy" "$fcmc" run good.fcm --output y=y.txt
expect 1 "has no output 'q'" "$fcmc" run good.fcm --output q=y.npy
expect 1 "has no input 'z'" "$fcmc" run good.fcm --input z=y.npy
expect 1 "has shape [1, 6, 5, 16]; the block wants [N, 6, 5, 8]" "$fcmc" run good.fcm --input x=y.npy
expect 1 "FCM3001" "$fcmc" run good.fcm --weights nowhere.npz
expect 1 "there is no 'e.weight'" "$fcmc" run good.fcm --weights all.npz
expect 1 "FCM3002" "$fcmc" run good.fcm --weights w.pt
echo junk >junk.npy
expect 1 "FCM3003" "$fcmc" run good.fcm --input junk.npy
expect 1 "FCM3014" "$fcmc" run good.fcm --output /nowhere/y.npy
expect 0 "" "$fcmc" run good.fcm --block first --output first.npy
cat >second.fcm <<'END'
block second(x: f32[N, 6, 5, 4]) { y = x |> relu  return y }
END
expect 0 "[1, 6, 5, 4]" "$fcmc" run second.fcm --input first.npy --output same.npy
same first.npy same.npy
expect 1 "input 'x' holds 1 images, but --batch says 2" "$fcmc" run second.fcm --input first.npy --batch 2
expect 0 "" "$fcmc" run second.fcm --batch 0

# ---- bench ----
if [ ! -e /dev/nvidiactl ]; then expect 5 "FCM5008" "$fcmc" bench good.fcm --target cuda; fi
expect 1 "cannot read" "$fcmc" bench nowhere.fcm --target cpu
# fewer threads than the plan was made for: what they take is modelled
modelled() { "$fcmc" bench "$here/examples/mobilenetv2_blocks.fcm" --block b7 --dtype f32 --target cpu --rounds 1 --json "$@" 2>/dev/null | grep -o '"predicted":[0-9.e-]*' | cut -d: -f2; }
if [ "$(nproc)" -gt 1 ]; then
    awk -v one="$(modelled --threads 1)" -v all="$(modelled)" 'BEGIN { exit !(all > 0 && one > 1.2 * all) }' ||
        { echo "FAILED: bench --threads 1 predicts what all cores would take"; failures=$((failures + 1)); }
fi

# ---- every code that is reported anywhere has its explanation ----
grep -rhoE '"FCM[0-9]{4}"' "$here"/compiler "$here"/dsl "$here"/planner --include='*.c' --include='*.y' --include='*.l' | sort -u | tr -d '"' >codes
while read -r code; do expect 0 "$code" "$fcmc" explain "$code"; done <codes
[ "$(wc -l <codes)" -gt 40 ] || { echo "FAILED: too few codes were found"; failures=$((failures + 1)); }

# ---- fmt ----
printf 'block  f(x: f32[N,2,2,8]){y=x|>relu return y}\n' >ugly.fcm
"$fcmc" fmt ugly.fcm >pretty.fcm 2>err
expect 0 "" "$fcmc" fmt -i ugly.fcm; same ugly.fcm pretty.fcm
expect 1 "" "$fcmc" fmt bad-syntax.fcm

# ---- a wrong target: status 3, and the first stage that is wrong. The compiler is wrapped: relu6 of the cpu text becomes relu ----
# ---- an interrupt leaves no directory and no process ----
mkdir tmp
TMPDIR=$work/tmp "$fcmc" verify good.fcm --target cpu >/dev/null 2>&1 &
waits=0
until [ -n "$(ls tmp)" ] || [ $waits -ge 200 ]; do sleep 0.02; waits=$((waits + 1)); done
kill -TERM $!
wait $! 2>/dev/null; status=$?
for i in 1 2 3 4 5 6 7 8 9 10; do [ -z "$(ls tmp)" ] || sleep 0.5; done
[ $status -eq 143 ] && [ $waits -lt 200 ] && [ -z "$(ls tmp)" ] ||
    { echo "FAILED: an interrupt (status $status) leaves $(ls tmp)"; failures=$((failures + 1)); }
mkdir shim
cat >shim/cc <<'END'
#!/bin/sh
for f in "$@"; do case $f in */block.c) sed -i 's/= fc_relu6_\([0-9]*\)(v)/= fc_relu_\1(v)/' "$f" ;; esac; done
PATH=${PATH#*:} exec cc "$@"
END
chmod +x shim/cc
cat >brk.fcm <<'END'
block brk(x: f32[N, 6, 6, 8]) {
    e = x |> pw(16) |> relu
    d = e |> dw(3)  |> relu6
    y = d |> pw(8)
    return y
}
END
expect 0 "" "$fcmc" verify brk.fcm --target cpu --mode exact
expect 3 "brk.fcm:3:14: remark: the first stage that is wrong for cpu is 'd.relu6'" env PATH="$work/shim:$PATH" "$fcmc" verify brk.fcm --target cpu --mode exact

# ---- the GPU at hand, as nvidia-smi names it; an unknown one by its architecture ----
mkdir smi
smi() { printf '#!/bin/sh\necho "%s"\n' "$1" >smi/nvidia-smi; chmod +x smi/nvidia-smi; }
smi "NVIDIA GeForce GTX 1660 SUPER, 7.5"
expect 0 "planned for device gtx1660s" env PATH="$work/smi:$PATH" "$fcmc" plan good.fcm --target cuda
smi "NVIDIA RTX 4000 Ada Generation, 8.9"
expect 0 "good on l4" env PATH="$work/smi:$PATH" "$fcmc" plan good.fcm --target cuda --device native
smi "no devices were found"
expect 0 "planned for device h200" env PATH="$work/smi:$PATH" "$fcmc" plan good.fcm --target cuda

[ $failures -eq 0 ] && echo "all passed"
exit $((failures > 0))
