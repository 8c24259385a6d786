#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the kernels of the CUDA backend take of a multiprocessor, and how fast a device could be.

    table.py [ARCHITECTURE...] [--nvcc NVCC] [--cxx COMPILER]      by default sm_80 sm_86 sm_90a sm_120
    table.py --write                              puts both tables into docs/cuda.md
    table.py --check                              are those of docs/cuda.md up to date? Without nvcc

The first table: registers, bytes spilled and shared memory of a block of each large kernel, the
blocks that fit a multiprocessor at once, and instructions. An architecture takes a minute.

The second: traffic and operations of `base` and `lite` from 270x480 to 1080x1920 as their plan
counts them, less what stays inside of fused kernels, and the time that they imply: each operator
takes as long as its traffic or its operations would at the published peak, whichever is longer.
"""
import argparse
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from run import HERE, TENSOR, readable, shared_bytes

ROOT = HERE.parents[2]
DOCUMENT = ROOT / "docs/cuda.md"
BEGIN, END = "<!-- Made by tests/cuda/nvcc/table.py --write. -->\n", "<!-- End of what table.py made. -->\n"
DEFAULT = ["sm_80", "sm_86", "sm_90a", "sm_120"]
SIZE = ("270", "480", "1080", "1920")
# Dense peaks: bytes/s, float32 operations/s, products of bfloat16 summed in float32 (operations/s).
DEVICES = {
    # NVIDIA H100 Tensor Core GPU Architecture (2022), tables 1 and 3; the SXM5 board
    "H100": (3.35e12, 66.9e12, 989.4e12),
    # NVIDIA A100 80GB datasheet (2021); the SXM board
    "A100": (2.039e12, 19.5e12, 312e12),
    # NVIDIA Ada GPU Architecture (2022), appendix A, table 2
    "RTX 4090": (1.008e12, 82.6e12, 165.2e12),
}

# Shared memory of a multiprocessor, of which each block takes 1 KiB more than it asks for.
SHARED = {"sm_80": 164, "sm_86": 100, "sm_89": 100, "sm_90a": 228, "sm_100": 228, "sm_120": 100}
REGISTERS, WARPS = 65536, {"sm_80": 64, "sm_90a": 64, "sm_100": 64}
THREADS = {"GemmBody": 384, "AttentionBody": 128, "KrigingBlockBody": 256, "MlpBody": 256}


def code_sizes(cubin):
    """Mangled name -> bytes of machine code: the sections .text.NAME of a 64-bit ELF file."""
    data = cubin.read_bytes()
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    strings = headers[names][4]
    found = {}
    for name, _, _, _, _, length in headers:
        text = data[strings + name:data.index(b"\0", strings + name)].decode()
        if text.startswith(".text."):
            found[text.removeprefix(".text.")] = length
    return found


def rows(nvcc, architecture, folder):
    include, cubin = ROOT / "include", folder / "kernels.cubin"
    log = subprocess.run([nvcc, "-std=c++20", "-O3", f"-I{include}", f"-arch={architecture}", "-Xptxas", "-v",
                          "-cubin", str(HERE / "kernels.cu"), "-o", str(cubin)], text=True, capture_output=True,
                         check=True).stderr
    sizes = code_sizes(cubin)
    report = re.findall(r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill loads"
                        r".*?Used (\d+) registers", log, re.S)
    shared = {}
    for name, size in shared_bytes(nvcc, include, folder):
        shared.setdefault(name, size)  # the first is that of `base`
    for kernel, stores, loads, registers in sorted(report, key=lambda line: readable(line[0])):
        name = readable(kernel)
        if not any(body in kernel for body in TENSOR) or name not in shared:
            continue
        body, precision = name.split()
        threads = THREADS[body] if precision != "bf16x6" else 256
        by_registers = REGISTERS // (threads * (-(-int(registers) // 8) * 8))
        by_shared = SHARED[architecture] * 1024 // (shared[name] + 1024)
        by_warps = WARPS.get(architecture, 48) * 32 // threads
        blocks = min(by_registers, by_shared, by_warps) if shared[name] <= (SHARED[architecture] - 1) * 1024 else 0
        yield (architecture, name, registers, max(int(stores), int(loads)), f"{shared[name] / 1024:.1f}", blocks,
               sizes[kernel] // 16)


def work_rows(compiler, folder):
    """What each network has to do in each mode, and the milliseconds that it implies."""
    program = folder / "work"
    subprocess.run([compiler, "-std=c++20", f"-I{ROOT / 'include'}", str(HERE / "work.cpp"), "-o", str(program)],
                   check=True)
    for network in ("base", "lite"):
        lines = subprocess.run([program, network, *SIZE], check=True, text=True, capture_output=True).stdout
        launches = [tuple(map(float, line.split())) for line in lines.splitlines()]
        for mode, which in (("float32", None), ("bf16x3", 3), ("bf16", 4)):
            work = []  # bytes, operations on the ordinary cores, on tensor cores
            for launch in launches:
                products = launch[which] if which else 0
                work.append((launch[0] - launch[1], 0 if products else launch[2], launch[2] * products))
            times = [1e3 * sum(max(amount / peak for amount, peak in zip(each, peaks)) for each in work)
                     for peaks in DEVICES.values()]
            traffic, ordinary, tensor = map(sum, zip(*work))
            yield (f"`{network}`", f"`{mode}`", f"{traffic / 1e9:.0f}", f"{ordinary / 1e12:.2f}",
                   f"{tensor / 1e12:.2f}", *(f"{time:.1f}" for time in times))


def table(head, found):
    lines = [head, ["---"] * len(head), *found]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def work_table(compiler, folder):
    return table(["network", "mode", "GB", "float32, 10^12", "bfloat16, 10^12", *(f"{name}, ms" for name in DEVICES)],
                 work_rows(compiler, folder))


def kernel_table(nvcc, architectures, folder):
    return table(["architecture", "kernel", "registers", "spilled", "shared KiB", "blocks", "instructions"],
                 (row for architecture in architectures for row in rows(nvcc, architecture, folder)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", default=DEFAULT)
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--cxx", default="g++")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        work = work_table(options.cxx, folder)
        before, made, after = re.split(f"{re.escape(BEGIN)}|{re.escape(END)}", DOCUMENT.read_text())
        if options.check:
            if work not in made:
                sys.exit(f"{DOCUMENT.relative_to(ROOT)} has another work of the networks. "
                         "Run tests/cuda/nvcc/table.py --write.")
            missing = [each for each in DEFAULT if f"| {each} |" not in made]
            sys.exit(f"{DOCUMENT.relative_to(ROOT)} has no kernels of {missing}" if missing else 0)
        nvcc = shutil.which(options.nvcc) or shutil.which("/usr/local/cuda/bin/nvcc")
        if not nvcc:
            sys.exit("There is no nvcc here. Install CUDA 13.0, or give its path with --nvcc.")
        kernels = kernel_table(nvcc, options.architectures, folder)
    if not options.write:
        print(kernels + "\n" + work, end="")
        return
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], check=True, text=True,
                            capture_output=True).stdout.strip()
    DOCUMENT.write_text(f"{before}{BEGIN}Kernels at commit {commit}:\n\n{kernels}\n"
                        f"Work at 270x480 to 1080x1920:\n\n{work}{END}{after}")


if __name__ == "__main__":
    main()
