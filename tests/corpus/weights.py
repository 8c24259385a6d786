# SPDX-License-Identifier: Apache-2.0
"""The bad weight files, rows A1 to F26 of docs/reliability.md. Rows that need a device, a race or a
network (A1, A2, A8, G1 to G7) are in corpus.cpp."""
import io
import struct
import tarfile
import zlib

from builder import *  # noqa: F403

GOOD = "{" + record() + "}"


def frame():
    """A3 to B9."""
    sound = safetensors(GOOD, TWO)
    for n in range(8):
        yield "A3", sound[:n], "truncated", "H0"
    rest = b"x" * 600
    for start in (b"<!DOCTYPE html><html><body>404</body>", b"Hello, these are my weights: 1, 2, 3\n",
                  PNG + b"\0\0\0\rIHDR"):
        yield "A4", start + rest, "unknown_format", "H0", "begins with "
    yield ("A5", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 +
           b"\nsize 123456\n", "unknown_format", "H0", "Git LFS pointer")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:
        file.addfile(tarfile.TarInfo("storages"), io.BytesIO(b""))
    script = Zip([("m/data.pkl", SOUND_PICKLE), ("m/code/net.py", b"def f(): pass"),
                  ("m/constants.pkl", b"\x80\2)."), ("m/version", b"3\n")])
    for bytes_, word, heap in ((tar.getvalue(), "tar", "H0"), (b"\x1f\x8b\x08" + rest, "gzip", "H0"),
                               (b"7z\xbc\xaf\x27\x1c" + rest, "7z", "H0"),
                               (b'{"metadata": {}, "weight_map": {"w": "a-00001-of-00002"}}',
                                "index", "H0"), (bytes(script.bytes), "TorchScript", "H1")):
        yield "A6", bytes_, "unsupported_container", heap, word
    yield "A7", sound, "none", "-", "", "weights.pth"
    yield "A7", bytes(archive().bytes), "none", "-", "", "weights.safetensors"
    yield "A9", sound + b"x" * 100, "limit_exceeded", "H0", "", "weights", f"max_file_bytes={len(sound)}"
    for n in (2**64 - 1, 2**63, 100_000_001):
        yield "B1" if n > 2**40 else "B2", safetensors(GOOD, TWO, n), "header_too_large", "H0"
    yield "B3", safetensors(GOOD, TWO, len(GOOD) + 9), "truncated", "H0"
    yield "B4", safetensors(GOOD, TWO, 0), "bad_json", "H1"
    yield "B4", safetensors(GOOD, TWO, len(GOOD) - 1), "bad_json", "H1"
    yield "B4", safetensors(GOOD, b"        ", len(GOOD) + 8), "size_mismatch out_of_range", "H1"
    yield "B4", safetensors(GOOD, TWO, len(GOOD) + 8), "bad_json", "H1"
    yield "B5", safetensors(GOOD, TWO[:-1]), "size_mismatch", "H2"
    for tail in (b"x", bytes(archive().bytes), b"#!/bin/sh\nrm -rf /\n"):
        yield "B6", safetensors(GOOD, TWO + tail), "trailing_data", "H2"
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80"):
        yield "B7", safetensors(GOOD.encode().replace(b"w", b"w" + bad), TWO), "bad_utf8", "H1"
        yield "B7", safetensors(bad + GOOD.encode(), TWO), "bad_utf8", "H1"
    yield "B8", safetensors(b"\xef\xbb\xbf" + GOOD.encode(), TWO), "bad_json", "H1"
    yield "B8", safetensors(GOOD + "\0\0\0", TWO), "bad_json", "H1"
    yield "B9", safetensors("   \n\t " + GOOD, TWO), "none", "-"


def json():
    """C1 to C16."""
    def row(id_, header, code, **more):
        return (id_, safetensors(header, TWO), code, "H1", *more.values())
    w, again = record(), record(offsets="[8,16]")
    yield "C1", safetensors("{" + w + "," + again + "}", TWO * 2), "duplicate_key", "H1", '"w"'
    yield "C2", safetensors("{" + w + "," + record(r"\u0077", offsets="[8,16]") + "}", TWO * 2), \
        "duplicate_key", "H1"
    yield row("C3", '{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
              "duplicate_key")
    yield row("C3", '{"__metadata__":{},"__metadata__":{}}', "duplicate_key")
    yield row("C3", '{"__metadata__":{"a":"1","a":"1"}}', "duplicate_key")
    yield row("C4", "{" + ",".join([w] * 1_000_000) + "}", "duplicate_key")
    yield row("C5", "[" * 1_000_000, "depth_limit")
    yield row("C5", "{" + record(shape="[" * 200 + "]" * 200) + "}", "depth_limit")
    yield row("C5", '{"w":{"x":' + "[" * 200 + "]" * 200 + "}}", "depth_limit")
    for number in ("-8", "-0", "+1", "02", "2.0", "2e0"):
        yield row("C6", "{" + record(shape=f"[{number}]") + "}", "bad_number")
    for number in ("18446744073709551616", "1e30", "1e999", "9" * 1_000_000):
        yield row("C7", "{" + record(offsets=f"[0,{number}]") + "}", "bad_number")
    for value in ("NaN", "true", '"2"', "null"):
        yield row("C8", "{" + record(shape=f"[{value}]") + "}", "bad_type")
    for text_ in ("{" + w + ",}", "{/**/" + w + "}", "{'w':1}", '{"w\x01":1}', GOOD + "{}"):
        yield row("C9", text_, "bad_json")
    for name_, code in ((r"\ud800", "bad_utf8 bad_json"), (r"\q", "bad_json"), (r"\u12", "bad_json")):
        yield row("C10", "{" + record(name_) + "}", code)
    yield row("C10", '{"w', "bad_json")
    yield row("C11", "{" + record(extra=',"x":1') + "}", "unknown_field")
    yield row("C12", '{"w":["F32",[2],[0,8]]}', "bad_type")
    for value in ("null", "1", '{"a":{}}'):
        yield row("C13", f'{{"__metadata__":{value}}}', "bad_type")
    for name_ in ("", r"a\u0000b", "n" * 1025):
        yield row("C14", "{" + record(name_) + "}", "bad_name")
    # Just a key: it loads as a dictionary, and no network asks for it (unexpected_tensor, G1).
    yield "C15", safetensors("{" + record("../../etc/passwd") + "}", TWO), "none", "-"
    yield row("C16", "{" + ",".join(record(str(i), shape="[0]", offsets="[0,0]")
                                    for i in range(1_000_000)) + "}", "too_many_tensors")


def table():
    """D1 to D13."""
    def row(id_, code, heap="H1", payload=TWO, limits="", **fields):
        return (id_, safetensors("{" + record(**fields) + "}", payload), code, heap, "", "weights",
                limits)
    for dtype in ("F8_E9M9", "f32", "F4", "F6_E2M3", ""):
        yield row("D1", "unsupported_dtype", dtype=f'"{dtype}"')
    for shape in ("[2,18446744073709551614]", "[2,9223372036854775807]"):
        yield row("D2", "overflow", shape=shape)
    for shape in ("[0,18446744073709551615,18446744073709551615]",
                  "[18446744073709551615,18446744073709551615,0]", "[2147483648]"):
        yield row("D3", "overflow", shape=shape)
    yield row("D4", "rank_limit", shape="[1,1,1,1,1,1,1,1,2]")
    yield row("D4", "rank_limit", shape="[2" + ",1" * 999 + "]")
    yield row("D5", "bad_offset", offsets="[8,0]")
    for offsets in ("[0]", "[0,8,8]"):
        yield row("D5", "bad_type", offsets=offsets)

    def two(id_, code, a, b, size):
        return (id_, safetensors("{" + record("a", offsets=a) + "," + record("b", offsets=b) + "}",
                                 bytes(size)), code, "H2")
    yield two("D6", "overlap", "[0,8]", "[0,8]", 8)
    yield ("D6", safetensors("{" + ",".join(record(str(i)) for i in range(100_000)) + "}", TWO),
           "overlap", "H2")
    yield two("D7", "overlap", "[0,8]", "[4,12]", 12)
    yield two("D8", "gap", "[0,8]", "[9,17]", 17)
    yield two("D8", "gap", "[1,9]", "[9,17]", 17)
    yield row("D9", "out_of_range", "H2", offsets="[0,1000]")
    yield row("D9", "out_of_range", "H2", offsets="[18446744073709551607,18446744073709551615]")
    yield row("D10", "size_mismatch", "H2", shape="[1]")
    yield row("D11", "size_mismatch", "H2", shape="[1000]")
    odd = ("{" + record("a", '"U8"', "[1]", "[0,1]") + "," + record("b", offsets="[1,9]") + "}")
    yield "D12", safetensors(odd, b"\1" + TWO), "none", "-"
    yield row("D13", "memory_budget", "H2", limits="memory_budget=7")


def zips():
    """E1 to E19."""
    z = archive()
    sound, plain = bytes(z.bytes), archive(deferred=False)
    central, local = z.central, z.local
    for n in range(22, len(sound)):
        yield "E1", sound[:n], "truncated bad_zip trailing_data", "H1"
    end = z.end
    comment = z.patched((end + 20, u16(22))) + sound[end:]
    yield "E2", comment, "ambiguous_archive", "H0"
    yield "E2", z.patched((end + 20, u16(3))) + b"abc", "ambiguous_archive", "H0"
    yield "E2", sound[:end] + sound[end:] * 2, "ambiguous_archive", "H0"
    yield "E3", b"#!/bin/sh\n" + sound, "prefixed_archive", "H0"
    yield "E4", sound + b"trailing bytes", "trailing_data", "H0"
    for at in (0, len(sound), 2**64 - 1):
        yield "E5", z.patched((z.locator + 8, u64(at))), "bad_zip64", "H0"
    yield "E5", z.patched((z.end64 + 32, u64(3))), "bad_zip64", "H0"
    without = archive(end64=False)
    yield "E6", z.patched((z.end64 + 24, u64(2**32)), (z.end64 + 32, u64(2**32)),
                          (end + 8, u16(0xFFFF) * 2)), "too_many_entries", "H0"
    for n in (3, 5):
        yield "E6", without.patched((without.end + 8, u16(n) * 2)), "bad_central", "H1"
    twice = archive(extra=(("m/version", b"3\n"),))
    yield "E7", bytes(twice.bytes), "duplicate_entry", "H1"
    yield "E8", z.patched((central[2] + 42, u32(local[1]))), "overlap header_mismatch", "H1"
    yield "E8", plain.patched((plain.central[0] + 20, u32(5000) * 2)), "overlap out_of_range", "H1"
    big = len(sound) - z.data[3] - 8
    yield "E8", z.patched((central[3] + 20, u32(big) * 2)), "overlap out_of_range", "H1"
    yield "E9", z.patched((local[1] + 30, b"M")), "header_mismatch", "H1"
    yield "E9", z.patched((local[1] + 8, u16(8))), "header_mismatch", "H1"
    for field in (14, 18, 22):
        yield "E10", plain.patched((plain.local[1] + field, u32(9))), "header_mismatch", "H1"
        yield "E10", z.patched((local[1] + field, u32(9))), "header_mismatch", "H1"
    for method in (8, 99):
        yield ("E11", z.patched((central[1] + 10, u16(method)), (local[1] + 8, u16(method))),
               "unsupported_compression", "H1", "torch.save")
    bomb = zlib.compress(bytes(256 << 20), 9)[2:-4]
    packed = Zip([("m/data.pkl", SOUND_PICKLE), ("m/data/0", bomb), ("m/version", b"3\n")], False)
    yield ("E12", packed.patched((packed.central[1] + 10, u16(8)), (packed.local[1] + 8, u16(8)),
                                 (packed.central[1] + 24, u32(256 << 20)),
                                 (packed.local[1] + 22, u32(256 << 20))),
           "unsupported_compression", "H1")
    yield "E13", z.patched((central[1] + 20, u32(7))), "header_mismatch", "H1"
    for flag in (0x1, 0x20, 0x40, 0x2000):
        yield ("E14", z.patched((central[1] + 8, u16(0x808 | flag)), (local[1] + 6, u16(0x808 | flag))),
               "unsupported_flag", "H1")
    yield "E15", z.patched((central[1] + 42, u32(0xFFFFFFF0))), "out_of_range", "H1"
    yield "E15", z.patched((central[1] + 20, u32(0xFFFFFF00) * 2)), "out_of_range", "H1"
    yield "E16", z.patched((z.data[0] + 20, b"~")), "crc_mismatch", "H1"
    yield "E16", z.patched((z.data[1] + 2, b"~")), "crc_mismatch", "H2"
    for bad in (b"../x", b"/x", b"C:\\x", b"m/a\0b", b"m/\xff", b"m/../../x"):
        yield "E17", bytes(archive(extra=((bad, b""),)).bytes), "bad_name", "H1"
    yield "E18", bytes(Zip([("m/version", b"3\n")]).bytes), "missing_entry", "H1"
    yield "E18", bytes(archive(extra=(("n/data.pkl", SOUND_PICKLE),)).bytes), "ambiguous_archive", "H1"
    yield ("E18", bytes(archive(SOUND_PICKLE + b"." * 2000).bytes), "limit_exceeded", "H1", "",
           "weights", "max_pickle_bytes=1000")
    for order in (b"big", b"middle", b""):
        yield "E19", bytes(archive(extra=(("m/byteorder", order),)).bytes), "unsupported_byteorder", "H1"


def rows():
    import pickles
    for source in (frame, json, table, zips, pickles.rows):
        for row in source():
            yield row
