#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tests that need an NVIDIA GPU, in under five minutes: tests/gpu.sh [FOLDER]
#
# FOLDER holds the programs eqsr_gpu_tests, kriging_on_my_backbone, pixels and thrust_interop,
# built elsewhere by `cmake --preset cuda && cmake --build --preset cuda --target gpu_programs`
# (build/cuda/gpu). Beside them a machine needs this source tree and a driver for CUDA 13 (580 or
# later), and nothing else. Without the programs they are built here, if nvcc is there. Nothing is
# installed. Skips where there is no GPU; fails where there is one that the programs cannot use.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build/cuda/gpu}
toolkit=${EQSR_CUDA_TOOLKIT:-/usr/local/cuda}

if ! [ -x "$folder/eqsr_gpu_tests" ]; then
  if ! command -v nvcc >/dev/null; then
    if ! [ -x "$toolkit/bin/nvcc" ]; then
      echo "skipped: there are no programs in $folder, and no nvcc to build them"
      exit 0
    fi
    export CUDACXX="$toolkit/bin/nvcc" # CMake looks in PATH alone
  fi
  cmake --preset cuda
  cmake --build --preset cuda --target gpu_programs
fi

# run NAME COMMAND...: a program without a GPU says so and ends the script; a failed one fails it.
run() {
  name=$1
  shift
  echo "== $name"
  code=0
  "$@" || code=$?
  if [ $code -eq 77 ]; then
    [ -e "${EQSR_GPU_FILE:-/dev/nvidia0}" ] || exit 0
    echo "$name failed: there is a GPU, but its driver is missing or older than CUDA 13 needs (580)"
    exit 1
  elif [ $code -ne 0 ]; then
    echo "$name failed with exit code $code"
    exit 1
  fi
}

run "operators, golden files, graphs, out of memory and after it, in each mode" \
  "$folder/eqsr_gpu_tests"
run "an upsampler behind another network" "$folder/kriging_on_my_backbone"
run "pixels that stay on the device" "$folder/pixels"
run "thrust vectors in and out" "$folder/thrust_interop"

sanitizer=$(command -v compute-sanitizer || echo "$toolkit/bin/compute-sanitizer")
if [ -x "$sanitizer" ]; then
  # Calls that fail are not errors here: the tests make an allocation fail, and handle it.
  for tool in ${EQSR_SANITIZER_TOOLS:-memcheck}; do
    run "compute-sanitizer $tool" "$sanitizer" --tool "$tool" --error-exitcode 1 \
      --report-api-errors no "$folder/eqsr_gpu_tests" \
      --test-case-exclude="*golden*,*device that is not*,*out of device memory*"
  done
else
  echo "skipped: compute-sanitizer is not here"
fi
echo "all passed"
