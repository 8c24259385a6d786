# SPDX-License-Identifier: Apache-2.0
"""Ways to run a training on this machine, the time that each takes, and starting one.

A mode is written as precision-processes-code, `float32-2-native` say. The code is `native` (PyTorch with the operations of
native/), `compiled` (torch.compile) or `eager` (PyTorch as it is).
"""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PRECISIONS, CODES = ("float32", "bfloat16"), ("native", "compiled", "eager")
TRIAL = "seconds a step:"  # what a timed training prints
PATIENCE = 900  # seconds until a mode that has not come to an end is left


@dataclass(frozen=True)
class Mode:
    precision: str
    processes: int
    code: str

    @classmethod
    def of(cls, text):
        parts = text.split("-")
        if len(parts) != 3 or parts[0] not in PRECISIONS or not parts[1].isdigit() or int(parts[1]) < 1 or parts[2] not in CODES:
            raise ValueError(f"{text} is no mode. Write precision-processes-code, the precision one of {', '.join(PRECISIONS)}, "
                             f"the code one of {', '.join(CODES)}: float32-2-native, say.")
        return cls(parts[0], int(parts[1]), parts[2])

    def __str__(self):
        return f"{self.precision}-{self.processes}-{self.code}"

    @property
    def threads(self):
        """One process takes all cores, several take one each."""
        return cores() if self.processes == 1 else 1


def cores():
    return len(os.sched_getaffinity(0))


def processor():
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def candidates(device, flags, compiler):
    """The modes worth a trial. Without instructions for it, bfloat16 on a processor is many times slower."""
    if device != "cpu":
        return [Mode(p, 1, code) for p in PRECISIONS for code in ("eager", "compiled")]
    precisions = PRECISIONS if {"avx512_bf16", "amx_bf16"} & set(flags) else PRECISIONS[:1]
    codes = ("native", "compiled") if compiler else ("eager",)
    return [Mode(p, n, code) for code in codes for p in precisions for n in sorted({1, cores()}, reverse=True)]


def fastest(command, device, say):
    """Times a few steps of `command` in each mode; returns the one with the least time."""
    flags = next((line.split() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), [])
    times = {}
    for mode in candidates(device, flags, shutil.which(os.environ.get("CXX", "g++"))):
        with tempfile.TemporaryFile("w+") as out:
            code = run([*command, "--trial", "3"], mode, stdout=out, stderr=out, patience=PATIENCE)
            out.seek(0)
            lines = out.read().splitlines()
        found = [float(line.removeprefix(TRIAL)) for line in lines if line.startswith(TRIAL)]
        if code == 0 and found:
            times[mode] = found[0]
            say(f"{mode}: {found[0]:.3f} s a step")
        else:
            say(f"{mode}: does not run here ({lines[-1] if lines else 'no output'})")
    if not times:
        raise SystemExit("No mode runs. Name one with --mode to see its error.")
    return min(times, key=times.get)


def run(command, mode, stdout=None, stderr=None, patience=None):
    """Runs `command` in as many processes as the mode has, and hands SIGTERM on to them; returns the first bad status. With
    `patience`, a trial: it is left after so many seconds, and SIGTERM is the end of all trials."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = []

    def stop(*_):
        if patience:
            raise SystemExit("Stopped while modes were tried, before the first step.")
        for worker in workers:
            worker.terminate()

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for rank in range(mode.processes):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": mode.processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            workers.append(subprocess.Popen([sys.executable, *command, "--mode", str(mode)], stdout=stdout, stderr=stderr,
                                            env={**os.environ, **{k: str(v) for k, v in place.items()}}))
        return watch(workers, patience)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
        for number, handler in kept.items():
            signal.signal(number, handler)


def watch(workers, patience):
    """The statuses together; when one fails the others, which would wait for it, are ended."""
    waited = 0.0
    while True:
        codes = [worker.poll() for worker in workers]
        bad = [code for code in codes if code]
        if bad or None not in codes:
            return bad[0] if bad else 0
        running = next(worker for worker, code in zip(workers, codes) if code is None)
        try:
            running.wait(0.5)
        except subprocess.TimeoutExpired:
            waited += 0.5
            if patience and waited > patience:
                return 1
