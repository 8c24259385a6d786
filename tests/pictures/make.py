#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes samplings/: small JPEGs, written by libjpeg-turbo's cjpeg, and the pixels that its djpeg
gives them.

    make.py
"""
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).parent / "samplings"
KINDS = (
    ("444", "-sample 1x1", 17, 9), ("422", "-sample 2x1", 17, 9), ("422_even", "-sample 2x1", 18, 9),
    ("422_narrow", "-sample 2x1", 3, 9), ("440", "-sample 1x2", 17, 9),
    ("420", "-sample 2x2", 19, 21), ("420_narrow", "-sample 2x2", 4, 4),
    ("411", "-sample 4x1", 33, 9), ("410", "-sample 4x2", 33, 17), ("441", "-sample 1x4", 9, 33),
    ("mixed", "-sample 2x2,2x1,1x2", 21, 19), ("colour_fine", "-sample 1x1,2x2,2x1", 21, 19),
    ("progressive", "-progressive -sample 2x1", 37, 19),
    ("restart", "-restart 2B -sample 2x2", 37, 35),
    ("progressive_restart", "-progressive -restart 3B -sample 2x2", 37, 35),
    ("rgb", "-rgb", 17, 9), ("grey", "-grayscale", 17, 9), ("one", "-sample 2x2", 1, 1))


def ppm(width, height):
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            pixels += bytes([(x * 37 + y * 11) % 256, (x * 13 + y * 29 + 40) % 256,
                             255 if (x // 3 + y // 2) % 2 else 20])
    return b"P6\n%d %d\n255\n" % (width, height) + bytes(pixels)


def run(*command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


for name, options, w, h in KINDS:
    jpeg = run("cjpeg", "-quality", "85", *options.split(), data=ppm(w, h))
    (FOLDER / f"{name}.jpg").write_bytes(jpeg)
    (FOLDER / f"{name}.ppm").write_bytes(run("djpeg", "-ppm", "-rgb", data=jpeg))
