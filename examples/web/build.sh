#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the page: one folder of static files, build/web, that any web server can hold. The library
# is compiled twice, with threads for browsers that allow them and without for the others.
set -eu
cd "$(dirname "$0")/../.."
out=build/web
objects=build/web-objects
mkdir -p "$out" "$objects/include"
for name in eigen3 stb; do # in a folder of their own: /usr/include is of another system
  ln -sfn "/usr/include/$name" "$objects/include/$name"
done

calls=engine_start,_engine_load,_engine_open,_engine_open_pixels,_engine_plan,_engine_enlarge
build() { # NAME FLAG...
  name=$1
  shift
  newer=$(find include examples/tools/common examples/web -path '*/page' -prune -o \
    -newer "$out/$name.wasm" -type f -print 2>/dev/null | head -n 1)
  [ -e "$out/$name.wasm" ] && [ -z "$newer" ] && return
  echo "Compiling $out/$name.wasm"
  # Debian's emcc looks for a part of itself there.
  NODE_PATH=/usr/share/nodejs em++ -std=c++20 -O3 -DNDEBUG -Wall -Wextra -Werror -msimd128 \
    -fexceptions "$@" -I include -I examples/tools -isystem "$objects/include/eigen3" \
    -isystem "$objects/include/stb" examples/web/engine.cpp --js-library examples/web/calls.js \
    -sALLOW_MEMORY_GROWTH -sMAXIMUM_MEMORY=4GB -sMODULARIZE -sEXPORT_ES6 -sENVIRONMENT=worker \
    -sFORCE_FILESYSTEM -sEXPORTED_RUNTIME_METHODS=FS,ccall -sEXPORTED_FUNCTIONS=_$calls \
    -o "$out/$name.js"
}
build eqsr
build eqsr-threads -pthread '-sPTHREAD_POOL_SIZE=navigator.hardwareConcurrency' \
  -Wno-pthreads-mem-growth
cp examples/web/page/* examples/photo.png weights/eqsr-*.safetensors "$out"
