#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures through the upscale tool: depth, transparency, profiles, orientation, damage.

    pictures.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

TOOL, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.dont_write_bytecode = True
sys.path[:0] = [str(SOURCE / "tests/corpus"), str(SOURCE / "tests/cli")]
from builder import chunk, ihdr, png  # noqa: E402
from decode import Png  # noqa: E402
from pictures import BASELINE  # noqa: E402

# A profile as far as anybody looks: its length, "RGB " and "acsp" where they belong.
PROFILE = struct.pack(">I", 600) + bytes(12) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(560)
EXIF = (b"MM\0*\0\0\0\x08\0\2\x01\x12\0\3\0\0\0\1\0%c\0\0"  # the orientation and a maker
        b"\x01\x0f\0\2\0\0\0\4Cam\0\0\0\0\0")
ICCP = chunk(b"iCCP", b"screen\0\0" + zlib.compress(PROFILE))


def exif(orientation):
    return EXIF.replace(b"%c", bytes([orientation]))


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(orientation=1):
    return (BASELINE[:2] + segment(0xE1, b"Exif\0\0" + exif(orientation)) +
            segment(0xE2, b"ICC_PROFILE\0\1\2" + PROFILE[:300]) +
            segment(0xE2, b"ICC_PROFILE\0\2\2" + PROFILE[300:]) + BASELINE[2:])


class Pictures(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.input, self.out = self.folder / "in", self.folder / "out.png"

    def upscale(self, data, *arguments, code=0, words=(), out=None):
        self.input.write_bytes(data)
        run = subprocess.run([TOOL, "-i", self.input, "-o", out or self.out, "--overwrite",
                              *map(str, arguments)],
                             capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(run.returncode, code, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)
        return Png(self.out) if code == 0 and out is None else None

    def test_depth(self):
        deep = png(6, 5, 16, 2, b"".join(b"\0" + bytes(range(y, y + 36)) for y in range(5)))
        self.assertEqual(self.upscale(deep).bits, 16)
        self.assertEqual(self.upscale(deep, "--bits", 8).bits, 8)
        self.assertEqual(self.upscale(png(6, 5)).bits, 8)
        fine = self.upscale(png(6, 5), "--bits", 16)
        self.assertEqual(fine.bits, 16)
        self.assertTrue(any(value % 257 for row in fine.pixels for pixel in row for value in pixel))

    def test_kinds_of_png(self):
        palette = chunk(b"PLTE", bytes(range(12)))
        for data in (png(6, 5, 1, 0, (b"\0" + b"\xa8") * 5), png(6, 5, 8, 0), png(6, 5, 8, 4),
                     png(6, 5, 2, 3, (b"\0\x1b\x10") * 5, palette),
                     png(6, 5, 8, 0, extra=chunk(b"tRNS", b"\0\0"))):
            self.assertEqual((self.upscale(data).width, self.upscale(data).height), (12, 10))

    def test_alpha(self):
        # A white disc on transparent red: no red may show where the result is opaque.
        rows = b"".join(b"\0" + b"".join(
            b"\xff\xff\xff\xff" if (x - 8) ** 2 + (y - 8) ** 2 < 25 else b"\xff\0\0\0"
            for x in range(16)) for y in range(16))
        logo = png(16, 16, 8, 6, rows)
        for how in ("network", "bicubic"):
            large = self.upscale(logo, "--alpha", how)
            self.assertEqual(large.channels, 4)
            self.assertGreater(large.pixels[16][16][3], 240)
            self.assertLess(large.pixels[1][1][3], 10)
            for row in large.pixels:
                for red, green, blue, alpha in row:
                    if alpha > 128:
                        self.assertGreater(min(green, blue), red - 40, how)
        self.assertEqual(self.upscale(logo, "--alpha", "drop").channels, 3)
        self.upscale(logo, out=self.folder / "out.jpg", words=("white",))
        self.upscale(logo, "--alpha", "maybe", code=2)

    def test_profile_and_exif(self):
        for data in (png(6, 5, extra=ICCP + chunk(b"eXIf", exif(1))), jpeg()):
            large = self.upscale(data)
            self.assertEqual(large.profile(), PROFILE)
            self.assertEqual(large.chunks[b"eXIf"], exif(1))
            self.upscale(data, out=self.folder / "out.jpg")
            small = self.upscale((self.folder / "out.jpg").read_bytes(), "-s", "0.5")
            self.assertEqual((small.profile(), small.chunks[b"eXIf"]), (PROFILE, exif(1)))
        damaged = chunk(b"iCCP", b"screen\0\0" + zlib.compress(PROFILE)[:-20])
        self.assertNotIn(b"iCCP", self.upscale(png(6, 5, extra=damaged), words=()).chunks)

    def test_orientation(self):
        upright = self.upscale(jpeg(1))
        for orientation in range(2, 9):
            turned = self.upscale(jpeg(orientation))
            size = (24, 32) if orientation >= 5 else (32, 24)
            self.assertEqual((turned.width, turned.height), size)
            self.assertEqual(turned.chunks[b"eXIf"], exif(1))
            x, y = {2: (-1, 0), 3: (-1, -1), 4: (0, -1), 5: (0, 0), 6: (0, -1), 7: (-1, -1),
                    8: (-1, 0)}[orientation]
            # Where the corner of the turned picture was; the network sees another picture, so near.
            for a, b in zip(turned.pixels[0][0], upright.pixels[y][x]):
                self.assertLess(abs(a - b), 60, orientation)

    def test_float(self):
        out = self.folder / "out.pfm"
        self.upscale(png(6, 5), out=out)
        head, size, order, values = out.read_bytes().split(b"\n", 3)
        self.assertEqual((head, size, order), (b"PF", b"12 10", b"-1.0"))
        self.assertEqual(len(values), 12 * 10 * 3 * 4)
        rows = struct.unpack("<360f", values)
        shown = self.upscale(png(6, 5))
        for value, sample in zip(rows[-36:], [v for pixel in shown.pixels[0] for v in pixel]):
            self.assertLessEqual(abs(min(1, max(0, value)) * 255 - sample), 0.51)

    def shown(self, data, out, *arguments, words=()):
        """The bytes of a result, and what was said about it."""
        self.input.write_bytes(data)
        out = self.folder / out
        run = subprocess.run([TOOL, "-i", self.input, "-o", out, "--overwrite", *arguments],
                             capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(run.returncode, 0, run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)
        return out.read_bytes(), run.stderr

    def test_grey_in_grey_out(self):
        ramp = b"".join(b"\0" + bytes((x * 23 + y * 31) % 256 for x in range(6)) for y in range(5))
        deep = b"".join(b"\0" + bytes((x * 23 + y * 31) % 256 for x in range(12)) for y in range(5))
        gray = PROFILE.replace(b"RGB ", b"GRAY")
        iccp = chunk(b"iCCP", b"scan\0\0" + zlib.compress(gray))
        for bits, rows in ((8, ramp), (16, deep)):
            data = png(6, 5, bits, 0, rows, iccp)
            large = self.upscale(data)
            self.assertEqual((large.channels, large.bits, large.profile()), (1, bits, gray))
            floats, _ = self.shown(data, "out.pfm", "--rgb")
            rgb = struct.unpack("<360f", floats.split(b"\n", 3)[3])
            single, _ = self.shown(data, "out.pfm")
            head, size, _, values = single.split(b"\n", 3)
            self.assertEqual((head, size, len(values)), (b"Pf", b"12 10", 480))
            for i, y in enumerate(struct.unpack("<120f", values)):
                r, g, b = rgb[3 * i:3 * i + 3]
                self.assertAlmostEqual(y, 0.299 * r + 0.587 * g + 0.114 * b, 6)
                # PFM has the last row first.
                sample = large.pixels[9 - i // 12][i % 12][0]
                self.assertLessEqual(abs(min(1, max(0, y)) * (2**bits - 1) - sample), 0.501)
            wide = self.upscale(data, "--rgb", words=("profile",))
            self.assertEqual(wide.channels, 3)
            self.assertNotIn(b"iCCP", wide.chunks)
        clear = self.upscale(png(6, 5, 8, 4))
        self.assertEqual(clear.channels, 2)
        self.assertEqual(self.upscale(png(6, 5, 8, 4), "--alpha", "drop").channels, 1)
        self.assertEqual(self.upscale(png(6, 5, 8, 4), "--rgb").channels, 4)
        self.assertEqual(self.upscale(png(6, 5, 8, 0), "-x").channels, 1)
        small, said = self.shown(png(6, 5, 8, 0), "out.jpg")
        built = subprocess.run([TOOL, "--version"], capture_output=True, text=True, check=True).stdout
        if "libjpeg" not in built:  # written by stb
            self.assertIn("written with three equal channels", said)
            return
        self.assertEqual(said, "")
        self.assertEqual(small[small.index(b"\xff\xc0") + 9], 1)
        again, _ = self.shown(small, "again.png")
        self.assertEqual(again[25], 0)  # the colour type

    def test_colours_are_carried_or_named(self):
        chunks = {b"cICP": b"\x09\x10\0\1", b"gAMA": struct.pack(">I", 100000), b"sRGB": b"\1",
                  b"cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
                  b"pHYs": struct.pack(">IIB", 11811, 5906, 1)}
        for kind, body in chunks.items():
            data = png(6, 5, extra=chunk(kind, body))
            large = self.upscale(data)
            self.assertEqual(large.chunks[kind], body, kind)
            self.assertEqual(self.upscale(data, "-x").chunks[kind], body, kind)  # not in rows
            small, said = self.shown(data, "out.jpg")
            if kind == b"pHYs":
                self.assertEqual(small[small.index(b"JFIF\0") + 7:][:5], b"\1\1\x2c\0\x96")
                back, _ = self.shown(small, "back.png")
                self.assertIn(chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)), back)
            elif kind == b"sRGB":
                self.assertEqual(said, "")
            else:
                self.assertIn(kind.decode(), said)
        turned = png(6, 5, extra=chunk(b"pHYs", chunks[b"pHYs"]) + chunk(b"eXIf", exif(6)))
        self.assertEqual(self.upscale(turned).chunks[b"pHYs"], struct.pack(">IIB", 5906, 11811, 1))
        self.upscale(png(6, 5, extra=chunk(b"acTL", bytes(8))), words=("animated",))

    def test_broken_metadata_cost_no_picture(self):
        for bad in (b"II\0\0\x08\0\0\0\0\0", b"II*\0", b"junk", b""):
            for data in (png(6, 5, extra=chunk(b"eXIf", bad)),
                         BASELINE[:2] + segment(0xE1, b"Exif\0\0" + bad) + BASELINE[2:]):
                for out in ("out.png", "out.jpg", "out.pfm"):
                    result, _ = self.shown(data, out, words=("Exif is damaged",) if bad else ())
                    self.assertNotIn(b"eXIf", result)
                    self.assertNotIn(b"Exif", result)
        for kind in (b"gAMA", b"cICP", b"cHRM", b"pHYs", b"iCCP"):
            result, _ = self.shown(png(6, 5, extra=chunk(kind, b"??")), "out.png", words=("drop",))
            self.assertNotIn(kind, result)
        result, _ = self.shown(png(6, 5, extra=chunk(b"eXIf", exif(1) + bytes(70000))), "out.jpg",
                               words=("too large for JPEG",))
        self.assertNotIn(b"Exif", result)

    def test_damage(self):
        sound = png(6, 5)
        for data, word in ((sound + b"after", "5 bytes behind"), (sound[:-12], "all its pixels"),
                           (BASELINE[:-2], "no end marker"),
                           (BASELINE[:-2] + b"\xff\xd0\xff\xd9", "stray")):
            self.upscale(data, words=("note", word))
        cut = BASELINE.index(b"\xff\xda") + 18
        for data in (BASELINE[:cut], BASELINE[:cut] + b"\xff\xd9"):
            self.out.unlink(missing_ok=True)
            self.upscale(data, code=1, words=("ends before",))
            self.assertFalse(self.out.exists())

    def test_memory(self):
        large = png(8000, 8000, 1, 0, rows=bytes(1001 * 8000))
        self.input.write_bytes(large)
        command = [TOOL, "-i", self.input, "-o", self.out, "-s", "1", "--max-memory", "200M"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as run:
            said = run.stderr.read().decode()
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(run.returncode, 1, said)
        self.assertIn("memory", said)
        if "asan" not in TOOL:  # refused from its header
            self.assertLess(used.ru_maxrss, 150_000)

    @unittest.skipIf("asan" in TOOL, "AddressSanitizer reserves address space")
    def test_no_memory(self):
        self.input.write_bytes(png(8000, 8000, 1, 0, rows=bytes(1001 * 8000)))

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (200_000_000, 200_000_000))
        run = subprocess.run([TOOL, "-i", self.input, "-o", self.out, "-s", "1", "-j", "1",
                              "--max-memory", "100G"], preexec_fn=limit, capture_output=True,
                             text=True, check=False, timeout=300)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("not enough memory", run.stderr)
        self.assertNotIn("damaged", run.stderr)

    def test_webp(self):
        self.input.write_bytes(png(6, 5, 8, 6, extra=ICCP + chunk(b"eXIf", exif(1))))
        out = self.folder / "out.webp"

        def run(*arguments):
            return subprocess.run([TOOL, "-i", self.input, *map(str, arguments), "--overwrite"],
                                  capture_output=True, text=True, check=False, timeout=300)
        first = run("-o", out)
        if "libwebp-dev" in first.stderr:  # built without it: a sentence, before any work
            self.assertEqual(first.returncode, 2)
            out.write_bytes(b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0")
            self.input.write_bytes(out.read_bytes())
            read = run("-o", self.out)
            self.assertEqual(read.returncode, 1)
            self.assertIn("libwebp-dev", read.stderr)
            return
        self.assertEqual(first.returncode, 0, first.stderr)
        result = out.read_bytes()
        for part in (b"WEBPVP8X", b"VP8L", PROFILE, exif(1)):
            self.assertIn(part, result)
        self.assertEqual(run("-o", out, "-q", "50").returncode, 0)
        self.assertIn(b"VP8 ", out.read_bytes())
        out.write_bytes(result)
        read = subprocess.run([TOOL, "-i", out, "-o", self.out, "-s", "0.5"], capture_output=True,
                              text=True, check=False, timeout=300)
        self.assertEqual((read.returncode, read.stderr), (0, ""))
        back = Png(self.out)
        self.assertEqual((back.width, back.height, back.channels), (6, 5, 4))
        self.assertEqual((back.profile(), back.chunks[b"eXIf"]), (PROFILE, exif(1)))
        for wrong in (("--bits", 16), ("--size", "16384x4"), ("--size", "4x16384"), ("-s", 3000),
                      ("--width", 20000)):
            self.assertEqual(run("-o", out, *wrong).returncode, 2, wrong)
        folder, large = self.folder / "f", self.folder / "large"
        folder.mkdir()
        (folder / "a.webp").write_bytes(result)
        (folder / "cut.webp").write_bytes(result[:-20])
        both = subprocess.run([TOOL, "-i", folder, "-o", large, "-f", "webp"], capture_output=True,
                              text=True, check=False, timeout=300)
        self.assertEqual(both.returncode, 1, both.stderr)
        self.assertIn("cut.webp", both.stderr)
        self.assertEqual([p.name for p in large.iterdir()], ["a.webp"])

    def test_as_a_new_user(self):
        """A folder of what people have: four pictures come out right, two are named."""
        photos, large = self.folder / "photos", self.folder / "large"
        photos.mkdir()
        shutil.copy(SOURCE / "examples/photo.png", photos / "photo.png")
        (photos / "deep.png").write_bytes(
            png(6, 5, 16, 2, b"".join(b"\0" + bytes(range(y, y + 36)) for y in range(5)), ICCP))
        (photos / "logo.png").write_bytes(png(8, 8, 8, 6, extra=ICCP))
        (photos / "phone.jpg").write_bytes(jpeg(6))
        (photos / "notes.png").write_text("buy milk\n")
        (photos / "cut.jpg").write_bytes(jpeg()[:-40])
        run = subprocess.run([TOOL, "-i", photos, "-o", large], capture_output=True, text=True,
                             check=False, timeout=300)
        self.assertEqual(run.returncode, 1, run.stderr)
        for word in ("notes.png", "cut.jpg", "2 of 6 images failed"):
            self.assertIn(word, run.stderr)
        self.assertEqual(sorted(p.name for p in large.iterdir()),
                         ["deep.png", "logo.png", "phone.png", "photo.png"])
        phone, logo = Png(large / "phone.png"), Png(large / "logo.png")
        deep, photo = Png(large / "deep.png"), Png(large / "photo.png")
        self.assertEqual((phone.width, phone.height), (24, 32))
        self.assertEqual((logo.channels, deep.bits, photo.width), (4, 16, 480))
        for picture in (phone, logo, deep):
            self.assertEqual(picture.profile(), PROFILE)
        self.assertEqual(phone.chunks[b"eXIf"], exif(1))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
