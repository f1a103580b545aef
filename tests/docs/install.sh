#!/usr/bin/env bash
# install.sh CMAKE BUILD PREFIX: `cmake --install` brings the program, the manual page, documents and examples, and the program works from there.
set -u
rm -rf "$3"
"$1" --install "$2" --prefix "$3" >/dev/null || exit 1
bad=0
for file in bin/fcmc share/man/man1/fcmc.1 share/doc/fcmc/README.md share/doc/fcmc/docs/language.md share/fcmc/examples/mbconv.fcm; do
    [ -s "$3/$file" ] || { echo "FAILED: $file was not installed"; bad=1; }
done
cd "$3/share/fcmc/examples" && ../../../bin/fcmc check mbconv.fcm || bad=1
grep -q '^\.SH OPTIONS' "$3/share/man/man1/fcmc.1" || { echo "FAILED: the manual page has no options"; bad=1; }
exit $bad
