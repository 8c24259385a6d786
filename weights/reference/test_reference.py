# SPDX-License-Identifier: Apache-2.0
"""Checks the PyTorch network against the golden files, and its float32 gradients against float64 ones.

Usage: test_reference.py [path/to/golden]   (default: tests/golden of this repository)
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

import eqsr
import layers
import synthetic
import upsampler
from geometry import encode, plane_tables, query_axis, query_tables

TOLERANCE = {torch.float64: 1e-6, torch.float32: 3e-5}


def relative(output, truth):
    """Largest error in units of the truth's root mean square."""
    output, truth = np.asarray(output, np.float64), np.asarray(truth, np.float64)
    assert output.shape == truth.shape, (output.shape, truth.shape)
    return np.abs(output - truth).max() / np.sqrt(np.mean(truth ** 2))


def build(name, c):
    """The operator of a golden file as a function of its input tensor, and its module."""
    def config(**more):
        keys = ("channels", "heads", "window", "overlap_ratio", "mlp_ratio")
        return eqsr.Config(**{k: c[k] for k in keys if k in c}, **more)

    def style(dtype):
        return torch.from_numpy(encode(np.float32([2 / c["target_height"]]), 40)).to(dtype)

    def nhwc(module):
        return module, lambda x: module(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def tables(dtype):
        known = plane_tables(*c["x_size"], c["window"], c.get("overlap_ratio", 0.5), torch.device("cpu"))
        return {**known, "style": style(dtype)} if "target_height" in c else known

    def tokens(module):
        return module, lambda x: module(x.view(1, *c["x_size"], -1), tables(x.dtype)).flatten(1, 2)

    n = c["channels"]
    if name == "modulated_conv2d":
        module = layers.ModulatedConv(n, 81)
        return module, lambda x: module(x.permute(0, 2, 3, 1), style(x.dtype)).permute(0, 3, 1, 2)
    if name == "squeeze_excitation":
        return nhwc(layers.SqueezeExcitation(n, n // 4))
    if name == "mod_mbconv":
        module = layers.ModMbConv(config())
        return module, lambda x: module(x.view(1, *c["x_size"], -1), style(x.dtype)).flatten(1, 2)
    if name.startswith("hab"):
        return tokens(layers.Hab(config(), c["shift"]))
    if name == "ocab":
        return tokens(layers.Ocab(config()))
    if name == "rhag":
        return tokens(layers.Group(config(), c["depth"]))
    if name.startswith("involution"):
        module = upsampler.Involution(n) if name == "involution" else upsampler.InvolutionBlock(n)
        factor = torch.from_numpy(c["factor"]).flatten(1, 3)[0].permute(1, 2, 0)
        return module, lambda x: module(x.permute(0, 2, 3, 1), factor.to(x.dtype)).permute(0, 3, 1, 2)
    if name == "kriging_upsampler":
        module = upsampler.Upsampler(eqsr.Config(channels=n, latent=c["latent"]))
        source, target = c["input_shape"][2:], c["target"]
        tables = query_tables(*source, *target, 40, "division", torch.device("cpu"))
        return module, lambda x: module(x.permute(0, 2, 3, 1), tables).permute(0, 3, 1, 2)
    raise ValueError(name)


def check(label, dtype, error, failures):
    good = error <= TOLERANCE[dtype]
    print(f"{'ok  ' if good else 'FAIL'} {label:44s} {str(dtype)[6:]:8s} {error:.2e}")
    if not good:
        failures.append(label)


def test_operators(golden, failures):
    for name, c in json.loads((golden / "manifest.json").read_text())["ops"].items():
        file = load_file(golden / "ops" / f"{name}.safetensors")
        if name == "frequency_encoding":
            check(name, torch.float64, relative(encode(file["x"][:, 0], 40), file["output"]), failures)
        elif name == "query_grid":
            for n, target in c["pairs"]:
                index, rel = query_axis(n, target)
                same = np.array_equal(index, file[f"{n}_{target}.index"]) and np.array_equal(rel, file[f"{n}_{target}.rel"])
                check(f"{name} {n}->{target}", torch.float64, 0.0 if same else 1.0, failures)
        else:
            for dtype in TOLERANCE:
                module, run = build(name, {**c, **file})
                synthetic.fill(module, c["prefix"]).to(dtype)
                shape = c["input_shape"]
                x = torch.from_numpy(synthetic.noise(c["input"], int(np.prod(shape))).reshape(shape)).to(dtype)
                with torch.inference_mode():
                    check(name, dtype, relative(run(x), file["output"]), failures)


def test_networks(golden, failures):
    for name, c in json.loads((golden / "manifest.json").read_text())["net"].items():
        truth = load_file(golden / "net" / f"{name}.safetensors")["output"]
        for dtype in TOLERANCE:
            net = synthetic.fill(eqsr.Eqsr(eqsr.tiny() if c["config"] == "tiny" else eqsr.base()), salt=c["salt"])
            x = synthetic.image(c["input"], *c["lr"]).to(dtype)
            with torch.inference_mode():
                out = net.to(dtype)(x, c["target"])
            check(name, dtype, relative(out, truth), failures)
        with torch.enable_grad():
            check(name + " (as in training)", dtype, relative(net(x, c["target"]).detach(), truth), failures)


def test_gradients(failures):
    """Float32 gradients of a mean square against float64 ones, whose finite difference is checked along one direction."""
    target, gradients = (21, 27), {}
    for dtype in (torch.float64, torch.float32):
        net = synthetic.fill(eqsr.Eqsr(eqsr.lite())).to(dtype)
        x = synthetic.image("input", 12, 15).to(dtype)

        def loss():
            return (net(x, target) - 0.5).square().mean()

        loss().backward()
        gradients[dtype] = {n: p.grad.clone() for n, p in net.named_parameters()}
        if dtype == torch.float64:
            direction = {n: torch.from_numpy(synthetic.parameter("d" + n, p.shape) + np.float32(0)).to(dtype) * p.abs().mean()
                         for n, p in net.named_parameters() if p.dim()}
            slope = sum((gradients[dtype][n] * d).sum().item() for n, d in direction.items())
            values, step = [], 1e-5
            with torch.no_grad():
                for sign in (1, -2):
                    for n, p in net.named_parameters():
                        if n in direction:
                            p.add_(direction[n], alpha=sign * step)
                    values.append(loss().item())
            numeric = (values[0] - values[1]) / (2 * step)
            error = abs(numeric - slope) / abs(slope)
            print(f"finite difference {numeric:.8f}, gradient {slope:.8f}")
            if error > 1e-5:
                failures.append("finite difference")
    worst = max((relative(gradients[torch.float32][n], g), n) for n, g in gradients[torch.float64].items())
    print(f"worst float32 gradient: {worst[0]:.2e} in {worst[1]}")
    if worst[0] > 5e-3:
        failures.append("float32 gradient of " + worst[1])


def main():
    default = Path(__file__).resolve().parents[2] / "tests" / "golden"
    golden = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    torch.manual_seed(0)
    failures = []
    test_operators(golden, failures)
    test_networks(golden, failures)
    test_gradients(failures)
    print(f"{len(failures)} failures", *failures, sep="\n")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
