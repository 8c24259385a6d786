#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/quality.md and its pictures with the evaluation tool; needs Pillow for the pictures.

    docs/make_quality.py --data FOLDER [--photos FOLDER] [--evaluate TOOL] [--weights FILE] [--photo-weights FILE]
                         [--sets Set5 Set14 B100] [--only SECTION ...]

FOLDER of --data holds the sets, one folder each; --photos holds kodim08.png and kodim23.png of the Kodak suite.
What was measured for weights lies in build/quality and is not measured again; --fresh forgets it. --only measures some
sections and leaves the others as they are; each says by what and when it was measured. The part about degraded inputs
needs the weights for them, pictures need --photos.
"""
import argparse
import csv
import datetime
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from sections import rewrite  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
EVERY = ["2", "3", "4", "6", "8"]
EARLIER = ["SRCNN", "VDSR", "EDSR-LIIF"]  # columns of published.csv that go with the first table
CROPS = [("kodim08", "4", (280, 200)), ("kodim23", "3", (380, 80))]  # photo, scale, corner of the crop
CROP = 128
DEGRADED = [("jpeg:75", ["2", "4"]), ("jpeg:50", ["2"]), ("noise:5", ["2"]), ("blur:0.8", ["2"]), ("noise:3,jpeg:85", ["2"])]
HEAD = """# Quality

`docs/make_quality.py --data FOLDER --photos FOLDER` wrote this page. PSNR in dB, means over pictures. Each section says
by which weights, when and where it was measured, and how to measure it again.
"""


def published():
    lines = (ROOT / "docs/published.csv").read_text().splitlines()
    notes = " ".join(line[2:] for line in lines if line.startswith("# "))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return notes, {(row.pop("set"), row.pop("scale")): row for row in rows}


def command_output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def machine():
    names = re.findall(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{names[0] if names else 'unknown processor'}, {len(names)} cores"


def flags(tool):
    """How the tool was compiled, from its build folder."""
    for folder in tool.parents:
        cache = folder / "CMakeCache.txt"
        if cache.exists():
            text = cache.read_text()
            kind = re.search(r"CMAKE_BUILD_TYPE:\w+=(.*)", text)[1]
            compiler = re.search(r"CMAKE_CXX_COMPILER:\w+=(.*)", text)[1]
            given = re.search(rf"CMAKE_CXX_FLAGS_{kind.upper()}:\w+=(.*)", text)
            native = " -march=native" if re.search(r"EQSR_HAS_MARCH_NATIVE:\w+=1", text) else ""
            version = command_output(compiler, "--version").splitlines()[0]
            return f"{version}; {given[1] if given else ''}{native}"
    return "unknown flags"


class Measurements:
    """Runs the tool; keeps its JSON by the weights' hash."""

    def __init__(self, args, weights, network="lite"):
        self.args, self.weights, self.network = args, weights, network
        self.digest = hashlib.sha256(self.weights.read_bytes()).hexdigest()
        self.folder = ROOT / "build/quality" / self.digest[:16]
        if args.fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.commands = []

    def run(self, name, folder, *options, keep=()):
        report = self.folder / f"{name}.json"
        command = [str(folder), *options]
        chosen = [] if self.network == "lite" else ["-n", self.network]
        self.commands.append("evaluate " + " ".join([pathlib.Path(folder).name, *chosen, *options]))
        if not report.exists() or not all(pathlib.Path(path).exists() for path in keep):
            print("evaluate", *command, flush=True)
            subprocess.run([str(self.args.evaluate), *command, "--weights", str(self.weights), "-o",
                            str(report) + ".part.json"], check=True, stdout=subprocess.DEVNULL)
            pathlib.Path(str(report) + ".part.json").rename(report)
        read = json.loads(report.read_text())
        self.degraded = read["degraded"]
        return ({(row["scale"], "bicubic" if row["method"] == "bicubic" else "ours"): row for row in read["rows"]},
                read["trends"])


def table(head, rows):
    text = "| " + " | ".join(head) + " |\n|" + " --- |" + " ---: |" * (len(head) - 1) + "\n"
    return text + "".join("| " + " | ".join(row) + " |\n" for row in rows)


def basicsr(measured, name):
    """The rows of a set by the default protocol, clean, at every scale."""
    return measured.run(f"{name}-basicsr", measured.args.data / name, "-s", ",".join(EVERY))[0]


def literature(measured, sets, theirs):
    rows = []
    for name in sets:
        rows_of = basicsr(measured, name)
        for scale in EVERY:
            low, high = rows_of[scale, "bicubic"], rows_of[scale, "ours"]
            rows.append([f"{name} x{scale}", f"{low['psnr_y']:.2f} / {low['ssim_y']:.4f}",
                         f"{high['psnr_y']:.2f} / {high['ssim_y']:.4f}", f"{high['psnr_y'] - low['psnr_y']:+.2f}",
                         f"{high['psnr_rgb']:.2f}", *(theirs.get((name, scale), {}).get(of) or "-" for of in EARLIER)])
    return table(["", "bicubic, Y", "ours, Y", "gain", "ours, RGB", *(f"*{of}, Y*" for of in EARLIER)], rows)


def table_one(measured, sets, notes, theirs):
    names = [of for of in next(iter(theirs.values())) if of not in EARLIER]
    rows = []
    for name in sets:
        scales = sorted((scale for of, scale in theirs if of == name), key=float)
        rows_of, _ = measured.run(f"{name}-eqsr", measured.args.data / name, "-p", "eqsr", "-s", ",".join(scales))
        for scale in scales:
            rows.append([f"{name} x{scale}", f"{rows_of[scale, 'bicubic']['psnr_y']:.2f}",
                         f"{rows_of[scale, 'ours']['psnr_y']:.2f}",
                         *(theirs[name, scale][other] or "-" for other in names)])
    return (table(["", "bicubic", "ours", *(f"*{other}*" for other in (n.replace("*", "†") for n in names))], rows)
            + "\nSources of the published numbers: " + notes.replace("*", "†"))


def symmetries(measured, sets):
    """What the mean over the eight symmetries gains."""
    rows = []
    for name in sets:
        alone = basicsr(measured, name)
        measured.commands.pop()
        mean, _ = measured.run(f"{name}-symmetries", measured.args.data / name, "-x", "-s", "2,3,4")
        for scale in ("2", "3", "4"):
            one, eight = (of[scale, "ours"]["psnr_y"] for of in (alone, mean))
            rows.append([f"{name} x{scale}", f"{one:.2f}", f"{eight:.2f}", f"{eight - one:+.2f}"])
    return table(["", "ours", "ours, `-x`", "gain"], rows)


def degraded(lite, photo, sets):
    """Both networks on inputs as people have them, and what the one for them loses on clean ones. Every kind on one set."""
    rows, encoder = [], None
    for name in sets:
        for kind, scales in [*DEGRADED[:None if name == sets[0] else 1], ("", ["2", "4"])]:
            options = ["-s", ",".join(scales), *(["--degrade", kind] if kind else [])]
            label = f"{name}-{kind.replace(':', '_').replace(',', '-') or 'clean'}"
            (plain, _), (ours, _) = (of.run(label, of.args.data / name, *options) for of in (lite, photo))
            encoder = re.search(r"\((.*?)\)", photo.degraded) or encoder
            rows += [[f"{name} x{s}, {kind.replace(',', ', ') or 'clean'}", f"{plain[s, 'bicubic']['psnr_y']:.2f}",
                      f"{plain[s, 'ours']['psnr_y']:.2f}", f"{ours[s, 'ours']['psnr_y']:.2f}",
                      f"{ours[s, 'ours']['psnr_y'] - plain[s, 'bicubic']['psnr_y']:+.2f}",
                      f"{ours[s, 'ours']['psnr_y'] - plain[s, 'ours']['psnr_y']:+.2f}"] for s in scales]
    head = ["", "bicubic", "eqsr-lite", "eqsr-photo", "over bicubic", "over eqsr-lite"]
    return table(head, rows) + f"\nJPEG by {encoder[1]}, 4:2:0.\n"


def panels(sheets, titles, corner):
    """Crops side by side, enlarged twice by repeated pixels."""
    from PIL import Image, ImageDraw
    x, y = corner
    sheet = Image.new("RGB", (len(sheets) * (2 * CROP + 8) - 8, 2 * CROP + 16), "white")
    for i, (title, path) in enumerate(zip(titles, sheets)):
        crop = Image.open(path).convert("RGB").crop((x, y, x + CROP, y + CROP)).resize((2 * CROP, 2 * CROP), Image.NEAREST)
        sheet.paste(crop, (i * (2 * CROP + 8), 16))
        ImageDraw.Draw(sheet).text((i * (2 * CROP + 8), 2), title, fill="black")
    return sheet


def crops(measured, photos):
    """Truth, bicubic and ours side by side."""
    kept, texts = measured.folder / "pictures", []
    for photo, scale, corner in CROPS:
        rows, (truth, low, high) = enlarged(measured, photos, photo, scale, kept)
        sheet = panels([truth, low, high], ["original", f"bicubic, {rows[scale, 'bicubic']['psnr_y']:.2f} dB",
                                            f"ours, {rows[scale, 'ours']['psnr_y']:.2f} dB"], corner)
        sheet.save(ROOT / f"docs/images/quality_{photo}.png", optimize=True)
        texts.append(f"![{photo} x{scale}: original, bicubic, ours](images/quality_{photo}.png)\n\n"
                     f"*{photo}, reduced {scale} times and enlarged again; PSNR is that of the whole picture.*\n")
    return "\n".join(texts)


def enlarged(measured, photos, photo, scale, kept, *options):
    """The rows of one photo, and the paths of the truth, of bicubic's result and of ours."""
    one, results = measured.folder / photo, kept / photo / f"x{scale}"
    one.mkdir(exist_ok=True)
    shutil.copy(photos / f"{photo}.png", one)
    rows, _ = measured.run("-".join([photo, f"x{scale}", *options[1:]]).replace(":", "_"), one, "-s", scale, *options,
                           "--save-results", str(kept), keep=[results / f"{photo}.png"])
    measured.commands.pop()
    return rows, (one / f"{photo}.png", results / f"{photo}_bicubic.png", results / f"{photo}.png")


def compressed(lite, photo, photos):
    """A compressed photo by bicubic and both networks, if there are photos."""
    if not photos:
        return ""
    name, scale, corner = CROPS[0][0], "2", (300, 220)
    found = [enlarged(of, photos, name, scale, of.folder / "compressed", "--degrade", "jpeg:75") for of in (lite, photo)]
    (rows, (truth, low, high)), (better, (_, _, best)) = found
    titles = ["original", f"bicubic, {rows[scale, 'bicubic']['psnr_y']:.2f} dB",
              f"eqsr-lite, {rows[scale, 'ours']['psnr_y']:.2f} dB", f"eqsr-photo, {better[scale, 'ours']['psnr_y']:.2f} dB"]
    panels([truth, low, high, best], titles, corner).save(ROOT / "docs/images/quality_compressed.png", optimize=True)
    return (f"\n![{name} x{scale} from JPEG 75: original, bicubic, eqsr-lite, eqsr-photo](images/quality_compressed.png)\n\n"
            f"*{name}, reduced {scale} times, compressed by JPEG at quality 75, and enlarged again.*\n")


def sweep(measured, name):
    curve = ROOT / "docs/images/sweep.svg"
    local = measured.folder / "sweep.svg"
    _, trends = measured.run(f"{name}-sweep", measured.args.data / name, "--sweep", "1.1:8:0.1", "--plot", str(local),
                             keep=[local])
    measured.commands[-1] = f"evaluate {name} --sweep 1.1:8:0.1"
    shutil.copy(local, curve)
    lines = [f"{'bicubic' if trend['method'] == 'bicubic' else 'ours'}: {trend['degradation_rate']:.2f} dB lost for each doubling of "
             f"the scale, no point more than {trend['roughness']:.2f} dB off the line of its neighbours" for trend in trends]
    return f"![PSNR against scale on {name}](images/sweep.svg)\n\n" + "; ".join(lines) + ".\n"


def place(tool, used):
    """The line that says by what a section was measured."""
    weights = ", ".join(f"`{of.weights.name}` (SHA-256 {of.digest[:12]}…)" for of in used)
    commit = command_output("git", "describe", "--always", "--dirty", "--abbrev=12")
    return f"*{weights}; commit {commit}, {datetime.date.today()}; {machine()}; {flags(tool)}.*"


# The title of each section, what it says first, and what measures the rest: nothing where that cannot be done.
SECTIONS = {
    "literature": (
        "By the protocol of the literature",
        "Inputs by MATLAB's filter, results rounded to bytes, border = scale. PSNR and SSIM on Y of BT.601; the network\n"
        "was trained for factors up to 4, so 6 and 8 are extrapolation. *Columns in italics are their authors' numbers, not\n"
        "measured here.*", lambda args, lite, photo: literature(lite, args.sets, published()[1])),
    "symmetries": (
        "The mean over the eight symmetries",
        "`-x`: the picture turned and mirrored, enlarged eight times, and averaged. Protocol `basicsr`.",
        lambda args, lite, photo: symmetries(lite, args.sets[:2])),
    "table": (
        "Scales of EQSR's Table 1, beside published numbers",
        "Protocol `eqsr`: x2, x3, x4 from MATLAB's filter, other scales from Pillow's; border 4, or 6 at x6. *Columns in\n"
        "italics are their authors' numbers, not measured here*; those networks have 20 to 40 times the parameters.",
        lambda args, lite, photo: table_one(lite, args.sets, *published())),
    "scales": ("Quality against scale", "Protocol `basicsr`.", lambda args, lite, photo: sweep(lite, args.sets[0])),
    "degraded": (
        "Blurred, noisy and compressed inputs",
        "`eqsr-photo` (`-n photo`) is made for them. Degradations as `evaluate --degrade` names them, the same inputs for\n"
        "all; PSNR on Y, protocol `basicsr`.",
        lambda args, lite, photo: photo and degraded(lite, photo, args.sets[1:]) + compressed(lite, photo, args.photos)),
    "pictures": (
        "Pictures",
        "Of the [Kodak Lossless True Color Image Suite](https://r0k.us/graphics/kodak/), released by Kodak for\n"
        "unrestricted use; never trained on.", lambda args, lite, photo: args.photos and crops(lite, args.photos)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--photos", type=pathlib.Path)
    parser.add_argument("--evaluate", type=pathlib.Path, default=ROOT / "build/release/examples/evaluate")
    parser.add_argument("--weights", type=pathlib.Path, default=ROOT / "weights/eqsr-lite.safetensors")
    parser.add_argument("--photo-weights", type=pathlib.Path, default=ROOT / "weights/eqsr-photo.safetensors")
    parser.add_argument("--sets", nargs="+", default=["Set5", "Set14", "B100"])
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="the sections to measure")
    args = parser.parse_args()
    args.evaluate = args.evaluate.resolve()
    lite = Measurements(args, args.weights)
    photo = Measurements(args, args.photo_weights, "photo") if args.photo_weights.exists() else None
    found = []
    for name, (title, about, measure) in SECTIONS.items():
        text = measure(args, lite, photo) if name in args.only else None
        if text:
            used = [of for of in (lite, photo) if of and of.commands]
            commands = "\n".join(command for of in used for command in of.commands)
            text = (f"{place(args.evaluate, used or [lite])}\n\n{about}\n\n{text.strip()}\n"
                    + (f"\n```sh\n{commands}\n```\n" if commands else ""))
            for of in used:
                of.commands.clear()
        found.append((title, text))
    rewrite(ROOT / "docs/quality.md", HEAD, found)
    print("wrote docs/quality.md")


if __name__ == "__main__":
    main()
