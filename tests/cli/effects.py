#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every option of the upscale tools in every mode: it matters, or it is refused with a sentence.

    effects.py UPSCALE SOURCE_FOLDER [UPSCALE_MPI]
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
MPI = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
sys.dont_write_bytecode = True
sys.path[:0] = [str(SOURCE / "tests/corpus"), str(SOURCE / "tests/cli")]
from builder import png  # noqa: E402
from options import listed  # noqa: E402

# A command line for each mode.
MODES = {
    "raw": ("--raw", "8x6"),
    "png": ("-i", "a.png", "-o", "b.png"),
    "jpg": ("-i", "a.png", "-o", "b.jpeg"),
    "webp": ("-i", "a.png", "-o", "b.webp"),
    "pfm": ("-i", "a.png", "-o", "b.pfm"),
    "into": ("-i", "a.png", "-o", "empty"),  # a picture into a folder
    "folder": ("-i", "p", "-o", "out"),
    "folder jpg": ("-i", "p", "-o", "out", "-f", "jpg"),
    "scales": ("-i", "p", "-o", "out", "-s", "2,3"),
    "gpu": ("-i", "a.png", "-o", "b.png", "-g", "cuda"),
}
BUILT = subprocess.run([TOOL, "--version"], capture_output=True, text=True, check=True).stdout
if "libwebp" not in BUILT:
    del MODES["webp"]
FILES = set(MODES) - {"raw"}
FOLDERS = {"folder", "folder jpg", "scales"}
# The options that do not matter everywhere: a value, and where it matters.
SOMEWHERE = {
    "--alpha": ("network", FILES - {"jpg", "pfm", "folder jpg"}),
    "--alpha=drop": ("drop", FILES),
    "--bits": ("16", FILES - {"jpg", "webp", "pfm", "folder jpg"}),
    "--format": ("pfm", FOLDERS | {"into"}),
    "--max-megapixels": ("9", FILES),
    "--overwrite": (None, FILES),
    "--precision": ("bf16", {"gpu"}),
    "--quality": ("90", {"jpg", "folder jpg"} | set(MODES) & {"webp"}),
    "--recursive": (None, FOLDERS),
    "--rgb": (None, FILES),
    "--shard": ("1/2", FOLDERS),
    "--share-trunk": (None, {"scales"}),
    "--skip-existing": (None, FILES),
    "--symmetries": (None, FILES),
    "--threads": ("2", set(MODES) - {"gpu"}),
    "--threads=1:2:1": ("1:2:1", set(MODES)),
}
EVERYWHERE = {
    "--weights": "none", "--sha256": "0" * 64, "--encoding": "division", "--device": "cpu",
    "--max-memory": "1G", "--band-height": "8", "--progress": "plain", "--verbose": None,
    "--scale": "2", "--size": "8x8", "--width": "8", "--height": "8",
}
# These say the mode, come in pairs, end the program, or exclude --weights.
APART = {"--input", "--output", "--raw", "--help", "--version", "--scale-x", "--scale-y", "--network"}


class Effects(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("p", "empty"):
            (self.folder / name).mkdir()
        for name in ("a.png", "p/a.png", "p/b.png"):
            (self.folder / name).write_bytes(png(6, 5))

    def run_tool(self, *arguments, tool=TOOL):
        """Ends at once: options are looked at before the weights, which are not there."""
        weights = () if "--weights" in arguments else ("-m", "none")
        return subprocess.run([tool, *arguments, *weights], capture_output=True, text=True,
                              check=False, timeout=60, cwd=self.folder, stdin=subprocess.DEVNULL)

    def test_no_option_is_forgotten(self):
        text = subprocess.run([TOOL, "--help"], capture_output=True, text=True, check=True).stdout
        known = {name.split("=")[0] for name in [*SOMEWHERE, *EVERYWHERE]} | APART
        self.assertEqual({long for _, long in listed(text)}, known)

    def test_every_option_in_every_mode(self):
        rows = [(name.split("=")[0], value, modes) for name, (value, modes) in SOMEWHERE.items()]
        rows += [(name, value, set(MODES)) for name, value in EVERYWHERE.items()]
        for mode, command in MODES.items():
            # Then the weights are missing, or the device.
            self.assertIn(self.run_tool(*command).returncode, {3, 4} if "-g" in command else {3})
            for option, value, modes in rows:
                given = list(command)
                short = {"--format": "-f", "--device": "-g", "--scale": "-s", "--size": "-s",
                         "--width": "-s", "--height": "-s"}.get(option)
                if mode in modes and short in given:  # given once
                    del given[given.index(short):given.index(short) + 2]
                run = self.run_tool(*given, option, *([value] if value else []))
                said = (mode, option, value, run.stdout, run.stderr)
                if mode in modes:
                    self.assertIn(run.returncode, {3, 4} if "-g" in given else {3}, said)
                else:
                    self.assertEqual(run.returncode, 2, said)
                    self.assertIn(f"{option} has no effect ", run.stderr, said)

    def test_sentences(self):
        for words, sentence in (
                (("--raw", "8x6", "-x"), "--symmetries has no effect on frames"),
                (("-i", "a.png", "-o", "b.png", "-f", "jpg"), "its name says the format"),
                (("-i", "a.png", "-o", "b.jpg", "--bits", "16"), "no choice of bits"),
                (("-i", "a.png", "-o", "b.png", "--shard", "1/2"), "on a single picture"),
                (("-i", "a.png", "-o", "b.png", "--precision", "bf16"), "on the CPU"),
                (("-i", "p", "-o", "out", "--share-trunk"), "with one scale")):
            run = self.run_tool(*words)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(sentence, run.stderr)

    def test_decimal_comma(self):
        for scale, point in (("1,5", "1.5"), ("2,75", "2.75"), ("1,5x2,5", "1.5x2.5")):
            run = self.run_tool("-i", "a.png", "-o", "b.png", "-s", scale)
            self.assertIn(f"write {point}.", run.stderr)
        for scale in ("1.5", "2,3,4", "2,3.5", "1.5,2", "2x3,4"):
            run = self.run_tool("-i", "a.png", "-o", "b.png", "-s", scale)
            self.assertNotIn("comma", run.stderr)
            self.assertEqual(run.returncode, 3, run.stderr)

    @unittest.skipUnless(MPI, "without upscale_mpi")
    def test_many_machines(self):
        for words in (MODES["raw"], (*MODES["png"], "-g", "cuda"), (*MODES["folder"], "-g", "cpu"),
                      (*MODES["png"], "--precision", "bf16"), (*MODES["png"], "--shard", "1/2"),
                      (*MODES["folder"], "-q", "90"), (*MODES["folder"], "--share-trunk")):
            run = self.run_tool(*words, tool=MPI)
            self.assertEqual(run.returncode, 2, (words, run.stderr))
            self.assertIn("has no effect", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
