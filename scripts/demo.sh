#!/usr/bin/env bash
# The demo: builds fcmc, shows a block, compiles it to CUDA, shows the plan, verifies it, and says what was proved. Debian or Ubuntu; installs what is
# missing. About a minute on two cores. Files it writes: build/demo, and out/demo (the generated texts).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install_needs.sh
out=out/demo fcm=examples/mbconv.fcm
mkdir -p build "$out"

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n== %s\n' "$*"; }
show() { echo "\$ $*"; "$@"; }
seconds() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }'; }

# The device file whose architecture is that of the GPU at hand; h200 without one.
device() {
    local cap=none
    if command -v nvidia-smi >/dev/null; then cap=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1) || cap=none; fi
    case $cap in
        7.5) echo t4 ;; 8.0) echo a100 ;; 8.6) echo a4000 ;; 8.7) echo orin ;; 8.9) echo l4 ;; 10.*) echo b200 ;; 12.*) echo rtx5090 ;; *) echo h200 ;;
    esac
}

# Runs a build step quietly; the end of its output is shown if it fails.
quietly() { "$@" >build/demo.log 2>&1 || { tail -n 40 build/demo.log; echo "demo: failed: $*"; exit 1; }; }

step "Building fcmc"
begin=$(date +%s.%N)
quietly cmake -G Ninja -S . -B build/demo -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
quietly cmake --build build/demo --target fcmc
fcmc=build/demo/compiler/fcmc
echo "$($fcmc --version), built in $(seconds "$begin") s"
PATH=$(dirname "$fcmc"):$PATH

step "The block: $fcm"
cat "$fcm"

step "Compiled to CUDA"
gpu=$(device)
show fcmc $fcm --target cuda --device "$gpu" -o $out/mbconv.cu
kernels=$(grep -c '^FC_KERNEL' $out/mbconv.cu)
echo "$(wc -l <$out/mbconv.cu) lines, $kernels kernel. Its body, without declarations (the functions it calls stand above it in the same file):"
echo
sed -n '/^FC_KERNEL/,/^}/p' $out/mbconv.cu | grep -E '^FC_KERNEL|^    //|fc::(copy|pw|dw|store)[a-z0-9_]*<|FC_(COMMIT|WAIT|SYNC)' | cut -c 1-110
if command -v nvcc >/dev/null; then
    arch=$(sed -n 's/.*-arch=\(sm_[0-9]*\).*/\1/p' $out/mbconv.cu | head -n 1)
    echo
    echo "\$ nvcc -std=c++17 -O3 -arch=$arch -cubin -Xptxas -v $out/mbconv.cu"
    quietly nvcc -std=c++17 -O3 -arch="$arch" -cubin -Xptxas -v $out/mbconv.cu -o $out/mbconv.cubin
    grep -E 'spill|registers' build/demo.log | sed 's/^ptxas info *: */ /; s/^ */    /'
fi

step "The plan: what is fused, what it moves, what it should cost"
show fcmc plan $fcm --device "$gpu"

step "Verified against the reference"
begin=$(date +%s.%N)
status=0
echo "\$ fcmc verify $fcm --target cuda --device $gpu --race"
fcmc verify $fcm --target cuda --device "$gpu" --race | tee $out/verify.txt || status=$?
echo "\$ fcmc verify $fcm --target cpu"
fcmc verify $fcm --target cpu 2>&1 | tee -a $out/verify.txt || status=$?
took=$(seconds "$begin")

step "What was proved"
[ $status = 0 ] || { echo "Nothing: verification failed with status $status."; exit $status; }
passed() { grep "^PASSED.*$1" $out/verify.txt; }
elements=$(passed 'cuda on the host exact' | sed 's/.*: \([0-9]*\) equal.*/\1/')
bytes=$(passed 'cuda on the host bytes' | sed 's/.*= \([0-9]*\) bytes.*/\1/')
cat <<WORDS
In $took seconds, of the text of the CUDA kernel as it was written above, run on this machine's CPU one thread after the other:
  - on integers every one of its $elements outputs equals, bit for bit, those of naive loops that share no code with it;
  - on real numbers every output lies within its own rounding error bound, derived by an error analysis, not chosen;
  - it moves $bytes bytes of global memory, exactly the number from which the planner predicted its cost;
  - no two threads meet in shared memory, one of them writing, without a barrier between; nothing is read that was not written.
The same was shown of the C for this CPU, races excepted.
WORDS
if passed 'cuda on the device exact' >/dev/null; then echo "And the kernel gave the same outputs on this machine's GPU."
else echo "No GPU took part: its speed, and what only hardware decides, were not looked at."; fi
