# SPDX-License-Identifier: Apache-2.0
"""Trains EQSR on photographs: train.py path/to/stage.json --photos path/to/photos --work path/to/folder

The rate follows the steps (schedule.py). It may be interrupted at any point, by SIGTERM or Ctrl-C without losing a step: the
same command goes on from the saved state, exactly as if it had not been interrupted. When the schedule is over it ends.

    --initial STATE           begins the stage with the average and the moments of another one's state
    --initial FILE            begins it with a .safetensors file; moments start from nothing
    --initial STATE --resume  goes on where that state was saved, in a work folder of its own
    --initial STATE --decay   branches off from a stable state: the rate falls, and the weights are ready to be shipped

At first it times a few steps each way that this machine may be used (modes.py) and takes the fastest; --mode names one.
On several GPUs: torchrun --nproc-per-node N train.py ... --mode bfloat16-1-eager.
"""

import argparse
import atexit
import datetime
import gc
import json
import os
import signal
import statistics
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads, which wait at work, would slow PyTorch's

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from safetensors import safe_open  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))

import eqsr  # noqa: E402
import modes  # noqa: E402
import state as states  # noqa: E402
from evaluate import validate  # noqa: E402
from muon import Muon  # noqa: E402
from photos import Batches, Patches, Prefetch, build_cache  # noqa: E402
from schedule import Schedule  # noqa: E402

LOSSES = {"l1": torch.abs, "mse": torch.square}


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


class Trainer:
    def __init__(self, stage, args, mode):
        self.stage, self.args, self.mode, self.schedule = stage, args, mode, Schedule.of(stage)
        self.rank = int(os.environ.get("RANK", 0))
        self.world = int(os.environ.get("WORLD_SIZE", 1))
        self.device = torch.device(args.device)
        if self.world > 1:
            # Processes wait for one that was stopped while something else was measured.
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo",
                                    timeout=datetime.timedelta(days=7))
            if self.device.type == "cuda":
                self.device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
                torch.cuda.set_device(self.device)
        torch.manual_seed(stage["seed"])
        self.net = eqsr.Eqsr(eqsr.Config.from_json(json.dumps(stage["configuration"])))
        initialise(self.net)
        self.net.to(self.device)
        self.average = {n: p.detach().clone() for n, p in self.net.named_parameters()}
        self.optimizer = Muon(self.net, lr=0.0, betas=tuple(stage["betas"]), fused=True)
        self.step, self.begun, self.seconds = 0, 0, 0.0
        self.asked = self.stopping = 0.0  # to stop: this process; all of them, which know it from an exchange
        self.loss = LOSSES[stage.get("loss", "l1")]
        self.features, self.enlarge = (torch.compile(f, dynamic=True) if mode.code == "compiled" else f
                                       for f in (self.net.features, self.net.enlarge))

    def stop(self, *_):
        self.asked = 1.0

    def save(self, path):
        states.write({"net": self.net.state_dict(), "average": self.average, "optimizer": self.optimizer.state_dict(),
                      "step": self.step, "begun": self.begun, "seconds": self.seconds, "stage": self.stage,
                      "schedule": asdict(self.schedule), "mode": [str(self.mode), modes.processor()]}, path)

    def load(self, state):
        """Goes on exactly where `state` was saved; a branch keeps its schedule, else the stage file's holds."""
        self.net.load_state_dict(state["net"])
        self.average = {n: p.to(self.device) for n, p in state["average"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.begun, self.seconds = state["step"], state["begun"], state["seconds"]
        kept = Schedule(**state["schedule"]) if "schedule" in state else self.schedule
        self.schedule = kept if kept.decay else self.schedule

    def begin(self, state):
        """Begins this stage with the average and the moments of another one's state."""
        self.load({**state, "net": state["average"], "begun": state["step"], "seconds": 0.0,
                   "schedule": asdict(self.schedule)})
        self.optimizer.param_groups[0]["betas"] = tuple(self.stage["betas"])

    def begin_weights(self, path):
        """Begins from a weights file: the average starts there, moments start from nothing."""
        with safe_open(path, "pt") as file:
            self.net.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
            self.step = self.begun = max(1, int((file.metadata() or {}).get("steps", 1)))
        self.average = {n: p.detach().clone() for n, p in self.net.named_parameters()}

    def backward(self, batches):
        """The gradient of the step's error, of this process's share; returns that share of the error."""
        def floats(arrays):
            return [torch.from_numpy(a).to(self.device).float() / 255 for a in arrays]

        inputs, targets = (floats(arrays) for arrays in zip(*batches))
        tables = [self.net.prepare(tuple(x.shape[2:]), tuple(y.shape[2:]), self.device) for x, y in zip(inputs, targets)]
        style = torch.cat([t["style"].float().expand(len(x), -1) for x, t in zip(inputs, tables)])
        error = 0.0
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mode.precision == "bfloat16"):
            # Inputs have one size: the trunk takes them together.
            features = self.features(torch.cat(inputs), {**tables[0], "style": style})
            for x, y, f, t in zip(inputs, targets, features.split([len(x) for x in inputs]), tables):
                difference = self.enlarge(x, f, t).float() - y
                error = error + self.loss(difference).mean() * (len(x) / self.stage["batch"])
        error.backward()
        return error.item()

    def exchange(self, error):
        """Sums gradients and errors over the processes, which stop together."""
        if self.world == 1:
            self.stopping = self.asked
            return error
        gradients = [p.grad for p in self.net.parameters()]
        flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([error, self.asked], device=self.device)])
        dist.all_reduce(flat)
        error, self.stopping = flat[-2:].tolist()
        for p, part in zip(gradients, flat[:-2].split([g.numel() for g in gradients])):
            p.copy_(part.view_as(p))
        return error

    def update(self, batches):
        """One optimiser step; returns the mean error."""
        error = self.exchange(self.backward(batches))
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.stage["clip"])
        if torch.isfinite(norm):
            self.optimizer.param_groups[0]["lr"] = self.schedule(self.step - self.begun)
            self.optimizer.step()
            keep = average_weight(self.stage["ema"], self.schedule, self.step, self.begun)
            torch._foreach_lerp_(list(self.average.values()), [p.detach() for p in self.net.parameters()], 1 - keep)
        self.optimizer.zero_grad()
        self.step += 1
        return error

    def batches(self, work):
        stage = self.stage
        patches = Patches(work / "photos", stage.get("sources", [""]), stage.get("resamplers", ["pillow"]), stage.get("degrade"))
        return Prefetch(Batches(stage, patches, self.rank, self.world), self.step)

    def trial(self, work, steps):
        """Median seconds of a step. Each is taken twice: the first time it may prepare what its sizes need, and is not counted."""
        batches, times = self.batches(work), []
        for _ in range(steps):
            batch = next(batches)
            self.update(batch)
            start = time.time()
            self.update(batch)
            times.append(time.time() - start)
        return statistics.median(times)

    def run(self, work, log):
        state, end = work / "state.pt", self.begun + self.schedule.steps
        if self.args.steps:
            end = min(end, self.step + self.args.steps)
        if self.step >= end:
            print(self.end(), flush=True)
            return
        batches = self.batches(work)
        errors, saved = [], time.time()
        if self.rank == 0 and self.step == self.begun > 0:
            log(step=self.step, seconds=0.0, validation=self.validation())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        while self.step < end and not self.stopping:
            start = time.time()
            errors.append(self.update(next(batches)))
            self.seconds += time.time() - start
            if self.rank:
                continue
            done = self.step - self.begun
            if self.step % 50 == 0:
                log(step=self.step, seconds=round(self.seconds, 1), date=round(time.time()), error=round(float(np.mean(errors)), 6),
                    rate=self.schedule(done - 1), phase=self.schedule.phase(done - 1))
                errors.clear()
            if done % self.stage["validate_steps"] == 0 and self.step < end:
                log(step=self.step, seconds=round(self.seconds, 1), validation=self.validation())
            if time.time() - saved > 60 * self.stage["save_minutes"]:
                self.save(state)
                saved = time.time()
        if self.rank:
            return
        self.save(state)
        if self.over():
            log(step=self.step, seconds=round(self.seconds, 1), validation=self.validation())
        print(self.end(), flush=True)

    def over(self):
        return self.schedule.phase(self.step - self.begun) == "over"

    def end(self):
        """What is said last."""
        if not self.over():
            return f"Saved at step {self.step}; the same command goes on from there."
        further = "" if self.schedule.decay else " Raise `stable` in the stage's file to go on, or branch off with --decay."
        return f"The schedule of {self.schedule.steps} steps is over, at step {self.step}.{further}"

    def validation(self):
        """PSNR of the averaged weights on a crop of each held-out photo."""
        kept = {n: p.detach().clone() for n, p in self.net.named_parameters()}
        self.net.load_state_dict(self.average)
        result = validate(self.net, self.args.photos, held_out(), self.device)
        self.net.load_state_dict(kept)
        return result


def average_weight(ema, schedule, step, begun):
    """What a step keeps of the average: less at the very beginning, and in a decay, whose early weights are worse. A decay of
    less than half the steps that the average reaches back to ends no better than the average, and leaves it as it is."""
    if not begun:
        ema = min(ema, (1 + step) / (10 + step))
    long = 2 * schedule.decay * (1 - ema) >= 1 and schedule.phase(step - begun) == "decay"
    return min(ema, 1 - 10 / max(schedule.decay, 11)) if long else ema


def held_out():
    return (HERE / "held_out.txt").read_text().split()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--work", type=Path, required=True, help="folder for the cache, the log and the state")
    parser.add_argument("--initial", type=Path, help="a state or a .safetensors file to begin from where --work has no state")
    parser.add_argument("--steps", type=int, help="stop after so many steps; the same command goes on")
    parser.add_argument("--resume", action="store_true", help="go on from the state --initial instead of beginning a stage")
    parser.add_argument("--decay", type=int, nargs="?", const=0, metavar="STEPS",
                        help="branch off: let the rate of the stable state --initial fall, over a seventh of its stable steps "
                             "if not told")
    parser.add_argument("--mode", help="precision-processes-code instead of the fastest: float32-2-native")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--trial", type=int, help=argparse.SUPPRESS)  # time so many steps, keep nothing
    return parser.parse_args()


def choose(args):
    """The mode of --mode, that of the state if it is from this processor, or the fastest."""
    with suppress(FileNotFoundError):
        name, processor = states.read(args.work / "state.pt").get("mode", (None, None))
        if processor == modes.processor():
            print(f"mode {name}, as before", flush=True)
            return modes.Mode.of(name)
    mode = modes.fastest(sys.argv, args.device, lambda text: print(text, flush=True))
    print(f"mode {mode}", flush=True)
    return mode


def load(trainer, args):
    """Fills the trainer from the work folder's state, or from --initial."""
    if (args.work / "state.pt").exists():
        trainer.load(states.read(args.work / "state.pt"))
        if args.decay and args.decay != trainer.schedule.decay:
            raise ValueError(f"{args.work} holds a training with a decay of {trainer.schedule.decay} steps, not {args.decay}. "
                             "Give a branch a --work folder of its own.")
    elif args.initial and args.initial.suffix == ".safetensors":
        trainer.begin_weights(args.initial)
    elif args.initial and args.resume:
        trainer.load(states.read(args.initial))
    elif args.initial and args.decay is None:
        trainer.begin(states.read(args.initial))
    elif args.initial:
        state = states.read(args.initial)
        trainer.load(state)
        trainer.schedule = trainer.schedule.branch(state["step"] - state["begun"], args.decay or None)
    elif args.decay is not None:
        raise ValueError("--decay branches off from a state. Name it with --initial.")


def main():
    args = arguments()
    stage = json.loads(args.stage.read_text())
    args.work.mkdir(parents=True, exist_ok=True)
    worker = "RANK" in os.environ
    if not worker and not (args.work / "photos.index").exists():
        build_cache(args.photos, args.work / "photos", held_out())
    mode = modes.Mode.of(args.mode) if args.mode else choose(args)
    if not worker and mode.processes > 1:
        raise SystemExit(modes.run(sys.argv, mode))
    torch.set_num_threads(mode.threads)
    torch.set_flush_denormal(True)
    if mode.code == "native":
        import native
        native.install()
    trainer = Trainer(stage, args, mode)
    load(trainer, args)
    gc.freeze()  # what is there by now stays, and need not be searched for garbage at each step
    atexit.register(gc.unfreeze)
    if args.trial:
        seconds = trainer.trial(args.work, args.trial)
        if trainer.rank == 0:  # the others write to the same file at the same time
            print(modes.TRIAL, seconds, flush=True)
        return
    if trainer.rank == 0:
        print(sum(p.numel() for p in trainer.net.parameters()), "parameters, from step", trainer.step, flush=True)

    def log(**entry):
        with open(args.work / "log.jsonl", "a") as out:
            out.write(json.dumps(entry) + "\n")
        print(entry, flush=True)

    trainer.run(args.work, log)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        raise SystemExit(f"{error}") from None
