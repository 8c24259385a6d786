# SPDX-License-Identifier: Apache-2.0
"""The operations of native/, which take most of a step's time, as differentiable functions of float32.

`install` compiles them for this processor (needs g++) and lets the reference network use them.
"""

import ctypes
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.autograd import Function

import layers
import operators
import upsampler

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
    """Calls with tensors and numbers; a tensor is passed as the address of its floats, None as a null pointer."""

    def __init__(self, library):
        self.library = library

    def __call__(self, name, *arguments):
        call = getattr(self.library, name)
        call.restype = None
        call(*(ctypes.c_int64(a) if isinstance(a, int) else ctypes.c_void_p(None if a is None else a.data_ptr()) for a in arguments),
             ctypes.c_int64(torch.get_num_threads()))


def plain(*tensors):
    return [None if t is None else t.float().contiguous() for t in tensors]


def like(tensors):
    return [None if t is None else torch.empty_like(t) for t in tensors]


def install():
    """Replaces the operations of the reference network; and lets the C library keep the memory that a step frees."""
    library = build()
    native, lanes = Library(library), library.vector_lanes()
    for option, value in KEPT.items():
        ctypes.CDLL(None).mallopt(option, value)

    def fits(*sizes):
        return all(size % lanes == 0 for size in sizes)

    def rounded():
        """Whether products take operands of bfloat16."""
        return int(torch.is_autocast_enabled("cpu"))

    class Prologue(Function):
        @staticmethod
        def forward(ctx, x, gain, offset, gelu):
            ctx.sizes = x.numel() // x.shape[-1], x.shape[-1], int(gelu)
            out = torch.empty_like(x)
            native("prologue_forward", out, x, gain, offset, *ctx.sizes)
            ctx.save_for_backward(x, gain, offset)
            return out

        @staticmethod
        def backward(ctx, gradient):
            out = like(ctx.saved_tensors)
            native("prologue_backward", *out, *plain(gradient), *ctx.saved_tensors, *ctx.sizes)
            return *out, None

    class Linear(Function):
        @staticmethod
        def forward(ctx, x, gain, offset, weight, bias, residual, gelu):
            ctx.sizes = x.numel() // x.shape[-1], weight.shape[1], weight.shape[0], int(gelu), rounded()
            out = x.new_empty(*x.shape[:-1], len(weight))
            native("linear_forward", out, x, gain, offset, weight, bias, residual, *ctx.sizes)
            ctx.save_for_backward(x, gain, offset, weight, bias)
            return out

        @staticmethod
        def backward(ctx, gradient):
            gradient, = plain(gradient)
            x, gain, offset, weight, bias = ctx.saved_tensors
            out = like(ctx.saved_tensors)
            native("linear_backward", *out, gradient, x, gain, offset, weight, *ctx.sizes)
            return *out, gradient if ctx.needs_input_grad[5] else None, None

    class Perceptron(Function):
        """Two linear layers with GELU between them, of norm(x), perhaps added to x."""

        @staticmethod
        def forward(ctx, x, hidden, residual, *parameters):
            ctx.sizes = x.numel() // x.shape[-1], x.shape[-1], hidden, int(residual), rounded()
            out = torch.empty_like(x)
            native("perceptron_forward", out, x, *parameters, *ctx.sizes)
            ctx.save_for_backward(x, *parameters)
            return out

        @staticmethod
        def backward(ctx, gradient):
            out = like(ctx.saved_tensors)
            native("perceptron_backward", *out, *plain(gradient), *ctx.saved_tensors, *ctx.sizes)
            return out[0], None, None, *out[1:]

    class Involution(Function):
        @staticmethod
        def forward(ctx, z, hidden, weight, bias, factor):
            ctx.sizes = *z.shape[:3], z.shape[3] // 8, hidden.shape[3]
            out = torch.empty_like(z)
            native("involution_forward", out, z, hidden, weight, bias, factor, *ctx.sizes)
            ctx.save_for_backward(z, hidden, weight, bias, factor)
            return out

        @staticmethod
        def backward(ctx, gradient):
            out = like(ctx.saved_tensors)
            native("involution_backward", *out, *plain(gradient), *ctx.saved_tensors, *ctx.sizes)
            return tuple(out)

    class Gated(Function):
        """residual + gate(means of y) y, perhaps relu of it; `parameters` are those of `gate`."""

        @staticmethod
        def forward(ctx, y, residual, relu, gate, *parameters):
            ctx.sizes = y.shape[0], y[0].numel() // y.shape[-1], y.shape[-1]
            means, out = y.new_empty(y.shape[0], y.shape[-1]), torch.empty_like(y)
            native("channel_means", means, y, *ctx.sizes)
            with torch.enable_grad():
                means.requires_grad_()
                value = gate(means)
            ctx.gate = [means, *parameters], value
            value, = plain(value.detach())
            native("gated_forward", out, y, value, residual, int(relu), *ctx.sizes)
            ctx.save_for_backward(y, value, out if relu else None)
            return out

        @staticmethod
        def backward(ctx, gradient):
            gradient, = plain(gradient)
            y, value, out = ctx.saved_tensors
            dresidual = gradient if out is None else torch.empty_like(gradient)
            dvalue, dy = torch.empty_like(value), torch.empty_like(y)
            native("gate_backward", dvalue, dresidual, gradient, y, out, *ctx.sizes)
            inputs, result = ctx.gate
            dmeans, *dparameters = torch.autograd.grad(result, inputs, dvalue.to(result.dtype))
            native("gated_backward", dy, dresidual, value, *plain(dmeans), *ctx.sizes)
            return dy, dresidual if ctx.needs_input_grad[1] else None, None, None, *dparameters

    class Attention(Function):
        @staticmethod
        def forward(ctx, qkv, bias, window, outer, shift):
            b, h, w, c = qkv.shape
            heads, queries, _ = bias.shape
            ctx.sizes = b, h, w, heads, c // (3 * heads), window, outer, shift
            out = qkv.new_empty(b, h, w, c // 3)
            kept = qkv.new_empty(b * (h // window) * (w // window), heads, 2, -(-queries // lanes) * lanes)
            native("attention_forward", out, kept, qkv, bias, *ctx.sizes)
            ctx.save_for_backward(qkv, bias, kept)
            return out

        @staticmethod
        def backward(ctx, gradient):
            qkv, bias, kept = ctx.saved_tensors
            out = torch.empty_like(qkv), torch.empty_like(bias)
            native("attention_backward", *out, *plain(gradient), qkv, bias, kept, *ctx.sizes)
            return *out, None, None, None

    def normed(x, norm, gelu=False):
        """norm(x), then perhaps GELU."""
        if fits(x.shape[-1]):
            return Prologue.apply(*plain(x, norm.weight, norm.bias), gelu)
        x = layer_norm(x, norm)
        return operators.gelu(x) if gelu else x

    def linear(x, module, norm=None, gelu=False, residual=None):
        """A 1x1 layer of norm(x), or of GELU of that, added to a residual."""
        weight = module.weight.flatten(1)
        if fits(*weight.shape):
            gain, offset = (norm.weight, norm.bias) if norm else (None, None)
            return Linear.apply(*plain(x, gain, offset, weight, module.bias, residual), gelu)
        x = layer_norm(x, norm) if norm else x
        x = operators.gelu(x) if gelu else x
        y = F.linear(x, weight, module.bias)
        return y if residual is None else residual + y

    def gated(y, gate, parameters, residual=None, relu=False):
        if fits(y.shape[-1]):
            return Gated.apply(*plain(y, residual), relu, gate, *parameters)
        y = y * gate(y.mean((1, 2)))[:, None, None]
        y = y if residual is None else residual + y
        return torch.relu(y) if relu else y

    def attend(owner, x, norm, index, window, outer, shift):
        """x and the attention of its norm, whose layers `owner` holds."""
        bias = layers.table_bias(owner.relative_position_bias_table, index, window ** 2, outer ** 2)[0]
        return linear(Attention.apply(*plain(linear(x, owner.qkv, norm), bias), window, outer, shift), owner.proj, residual=x)

    def perceptron(x, norm, first, second, residual):
        """second(GELU(first(norm(x)))), perhaps added to x."""
        if fits(*first.weight.shape[:2]):
            parameters = (norm.weight, norm.bias, first.weight.flatten(1), first.bias, second.weight.flatten(1), second.bias)
            return Perceptron.apply(*plain(x), len(first.weight), residual, *plain(*parameters))
        return linear(linear(x, first, norm), second, gelu=True, residual=x if residual else None)

    def hab(block, x, plane):
        m = block.window
        x = attend(block.attn, x, block.norm1, plane["bias_index"], m, m, block.shift)
        return perceptron(x, block.norm2, block.mlp.fc1, block.mlp.fc2, residual=True)

    def ocab(block, x, plane):
        x = attend(block, x, block.norm1, plane["overlap_bias_index"], block.window, block.outer, 0)
        return perceptron(x, block.norm2, block.mlp.fc1, block.mlp.fc2, residual=True)

    def feature_extractor(block, x, style):
        a = linear(x, block.net1)
        b = a + block.net2(normed(a, block.norm1[0], gelu=True), style)
        y = normed(b, block.norm2[0], gelu=True)
        excitation = block.net3[0].gate
        return linear(gated(y, excitation, excitation.parameters()), block.net3[1], residual=b)

    def involve(module, z, factor):
        hidden, last = layers.conv3x3(z, module.seblock[0].weight, module.seblock[0].bias), module.seblock[2]
        if fits(z.shape[-1], hidden.shape[-1]):
            return Involution.apply(*plain(z, hidden, last.weight.flatten(1), last.bias, factor))
        kernel = layers.pointwise(torch.relu(hidden), last).unflatten(-1, (-1, 9))
        return operators.involution(z, kernel, factor)

    def involution_block(block, x, factor):
        """With the relu that follows it."""
        v = involve(block.attn, linear(x, block.conv1, block.norm1.body), factor)
        x, ffn = linear(v, block.conv2, residual=x), block.ffn
        y = perceptron(x, block.norm2.body, ffn.conv1, ffn.conv2, residual=False)
        return gated(y, ffn.gate, ffn.CA.parameters(), residual=x, relu=True)

    layers.Hab.forward, layers.Ocab.forward, layers.ModMbConv.forward = hab, ocab, feature_extractor
    upsampler.InvolutionBlock.forward = involution_block
    layer_norm, operators.layer_norm = operators.layer_norm, normed
