#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the library for other machines and compilers and runs it there, by an emulator if need be:
#     tests/platforms.sh [full] NAME ...
# NAME is aarch64, armhf, i386, mingw, wasm, musl, macos, libcxx, clang16 or clang19. For each, the
# goldens of some operators and of the small network are tested (with `full` all tests of operators,
# networks, memory and files), and the README's program enlarges a picture, which must be this
# machine's within one level. A platform whose compiler or emulator is missing is skipped with a
# line, and the script ends with 77 if nothing ran. macOS is compiled and linked only.
set -eu
cd "$(dirname "$0")/.."

full=
if [ "${1:-}" = full ]; then
  full=--no-skip=false
  shift
fi
if [ $# = 0 ]; then
  sed -n '3,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
work=build/platforms
mkdir -p "$work/include"
# Debian's headers in a folder of their own: /usr/include holds those of this machine's system too.
for name in doctest stb eigen3; do
  [ -e "/usr/include/$name" ] || { echo "Install Debian's packages of $name."; exit 2; }
  ln -sfn "/usr/include/$name" "$work/include/$name"
done
common="-std=c++20 -O2 -DNDEBUG -Wall -Wextra -Werror -I include -I tests -isystem $work/include
  -isystem $work/include/stb -isystem $work/include/eigen3 -DEQSR_TEST_DATA=\"tests\""
sources="main layer/linear layer/conv2d layer/window_attention layer/frequency_encoding
  layer/query_grid layer/kriging_upsampler io/output_file io/safetensors net/golden"
if [ "$full" ]; then
  sources=$(cd tests && ls main.cpp core/*.cpp layer/*.cpp io/*.cpp net/*.cpp | sed 's/\.cpp$//')
fi

weights=weights/eqsr-lite.safetensors
photo=tests/evaluate/matlab_photo_120x80.png
mkdir -p "$work/native"
native=$work/native/picture
if [ ! -e "$native.png" ]; then
  g++ $common tests/platforms/picture.cpp -o "$native" -pthread
  "$native" "$weights" "$photo" "$native.png" 2.5 >/dev/null
fi

ran=0
# Builds and runs for one platform: NAME "what runs a program" compiler and flags ...
platform() {
  name=$1 run=$2
  shift 2
  if ! command -v "$1" >/dev/null || { [ "$run" ] && ! command -v ${run%% *} >/dev/null; }; then
    echo "$name: skipped, $1${run:+ or ${run%% *}} is not installed"
    return
  fi
  folder=$work/$name
  mkdir -p "$folder"
  echo "$name: $("$1" --version | head -n 1)"
  "$@" $common $link tests/platforms/picture.cpp -o "$folder/picture$suffix"
  if [ "$run" != true ]; then
    $run "$folder/picture$suffix" "$weights" "$photo" "$folder/picture.png" 2.5
    "$native" --compare "$native.png" "$folder/picture.png"
  fi
  objects=
  for source in $sources; do
    object=$folder/$(echo "$source" | tr / _).o
    "$@" $common -c "tests/$source.cpp" -o "$object"
    objects="$objects $object"
  done
  "$@" $link $objects -o "$folder/tests$suffix"
  $run "$folder/tests$suffix" --no-colors $full --test-case-exclude="$without"
  ran=1
}

# The tools as Windows programs, with stb for pictures.
windows_tools() {
  for library in CLI nlohmann; do
    [ -e "/usr/include/$library" ] || { echo "tools: skipped, $library is not installed"; return; }
    ln -sfn "/usr/include/$library" "$work/include/$library"
  done
  for source in tools/upscale/main tools/evaluate/main tools/convert/main inspect_weights; do
    program=${source#tools/}
    x86_64-w64-mingw32-g++-posix $common -I examples/tools -static "examples/$source.cpp" \
      -o "$work/mingw/${program%/main}.exe" -lshell32
  done
  x86_64-w64-mingw32-g++-posix $common -static tests/platforms/interrupt.cpp \
    -o "$work/mingw/interrupt.exe"
  tests/platforms/tools.sh "$work/mingw" "$native --compare" "$native.png"
}

for name in "$@"; do
  suffix= link= without='*base*,*specification*'
  [ -z "$full" ] || without=
  case $name in
  aarch64) platform $name qemu-aarch64 aarch64-linux-gnu-g++ -static -pthread ;;
  armhf) platform $name qemu-arm arm-linux-gnueabihf-g++ -static -pthread -Wno-psabi ;;
  i386) platform $name "" g++ -m32 -static -pthread -Wno-psabi ;;
  mingw)
    suffix=.exe
    export WINEDEBUG=-all LC_ALL=C.UTF-8
    platform $name wine x86_64-w64-mingw32-g++-posix -static
    [ "$ran" = 1 ] && windows_tools
    ;;
  wasm)
    suffix=.js
    without="$without,*standard descriptors*"  # Emscripten's own are never closed
    # Node 18 and later fetch by themselves, which Debian's emscripten does not expect.
    link="-sALLOW_MEMORY_GROWTH -sEXIT_RUNTIME -sNODERAWFS -sPROXY_TO_PTHREAD
      -Wno-pthreads-mem-growth"
    NODE_PATH=/usr/share/nodejs platform $name "node --no-experimental-fetch" em++ -msimd128 \
      -fexceptions -pthread
    ;;
  musl) platform $name "" python3 -m ziglang c++ -target x86_64-linux-musl -static ;;
  macos) platform $name true python3 -m ziglang c++ -target aarch64-macos ;;
  libcxx) platform $name "" clang++ -stdlib=libc++ -pthread ;;
  clang16) platform $name "" clang++-16 -pthread ;;
  clang19) platform $name "" clang++-19 -pthread ;;
  *)
    echo "There is no platform \"$name\"; the first lines of $0 list them." >&2
    exit 2
    ;;
  esac
done
[ "$ran" = 1 ] || exit 77
