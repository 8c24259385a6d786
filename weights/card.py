# SPDX-License-Identifier: Apache-2.0
"""Publishes a training: its row in the model card, its log, the curve, and with --ship its weights.

    card.py stable path/to/work --evaluate build/release/examples/evaluate --data path/to/sets --ship
    card.py photo_mse path/to/work --ship --mean path/to/photo
                                       the log and weights of eqsr-photo, which docs/make_quality.py measures
    card.py stable path/to/work        the log alone, where the stable phase goes on
    card.py                            README.md and the curve again, from train/logs

Rows are named stable, decay, second_l1, second_mse, and photo, photo_mse for eqsr-photo; one that is there already is
replaced. Set5 and Set14 of --data are measured for eqsr-lite.
"""

import argparse
import csv
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "train"))

import curve  # noqa: E402

LOGS = HERE / "train/logs"
WEIGHTS, PHOTO = HERE / "eqsr-lite.safetensors", HERE / "eqsr-photo.safetensors"
SCALES = ("2", "3", "4")
SETS = ("Set5", "Set14")
GOALS = ("SRCNN", "VDSR", "EDSR-LIIF")  # columns of docs/published.csv: the least, the goal, and the goal with a GPU
ROWS = {"v1": "v1", "stable": "stable phase", "decay": "stable and decay", "second_l1": "second stage, L1",
        "second_mse": "second stage, squared error"}
PHOTO_STAGES = ("photo", "photo_mse")


def measure(tool, folder, weights):
    """{scale: [PSNR Y of the weights, of bicubic]} by the tool, by its default protocol."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.json"
        subprocess.run([tool, folder, "-s", ",".join(SCALES), "-m", weights, "-o", report], check=True, stdout=subprocess.DEVNULL)
        rows = json.loads(report.read_text())["rows"]
    found = {(row["scale"], row["method"] == "bicubic"): round(row["psnr_y"], 3) for row in rows}
    return {s: [found[s, False], found[s, True]] for s in SCALES}


def publish(name, work, args, rows):
    """Keeps the log of a training, and what is measured of it if that is asked for."""
    import state as states
    from export import export, mean
    state, entries = states.read(work / "state.pt"), curve.read(work / "log.jsonl")
    if args.mean:
        state = mean(state, states.read(args.mean / "state.pt"))
    index = [log for log in json.loads((LOGS / "index.json").read_text()) if log["file"] != f"{name}.jsonl"]
    photo = name in PHOTO_STAGES
    if not photo:  # whose inputs are others: no part of the curve
        index.append({"file": f"{name}.jsonl", "batch": state["stage"]["batch"]})
    kept = LOGS / f"{name}.jsonl"
    # A stage that went on from a kept state in a new folder has its beginning in the kept log; a decay begins with its branch.
    before = [line for line in kept.read_text().splitlines(True)
              if state["begun"] <= json.loads(line)["step"] < entries[0]["step"]] if name != "decay" and kept.exists() else []
    kept.write_text("".join(before) + (work / "log.jsonl").read_text())
    (LOGS / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    if photo:
        if args.ship:
            export(state, PHOTO)
        steps = state["step"] - state["begun"]
        row = {"name": name, "steps": steps, "patches": steps * state["stage"]["batch"], "shipped": args.ship,
               "mean": bool(args.mean)}
        again = PHOTO_STAGES[PHOTO_STAGES.index(name):]  # what went on from an earlier training of this stage is void
        return [r for r in rows if r["name"] not in again] + [row]
    if not args.evaluate:
        return rows
    with tempfile.TemporaryDirectory() as folder:
        weights = WEIGHTS if args.ship else Path(folder) / "weights.safetensors"
        export(state, weights)
        measured = {s: measure(args.evaluate.resolve(), args.data / s, weights) for s in SETS}
    held_out = [entry["validation"] for entry in entries if "validation" in entry][-1]
    row = {"name": name, "steps": state["step"], "patches": curve.by_patches(curve.load(LOGS))[-1][-1][0],
           "hours": round(state["seconds"] / 3600, 2), "held_out": held_out, **measured,
           "mode": " on ".join(state["mode"]), "shipped": args.ship}
    rows = [{**r, "shipped": r.get("shipped") and not args.ship} for r in rows if r["name"] != name] + [row]
    return sorted(rows, key=lambda r: [*ROWS, *PHOTO_STAGES].index(r["name"]))


def published():
    """{method: PSNR on Set5 at each scale}."""
    lines = (HERE.parent / "docs/published.csv").read_text().splitlines()
    rows = {(row["set"], row["scale"]): row for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
    return {name: [float(rows["Set5", s][name]) for s in SCALES] for name in GOALS}


def stage_table(rows):
    text = "| | steps | patches seen | held-out x2 / x3 / x4 | Set14 x2 / x3 / x4 | Set5 x2 / x3 / x4 |\n|---|---|---|---|---|---|\n"
    for name, title in ROWS.items():
        row = next((r for r in rows if r["name"] == name), None)
        if not row:
            text += f"| {title} | not trained yet | | | | |\n"
            continue
        values = (" / ".join(f"{row[s][scale][0]:.2f}" for scale in SCALES) for s in ("held_out", "Set14", "Set5"))
        bold = "**" if row.get("shipped") else ""
        text += f"| {bold}{title}{bold} | {row['steps']} | {row['patches']} | {' | '.join(values)} |\n"
    return text


def quality_table(row):
    text = "| Set5, PSNR Y | x2 | x3 | x4 |\n|---|---|---|---|\n"
    marks, ours = published(), [row["Set5"][s][0] for s in SCALES]
    lines = {"bicubic": [row["Set5"][s][1] for s in SCALES], "**eqsr-lite**": ours,
             **{f"{name}, published": values for name, values in marks.items()}}
    for name, values in lines.items():
        text += f"| {name} | " + " | ".join(f"{v:.2f}" for v in values) + " |\n"
    reached = [name for name, values in marks.items() if all(round(a, 2) >= b for a, b in zip(ours, values))]
    return (text + "\nIt was trained on a CPU alone, for which SRCNN is the least and VDSR the goal. At all three scales it is at or "
            f"above: {' and '.join(reached) or 'neither'}. [Sources](../docs/published.csv).\n")


def facts(weights, row, stages):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return ("| | |\n|---|---|\n"
            f"| training | {row['steps']} steps, {row['patches']} patches; {stages}; exponential average |\n"
            f"| SHA-256 | `{digest}` |\n")


def fill(text, name, content):
    """Puts content between the marks of that name."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
    new, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.S)
    if count != 1:
        raise SystemExit(f"README.md needs the marks <!-- {name} --> and <!-- end --> once; they are there {count} times.")
    return new


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="?", choices=[*list(ROWS)[1:], *PHOTO_STAGES])
    parser.add_argument("work", nargs="?", type=Path, help="work folder of train.py")
    parser.add_argument("--evaluate", type=Path, help="the evaluation tool")
    parser.add_argument("--data", type=Path, help="the folder that holds Set5 and Set14")
    parser.add_argument("--ship", action="store_true", help="its weights become eqsr-lite.safetensors, or eqsr-photo.safetensors")
    parser.add_argument("--mean", type=Path, help="ship the mean of its weights and of those of this work folder, for eqsr-photo")
    args = parser.parse_args()
    rows = json.loads((LOGS / "rows.json").read_text())
    if args.name:
        measured = args.name not in PHOTO_STAGES and (args.name != "stable" or args.ship or args.evaluate)
        if not args.work or (measured and not (args.evaluate and args.data)):
            parser.error("Name the work folder; for a row --evaluate and --data too, since it is measured.")
        if args.mean and not (args.ship and args.name in PHOTO_STAGES):
            parser.error("--mean is for weights of eqsr-photo that are shipped: give a stage of it, and --ship.")
        rows = publish(args.name, args.work, args, rows)
        (LOGS / "rows.json").write_text(json.dumps(rows, indent=1) + "\n")
    shipped = next((row for row in rows if row["name"] in ROWS and row.get("shipped")), rows[0])
    photo = [row for row in rows if row["name"] in PHOTO_STAGES]
    (HERE / "curve.svg").write_text(curve.draw(curve.load(LOGS)))
    card = HERE / "README.md"
    text = fill(card.read_text(), "facts", facts(WEIGHTS, shipped, ROWS[shipped["name"]]))
    if photo and photo[-1].get("shipped"):
        seen = {key: sum(row[key] for row in photo) for key in ("steps", "patches")}
        means = "; mean of both stages" if photo[-1]["mean"] else ""
        text = fill(text, "photo", facts(PHOTO, seen, "on top of `eqsr-lite`" + means))
    text = fill(text, "stages", stage_table(rows))
    card.write_text(fill(text, "quality", quality_table(shipped)))
    print("wrote", card)


if __name__ == "__main__":
    main()
