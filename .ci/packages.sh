# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts: installs what is missing, and says so. Usage, one word a package:
#
#   need g++ cmake libeigen3-dev ...
#
# Whatever is there already, from wherever, is left alone, and then nobody is asked for anything.

has_header() { # has_header NAME...: whether the compiler finds one of them
  for header in "$@"; do
    if echo "#include <$header>" |
      ${CXX:-g++} -std=c++20 -x c++ -fsyntax-only -I/usr/include/eigen3 -I/usr/include/stb - \
        2>/dev/null; then
      return 0
    fi
  done
  return 1
}

# Prints the first of these compilers that accepts the libc++ that is installed, of which there can
# be one only: its headers refuse an older clang.
with_libcxx() { # with_libcxx COMPILER...
  for compiler in "$@"; do
    if echo "#include <string>" |
      "$compiler" -stdlib=libc++ -std=c++20 -x c++ -fsyntax-only - 2>/dev/null; then
      echo "$compiler"
      return 0
    fi
  done
  return 1
}

has_package() {
  case $1 in
    g++ | clang | cmake | doxygen | clang-format | python3 | git | valgrind | chromium)
      command -v "$1" >/dev/null
      ;;
    ninja-build) command -v ninja >/dev/null ;;
    chromium-driver) command -v chromedriver >/dev/null ;;
    python3-selenium) /usr/bin/python3 -c "import selenium" 2>/dev/null ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    libeigen3-dev) has_header Eigen/src/Core/util/Macros.h ;;
    libstb-dev) has_header stb_image.h ;;
    libcli11-dev) has_header CLI/Version.hpp ;;
    doctest-dev) has_header doctest/doctest.h ;;
    nlohmann-json3-dev) has_header nlohmann/json_fwd.hpp ;;
    libbenchmark-dev) has_header benchmark/benchmark.h ;;
    libspng-dev) has_header spng.h ;;
    libjpeg62-turbo-dev) has_header jerror.h ;;
    libwebp-dev) has_header webp/mux.h ;;
    libutf8proc-dev) has_header utf8proc.h ;;
    libopencv-core-dev) has_header opencv4/opencv2/core/version.hpp opencv2/core/version.hpp ;;
    libopenmpi-dev) echo "#include <mpi.h>" | mpicxx -x c++ -fsyntax-only - 2>/dev/null ;;
    openmpi-bin) command -v mpirun >/dev/null ;;
    g++-aarch64-linux-gnu) command -v aarch64-linux-gnu-g++ >/dev/null ;;
    g++-mingw-w64-x86-64-posix) command -v x86_64-w64-mingw32-g++-posix >/dev/null ;;
    qemu-user) command -v qemu-aarch64 >/dev/null ;;
    wine | wine64) command -v wine >/dev/null ;;
    emscripten) command -v em++ >/dev/null ;;
    nodejs) command -v node >/dev/null ;;
    libc++-dev | libc++abi-dev) with_libcxx clang++ clang++-19 clang++-16 >/dev/null ;;
    *) return 1 ;;
  esac
}

need() {
  missing=""
  for package in "$@"; do
    has_package "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "Missing:$missing (names of Debian packages). Install them and run this again." >&2
    return 1
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Missing:$missing. Install them as root and run this again:" >&2
      echo "  apt-get update && apt-get install -y$missing" >&2
      return 1
    fi
    as_root="sudo"
  fi
  echo "Installing with apt:$missing"
  $as_root apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
