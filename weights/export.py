# SPDX-License-Identifier: Apache-2.0
"""Writes the averaged weights of a training state: export.py path/to/state.pt weights.safetensors [--note name=value ...]

`--state FILE` also writes the state itself, small enough to be kept: everything that train.py --initial needs.
"""

import argparse
import io
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent / "reference"))

import checkpoint  # noqa: E402
import eqsr  # noqa: E402

LIMIT = 10_000_000  # bytes of a state that is kept in the repository


def export(state, weights, **notes):
    """Writes the average of `state`, a loaded training state, as a weights file."""
    config = eqsr.Config.from_json(json.dumps(state["stage"]["configuration"]))
    checkpoint.save(weights, state["average"], config, steps=state["step"], licence="Apache-2.0",
                    data="openly licensed photographs, see the model card", **notes)


def keep(state, path):
    """Writes the state unless it is too large for a repository."""
    packed = io.BytesIO()
    torch.save(state, packed)
    if packed.tell() > LIMIT:
        raise SystemExit(f"{path} would have {packed.tell()} bytes, more than the {LIMIT} that are kept. Keep the weights "
                         "alone: train.py --initial takes them too.")
    Path(path).write_bytes(packed.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state")
    parser.add_argument("weights")
    parser.add_argument("--note", nargs="*", default=[], metavar="NAME=VALUE", help="further metadata")
    parser.add_argument("--state", dest="kept", help="also keep the state here")
    args = parser.parse_args()
    state = torch.load(args.state, map_location="cpu", weights_only=True)
    export(state, args.weights, **dict(n.split("=", 1) for n in args.note))
    if args.kept:
        keep(state, args.kept)


if __name__ == "__main__":
    main()
