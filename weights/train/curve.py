# SPDX-License-Identifier: Apache-2.0
"""Draws training logs as SVG, one stage after another: curve.py stage1.jsonl [stage2.jsonl ...] curve.svg

Left axis: L1 error of the training batches; right axis: gain over bicubic (dB, mean of x2, x3, x4) on the held-out photos.
"""

import json
import sys
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 60, 50, 20, 40


def read(path):
    """The log's entries; after an interruption only the steps that count, those that were gone on from."""
    kept = []
    for line in Path(path).read_text().splitlines():
        entry = json.loads(line)
        while kept and kept[-1]["step"] > entry["step"]:
            kept.pop()
        kept.append(entry)
    return kept


def smooth(values, weight=0.8):
    out = []
    for v in values:
        out.append(v if not out else weight * out[-1] + (1 - weight) * v)
    return out


def gain(entry):
    """Gain of a validation entry over bicubic interpolation, in dB."""
    return sum(ours - bicubic for ours, bicubic in entry["validation"].values()) / len(entry["validation"])


def ticks(low, high, count=5):
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def draw(stages):
    """SVG of stages, each the entries of a log; a stage whose steps begin anew is moved behind the one before."""
    errors, gains, borders, offset, last = [], [], [], 0, 0
    for entries in stages:
        if min(e["step"] for e in entries) < last - offset:
            offset = last
        errors.append([(offset + e["step"], e["error"]) for e in entries if "error" in e])
        gains += [(offset + e["step"], gain(e)) for e in entries if "validation" in e]
        last = offset + max(e["step"] for e in entries)
        borders.append(last)
    smoothed = [list(zip([s for s, _ in part], smooth([v for _, v in part]))) for part in errors if part]
    values = [v for part in smoothed for _, v in part]
    low, high = min(values) * 0.95, max(values) * 1.02
    first = min([s for part in smoothed for s, _ in part] + [s for s, _ in gains])
    bottom, top = min(g for _, g in gains), max(g for _, g in gains)
    bottom, top = bottom - 0.1 * (top - bottom) - 0.01, top + 0.1 * (top - bottom) + 0.01

    def x(step):
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / max(last - first, 1)

    def y(fraction):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * fraction

    def line(points, colour):
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    def text(at, to, content, anchor="middle", colour="#444"):
        return f'<text x="{at:.1f}" y="{to:.1f}" text-anchor="{anchor}" fill="{colour}">{content}</text>'

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for v in ticks(0, 1):
        svg.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#ddd"/>')
        svg.append(text(LEFT - 6, y(v) + 4, f"{low + (high - low) * v:.4f}", "end", "#1f6fb2"))
        svg.append(text(WIDTH - RIGHT + 6, y(v) + 4, f"{bottom + (top - bottom) * v:.2f}", "start", "#c2571a"))
        svg.append(text(x(first + (last - first) * v), HEIGHT - BOTTOM + 16, f"{first + (last - first) * v:.0f}"))
    for border in borders[:-1]:
        svg.append(f'<line x1="{x(border):.1f}" x2="{x(border):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#888" '
                   'stroke-dasharray="4 3"/>')
        svg.append(text(x(border) - 4, TOP + 10, "next stage", "end"))
    svg += [line([(x(s), y((v - low) / (high - low))) for s, v in part], "#1f6fb2") for part in smoothed]
    points = [(x(s), y((g - bottom) / (top - bottom))) for s, g in gains]
    svg.append(line(points, "#c2571a"))
    svg += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="#c2571a"/>' for a, b in points]
    svg.append(text(LEFT, 13, "L1 error of training batches", "start", "#1f6fb2"))
    svg.append(text(WIDTH - RIGHT, 13, "gain over bicubic on held-out photos, dB", "end", "#c2571a"))
    svg.append(text(WIDTH / 2, HEIGHT - 6, "steps") + "</svg>")
    return "\n".join(svg) + "\n"


def main():
    *logs, target = sys.argv[1:]
    with open(target, "w") as out:
        out.write(draw([read(log) for log in logs]))


if __name__ == "__main__":
    main()
