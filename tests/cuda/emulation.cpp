// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#if !defined(__CUDACC__)
#include <eqsr/cuda/kernel/engine.hpp>

#include "cuda/contexts.hpp"

using namespace eqsr_test;
using eqsr::gpu::Engine;

/// The emulation must notice what it is there for, or green kernels say nothing.
namespace {
/// Runs `body(exec)` on one block; the message of what it did wrong, or nothing.
template <class F>
std::string wrong(const F& body, int threads = 64, std::size_t shared_bytes = 1024,
                  bool backwards = false) {
  Block block(threads, shared_bytes);
  DeviceMemory::instance().begin_launch();
  try {
    block.run(0, backwards, [&](int thread) {
      Emulated exec(block, thread, 0, 0);
      body(exec);
    });
  } catch (const EmulationError& error) {
    return error.what();
  }
  return "";
}
bool says(const std::string& message, const char* part) {
  INFO(message);
  return message.find(part) != std::string::npos;
}
}  // namespace

TEST_CASE("emulation: a race in shared memory is caught, a barrier cures it") {
  const auto neighbours = [](bool barrier) {
    return wrong([barrier](Emulated& exec) {
      const auto s = exec.shared<float>(0, 64);
      s.store(exec.thread(), 1);
      if (barrier) exec.sync();
      (void)s.load((exec.thread() + 32) % 64);
    });
  };
  CHECK(says(neighbours(false), "in the same phase") != says(neighbours(false), "nothing has"));
  CHECK(neighbours(true) == "");
}

TEST_CASE("emulation: bytes of device memory are watched one by one") {
  auto& memory = DeviceMemory::instance();
  auto* const bytes = static_cast<std::uint8_t*>(memory.allocate(66));
  const auto neighbours = [bytes](int apart) {
    return wrong(
        [=](Emulated& exec) { exec.store(bytes + exec.thread() * apart / 2, std::uint8_t{1}); });
  };
  CHECK(neighbours(2) == "");
  CHECK(says(neighbours(1), "two threads of a launch write"));
  CHECK(wrong([=](Emulated& exec) { (void)exec.load(bytes + exec.thread()); }) == "");
  CHECK(says(wrong([=](Emulated& exec) { (void)exec.load(bytes + exec.thread() + 1); }),
             "nothing has written"));
  CHECK(says(wrong([=](Emulated& exec) { (void)exec.load(bytes + 66); }),
             "outside every allocation"));
  memory.free(bytes);
}

TEST_CASE("emulation: a write after another thread's read needs a barrier too") {
  const auto overwrite = [](bool barrier) {
    return wrong([barrier](Emulated& exec) {
      const auto s = exec.shared<float>(0, 64);
      s.store(exec.thread(), 1);
      exec.sync();
      (void)s.load(63 - exec.thread());
      if (barrier) exec.sync();
      s.store(exec.thread(), 2);
    });
  };
  CHECK(says(overwrite(false), "in the same phase"));
  CHECK(overwrite(true) == "");
}

TEST_CASE("emulation: lanes of a warp are ordered by warp operations only") {
  const auto exchange = [](bool together) {
    return wrong(
        [together](Emulated& exec) {
          const auto s = exec.shared<float>(0, 32);
          s.store(exec.lane(), 1);
          if (together) exec.sync_warp();
          (void)s.load(31 - exec.lane());
        },
        32);
  };
  CHECK(exchange(false) != "");
  CHECK(exchange(true) == "");
}

TEST_CASE("emulation: shared memory is poisoned, bounded and aligned") {
  CHECK(says(wrong([](Emulated& exec) { (void)exec.shared<float>(0, 4).load(0); }),
             "nothing has written"));
  CHECK(says(wrong([](Emulated& exec) { exec.shared<float>(0, 4).store(4, 1); }), "outside"));
  CHECK(says(wrong([](Emulated& exec) { (void)exec.shared<float>(0, 300); }), "an array of bytes"));
  CHECK(
      says(wrong([](Emulated& exec) { (void)exec.shared<float>(0, 64).load4(2); }), "not aligned"));
}

TEST_CASE("emulation: an asynchronous copy has to be waited for") {
  eqsr::Tensor<Cuda, float, eqsr::Axis<'m', 64>> source;
  const float* from = std::as_const(source).data();
  const auto copy = [from](bool wait, bool barrier) {
    return wrong([=](Emulated& exec) {
      const auto s = exec.shared<float>(0, 256);
      exec.copy_async<16>(s, 4 * exec.thread(), from + exec.thread() % 16 * 4, true);
      exec.commit();
      if (wait) exec.wait<0>();
      if (barrier) exec.sync();
      (void)s.load(4 * ((exec.thread() + (barrier ? 33 : 0)) % 64));
      exec.wait<0>();
    });
  };
  CHECK(says(copy(false, false), "before the copy to it landed"));
  CHECK(says(copy(false, true), "before the copy to it landed"));
  CHECK(copy(true, false) == "");  // its own copy
  CHECK(copy(true, true) == "");
  // wait<1> leaves the newest group in flight.
  const auto newest = wrong([from](Emulated& exec) {
    const auto s = exec.shared<float>(0, 256);
    for (int group = 0; group < 2; ++group) {
      if (exec.thread() == 0) exec.copy_async<16>(s, 4 * group, from, true);
      exec.commit();
    }
    exec.wait<1>();
    if (exec.thread() == 0) (void)s.load(0);
    if (exec.thread() == 0) (void)s.load(4);
  });
  CHECK(says(newest, "reads byte 16 of shared memory before the copy"));
  CHECK(says(wrong([from](Emulated& exec) {
               exec.copy_async<16>(exec.shared<float>(0, 256), 4 * exec.thread(), from, true);
               exec.commit();
             }),
             "never waited for"));
}

TEST_CASE("emulation: divergent barriers are caught") {
  CHECK(says(wrong([](Emulated& exec) {
               if (exec.thread() < 32) exec.sync();
             }),
             "never reach"));
  CHECK(says(wrong([](Emulated& exec) {
               if (exec.lane() < 16) exec.sync_warp();
             }),
             "never reach"));
}

TEST_CASE("emulation: global memory is bounded, initialised and free of races") {
  eqsr::Tensor<Cuda, float, eqsr::Axis<'m', 64>> array;
  float* data = array.data();
  CHECK(wrong([=](Emulated& exec) { exec.store(data + exec.thread(), 1.0f); }) == "");
  CHECK(
      says(wrong([=](Emulated& exec) { exec.store(data + exec.thread() + 1, 1.0f); }), "outside"));
  CHECK(says(wrong([=](Emulated& exec) { exec.store(data + exec.thread() / 2, 1.0f); }),
             "two threads"));
  CHECK(says(wrong([=](Emulated& exec) {
               exec.store(data + exec.thread(), exec.load(data + 63 - exec.thread()));
             }),
             "another thread"));
  float* fresh = static_cast<float*>(eqsr::Memory<Cuda>::allocate(16));
  CHECK(says(wrong([=](Emulated& exec) { (void)exec.load(fresh); }), "nothing has written"));
  CHECK(says(wrong([=](Emulated& exec) { (void)exec.load2(data + 1 + 0 * exec.lane()); }),
             "unaligned"));
  eqsr::Memory<Cuda>::deallocate(fresh);
}

TEST_CASE("emulation: tensor cores cut off instead of rounding, below a few bits more") {
  const auto sum = [](const TensorCore& core, float before, std::initializer_list<float> products) {
    MatrixSum m{};
    int k = 0;
    for (const float product : products) {
      m.left[0][k] = product;
      m.right[k++][0] = 1;
    }
    m.sum[0][0] = before;
    m.add_products(core);
    return m.sum[0][0];
  };
  const auto ulps = [](float n) { return n * 0x1p-23f; };
  CHECK(sum(ampere, 3, {0.5f, -1.25f}) == 2.25f);
  for (const TensorCore& core : {ampere, hopper}) {
    CHECK(sum(core, 1, {ulps(0.875f)}) == 1);  // to nearest, it would be the next number
    CHECK(sum(core, -1, {ulps(-0.875f)}) == -1);
    CHECK(sum(core, 1, {ulps(0.5f), ulps(0.5f)}) == 1 + ulps(1));  // a bit more is kept
    CHECK(sum(core, 1, {1, -1, ulps(1)}) == 1 + ulps(1));
  }
  CHECK(sum(ampere, 1, {ulps(0.25f), ulps(0.25f), ulps(0.5f)}) == 1);
  CHECK(sum(hopper, 1, {ulps(0.25f), ulps(0.25f), ulps(0.5f)}) == 1 + ulps(1));
  // Ampere adds eight products, cuts off, and adds the next eight.
  CHECK(sum(ampere, 0, {1, 0, 0, 0, 0, 0, 0, 0, ulps(0.25f), ulps(0.75f)}) == 1);
  CHECK(sum(hopper, 0, {1, 0, 0, 0, 0, 0, 0, 0, ulps(0.25f), ulps(0.75f)}) == 1 + ulps(1));
  CHECK(std::isnan(sum(hopper, 1, {NAN})));
}

namespace {
/// 32 x 32 by 32 x N numbers on an engine, against plain loops; `rounds` times, as the mean.
template <Precision P, int N>
double engine_error(int rounds = 1) {
  using E = Engine<P, N>;
  const auto a = synthetic_input("a", 32 * 32), b = synthetic_input("b", 32 * N);
  std::vector<float> c(32 * N);
  const int pitch = eqsr::gpu::tile_pitch(32);
  const int b_byte = 32 * pitch * 4;
  const std::string message = wrong(
      [&](Emulated& exec) {
        const auto left = exec.shared<float>(0, 32 * pitch);
        const auto right =
            exec.template shared<typename E::Operand>(b_byte, E::planes * E::tile_size);
        for (int i = exec.lane(); i < 32 * 32; i += 32)
          left.store(i / 32 * pitch + i % 32, a[std::size_t(i)]);
        for (int i = exec.lane(); i < 32 * N; i += 32)
          E::store_b(exec, right, i / N, i % N, b[std::size_t(i)]);
        exec.sync();
        float sums[N] = {};
        for (int round = 0; round < rounds; ++round) E::multiply(exec, left, pitch, right, sums);
        for (int i = 0; i < N; ++i)
          c[std::size_t(E::row(exec.lane(), i) * N + E::column(exec.lane(), i))] =
              sums[i] / float(rounds);
      },
      32, std::size_t(b_byte) + E::planes * E::tile_size * sizeof(typename E::Operand));
  CHECK(message == "");
  double worst = 0;
  for (std::size_t m = 0; m < 32; ++m)
    for (std::size_t n = 0; n < N; ++n) {
      double sum = 0;
      for (std::size_t k = 0; k < 32; ++k) sum += double(a[m * 32 + k]) * double(b[k * N + n]);
      worst = std::max(worst, std::abs(sum - double(c[m * N + n])));
    }
  return worst;
}
}  // namespace

TEST_CASE("emulation: the engines multiply, each to its precision") {
  CHECK(engine_error<Precision::float32, 64>() < 2e-6);
  CHECK(engine_error<Precision::float32, 32>() < 2e-6);
  CHECK(engine_error<Precision::float32, 16>() < 2e-6);
  CHECK(engine_error<Precision::bf16x3, 64>() < 5e-5);
  CHECK(engine_error<Precision::bf16x3, 16>() < 5e-5);
  CHECK(engine_error<Precision::bf16, 64>() < 3e-2);
  CHECK(engine_error<Precision::bf16, 64>() > 1e-4);
}

TEST_CASE("emulation: long sums of several planes do not drift towards zero") {
  for (const TensorCore& core : {ampere, hopper}) {
    CAPTURE(core.products);
    tensor_core = core;
    const double few = engine_error<eqsr::gpu::bf16x6, 16>();
    const double many = engine_error<eqsr::gpu::bf16x6, 16>(64);
    CHECK(few < 5e-6);
    CHECK(many < 2e-5);  // 1e-4 and more where each product is cut off at the whole sum
  }
  tensor_core = hopper;
}

TEST_CASE("emulation: the order of a right operand is a bijection without bank conflicts") {
  using E = Engine<Precision::bf16, 64>;
  std::vector<int> used(E::tile_size);
  for (int k = 0; k < 32; ++k)
    for (int n = 0; n < 64; ++n) ++used[std::size_t(E::b_offset(k, n))];
  CHECK(std::all_of(used.begin(), used.end(), [](int count) { return count == 1; }));
  // ldmatrix reads 16 bytes of 8 neighbouring columns at once: eight different groups of banks.
  for (int n = 0; n < 64; n += 8)
    for (int k = 0; k < 32; k += 8) {
      unsigned banks = 0;
      for (int i = 0; i < 8; ++i) banks |= 1U << E::b_offset(k, n + i) * 2 / 16 % 8;
      CHECK(banks == 0xff);
    }
}
#endif
