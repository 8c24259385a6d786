#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What reading and writing beside the network can gain: processor seconds a picture of 0.5 megapixels.

    overlap.py UPSCALE [--pictures N] [--wall]

The same sizes are enlarged twice as files and as raw frames, which are neither decoded nor encoded;
the difference is what decoding and encoding take. In turn, on n cores, a picture takes
decode + encode + compute / n; beside one another all three share the cores, or one thread of the
files is the slowest. --wall also measures the two ways on this machine, which must then be idle.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

WIDTH, HEIGHT = 866, 577
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*command, **keywords):
    """Processor and wall seconds."""
    start = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], **keywords)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {command}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upscale", type=pathlib.Path)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--wall", action="store_true")
    options = parser.parse_args()
    tool, count = options.upscale.resolve(), options.pictures
    cores = len(os.sched_getaffinity(0))

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        frames = folder / "frames.rgb"
        frames.write_bytes(bytes(i % 251 for i in range(WIDTH * HEIGHT * 3)) * count)
        with open(frames, "rb") as source:
            compute = run(tool, "--raw", f"{WIDTH}x{HEIGHT}", "-j", "0:1:0", stdin=source,
                          stdout=subprocess.DEVNULL)[0] / count
        print(f"{WIDTH} x {HEIGHT}, twice, lite, {count} pictures; {cores} cores")
        print(f"compute: {compute:.2f} s a picture")
        for kind in ("png", "jpg"):
            first = folder / f"photo.{kind}"
            run(tool, "-i", ROOT / "examples/photo.png", "-o", first, "--size",
                f"{WIDTH}x{HEIGHT}")
            pictures = folder / kind
            pictures.mkdir()
            for i in range(count):
                shutil.copy(first, pictures / f"{i}.{kind}")
            whole = run(tool, "-i", pictures, "-o", folder / f"{kind}-large", "-f", kind, "-j",
                        "0:1:0")[0] / count
            files = max(0.0, whole - compute)
            print(f"{kind}: decode and encode {files:.2f} s a picture, {100 * files / whole:.1f} %")
            for n in sorted({1, 2, 4, 16, 64, cores}):
                together = max((compute + files) / n, files / 2)
                print(f"  {n} cores: at most {(files + compute / n) / together:.2f} times as fast")
            if options.wall:
                walls = [run(tool, "-i", pictures, "-o", folder / f"{kind}-{i}", "-f", kind, "-j",
                             way)[1]
                         for i, way in enumerate((f"0:{cores}:0", f"1:{cores}:1"))]
                print(f"  measured: {walls[0] / walls[1]:.2f} times as fast")


if __name__ == "__main__":
    main()
