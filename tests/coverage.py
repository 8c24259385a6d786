#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Line coverage of the parsers in include/eqsr/io by their unit tests, the corpus of bad files and
the injected faults. Builds in build/coverage, prints a line a header, fails below 95 % in all.

    coverage.py [HEADER...]     with headers, the lines that were not run are shown
"""
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "build/coverage"
FLAGS = ["-std=c++20", "-O0", "-w", "--coverage", "-pthread", f"-I{ROOT}/include", f"-I{ROOT}/tests",
         "-isystem", "/usr/include/eigen3", "-isystem", "/usr/include/stb",
         f'-DEQSR_TEST_DATA="{ROOT}/tests"']
ALLOCATIONS = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free"
CALLS = ("-Wl,--wrap=open,--wrap=fstat,--wrap=pread,--wrap=write,--wrap=fsync,--wrap=close,"
         "--wrap=linkat,--wrap=rename")
PROGRAMS = {
    "unit": (["main", *(f"io/{p.stem}" for p in sorted((ROOT / "tests/io").glob("*.cpp")))], []),
    "corpus": (["corpus/corpus", "corpus/models", "support/allocation"], [ALLOCATIONS]),
    "faults": (["faults/faults", "support/allocation", "support/io_faults"], [ALLOCATIONS, CALLS]),
}


def compiled(source):
    made = OUT / (source.replace("/", "_") + ".o")
    subprocess.run(["g++", *FLAGS, "-c", ROOT / f"tests/{source}.cpp", "-o", made], check=True)
    return made


def run_tests():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.gcda"):
        old.unlink()
    subprocess.run([sys.executable, ROOT / "tests/corpus/make.py", OUT / "files"], check=True)
    made = {}
    for name, (sources, options) in PROGRAMS.items():
        for source in sources:
            made[source] = made.get(source) or compiled(source)
        program = OUT / name
        subprocess.run(["g++", *FLAGS, *(made[s] for s in sources), *options, "-o", program],
                       check=True)
        subprocess.run([program, *([OUT / "files"] if name == "corpus" else [])], check=True,
                       stdout=subprocess.DEVNULL)


def counts():
    """For each header, how often each of its lines was run."""
    lines = collections.defaultdict(collections.Counter)
    for data in sorted(OUT.glob("*.gcda")):
        report = subprocess.run(["gcov", "--json-format", "--stdout", data], cwd=OUT, check=True,
                                capture_output=True, text=True).stdout
        for text in report.splitlines():
            for file in json.loads(text)["files"]:
                name = os.path.relpath(os.path.join(OUT, file["file"]), ROOT)
                if name.startswith("include/eqsr/io/"):
                    for line in file["lines"]:
                        lines[name][line["line_number"]] += line["count"]
    return lines


def main():
    run_tests()
    total, done = 0, 0
    for name, found in sorted(counts().items()):
        missed = [number for number, count in sorted(found.items()) if not count]
        total, done = total + len(found), done + len(found) - len(missed)
        print(f"{name:36} {len(found) - len(missed):4} of {len(found):4} lines, "
              f"{100 * (1 - len(missed) / len(found)):5.1f} %")
        if pathlib.Path(name).name in sys.argv[1:]:
            source = (ROOT / name).read_text().splitlines()
            print("".join(f"    {n:4} {source[n - 1]}\n" for n in missed), end="")
    print(f"parsers: {done} of {total} lines, {100 * done / total:.1f} %")
    return 100 * done < 95 * total


if __name__ == "__main__":
    sys.exit(main())
