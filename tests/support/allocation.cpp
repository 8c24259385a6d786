// SPDX-License-Identifier: Apache-2.0
#include "allocation.hpp"

#include <malloc.h>  // malloc_usable_size

#include <atomic>
#include <new>

// The linker puts these before the functions of the C library, whatever they are there.
extern "C" {
void* __real_malloc(std::size_t);
void* __real_calloc(std::size_t, std::size_t);
void* __real_realloc(void*, std::size_t);
void __real_free(void*);
void* __wrap_malloc(std::size_t);
void* __wrap_calloc(std::size_t, std::size_t);
void* __wrap_realloc(void*, std::size_t);
void __wrap_free(void*);
}

namespace {

std::atomic<std::size_t> now{0}, peak{0}, countdown{0};
std::atomic<bool> stays{false}, failed{false};

bool refused() {
  if (failed && stays) return true;
  std::size_t left = countdown.load();
  while (left != 0 && !countdown.compare_exchange_weak(left, left - 1)) {
  }
  if (left != 1) return false;
  failed = true;
  return true;
}

void* counted(void* memory) {
  if (memory == nullptr) return nullptr;
  const std::size_t total = now += malloc_usable_size(memory);
  std::size_t most = peak.load();
  while (total > most && !peak.compare_exchange_weak(most, total)) {
  }
  return memory;
}

}  // namespace

extern "C" {
void* __wrap_malloc(std::size_t bytes) {
  return refused() ? nullptr : counted(__real_malloc(bytes));
}
void* __wrap_calloc(std::size_t count, std::size_t bytes) {
  return refused() ? nullptr : counted(__real_calloc(count, bytes));
}
void* __wrap_realloc(void* memory, std::size_t bytes) {
  if (refused()) return nullptr;
  const std::size_t before = memory == nullptr ? 0 : malloc_usable_size(memory);
  void* larger = __real_realloc(memory, bytes);
  if (larger != nullptr) now -= before;
  return counted(larger);
}
void __wrap_free(void* memory) {
  if (memory != nullptr) now -= malloc_usable_size(memory);
  __real_free(memory);
}
}

void* operator new(std::size_t bytes) {
  void* memory = __wrap_malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { __wrap_free(memory); }

namespace eqsr_test {

std::size_t heap_now() { return now; }
std::size_t heap_peak() { return peak; }
void heap_reset_peak() { peak = now.load(); }

void fail_allocation(std::size_t n, bool sticky) {
  failed = false;
  stays = sticky;
  countdown = n;
}
bool allocation_failed() { return failed; }

}  // namespace eqsr_test
