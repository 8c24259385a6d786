#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What inspect_weights prints: names and values whole, and nothing that a terminal would obey.

    inspect_weights.py INSPECT_WEIGHTS SOURCE_FOLDER
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
WEIGHTS = SOURCE / "weights/eqsr-lite.safetensors"


class Inspect(unittest.TestCase):
    def inspect(self, path, code=0):
        run = subprocess.run([TOOL, path], capture_output=True, check=False, timeout=60)
        self.assertEqual(run.returncode, code, run.stderr)
        return run.stdout.decode("utf-8").splitlines()

    def test_shipped_weights(self):
        lines = self.inspect(WEIGHTS)
        with open(WEIGHTS, "rb") as file:
            size, = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
        notes = header.pop("__metadata__")
        self.assertGreater(len(notes["configuration"]), 64)
        for key, value in notes.items():
            self.assertIn(f"metadata   {key}: {value}", lines)
        shapes = {line.split()[2]: line[line.index("["):] for line in lines
                  if line.startswith("tensor")}
        self.assertEqual(shapes, {name: str(row["shape"]) for name, row in header.items()})

    def test_names_of_any_kind(self):
        names = {"n" * 300: None, "caf\u00e9.\u5199\u771f" * 20: None, "a\x1b[2Jb": r"a\x1b[2Jb",
                 "c\u009b1m": r"c\xc2\x9b1m", 'quote " and \\': None}
        header = {name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]}
                  for i, name in enumerate(names)}
        header["__metadata__"] = {"key\n" + "k" * 100: "\u5199\n" + "v" * 500}
        text = json.dumps(header).encode()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "x.safetensors")
            path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4 * len(names)))
            lines = self.inspect(path)
        for name, shown in names.items():
            self.assertIn(f"tensor     f32  {shown or name} [1]", lines)
        self.assertIn("metadata   key\\x0a" + "k" * 100 + ": \u5199\\x0a" + "v" * 500, lines)

    def test_closed_output(self):
        run = subprocess.run(["sh", "-c", f"'{TOOL}' '{WEIGHTS}' 0<&- 1>&-"], check=False, timeout=60)
        self.assertEqual(run.returncode, 1)
        self.inspect(SOURCE / "examples/photo.png", code=3)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
