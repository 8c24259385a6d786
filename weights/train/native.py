# SPDX-License-Identifier: Apache-2.0
"""The involution of involution.cpp as a differentiable function."""

from pathlib import Path

import torch
from torch.utils.cpp_extension import load


def involution():
    """Compiles the extension (needs a C++ compiler and ninja) and returns a replacement for `upsampler.involution`."""
    native = load("eqsr_involution", [str(Path(__file__).with_name("involution.cpp"))],
                  extra_cflags=["-O3", "-march=native", "-ffast-math", "-std=c++20"])

    class Native(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z, kernel, factor):
            ctx.save_for_backward(z, kernel, factor)
            return native.forward(z, kernel, factor)

        @staticmethod
        def backward(ctx, gradient):
            return tuple(native.backward(gradient.contiguous(), *ctx.saved_tensors))

    def apply(z, kernel, factor):
        tensors = z.unflatten(-1, (-1, 8)), kernel, factor
        return Native.apply(*(t.float().contiguous() for t in tensors)).flatten(3)

    return apply
