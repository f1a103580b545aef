#!/usr/bin/env bash
# The checks that want an NVIDIA GPU, on a machine that has one (and no network).
#     scripts/gpu.sh [FCMC [RESULTS.md]]      FCMC: a prebuilt fcmc (default ./fcmc; `cmake --preset static` makes one that runs anywhere)
# lanes      tests/gpu/record_lanes.cu prints the same lane maps on the device as on the host, where the emulator answers
# rates      fcmc calibrate: a device file
# verify     every example block, exact and bounded, on the device
# sanitizer  memcheck, racecheck, initcheck of a few blocks under compute-sanitizer
# bench      time on the device of every example block, in short rounds, and how it compares with the predicted one
# tune       a few blocks: the best of some measured schedules against the model's first choice
# rank       a few blocks: schedules from the least modelled time to three times that; the rank correlation with the measured times (they stand below)
# counters   DRAM bytes and bank conflicts under ncu
# FCM_DEVICE names the device to plan for where the GPU's name is not known; FCM_BLOCKS (lines `example block`, a file) replaces the examples.
# Status: 0 fine; 3 outputs or lane maps disagree, or the sanitizer found something; 4 calibrate, bench or tune failed; 5 nvcc, a compiler or fcmc is missing; 77 no GPU.
set -u
here=$(pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
fcmc=${1:-./fcmc} results=${2:-gpu-results.md} disagree=0 slow=0
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

lacks() { echo "missing: $1"; exit 5; }
row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3" | tee -a "$work/table"; }
wrong() { disagree=1; }

# ---- the machine ----
command -v nvidia-smi >/dev/null && smi=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null | head -1) && [ -n "$smi" ] ||
    { echo "SKIPPED: no NVIDIA GPU answers on this machine"; exit 77; }
IFS=, read -r gpu cap driver <<<"$smi"
cap=${cap// /} driver=${driver# } arch=${cap//./}
[ -x "$fcmc" ] || lacks "an fcmc to run: '$fcmc' is none (cmake --preset static && cmake --build --preset static)"
fcmc=$(realpath "$fcmc")
for place in "${CUDA_HOME:-/usr/local/cuda}"/bin /usr/local/cuda*/bin; do [ ! -d "$place" ] || PATH=$PATH:$place; done
export PATH
command -v nvcc >/dev/null || lacks "nvcc, in PATH, CUDA_HOME or /usr/local/cuda"
command -v cc >/dev/null || lacks "cc: the reference is compiled here"
command -v g++ >/dev/null || lacks "g++: the host side of the checks is compiled here"

# The device file: by the GPU's name, else a planned device of the same or the next older architecture.
device_for() {
    case $1 in
        *B200*) echo b200 ;; *H200*) echo h200 ;; *H100*) echo h100 ;; *A100*) echo a100 ;; *"RTX A4000"*) echo a4000 ;; *"RTX A5000"*) echo a5000 ;;
        *Orin*) echo orin ;; *"RTX 5090"*) echo rtx5090 ;; *"RTX 4090"*) echo rtx4090 ;; *"RTX 3090"*) echo rtx3090 ;; *L4) echo l4 ;; *T4) echo t4 ;;
        *"GTX 1660"*[Ss][Uu][Pp][Ee][Rr]*) echo gtx1660s ;; *"GTX 1660"*) echo gtx1660 ;;
        *) "$fcmc" devices | sed -n 's/^\([a-z0-9]*\) .* sm_\([0-9]*\),.*/\2 \1/p' | sort -n | awk -v arch="$2" '$1 <= arch { name = $2 } END { print name }' ;;
    esac
}
device=${FCM_DEVICE:-$(device_for "$gpu" "$arch")}
[ -n "$device" ] || lacks "a device file for '$gpu' of compute capability $cap"

{
    echo "# fcmc on $gpu"
    echo
    echo "$(date -u +%F), commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown), $("$fcmc" --version), driver $driver,"
    echo "$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p'), compute capability $cap, planned for $device, host $(uname -m), $(nproc) processors."
    echo "Command: \`scripts/gpu.sh $*\`"
    echo
    printf '| check | what | result |\n|---|---|---|\n'
} >"$work/table"
cat "$work/table"
if [ -n "${FCM_BLOCKS:-}" ]; then cp "$FCM_BLOCKS" "$work/blocks"; else "$root/tests/gates/blocks.sh" "$fcmc" >"$work/blocks"; fi
[ -s "$work/blocks" ] || lacks "blocks that fcmc compiles"
each_example() {        # each_example COMMAND [WORD…]: COMMAND EXAMPLE BLOCKS WORD…
    local command=$1
    shift
    while read -r example; do
        "$command" "$example" "$(awk -v e="$example" '$1 == e { printf "%s%s", comma, $2; comma = "," }' "$work/blocks")" "$@" </dev/null
    done < <(cut -d' ' -f1 "$work/blocks" | uniq)
}
few() { awk 'NR == 1 || $2 == "b5" || $2 == "b13" || $2 == "r0" || $2 == "r1" || $2 == "pwpw" || $2 == "p7"' "$work/blocks"; }

# ---- what the emulator is built upon ----
lanes() {
    local emulator=$root/backends/emulator rt=$root/backends/cuda/rt source=$root/tests/gpu/record_lanes.cu
    g++ -std=c++17 -O1 -fno-strict-aliasing -I"$rt" -I"$emulator" -x c++ "$source" "$emulator/fc_emu.cpp" -pthread -o "$work/lanes_host" 2>"$work/log" &&
        "$work/lanes_host" >"$work/expected" || { row lanes host "FAILED: $(head -1 "$work/log")"; wrong; return; }
    nvcc -std=c++17 -arch="sm_$arch" -I"$rt" "$source" -o "$work/lanes" >"$work/log" 2>&1 && "$work/lanes" >"$work/measured" 2>"$work/log" ||
        { row lanes device "FAILED: $(head -1 "$work/log")"; wrong; return; }
    if diff "$work/expected" "$work/measured" >"$work/log"; then row lanes "mma, ldmatrix" "$(wc -l <"$work/measured") lines equal"
    else row lanes "mma, ldmatrix" "DIFFER in $(grep -c '^>' "$work/log") lines, first: $(sed -n 's/^> //p' "$work/log" | head -1)"; wrong; fi
}
rates() {
    "$fcmc" calibrate --target cuda -o "$work/hw" >"$work/log" 2>&1 || { row rates "" "FAILED: $(head -1 "$work/log")"; slow=1; return; }
    row rates "$(grep -c '# measured' "$work/hw") rates" "below"
}

# ---- fcmc ----
verify() {      # verify EXAMPLE BLOCKS MODE: all blocks of one file in one run
    "$fcmc" verify "$root/examples/$1.fcm" --block "$2" --target cuda --device "$device" --mode "$3" --timeout 900 >"$work/verify" 2>&1
    local status=$? passed failed device_lines
    passed=$(grep -c '^PASSED' "$work/verify") failed=$(grep -cE '^(FAILED|MISTRUSTED)' "$work/verify") device_lines=$(grep -c '^PASSED.* cuda on the device ' "$work/verify")
    if [ $status = 0 ] && [ "$device_lines" -gt 0 ]; then row "verify $3" "$1" "$passed passed, $device_lines of them on the device"
    elif [ $status = 0 ]; then row "verify $3" "$1" "$passed passed, but NONE on the device"; wrong
    else row "verify $3" "$1" "FAILED (status $status): $failed lines, first: $(grep -E '^(FAILED|MISTRUSTED)|error' "$work/verify" | head -1)"; wrong; fi
}
# The child that verify built for the device, and its input; kept in $work/kept.
keep_child() {
    "$fcmc" verify "$root/examples/$1.fcm" --block "$2" --target cuda --device "$device" --mode bounded --keep --timeout 900 >"$work/verify" 2>&1
    kept=$(sed -n 's/^kept in //p' "$work/verify")
    child=$(grep -ls 'define CHILD_DEVICE' "$kept"/*/child.h | head -1)
    child=${child%.h} input=$(find "$kept" -name 'c0_*.in' | tail -1)
    [ -x "$child" ] && [ -n "$input" ]
}
sanitizer() {
    command -v compute-sanitizer >/dev/null || { row sanitizer "" "not done: compute-sanitizer is not installed"; return; }
    while read -r example block; do
        keep_child "$example" "$block" || { row sanitizer "$example $block" "FAILED: verify kept no program for the device"; wrong; continue; }
        for tool in memcheck racecheck initcheck; do
            if compute-sanitizer --tool $tool --error-exitcode 9 "$child" "$input" "$work/out" 1 1 1 >"$work/log" 2>&1; then row $tool "$example $block" "nothing found"
            else row $tool "$example $block" "FOUND: $(grep -m1 -E 'Error|Race|Uninit|=========' "$work/log")"; wrong; fi
        done
        rm -rf "$kept"
    done < <(few)
}
# Rows of the report of bench: block, median, least, with a cold L2, GB/s then and the share of what a copy reaches, predicted, measured over predicted.
bench_rows() {
    awk -v example="$1" '
        /^block / { block = $2; sub(",", "", block) }
        /^fcmc / { median = $3; least = $6; sub(",", "", least) }
        /^cold / { cold = $3; next }
        / GB\/s, .* that a copy reaches here/ { rate = $1; share = $3 }
        /^predicted / {
            printf "| bench | %s %s | %s us, least %s, cold %s (%s GB/s, %s %% of a copy); ", example, block, median, least, cold, rate, share
            printf "predicted %s, measured is %s times that |\n", $2, $6
        }'
}
bench() {       # bench EXAMPLE BLOCKS: all blocks of one file in one run
    "$fcmc" bench "$root/examples/$1.fcm" --block "$2" --target cuda --device "$device" --rounds 11 >"$work/log" 2>&1
    local status=$?
    bench_rows "$1" <"$work/log" | tee -a "$work/table"
    [ $status != 0 ] || return
    row bench "$1" "FAILED (status $status): $(grep -m1 error "$work/log")"
    if [ $status = 3 ]; then wrong; else slow=1; fi
}
bench_all() {
    local n
    each_example bench
    awk -F'measured is ' '/^\| bench / && NF > 1 { print $2 + 0 }' "$work/table" | sort -g >"$work/ratios"
    n=$(wc -l <"$work/ratios")
    [ "$n" = 0 ] ||
        row bench "$n blocks" "measured over predicted: least $(head -1 "$work/ratios"), median $(sed -n "$(((n + 1) / 2))p" "$work/ratios"), most $(tail -1 "$work/ratios")"
}
tune() {        # tune EXAMPLE BLOCK WORD…: on a copy, since the tuning file is written beside it
    local example=$1 block=$2
    shift 2
    cp "$root/examples/$example.fcm" "$work"
    "$fcmc" tune "$work/$example.fcm" --block "$block" --target cuda --device "$device" --rounds 8 "$@" >"$work/log" 2>&1 </dev/null
}
tune_few() {
    while read -r example block; do
        if tune "$example" "$block" --candidates 6
        then row tune "$example $block" "$(sed -n 's/^  the best: //p' "$work/log" | paste -sd';')"
        else row tune "$example $block" "FAILED: $(grep -m1 error "$work/log")"; slow=1; fi
    done < <(few | head -4)
}
rank() {
    while read -r example block; do
        tune "$example" "$block" --candidates 12 --spread 3 || { row rank "$example $block" "FAILED: $(grep -m1 error "$work/log")"; slow=1; continue; }
        # microseconds modelled, measured, and the schedule, of the first group
        awk '/^k1:/ { exit } / us modelled, .* measured / { print $1, $4, substr($0, index($0, "fuse(")) }' "$work/log" >"$work/pairs"
        row rank "$example $block" "$(awk -v block=k0 -f "$root/bench/rank/spearman.awk" "$work/pairs")"
        sed "s/^/$example $block /" "$work/pairs" >>"$work/schedules"
    done < <(few | head -3)
}
counters() {
    command -v ncu >/dev/null || { row counters "" "not done: ncu is not installed"; return; }
    local metrics=dram__bytes_read.sum,dram__bytes_write.sum,l1tex__data_bank_conflicts_pipe_lsu.sum,sm__cycles_elapsed.max
    while read -r example block; do
        keep_child "$example" "$block" || { row counters "$example $block" "not done: verify kept no program for the device"; continue; }
        if ncu --metrics $metrics "$child" "$input" "$work/out" 1 1 1 >"$work/log" 2>&1; then
            row counters "$example $block" "$(awk '$1 ~ /__/ { print $1, $3, $2 ";" }' "$work/log" | tr '\n' ' ')"
        else row counters "$example $block" "not done: $(grep -m1 ERR "$work/log")"; fi
        rm -rf "$kept"
    done < <(few)
}

lanes
rates
for mode in exact bounded; do
    each_example verify $mode
done
sanitizer
bench_all
tune_few
rank
counters
for below in hw schedules; do [ ! -s "$work/$below" ] || printf '\n```\n%s\n```\n' "$(cat "$work/$below")" >>"$work/table"; done
cd "$here" && cp "$work/table" "$results" && echo "written: $results"
[ $disagree = 0 ] || exit 3
[ $slow = 0 ] || exit 4
