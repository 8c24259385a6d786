# SPDX-License-Identifier: Apache-2.0
"""Parameters and images that are a function of their name, for tests and timing without files."""

import math

import numpy as np
import torch


def noise(name, count):
    """`count` values in [-1, 1): the splitmix64 finaliser of fnv1a64(name) + (i+1) * golden ratio, top 24 bits."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) % 2 ** 64
    z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2 ** 23 - 1).astype(np.float32)


def parameter(name, shape, salt=""):
    if not shape:
        centre, amplitude = 2.5, 0.0
    elif name.endswith("relative_position_bias_table"):
        centre, amplitude = 0.0, 1.0
    elif len(shape) > 1:
        centre, amplitude = 0.0, math.sqrt(3 / math.prod(shape[1:]))
    else:
        centre, amplitude = (1.0, 0.25) if name.endswith("weight") else (0.0, 0.1)
    u = noise(salt + name, math.prod(shape))
    return (np.float32(centre) + np.float32(amplitude) * u).reshape(shape)


def fill(module, prefix="", salt=""):
    """Gives every parameter of `module` its synthetic value; `prefix` is the module's full name with a dot."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.from_numpy(parameter(prefix + name, tuple(p.shape), salt)))
    return module


def image(name, height, width):
    """[1, 3, height, width] in [0, 1)."""
    u = noise(name, 3 * height * width)
    return torch.from_numpy((np.float32(0.5) + np.float32(0.5) * u).reshape(1, 3, height, width))
