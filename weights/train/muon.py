# SPDX-License-Identifier: Apache-2.0
"""Muon: momentum whose matrices are made orthogonal before they are a step, so that directions which gradients seldom take
move as far as the others. Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024.

For a weight W of [out, in] (a convolution's is [out, in 3 3]; queries, keys and values are a matrix each), gradient G:

    M <- m M + (1 - m) G        U = m M + (1 - m) G        W <- W - rate 0.2 sqrt(max(out, in)) orthogonal(U)

The factor makes a step's root mean square what Adam's usually is, and one rate serve both (Liu et al., Muon is Scalable for LLM
Training, 2025). Vectors, tables, small matrices, and the layers at the network's inputs and outputs go by Adam.
"""

from collections import defaultdict

import torch

SMALLEST = 12  # rows or columns of a matrix
OUTER = ("conv_first.", "to_style.", "upsample.head.", "to_rgb.", "_table")
COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5


def orthogonal(x):
    """Matrices [n, rows, columns] with their singular values near 1 (0.7 to 1.2), by Newton and Schulz's iteration."""
    if x.shape[-2] > x.shape[-1]:
        return orthogonal(x.mT).mT
    a, b, c = COEFFICIENTS
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon(torch.optim.Adam):
    """Muon for the inner matrices of a network, Adam for the rest, in one state of Adam's shape: a matrix's `exp_avg` is M."""

    def __init__(self, net, momentum=0.95, **adam):
        super().__init__(net.parameters(), **adam)
        self.momentum = momentum
        self.parts = {p: 3 if "qkv." in name else 1 for name, p in net.named_parameters()
                      if p.ndim > 1 and min(p.flatten(1).shape) >= SMALLEST and not any(part in name for part in OUTER)}

    @torch.no_grad()
    def step(self):
        gradients = {p: p.grad for p in self.parts if p.grad is not None}
        for p in gradients:
            p.grad = None  # Adam passes over it
        super().step()
        rate, groups = self.param_groups[0]["lr"], defaultdict(list)
        for p, gradient in gradients.items():
            p.grad = gradient
            kept = self.state[p]
            if not kept:  # Adam looks for `step` in every entry that it loads
                kept.update(step=torch.zeros(()), exp_avg=torch.zeros_like(p))
            kept["exp_avg"].lerp_(gradient, 1 - self.momentum)
            direction = gradient.lerp(kept["exp_avg"], self.momentum)
            for piece, target in zip(*(t.flatten(1).chunk(self.parts[p]) for t in (direction, p))):
                groups[piece.shape].append((piece, target))
        for shape, pairs in groups.items():
            pieces, targets = zip(*pairs)
            change = orthogonal(torch.stack(pieces)) * (rate * -0.2 * max(shape) ** 0.5)
            torch._foreach_add_(list(targets), list(change.unbind()))
