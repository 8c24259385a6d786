# SPDX-License-Identifier: Apache-2.0
"""EDSR-baseline in PyTorch, for the golden file of a trunk that is not EQSR's: python edsr.py

Lim et al., CVPR Workshops 2017, doi:10.1109/CVPRW.2017.151. Parameters have the names and shapes of the published
state dicts; their values are synthetic, so the golden file holds the trunk's output only, computed in double.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

import synthetic

MEAN = (0.4488, 0.4371, 0.4040)


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def mean_shift(sign):
    """A 1x1 convolution with constant parameters, for colours in [0, 255]."""
    shift = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        shift.weight.copy_(torch.eye(3)[:, :, None, None])
        shift.bias.copy_(sign * 255 * torch.tensor(MEAN))
    return shift


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), nn.ReLU(), conv(channels, channels))

    def forward(self, x):
        return x + self.body(x)


class Edsr(nn.Module):
    def __init__(self, channels=64, blocks=16, scale=2):
        super().__init__()
        self.sub_mean, self.add_mean = mean_shift(-1), mean_shift(1)
        self.head = nn.Sequential(conv(3, channels))
        self.body = nn.Sequential(*(Block(channels) for _ in range(blocks)), conv(channels, channels))
        upsampler = nn.Sequential(conv(channels, scale ** 2 * channels), nn.PixelShuffle(scale))
        self.tail = nn.Sequential(upsampler, conv(channels, 3))

    def trunk(self, image):
        """Features of an image in [0, 1]."""
        shallow = self.head(self.sub_mean(255 * image))
        return shallow + self.body(shallow)


def main():
    name, height, width = "input", 16, 20
    net = Edsr()
    for part in ("head", "body"):
        synthetic.fill(getattr(net, part), part + ".")
    shapes = " ".join(f"{n} [{','.join(map(str, p.shape))}]" for n, p in net.state_dict().items())
    image = synthetic.image(name, height, width)
    with torch.inference_mode():
        single = net.trunk(image)
        double = net.double().trunk(image.double())
    error = (single - double).abs()
    default = Path(__file__).resolve().parents[2] / "tests" / "golden" / "net" / "edsr_baseline_16x20.safetensors"
    save_file({"output": double.float().contiguous()}, sys.argv[1] if len(sys.argv) > 1 else default,
              {"input": name, "lr": f"[{height}, {width}]", "state_dict": shapes,
               "pytorch_fp32_max_abs_error": f"{error.max().item():.3e}"})
    print(f"largest value {double.abs().max():.4g}, float32 differs by {error.max():.2e}")


if __name__ == "__main__":
    main()
