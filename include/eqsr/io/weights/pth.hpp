// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Include this once, anywhere in a program, and `load` and `StateDict::open` read PyTorch files
/// (`.pth`) in all of it. Without it they read safetensors and say so: a program that ships its
/// weights need not compile, nor trust, a reader of foreign pickles. The tools include it.

#include <eqsr/io/weights/pth_legacy.hpp>
#include <eqsr/io/weights/pth_zip.hpp>
#include <eqsr/io/weights/state_dict.hpp>

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

[[nodiscard, gnu::cold]] inline StateDict read_pytorch(const InputFile& file,
                                                       const Limits& limits) {
  return begins_like_pickle(file.read_some(0, 2)) ? read_pth_legacy(file, limits)
                                                  : read_pth_zip(file, limits);
}

inline const bool reads_pytorch = (pytorch_reader = &read_pytorch) != nullptr;

}}}  // namespace eqsr::EQSR_ABI::detail
