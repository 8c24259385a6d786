#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian machine to an enlarged photo: installs what is missing, builds the upscale
# tool for this processor and enlarges examples/photo.png 3.7 times with the shipped weights.
set -eu
cd "$(dirname "$0")/.."

. .ci/packages.sh
need g++ cmake ninja-build libeigen3-dev libstb-dev libcli11-dev libutf8proc-dev \
  libspng-dev libjpeg62-turbo-dev libwebp-dev

echo "Building the upscale tool in build/quickstart (a minute or two)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset quickstart && cmake --build --preset quickstart --target eqsr_upscale; } \
  >"$log" 2>&1; then
  cat "$log"
  echo "The build failed; the messages are above." >&2
  exit 1
fi

tool=build/quickstart/examples/upscale
result=build/quickstart/photo-x3.7.png
echo "Enlarging examples/photo.png 3.7 times"
"$tool" --verbose --input examples/photo.png --output "$result" --scale 3.7 --overwrite
echo "The result is $result; your own pictures: $tool --help"
