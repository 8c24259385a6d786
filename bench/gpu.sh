#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Times operators and networks on an NVIDIA GPU, beside PyTorch where that is: bench/gpu.sh [FOLDER]
#
# FOLDER holds time_cuda, built elsewhere as for tests/gpu.sh. Without it, it is built here, if nvcc
# is there. Prints one JSON line a measurement, and the ratios PyTorch over ours. Skips where there
# is no GPU; fails where there is one that the program cannot use.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build/cuda/gpu}
toolkit=${EQSR_CUDA_TOOLKIT:-/usr/local/cuda}
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

if ! [ -x "$folder/time_cuda" ]; then
  if ! command -v nvcc >/dev/null; then
    if ! [ -x "$toolkit/bin/nvcc" ]; then
      echo "skipped: there is no time_cuda in $folder, and no nvcc to build it"
      exit 0
    fi
    export CUDACXX="$toolkit/bin/nvcc" # CMake looks in PATH alone
  fi
  cmake --preset cuda
  cmake --build --preset cuda --target gpu_programs
fi

code=0
"$folder/time_cuda" base 270 480 1080 1920 >"$lines" || code=$?
if [ $code -eq 77 ]; then
  [ -e "${EQSR_GPU_FILE:-/dev/nvidia0}" ] || exit 0
  echo "failed: there is a GPU, but its driver is missing or older than CUDA 13 needs (580)"
  exit 1
fi
[ $code -eq 0 ] || exit $code
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || true
for what in lite linear conv2d window_attention overlapping_attention mlp kriging_upsampler; do
  "$folder/time_cuda" $what 270 480 1080 1920 >>"$lines"
done
cat "$lines"

if ! python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  echo "skipped: there is no PyTorch with CUDA to compare with"
  exit 0
fi
python3 bench/peers/pytorch_operators.py | tee -a "$lines"
for mode in "--mode fp32" "--mode bf16" "--mode bf16 --compile"; do
  python3 bench/peers/pytorch.py --network base --size 270x480 --target 1080x1920 \
    --device cuda $mode --repeats 20 --warm-ups 3 | tee -a "$lines"
done
python3 bench/peers/ratios.py "$lines"
