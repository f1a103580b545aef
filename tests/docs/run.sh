#!/usr/bin/env bash
# run.sh [--update] FCMC FILE.md …: what the documents show is true. Fences by their first line:
#   ```fcm …          passes `fcmc check` without a word; options after fcm are given to it (-D H=8)
#   ```fcm error CODE fails `fcmc check` with status 1 and that code
#   ```sh             lines that begin with `fcmc ` end with status 0, or N where the line ends in `# exits N`
#   ```sh run         every line succeeds (nvcc is skipped, loudly, where it is not installed)
#   ```console        `$ COMMAND`, then exactly what it prints, stdout before stderr; `…` stands for anything; `# exits N` as above
#   ```console sample the same, but any number stands for any other: for outputs that measure or predict
# A word NAME.EXT in the first line also writes the fence to that file. Fences without a kind, text and diagrams are not run; other kinds are errors.
# Each document has a directory of its own, with a copy of examples/ and a link to backends/, where its fences run in order. --update rewrites the outputs of
# console fences without `…`; the difference is to be reviewed like code.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
update=0
[ "${1:-}" != --update ] || { update=1; shift; }
fcmc=$(realpath "$1"); shift
[ -x "$fcmc" ] || { echo "run.sh: '$fcmc' is no program"; exit 1; }
PATH=$(dirname "$fcmc"):$PATH
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
numbers=exact failures=0 checked=0 commands=0 outputs=0 skipped=0

# fail WHERE WHAT [FILE WITH DETAILS]
fail() {
    echo "FAILED $1: $2"
    [ -z "${3:-}" ] || sed 's/^/    /' "$3"
    failures=$((failures + 1))
}

# run COMMAND: into $work/out, stdout before stderr; its status is in $status
run() {
    bash -c "$1" >"$work/stdout" 2>"$work/stderr" </dev/null
    status=$?
    cat "$work/stdout" "$work/stderr" >"$work/out"
}

# Splits "fcmc … # exits 3" into $command and $wanted.
split() {
    command=${1%%#*} wanted=0
    case $1 in *"# exits "*) wanted=${1##*"# exits "} ;; esac
}

check_source() {                    # WHERE ARGUMENTS…: the fence's text is in $work/body
    local where=$1 code=; shift
    checked=$((checked + 1))
    if [ "${1:-}" = error ]; then
        code=${2:-}
        [ -n "$code" ] || { fail "$where" "an fcm error fence names the code that is expected"; return; }
        shift 2
    fi
    cp "$work/body" fence.fcm
    run "fcmc check fence.fcm $*"
    if [ -n "$code" ]; then
        [ $status = 1 ] && grep -qF "[$code]" "$work/out" || fail "$where" "status $status, expected 1 and $code" "$work/out"
    elif [ $status != 0 ] || [ -s "$work/out" ]; then
        fail "$where" "fcmc check: status $status" "$work/out"
    fi
}

run_lines() {                       # WHERE: the lines of a sh fence that call fcmc
    local line
    while IFS= read -r line; do
        case $line in "fcmc "*) ;; *) continue ;; esac
        split "$line"
        commands=$((commands + 1))
        run "$command"
        [ "$status" = "$wanted" ] || fail "$1" "status $status, expected $wanted: $command" "$work/out"
    done <"$work/body"
}

run_all() {                         # WHERE: every line of a `sh run` fence
    local line
    while IFS= read -r line; do
        case $line in '' | '#'*) continue ;; esac
        if [ "${line%% *}" = nvcc ] && ! command -v nvcc >/dev/null; then
            echo "skipped $1: no nvcc: $line"
            skipped=$((skipped + 1))
            continue
        fi
        commands=$((commands + 1))
        run "$line"
        [ "$status" = 0 ] || fail "$1" "status $status: $line" "$work/out"
    done <"$work/body"
}

# One command of a console fence and the output that is written below it; appends what belongs there to $work/fresh.
one_output() {                      # WHERE COMMAND; expected output in $work/expected
    local got want pattern
    split "$2"
    run "$command"
    outputs=$((outputs + 1))
    printf '$ %s\n' "$2" >>"$work/fresh"
    [ "$status" = "$wanted" ] || fail "$1" "status $status, expected $wanted: $command" "$work/out"
    got=$(cat "$work/out") want=$(cat "$work/expected")
    if [ $update = 1 ] && ! grep -q '…' "$work/expected"; then
        [ ! -s "$work/out" ] || printf '%s\n' "$got" >>"$work/fresh"
        return
    fi
    [ ! -s "$work/expected" ] || printf '%s\n' "$want" >>"$work/fresh"
    if [ "$numbers" = any ]; then
        sed -E -i 's/[0-9]+(\.[0-9]+)?/0/g' "$work/expected" "$work/out"
        got=$(cat "$work/out")
    fi
    pattern=$(sed 's/[][\\*?()|+@!]/\\&/g; s/…/*/g' "$work/expected")
    # shellcheck disable=SC2053
    [[ $got == $pattern ]] && return
    diff "$work/expected" "$work/out" >"$work/diff"
    fail "$1" "prints something else (< documented, > real): $command" "$work/diff"
}

run_console() {                     # WHERE
    local line current=
    : >"$work/fresh"
    while IFS= read -r line; do
        case $line in
        '$ '*) [ -z "$current" ] || one_output "$1" "$current"
               current=${line#'$ '}; : >"$work/expected" ;;
        *) [ -n "$current" ] && printf '%s\n' "$line" >>"$work/expected" || fail "$1" "output before the first \$ line" ;;
        esac
    done <"$work/body"
    if [ -n "$current" ]; then one_output "$1" "$current"; else fail "$1" "a console fence without a command"; fi
    [ $update = 0 ] || cp "$work/fresh" "$work/body"
}

end_fence() {                       # WHERE INFO: the closed fence is in $work/body
    local where=$1 word rest=()
    for word in $2; do
        case $word in
        -*) rest+=("$word") ;;
        [a-zA-Z]*.[a-z]*) cp "$work/body" "$word" ;;
        *) rest+=("$word") ;;
        esac
    done
    case "${rest[*]-}" in
    fcm | fcm\ *) check_source "$where" "${rest[@]:1}" ;;
    sh) run_lines "$where" ;;
    "sh run") run_all "$where" ;;
    console) numbers=exact; run_console "$where" ;;
    "console sample") numbers=any; run_console "$where" ;;
    '' | text | c | cpp) ;;
    *) fail "$where" "nobody knows fences of kind '${rest[*]}'" ;;
    esac
}

document() {                        # FILE
    local file name line info= open=0 number=0 start=0
    file=$(realpath "$1") name=$(basename "$1")
    mkdir -p "$work/$name.d" && cd "$work/$name.d" && cp -r "$root/examples" . && ln -sfn "$root/backends" backends || exit 1
    : >"$work/new"
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        case $open$line in
        0'```'*) open=1 info=${line#'```'} start=$number; : >"$work/body"; printf '%s\n' "$line" >>"$work/new" ;;
        1'```') open=0; end_fence "$name:$start" "$info"; { cat "$work/body"; echo '```'; } >>"$work/new" ;;
        1*) printf '%s\n' "$line" >>"$work/body" ;;
        *) printf '%s\n' "$line" >>"$work/new" ;;
        esac
    done <"$file"
    [ $open = 0 ] || fail "$name:$start" "a fence that is never closed"
    [ $update = 0 ] || cmp -s "$work/new" "$file" || { cp "$work/new" "$file"; echo "updated $name"; }
}

cd "$root" || exit 1
for file; do (cd "$root" && realpath "$file"); done >"$work/files"
while IFS= read -r file; do document "$file"; done <"$work/files"
echo "$checked sources checked, $commands commands run, $outputs outputs compared, $skipped skipped, $failures failed"
[ $((checked + commands + outputs)) -gt 0 ] || { echo "nothing was run"; exit 1; }
[ $failures = 0 ]
