# SPDX-License-Identifier: Apache-2.0
"""States of a training: whole ones, from which it goes on exactly, and rounded ones of half the size, to be kept.

A rounded state holds the weights as they are; the optimizer's moments, and what the average differs from the weights by, are
rounded to bfloat16. Usage: state.py path/to/state.pt path/to/rounded.pt [--limit BYTES]
"""

import argparse
import os
from pathlib import Path

import torch

PARTS = ("net", "average", "optimizer", "step", "begun", "seconds", "stage")
MOMENTS = ("exp_avg", "exp_avg_sq")
LIMIT = 6_000_000  # bytes of a state that is kept in the repository


def write(state, path):
    """Writes a state; the file is there whole or as it was."""
    part = f"{path}.part"
    torch.save(state, part)
    os.replace(part, path)


def read(path):
    """A state, be it whole or rounded, as a whole one on the CPU."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    missing = [name for name in PARTS if not isinstance(state, dict) or name not in state]
    if missing:
        raise SystemExit(f"{path} is no state of this trainer: it lacks {', '.join(missing)}. Give one that train.py or state.py "
                         "wrote; to begin from weights alone, give train.py a .safetensors file.")
    if not state.pop("rounded", False):
        return state
    average = {name: state["net"][name] + value.float() for name, value in state["average"].items()}
    return {**state, "average": average, "optimizer": moments(state["optimizer"], torch.Tensor.float)}


def rounded(state):
    """What `write` keeps of a state in half the size."""
    average = {name: (value - state["net"][name]).bfloat16() for name, value in state["average"].items()}
    return {**state, "rounded": True, "average": average, "optimizer": moments(state["optimizer"], torch.Tensor.bfloat16)}


def moments(optimizer, change):
    """An optimizer's state with its moments changed."""
    entries = {number: {**entry, **{name: change(entry[name]) for name in MOMENTS if name in entry}}
               for number, entry in optimizer["state"].items()}
    return {**optimizer, "state": entries}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("rounded", type=Path)
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"bytes, {LIMIT} if not told")
    args = parser.parse_args()
    state = read(args.state)
    part = args.rounded.with_suffix(".tmp")
    write(rounded(state), part)
    size = part.stat().st_size
    if size > args.limit:
        part.unlink()
        raise SystemExit(f"{args.rounded} would have {size} bytes, more than {args.limit}. Keep the weights alone: train.py "
                         "--initial takes them too. Or raise --limit.")
    part.replace(args.rounded)
    print(f"{args.rounded}: step {state['step']}, {size} bytes")


if __name__ == "__main__":
    main()
