#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The parsers' tests, and the corpus of bad files, under valgrind: accesses beyond a block, leaks,
# and decisions on bytes that nobody wrote, which the sanitizers of g++ do not see.
#
#     tests/valgrind.sh [TEST...]    tests of tests/io (json, zip, ...), or "corpus"; without, all
#
# Built for the plain architecture, because valgrind knows no AVX-512. The code that is chosen when
# a program runs follows by itself: the processor that valgrind shows has none either.
set -eu
cd "$(dirname "$0")/.."
. .ci/packages.sh
need g++ python3 libeigen3-dev libstb-dev doctest-dev valgrind

out=build/valgrind
mkdir -p "$out"
[ $# -gt 0 ] || set -- $(basename -s .cpp tests/io/*.cpp) corpus

compile() { # compile SOURCE OBJECT
  g++ -std=c++20 -O1 -g -pthread -Iinclude -Itests -isystem /usr/include/eigen3 \
    -isystem /usr/include/stb -DEQSR_TEST_UNTIMED "-DEQSR_TEST_DATA=\"$PWD/tests\"" \
    -c "tests/$1.cpp" -o "$out/$2.o"
}
watch() {
  valgrind --quiet --error-exitcode=1 --leak-check=full --show-leak-kinds=definite,possible "$@"
}

[ -e "$out/main.o" ] || compile main main
for test in "$@"; do
  echo "== $test"
  if [ "$test" = corpus ]; then
    python3 tests/corpus/make.py "$out/files"
    compile corpus/corpus corpus
    compile corpus/models models
    compile support/allocation allocation
    g++ -pthread "$out/corpus.o" "$out/models.o" "$out/allocation.o" \
      -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free -o "$out/corpus"
    watch "$out/corpus" "$out/files"
  else
    compile "io/$test" "$test"
    g++ -pthread "$out/$test.o" "$out/main.o" -o "$out/$test"
    watch "$out/$test" --minimal
  fi
done
echo "Nothing found"
