#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line of the conversion tool: types, values, what is reported and refused.

    run.py CONVERT SOURCE_FOLDER
"""
import json
import math
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tests/cli"))
from options import listed, untested  # noqa: E402

CHECKPOINTS = SOURCE / "tests/checkpoints"
WEIGHTS = SOURCE / "weights/eqsr-lite.safetensors"


def read(path):
    """{name: (dtype, shape, bytes)} and the metadata of a safetensors file."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    notes = header.pop("__metadata__", {})
    body = data[8 + size:]
    return {name: (row["dtype"], row["shape"], body[slice(*row["data_offsets"])])
            for name, row in header.items()}, notes


def write(path, tensors):
    """Float32 vectors."""
    header, body = {}, b""
    for name, values in tensors.items():
        part = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(body), len(body) + len(part)]}
        body += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


class Convert(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.out = self.folder / "out.safetensors"

    def convert(self, *arguments, code=0, words=()):
        if self.out in arguments and self.out.exists():
            arguments += ("--overwrite",)
        run = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        for word in words:
            self.assertIn(word, run.stdout + run.stderr)
        self.assertEqual([p.name for p in self.folder.iterdir() if "tmp" in p.name], [])
        return run.stdout

    def test_pth_becomes_the_same_tensors(self):
        for name, words in (("both_sets", ("under params_ema", 'dropped    "params"')),
                            ("nested_prefixed", ("under state_dict", 'dropped    "epoch"')),
                            ("bare_module", ("dropped    nothing",)), ("older_stream", ("pytorch stream",))):
            self.convert(CHECKPOINTS / f"{name}.pth", self.out, words=words)
            self.assertEqual(read(self.out)[0], read(CHECKPOINTS / f"{name}.safetensors")[0], name)

    def test_types(self):
        values = [0.0, -0.0, 1.0, -1.5, 0.1, 65504.0, 1e-5, 6e-8, 1e-9]
        source = self.folder / "in.safetensors"
        write(source, {"a": values})
        for kind, pack, words in (("f16", "e", ("rounded", "to zero", "f32 to f16")),
                                  ("f32", "f", ("kept", "dropped    nothing"))):
            self.convert(source, self.out, "--type", kind, words=words)
            dtype, shape, data = read(self.out)[0]["a"]
            self.assertEqual((dtype, shape), (kind.upper(), [9]))
            self.assertEqual(data, struct.pack(f"<9{pack}", *values))
        self.convert(source, self.out, "--type", "bf16", words=("f32 to bf16",))
        halves = struct.unpack("<9H", read(self.out)[0]["a"][2])
        for value, half in zip(values, halves):
            widened, = struct.unpack("<f", struct.pack("<I", half << 16))
            self.assertLessEqual(abs(widened - value), abs(value) * 2 ** -8)
            self.assertEqual(math.copysign(1, widened), math.copysign(1, value))

    def test_and_back(self):
        """Half of the shipped weights, widened again, are the half ones exactly."""
        half, wide = self.folder / "half.safetensors", self.folder / "wide.safetensors"
        said = self.convert("--type", "f16", "--encoding", "division", "--note", "made=here", WEIGHTS, half)
        self.assertIn("534554 elements, 1069108 bytes", said)
        self.convert(half, wide, "--type", "f32")
        self.convert(wide, self.out, "--type", "f16", words=("dropped    nothing",))
        self.assertEqual(self.out.read_bytes(), half.read_bytes())
        notes = read(self.out)[1]
        self.assertEqual((notes["made"], notes["encoding"]), ("here", "division"))
        self.assertEqual(notes["configuration"], read(WEIGHTS)[1]["configuration"])

    def test_too_large_is_refused(self):
        source = self.folder / "in.safetensors"
        write(source, {"fine": [1.0], "large": [1.0, 70000.0]})
        self.convert(source, self.out, "--type", "f16", code=1, words=("large", "70000", "bf16"))
        self.assertFalse(self.out.exists())
        self.convert(source, self.out, "--type", "bf16")

    def test_doubles(self):
        source = self.folder / "in.safetensors"
        for value, code in ((1 / 3, 0), (1e300, 1)):
            body = struct.pack("<2d", value, 0.5)
            text = json.dumps({"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}}).encode()
            source.write_bytes(struct.pack("<Q", len(text)) + text + body)
            said = self.convert(source, self.out, "--type", "f32", code=code)
            if code == 0:
                self.assertIn("rounded    1 elements, 0 of them to zero", said)
                self.assertEqual(read(self.out)[0]["a"], ("F32", [2], struct.pack("<2f", value, 0.5)))

    def test_derived_buffers(self):
        source = self.folder / "in.safetensors"
        write(source, {"weight": [1.0], "layers.relative_position_index_SA": [3.0]})
        self.convert(source, self.out, words=("relative_position_index_SA", "derives itself"))
        self.assertEqual(list(read(self.out)[0]), ["weight"])

    def test_commands_of_help_and_document(self):
        shutil.copy(CHECKPOINTS / "bare_module.pth", self.folder / "eqsr.pth")
        text = self.convert("--help")
        commands = re.findall(r"^  convert (.*)$", text, re.M) + re.findall(
            r"^build/release/examples/convert (.*)$", (SOURCE / "docs/using.md").read_text(), re.M)
        self.assertEqual(len(commands), 2)
        for command in commands:
            subprocess.run([TOOL, *command.split()], cwd=self.folder, check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
            (self.folder / command.split()[1]).unlink()
        self.assertGreaterEqual(len(listed(text)), 4)
        self.assertEqual(untested(text, pathlib.Path(__file__).read_text()), [])

    def test_what_is_there(self):
        """The input is never replaced, another file only if that is asked for."""
        self.convert(WEIGHTS, self.out)
        whole = self.out.read_bytes()
        given, other = self.folder / "in.safetensors", self.folder / "IN.safetensors"
        given.write_bytes(whole)
        os.link(given, self.folder / "hard.safetensors")
        (self.folder / "soft.safetensors").symlink_to("in.safetensors")
        for name in ("in.safetensors", "hard.safetensors", "soft.safetensors", "../" +
                     self.folder.name + "/in.safetensors"):
            for allowed in ((), ("--overwrite",), ("--skip-existing",)):
                self.convert(given, self.folder / name, *allowed, code=2, words=("never replaced",))
        self.convert(given, other, code=2, words=("never replaced",))
        self.assertEqual(given.read_bytes(), whole)
        other = self.folder / "other.safetensors"
        other.write_bytes(b"kept")
        self.convert(given, other, code=2, words=("1 result is there", "--overwrite", "--skip-existing"))
        self.convert(given, other, "--skip-existing", words=("kept", "other.safetensors"))
        self.assertEqual(other.read_bytes(), b"kept")
        self.convert(given, other, "--overwrite", "--skip-existing", code=2)
        self.convert(given, other, "--overwrite")
        self.assertEqual(other.read_bytes(), whole)

    def test_without_standard_descriptors(self):
        """Messages never go into the file."""
        self.convert(WEIGHTS, self.out)
        whole = self.out.read_bytes()
        for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
            subprocess.run(["sh", "-c", f"'{TOOL}' '{WEIGHTS}' '{self.out}' --overwrite {closed}"],
                           check=False, timeout=60)
            self.assertEqual(self.out.read_bytes(), whole, closed)

    def test_long_names_are_whole(self):
        source, name = self.folder / "in.safetensors", "caf\u00e9." * 30 + "relative_position_index_SA"
        write(source, {"weight": [1.0], name: [3.0]})
        self.convert(source, self.out, words=(f'"{name}", which',))

    def test_usage(self):
        for wrong in ([], [WEIGHTS], [WEIGHTS, self.folder / "out.pth"], [WEIGHTS, self.out, "--type", "f8"],
                      [WEIGHTS, self.out, "--note", "nothing"]):
            self.convert(*wrong, code=2)
        self.convert(self.folder / "none.pth", self.out, code=3, words=("No such file",))
        self.convert(SOURCE / "examples/photo.png", self.out, code=3)
        self.convert(WEIGHTS, self.folder / "none/out.safetensors", code=1, words=("none/out",))
        self.convert("--help", words=("Exit codes",))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
