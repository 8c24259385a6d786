# SPDX-License-Identifier: Apache-2.0
"""Photographs as one memory-mapped file, and random training patches from it."""

import json
import queue
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from degrade import Degradation
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
    """Patches of (input [3,p,p], target [3,q,q]) in uint8, q = round(p s) for a real scale s.

    The input is the target patch reduced by one of `resamplers`, drawn for each patch, and rounded to 8 bits, with the
    degradations of `degrade` around the reduction; then both are flipped and transposed at random. A photo is drawn with a probability proportional to its area, from those whose name
    begins with one of `sources`.
    """

    def __init__(self, cache, sources=("",), resamplers=("pillow",), degrade=None):
        self.pixels = np.memmap(f"{cache}.u8", np.uint8, "r")
        self.entries = [entry for entry in json.loads(Path(f"{cache}.index").read_text()) if entry[0].startswith(tuple(sources))]
        if not self.entries:
            raise SystemExit(f"No photo has a name that begins with one of {list(sources)}, the stage's sources.")
        self.reduce = [RESAMPLERS[name] for name in resamplers]
        self.degradation = Degradation(degrade or {})
        area = np.cumsum([h * w for *_, h, w in self.entries], dtype=np.float64)
        self.below = area / area[-1]

    def crop(self, random, size):
        while True:
            _, offset, h, w = self.entries[np.searchsorted(self.below, random.random(), side="right")]
            if h >= size and w >= size:
                break
        y, x = random.integers(h - size + 1), random.integers(w - size + 1)
        photo = self.pixels[offset:offset + h * w * 3].reshape(h, w, 3)
        return np.ascontiguousarray(photo[y:y + size, x:x + size])

    def __call__(self, random, patch, scale):
        """One patch, by the generator `random` alone."""
        target = self.crop(random, round(patch * scale))
        low = self.degradation.before(random, target, scale)
        low = self.reduce[random.integers(len(self.reduce))](low, patch, patch)
        low = self.degradation.after(random, low)
        turn = random.integers(8)
        return dihedral(low, turn).transpose(2, 0, 1), dihedral(target, turn).transpose(2, 0, 1)


class Batches:
    """The sub-batches of each step, one scale each, which are stratified over [1, max_scale].

    Each patch has a generator of its own, seeded by its place in the training: what a step sees depends on the stage's seed and
    the step's number, not on where the training was interrupted nor on how many processes share it. Each process takes its
    share of every sub-batch, so all have the same work.
    """

    def __init__(self, stage, patches, rank=0, world=1):
        self.stage, self.patches, self.rank, self.world = stage, patches, rank, world

    def __call__(self, step):
        """Pairs (inputs [n,3,p,p], targets [n,3,q,q]); empty sub-batches are left out."""
        s, pairs = self.stage, []
        for g in range(s["groups"]):
            place = np.random.default_rng((s["seed"], step, g)).random()
            scale = 1 + (s["max_scale"] - 1) * (g + place) / s["groups"]
            mine = [self.patches(np.random.default_rng((s["seed"], step, g, i)), s["patch"], scale)
                    for i in range(s["batch"] // s["groups"]) if (i + g) % self.world == self.rank]
            if mine:
                pairs.append(tuple(np.stack(part) for part in zip(*mine)))
        return pairs


def dihedral(image, k):
    """The k-th of the eight symmetries of the square, on [rows, columns, channels]."""
    image = np.rot90(image, k % 4)
    return image[:, ::-1] if k >= 4 else image


class Prefetch:
    """Runs make(step), make(step + 1), ... in a thread, a few results ahead."""

    def __init__(self, make, step, depth=3):
        self.queue = queue.Queue(depth)
        threading.Thread(target=self.work, args=(make, step), daemon=True).start()

    def work(self, make, step):
        while True:
            self.queue.put(make(step))
            step += 1

    def __next__(self):
        return self.queue.get()
