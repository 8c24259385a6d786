# SPDX-License-Identifier: Apache-2.0
"""Publishes a training: weights, kept state, logs, curve and the figures of the model card, in one command.

    card.py path/to/stage1-work path/to/stage2-work --evaluate build/release/examples/evaluate --data path/to/sets

The last folder's state becomes eqsr-lite.safetensors and train/state-lite.pt. Set5 of --data is measured with every
stage's weights. Without folders only the figures that train/logs holds are written into README.md again.
"""

import argparse
import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "train"))

import curve  # noqa: E402

LOGS = HERE / "train/logs"
WEIGHTS = HERE / "eqsr-lite.safetensors"
SCALES = ("2", "3", "4")
GOALS = ("SRCNN", "VDSR", "EDSR-LIIF")  # columns of docs/published.csv: the least, the goal, and the goal with a GPU


def set5(tool, data, weights):
    """{scale: {method: PSNR Y}} by the tool."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run([tool, Path(data) / "Set5", "-s", ",".join(SCALES), "-m", weights, "-o", report], check=True,
                       stdout=subprocess.DEVNULL)
        rows = json.loads(report.read_text())["rows"]
    return {s: {"bicubic" if row["method"] == "bicubic" else "ours": round(row["psnr_y"], 3) for row in rows if row["scale"] == s}
            for s in SCALES}


def summary(work, args, earlier):
    """What the card says of a stage; its weights are exported to a temporary file and measured."""
    import torch
    from export import export, keep
    state = torch.load(work / "state.pt", map_location="cpu", weights_only=True)
    entries = curve.read(work / "log.jsonl")
    validations = [e["validation"] for e in entries if "validation" in e]
    last = work == args.works[-1]
    with tempfile.TemporaryDirectory() as folder:
        weights = WEIGHTS if last else Path(folder) / "stage.safetensors"
        if last:
            state = {**state, "step": state["step"] + earlier}
            if "begun" in state:
                state["begun"] += earlier
            keep(state, HERE / "train/state-lite.pt")
        export(state, weights)
        measured = set5(args.evaluate, args.data, weights)
    stage = state["stage"]
    return {"steps": state["step"] - state.get("begun", 0), "seconds": state["seconds"],
            "patch": stage["patch"], "batch": stage["batch"], "rate": stage["rate"], "ema": stage["ema"],
            "bf16": stage["bf16"], "sources": stage.get("sources"), "resamplers": stage.get("resamplers", ["pillow"]),
            "validation": [validations[0], validations[-1]], "set5": measured}


def published():
    """{method: PSNR on Set5 at each scale}."""
    lines = (HERE.parent / "docs/published.csv").read_text().splitlines()
    rows = {(row["set"], row["scale"]): row for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
    return {name: [float(rows["Set5", s][name]) for s in SCALES] for name in GOALS}


def stage_table(stages):
    text = ("| | steps | patches a step | input pixels | rate | sources | inputs by | hours | held-out x2 / x3 / x4 | Set5 x2 / x3 / x4 |\n"
            "|---|---|---|---|---|---|---|---|---|---|\n")
    for number, s in enumerate(stages, 1):
        held = " / ".join(f"{ours:.2f}" for ours, _ in s["validation"][-1].values())
        psnr = " / ".join(f"{s['set5'][scale]['ours']:.2f}" for scale in SCALES)
        sources = ", ".join(s["sources"] or ["all"])
        text += (f"| stage {number} | {s['steps']} | {s['batch']} | {s['patch']} x {s['patch']} | {s['rate']:g} | {sources} | "
                 f"{', '.join(s['resamplers'])} | {s['seconds'] / 3600:.2f} | {held} | {psnr} |\n")
    return text


def quality_table(stages):
    final = stages[-1]["set5"]
    text = "| Set5, PSNR Y | x2 | x3 | x4 |\n|---|---|---|---|\n"
    marks = published()
    ours = [final[s]["ours"] for s in SCALES]
    rows = {"bicubic": [final[s]["bicubic"] for s in SCALES], "**eqsr-lite**": ours,
            **{f"{name}, published": values for name, values in marks.items()}}
    for name, values in rows.items():
        text += f"| {name} | " + " | ".join(f"{v:.2f}" for v in values) + " |\n"
    reached = [name for name, values in marks.items() if all(round(a, 2) >= b for a, b in zip(ours, values))]
    return (text + "\nIt was trained on a CPU alone, for which SRCNN is the least and VDSR the goal. At all three scales it is at or "
            f"above: {' and '.join(reached) or 'neither'}. [Sources](../docs/published.csv).\n")


def facts(stages, hardware):
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    steps, hours = sum(s["steps"] for s in stages), sum(s["seconds"] for s in stages) / 3600
    seen = sum(s["steps"] * s["batch"] for s in stages)
    ema = stages[-1]["ema"]
    return (f"| average | exponential, {ema:g} a step |\n"
            f"| training | {steps} steps, {seen} patches, {hours:.1f} hours; L1, Adam, "
            f"{'bfloat16' if stages[-1]['bf16'] else 'float32'} |\n"
            f"| hardware | {hardware} |\n| SHA-256 | `{digest}` |\n")


def fill(text, name, content):
    """Puts content between the marks of that name."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
    new, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.S)
    if count != 1:
        raise SystemExit(f"README.md needs the marks <!-- {name} --> and <!-- end --> once; they are there {count} times.")
    return new


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("works", nargs="*", type=Path, help="work folders of train.py, one a stage, in order")
    parser.add_argument("--evaluate", type=Path, help="the evaluation tool")
    parser.add_argument("--data", type=Path, help="the folder that holds Set5")
    parser.add_argument("--hardware", default="two CPU cores (AMD EPYC, Zen 4) shared with other work")
    parser.add_argument("--earlier-steps", type=int, default=0, help="steps of a training that stage 1 went on from")
    args = parser.parse_args()
    LOGS.mkdir(exist_ok=True)
    if args.works:
        if not args.evaluate or not args.data:
            parser.error("Stages are measured: give --evaluate and --data.")
        args.evaluate = args.evaluate.resolve()
        stages = [summary(work, args, args.earlier_steps) for work in args.works]
        for number, work in enumerate(args.works, 1):
            shutil.copy(work / "log.jsonl", LOGS / f"stage{number}.jsonl")
        (LOGS / "stages.json").write_text(json.dumps({"hardware": args.hardware, "earlier_steps": args.earlier_steps,
                                                      "stages": stages}, indent=1) + "\n")
    kept = json.loads((LOGS / "stages.json").read_text())
    stages = kept["stages"]
    stages[0]["steps"] += kept["earlier_steps"]
    logs = sorted(LOGS.glob("stage*.jsonl"))
    (HERE / "curve.svg").write_text(curve.draw([curve.read(log) for log in logs]))
    card = HERE / "README.md"
    text = card.read_text()
    text = fill(text, "facts", "| | |\n|---|---|\n" + facts(stages, kept["hardware"]))
    text = fill(text, "stages", stage_table(stages))
    card.write_text(fill(text, "quality", quality_table(stages)))
    print("wrote", card)


if __name__ == "__main__":
    main()
