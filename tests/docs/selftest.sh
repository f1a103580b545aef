#!/usr/bin/env bash
# selftest.sh FCMC: run.sh notices what it is there for: documents with one fault each fail, the same documents without it pass.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
fcmc=$1 bad=0

# judge WANTED NAME: a document from stdin passes (0) or fails (1)
judge() {
    cat >"$work/$2.md"
    "$here/run.sh" "$fcmc" "$work/$2.md" >"$work/log" 2>&1
    got=$?
    [ $got = "$1" ] || { echo "FAILED $2: status $got, expected $1"; cat "$work/log"; bad=1; }
}
fence() { printf '```%s\n%s\n```\n' "$1" "$2"; }
good='block b(x: f32[N, 4, 4, 8]) { return x |> pw(8) }'
broken='block b(x: f32[N, 4, 4, 8]) { return x |> pww(8) }'
devices=$("$fcmc" explain FCM5008)

fence fcm "$good" | judge 0 source
fence fcm "$broken" | judge 1 broken_source
fence fcm 'block b(x: f32[N, 4, 4, 8]) { u = 1 return x |> pw(8) }' | judge 1 warning
fence "fcm error FCM1001" "$broken" | judge 0 error
fence "fcm error FCM1001" "$good" | judge 1 no_error
fence "fcm error FCM1004" "$broken" | judge 1 other_error
fence "fcm error" "$broken" | judge 1 error_without_code
fence "fcm -D H=4" 'block b(x: f32[N, H, 4, 8]) { return x |> pw(8) }' | judge 0 define
fence sh 'fcmc devices' | judge 0 command
fence sh 'fcmc devices nowhere' | judge 1 failing_command
fence sh 'fcmc devices nowhere # exits 1' | judge 0 failing_as_told
fence sh 'fcmc devices # exits 1' | judge 1 not_failing
fence "sh run" 'true' | judge 0 line
fence "sh run" 'false' | judge 1 failing_line
fence console "\$ fcmc explain FCM5008
$devices" | judge 0 output
fence console "\$ fcmc explain FCM5008
$devices more" | judge 1 other_output
fence console '$ fcmc explain FCM5008
FCM5008: …emulate CUDA on the host without a GPU.' | judge 0 ellipsis
fence console '$ fcmc explain FCM5008
FCM5008: …emulate CUDA on the moon without a GPU.' | judge 1 other_ellipsis
fence "console sample" '$ fcmc check --stats examples/mobilenetv2.fcm
mobilenetv2: 1 parameters, 2.5 MMAC an image (7 depthwise), 0.1 MB of activations' | judge 0 sample
fence "console sample" '$ fcmc check --stats examples/mobilenetv2.fcm
mobilenetv2: 1 parameters, 2.5 MMAC an image (7 shallow), 0.1 MB of activations' | judge 1 other_sample
{ fence "c one.c" 'int main(void) { return 0; }'; fence "sh run" 'grep -q main one.c'; } | judge 0 file
fence fcn "$good" | judge 1 unknown_kind
printf '```fcm\n%s\n' "$good" | judge 1 open_fence
echo 'no fence' | judge 1 nothing

fence console '$ fcmc explain FCM5008
old' >"$work/u.md"
"$here/run.sh" --update "$fcmc" "$work/u.md" >/dev/null
"$here/run.sh" "$fcmc" "$work/u.md" >/dev/null || { echo "FAILED: an updated document does not pass"; bad=1; }
exit $bad
