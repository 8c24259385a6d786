# SPDX-License-Identifier: Apache-2.0
"""Writes the small weight files of this folder: python make.py (needs torch and safetensors).

Each .pth file has a .safetensors twin that holds the same tensors, contiguous, as PyTorch reads
them; the tests compare the two bit for bit. tiny_dataparallel_half.pth is not made here: it holds
the synthetic parameters of the tiny network, rounded to float16.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent


def tensors(start):
    """One of each kind that a state dict can contain."""
    base = torch.arange(24, dtype=torch.float32) * 0.37 + start
    special = torch.tensor([0.0, -0.0, 6e-8, 65504.0, 1e-40, float("inf"), float("nan"), -1.5])
    state = OrderedDict()
    state["float32"] = base.clone().reshape(2, 3, 4)
    state["float16"] = special.half()
    state["bfloat16"] = special.bfloat16()
    state["float64"] = base.double() / 3
    state["int64"] = torch.tensor([[-1, 2], [3, -(2**62)]])
    state["int32"] = torch.tensor([-7, 7], dtype=torch.int32)
    state["int16"] = torch.tensor([-300], dtype=torch.int16)
    state["int8"] = torch.tensor([-8, 8], dtype=torch.int8)
    state["uint8"] = torch.tensor([0, 255], dtype=torch.uint8)
    state["bool"] = torch.tensor([True, False, True])
    state["scalar"] = torch.tensor(2.5 + start)
    state["empty"] = torch.zeros(3, 0, 2)
    shared = base.reshape(4, 6)
    state["shared.whole"] = shared
    state["shared.transposed"] = shared.t()
    state["shared.slice"] = shared[1:3, 2:5]
    state["shared.every_other"] = shared[::2, 1::3]
    state["permuted"] = base.reshape(2, 3, 4).permute(2, 0, 1)
    state["expanded"] = base[:6].reshape(6, 1).expand(6, 3)
    state["parameter"] = torch.nn.Parameter(base[:5].clone())
    return state


def write(name, content, expected, **options):
    torch.save(content, HERE / f"{name}.pth", **options)
    save_file(
        {k: v.detach().clone().contiguous() for k, v in expected.items()},
        HERE / f"{name}.safetensors",
    )


def main():
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) / 7)
    state = module.state_dict()  # carries _metadata

    write("both_sets", {"params": tensors(0), "params_ema": tensors(1)}, tensors(1))
    write(
        "nested_prefixed",
        {
            "epoch": 7,
            "best": 31.25,
            "args": {"lr": 1e-4, "betas": (0.9, 0.99), "milestones": [1, 2], "resume": None},
            "state_dict": OrderedDict(("module." + k, v) for k, v in state.items()),
        },
        state,
    )
    write("older_stream", tensors(2), tensors(2), _use_new_zipfile_serialization=False)
    write("bare_module", state, state)


if __name__ == "__main__":
    main()
