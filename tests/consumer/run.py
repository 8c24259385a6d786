#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs a project that uses eqsr from outside, in one of the ways that users choose.

    run.py installed|add_subdirectory|fetch_content|bare --source DIR --build DIR ... -- COMPILER
"""
import argparse
import pathlib
import shutil
import subprocess
import sys


def call(*command, **keywords):
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **keywords)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way")
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--generator", default="Ninja")
    parser.add_argument("--system", action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    here = options.source / "tests/consumer"
    work = options.build / "consumer" / options.way
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)

    if options.way == "bare":
        # One compiler call, no build system, without run-time type information.
        flags = ["-std=c++20", "-fno-rtti", "-pthread", f"-I{options.source / 'include'}"]
        for folder in options.system:
            flags += ["-isystem", folder]
        call(*options.command, *flags, here / "program.cpp", here / "second.cpp", "-o",
             work / "program")
    else:
        configure = ["-G", options.generator, f"-DCMAKE_CXX_COMPILER={options.command[0]}",
                     f"-DEQSR_SOURCE={options.source}"]
        if options.way == "installed":
            prefix = work / "prefix"
            call(options.cmake, "--install", options.build, "--prefix", prefix,
                 stdout=subprocess.DEVNULL)
            moved = work / "moved"  # the package must not remember where it was installed
            prefix.rename(moved)
            configure.append(f"-DCMAKE_PREFIX_PATH={moved}")
            for file in moved.rglob("*.cmake"):
                if str(options.source) in file.read_text():
                    print(f"{file} holds a path of the source tree")
                    return 1
        call(options.cmake, "-S", here / options.way, "-B", work / "build", *configure)
        call(options.cmake, "--build", work / "build")
    program = work / "program" if options.way == "bare" else work / "build/program"
    call(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
