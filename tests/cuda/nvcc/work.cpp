// SPDX-License-Identifier: Apache-2.0
// Prints what the operators of a network have to do, one line a launch, as its plan counts it:
//
//     work base|lite HEIGHT WIDTH NEW_HEIGHT NEW_WIDTH
//
// A line has the bytes that an operator moves, those of them that stay inside of a fused kernel,
// its operations, and by how many products of bfloat16 the modes bf16x3 and bf16 replace one of
// float32: none where the ordinary cores do it.
#include <eqsr/net/eqsr.hpp>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

struct Printed {};  // a backend whose dry run prints

struct Work {
  int bf16x3 = 0, bf16 = 0;
  eqsr::Index inside = 0;  // numbers that are neither loaded nor stored
};
bool in_perceptron = false, in_upsampler = false, after_involution = false;

/// The steps of a product as gpu::with_product_precision and the fused kernels choose them. The
/// hidden layer of a perceptron stays inside, and what is between the first convolution of an
/// involution block and its last product.
Work product(eqsr::Index rows, int inputs, int outputs) {
  if (rows == 1 || inputs <= 4 || outputs <= 4) return {};
  const bool same = inputs == outputs, predicts = in_upsampler && outputs % 9 == 0;
  Work work = in_perceptron      ? Work{3, 1}
              : !in_upsampler    ? Work{6, same ? 3 : 1}
              : same || predicts ? Work{6, 3}
                                 : Work{3, 1};
  const bool last = same && std::exchange(after_involution, false);
  if (predicts) {
    work.inside = rows * (inputs + outputs);
  } else if (in_perceptron || in_upsampler) {
    const bool first = outputs == 2 * inputs || (in_upsampler && inputs == 4 * outputs);
    work.inside = first ? rows * outputs : last || inputs == 2 * outputs ? rows * inputs : 0;
  }
  return work;
}

template <class Op>
struct Counted {
  static Work of(const auto&...) { return {}; }
};
template <>
struct Counted<eqsr::op::Linear> {
  template <int In, int Out>
  static Work of(eqsr::Rows<const float, In> x, const auto&, eqsr::Rows<float, Out>, const auto&) {
    return product(x.template extent<'m'>(), In, Out);
  }
};
template <>
struct Counted<eqsr::op::Conv2d> {
  template <int In, int Out>
  static Work of(eqsr::Plane<const float, In> x, const auto&, eqsr::Plane<float, Out>,
                 const auto&) {
    return product(x.size() / In, In, Out);
  }
};
template <>
struct Counted<eqsr::op::ModulatedConv2d> {
  template <int In, int Out>
  static Work of(eqsr::Plane<const float, In> x, const auto&, const auto&, eqsr::Plane<float, Out>,
                 const auto&) {
    return product(x.size() / In, In, Out);
  }
};
template <>
struct Counted<eqsr::op::WindowAttention> {
  static Work of(const auto&...) { return {3, 1}; }
};
template <>
struct Counted<eqsr::op::OverlappingAttention> : Counted<eqsr::op::WindowAttention> {};
template <>
struct Counted<eqsr::op::Involution> {
  static Work of(const auto& x, const auto& kernels, const auto& distances, const auto& y) {
    after_involution = true;
    return {.inside = x.size() + kernels.size() + distances.size() + y.size()};
  }
};
template <>
struct Counted<eqsr::op::DistanceFactor> {
  static Work of(const auto&, const auto&, const auto&, const auto& g) {
    return {.inside = g.size()};
  }
};

double total = 0;

}  // namespace

namespace eqsr { inline namespace EQSR_ABI {

template <class... Arguments>
inline constexpr bool fuses<op::Mlp, Printed, Arguments...> = true;
template <class... Arguments>
inline constexpr bool fuses<op::KrigingUpsampler, Printed, Arguments...> = true;

template <class Op>
struct Kernel<Op, DryRun<Printed>> {
  static void run(Context<DryRun<Printed>>& context, const auto&... arguments) {
    if constexpr (std::is_base_of_v<Composite, Op>) {
      bool& within = std::is_same_v<Op, op::Mlp> ? in_perceptron : in_upsampler;
      within = true;
      Op::compose(context, arguments...);
      within = false;
    } else {
      const Cost cost = Op::cost(arguments...);
      const Work work = Counted<Op>::of(arguments...);
      std::printf("%.17g %.17g %.17g %d %d\n", cost.bytes, 4.0 * double(work.inside), cost.flops,
                  work.bf16x3, work.bf16);
      total += cost.flops;
    }
  }
};

}}  // namespace eqsr::EQSR_ABI

namespace {
template <eqsr::Config config>
int print(const int (&size)[4]) {
  const eqsr::Net<config, Printed> net;
  const eqsr::Plane<const float, 3> x(nullptr, size[0], size[1]);
  const eqsr::Plane<float, 3> y(nullptr, size[2], size[3]);
  eqsr::Context<eqsr::DryRun<Printed>> context;
  net.forward(context, x, y);
  eqsr::Context<eqsr::DryRun<void>> plan;
  net.forward(plan, x, y);
  if (plan.cost.flops == total) return 0;
  std::fprintf(stderr, "%g operations are printed, but the plan has %g\n", total, plan.cost.flops);
  return 1;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  int size[4];
  for (int i = 0; i < 4; ++i) size[i] = std::atoi(argv[2 + i]);
  return argv[1] == std::string_view("base") ? print<eqsr::base>(size) : print<eqsr::lite>(size);
}
