#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The upscale tool started without its standard input, output or error: no message ever goes into a
picture, and what should have gone to a closed place is an error.

    descriptors.py UPSCALE SOURCE_FOLDER
"""
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tests/corpus"))
from builder import png  # noqa: E402

SUBSETS = [subset for count in range(4) for subset in itertools.combinations((0, 1, 2), count)]


class Descriptors(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "p").mkdir()
        for i in range(4):
            (self.folder / f"p/{i}.png").write_bytes(png(6 + i, 5))

    def run_closed(self, closed, *arguments, code=0, **keywords):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **keywords}
        run = subprocess.run([TOOL, *arguments], cwd=self.folder, check=False, timeout=120,
                             preexec_fn=lambda: [os.close(number) for number in closed], **streams)
        self.assertEqual(run.returncode, code, (closed, arguments, run.stderr))
        return run

    def files(self, out):
        return {path.name: path.read_bytes() for path in (self.folder / out).iterdir()}

    def test_every_combination(self):
        for kind in ("png", "jpg", "pfm"):
            given = ("-i", "p", "-o", "out", "-s", "1.5", "-f", kind, "-v")
            self.run_closed((), *given)
            whole = self.files("out")
            self.assertEqual(len(whole), 4)
            for closed in SUBSETS:
                for style in ("plain", "json"):
                    shutil.rmtree(self.folder / "out")
                    self.run_closed(closed, *given, "--progress", style)
                    self.assertEqual(self.files("out"), whole, (closed, style))
            shutil.rmtree(self.folder / "out")

    def test_frames(self):
        frame = bytes(range(6 * 4 * 3))
        given = ("--raw", "6x4", "-v")
        for closed in SUBSETS:
            with open(self.folder / "frame", "wb") as file:
                file.write(frame)
            with open(self.folder / "frame", "rb") as file:
                run = self.run_closed(closed, *given, code=1 if {0, 1} & set(closed) else 0,
                                      stdin=file)
            if not closed:
                whole = run.stdout
                self.assertEqual(len(whole), 4 * len(frame))
            elif 1 not in closed and 0 not in closed:
                self.assertEqual(run.stdout, whole)
            if 1 in closed and 2 not in closed:
                self.assertIn(b"standard output", run.stderr)
            elif 0 in closed and 2 not in closed:
                self.assertIn(b"standard input cannot be read", run.stderr)

    def test_help(self):
        self.run_closed((1,), "--help", code=2)
        self.run_closed((1, 2), "--version", code=2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
