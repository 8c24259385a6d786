# SPDX-License-Identifier: Apache-2.0
"""Tests of the patches made on a device, on the processor, against those of Pillow and NumPy: test_device.py"""

import io
import sys
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from device import DevicePatches, to_bytes  # noqa: E402
from resample import RESAMPLERS  # noqa: E402

ALWAYS = {"blur": {"probability": 1, "sigma": [0.2, 0.8], "anisotropic": 0.5}, "noise": {"probability": 1, "sigma": [1, 8], "grey": 0.4},
          "jpeg": {"probability": 1, "quality": [40, 95], "444": 0.5}}


def rms(a, b):
    return float(np.sqrt(np.mean(np.square(a.astype(float) - b.astype(float)))))


class Device(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        coarse = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 25, 3)).astype(np.uint8))
        self.image = np.asarray(coarse.resize((125, 120), Image.BICUBIC))
        self.batch = torch.from_numpy(self.image.transpose(2, 0, 1).copy()).float()[None]
        self.plain = DevicePatches([self.image], None, torch.device("cpu"))

    def test_jpeg_is_that_of_pillow(self):
        """Much nearer to Pillow's result than that is to the picture; the decoder's smooth colours are not exactly ours."""
        for quality in (40, 75, 95):
            for subsampling in (0, 2):
                packed = io.BytesIO()
                Image.fromarray(self.image).save(packed, "JPEG", quality=quality, subsampling=subsampling)
                wanted = np.asarray(Image.open(packed))
                full = torch.tensor([subsampling == 0]).view(1, 1, 1, 1)
                found = self.plain.compress(self.batch, torch.tensor([float(quality)]), full)[0].permute(1, 2, 0).numpy()
                self.assertLess(rms(found, wanted), 0.45 * rms(self.image, wanted), (quality, subsampling))

    def test_reductions(self):
        for q, p in ((120, 50), (120, 31), (120, 120)):
            square = np.ascontiguousarray(self.image[:q, :q])
            for matrix, name in zip(self.plain.reduction(q, p), ("matlab", "pillow")):
                low = to_bytes(to_bytes(matrix @ torch.from_numpy(square.transpose(2, 0, 1).copy()).float()) @ matrix.T)
                self.assertLess(rms(low.permute(1, 2, 0).numpy(), RESAMPLERS[name](square, p, p)), 0.6, (name, q, p))

    def test_patches(self):
        small = DevicePatches([self.image, self.image[:110, :115]], ALWAYS, torch.device("cpu"))
        low, target = small(6, 24, 60)
        self.assertEqual((low.shape, target.shape), ((6, 3, 24, 24), (6, 3, 60, 60)))
        for part in (low, target):
            self.assertTrue(torch.equal(part, part.round()) and 0 <= part.min() and part.max() <= 255)
        same, target = self.plain(4, 48, 48)
        self.assertTrue(torch.equal(same, target))
        with self.assertRaisesRegex(ValueError, "does not fit"):
            small.crops(1, 120)

    def test_crops_are_of_the_picture(self):
        square = np.ascontiguousarray(self.image[:96, :96])
        patches = DevicePatches([square], None, torch.device("cpu"))
        seen = {patches.crops(1, 96)[0].permute(1, 2, 0).byte().numpy().tobytes() for _ in range(80)}
        symmetric = {np.ascontiguousarray(np.rot90(turned, k)).tobytes() for turned in (square, square[:, ::-1]) for k in range(4)}
        self.assertEqual(seen, symmetric)


if __name__ == "__main__":
    unittest.main()
