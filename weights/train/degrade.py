# SPDX-License-Identifier: Apache-2.0
"""What happens to pictures before people have them: blur, reduction, noise, JPEG, in this order and each with a probability.

A stage's `degrade` says how often and how much, sizes in pixels and grey levels of the reduced picture:

    "blur":  {"probability", "sigma": [least, most], "anisotropic": part whose two axes differ and are turned}
    "noise": {"probability", "sigma": [least, most], "grey": part that is alike in all channels}
    "jpeg":  {"probability", "quality": [least, most], "444": part whose colours keep their resolution}

Between them stands the stage's reduction, by one of `resamplers`. Each patch draws for itself.
"""

import io

import numpy as np
from PIL import Image

BLOCK = 16  # pixels of a JPEG unit in 4:2:0


def kernel(sigma, ratio=1.0, angle=0.0):
    """A normalised Gaussian: deviation `sigma` along `angle` and `ratio` times that across it, cut off at three deviations."""
    reach = max(1, int(np.ceil(3 * sigma * max(1.0, ratio))))
    y, x = np.mgrid[-reach:reach + 1, -reach:reach + 1].astype(np.float64)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    weights = np.exp(-0.5 * (np.square(along / sigma) + np.square(across / (ratio * sigma))))
    return weights / weights.sum()


def blur(image, weights):
    """uint8 [h, w, c] by a kernel, mirrored at the border, rounded."""
    reach, (h, w) = len(weights) // 2, image.shape[:2]
    wide = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), "symmetric").astype(np.float32)
    out = np.zeros(image.shape, np.float32)
    for (i, j), weight in np.ndenumerate(weights.astype(np.float32)):
        out += weight * wide[i:i + h, j:j + w]
    return np.floor(np.clip(out, 0, 255) + 0.5).astype(np.uint8)


def jpeg(image, quality, full_colour, corner=(0, 0)):
    """uint8 [h, w, 3] after JPEG; `corner` is the place of its first pixel in the grid of blocks."""
    (h, w), (y, x) = image.shape[:2], corner
    sides = ((y, -(y + h) % BLOCK), (x, -(x + w) % BLOCK), (0, 0))
    packed = io.BytesIO()
    Image.fromarray(np.pad(image, sides, "symmetric")).save(packed, "JPEG", quality=quality, subsampling=0 if full_colour else 2)
    return np.array(Image.open(packed))[y:y + h, x:x + w]


class Degradation:
    """Draws from one patch's generator; a setting that is absent never happens."""

    def __init__(self, settings):
        unknown = settings.keys() - {"blur", "noise", "jpeg"}
        if unknown:
            raise ValueError(f"degrade has {', '.join(sorted(unknown))}; it knows blur, noise and jpeg.")
        self.settings = settings

    def drawn(self, random, name):
        """The settings of a degradation that happens this time."""
        setting = self.settings.get(name)
        return setting if setting and random.random() < setting["probability"] else None

    def before(self, random, image, scale):
        """Blur of the picture that is going to be reduced by `scale`."""
        if (s := self.drawn(random, "blur")) is None:
            return image
        sigma, uneven, (ratio, angle) = random.uniform(*s["sigma"]), random.random() < s["anisotropic"], random.random(2)
        return blur(image, kernel(sigma * scale, 0.3 + 0.7 * ratio if uneven else 1.0, np.pi * angle))

    def after(self, random, image):
        """Noise and JPEG of the reduced picture."""
        if (s := self.drawn(random, "noise")) is not None:
            sigma, channels = random.uniform(*s["sigma"]), 1 if random.random() < s["grey"] else 3
            noisy = image + sigma * random.standard_normal((*image.shape[:2], channels))
            image = np.floor(np.clip(noisy, 0, 255) + 0.5).astype(np.uint8)
        if (s := self.drawn(random, "jpeg")) is not None:
            quality, full_colour = int(random.integers(s["quality"][0], s["quality"][1] + 1)), random.random() < s["444"]
            image = jpeg(image, quality, full_colour, random.integers(BLOCK, size=2))
        return image
