# SPDX-License-Identifier: Apache-2.0
"""EQSR's Neural Kriging upsampler: distance-aware involutions on the target grid."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from layers import conv3x3, layer_norm, pointwise


def involution(z, kernel, factor):
    """out[c](p) = sum_q factor[q](p) kernel[c/8][q](p) z[c](p+q), zeros outside.

    z [b,H,W,C], kernel [b,H,W,C/8,9], factor [H,W,9]: nine shifted multiply-adds. Without gradients they run in place on
    a few rows at a time, which stay in the cache.
    """
    b, h, w, c = z.shape
    z = F.pad(z, (0, 0, 1, 1, 1, 1)).view(b, h + 2, w + 2, c // 8, 8)
    factor = factor.to(kernel.dtype)[:, :, None]
    if torch.is_grad_enabled():
        kernel, out = kernel * factor, 0
        for q in range(9):
            out = out + kernel[..., q, None] * z[:, q // 3:q // 3 + h, q % 3:q % 3 + w]
        return out.reshape(b, h, w, c)
    out = z.new_zeros(b, h, w, c // 8, 8)
    rows = h if z.is_cuda else 8
    for y in range(0, h, rows):
        end = min(y + rows, h)
        part = kernel[:, y:end] * factor[y:end]
        for q in range(9):
            out[:, y:end].addcmul_(part[..., q, None], z[:, y + q // 3:end + q // 3, q % 3:q % 3 + w])
    return out.view(b, h, w, c)


class Involution(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.seblock = nn.Sequential(nn.Conv2d(channels, channels // 4, 3, padding=1), nn.ReLU(),
                                     nn.Conv2d(channels // 4, channels // 8 * 9, 1))

    def forward(self, z, factor):
        """z [b,H,W,L]; factor [H,W,9], the distance factor of each neighbour."""
        k = F.relu(conv3x3(z, self.seblock[0].weight, self.seblock[0].bias))
        k = pointwise(k, self.seblock[2]).unflatten(-1, (-1, 9))
        return involution(z, k, factor)


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

    def forward(self, x):
        y = pointwise(F.gelu(pointwise(x, self.conv1)), self.conv2)
        gate = F.conv1d(y.mean((1, 2))[:, None], self.CA.conv.weight, padding=self.CA.conv.padding[0])
        return y * gate[:, 0, None, None]


class InvolutionBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1, self.norm2 = BodyNorm(channels), BodyNorm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 1)
        self.attn = Involution(channels)
        self.conv2 = nn.Conv2d(channels, channels, 1)
        self.ffn = KrigingFfn(channels)

    def forward(self, x, factor):
        x = x + pointwise(self.attn(pointwise(layer_norm(x, self.norm1.body), self.conv1), factor), self.conv2)
        return x + self.ffn(layer_norm(x, self.norm2.body))


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
