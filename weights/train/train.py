# SPDX-License-Identifier: Apache-2.0
"""Trains EQSR on photographs: train.py path/to/stage.json --photos path/to/photos --work path/to/folder

Stops after the stage's `hours` of training time (or --steps) and may be interrupted at any point: the same command goes on
from the last saved state. The learning rate follows the training time, which counts no pause longer than a minute.
--initial begins a stage where another one ended: with its state, moments included, or with a weights file alone.
Several processes: `torchrun --nproc-per-node N train.py ...`; the step's sub-batches are dealt out among them. On a busy
CPU, one process of one thread a core (--threads 1) is faster than one process of several threads.
"""

import argparse
import json
import math
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors import safe_open

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))

import eqsr  # noqa: E402
import upsampler  # noqa: E402
from evaluate import validate  # noqa: E402
from photos import Patches, Prefetch, build_cache  # noqa: E402


def initialise(net):
    """Small linear layers, a zero last layer, and high encoding frequencies that start faint."""
    for module in net.modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
    for name, p in net.named_parameters():
        if name.endswith("relative_position_bias_table"):
            torch.nn.init.trunc_normal_(p, std=0.02)
    c, head = net.config.channels, net.upsample.head[0].weight
    with torch.no_grad():
        for i in range(net.config.frequencies):
            head[:, c + 2 + 4 * i:c + 6 + 4 * i] *= min(1.0, 2.0 ** (3 - i))
        if net.config.image_skip != "none":
            torch.nn.init.zeros_(net.upsample.to_rgb[1].weight)
            torch.nn.init.zeros_(net.upsample.to_rgb[1].bias)


def rate(stage, progress, step):
    """Linear warm-up over the stage's first steps, then a cosine over its planned training time down to `floor`."""
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
    return stage["rate"] * min(1.0, (step + 1) / stage["warmup"]) * (stage["floor"] + (1 - stage["floor"]) * cosine)


class Batches:
    """This process's share of a step's `groups` sub-batches, whose scales are stratified over [1, max_scale]."""

    def __init__(self, stage, cache, seed, rank=0, world=1):
        self.stage = stage
        self.patches = Patches(cache, seed, stage.get("sources", [""]), stage.get("resamplers", ["pillow"]))
        self.shares = [g for g in range(stage["groups"]) if share(g, world) == rank]

    def __call__(self):
        s, step = self.stage, []
        for g in self.shares:
            scale = 1 + (s["max_scale"] - 1) * (g + self.patches.random.random()) / s["groups"]
            step.append(self.patches.batch(s["batch"] // s["groups"], s["patch"], scale))
        return step


def share(g, world):
    """Deals sub-batches out forwards and backwards in turn, so that large and small scales even out."""
    turn, place = divmod(g, world)
    return place if turn % 2 == 0 else world - 1 - place


class Trainer:
    def __init__(self, stage, args):
        self.stage, self.args = stage, args
        self.rank = int(os.environ.get("RANK", 0))
        self.world = int(os.environ.get("WORLD_SIZE", 1))
        self.device = torch.device(args.device)
        if self.world > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
            if self.device.type == "cuda":
                self.device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
                torch.cuda.set_device(self.device)
        torch.manual_seed(stage["seed"])
        self.net = eqsr.Eqsr(eqsr.Config.from_json(json.dumps(stage["configuration"])))
        initialise(self.net)
        self.net.to(self.device)
        self.average = {n: p.detach().clone() for n, p in self.net.named_parameters()}
        self.adam = torch.optim.Adam(self.net.parameters(), lr=0.0, betas=tuple(stage["betas"]),
                                     fused=True)
        self.step, self.begun, self.seconds, self.progress, self.stopping = 0, 0, 0.0, 0.0, 0.0
        self.until = datetime.fromisoformat(args.until).timestamp() if args.until else None
        self.compute = torch.compile(self.net.compute, dynamic=True) if args.compile else self.net.compute

    def done(self):
        """The part of the stage that is trained; with --until, of what will be if nothing interrupts from now on."""
        if self.args.steps:
            return (self.step + 1 - self.begun) / self.args.steps
        if self.until is None:
            return self.seconds / (3600 * self.stage["hours"])
        return self.seconds / (self.seconds + max(self.until - time.time(), 0.001))

    def stop(self, *_):
        self.stopping = 1.0

    def save(self, path):
        state = {"net": self.net.state_dict(), "average": self.average, "adam": self.adam.state_dict(),
                 "step": self.step, "begun": self.begun, "seconds": self.seconds, "stage": self.stage}
        torch.save(state, f"{path}.part")
        os.replace(f"{path}.part", path)

    def load(self, path, restart):
        """Goes on from a state; `restart` keeps its weights and moments but begins this stage's clock anew."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["average" if restart else "net"])
        self.average = {n: p.to(self.device) for n, p in state["average"].items()}
        self.adam.load_state_dict(state["adam"])
        self.step = state["step"]
        self.begun, self.seconds = (self.step, 0.0) if restart else (state.get("begun", 0), state["seconds"])

    def load_weights(self, path):
        """Begins from a weights file: the average starts there, Adam's moments start from nothing."""
        with safe_open(path, "pt") as file:
            self.net.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
            self.step = self.begun = max(1, int((file.metadata() or {}).get("steps", 1)))
        self.average = {n: p.detach().clone() for n, p in self.net.named_parameters()}

    def backward(self, inputs, targets):
        """Accumulates the gradient of one sub-batch's L1 error; returns the error."""
        x = torch.from_numpy(inputs).to(self.device).float() / 255
        y = torch.from_numpy(targets).to(self.device).float() / 255
        tables = self.net.prepare(tuple(x.shape[2:]), tuple(y.shape[2:]), self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.stage["bf16"]):
            out = self.compute(x, tables)
        loss = (out.float() - y).abs().mean() / self.stage["groups"]
        loss.backward()
        return loss.item()

    def exchange(self, error):
        """Sums gradients and errors over the processes; they follow the first one's clock and stop together."""
        self.progress = self.done()
        if self.world == 1:
            return error
        gradients = [p.grad for p in self.net.parameters()]
        clock = (self.seconds, self.progress) if self.rank == 0 else (0.0, 0.0)
        flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([error, *clock, self.stopping], device=self.device)])
        dist.all_reduce(flat)
        error, self.seconds, self.progress, self.stopping = flat[-4:].tolist()
        for p, part in zip(gradients, flat[:-4].split([g.numel() for g in gradients])):
            p.copy_(part.view_as(p))
        return error

    def update(self, batches):
        """One optimiser step; returns the mean error."""
        error = self.exchange(sum(self.backward(x, y) for x, y in batches))
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.stage["clip"])
        if torch.isfinite(norm):
            self.adam.param_groups[0]["lr"] = rate(self.stage, self.progress, self.step - self.begun)
            self.adam.step()
            decay = self.stage["ema"] if self.begun else min(self.stage["ema"], (1 + self.step) / (10 + self.step))
            torch._foreach_lerp_(list(self.average.values()), [p.detach() for p in self.net.parameters()], 1 - decay)
        self.adam.zero_grad()
        self.step += 1
        return error

    def run(self, work, log):
        state = work / "state.pt"
        seed = self.stage["seed"], self.rank, self.step
        batches = Prefetch(Batches(self.stage, work / "photos", seed, self.rank, self.world))
        errors, saved, validated = [], time.time(), time.time()
        if self.rank == 0 and self.step == self.begun > 0:
            log(step=self.step, seconds=0.0, validation=self.validation())
        signal.signal(signal.SIGTERM, self.stop)
        while self.progress < 1 and not self.stopping:
            start = time.time()
            errors.append(self.update(next(batches)))
            self.seconds += min(time.time() - start, 60.0)
            if self.rank:
                continue
            if self.step % 50 == 0:
                log(step=self.step, seconds=round(self.seconds, 1), date=round(time.time()), error=round(float(np.mean(errors)), 6),
                    rate=self.adam.param_groups[0]["lr"])
                errors.clear()
            if time.time() - validated > 60 * self.stage["validate_minutes"]:
                log(step=self.step, seconds=round(self.seconds, 1), validation=self.validation())
                validated = time.time()
            if time.time() - saved > 60 * self.stage["save_minutes"]:
                self.save(state)
                saved = time.time()
        if not self.rank:
            self.save(state)
            if not self.stopping:
                log(step=self.step, seconds=round(self.seconds, 1), validation=self.validation())

    def validation(self):
        """PSNR of the averaged weights on a crop of each held-out photo."""
        kept = {n: p.detach().clone() for n, p in self.net.named_parameters()}
        self.net.load_state_dict(self.average)
        result = validate(self.net, self.args.photos, held_out(), self.device)
        self.net.load_state_dict(kept)
        return result


def held_out():
    return (HERE / "held_out.txt").read_text().split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--work", type=Path, required=True, help="folder for the cache, the log and the state")
    parser.add_argument("--initial", type=Path, help="a state or a .safetensors file to begin from where --work has no state")
    parser.add_argument("--steps", type=int, help="end after so many steps instead of after the stage's hours")
    parser.add_argument("--until", help="end at this time (2030-01-31T12:00:00Z) instead of after the stage's hours")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--native", action="store_true", help="compiled involution for the CPU")
    args = parser.parse_args()
    stage = json.loads(args.stage.read_text())
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    if args.native:
        import native
        upsampler.involution = native.involution()
    if int(os.environ.get("WORLD_SIZE", 1)) > stage["groups"]:
        raise SystemExit(f"{args.stage}: {stage['groups']} groups cannot be dealt to {os.environ['WORLD_SIZE']} processes. "
                         "Raise groups, or start fewer processes.")
    args.work.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(stage, args)
    if trainer.rank == 0 and not (args.work / "photos.index").exists():
        build_cache(args.photos, args.work / "photos", held_out())
    if trainer.world > 1:
        dist.barrier()
    if (args.work / "state.pt").exists():
        trainer.load(args.work / "state.pt", restart=False)
    elif args.initial and args.initial.suffix == ".safetensors":
        trainer.load_weights(args.initial)
    elif args.initial:
        trainer.load(args.initial, restart=True)
    print(sum(p.numel() for p in trainer.net.parameters()), "parameters, from step", trainer.step, flush=True)

    def log(**entry):
        with open(args.work / "log.jsonl", "a") as out:
            out.write(json.dumps(entry) + "\n")
        print(entry, flush=True)

    trainer.run(args.work, log)


if __name__ == "__main__":
    main()
