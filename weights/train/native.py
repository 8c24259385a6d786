# SPDX-License-Identifier: Apache-2.0
"""The operations of native/, which take a step's time beside its products, as differentiable functions of float32.

`install` compiles them for this processor (needs g++) and lets the reference network use them.
"""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import torch
from torch.autograd import Function

import layers
import operators

SOURCES = Path(__file__).with_name("native")
FLAGS = ["-std=c++20", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-shared"]
KEPT = {-3: 32 << 20, -1: 2 ** 31 - 1, -2: 64 << 20}  # mallopt: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD


def build():
    """The compiled library; it is kept in the user's cache until the sources or the processor change."""
    sources = sorted(SOURCES.glob("*.cpp"))
    machine = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("model name", "flags"))][:2]
    content = repr([p.read_text() for p in sorted(SOURCES.iterdir())] + FLAGS + machine)
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eqsr"
    target = folder / f"native-{hashlib.sha256(content.encode()).hexdigest()[:16]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as part:
            made = Path(part) / target.name
            subprocess.run([os.environ.get("CXX", "g++"), *FLAGS, *sources, "-o", made], check=True)
            made.replace(target)  # another process may have made it meanwhile
    return ctypes.CDLL(str(target))


class Library:
    """Calls with tensors and numbers; a tensor is passed as the address of its floats."""

    def __init__(self, library):
        self.library = library

    def __call__(self, name, *arguments):
        call = getattr(self.library, name)
        call.restype = None
        call(*(ctypes.c_void_p(a.data_ptr()) if torch.is_tensor(a) else ctypes.c_int64(a) for a in arguments),
             ctypes.c_int64(torch.get_num_threads()))


def plain(*tensors):
    return [t.float().contiguous() for t in tensors]


def install():
    """Replaces the operations of the reference network; and lets the C library keep the memory that a step frees."""
    native = Library(build())
    for option, value in KEPT.items():
        ctypes.CDLL(None).mallopt(option, value)

    class Involution(Function):
        @staticmethod
        def forward(ctx, z, kernel, factor):
            out = torch.empty_like(z)
            native("involution_forward", out, z, kernel, factor, *kernel.shape[:4])
            ctx.save_for_backward(z, kernel, factor)
            return out

        @staticmethod
        def backward(ctx, gradient):
            z, kernel, factor = ctx.saved_tensors
            out = [torch.empty_like(t) for t in ctx.saved_tensors]
            native("involution_backward", *out, *plain(gradient), z, kernel, factor, *kernel.shape[:4])
            return tuple(out)

    class Gelu(Function):
        @staticmethod
        def forward(ctx, x):
            out, slope = torch.empty_like(x), torch.empty_like(x)
            native("gelu_forward", out, slope, x, x.numel())
            ctx.save_for_backward(slope)
            return out

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.saved_tensors[0]

    class LayerNorm(Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            c, out = x.shape[-1], torch.empty_like(x)
            moments = x.new_empty(x.numel() // c, 2)
            native("layer_norm_forward", out, moments, x, weight, bias, len(moments), c)
            ctx.save_for_backward(x, weight, moments)
            return out

        @staticmethod
        def backward(ctx, gradient):
            x, weight, moments = ctx.saved_tensors
            out = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
            native("layer_norm_backward", *out, *plain(gradient), x, weight, moments, len(moments), x.shape[-1])
            return out

    class Attention(Function):
        @staticmethod
        def forward(ctx, qkv, bias, window, outer, shift):
            b, h, w, c = qkv.shape
            heads, queries, keys = bias.shape
            ctx.sizes = b, h, w, heads, c // (3 * heads), window, outer, shift
            out = qkv.new_empty(b, h, w, c // 3)
            kept = qkv.new_empty(b * (h // window) * (w // window), heads, queries, -(-keys // 8) * 8)
            native("attention_forward", out, kept, qkv, bias, *ctx.sizes)
            ctx.save_for_backward(qkv, bias, kept)
            return out

        @staticmethod
        def backward(ctx, gradient):
            qkv, bias, kept = ctx.saved_tensors
            out = torch.empty_like(qkv), torch.empty_like(bias)
            native("attention_backward", *out, *plain(gradient), qkv, kept, *ctx.sizes)
            return *out, None, None, None

    def attend(y, qkv, proj, table, index, window, outer, shift):
        bias = layers.table_bias(table, index, window ** 2, outer ** 2)[0]
        return proj(Attention.apply(*plain(qkv(y), bias), window, outer, shift))

    def hab(block, y, plane):
        a, m = block.attn, block.window
        return attend(y, a.qkv, a.proj, a.relative_position_bias_table, plane["bias_index"], m, m, block.shift)

    def ocab(block, y, plane):
        return attend(y, block.qkv, block.proj, block.relative_position_bias_table, plane["overlap_bias_index"],
                      block.window, block.outer, 0)

    layers.Hab.attend, layers.Ocab.attend = hab, ocab
    operators.involution = lambda z, kernel, factor: Involution.apply(
        *plain(z.unflatten(-1, (-1, 8)), kernel, factor)).flatten(3)
    gelu, norm = operators.gelu, operators.layer_norm
    operators.gelu = lambda x: Gelu.apply(*plain(x)) if x.numel() % 8 == 0 else gelu(x)
    operators.layer_norm = lambda x, module: (LayerNorm.apply(*plain(x, module.weight, module.bias))
                                              if x.shape[-1] % 8 == 0 else norm(x, module))
