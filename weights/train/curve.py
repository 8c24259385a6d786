# SPDX-License-Identifier: Apache-2.0
"""Draws training logs as SVG: curve.py path/to/logs curve.svg

Above, the gain over bicubic (dB, mean of x2, x3, x4) on the held-out photos against the patches seen; below, the rate.
`index.json` of the folder names the logs in order, each with its patches a step, and how much its steps are numbered too low.
"""

import json
import math
import sys
from pathlib import Path

WIDTH, LEFT, RIGHT = 640, 60, 20
GAIN, RATE = (24, 210), (240, 310)  # top and bottom of the two diagrams
BLUE, ORANGE = "#1f6fb2", "#c2571a"


def read(path):
    """The log's entries; after an interruption only the steps that count, those that were gone on from."""
    kept = []
    for line in Path(path).read_text().splitlines():
        entry = json.loads(line)
        while kept and kept[-1]["step"] > entry["step"]:
            kept.pop()
        kept.append(entry)
    return kept


def gain(entry):
    """Gain of a validation entry over bicubic interpolation, in dB."""
    return sum(ours - bicubic for ours, bicubic in entry["validation"].values()) / len(entry["validation"])


def by_patches(logs):
    """[(patches seen, entry), ...] of each (entries, patches a step): a log goes on from the one before that has its step."""
    done, parts = [], []  # (first step, patches before it, patches a step)
    for entries, batch in logs:
        first = entries[0]["step"]
        begun = max((part for part in done if part[0] <= first), key=lambda part: part[0], default=(0, 0, batch))
        before = begun[1] + (first - begun[0]) * begun[2]
        done.append((first, before, batch))
        parts.append([(before + (entry["step"] - first) * batch, entry) for entry in entries])
    return parts


def ticks(low, high, count=5):
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def text(at, to, content, anchor="middle", colour="#444"):
    return f'<text x="{at:.1f}" y="{to:.1f}" text-anchor="{anchor}" fill="{colour}">{content}</text>'


def draw(logs):
    """SVG of logs, each its entries and the patches of a step."""
    parts = by_patches(logs)
    gains = [[(n, gain(e)) for n, e in part if "validation" in e] for part in parts]
    rates = [[(n, math.log10(e["rate"])) for n, e in part if e.get("rate")] for part in parts]
    most = max(n for part in parts for n, _ in part)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 350" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="350" fill="#fff"/>']
    for title, lines, (top, bottom), colour, name in (
            ("gain over bicubic on held-out photos, dB", gains, GAIN, ORANGE, "{:.2f}".format),
            ("rate", rates, RATE, BLUE, lambda v: f"{10 ** v:.0e}")):
        values = [v for part in lines for _, v in part] or [0.0]
        low, high = min(values), max(max(values), min(values) + 0.01)

        def place(n, v):
            return LEFT + (WIDTH - LEFT - RIGHT) * n / most, bottom - (bottom - top) * (v - low) / (high - low)

        for v in ticks(low, high, 5 if colour == ORANGE else 3):
            svg.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place(0, v)[1]:.1f}" y2="{place(0, v)[1]:.1f}" stroke="#ddd"/>')
            svg.append(text(LEFT - 6, place(0, v)[1] + 4, name(v), "end", colour))
        for part in lines:
            points = [place(n, v) for n, v in part]
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            if colour == ORANGE:
                svg += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{colour}"/>' for a, b in points]
        svg.append(text(LEFT, top - 10, title, "start", colour))
    for n in ticks(0, most):
        svg.append(text(LEFT + (WIDTH - LEFT - RIGHT) * n / most, RATE[1] + 16, f"{n / 1000:.0f}"))
    svg.append(text(WIDTH / 2, 344, "thousand patches seen") + "</svg>")
    return "\n".join(svg) + "\n"


def load(folder):
    """What `draw` takes, of a folder of logs."""
    logs = []
    for log in json.loads((Path(folder) / "index.json").read_text()):
        entries = read(Path(folder) / log["file"])
        logs.append(([{**e, "step": e["step"] + log.get("shift", 0)} for e in entries], log["batch"]))
    return logs


def main():
    folder, target = sys.argv[1:]
    Path(target).write_text(draw(load(folder)))


if __name__ == "__main__":
    main()
