#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video through the upscale tool: rgb24 in, rgb24 out.

    frames.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.dont_write_bytecode = True
sys.path[:0] = [str(SOURCE / "tests/corpus"), str(SOURCE / "tests/cli")]
from builder import chunk, ihdr  # noqa: E402
from decode import Png  # noqa: E402

WIDTH, HEIGHT, COUNT = 20, 12, 6


def frame(number):
    """A square that moves over a ramp."""
    return b"".join(bytes((255, 40, number * 30) if number * 2 <= x < number * 2 + 5 and 3 <= y < 8
                          else (x * 12, y * 20, 90))
                    for y in range(HEIGHT) for x in range(WIDTH))


CLIP = b"".join(frame(i) for i in range(COUNT))


class Frames(unittest.TestCase):
    def run_tool(self, clip, *arguments, code=0, size=f"{WIDTH}x{HEIGHT}"):
        run = subprocess.run([TOOL, "--raw", size, *arguments], input=clip, capture_output=True,
                             check=False, timeout=300)
        self.assertEqual(run.returncode, code, run.stderr)
        return run

    def test_frames_are_the_pictures(self):
        out = self.run_tool(CLIP, "-s", "2").stdout
        size = 2 * WIDTH * 2 * HEIGHT * 3
        self.assertEqual(len(out), COUNT * size)
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        for i in range(COUNT):
            rows = b"".join(b"\0" + frame(i)[y * WIDTH * 3:(y + 1) * WIDTH * 3]
                            for y in range(HEIGHT))
            (folder / "in.png").write_bytes(b"\x89PNG\r\n\x1a\n" + ihdr(WIDTH, HEIGHT) + chunk(
                b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
            subprocess.run([TOOL, "-i", folder / "in.png", "-o", folder / "out.png", "-s", "2",
                            "--overwrite"], check=True)
            self.assertEqual(pixels(folder / "out.png"), out[i * size:(i + 1) * size])

    def test_the_same_without_overlap_and_to_a_size(self):
        for size in (("-s", "1.5"), ("--size", "33x20")):
            out = self.run_tool(CLIP, *size).stdout
            self.assertEqual(out, self.run_tool(CLIP, *size, "-j", "0:1:0").stdout)
        self.assertEqual(len(out), COUNT * 33 * 20 * 3)

    def test_command_of_the_document(self):
        """With ffmpeg where there is one; else with a stand-in that hands raw frames on."""
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        (folder / "upscale").symlink_to(TOOL)
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg:
            (folder / "clip.rgb").write_bytes(CLIP)
            subprocess.run([ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
                            f"{WIDTH}x{HEIGHT}", "-r", "25", "-i", folder / "clip.rgb", "-pix_fmt",
                            "yuv420p", folder / "clip.mp4"], check=True)
        else:
            (folder / "clip.mp4").write_bytes(CLIP)
            stand_in = folder / "ffmpeg"
            stand_in.write_text('#!/bin/sh\ncase "$*" in *"-i - "*) cat >large.mp4 ;; '
                                '*) cat clip.mp4 ;; esac\n')
            stand_in.chmod(0o755)
        block, = re.findall(r"```sh\n(ffmpeg .*?)```", (SOURCE / "docs/upscale.md").read_text(), re.S)
        block = block.replace("640x360", f"{WIDTH}x{HEIGHT}")
        block = block.replace("1280x720", f"{2 * WIDTH}x{2 * HEIGHT}")
        subprocess.run(block, shell=True, check=True, cwd=folder, timeout=300,
                       env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
        if ffmpeg:
            frames = subprocess.run([ffmpeg, "-v", "error", "-i", folder / "large.mp4", "-f",
                                     "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True,
                                    check=True).stdout
            self.assertEqual(len(frames), 4 * len(CLIP))
        else:
            self.assertEqual((folder / "large.mp4").read_bytes(),
                             self.run_tool(CLIP, "-s", "2").stdout)

    def test_ends(self):
        self.assertIn(b"No frame came", self.run_tool(b"", code=1).stderr)
        run = self.run_tool(CLIP[:-7], "-s", "2", code=1)
        self.assertEqual(len(run.stdout), (COUNT - 1) * 4 * len(CLIP) // COUNT)
        self.assertIn(b"last frame", run.stderr)

    def test_into_its_own_input(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        (folder / "clip").write_bytes(CLIP)
        for way in ("<clip >>clip", "<clip 1<>clip"):
            run = subprocess.run(["sh", "-c", f"'{TOOL}' --raw {WIDTH}x{HEIGHT} {way}"], check=False,
                                 cwd=folder, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(b"never replaced", run.stderr)
            self.assertEqual((folder / "clip").read_bytes(), CLIP)

    def test_usage(self):
        for size in ("0x5", "20", "20x", "-1x5", "99999x3"):
            self.run_tool(b"", size=size, code=2)
        self.run_tool(b"", "-s", "2,3", code=2)
        self.run_tool(b"", "-i", "clip", code=2)
        run = self.run_tool(CLIP, "--max-memory", "1M", code=1)
        least = int(re.search(rb"Frames of 20 x 12 need at least (\d+) MB", run.stderr)[1])
        self.run_tool(CLIP, "--max-memory", f"{least - 1}M", code=1)
        self.run_tool(CLIP, "--max-memory", f"{least}M")

    def test_progress(self):
        run = self.run_tool(CLIP, "--progress", "json", "-v")
        self.assertIn(b'"file": "frame 5"', run.stderr)
        self.assertIn(b"6 frames", run.stderr)
        self.assertEqual(len(run.stdout), 4 * len(CLIP))

    def test_reader_that_leaves(self):
        with subprocess.Popen([TOOL, "--raw", f"{WIDTH}x{HEIGHT}"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            try:
                process.stdin.write(CLIP)
                process.stdin.close()
            except BrokenPipeError:
                pass
            self.assertEqual(process.wait(60), 1)
            self.assertIn(b"standard output cannot be written", process.stderr.read())

    def test_interrupted_while_it_waits(self):
        with subprocess.Popen([TOOL, "--raw", f"{WIDTH}x{HEIGHT}"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(frame(0))
            process.stdin.flush()
            self.assertEqual(len(process.stdout.read(1)), 1)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            self.assertEqual(process.wait(60), 130)


def pixels(path):
    return b"".join(bytes(pixel) for row in Png(path).pixels for pixel in row)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
