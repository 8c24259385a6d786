// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>  // EQSR_ABI

// Everything that stb includes, so that inside our namespace nothing is left to include.
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>  // calloc, free, malloc
#include <string.h>  // memcpy

#include <new>  // bad_alloc
#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// stb_image and stb_image_write as private code: PNG and JPEG only, all names inside a namespace
/// of ours with internal linkage, all macros removed again. A program may use its own stb, of
/// another version and with other settings, before or after this header and in the same file.
namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// What the decoder may still allocate on this thread. The announced size of a picture sets it, so
/// a small file cannot claim much memory.
inline thread_local std::size_t stb_budget = 0;
inline thread_local bool stb_refused = false;  ///< whether it asked for more than that
inline thread_local bool stb_starved = false;  ///< whether the system had no memory for it

/// What the next work of the decoder may allocate.
inline void stb_allow(std::size_t bytes) {
  stb_budget = bytes;
  stb_refused = stb_starved = false;
}

inline constexpr std::size_t stb_prefix = 16;  // each block starts with its size

inline void* stb_allocate(std::size_t bytes) {
  if (bytes > stb_budget) {
    stb_refused = true;
    return nullptr;
  }
  // Zeros, because the decoder of a JPEG without tables looks into the ones that are not there.
  auto* block = static_cast<unsigned char*>(calloc(1, bytes + stb_prefix));
  if (block == nullptr) {
    stb_starved = true;
    return nullptr;
  }
  stb_budget -= bytes;
  memcpy(block, &bytes, sizeof bytes);
  return block + stb_prefix;
}

inline void stb_release(void* memory) {
  if (memory == nullptr) return;
  auto* block = static_cast<unsigned char*>(memory) - stb_prefix;
  std::size_t bytes = 0;
  memcpy(&bytes, block, sizeof bytes);
  stb_budget += bytes;
  free(block);
}

inline void* stb_reallocate(void* memory, std::size_t old_bytes, std::size_t bytes) {
  void* larger = stb_allocate(bytes);
  if (larger == nullptr || memory == nullptr) return larger;
  memcpy(larger, memory, old_bytes < bytes ? old_bytes : bytes);
  stb_release(memory);
  return larger;
}

/// The memory of the compressor, which does not expect that it gets none: here it throws, and what
/// it held until then goes with the arena.
class StbArena {
 public:
  StbArena() : outer_(current_) { current_ = this; }
  StbArena(const StbArena&) = delete;
  StbArena& operator=(const StbArena&) = delete;
  ~StbArena() {
    while (blocks_ != nullptr) release(blocks_ + 1);
    current_ = outer_;
  }

  static void* allocate(std::size_t bytes) {
    auto* block = static_cast<Block*>(malloc(sizeof(Block) + bytes));
    if (block == nullptr) throw std::bad_alloc();
    Block*& first = current_->blocks_;
    *block = {nullptr, first};
    if (first != nullptr) first->before = block;
    first = block;
    return block + 1;
  }
  static void* reallocate(void* memory, std::size_t old_bytes, std::size_t bytes) {
    void* larger = allocate(bytes);
    if (memory != nullptr) memcpy(larger, memory, old_bytes);
    release(memory);
    return larger;
  }
  static void release(void* memory) noexcept {
    if (memory == nullptr) return;
    Block* block = static_cast<Block*>(memory) - 1;
    (block->before != nullptr ? block->before->after : current_->blocks_) = block->after;
    if (block->after != nullptr) block->after->before = block->before;
    free(block);
  }

 private:
  struct alignas(16) Block {
    Block* before;
    Block* after;
  };
  static inline thread_local StbArena* current_ = nullptr;
  StbArena* outer_;
  Block* blocks_ = nullptr;
};

}}}  // namespace eqsr::EQSR_ABI::detail

#include <eqsr/io/picture/stb/begin.inc>
#include <eqsr/io/picture/stb/settings.inc>
namespace eqsr { inline namespace EQSR_ABI { namespace detail { namespace stb {
#if __has_include(<stb_image.h>) && __has_include(<stb_image_write.h>)
#include <stb_image.h>
#include <stb_image_write.h>
#elif __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#else
// clang-format off
#error "eqsr: <eqsr/io/image.hpp> needs stb_image.h and stb_image_write.h. Install them (Debian: apt install libstb-dev) or add their folder to the include path. Without pictures, eqsr needs no stb."
// clang-format on
#endif
}}}}  // namespace eqsr::EQSR_ABI::detail::stb
#include <eqsr/io/picture/stb/end.inc>
