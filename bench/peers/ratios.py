# SPDX-License-Identifier: Apache-2.0
"""Prints the ratios PyTorch over ours of the JSON lines that bench/gpu.sh collects."""
import json
import sys

ours, theirs = {}, {}
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        if not line.startswith("{"):
            continue
        row = json.loads(line)
        if "peer" in row:
            mode = row["mode"] + (" compiled" if row.get("compile") else "")
            theirs[row.get("what") or row["network"], mode] = row["seconds"]
        else:
            ours[row["what"], row["mode"]] = row["seconds"]
for (what, mode), seconds in sorted(theirs.items()):
    for own in ("bf16",) if mode.startswith("bf16") else ("float32", "bf16x3"):
        if (what, own) in ours:
            print(f"{what}: {own} takes {ours[what, own] * 1e3:.2f} ms, PyTorch {mode} "
                  f"{seconds * 1e3:.2f} ms, ratio {seconds / ours[what, own]:.2f}")
