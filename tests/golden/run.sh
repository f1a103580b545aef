#!/bin/sh
# run.sh TOOL DIR: every expectation NAME.<kind> beside NAME.fcm is made anew by TOOL and compared. UPDATE=1 rewrites them:
# review the diff like code. Kinds, the verb of TOOL that makes them, and what is compared:
#   err  check (stderr, status 1)      ast ast   tokens tokens   fmt fmt   plan plan   load load      (stdout, status 0)
#   planerr plan, loaderr load (stderr, status 1)
# A formatted text must also format to itself and keep its words.
tool=$1; cd "$2" || exit 2
case $tool in /*) ;; *) echo "run.sh: TOOL must be an absolute path"; exit 2;; esac
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
cases=0; failed=0
fail() { echo "FAIL $1: $2"; failed=$((failed + 1)); }
words() { "$tool" tokens "$1" | cut -d' ' -f2-; }

for expected in *.err *.ast *.tokens *.fmt *.plan *.load *.planerr *.loaderr; do
    [ -e "$expected" ] || continue
    kind=${expected##*.}; source=${expected%.*}.fcm; cases=$((cases + 1))
    case $kind in err) verb=check;; planerr) verb=plan;; loaderr) verb=load;; *) verb=$kind;; esac
    "$tool" "$verb" "$source" > "$tmp/out" 2> "$tmp/err"; status=$?
    case $kind in *err) made=$tmp/err; wanted=1;; *) made=$tmp/out; wanted=0;; esac
    [ $status -eq $wanted ] || { fail "$expected" "status $status, not $wanted"; cat "$tmp/err"; continue; }
    if [ "$UPDATE" ]; then cp "$made" "$expected"; fi
    diff -u "$expected" "$made" > "$tmp/diff" || { fail "$expected" "differs"; cat "$tmp/diff"; continue; }
    [ $kind = fmt ] || continue
    cp "$tmp/out" "$tmp/once.fcm"
    "$tool" fmt "$tmp/once.fcm" | cmp -s - "$tmp/once.fcm" || fail "$expected" "formatting it again changes it"
    words "$source" > "$tmp/before"; words "$tmp/once.fcm" > "$tmp/after"
    cmp -s "$tmp/before" "$tmp/after" || fail "$expected" "words were lost"
done

# A source without any expectation would test nothing.
for source in *.fcm; do
    grep -l "use \"$source\"" ./*.fcm > /dev/null 2>&1 && continue
    set -- "${source%.fcm}".[!f]* "${source%.fcm}".fmt
    [ -e "$1" ] || [ -e "$2" ] || fail "$source" "has no expectation"
done
echo "$cases expectations, $failed failures"
[ $cases -gt 0 ] && [ $failed -eq 0 ]
