// SPDX-License-Identifier: Apache-2.0
#include "cuda/emulation/fiber.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EQSR_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define EQSR_ASAN 1
#endif
#if defined(EQSR_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves the registers that a call must keep, changes stacks, restores: swapcontext without its
// system call.
extern "C" void eqsr_test_switch_stack(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl eqsr_test_switch_stack
.type eqsr_test_switch_stack,@function
eqsr_test_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size eqsr_test_switch_stack, .-eqsr_test_switch_stack
)");
#else
#include <ucontext.h>
#endif

namespace eqsr_test {

namespace {
#if defined(EQSR_ASAN)
constexpr std::size_t stack_size = std::size_t{512} << 10;
#else
constexpr std::size_t stack_size = std::size_t{64} << 10;
#endif
}  // namespace

struct Fiber::State {
  std::function<void()> body;
  std::unique_ptr<std::byte[]> stack{new std::byte[stack_size]};
  bool ended = true;
  const void* outer_bottom = nullptr;
  std::size_t outer_size = 0;
#if defined(__x86_64__)
  void *inside = nullptr, *outside = nullptr;
#else
  ucontext_t inside{}, outside{};
#endif

  static State*& starting() {
    static thread_local State* state = nullptr;
    return state;
  }
  [[noreturn]] static void enter() {
    State& self = *starting();
    self.arrived(nullptr, true);
    self.body();
    self.ended = true;
    self.leave();
    for (;;) {
    }
  }
  void arrived([[maybe_unused]] void* saved, [[maybe_unused]] bool from_outside) {
#if defined(EQSR_ASAN)
    if (from_outside)
      __sanitizer_finish_switch_fiber(saved, &outer_bottom, &outer_size);
    else
      __sanitizer_finish_switch_fiber(saved, nullptr, nullptr);
#endif
  }
  void prepare() {
#if defined(EQSR_ASAN)  // frames that were left without a return guard their surroundings
    ASAN_UNPOISON_MEMORY_REGION(stack.get(), stack_size);
#endif
#if defined(__x86_64__)
    auto address = reinterpret_cast<std::size_t>(stack.get() + stack_size) & ~std::size_t{15};
    auto* top = reinterpret_cast<void**>(address);
    *--top = nullptr;  // where enter() would return to: aligned as after a call
    *--top = reinterpret_cast<void*>(&State::enter);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    inside = top;
#else
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack.get();
    inside.uc_stack.ss_size = stack_size;
    inside.uc_link = nullptr;
    makecontext(&inside, &State::enter, 0);
#endif
  }
  void go() {
    starting() = this;
    [[maybe_unused]] void* saved = nullptr;
#if defined(EQSR_ASAN)
    __sanitizer_start_switch_fiber(&saved, stack.get(), stack_size);
#endif
#if defined(__x86_64__)
    eqsr_test_switch_stack(&outside, inside);
#else
    swapcontext(&outside, &inside);
#endif
    arrived(saved, false);
  }
  void leave() {
    [[maybe_unused]] void* saved = nullptr;
#if defined(EQSR_ASAN)
    __sanitizer_start_switch_fiber(ended ? nullptr : &saved, outer_bottom, outer_size);
#endif
#if defined(__x86_64__)
    eqsr_test_switch_stack(&inside, outside);
#else
    swapcontext(&inside, &outside);
#endif
    arrived(saved, true);
  }
};

Fiber::Fiber() : state_(std::make_unique<State>()) {}
Fiber::~Fiber() = default;
void Fiber::start(std::function<void()> f) {
  state_->body = std::move(f);
  state_->ended = false;
  state_->prepare();
}
void Fiber::resume() { state_->go(); }
void Fiber::pause() { state_->leave(); }
bool Fiber::ended() const { return state_->ended; }

}  // namespace eqsr_test
