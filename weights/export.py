# SPDX-License-Identifier: Apache-2.0
"""Writes the averaged weights of a training state: export.py path/to/state.pt weights.safetensors [--note name=value ...]

--mean path/to/other/state.pt writes the mean of both states' averages: of two stages of one training it may be better than each.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "reference"), str(HERE / "train")]

import checkpoint  # noqa: E402
import eqsr  # noqa: E402
import state as states  # noqa: E402


def export(state, weights, **notes):
    """Writes the average of `state`, a loaded training state, as a weights file."""
    config = eqsr.Config.from_json(json.dumps(state["stage"]["configuration"]))
    checkpoint.save(weights, state["average"], config, steps=state["step"], licence="Apache-2.0",
                    data="openly licensed photographs, see the model card", **notes)


def mean(state, other):
    """`state` with the mean of its averaged weights and the other's."""
    if state["stage"]["configuration"] != other["stage"]["configuration"]:
        raise SystemExit("The two states hold different networks, whose weights have no mean. Name two states of one training.")
    return {**state, "average": {name: (value + other["average"][name]) / 2 for name, value in state["average"].items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state")
    parser.add_argument("weights")
    parser.add_argument("--mean", metavar="STATE", help="write the mean of both states' averages")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    parser.add_argument("--note", nargs="*", default=[], metavar="NAME=VALUE", help="further metadata")
    args = parser.parse_args()
    if Path(args.weights).exists() and not args.overwrite:
        parser.error(f"{args.weights} is there already. Name another file, or add --overwrite.")
    state = states.read(args.state)
    if args.mean:
        state = mean(state, states.read(args.mean))
    export(state, args.weights, **dict(n.split("=", 1) for n in args.note))


if __name__ == "__main__":
    main()
