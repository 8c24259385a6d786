#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seconds and peak memory that the compiler needs for eqsr, and the object code it makes.

    run.py --source DIR --system DIR... -- COMPILER

Seconds are processor time, the best of three; code and constants are those that `size` tells.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCES = {
    "nothing": "int main() {}\n",
    "core/tensor.hpp": "#include <eqsr/core/tensor.hpp>\nint main() {}\n",
    "net/eqsr.hpp": "#include <eqsr/net/eqsr.hpp>\nint main() {}\n",
    "io/state_dict.hpp": "#include <eqsr/io/weights/state_dict.hpp>\nint main() {}\n",
    "io/image.hpp": "#include <eqsr/io/image.hpp>\nint main() {}\n",
    "Eigen/Core": "#include <Eigen/Core>\nint main() {}\n",
    "eqsr.hpp": "#include <eqsr/eqsr.hpp>\nint main() {}\n",
}
LINKED = "-O2 -DEQSR_LINKED_LITE_CPU"  # as that target has it compiled
README = {LINKED: "the README's program, built with its CMake lines",
          "-O2": "the README's program, everything from the headers"}


def measure(command):
    """Processor seconds and peak megabytes of a command and what it starts."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def code_size(file):
    """Kilobytes of code and constants in an object file."""
    text = subprocess.run(["size", file], check=True, capture_output=True, text=True).stdout
    return int(text.splitlines()[1].split()[0]) / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--system", action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    flags = ["-std=c++20", f"-I{options.source / 'include'}", "-c"]
    for folder in options.system:
        flags += ["-isystem", folder]

    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "made.o"
        program = options.source / "examples/minimal.cpp"
        rows = [(name, level, program) for level, name in README.items()]
        rows += [(README["-O2"], level, program) for level in ("-O3 -march=native", "-O0")]
        linked = pathlib.Path(folder) / "lite_cpu.cpp"
        linked.write_text(program.read_text().replace("eqsr/eqsr.hpp", "eqsr/lite_cpu.hpp"))
        rows.append(("the README's program with lite_cpu.hpp", "-O2", linked))
        for name, text in SOURCES.items():
            file = pathlib.Path(folder) / f"{len(rows)}.cpp"
            file.write_text(text)
            rows.append((name, "-O2", file))
        print("| what | flags | seconds | MB | code, KB |\n| --- | --- | --- | --- | --- |")
        for name, level, file in rows:
            best = (float("inf"), 0)
            for _ in range(3):
                best = min(best, measure([*options.command, *flags, "-o", str(made),
                                          *level.split(), str(file)]))
            print(f"| {name} | {level} | {best[0]:.1f} | {best[1]:.0f} | {code_size(made):.0f} |",
                  flush=True)


if __name__ == "__main__":
    main()
