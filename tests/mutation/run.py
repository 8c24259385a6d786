#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the tests of the parsers notice when a parser is wrong? Changes one operator, number or check
of a parser's header at a time, and runs the corpus of bad files and the parser's own tests.

    run.py [--mutants N] [--seed S] [--budget SECONDS]

Prints the mutants that survive and the share that was noticed; fails below 85 %. One mutant takes
some five seconds of a processor; docs/reliability.md has the figure of the last run.

Every change counts that compiles, also those that make no difference to any input. Left alone are
only places where a change cannot be a mistake that a test could see: sizes of local buffers
(`std::array<char, 22>`), what is reserved ahead, and what the sentence of an error tells beside its
code word.
"""
import argparse
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Each header with the unit tests that are responsible for it.
HEADERS = {
    "bytes.hpp": ["dtype", "json"], "weights/json.hpp": ["json", "safetensors"],
    "weights/settings.hpp": ["json"],
    "weights/safetensors.hpp": ["safetensors"], "weights/zip.hpp": ["zip"],
    "weights/pickle.hpp": ["pickle", "pth"], "weights/pickle_names.hpp": ["pickle", "pth"],
    "weights/pickle_values.hpp": ["pickle", "pth"], "weights/pth_zip.hpp": ["pth", "pickle"],
    "weights/pth_legacy.hpp": ["pth"], "picture/metadata.hpp": ["jpeg", "png_chunks", "image"],
    "picture/png_walk.hpp": ["png", "png_chunks", "image"],
    "picture/png_filter.hpp": ["png", "image"],
    "picture/jpeg_walk.hpp": ["jpeg", "image"], "picture/jpeg_scan.hpp": ["jpeg"],
    "picture/jpeg_huffman.hpp": ["jpeg"],
}
COMMON = ("doctest/doctest.h", "algorithm", "filesystem", "fstream", "functional", "locale", "map",
          "memory", "set", "span", "sstream", "string", "thread", "variant", "vector")
CHANGES = [  # pattern, replacements
    (r"(?<![<>=!-])<=(?!=)", ["<"]), (r"(?<![<>=!-])>=(?!=)", [">"]),
    (r" < ", [" <= "]), (r" > ", [" >= "]), (r" == ", [" != "]), (r" != ", [" == "]),
    (r" && ", [" || "]), (r" \|\| ", [" && "]), (r" \+ ", [" - "]), (r" - ", [" + "]),
    (r"(?<![\w.\"\\x'])([2-9]|[1-9]\d+)(?![\w.\"'])", ["+1", "-1"]),
    (r"if \(", ["if (false && "]), (r"\bcontinue;", [";"]), (r"\btrue\b", ["false"]),
]


def untold(text):
    """For each character, whether it is in a comment, a text or what an error's sentence is made of."""
    hidden = bytearray(len(text))
    token = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|'
                       r'\b(?:fail|corrupt|unsupported)\(|[()]')
    depth, ends = 0, []  # of parentheses; where the sentences that are open end
    start = 0
    for match in token.finditer(text):
        kind = match.group()
        if ends:
            hidden[start:match.end()] = b"\1" * (match.end() - start)
        start = match.end()
        if kind[0] in "/\"":
            hidden[match.start():match.end()] = b"\1" * len(kind)
        elif kind == ")":
            depth -= 1
            if ends and depth == ends[-1]:
                ends.pop()
        elif kind.endswith("("):
            if kind != "(":
                ends.append(depth)
            depth += 1
    return hidden


def mutants():
    for header in HEADERS:
        text = (ROOT / "include/eqsr/io" / header).read_text()
        hidden, start = untold(text), 0
        for number, line in enumerate(text.splitlines()):
            begin, start = start, start + len(line) + 1
            if re.match(r"\s*(#|template|static_assert|constexpr std::string_view)", line):
                continue
            buffers = [m.span() for m in re.finditer(r"std::array<[^;{(]*>|reserve\(.*", line)]
            for pattern, replacements in CHANGES:
                for match in re.finditer(pattern, line):
                    if hidden[begin + match.start()]:
                        continue
                    for new in replacements:
                        if new in ("+1", "-1"):
                            if any(a <= match.start() < b for a, b in buffers):
                                continue
                            new = str(int(match.group()) + int(new))
                        yield header, number, line[:match.start()] + new + line[match.end():]


def limited():
    """A mutant may loop or allocate for ever; a processor's time is limited, not the clock's."""
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def run(command):
    return subprocess.run(command, capture_output=True, check=False, preexec_fn=limited)


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
        common = self.folder / "common.hpp"  # what all unit tests include, read once
        common.write_text("".join(f"#include <{name}>\n" for name in COMMON))
        subprocess.run([*self.flags, "-x", "c++-header", common, "-o", f"{common}.gch"], check=True)
        self.unit_flags = ["-include", common]
        subprocess.run([sys.executable, ROOT / "tests/corpus/make.py", self.folder / "corpus"],
                       check=True, capture_output=True)

    def compile(self, source, check=False):
        made = self.folder / (source.replace("/", "_") + ".o")
        extra = self.unit_flags if source.startswith("io/") else []
        done = run([*self.flags, *extra, "-c", ROOT / f"tests/{source}.cpp", "-o", made])
        if check and done.returncode:
            sys.exit(done.stderr.decode())
        return made if done.returncode == 0 else None

    def program(self, source, others, *arguments):
        """Whether the program is built (None if not) and succeeds."""
        main = self.compile(source)
        if main is None:
            return None
        wrap = ["-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free"] if len(others) > 1 else []
        objects = [self.folder / f"{o}.o" for o in others]
        tool = self.folder / "program"
        if run(["g++", "-pthread", main, *objects, *wrap, "-o", tool]).returncode:
            return None
        return run([tool, *arguments]).returncode == 0

    def corpus_passes(self):
        return self.program("corpus/corpus", ["corpus_models", "support_allocation"],
                            self.folder / "corpus")

    def expect_sound(self):
        """What fails without any change would notice everything."""
        for test in sorted({test for tests in HEADERS.values() for test in tests}):
            if not self.program(f"io/{test}", ["main"]):
                sys.exit(f"io/{test} fails without any change")
        if not self.corpus_passes():
            sys.exit("The corpus fails without any change")

    def noticed(self, header):
        for test in HEADERS[header]:
            passed = self.program(f"io/{test}", ["main"])
            if not passed:
                return None if passed is None else True
        return self.corpus_passes() is False


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--mutants", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--budget", type=float, default=1e9)
    options = options.parse_args()
    chosen = list(mutants())
    print(f"{len(chosen)} mutants are possible")
    random.Random(options.seed).shuffle(chosen)
    start, tried, killed = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        bench.expect_sound()
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
