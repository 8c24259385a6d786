# SPDX-License-Identifier: Apache-2.0
"""Everything that depends on sizes alone: query grids, encodings, window masks and bias indices.

Coordinates and encoding arguments are rounded to float32 operation by operation, as pretrained weights expect; NumPy does
that without contraction. Results are cached, since an image stream or a training run repeats its sizes.
"""

import math
from functools import lru_cache

import numpy as np
import torch

f32 = np.float32


def tensor(array, device):
    """A tensor that gradients may later pass, even if the cache is first filled in inference mode."""
    with torch.inference_mode(False):
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def encode(t, frequencies, encoding="division"):
    """[t, sin a_0, cos a_0, sin a_1, ...] of float32 t [n], as float64 [n, 1+2F].

    The argument a_i = fl(fl(fl(2^i pi) t) / 10) is a float32 number; its sine and cosine are taken in float64, whose
    range reduction is complete. `reciprocal` multiplies by fl(1/10) instead of dividing.
    """
    t = np.asarray(t, f32)[:, None]
    a = f32(2.0 ** np.arange(frequencies) * math.pi)[None] * t
    a = a / f32(10) if encoding == "division" else a * f32(0.1)
    a = a.astype(np.float64)
    waves = np.stack([np.sin(a), np.cos(a)], -1).reshape(len(t), -1)
    return np.concatenate([t.astype(np.float64), waves], 1)


def centres(n):
    """Cell centres of an n-grid on [-1, 1], float32."""
    return f32(-1.0 + 1.0 / n) + f32(2.0 / n) * np.arange(n, dtype=f32)


def query_axis(n, target):
    """Nearest source index and relative offset (in half-pixels of the source) of each target cell."""
    c = centres(target)
    position = ((c + f32(1)) * f32(n) - f32(1)) / f32(2)
    index = np.clip(np.rint(position).astype(np.int64), 0, n - 1)
    return index, (c - centres(n)[index]) * f32(n)


def squared_offsets(n, target):
    """fl(delta^2) to the nearest source of each of the 3 neighbouring target cells, [target, 3]."""
    c, index = centres(target), query_axis(n, target)[0]
    neighbour = np.clip(np.arange(target)[:, None] + np.arange(-1, 2), 0, target - 1)
    delta = (centres(n)[index[neighbour]] - c[:, None]) * f32(n)
    return delta * delta


@lru_cache(maxsize=256)
def query_tables(h, w, height, width, frequencies, encoding, device):
    """Indices, encodings, squared distances and the sampling grid of an h x w to height x width query."""
    iy, ry = query_axis(h, height)
    ix, rx = query_axis(w, width)
    grid = np.stack(np.broadcast_arrays(centres(width)[None], centres(height)[:, None]), -1)[None]
    arrays = {
        "index_y": iy, "index_x": ix,
        "encode_y": encode(ry, frequencies, encoding), "encode_x": encode(rx, frequencies, encoding),
        "square_y": squared_offsets(h, height), "square_x": squared_offsets(w, width),
        "grid": grid,
    }
    return {name: tensor(a, device) for name, a in arrays.items()}


def reflect_index(n, multiple):
    """Source index of each position after reflection to the next multiple; reflects repeatedly, n = 1 repeats."""
    i = np.arange(-(-n // multiple) * multiple) % max(2 * (n - 1), 1)
    return np.minimum(i, 2 * (n - 1) - i) if n > 1 else i * 0


def bias_index(m):
    """Flat table index for every (query, key) pair of an m x m window."""
    y, x = np.divmod(np.arange(m * m), m)
    return ((y[:, None] - y + m - 1) * (2 * m - 1) + (x[:, None] - x + m - 1)).reshape(-1)


def overlap_bias_index(m, outer):
    """As `bias_index` for keys of the outer window; negative values count from the end of the table."""
    side = m + outer - 1
    yi, xi = np.divmod(np.arange(m * m), m)
    yj, xj = np.divmod(np.arange(outer * outer), outer)
    y, x = yj - yi[:, None] + m - outer + 1, xj - xi[:, None] + m - outer + 1
    return ((y * side + x) % side ** 2).reshape(-1)


def attention_mask(h, w, m):
    """[windows, 1, m*m, m*m]: -100 between the regions that a cyclic shift brought together, else 0."""
    def region(n):
        i = np.arange(n)
        return (i >= n - m).astype(int) + (i >= n - m // 2)
    ids = region(h)[:, None] * 3 + region(w)
    ids = ids.reshape(h // m, m, w // m, m).swapaxes(1, 2).reshape(-1, m * m)
    return np.where(ids[:, :, None] != ids[:, None], f32(-100), f32(0))[:, None]


@lru_cache(maxsize=16)
def plane_tables(h, w, m, overlap_ratio, device):
    """What the trunk needs to know of an h x w image, padded to windows of m."""
    y, x = reflect_index(h, m), reflect_index(w, m)
    arrays = {"reflect_y": y, "reflect_x": x, "mask": attention_mask(len(y), len(x), m), "bias_index": bias_index(m),
              "overlap_bias_index": overlap_bias_index(m, m + int(m * overlap_ratio))}
    return {name: tensor(a, device) for name, a in arrays.items()}
