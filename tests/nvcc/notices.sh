#!/usr/bin/env bash
# notices.sh FCMC DIR: ptxas.sh refuses kernels that were spoiled on purpose, each for its own reason. 77: no nvcc.
set -u
here=$(cd "$(dirname "$0")" && pwd)
command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] || { echo "SKIPPED: no nvcc"; exit 77; }
fcmc=$(realpath "$1") dir=$2 bad=0
mkdir -p "$dir" && dir=$(realpath "$dir")
echo "forms chain_f16 a100" >"$dir/one"

# An fcmc whose CUDA text goes through sed.
cat >"$dir/fcmc" <<END
#!/bin/sh
"$fcmc" "\$@" || exit
for word; do case \$word in *.cu) sed -i "\$SPOIL" "\$word" ;; esac; done
END
chmod +x "$dir/fcmc"

# refused WHY SED
refused() {
    SPOIL=$2 "$here/ptxas.sh" "$dir/fcmc" "$dir/one" "$dir/work" >"$dir/out" 2>&1
    local status=$?
    [ $status = 1 ] && grep -q "forms chain_f16 .* $1$" "$dir/out" || { echo "NOT NOTICED ($1), status $status:"; cat "$dir/out"; bad=1; }
}
SPOIL='' "$here/ptxas.sh" "$dir/fcmc" "$dir/one" "$dir/work" || { echo "the kernel is refused as it is"; bad=1; }
refused spills 's/^FC_KERNEL(chain_f16_k0, 256, 2)/FC_KERNEL(chain_f16_k0, 256, 6)/'
refused launch-bounds-256x1 's/^FC_KERNEL(chain_f16_k0, 256, 2)/FC_KERNEL(chain_f16_k0, 256, 1)/'
refused static-shared 's/^    FC_SMEM(smem);/&__shared__ int more[8]; more[threadIdx.x \& 7] = n0; __syncthreads(); if (more[0] == -1) return;/'
refused stack-frame 's/^    FC_SMEM(smem);/&volatile int more[8]; more[n0 \& 7] = n0; if (more[1] == -1) return;/'
refused 'note-says-[0-9]*1' 's/^\(FC_NOTE(.*, [0-9]*\)[0-9], "/\11, "/'
refused 'launch-asks-[0-9]*1' 's/\(status = FCM_LAUNCH(.*[0-9]\)[0-9], stream/\11, stream/'
refused nvcc-warns 's/^    FC_SMEM(smem);/&int nobody_uses_this;/'
refused nvcc-failed 's/^    FC_SMEM(smem);/&nonsense;/'
refused does-not-compile 'nonsense'
[ $bad = 0 ] && echo "all faults were noticed"
exit $bad
