#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the upscale tool writes is whole or not there: full disks, signals, closed pipes.

    output.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
RUNS = 50
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tests/corpus"))
from builder import png  # noqa: E402


def nameless_files(folder):
    """Whether the file system has files without a name; else SIGKILL may leave a temporary one."""
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE))
        return True
    except OSError:
        return False


class Output(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.photo, self.out = self.folder / "photo.png", self.folder / "out.png"
        self.photo.write_bytes(png(40, 30))

    def run_tool(self, out, code, words=(), **keywords):
        run = subprocess.run([TOOL, "-i", self.photo, "-o", out, "-s", "3", "--overwrite"],
                             capture_output=True, text=True, check=False, timeout=300, **keywords)
        self.assertEqual(run.returncode, code, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)

    def names(self):
        return sorted(p.name for p in self.folder.iterdir())

    def whole(self):
        self.run_tool(self.out, 0)
        return self.out.read_bytes()

    def interrupted(self, number, runs):
        """Sends a signal at random moments; the output is then the old file or the new one."""
        start = time.monotonic()
        new = self.whole()
        duration = time.monotonic() - start
        seed = int(os.environ.get("EQSR_SEED", time.time()))
        print(f"EQSR_SEED={seed}", file=sys.stderr)
        chance, outcomes = random.Random(seed), {"old": 0, "new": 0}
        for _ in range(runs):
            self.out.write_bytes(b"old")
            with subprocess.Popen([TOOL, "-i", self.photo, "-o", self.out, "-s", "3", "--overwrite"],
                                  stderr=subprocess.DEVNULL) as process:
                time.sleep(chance.uniform(0, 1.1 * duration))
                process.send_signal(number)
                code = process.wait(60)
            found = self.out.read_bytes()
            self.assertIn(found, (b"old", new))
            outcomes["old" if found == b"old" else "new"] += 1
            if code == 0:
                self.assertEqual(found, new)
            for stray in set(self.names()) - {"out.png", "photo.png"}:
                # Only between getting a name and taking the old file's place can SIGKILL leave one,
                # and then it is complete, where files may be nameless before.
                self.assertEqual(number, signal.SIGKILL)
                if nameless_files(self.folder):
                    self.assertEqual((self.folder / stray).read_bytes(), new)
                (self.folder / stray).unlink()
        print(outcomes, file=sys.stderr)

    def test_killed(self):
        self.interrupted(signal.SIGKILL, RUNS)

    def test_interrupted(self):
        self.interrupted(signal.SIGINT, 10)
        self.interrupted(signal.SIGTERM, 10)

    def test_device_without_room(self):
        self.out.symlink_to("/dev/full")
        self.run_tool(self.out, 1, ("No space left",))
        jpg = self.folder / "out.jpg"
        jpg.symlink_to("/dev/full")
        self.run_tool(jpg, 1, ("No space left",))
        with open("/dev/full", "w") as full:
            run = subprocess.run([TOOL, "--help"], stdout=full, stderr=subprocess.PIPE, text=True,
                                 check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("could not be written", run.stderr)

    def test_no_room(self):
        new = self.whole()
        for room in (0, 1, 100, len(new) - 1):
            self.out.write_bytes(b"old")
            self.run_tool(self.out, 1, ("unchanged",), preexec_fn=lambda limit=room:
                          resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            self.assertEqual(self.out.read_bytes(), b"old")
            self.assertEqual(self.names(), ["out.png", "photo.png"])

    def test_folder_that_takes_no_files(self):
        self.run_tool("/proc/out.png", 1, ("/proc/out.png",))
        if os.geteuid() != 0:
            self.folder.chmod(0o500)
            self.addCleanup(self.folder.chmod, 0o700)
            self.run_tool(self.out, 1, ("Permission denied",))

    def test_through_links(self):
        new = self.whole()
        target, link = self.folder / "target.png", self.folder / "link.png"
        target.write_bytes(b"old")
        target.chmod(0o640)
        link.symlink_to("target.png")
        self.run_tool(link, 0)
        self.assertTrue(link.is_symlink())
        self.assertEqual(target.read_bytes(), new)
        self.assertEqual(target.stat().st_mode & 0o777, 0o640)

    def test_long_name(self):
        self.run_tool(self.folder / ("n" * 251 + ".png"), 0)
        self.run_tool(self.folder / ("n" * 300 + ".png"), 2, ("too long",))

    def test_closed_pipe(self):
        read, write = os.pipe()
        os.close(read)
        with subprocess.Popen([TOOL, "-i", self.photo, "-o", self.out, "-v"], stderr=write) as tool:
            os.close(write)
            self.assertEqual(tool.wait(60), 0)
        self.assertTrue(self.out.exists())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
