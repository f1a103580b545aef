#!/usr/bin/env bash
# Installs what building and testing fcmc needs and is missing (Debian or Ubuntu). Sourced by test.sh and demo.sh.
set -euo pipefail

# command or file that shows the package is there : package
needs=(
    "cc:gcc" "c++:g++" "cmake:cmake" "ninja:ninja-build" "flex:flex" "bison:bison"
    "/usr/include/cmocka.h:libcmocka-dev" "/usr/include/jansson.h:libjansson-dev" "/usr/include/zlib.h:zlib1g-dev"
)
[ "${FCM_NEEDS_BENCH:-0}" = 0 ] || needs+=("/usr/include/dnnl.h:libdnnl-dev")

missing=()
for need in "${needs[@]}"; do
    probe=${need%%:*} package=${need#*:}
    case $probe in
        /*) [ -e "$probe" ] || missing+=("$package") ;;
        *) command -v "$probe" >/dev/null || missing+=("$package") ;;
    esac
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
# nvcc is not a Debian package: with it, generated CUDA is compiled for every architecture; without it those tests are skipped, loudly.
if ! command -v nvcc >/dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then export PATH=$PATH:/usr/local/cuda/bin; fi
command -v nvcc >/dev/null || echo "note: no nvcc on this machine: compile checks of the generated CUDA are skipped (it still runs on the host)"
