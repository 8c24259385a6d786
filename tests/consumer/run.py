#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs a project that uses eqsr from outside, in one of the ways that users choose.

    run.py WAY --source DIR --build DIR ... -- COMPILER

WAY is installed, add_subdirectory, fetch_content (projects of CMake), bare, pkg_config, single (one
compiler call each), readme (the commands of README.md) or instances (a project of CMake that links
the compiled network).
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys


def call(*command, **keywords):
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **keywords)


QUICK = ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1"]


def toolchain(options):
    """What a project of CMake is built with."""
    return ["-G", options.generator, f"-DCMAKE_CXX_COMPILER={options.command[0]}"]


def install(options, work, build=None):
    """Where the package lies after it was installed and moved: it must not remember the first."""
    prefix, moved = work / "prefix", work / "moved"
    call(options.cmake, "--install", build or options.build, "--prefix", prefix,
         stdout=subprocess.DEVNULL)
    prefix.rename(moved)
    return moved


def pkg_config(prefix, *words):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "share/pkgconfig")}
    command = ["pkg-config", *words, "eqsr"]
    print("$", *command, flush=True)
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          env=environment).stdout.split()


def rewritten(source, folder, names):
    """The source with other headers included."""
    text = source.read_text()
    for old, new in names.items():
        text = text.replace(f"#include <{old}>", f"#include {new}")
    (folder / source.name).write_text(text)
    return folder / source.name


def tokens(command, source):
    """What the compiler sees of eqsr, without white space and names of files."""
    text = subprocess.run([*command, "-E", source], check=True, capture_output=True,
                          text=True).stdout
    ours, kept = False, []
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            ours = "include/eqsr/" in marker[1] or "eqsr_single" in marker[1]
        elif ours and line.strip():
            kept.append("".join(line.split()))
    return "".join(kept)


def single(options, work, command):
    """One header: always the same bytes, the code of the many, and usable from two files."""
    script = options.source / "cmake/amalgamate.py"
    for folder in ("one", "again"):
        call(sys.executable, script, work / folder)
    for file in ("eqsr_single.hpp", "eqsr_single_image.hpp", "eqsr_single_pth.hpp"):
        if (work / "one" / file).read_bytes() != (work / "again" / file).read_bytes():
            sys.exit(f"{file} differs from one run to the next")
    names = {"eqsr/eqsr.hpp": '"eqsr_single.hpp"',
             "eqsr/net/config.hpp": '"eqsr_single.hpp"',
             "eqsr/io/image.hpp": '"eqsr_single_image.hpp"',
             "eqsr/io/weights/pth.hpp": '"eqsr_single_pth.hpp"'}
    here = options.source / "tests/consumer"
    minimal = options.source / "examples/minimal.cpp"
    sources = [rewritten(source, work / "one", names)
               for source in (minimal, here / "program.cpp", here / "second.cpp",
                              here / "second.hpp")]
    ordinary = tokens([*command, f"-I{options.source / 'include'}"], minimal)
    if len(ordinary) < 200000 or tokens(command, sources[0]) != ordinary:
        sys.exit("the README's program is not the same code with the single header")
    call(*command, *sources[1:3], "-o", work / "program")


def readme(options, work):
    """What stands below the README's program: the lines of CMake, then the two commands, where the
    repository's folders are."""
    for name in ("include", "examples", "weights"):
        (work / name).symlink_to(options.source / name)
    text = (options.source / "README.md").read_text()
    project = work / "project"
    project.mkdir()
    (project / "eqsr").symlink_to(options.source)
    shutil.copy(options.source / "examples/minimal.cpp", project)
    lines, = re.findall(r"```cmake\n(.*?)```", text, re.S)
    (project / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.25)\nproject(mine LANGUAGES CXX)\n{lines}")
    call(options.cmake, "-S", project, "-B", project / "build", *toolchain(options), *QUICK)
    call(options.cmake, "--build", project / "build")
    call(project / "build/minimal", "examples/photo.png", project / "large.png", cwd=work)
    commands, = re.findall(r"```sh\n(g\+\+ .*?)```", text, re.S)
    folders = ":".join(options.system)  # of Eigen and stb, if they are elsewhere
    for command in commands.replace("-O3", "-O1").splitlines():
        call("sh", "-c", command, cwd=work, env={**os.environ, "CPLUS_INCLUDE_PATH": folders})
    for folder, builder in ((project, "CMake lines"), (work, "commands")):
        if (folder / "large.png").read_bytes()[:4] != b"\x89PNG":
            sys.exit(f"the program that the README's {builder} build has written no PNG")


def instances(options, work):
    """eqsr::lite_cpu from an installed package: the README's program with and without it."""
    configure = [*toolchain(options), *QUICK]
    build = work / "eqsr"
    call(options.cmake, "-S", options.source, "-B", build, *configure, "-DEQSR_INSTANCES=lite",
         "-DEQSR_BUILD_TESTS=OFF", "-DEQSR_BUILD_EXAMPLES=OFF", "-DEQSR_BUILD_BENCHMARKS=OFF",
         "-DEQSR_CUDA=OFF")
    call(options.cmake, "--build", build)
    moved = install(options, work, build)
    minimal = options.source / "examples/minimal.cpp"
    rewritten(minimal, work, {"eqsr/eqsr.hpp": "<eqsr/lite_cpu.hpp>"}).rename(work / "alone.cpp")
    for name in ("with", "without"):
        shutil.copy(minimal, work / f"{name}.cpp")
    call(options.cmake, "-S", options.source / "tests/consumer/instances", "-B", work / "build",
         *configure, f"-DCMAKE_PREFIX_PATH={moved}", f"-DSOURCES={work}")
    seconds = {}
    for name in ("with", "without", "alone"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        call(options.cmake, "--build", work / "build", "--target", name)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds[name] = after.ru_utime - before.ru_utime
        call(work / "build" / name, "examples/photo.png", work / f"{name}.png", cwd=options.source)
    print("Processor seconds to compile and link the README's program at -O1: "
          f"{seconds['without']:.1f} from the headers, {seconds['with']:.1f} with eqsr::lite_cpu, "
          f"{seconds['alone']:.1f} with <eqsr/lite_cpu.hpp> as well")
    if len({(work / f"{name}.png").read_bytes() for name in seconds}) != 1:
        sys.exit("eqsr::lite_cpu makes another picture")
    if seconds["with"] > 0.75 * seconds["without"]:
        sys.exit("eqsr::lite_cpu saves no compile time")


UNKNOWN = """cmake_minimum_required(VERSION 3.25)
project(unknown LANGUAGES CXX)
find_package(eqsr 0.1 COMPONENTS io nonsense)
if(eqsr_FOUND)
  message(FATAL_ERROR "the component nonsense was found")
endif()
"""


def unknown_component(options, work, prefix):
    """find_package says why a component that was never there is not."""
    (work / "unknown").mkdir()
    (work / "unknown/CMakeLists.txt").write_text(UNKNOWN)
    run = subprocess.run([str(options.cmake), "-S", work / "unknown", "-B", work / "unknown/build",
                          *toolchain(options), f"-DCMAKE_PREFIX_PATH={prefix}"],
                         check=True, capture_output=True, text=True)
    said = " ".join(run.stderr.split())
    if 'eqsr has no component "nonsense". There are io, base_cpu and lite_cpu' not in said:
        sys.exit(f"find_package does not say why it fails:\n{run.stderr}")


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

    system = [word for folder in options.system for word in ("-isystem", folder)]
    bare = ["-std=c++20", "-fno-rtti", "-pthread"]
    program = work / "program"
    if options.way == "bare":
        # One compiler call, no build system, without run-time type information.
        call(*options.command, *bare, f"-I{options.source / 'include'}", *system,
             here / "program.cpp", here / "second.cpp", "-o", program)
    elif options.way == "pkg_config":
        prefix = install(options, work)
        flags = pkg_config(prefix, "--cflags", "--libs")
        if not any(pathlib.Path(flag[2:]).resolve() == prefix / "include" for flag in flags):
            sys.exit(f"pkg-config does not name the folder of the headers: {flags}")
        call(*options.command, *bare, *flags, *system, here / "program.cpp", here / "second.cpp",
             "-o", program)
    elif options.way == "single":
        single(options, work, [*options.command, *bare, *system])
    elif options.way == "readme":
        readme(options, work)
        return 0
    elif options.way == "instances":
        instances(options, work)
        return 0
    else:
        configure = [*toolchain(options), f"-DEQSR_SOURCE={options.source}"]
        if options.way == "installed":
            moved = install(options, work)
            configure.append(f"-DCMAKE_PREFIX_PATH={moved}")
            unknown_component(options, work, moved)
            for file in moved.rglob("*.cmake"):
                if str(options.source) in file.read_text():
                    print(f"{file} holds a path of the source tree")
                    return 1
        call(options.cmake, "-S", here / options.way, "-B", work / "build", *configure)
        call(options.cmake, "--build", work / "build")
        program = work / "build/program"
    call(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
