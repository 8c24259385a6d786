#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nvcc and ptxas make of the CUDA backend, without a GPU.

    run.py ARCHITECTURE --include DIR --nvcc NVCC      ARCHITECTURE is sm_80 or sm_90a

Every kernel compiles without warnings and does not spill, but for those in SPILLS; the products,
attention, perceptron and convolution of the bfloat16 modes use the tensor cores and asynchronous
copies; the shared memory that their own formulas ask for fits. Where there is no nvcc, it says so and skips (exit code 77).
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TENSOR = ("GemmBody", "AttentionBody", "KrigingBlockBody", "MlpBody")
LIMIT = {"sm_80": 99 * 1024, "sm_90a": 227 * 1024}
# Where a kernel does not fit this, gpu::mlp runs its parts instead; that of bf16 fits.
OPTIONAL_ON_SM_80 = ("MlpBody float32", "MlpBody bf16x3", "MlpBody bf16x6")
# Two blocks shall fit a multiprocessor of either architecture: bytes of shared memory, of which a
# block takes 1 KiB more than it asks for, and registers of 256 threads.
TWICE, TWICE_BYTES, TWICE_REGISTERS = "MlpBody bf16", 81 * 1024, 128
# Bytes that may be spilled: products of several planes sum 32 steps apart from the total, since
# tensor cores cut off instead of rounding; that takes a few registers more than there are. The
# perceptron of bf16 keeps to 128 registers, so that two blocks fit a multiprocessor.
SPILLS = {"AttentionBody bf16x3": 96, "GemmBody bf16x3": 64, "GemmBody bf16x6": 48,
          "KrigingBlockBody bf16x3": 48, "KrigingBlockBody bf16": 32, "MlpBody bf16": 56}
PRECISIONS = ("float32", "bf16x3", "bf16", "bf16x6")
HERE = pathlib.Path(__file__).resolve().parent


def readable(mangled):
    """GemmBody bf16x3 and the like."""
    body = re.search(r"\d([A-Z]\w*?Body)", mangled)
    precision = re.search(r"PrecisionE(\d)", mangled)
    return (body[1] if body else mangled) + (f" {PRECISIONS[int(precision[1])]}" if precision else "")


def kernels_of(ptx):
    """name -> text of each kernel."""
    found = {}
    for match in re.finditer(r"\.entry\s+(\w+)\s*\((.*?)^\}", ptx, re.S | re.M):
        found[match[1]] = match[2]
    return found


def shared_bytes(nvcc, include, folder):
    """What the kernels of `base` ask for, by the program's own formulas."""
    program = folder / "shared"
    subprocess.run([nvcc, "-std=c++20", "-arch=sm_80", f"-I{include}", "-x", "cu",
                    str(HERE / "shared_memory.cpp"), "-o", str(program)], check=True)
    lines = subprocess.run([program], check=True, text=True, capture_output=True).stdout
    return [(name, int(size)) for name, size in (line.rsplit(" ", 1) for line in lines.splitlines())]


def problems(options, folder):
    name = options.architecture
    number = name.removeprefix("sm_")
    run = subprocess.run(
        [options.nvcc, "-std=c++20", "-O3", f"-I{options.include}", "-Xptxas", "-v", "--keep",
         f"--keep-dir={folder}", f"-gencode=arch=compute_{number},code=sm_{number}", "-Xcompiler",
         "-Wall,-Wextra,-Wno-restrict", "-c", str(HERE / "kernels.cu"), "-o", str(folder / "kernels.o")],
        text=True, capture_output=True, check=False)
    if run.returncode:
        yield f"nvcc failed:\n{run.stderr}"
        return
    for line in run.stderr.splitlines():
        if "warning" in line:
            yield line
    report = re.findall(r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores, "
                        r"(\d+) bytes spill loads.*?Used (\d+) registers", run.stderr, re.S)
    for kernel, stores, loads, registers in report:
        if readable(kernel) == TWICE and int(registers) > TWICE_REGISTERS:
            yield f"{kernel} takes {registers} registers on {name}; {TWICE_REGISTERS} let two blocks run at once"
        if max(int(stores), int(loads)) > SPILLS.get(readable(kernel), 0):
            yield f"{kernel} spills {stores} + {loads} bytes on {name}"
    ptx = kernels_of(next(folder.glob("kernels*.ptx")).read_text())
    if len(ptx) < 20 or len(report) < len(ptx):
        yield f"only {len(ptx)} kernels, {len(report)} reports: the compiler's output has changed"
    tensor = 0
    for kernel, text in ptx.items():
        if not any(body in kernel for body in TENSOR):
            continue
        if "cp.async" not in text:
            yield f"{kernel} has no cp.async"
        mma = "mma.sync.aligned.m16n8k16" in text
        float32 = "PrecisionE0" in kernel
        if mma == float32:
            yield f"{kernel}: mma.sync is {'there' if mma else 'missing'}"
        tensor += mma
    if tensor < 9:
        yield f"only {tensor} kernels use the tensor cores"
    for kernel, size in shared_bytes(options.nvcc, options.include, folder):
        print(f"{kernel}: {size / 1024:.1f} KiB of shared memory")
        if kernel == TWICE and size > TWICE_BYTES:
            yield f"{kernel} needs {size} bytes of shared memory; {TWICE_BYTES} let two blocks run at once"
        if size > LIMIT[name] and not (name == "sm_80" and kernel in OPTIONAL_ON_SM_80):
            yield f"{kernel} needs {size} bytes of shared memory; {name} has {LIMIT[name]}"
    print(f"{len(ptx)} kernels for {name}, {tensor} of them on tensor cores, "
          f"at most {max(int(r[3]) for r in report)} registers")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("architecture", choices=sorted(LIMIT))
    parser.add_argument("--include", required=True)
    parser.add_argument("--nvcc", default="nvcc")
    options = parser.parse_args()
    options.nvcc = shutil.which(options.nvcc) or shutil.which("/usr/local/cuda/bin/nvcc")
    if not options.nvcc:
        print("skipped: there is no nvcc here (CUDA 13.0 is what the kernels are checked with)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        found = list(problems(options, pathlib.Path(folder)))
    print("\n".join(found) or "nothing is wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
