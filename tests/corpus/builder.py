# SPDX-License-Identifier: Apache-2.0
"""Weight files byte by byte, sound ones and broken ones, with nothing but the standard library."""
import struct
import zlib


def u16(n): return struct.pack("<H", n & 0xFFFF)
def u32(n): return struct.pack("<I", n & 0xFFFFFFFF)
def u64(n): return struct.pack("<Q", n & 0xFFFFFFFFFFFFFFFF)


def floats(*values): return struct.pack(f"<{len(values)}f", *values)


# ---- safetensors ---------------------------------------------------------------------------------

def safetensors(header, payload=b"", announced=None):
    header = header.encode() if isinstance(header, str) else header
    return u64(len(header) if announced is None else announced) + header + payload


def record(name="w", dtype='"F32"', shape="[2]", offsets="[0,8]", extra=""):
    return f'"{name}":{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{extra}}}'


# ---- zip, as torch.save lays it out --------------------------------------------------------------

class Zip:
    """An archive with the places of its records, so that they can be damaged."""

    def __init__(self, items, deferred=True, end64=True):
        self.bytes = bytearray()
        self.local, self.data, self.central = [], [], []
        directory = bytearray()
        flags = 0x0808 if deferred else 0x0800
        for name, data in items:
            name = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
            sizes = u32(zlib.crc32(data)) + u32(len(data)) + u32(len(data))
            extra = b"FB" + u16(5) + b"ZZZZZ"
            self.local.append(len(self.bytes))
            self.bytes += (b"PK\3\4" + u16(0) + u16(flags) + u16(0) + u32(0) +
                           (bytes(12) if deferred else sizes) + u16(len(name)) + u16(len(extra)) +
                           name + extra)
            self.data.append(len(self.bytes))
            self.bytes += data
            if deferred:
                self.bytes += b"PK\7\x08" + sizes
            self.central.append(len(directory))
            directory += (b"PK\1\2" + u16(0) + u16(0) + u16(flags) + u16(0) + u32(0) + sizes +
                          u16(len(name)) + bytes(8) + u32(0) + u32(self.local[-1]) + name)
        self.directory = len(self.bytes)
        self.central = [at + self.directory for at in self.central]
        self.bytes += directory
        self.end64 = self.locator = None
        if end64:
            self.end64 = len(self.bytes)
            self.bytes += (b"PK\6\6" + u64(44) + u16(0) + u16(0) + u32(0) + u32(0) +
                           u64(len(items)) * 2 + u64(len(directory)) + u64(self.directory))
            self.locator = len(self.bytes)
            self.bytes += b"PK\6\7" + u32(0) + u64(self.end64) + u32(1)
        self.end = len(self.bytes)
        self.bytes += (b"PK\5\6" + u16(0) + u16(0) + u16(len(items)) * 2 + u32(len(directory)) +
                       u32(self.directory) + u16(0))

    def patched(self, *changes):
        """The archive with (offset, bytes) written over it."""
        out = bytearray(self.bytes)
        for at, new in changes:
            out[at:at + len(new)] = new
        return bytes(out)


# ---- pickles: pieces that leave one value on the stack -------------------------------------------

def text(t):
    t = t if isinstance(t, bytes) else t.encode("utf-8", "surrogatepass")
    return b"X" + u32(len(t)) + t


def integer(n): return b"J" + struct.pack("<i", n)
def name(module, n): return b"c" + module.encode() + b"\n" + n.encode() + b"\n"
def tuple_of(items): return b"(" + items + b"t"
def integers(values): return tuple_of(b"".join(map(integer, values)))
def items(pairs): return b"}(" + pairs + b"u"
def whole(value): return b"\x80\2" + value + b"."


ORDERED_DICT = name("collections", "OrderedDict") + b")R"
REBUILD = name("torch._utils", "_rebuild_tensor_v2")


def storage(key="0", numel=2, kind="FloatStorage"):
    return tuple_of(text("storage") + name("torch", kind) + text(key) + text("cpu") +
                    integer(numel)) + b"Q"


def tensor(of, offset=0, sizes=(2,), strides=(1,)):
    return REBUILD + tuple_of(of + integer(offset) + integers(sizes) + integers(strides) +
                              b"\x89" + ORDERED_DICT) + b"R"


TWO, FOUR = floats(1.5, -2.0), floats(1, 2, 3, 4)
W = text("w") + tensor(storage())
SOUND_PICKLE = whole(items(W))


def archive(pickle=SOUND_PICKLE, storages=(("0", TWO), ("1", FOUR)), extra=(), **options):
    return Zip([("m/data.pkl", pickle), *((f"m/data/{k}", v) for k, v in storages),
                ("m/version", b"3\n"), *extra], **options)


def stream(pickle, storages=(("0", TWO),), element=4):
    """The files of PyTorch before 1.6."""
    magic = b"\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    version = b"M" + u16(1001)
    system = items(text("protocol_version") + version + text("little_endian") + b"\x88")
    keys = b"](" + b"".join(text(k) for k, _ in storages) + b"e"
    payload = b"".join(u64(len(v) // element) + v for _, v in storages)
    return magic + whole(version) + whole(system) + pickle + whole(keys) + payload


# ---- pictures ------------------------------------------------------------------------------------

def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PNG = b"\x89PNG\r\n\x1a\n"


def ihdr(width, height, bits=8, colour=2, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


def png(width=4, height=4, bits=8, colour=2, rows=None, extra=b"", data=None):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    if data is None:  # else the picture may announce more than anyone has time to make
        if rows is None:
            rows = b"".join(b"\0" + bytes((x * 7 + y * 11) % 200 for x in range(width * channels))
                            for y in range(height))
        data = zlib.compress(rows)
    return PNG + ihdr(width, height, bits, colour) + extra + chunk(b"IDAT", data) + chunk(b"IEND")
