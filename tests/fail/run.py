#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file that must not compile, for the right reason.

The first line of the file is `// expect: TEXT`; the compiler's messages must contain TEXT. Lines
`// flags: ...` give flags to compile with, one attempt a line; without one there is one attempt.
A line `// errors: N` says how many errors there may be: a sentence among hundreds is not read.

    run.py FILE --include DIR --system DIR... -- COMPILER
"""
import argparse
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--include", required=True)
    parser.add_argument("--system", action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    with open(options.file, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if not lines or not lines[0].startswith("// expect: "):
        print(f"{options.file} must start with '// expect: TEXT'")
        return 1
    expected = lines[0].removeprefix("// expect: ")
    attempts = [line.removeprefix("// flags: ").split()
                for line in lines if line.startswith("// flags: ")] or [[]]
    most = [int(line.removeprefix("// errors: "))
            for line in lines if line.startswith("// errors: ")]
    common = ["-std=c++20", "-fsyntax-only", f"-I{options.include}"]
    for folder in options.system:
        common += ["-isystem", folder]
    failed = False
    for flags in attempts:
        run = subprocess.run([*options.command, *common, *flags, options.file], text=True,
                             capture_output=True, check=False)
        # Compilers break long messages into lines; the words are what counts.
        said = " ".join(run.stderr.split())
        if run.returncode == 0:
            print(f"{options.file} compiles with {flags}, but must not")
            failed = True
        elif expected not in said:
            print(f"{options.file} with {flags} fails without saying {expected!r}:\n{run.stderr}")
            failed = True
        elif most and run.stderr.count("error:") > most[0]:
            print(f"{options.file} with {flags} gives more than {most[0]} errors:\n{run.stderr}")
            failed = True
        else:
            print(f"refused with {flags}: {expected}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
