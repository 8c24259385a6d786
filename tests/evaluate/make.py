#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures and numbers beside it; needs NumPy and Pillow (made with 2.4.6 and 13.0.0).

    make.py

pillow_*.png are Pillow's own bicubic results. matlab_*.png come from weights/train/resample.py, which
agrees in every pixel with the published MATLAB inputs of Set5. quality.txt holds PSNR and SSIM, computed
in another way than in examples/tools/evaluate/metrics.hpp: window by window.
"""
import pathlib
import sys

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "weights/train"))
from resample import RESAMPLERS  # noqa: E402

SIZES = {"photo": [(80, 120), (43, 65)], "noise": [(7, 12), (61, 53), (34, 9), (1, 1)]}


def luma(a):
    return a @ np.array([65.481, 128.553, 24.966]) / 255 + 16


def psnr(a, b):
    return 10 * np.log10(255 ** 2 / np.mean((a - b) ** 2))


def ssim(a, b):
    g = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5 ** 2))
    window = np.outer(g, g) / np.outer(g, g).sum()
    x, y = (np.lib.stride_tricks.sliding_window_view(v, (11, 11)) for v in (a, b))

    def mean(v):
        return (v * window).sum((2, 3))

    mx, my = mean(x), mean(y)
    vx = mean((x - mx[..., None, None]) ** 2)
    vy = mean((y - my[..., None, None]) ** 2)
    vxy = mean((x - mx[..., None, None]) * (y - my[..., None, None]))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return np.mean((2 * mx * my + c1) * (2 * vxy + c2) / ((mx ** 2 + my ** 2 + c1) * (vx + vy + c2)))


def main():
    noise = np.random.default_rng(5).integers(0, 256, (17, 31, 3)).astype(np.uint8)
    Image.fromarray(noise).save(HERE / "noise.png", optimize=True)
    photo = np.asarray(Image.open(ROOT / "examples/photo.png").convert("RGB"))
    for name, image in (("photo", photo), ("noise", noise)):
        for method, reduce in RESAMPLERS.items():
            for h, w in SIZES[name]:
                Image.fromarray(reduce(image, h, w)).save(HERE / f"{method}_{name}_{w}x{h}.png", optimize=True)
    blurred = np.asarray(Image.open(HERE / "pillow_photo_65x43.png").resize((240, 160), Image.BICUBIC))
    a, b = (v.astype(np.float64)[5:-5, 3:-3] for v in (photo, blurred))
    numbers = [psnr(luma(a), luma(b)), ssim(luma(a), luma(b)), psnr(a, b),
               np.mean([ssim(a[..., c], b[..., c]) for c in range(3)])]
    (HERE / "quality.txt").write_text(" ".join(f"{n:.10f}" for n in numbers) + "\n")
    print(numbers)


if __name__ == "__main__":
    main()
