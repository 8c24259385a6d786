// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/rounding.hpp>     // fl
#include <eqsr/cuda/kernel/exec.hpp>  // Pack

#include "cuda/emulation/block.hpp"
#include "cuda/emulation/tensor_core.hpp"

#include <bit>    // bit_cast
#include <cmath>  // exp, erf

namespace eqsr_test {

/// The execution context of a kernel body on the host; see <eqsr/cuda/kernel/exec.hpp>. What a
/// GPU would do wrong silently throws EmulationError here.
class Emulated {
 public:
  Emulated(Block& block, int thread, int block_x, int block_y)
      : block_(&block), thread_(thread), block_x_(block_x), block_y_(block_y) {}

  [[nodiscard]] int thread() const { return thread_; }
  [[nodiscard]] int lane() const { return thread_ % Block::warp_size; }
  [[nodiscard]] int warp() const { return thread_ / Block::warp_size; }
  [[nodiscard]] int threads() const { return block_->threads(); }
  [[nodiscard]] int block() const { return block_x_; }
  [[nodiscard]] int block_y() const { return block_y_; }

  template <class T>
  T load(const T* from) const {
    aligned(from, sizeof(T));
    DeviceMemory::instance().read(from, sizeof(T), grid_thread());
    return *from;
  }
  [[nodiscard]] eqsr::gpu::Float2 load2(const float* from) const { return load_pack<2>(from); }
  [[nodiscard]] eqsr::gpu::Float4 load4(const float* from) const { return load_pack<4>(from); }
  template <class T>
  void store(T* to, T value) const {
    aligned(to, sizeof(T));
    DeviceMemory::instance().write(to, sizeof(T), grid_thread());
    *to = value;
  }
  void store2(float* to, float a, float b) const {
    aligned(to, 8);
    store(to, a);
    store(to + 1, b);
  }

  template <class T>
  class Shared {
   public:
    Shared(const Emulated& exec, std::size_t byte, std::size_t end)
        : block_(exec.block_), thread_(exec.thread_), byte_(byte), end_(end) {}
    [[nodiscard]] T load(int i) const { return get<T>(i); }
    [[nodiscard]] auto load2(int i) const { return get<eqsr::gpu::Pack<T, 2>>(i); }
    [[nodiscard]] auto load4(int i) const { return get<eqsr::gpu::Pack<T, 4>>(i); }
    void store(int i, T value) const { put(i, value); }
    void store4(int i, const eqsr::gpu::Pack<T, 4>& value) const { put(i, value); }
    [[nodiscard]] Shared at(int i) const {
      Shared piece = *this;
      piece.byte_ = place(i, 0);
      return piece;
    }
    [[nodiscard]] std::size_t place(int i, std::size_t bytes) const {
      const std::size_t byte = byte_ + static_cast<std::size_t>(i) * sizeof(T);
      if (i < 0 || byte + bytes > end_)
        throw EmulationError{eqsr::say("shared memory: element ", i, " outside of its array")};
      return byte;
    }

   private:
    template <class P>
    P get(int i) const {
      P value;
      block_->read_shared(thread_, place(i, sizeof(P)), &value, sizeof(P));
      return value;
    }
    template <class P>
    void put(int i, const P& value) const {
      block_->write_shared(thread_, place(i, sizeof(P)), &value, sizeof(P));
    }
    Block* block_;
    int thread_;
    std::size_t byte_, end_;
  };
  template <class T>
  [[nodiscard]] Shared<T> shared(int byte, int count) const {
    const auto begin = static_cast<std::size_t>(byte);
    const std::size_t end = begin + static_cast<std::size_t>(count) * sizeof(T);
    if (byte % 16 != 0 || end > block_->shared_bytes())
      throw EmulationError{eqsr::say("shared memory: an array of bytes ", byte, " to ", end, " in ",
                                     block_->shared_bytes())};
    return Shared<T>(*this, begin, end);
  }

  template <int Bytes, class T>
  void copy_async(const Shared<T>& to, int i, const void* from, bool valid) const {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
    block_->copy_async(thread_, to.place(i, Bytes), from, Bytes, valid);
  }
  void commit() const { block_->commit(thread_); }
  template <int Left>
  void wait() const {
    block_->wait(thread_, Left);
  }

  void sync() const { block_->barrier(thread_); }
  void sync_warp() const { block_->collective(thread_, "sync_warp", nullptr, nullptr); }

  [[nodiscard]] float shuffle_xor(float value, int mask) const { return exchange(value, mask); }
  [[nodiscard]] double shuffle_xor(double value, int mask) const { return exchange(value, mask); }

  /// ldmatrix.x4: lane l names row l % 8 of matrix l / 8, eight bfloat16; register r of a lane
  /// becomes elements 2 (lane % 4) and the next of row lane / 4 of matrix r.
  void load_matrix(const Shared<std::uint16_t>& from, int i, std::uint32_t (&registers)[4]) const {
    struct Given {
      std::size_t byte;
      std::uint32_t* registers;
    } given{from.place(i, 16), registers};
    block_->collective(
        thread_, "ldmatrix",
        [](Block& block, int warp, void* const* lanes) {
          for (int l = 0; l < Block::warp_size; ++l) {
            std::uint32_t row[4];
            const auto& source = *static_cast<const Given*>(lanes[l]);
            block.read_shared(warp * Block::warp_size + l, source.byte, row, 16);
            for (int pair = 0; pair < 4; ++pair)
              static_cast<Given*>(lanes[l % 8 * 4 + pair])->registers[l / 8] = row[pair];
          }
        },
        &given);
  }

  /// mma.m16n8k16: d(16, 8) += a(16, 16) b(16, 8), in the fragments of the PTX manual, added as
  /// tensor cores add.
  void mma(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) const {
    struct Given {
      float* d;
      const std::uint32_t* a;
      std::uint32_t b[2];
    } given{d, a, {b0, b1}};
    block_->collective(
        thread_, "mma",
        [](Block&, int, void* const* lanes) {
          MatrixSum m;
          for (int l = 0; l < Block::warp_size; ++l) {
            const auto& lane = *static_cast<const Given*>(lanes[l]);
            const int group = l / 4, pair = l % 4 * 2;
            for (int r = 0; r < 4; ++r)
              for (int e = 0; e < 2; ++e)
                m.left[group + r % 2 * 8][pair + r / 2 * 8 + e] = half(lane.a[r], e);
            for (int r = 0; r < 2; ++r)
              for (int e = 0; e < 2; ++e) m.right[pair + r * 8 + e][group] = half(lane.b[r], e);
            for (int c = 0; c < 4; ++c) m.sum[group + c / 2 * 8][pair + c % 2] = lane.d[c];
          }
          m.add_products(tensor_core);
          for (int l = 0; l < Block::warp_size; ++l)
            for (int c = 0; c < 4; ++c)
              static_cast<Given*>(lanes[l])->d[c] = m.sum[l / 4 + c / 2 * 8][l % 4 * 2 + c % 2];
        },
        &given);
  }

  [[nodiscard]] float mul(float a, float b) const { return eqsr::fl(a * b); }
  [[nodiscard]] float add(float a, float b) const { return eqsr::fl(a + b); }
  [[nodiscard]] float div(float a, float b) const { return eqsr::fl(a / b); }
  [[nodiscard]] float round_even(float a) const { return std::nearbyint(a); }
  [[nodiscard]] float floor(float a) const { return std::floor(a); }
  [[nodiscard]] float exp(float a) const { return std::exp(a); }
  [[nodiscard]] float exp_approximate(float a) const { return std::exp(a); }
  [[nodiscard]] float erf(float a) const { return std::erf(a); }
  [[nodiscard]] float inverse_sqrt(float a) const { return 1 / std::sqrt(a); }
  [[nodiscard]] double exp(double a) const { return std::exp(a); }
  [[nodiscard]] double sqrt(double a) const { return std::sqrt(a); }
  [[nodiscard]] float sine(float a) const { return std::sin(a); }
  [[nodiscard]] double sine(double a) const { return std::sin(a); }
  [[nodiscard]] double cosine(double a) const { return std::cos(a); }
  [[nodiscard]] float as_float(std::uint32_t bits) const { return std::bit_cast<float>(bits); }
  [[nodiscard]] std::uint32_t bits_of(float a) const { return std::bit_cast<std::uint32_t>(a); }
  /// Two numbers rounded to bfloat16, the first in the low half.
  [[nodiscard]] std::uint32_t pack_bf16(float low, float high) const {
    return rounded(low) | rounded(high) << 16;
  }

 private:
  [[nodiscard]] std::int32_t grid_thread() const { return block_->grid_thread(thread_); }
  static void aligned(const void* pointer, std::size_t bytes) {
    if (reinterpret_cast<std::uintptr_t>(pointer) % bytes != 0)
      throw EmulationError{eqsr::say("global memory: ", bytes, " bytes at an unaligned address")};
  }
  template <int N>
  [[nodiscard]] eqsr::gpu::Pack<float, N> load_pack(const float* from) const {
    aligned(from, N * sizeof(float));
    eqsr::gpu::Pack<float, N> pack;
    for (int i = 0; i < N; ++i) pack.v[i] = load(from + i);
    return pack;
  }
  template <class T>
  [[nodiscard]] T exchange(T value, int mask) const {
    struct Given {
      T value, result;
      int mask;
    } given{value, value, mask};
    block_->collective(
        thread_, "shuffle_xor",
        [](Block&, int, void* const* lanes) {
          for (int l = 0; l < Block::warp_size; ++l) {
            auto& lane = *static_cast<Given*>(lanes[l]);
            lane.result = static_cast<const Given*>(lanes[l ^ lane.mask])->value;
          }
        },
        &given);
    return given.result;
  }
  static float half(std::uint32_t pair, int which) {
    return std::bit_cast<float>(which ? pair & 0xffff0000U : pair << 16);
  }
  static std::uint32_t rounded(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (value != value) return bits >> 16 | 0x40U;
    return (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
  }

  Block* block_;
  int thread_, block_x_, block_y_;
};
static_assert(eqsr::gpu::Execution<Emulated>);

}  // namespace eqsr_test
