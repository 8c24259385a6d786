# SPDX-License-Identifier: Apache-2.0
"""Packs photographs for a machine that gets one small file: pack.py path/to/photos photos.tar [--limit MIB] [--whole SOURCE ...]

The sources of --whole are kept whole, the others cut to their middle; no pixel is compressed anew: jpegtran (Debian:
libjpeg-turbo-progs) cuts between blocks and packs the same coefficients tighter. Held-out photographs are packed too, under
held_out/, so that the result can be measured there.
"""

import argparse
import io
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
SHARPEST = ["cid22", "wikipedia49"]
LEAST = 208  # pixels of a side that a patch of 48 pixels enlarged four times needs, and blocks of 16


def packed(path, side=None):
    """The JPEG file with the same coefficients, of the middle `side` x `side` pixels if told; None if it is smaller than a patch."""
    with Image.open(path) as image:
        w, h = image.size
    if min(w, h) < LEAST:
        return None
    crop = []
    if side and (w > side or h > side):
        cut_w, cut_h = min(w, side), min(h, side)
        x, y = (w - cut_w) // 2 // 16 * 16, (h - cut_h) // 2 // 16 * 16
        crop = ["-crop", f"{cut_w}x{cut_h}+{x}+{y}"]
    return subprocess.run(["jpegtran", "-copy", "none", "-progressive", *crop, path], check=True, stdout=subprocess.PIPE).stdout


def stored(files):
    """Bytes in a tar file: each has a header of 512 and is filled up to a multiple of that."""
    return sum(512 - len(data) // -512 * 512 for data in files.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--limit", type=float, default=40, help="MiB of the result, 40 if not told")
    parser.add_argument("--whole", nargs="*", default=SHARPEST, help=f"beginnings of names, {' '.join(SHARPEST)} if not told")
    parser.add_argument("--part", type=int, default=1, help="take every n-th photograph only")
    args = parser.parse_args()
    held = set((HERE / "held_out.txt").read_text().split())
    paths = [p for p in sorted(args.photos.iterdir()) if p.suffix.lower() in (".jpg", ".jpeg")]
    seen = [p for p in paths if p.name not in held][::args.part]
    kept = [p for p in seen if p.name.startswith(tuple(args.whole))] if args.whole else []
    others = [p for p in seen if p not in set(kept)]
    limit = int(args.limit * 2 ** 20)
    with ThreadPoolExecutor() as pool:
        measured = [p for p in paths if p.name in held]
        parts = {f"held_out/{p.name}": data for p, data in zip(measured, pool.map(lambda p: packed(p, 256), measured)) if data}
        parts |= {p.name: data for p, data in zip(kept, pool.map(packed, kept)) if data}
        room, side = limit - 10240 - stored(parts), 640
        while True:
            cut = {p.name: data for p, data in zip(others, pool.map(lambda p: packed(p, side), others)) if data}
            if stored(cut) <= room:
                break
            if side == LEAST or room <= 0:
                raise SystemExit(f"These photographs do not fit {args.limit:g} MiB. Name fewer sources with --whole, or raise --limit.")
            side = max(LEAST, min(side - 16, int(side * (room / stored(cut)) ** 0.5) // 16 * 16))
    with tarfile.open(args.target, "w") as tar:
        for name, data in (parts | cut).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    print(f"{args.target}: {args.target.stat().st_size / 2 ** 20:.1f} MiB; {len(kept)} photographs whole, {len(cut)} cut to {side} pixels")


if __name__ == "__main__":
    main()
