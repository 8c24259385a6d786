#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tries the tools built for Windows as people use them: tests/platforms/tools.sh FOLDER COMPARE
# TRUTH INPUT, where FOLDER holds the programs, and COMPARE TRUTH PICTURE ends with 0 if a picture
# is this machine's of INPUT. Names beyond ASCII, frames through pipes, outputs that are there
# already, an input that must not be replaced, and Ctrl-C.
set -eu
programs=$1 compare=$2 truth=$3 input=$4
weights=weights/eqsr-lite.safetensors
work=$programs/tried
rm -rf "$work"
mkdir -p "$work"
fail() {
  echo "tools: $*" >&2
  exit 1
}
# Ends with the status that is the first argument; what was said is kept.
upscale() {
  wanted=$1
  shift
  status=0
  wine "$programs/upscale.exe" -m "$weights" "$@" 2>"$work/said" || status=$?
  [ "$status" = "$wanted" ] || fail "upscale $* ended with $status: $(cat "$work/said")"
}
said() { grep -q -e "$1" "$work/said" || fail "\"$1\" was not said: $(cat "$work/said")"; }

photo=$work/größe写真.png
cp "$input" "$photo"
before=$(md5sum <"$photo")
large=$work/größer写真.png
upscale 0 -s 2.5 -i "$photo" -o "$large"
$compare "$truth" "$large"
upscale 2 -s 2.5 -i "$photo" -o "$large"
said --overwrite
upscale 0 -s 2.5 --overwrite -i "$photo" -o "$large"
$compare "$truth" "$large"
# Windows takes both names for one.
upscale 2 -s 2.5 --overwrite -i "$photo" -o "$work/GRÖßE写真.PNG"
said "Inputs are never replaced"
[ "$before" = "$(md5sum <"$photo")" ] || fail "the input was replaced"

# 10 x 8 pixels whose bytes include every one that a text mode would change.
awk 'BEGIN { for (i = 0; i < 240; ++i) printf "\\%03o", i < 60 ? 13 - i % 4 : i + 15 }' |
  xargs -0 printf >"$work/frame"
upscale 0 -s 2 --raw 10x8 <"$work/frame" >"$work/file"
wine "$programs/upscale.exe" -m "$weights" -s 2 --raw 10x8 <"$work/frame" | cat >"$work/pipe"
[ "$(wc -c <"$work/file")" = 960 ] || fail "$(wc -c <"$work/file") bytes instead of 960"
cmp "$work/file" "$work/pipe"

status=0
script -qefc "wine $programs/interrupt.exe $programs/upscale.exe -m $weights -s 8 --progress none \
  -i examples/photo.png -o $work/unfinished.png" "$work/console" </dev/null >/dev/null || status=$?
[ "$status" = 130 ] || fail "Ctrl-C ended with $status: $(cat "$work/console")"
left=$(find "$work" -name '*unfinished*')
[ -z "$left" ] || fail "Ctrl-C left $left"

wine "$programs/inspect_weights.exe" "$weights" | grep -q "263 tensors" || fail "inspect_weights"
wine "$programs/convert.exe" "$weights" "$work/half.safetensors" --type f16 >/dev/null
[ -s "$work/half.safetensors" ] || fail "convert wrote nothing"
mkdir "$work/set"
cp "$photo" "$work/set"
wine "$programs/evaluate.exe" "$work/set" -m "$weights" --scales 2 | grep -q lite || fail "evaluate"
echo "tools: as they should be"
