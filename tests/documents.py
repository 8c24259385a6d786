#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents show is what is there: programs are quoted exactly, links lead somewhere.

A fenced block after the line `<!-- FILE -->` must equal the code of FILE (its licence line apart);
after `<!-- FILE#NAME -->`, the lines of FILE between `// [NAME]` and `// [NAME]`.
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent


def code_of(file, name):
    lines = (ROOT / file).read_text().splitlines()
    if name:
        marks = [i for i, line in enumerate(lines) if line.strip() == f"// [{name}]"]
        if len(marks) != 2:
            raise ValueError(f"{file} has no region {name}")
        lines = lines[marks[0] + 1:marks[1]]
    return textwrap.dedent("\n".join(line for line in lines if "SPDX-License" not in line)).strip()


def problems():
    documents = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"),
                        *ROOT.glob("examples/**/*.md")])
    quoted = 0
    for document in documents:
        text = document.read_text()
        name = document.relative_to(ROOT)
        for file, region, block in re.findall(
                r"<!-- ([\w./]+)(?:#(\w+))? -->\s*\n```\w*\n(.*?)\n```", text, re.S):
            quoted += 1
            if code_of(file, region) != block.strip():
                yield f"{name}: the block after '{file} {region}' differs from that file"
        prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)  # lambdas look like links
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
            if "://" not in target and not (document.parent / target).exists():
                yield f"{name}: the link to {target} leads nowhere"
    if not quoted:
        yield "no document quotes a program"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found) or "the documents agree with the files")
    sys.exit(bool(found))
