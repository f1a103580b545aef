#!/usr/bin/env python3
"""Times all 17 blocks of MobileNetV2 on this CPU in f32, fused by fcmc, beside oneDNN's unfused chain in the same process.

    bench/blocks_cpu.py FCMC [--threads N] [--batch N] [--blocks b0,b1] > bench/results/cpu.md

Each line is one `fcmc bench` run: interleaved rounds of fcmc, an FMA loop and oneDNN; the outputs were verified before. Ratios of medians and of least times."""
import argparse
import datetime
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def f32_source(folder):
    """The example's blocks with f32 inputs."""
    text = open(os.path.join(ROOT, "examples", "mobilenetv2_blocks.fcm")).read().replace("f16[", "f32[")
    path = os.path.join(folder, "mobilenetv2_f32.fcm")
    with open(path, "w") as out:
        out.write(text)
    return path


def bench(args, path, block):
    command = [args.fcmc, "bench", path, "--block", block, "--target", "cpu", "--json", "--batch", str(args.batch)]
    if args.threads:
        command += ["--threads", str(args.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)["result"]


def row(r):
    us = lambda t: f"{t * 1e6:.1f}"
    peak = lambda t: f"{100 * r['flops'] / t / r['peak_flops']:.0f}"
    ours, peer = r["fcmc"], r.get("onednn")
    beside = f"{us(peer['median'])} | {peer['median'] / ours['median']:.2f} | {peer['least'] / ours['least']:.2f}" if peer else "- | - | -"
    return (f"| {r['block']} | {r['flops'] / 1e6:.1f} | {us(ours['median'])} ({us(ours['least'])} to {us(ours['p75'])}) | {peak(ours['median'])} | {peak(ours['least'])} "
            f"| {us(r['predicted'])} | {beside} |")


def cpu_model():
    fields = dict(line.split(":", 1) for line in open("/proc/cpuinfo") if ":" in line)
    fields = {k.strip(): v.strip() for k, v in fields.items()}
    return f"{fields.get('model name', '?')}, family {fields.get('cpu family', '?')}, {os.cpu_count()} processors"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fcmc")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--blocks", default=",".join(f"b{i}" for i in range(17)))
    args = parser.parse_args()
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print(f"# MobileNetV2 blocks on a CPU, f32, batch {args.batch}\n")
    print(f"{cpu_model()}; {datetime.date.today()}; commit {commit}; `bench/blocks_cpu.py fcmc --batch {args.batch}"
          f"{f' --threads {args.threads}' if args.threads else ''}`; load average {os.getloadavg()[0]:.1f} at the start.\n"
          "Percent of the FMA peak measured in the same process; speed-up over oneDNN 2's chain of one primitive an op, NHWC.\n")
    print("| block | MFLOP | µs median (least to p75) | % peak, median | % peak, least | µs predicted | oneDNN µs | × by medians | × by least |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = f32_source(folder)
        for block in args.blocks.split(","):
            print(row(bench(args, path, block)), flush=True)


if __name__ == "__main__":
    main()
