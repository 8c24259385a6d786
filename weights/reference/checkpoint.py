# SPDX-License-Identifier: Apache-2.0
"""Weights files: our safetensors, and the published PyTorch containers."""

import torch
from safetensors import safe_open
from safetensors.torch import save_file

import eqsr

FORMAT = "eqsr"


def save(path, parameters, config, **notes):
    """Writes float32 tensors with the configuration; every note becomes a string of the metadata."""
    metadata = {"format": FORMAT, "configuration": config.to_json(), "encoding": config.encoding}
    metadata |= {name: str(value) for name, value in notes.items()}
    tensors = {name: p.detach().float().cpu().contiguous() for name, p in parameters.items()}
    save_file(tensors, path, metadata)


def load(path, config=None):
    """The network of a weights file, in evaluation mode, and the file's metadata.

    A file without our metadata (a published checkpoint, say) takes its shape from `config`, by default the published one.
    """
    metadata = {}
    if str(path).endswith(".safetensors"):
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            parameters = {name: file.get_tensor(name) for name in file.keys()}
    else:
        parameters = torch.load(path, map_location="cpu", weights_only=True)
        for key in ("params_ema", "params", "state_dict"):
            if key in parameters:
                parameters = parameters[key]
                break
    if metadata.get("format") == FORMAT:
        config = eqsr.Config.from_json(metadata["configuration"], metadata.get("encoding", "division"))
    net = eqsr.Eqsr(config or eqsr.base())
    parameters = {name.removeprefix("module."): p.float() for name, p in parameters.items()
                  if "relative_position_index" not in name}
    net.load_state_dict(parameters)
    return net.eval(), metadata
