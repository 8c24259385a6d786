#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line of the evaluation tool: tables, protocols, failures, the curve.

    run.py EVALUATE SOURCE_FOLDER

With the environment variable EQSR_DATA naming a folder that holds Set5, Set14, B100 and Set5_LR_matlab,
the inputs are compared with the published ones and the bicubic rows with the literature.
"""
import csv
import io
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
DATA = os.environ.get("EQSR_DATA")
sys.dont_write_bytecode = True
sys.path[:0] = [str(SOURCE / "tests/corpus"), str(SOURCE / "tests/cli")]
from builder import png  # noqa: E402
from decode import Png  # noqa: E402
from options import listed, untested  # noqa: E402


def bmp_rows(path):
    """The pixels of a 24-bit BMP as rows from the top."""
    data = path.read_bytes()
    start, = struct.unpack("<I", data[10:14])
    width, height = struct.unpack("<ii", data[18:26])
    stride = (3 * width + 3) // 4 * 4
    rows = []
    for y in range(height - 1, -1, -1):
        row = data[start + y * stride:start + y * stride + 3 * width]
        rows.append([*zip(row[2::3], row[1::3], row[0::3])])
    return rows


class Evaluate(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.set = self.folder / "set"
        self.set.mkdir()
        shutil.copy(SOURCE / "examples/photo.png", self.set)

    def run_tool(self, *arguments, code=0, words=()):
        run = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, check=False,
                             timeout=600, cwd=self.folder)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        for word in words:
            self.assertIn(word, run.stdout + run.stderr)
        return run

    def rows(self, *arguments):
        report = json.loads(self.run_tool(*arguments, "-f", "json").stdout)
        self.assertEqual(report["failures"], [])
        return {(row["set"], row["scale"], row["method"]): row for row in report["rows"]}

    def test_help_and_usage(self):
        text = self.run_tool("--help", words=("liif-div2k", "Exit codes", "--sweep")).stdout
        self.assertLessEqual(len(max(text.splitlines(), key=len)), 130)
        for wrong in ([], [self.folder / "none"], [self.set, "-s", "0.5"], [self.set, "-s", "two"],
                      [self.set, "-p", "other"], [self.set, "--sweep", "3:1:0.1"], [self.folder],
                      [self.set, "--sweep", "1:2:0.5", "-s", "2"], [self.set, "-o", "table.doc"]):
            self.assertTrue(self.run_tool(*wrong, code=2).stderr.strip(), wrong)
        self.run_tool(self.set, "-m", "none.safetensors", code=3)
        self.run_tool(self.set, "-n", "large", code=2, words=("\"large\"", "lite"))
        self.run_tool(self.set, "-n", "lite", "-m", "none.safetensors", code=2)
        self.run_tool(self.set, "--no-network", "-n", "lite", code=2)

    def test_commands_of_help_and_document(self):
        for name in ("Set5", "Set14"):
            shutil.copytree(self.set, self.folder / "path/to" / name)
            (self.folder / name).symlink_to(f"path/to/{name}")
        for name in self.folder.glob("path/to/*/photo.png"):  # small
            shutil.copy(SOURCE / "tests/evaluate/pillow_photo_65x43.png", name)
        commands = re.findall(r"^  evaluate (.*)$", self.run_tool("--help").stdout, re.M)
        self.assertEqual(len(commands), 2)
        written = re.findall(r"^build/release/examples/evaluate (.*)$",
                             (SOURCE / "docs/using.md").read_text(), re.M)
        self.assertEqual(len(written), 2)
        for command in commands + written:
            self.run_tool(*command.replace("1.1:8:0.1", "1.1:2:0.3").split(), "--overwrite")
        for name in ("quality.json", "quality.md", "sweep.svg"):
            self.assertTrue((self.folder / name).exists(), name)

    def test_grey_quiet_threads(self):
        rows = b"".join(b"\0" + bytes((x * x + 3 * y) % 200 for x in range(40)) for y in range(32))
        (self.set / "photo.png").write_bytes(png(40, 32, colour=0, rows=rows))
        given = (self.set, "-s", "2", "-j", "1", "-q")
        plain, coloured = (self.rows(*given, *more)["set", "2", "bicubic"]["psnr_y"]
                           for more in ((), ("--grey-as-rgb",)))
        self.assertAlmostEqual(coloured - plain, 1.32, delta=0.05)
        self.assertEqual(self.run_tool(*given).stderr, "")

    def test_degradations(self):
        """Spoilt inputs cost what they should, the same each time, and the report says by what."""
        def psnr(*arguments):
            return self.rows(self.set, "--no-network", "-s", "2", *arguments)["set", "2", "bicubic"]["psnr_y"]
        clean = psnr()
        for weak, strong in (("blur:0.8", "blur:1.5"), ("noise:3", "noise:12")):
            self.assertGreater(clean, psnr("--degrade", weak))
            self.assertGreater(psnr("--degrade", weak), psnr("--degrade", strong))
        noise = psnr("--degrade", "noise:5")
        self.assertEqual(noise, psnr("--degrade", "noise:5", "--seed", "1"))
        self.assertNotEqual(noise, psnr("--degrade", "noise:5", "--seed", "2"))
        self.assertEqual(psnr("--degrade", "noise:5,blur:1.2"), psnr("--degrade", "blur:1.2", "--degrade", "noise:5"))
        for wrong in ("blur", "blur:0", "noise:x", "jpeg:0", "jpeg:75:411", "jpeg:75.5", "rain:3", "blur:1,blur:2"):
            self.run_tool(self.set, "--no-network", "--degrade", wrong, code=2, words=("--degrade",))
        run = subprocess.run([TOOL, self.set, "--no-network", "-s", "2", "--degrade", "jpeg:75", "-f", "json"],
                             capture_output=True, text=True, check=False)
        if run.returncode == 2:
            self.assertIn("libjpeg", run.stderr)
            return
        self.assertRegex(json.loads(run.stdout)["degraded"], r"^jpeg:75 \(libjpeg.* [0-9.]+\)$")
        worst, bad, full = (psnr("--degrade", text) for text in ("jpeg:20", "jpeg:75", "jpeg:75:444"))
        self.assertTrue(worst < bad < full < clean, (worst, bad, full, clean))
        self.assertEqual(bad, psnr("--degrade", "jpeg:75:420"))

    def test_every_option_is_tested(self):
        text = self.run_tool("--help").stdout
        self.assertGreater(len(listed(text)), 10)
        self.assertEqual(untested(text, pathlib.Path(__file__).read_text()), [])

    def test_network_beats_bicubic(self):
        rows = self.rows(self.set, "-s", "2,2.5,2x3")
        for scale in ("2", "2.5", "2x3"):
            bicubic, ours = rows["set", scale, "bicubic"], rows["set", scale, "eqsr-lite"]
            for measure in ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb"):
                self.assertGreater(ours[measure], bicubic[measure], f"{measure} x{scale}")

    def test_symmetries(self):
        alone, mean = (self.rows(self.set, "-s", "3x2", *more) for more in ((), ("--symmetries",)))
        self.assertEqual(alone["set", "3x2", "bicubic"]["psnr_y"], mean["set", "3x2", "bicubic"]["psnr_y"])
        gain = mean["set", "3x2", "eqsr-lite -x"]["psnr_y"] - alone["set", "3x2", "eqsr-lite"]["psnr_y"]
        self.assertTrue(0 < gain < 0.5, gain)
        self.run_tool(self.set, "--no-network", "-x", code=2)

    def test_formats(self):
        self.run_tool("--no-network", "-s", "2,3", "-o", "a.csv", "-o", "a.json", "-o", "a.md", "-o", "a.txt", self.set,
                      words=("PSNR Y", "bicubic"))
        table = list(csv.DictReader(io.StringIO((self.folder / "a.csv").read_text())))
        report = json.loads((self.folder / "a.json").read_text())
        self.assertEqual([row["scale"] for row in table], ["2", "3"])
        self.assertAlmostEqual(float(table[0]["PSNR Y"]), report["rows"][0]["psnr_y"], delta=0.006)
        self.assertEqual(report["rows"][0]["images"][0]["image"], "photo.png")
        lines = [line for line in (self.folder / "a.md").read_text().splitlines() if line.startswith("|")]
        self.assertEqual(len(lines), 4)
        self.assertEqual(len({line.count("|") for line in lines}), 1)
        self.assertIn(table[1]["PSNR Y"], (self.folder / "a.txt").read_text())

    def test_protocols_differ_where_they_should(self):
        def psnr(*arguments):
            return self.rows(self.set, "--no-network", "-s", "2", *arguments)["set", "2", "bicubic"]["psnr_y"]
        plain = psnr()
        self.assertEqual(plain, psnr("-p", "liif"))  # the filter rounds to bytes anyway
        self.assertEqual(psnr("-p", "eqsr"), psnr("--border", "4"))
        self.assertEqual(psnr("-p", "liif-div2k"), psnr("--border", "8"))
        self.assertNotEqual(plain, psnr("--inputs", "pillow"))

    def test_what_is_there(self):
        """Tables, curves and pictures are replaced only if that is asked for, pictures of a set never."""
        given = (self.set, "--no-network", "-s", "2", "-q")
        outputs = ("-o", "a.csv", "--save-inputs", "low/", "--save-results", "new/../high")
        self.run_tool(*given, *outputs)
        (self.folder / "low/set/x2/photo.png").write_bytes(b"kept")
        self.run_tool(*given, *outputs, code=2, words=("3 results are there already", "--overwrite"))
        self.run_tool(*given, "-o", "a.csv", code=2, words=("1 result is there already, a.csv",))
        self.assertEqual((self.folder / "low/set/x2/photo.png").read_bytes(), b"kept")
        self.run_tool(*given, *outputs, "--overwrite")
        self.assertEqual(Png(self.folder / "low/set/x2/photo.png").width, 120)
        inner = self.folder / "high/set/x2"  # a set whose results would be its own pictures
        for allowed in ((), ("--overwrite",)):
            self.run_tool("low/set/x2", "--no-network", "-s", "2", "--save-results", "low", *allowed)
            shutil.rmtree(self.folder / "low/x2")
            (self.folder / "x2/x2").mkdir(parents=True, exist_ok=True)
            shutil.copy(self.set / "photo.png", self.folder / "x2/x2/photo_bicubic.png")
            shutil.copy(self.set / "photo.png", self.folder / "x2/x2/photo.png")
            self.run_tool("x2/x2", "--no-network", "-s", "2", "--save-results", ".", *allowed, code=2,
                          words=("never replaced",))
        self.assertTrue(inner.exists())
        shutil.copytree(self.set, self.folder / "other/set")
        self.run_tool(self.set, "other/set", "--no-network", "--save-inputs", "both", code=2,
                      words=("cannot be told apart",))
        self.run_tool(self.set, "--no-network", "-o", "/proc/a.csv", code=1, words=("/proc/a.csv",))
        self.run_tool(self.set, "--no-network", "-m", "x", code=2)

    def test_left_out(self):
        (self.set / "._photo.png").write_bytes(b"\0\5\x16\7")
        (self.set / "notes.txt").write_text("no picture")
        (self.set / "dead.png").symlink_to("nowhere")
        os.mkfifo(self.set / "pipe.png")
        run = self.run_tool(self.set, "--no-network", "-s", "2", words=(
            "note: ", "1 (links that lead nowhere: dead.png)", "1 (other formats: notes.txt)",
            "1 (pipes and devices: pipe.png)"))
        self.assertEqual(run.stderr.count("\n"), 1)

    def test_without_standard_descriptors(self):
        self.run_tool(self.set, "--no-network", "-s", "2", "--save-inputs", "a")
        subprocess.run(["sh", "-c", f"'{TOOL}' set --no-network -s 2 -o a.csv --save-inputs b 0<&- 1>&- 2>&-"],
                       cwd=self.folder, check=False, timeout=60)
        self.assertEqual(*((self.folder / f"{name}/set/x2/photo.png").read_bytes() for name in "ab"))
        self.assertTrue((self.folder / "a.csv").read_text().startswith("protocol,"))

    def test_failures_come_at_the_end(self):
        (self.set / "a.png").write_bytes(b"no picture")
        (self.set / "z.png").write_bytes((self.set / "photo.png").read_bytes()[:900])
        run = self.run_tool(self.set, "--no-network", "-s", "2", "-f", "json", code=1,
                            words=("a.png", "z.png", "2 of the pictures failed"))
        report = json.loads(run.stdout)
        self.assertEqual([image["image"] for image in report["rows"][0]["images"]], ["photo.png"])
        self.assertEqual(len(report["failures"]), 2)
        run = self.run_tool(self.set, "--no-network", "-s", "80", code=1, words=("photo.png", "SSIM"))
        self.assertNotIn("bicubic", run.stdout)

    def test_sweep(self):
        self.run_tool(self.set, "--no-network", "--sweep", "1.5:3:0.25", "--plot", "curve.svg", "-o", "a.json",
                      words=("falls by", "dB for each doubling"))
        report = json.loads((self.folder / "a.json").read_text())
        scales = [row["scale"] for row in report["rows"]]
        self.assertEqual(scales, ["1.5", "1.75", "2", "2.25", "2.5", "2.75", "3"])
        trend, = report["trends"]
        first, last = report["rows"][0]["psnr_y"], report["rows"][-1]["psnr_y"]
        self.assertAlmostEqual(trend["degradation_rate"], first - last, delta=0.7)  # one doubling
        self.assertLess(trend["roughness"], 0.5)
        curve = (self.folder / "curve.svg").read_text()
        self.assertEqual(curve.count("<polyline"), 1)
        self.assertEqual(curve.count(","), 7 + 1)  # seven points; the legend

    def test_neighbouring_scales_agree(self):
        """Scale-equivariance: quality at 3.99, 4 and 4.01 is the same but for what another crop changes."""
        rows = self.rows(self.set, "-s", "3.99,4,4.01", "--border", "8")
        for method in ("bicubic", "eqsr-lite"):
            psnr = [rows["set", scale, method]["psnr_y"] for scale in ("3.99", "4", "4.01")]
            self.assertLess(max(psnr) - min(psnr), 0.2, f"{method}: {psnr}")
        gains = [rows["set", s, "eqsr-lite"]["psnr_y"] - rows["set", s, "bicubic"]["psnr_y"]
                 for s in ("3.99", "4", "4.01")]
        # Crops differ more the larger the gain is; a jump at the whole number would not be theirs.
        self.assertLess(max(gains) - min(gains), gains[1] / 10, gains)
        self.assertLess(abs(gains[1] - (gains[0] + gains[2]) / 2), 0.05, gains)

    def test_saved_pictures(self):
        self.run_tool(self.set, "-s", "3", "--save-inputs", "low", "--save-results", "high")
        low, high = (Png(self.folder / folder / "set/x3/photo.png") for folder in ("low", "high"))
        self.assertEqual((low.width, low.height, high.width, high.height), (80, 53, 240, 159))
        self.assertEqual((low.channels, high.channels), (3, 3))

    @unittest.skipUnless(DATA, "EQSR_DATA names no folder")
    def test_published_inputs(self):
        self.run_tool(f"{DATA}/Set5", "--no-network", "--save-inputs", "low")
        for path in sorted(pathlib.Path(DATA, "Set5_LR_matlab").glob("x*/*.bmp")):
            scale = path.parent.name
            ours = Png(self.folder / "low/Set5" / scale / (path.stem.removesuffix(scale) + ".png"))
            self.assertEqual(ours.pixels, bmp_rows(path), path)

    @unittest.skipUnless(DATA, "EQSR_DATA names no folder")
    def test_bicubic_of_the_literature(self):
        rows = self.rows(*(f"{DATA}/{name}" for name in ("Set5", "Set14", "B100")), "--no-network")
        for name, wanted in (("Set5", (33.66, 30.39, 28.42)), ("Set14", (30.24, 27.55, 26.00)),
                             ("B100", (29.56, 27.21, 25.96))):
            for scale, psnr in zip("234", wanted):
                self.assertAlmostEqual(rows[name, scale, "bicubic"]["psnr_y"], psnr, delta=0.02)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
