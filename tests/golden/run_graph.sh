#!/bin/sh
# run_graph.sh TOOL DIR: every expectation NAME.<kind> beside NAME.fcm is made anew by TOOL and compared. UPDATE=1 rewrites them:
# review the diff like code. A first line `// args: …` of NAME.fcm is passed to TOOL. Kinds:
#   graph, stats, stages   stdout, status 0       warn   stderr of graph, status 0
#   err   stderr of graph, status 1               refused   stderr of stages, status 1
tool=$1; cd "$2" || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
cases=0; failed=0
fail() { echo "FAIL $1: $2"; failed=$((failed + 1)); }

for expected in *.graph *.stats *.stages *.warn *.err *.refused; do
    [ -e "$expected" ] || continue
    kind=${expected##*.}; source=${expected%.*}.fcm; cases=$((cases + 1))
    case $kind in err|warn) verb=graph;; refused) verb=stages;; *) verb=$kind;; esac
    args=$(sed -n '1s|^// args: ||p' "$source")
    # shellcheck disable=SC2086
    "$tool" "$verb" $args "$source" > "$tmp/out" 2> "$tmp/err"; status=$?
    case $kind in err|refused) made=$tmp/err; wanted=1;; warn) made=$tmp/err; wanted=0;; *) made=$tmp/out; wanted=0;; esac
    [ $status -eq $wanted ] || { fail "$expected" "status $status, not $wanted"; cat "$tmp/err"; continue; }
    if [ "$UPDATE" ]; then cp "$made" "$expected"; fi
    diff -u "$expected" "$made" > "$tmp/diff" || { fail "$expected" "differs"; cat "$tmp/diff"; }
done

# A source without any expectation would test nothing.
for source in *.fcm; do
    grep -l "use \"$source\"" ./*.fcm > /dev/null 2>&1 && continue
    set -- "${source%.fcm}".[!f]*
    [ -e "$1" ] || fail "$source" "has no expectation"
done
echo "$cases expectations, $failed failures"
[ $cases -gt 0 ] && [ $failed -eq 0 ]
