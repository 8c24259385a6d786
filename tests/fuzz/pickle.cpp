// SPDX-License-Identifier: Apache-2.0
// The pickle machine alone: the bytes are the object pickle of an archive.
#include <eqsr/io/weights/pth.hpp>

#include "fuzz.hpp"

EQSR_FUZZ(bytes) {
  static const eqsr_fuzz::MemoryFile memory;
  return eqsr_fuzz::survive([&] {
    const eqsr::detail::InputFile file(memory.path());
    const eqsr::detail::Pickle pickle(file, "data.pkl", std::string(bytes));
    static_cast<void>(eqsr::detail::select_tensors(file, pickle));
  });
}
