// SPDX-License-Identifier: Apache-2.0

/// Prints what a weight file holds: `inspect_weights FILE`. Nothing in the file is executed.
/// Exit status: 0 the file is sound, 2 wrong usage, 3 the file cannot be read as weights.

#include <eqsr/io/weights/pth.hpp>

#include <cstdio>     // fputs
#include <exception>  // exception
#include <iomanip>    // setw
#include <iostream>   // cout
#include <string>     // string

#include "tools/common/system.hpp"
#include "tools/common/text.hpp"

namespace {

using tool::printable;

std::string shape_text(const eqsr::StoredTensor& tensor) {
  std::string text = "[";
  for (const auto extent : tensor.shape()) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  }
  return text + "]";
}

void print(const eqsr::StateDict& dict) {
  std::cout << "format     " << dict.format() << '\n';
  if (!dict.unwrapped().empty()) std::cout << "found in   " << dict.unwrapped() << '\n';
  if (!dict.prefix().empty()) std::cout << "prefix     " << printable(dict.prefix()) << '\n';
  for (const auto& [key, value] : dict.metadata())
    std::cout << "metadata   " << printable(key) << ": " << printable(value) << '\n';
  std::size_t elements = 0;
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : dict) {
    std::cout << "tensor     " << std::left << std::setw(5) << eqsr::name_of(tensor.dtype())
              << printable(name) << ' ' << shape_text(tensor);
    if (const auto index = tensor.first_nonfinite()) {
      std::cout << "  NOT FINITE at element " << *index;
    }
    std::cout << '\n';
    elements += tensor.numel();
    bytes += tensor.numel() * eqsr::size_of(tensor.dtype());
  }
  for (const std::string& name : dict.dropped()) {
    std::cout << "ignored    " << printable(name) << '\n';
  }
  std::cout << "total      " << dict.size() << " tensors, " << elements << " elements, " << bytes
            << " bytes\n";
}

}  // namespace

int main(int count, char** arguments) {
  arguments = tool::start_program(count, arguments);
  if (count != 2 || std::string(arguments[1]).starts_with("--")) {
    std::fputs(
        "Usage: inspect_weights FILE\nPrints the tensors of a safetensors or PyTorch file.\n",
        stderr);
    return 2;
  }
  try {
    print(eqsr::StateDict::open(arguments[1]));
  } catch (const eqsr::Error& error) {
    std::cerr << "inspect_weights: " << error.what() << " [" << error.code() << "]\n";
    return 3;
  } catch (const std::exception& error) {
    std::cerr << "inspect_weights: " << error.what() << '\n';
    return 3;
  }
  return std::cout.flush() ? 0 : 1;
}
