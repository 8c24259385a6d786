#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian machine to a page that enlarges pictures in the browser: installs what is
# missing, builds build/web and serves it: bash examples/web/run.sh [--port N]
set -eu
cd "$(dirname "$0")/../.."

. .ci/packages.sh
need emscripten nodejs python3 libeigen3-dev libstb-dev

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Building the page in build/web (a minute or two the first time)"
if ! examples/web/build.sh >"$log" 2>&1; then
  cat "$log"
  echo "The build failed; the messages are above." >&2
  exit 1
fi
rm -f "$log"
exec python3 examples/web/serve.py build/web "$@"
