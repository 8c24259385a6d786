#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder shared out among processes: the same files and bits, also after one was killed.

    shards.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tests/corpus"))
from builder import png  # noqa: E402
from pictures import BASELINE  # noqa: E402

PICTURES = 40


class Shards(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.pictures = self.folder / "in"
        for i in range(PICTURES):
            path = self.pictures / ("deep" if i % 3 == 0 else ".") / f"{i * 37 % 100}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if i % 4 == 1:
                path.with_suffix(".jpg").write_bytes(BASELINE)
            else:
                path.write_bytes(png(5 + i % 7, 4 + i % 5))

    def command(self, out, *arguments):
        return [TOOL, "-i", self.pictures, "-o", self.folder / out, "-r", *map(str, arguments)]

    def run_tool(self, out, *arguments, code=0):
        run = subprocess.run(self.command(out, *arguments), capture_output=True, text=True,
                             check=False, timeout=600)
        self.assertEqual(run.returncode, code, run.stderr)
        return run

    def files(self, out):
        return {path.relative_to(self.folder / out): path.read_bytes()
                for path in (self.folder / out).rglob("*") if path.is_file()}

    def test_parts_make_the_whole(self):
        self.run_tool("whole")
        whole = self.files("whole")
        self.assertEqual(len(whole), PICTURES)
        seen = 0
        for number in (3, 1, 2):
            self.run_tool("parts", "--shard", f"{number}/3")
            seen, before = len(self.files("parts")), seen
            self.assertIn(seen - before, (PICTURES // 3, PICTURES // 3 + 1))
        self.assertEqual(self.files("parts"), whole)
        processes = [subprocess.Popen(self.command("together", "--shard", f"{number}/4", "-j", 1))
                     for number in (1, 2, 3, 4)]
        self.assertEqual([process.wait(600) for process in processes], [0] * 4)
        self.assertEqual(self.files("together"), whole)

    def test_more_parts_than_pictures(self):
        self.run_tool("none", "--shard", "1000/1000")
        self.assertFalse((self.folder / "none").exists())

    def test_killed_and_restarted(self):
        self.run_tool("whole")
        whole = self.files("whole")
        for number in (signal.SIGKILL, signal.SIGTERM):
            out = f"again{int(number)}"
            with subprocess.Popen(self.command(out), stderr=subprocess.DEVNULL) as process:
                deadline = time.monotonic() + 120
                while not (self.folder / out).exists() or len(self.files(out)) < 5:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.002)
                process.send_signal(number)
                process.wait(60)
            for path, content in self.files(out).items():
                if "eqsr-tmp" not in path.name:
                    self.assertEqual(content, whole[path])
            self.run_tool(out, "--skip-existing")
            found = {path: content for path, content in self.files(out).items()
                     if "eqsr-tmp" not in path.name}  # of a file system without nameless files
            self.assertEqual(found, whole)

    def test_usage(self):
        for wrong in ("0/3", "4/3", "1", "1/", "/2", "a/b", "-1/2", "1/0", "1.5/2", "1/2/3"):
            run = self.run_tool("none", "--shard", wrong, code=2)
            self.assertIn("such as 2/8", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
