"""The tables of bench/results/planner.md; see planner_report.sh. All numbers come from fcmc itself (JSON of `plan`, lines of `verify`), but for the
columns that name a source."""
import json, os, re, subprocess, sys, tempfile

BUILD = sys.argv[1]
FCMC = os.path.join(BUILD, "compiler", "fcmc")


def plan(path, *options):
    out = subprocess.run([FCMC, "plan", path, "--json", *options], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"plan {path} {options}: {out.stderr}")
    return json.loads(out.stdout)["result"]


def usage(*command):
    """Least processor seconds of three runs, and their largest memory in MB."""
    took, memory = [], 0
    for _ in range(3):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"{command}: status {status}")
        took.append(used.ru_utime + used.ru_stime)
        memory = max(memory, used.ru_maxrss / 1024)
    return min(took), memory


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(c) for c in row) + " |")
    print()


def example(name):
    return f"examples/{name}.fcm"


# ---- predicted = counted ----

def counted():
    print("## Predicted bytes = counted bytes\n")
    print("Issued bytes of the plan (what its copies, stores and in-place operands move) against the counters of the compiled program of the same")
    print("plan, `fcmc verify`: OpenMP for the cpu, the CUDA program printed as C for h200; the interpreter's counters must agree too. The DRAM bytes of")
    print("a plan are the same windows, each byte once. A difference of one byte fails the run.\n")
    blocks = [(example(n), None) for n in ["acts", "dw5", "dw7", "mbconv", "mbconv_f32", "pwpw", "ragged", "two_outputs", "xception_pair",
                                           "mobilenetv1_pairs"]]
    blocks += [(example("dwpwdw"), b) for b in ("v1", "v1_two", "xception")]
    blocks += [(example("mobilenetv2_blocks"), f"b{i}") for i in range(17)]
    rows = []
    for path, block in blocks:
        row = []
        for target, device in (("cpu", "cpu"), ("cuda", "h200")):
            options = ["--target", target, "--device", device] + (["--block", block] if block else [])
            r = plan(path, *options)
            issued = sum(g["best"]["issued_bytes"] for g in r["groups"])
            out = subprocess.run([FCMC, "verify", path, "--mode", "exact", *options], capture_output=True, text=True)
            found = [int(n) for n in re.findall(r"bytes: walk = counters = (\d+) bytes", out.stdout)]
            if out.returncode or not found or any(n != issued for n in found):
                sys.exit(f"{path} {block} {target}: {issued} predicted, {found} counted\n{out.stdout}{out.stderr}")
            row += [len(r["groups"]), r["dram_bytes"], issued, found[0]]
        rows.append((os.path.basename(path), r["block"], *row))
    one = ["kernels", "DRAM bytes", "issued, predicted", "counted"]
    table(["example", "block"] + ["cpu: " + one[0]] + one[1:] + ["h200: " + one[0]] + one[1:], rows)


# ---- traffic ----

def removed():
    print("## Ideal traffic removed\n")
    print("Inputs, outputs and weights of all depthwise and pointwise layers once, in elements, batch 1; plans for h200 with `--minimize dram`.")
    print("*best* is an independent search over all covers by the forms that are lowered. Wanted: the figures that arXiv 2404.19331's networks")
    print("allow, with chains of at most three; its shipped choices reach 14 to 27 %.\n")
    out = subprocess.run([os.path.join(BUILD, "tests", "planner_traffic")], capture_output=True, text=True)
    form = (r"examples/(\w+)\.fcm\s+([\d.]+) M: pairs ([\d.]+) \(best ([\d.]+), wanted (\d+)\), "
            r"whole ([\d.]+) \(best ([\d.]+), wanted (\d+)\)")
    rows = re.findall(form, out.stdout)
    if out.returncode or len(rows) != 4:
        sys.exit("planner_traffic failed:\n" + out.stdout + out.stderr)
    table(["network", "layer by layer, M elements", "pairs, %", "best", "wanted", "whole blocks, %", "best", "wanted"], rows)


# ---- the planner itself ----

NETS = ["mobilenetv1", "mobilenetv2", "xception", "proxylessnas_gprox3", "efficientnet_b0", "mobilenetv3_large", "convnext_tiny"]
DEVICES = ["h200", "orin", "gtx1660", "cpu"]


def speed():
    print("## Time to plan\n")
    print("Milliseconds of processor time on one core, least of three, explanations and the start of the process included; (schedules priced).\n")
    rows, most = [], 0
    for name, options in [(n, []) for n in NETS] + [("mobilenetv2_blocks", ["--block", b]) for b in ("b1", "b2", "b7", "b14")]:
        row = [f"{name} {options[1] if options else ''}"]
        for device in DEVICES:
            took, memory = usage(FCMC, "plan", example(name), "--device", device, *options)
            most = max(most, memory)
            row.append(f"{took * 1e3:.0f} ({plan(example(name), '--device', device, *options)['tried']})")
        rows.append(row)
    table(["plan"] + DEVICES, rows)
    print(f"Largest memory of any of these processes: {most:.0f} MB.\n")


# ---- predictions per block ----

# k/s, C, E, Cout, H; fused MB, ideal and ideal+ microseconds at N = 128: physical bounds of a whole fused block (f16; H200 class: bytes at
# 4.3 TB/s, pointwise at 790 TFLOP/s; ideal+ counts mma.sync, special functions, issue and shared memory as well)
V2 = [("0", 3, 1, 32, 0, 16, 112, 154.1, 35.8, 35.8), ("1", 3, 2, 16, 96, 24, 112, 70.7, 16.4, 27.6), ("2", 3, 1, 24, 144, 24, 56, 38.6, 9.0, 22.5),
      ("3", 3, 2, 24, 144, 32, 56, 25.7, 6.0, 10.4), ("4-5", 3, 1, 32, 192, 32, 28, 12.9, 3.1, 7.5), ("6", 3, 2, 32, 192, 64, 28, 9.7, 2.3, 3.5),
      ("7-9", 3, 1, 64, 384, 64, 14, 6.5, 3.1, 4.0), ("10", 3, 1, 64, 384, 96, 14, 8.2, 3.9, 5.0), ("11-12", 3, 1, 96, 576, 96, 14, 9.9, 7.0, 9.0),
      ("13", 3, 2, 96, 576, 160, 14, 7.1, 5.0, 6.4), ("14-15", 3, 1, 160, 960, 160, 7, 4.6, 4.9, 6.3), ("16", 3, 1, 160, 960, 320, 7, 7.0, 7.3, 9.4)]
B0 = [("0", 3, 1, 32, 0, 16, 112, 154.1, 35.8, 35.8), ("1", 3, 2, 16, 96, 24, 112, 70.7, 16.4, 46.1), ("2", 3, 1, 24, 144, 24, 56, 38.6, 9.0, 27.6),
      ("3", 5, 2, 24, 144, 40, 56, 27.3, 6.4, 17.3), ("4", 5, 1, 40, 240, 40, 28, 16.1, 9.0, 16.6), ("5", 3, 2, 40, 240, 80, 28, 12.1, 3.7, 7.2),
      ("6-7", 3, 1, 80, 480, 80, 14, 8.2, 4.9, 6.3), ("8", 5, 1, 80, 480, 112, 14, 9.9, 5.9, 8.3), ("9-10", 5, 1, 112, 672, 112, 14, 11.6, 9.6, 12.3),
      ("11", 5, 2, 112, 672, 192, 14, 8.5, 6.8, 8.8), ("12-14", 5, 1, 192, 1152, 192, 7, 6.0, 7.0, 9.0), ("15", 3, 1, 192, 1152, 320, 7, 7.8, 9.4, 12.1)]


def block_text(row, act, se):
    _, k, s, c, e, out, h, *_ = row
    text = f"block t(x: f16[N, {h}, {h}, {c}]) {{\n"
    text += f"    e = x |> pw({e}) |> bn |> {act}\n" if e else "    e = x\n"
    text += f"    d = {'e' if e else 'x'} |> dw({k}, stride={s}) |> bn |> {act}{f' |> se({c} / 4)' if se else ''}\n"
    text = text.replace("    e = x\n", "")
    text += f"    p = d |> pw({out}) |> bn\n    return {'x + p' if c == out and s == 1 else 'p'}\n}}\n"
    return text


def blocks(title, rows, act, se):
    print(f"## H200 per block: {title}\n")
    print("Modelled microseconds (kernels), f16; at N = 128 also MB of DRAM traffic, beside the bounds of a wholly fused block.\n")
    out, totals = [], [0.0] * 3
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block.fcm")
        for row in rows:
            with open(path, "w") as f:
                f.write(block_text(row, act, se))
            results = [plan(path, "--device", "h200", "--batch", str(n)) for n in (1, 32, 128)]
            times = 1 if "-" not in row[0] else int(row[0].split("-")[1]) - int(row[0].split("-")[0]) + 1
            totals = [t + times * r["seconds"] * 1e6 for t, r in zip(totals, results)]
            out.append([row[0]] + [f"{r['seconds'] * 1e6:.1f} ({len(r['groups'])})" for r in results]
                       + [f"{results[2]['dram_bytes'] / 1e6:.1f}", row[7], row[8], row[9]])
    out.append(["sum"] + [f"{t:.0f}" for t in totals] + ["", "", "", ""])
    table(["block", "N = 1", "N = 32", "N = 128", "MB", "fused MB, bound", "ideal us", "ideal+ us"], out)


# ---- the paper's GPUs ----

PAPER = {"gtx1660": ["3/2/0", "13/12/3", "4/28/0", "13/5/2"], "a4000": ["11/3/0", "16/7/3", "29/2/0", "13/6/2"],
         "orin": ["12/3/0", "16/7/6", "32/3/1", "crash/4/4"]}
SHIPPED = ["25 % (7)", "19 % (12)", "17 % (20)", "27 % (11)"]


def in_f32(name, folder):
    path = os.path.join(folder, name + ".fcm")
    with open(example(name)) as f, open(path, "w") as g:
        g.write(f.read().replace("f16[", "f32["))
    return path


def paper():
    print("## The paper's three GPUs, f32, batch 1\n")
    print("*proposed*: candidates PWDW / DWPW / PWPW that the published planner lists (they overlap; the user picks); *shipped*: ideal traffic")
    print("that the shipped fusion list removes (pairs). Ours: one cover, groups of 2 and of more, and the DRAM bytes removed against layer by")
    print("layer, of all layers that are lowered (bias, bn and residuals included).\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for device, proposed in PAPER.items():
            for i, net in enumerate(NETS[:4]):
                path, row = in_f32(net, folder), [device, net, proposed[i], SHIPPED[i]]
                for options in (["--pairs-only", "--minimize", "dram"], ["--minimize", "dram"], []):
                    r = plan(path, "--device", device, *options)
                    sizes = [len(g["stages"]) for g in r["groups"]]
                    share = 100 - 100 * r["dram_bytes"] / r["unfused_bytes"]
                    row.append(f"{sizes.count(2)} + {sum(n > 2 for n in sizes)}, {share:.0f} %" + (f", {r['seconds'] * 1e6:.0f} us" if not options else ""))
                rows.append(row)
    table(["GPU", "network", "proposed", "shipped", "ours: pairs, least DRAM", "ours: least DRAM", "ours: least time"], rows)


print("# The planner: predictions, traffic, speed\n")
print("Made by `scripts/planner_report.sh`. Times are modelled from the device files in planner/hw, whose rates name their sources; nothing here was")
print("measured on a GPU.\n")
counted()
removed()
speed()
blocks("MobileNetV2", V2, "relu6", False)
blocks("EfficientNet-B0 without squeeze-and-excitation", B0, "silu", False)
print("With squeeze-and-excitation the mean is not lowered yet, so the depthwise result lies in memory:\n")
blocks("EfficientNet-B0 cut at the mean", B0, "silu", True)
paper()
