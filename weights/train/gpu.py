# SPDX-License-Identifier: Apache-2.0
"""Trains on one GPU within a few minutes: gpu.py stage.json photos.tar --work path/to/folder [--initial STATE] [--minutes 4.5]

Photographs (a file of pack.py) are decoded once; crops and degradations are made on the device (device.py); whole steps are
captured, a few sets of scales each, in bfloat16. A few steps are timed, then their number is set once: a sixth of them is the
decay, and the rate follows the steps. The state goes on with train.py like any other. Without a GPU it runs step by step.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))

import eqsr  # noqa: E402
import modes  # noqa: E402
import state as states  # noqa: E402
from device import DevicePatches, read_packed  # noqa: E402
from evaluate import compare  # noqa: E402
from muon import Muon  # noqa: E402
from schedule import Schedule  # noqa: E402
from train import LOSSES, initialise  # noqa: E402

SETS = 8  # sets of scales, a captured step each


class GpuTrainer:
    def __init__(self, stage, photos, device, seed):
        self.stage, self.device = stage, device
        torch.manual_seed(seed)
        self.net = eqsr.Eqsr(eqsr.Config.from_json(json.dumps(stage["configuration"])))
        initialise(self.net)
        self.net.to(device)
        self.average = {n: p.detach().clone() for n, p in self.net.named_parameters()}
        self.rate = torch.zeros((), device=device)
        captured = device.type == "cuda"
        self.optimizer = Muon(self.net, lr=self.rate if captured else 0.0, betas=tuple(stage["betas"]), fused=True,
                              capturable=captured)
        self.step = self.begun = 0
        self.patches = DevicePatches(photos, stage.get("degrade"), device)
        self.loss, self.error = LOSSES[stage.get("loss", "l1")], torch.zeros((), device=device)
        groups, p = stage["groups"], stage["patch"]
        spread = [[round(p * (1 + (stage["max_scale"] - 1) * (g + (k + 0.5) / SETS) / groups)) for g in range(groups)]
                  for k in range(SETS)]
        self.sizes, self.graphs = spread, []

    def begin(self, state):
        """Begins with a state's weights, average and moments."""
        self.net.load_state_dict(state["net"])
        for name, value in self.average.items():
            value.copy_(state["average"][name])
        kept = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({**state["optimizer"], "param_groups": kept})
        for entry in self.optimizer.state.values():
            entry["step"] = entry["step"].to(self.device).float()
        self.step = self.begun = state["step"]

    def once(self, sizes):
        """A step on one set of target sizes: everything stays on the device."""
        stage, p = self.stage, self.stage["patch"]
        pairs = [self.patches(stage["batch"] // stage["groups"], p, q) for q in sizes]
        tables = [self.net.prepare((p, p), (q, q), self.device) for q in sizes]
        inputs = [low / 255 for low, _ in pairs]
        style = torch.cat([t["style"].float().expand(len(x), -1) for x, t in zip(inputs, tables)])
        error = torch.zeros((), device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda", cache_enabled=False):
            features = self.net.features(torch.cat(inputs), {**tables[0], "style": style})
            for x, (_, y), f, t in zip(inputs, pairs, features.split([len(x) for x in inputs]), tables):
                error = error + self.loss(self.net.enlarge(x, f, t).float() - y / 255).mean() / stage["groups"]
        error.backward()
        gradients = [parameter.grad for parameter in self.net.parameters()]
        norm = torch.nn.utils.get_total_norm(gradients)
        factor = torch.where(torch.isfinite(norm), (stage["clip"] / (norm + 1e-6)).clamp(max=1.0), 0.0)
        for g in gradients:  # a step that is not finite changes nothing but the moments
            g.nan_to_num_(0.0, 0.0, 0.0).mul_(factor)
        self.optimizer.step()
        torch._foreach_lerp_(list(self.average.values()), [q.detach() for q in self.net.parameters()], 1 - stage["ema"])
        for g in gradients:
            g.zero_()
        self.error.copy_(error.detach())

    def prepare(self):
        """Captures the steps. The runs that warm up are trained steps at a rate of zero."""
        if self.device.type != "cuda":
            return
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for sizes in self.sizes:
                self.once(sizes)
        torch.cuda.current_stream().wait_stream(side)
        for sizes in self.sizes:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self.graphs[0].pool() if self.graphs else None):
                self.once(sizes)
            self.graphs.append(graph)

    def update(self, rate):
        self.rate.fill_(rate)
        if not self.graphs:
            self.optimizer.param_groups[0]["lr"] = rate
        k = self.step * 5 % SETS  # all in turn, near ones apart
        self.graphs[k].replay() if self.graphs else self.once(self.sizes[k])
        self.step += 1

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, steps):
        """Of a step, at a rate of zero; those are trained steps that change the moments alone."""
        self.wait()
        start = time.time()
        for _ in range(steps):
            self.update(0.0)
        self.wait()
        self.step -= steps
        return (time.time() - start) / steps

    def state(self, seconds, schedule):
        groups = [{**g, "lr": 0.0} for g in self.optimizer.state_dict()["param_groups"]]
        return {"net": self.net.state_dict(), "average": self.average,
                "optimizer": {"state": self.optimizer.state_dict()["state"], "param_groups": groups}, "step": self.step, "begun": self.begun,
                "seconds": seconds, "stage": self.stage, "schedule": asdict(schedule), "mode": ["bfloat16-1-captured", "GPU"]}

    def validation(self, images):
        kept = {n: q.detach().clone() for n, q in self.net.named_parameters()}
        self.net.load_state_dict(self.average)
        found = {s: [round(float(v), 3) for v in compare(self.net, images, s, self.device)] for s in (2, 3, 4)}
        self.net.load_state_dict(kept)
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", type=Path)
    parser.add_argument("photos", type=Path, help="a file of pack.py")
    parser.add_argument("--work", type=Path, required=True, help="folder for the state and the log")
    parser.add_argument("--initial", type=Path, help="a state to begin from; without one the network begins new")
    parser.add_argument("--minutes", type=float, default=4.5, help="of the whole command, 4.5 if not told")
    parser.add_argument("--steps", type=int, help="so many instead of as many as fit the minutes")
    args = parser.parse_args()
    begun, device = time.time(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(modes.cores())
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    stage = json.loads(args.stage.read_text())
    args.work.mkdir(parents=True, exist_ok=True)

    def log(**entry):
        with open(args.work / "log.jsonl", "a") as out:
            out.write(json.dumps(entry) + "\n")
        print(entry, flush=True)

    trainer = GpuTrainer(stage, list(read_packed(args.photos, "").values()), device, stage["seed"])
    if args.initial:
        trainer.begin(states.read(args.initial))
    held_out = [image[:240, :240] for image in read_packed(args.photos, "held_out/").values()]
    trainer.prepare()
    each = trainer.seconds(8 if device.type == "cuda" else 1)
    left = 60 * args.minutes - 1.15 * (time.time() - begun) - 10  # what saving and measuring take
    steps = args.steps or max(20, int(left / each))
    warmup, decay = min(100, steps // 10), steps // 6
    schedule = Schedule(stage["rate"], warmup, steps - warmup - decay, decay)
    print(f"{each:.4f} s a step of {stage['batch']} patches of {stage['patch']}; {steps} steps", flush=True)
    start, every = time.time(), max(1, steps // 20)
    for step in range(steps):
        trainer.update(schedule(step))
        if (step + 1) % every == 0:
            log(step=trainer.step, seconds=round(time.time() - start, 1), error=round(float(trainer.error), 6), rate=schedule(step),
                phase=schedule.phase(step))
    trainer.wait()
    states.write(trainer.state(time.time() - start, schedule), args.work / "state.pt")
    log(step=trainer.step, seconds=round(time.time() - start, 1), validation=trainer.validation(held_out))
    print(f"The schedule of {schedule.steps} steps is over, at step {trainer.step}, after {time.time() - begun:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
