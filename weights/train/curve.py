# SPDX-License-Identifier: Apache-2.0
"""Draws a training log as SVG: curve.py path/to/log.jsonl curve.svg

Left axis: L1 error of the training batches; right axis: gain over bicubic (dB, mean of x2, x3, x4) on the held-out photos.
"""

import json
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 60, 50, 20, 40


def smooth(values, weight=0.8):
    out = []
    for v in values:
        out.append(v if not out else weight * out[-1] + (1 - weight) * v)
    return out


def ticks(low, high, count=5):
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def main():
    entries = [json.loads(line) for line in open(sys.argv[1])]
    errors = [(e["step"], e["error"]) for e in entries if "error" in e]
    gains = [(e["step"], sum(a - b for a, b in e["validation"].values()) / 3) for e in entries if "validation" in e]
    last = max(e["step"] for e in entries)
    smoothed = smooth([v for _, v in errors])
    low, high = min(smoothed) * 0.95, max(smoothed) * 1.02
    top = max([g for _, g in gains] + [0.5]) * 1.1

    def x(step):
        return LEFT + (WIDTH - LEFT - RIGHT) * step / last

    def y(fraction):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * fraction

    def line(points, colour):
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'

    def text(at, to, content, anchor="middle", colour="#444"):
        return f'<text x="{at:.1f}" y="{to:.1f}" text-anchor="{anchor}" fill="{colour}">{content}</text>'

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for i, v in enumerate(ticks(0, 1)):
        svg.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#ddd"/>')
        svg.append(text(LEFT - 6, y(v) + 4, f"{low + (high - low) * v:.4f}", "end", "#1f6fb2"))
        svg.append(text(WIDTH - RIGHT + 6, y(v) + 4, f"{top * v:.2f}", "start", "#c2571a"))
        svg.append(text(x(last * v), HEIGHT - BOTTOM + 16, f"{last * v:.0f}"))
    svg.append(line([(x(s), y((v - low) / (high - low))) for (s, _), v in zip(errors, smoothed)], "#1f6fb2"))
    svg.append(line([(x(s), y(g / top)) for s, g in gains], "#c2571a"))
    svg += [f'<circle cx="{x(s):.1f}" cy="{y(g / top):.1f}" r="2.5" fill="#c2571a"/>' for s, g in gains]
    svg.append(text(LEFT, 13, "L1 error of training batches", "start", "#1f6fb2"))
    svg.append(text(WIDTH - RIGHT, 13, "gain over bicubic on held-out photos, dB", "end", "#c2571a"))
    svg.append(text(WIDTH / 2, HEIGHT - 6, "steps") + "</svg>")
    with open(sys.argv[2], "w") as out:
        out.write("\n".join(svg) + "\n")


if __name__ == "__main__":
    main()
