// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;
using eqsr::Activation;
using eqsr::Channels;
using eqsr::Encoding;
using eqsr::Plane;
using eqsr::Rows;

/// The operators without a product: the same arithmetic in every mode.
namespace {
constexpr Tolerances exact{2e-6, 2e-6, 2e-6};

template <class B>
using Ctx = eqsr::Context<B>;
}  // namespace

TEST_CASE("cuda layer norm: agrees with the specification") {
  const auto compare = [&]<int C>(Index m, float centre, const Tolerances& allowed) {
    CAPTURE(C);
    Map<C> x(m, 1, "norm.input");
    for (float& value : x.values) value += centre;
    for (const auto activation : {Activation::none, Activation::gelu})
      on_cuda(
          [&]<class B>(Ctx<B>& ctx, auto& arrays) {
            eqsr::LayerNorm<C, MemoryOf<B>> layer;
            fill(layer, "norm.");
            const auto y = arrays.copy(x);  // in place
            layer.forward(ctx, eqsr::rows(Plane<const float, C>(y)), eqsr::rows(y), activation);
            return arrays.get(y);
          },
          allowed);
  };
  compare.operator()<180>(9, 0, {});
  compare.operator()<24>(65, 0, {});
  compare.operator()<7>(3, 0, {});
  compare.operator()<256>(2, 1000, {3e-4, 3e-4, 3e-4});
}

TEST_CASE("cuda activation: agrees with the specification") {
  const Map<10> x(7, 9, "x"), addend(7, 9, "addend");
  for (const auto kind : eqsr::all_activations)
    on_cuda(
        [&](auto& ctx, auto& arrays) {
          const auto y = arrays.copy(x);
          eqsr::launch<eqsr::op::Activate>(ctx, kind, eqsr::rows(Plane<const float, 10>(y)),
                                           arrays.in_rows(addend), eqsr::rows(y));
          return arrays.get(y);
        },
        exact);
}

TEST_CASE("cuda channel operators: agree with the specification") {
  const Map<180> x(5, 7, "x"), residual(5, 7, "residual");
  const Map<180> gate(1, 1, "gate");
  on_cuda(
      [&](auto& ctx, auto& arrays) {
        const auto y = arrays.template out<180>(1, 1);
        eqsr::launch<eqsr::op::ChannelMean>(ctx, arrays.in(x), Channels<float, 180>(y.data()));
        return arrays.get(y);
      },
      exact);
  on_cuda(
      [&](auto& ctx, auto& arrays) {
        const auto y = arrays.copy(residual);
        eqsr::launch<eqsr::op::ChannelScale>(ctx, arrays.in_rows(x),
                                             Channels<const float, 180>(arrays.in(gate).data()),
                                             eqsr::rows(y), eqsr::rows(Plane<const float, 180>(y)));
        return arrays.get(y);
      },
      exact);
  std::array<float, 20> numbers{};
  for (std::size_t c = 0; c < 20; ++c) numbers[c] = float(c) - 7.5f;
  const Map<20> twenty(3, 3, "x");
  on_cuda(
      [&](auto& ctx, auto& arrays) {
        const auto y = arrays.copy(twenty), z = arrays.template out<20>(3, 3);
        eqsr::launch<eqsr::op::ChannelShift>(ctx, eqsr::rows(Plane<const float, 20>(y)), numbers,
                                             eqsr::rows(y));
        eqsr::launch<eqsr::op::ChannelFill>(ctx, numbers, eqsr::rows(z));
        auto result = arrays.get(y);
        for (const float value : arrays.get(z)) result.push_back(value);
        return result;
      },
      exact);
}

TEST_CASE("cuda pad and crop: copy the right pixels") {
  const Map<5> x(3, 1, "x"), wide(7, 9, "wide");
  on_cuda(
      [&](auto& ctx, auto& arrays) {
        const auto y = arrays.template out<5>(16, 8), z = arrays.template out<5>(4, 9);
        eqsr::launch<eqsr::op::ReflectPad>(ctx, arrays.in(x), y);
        eqsr::launch<eqsr::op::Crop>(ctx, arrays.in(wide), z);
        auto result = arrays.get(y);
        for (const float value : arrays.get(z)) result.push_back(value);
        return result;
      },
      {0, 0, 0});
}

TEST_CASE("cuda query grid: every bit is that of the definition") {
  for (const auto& sizes : {std::pair<Index, Index>{8, 12},
                            {7, 23},
                            {64, 96},
                            {9, 8},
                            {1, 5},
                            {270, 1080},
                            {100, 333},
                            {48, 1},
                            {1000, 1501}}) {
    const Index n = sizes.first, N = sizes.second;
    CAPTURE(n);
    CAPTURE(N);
    const auto tables = [&](auto& ctx, auto& arrays) {
      eqsr::Scope scope(ctx);
      const auto axis = eqsr::query_axis(scope, N);
      eqsr::launch<eqsr::op::QueryGrid>(ctx, n, axis);
      auto result = arrays.get(Rows<float, 1>(reinterpret_cast<float*>(axis.index.data()), N));
      for (const auto& table : {arrays.get(axis.relative), arrays.get(axis.delta)})
        result.insert(result.end(), table.begin(), table.end());
      return result;
    };
    eqsr::Context<Reference> reference;
    eqsr::Context<Cuda> ctx;
    Arrays<Cpu> host;
    Arrays<Cuda> device;
    CHECK(same_bits(tables(ctx, device), tables(reference, host)));
  }
}

TEST_CASE("cuda distance factor: agrees with the specification") {
  const Map<1> length(1, 1, {1.5f});
  on_cuda(
      [&]<class B>(Ctx<B>& ctx, auto& arrays) {
        eqsr::Scope scope(ctx);
        const auto down = eqsr::query_axis(scope, 9), across = eqsr::query_axis(scope, 23);
        eqsr::launch<eqsr::op::QueryGrid>(ctx, Index{4}, down);
        eqsr::launch<eqsr::op::QueryGrid>(ctx, Index{7}, across);
        eqsr::Tensor<MemoryOf<B>, float> lengthscale;
        lengthscale.copy_from_host(length.values.data());
        const auto g = arrays.template out<9>(9, 23);
        eqsr::launch<eqsr::op::DistanceFactor>(ctx, eqsr::ConstQueryAxis(down),
                                               eqsr::ConstQueryAxis(across), lengthscale, g);
        return arrays.get(g);
      },
      {5e-7, 5e-7, 5e-7});
}

TEST_CASE("cuda frequency encoding: sine and cosine of the exact argument within an ulp") {
  std::vector<float> list{0, -0.0f, 1, -1, 0.5f, 1e-30f, 1e-7f, 3, 0.99999994f, 1e9f, -3e20f};
  for (const float t : synthetic_input("encoding.numbers", 60)) list.push_back(t);
  for (Index H = 1; H < 40; ++H) list.push_back(float(2.0 / double(H)));
  const auto count = Index(list.size());
  const Map<1> x(count, 1, std::move(list));
  for (const auto policy : {Encoding::division, Encoding::reciprocal}) {
    const auto encode = [&](auto& ctx, auto& arrays) {
      const auto y = arrays.template out<81>(count, 1);
      eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, arrays.in_rows(x), policy, eqsr::rows(y));
      return arrays.get(y);
    };
    eqsr::Context<Reference> reference;
    eqsr::Context<Cuda> ctx;
    Arrays<Cpu> host;
    Arrays<Cuda> device;
    const auto truth = encode(reference, host), found = encode(ctx, device);
    std::int64_t worst = 0;
    for (std::size_t i = 0; i < truth.size(); ++i)
      worst = std::max(worst, ulps(found[i], truth[i]));
    CHECK(worst <= 1);
  }
  on_cuda([](auto& ctx, auto& arrays) {  // two numbers a row
    const auto y = arrays.template out<14>(5, 1);
    eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, arrays.in_rows(Map<2>(5, 1, "two")),
                                              Encoding::division, eqsr::rows(y));
    return arrays.get(y);
  });
}

TEST_CASE("cuda eca and squeeze excitation: agree with the specification") {
  const Map<24> x(4, 5, "x");
  const Map<256> wide(2, 3, "x");
  on_cuda([&]<class B>(Ctx<B>& ctx, auto& arrays) {
    eqsr::SqueezeExcitation<24, 6, MemoryOf<B>> layer;
    fill(layer, "se.");
    const auto y = arrays.template out<24>(4, 5);
    layer.forward(ctx, arrays.in(x), y);
    return arrays.get(y);
  });
  on_cuda([&]<class B>(Ctx<B>& ctx, auto& arrays) {
    eqsr::Eca<256, MemoryOf<B>> layer;
    fill(layer, "eca.");
    const auto y = arrays.template out<256>(2, 3);
    layer.forward(ctx, arrays.in(wide), y, arrays.in_rows(wide));
    return arrays.get(y);
  });
}

TEST_CASE("cuda bicubic: agrees with the specification") {
  for (const auto& [h, w, H, W] :
       {std::array<Index, 4>{5, 7, 13, 9}, {1, 1, 3, 2}, {8, 6, 3, 12}}) {
    const Map<3> x(h, w, "x"), before(H, W, "before");
    on_cuda(
        [&, H = H, W = W](auto& ctx, auto& arrays) {
          const auto y = arrays.copy(before);
          eqsr::launch<eqsr::op::Bicubic>(ctx, arrays.in(x), y, Index{0}, H);
          auto result = arrays.get(y);
          const auto row = arrays.copy(Map<3>(1, W, "row"));  // a band of the same target
          eqsr::launch<eqsr::op::Bicubic>(ctx, arrays.in(x), row, H - 1, H);
          for (const float value : arrays.get(row)) result.push_back(value);
          return result;
        },
        exact);
  }
}

TEST_CASE("cuda modulated conv2d: agrees with the specification") {
  const Map<24> x(6, 7, "x"), residual(6, 7, "residual");
  const Map<81> style(1, 1, "style");
  on_cuda([&]<class B>(Ctx<B>& ctx, auto& arrays) {
    eqsr::ModulatedConv2d<24, 24, 81, MemoryOf<B>> layer;
    fill(layer, "net2.");
    const auto y = arrays.template out<24>(6, 7);
    layer.forward(ctx, arrays.in(x), Channels<const float, 81>(arrays.in(style).data()), y,
                  {.residual = arrays.in_rows(residual)});
    return arrays.get(y);
  });
}

TEST_CASE("cuda involution block: the composed one agrees with the specification") {
  const Map<32> x(5, 6, "x");
  const Map<9> g(5, 6, "g");
  on_cuda(
      [&]<class B>(Ctx<B>& ctx, auto& arrays) {
        eqsr::InvolutionBlock<32, MemoryOf<B>> layer;
        fill(layer, "inv1.");
        const auto y = arrays.copy(x);
        layer.forward(ctx, Plane<const float, 32>(y), arrays.in(g), y);
        return arrays.get(y);
      },
      {.float32 = 2e-5, .bf16x3 = 1e-4, .bf16 = 0.1});
}
