#!/usr/bin/env bash
# names.sh FCMC: the documents name what there is, and leave nothing out: links and paths exist; every verb, option, exit status and form of the command,
# every op of the language, every knob of a schedule and every word of the tensor machine is explained.
set -u
cd "$(dirname "$0")/../.." || exit 1
fcmc=$1 bad=0 seen=0
documents=(README.md docs/*.md)

missing() { echo "FAILED: $1"; bad=1; }
# wants FILE NAME WHAT: FILE holds `NAME` in a code span, alone or with arguments
wants() {
    seen=$((seen + 1))
    grep -Eq "\`([^\`]*[^A-Za-z0-9_-])?$2([^A-Za-z0-9_-][^\`]*)?\`" "$1" || missing "$1 does not explain the $3 '$2'"
}

# ---- links and paths ----
anchors() { sed -n 's/^##* *//p' "$1" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }
for file in "${documents[@]}"; do
    while IFS= read -r link; do
        seen=$((seen + 1))
        target=${link%%#*} anchor=
        case $link in http*) continue ;; *'#'*) anchor=${link#*#} ;; esac
        path=$file
        [ -z "$target" ] || path=$(dirname "$file")/$target
        [ -e "$path" ] || { missing "$file links to $link"; continue; }
        [ -z "$anchor" ] || anchors "$path" | grep -qxF "$anchor" || missing "$file links to the heading $link"
    done < <(grep -o '](\([^)]*\))' "$file" | sed 's/^](//; s/)$//')
    while IFS= read -r path; do
        seen=$((seen + 1))
        [ -e "$path" ] || missing "$file names $path"
    done < <(grep -oE '`(compiler|dsl|planner|backends|tests|docs|examples|bench|scripts|cmake)/[A-Za-z0-9_./-]*`' "$file" | tr -d '`' | sort -u)
done

# ---- the command ----
"$fcmc" --help >/tmp/fcmc_help.$$ || exit 1
help=/tmp/fcmc_help.$$
trap 'rm -f $help' EXIT
section() { sed -n "/^$1/,/^\$/p" $help | sed -n 's/^  *\(.*\)/\1/p'; }
while read -r verb _; do [ "$verb" = compile ] || grep -Eq "fcmc $verb( |\$)" docs/command.md || missing "docs/command.md shows no '$verb'"; seen=$((seen + 1)); done < <(section verbs)
while read -r option; do wants docs/command.md "${option%%[= ]*}" option; done < <(section options | sed 's/^-D, //; s/^-j, //; s/^-h, //')
while read -r form _; do wants docs/command.md "$form" form; done < <(section "forms of")
while read -r code _; do seen=$((seen + 1)); grep -q "^| $code |" docs/command.md || missing "docs/command.md has no exit status $code"; done < <(section "exit status")

# ---- the language, the schedules, the machine ----
while read -r op; do wants docs/language.md "$op" op; done < <(sed -n 's/^OP(\([a-z0-9]*\),.*/\1/p' compiler/graph/lang_ops.def)
while read -r block; do wants docs/language.md "$block" "library block"; done < <(sed -n 's/^block \([a-z_]*\)(.*/\1/p' dsl/std.fcm)
while read -r knob; do wants docs/language.md "$knob" knob; done < <(sed -n 's/^ *X([a-z]*, *"\([a-z]*\)".*/\1/p' compiler/lower/schedule.h)
while read -r word; do
    case $word in loop | end) continue ;; esac
    wants docs/tensor-machine.md "$word" instruction
done < <(sed -n 's/^TM_OP([A-Z]*, *"\([a-z]*\)".*/\1/p' compiler/tm/tm_ops.def)

[ $seen -gt 150 ] || { echo "only $seen names seen: the check looks at nothing"; exit 1; }
exit $bad
