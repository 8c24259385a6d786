#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder shared out among four ranks: the bits of one process, and what a lost rank leaves.

    mpi.py UPSCALE UPSCALE_MPI MPIEXEC SOURCE_FOLDER
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

TOOL, MPI, MPIEXEC = (os.path.abspath(path) for path in sys.argv[1:4])
SOURCE = pathlib.Path(sys.argv[4])
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "tests/corpus"))
from builder import png  # noqa: E402

PICTURES = 40
# Open MPI keeps memory until the end; under AddressSanitizer that is no leak of ours.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


def ranks_of(parent):
    """The processes of upscale_mpi below a process."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == parent and os.readlink(folder / "exe") == os.path.realpath(MPI):
                found.append(int(folder.name))
        except OSError:
            pass
    return sorted(found)


class Ranks(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.pictures = self.folder / "in"
        self.pictures.mkdir()

    def fill(self, width, height):
        for i in range(PICTURES):
            (self.pictures / f"{i}.png").write_bytes(png(width + i % 7, height + i % 5))

    def launcher(self):
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        return [MPIEXEC, *root, "--oversubscribe"]

    def command(self, out, *arguments, ranks=4):
        return [*self.launcher(), "-n", str(ranks), MPI, "-i", self.pictures, "-o",
                self.folder / out, "-j", "1", *arguments]

    def run_tool(self, command, code=0):
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run

    def files(self, out):
        return {path.name: path.read_bytes() for path in (self.folder / out).glob("*")
                if "eqsr-tmp" not in path.name}

    def test_the_bits_of_one_process(self):
        self.fill(5, 4)
        self.run_tool([TOOL, "-i", self.pictures, "-o", self.folder / "one"])
        whole = self.files("one")
        self.assertEqual(len(whole), PICTURES)
        for ranks in (1, 2, 4):
            self.run_tool(self.command(f"ranks{ranks}", ranks=ranks))
            self.assertEqual(self.files(f"ranks{ranks}"), whole)

    def test_one_picture_in_bands(self):
        """Fewer pictures than ranks: each in bands, a part of the rows for each rank."""
        (self.pictures / "a.png").write_bytes(png(37, 23))
        (self.pictures / "b.png").write_bytes(png(9, 2))  # fewer pairs of rows than ranks
        (self.pictures / "c.png").write_bytes(png(8, 7, colour=6))  # alpha
        for kind, *more in (("png", "-s", "3.7,0.5"), ("png", "-t", "6", "--max-memory", "60M"),
                            ("jpg",), ("png", "-x")):
            name = "_".join([kind, *more]).replace(",", "_")
            self.run_tool([TOOL, "-i", self.pictures, "-o", self.folder / f"one{name}", "-f", kind,
                           *more])
            self.run_tool(self.command(f"bands{name}", "-f", kind, *more))
            self.assertEqual(self.files(f"bands{name}"), self.files(f"one{name}"))
        (self.pictures / "b.png").write_bytes(b"damaged")
        run = self.run_tool(self.command("again"), code=1)
        self.assertIn("1 of 3 images are not done", run.stderr)
        self.assertIn("b.png (failed)", run.stderr)
        self.assertEqual(sorted(self.files("again")), ["a.png", "c.png"])

    def test_a_rank_lost_over_bands(self):
        (self.pictures / "large.png").write_bytes(png(300, 300))
        with subprocess.Popen(self.command("out", "-s", "4"), stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT) as process:
            deadline = time.monotonic() + 120
            while not (self.folder / "out").exists():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            os.kill(ranks_of(process.pid)[2], signal.SIGKILL)
            said, _ = process.communicate(timeout=120)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("1 of 1 images are not done:", said)
        self.assertIn("in/large.png (was being computed)", said)
        self.assertEqual(self.files("out"), {})

    def test_a_picture_that_fails(self):
        self.fill(5, 4)
        (self.pictures / "7.png").write_bytes(b"damaged")
        run = self.run_tool(self.command("out"), code=1)
        self.assertIn("1 of 40 images are not done", run.stderr)
        self.assertIn("7.png (failed)", run.stderr)
        self.assertEqual(len(self.files("out")), PICTURES - 1)

    def test_a_lost_rank(self):
        self.fill(*((30, 25) if "asan" in MPI else (60, 50)))  # to last until the signal
        with subprocess.Popen(self.command("out"), stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT) as process:
            deadline = time.monotonic() + 120
            while not (self.folder / "out").exists() or len(self.files("out")) < 3:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            ranks = ranks_of(process.pid)
            self.assertEqual(len(ranks), 4)
            os.kill(ranks[-1], signal.SIGKILL)
            said, _ = process.communicate(timeout=120)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("images are not done:", said)
        self.assertIn("--skip-existing", said)
        done = self.files("out")
        self.assertLess(len(done), PICTURES)
        for i in range(PICTURES):
            if f"{i}.png" not in done:
                self.assertIn(f"in/{i}.png", said)
        self.run_tool(self.command("out", "--skip-existing"))
        self.run_tool([TOOL, "-i", self.pictures, "-o", self.folder / "one"])
        self.assertEqual(self.files("out"), self.files("one"))

    def test_commands_of_the_document(self):
        self.fill(5, 4)
        self.pictures.rename(self.folder / "photos")
        (self.folder / "photo.jpg").write_bytes(png(6, 5))  # the content counts, not the name
        folder = self.folder / "bin"
        folder.mkdir()
        (folder / "upscale_mpi").symlink_to(MPI)
        launcher = folder / "mpirun"  # as root and on few cores too
        launcher.write_text("#!/bin/sh\nexec " + " ".join(self.launcher()) + ' "$@"\n')
        launcher.chmod(0o755)
        text = (SOURCE / "docs/upscale.md").read_text()
        commands = [line for line in text.splitlines() if line.startswith("mpirun ")]
        self.assertEqual(len(commands), 2)
        for command in commands:
            self.run_tool(["env", f"PATH={folder}:{os.environ['PATH']}", "sh", "-c",
                           f"cd {self.folder} && {command}"])
        self.assertEqual(len(self.files("large")), PICTURES)
        self.assertTrue((self.folder / "huge.png").exists())

    def test_usage(self):
        self.fill(5, 4)
        self.run_tool([*self.command("out"), "--nothing"], code=2)
        run = self.run_tool(self.command("in"), code=2)
        self.assertIn("same folder", run.stderr)

    def test_the_plan_of_one_process(self):
        """Rank 0 says what is there already, and what is left out, once."""
        self.fill(5, 4)
        (self.pictures / "notes.txt").write_text("no picture")
        (self.folder / "out").mkdir()
        (self.folder / "out/7.png").write_bytes(b"kept")
        run = self.run_tool(self.command("out"), code=2)
        self.assertEqual(run.stderr.count("1 result is there already"), 1)
        self.assertEqual(self.files("out"), {"7.png": b"kept"})
        self.run_tool(self.command("out", "--skip-existing"))
        self.assertEqual((self.folder / "out/7.png").read_bytes(), b"kept")
        run = self.run_tool(self.command("out", "--overwrite"))
        self.assertEqual(run.stderr.count("other formats: notes.txt"), 1)
        self.run_tool([TOOL, "-i", self.pictures, "-o", self.folder / "one"])
        self.assertEqual(self.files("out"), self.files("one"))
        run = self.run_tool(self.command("../../proc/out"), code=1)
        self.assertEqual(run.stderr.count("/proc/out"), 1)

    def test_weights(self):
        self.fill(5, 4)
        self.run_tool([*self.command("out"), "-m", "none"], code=3)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
