// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/conv2d.hpp>              // convolve
#include <eqsr/layer/modulated_conv2d.hpp>  // op::ModulatedConv2d

#include <algorithm>  // fill_n, transform
#include <cmath>      // sqrt
#include <cstddef>    // size_t
#include <vector>     // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// Packed weights and the squared norm of each pair of channels: they serve every modulation.
struct ModulatedWeights {
  WinogradWeights weights;
  std::vector<double> squares;  ///< (c, o): sum over the nine taps of weight²

  static std::size_t bytes(int inputs, int outputs) {
    return WinogradWeights::bytes(inputs, outputs) +
           static_cast<std::size_t>(inputs) * static_cast<std::size_t>(outputs) * sizeof(double);
  }
};
/// What a modulated convolution needs: its weights, temporaries, and the scales of both sides.
struct ModulatedScratch {
  const ModulatedWeights* weights;
  ConvolutionScratch temporaries;
  float *input_scale, *output_scale;
};

[[gnu::noinline]] inline ModulatedWeights prepare_modulated(int outputs, int inputs,
                                                            const float* weight) {
  const auto rows = static_cast<std::size_t>(inputs), columns = static_cast<std::size_t>(outputs);
  ModulatedWeights result{pack_3x3(outputs, inputs, weight, nullptr),
                          std::vector<double>(rows * columns)};
  for (std::size_t o = 0; o < columns; ++o)
    for (std::size_t c = 0; c < rows; ++c) {
      double& sum = result.squares[c * columns + o];
      for (int tap = 0; tap < 9; ++tap, ++weight) sum += double(*weight) * *weight;
    }
  return result;
}

/// x (1 + m) convolved with W, then each output scaled by its inverse norm.
[[gnu::noinline]] inline void modulated_convolution(Context<Cpu>& ctx,
                                                    const ModulatedScratch& scratch,
                                                    Plane<const float> x,
                                                    Channels<const float> modulation, Output y) {
  const ModulatedWeights& prepared = *scratch.weights;
  const int inputs = prepared.weights.inputs, outputs = prepared.weights.outputs;
  float *input_scale = scratch.input_scale, *output_scale = scratch.output_scale;
  std::vector<double> norm(static_cast<std::size_t>(outputs), demodulation_epsilon);
  const double* squares = prepared.squares.data();
  for (int c = 0; c < inputs; ++c) {
    const double scale = modulation(c) + 1.0;
    input_scale[c] = static_cast<float>(scale);
    for (double& sum : norm) {
      const double term = *squares++ * (scale * scale);
      sum += term;
    }
  }
  std::transform(norm.begin(), norm.end(), output_scale,
                 [](double sum) { return static_cast<float>(1 / std::sqrt(sum)); });
  std::fill_n(output_scale + outputs, 16, 0.0f);

  y.column_scale = output_scale;
  convolve(ctx, x, input_scale, prepared.weights, scratch.temporaries, y);
}

}  // namespace cpu

template <>
struct Kernel<op::ModulatedConv2d, Cpu> {
  using Scratch = cpu::ModulatedScratch;
  template <int In, int Out>
  static Scratch scratch(auto& memory, Plane<const float, In> x, Channels<const float, In>,
                         const auto& layer, Plane<float, Out>, const Epilogue<Out>&) {
    return {memory.context().template prepare<cpu::ModulatedWeights>(
                layer.prepared, layer.weight.stamp(), cpu::ModulatedWeights::bytes(In, Out),
                [&] { return cpu::prepare_modulated(Out, In, layer.weight.data()); }),
            cpu::convolution_scratch(memory, x, Out), memory.floats(In), memory.floats(Out + 16)};
  }
  template <int Out>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float> x,
                  Channels<const float> modulation, const auto&, Plane<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    cpu::modulated_convolution(ctx, scratch, x, modulation,
                               cpu::output(y.data(), nullptr, epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
