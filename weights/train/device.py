# SPDX-License-Identifier: Apache-2.0
"""Patches made on the device: photographs decoded once into its memory, crops, reductions and degradations in batches.

What photos.py and degrade.py make on the processor for one patch, here for many at once, with shapes that do not change, so
that a step may be captured. JPEG is the same transform and tables without the entropy coding, which loses nothing.
"""

import io
import math
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from resample import cubic, matlab_weights

REACH = 10  # pixels to each side of a blur's kernel
LUMA = [[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]]  # ITU T.81, K.1 and K.2
CHROMA = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
YCC = [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]]


def read_packed(path, inside):
    """{name: uint8 [h, w, 3]} of a file by pack.py; of the held-out photographs if `inside` is "held_out/", else of the rest."""
    with tarfile.open(path) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar if m.name.startswith("held_out/") == bool(inside)}
    with ThreadPoolExecutor() as pool:
        return dict(zip(files, pool.map(lambda data: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), files.values())))


def pillow_weights(n, m):
    """The matrix [m, n] of Pillow's bicubic reduction: as MATLAB's, but what lies outside is left out."""
    scale = n / m
    wide = max(scale, 1.0)
    centre = (np.arange(m) + 0.5) * scale
    weights = cubic((np.arange(n)[None] + 0.5 - centre[:, None]) / wide)
    return weights / weights.sum(1, keepdims=True)


def to_bytes(x):
    return torch.floor(x.clamp(0, 255) + 0.5)


class DevicePatches:
    """Batches of (input [n,3,p,p], target [n,3,q,q]), float32 of whole numbers from 0 to 255."""

    def __init__(self, photos, degrade, device):
        self.device, self.degrade = device, degrade or {}
        shapes = np.array([image.shape[:2] for image in photos], np.int64)
        areas = shapes.prod(1)
        self.pixels = torch.from_numpy(np.concatenate([image.reshape(-1) for image in photos])).to(device)
        self.first = torch.from_numpy(3 * (np.cumsum(areas) - areas)).to(device)
        self.height, self.width = torch.from_numpy(shapes).to(device).unbind(1)
        self.below = torch.from_numpy(np.cumsum(areas) / areas.sum()).to(device)
        self.least = int(shapes.min())
        n = torch.arange(8, dtype=torch.float64)
        dct = torch.cos(math.pi * (2 * n[None] + 1) * n[:, None] / 16) / 2
        dct[0] /= math.sqrt(2)
        chroma = torch.full((8, 8), 99.0)
        chroma[:4, :4] = torch.tensor(CHROMA, dtype=torch.float32)
        self.dct, self.ycc = dct.float().to(device), torch.tensor(YCC, device=device)
        self.tables = torch.stack([torch.tensor(LUMA, dtype=torch.float32), chroma, chroma]).to(device)
        self.back = torch.linalg.inv(torch.tensor(YCC, dtype=torch.float64)).float().to(device)
        self.matrices = {}

    def uniform(self, n, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(n, device=self.device)

    def happens(self, n, probability):
        """[n, 1, 1, 1] of bool."""
        return (torch.rand(n, device=self.device) < probability).view(n, 1, 1, 1)

    def reduction(self, q, p):
        """The matrices [2, p, q] of both bicubic filters."""
        if (q, p) not in self.matrices:
            both = np.stack([matlab_weights(q, p), pillow_weights(q, p)]).astype(np.float32)
            self.matrices[q, p] = torch.from_numpy(both).to(self.device)
        return self.matrices[q, p]

    def crops(self, n, size):
        """[n,3,size,size], each photograph by its area, each place and each of the eight symmetries alike."""
        if size > self.least:
            raise ValueError(f"A crop of {size} pixels does not fit a photograph of {self.least}. Lower the patch or max_scale.")
        photo = torch.searchsorted(self.below, torch.rand(n, device=self.device, dtype=torch.float64)).clamp(max=len(self.first) - 1)
        y = (self.uniform(n) * (self.height[photo] - size + 1)).long().clamp(min=0).minimum(self.height[photo] - size)
        x = (self.uniform(n) * (self.width[photo] - size + 1)).long().clamp(min=0).minimum(self.width[photo] - size)
        step = torch.arange(size, device=self.device)

        def line(begin):
            turned = torch.rand(n, 1, device=self.device) < 0.5
            return begin[:, None] + torch.where(turned, size - 1 - step, step)

        rows = self.first[photo][:, None] + 3 * line(y) * self.width[photo][:, None]
        index = rows[:, None, :, None] + 3 * line(x)[:, None, None, :] + torch.arange(3, device=self.device)[:, None, None]
        image = self.pixels[index].float()
        return torch.where(self.happens(n, 0.5), image.transpose(2, 3), image)

    def blur(self, image, scale):
        n, s = len(image), self.degrade["blur"]
        sigma = self.uniform(n, *s["sigma"]) * scale
        ratio = torch.where(self.uniform(n) < s["anisotropic"], self.uniform(n, 0.3), torch.ones(n, device=self.device))
        angle = self.uniform(n, 0, math.pi)
        step = torch.arange(-REACH, REACH + 1, device=self.device, dtype=torch.float32)
        c, t = torch.cos(angle).view(n, 1, 1), torch.sin(angle).view(n, 1, 1)
        along, across = step * c + step[:, None] * t, step[:, None] * c - step * t
        sigma, ratio = sigma.view(n, 1, 1), ratio.view(n, 1, 1)
        kernel = torch.exp(-0.5 * ((along / sigma).square() + (across / (ratio * sigma)).square()))
        kernel = (kernel / kernel.sum((1, 2), keepdim=True)).repeat_interleave(3, 0)[:, None]
        wide = F.pad(image, (REACH,) * 4, "reflect").view(1, 3 * n, image.shape[2] + 2 * REACH, -1)
        blurred = to_bytes(F.conv2d(wide, kernel, groups=3 * n).view_as(image))
        return torch.where(self.happens(n, s["probability"]), blurred, image)

    def noise(self, image):
        n, s = len(image), self.degrade["noise"]
        grain = torch.randn_like(image)
        grain = torch.where(self.happens(n, s["grey"]), grain[:, :1], grain)
        noisy = to_bytes(image + self.uniform(n, *s["sigma"]).view(n, 1, 1, 1) * grain)
        return torch.where(self.happens(n, s["probability"]), noisy, image)

    def jpeg(self, image):
        """Each image at its own quality; the grid of blocks begins anywhere, at one place for the batch."""
        n, s, (h, w) = len(image), self.degrade["jpeg"], image.shape[2:]
        y, x = torch.randint(16, (2, 1), device=self.device).unbind(0)
        rows, columns = torch.arange(h, device=self.device), torch.arange(w, device=self.device)
        wide_rows, wide_columns = (torch.arange(-(-(side + 15) // 16) * 16, device=self.device) for side in (h, w))
        wide = image.index_select(2, (wide_rows - y).clamp(0, h - 1)).index_select(3, (wide_columns - x).clamp(0, w - 1))
        quality = torch.floor(self.uniform(n, s["quality"][0], s["quality"][1] + 1))
        changed = self.compress(wide, quality, self.happens(n, s["444"]))
        changed = changed.index_select(2, rows + y).index_select(3, columns + x)
        return torch.where(self.happens(n, s["probability"]), changed, image)

    def compress(self, image, quality, full_colour):
        n, (h, w) = len(image), image.shape[2:]
        wide = F.pad(image, (0, -w % 16, 0, -h % 16), "replicate")
        ycc = to_bytes(torch.einsum("ij,njyx->niyx", self.ycc, wide) + wide.new_tensor([0, 128, 128]).view(3, 1, 1)) - 128
        factor = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(n, 1, 1, 1)
        tables = torch.floor((self.tables * factor + 50) / 100).clamp(1, 255)
        full = self.blocks(ycc, tables)
        half = to_bytes(F.avg_pool2d(ycc[:, 1:], 2) + 128) - 128
        half = F.interpolate(self.blocks(half, tables[:, 1:]), scale_factor=2, mode="bilinear", align_corners=False)
        colour = torch.where(full_colour, full[:, 1:], half)
        return to_bytes(torch.einsum("ij,njyx->niyx", self.back, torch.cat([full[:, :1] + 128, colour], 1)))[:, :, :h, :w]

    def blocks(self, plane, tables):
        """Blocks of 8 x 8 transformed, divided by [n, c, 8, 8], rounded, and back; a side that is no multiple of 8 is filled up."""
        n, c, h, w = plane.shape
        wide = F.pad(plane, (0, -w % 8, 0, -h % 8), "replicate")
        parts = wide.view(n, c, wide.shape[2] // 8, 8, -1, 8).transpose(3, 4)
        tables = tables[:, :, None, None]
        found = self.dct.T @ (torch.round(self.dct @ parts @ self.dct.T / tables) * tables) @ self.dct
        return (to_bytes(found.transpose(3, 4).reshape(wide.shape) + 128) - 128)[:, :, :h, :w]

    def __call__(self, n, p, q):
        target = self.crops(n, q)
        low = self.blur(target, q / p) if "blur" in self.degrade else target
        matrix = self.reduction(q, p)[torch.randint(2, (n,), device=self.device)][:, None]
        low = to_bytes(to_bytes(matrix @ low) @ matrix.transpose(2, 3))
        low = self.noise(low) if "noise" in self.degrade else low
        return self.jpeg(low) if "jpeg" in self.degrade else low, target
