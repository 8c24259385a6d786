# SPDX-License-Identifier: Apache-2.0
# Completion of upscale for bash: `source` this, or install it as
# share/bash-completion/completions/upscale. The options are those that --help of the program names.
_upscale() {
  local program=$1 current=$2 before=$3
  case $before in
    -i | --input | -o | --output | -m | --weights) COMPREPLY=($(compgen -f -- "$current")) ;;
    -f | --format) COMPREPLY=($(compgen -W "png jpg pfm" -- "$current")) ;;
    -n | --network) COMPREPLY=($(compgen -W "lite photo" -- "$current")) ;;
    --alpha) COMPREPLY=($(compgen -W "network bicubic drop" -- "$current")) ;;
    --progress) COMPREPLY=($(compgen -W "none bar plain json" -- "$current")) ;;
    --encoding) COMPREPLY=($(compgen -W "division reciprocal" -- "$current")) ;;
    --bits) COMPREPLY=($(compgen -W "8 16" -- "$current")) ;;
    -g | --device) COMPREPLY=($(compgen -W "cpu" -- "$current")) ;;
    *)
      local options
      options=$("$program" --help 2>/dev/null |
        sed -n '/^Examples/q; s/^ *\(-[^ ]*\).*/\1/p' | tr ',' '\n')
      COMPREPLY=($(compgen -W "$options" -- "$current"))
      ;;
  esac
}
complete -o filenames -o bashdefault -F _upscale upscale
