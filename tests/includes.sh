#!/usr/bin/env bash
# Who may include whom (README, "The pipeline"): greps every quoted include and compares its folder with the table.
set -u
cd "$(dirname "$0")/.."
declare -A may=(
    [compiler/base]="compiler/base"
    [dsl]="compiler/base dsl"
    [compiler/graph]="compiler/base dsl compiler/graph"
    [compiler/tm]="compiler/base compiler/tm"
    [compiler/lower]="compiler/base dsl compiler/graph compiler/tm compiler/lower"
    [planner]="compiler/base dsl compiler/graph compiler/tm compiler/lower planner"
    [planner/report]="compiler/base dsl compiler/graph compiler/tm compiler/lower planner planner/report"
    [backends]="compiler/base compiler/tm backends backends/cpu backends/cuda backends/host"
    [backends/cpu]="compiler/base compiler/tm backends backends/cpu"
    [backends/cuda]="compiler/base compiler/tm backends backends/cuda"
    [backends/reference]="compiler/base dsl compiler/graph backends backends/reference"
    [backends/emulator]="backends/emulator backends/cuda/rt"
)
bad=0 seen=0
for folder in "${!may[@]}"; do
    for file in "$folder"/*.[chly] "$folder"/*.cpp; do
        [ -e "$file" ] || continue
        while IFS= read -r header; do
            seen=$((seen + 1))
            ok=0
            for place in ${may[$folder]}; do [ -e "$place/$header" ] && ok=1; done
            # generated headers have no file in the tree
            case $header in *.tab.h | fcm_lex.h | lex.yy.h) ok=1 ;; esac
            if [ $ok = 0 ]; then
                home=$(git ls-files "*/$header" 2>/dev/null | head -1)
                echo "$file includes $header${home:+ of $(dirname "$home")}: not allowed for $folder"
                bad=1
            fi
        done < <(sed -n 's/^ *#include "\([^"]*\)".*/\1/p' "$file")
    done
done
[ $seen -gt 50 ] || { echo "only $seen includes seen: the check looks at nothing"; exit 1; }
exit $bad
