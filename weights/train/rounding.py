# SPDX-License-Identifier: Apache-2.0
"""What the rounding of a kept state costs: rounding.py path/to/stable/state.pt --photos path/to/photos --work path/to/folder

From the state as it is and from the rounded one the stable phase goes on for --steps and then decays over --decay, both on the
same patches; the PSNR of both on the held-out photos is printed, and their difference, which may be at most 0.02 dB.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import state as states
from curve import read

HERE = Path(__file__).resolve().parent
MOST = 0.02  # dB


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500, help="stable steps before the decay, 500 if not told")
    parser.add_argument("--decay", type=int, default=100, help="steps of the decay: a tenth to a fifth of them, 100 if not told")
    parser.add_argument("--mode", help="as train.py")
    args = parser.parse_args()
    state, found = states.read(args.state), {}
    args.work.mkdir(parents=True, exist_ok=True)
    stage = args.work / "stage.json"
    stage.write_text(json.dumps({**state["stage"], "stable": args.steps}))
    whole = {**state, "begun": state["step"] - state["stage"]["warmup"]}  # at the beginning of those steps
    for name, content in (("whole", whole), ("rounded", states.rounded(whole))):
        begin = args.work / f"{name}.pt"
        states.write(content, begin)
        train = [sys.executable, HERE / "train.py", stage, "--photos", args.photos, *(["--mode", args.mode] if args.mode else [])]
        on, decay = args.work / name, args.work / f"{name}-decay"
        subprocess.run([*train, "--work", on, "--initial", begin, "--resume"], check=True)
        subprocess.run([*train, "--work", decay, "--initial", on / "state.pt", "--decay", str(args.decay)], check=True)
        found[name] = [e["validation"] for e in read(decay / "log.jsonl") if "validation" in e][-1]
    costs = [found["whole"][s][0] - found["rounded"][s][0] for s in found["whole"]]
    for name, values in found.items():
        print(name, *(f"x{s} {ours:.3f}" for s, (ours, _) in values.items()))
    print(f"the rounding costs {max(costs):.3f} dB at most; {MOST} are allowed")
    return max(costs) > MOST


if __name__ == "__main__":
    sys.exit(main())
