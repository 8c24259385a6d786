# SPDX-License-Identifier: Apache-2.0
"""PNG files decoded with nothing but the standard library."""
import struct
import zlib


class Png:
    """A decoded PNG of 8 or 16 bits: `pixels[y][x]` is a tuple."""

    def __init__(self, path):
        data, at, self.chunks = path.read_bytes(), 8, {}
        assert data[:8] == b"\x89PNG\r\n\x1a\n", path
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            self.chunks[kind] = self.chunks.get(kind, b"") + data[at + 8:at + 8 + length]
            at += length + 12
        self.width, self.height, self.bits, colour = struct.unpack(">IIBB", self.chunks[b"IHDR"][:10])
        self.channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
        step = self.channels * self.bits // 8
        size = self.width * step
        raw, above, self.pixels = zlib.decompress(self.chunks[b"IDAT"]), bytes(size), []
        for y in range(self.height):
            row = bytearray(raw[y * (size + 1):(y + 1) * (size + 1)])
            filter_, row = row[0], row[1:]
            for i in range(size):
                a, b = row[i - step] if i >= step else 0, above[i]
                c = above[i - step] if i >= step else 0
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                paeth = a if pa <= pb and pa <= pc else b if pb <= pc else c
                row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth)[filter_]) % 256
            above = bytes(row)
            samples = struct.unpack(f">{size * 8 // self.bits}{'B' if self.bits == 8 else 'H'}", above)
            self.pixels.append([samples[x:x + self.channels]
                                for x in range(0, len(samples), self.channels)])

    def profile(self):
        return zlib.decompress(self.chunks[b"iCCP"].split(b"\0", 1)[1][1:])
