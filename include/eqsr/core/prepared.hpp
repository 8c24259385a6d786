// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <atomic>   // atomic
#include <cstdint>  // uint64_t
#include <mutex>    // mutex
#include <utility>  // exchange

namespace eqsr { inline namespace EQSR_ABI {

/// Forms of a layer's parameters that a backend derives once and keeps: packed weights, gathered
/// tables. The parameters stay the truth; when their stamp has changed, the next `get` drops all
/// forms and makes its own anew.
///
/// Forms are told apart by their type, live side by side, and stay where they are until the stamp
/// changes: threads that ask for the same form share one, and those that ask for different ones,
/// such as contexts of different precision, do not disturb each other. A copied layer starts
/// without forms.
class Prepared {
 public:
  Prepared() = default;
  [[gnu::noinline]] ~Prepared() { drop_forms(); }
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

  /// The T that `build()` made from parameters of this stamp; valid until `get` is called with
  /// another stamp. All forms of one `Prepared` are made from the same parameters.
  template <class T, class Build>
  const T& get(std::uint64_t stamp, const Build& build) const {
    const Form* form = find(stamp, kind<T>());
    if (!form) [[unlikely]] {
      form = add(stamp, kind<T>(), &build, [](const void* builder) -> Form* {
        return new Holder<T>(*static_cast<const Build*>(builder));
      });
    }
    return static_cast<const Holder<T>*>(form)->value;
  }

  /// Whether the form of this kind is there, made from parameters of this stamp.
  [[nodiscard]] bool holds(std::uint64_t stamp, const void* kind) const {
    return find(stamp, kind) != nullptr;
  }

  void drop() noexcept {
    const std::scoped_lock lock(mutex_);
    drop_forms();
  }

  /// What tells the type T from others.
  template <class T>
  static constexpr const void* kind() {
    return &tag<T>;
  }

 private:
  template <class T>
  static constexpr char tag = 0;

  struct Form {
    const void* kind = nullptr;
    const Form* next = nullptr;
    Form() = default;
    Form(const Form&) = delete;
    Form& operator=(const Form&) = delete;
    virtual ~Form() = default;
  };
  template <class T>
  struct Holder : Form {
    T value;
    template <class Build>
    explicit Holder(const Build& build) : value(build()) {}
  };

  /// The form of that kind, or null. Forms are only ever put before others while the stamp stays.
  [[gnu::noinline]] const Form* find(std::uint64_t stamp, const void* kind) const {
    if (stamp_.load(std::memory_order_acquire) != stamp) return nullptr;
    const Form* form = first_.load(std::memory_order_acquire);
    while (form && form->kind != kind) form = form->next;
    return form;
  }
  [[gnu::noinline]] const Form* add(std::uint64_t stamp, const void* kind, const void* builder,
                                    Form* (*build)(const void*)) const {
    const std::scoped_lock lock(mutex_);
    if (const Form* form = find(stamp, kind)) return form;  // another thread was faster
    if (stamp_.load(std::memory_order_relaxed) != stamp) drop_forms();
    Form* form = build(builder);
    form->kind = kind;
    form->next = first_.load(std::memory_order_relaxed);
    first_.store(form, std::memory_order_release);
    stamp_.store(stamp, std::memory_order_release);
    return form;
  }
  void drop_forms() const noexcept {
    stamp_ = 0;
    const Form* form = first_.exchange(nullptr);
    while (form) delete std::exchange(form, form->next);
  }

  mutable std::atomic<std::uint64_t> stamp_{0};
  mutable std::atomic<const Form*> first_{nullptr};
  mutable std::mutex mutex_;
};

}}  // namespace eqsr::EQSR_ABI
