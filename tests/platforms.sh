#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the library for other machines and compilers and runs it there, by an emulator if need be:
#     tests/platforms.sh [tools] [full] NAME ...
# NAME is aarch64, armhf, i386, mingw, wasm, musl, macos, macos-x86, libcxx, libcxx19, clang16,
# clang19, web, debian12 or debian13. For each, one program tests the goldens of operators and of
# the small network, and the README's program enlarges a picture, which must be this machine's
# within one level. `full` makes that all tests of operators, networks, memory and files; `tools`
# builds and tries upscale, evaluate, convert and inspect_weights too. A platform whose compiler or
# emulator is missing is skipped with a line, and the script ends with 77 if nothing ran. For macOS
# programs are compiled and linked only. `web` drives the page of examples/web in Chromium, beside
# the tool of this machine. debian12 and debian13 run both commands of the README in a fresh
# system, with what is committed, in a folder that debootstrap fills, started by root.
set -eu
cd "$(dirname "$0")/.."
. .ci/packages.sh

usage() {
  sed -n '3,13s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
full= tools= posix=
while :; do
  case ${1:-} in
  full) full=1 ;;
  tools) tools=1 ;;
  '') usage ;;
  *) break ;;
  esac
  shift
done
work=build/platforms
mkdir -p "$work/include"
# Debian's headers in a folder of their own: /usr/include holds those of this machine's system too.
for name in doctest stb eigen3 ${tools:+CLI nlohmann}; do
  [ -e "/usr/include/$name" ] || { echo "Install Debian's packages of $name."; exit 2; }
  ln -sfn "/usr/include/$name" "$work/include/$name"
done
common="-std=c++20 -O2 -DNDEBUG -Wall -Wextra -Werror -I include -I tests -I examples/tools
  -isystem $work/include -isystem $work/include/stb -isystem $work/include/eigen3
  -DEQSR_TEST_DATA=\"tests\""

# The tests as one file, or with `full` as many.
if [ "$full" ]; then
  sources=$(ls tests/core/*.cpp tests/layer/*.cpp tests/io/*.cpp tests/net/*.cpp)
  posix="tests/io/special_files.cpp tests/net/fork.cpp tests/core/control_groups.cpp"
else
  sources=$work/goldens.cpp
  for name in layer/linear layer/conv2d layer/window_attention layer/frequency_encoding \
    layer/query_grid layer/kriging_upsampler io/output_file io/safetensors net/golden; do
    echo "#include \"$name.cpp\""
  done >"$sources"
fi

weights=weights/eqsr-lite.safetensors
photo=tests/evaluate/matlab_photo_65x43.png
mkdir -p "$work/native"
native=$work/native/picture
truth=$work/native/truth.png
made=
make_truth() {
  [ -z "$made" ] || return 0
  made=1
  g++ $common tests/platforms/picture.cpp -o "$native" -pthread
  "$native" "$weights" "$photo" "$truth" 2.5 >/dev/null
}

ran=0
# Builds and runs for one platform: NAME "what runs a program" compiler and flags ...
# The second is empty where programs run as they are, and `linked` where none runs.
platform() {
  name=$1 run=$2
  shift 2
  if ! "$@" --version >/dev/null 2>&1 ||
    { [ "$run" ] && [ "$run" != linked ] && ! command -v ${run%% *} >/dev/null; }; then
    echo "$name: skipped, $1${run:+ or ${run%% *}} is not installed"
    return
  fi
  [ "$run" = linked ] && run=: said="compiled and linked" || said="as it should be"
  make_truth
  folder=$work/$name
  mkdir -p "$folder"
  echo "$name: $("$@" --version | head -n 1)"
  "$@" $common tests/platforms/picture.cpp -o "$folder/picture$suffix" $link
  rm -f "$folder/picture.png"
  $run "$folder/picture$suffix" "$weights" "$photo" "$folder/picture.png" 2.5
  [ "$run" = : ] || "$native" --compare "$truth" "$folder/picture.png"
  objects=
  for source in tests/main.cpp $sources; do
    case " $left_out " in *" $source "*) continue ;; esac
    object=$folder/$(echo "${source%.cpp}" | tr / _).o
    "$@" $common -c "$source" -o "$object"
    objects="$objects $object"
  done
  "$@" $objects -o "$folder/tests$suffix" $link
  $run "$folder/tests$suffix" --no-colors --test-case-exclude="$without"
  [ -z "$tools" ] || tools "$@"
  echo "$name: $said"
  ran=1
}

# The tools, with stb for pictures. What runs as a program of this system is tried by one picture,
# what Windows runs as people use it.
tools() {
  for source in tools/upscale/main tools/evaluate/main tools/convert/main inspect_weights; do
    program=${source#tools/}
    "$@" $common "examples/$source.cpp" -o "$folder/${program%/main}$suffix" $link
  done
  if [ "$name" = mingw ]; then
    "$@" $common tests/platforms/interrupt.cpp -o "$folder/interrupt.exe"
    tests/platforms/tools.sh "$folder" "$native --compare" "$truth" "$photo"
    tests/platforms/command_line.py "$folder/upscale.exe"
    return
  fi
  $run "$folder/upscale$suffix" -m "$weights" -s 2.5 --overwrite -i "$photo" -o "$folder/tool.png"
  $run "$folder/inspect_weights$suffix" "$weights" >/dev/null
  [ "$run" = : ] || "$native" --compare "$truth" "$folder/tool.png"
}

# The page of examples/web in a headless Chromium, beside the tool of this machine.
page() {
  python=/usr/bin/python3 # Debian's, for which python3-selenium is installed
  for program in em++ chromium chromedriver; do
    command -v $program >/dev/null || { echo "web: skipped, $program is not installed"; return; }
  done
  if ! $python -c 'import selenium' 2>/dev/null; then
    echo "web: skipped, python3-selenium is not installed"
    return
  fi
  examples/web/build.sh
  # With the library's own decoders, as the page: libjpeg's samples differ a little.
  ln -sfn /usr/include/CLI "$work/include/CLI"
  tool=$work/native/upscale
  g++ $common examples/tools/upscale/main.cpp -o "$tool" -pthread
  $python tests/web/page.py "$tool" --screenshot "$work/page.jpg"
  echo "web: as it should be; $work/page.jpg shows it"
  ran=1
}

# Both commands of the README in a fresh Debian, by its suite.
fresh() {
  root=$work/$1
  if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "$name: skipped, it needs root and debootstrap"
    return
  fi
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase "$1" "$root" "${EQSR_MIRROR:-http://deb.debian.org/debian}" \
    >"$root.log" || { tail "$root.log"; exit 1; }
  git clone -q . "$root/root/source"
  cp /etc/resolv.conf "$root/etc"
  for command in examples/quickstart.sh tests/run.sh; do
    # In a space of mounts of its own, so that none outlives it.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root unshare --mount sh -c \
      'mount -t proc proc "$1/proc" && exec chroot "$1" bash "/root/source/$2"' - "$root" "$command"
  done
  echo "$name: as it should be"
  ran=1
}

zig="${PYTHON:-python3} -m ziglang c++"
for name in "$@"; do
  suffix= link= left_out= without='*base*,*specification*,*larger*'
  [ -z "$full" ] || without=
  case $name in
  aarch64) platform $name qemu-aarch64 aarch64-linux-gnu-g++ -static -pthread ;;
  armhf) platform $name qemu-arm arm-linux-gnueabihf-g++ -static -pthread -Wno-psabi ;;
  i386)
    platform $name "" i686-linux-gnu-g++ -static -pthread -msse2 -mfpmath=sse -Wno-psabi
    ;;
  mingw)
    suffix=.exe link=-lshell32 left_out=$posix
    export WINEDEBUG=-all LC_ALL=C.UTF-8
    platform $name wine x86_64-w64-mingw32-g++-posix -static
    ;;
  wasm)
    suffix=.js left_out=$posix
    # Node 18 and later fetch by themselves, which Debian's emscripten does not expect.
    link="-sALLOW_MEMORY_GROWTH -sEXIT_RUNTIME -sNODERAWFS -sPROXY_TO_PTHREAD
      -Wno-pthreads-mem-growth"
    NODE_PATH=/usr/share/nodejs platform $name "node --no-experimental-fetch" em++ -msimd128 \
      -fexceptions -pthread
    ;;
  musl) platform $name "" $zig -target x86_64-linux-musl -static ;;
  macos) platform $name linked $zig -target aarch64-macos ;;
  macos-x86) platform $name linked $zig -target x86_64-macos ;;
  libcxx | libcxx19)
    [ $name = libcxx ] && compilers="clang++ clang++-19 clang++-16" || compilers=clang++-19
    compiler=$(with_libcxx $compilers) || compiler="a clang++ with its libc++"
    platform $name "" "$compiler" -stdlib=libc++ -pthread
    ;;
  clang16) platform $name "" clang++-16 -pthread ;;
  clang19) platform $name "" clang++-19 -pthread ;;
  web) page ;;
  debian12) fresh bookworm ;;
  debian13) fresh trixie ;;
  *)
    echo "There is no platform \"$name\"; the first lines of $0 list them." >&2
    exit 2
    ;;
  esac
done
[ "$ran" = 1 ] || exit 77
