#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the library as one header.

    amalgamate.py FOLDER

makes FOLDER/eqsr_single.hpp of <eqsr/eqsr.hpp>, eqsr_single_image.hpp of <eqsr/io/image.hpp>, which
needs stb, and eqsr_single_pth.hpp of <eqsr/io/weights/pth.hpp>; both include the first. The same
headers always give the same bytes.
"""
import pathlib
import re
import sys

INCLUDE = pathlib.Path(__file__).resolve().parent.parent / "include"


class Amalgamation:
    """One file after another, headers once and .inc files as often as they are included."""

    def __init__(self, done=()):
        self.done = set(done)  # headers that need not come again
        self.standard = set()  # what is included from outside, at the top
        self.lines = []

    def add(self, name, depth=0):
        text = (INCLUDE / name).read_text()
        if "#pragma once" in text:
            if name in self.done:
                return
            if depth:
                sys.exit(f"{name} is included under a condition; only .inc files may be")
            self.done.add(name)
        self.lines += ["", f"// <{name}>"]
        for line in text.splitlines():
            directive = re.match(r"\s*#\s*(\w+)\s*(?:<([^>]+)>)?", line)
            word, target = directive.groups() if directive else (None, None)
            if word in ("if", "ifdef", "ifndef"):
                depth += 1
            elif word == "endif":
                depth -= 1
            if "SPDX-License-Identifier" in line or line.strip() == "#pragma once":
                continue
            if word == "include" and target.startswith("eqsr/"):
                self.add(target, depth)
            elif word == "include" and depth == 0 and "/" not in target:
                self.standard.add(target)
            else:  # under a condition, and Eigen behind its macros: where it was
                self.lines.append(line)

    def text(self, of, first=()):
        head = ["// SPDX-License-Identifier: Apache-2.0",
                f"// eqsr {version()}: <{of}> in one file, made by cmake/amalgamate.py.",
                "#pragma once", *first, *(f"#include <{name}>" for name in sorted(self.standard))]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(head + self.lines)) + "\n"


def version():
    text = (INCLUDE / "eqsr/core/version.hpp").read_text()
    return ".".join(re.search(rf"EQSR_VERSION_{part} (\d+)", text)[1]
                    for part in ("MAJOR", "MINOR", "PATCH"))


GUARD = """#if defined(EQSR_VERSION_MAJOR)
#error "eqsr: Include either eqsr_single.hpp or the headers of eqsr/ in one file, not both."
#endif""".splitlines()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    core = Amalgamation()
    core.add("eqsr/eqsr.hpp")
    (folder / "eqsr_single.hpp").write_text(core.text("eqsr/eqsr.hpp", GUARD))
    for name, header in (("image", "eqsr/io/image.hpp"), ("pth", "eqsr/io/weights/pth.hpp")):
        part = Amalgamation(core.done)
        part.add(header)
        (folder / f"eqsr_single_{name}.hpp").write_text(
            part.text(header, ['#include "eqsr_single.hpp"']))


if __name__ == "__main__":
    main()
