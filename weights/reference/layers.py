# SPDX-License-Identifier: Apache-2.0
"""Layers of EQSR's trunk: window attention, overlapping window attention and the Adaptive Feature Extractor.

Feature maps are [batch, rows, columns, channels], so a 1x1 convolution is a linear layer and a 3x3 convolution sees a
channels_last tensor without a copy. `plane` holds the tables of geometry.plane_tables and the encoded style [batch, 1+2F].
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

import operators


def pointwise(x, module):
    """1x1 convolution of [..., in] by weight [out, in, 1, 1]."""
    return F.linear(x, module.weight.flatten(1), module.bias)


def conv3x3(x, weight, bias=None):
    """3x3 convolution of [batch, rows, columns, in], zero-padded to the same size."""
    return F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1).permute(0, 2, 3, 1)


def attention(q, k, v, bias):
    """softmax(q k^T / sqrt(d) + bias) v; written out for training, where the fused kernels lack a bias gradient."""
    bias = bias.to(q.dtype)
    if not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return torch.softmax(scores + bias, -1) @ v


class Mlp(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x):
        return self.fc2(operators.gelu(self.fc1(x)))


class WindowAttention(nn.Module):
    """Parameters of `attn`; the computation is in `Hab`, which knows the plane."""

    def __init__(self, channels, heads, window):
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))


def table_bias(table, index, queries, keys):
    """[1, heads, queries, keys] from a table [entries, heads]."""
    return table.index_select(0, index).view(queries, keys, -1).permute(2, 0, 1).unsqueeze(0)


class Hab(nn.Module):
    """Window attention block, optionally on windows shifted by half a window."""

    def __init__(self, config, shift):
        super().__init__()
        c = config.channels
        self.heads, self.window, self.shift = config.heads, config.window, shift
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attn = WindowAttention(c, config.heads, config.window)
        self.mlp = Mlp(c, int(c * config.mlp_ratio))

    def attend(self, y, plane):
        b, h, w, c = y.shape
        m, heads = self.window, self.heads
        bias = table_bias(self.attn.relative_position_bias_table, plane["bias_index"], m * m, m * m)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
            bias = bias + plane["mask"].to(bias.dtype)                              # [windows, heads, m*m, m*m]
            if b > 1:
                bias = bias.repeat(b, 1, 1, 1)
        y = y.view(b, h // m, m, w // m, m, c).transpose(2, 3).reshape(-1, m * m, c)
        q, k, v = self.attn.qkv(y).view(-1, m * m, 3, heads, c // heads).permute(2, 0, 3, 1, 4)
        y = attention(q, k, v, bias).transpose(1, 2).reshape(-1, m * m, c)
        y = self.attn.proj(y).view(b, h // m, w // m, m, m, c).transpose(2, 3).reshape(b, h, w, c)
        return torch.roll(y, (self.shift, self.shift), (1, 2)) if self.shift else y

    def forward(self, x, plane):
        x = x + self.attend(operators.layer_norm(x, self.norm1), plane)
        return x + self.mlp(operators.layer_norm(x, self.norm2))


class Ocab(nn.Module):
    """Attention of each window to a larger, centred key window; keys outside the image are zero and take part."""

    def __init__(self, config):
        super().__init__()
        c, m = config.channels, config.window
        self.heads, self.window, self.outer = config.heads, m, m + int(m * config.overlap_ratio)
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.qkv = nn.Linear(c, 3 * c)
        self.proj = nn.Linear(c, c)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((m + self.outer - 1) ** 2, config.heads))
        self.mlp = Mlp(c, int(c * config.mlp_ratio))

    def attend(self, y, plane):
        b, h, w, c = y.shape
        m, mo, heads = self.window, self.outer, self.heads
        pad = (mo - m) // 2
        qkv = self.qkv(y)
        q = qkv[..., :c].reshape(b, h // m, m, w // m, m, heads, c // heads)
        q = q.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, heads, m * m, c // heads)
        kv = F.pad(qkv[..., c:], (0, 0, pad, pad, pad, pad)).unfold(1, mo, m).unfold(2, mo, m)
        kv = kv.reshape(b * (h // m) * (w // m), 2, heads, c // heads, mo * mo).transpose(-1, -2)
        bias = table_bias(self.relative_position_bias_table, plane["overlap_bias_index"], m * m, mo * mo)
        y = attention(q, kv[:, 0], kv[:, 1], bias)
        y = y.reshape(b, h // m, w // m, heads, m, m, c // heads).permute(0, 1, 4, 2, 5, 3, 6).reshape(b, h, w, c)
        return self.proj(y)

    def forward(self, x, plane):
        x = x + self.attend(operators.layer_norm(x, self.norm1), plane)
        return x + self.mlp(operators.layer_norm(x, self.norm2))


class ModulatedConv(nn.Module):
    """3x3 convolution whose input channels are scaled by a style and whose output channels are renormalised.

    conv(W diag(1+m)) x = conv(W) ((1+m) x), so the weights are shared and each sample may have its own style.
    """

    def __init__(self, channels, style):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.to_style = nn.Linear(style, channels)
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x, style):
        scale = (self.to_style(style) + 1).to(self.weight.dtype)                    # [batch, in]
        norm = torch.rsqrt(F.linear(scale.square(), self.weight.square().sum((2, 3))) + 1e-8)
        return conv3x3(x * scale[:, None, None], self.weight) * norm[:, None, None]


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.gate = nn.Sequential(nn.Identity(), nn.Linear(channels, hidden, bias=False), nn.SiLU(),
                                  nn.Linear(hidden, channels, bias=False), nn.Sigmoid())

    def forward(self, x):
        return x * self.gate(x.mean((1, 2)))[:, None, None]


class ModMbConv(nn.Module):
    """The Adaptive Feature Extractor; there is no outer skip."""

    def __init__(self, config):
        super().__init__()
        c = config.channels
        self.net1 = nn.Conv2d(c, c, 1)
        self.norm1 = nn.Sequential(nn.LayerNorm(c), nn.GELU())
        self.net2 = ModulatedConv(c, 1 + 2 * config.frequencies)
        self.norm2 = nn.Sequential(nn.LayerNorm(c), nn.GELU())
        self.net3 = nn.Sequential(SqueezeExcitation(c, int(c * config.squeeze_ratio)), nn.Conv2d(c, c, 1))

    def forward(self, x, style):
        a = pointwise(x, self.net1)
        b = a + self.net2(operators.gelu(operators.layer_norm(a, self.norm1[0])), style)
        y = operators.gelu(operators.layer_norm(b, self.norm2[0]))
        return b + pointwise(self.net3[0](y), self.net3[1])


class ResidualGroup(nn.Module):
    def __init__(self, config, depth):
        super().__init__()
        self.mbconv = ModMbConv(config)
        self.blocks = nn.ModuleList(Hab(config, config.window // 2 if k % 2 else 0) for k in range(depth - 1))
        self.overlap_attn = Ocab(config)

    def forward(self, x, plane):
        x = self.mbconv(x, plane["style"])
        for block in self.blocks:
            x = block(x, plane)
        return self.overlap_attn(x, plane)


class Group(nn.Module):
    def __init__(self, config, depth):
        super().__init__()
        self.residual_group = ResidualGroup(config, depth)
        self.conv = nn.Conv2d(config.channels, config.channels, 3, padding=1)

    def forward(self, x, plane):
        return conv3x3(self.residual_group(x, plane), self.conv.weight, self.conv.bias) + x
