// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/conv2d.hpp>              // convolve
#include <eqsr/cpu/eigen.hpp>               // Array
#include <eqsr/layer/modulated_conv2d.hpp>  // op::ModulatedConv2d

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// Packed weights and the squared norm of each pair of channels: they serve every modulation.
struct ModulatedWeights {
  WinogradWeights weights;
  Eigen::ArrayXXd squares;  ///< (o, c): sum over the nine taps of weight²
};

[[gnu::noinline]] inline ModulatedWeights prepare_modulated(int outputs, int inputs,
                                                            const float* weight) {
  ModulatedWeights result{pack_3x3(outputs, inputs, weight, nullptr),
                          Eigen::ArrayXXd::Zero(outputs, inputs)};
  for (int o = 0; o < outputs; ++o)
    for (int c = 0; c < inputs; ++c)
      for (int tap = 0; tap < 9; ++tap, ++weight) result.squares(o, c) += double(*weight) * *weight;
  return result;
}

/// x (1 + m) convolved with W, then each output scaled by its inverse norm.
[[gnu::noinline]] inline void modulated_convolution(Context<Cpu>& ctx, const float* x, Index h,
                                                    Index w, int inputs, const float* modulation,
                                                    const ModulatedWeights& prepared, int outputs,
                                                    Output y) {
  Scope scope(ctx);
  float* input_scale = scope.array<float>(inputs);
  float* output_scale = scope.array<float>(outputs + 16);
  Eigen::ArrayXd norm = Eigen::ArrayXd::Constant(outputs, demodulation_epsilon);
  for (int c = 0; c < inputs; ++c) {
    const double scale = modulation[c] + 1.0;
    input_scale[c] = static_cast<float>(scale);
    norm += prepared.squares.col(c) * (scale * scale);
  }
  for (int o = 0; o < outputs; ++o) output_scale[o] = static_cast<float>(1 / std::sqrt(norm(o)));
  std::fill_n(output_scale + outputs, 16, 0.0f);

  y.column_scale = output_scale;
  convolve(ctx, x, h, w, input_scale, prepared.weights, y);
}

}  // namespace cpu

template <>
struct Kernel<op::ModulatedConv2d, Cpu> {
  template <int In, int Out>
  static std::size_t workspace(int threads, Plane<const float, In> x, Channels<const float, In>,
                               const auto&, Plane<float, Out>, const Epilogue<Out>&) {
    return cpu::convolution_workspace(threads, x.template extent<'h'>(), x.template extent<'w'>(),
                                      In, Out) +
           Arena<Cpu>::rounded(In * sizeof(float)) +
           Arena<Cpu>::rounded((Out + 16) * sizeof(float));
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Plane<const float, In> x, Channels<const float, In> modulation,
                  const auto& layer, Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    const auto& prepared = layer.prepared.template get<cpu::ModulatedWeights>(
        layer.weight.stamp(),
        [&] { return cpu::prepare_modulated(Out, In, layer.weight.view().data()); });
    cpu::modulated_convolution(ctx, x.data(), x.template extent<'h'>(), x.template extent<'w'>(),
                               In, modulation.data(), prepared, Out,
                               cpu::output(y.data(), nullptr, epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
