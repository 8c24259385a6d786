// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/rounding.hpp>     // flushed
#include <eqsr/cuda/kernel/gemm.hpp>  // GemmBody
#include <eqsr/cuda/launch.hpp>       // run
#include <eqsr/layer/linear.hpp>      // WeightLayout

#include <algorithm>  // transform
#include <bit>        // bit_cast
#include <utility>    // exchange
#include <vector>     // vector

/// Weights in the order of the product engines: made on the host once a network.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Device memory that a prepared form owns.
class Buffer {
 public:
  Buffer() = default;
  template <class T>
  explicit Buffer(const std::vector<T>& values)
      : data_(Memory<Cuda>::allocate(values.size() * sizeof(T))) {
    try {
      Memory<Cuda>::from_host(data_, values.data(), values.size() * sizeof(T));
    } catch (...) {
      Memory<Cuda>::deallocate(data_);
      throw;
    }
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() { Memory<Cuda>::deallocate(data_); }
  /// The memory as what it was filled with.
  template <class T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void* data_ = nullptr;
};

/// The values of a tensor on the host.
template <class Tensor>
std::vector<float> host_values(const Tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  tensor.copy_to_host(values.data());
  std::transform(values.begin(), values.end(), values.begin(), flushed);
  return values;
}

/// A number rounded to bfloat16, to nearest, ties to even.
inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}
inline float from_bf16(std::uint16_t value) {
  return std::bit_cast<float>(std::uint32_t{value} << 16);
}

/// A matrix cut into tiles of 32 steps and N columns, each in the order of an engine; where there
/// is nothing, zeros. `weight(step, column)` gives an element.
template <Precision P, int N>
class Packer {
 public:
  using E = Engine<P, N>;
  using Operand = typename E::Operand;

  explicit Packer(Index tiles) : values_(bytes(tiles) / sizeof(Operand)) {}
  static std::size_t bytes(Index tiles) {
    return static_cast<std::size_t>(tiles * E::planes * E::tile_size) * sizeof(Operand);
  }

  void set(Index tile, int k, int n, float value) {
    const Index at = tile * E::planes * E::tile_size + E::b_offset(k, n);
    if constexpr (P == Precision::float32) {
      values_[static_cast<std::size_t>(at)] = value;
    } else {
      for (int plane = 0; plane < E::planes; ++plane) {
        const std::uint16_t part = to_bf16(value);
        values_[static_cast<std::size_t>(at + plane * E::tile_size)] = part;
        value -= from_bf16(part);
      }
    }
  }
  [[nodiscard]] Buffer take() { return Buffer(values_); }

 private:
  std::vector<Operand> values_;
};

/// The weights of a product, ready for the GemmBody of their precision.
struct PackedWeights {
  Precision precision;
  Buffer values;
  int inputs = 0, outputs = 0, taps = 1;

  [[nodiscard]] int tiles() const { return ceil_div(outputs, weight_columns); }
};

/// The same as a type for each precision: prepared forms are told apart by their types.
template <Precision P>
struct PackedIn : PackedWeights {
  using Tiles = Packer<P, weight_columns>;
  PackedIn(int in, int out, int count) : PackedWeights{P, {}, in, out, count} {}
  /// The tiles of all taps.
  static Index tile_count(int inputs, int outputs, int taps) {
    return Index{taps} * ceil_div(inputs, tile_steps) * ceil_div(outputs, weight_columns);
  }
  static std::size_t bytes(int inputs, int outputs, int taps) {
    return Tiles::bytes(tile_count(inputs, outputs, taps));
  }
};

/// Packs weights (outputs, inputs, taps); the taps of an element lie behind each other.
template <Precision P>
PackedIn<P> pack(int outputs, int inputs, int taps, const float* weight, WeightLayout layout) {
  PackedIn<P> packed(inputs, outputs, taps);
  const int blocks = ceil_div(inputs, tile_steps), tiles = packed.tiles();
  typename PackedIn<P>::Tiles packer(PackedIn<P>::tile_count(inputs, outputs, taps));
  for (int tap = 0; tap < taps; ++tap)
    for (int k = 0; k < inputs; ++k)
      for (int o = 0; o < outputs; ++o)
        packer.set((Index{tap} * blocks + k / tile_steps) * tiles + o / weight_columns,
                   k % tile_steps, o % weight_columns,
                   weight[o * layout.row + layout.first + k * layout.step + tap]);
  packed.values = packer.take();
  return packed;
}

inline bool aligned_to(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

/// What a product does besides multiplying.
struct ProductOutput {
  float* y;
  const float* bias = nullptr;
  const float* scale = nullptr;
  const float* residual = nullptr;
  Activation activation = Activation::none;
};

/// Calls `f` with the precision of a product as a constant. Small ones are float32 in every mode:
/// they cost nothing to speak of. Those that keep the number of channels are one step finer than
/// the mode: they feed the residual stream directly, and make most of a mode's error. bf16x3 shall
/// be near float32, so all of its plain products are finer.
template <int In, int Out, class F>
decltype(auto) with_product_precision(Precision mode, Index rows, const F& f) {
  if (rows == 1 || In <= 4) return f.template operator()<Precision::float32>();
  return with_precision(mode, [&]<Precision P>() {
    return f.template operator() < In == Out || P == Precision::bf16x3 ? finer(P) : P > ();
  });
}

/// Warps side by side that share the activations of a block: as many as the tiles fill, within the
/// shared memory that every device since sm_80 has.
template <class Body>
int column_warps(int tiles) {
  for (const int wide : {3, 2})
    if (tiles % wide == 0 && wide <= Body::max_column_warps &&
        Body::shared_bytes(wide) <= 99 * 1024)
      return wide;
  return 1;
}

template <Precision P>
void product_in(Context<Cuda>& ctx, const float* x, Index pixels, Index width,
                const PackedWeights& weights, const ProductOutput& out) {
  using Body = GemmBody<P>;
  const int wide = column_warps<Body>(weights.tiles());
  EQSR_EXPECTS(pixels <= Index{0x7fffffff} - Body::rows, "limit_exceeded", "A product of ", pixels,
               " pixels at once is too large. Choose a smaller image.");
  const typename Body::Params params{
      .x = x,
      .weights = weights.values.as<typename Body::Operand>(),
      .bias = out.bias,
      .scale = out.scale,
      .residual = out.residual,
      .y = out.y,
      .pixels = pixels,
      .height = weights.taps == 1 ? 1 : static_cast<int>(pixels / width),
      .width = static_cast<int>(width),
      .inputs = weights.inputs,
      .outputs = weights.outputs,
      .tiles = weights.tiles(),
      .taps = weights.taps,
      .activation = out.activation,
      .vector_in = weights.inputs % 4 == 0 && aligned_to(x, 16),
      .vector_out =
          weights.outputs % 2 == 0 && aligned_to(out.y, 8) && aligned_to(out.residual, 8)};
  run<Body>(ctx, ceil_div(pixels, Body::rows) * ceil_div(weights.tiles(), wide), 1,
            32 * Body::row_warps * wide, Body::shared_bytes(wide), params);
}

/// y = epilogue(x W) on `pixels` rows, a plane of `width` columns where there are nine taps.
inline void product(Context<Cuda>& ctx, const float* x, Index pixels, Index width,
                    const PackedWeights& weights, const ProductOutput& out) {
  with_exact_precision(weights.precision,
                       [&]<Precision P>() { product_in<P>(ctx, x, pixels, width, weights, out); });
}

}}}  // namespace eqsr::EQSR_ABI::gpu
