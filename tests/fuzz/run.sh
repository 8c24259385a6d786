#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every parser with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer:
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]
#
# 30 seconds a target by default, two targets at a time. Inputs that lead to new code are kept in
# build/fuzz/corpus/TARGET; one that stops a target is put into build/fuzz/findings, and the script
# fails. The inputs are new each time, unless EQSR_FUZZ_SEED has a number and build/fuzz is gone.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
[ $# -eq 0 ] || shift
targets=${*:-"safetensors json zip pickle image command_line"}

. .ci/packages.sh
need clang python3 libeigen3-dev libstb-dev libcli11-dev

out=build/fuzz
mkdir -p $out/findings $out/corpus
python3 tests/corpus/make.py --seeds $out/seeds

build() { # build TARGET
  if [ ! -e "$out/$1" ] ||
    [ -n "$(find include examples/tools tests/fuzz -newer "$out/$1" -type f)" ]; then
    clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
      -fsanitize-ignorelist=tests/fuzz/ignore.txt -Iinclude -Iexamples/tools \
      -isystem /usr/include/eigen3 -isystem /usr/include/stb -pthread \
      "tests/fuzz/$1.cpp" -o "$out/$1"
  fi
}

fuzz() { # fuzz TARGET
  mkdir -p "$out/corpus/$1"
  # No input may make a parser take more memory at once than the largest picture of the target.
  if "$out/$1" "$out/corpus/$1" "$out/seeds/$1" -max_total_time="$seconds" \
    -seed="${EQSR_FUZZ_SEED:-0}" -max_len=4096 \
    -malloc_limit_mb=64 -rss_limit_mb=1024 -timeout=20 -artifact_prefix="$out/findings/$1-" \
    -print_final_stats=1 >"$out/$1.log" 2>&1; then
    echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$1.log") runs, no finding"
  else
    tail -n 40 "$out/$1.log"
    echo "$1: FOUND something; the input is in $out/findings" >&2
    touch "$out/failed"
  fi
}

rm -f $out/failed
waiting=""
for target in $targets; do
  build "$target"
done
for target in $targets; do
  fuzz "$target" &
  waiting="$waiting $!"
  if [ "$(echo "$waiting" | wc -w)" -ge 2 ]; then
    wait ${waiting% *}
    waiting=${waiting##* }
  fi
done
wait
[ ! -e $out/failed ]
