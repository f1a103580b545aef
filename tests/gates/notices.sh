#!/usr/bin/env bash
# notices.sh FCMC DIR: the other gates refuse what was spoiled on purpose.
set -u
here=$(cd "$(dirname "$0")" && pwd)
fcmc=$(realpath "$1") dir=$2 bad=0
mkdir -p "$dir" && dir=$(realpath "$dir")

# An fcmc whose files go through sed ($SPOIL), whose verbs may be slow ($SLOW) or follow the working directory ($HERE).
cat >"$dir/fcmc" <<END
#!/usr/bin/env bash
if [ -n "\${SLOW:-}" ]; then for ((i = 0; i < 60000; i++)); do :; done; fi
"$fcmc" "\$@" || exit
[ -z "\${HERE:-}" ] || pwd | cksum
for word; do case \$word in *.cu | *.c) [ ! -e "\$word" ] || [ -z "\${SPOIL:-}" ] || sed -i "\$SPOIL" "\$word" "\${word%.*}.h" ;; esac; done
END
chmod +x "$dir/fcmc"

refused() {     # refused WORDS COMMAND…
    local words=$1
    shift
    env "$@" >"$dir/out" 2>&1
    local status=$?
    [ $status = 1 ] && grep -q "$words" "$dir/out" || { echo "NOT NOTICED ($words), status $status: $*"; head -5 "$dir/out"; bad=1; }
}
refused 'TOO SLOW: check' SLOW=1 FCM_SPEED_LIMIT=20 "$here/speed.sh" "$dir/fcmc" checks
refused 'FAILED: other bytes: another working directory' HERE=1 "$here/same_bytes.sh" "$dir/fcmc"
refused 'h as C99' SPOIL='s/size_t/size_type/' "$here/texts.sh" "$dir/fcmc" "$dir/texts" once
refused 'placed .*noted .*launched' 'SPOIL=s/\(FCM_LAUNCH(.*[0-9]\)[0-9], stream/\11, stream/' "$here/arena.sh" "$dir/fcmc" "$dir/arena" once
refused 'placed .*noted .*launched' 'SPOIL=s/^\(FC_NOTE(.*[0-9]\)[0-9], "/\11, "/' "$here/arena.sh" "$dir/fcmc" "$dir/arena" once
[ $bad = 0 ] && echo "all faults were noticed"
exit $bad
