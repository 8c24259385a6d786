# SPDX-License-Identifier: Apache-2.0
"""PSNR of a weights file on folders of images, beside bicubic interpolation.

Usage: evaluate.py path/to/weights.safetensors path/to/Set5 [path/to/Set14 ...] --scales 2 3 4

Protocol: the image is cropped to a multiple of the scale (fractional scales: to round(floor(n/s) s)) and reduced by Pillow's bicubic filter
on 8 bits; both results are rounded to 8 bits; PSNR on the Y channel of BT.601, a border of ceil(scale) pixels cropped; mean over images.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "reference"))

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def luma(image):
    return image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255 + 16


def psnr(a, b, border):
    """PSNR of two uint8 images on Y."""
    d = (luma(a) - luma(b))[border:-border, border:-border]
    return 10 * math.log10(255 ** 2 / max(np.mean(d * d), 1e-12))


def degrade(image, scale):
    """Ground truth cropped to fit and its reduced version, both uint8."""
    low = [math.floor(n / scale + 1e-9) for n in image.shape[:2]]
    truth = np.ascontiguousarray(image[:round(low[0] * scale), :round(low[1] * scale)])
    return truth, np.asarray(Image.fromarray(truth).resize((low[1], low[0]), Image.BICUBIC))


def upscale(net, low, target, device):
    x = torch.from_numpy(np.array(low)).permute(2, 0, 1)[None].to(device).float() / 255
    with torch.inference_mode():
        out = net(x, target)
    return (out[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def compare(net, images, scale, device):
    """Mean PSNR of the network and of Pillow's bicubic filter."""
    results, border = [], math.ceil(scale)
    for image in images:
        truth, low = degrade(image, scale)
        bicubic = np.asarray(Image.fromarray(low).resize(truth.shape[1::-1], Image.BICUBIC))
        ours = upscale(net, low, truth.shape[:2], device)
        results.append((psnr(ours, truth, border), psnr(bicubic, truth, border)))
    return np.mean(results, 0)


def validate(net, folder, names, device, size=240):
    """{scale: [network, bicubic]} on the central crop of each named photo."""
    images = []
    for name in names:
        image = np.asarray(Image.open(Path(folder) / name).convert("RGB"))
        y, x = (max(n - size, 0) // 2 for n in image.shape[:2])
        images.append(image[y:y + size, x:x + size])
    return {s: [round(float(v), 3) for v in compare(net, images, s, device)] for s in (2, 3, 4)}


def main():
    from checkpoint import load

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--scales", nargs="+", type=float, default=[2, 3, 4])
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    net, _ = load(args.weights)
    net.to(args.device)
    print("| set | scale | bicubic | network | gain |\n|---|---|---|---|---|")
    for folder in args.folders:
        paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        images = [np.asarray(Image.open(p).convert("RGB")) for p in paths]
        for scale in args.scales:
            ours, bicubic = compare(net, images, scale, args.device)
            print(f"| {folder.name} | {scale:g} | {bicubic:.2f} | {ours:.2f} | {ours - bicubic:+.2f} |", flush=True)


if __name__ == "__main__":
    main()
