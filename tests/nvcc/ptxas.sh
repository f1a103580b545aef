#!/usr/bin/env bash
# ptxas.sh [-j JOBS] [-o TABLE.md] FCMC LIST|long DIR: generated kernels through nvcc and ptxas, each for the architecture of the device that
# it was planned for. LIST: lines `file block device`, the file without .fcm from here or from examples/, # starts a comment. long: every block of the
# examples that compiles, on a device of each architecture.
# A kernel passes when ptxas reports no spill, no stack frame and no static shared memory, when a thread's registers let as many blocks share an SM
# as __launch_bounds__ promises, when launch and note ask for the arena that the tensor machine placed, and when nvcc has nothing to say.
# -o writes the registers as a table. Status: 0 fine, 1 a kernel failed, 77 no nvcc.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
devices="gtx1660 t4 a100 a4000 orin l4 h200 b200 rtx5090"
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)

# Rows `example block kernel form device sm threads ctas limit registers spilled stack static arena verdict`, one per kernel of one compilation.
one() {
    local example=$1 block=$2 device=$3 stem=$dir/$1.$2.$3 source=$root/examples/$1.fcm
    [ -e "$source" ] || source=$root/tests/nvcc/$1.fcm
    local -a command=("$fcmc" "$source" "--block=$block" --target cuda --device "$device")
    if ! "${command[@]}" -o "$stem.cu" >"$stem.log" 2>&1 || ! "${command[@]}" --emit=tm >"$stem.tm" 2>>"$stem.log"; then
        echo "$example $block - - $device - - - - - - - - - does-not-compile" >"$stem.row"
        return
    fi
    local sm
    sm=$(awk '/^tm / { for (i = 1; i < NF; i++) if ($i == "sm") { print $(i + 1); exit } }' "$stem.tm")
    if ! "$nvcc" -std=c++17 -O3 -arch="sm_$sm" -cubin -Xptxas -v "$stem.cu" -o "$stem.cubin" >"$stem.ptxas" 2>&1; then
        echo "$example $block - - $device $sm - - - - - - - - nvcc-failed" >"$stem.row"
        return
    fi
    awk -v example="$example" -v block="$block" -v device="$device" -v sm="$sm" -v regs_sm="$(regs_of "$device")" -f "$root/tests/nvcc/ptxas.awk" \
        "$stem.tm" "$stem.cu" "$stem.ptxas" >"$stem.row"
    rm -f "$stem.cubin"
}
regs_of() { "$fcmc" devices "$1" | sed -n 's/^regs_sm *= *\([0-9]*\).*/\1/p'; }

long_list() {
    local example block device
    while read -r example block; do
        for device in $devices; do echo "$example $block $device"; done
    done < <("$root/tests/gates/blocks.sh" "$fcmc")
}

# Registers / limit, per kernel a line, per device a column.
table() {
    awk -v devices="$devices" '
        {
            key = $1 " | " $2 " | " $3
            if (!(key in seen)) { seen[key]; order[++n] = key }
            cell[key, $5] = $10 == "-" ? $15 : $10 "/" $9 ($11 > 0 ? " **spills " $11 "**" : "") " " $7 "x" $8
            form[key, $5] = $4
        }
        END {
            d = split(devices, name, " ")
            printf "| example | block | kernel | form |"
            for (i = 1; i <= d; i++) printf " %s |", name[i]
            printf "\n|---|---|---|---|"
            for (i = 1; i <= d; i++) printf "---|"
            print ""
            for (k = 1; k <= n; k++) {
                first = ""
                for (i = 1; i <= d && first == ""; i++) first = form[order[k], name[i]]
                printf "| %s | %s |", order[k], first
                for (i = 1; i <= d; i++) printf " %s |", cell[order[k], name[i]]
                print ""
            }
        }' "$dir/rows"
}

if [ "${1:-}" = --one ]; then
    shift
    one "$@"
    exit
fi
jobs=1 table=
while getopts j:o: option; do
    case $option in
        j) jobs=$OPTARG ;;
        o) table=$OPTARG ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# = 3 ] || { sed -n '2,3p' "$0"; exit 2; }
[ -x "$nvcc" ] || { echo "SKIPPED: no nvcc: the generated CUDA was not compiled for any device"; exit 77; }
fcmc=$(realpath "$1") dir=$3
mkdir -p "$dir" && rm -f "$dir"/*.row "$dir/rows"
dir=$(realpath "$dir")
export fcmc dir nvcc
if [ "$2" = long ]; then long_list; else sed 's/#.*//; /^ *$/d' "$2"; fi >"$dir/list"
xargs -P "$jobs" -L 1 "$0" --one <"$dir/list"
find "$dir" -name '*.row' -print0 | sort -z | xargs -0 cat >"$dir/rows"

failed=$(awk '$15 != "fine"' "$dir/rows")
awk '{ n[$15 == "fine"]++ } END { printf "%d kernels fine, %d failed\n", n[1], n[0] }' "$dir/rows"
[ -z "$table" ] || table >"$table"
results=$(find "$dir" -name '*.row' | wc -l)
if [ ! -s "$dir/list" ] || [ "$results" -ne "$(sort -u "$dir/list" | wc -l)" ]; then
    echo "FAILED: $results results"
    exit 1
fi
if [ -n "$failed" ]; then
    echo "FAILED: example block kernel form device sm threads ctas limit registers spilled stack static arena reason"
    echo "$failed"
    exit 1
fi
