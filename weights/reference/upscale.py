# SPDX-License-Identifier: Apache-2.0
"""Upscales one image with a weights file.

Usage: upscale.py weights.safetensors in.png out.png --scale 3.3     (or --size 720x1280, rows by columns)
An output ending in .npy holds the unclamped float32 result, [3, H, W].
"""

import argparse

import numpy as np
import torch
from PIL import Image

from checkpoint import load


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--size", help="ROWSxCOLUMNS, instead of a scale")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--double", action="store_true", help="compute in float64")
    args = parser.parse_args()
    net, _ = load(args.weights)
    net.to(args.device, torch.float64 if args.double else torch.float32)
    pixels = np.array(Image.open(args.input).convert("RGB"))
    target = tuple(int(n) for n in args.size.split("x")) if args.size else tuple(round(n * args.scale) for n in pixels.shape[:2])
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(args.device, net.conv_first.weight.dtype) / 255
    with torch.inference_mode():
        out = net(x, target)[0]
    if args.output.endswith(".npy"):
        np.save(args.output, out.float().cpu().numpy())
    else:
        Image.fromarray((out.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()).save(args.output)


if __name__ == "__main__":
    main()
