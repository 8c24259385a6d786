#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: the arrows between the folders of include/eqsr point one way.

    core <- layer <- net <- load.hpp <- upscale.hpp <- alpha.hpp <- pixels.hpp <- eqsr.hpp, eqsr.cuh
    core <- io <- io/weights <- load.hpp
    core <- io <- io/picture <- io/image.hpp             weights and pictures do not meet
    core, layer <- cpu/core <- cpu <- eqsr.hpp, instance only        only cpu/core/eigen.hpp sees Eigen
    instance <- eqsr.hpp, and the doors instance.hpp, base_cpu.hpp, lite_cpu.hpp
    core/system.hpp                                      names operating systems, and nothing else
    core, layer, upscale.hpp <- cuda <- eqsr.cuh only        only .cuh files there see CUDA

What stands behind an include, `// Index, View`, names what the file uses of it. And examples and
tools use what is public: no file of examples/ names a `detail` namespace, and only tools/common/system.hpp
an operating system. Cases of tests stand in sources, where ctest finds them.
"""
import pathlib
import re
import sys

ALLOWED = {
    "core": {"core"},
    "layer": {"core", "layer"},
    "net": {"core", "layer", "net"},
    "io": {"core", "io"},
    "io/picture": {"core", "io", "io/picture"},
    "io/weights": {"core", "io", "io/weights"},
    "io/image.hpp": {"io/picture"},
    "cpu/core": {"core", "layer", "cpu/core"},
    "cpu": {"core", "layer", "cpu/core", "cpu"},
    "cuda": {"core", "layer", "cuda", "upscale.hpp"},
    "load.hpp": {"core", "net", "io/weights"},
    "upscale.hpp": {"core", "layer", "net", "load.hpp"},
    "alpha.hpp": {"core", "layer", "upscale.hpp"},
    "instance": {"cpu", "cpu/core", "upscale.hpp", "alpha.hpp", "instance"},
    "instance.hpp": {"instance"},
    "base_cpu.hpp": {"instance"},
    "lite_cpu.hpp": {"instance"},
    "pixels.hpp": {"core", "upscale.hpp", "alpha.hpp"},
    "eqsr.hpp": {"cpu", "cpu/core", "net", "upscale.hpp", "alpha.hpp", "pixels.hpp", "instance"},
    "eqsr.cuh": {"cuda", "net", "upscale.hpp", "pixels.hpp"},
}
SOURCES = (".hpp", ".cuh", ".inc", ".cpp", ".cu")
# Headers from outside, and the only folders or files that may include them.
FOREIGN = {
    r"(Eigen|unsupported)/": {"cpu/core/eigen.hpp"},
    r"(cuda|cublas|cooperative_groups|mma|nv)": {"cuda"},
    r"(.*/)?stb_.*": {"io/picture/stb.hpp"},
    r"(sys/|unistd|fcntl|sched|poll|signal\.h|windows|mach/|emscripten)": set(),
}
# Operating systems are named by core/system.hpp and what it includes, and by nothing else; in the
# tools by common/system.hpp.
SYSTEMS = re.compile(r"\b(__linux__|__unix__|__APPLE__|__EMSCRIPTEN__|_WIN32|__MINGW32__)\b")
SYSTEM_FILES = re.compile(r"(core|tools/common)/system(_\w+)?\.(hpp|inc)")
SYSTEM_HEADERS = re.compile(r'\s*#\s*include\s*<(sys/|unistd|fcntl|sched|poll|windows|io\.h|mach)')


def part_of(name):
    """What a header's rule is listed under: itself if it is a door, or the nearest folder."""
    while name not in ALLOWED and "/" in name:
        name = name.rpartition("/")[0]
    return name


def problems(include):
    for path in sorted(include.rglob("*")):
        if path.suffix not in (".hpp", ".cuh", ".inc"):
            continue
        name = path.relative_to(include / "eqsr").as_posix()
        part = part_of(name)
        if part not in ALLOWED:
            yield f"{name}: no rule for {part}; put the header into one of {sorted(ALLOWED)}"
            continue
        asks_system = SYSTEM_FILES.fullmatch(name)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not asks_system and SYSTEMS.search(line):
                yield f"include/eqsr/{name}:{number}: only core/system.hpp names operating systems"
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            bracket, target = match.groups()
            where = f"include/eqsr/{name}:{number}"
            if bracket == '"':
                yield f'{where}: "{target}" should be <...>'
            elif target.startswith("eqsr/"):
                to = part_of(target.removeprefix("eqsr/"))
                if to not in ALLOWED[part]:
                    yield f"{where}: {part} must not include {to}"
                if target == "eqsr/cpu/core/eigen.hpp":
                    yield f"{where}: Eigen takes a compiler a second; programs that want it ask"
                if not (include / target).is_file():
                    yield f"{where}: <{target}> does not exist"
                if target.endswith(".cuh") and not name.endswith(".cuh"):
                    yield f"{where}: a .hpp must not include a .cuh"
            else:
                for pattern, owners in FOREIGN.items():
                    if re.match(pattern, target) and not asks_system and not owners & {part, name}:
                        yield f"{where}: <{target}> belongs to {sorted(owners) or 'core/system.hpp'} only"


def reasons(root):
    """Comments behind includes that name what the file does not use. Doors, which have no code of
    their own, name what is in the header."""
    for path in sorted((root / "include").rglob("*")) + sorted((root / "examples").rglob("*")):
        if path.suffix not in SOURCES:
            continue
        words = words_of(path, root)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include [<"]([^>"]+)[>"]\s*// (.*)', line)
            if not match:
                continue
            used = words or words_of(root / "include" / match[1], root)
            unused = [name for name in match[2].split(", ") if not used & forms_of(name)]
            if unused:
                yield (f"{path.relative_to(root)}:{number}: nothing here uses {', '.join(unused)} "
                       f"of <{match[1]}>")


def words_of(path, root):
    """The words of a file's code and of the .inc files that it includes; no comments."""
    text = path.read_text()
    parts = [root / "include" / name for name in re.findall(r"#include <(\S+\.inc)>", text)]
    code = re.sub(r"//.*|^\s*#\s*(include|pragma once).*", "", text, flags=re.M)
    return set(re.findall(r"\w+", code)).union(*(words_of(part, root) for part in parts))


def forms_of(name):
    """A name as code may use it: `op::Pad`, `Context<Cpu>`, `is_same` as is_same_v."""
    word = re.fullmatch(r"(?:\w+::)*(\w+)(?:<\w+>)?", name)
    return {word[1], word[1] + "_v", word[1] + "_t"} if word else set()


def examples(root):
    for path in sorted((root / "examples").rglob("*")):
        if path.suffix not in SOURCES:
            continue
        asks_system = SYSTEM_FILES.fullmatch(path.relative_to(root / "examples").as_posix())
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not asks_system and (SYSTEMS.search(line) or SYSTEM_HEADERS.match(line)):
                yield (f"{path.relative_to(root)}:{number}: only tools/common/system.hpp names "
                       "operating systems")
            if re.search(r"\bdetail::|\bnamespace detail\b", line):
                yield (f"{path.relative_to(root)}:{number}: detail is nobody's but its library's; "
                       "use or add a public name")


def cases(root):
    """ctest runs the cases of a source by its name, so those of a header would never run."""
    for path in sorted((root / "tests").rglob("*.hpp")):
        if re.search(r"^TEST_CASE", path.read_text(), re.M):
            yield f"{path.relative_to(root)}: cases of tests stand in .cpp files; ctest misses these"


def self_test(folder):
    """The rule must notice a wrong arrow, or a green result says nothing."""
    (folder / "eqsr/layer").mkdir(parents=True)
    (folder / "eqsr/layer/bad.hpp").write_text(
        "#include <eqsr/cpu/core/eigen.hpp>\n#include <Eigen/Core>\n#include <unistd.h>\n"
        "#if defined(__linux__)\n#endif\n")
    (folder / "eqsr/io/weights").mkdir(parents=True)
    (folder / "eqsr/io/weights/bad.hpp").write_text("#include <eqsr/io/image.hpp>\n")
    found = list(problems(folder))
    assert len(found) == 8, found
    (folder / "include").mkdir()
    (folder / "examples").mkdir()
    (folder / "include/used.hpp").write_text("#include <vector>  // vector\nstd::vector<int> a;\n")
    (folder / "include/unused.hpp").write_text(
        "#include <vector>  // vector\n#include <a>  // pieces of prose\nint a;  // a vector\n")
    (folder / "include/door.hpp").write_text(
        "#pragma once\n#include <used.hpp>  // a\n#include <used.hpp>  // b\n")
    (folder / "examples/tool.cpp").write_text("#include <poll.h>\nint a = eqsr::detail::b();\n")
    (folder / "tests").mkdir()
    (folder / "tests/cases.hpp").write_text('TEST_CASE("never run") {}\n')
    found = [*reasons(folder), *examples(folder), *cases(folder)]
    assert len(found) == 6, found


if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        self_test(pathlib.Path(folder))
    root = pathlib.Path(__file__).resolve().parent.parent
    found = [*problems(root / "include"), *reasons(root), *examples(root), *cases(root)]
    print("\n".join(found) or "every include points the right way and says why")
    sys.exit(bool(found))
