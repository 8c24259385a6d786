// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <atomic>       // atomic
#include <cstdint>      // uint64_t
#include <memory>       // shared_ptr
#include <mutex>        // mutex
#include <type_traits>  // remove_reference

namespace eqsr { inline namespace EQSR_ABI {

/// A form of a layer's parameters that a backend derives once and keeps: packed weights, gathered
/// tables. The parameters stay the truth; when their stamp has changed, the next `get` rebuilds,
/// once, also when several threads ask. A copied layer starts without its prepared form.
class Prepared {
 public:
  Prepared() = default;
  [[gnu::noinline]] ~Prepared() {}  // a call, not the same code in every layer
  Prepared(const Prepared&) noexcept {}
  Prepared(Prepared&&) noexcept {}
  Prepared& operator=(const Prepared&) noexcept {
    drop();
    return *this;
  }
  Prepared& operator=(Prepared&&) noexcept {
    drop();
    return *this;
  }

  /// The value that `build()` made from parameters of this stamp. One `Prepared` holds one type at
  /// a time; each layer owns one.
  template <class T, class Build>
  const T& get(std::uint64_t stamp, Build&& build) const {
    if (stamp_.load(std::memory_order_acquire) == stamp && kind_ == &tag<T>)
      return *static_cast<const T*>(value_.get());
    using Builder = std::remove_reference_t<Build>;
    rebuild(stamp, &tag<T>, &build, [](void* builder) -> std::shared_ptr<const void> {
      return std::make_shared<const T>((*static_cast<Builder*>(builder))());
    });
    return *static_cast<const T*>(value_.get());
  }

  void drop() noexcept {
    const std::scoped_lock lock(mutex_);
    stamp_ = 0;
    value_.reset();
  }

 private:
  template <class T>
  static constexpr char tag = 0;

  [[gnu::noinline]] void rebuild(std::uint64_t stamp, const char* kind, void* builder,
                                 std::shared_ptr<const void> (*build)(void*)) const {
    const std::scoped_lock lock(mutex_);
    if (stamp_.load(std::memory_order_relaxed) == stamp && kind_ == kind) return;
    value_ = build(builder);
    kind_ = kind;
    stamp_.store(stamp, std::memory_order_release);
  }

  mutable std::atomic<std::uint64_t> stamp_{0};
  mutable const char* kind_ = nullptr;
  mutable std::shared_ptr<const void> value_;
  mutable std::mutex mutex_;
};

}}  // namespace eqsr::EQSR_ABI
