# SPDX-License-Identifier: Apache-2.0
"""Times the tuned PyTorch network; with --ours, interleaved with another program.

    pytorch.py --network base --size 64x64 --target 256x256 --repeats 9
    pytorch.py --network lite --ours "path/to/program arguments"

Prints one JSON line: the median seconds of one inference, its quartiles and the peak memory. Parameters and image are
synthetic (weights/reference/synthetic.py), the number of threads is set explicitly, weights are ready and the tables of
the size are cached before the timing starts. Times are of the wall, from the call to the end of the work (on a GPU with a
synchronisation; input and output stay there, and float32 is not TF32); `timed` says so. The program of --ours is started
anew for each repetition and prints one JSON line with `seconds`; then the line also holds its median and the ratio of the
medians, PyTorch over ours.
"""

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path


def add_case(parser):
    """The options that say what is timed, for every peer."""
    parser.add_argument("--network", choices=("base", "lite", "tiny"), default="base")
    parser.add_argument("--size", default="64x64", help="rows x columns of the input")
    parser.add_argument("--target", default="256x256", help="rows x columns of the output")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--ours", metavar="COMMAND", help="program to interleave with")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_case(parser)
    parser.add_argument("--warm-ups", type=int, default=2)
    parser.add_argument("--mode", choices=("fp32", "bf16", "fp32-as-bf16"), default="fp32",
                        help="bf16: autocast; fp32-as-bf16: float32 tensors multiplied in bfloat16")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--isa", choices=("avx2", "avx512"), help="the newest instruction set PyTorch may use")
    return parser.parse_args()


def prepare(args):
    """A function that runs one inference to its end."""
    import torch

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "weights" / "reference"))
    import eqsr
    import synthetic

    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    # float32 is float32: PyTorch multiplies it as TF32 on GPUs unless told otherwise.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if args.mode == "fp32-as-bf16":
        torch.backends.mkldnn.matmul.fp32_precision = torch.backends.mkldnn.conv.fp32_precision = "bf16"
    size, target = ([int(n) for n in text.split("x")] for text in (args.size, args.target))
    net = synthetic.fill(eqsr.Eqsr(getattr(eqsr, args.network)())).eval().to(args.device)
    for module in net.modules():
        for name, p in module.named_parameters(recurse=False):
            if p.dim() == 4:
                setattr(module, name, torch.nn.Parameter(p.detach().to(memory_format=torch.channels_last)))
    x = synthetic.image("input", *size).to(args.device, memory_format=torch.channels_last)
    compute = torch.compile(net.compute) if args.compile else net.compute
    cuda = x.is_cuda

    def run():
        with torch.inference_mode(), torch.autocast(x.device.type, torch.bfloat16, enabled=args.mode == "bf16"):
            out = compute(x, net.prepare(tuple(size), tuple(target), x.device))
        if cuda:
            torch.cuda.synchronize()
        return out

    assert torch.get_num_threads() == args.threads and tuple(run().shape[2:]) == tuple(target)
    return run, torch.__version__


def theirs(command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    out = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, env=environment).stdout
    return json.loads(next(line for line in out.splitlines() if line.startswith("{")))["seconds"]


def product_rate(threads):
    """GFLOP/s of torch.mm on float32 1024 x 1024 matrices."""
    import torch

    torch.set_num_threads(threads)
    a, b, times = torch.randn(1024, 1024), torch.randn(1024, 1024), []
    for _ in range(15):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * 1024 ** 3 / statistics.median(times) * 1e-9


def start_as_wanted(isa):
    """Starts this program again with an allocator that does not give memory back between layers, and with PyTorch's
    libraries limited to an instruction set."""
    wanted = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
    if isa:
        wanted |= {"ATEN_CPU_CAPABILITY": isa, "DNNL_MAX_CPU_ISA": {"avx2": "AVX2", "avx512": "AVX512_CORE"}[isa],
                   "MKL_ENABLE_INSTRUCTIONS": {"avx2": "AVX2", "avx512": "AVX512"}[isa]}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})


def main():
    args = arguments()
    start_as_wanted(args.isa)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    run, version = prepare(args)
    rate = product_rate(args.threads) if args.device == "cpu" else None
    for _ in range(args.warm_ups):
        run()
        if args.ours:
            theirs(args.ours)
    peer, ours = [], []
    for _ in range(args.repeats):
        start = time.perf_counter()
        run()
        peer.append(time.perf_counter() - start)
        if args.ours:
            ours.append(theirs(args.ours))
    quartiles = statistics.quantiles(peer, n=4) if len(peer) > 1 else peer * 3
    result = {"peer": f"pytorch {version}", "network": args.network, "size": args.size, "target": args.target,
              "mode": args.mode, "isa": args.isa or "all", "compile": args.compile, "tf32": False,
              "timed": "wall clock, synchronised, data on the device", "threads": args.threads,
              "repeats": args.repeats,
              "seconds": statistics.median(peer), "quartiles": [quartiles[0], quartiles[2]],
              "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "load": os.getloadavg()[0],
              "mm_gflops": rate}
    if ours:
        result |= {"ours": statistics.median(ours), "ratio": result["seconds"] / statistics.median(ours)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
