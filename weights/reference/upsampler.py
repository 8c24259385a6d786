# SPDX-License-Identifier: Apache-2.0
"""EQSR's Neural Kriging upsampler: distance-aware involutions on the target grid."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import operators
from layers import conv3x3, pointwise


class Involution(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.seblock = nn.Sequential(nn.Conv2d(channels, channels // 4, 3, padding=1), nn.ReLU(),
                                     nn.Conv2d(channels // 4, channels // 8 * 9, 1))

    def forward(self, z, factor):
        """z [b,H,W,L]; factor [H,W,9], the distance factor of each neighbour."""
        k = F.relu(conv3x3(z, self.seblock[0].weight, self.seblock[0].bias))
        k = pointwise(k, self.seblock[2]).unflatten(-1, (-1, 9))
        return operators.involution(z, k, factor)


class BodyNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.LayerNorm(channels)


class ChannelAttention(nn.Module):
    """Efficient channel attention, without the usual sigmoid."""

    def __init__(self, channels):
        super().__init__()
        t = int((math.log2(channels) + 1) / 2)
        k = t if t % 2 else t + 1
        self.conv = nn.Conv1d(1, 1, k, padding=k // 2, bias=False)


class KrigingFfn(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, channels, 1)
        self.CA = ChannelAttention(channels)

    def gate(self, means):
        return F.conv1d(means[:, None], self.CA.conv.weight, padding=self.CA.conv.padding[0])[:, 0]

    def forward(self, x):
        y = pointwise(operators.gelu(pointwise(x, self.conv1)), self.conv2)
        return y * self.gate(y.mean((1, 2)))[:, None, None]


class InvolutionBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1, self.norm2 = BodyNorm(channels), BodyNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 1)
        self.attn = Involution(channels)
        self.conv2 = nn.Conv2d(channels, channels, 1)
        self.ffn = KrigingFfn(channels)

    def forward(self, x, factor):
        x = x + pointwise(self.attn(pointwise(operators.layer_norm(x, self.norm1.body), self.conv1), factor), self.conv2)
        return x + self.ffn(operators.layer_norm(x, self.norm2.body))


class Rbf(nn.Module):
    def __init__(self):
        super().__init__()
        self.lengthscale = nn.Parameter(torch.tensor(2.0))


class Upsampler(nn.Module):
    """Neural Kriging: features at the nearest source pixel, offsets encoded, two distance-aware involutions.

    The 1x1 layer over [features, encoded offsets] splits into a product at LR and one table each for rows and columns,
    since an offset's x part depends on the column alone and its y part on the row alone. So does the distance factor.
    """

    def __init__(self, config):
        super().__init__()
        self.channels, self.latent = config.channels, config.latent
        width = config.channels + 2 + 4 * config.frequencies
        self.head = nn.Sequential(nn.Conv2d(width, config.latent, 1), nn.ReLU())
        self.rbf1 = Rbf()
        self.inv1, self.inv2 = InvolutionBlock(config.latent), InvolutionBlock(config.latent)
        self.to_rgb = nn.Sequential(nn.ReLU(), nn.Conv2d(config.latent, 3, 1))

    def query(self, f, tables):
        """u = ReLU(head) of f [b,h,w,C] on the target grid, [b,H,W,L]."""
        c, weight = self.channels, self.head[0].weight.flatten(1)
        rows = F.linear(tables["encode_y"].to(weight.dtype), weight[:, c + 1::2])
        columns = F.linear(tables["encode_x"].to(weight.dtype), weight[:, c::2], self.head[0].bias)
        f = F.linear(f, weight[:, :c]).index_select(1, tables["index_y"]).index_select(2, tables["index_x"])
        return F.relu(f + (rows[:, None] + columns))

    def factor(self, tables):
        """[H, W, 9] distance factors exp(-r^2 / (2 l^2)) as a product of a row and a column table."""
        decay = -0.5 / self.rbf1.lengthscale.square()
        y = torch.exp(tables["square_y"].to(decay.dtype) * decay)
        x = torch.exp(tables["square_x"].to(decay.dtype) * decay)
        return (y[:, None, :, None] * x[None, :, None, :]).flatten(2)

    def forward(self, f, tables):
        u = self.query(f, tables)
        g = self.factor(tables)
        r = F.relu(self.inv1(u, g))
        r = F.relu(self.inv2(r, g))
        return pointwise(F.relu(r + u), self.to_rgb[1])
