#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of bad files that docs/reliability.md lists, and sound seeds for fuzzing.

    make.py FOLDER          the corpus: files, and a table of what each must give
    make.py --seeds FOLDER  a folder of small files for each fuzz target

A line of FOLDER/corpus.tsv: row, file, codes, heap class, structure bytes, word, limits. A file must
give one of the codes ("none": it loads); its sentence must hold the word; the heap may grow by what
the class allows for the bytes of structure that are there.
"""
import pathlib
import struct
import sys

sys.dont_write_bytecode = True
import pictures  # noqa: E402
import weights  # noqa: E402


def structure(data):
    """Bytes of header, directory and pickle that are really there; the heap cap grows with them."""
    if data[:2] == b"PK":
        at = data.rfind(b"PK\5\6")
        directory = struct.unpack("<I", data[at + 12:at + 16])[0] if 0 <= at <= len(data) - 22 else 0
        first = data.find(b"PK\7\x08") if b"PK\7\x08" in data else len(data)
        return min(len(data), directory + first)
    if data[:1] == b"\x80":
        return len(data)
    announced = int.from_bytes(data[:8], "little")
    return min(announced, max(0, len(data) - 8))


def write_corpus(folder):
    table, number = [], 0
    for id_, data, codes, heap, *rest in [*weights.rows(), *pictures.rows()]:
        word, stem, limits, room = (*rest, *("", "weights", "", structure(data))[len(rest):])
        file = f"{id_}-{number}{pathlib.Path(stem).suffix}"
        number += 1
        (folder / file).write_bytes(data)
        table.append("\t".join((id_, file, codes, heap, str(room), word, limits)))
    (folder / "corpus.tsv").write_text("\n".join(table) + "\n")
    print(f"{number} files in {folder}")


def write_seeds(folder):
    from builder import SOUND_PICKLE, archive, safetensors, stream, png
    good = safetensors(weights.GOOD, weights.TWO)
    sound = {
        "safetensors": [good, bytes(archive().bytes), stream(SOUND_PICKLE)],
        "json": [weights.GOOD.encode(), b'{"a":[1,2],"b":-1.5e3,"c":"\\u00e4\\ud83d\\ude00","d":true}'],
        "zip": [bytes(archive().bytes), bytes(archive(deferred=False).bytes)],
        "pickle": [SOUND_PICKLE],
        "image": [png(), pictures.BASELINE, pictures.PROGRESSIVE, pictures.starved()],
        "command_line": [b"-i\0in.png\0-o\0out.png\0-s\x003.7", b"-i\0in\0-o\0out\0--size\x0099x88\0-r\0-v",
                         b"--scale-x\0002\0--scale-y\x003.5\0-j4", b"--help", b"--version"],
    }
    # The bad files are seeds too, one a row: each leads the fuzzer to another check.
    bad = {"safetensors": {}, "zip": {}, "image": {}}
    for row in [*weights.rows(), *pictures.rows()]:
        kind = "image" if row[0][0] == "I" else "zip" if row[0][0] in "EF" else "safetensors"
        if len(row[1]) < 4096:
            bad[kind].setdefault(row[0], row[1])
    for target, files in sound.items():
        (folder / target).mkdir(exist_ok=True)
        for number, data in enumerate([*files, *bad.get(target, {}).values()]):
            (folder / target / f"{number:02}").write_bytes(data)


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[-1])
    target.mkdir(parents=True, exist_ok=True)
    write_seeds(target) if sys.argv[1] == "--seeds" else write_corpus(target)
