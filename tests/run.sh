#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the tests: tests/run.sh [PRESET], where PRESET is release (the default), debug,
# asan, ci or ci-asan of CMakePresets.json. The output ends with the test runner's own lines.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-release}

. .ci/packages.sh
need g++ cmake ninja-build python3 libeigen3-dev libstb-dev libcli11-dev doctest-dev \
  nlohmann-json3-dev libbenchmark-dev libspng-dev libjpeg62-turbo-dev libwebp-dev \
  libutf8proc-dev libopenmpi-dev openmpi-bin pkg-config

echo "Building the tests in build/$preset"
cmake --preset "$preset"
cmake --build --preset "$preset"
echo "Running the tests"
exec ctest --preset "$preset" --parallel "$(nproc)"
