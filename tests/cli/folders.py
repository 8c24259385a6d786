#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Output folders of the upscale tool, the links in them, pipes, and what is said before any work.

    folders.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[2], "tests/cli").resolve()))
from folder import TOOL, Folder, png  # noqa: E402
from decode import Png  # noqa: E402


class Folders(Folder):
    """An output folder inside the input, links below it, folders that are made."""

    def test_inside_the_input(self):
        self.put("p/1.png", "p/deep/2.png")
        names = ["p/large/1.png", "p/large/deep/2.png"]
        self.expect_made(names, "-i", "p", "-o", "p/large", "-r")
        for _ in range(2):
            self.expect_made([], "-i", "p", "-o", "p/large", "-r", "--skip-existing")
        self.refused("-i", "p", "-o", "p/large/", "-r", options=((),), words=("2 results",))
        self.put("q/1.png", "q/sub/1.png")
        self.refused("-i", "q", "-o", "q/sub", "-r", options=((),), words=("q/sub/1.png",))
        self.link("s", "q/sub")
        self.refused("-i", "q", "-o", "s", "-r", options=((),), words=("1 result is", "s/1.png"))
        self.run_tool("-i", "q", "-o", "s", "-r", "--overwrite")
        self.assertEqual(Png(self.folder / "q/sub/1.png").width, 12)
        self.assertEqual(sorted(p.name for p in (self.folder / "q/sub").iterdir()), ["1.png"])

    def test_around_the_input(self):
        self.put("o/in/a.png", "o/in/b.png")
        self.expect_made(["o/a.png", "o/b.png"], "-i", "o/in", "-o", "o")
        self.refused("-i", "o/in", "-o", "o", options=((),), words=("2 results",))

    def test_a_link_may_be_the_output_folder(self):
        self.put("p/a.png", "p/sub/b.png")
        (self.folder / "disk").mkdir()
        self.link("p/large", "../disk")
        self.expect_made(["disk/a.png", "disk/sub/b.png"], "-i", "p", "-o", "p/large", "-r")
        self.link("broken", "nowhere")
        self.refused("-i", "p", "-o", "broken", words=("leads nowhere",))
        self.link("same", "p")
        self.refused("-i", "p", "-o", "same", words=("same folder",))

    def test_links_below_it_are_not_followed(self):
        self.put("p/a.png", "p/sub/b.png", "precious/a.png", "precious/b.png")
        self.link("large/sub", "../precious")
        self.refused("-i", "p", "-o", "large", "-r", words=("large/sub", "link"))
        (self.folder / "large/sub").unlink()
        self.link("large/a.png", "../precious/a.png")
        before = self.content()
        self.refused("-i", "p", "-o", "large", options=((),), words=("1 result",))
        self.run_tool("-i", "p", "-o", "large", "--skip-existing")
        self.assertEqual(self.content(), before)
        self.run_tool("-i", "p", "-o", "large", "--overwrite")
        self.assertEqual((self.folder / "precious/a.png").read_bytes(), png(6, 5))
        self.assertFalse((self.folder / "large/a.png").is_symlink())
        self.link("large/c.png", "../precious/b.png")
        shutil.move(self.folder / "p/a.png", self.folder / "p/c.png")
        self.run_tool("-i", "p/c.png", "-o", "large", "--overwrite")
        self.assertEqual((self.folder / "precious/b.png").read_bytes(), png(6, 5))

    def test_a_named_link_is_followed_if_it_may_be_replaced(self):
        self.put("a.png", "target.png")
        self.link("link.png", "target.png")
        self.refused("-i", "a.png", "-o", "link.png", options=((),), words=("link.png",))
        self.run_tool("-i", "a.png", "-o", "link.png", "--overwrite")
        self.assertTrue((self.folder / "link.png").is_symlink())
        self.assertEqual(Png(self.folder / "target.png").width, 12)

    def test_folders_are_made(self):
        self.put("p/a.png", "p/sub/deep/b.png", "c.png")
        self.expect_made(["x/y/a.png", "x/y/sub/deep/b.png"], "-i", "p", "-o", "x/y/", "-r")
        self.expect_made(["new/c.png"], "-i", "c.png", "-o", "new/")
        self.refused("-i", "c.png", "-o", "", words=("no name",))

    def test_left_out(self):
        """Hidden files without a word, the rest in one note."""
        self.put("p/a.png", "p/sub/b.png", "p/.hidden/c.png", "o/d.png")
        (self.folder / "p/._a.png").write_bytes(b"\0\5\x16\7 of a Mac")
        (self.folder / "p/.DS_Store").write_bytes(b"x")
        for name in ("one.gif", "two.txt", "three"):
            (self.folder / "p" / name).write_bytes(b"x")
        os.mkfifo(self.folder / "p/pipe.png")
        self.link("p/dead.png", "nowhere")
        self.link("p/loop.png", "loop.png")
        self.link("p/more", "../o")
        run = self.expect_made(["large/a.png"], "-i", "p", "-o", "large", words=(
            "3 (other formats: one.gif", "2 (links that lead nowhere: dead.png",
            "1 (pipes and devices: pipe.png)", "1 (links to folders: more)",
            "1 (folders inside it: sub)"))
        self.assertEqual(run.stderr.count("\n"), 1)
        self.assertNotIn("_a.png", run.stderr)
        run = self.expect_made(["other/a.png", "other/sub/b.png"], "-i", "p", "-o", "other", "-r")
        self.assertNotIn("folders inside", run.stderr)
        self.put("q/._a.png")
        self.run_tool("-i", "q", "-o", "large", code=2, words=("There is no .png",))

    def test_nowhere_to_write(self):
        self.put("p/a.png", width=400, height=400)
        self.run_tool("-i", "p", "-o", "/proc/large", "-s", "8", code=1, words=("/proc/large",))
        self.run_tool("-i", "p/a.png", "-o", "/proc/b.jpg", "-s", "8", code=1, words=("/proc/b.jpg",))
        run = self.run_tool("-i", "p", "-o", "/proc", "-s", "8", "--progress", "plain", code=1)
        self.assertNotIn("%", run.stderr)


class Early(Folder):
    """What the format cannot hold is said before anything is computed, or even read."""

    def test_sides(self):
        self.put("a.png", "p/a.png", width=70)
        for size in (("--size", "65536x4"), ("--width", "70000"), ("--scale", "999x1"),
                     ("--height", "100000")):
            run = self.run_tool("-i", "a.png", "-o", "b.jpg", *size, "--progress", "plain", code=2,
                                words=("65535",))
            self.assertNotIn("%", run.stderr)
        self.run_tool("-i", "p", "-o", "large", "-f", "jpg", "--size", "65536x4", code=2)
        self.assertFalse((self.folder / "large").exists())
        self.put("p/b.png")
        self.run_tool("-i", "p", "-o", "large", "-f", "jpg", "-s", "999x1", code=2,
                      words=("p/a.png", "65535"))
        self.assertFalse((self.folder / "large").exists())


class Pipes(Folder):
    def test_a_pipe_that_is_named(self):
        self.put("a.png")
        pipe = self.folder / "pipe.png"
        os.mkfifo(pipe)
        read = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
        reader.start()
        self.run_tool("-i", "a.png", "-o", pipe)
        reader.join(60)
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))
        (self.folder / "b.png").write_bytes(read[0])
        self.assertEqual(Png(self.folder / "b.png").width, 12)

    def test_the_standard_output(self):
        self.put("a.png")
        self.link("out.png", "/dev/stdout")
        shell = subprocess.run(["sh", "-c", f"'{TOOL}' -i a.png -o out.png | cat >b.png"], check=True,
                               cwd=self.folder, timeout=60)
        self.assertEqual(shell.returncode, 0)
        self.assertEqual(Png(self.folder / "b.png").width, 12)
        for way in ("--progress json | cat >c.png", "--progress plain 2>&1 >c.png | cat >c.png"):
            self.link("messages.png", "/dev/stderr")
            name = "out.png" if "json" in way else "messages.png"
            run = subprocess.run(["bash", "-o", "pipefail", "-c", f"'{TOOL}' -i a.png -o {name} {way}"],
                                 check=False, cwd=self.folder, timeout=60, stderr=subprocess.PIPE)
            self.assertEqual(run.returncode, 2, run.stderr)
            (self.folder / "messages.png").unlink()
        (self.folder / "c.png").unlink()
        before = self.content()
        for allowed in ("", "--overwrite", "--skip-existing"):
            run = subprocess.run(["sh", "-c", f"'{TOOL}' -i a.png -o out.png {allowed} >>a.png"],
                                 check=False, cwd=self.folder, timeout=60, stderr=subprocess.PIPE)
            self.assertEqual(run.returncode, 2)
            self.assertIn(b"never replaced", run.stderr)
            self.assertEqual(self.content(), before)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
