# SPDX-License-Identifier: Apache-2.0
"""Reductions of 8-bit images: the two bicubic ones that published super-resolution data are made with, and Pillow's others.

The bicubic ones widen the kernel (a = -0.5) by the factor of reduction. They differ in the border, which MATLAB mirrors and Pillow
leaves out, and in rounding; the difference is about a grey level, which a network notices.
"""

import math
from functools import lru_cache, partial

import numpy as np
from PIL import Image


def cubic(x):
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@lru_cache(maxsize=1024)
def matlab_weights(n, m):
    """The matrix [m, n] of `imresize` from n to m samples: mirrored at the border, each row normalised."""
    scale = m / n
    narrow = min(scale, 1.0)
    centre = np.arange(1, m + 1) / scale + 0.5 * (1 - 1 / scale)
    taps = np.floor(centre - 2 / narrow)[:, None] + np.arange(math.ceil(4 / narrow) + 2)
    weights = cubic(narrow * (centre[:, None] - taps))
    weights /= weights.sum(1, keepdims=True)
    index = (taps.astype(int) - 1) % (2 * n)
    matrix = np.zeros((m, n))
    np.add.at(matrix, (np.arange(m)[:, None], np.minimum(index, 2 * n - 1 - index)), weights)
    return matrix


def round_bytes(x):
    return np.floor(np.clip(x, 0, 255) + 0.5).astype(np.uint8)


def matlab(image, height, width):
    """imresize(image, [height width], 'bicubic') of uint8 [h, w, c]; the axis that shrinks more goes first."""
    h, w, c = image.shape

    def rows(a):
        return round_bytes(matlab_weights(h, height) @ a.reshape(h, -1)).reshape(height, -1, c)

    def columns(a):
        return round_bytes(matlab_weights(w, width) @ a.astype(np.float64))

    return columns(rows(image)) if height / h <= width / w else rows(columns(image))


def pillow(image, height, width, method=Image.BICUBIC):
    return np.asarray(Image.fromarray(image).resize((width, height), method))


RESAMPLERS = {"matlab": matlab, "pillow": pillow, "box": partial(pillow, method=Image.BOX),
              "bilinear": partial(pillow, method=Image.BILINEAR), "lanczos": partial(pillow, method=Image.LANCZOS)}
