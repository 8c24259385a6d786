// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/tensor.hpp>  // Memory

#include <utility>  // exchange

namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// Floats on cache lines, zero at first.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index count) : data_(static_cast<float*>(Memory<Cpu>::allocate(bytes(count)))) {
    Memory<Cpu>::zero(data_, bytes(count));
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() {
    if (data_) Memory<Cpu>::deallocate(data_);
  }
  [[nodiscard]] float* data() const { return data_; }
  static constexpr std::size_t bytes(Index count) {
    return static_cast<std::size_t>(count + 16) * sizeof(float);
  }

 private:
  float* data_ = nullptr;
};

}}}  // namespace eqsr::EQSR_ABI::cpu
