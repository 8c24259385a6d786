#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the upscale tool's results go: no input is replaced, no result lost, and what was there stays
unless that is asked for.

    plan.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[2], "tests/cli").resolve()))
from folder import TOOL, Folder, png  # noqa: E402

KNOWS_UNICODE = "utf8proc" in subprocess.run([TOOL, "--version"], capture_output=True, text=True,
                                             check=True).stdout


class Inputs(Folder):
    """No input is ever replaced."""

    def test_links_in_the_input_folder(self):
        self.put("o/a.png", "o/deep/b.png")
        self.link("p/a.png", "../o/a.png")
        self.link("p/b.png", self.folder / "o/deep/b.png")
        self.expect_made(["large/a.png", "large/b.png"], "-i", "p", "-o", "large")

    def test_the_input_itself(self):
        self.put("b.png", "d/a.png")
        self.link("l.png", "b.png")
        self.link("folder", "d")
        os.link(self.folder / "b.png", self.folder / "h.png")
        said = ("Inputs are never replaced", "b.png")
        for name in ("b.png", "l.png", "h.png", "./b.png", "d/../b.png", "folder/../b.png",
                     self.folder / "b.png"):
            self.refused("-i", "b.png", "-o", name, words=said)
        self.refused("-i", "l.png", "-o", "b.png", words=said)
        for folder in ("d", "d/", "./d", "folder", "folder/", "d/../d"):
            self.refused("-i", "d/a.png", "-o", folder, words=("Inputs are never replaced", "a.png"))
        self.refused("-i", "d/a.png", "-o", "new/../d/")
        self.refused("-i", "b.png", "-o", "x.png", "-m", "x.png", options=((),), words=())

    def test_one_of_several_scales(self):
        self.put("a-x2.png", "a.png")
        os.link(self.folder / "a.png", self.folder / "b-x3.png")
        self.refused("-i", "a-x2.png", "-o", "a.png", "-s", "2,3", words=("never replaced",))
        self.refused("-i", "a.png", "-o", "b.png", "-s", "2,3", words=("b-x3.png", "a.png"))
        self.expect_made(["a-x3.png", "a-x4.png"], "-i", "a.png", "-o", "a.png", "-s", "3,4")

    def test_the_same_folder(self):
        self.put("p/a.png", "p/sub/b.png")
        self.link("q", "p")
        for name in ("p", "p/", "./p", "q", "p/.", "p/sub/..", "q/sub/..", self.folder / "p"):
            self.refused("-i", "p", "-o", name, words=("same folder",))
            self.refused("-i", name, "-o", "p", "-r", words=("same folder",))
        self.refused("-i", "p", "-o", "new/../p", "-r")
        self.assertFalse((self.folder / "new").exists())

    def test_an_input_behind_the_name_of_a_result(self):
        self.put("p/a.png", "p/b.png", "large/c.png")
        os.link(self.folder / "p/b.png", self.folder / "large/a.png")
        self.refused("-i", "p", "-o", "large", words=("never replaced", "p/b.png"))
        (self.folder / "large/a.png").unlink()
        self.link("large/a.png", "../p/b.png")
        self.refused("-i", "p", "-o", "large", words=("never replaced", "p/b.png"))
        self.refused("-i", "p", "-o", "large", "--shard", "2/2", words=("never replaced",))

    def test_names_that_differ_in_case_alone(self):
        self.put("Photo.png")
        self.refused("-i", "Photo.png", "-o", "photo.png", words=("never replaced",))
        self.refused("-i", "Photo.png", "-o", "./PHOTO.PNG", words=("never replaced",))
        self.put("Pictures/a.png", "Pictures/Sub/b.png")
        for name in ("pictures", "PICTURES/", "new/../pictures", self.folder / "pictures"):
            self.refused("-i", "Pictures", "-o", name, "-r", words=("same folder",))
        for name in ("Pictures/sub", "pictures/sub", "pictures/SUB/"):
            self.refused("-i", "Pictures/Sub", "-o", name, words=("same folder",))
        self.refused("-i", "Pictures/a.png", "-o", "pictures/", words=("never replaced",))
        self.put("d/IMG.JPG")
        self.refused("-i", "d/IMG.JPG", "-o", "d", "-f", "jpg", words=("never replaced",))

    @unittest.skipUnless(KNOWS_UNICODE, "built without utf8proc")
    def test_names_that_differ_in_unicode_form_alone(self):
        self.put("caf\u00e9.png")
        self.refused("-i", "caf\u00e9.png", "-o", "cafe\u0301.png", words=("never replaced",))
        self.put("p/\u00c5.png", "p/A\u030a.jpg", "p/\u1e9b\u0323.png", "p/\u1e9b\u0323.jpeg")
        names = ["\u00c5.png", "A\u030a.jpg.png", "\u1e9b\u0323.png", "\u1e9b\u0323.jpeg.png"]
        self.expect_made([f"large/{name}" for name in names], "-i", "p", "-o", "large")
        self.put("q/\u00e9.png", "q/e\u0301.png")
        self.refused("-i", "q", "-o", "other", words=("cannot be told apart",))
        self.put("r/stra\u00dfe.png", "r/STRASSE.png", "r/\u03a3.png", "r/\u03c2.png")
        self.refused("-i", "r", "-o", "other", words=("cannot be told apart",))


class Results(Folder):
    """No result is lost."""

    def test_names_that_meet(self):
        self.put("p/a.jpg", "p/a.png")
        self.expect_made(["large/a.jpg.png", "large/a.png"], "-i", "p", "-o", "large")
        self.put("p/a.jpg.png")
        self.refused("-i", "p", "-o", "other", words=("p/a.jpg.png", "p/a.jpg,", "cannot be told"))
        self.refused("-i", "p", "-o", "other", "--shard", "1/3", words=("cannot be told",))

    def test_case(self):
        self.put("p/a.png", "p/A.png", "q/b.jpg", "q/B.png", "r/Sub/a.png", "r/sub/a.png")
        self.refused("-i", "p", "-o", "large", words=("a.png", "A.png", "cannot be told apart"))
        self.expect_made(["large/B.png", "large/b.jpg.png"], "-i", "q", "-o", "large")
        self.refused("-i", "r", "-o", "other", "-r", words=("cannot be told apart",))

    def test_several_scales_meet_other_names(self):
        self.put("p/a.png", "p/a-x2.jpg")
        self.expect_made(["large/a-x2.png", "large/a-x3.png", "large/a-x2-x2.png",
                          "large/a-x2-x3.png"], "-i", "p", "-o", "large", "-s", "2,3")

    def test_a_file_where_a_folder_must_be(self):
        self.put("p/a.jpg", "p/a.png/b.png")
        self.refused("-i", "p", "-o", "large", "-r", words=("cannot be told apart",))
        self.put("q/sub/b.png", "other/sub")
        self.refused("-i", "q", "-o", "other", "-r", words=("other/sub", "folder"))

    def test_links_between_results(self):
        self.put("a.png", "x-x2.png")
        self.link("x-x3.png", "x-x2.png")
        self.refused("-i", "a.png", "-o", "x.png", "-s", "2,3", options=((), ("--overwrite",)))
        self.link("y-x2.png", "y-x3.png")  # nothing is there: --overwrite replaces the link
        both = ("-i", "a.png", "-o", "y.png", "-s", "2,3")
        self.refused(*both, options=((), ("--skip-existing",)))
        self.run_tool(*both, "--overwrite")
        two, three = ((self.folder / f"y-x{scale}.png").read_bytes() for scale in "23")
        self.assertNotEqual(two, three)


class Sizes(Folder):
    """What no file of the format can hold is said before any work, from the headers alone."""

    def test_sides(self):
        self.put("p/a.png", "p/b.png")
        self.put("p/wide.png", width=33000, height=1)
        folder = ("-i", "p", "-o", "large", "-f", "jpg")
        said = ("p/wide.png", "66000 x 2 pixels", "at most 65535 a side")
        self.refused(*folder, words=said)
        self.refused(*folder, "-r", "-s", "1,2,3", words=(*said, "2 results"))
        self.refused(*folder, "--height", "2", words=said)
        self.refused(*folder, "--shard", "3/3", words=said)
        self.refused("-i", "p/wide.png", "-o", "x.jpg", words=said)
        self.expect_made(["large/a.jpg"], *folder, "--shard", "1/3")
        (self.folder / "large/wide.jpg").write_bytes(b"kept")
        self.expect_made(["large/b.jpg"], *folder, "--skip-existing")
        self.refused("-i", "p", "-o", "other", "-f", "webp", words=("webp",))


class WhatIsThere(Folder):
    """What this run did not make stays, unless that is asked for."""

    def test_three_ways(self):
        self.put("p/a.png", "p/b.png", "p/c.png")
        self.expect_made(["large/a.png", "large/b.png", "large/c.png"], "-i", "p", "-o", "large")
        whole = self.content()
        (self.folder / "large/b.png").unlink()
        (self.folder / "large/a.png").write_bytes(b"kept")
        self.refused("-i", "p", "-o", "large", options=((),), words=(
            "2 results are there already", "large/a.png", "--overwrite", "--skip-existing"))
        self.run_tool("-i", "p", "-o", "large", "--overwrite", "--skip-existing", code=2)
        self.expect_made(["large/b.png"], "-i", "p", "-o", "large", "--skip-existing")
        self.assertEqual((self.folder / "large/a.png").read_bytes(), b"kept")
        self.run_tool("-i", "p", "-o", "large", "--overwrite")
        self.assertEqual(self.content(), whole)
        self.put("one.png")
        self.refused("-i", "p/a.png", "-o", "one.png", options=((),), words=(
            "1 result is there already", "one.png", "--overwrite", "--skip-existing"))
        self.run_tool("-i", "p/a.png", "-o", "one.png", "--skip-existing")
        self.assertEqual((self.folder / "one.png").read_bytes(), png(6, 5))
        self.run_tool("-i", "p/a.png", "-o", "one.png", "--overwrite")
        self.assertEqual((self.folder / "one.png").read_bytes(), whole["large/a.png"])

    def test_parts_obey_the_same_plan(self):
        self.put("p/a.png", "p/b.png", "p/c.png", "p/d.png")
        given = ("-i", "p", "-o", "p/large", "-r", "-s", "2,3")
        self.run_tool(*given, "--shard", "1/2")
        self.run_tool(*given, "--shard", "2/2")
        self.assertEqual(len(list((self.folder / "p/large").iterdir())), 8)
        for part in ("1/2", "2/2"):
            self.refused(*given, "--shard", part, options=((),), words=("4 results are there",))
        before = self.content()
        (self.folder / "p/large/c-x2.png").unlink()
        self.run_tool(*given, "--shard", "1/2", "--skip-existing")
        self.assertEqual(self.content(), before)

    def test_what_cannot_be_replaced(self):
        self.put("p/a.png", "large/a.png/x", "a.png")
        self.refused("-i", "p", "-o", "large", words=("large/a.png", "folder"))
        self.refused("-i", "a.png", "-o", "large/a.png/../", words=("large/a.png", "folder"))
        os.mkfifo(self.folder / "large/b.png")
        self.put("q/b.png")
        self.refused("-i", "q", "-o", "large", words=("no plain file",))
        self.link("large/c.png", "nowhere")
        self.put("r/c.png")
        self.refused("-i", "r", "-o", "large", options=((), ("--skip-existing",)))

    def test_a_result_that_appears_meanwhile_is_kept(self):
        """Another process makes the file while this one computes."""
        self.put("a.png", width=150, height=150)
        for allowed, code in (((), 1), (("--skip-existing",), 0)):
            with subprocess.Popen([TOOL, "-i", "a.png", "-o", "b.png", *allowed, "--progress",
                                   "json"], cwd=self.folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL) as process:
                process.stdout.readline()  # it has begun
                (self.folder / "b.png").write_bytes(b"theirs")
                process.stdout.read()
                self.assertEqual(process.wait(120), code)
            self.assertEqual((self.folder / "b.png").read_bytes(), b"theirs")
            (self.folder / "b.png").unlink()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
