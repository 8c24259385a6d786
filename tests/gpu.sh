#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tests that need an NVIDIA GPU, in under ten minutes: tests/gpu.sh [FOLDER]
#
# FOLDER holds the programs eqsr_gpu_tests, kriging_on_my_backbone and thrust_interop, built
# elsewhere by `cmake --preset cuda && cmake --build --preset cuda --target gpu_programs`
# (build/cuda/gpu). Without it they are built here, if nvcc is there. Nothing is installed.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build/cuda/gpu}

if ! [ -x "$folder/eqsr_gpu_tests" ]; then
  if ! command -v nvcc >/dev/null && ! [ -x /usr/local/cuda/bin/nvcc ]; then
    echo "skipped: there are no programs in $folder, and no nvcc to build them"
    exit 0
  fi
  cmake --preset cuda
  cmake --build --preset cuda --target gpu_programs
fi

# run NAME COMMAND...: a skipped program says why and ends the script; a failed one fails it.
run() {
  name=$1
  shift
  echo "== $name"
  code=0
  "$@" || code=$?
  if [ $code -eq 77 ]; then
    exit 0
  elif [ $code -ne 0 ]; then
    echo "$name failed with exit code $code"
    exit 1
  fi
}

run "operators, golden files, graphs, out of memory and after it, in each mode" \
  "$folder/eqsr_gpu_tests"
run "an upsampler behind another network" "$folder/kriging_on_my_backbone"
run "thrust vectors in and out" "$folder/thrust_interop"

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck initcheck; do
    run "compute-sanitizer $tool" compute-sanitizer --tool $tool --error-exitcode 1 \
      "$folder/eqsr_gpu_tests" --test-case-exclude="*golden*,*device that is not*"
  done
else
  echo "skipped: compute-sanitizer is not here"
fi
echo "all passed"
