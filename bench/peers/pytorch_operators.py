# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch's operators on a GPU at the shapes of bench/cuda/time_cuda.cu: JSON lines."""
import json

import torch
import torch.nn.functional as F

H, W, C, HEADS, WINDOW = 272, 480, 180, 6, 16


def median_seconds(work):
    times = []
    for i in range(23):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(begin.elapsed_time(end) / 1e3)
    return sorted(times)[len(times) // 2]


def operators(dtype):
    def random(*shape):
        return torch.rand(shape, device="cuda", dtype=dtype) - 0.5

    tokens, d, windows = H * W, C // HEADS, H * W // WINDOW ** 2
    x, plane = random(tokens, C), random(1, C, H, W).to(memory_format=torch.channels_last)
    qkv, qkv_bias, proj, proj_bias = random(3 * C, C), random(3 * C), random(C, C), random(C)
    wide, wide_bias, narrow = random(2 * C, C), random(2 * C), random(C, 2 * C)
    kernel = random(C, C, 3, 3).to(memory_format=torch.channels_last)
    table = random(1, HEADS, WINDOW ** 2, WINDOW ** 2)

    def attention():
        cut = F.linear(x, qkv, qkv_bias).view(H // WINDOW, WINDOW, W // WINDOW, WINDOW, 3, HEADS, d)
        q, k, v = cut.permute(4, 0, 2, 5, 1, 3, 6).reshape(3, windows, HEADS, WINDOW ** 2, d)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=table)
        return F.linear(out.transpose(1, 2).reshape(tokens, C), proj, proj_bias)

    return {"linear": lambda: F.linear(x, qkv, qkv_bias),
            "conv2d": lambda: F.conv2d(plane, kernel, proj_bias, padding=1),
            "mlp": lambda: F.linear(F.gelu(F.linear(x, wide, wide_bias)), narrow, proj_bias),
            "window_attention": attention}


def main():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 is float32
    for mode, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with torch.inference_mode():
            for what, work in operators(dtype).items():
                print(json.dumps({"peer": f"pytorch {torch.__version__}", "what": what, "mode": mode,
                                  "timed": "events on the stream, data on the device",
                                  "seconds": median_seconds(work)}), flush=True)


if __name__ == "__main__":
    main()
