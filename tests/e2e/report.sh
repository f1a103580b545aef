#!/bin/sh
# report.sh FCMC: the page of `plan --html`: one file, well formed, nothing from the network, the numbers of --json in it, hostile names escaped, equal bytes
# twice, whole or not at all. xmllint and chromium are used where they are installed.
fcmc=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
failed() { echo "FAILED: $*"; failures=$((failures + 1)); }
holds() { grep -qF -- "$2" "$1" || failed "$1 does not hold '$2'"; }
lacks() { ! grep -qiE -- "$2" "$1" || failed "$1 holds /$2/: $(grep -oiE -- "$2" "$1" | head -1)"; }

# Every tag is closed by its own kind, in order. Attributes of these pages hold no '>': it is escaped.
balanced() {
    awk '{ text = text $0 "\n" }
    END {
        while (match(text, /<[^>]*>/)) {
            tag = substr(text, RSTART + 1, RLENGTH - 2); text = substr(text, RSTART + RLENGTH)
            if (tag ~ /^!/ || tag ~ /\/$/) continue
            name = tag; sub(/^\//, "", name); sub(/[ \n].*/, "", name)
            if (tag !~ /^\//) { open[++n] = name; continue }
            if (open[n] != name) { print "</" name "> closes <" open[n] ">"; exit 1 }
            n--
        }
        if (n || text ~ /</) { print "<" open[n] "> stays open"; exit 1 }
    }' "$1" || failed "$1 is not balanced"
}

page() {
    balanced "$1"
    if command -v xmllint >/dev/null; then xmllint --noout --nonet "$1" || failed "$1 is not well formed"; fi
    lacks "$1" 'https?:'
    lacks "$1" '<script|<link|<img|<iframe|@import|url\([^#]|src=|[[:space:]]on[a-z]+="'
    lacks "$1" '[0-9.: "]nan[" ]|[^a-z]inf[" ]'
    # every fragment has its place
    for id in $(grep -oE 'href="#[^"]*"' "$1" | sed 's/href="#//; s/"//' | sort -u); do holds "$1" "id=\"$id\""; done
}

# ---- a block: the command's numbers ----
cd "$here" || exit 1
"$fcmc" plan examples/mbconv.fcm --device h200 --html "$work/block.html" >"$work/words" || failed "no page of mbconv"
"$fcmc" plan examples/mbconv.fcm --device h200 --html "$work/again.html" --json >"$work/block.json" || failed "no page beside --json"
"$fcmc" plan examples/mobilenetv2.fcm --device h200 --html "$work/net.html" >"$work/net.words" || failed "no page of a network"
"$fcmc" plan examples/mobilenetv1.fcm --device cpu --html "$work/cpu.html" >/dev/null || failed "no page for a CPU"
"$fcmc" plan examples/mbconv.fcm --device h200 >"$work/plain"
cd "$work" || exit 1
cmp -s words plain || failed "--html changes the words"
cmp -s block.html again.html || failed "the same plan gives other bytes"
page block.html
seconds=$(sed 's/.*"seconds":\([^,]*\),"roof_seconds".*/\1/' block.json)
bytes=$(sed 's/.*"roof_seconds":[^,]*,"dram_bytes":\([^,]*\),.*/\1/' block.json)
unfused=$(sed 's/.*"compulsory_bytes":[^,]*,"unfused_bytes":\([^,]*\),"searched".*/\1/' block.json)
holds block.html "$(awk "BEGIN { printf \"%.2f us</b><span>predicted time\", $seconds * 1e6 }")"
holds block.html "$(awk "BEGIN { printf \"%.3f MB</b><span>DRAM traffic\", $bytes / 1e6 }")"
holds block.html "$(awk "BEGIN { printf \"%.3f MB</b><span>unfused\", $unfused / 1e6 }")"
holds block.html 'mbconv'
holds block.html 'NVIDIA H200 SXM (h200), batch 1, from examples/mbconv.fcm'
holds block.html '56×56×144 f16, 0.903 MB, stays on chip'
holds block.html '<title>x</title>'                             # the residual's line
holds block.html 'prefers-color-scheme: dark'
holds block.html '@media print'
holds block.html 'fc::pw_mma16816&lt;'                           # the kernel's text
lacks block.html 'mbconv_pack'                                  # and nothing but the kernel's
runner=$(sed -n 's/^    next     \(.*\): [0-9.]* us, .*/\1/p' words)
holds block.html "Runner-up <code>$runner</code>"

# ---- a network: every kernel, every refusal, every cut ----
page net.html
page cpu.html
kernels=$(sed -n 's/.*: \([0-9]*\) kernels.*/\1/p' net.words)
[ "$kernels" = "$(grep -c '<section class="kernel"' net.html)" ] || failed "not $kernels kernels in the page"
[ "$kernels" = "$(grep -c '<summary>generated code' net.html)" ] || failed "not every kernel has its text"
sed -n 's/^    \([^ ]*\) -> \([^ ]*\): \(.*\)$/\3/p' net.words | sort -u >why
[ -s why ] || failed "the network has no edges that are not fused"
while IFS= read -r line; do holds net.html "$line"; done <why
holds net.html 'a.relu6 = conv'
holds net.html 'logits.mean = mean'

# ---- a line buffer: the ring and its band ----
cat >line.plan <<'END_PLAN'
plan mbconv for "a4000" {
    k0 = fuse(e.relu6, d.relu6, y, tile=4x14, line=7, threads=128, mma=1)
}
END_PLAN
"$fcmc" plan "$here/examples/mbconv.fcm" --device a4000 --plan line.plan --html line.html >/dev/null || failed "no page of a pinned plan"
page line.html
holds line.html 'A ring of 6 rows, 16 columns wide: a step makes 4'
holds line.html 'a band of 28 rows'
if grep -q 'copied ahead' line.html; then failed "a ring of one buffer has no rows ahead"; fi
"$fcmc" plan "$here/examples/persistent.fcm" --block ring --device h200 --html ring.html >/dev/null || failed "no page of a ring"
page ring.html
holds ring.html 'A ring of 10 rows'
holds ring.html '4 more are copied ahead'

# ---- hostile names: a path, a device's title ----
hostile=$(printf '<script>alert(1)</script>"&\047\001\377.fcm')
mkdir '<script>alert(1)<'
cp "$here/examples/mbconv.fcm" "$hostile" || failed "no file of that name"
"$fcmc" plan "$hostile" --device h200 --html hostile.html >/dev/null || failed "no page of a hostile path"
page hostile.html
holds hostile.html '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;&#39;'

# ---- whole or not at all ----
"$fcmc" plan "$here/examples/mbconv.fcm" --device h200 --html nowhere/page.html >out 2>&1
[ $? = 1 ] || failed "a page that cannot be written is not an error"
holds out 'FCM5002'
"$fcmc" plan "$here/examples/mbconv.fcm" --device h200 --html - >out 2>&1
[ $? = 2 ] || failed "--html - is accepted"

# ---- a picture, if a browser is there: it is not blank ----
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -n "$browser" ]; then
    if timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
        --window-size=1120,2400 --screenshot="$work/page.png" "file://$work/block.html" >/dev/null 2>&1; then
        # a blank page of this size compresses to about ten kilobytes
        size=$(wc -c <page.png)
        [ "$size" -gt 60000 ] || failed "the picture has only $size bytes: blank?"
    else
        echo "the browser does not run here: no picture"
    fi
fi
[ $failures = 0 ]
