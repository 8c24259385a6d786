// SPDX-License-Identifier: Apache-2.0
// Whole weight files of any kind, as StateDict::open tells them apart; every element is read.
#include <eqsr/io/weights/pth.hpp>

#include "fuzz.hpp"

EQSR_FUZZ(bytes) {
  static const eqsr_fuzz::MemoryFile file;
  file.fill(bytes);
  return eqsr_fuzz::survive([&] {
    for (const auto& [name, tensor] : eqsr::StateDict::open(file.path()))
      if (tensor.to_bytes().size() != tensor.numel() * eqsr::size_of(tensor.dtype())) std::abort();
  });
}
