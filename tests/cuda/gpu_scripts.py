#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/gpu.sh and bench/gpu.sh do on machines of every kind, with programs that only pretend:
without a GPU they skip, with a driver that is too old they fail, nvcc outside PATH is handed to
CMake, and compute-sanitizer is not to count calls that tests make fail."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("eqsr_gpu_tests", "kriging_on_my_backbone", "pixels", "thrust_interop", "time_cuda")


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def run(name, folder, *, code=0, programs=True, toolkit=(), gpu=False):
    """Exit code and output of a script where programs end with `code`."""
    shutil.rmtree(folder, ignore_errors=True)
    for program in PROGRAMS if programs else ():
        script(folder / "programs" / program, f'[ $# -eq 0 ] || echo "{{}}"\nexit {code}\n')
    for tool in toolkit:
        script(folder / "toolkit/bin" / tool, 'echo "$0 $*"\n')
    script(folder / "path/cmake", f'echo "cmake with ${{CUDACXX:-nothing}}"\nmkdir -p "{folder}/programs"\n'
           f'printf "#!/bin/sh\\nexit 77\\n" | tee "{folder}"/programs/time_cuda >"{folder}"/programs/eqsr_gpu_tests\n'
           f'chmod +x "{folder}"/programs/*\n')
    script(folder / "path/nvidia-smi", "")
    script(folder / "path/python3", "exit 1\n")  # no PyTorch
    (folder / "gpu").touch() if gpu else None
    environment = {"PATH": f"{folder}/path:/usr/bin:/bin", "EQSR_CUDA_TOOLKIT": f"{folder}/toolkit",
                   "EQSR_GPU_FILE": f"{folder}/gpu", "TMPDIR": str(folder)}
    done = subprocess.run(["sh", str(ROOT / name), str(folder / "programs")], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def main():
    wrong = []

    def expect(what, result, code, *parts):
        if result[0] != code or any(part not in result[1] for part in parts):
            wrong.append(f"{what}: exit code {result[0]}, not {code}, or no {parts} in\n{result[1]}")

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for each in ("tests/gpu.sh", "bench/gpu.sh"):
            expect(f"{each}, no GPU", run(each, folder, code=77), 0)
            expect(f"{each}, old driver", run(each, folder, code=77, gpu=True), 1, "there is a GPU, but its driver")
            expect(f"{each}, failure", run(each, folder, code=3, gpu=True), 1 if "tests" in each else 3)
            if not shutil.which("nvcc", path="/usr/bin:/bin"):
                expect(f"{each}, nothing", run(each, folder, programs=False), 0, "skipped: there ", "no nvcc")
                expect(f"{each}, nvcc outside PATH", run(each, folder, programs=False, toolkit=["nvcc"]), 0,
                       f"cmake with {folder}/toolkit/bin/nvcc")
        expect("no sanitizer", run("tests/gpu.sh", folder, gpu=True), 0, "skipped: compute-sanitizer", "all passed")
        expect("sanitizer", run("tests/gpu.sh", folder, gpu=True, toolkit=["compute-sanitizer"]), 0,
               "--tool memcheck --error-exitcode 1 --report-api-errors no", "out of device memory", "all passed")
    print("\n".join(wrong) or "nothing is wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
