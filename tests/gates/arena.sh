#!/usr/bin/env bash
# arena.sh FCMC DIR [long]: shared memory as the tensor machine placed it = what the note and the launch in the text ask for = the emulator's guarded
# arena. The texts of all examples are compared on devices of small, middle and large shared memory; the emulator runs the first block of every kernel
# of one example block in eight, or of all (long).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
emulator=$root/backends/emulator
fcmc=$(realpath "$1") dir=$2 size=${3:-short} bad=0 n=0 kernels=0 ran=0
rm -rf "$dir" && mkdir -p "$dir" && dir=$(realpath "$dir")
cd "$dir" || exit 1
every=8
[ "$size" = long ] && every=1
g++ -std=c++17 -O1 -fno-strict-aliasing -pthread -c "$emulator/fc_emu.cpp" -I"$root/backends/cuda/rt" -o emu.o || exit 1

# placed arenas of x.tm, a line `kernel bytes`; asked: what x.cu says, by notes and by launches
placed() { awk '/^tm / { name = $2; gsub(/\./, "_", name); for (i = 3; i < NF; i++) if ($i == "arena") print name, $(i + 1) }' x.tm | sort; }
noted() { sed -n 's/^FC_NOTE(\([a-z_0-9]*\), [0-9]*, [0-9]*, [0-9]*, \([0-9]*\),.*/\1 \2/p' x.cu | sort; }
launched() { tr '\n' ' ' <x.cu | sed 's/FCM_LAUNCH(/\n&/g' | sed -n 's/^FCM_LAUNCH(\([a-z_0-9]*_k[0-9]*\), [^,]*, *[0-9]*, *\([0-9]*\), *stream.*/\1 \2/p' | sort; }

while read -r example block; do
    n=$((n + 1))
    for device in t4 orin h200; do
        for form in x.cu x.tm; do
            emit=(-o x.cu)
            [ $form = x.cu ] || emit=(--emit=tm)
            "$fcmc" "$root/examples/$example.fcm" --block "$block" --target cuda --device $device "${emit[@]}" >x.tm 2>err || { echo "FAILED: $example $block $device"; cat err; bad=1; }
        done
        kernels=$((kernels + $(placed | wc -l)))
        [ -n "$(placed)" ] && [ "$(placed)" = "$(noted)" ] && [ "$(placed)" = "$(launched)" ] ||
            { echo "FAILED: $example $block for $device: placed $(placed); noted $(noted); launched $(launched)"; bad=1; }
    done
    [ $((n % every)) = 0 ] || continue
    g++ -std=c++17 -O1 -fno-strict-aliasing -pthread -Wl,--wrap=fc_emu_note,--wrap=fc_emu_launch -I"$emulator" -include x.h "-DRUN=${block}_run" \
        -x c++ x.cu "$root/tests/gates/arena_main.cpp" -x none emu.o -o run 2>err && ./run >out 2>err || { echo "FAILED: $example $block in the emulator"; head -5 err; bad=1; continue; }
    [ "$(placed)" = "$(sed -n 's/^\(.*\) note \(.*\) launch \2 guard there$/\1 \2/p' out | sort)" ] ||
        { echo "FAILED: $example $block: placed $(placed), the emulator:"; cat out; bad=1; }
    ran=$((ran + 1))
done < <("$root/tests/gates/blocks.sh" "$fcmc" "$size")
echo "$n blocks, $kernels kernels on 3 devices; the emulator ran $ran blocks"
[ "$size" = once ] || { [ "$n" -gt 50 ] && [ "$ran" -gt 0 ]; } || { echo "FAILED: too few blocks"; bad=1; }
exit $bad
