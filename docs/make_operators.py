#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/operators.md from the contracts in include/eqsr/layer; --check: is it up to date, and
are kernels, tests and benches of an operator found by its name?"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = ROOT / "include/eqsr/layer"
BACKENDS = [(folder, tag, suffix) for folder, tag, suffix in
            (("cpu", "Cpu", "*.hpp"), ("cuda", "Cuda", "*.cuh"))
            if (ROOT / "include/eqsr" / folder).is_dir()]
LABELS = r"(Shapes|Rounding|Cost|Source)\s{2,}"
HEAD = """<!-- Made by docs/make_operators.py from the headers; change those and run it again. -->
# Operators

One operator has one name everywhere. Its header in `include/eqsr/layer` holds the contract, the
specification (the kernel of the backend `Reference`, plain loops) and the layer that owns the
parameters. The letters of the axes are explained in [the architecture](architecture.md). Shapes,
rounding, cost and the place in the checkpoints stand beside each formula in the header.

`git ls-files '*STEM*'` lists all files of an operator. What its CUDA kernel adds is tested in
`tests/cuda/STEM.cpp`, or, where that is one short case, under its name in
[tests/cuda/operators.cpp](../tests/cuda/operators.cpp): a file more costs every build more than the
case itself.

"""


def contracts(header):
    """(name, whether it is an operator, lines of the comment, what follows) of each struct."""
    text = header.read_text()
    begin = text.find("namespace op {")
    end = text.find("}  // namespace op")
    pattern = r"((?:^[ ]*///[^\n]*\n)+)(?:^template <[^;{]*?>\n)?^struct (\w+)(.*?)^\}"
    for match in re.finditer(pattern, text, re.M | re.S):
        comment = re.sub(r"^[ ]*/// ?", "", match[1], flags=re.M)
        yield match[2], begin < match.start() < end, comment.splitlines(), match[3]


def formulas(lines):
    """The formula lines of a comment; a deeper indented line continues the one before."""
    found, text = [], []
    for line in lines:
        if re.match(LABELS, line):
            break
        indent = len(line) - len(line.lstrip())
        if indent >= 2 and found and indent > found[0][0]:
            found[-1][1] += " " + line.strip()
        elif indent >= 2:
            found.append([indent, line.strip()])
        else:
            text.append(line.strip())
    if found:
        return [formula for _, formula in found]
    sentence = " ".join(text)
    match = re.search(r"(?:^|[.:] +)([\w·]+(?:\([^=]*\))? = .*?)(?:, element|;|\.$|\.\s|$)", sentence)
    return [match[1]] if match else []


def first_sentence(lines):
    return re.split(r"\.(?: |$)", " ".join(line.strip() for line in lines))[0] + "."


def as_markdown(lines):
    def piece(text):
        text = re.sub(r"\s+", " ", text.rstrip(","))
        text = text.replace("`", "")
        return f"`{text}`" if re.search("[=(]", text) else text
    return "<br>".join(", ".join(piece(part) for part in re.split(r"\s{4,}(?!=)", line))
                       for line in lines).replace("|", "\\|")


def link(path, text):
    return f"[{text}](../{path.relative_to(ROOT).as_posix()})" if path.is_file() else ""


def kernel(name, folder, tag, suffix):
    for path in sorted((ROOT / "include/eqsr" / folder).glob(suffix)):
        match = re.search(rf"struct Kernel<op::{name}, {tag}>(.*)", path.read_text())
        if match:
            return link(path, "specification" if "Reference" in match[1] else "kernel")
    return "composed"


def strays():
    """What `git ls-files '*STEM*'` would not list: kernels, tests and benches under another name."""
    for header in sorted(LAYERS.glob("*.hpp")):
        named = [name for name, is_operator, _, _ in contracts(header) if is_operator]
        for name in named:
            for folder, tag, suffix in BACKENDS:
                for path in (ROOT / "include/eqsr" / folder).glob(suffix):
                    if (f"struct Kernel<op::{name}, {tag}>" in path.read_text()
                            and header.stem not in path.stem):
                        yield f"the kernel of op::{name} is in {path.relative_to(ROOT)}"
        for folder in ("tests/layer", "bench/layer") if named else ():
            if not (ROOT / folder / f"{header.stem}.cpp").is_file():
                yield f"{folder}/{header.stem}.cpp does not exist"
        if named and (ROOT / f"include/eqsr/cuda/{header.stem}.cuh").is_file():
            words = header.stem.replace("_", " ")
            if not any(path.stem == header.stem or re.search(rf'TEST_CASE\("cuda [^"]*{words}',
                                                             path.read_text())
                       for path in (ROOT / "tests/cuda").glob("*.cpp")):
                yield f"no test in tests/cuda has the name of {header.stem}, as a file or as a title"


def row(*cells):
    return "| " + " | ".join(cells) + " |\n"


def document():
    operators, layers = "", ""
    for header in sorted(LAYERS.glob("*.hpp")):
        stem = header.stem
        around = [link(ROOT / f"tests/layer/{stem}.cpp", "test"),
                  link(ROOT / f"bench/layer/{stem}.cpp", "bench")]
        for name, is_operator, lines, body in contracts(header):
            computed = as_markdown(formulas(lines))
            if is_operator:
                kernels = [kernel(name, *backend) for backend in BACKENDS]
                computed = computed or first_sentence(lines)
                operators += row(f"`op::{name}`", computed, link(header, header.name), *kernels,
                                 *around)
            elif "static void visit(" in body:
                same = re.search(r"See op::(\w+)", " ".join(lines))
                computed = computed or (f"see `op::{same[1]}`" if same else first_sentence(lines))
                layers += row(f"`{name}`", computed, link(header, header.name), *around)
    tags = [tag for _, tag, _ in BACKENDS]
    rule = "| " + " | ".join(["---"] * (5 + len(tags))) + " |\n"
    text = HEAD + row("operator", "formula", "contract", *tags, "test", "bench") + rule + operators
    text += ("\n`kernel` leads to loops of the backend's own. `specification`: the backend runs the "
             "specification, since\nthe operator takes no time to speak of. `composed`: the backend "
             "does not fuse it, so its layer\nruns its parts.\n\n## Layers\n\n"
             "Structs that own parameters under the names of the checkpoints.\n\n")
    return text + row("layer", "computes", "header", "test", "bench") + rule.replace(
        "| --- " * len(tags), "", 1) + layers


if __name__ == "__main__":
    target = ROOT / "docs/operators.md"
    if sys.argv[1:] == ["--check"]:
        if not target.is_file() or target.read_text() != document():
            sys.exit("docs/operators.md is not up to date; run docs/make_operators.py")
        if astray := list(strays()):
            sys.exit("One operator, one name:\n" + "\n".join(astray))
        print("docs/operators.md is up to date")
    elif not sys.argv[1:]:
        target.write_text(document())
    else:
        sys.exit(__doc__)
