#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures through the upscale tool: depth, transparency, profiles, orientation, damage.

    pictures.py UPSCALE SOURCE_FOLDER
"""
import os
import pathlib
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
