# SPDX-License-Identifier: Apache-2.0
"""Tests of the recipe on a folder of noise: test_recipe.py (a minute on one core)."""

import copy
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import curve  # noqa: E402
import modes  # noqa: E402
import state as states  # noqa: E402
from muon import Muon, orthogonal  # noqa: E402
from photos import Batches, Patches, build_cache  # noqa: E402
from resample import RESAMPLERS  # noqa: E402
from schedule import Schedule  # noqa: E402
from train import average_weight  # noqa: E402

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
        for name, size in [*((f"{n}.png", 250) for n in ("soft_1", "sharp_1", "sharp_2")), *((n, 40) for n in held)]:
            Image.fromarray(random.integers(0, 256, (size, size + 10, 3)).astype(np.uint8)).save(self.photos / name, format="PNG")

    def train(self, stage, *arguments, interrupt=False):
        path = self.folder / "stage.json"
        settings = {"configuration": SMALL, "seed": 1, "patch": 16, "batch": 4, "groups": 2, "max_scale": 3,
                    "rate": 1e-3, "warmup": 2, "stable": 1000, "betas": [0.9, 0.99], "clip": 1.0, "ema": 0.9,
                    "save_minutes": 9, "validate_steps": 1000, **stage}
        path.write_text(json.dumps(settings))
        mode = [] if "--mode" in arguments else ["--mode", "float32-1-eager"]
        run = subprocess.Popen([sys.executable, HERE / "train.py", path, "--photos", self.photos, *mode, *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ""
        if interrupt:
            while "validation" not in said and run.poll() is None:
                said += run.stdout.readline()
            time.sleep(0.3)
            run.terminate()
        said += run.communicate()[0]
        return run.returncode, said

    def test_resamplers(self):
        noise = np.asarray(Image.open(STORED / "noise.png"))
        for name in ("matlab", "pillow"):
            reduce = RESAMPLERS[name]
            for h, w in ((7, 12), (61, 53), (34, 9)):
                wanted = np.asarray(Image.open(STORED / f"{name}_noise_{w}x{h}.png"))
                np.testing.assert_array_equal(reduce(noise, h, w), wanted, f"{name} {w}x{h}")

    def test_sources_and_patches(self):
        build_cache(self.photos, self.folder / "cache", ["sharp_2.png"])
        patches = Patches(self.folder / "cache", ["sharp"], ["matlab", "pillow"])
        self.assertEqual([entry[0] for entry in patches.entries], ["sharp_1.png"])
        low, high = patches(np.random.default_rng(1), 16, 2.4)
        self.assertEqual((low.shape, high.shape), ((3, 16, 16), (3, 38, 38)))
        with self.assertRaises(SystemExit):
            Patches(self.folder / "cache", ["none"])

    def test_batches_do_not_depend_on_processes(self):
        build_cache(self.photos, self.folder / "cache", [])
        stage = {"seed": 5, "groups": 2, "batch": 6, "patch": 16, "max_scale": 3}
        patches = Patches(self.folder / "cache")

        def seen(world):
            parts = [Batches(stage, patches, rank, world)(7) for rank in range(world)]
            return sorted(image.tobytes() for part in parts for _, targets in part for image in targets)

        self.assertEqual(len(seen(1)), 6)
        for world in (2, 3, 4):
            self.assertEqual(seen(world), seen(1))
        self.assertNotEqual(seen(1), sorted(image.tobytes() for _, ts in Batches(stage, patches)(8) for image in ts))

    def test_stages(self):
        one, two, three = (self.folder / name for name in ("one", "two", "three"))
        code, said = self.train({"sources": ["sharp"], "stable": 2}, "--work", one)
        self.assertEqual(code, 0, said)
        first = torch.load(one / "state.pt", weights_only=True)
        self.assertEqual((first["step"], first["begun"]), (4, 0))

        code, said = self.train({"resamplers": ["matlab", "pillow"], "stable": 1}, "--work", two, "--initial", one / "state.pt")
        self.assertEqual(code, 0, said)
        second = torch.load(two / "state.pt", weights_only=True)
        self.assertEqual((second["step"], second["begun"]), (7, 4))
        entries = curve.read(two / "log.jsonl")
        self.assertEqual([e["step"] for e in entries], [4, 7])
        self.assertIn("polyline", curve.draw([(curve.read(one / "log.jsonl"), 4), (entries, 4)]))

        weights = self.folder / "weights.safetensors"
        subprocess.run([sys.executable, HERE.parent / "export.py", two / "state.pt", weights],
                       check=True)
        export, both = [sys.executable, HERE.parent / "export.py", two / "state.pt"], self.folder / "mean.safetensors"
        subprocess.run([*export, both, "--mean", one / "state.pt"], check=True)
        with safe_open(both, "pt") as file:
            for name, value in first["average"].items():
                torch.testing.assert_close(file.get_tensor(name), (value + second["average"][name]) / 2)
        torch.save({**first, "stage": {**first["stage"], "configuration": {}}}, self.folder / "another.pt")
        for arguments, sentence in (([both, "--overwrite", "--mean", self.folder / "another.pt"], "different networks"),
                                    ([one / "state.pt"], "is there already")):  # the weights' name forgotten
            run = subprocess.run([*export, *arguments], capture_output=True, text=True, check=False)
            self.assertIn(sentence, run.stderr)
        self.assertEqual(states.read(one / "state.pt")["step"], 4)
        code, said = self.train({}, "--work", three, "--initial", weights, "--steps", "1")
        self.assertEqual(code, 0, said)
        third = torch.load(three / "state.pt", weights_only=True)
        self.assertEqual((third["step"], third["begun"]), (8, 7))
        start = curve.read(three / "log.jsonl")[0]
        self.assertEqual(start["validation"], entries[-1]["validation"])  # the average is what is exported

    def test_interrupted(self):
        """Thirty steps interrupted twice, by a limit and by a signal at any place, equal thirty uninterrupted ones."""
        stage = {"stable": 18, "decay": 10, "batch": 8}
        for mode in ("float32-1-eager", "float32-2-native"):
            with self.subTest(mode):
                whole, parts = self.folder / f"whole-{mode}", self.folder / f"parts-{mode}"
                code, said = self.train(stage, "--work", whole, "--mode", mode)
                self.assertEqual(code, 0, said)
                self.assertIn("The schedule of 30 steps is over", said)
                self.train(stage, "--work", parts, "--mode", mode, "--steps", "7")
                self.assertEqual(states.read(parts / "state.pt")["step"], 7)
                code, said = self.train({**stage, "validate_steps": 1}, "--work", parts, "--mode", mode, interrupt=True)
                self.assertEqual(code, 0, said)  # though one process measures for most of the time
                self.train(stage, "--work", parts, "--mode", mode)
                self.same(states.read(whole / "state.pt"), states.read(parts / "state.pt"))
                code, said = self.train(stage, "--work", parts, "--mode", mode)  # nothing is left to do
                self.assertEqual((code, states.read(parts / "state.pt")["step"]), (0, 30), said)

    def same(self, a, b, path=""):
        """Nested states, equal bit for bit; only the time they took may differ."""
        if isinstance(a, dict):
            self.assertEqual(a.keys(), b.keys(), path)
            for name in a:
                if name != "seconds":
                    self.same(a[name], b[name], f"{path}/{name}")
        elif torch.is_tensor(a):
            self.assertTrue(torch.equal(a, b), path)
        else:
            self.assertEqual(a, b, path)

    def test_branch(self):
        stable, branch = self.folder / "stable", self.folder / "branch"
        self.train({}, "--work", stable, "--steps", "22")
        code, said = self.train({}, "--work", branch, "--initial", stable / "state.pt", "--decay", "4")
        self.assertEqual(code, 0, said)
        kept, shipped = states.read(stable / "state.pt"), states.read(branch / "state.pt")
        self.assertEqual((kept["step"], shipped["step"], shipped["schedule"]["decay"]), (22, 26, 4))
        code, said = self.train({}, "--work", self.folder / "long", "--initial", stable / "state.pt", "--decay", "15")
        self.assertNotEqual(code, 0)
        self.assertIn("a fifth", said)
        self.assertNotIn("Traceback", said)

    def test_average_in_a_decay(self):
        """A long decay forgets what came before it; a short one, which is no better than the average, does not."""
        def kept(decay):
            schedule, share = Schedule(1e-3, 0, 100, decay), 1.0
            for step in range(50, 50 + schedule.steps):
                share *= average_weight(0.999, schedule, step, 50) if step >= 150 else 1.0
            return share

        self.assertLess(kept(600), 0.001)
        self.assertLess(kept(6000), 0.001)
        self.assertAlmostEqual(kept(100), 0.999 ** 100)

    def test_rounded(self):
        work = self.folder / "work"
        self.train({}, "--work", work, "--steps", "12")
        subprocess.run([sys.executable, HERE / "state.py", work / "state.pt", work / "rounded.pt"], check=True)
        state, rounded = states.read(work / "state.pt"), states.read(work / "rounded.pt")
        self.assertLess((work / "rounded.pt").stat().st_size, 0.8 * (work / "state.pt").stat().st_size)
        self.same(state["net"], rounded["net"])
        for name, value in state["average"].items():  # a rounded difference is much nearer than a rounded value
            self.assertLessEqual(float((rounded["average"][name] - value).abs().max()), float((value - state["net"][name]).abs().max()) / 256)
        for number, entry in state["optimizer"]["state"].items():
            self.assertIn("exp_avg", entry)
            for name in entry.keys() & states.MOMENTS:
                torch.testing.assert_close(rounded["optimizer"]["state"][number][name], entry[name], rtol=2 ** -8, atol=0)
        self.assertEqual({**state, "net": 0, "average": 0, "optimizer": 0}, {**rounded, "net": 0, "average": 0, "optimizer": 0})
        run = subprocess.run([sys.executable, HERE / "state.py", work / "state.pt", work / "small.pt", "--limit", "1000"],
                             capture_output=True, text=True, check=False)
        self.assertIn("more than 1000", run.stderr)
        self.assertFalse((work / "small.pt").exists())
        code, said = self.train({}, "--work", self.folder / "on", "--initial", work / "rounded.pt", "--decay", "2")
        self.assertEqual(code, 0, said)

    def test_muon(self):
        """Two steps are those of the formula, and Adam's where it applies; matrices become nearly orthogonal."""
        torch.manual_seed(1)
        net = torch.nn.ModuleDict({"qkv": torch.nn.Linear(20, 60), "fc": torch.nn.Linear(20, 30), "to_rgb": torch.nn.Linear(20, 20),
                                   "conv": torch.nn.Conv2d(12, 16, 3)})
        plain = copy.deepcopy(net)
        optimizer, adam = (make(lr=0.01, betas=(0.9, 0.99)) for make in (functools.partial(Muon, net),
                                                                         functools.partial(torch.optim.Adam, plain.parameters())))
        inner = {"qkv.weight": 3, "fc.weight": 1, "conv.weight": 1}
        wanted, m = {n: net.get_parameter(n).detach().flatten(1).clone() for n in inner}, dict.fromkeys(inner, 0.0)
        for _ in range(2):
            for p, other in zip(net.parameters(), plain.parameters()):
                p.grad = other.grad = torch.randn_like(p) * torch.logspace(0, -1, p.shape[-1])
            for name, parts in inner.items():
                gradient = net.get_parameter(name).grad.flatten(1)
                m[name] = 0.95 * m[name] + 0.05 * gradient
                for piece, target in zip((0.95 * m[name] + 0.05 * gradient).chunk(parts), wanted[name].chunk(parts)):
                    turned = orthogonal(piece[None])[0]
                    given, found = torch.linalg.svdvals(piece), torch.linalg.svdvals(turned)
                    self.assertLess(float(found.max()), 1.3)
                    self.assertGreaterEqual((found > 0.5).sum(), (given > 0.02 * given.norm()).sum())
                    target -= 0.01 * 0.2 * max(piece.shape) ** 0.5 * turned
            optimizer.step()
            adam.step()
        for (name, p), other in zip(net.named_parameters(), plain.parameters()):
            torch.testing.assert_close(p, wanted[name].view_as(p) if name in inner else other, rtol=1e-4, atol=1e-6)
            self.assertEqual("exp_avg_sq" in optimizer.state[p], name not in inner)

    def test_native(self):
        """The operations of native/ give the values and the gradients of float64, by all kinds of vectors; in bfloat16 they
        are no further from them than PyTorch's."""
        program = """
import sys
sys.path[:0] = sys.argv[1:3]
import torch, eqsr, native, synthetic
def gradients(config, kind=torch.float32, bfloat16=False):
    net, x = synthetic.fill(eqsr.Eqsr(config)).to(kind), torch.cat([synthetic.image(n, 21, 30) for n in "ab"]).to(kind)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        out = net(x, (45, 51)).to(kind)
    (out - 0.5).square().mean().backward()
    return {"out": out.detach()} | {n: p.grad for n, p in net.named_parameters()}
def distance(found, wanted):
    return torch.stack([(found[n] - value).norm() / value.norm() for n, value in wanted.items()]).mean()
configs = eqsr.lite(), eqsr.Config(channels=20, depths=(2, 3), heads=2, window=4, latent=24, frequencies=4)
wanted = [gradients(c, torch.float64) for c in configs]
rounded = [distance(gradients(c, bfloat16=True), w) for c, w in zip(configs, wanted)]
native.FLAGS += sys.argv[3:]
native.install()
for threads in (1, 3):
    torch.set_num_threads(threads)
    for config, plain, limit in zip(configs, wanted, rounded):
        found = gradients(config)
        for name, value in plain.items():
            error = (found[name] - value).abs().max() / value.abs().max().clamp_min(1e-12)
            assert error < 2e-5, (name, error)
        assert 1e-3 < distance(gradients(config, bfloat16=True), plain) < 1.2 * limit
"""
        for flags in ([], ["-mno-amx-bf16"], ["-mno-avx512f"]) if platform.machine() == "x86_64" else ([],):
            with self.subTest(flags):
                run = subprocess.run([sys.executable, "-c", program, HERE, HERE.parent / "reference", *flags],
                                     capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 0, run.stderr)

    def test_fastest_mode(self):
        code, said = self.train({}, "--work", self.folder / "w", "--steps", "1", "--mode", "float32-9")
        self.assertNotEqual(code, 0)
        self.assertIn("precision-processes-code", said)
        found = modes.candidates("cpu", ["avx2"], "g++")
        self.assertEqual({mode.precision for mode in found}, {"float32"})
        self.assertEqual({mode.code for mode in found}, {"native", "compiled"})
        self.assertEqual({mode.precision for mode in modes.candidates("cpu", ["avx512_bf16"], None)}, set(modes.PRECISIONS))
        with unittest.mock.patch.object(modes, "run", self.slow), unittest.mock.patch.object(modes, "cores", lambda: 4):
            self.assertEqual(str(modes.fastest([], "cpu", lambda _: None)), "float32-4-native")

    @staticmethod
    def slow(command, mode, stdout, **_):
        stdout.write(f"{modes.TRIAL} {1 / mode.processes + (mode.code != 'native') + (mode.precision != 'float32')}")
        return int(mode.code == "eager")

    def test_trial_is_stopped(self):
        """SIGTERM ends all trials, not the one that runs."""
        said = self.folder / "said"
        slow = f"import time; open({str(said)!r}, 'a').write('one '); time.sleep(60)"
        tried = subprocess.Popen([sys.executable, "-c", f"import modes; modes.fastest(['-c', {slow!r}], 'cpu', print)"], cwd=HERE,
                                 stderr=subprocess.PIPE, text=True)
        while not said.exists() and tried.poll() is None:
            time.sleep(0.1)
        tried.terminate()
        self.assertIn("Stopped while modes were tried", tried.communicate(timeout=30)[1])
        self.assertLessEqual(said.read_text().count("one"), modes.cores())

    def test_curve_counts_patches(self):
        stable, branch = [{"step": 10}, {"step": 30}], [{"step": 20}, {"step": 25}]
        self.assertEqual([[n for n, _ in part] for part in curve.by_patches([(stable, 16), (branch, 8)])],
                         [[160, 480], [320, 360]])

    def test_mistakes_are_said(self):
        code, said = self.train({"sources": ["none"]}, "--work", self.folder / "w", "--steps", "1")
        self.assertNotEqual(code, 0)
        self.assertIn("sources", said)
        torch.save({"net": {}, "adam": {}}, self.folder / "other.pt")
        code, said = self.train({}, "--work", self.folder / "w", "--steps", "1", "--initial", self.folder / "other.pt")
        self.assertNotEqual(code, 0)
        self.assertIn("lacks average, optimizer", said)
        self.assertNotIn("Traceback", said)


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # threads that wait for each other are slow on a busy machine
    unittest.main()
