#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the tests of the parsers notice when a parser is wrong? Changes one operator, number or check
of a parser's header at a time, and runs the corpus of bad files and the parser's own tests.

    run.py [--mutants N] [--seed S] [--budget SECONDS]

Prints the mutants that survive and the share that was noticed; fails below 85 %, the aim. One mutant takes
some ten seconds; docs/reliability.md has the figure of the last run.
"""
import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Each header with the unit tests that are responsible for it.
HEADERS = {
    "bytes.hpp": ["dtype", "json"], "json.hpp": ["json", "safetensors"],
    "safetensors.hpp": ["safetensors"], "zip.hpp": ["zip"], "pickle.hpp": ["pickle", "pth"],
    "pickle_names.hpp": ["pickle", "pth"], "pickle_values.hpp": ["pickle", "pth"],
    "pth.hpp": ["pth", "pickle"], "pth_legacy.hpp": ["pth"], "png_walk.hpp": ["image"],
    "jpeg_walk.hpp": ["image"], "image_metadata.hpp": ["image"],
}
CHANGES = [  # pattern, replacements
    (r"(?<![<>=!-])<=(?!=)", ["<"]), (r"(?<![<>=!-])>=(?!=)", [">"]),
    (r" < ", [" <= "]), (r" > ", [" >= "]), (r" == ", [" != "]), (r" != ", [" == "]),
    (r" && ", [" || "]), (r" \|\| ", [" && "]), (r" \+ ", [" - "]), (r" - ", [" + "]),
    (r"(?<![\w.\"\\x'])([2-9]|[1-9]\d+)(?![\w.\"'])", ["+1", "-1"]),
    (r"if \(", ["if (false && "]), (r"\bcontinue;", [";"]), (r"\btrue\b", ["false"]),
]


def mutants():
    for header in HEADERS:
        text = (ROOT / "include/eqsr/io" / header).read_text()
        for number, line in enumerate(text.splitlines()):
            code = line.split("//")[0]
            if not code.strip() or re.match(r"\s*(#|template|static_assert|constexpr std::string_view)",
                                            code):
                continue
            strings = [m.span() for m in re.finditer(r'"(\\.|[^"])*"', code)]
            for pattern, replacements in CHANGES:
                for match in re.finditer(pattern, code):
                    if any(a <= match.start() < b for a, b in strings):
                        continue
                    for new in replacements:
                        if new in ("+1", "-1"):
                            new = str(int(match.group()) + int(new))
                        yield header, number, line[:match.start()] + new + line[match.end():]


def run(command, **keywords):
    try:
        return subprocess.run(command, capture_output=True, timeout=600, check=False, **keywords)
    except subprocess.TimeoutExpired:
        return None


class Bench:
    """A copy of the headers where one line is changed, and what is compiled against it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        shutil.copytree(ROOT / "include", self.folder / "include")
        self.flags = ["g++", "-std=c++20", "-O0", "-w", "-pthread", f"-I{self.folder}/include",
                      f"-I{ROOT}/tests", "-isystem", "/usr/include/eigen3", "-isystem",
                      "/usr/include/stb", f'-DEQSR_TEST_DATA="{ROOT}/tests"']
        for source in ("main", "support/allocation", "corpus/models"):
            self.compile(source, check=True)
        subprocess.run([sys.executable, ROOT / "tests/corpus/make.py", self.folder / "corpus"],
                       check=True, capture_output=True)

    def compile(self, source, check=False):
        made = self.folder / (source.replace("/", "_") + ".o")
        run_ = run([*self.flags, "-c", ROOT / f"tests/{source}.cpp", "-o", made])
        if check and run_.returncode:
            sys.exit(run_.stderr.decode())
        return made if run_ and run_.returncode == 0 else None

    def program(self, source, others, *arguments):
        """Whether the program is built (None if not) and succeeds."""
        main = self.compile(source)
        if main is None:
            return None
        wrap = ["-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free"] if len(others) > 1 else []
        objects = [self.folder / f"{o}.o" for o in others]
        tool = self.folder / "program"
        linked = run([*self.flags, main, *objects, *wrap, "-o", tool])
        if linked is None or linked.returncode:
            return None
        ran = run([tool, *arguments])
        return ran is not None and ran.returncode == 0

    def noticed(self, header):
        for test in HEADERS[header]:
            passed = self.program(f"io/{test}", ["main"])
            if not passed:
                return None if passed is None else True
        return self.program("corpus/corpus", ["corpus_models", "support_allocation"],
                            self.folder / "corpus") is False


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--mutants", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--budget", type=float, default=1e9)
    options = options.parse_args()
    chosen = list(mutants())
    print(f"{len(chosen)} mutants are possible")
    random.Random(options.seed).shuffle(chosen)
    start, tried, killed = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        for header, number, line in chosen:
            if tried == options.mutants or time.monotonic() - start > options.budget:
                break
            path = bench.folder / "include/eqsr/io" / header
            lines = path.read_text().splitlines()
            old, lines[number] = lines[number], line
            path.write_text("\n".join(lines) + "\n")
            noticed = bench.noticed(header)
            lines[number] = old
            path.write_text("\n".join(lines) + "\n")
            if noticed is None:
                continue  # does not compile
            tried += 1
            killed += noticed
            if not noticed:
                print(f"survives: {header}:{number + 1}: {old.strip()} -> {line.strip()}", flush=True)
    share = 100 * killed / max(1, tried)
    print(f"{killed} of {tried} mutants were noticed, {share:.1f} %")
    return share < 85


if __name__ == "__main__":
    sys.exit(main())
