#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The budget that an error of the upscale tool names is the least that works: for one picture, for
several of different sizes, for several scales, also from one trunk.

    budgets.py UPSCALE SOURCE_FOLDER
"""
import pathlib
import re
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[2], "tests/cli").resolve()))
from folder import TOOL, Folder  # noqa: E402


class Budgets(Folder):
    def named(self, *arguments, megabytes):
        """The budget that the error names, or 0 if all pictures are made."""
        run = subprocess.run([TOOL, *arguments, "-j", "1", "--overwrite", "--max-memory",
                              f"{megabytes}M"], capture_output=True, text=True, check=False,
                             timeout=600, cwd=self.folder)
        found = re.findall(r"--max-memory (\d+)M", run.stderr)
        self.assertEqual(run.returncode, 1 if found else 0, run.stderr)
        return max(map(int, found), default=0)

    def expect_least(self, *arguments):
        least = self.named(*arguments, megabytes=1)
        self.assertGreater(least, 1)
        with self.subTest(arguments, megabytes=least):
            self.assertEqual(self.named(*arguments, megabytes=least - 1), least)
            self.assertEqual(self.named(*arguments, megabytes=least), 0)

    def test_one_picture(self):
        self.put("a.png", width=20, height=15)
        self.expect_least("-i", "a.png", "-o", "b.png", "-s", "3")
        self.expect_least("-i", "a.png", "-o", "b.jpg", "-s", "3")

    def test_a_larger_picture_follows_a_smaller_one(self):
        self.put("p/a.png", width=9, height=9)
        self.put("p/b.png", width=20, height=15)
        self.expect_least("-i", "p", "-o", "large", "-s", "3")

    def test_several_scales(self):
        self.put("p/a.png", width=20, height=6)
        self.put("p/b.png", width=20, height=15)
        for extra in ((), ("--share-trunk",)):
            self.expect_least("-i", "p", "-o", "large", "-s", "1,4", *extra)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
