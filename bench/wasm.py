#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""WebAssembly beside the portable instruction set of this machine, one thread: bench/wasm.py

Builds bench/net/time_net.cpp by em++ and g++ with the same options, lets node and the processor run
it in turns, and prints the fastest pass of each and their ratio. Needs Debian's packages
emscripten and nodejs.
"""
import argparse
import json
import os
import pathlib
import subprocess

root = pathlib.Path(__file__).resolve().parent.parent
work = root / "build" / "wasm_bench"


def build(compiler, program, *flags):
    (work / "include").mkdir(parents=True, exist_ok=True)
    eigen = work / "include" / "eigen3"  # /usr/include holds headers of another system too
    if not eigen.is_symlink():
        eigen.symlink_to("/usr/include/eigen3")
    subprocess.run([compiler, "-std=c++20", "-O3", "-DNDEBUG", f"-I{root}/include",
                    f"-I{root}/tests", "-isystem", eigen, root / "bench/net/time_net.cpp", *flags,
                    "-o", program], check=True)


def fastest(command, size):
    line = subprocess.run([*command, "--config", "lite", "--height", size, "--width", size,
                           "--scale", "2", "--threads", "1", "--repeats", "8"],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(line)["fastest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="64", help="pixels a side of the input")
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    os.environ.setdefault("NODE_PATH", "/usr/share/nodejs")  # where Debian's emcc looks for acorn
    build("em++", work / "time_net.js", "-msimd128", "-fexceptions", "-sALLOW_MEMORY_GROWTH",
          "-sEXIT_RUNTIME")
    build("g++", work / "time_net", "-pthread")
    # Node 18 and later fetch by themselves, which Debian's emscripten does not expect.
    programs = {"SIMD128": ["node", "--no-experimental-fetch", work / "time_net.js"],
                "portable": [work / "time_net", "--isa", "portable"]}
    best = {}
    for _ in range(options.rounds):
        for name, command in programs.items():
            seconds = fastest(command, options.size)
            best[name] = min(seconds, best.get(name, seconds))
    for name, seconds in best.items():
        print(f"{name}: {seconds:.4f} s")
    print(f"ratio: {best['SIMD128'] / best['portable']:.2f}")


if __name__ == "__main__":
    main()
