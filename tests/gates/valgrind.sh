#!/usr/bin/env bash
# valgrind.sh FCMC [long]: fcmc under memcheck: no invalid access, no use of unset memory, nothing definitely or indirectly lost. 77: no valgrind.
# The sanitizer build sees more of the stack; this sees the binary that users get, unset memory included.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
fcmc=$(realpath "$1") size=${2:-short} bad=0 runs=0
command -v valgrind >/dev/null || { echo "SKIPPED: no valgrind"; exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
cp -r "$root/examples" .
echo 'block bad(x: f32[N, 6, 5, 8]) { y = x |> pww(4) + z  return q }' >bad.fcm

# clean STATUS COMMAND…: the command's own status, and nothing to report
clean() {
    local status=$1
    shift
    valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
        --track-origins=yes --log-file="$work/report" "$@" >out 2>err
    local got=$?
    runs=$((runs + 1))
    [ $got = "$status" ] && [ ! -s report ] && return
    echo "FAILED: status $got, expected $status: $*"
    head -40 report err
    bad=1
}

clean 0 "$fcmc" check --stats examples/two_outputs.fcm
clean 1 "$fcmc" check bad.fcm
clean 0 "$fcmc" fmt examples/acts.fcm
clean 0 "$fcmc" plan examples/ragged.fcm --block r1 --device t4
clean 0 "$fcmc" examples/ragged.fcm --block r1 --target cuda --device t4 -o x.cu
clean 0 "$fcmc" examples/ragged.fcm --block r4 --target cpu -o x.c
clean 0 "$fcmc" examples/ragged.fcm --block r4 --target reference -o x.c
clean 0 "$fcmc" examples/ragged.fcm --block r5 --target cuda --device a100 --emit=tokens,ast,graph,plan
clean 0 "$fcmc" examples/ragged.fcm --block r5 --target cuda --device a100 --emit=tm
"$fcmc" examples/ragged.fcm --block r5 --target cuda --device a100 --emit=tm >x.tm 2>err
clean 0 "$fcmc" check x.tm
clean 0 "$fcmc" x.tm --emit=tm
cp out again.tm
cmp -s x.tm again.tm || { echo "FAILED: the .tm text does not come back"; bad=1; }
clean 0 "$fcmc" x.tm -o y.cu
head -c 900 x.tm >cut.tm
clean 1 "$fcmc" check cut.tm
if [ "$size" = long ]; then
    for f in examples/*.fcm; do clean 0 "$fcmc" check --stats "$f"; done
    for b in b0 b3 b5 b13; do
        clean 0 "$fcmc" examples/mobilenetv2_blocks.fcm --block $b --target cuda --device h200 -o x.cu
        clean 0 "$fcmc" examples/mobilenetv2_blocks.fcm --block $b --target cpu -o x.c
    done
    clean 0 "$fcmc" plan examples/xception_pair.fcm --block s728 --device l4 --json
fi
echo "$runs runs"
exit $bad
