#!/usr/bin/env python3
"""Times the block shapes of MobileNetV2 and of EfficientNet-B0 (without squeeze-and-excitation), fused by fcmc, beside PyTorch, in turns.

    bench/blocks_cuda.py FCMC [--device NAME] [--batches 1,32,128] [--blocks m2,e4] [--turns N] > bench/results/cuda.md
    bench/blocks_cuda.py FCMC --target cpu --threads N …            the same in f32 on the CPU

`fcmc bench` builds the programs and verifies their outputs; then each program and PyTorch's forms take turns: N times a round of each, the medians count. PyTorch
gets the same weights, with batch normalisation folded, channels_last; its outputs must be those of fcmc. Its forms: eager; on a GPU the same in a CUDA graph; compiled by
torch.compile, on a GPU in a CUDA graph too. All times are of calls that follow each other, on a GPU between events, so L2 holds what fits there."""
import argparse
import datetime
import os
import re
import statistics
import subprocess
import tempfile
import time

import numpy
import torch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# name: height and width, channels in, expanded (0: not), out, k, stride, activation
BLOCKS = {
    "m0": (112, 32, 0, 16, 3, 1, "relu6"), "m1": (112, 16, 96, 24, 3, 2, "relu6"), "m2": (56, 24, 144, 24, 3, 1, "relu6"),
    "m3": (56, 24, 144, 32, 3, 2, "relu6"), "m4": (28, 32, 192, 32, 3, 1, "relu6"), "m6": (28, 32, 192, 64, 3, 2, "relu6"),
    "m7": (14, 64, 384, 64, 3, 1, "relu6"), "m10": (14, 64, 384, 96, 3, 1, "relu6"), "m11": (14, 96, 576, 96, 3, 1, "relu6"),
    "m13": (14, 96, 576, 160, 3, 2, "relu6"), "m14": (7, 160, 960, 160, 3, 1, "relu6"), "m16": (7, 160, 960, 320, 3, 1, "relu6"),
    "e0": (112, 32, 0, 16, 3, 1, "silu"), "e1": (112, 16, 96, 24, 3, 2, "silu"), "e2": (56, 24, 144, 24, 3, 1, "silu"),
    "e3": (56, 24, 144, 40, 5, 2, "silu"), "e4": (28, 40, 240, 40, 5, 1, "silu"), "e5": (28, 40, 240, 80, 3, 2, "silu"),
    "e6": (14, 80, 480, 80, 3, 1, "silu"), "e8": (14, 80, 480, 112, 5, 1, "silu"), "e9": (14, 112, 672, 112, 5, 1, "silu"),
    "e11": (14, 112, 672, 192, 5, 2, "silu"), "e12": (7, 192, 1152, 192, 5, 1, "silu"), "e15": (7, 192, 1152, 320, 3, 1, "silu"),
}
ROUND = {"cuda": 1e-3, "cpu": 1e-2}     # seconds
GRAPHED = 20                            # calls in a graph


# ---- fcmc ----
def source(names, dtype):
    text = ""
    for name in names:
        hw, c, e, k_out, k, s, act = BLOCKS[name]
        expand = f"    e = x |> pw({e}) |> bn |> {act}\n" if e else ""
        result = "x + p" if s == 1 and c == k_out else "p"
        text += (f"block {name}(x: {dtype}[N, {hw}, {hw}, {c}]) {{\n{expand}    d = {'e' if e else 'x'} |> dw({k}, stride={s}) |> bn |> {act}\n"
                 f"    p = d |> pw({k_out}) |> bn\n    return {result}\n}}\n")
    return text


class Program:
    """What fcmc bench built and kept: called as compiler/verify/rt/bench_io.h says."""
    def __init__(self, kept, i, batch, threads, dtype):
        self.path, self.batch, self.threads, self.dtype = os.path.join(kept, f"bench{i}"), batch, threads, dtype
        self.header = open(os.path.join(self.path, "child.h")).read()

    def seconds(self, rounds):
        out = subprocess.run([os.path.join(self.path, "child"), self.path + ".in", self.path + ".out", str(self.batch), str(self.threads), str(rounds), "alone"],
                             check=True, capture_output=True, text=True).stdout
        return [float(line.split()[1]) for line in out.splitlines() if line.startswith("ours ")]

    def tensors(self):
        """Parameters by their C names, then "x"; all flat."""
        names = re.findall(r"\(P\)\.(\w+) =", self.header)
        sizes = [int(n) for n in re.search(r"child_params\[\] = \{(.*?) 0 \}", self.header).group(1).replace(",", " ").split()]
        with open(self.path + ".in", "rb") as f:
            data = {name: numpy.frombuffer(f.read(n), self.dtype if name.endswith("0_weight") else numpy.float32) for name, n in zip(names, sizes)}
            data["x"] = numpy.frombuffer(f.read(), self.dtype)
        return data

    def output(self):
        return numpy.fromfile(self.path + ".out", self.dtype)


def build(args, folder, names, batch):
    path = os.path.join(folder, "blocks.fcm")
    with open(path, "w") as f:
        f.write(source(names, args.dtype))
    command = [args.fcmc, "bench", path, "--block", ",".join(names), "--target", args.target, "--batch", str(batch), "--rounds", "1", "--keep", "--timeout", "1800"]
    command += ["--device", args.device] if args.device else []
    command += ["--threads", str(args.threads)] if args.target == "cpu" else []
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": folder})
    kept = re.search(r"^kept in (.*)$", done.stdout, re.M)
    if done.returncode or not kept:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    predicted = [float(t) for t in re.findall(r"^predicted +([0-9.]+) us", done.stdout, re.M)]
    return kept.group(1), predicted


# ---- PyTorch ----
class Block(torch.nn.Module):
    def __init__(self, name, tensors):
        super().__init__()
        _, c, e, k_out, k, s, act = BLOCKS[name]
        wide = e or c
        self.residual, self.act = s == 1 and c == k_out, torch.nn.ReLU6() if act == "relu6" else torch.nn.SiLU()
        self.e = self.folded(tensors, "e", torch.nn.Conv2d(c, e, 1)) if e else None
        self.d = self.folded(tensors, "d", torch.nn.Conv2d(wide, wide, k, s, k // 2, groups=wide))
        self.p = self.folded(tensors, "p", torch.nn.Conv2d(wide, k_out, 1))

    @staticmethod
    def folded(tensors, at, conv):
        get = lambda name: torch.from_numpy(tensors[f"{at}_{name}"].astype(numpy.float32))
        w, (n, _, r, s) = get("0_weight"), conv.weight.shape
        w = w.reshape(r, s, n).permute(2, 0, 1).unsqueeze(1) if conv.groups > 1 else w.reshape(n, -1, 1, 1)
        scale = get("1_weight") / torch.sqrt(get("1_var") + 1e-5)
        with torch.no_grad():
            conv.weight.copy_(w * scale.reshape(-1, 1, 1, 1))
            conv.bias.copy_(get("1_bias") - get("1_mean") * scale)
        return conv

    def forward(self, x):
        h = self.act(self.e(x)) if self.e is not None else x
        h = self.p(self.act(self.d(h)))
        return x + h if self.residual else h


def graph_of(f):
    """GRAPHED calls of f as one graph, so that the host's launches do not count; what it returns stays where the capture left it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            f()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = [f() for _ in range(GRAPHED)][-1]
    return lambda: (graph.replay(), result)[1]


def forms(args, name, program):
    """By name: a function, and how many calls of the block it is."""
    tensors, (hw, c, *_) = program.tensors(), BLOCKS[name]
    kind = torch.float16 if args.target == "cuda" else torch.float32
    model = Block(name, tensors).eval().to(args.target, kind, memory_format=torch.channels_last)
    x = torch.from_numpy(tensors["x"].copy()).reshape(program.batch, hw, hw, c).permute(0, 3, 1, 2).to(args.target)
    eager, fused = lambda: model(x), torch.compile(model, dynamic=False)
    compiled = lambda: fused(x)
    if args.target == "cpu":
        return {"eager": (eager, 1), "compiled": (compiled, 1)}
    return {"eager": (eager, 1), "graph": (graph_of(eager), GRAPHED), "compiled": (graph_of(compiled), GRAPHED)}


def same(name, program, result):
    want, got = program.output().astype(numpy.float64), result.permute(0, 2, 3, 1).contiguous().cpu().numpy().ravel().astype(numpy.float64)
    error = numpy.sqrt(numpy.mean((want - got) ** 2) / numpy.mean(want ** 2))
    if not error < 0.01:
        raise SystemExit(f"{name}: PyTorch computes something else: relative RMS difference {error:.3g}")


def span(target, f, calls):
    """Seconds of one of so many calls of f."""
    if target == "cpu":
        start = time.perf_counter()
        for _ in range(calls):
            f()
        return (time.perf_counter() - start) / calls
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(calls):
        f()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) * 1e-3 / calls


def measure(args, name, program):
    """Median seconds of a call, by form."""
    peers = forms(args, name, program)
    rounds = {}
    for form, (f, calls) in peers.items():
        same(name, program, f())
        span(args.target, f, 3)
        rounds[form] = int(ROUND[args.target] / span(args.target, f, 3)) + 1
    times = {form: [] for form in ["fcmc", *peers]}
    for _ in range(args.turns):
        times["fcmc"] += program.seconds(3)
        for form, (f, calls) in peers.items():
            span(args.target, f, rounds[form])
            times[form] += [span(args.target, f, rounds[form]) / calls for _ in range(3)]
    return {form: statistics.median(t) for form, t in times.items()}


# ---- the table ----
def table(args, names, batch):
    columns = ["eager", "graph", "compiled"] if args.target == "cuda" else ["eager", "compiled"]
    print(f"\n## Batch {batch}\n\n| block | µs fcmc | µs predicted | {' | '.join(f'µs {c}' for c in columns)} | × the best of them |\n|{'---|' * (len(columns) + 4)}")
    best = []
    with tempfile.TemporaryDirectory() as folder:
        kept, predicted = build(args, folder, names, batch)
        for i, name in enumerate(names):
            t = measure(args, name, Program(kept, i, batch, args.threads, numpy.float16 if args.dtype == "f16" else numpy.float32))
            best.append(min(t[c] for c in columns) / t["fcmc"])
            print(f"| {name} | {t['fcmc'] * 1e6:.2f} | {predicted[i]:.2f} | {' | '.join(f'{t[c] * 1e6:.2f}' for c in columns)} | {best[-1]:.2f} |", flush=True)
    print(f"\nGeometric mean of the last column: {statistics.geometric_mean(best):.2f}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fcmc", type=os.path.realpath)
    parser.add_argument("--target", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--device")
    parser.add_argument("--batches", default="1,32,128")
    parser.add_argument("--blocks", default=",".join(BLOCKS))
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    args.dtype = "f16" if args.target == "cuda" else "f32"
    if args.target == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU")
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.benchmark = True
    where = torch.cuda.get_device_name() if args.target == "cuda" else f"{args.threads} threads of a CPU"
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print(f"# Blocks of MobileNetV2 (m) and EfficientNet-B0 (e, without squeeze-and-excitation), {args.dtype}, beside PyTorch\n\n"
          f"{where}; {datetime.date.today()}; commit {commit}; PyTorch {torch.__version__}, CUDA {torch.version.cuda}; medians of {args.turns} turns.")
    with torch.no_grad():
        for batch in args.batches.split(","):
            table(args, args.blocks.split(","), int(batch))


if __name__ == "__main__":
    main()
