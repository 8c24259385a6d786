#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No ten lines of code stand twice in include/ and examples/: a copy is mended in one place only.

Comments, blank lines, includes, preprocessor lines and rows of tables do not count. Runs that may
stand twice are in EXCEPTIONS, each with its reason; an exception that is not needed is an error.
"""
import collections
import pathlib
import re
import sys
import tempfile

LONGEST = 9
# (one file, another file): why the same lines may stand in both.
EXCEPTIONS: dict[tuple[str, str], str] = {}
TABLE_ROW = re.compile(r'^[{(]?[\s"\'\w.:,+\-{}()]*[,}]$')


def code_of(path):
    """(line number, text) of each line that counts."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.S)
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)//.*", "", line).strip()
        if not line or line.startswith("#"):
            continue
        if line[0] in "{\"'0123456789" and TABLE_ROW.match(line):
            continue
        yield number, re.sub(r"\s+", " ", line)


def runs(files):
    """(path, line, path, line, length) of each longest run of more than LONGEST equal lines."""
    lines = {path: list(code_of(path)) for path in files}
    places = collections.defaultdict(list)
    for path, code in lines.items():
        for i in range(len(code) - LONGEST):
            places[tuple(text for _, text in code[i:i + LONGEST + 1])].append((path, i))
    seen = set()
    for key in places.values():
        for a in range(len(key)):
            for b in range(a + 1, len(key)):
                (p, i), (q, j) = key[a], key[b]
                if (p, i, q, j) in seen:
                    continue
                n = 0
                while (i + n < len(lines[p]) and j + n < len(lines[q])
                       and lines[p][i + n][1] == lines[q][j + n][1]):
                    seen.add((p, i + n, q, j + n))
                    n += 1
                yield p, lines[p][i][0], q, lines[q][j][0], n


def self_test():
    """A copy must be found, and comments, includes and tables must not hide or make one."""
    body = [f"  x{i} = f(y{i});" for i in range(12)]
    noisy = [line + "  // why" for line in body[:6]] + ["", "#include <x>"] + body[6:]
    table = [f"    {{{i}, 2, 3}}," for i in range(20)]
    with tempfile.TemporaryDirectory() as folder:
        a, b = pathlib.Path(folder) / "a.hpp", pathlib.Path(folder) / "b.hpp"
        a.write_text("\n".join(["void a() {", *body, "}", *table]))
        b.write_text("\n".join(["void b() {", *noisy, "}", *table]))
        found = list(runs([a, b]))
        assert len(found) == 1 and found[0][4] == 13, found  # with the closing brace
        b.write_text("\n".join(["void b() {", *body[:9], "}", *table]))
        assert not list(runs([a, b]))


def main():
    self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    files = sorted(path for folder in ("include", "examples") for path in (root / folder).rglob("*")
                   if path.suffix in (".hpp", ".cuh", ".inc", ".cpp", ".cu"))
    failed, used = 0, set()
    for p, i, q, j, n in runs(files):
        p, q = p.relative_to(root).as_posix(), q.relative_to(root).as_posix()
        if (p, q) in EXCEPTIONS:
            used.add((p, q))
            continue
        failed += 1
        print(f"{p}:{i} and {q}:{j}: {n} equal lines of code; make one piece of code serve both")
    for pair in EXCEPTIONS.keys() - used:
        failed += 1
        print(f"{pair[0]} and {pair[1]} have nothing in common any more; drop the exception")
    print(f"{len(files)} files, {failed} problems")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
