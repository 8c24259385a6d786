# SPDX-License-Identifier: Apache-2.0
"""Tests of the recipe on a folder of noise: test_recipe.py (a minute on one core)."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import curve  # noqa: E402
from photos import Patches, build_cache  # noqa: E402
from resample import RESAMPLERS  # noqa: E402

STORED = HERE.parent.parent / "tests/evaluate"
SMALL = {"channels": 16, "depths": [2], "heads": 2, "window": 8, "overlap_ratio": 0.5, "mlp_ratio": 2, "squeeze_ratio": 0.25,
         "latent": 16, "frequencies": 4, "conditioning": "scale", "training_patch": 48, "image_skip": "bicubic"}


class Recipe(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.photos = self.folder / "photos"
        self.photos.mkdir()
        random = np.random.default_rng(1)
        held = (HERE / "held_out.txt").read_text().split()
        for name in ("soft_1.png", "sharp_1.png", "sharp_2.png", *held):
            Image.fromarray(random.integers(0, 256, (250, 260, 3)).astype(np.uint8)).save(self.photos / name, format="PNG")

    def train(self, stage, *arguments):
        path = self.folder / "stage.json"
        settings = {"configuration": SMALL, "hours": 1, "seed": 1, "patch": 16, "batch": 4, "groups": 2, "max_scale": 3,
                    "rate": 1e-3, "floor": 0.01, "warmup": 2, "betas": [0.9, 0.99], "clip": 1.0, "ema": 0.9, "bf16": True,
                    "save_minutes": 9, "validate_minutes": 9, **stage}
        path.write_text(json.dumps(settings))
        run = subprocess.run([sys.executable, HERE / "train.py", path, "--photos", self.photos, "--threads", "1", *arguments],
                             capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr

    def test_resamplers(self):
        noise = np.asarray(Image.open(STORED / "noise.png"))
        for name, reduce in RESAMPLERS.items():
            for h, w in ((7, 12), (61, 53), (34, 9)):
                wanted = np.asarray(Image.open(STORED / f"{name}_noise_{w}x{h}.png"))
                np.testing.assert_array_equal(reduce(noise, h, w), wanted, f"{name} {w}x{h}")

    def test_sources_and_patches(self):
        build_cache(self.photos, self.folder / "cache", ["sharp_2.png"])
        patches = Patches(self.folder / "cache", 1, ["sharp"], ["matlab", "pillow"])
        self.assertEqual([entry[0] for entry in patches.entries], ["sharp_1.png"])
        low, high = patches.batch(3, 16, 2.4)
        self.assertEqual((low.shape, high.shape), ((3, 3, 16, 16), (3, 3, 38, 38)))
        with self.assertRaises(SystemExit):
            Patches(self.folder / "cache", 1, ["none"])

    def test_stages(self):
        one, two, three = (self.folder / name for name in ("one", "two", "three"))
        code, said = self.train({"sources": ["sharp"]}, "--work", one, "--steps", "4")
        self.assertEqual(code, 0, said)
        first = torch.load(one / "state.pt", weights_only=True)
        self.assertEqual((first["step"], first["begun"]), (4, 0))

        code, said = self.train({"resamplers": ["matlab", "pillow"]}, "--work", two, "--initial", one / "state.pt", "--steps", "3")
        self.assertEqual(code, 0, said)
        second = torch.load(two / "state.pt", weights_only=True)
        self.assertEqual((second["step"], second["begun"]), (7, 4))
        entries = curve.read(two / "log.jsonl")
        self.assertEqual([e["step"] for e in entries], [4, 7])
        self.assertIn("polyline", curve.draw([curve.read(one / "log.jsonl") + [{"step": 2, "error": 0.1}], entries]))

        weights = self.folder / "weights.safetensors"
        subprocess.run([sys.executable, HERE.parent / "export.py", two / "state.pt", weights, "--state", self.folder / "kept.pt"],
                       check=True)
        code, said = self.train({}, "--work", three, "--initial", weights, "--steps", "1")
        self.assertEqual(code, 0, said)
        third = torch.load(three / "state.pt", weights_only=True)
        self.assertEqual((third["step"], third["begun"]), (8, 7))
        start = curve.read(three / "log.jsonl")[0]
        self.assertEqual(start["validation"], entries[-1]["validation"])  # the average is what is exported

    def test_mistakes_are_said(self):
        code, said = self.train({"sources": ["none"]}, "--work", self.folder / "w", "--steps", "1")
        self.assertNotEqual(code, 0)
        self.assertIn("sources", said)


if __name__ == "__main__":
    unittest.main()
