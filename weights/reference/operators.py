# SPDX-License-Identifier: Apache-2.0
"""Operations that a training may replace by faster ones: operators.gelu = ..., and so on."""

import torch
import torch.nn.functional as F

gelu = F.gelu


def layer_norm(x, module):
    return F.layer_norm(x, x.shape[-1:], module.weight, module.bias, 1e-5)


def involution(z, kernel, factor):
    """out[c](p) = sum_q factor[q](p) kernel[c/8][q](p) z[c](p+q), zeros outside.

    z [b,H,W,C], kernel [b,H,W,C/8,9], factor [H,W,9]: nine shifted multiply-adds. Without gradients they run in place on
    a few rows at a time, which stay in the cache.
    """
    b, h, w, c = z.shape
    z = F.pad(z, (0, 0, 1, 1, 1, 1)).view(b, h + 2, w + 2, c // 8, 8)
    factor = factor.to(kernel.dtype)[:, :, None]
    if torch.is_grad_enabled():
        kernel, out = kernel * factor, 0
        for q in range(9):
            out = out + kernel[..., q, None] * z[:, q // 3:q // 3 + h, q % 3:q % 3 + w]
        return out.reshape(b, h, w, c)
    out = z.new_zeros(b, h, w, c // 8, 8)
    rows = h if z.is_cuda else 8
    for y in range(0, h, rows):
        end = min(y + rows, h)
        part = kernel[:, y:end] * factor[y:end]
        for q in range(9):
            out[:, y:end].addcmul_(part[..., q, None], z[:, y + q // 3:end + q // 3, q % 3:q % 3 + w])
    return out.view(b, h, w, c)
