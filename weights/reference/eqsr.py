# SPDX-License-Identifier: Apache-2.0
"""The EQSR network in PyTorch: a second, independent implementation of this library's arithmetic.

Parameter names and shapes are those of the published checkpoints. Everything that depends on sizes alone (query grid,
encodings, masks) is computed in NumPy and cached.
"""

import json
import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import operators
from geometry import encode, plane_tables, query_tables, tensor
from layers import Group, conv3x3
from upsampler import Upsampler

MEAN = (0.4488, 0.4371, 0.4040)


@dataclass
class Config:
    """Shape of the network; the field names are those of the C++ `eqsr::Config`."""

    channels: int = 180
    depths: tuple = (5, 5, 5, 5, 5, 5)
    heads: int = 6
    window: int = 16
    overlap_ratio: float = 0.5
    mlp_ratio: float = 2.0
    squeeze_ratio: float = 0.25
    latent: int = 256
    frequencies: int = 40
    conditioning: str = "target_height"
    training_patch: int = 48
    image_skip: str = "none"
    encoding: str = "division"

    def to_json(self):
        """The text kept under `configuration` in a weights file (the encoding policy is its own entry)."""
        values = asdict(self)
        values.pop("encoding")
        return json.dumps(values)

    @classmethod
    def from_json(cls, text, encoding="division"):
        values = json.loads(text)
        values["depths"] = tuple(values["depths"])
        return cls(**values, encoding=encoding)


def base():
    return Config()


def lite():
    return Config(channels=48, depths=(3, 3, 3, 3), heads=4, window=8, latent=64, frequencies=10,
                  conditioning="scale", image_skip="bicubic")


def tiny():
    return Config(channels=24, depths=(3, 2), heads=2, window=8)


class Embedding(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)


class Eqsr(nn.Module):
    """x [b,3,h,w] in [0,1] and a target size (H, W) to [b,3,H,W], not clamped."""

    def __init__(self, config):
        super().__init__()
        self.config, c = config, config.channels
        self.conv_first = nn.Conv2d(3, c, 3, padding=1)
        self.patch_embed = Embedding(c)
        self.layers = nn.ModuleList(Group(config, depth) for depth in config.depths)
        self.norm = nn.LayerNorm(c)
        self.conv_after_body = nn.Conv2d(c, c, 3, padding=1)
        self.upsample = Upsampler(config)
        self.register_buffer("mean", torch.tensor(MEAN, dtype=torch.float32), persistent=False)

    def conditioning(self, source, target):
        """The scalar t of the Adaptive Feature Extractor."""
        if self.config.conditioning == "target_height":
            return 2.0 / target[0]
        ratio = math.sqrt((target[0] / source[0]) * (target[1] / source[1]))
        return 2.0 / (self.config.training_patch * ratio)

    def prepare(self, source, target, device, t=None):
        """Everything that depends on sizes and not on pixels: computed apart, so that `compute` may be compiled."""
        config = self.config
        t = self.conditioning(source, target) if t is None else t
        style = tensor(encode(np.float32([t]), config.frequencies, config.encoding), device)
        return {**plane_tables(*source, config.window, config.overlap_ratio, device), "style": style,
                **query_tables(*source, *target, config.frequencies, config.encoding, device)}

    def trunk(self, x, plane):
        """Normalised image [b,3,h,w] to features [b,h,w,C]."""
        h, w = x.shape[2:]
        x = x.index_select(2, plane["reflect_y"]).index_select(3, plane["reflect_x"])
        x = x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
        first = conv3x3(x, self.conv_first.weight, self.conv_first.bias)
        y = operators.layer_norm(first, self.patch_embed.norm)
        for group in self.layers:
            y = group(y, plane)
        y = conv3x3(operators.layer_norm(y, self.norm), self.conv_after_body.weight, self.conv_after_body.bias) + first
        return y[:, :h, :w]

    def features(self, x, plane):
        """The trunk's features of an image; `plane` holds one encoded style for each of the batch."""
        return self.trunk(x - self.mean.to(x.dtype).view(3, 1, 1), plane)

    def enlarge(self, x, f, tables):
        """The result from an image and its features."""
        rgb = self.upsample(f, tables).permute(0, 3, 1, 2)
        if self.config.image_skip == "none":
            return rgb + self.mean.to(x.dtype).view(3, 1, 1)
        grid = tables["grid"].to(x.dtype).expand(x.shape[0], -1, -1, -1)
        return rgb + F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False)

    def compute(self, x, tables):
        style = tables["style"].to(x.dtype).expand(x.shape[0], -1)
        return self.enlarge(x, self.features(x, {**tables, "style": style}), tables)

    def forward(self, x, target, t=None):
        return self.compute(x, self.prepare(tuple(x.shape[2:]), tuple(target), x.device, t))
