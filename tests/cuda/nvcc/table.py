#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the kernels of the CUDA backend take of a multiprocessor, without a GPU.

    table.py [ARCHITECTURE...] [--nvcc NVCC]      by default sm_80 sm_86 sm_90a sm_120

Compiles the kernels of `base` and `lite` and prints, for each large one, registers, bytes spilled
and shared memory of a block, the blocks that fit a multiprocessor at once, and instructions. An
architecture takes some ten minutes of a processor.
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
    include, cubin = HERE.parents[2] / "include", folder / "kernels.cubin"
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
        yield (architecture, name, registers, int(stores) + int(loads), f"{shared[name] / 1024:.1f}", blocks,
               sizes[kernel] // 16)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", default=["sm_80", "sm_86", "sm_90a", "sm_120"])
    parser.add_argument("--nvcc", default="nvcc")
    options = parser.parse_args()
    nvcc = shutil.which(options.nvcc) or shutil.which("/usr/local/cuda/bin/nvcc")
    if not nvcc:
        sys.exit("There is no nvcc here. Install CUDA 13.0, or give its path with --nvcc.")
    print("| architecture | kernel | registers | spilled | shared KiB | blocks | instructions |\n" + "| --- " * 7 + "|")
    for architecture in options.architectures:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(nvcc, architecture, pathlib.Path(folder)):
                print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
