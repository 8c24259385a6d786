#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the README's picture with the tool itself: docs/images/make.sh [UPSCALE].
set -eu
cd "$(dirname "$0")/../.."
tool=${1:-build/quickstart/examples/upscale}
[ -x "$tool" ] || { echo "There is no $tool. Run examples/quickstart.sh first." >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
g++ -std=c++20 -O2 -Iinclude -I/usr/include/stb docs/images/panel.cpp -o "$work/panel"
"$tool" -i examples/photo.png -o "$work/high.png" -s 3.7
"$work/panel" compare examples/photo.png "$work/high.png" docs/images/compare.png 440 120 280
echo "Made docs/images/compare.png"
