#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line of the upscale tool: sizes, files, sentences and exit codes.

    run.py UPSCALE SOURCE_FOLDER
"""
import hashlib
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
WEIGHTS = SOURCE / "weights/eqsr-lite.safetensors"


def png(width, height, colour=2, channels=3):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + bytes((x * 7 + y * 11 + c * 50) % 256 for x in range(width)
                                  for c in range(channels)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def size_of(path):
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.photo = self.folder / "photo.png"
        self.photo.write_bytes(png(24, 16))
        self.out = self.folder / "out.png"

    def run_tool(self, *arguments, **keywords):
        if "-o" in arguments and "--skip-existing" not in arguments:
            arguments += ("--overwrite",)  # plan.py tests what happens without it
        return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True,
                              check=False, timeout=300, **keywords)

    def expect(self, code, *arguments, words=(), **keywords):
        run = self.run_tool(*arguments, **keywords)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        for word in (words,) if isinstance(words, str) else words:
            self.assertIn(word, run.stdout + run.stderr)
        self.assertEqual([p.name for p in self.folder.rglob("*eqsr-tmp*")], [])
        return run

    def expect_size(self, width, height, *arguments):
        self.expect(0, "-i", self.photo, "-o", self.out, *arguments)
        self.assertEqual(size_of(self.out), (width, height))
        self.out.unlink()

    def test_help_and_version(self):
        text = self.expect(0, "--help", words=("Examples:", "Exit codes", "--size")).stdout
        self.assertLessEqual(len(max(text.splitlines(), key=len)), 130)
        self.expect(0, "--version", words="eqsr")

    def test_sizes(self):
        self.expect_size(48, 32)  # without a size: twice
        self.expect_size(89, 59, "-s", "3.7")
        self.expect_size(48, 56, "--scale", "2x3.5")
        self.expect_size(36, 32, "--scale-x", "1.5", "--scale-y", "2")
        self.expect_size(31, 17, "--size", "31x17")
        self.expect_size(31, 17, "--width", "31", "--height", "17")
        self.expect_size(36, 24, "--width", "36")
        self.expect_size(36, 24, "--height", "24")
        self.expect_size(12, 8, "--scale", "0.5")

    def test_usage(self):
        given = ("-i", self.photo, "-o", self.out)
        for wrong in (["-i", self.photo], ["-o", self.out], [*given, "-s", "0"],
                      [*given, "-s", "-2"], [*given, "-s", "nan"], [*given, "-s", "1e9"],
                      [*given, "-s", "two"], [*given, "--size", "100"], [*given, "--size", "0x5"],
                      [*given, "--size", "9x9", "-s", "2"], [*given, "--scale-x", "2"],
                      [*given, "--encoding", "other"], [*given, "-j", "-1"], [*given, "--nothing"],
                      [*given, "--width", "-3"],
                      ["-i", self.photo, "-o", self.folder / "out.tif"],
                      ["-i", self.photo, "-o", self.folder / "none/out.png"],
                      ["-i", self.folder, "-o", self.photo],
                      ["-i", self.folder, "-o", self.folder]):
            run = self.expect(2, *wrong)
            self.assertTrue(run.stderr.strip(), wrong)
        self.assertFalse(self.out.exists())

    def test_quiet_unless_asked(self):
        run = self.expect(0, "-i", self.photo, "-o", self.out)
        self.assertEqual(run.stdout + run.stderr, "")
        run = self.expect(0, "-i", self.photo, "-o", self.out, "-v",
                          words=("24 x 16 becomes 48 x 32", "written to", "threads"))
        self.assertEqual(run.stdout, "")

    def test_weights(self):
        given = ("-i", self.photo, "-o", self.out, "-m")
        self.expect(3, *given, self.folder / "none.safetensors", words="No such file")
        self.expect(3, *given, self.photo, words="picture")
        cut = self.folder / "cut.safetensors"
        cut.write_bytes(WEIGHTS.read_bytes()[:-100])
        self.expect(3, *given, cut)
        self.assertFalse(self.out.exists())
        renamed = self.folder / "renamed.bin"  # the content counts, not the name
        renamed.write_bytes(WEIGHTS.read_bytes())
        self.expect(0, *given, renamed)
        digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
        self.expect(0, *given, renamed, "--sha256", digest)
        self.expect(3, *given, renamed, "--sha256", digest[::-1], words="SHA-256")

    def test_network(self):
        given = ("-i", self.photo, "-o", self.out)
        self.expect(0, *given)
        wanted = self.out.read_bytes()
        self.expect(0, *given, "-n", "lite", "--overwrite")
        self.assertEqual(self.out.read_bytes(), wanted)
        self.expect(0, *given, "-n", "photo", "--overwrite")
        self.assertNotEqual(self.out.read_bytes(), wanted)
        self.expect(2, *given, "--network", "large", words=("\"large\"", "lite", "photo"))
        self.expect(2, *given, "-n", "lite", "-m", WEIGHTS)
        alone = shutil.copy(TOOL, self.folder / "upscale")  # no weights near it
        for code, arguments in ((3, ()), (2, ("-n", "lite"))):
            run = subprocess.run([alone, *given, *arguments, "--overwrite"], capture_output=True,
                                 text=True, check=False)
            self.assertEqual(run.returncode, code, run.stderr)
            self.assertIn("found near the program", run.stderr)
        (self.folder / "weights").mkdir()
        shutil.copy(WEIGHTS, self.folder / "weights/eqsr-mine.safetensors")
        subprocess.run([alone, *given, "-n", "mine", "--overwrite"], check=True)

    def test_found_from_any_folder(self):
        self.expect(0, "-i", "photo.png", "-o", "out.png", cwd=self.folder)

    def test_device(self):
        self.expect(0, "-i", self.photo, "-o", self.out, "-g", "cpu")
        self.expect(4, "-i", self.photo, "-o", self.out, "-g", "0", words="device")
        self.expect(2, "-i", self.photo, "-o", self.out, "--precision", "half")
        run = self.run_tool("-i", self.photo, "-o", self.out, "-g", "cuda")
        if run.returncode != 0:  # no GPU, no driver, or built without CUDA: a sentence
            self.assertEqual(run.returncode, 4, run.stderr)
            self.assertRegex(run.stderr, r"^upscale: .*(no NVIDIA GPU|without CUDA).*\.\n$")

    def test_damaged_pictures(self):
        whole = self.photo.read_bytes()
        bad = self.folder / "bad.png"
        for content, word in ((b"", "0 bytes"), (whole[:-20], "complete"), (b"GIF89a.....", "PNG"),
                              (whole[:60] + b"x" + whole[61:], "checksum")):
            bad.write_bytes(content)
            self.out.write_bytes(b"old")
            self.expect(1, "-i", bad, "-o", self.out, words=word)
            self.assertEqual(self.out.read_bytes(), b"old")
        self.expect(1, "-i", self.folder / "none.png", "-o", self.out, words="No such file")
        self.expect(1, "-i", self.photo, "-o", self.out, "--max-megapixels", "0.0001",
                    words="limit")

    def test_jpeg(self):
        out = self.folder / "out.JPG"
        self.expect(0, "-i", self.photo, "-o", out, "-q", "90")
        self.assertEqual(out.read_bytes()[:2] + out.read_bytes()[-2:], b"\xff\xd8\xff\xd9")
        self.expect(0, "-i", out, "-o", self.out, "-s", "0.5")
        self.assertEqual(size_of(self.out), (24, 16))

    def test_folder(self):
        pictures, out = self.folder / "in", self.folder / "large"
        (pictures / "deep").mkdir(parents=True)
        for name in ("a.png", "b.png", "deep/c.png"):
            (pictures / name).write_bytes(png(9, 7))
        (pictures / "a.jpg").write_bytes(png(9, 7))  # a second file named a
        (pictures / "notes.txt").write_text("no picture")
        self.expect(0, "-i", pictures, "-o", out)
        self.assertEqual(sorted(p.name for p in out.iterdir()), ["a.jpg.png", "a.png", "b.png"])
        self.expect(0, "-i", pictures, "-o", out, "-r", "--skip-existing", "-v", words="skipped")
        self.assertEqual(size_of(out / "deep/c.png"), (18, 14))

        (pictures / "b.png").write_bytes(b"damaged")
        again = self.folder / "again"
        self.expect(1, "-i", pictures, "-o", again, words=("b.png", "1 of 3 images failed"))
        self.assertTrue((again / "a.png").exists())
        self.assertFalse((again / "b.png").exists())
        self.expect(1, "-i", self.folder / "again/none", "-o", self.folder, words="No such file")

    def test_threads_do_not_change_the_picture(self):
        results = set()
        for threads in (1, 2, 3, 7):
            self.expect(0, "-i", self.photo, "-o", self.out, "-s", "2.3", "-j", threads)
            results.add(self.out.read_bytes())
        self.assertEqual(len(results), 1)

    def test_instruction_set_of_the_environment(self):
        with_isa = lambda name: {**os.environ, "EQSR_ISA": name}
        self.expect(0, "-i", self.photo, "-o", self.out, "-s", 2, env=with_isa(""))
        self.expect(2, "-i", self.photo, "-o", self.out, "-s", 2, env=with_isa("mmx"),
                    words=('EQSR_ISA: There is no instruction set "mmx"; use portable',))
        run = self.run_tool("-i", self.photo, "-o", self.out, "-s", 2, env=with_isa("portable"))
        self.assertIn(run.returncode, (0, 2), run.stderr)  # 2 where -march=native leaves it out
        self.assertEqual(run.returncode == 2, "is not available here" in run.stderr)

    def test_too_much_memory_is_said_before(self):  # computing it would take weeks
        self.expect(1, "-i", self.photo, "-o", self.out, "--size", "400000x400000",
                    "--max-memory", "100M", words=("400000 x 400000", "memory", "are allowed"))

    def test_the_least_memory_that_is_named_is_enough(self):
        whole, more = self.folder / "out.jpg", self.folder / "p"
        more.mkdir()
        for name in ("a.png", "b.png"):
            (more / name).write_bytes(png(24, 16))
        for given in (("-i", self.photo, "-o", self.out, "--size", "700x500"),
                      ("-i", self.photo, "-o", whole, "--size", "700x500"),
                      ("-i", self.photo, "-o", whole, "-x"),
                      ("-i", more, "-o", self.folder / "large", "-s", "9")):
            run = self.expect(1, *given, "--max-memory", "1M", words=("photo.png", "a.png")[
                given[1] == more:][:1])
            least = int(re.search(r"need at least (\d+) MB .* --max-memory (\d+)M", run.stderr)[2])
            if "--size" in given:
                self.assertIn("700 x 500", run.stderr)
            self.expect(1, *given, "--max-memory", f"{least - 1}M")
            self.expect(0, *given, "--max-memory", f"{least}M")

    @unittest.skipIf("asan" in TOOL, "AddressSanitizer reserves address space")
    def test_address_space_limit(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        whole = self.folder / "out.jpg"  # unlike PNG it is not written row by row
        self.expect(1, "-i", self.photo, "-o", whole, "--size", "9000x9000", "-j", "1",
                    preexec_fn=limit, words="memory")

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        self.out.write_bytes(b"old")
        self.expect(1, "-i", self.photo, "-o", self.out, preexec_fn=limit)
        self.assertEqual(self.out.read_bytes(), b"old")

    def test_interrupt(self):
        self.photo.write_bytes(png(300, 300))
        self.out.write_bytes(b"old")
        with subprocess.Popen([TOOL, "-i", self.photo, "-o", self.out, "-s", "4", "-j", "1",
                               "--overwrite"], stderr=subprocess.PIPE) as process:
            time.sleep(1.0)
            self.assertIsNone(process.poll(), "done before it could be interrupted")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"Interrupted", said)
        self.assertEqual(self.out.read_bytes(), b"old")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["out.png", "photo.png"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
