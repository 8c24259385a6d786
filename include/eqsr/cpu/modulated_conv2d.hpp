// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/conv2d.hpp>              // convolve
#include <eqsr/cpu/eigen.hpp>               // map
#include <eqsr/layer/modulated_conv2d.hpp>  // op::ModulatedConv2d

namespace eqsr::inline EQSR_ABI {
namespace cpu {

/// Packed weights and the squared norm of each pair of channels: they serve every modulation.
struct ModulatedWeights {
  PackedWeights weights;
  Eigen::ArrayXXd squares;  ///< (o, c): sum over the nine taps of weight²
};

}  // namespace cpu

template <>
struct Kernel<op::ModulatedConv2d, Cpu> {
  template <int In>
  static std::size_t workspace(int threads, Plane<const float, In> x, const auto&...) {
    return cpu::product_workspace(threads) +
           cpu::halo_bytes(x.template extent<'h'>(), x.template extent<'w'>(), In) +
           Arena<Cpu>::rounded(2 * (In + 16) * sizeof(float)) * 2;
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Plane<const float, In> x, Channels<const float, In> modulation,
                  const auto& layer, Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    const Index h = x.template extent<'h'>(), w = x.template extent<'w'>();
    const auto& prepared = layer.prepared.template get<cpu::ModulatedWeights>(
        layer.weight.stamp(), [&] { return prepare<In, Out>(layer.weight.view()); });

    // x (1 + m) convolved with W, then each output scaled by its inverse norm
    const Eigen::Array<double, In, 1> scale = cpu::map(modulation).template cast<double>() + 1.0;
    const Eigen::Array<double, Out, 1> norm =
        (prepared.squares.matrix() * scale.square().matrix()).array();
    Scope scope(ctx);
    float* input_scale = scope.template array<float>(In);
    float* output_scale = scope.template array<float>(Out + 16);
    Eigen::Map<Eigen::ArrayXf>(input_scale, In) = scale.template cast<float>();
    Eigen::Map<Eigen::ArrayXf>(output_scale, Out) =
        (norm + demodulation_epsilon).rsqrt().template cast<float>();
    std::fill_n(output_scale + Out, 16, 0.0f);

    float* halo = scope.template array<float>((h + 2) * (w + 2) * In);
    cpu::copy_with_halo(ctx, x.data(), h, w, In, input_scale, halo);
    Output out = cpu::output(y.data(), nullptr, epilogue);
    out.column_scale = output_scale;
    cpu::convolve(ctx, halo, h, w, In, prepared.weights.matrix(), out);
  }

 private:
  template <int In, int Out, class Weight>
  static cpu::ModulatedWeights prepare(const Weight& weight) {
    cpu::ModulatedWeights result{cpu::pack_3x3(Out, In, weight, [](int) { return 0.0f; }),
                                 Eigen::ArrayXXd::Zero(Out, In)};
    for (int o = 0; o < Out; ++o)
      for (int c = 0; c < In; ++c)
        for (int tap = 0; tap < 9; ++tap) {
          const double value = weight(o, c, tap / 3, tap % 3);
          result.squares(o, c) += value * value;
        }
    return result;
  }
};

}  // namespace eqsr::inline EQSR_ABI
