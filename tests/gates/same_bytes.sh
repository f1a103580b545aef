#!/usr/bin/env bash
# same_bytes.sh FCMC: the same input, device and options give the same bytes, whatever the working directory, locale, environment, address layout or
# contents of fresh memory. Every text that fcmc makes of a few blocks is made anew under each of them.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
fcmc=$(realpath "$1") bad=0 files=0
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir -p "$work/here" "$work/a/much/deeper/place"
for d in "$work/here" "$work/a/much/deeper/place"; do cp "$root"/examples/{ragged,two_outputs,mobilenetv2_blocks}.fcm "$d"; done

# all DIR NAME COMMAND-PREFIX…: writes every text into $work/NAME
all() {
    local dir=$1 out=$work/$2
    shift 2
    mkdir -p "$out"
    (
        cd "$dir" || exit 1
        for b in ragged:r0 ragged:r5 two_outputs:two_outputs mobilenetv2_blocks:b13; do
            f=${b%:*}.fcm block=${b#*:}
            "$@" "$fcmc" "$f" --block "$block" --target cuda --device h200 -o "$out/$block.cu"
            "$@" "$fcmc" "$f" --block "$block" --target cpu --device cpu -o "$out/${block}_cpu.c"
            "$@" "$fcmc" "$f" --block "$block" --target reference -o "$out/${block}_ref.c"
            "$@" "$fcmc" "$f" --block "$block" --target cuda --device t4 --emit=graph,plan,tm >"$out/$block.forms"
            "$@" "$fcmc" plan "$f" --block "$block" --device a4000 --json >"$out/$block.json"
            "$@" "$fcmc" check --stats "$f" >"$out/$block.check"
        done
    ) 2>"$work/$(basename "$out").err" || { echo "FAILED: a compilation under: $*"; cat "$work/$(basename "$out").err"; bad=1; }
}
equal() {
    diff -rq "$work/first" "$work/$1" || { echo "FAILED: other bytes: $2"; bad=1; }
}

all "$work/here" first env
[ "$(find "$work/first" -size +0 | wc -l)" -ge 36 ] || { echo "FAILED: too few files were made"; ls -l "$work/first"; exit 1; }
all "$work/a/much/deeper/place" elsewhere env; equal elsewhere "another working directory"
all "$work/here" c_locale env -i PATH="$PATH" LC_ALL=C; equal c_locale "an empty environment"
all "$work/here" perturbed env MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 FILLER="$(head -c 9000 /dev/zero | tr '\0' x)"
equal perturbed "fresh memory that is not zero, a larger environment"
other=$(locale -a 2>/dev/null | grep -iE '^(de_DE|fr_FR|ru_RU|tr_TR)' | head -1)
if [ -n "$other" ]; then all "$work/here" locale env LC_ALL="$other"; equal locale "$other"; else echo "note: no locale with a decimal comma is installed"; fi
if setarch -R true 2>/dev/null; then all "$work/here" fixed setarch -R env; equal fixed "no address randomisation"; fi
files=$(find "$work/first" -type f | wc -l)
echo "$files files compared under each"
exit $bad
