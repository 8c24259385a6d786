#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several sizes, symmetries, progress, reading and writing beside the network, completion; and
every example that --help shows.

    scales.py UPSCALE SOURCE_FOLDER
"""
import json
import os
import pathlib
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import zlib

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
sys.dont_write_bytecode = True
sys.path[:0] = [str(SOURCE / "tests/corpus"), str(SOURCE / "tests/cli")]
from builder import chunk, ihdr, png  # noqa: E402
from decode import Png  # noqa: E402
from options import listed, untested  # noqa: E402
from pictures import BASELINE  # noqa: E402


def square(rows):
    return b"\x89PNG\r\n\x1a\n" + ihdr(len(rows[0]), len(rows)) + chunk(
        b"IDAT", zlib.compress(b"".join(
            b"\0" + b"".join(bytes(pixel) for pixel in row) for row in rows))) + chunk(b"IEND", b"")


class Scales(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.photo, self.out = self.folder / "photo.png", self.folder / "out.png"
        self.photo.write_bytes(png(24, 16))

    def run_tool(self, *arguments, code=0, **keywords):
        run = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True,
                             check=False, timeout=600, **keywords)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def one(self, *arguments, photo=None):
        self.run_tool("-i", photo or self.photo, "-o", self.out, *arguments)
        content = self.out.read_bytes()
        self.out.unlink()
        return content

    def test_several_scales_have_the_bits_of_each_alone(self):
        alone = {scale: self.one("-s", scale) for scale in ("2", "3", "3.7", "2x1.5")}
        self.run_tool("-i", self.photo, "-o", self.out, "-s", "2,3,3.7,2x1.5")
        self.assertFalse(self.out.exists())
        for scale, content in alone.items():
            self.assertEqual((self.folder / f"out-x{scale}.png").read_bytes(), content)
        (self.folder / "out-x3.png").unlink()  # what is missing is made again
        kept = self.folder / "out-x2.png"
        kept.write_bytes(b"kept")
        run = self.run_tool("-i", self.photo, "-o", self.out, "-s", "2,3", "--skip-existing", "-v")
        self.assertIn("out-x2.png: already there, skipped", run.stderr)
        self.assertEqual(kept.read_bytes(), b"kept")
        self.assertEqual((self.folder / "out-x3.png").read_bytes(), alone["3"])

    def test_shared_trunk(self):
        alone = self.one("-s", "2")
        self.run_tool("-i", self.photo, "-o", self.out, "-s", "2,3", "--share-trunk")
        self.assertEqual((self.folder / "out-x2.png").read_bytes(), alone)
        self.assertNotEqual((self.folder / "out-x3.png").read_bytes(), self.one("-s", "3"))

    def test_folder_of_several_scales(self):
        pictures = self.folder / "in"
        pictures.mkdir()
        for name in ("a.png", "b.png"):
            (pictures / name).write_bytes(png(9, 7))
        self.run_tool("-i", pictures, "-o", self.folder / "large", "-s", "2,1.5")
        self.assertEqual(sorted(p.name for p in (self.folder / "large").iterdir()),
                         ["a-x1.5.png", "a-x2.png", "b-x1.5.png", "b-x2.png"])

    def test_symmetries(self):
        rows = [[(x * 40, y * 50, (x * y) % 5 * 50) for x in range(6)] for y in range(5)]
        self.photo.write_bytes(square(rows))
        self.assertNotEqual(self.one("-x", "-s", "2"), self.one("-s", "2"))
        # The mean of a turned picture is the turned mean, up to the order of the sums.
        turned = self.folder / "turned.png"
        turned.write_bytes(square([list(row) for row in zip(*rows[::-1])]))
        there, back = (self.mean(photo) for photo in (self.photo, turned))
        for y in range(there.height):
            for x in range(there.width):
                for a, b in zip(there.pixels[y][x], back.pixels[x][there.height - 1 - y]):
                    self.assertLessEqual(abs(a - b), 8)

    def mean(self, photo):
        self.run_tool("-i", photo, "-o", self.out, "-x", "-s", "2", "--bits", "16", "--overwrite")
        return Png(self.out)

    def test_overlap_does_not_change_the_pictures(self):
        pictures = self.folder / "in"
        pictures.mkdir()
        for i in range(5):
            (pictures / f"{i}.png").write_bytes(png(20 + i, 30))
        (pictures / "grey.jpg").write_bytes(BASELINE)
        (pictures / "alpha.png").write_bytes(png(9, 8, colour=6))
        (pictures / "bad.png").write_bytes(b"damaged")
        results = []
        for name, threads, extra in (("with", "1:2:1", ()), ("without", "0:2:0", ()),
                                     ("small", "1:2:1", ("--max-memory", "60M"))):
            for kind in ("png", "jpg"):
                out = self.folder / name / kind
                run = self.run_tool("-i", pictures, "-o", out, "-f", kind, "-j", threads, *extra,
                                    code=1)
                self.assertIn("1 of 8 images failed:\n  ", run.stderr)
                self.assertTrue(run.stderr.rstrip().endswith("bad.png"))
                results.append({p.name: p.read_bytes() for p in out.iterdir()})
                self.assertEqual(len(results[-1]), 7)
        self.assertEqual(results[0], results[2])
        self.assertEqual(results[1], results[3])
        self.assertEqual(results[0], results[4])

    def test_progress(self):
        given = ("-i", self.photo, "-o", self.out, "--progress")
        run = self.run_tool(*given, "json")
        self.assertEqual(run.stderr, "")
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        for line in lines:
            self.assertEqual((line["file"], line["output"]), (str(self.photo), str(self.out)))
            self.assertGreaterEqual(line["seconds"], 0)
        done = [line["done"] for line in lines]
        self.assertEqual(done, sorted(done))
        self.assertEqual((lines[-1]["done"], lines[-1]["stage"]), (1, "written"))
        run = self.run_tool(*given, "json", "--skip-existing")
        self.assertEqual(json.loads(run.stdout)["stage"], "skipped")
        odd = self.folder / 'a "b"\\\n.png'
        odd.write_bytes(b"damaged")
        run = self.run_tool("-i", odd, *given[2:], "json", "--overwrite", code=1)
        failed = json.loads(run.stdout)
        self.assertEqual((failed["file"], failed["stage"]), (str(odd), "failed"))
        self.assertTrue(failed["error"])
        latin = os.fsencode(self.folder) + b"/caf\xe9 \xc3\xa9.png"  # names need not be UTF-8
        for content, code in ((png(6, 5), 0), (b"damaged", 1)):
            with open(latin, "wb") as file:
                file.write(content)
            run = subprocess.run([TOOL, "-i", latin, *given[2:], "json", "--overwrite"],
                                 capture_output=True, check=False)
            self.assertEqual(run.returncode, code)
            for line in run.stdout.decode("utf-8").splitlines():
                self.assertEqual(json.loads(line)["file"], f"{self.folder}/caf\ufffd \u00e9.png")

        run = self.run_tool(*given, "plain", "--overwrite")
        self.assertEqual(run.stdout, "")
        self.assertRegex(run.stderr, r"photo\.png: \d+ %, [\d.]+ s\n")
        self.assertRegex(run.stderr, r"written to .*out\.png after [\d.]+ s\n$")

    def test_progress_on_a_terminal(self):
        try:
            leader, follower = pty.openpty()
        except OSError as error:  # in a bare chroot, say
            self.skipTest(f"There is no pseudo-terminal here: {error}")
        subprocess.run([TOOL, "-i", self.photo, "-o", self.out], stderr=follower, check=True)
        os.close(follower)
        said = b""
        try:
            while part := os.read(leader, 4096):
                said += part
        except OSError:
            pass
        os.close(leader)
        self.assertIn(b"%", said)
        self.assertIn(b"photo.png [", said)

    def test_usage(self):
        given = ("-i", self.photo, "-o", self.out)
        for wrong in (["-s", "2,2"], ["-s", "2,"], ["-s", ",2"], ["-s", "2,0"], ["-j", "1:2"],
                      ["-j", "a:1:1"], ["-j", "1:2:3:4"], ["--progress", "loud"], ["--raw", "9x9"],
                      ["-x", "--share-trunk", "-s", "2,3"]):
            self.run_tool(*given, *wrong, code=2)

    def test_ncnn_flags(self):
        self.run_tool("-i", self.photo, "-o", self.folder, "-s", "4", "-t", "32", "-m",
                      SOURCE / "weights/eqsr-lite.safetensors", "-g", "-1", "-j", "1:2:2", "-f",
                      "jpg", "-v")
        self.assertTrue((self.folder / "photo.jpg").exists())

    def run_lines(self, commands):
        """Commands of the documents, on small pictures, each in a folder of its own; what
        was made."""
        (self.folder / "bin").mkdir()
        (self.folder / "bin/upscale").symlink_to(TOOL)
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                       "SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "8"}
        small = {"--width 2000": "--width 20", "1920x1080": "48x27", "640x360": "32x16"}
        made = set()
        for number, command in enumerate(commands):
            for large, little in small.items():
                command = command.replace(large, little)
            place = self.folder / str(number)
            (place / "photos").mkdir(parents=True)
            for i in range(3):
                (place / f"photos/{i}.png").write_bytes(png(12, 9))
            (place / "photo.jpg").write_bytes(BASELINE)
            (place / "frames.rgb").write_bytes(bytes(i % 251 for i in range(32 * 16 * 3)))
            run = subprocess.run(command, shell=True, capture_output=True, cwd=place,
                                 env=environment, check=False, timeout=600)
            if "-g cuda" in command and run.returncode == 4:  # no such GPUs here
                self.assertRegex(run.stderr, rb"no NVIDIA GPU|without CUDA|no CUDA device")
                continue
            self.assertEqual(run.returncode, 0, (command, run.stderr))
            if (place / "large.rgb").exists():
                self.assertEqual((place / "large.rgb").stat().st_size, 4 * 32 * 16 * 3)
            made |= {path.name for path in place.iterdir()}
        return made

    def test_examples_of_help(self):
        text = self.run_tool("--help").stdout
        commands = re.findall(r"^  (upscale -.*)$", text[text.index("Examples:"):], re.M)
        self.assertGreaterEqual(len(commands), 6)
        self.assertIn("large.rgb", self.run_lines(commands))

    def test_commands_of_the_document(self):
        text = (SOURCE / "docs/upscale.md").read_text()
        commands = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S)
                    for line in block.splitlines() if line.startswith(("upscale ", "seq "))]
        self.assertGreaterEqual(len(commands), 9)
        made = self.run_lines(commands)
        self.assertTrue({"large.rgb", "large-x3.7.png"} <= made, made)

    def test_commands_of_the_first_page(self):
        tool = "build/quickstart/examples/upscale"
        commands = [line.replace(tool, "upscale") for line in
                    (SOURCE / "README.md").read_text().splitlines() if line.startswith(tool)]
        self.assertGreaterEqual(len(commands), 3)
        self.run_lines(commands)

    def test_every_option_is_tested(self):
        text = self.run_tool("--help").stdout
        tests = "".join(path.read_text() for path in (SOURCE / "tests/cli").glob("*.py"))
        self.assertGreater(len(listed(text)), 20)
        self.assertEqual(untested(text, tests), [])

    def test_completion(self):
        script = SOURCE / "examples/tools/upscale/completion.bash"

        def complete(current, before=""):
            run = subprocess.run(
                ["bash", "-c", f"source {shlex.quote(str(script))}; _upscale {shlex.quote(TOOL)} "
                 f"{shlex.quote(current)} {shlex.quote(before)}; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                capture_output=True, text=True, check=True, cwd=self.folder)
            return run.stdout.split()
        named = {long for _, long in listed(self.run_tool("--help").stdout)}
        self.assertGreater(len(named), 20)
        self.assertEqual({word for word in complete("--") if word.startswith("--")}, named)
        self.assertIn("-s", complete("-"))
        self.assertEqual(complete("js", "--progress"), ["json"])
        self.assertEqual(complete("pho", "-i"), ["photo.png"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
