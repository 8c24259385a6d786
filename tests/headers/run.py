#!/ usr / bin / env python3
#SPDX - License - Identifier : Apache - 2.0
"""Compiles every header by itself, twice included, with warnings as errors.

    run.py --include DIR... --system DIR... [--jobs N] -- COMPILER FLAGS...
"""
import argparse
import concurrent.futures
import pathlib
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--system", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    headers = sorted(p.relative_to(options.include).as_posix()
                     for p in options.include.rglob("*.hpp"))
    flags = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion",
             "-Wsign-conversion", "-Wshadow", "-Werror", "-x", "c++", f"-I{options.include}"]
    for folder in options.system:
        flags += ["-isystem", folder]

    def compile_alone(header):
        source = f"#include <{header}>\n#include <{header}>\n"
        run = subprocess.run([*options.command, *flags, "-"], input=source, text=True,
                             capture_output=True, check=False)
        return header, run.returncode, run.stderr

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for header, code, messages in pool.map(compile_alone, headers):
            if code:
                failed += 1
                print(f"{header} does not compile alone:\n{messages}")
    print(f"{len(headers) - failed} of {len(headers)} headers compile alone")
    return failed > 0 or not headers


if __name__ == "__main__":
    sys.exit(main())
