#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the matrix product's tile would be on ARM64, by a model, where no such machine is at hand:

    bench/core/tile_model.py [CPU ...]

compiles tiles of several shapes with aarch64-linux-gnu-g++, and asks llvm-mca for the cycles of the
innermost loop on each processor. It prints fused multiply-adds of four floats a cycle, and the loads
and stores of one turn: a store there is a spill. Needs Debian's g++-aarch64-linux-gnu and llvm-19
(llvm-mca 14 knows no Neoverse V).
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ((6, 2), (4, 4), (5, 4), (6, 4))
MODEL = next((name for name in ("llvm-mca-19", "llvm-mca") if shutil.which(name)), "llvm-mca")
EIGEN = "/usr/include/eigen3"


def loop(rows, vectors):
    """The lines of the innermost loop of tile<rows, vectors>: the shortest with all its fmla."""
    source = f"#include <eqsr/cpu/core/simd.hpp>\nauto* used = &eqsr::simd::portable::tile<{rows}, {vectors}>;\n"
    made = subprocess.run(["aarch64-linux-gnu-g++", "-std=c++20", "-O2", f"-I{ROOT}/include", "-isystem", EIGEN, "-S",
                           "-x", "c++", "-", "-o", "-"], input=source, stdout=subprocess.PIPE, check=True, text=True).stdout
    lines = made.splitlines()
    label = {line[:-1]: i for i, line in enumerate(lines) if re.fullmatch(r"\.L\d+:", line)}
    ends = [(label[m[1]], i) for i, line in enumerate(lines)
            if (m := re.search(r"\t(?:b|cb|tb)[\w.]*\t.*?(\.L\d+)$", line)) and label.get(m[1], i) < i]
    full = [(a, b) for a, b in ends if sum("\tfmla\t" in line for line in lines[a:b]) >= rows * vectors]
    first, last = min(full, key=lambda ends: ends[1] - ends[0])
    return [line for line in lines[first + 1:last + 1] if not re.match(r"\s*\.", line)]


def cycles(lines, cpu):
    said = subprocess.run([MODEL, "-mtriple=aarch64", f"-mcpu={cpu}", "-iterations=1000"], input="\n".join(lines) + "\n",
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    return int(re.search(r"Total Cycles:\s+(\d+)", said)[1]) / 1000


def main():
    cpus = sys.argv[1:] or ["neoverse-n1", "neoverse-v1", "neoverse-v2"]
    print("| tile | fmla | loads | stores |", *(f" {cpu} |" for cpu in cpus), sep="")
    print("| --- | --- | --- | --- |", *(" --- |" for _ in cpus), sep="")
    for rows, vectors in SHAPES:
        lines = loop(rows, vectors)
        fmla = sum("\tfmla\t" in line for line in lines)
        loads, stores = (sum(bool(re.match(rf"\t{kind}", line)) for line in lines) for kind in ("ld", "st"))
        print(f"| {rows} x {vectors} | {fmla} | {loads} | {stores} |",
              *(f" {fmla / cycles(lines, cpu):.2f} |" for cpu in cpus), sep="")


main()
