# SPDX-License-Identifier: Apache-2.0
"""The bad pictures, rows I1 to I24 of docs/reliability.md, and the rows of both lists that load."""
import base64
import struct
import zlib

from builder import *  # noqa: F403

# Two pictures of 16 x 12 pixels, a colour gradient, baseline and progressive.
BASELINE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4"
    "UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCAAMABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAwH/xAAWEAEB"
    "AQAAAAAAAAAAAAAAAAACAAH/xAAVAQEBAAAAAAAAAAAAAAAAAAACBf/EABkRAAIDAQAAAAAAAAAAAAAAAAADAQIEIf/a"
    "AAwDAQACEQMRAD8ARuFuj3YXu01KYBjxV4f/2Q==")
PROGRESSIVE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4"
    "UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2NjY2NjY2NjY2NjY2NjY2NjY2P/wgARCAAMABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAgH/xAAVAQEB"
    "AAAAAAAAAAAAAAAAAAACBP/aAAwDAQACEAMQAAABQgmP/8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQABBQIf/8QA"
    "FhEBAQEAAAAAAAAAAAAAAAAAAwAB/9oACAEDAQE/ARHL/8QAFREBAQAAAAAAAAAAAAAAAAAAAgD/2gAIAQIBAT8BAv/E"
    "ABQQAQAAAAAAAAAAAAAAAAAAACD/2gAIAQEABj8CH//EABUQAQEAAAAAAAAAAAAAAAAAAAEA/9oACAEBAAE/IVlmb//a"
    "AAwDAQACAAMAAAAQN//EABURAQEAAAAAAAAAAAAAAAAAAAAh/9oACAEDAQE/EIn/xAAVEQEBAAAAAAAAAAAAAAAAAAAA"
    "Af/aAAgBAgEBPxCD/8QAFhABAQEAAAAAAAAAAAAAAAAAAQAQ/9oACAEBAAE/EM9s2//Z")
FRAME = BASELINE.index(b"\xff\xc0")
DATA = BASELINE.index(b"\xff\xda") + 14  # of one scan of three channels


def framed(marker=0xC0, bits=8, width=16, height=12, channels=3):
    """The baseline picture with another frame header."""
    head = bytes([0xFF, marker]) + struct.pack(">HBHHB", 8 + 3 * channels, bits, height, width, channels)
    return (BASELINE[:FRAME] + head + b"".join(bytes([i + 1, 0x11, 0]) for i in range(channels)) +
            BASELINE[FRAME + 19:])


def huffman_table(kind, counts, values):
    body = bytes([kind, *counts, *values])
    return b"\xff\xc4" + struct.pack(">H", len(body) + 2) + body


def with_table(counts, values):
    return BASELINE[:FRAME] + huffman_table(0, counts, values) + BASELINE[FRAME:]


def starved():
    """A grey picture whose ninth block asks for 15 bits where its data end."""
    head = framed(width=80, height=8, channels=1)[:FRAME + 2 + 8 + 3]
    # The code 0 means 0 and 1000000000000000 means 15: eight blocks of two bits, then that.
    tables = b"".join(huffman_table(kind, [1] + [0] * 14 + [1], [0, 15]) for kind in (0x00, 0x10))
    scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    return head + tables + scan + b"\0\0\x80\0\xff\xd9"


def picture(id_, data, code, heap="P", word="", name="a.png", limits="", pixels=16 * 12 * 3):
    return id_, data, code, heap, word, name, limits, pixels


def rows():
    sound = png()
    idat = sound.index(b"IDAT")
    truncated = [("I1", b""), ("I2", sound[:8]), ("I3", sound[:20]), ("I4", sound[:idat + 10]),
                 ("I5", sound[:-13]), ("I6", png(height=9, rows=b"\0" + bytes(12)))]
    truncated += [("I7", BASELINE[:len(BASELINE) * n // 100]) for n in (10, 50, 90)]
    truncated += [("I7", BASELINE[:DATA + n] + b"\xff\xd9") for n in (0, 1, 4, 8)]
    truncated += [("I9", PROGRESSIVE[:-2 - n] + b"\xff\xd9") for n in (1, 2, 3)]
    truncated += [("I9", PROGRESSIVE[:len(PROGRESSIVE) * n // 100]) for n in (30, 60, 95)]
    for id_, data in truncated:
        yield picture(id_, data, "image_truncated")
    for cut in (sound[:-12], sound[:-1]):
        yield picture("I5", cut, "none", "P", "all its pixels are there")
    for cut in (BASELINE[:-2], BASELINE[:-1]):
        yield picture("I8", cut, "none", "P", "no end marker", "a.jpg")
    for stray in (b"\xff\xd0", b"abc"):
        yield picture("I8", BASELINE[:-2] + stray + BASELINE[-2:], "none", "P", "stray", "a.jpg")

    broken = bytearray(sound)
    broken[idat + 8] ^= 1
    yield picture("I10", bytes(broken), "image_corrupt")
    text = bytearray(chunk(b"tEXt", b"Comment"))
    text[-1] ^= 1
    yield picture("I10", png(extra=bytes(text)), "none", "P", "tEXt")
    rows_ = b"".join(b"\0" + bytes(range(y, y + 12)) for y in range(4))
    packed = zlib.compress(rows_)
    yield picture("I11", png(data=packed[:-4] + b"abcd"), "image_corrupt")
    yield picture("I12", png(rows=b"\7" + rows_[1:]), "image_corrupt")
    yield picture("I13", png(1, 1, 8, 3, b"\0\0"), "image_corrupt")
    yield picture("I13", png(1, 1, 8, 3, b"\0\2", chunk(b"PLTE", bytes(6))), "image_corrupt")
    yield picture("I13", png(3, 1, 2, 3, b"\0\x0c", chunk(b"PLTE", bytes(9))), "image_corrupt")
    yield picture("I14", png(extra=ihdr(4, 4)), "image_corrupt")
    yield picture("I15", with_table([255] * 16, bytes(4080)), "image_corrupt")
    yield picture("I15", with_table([3] + [0] * 15, [1, 2, 3]), "image_corrupt")
    yield picture("I15", with_table([0] * 15 + [200], [1] * 20), "image_corrupt")
    yield picture("I16", sound + b"x", "none", "P", "1 bytes")
    yield picture("I16", png(data=packed + bytes(9)), "none", "P", "9 bytes")
    yield picture("I16", BASELINE + b"motion photo", "none", "P", "12 bytes", "a.jpg")

    for width, height in ((0, 4), (4, 0), (2**31, 4), (4, 2**32 - 1)):
        yield picture("I17", png(width, height, rows=b""), "image_limit", "H0")
    yield picture("I18", png(20000, 20000, data=b""), "image_limit", "H0")
    yield picture("I19", framed(width=65500, height=65500), "image_limit", "H0", "", "a.jpg")
    yield picture("I20", png(4, 4, data=zlib.compress(bytes(200 << 20), 9)), "image_limit", "P",
                  "", "a.png", "", 4 * 4 * 3)
    yield picture("I21", sound, "image_limit", "H0", "", "a.png", "max_pixels=15")

    for magic in (b"GIF89a", b"BM", b"8BPS", b"#?RADIANCE\n", b"\x53\x80\xf6\x34", b"RIFF    WEBPVP8 ",
                  bytes([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 24, 0])):
        yield picture("I22", magic + bytes(200), "image_unsupported", "H0")
    yield picture("I23", framed(channels=4), "image_unsupported", "H0", "CMYK", "a.jpg")
    yield picture("I23", framed(bits=12), "image_unsupported", "H0", "12 bits", "a.jpg")
    for marker, word in ((0xC3, "lossless"), (0xC5, "hierarchical"), (0xC9, "arithmetic"),
                         (0xCA, "arithmetic")):
        yield picture("I23", framed(marker), "image_unsupported", "H0", word, "a.jpg")
    yield picture("I24", BASELINE, "none")
    yield picture("I24", sound, "none", "P", "", "a.jpg")
