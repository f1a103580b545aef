#!/usr/bin/env bash
# The test command: builds (warnings are errors), runs the default suite, then the suite again under ASan and UBSan.
#   scripts/test.sh                release suite and sanitizer suite
#   scripts/test.sh release        one of: release, debug, sanitize, long
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install_needs.sh

run() {
    local preset=$1 build=$1
    [ "$preset" != long ] || build=release
    cmake --preset "$build" -G Ninja >/dev/null
    cmake --build --preset "$build" -j "$(nproc)"
    ctest --preset "$preset" -j "$(nproc)"
}
for preset in "${@:-release}"; do run "$preset"; done
if [ $# = 0 ]; then run sanitize; fi
