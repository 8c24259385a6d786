# SPDX-License-Identifier: Apache-2.0
"""A folder of small pictures, links and results, for tests of where results go."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
sys.path.insert(0, str(SOURCE / "tests/corpus"))
from builder import png  # noqa: E402

OPTIONS = ((), ("--overwrite",), ("--skip-existing",))


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def put(self, *names, width=6, height=5):
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(width, height))

    def link(self, name, target):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).symlink_to(target)

    def content(self):
        """Every file and link below the folder, and what it holds."""
        found = {}
        for path in self.folder.rglob("*"):
            if path.is_symlink():
                found[str(path.relative_to(self.folder))] = "-> " + os.readlink(path)
            elif path.is_file():
                found[str(path.relative_to(self.folder))] = path.read_bytes()
        return found

    def run_tool(self, *arguments, code=0, words=()):
        run = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True,
                             check=False, timeout=300, cwd=self.folder)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        for word in words:
            self.assertIn(word, run.stderr, arguments)
        return run

    def refused(self, *arguments, words=(), options=OPTIONS):
        """Exit 2 before any work, whatever is allowed, and nothing has changed."""
        for allowed in options:
            before = self.content()
            self.run_tool(*arguments, *allowed, code=2, words=words)
            self.assertEqual(self.content(), before, (arguments, allowed))

    def made(self, before):
        """The new files; the others are as they were."""
        now = self.content()
        self.assertEqual({name: now.get(name) for name in before}, before)
        return sorted(set(now) - set(before))

    def expect_made(self, names, *arguments, words=()):
        before = self.content()
        run = self.run_tool(*arguments, words=words)
        self.assertEqual(self.made(before), sorted(names))
        return run
