#!/usr/bin/env bash
# bench/results/planner.md: what the planner predicts, removes and costs, over all examples. No GPU is needed: times are modelled.
#   scripts/planner_report.sh            builds (release preset), then writes bench/results/planner.md
#   scripts/planner_report.sh BUILD      takes a build directory that is there
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
if [ $# = 0 ]; then
    cmake --preset release >/dev/null
    cmake --build --preset release -j "$(nproc)" --target fcmc planner_traffic >/dev/null
fi
python3 scripts/planner_report.py "$build" >bench/results/planner.md.new
mv bench/results/planner.md.new bench/results/planner.md
echo "bench/results/planner.md"
