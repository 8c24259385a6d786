#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder shared out among the GPUs of a machine, two that are none (devices.cpp).

    devices.py UPSCALE_WITH_FAKE_DEVICES SOURCE_FOLDER
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tests/corpus"))
from builder import png  # noqa: E402


class Devices(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def pictures(self, count):
        folder = self.folder / f"{count}"
        folder.mkdir()
        for i in range(count):
            (folder / f"{i}.png").write_bytes(png(5 + i % 3, 4 + i % 4))
        return folder

    def run_tool(self, pictures, out, *arguments, code=0, lose=""):
        run = subprocess.run(
            [TOOL, "-i", pictures, "-o", self.folder / out, *arguments], capture_output=True,
            text=True, check=False, timeout=600, stdin=subprocess.DEVNULL,
            env={**os.environ, "EQSR_TEST_LOSE": lose})
        self.assertEqual(run.returncode, code, (arguments, run.stderr))
        return run

    def files(self, out):
        return {path.name: path.read_bytes() for path in (self.folder / out).glob("*")}

    def test_both_compute_and_the_files_are_the_same(self):
        for count in (2, 3, 9):
            pictures = self.pictures(count)
            for form in ("png", "jpg"):  # by rows and as a whole
                one, two = f"one-{count}-{form}", f"two-{count}-{form}"
                self.run_tool(pictures, one, "-f", form, "-g", "cuda:1")
                run = self.run_tool(pictures, two, "-f", form, "-g", "cuda:0,1", "-v")
                self.assertEqual(len(self.files(one)), count)
                self.assertEqual(self.files(two), self.files(one))
                for device in (0, 1):
                    self.assertIn(f"CUDA device {device}\n", run.stderr)
                self.assertEqual(run.stderr.count("written to"), count)

    def test_what_is_there_is_left_alone(self):
        pictures = self.pictures(6)
        self.run_tool(pictures, "out", "-g", "cuda:1,0")
        whole = self.files("out")
        for name in ("1.png", "4.png", "5.png"):
            (self.folder / "out" / name).unlink()
        run = self.run_tool(pictures, "out", "-g", "cuda:1,0", "--skip-existing", "-v")
        self.assertEqual(self.files("out"), whole)
        self.assertEqual(run.stderr.count("already there"), 3)

    def test_a_device_that_fails_leaves_the_rest_to_the_other(self):
        pictures = self.pictures(8)
        run = self.run_tool(pictures, "out", "-g", "cuda:0,1", lose="1", code=1)
        self.assertEqual(run.stderr.count("CUDA device 1 is gone."), 1)
        self.assertIn("1 of 8 images failed", run.stderr)
        self.assertEqual(len(self.files("out")), 7)
        run = self.run_tool(pictures, "none", "-g", "cuda:0,1", lose="0,1", code=1)
        self.assertIn("8 of 8 images failed", run.stderr)
        self.assertEqual(run.stderr.count("No device is left"), 6)
        self.assertEqual(self.files("none"), {})

    def test_devices_that_are_not_there(self):
        pictures = self.pictures(2)
        for device in ("cuda:2", "cuda:0,7"):
            run = self.run_tool(pictures, "out", "-g", device, code=4)
            self.assertIn("There is no CUDA device", run.stderr)
        for wrong in ("cuda:", "cuda:0,", "cuda:,1", "cuda:0,0", "cuda:a", "cuda:-1", "cuda:0;1",
                      "cuda:1.5", "cuda0", "cuda:0,1,0", "vulkan"):
            run = self.run_tool(pictures, "out", "-g", wrong, code=4)
            self.assertIn(f'There is no device "{wrong}" here. Give cpu, cuda, cuda:1 or, each once, '
                          "cuda:0,1.", run.stderr)
        self.assertFalse((self.folder / "out").exists())

    def test_one_picture_has_one_device(self):
        for command in (("-i", self.pictures(1) / "0.png", "-o", self.folder / "out.png"),
                        ("--raw", "8x6")):
            run = subprocess.run([TOOL, *command, "-g", "cuda:0,1"], capture_output=True, text=True,
                                 check=False, timeout=600, stdin=subprocess.DEVNULL)
            self.assertEqual(run.returncode, 2)
            self.assertIn("Several devices share out the pictures of a folder", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
