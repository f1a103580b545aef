# ptxas.awk: one row per kernel out of a tensor-machine module, the CUDA text made of it, and what `nvcc -Xptxas -v` says; for ptxas.sh.
# Files in this order: x.tm x.cu x.ptxas. Variables: example block device sm regs_sm.
FNR == 1 { file++ }

# ---- tm: threads, blocks on an SM, arena; the chain of operations ----
file == 1 && /^tm / {
    name = $2
    gsub(/\./, "_", name)
    kernel[++kernels] = name
    for (i = 3; i < NF; i++) {
        if ($i == "threads") threads[name] = $(i + 1)
        if ($i == "ctas") ctas[name] = $(i + 1)
        if ($i == "arena") arena[name] = $(i + 1)
    }
}
file == 1 && / roll [0-9]/ { line[name] = "line-buffer-" }
# Each operation says which line of the source it is: a pw that is printed twice (above the band and in the row loop) is one.
file == 1 && ($1 == "pw" || $1 == "dw") {
    note = $0
    sub(/^[^"]*/, "", note)
    if (!((name, note) in said)) chain[name] = chain[name] (chain[name] == "" ? "" : "+") $1
    said[name, note]
}
file == 1 && /^tensor / && / in f/ { type = $0; sub(/.* in /, "", type); sub(/ .*/, "", type) }

# ---- cu: what launch bounds, note and launch ask for ----
file == 2 && /^FC_KERNEL\(/ { split($0, p, /[(,) ]+/); bounds[p[2]] = p[3] "x" p[4] }
file == 2 && /^FC_NOTE\(/ { split($0, p, /[(,) ]+/); noted[p[2]] = p[6] }
file == 2 && /FCM_LAUNCH\(/ && /status/ {
    sub(/.*FCM_LAUNCH\(/, "")
    split($0, p, /, */)
    asked[p[1]] = p[4]
}

# ---- ptxas ----
file == 3 && /warning/ { warned = 1 }
file == 3 && /Compiling entry function/ { split($0, p, "'"); now = p[2] }
file == 3 && /bytes stack frame/ {
    match($0, /[0-9]+ bytes stack/)
    stack[now] = substr($0, RSTART, RLENGTH) + 0
    match($0, /[0-9]+ bytes spill stores/)
    spilled[now] = substr($0, RSTART, RLENGTH) + 0
    match($0, /[0-9]+ bytes spill loads/)
    spilled[now] += substr($0, RSTART, RLENGTH) + 0
}
file == 3 && /Used [0-9]+ registers/ {
    match($0, /Used [0-9]+/)
    used[now] = substr($0, RSTART + 5, RLENGTH - 5) + 0
    static_bytes[now] = match($0, /[0-9]+ bytes smem/) ? substr($0, RSTART, RLENGTH) + 0 : 0
}

# Registers are given to a warp in blocks of 256, 8 a thread.
function limit_of(k,    n) {
    n = int(regs_sm / (threads[k] * ctas[k]) / 8) * 8
    return n > 255 ? 255 : n
}
function verdict(k) {
    if (!(k in used)) return "not-in-ptxas-output"
    if (warned) return "nvcc-warns"
    if (spilled[k] > 0) return "spills"
    if (stack[k] > 0) return "stack-frame"
    if (static_bytes[k] > 0) return "static-shared"
    if (used[k] > limit_of(k)) return "registers"
    if (bounds[k] != threads[k] "x" ctas[k]) return "launch-bounds-" bounds[k]
    if (noted[k] != arena[k]) return "note-says-" noted[k]
    if (asked[k] != arena[k]) return "launch-asks-" asked[k]
    return "fine"
}
END {
    for (i = 1; i <= kernels; i++) {
        k = kernel[i]
        print example, block, substr(k, length(block) + 2), type "-" line[k] (chain[k] == "" ? "copy" : chain[k]), device, sm, threads[k], ctas[k], limit_of(k),
            used[k] + 0, spilled[k] + 0, stack[k] + 0, static_bytes[k] + 0, arena[k], verdict(k)
    }
    if (!kernels) print example, block, "-", "-", device, sm, "-", "-", "-", "-", "-", "-", "-", "-", "no-kernel"
}
