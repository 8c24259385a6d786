#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes include/eqsr/io/picture/stb/{begin,settings,end}.inc, which keep stb's macros and C names to us.

    make_stb_guard.py STB_FOLDER [--check]

What the folder's stb_image.h and stb_image_write.h read or define is added to what the guard has,
so that it serves every version that was ever looked at. --check only says what is missing.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent / "include/eqsr/io/picture/stb"
SETTINGS = """\
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_FAILURE_STRINGS
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 65535
#define STBI_ASSERT(x) ((void)0)
#define STBI_MALLOC(size) ::eqsr::detail::stb_allocate(size)
#define STBI_FREE(memory) ::eqsr::detail::stb_release(memory)
#define STBI_REALLOC_SIZED(memory, old_size, size) \\
  ::eqsr::detail::stb_reallocate(memory, old_size, size)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ASSERT(x) ((void)0)
#define STBIW_MALLOC(size) ::eqsr::detail::StbArena::allocate(size)
#define STBIW_FREE(memory) ::eqsr::detail::StbArena::release(memory)
#define STBIW_REALLOC_SIZED(memory, old_size, size) \\
  ::eqsr::detail::StbArena::reallocate(memory, old_size, size)
"""
# stb has a style of its own, and not all of it is used.
WARNINGS = ["unused-function", "conversion", "sign-conversion", "old-style-cast", "shadow",
            "missing-field-initializers", "cast-qual"]
NOT_A_NAME = {"if", "elif", "defined"}


def names_in(text):
    """Macros that the preprocessor reads or defines, and functions that stb_image exports."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"//.*", "", text).replace("\\\n", " ")
    macros = set()
    for line in text.splitlines():
        if match := re.match(r"\s*#\s*(?:define|undef|ifdef|ifndef)\s+(\w+)", line):
            macros.add(match[1])
        elif re.match(r"\s*#\s*(?:if|elif)\b", line):
            macros |= set(re.findall(r"\b[A-Za-z_]\w*\b", line)) - NOT_A_NAME
    functions = set(re.findall(r"\bSTBIDEF\s[^;{]*?\b(stbi_\w+)\s*\(", text))
    return {m for m in macros if not m.startswith("_")}, functions


def names_of(guard):
    functions = set(re.findall(r"^#define (\w+)\s+(?:\\\n\s*)?eqsr_stbi_", guard, flags=re.M))
    return set(re.findall(r'push_macro\("(\w+)"\)', guard)) - functions, functions


def aside(name):
    return f'#pragma push_macro("{name}")\n#undef {name}\n'


def renamed(name):
    line = f"#define {name} eqsr_{name}"
    return (line if len(line) <= 100 else line.replace(" eqsr_", " \\\n  eqsr_")) + "\n"


def guard_of(macros, functions):
    licence = "// SPDX-License-Identifier: Apache-2.0\n"
    everything = sorted(macros | functions)
    begin = licence + (
        "// Puts aside every macro that stb reads or defines. <eqsr/io/picture/stb.hpp> includes this\n"
        "// file, settings.inc, stb, and end.inc, which brings the old macros back.\n"
        "// cmake/make_stb_guard.py writes the three.\n") + "".join(map(aside, everything))
    settings = licence + "// What we want of stb; cmake/make_stb_guard.py writes it.\n" + SETTINGS
    settings += "\n// stb_image gives its functions C names, which ignore namespaces.\n"
    settings += "".join(map(renamed, sorted(functions)))
    settings += "\n// stb has a style of its own, and not all of it is used here.\n"
    settings += "#pragma GCC diagnostic push\n"
    settings += "".join(f'#pragma GCC diagnostic ignored "-W{w}"\n' for w in WARNINGS)
    settings += (
        "\n// In one function, as g++ puts them together, its decoders compile half a second longer.\n"
        "#if !defined(__clang__)\n"
        "#pragma GCC push_options\n"
        '#pragma GCC optimize("no-inline-functions-called-once")\n'
        "#endif\n")
    end = licence + (
        "// Brings back the macros that begin.inc put aside; cmake/make_stb_guard.py writes it.\n"
        "#if !defined(__clang__)\n"
        "#pragma GCC pop_options\n"
        "#endif\n"
        "#pragma GCC diagnostic pop\n")
    end += "".join(f'#pragma pop_macro("{name}")\n' for name in everything)
    return {"begin.inc": begin, "settings.inc": settings, "end.inc": end}


def main(folder, check=False):
    guard = [path.read_text() for path in (HERE / "begin.inc", HERE / "settings.inc")]
    macros, functions = names_of("".join(guard))
    for header in ("stb_image.h", "stb_image_write.h"):
        more = names_in((pathlib.Path(folder) / header).read_text(encoding="latin-1"))
        if check:
            for name in sorted((more[0] - macros) | (more[1] - functions)):
                print(f"{name} of {header} is not in the guard")
        macros |= more[0]
        functions |= more[1]
    stale = False
    for name, text in guard_of(macros, functions).items():
        if (HERE / name).read_text() == text:
            continue
        stale = True
        if check:
            print(f"{HERE / name} is not what make_stb_guard.py writes: run it with {folder}")
        else:
            (HERE / name).write_text(text)
    return check and stale


def self_test():
    macros, functions = names_in("#define A 1\n#if defined(B) && !C\nSTBIDEF int stbi_f(void);\n"
                                 "// #define D\n#ifdef __SSE2__\n#endif\n")
    assert (macros, functions) == ({"A", "B", "C"}, {"stbi_f"}), (macros, functions)


if __name__ == "__main__":
    self_test()
    arguments = [word for word in sys.argv[1:] if word != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    sys.exit(main(arguments[0], "--check" in sys.argv[1:]))
