// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/backend.hpp>       // Cpu
#include <eqsr/cpu/core/observer.hpp>  // Observer

#include "diary.hpp"

#include <cxxabi.h>  // __cxa_demangle

#include <cstdlib>   // free
#include <memory>    // unique_ptr
#include <regex>     // regex
#include <string>    // string
#include <typeinfo>  // type_info

/// The hot loops and tasks of the CPU backend, each of which says what it does. Stands before every
/// other header of the library.
namespace eqsr_bench {
template <class Simd>
struct Observed;

/// The kernel that a task is a lambda of: the function that its type is named after.
inline std::string kernel_of(const std::type_info& task) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> all(
      abi::__cxa_demangle(task.name(), nullptr, nullptr, &status), std::free);
  const std::string name = all ? all.get() : task.name();
  static const std::regex functions(R"((?:cpu::|op::)(\w+(?:::\w+)?)(?:\(|, ))");
  for (std::sregex_iterator i(name.begin(), name.end(), functions), end; i != end; ++i)
    if ((*i)[1].str().rfind("for_each", 0) != 0) return (*i)[1];
  return "others";
}
}  // namespace eqsr_bench
template <>
struct eqsr::Observer<eqsr::Cpu> {
  template <class Simd>
  using Loops = eqsr_bench::Observed<Simd>;
  template <class Task>
  static auto task(const Task& task) {
    static const std::string name = eqsr_bench::kernel_of(typeid(Task));
    return [&task, loop = eqsr_bench::Diaries::all().next_loop(name)](Index index, int thread) {
      eqsr_bench::Diary& diary = eqsr_bench::Diaries::mine();
      const double begin = diary.cpu_seconds();
      {
        const eqsr_bench::Doing doing(eqsr_bench::Work::copies);
        task(index, thread);
      }
      diary.tasks.push_back({loop, diary.cpu_seconds() - begin});
    };
  }
};

#include <eqsr/cpu/core/simd.hpp>  // Simd, PackedMatrix, Output

namespace eqsr_bench {

/// Operations a number: those that the loops of cpu/core/simd execute, one multiply-add being two.
namespace cost {
inline double activation(eqsr::Activation kind) {
  return kind == eqsr::Activation::none   ? 0
         : kind == eqsr::Activation::relu ? 1
         : kind == eqsr::Activation::gelu ? 36
                                          : 24;
}
inline constexpr double softmax = 19, norm = 8, involution = 9 * 3, input_transform = 32,
                        output_transform = 24;
}  // namespace cost

/// The hot loops of an instruction set that write a diary.
template <class Simd>
struct Observed : Simd {
  using Index = eqsr::Index;

  static void multiply(const eqsr::Operand& a, const eqsr::PackedMatrix& b, const eqsr::Output& y) {
    const Doing doing(Work::linear, 2.0 * double(a.rows) * b.depth * b.columns);
    Simd::multiply(a, b, y, [&](const eqsr::Sums& sums) { finish(sums, y); });
  }
  static void finish(const eqsr::Sums& sums, const eqsr::Output& y) {
    const bool bent = y.activation != eqsr::Activation::none;
    const double each = (y.bias ? 1 : 0) + (y.column_scale ? 1 : 0) + (y.residual ? 1 : 0);
    const Doing doing(bent ? Work::activation : Work::epilogue,
                      double(sums.rows) * sums.columns * (each + cost::activation(y.activation)));
    Simd::finish(sums, y);
  }
  static void product(const float* a, Index rows, const eqsr::PackedMatrix& b, float* c) {
    const Doing doing(Work::convolution, 2.0 * double(rows) * b.depth * b.columns);
    Simd::product(a, rows, b, c);
  }
  static void accumulate(const float* a, Index rows, Index row_stride, const eqsr::Panels& b,
                         int depth, int columns, bool fresh, float* c, Index c_stride,
                         const eqsr::Output* y) {
    const Doing doing(Work::attention, 2.0 * double(rows) * depth * columns);
    Simd::accumulate(a, rows, row_stride, b, depth, columns, fresh, c, c_stride, y);
  }
  static void transform_input(const float* patch, Index pitch, int channels, float* v,
                              Index stride) {
    const Doing doing(Work::transforms, cost::input_transform * channels);
    Simd::transform_input(patch, pitch, channels, v, stride);
  }
  static void transform_output(const float* m, Index stride, int columns, float* sums) {
    const Doing doing(Work::transforms, cost::output_transform * columns);
    Simd::transform_output(m, stride, columns, sums);
  }
  static void layer_norm(const float* x, Index rows, int channels, const float* weight,
                         const float* bias, float epsilon, eqsr::Activation activation, float* y) {
    const Doing doing(Work::norm, cost::norm * double(rows) * channels);
    Simd::layer_norm(x, rows, channels, weight, bias, epsilon, activation, y);
  }
  static void activate_row(const float* x, const float* addend, Index count,
                           eqsr::Activation activation, float* y) {
    const Doing doing(Work::activation, cost::activation(activation) * double(count));
    Simd::activate_row(x, addend, count, activation, y);
  }
  static float softmax(float* scores, int count) {
    const Doing doing(Work::softmax, cost::softmax * count);
    return Simd::softmax(scores, count);
  }
  static void scale(const float* x, float factor, int count, float* y) {
    const Doing doing(Work::softmax, count);
    Simd::scale(x, factor, count, y);
  }
  static void involution(const float* first, Index pitch, const float* kernels,
                         const float* factors, int channels, float* y) {
    const Doing doing(Work::involution, cost::involution * channels);
    Simd::involution(first, pitch, kernels, factors, channels, y);
  }
  static void scale_row(const float* x, const float* gate, const float* residual, int channels,
                        float* y) {
    const Doing doing(Work::rows, 2.0 * channels);
    Simd::scale_row(x, gate, residual, channels, y);
  }
  static void gate_row(const float* z, const float* gate, const float* x, const float* addend,
                       int channels, float* y) {
    const Doing doing(Work::rows, (addend ? 5.0 : 3.0) * channels);
    Simd::gate_row(z, gate, x, addend, channels, y);
  }
  static void relu_of_three(const float* a, const float* b, const float* c, int channels,
                            float* y) {
    const Doing doing(Work::rows, 3.0 * channels);
    Simd::relu_of_three(a, b, c, channels, y);
  }
  static void sum_pixels(const float* x, Index pixels, int channels, double* sums) {
    const Doing doing(Work::rows, double(pixels) * channels);
    Simd::sum_pixels(x, pixels, channels, sums);
  }
};

}  // namespace eqsr_bench
