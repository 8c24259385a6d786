# SPDX-License-Identifier: Apache-2.0
"""Writes the averaged weights of a training state: export.py path/to/state.pt weights.safetensors [--note name=value ...]

`--state FILE` also writes the state itself, small enough to be kept: everything that train.py --initial needs.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))

import checkpoint  # noqa: E402
import eqsr  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state")
    parser.add_argument("weights")
    parser.add_argument("--note", nargs="*", default=[], metavar="NAME=VALUE", help="further metadata")
    parser.add_argument("--state", dest="kept", help="also keep the state here")
    args = parser.parse_args()
    state = torch.load(args.state, map_location="cpu", weights_only=True)
    config = eqsr.Config.from_json(json.dumps(state["stage"]["configuration"]))
    notes = dict(n.split("=", 1) for n in args.note)
    checkpoint.save(args.weights, state["average"], config, steps=state["step"], licence="Apache-2.0",
                    data="879 openly licensed photographs, see the model card", **notes)
    if args.kept:
        torch.save(state, args.kept)


if __name__ == "__main__":
    main()
