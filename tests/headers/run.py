#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every header by itself, twice included, with warnings as errors; then all in one file,
also after macros named min and max, as <windows.h> has them.

    run.py --include DIR... --system DIR... [--also COMPILER]... [--jobs N] -- COMPILER FLAGS...

Another compiler, --also, compiles the one file only.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

MACROS = """#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) < (b) ? (b) : (a))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--system", action="append", default=[])
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    headers = sorted(p.relative_to(options.include).as_posix()
                     for p in options.include.rglob("*.hpp"))
    flags = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion",
             "-Wsign-conversion", "-Wshadow", "-Werror", "-x", "c++", f"-I{options.include}"]
    for folder in options.system:
        flags += ["-isystem", folder]

    def compile_text(command, text):
        run = subprocess.run([*command, *flags, "-"], input=text, text=True, capture_output=True,
                             check=False)
        return run.stderr if run.returncode else ""

    def compile_alone(header):
        return compile_text(options.command, f"#include <{header}>\n#include <{header}>\n")

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for header, messages in zip(headers, pool.map(compile_alone, headers)):
            if messages:
                failed += 1
                print(f"{header} does not compile alone:\n{messages}")
    print(f"{len(headers) - failed} of {len(headers)} headers compile alone")
    lines = [f"#include <{header}>\n" for header in headers]
    # What is not ours comes first: libstdc++ takes such macros away with its first header.
    pattern = re.compile(r"^#include <([a-z_]+|Eigen/Core)>", re.M)
    standard = sorted({name for header in headers
                       for name in pattern.findall((options.include / header).read_text())}
                      - {"stop_here"})
    after_macros = [*(f"#include <{name}>\n" for name in standard), MACROS, *lines]
    for command in (options.command, *([other] for other in options.also)):
        # The other way round, names of the later headers are known to the earlier ones.
        for order, text in (("", lines), (", backwards", lines[::-1]),
                            (", after macros min and max", after_macros)):
            messages = compile_text(command, "".join(text))
            what = f"all in one file{order}: {command[0]}"
            print(f"{what}: {messages or 'no warning'}")
            failed += bool(messages)
    return failed > 0 or not headers


if __name__ == "__main__":
    sys.exit(main())
