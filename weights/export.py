# SPDX-License-Identifier: Apache-2.0
"""Writes the averaged weights of a training state: export.py path/to/state.pt weights.safetensors [--note name=value ...]"""

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state")
    parser.add_argument("weights")
    parser.add_argument("--note", nargs="*", default=[], metavar="NAME=VALUE", help="further metadata")
    args = parser.parse_args()
    export(states.read(args.state), args.weights, **dict(n.split("=", 1) for n in args.note))


if __name__ == "__main__":
    main()
