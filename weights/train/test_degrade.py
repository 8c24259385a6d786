# SPDX-License-Identifier: Apache-2.0
"""Tests of the degradations, with NumPy and Pillow alone: test_degrade.py"""

import json
import sys
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from degrade import Degradation, blur, jpeg, kernel  # noqa: E402
from resample import RESAMPLERS  # noqa: E402


def rms(a, b):
    return float(np.sqrt(np.mean(np.square(a.astype(float) - b.astype(float)))))


class Degradations(unittest.TestCase):
    def setUp(self):
        self.noise = np.random.default_rng(1).integers(0, 256, (40, 36, 3)).astype(np.uint8)
        coarse = Image.fromarray(np.random.default_rng(2).integers(0, 256, (6, 6, 3)).astype(np.uint8))
        self.smooth = np.asarray(coarse.resize((36, 40), Image.BICUBIC))
        self.stage = json.loads((HERE / "photo.json").read_text())

    def test_kernels(self):
        for sigma, ratio, angle in ((0.3, 1, 0), (1.2, 1, 0), (2.0, 0.4, 0.7)):
            weights = kernel(sigma, ratio, angle)
            self.assertAlmostEqual(weights.sum(), 1)
            np.testing.assert_allclose(weights, weights[::-1, ::-1])
        round_one, flat = kernel(1.5), kernel(1.5, 0.4, 0.0)
        np.testing.assert_allclose(round_one, round_one.T)
        reach = np.arange(len(flat)) - len(flat) // 2
        along, across = flat.sum(0) @ reach ** 2, flat.sum(1) @ reach ** 2
        self.assertAlmostEqual(np.sqrt(along), 1.5, delta=0.05)
        self.assertAlmostEqual(np.sqrt(across), 0.6, delta=0.05)
        turned = kernel(1.5, 0.4, np.pi / 2)
        np.testing.assert_allclose(turned, flat.T, atol=1e-12)

    def test_blur(self):
        np.testing.assert_array_equal(blur(self.noise, np.ones((1, 1))), self.noise)
        plain = np.full((9, 7, 3), 77, np.uint8)
        np.testing.assert_array_equal(blur(plain, kernel(1.3)), plain)
        point = np.zeros((15, 15, 1), np.uint8)
        point[7, 7] = 255
        np.testing.assert_allclose(blur(point, kernel(1.0))[4:11, 4:11, 0], 255 * kernel(1.0), atol=0.5)

    def test_jpeg(self):
        losses = [rms(jpeg(self.smooth, quality, True), self.smooth) for quality in (40, 75, 95)]
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertLess(rms(jpeg(self.noise, 95, True), self.noise), rms(jpeg(self.noise, 95, False), self.noise))
        stripes = np.repeat(np.array([[[255, 0, 0]] * 36, [[0, 0, 255]] * 36], np.uint8), 20, 0)
        self.assertEqual(jpeg(stripes, 90, False, (3, 5)).shape, stripes.shape)
        shifted = [jpeg(self.noise, 60, True, corner) for corner in ((0, 0), (4, 0))]
        self.assertGreater(rms(*shifted), 1)  # other blocks, other errors
        np.testing.assert_array_equal(jpeg(self.noise, 60, True, (8, 8))[8:24, 8:24], jpeg(self.noise, 60, True)[8:24, 8:24])

    def test_each_has_its_probability(self):
        """Every degradation happens as often as is said, alone if the others never do, and never changes the size."""
        for name in ("blur", "noise", "jpeg"):
            setting = self.stage["degrade"][name]
            degradation, changed = Degradation({name: setting}), 0
            for seed in range(400):
                random = np.random.default_rng((3, seed))
                low = degradation.after(random, RESAMPLERS["box"](degradation.before(random, self.noise, 2.0), 20, 18))
                self.assertEqual(low.shape, (20, 18, 3))
                changed += not np.array_equal(low, RESAMPLERS["box"](self.noise, 20, 18))
            self.assertAlmostEqual(changed / 400, setting["probability"], delta=0.08)

    def test_same_generator_same_patch(self):
        def made(seed):
            random = np.random.default_rng(seed)
            degradation = Degradation(self.stage["degrade"])
            return degradation.after(random, degradation.before(random, self.noise, 1.0))

        np.testing.assert_array_equal(made(7), made(7))
        self.assertGreater(len({made(seed).tobytes() for seed in range(12)}), 6)

    def test_nothing_happens_without_settings(self):
        random = np.random.default_rng(1)
        self.assertIs(Degradation({}).after(random, Degradation({}).before(random, self.noise, 2.0)), self.noise)
        with self.assertRaisesRegex(ValueError, "blurr"):
            Degradation({"blurr": {}})

    def test_photo_stage(self):
        self.assertEqual(set(self.stage["degrade"]), {"blur", "noise", "jpeg"})
        self.assertEqual(self.stage["degrade"]["jpeg"]["quality"], [40, 95])
        self.assertTrue(set(self.stage["resamplers"]) <= set(RESAMPLERS))


if __name__ == "__main__":
    unittest.main()
