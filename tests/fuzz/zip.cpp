// SPDX-License-Identifier: Apache-2.0
// PyTorch archives without their checksums, so that the fuzzer gets past them.
#include <eqsr/io/weights/pth.hpp>

#include "fuzz.hpp"

EQSR_FUZZ(bytes) {
  static const eqsr_fuzz::MemoryFile memory;
  memory.fill(bytes);
  eqsr::Limits limits;
  limits.check_crc = false;
  return eqsr_fuzz::survive([&] {
    const eqsr::detail::InputFile file(memory.path());
    for (const auto& [name, tensor] : eqsr::detail::read_pth_zip(file, limits))
      if (tensor.to_bytes().size() != tensor.numel() * eqsr::size_of(tensor.dtype())) std::abort();
  });
}
