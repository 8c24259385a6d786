# SPDX-License-Identifier: Apache-2.0
"""Times the reference network, exported to ONNX, in OpenVINO and ONNX Runtime beside another program.

    onnx_runtimes.py --network lite --size 64x64 --target 256x256 --threads 2 --ours "path/to/time_net arguments"

Needs PyTorch, onnx and onnxscript; of `openvino` and `onnxruntime` those that are installed are timed (float32; reduced
precision is not compared). The network is exported for one size, with the tables of the size as constants, and its result
is compared with PyTorch's. All take turns, each repetition once; prints one JSON line of medians and their ratios to ours.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from pytorch import add_case, theirs

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "weights" / "reference"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_case(parser)
    parser.set_defaults(network="lite")
    return parser.parse_args()


def exported(args, folder):
    """The network as an ONNX file, an input for it, and PyTorch's result."""
    import torch

    import eqsr
    import synthetic

    class Fixed(torch.nn.Module):
        """The network for one size."""

        def __init__(self, net, size, target):
            super().__init__()
            self.net, self.tables = net, net.prepare(size, target, torch.device("cpu"))

        def forward(self, x):
            return self.net.compute(x, self.tables)

    size, target = (tuple(int(n) for n in text.split("x")) for text in (args.size, args.target))
    net = Fixed(synthetic.fill(eqsr.Eqsr(getattr(eqsr, args.network)())).eval(), size, target)
    x = synthetic.image("input", *size)
    with torch.no_grad():
        truth = net(x).numpy()
    file = folder / "network.onnx"
    torch.onnx.export(net, (x,), str(file), dynamo=True, verbose=False)  # with gradients: no operation is in place
    return file, x.numpy(), truth


def openvino(file, x, threads):
    import openvino as ov

    compiled = ov.Core().compile_model(str(file), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})
    return (lambda: compiled([x])[0]), f"OpenVINO {ov.__version__.split('-')[0]}"


def onnx_runtime(file, x, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return (lambda: session.run(None, {name: x})[0]), f"ONNX Runtime {ort.__version__}"


def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    args = arguments()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    times, ways = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        file, x, truth = exported(args, Path(folder))
        for make in (openvino, onnx_runtime):
            with suppress(ImportError):
                run, name = make(file, x, args.threads)
                error = float(abs(run() - truth).max())
                if error > 1e-3:
                    raise SystemExit(f"{name} differs from PyTorch by {error}.")
                ways[name] = lambda run=run: timed(run)
        if not ways:
            raise SystemExit("Neither openvino nor onnxruntime is installed: pip install openvino onnxruntime")
        if args.ours:
            ways["ours"] = lambda: theirs(args.ours)
        for _ in range(args.repeats + 1):
            for name, way in ways.items():
                times.setdefault(name, []).append(way())
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}  # the first is a warm-up
    result = {"network": args.network, "size": args.size, "target": args.target, "threads": args.threads,
              "repeats": args.repeats, "seconds": medians}
    if args.ours:
        result["ratios"] = {name: seconds / medians["ours"] for name, seconds in medians.items() if name != "ours"}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
