#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures and writes docs/performance.md with its plots: report.py [--python PYTHON] [--only SECTION ...] [--quick]

Needs the programs of build/release (cmake --build build/release --target time_net gemm_rate breakdown scaling eqsr_upscale).
With --python, an interpreter that has PyTorch, the PyTorch network of weights/reference is timed in between, and with it
the runtimes of ONNX that are installed there. --only measures some sections again and leaves the others as they are;
each says where and when it was measured. Everything runs on two threads; figures are medians. Run it on a machine that
does nothing else.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/corpus"), str(ROOT / "docs")]
from builder import png  # noqa: E402
from sections import rewrite  # noqa: E402

THREADS = 2


def run(*command, env=None):
    out = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, cwd=ROOT, env=env)
    return out.stdout


def last_json(text):
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


class Programs:
    def __init__(self, options):
        self.folder, self.python, self.repeats = options.build / "bench", options.python, 3 if options.quick else 5
        self.compiled = None

    def ours(self, config, height, width, scale, **more):
        extra = [part for name, value in more.items() for part in (f"--{name.replace('_', '-')}", value)]
        return last_json(run(self.folder / "time_net", "--config", config, "--height", height, "--width", width, "--scale",
                             scale, "--threads", THREADS, *extra))

    def plain(self):
        """A program compiled at plain -O2, which carries the hot loops of every instruction set."""
        program = self.folder / "time_net_O2"
        if self.compiled is None:
            flags = ["-std=c++20", "-O2", "-pthread", "-Iinclude", "-Itests", "-isystem", "/usr/include/eigen3"]
            run("g++", *flags, "bench/net/time_net.cpp", "-o", program)
            self.compiled = program
        return program

    def rate(self):
        return last_json(run(self.folder / "gemm_rate", THREADS))["gflops"]

    def beside(self, config, size, scale, isa=None, compiled=False, peer="pytorch"):
        """Medians of a peer and of ours, run in turn."""
        target = size * scale
        ours = (f"{self.plain() if isa else self.folder / 'time_net'} --config {config} --height {size} --width {size} "
                f"--scale {scale} --threads {THREADS} --repeats 1" + (f" --isa {isa}" if isa else ""))
        return last_json(run(self.python, f"bench/peers/{peer}.py", "--network", config, "--size", f"{size}x{size}",
                             "--target", f"{target}x{target}", "--threads", THREADS, "--repeats", self.repeats, "--ours",
                             ours, *(["--compile"] if compiled else []), *(["--isa", isa] if isa else [])))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def plot(path, title, xlabel, ylabel, series):
    """Lines through points, both axes from zero, as an SVG file of its own."""
    width, height, left, bottom = 640, 340, 70, 50
    most_x = max(x for _, points in series for x, _ in points)
    most_y = max(y for _, points in series for _, y in points) * 1.05

    def place(x, y):
        return left + x / most_x * (width - left - 20), height - bottom - y / most_y * (height - bottom - 40)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
             f'font-size="13"><rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{width / 2}" y="20" text-anchor="middle">{title}</text>',
             f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">{xlabel}</text>',
             f'<text x="14" y="{height / 2}" text-anchor="middle" transform="rotate(-90 14 {height / 2})">{ylabel}</text>']
    for i in range(5):
        x, y = place(most_x * i / 4, most_y * i / 4)
        parts += [f'<line x1="{left}" y1="{y:.1f}" x2="{width - 20}" y2="{y:.1f}" stroke="#ddd"/>',
                  f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{most_y * i / 4:.3g}</text>',
                  f'<text x="{x:.1f}" y="{height - bottom + 18}" text-anchor="middle">{most_x * i / 4:.3g}</text>']
    for colour, (name, points), row in zip(("#0b6", "#06c", "#c30", "#555"), series, range(9)):
        line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += ['<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>'.format(*place(*point), colour) for point in points]
        parts.append(f'<text x="{left + 10}" y="{48 + 17 * row}" fill="{colour}">{name}</text>')
    path.write_text("<!-- SPDX-License-Identifier: Apache-2.0 -->\n" + "\n".join(parts) + "</svg>\n")


HEAD = """<!-- Made by bench/report.py; run it again instead of editing. -->
# Performance

Everything is float32 on two threads, and figures are medians. The measure is the rate of matrix products on the same
machine in the same run, `gemm_rate`: Eigen's float product of 1024 x 1024 on each of two threads at once. Operations are
those of the plain formulation, so an exact restructuring that saves operations counts as speed. Each section says where
and when it was measured; programs are compiled with `-O3 -march=native` unless it says otherwise.
"""


def place(options):
    """The line that says where and when a section was measured."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())[1]
    cache = (options.build / "CMakeCache.txt").read_text()
    compiler = run(re.search(r"CMAKE_CXX_COMPILER:\w+=(.*)", cache)[1], "--version").splitlines()[0]
    commit = run("git", "describe", "--always").strip()
    if run("git", "status", "--porcelain", "-uno", "--", ".", ":!docs").strip():
        commit += "-dirty"
    return f"*{cpu}, {os.cpu_count()} cores; {compiler}; commit {commit}, {datetime.date.today()}.*\n"


# Network, side of the input, the newest instruction set that both sides may use.
CASES = [("lite", 64, None), ("base", 64, None), ("lite", 128, None), ("base", 128, None), ("lite", 64, "avx2"),
         ("base", 64, "avx2")]


def peers(programs, quick):
    if not programs.python:
        return None
    rows, rate, version, runtimes = [], programs.rate(), "", []
    for config, size, isa in CASES:
        found = [programs.beside(config, size, 4, isa)]
        if size == 64 and not isa and not quick:
            with contextlib.suppress(subprocess.CalledProcessError):  # not every PyTorch compiles every network
                found.append(programs.beside(config, size, 4, compiled=True))
        best = min(found, key=lambda result: result["seconds"])
        version = best["peer"].split()[-1]
        others = {}
        if size == 64 and not isa:
            with contextlib.suppress(subprocess.CalledProcessError):  # none is installed
                result = programs.beside(config, size, 4, peer="onnx_runtimes")
                others = {name: (result["seconds"][name], ratio) for name, ratio in result["ratios"].items()}
                runtimes = list(others)
        ours, theirs = best["ours"], best["seconds"]
        flops = programs.ours(config, size, size, 4, repeats=1)["plain_flops"]
        rows.append((config, f"{size}² to {4 * size}²", isa or "all", f"{ours:.3f} s",
                     f"{theirs:.3f} s, **{theirs / ours:.2f}**" + (" compiled" if best["compile"] else ""),
                     *("{:.3f} s, **{:.2f}**".format(*others[name]) if name in others else "" for name in runtimes),
                     f"{flops / ours * 1e-9 / rate:.0%}"))
    width = 6 + len(runtimes)
    rows = [row[:-1] + ("",) * (width - len(row)) + row[-1:] for row in rows]
    return ("The same network, parameters and input, each a few times in turn; in bold how many times as long as ours a peer "
            f"takes. PyTorch {version} (`weights/reference`): inference mode, channels last, cached masks and tables, fused "
            "attention, `F.layer_norm`, freed memory kept by the allocator; "
            f"{'eager' if quick else 'the faster of eager and compiled at 64², eager at 128²'}. The runtimes of ONNX get the "
            "same network, exported for one size. Everything is float32; reduced precision, which the peers offer too, is "
            f"not compared. `gemm_rate` here: {rate:.0f} GFLOP/s.\n\n" + table(
                ("network", "size", "instruction sets", "eqsr", "PyTorch", *runtimes, "ours of gemm_rate"), rows))


def older(programs, quick):
    """The same where AVX2 is the newest set; nothing on another processor."""
    flags = re.search(r"flags\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())[1].split()
    if not programs.python or "avx512f" in flags or "avx2" not in flags:
        return None
    rows = []
    for config in ("lite", "base"):
        result = programs.beside(config, 64, 4)
        rows.append((config, "64² to 256²", f"{result['ours']:.3f} s", f"{result['seconds']:.3f} s, **{result['ratio']:.2f}**"))
    return ("PyTorch and ours as above, eager, on a processor that has no AVX-512. `gemm_rate` here: "
            f"{programs.rate():.0f} GFLOP/s.\n\n" + table(("network", "size", "eqsr", "PyTorch"), rows))


def breakdown(programs, quick):
    tables = run(programs.folder / "breakdown", 64, THREADS, 2 if quick else 8)
    return ("What each kind of work takes of the threads' time, and what its operations would take at the rate of the packed "
            "product alone: the difference is what there is to gain. Operations are those that are executed, the products' "
            "after Winograd's saving and without padding. `breakdown` prints it.\n" + tables)


def cores(programs, quick):
    tables = run(programs.folder / "scaling", 64, 1 if quick else 3)
    return ("The tasks of every parallel loop, measured here, given to more cores than this machine has: each to the core that "
            "is free first. What is left out: the time to wake threads, and caches and memory that cores share. `scaling` "
            "prints it.\n" + tables)


def policies(programs, quick):
    rows, first = [], {}
    for config in ("base", "lite"):
        for storage in ("both", "one", "none"):
            result = programs.ours(config, 64, 64, 6, storage=storage, repeats=programs.repeats)
            first.setdefault(config, result["seconds"])
            rows.append((config, storage, f"{result['seconds']:.3f} s", f"{result['seconds'] / first[config]:.2f}",
                         f"{result['workspace_mib']:.0f} MiB"))
    return ("64² to 384²; what the upsampler keeps between its passes. The results have the same "
            "bits.\n\n" + table(("network", "kept", "time", "of both", "workspace"), rows))


def sizes(programs, quick):
    series_time, series_memory, notes = [], [], []
    for config, storage, megapixels in (("lite", "both", (0.25, 0.5, 1, 2)), ("lite", "none", (0.25, 0.5, 1, 2, 4, 8, 32)),
                                        ("base", "none", (0.25, 0.5, 1) if quick else (0.25, 1, 8))):
        points = []
        for target in megapixels:
            side = round((target * 1e6) ** 0.5 / 4)
            result = programs.ours(config, side, side, 4, storage=storage, repeats=1)
            points.append((16 * side * side / 1e6, result["seconds"], result["peak_mib"]))
        series_time.append((f"{config}, {storage} kept", [(p, s / p) for p, s, _ in points]))
        series_memory.append((f"{config}, {storage} kept", [(p, m) for p, _, m in points]))
        per_pixel = [s / p for p, s, _ in points]
        notes.append((f"{config}, {storage}", f"{points[0][0]:.2g} to {points[-1][0]:.2g}",
                      f"{min(per_pixel):.2f} to {max(per_pixel):.2f} s", f"{max(per_pixel) / min(per_pixel) - 1:.0%}",
                      f"{points[-1][2]} MiB"))
    images = ROOT / "docs/images"
    plot(images / "time.svg", "Seconds per megapixel, four times larger", "megapixels of the result", "s / megapixel",
         series_time)
    plot(images / "memory.svg", "Peak resident memory, four times larger", "megapixels of the result", "MiB", series_memory)
    return ("Four times larger, one pass each after a first one.\n\n" + table(
        ("network, kept", "megapixels", "per megapixel", "spread", "peak memory at the largest"), notes) +
            "\n![time per pixel](images/time.svg)\n![memory](images/memory.svg)\n")


def large(programs, quick):
    """Pictures by the tool as people use it, within 4 GB: it goes by rows where the whole result has no room."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        low, high = pathlib.Path(folder, "low.png"), pathlib.Path(folder, "high.png")
        for height in (128, 256) if quick else (256, 512, 1024):
            width = 2 * height
            low.write_bytes(png(width, height, rows=b"".join(
                b"\0" + bytes((x * 7 + y * 11) // 16 % 200 for x in range(3 * width)) for y in range(height))))
            start = time.monotonic()
            tool = subprocess.Popen([programs.folder.parent / "examples/upscale", "-i", low, "-o", high, "-s", "8",
                                     "--max-memory", "4G", "--overwrite", "-j", str(THREADS)])
            _, status, used = os.wait4(tool.pid, 0)
            seconds, megapixels = time.monotonic() - start, 64 * width * height / 1e6
            if status:
                raise SystemExit(f"upscale failed at {width} x {height}.")
            rows.append((f"{8 * width} x {8 * height}", f"{megapixels:.0f}", f"{seconds:.1f} s", f"{seconds / megapixels:.2f} s",
                         f"{used.ru_maxrss / 1024:.0f} MiB"))
    return ("`upscale -s 8 --max-memory 4G` with `lite`, from PNG to PNG. Where the whole result has no room in 4 GB it is computed "
            "and written by rows.\n\n" + table(("result", "megapixels", "time", "per megapixel", "peak memory"), rows))


def portable(programs, quick):
    rows = []
    for config in ("base", "lite"):
        pairs = []
        for _ in range(programs.repeats):
            times = [last_json(run(program, "--config", config, "--threads", THREADS, "--repeats", 1))["seconds"]
                     for program in (programs.folder / "time_net", programs.plain())]
            pairs.append(times)
        native, other = (statistics.median(column) for column in zip(*pairs))
        rows.append((config, f"{native:.3f} s", f"{other:.3f} s", f"{native / other:.0%}"))
    return ("The hot loops carry their own targets, chosen at run time: 64² to 256² by a program "
            "compiled at plain `-O2`.\n\n" + table(("network", "-O3 -march=native", "-O2", "of the native speed"), rows))


SECTIONS = {"peers": ("Beside others", peers), "older": ("Beside others with AVX2", older),
            "breakdown": ("Where the time goes", breakdown), "cores": ("More cores", cores), "policies": ("Storage policies", policies),
            "portable": ("Without -march=native", portable), "sizes": ("Size", sizes), "large": ("Large results", large)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--python", help="an interpreter with PyTorch")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="the sections to measure")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and sizes")
    options = parser.parse_args()
    programs = Programs(options)
    sections = []
    for name, (title, measure) in SECTIONS.items():
        text = measure(programs, options.quick) if name in options.only else None  # None, too, if it cannot be measured here
        if name in options.only and not text:
            print(f"not measured here: {title}")
        sections.append((title, text and f"{place(options)}\n{text.strip()}"))
    rewrite(ROOT / "docs/performance.md", HEAD, sections)


if __name__ == "__main__":
    main()
