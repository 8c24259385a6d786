# SPDX-License-Identifier: Apache-2.0
"""Photographs as one memory-mapped file, and random training patches from it."""

import json
import queue
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from resample import RESAMPLERS


def build_cache(folder, cache, held_out):
    """Decodes every photo of `folder` once: `cache`.u8 holds the pixels, `cache`.index names and places of the photos."""
    held, entries, offset = set(held_out), [], 0
    with open(f"{cache}.u8.part", "wb") as out:
        for path in sorted(Path(folder).iterdir()):
            if path.suffix.lower() not in (".jpg", ".jpeg", ".png") or path.name in held:
                continue
            pixels = np.asarray(Image.open(path).convert("RGB"))
            entries.append((path.name, offset, *pixels.shape[:2]))
            out.write(pixels.tobytes())
            offset += pixels.size
    Path(f"{cache}.u8.part").rename(f"{cache}.u8")
    if not entries:
        raise SystemExit(f"{folder} holds no .jpg or .png to train on. Name a folder of photographs with --photos.")
    Path(f"{cache}.index").write_text(json.dumps(entries))


class Patches:
    """Random batches of (input [n,3,p,p], target [n,3,q,q]) in uint8, q = round(p s) for one real s a batch.

    The input is the target patch reduced by one of `resamplers`, drawn for each patch, and rounded to 8 bits; then both are
    flipped and transposed at random. A photo is drawn with a probability proportional to its area, from those whose name
    begins with one of `sources`.
    """

    def __init__(self, cache, seed, sources=("",), resamplers=("pillow",)):
        self.pixels = np.memmap(f"{cache}.u8", np.uint8, "r")
        self.entries = [entry for entry in json.loads(Path(f"{cache}.index").read_text()) if entry[0].startswith(tuple(sources))]
        if not self.entries:
            raise SystemExit(f"No photo has a name that begins with one of {list(sources)}, the stage's sources.")
        self.reduce = [RESAMPLERS[name] for name in resamplers]
        area = np.array([h * w for *_, h, w in self.entries], np.float64)
        self.probability = area / area.sum()
        self.random = np.random.default_rng(seed)

    def crop(self, size):
        while True:
            _, offset, h, w = self.entries[self.random.choice(len(self.entries), p=self.probability)]
            if h >= size and w >= size:
                break
        y, x = self.random.integers(h - size + 1), self.random.integers(w - size + 1)
        photo = self.pixels[offset:offset + h * w * 3].reshape(h, w, 3)
        return np.ascontiguousarray(photo[y:y + size, x:x + size])

    def batch(self, count, patch, scale):
        size = round(patch * scale)
        inputs, targets = [], []
        for _ in range(count):
            target = self.crop(size)
            low = self.reduce[self.random.integers(len(self.reduce))](target, patch, patch)
            turn = self.random.integers(8)
            inputs.append(dihedral(low, turn).transpose(2, 0, 1))
            targets.append(dihedral(target, turn).transpose(2, 0, 1))
        return np.stack(inputs), np.stack(targets)


def dihedral(image, k):
    """The k-th of the eight symmetries of the square, on [rows, columns, channels]."""
    image = np.rot90(image, k % 4)
    return image[:, ::-1] if k >= 4 else image


class Prefetch:
    """Runs `make()` in a thread, a few results ahead."""

    def __init__(self, make, depth=3):
        self.queue = queue.Queue(depth)
        self.make = make
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            self.queue.put(self.make())

    def __next__(self):
        return self.queue.get()
