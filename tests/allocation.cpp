// SPDX-License-Identifier: Apache-2.0
// Every allocation of loading and upscaling fails once: the n-th one, for every n. Each time there
// is one typed error, nothing leaks, and what failed works when it is tried again.
#include <eqsr/eqsr.hpp>

#include "support/module.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {
std::atomic<long> countdown{-1};  // the allocation that fails; negative: none
std::atomic<long> alive{0};
std::atomic<std::size_t> of_tensors{0};  // bytes on cache lines: tensors, prepared forms, arenas

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (countdown.load() >= 0 && countdown.fetch_sub(1) == 0) return nullptr;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, bytes > 0 ? bytes : alignment);
  if (memory) ++alive;
  return memory;
}
void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* memory = allocate(bytes, alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void release(void* memory) noexcept {
  if (memory) --alive;
  std::free(memory);
}
constexpr std::size_t plain = alignof(std::max_align_t);
}  // namespace

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, plain); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, plain);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  of_tensors += bytes;
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace {
constexpr eqsr::Config small{
    .channels = 8, .depths = {2}, .heads = 1, .window = 4, .latent = 8, .frequencies = 2};
int failures = 0;

/// Runs `work` with the n-th allocation failing, for n = 0, 1, ... until none fails any more.
/// `reset` comes before each run and may allocate.
template <class Reset, class Work>
void sweep(const char* what, const Reset& reset, const Work& work) {
  reset();
  for (long n = 0;; ++n) {
    const long before = alive;
    bool complete = false;
    std::string wrong;
    try {
      countdown = n;
      work();
      complete = countdown >= 0;  // nothing was refused
      if (!complete) wrong = "went on after a failed allocation";
    } catch (const eqsr::Error& error) {
      countdown = -1;
      if (error.code() != "out_of_memory") wrong = error.code() + ": " + error.what();
    } catch (const std::exception& error) {
      countdown = -1;
      wrong = std::string("untyped: ") + error.what();
    }
    countdown = -1;
    reset();
    if (wrong.empty() && alive > before) wrong = "leaked";
    if (!wrong.empty() && ++failures < 20)
      std::printf("%s, allocation %ld: %s\n", what, n, wrong.c_str());
    if (complete) {
      std::printf("%s: %ld allocations\n", what, n);
      return;
    }
  }
}
}  // namespace

int main(int, char** arguments) {
  const std::string file = std::string(arguments[1]) + "/weights.safetensors";
  eqsr::Net<small, eqsr::Cpu> source;
  eqsr_test::fill(source);
  eqsr::write_safetensors(file, eqsr::state_dict_of(source), {});
  const eqsr::Image image{5, 6, 3, eqsr_test::image_map("input", 5, 6).values};
  const eqsr::Target target{.height = 17, .width = 19};
  const auto truth = [&] {
    eqsr::Context<eqsr::Cpu> ctx(2);
    return eqsr::upscale(ctx, source, image, target).pixels;
  }();

  const auto nothing = [] {};
  sweep("context", nothing, [] { eqsr::Context<eqsr::Cpu> ctx(2); });
  sweep("load", nothing, [&] {
    static eqsr::Context<eqsr::Cpu> ctx(1);
    (void)eqsr::load<small>(ctx, file);
  });
  {
    eqsr::Context<eqsr::Cpu> ctx(2);  // one context and one network, again and again
    eqsr::Net<small, eqsr::Cpu> net(source);
    const auto& constant = net;
    const auto unpack = [&] {
      net = source;
      ctx.arena().clear();
    };
    // The first picture makes the prepared forms that were planned, to the byte, and no other
    // memory.
    const eqsr::UpscalePlan plan =
        eqsr::plan_upscale(ctx, constant, image.height, image.width, target);
    ctx.reserve(plan.workspace);
    of_tensors = 0;
    (void)eqsr::upscale(ctx, constant, image, target);  // the arena's list of blocks stays
    const std::size_t squares = sizeof(double) * small.channels * small.channels;  // in a vector
    if (of_tensors + squares != plan.prepared_bytes) {
      std::printf("%zu bytes of prepared forms were planned, %zu were made\n", plan.prepared_bytes,
                  of_tensors + squares);
      ++failures;
    }
    sweep("first upscale", unpack, [&] { (void)eqsr::upscale(ctx, constant, image, target); });
    (void)eqsr::upscale(ctx, constant, image, target);
    const auto clear = [&] { ctx.arena().clear(); };
    sweep("upscale", clear, [&] { (void)eqsr::upscale(ctx, constant, image, target); });
    sweep("rows", clear, [&] {
      eqsr::upscale_rows(ctx, constant, image, target, [](eqsr::Index, eqsr::Plane<float, 3>) {});
    });
    const eqsr::Target targets[] = {target, {.scale = 2}};
    sweep("several", clear, [&] { (void)eqsr::upscale(ctx, constant, image, targets); });
    if (eqsr::upscale(ctx, net, image, target).pixels != truth) {
      std::puts("the result changed");
      ++failures;
    }
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
