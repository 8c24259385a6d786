// SPDX-License-Identifier: Apache-2.0
#pragma once

/// StateDict: names and tensors, as a weight file holds them. This header is the container; opening
/// files is in state_dict.hpp, which is the one to include.

#include <eqsr/core/check.hpp>
#include <eqsr/core/function_ref.hpp>
#include <eqsr/core/half.hpp>  // half_to_float, float_to_half
#include <eqsr/io/bytes.hpp>
#include <eqsr/io/file.hpp>
#include <eqsr/io/weights/dtype.hpp>

#include <cmath>        // isfinite
#include <cstddef>      // byte
#include <cstdint>      // int64_t
#include <cstring>      // memcpy
#include <limits>       // numeric_limits
#include <map>          // map
#include <memory>       // shared_ptr
#include <new>          // bad_alloc
#include <optional>     // optional
#include <string>       // string
#include <string_view>  // string_view
#include <utility>      // move
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

/// Memory that several tensors may share.
using Bytes = std::shared_ptr<const std::byte[]>;

[[nodiscard]] inline std::shared_ptr<std::byte[]> allocate_bytes(std::uint64_t count) {
  if (count > (std::numeric_limits<std::size_t>::max)()) throw std::bad_alloc();
  return std::shared_ptr<std::byte[]>(new std::byte[static_cast<std::size_t>(count)]);
}

/// No dimension of a network comes near this, and four of them still multiply without wrapping.
inline constexpr std::uint64_t max_extent = 0x7FFFFFFF;
inline constexpr std::size_t max_rank = 8;

/// Elements of `shape`, nothing when an extent or a product is beyond any real tensor; a zero
/// extent does not hide an absurd one. The result times eight bytes still fits.
template <class Shape>
[[nodiscard]] std::optional<std::uint64_t> count_elements(const Shape& shape) {
  std::uint64_t all = 1;
  bool empty = false;
  for (const auto extent : shape) {
    const auto size = static_cast<std::uint64_t>(extent);
    if (size > max_extent) return std::nullopt;
    empty = empty || size == 0;
    if (size != 0 && !checked_mul(all, size, all)) return std::nullopt;
  }
  if (all > (std::numeric_limits<std::uint64_t>::max)() / 8) return std::nullopt;
  return empty ? 0 : all;
}

}  // namespace detail

/// A tensor of a weight file: any element type, possibly a strided view of memory shared with
/// others.
class StoredTensor {
 public:
  using Shape = std::vector<std::int64_t>;

  /// A view of `bytes` whose validity the caller has checked. Offset and strides count elements; no
  /// strides means row-major. `label` names the tensor in errors.
  StoredTensor(Dtype dtype, Shape shape, detail::Bytes bytes, std::string label,
               std::uint64_t offset = 0, Shape strides = {})
      : dtype_(dtype),
        shape_(std::move(shape)),
        strides_(std::move(strides)),
        offset_(offset),
        bytes_(std::move(bytes)),
        label_(std::move(label)) {
    for (const std::int64_t extent : shape_) numel_ *= static_cast<std::size_t>(extent);
    if (is_row_major()) strides_.clear();
  }

  [[nodiscard]] Dtype dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t numel() const noexcept { return numel_; }

  /// The elements in row-major order, little-endian, `numel() * size_of(dtype())` bytes.
  [[nodiscard]] std::vector<std::byte> to_bytes() const {
    const std::size_t size = size_of(dtype_);
    std::vector<std::byte> out(numel_ * size);
    std::byte* to = out.data();
    for_each_run([&](const std::byte* first, std::size_t count) {
      std::memcpy(to, first, count * size);
      to += count * size;
    });
    return out;
  }

  /// The elements in row-major order, widened to float exactly (f64 is rounded to nearest). Throws
  /// dtype_mismatch for integers and booleans.
  [[nodiscard]] std::vector<float> to_float() const {
    EQSR_EXPECTS(is_floating(dtype_), "dtype_mismatch", label_, " holds ", name_of(dtype_),
                 " elements; floats are expected.");
    std::vector<float> out(numel_);
    float* to = out.data();
    for_each_run([&](const std::byte* first, std::size_t count) {
      const std::size_t size = size_of(dtype_);
      if (dtype_ == Dtype::f32) {
        std::memcpy(to, first, count * size);
        to += count;
        return;
      }
      for (; count > 0; --count, first += size) *to++ = static_cast<float>(floating(first));
    });
    return out;
  }

  /// The elements of an integer or boolean tensor in row-major order.
  [[nodiscard, gnu::cold]] std::vector<std::int64_t> to_int64() const {
    EQSR_EXPECTS(!is_floating(dtype_), "dtype_mismatch", label_, " holds ", name_of(dtype_),
                 " elements; integers are expected.");
    std::vector<std::int64_t> out;
    out.reserve(numel_);
    for_each_run([&](const std::byte* first, std::size_t count) {
      for (; count > 0; --count, first += size_of(dtype_)) out.push_back(integer(first));
    });
    return out;
  }

  /// The row-major index of the first NaN or infinity, if there is one. A double beyond the range
  /// of float counts, because to_float() makes it infinite.
  [[nodiscard]] std::optional<std::size_t> first_nonfinite() const {
    if (!is_floating(dtype_)) return std::nullopt;
    std::optional<std::size_t> found;
    std::size_t index = 0;
    for_each_run([&](const std::byte* first, std::size_t count) {
      const std::size_t size = size_of(dtype_), end = index + count;
      for (; index < end && !found; ++index, first += size)
        if (!std::isfinite(static_cast<float>(floating(first)))) found = index;
      index = end;
    });
    return found;
  }

 private:
  [[nodiscard]] bool is_row_major() const {
    if (strides_.empty() || numel_ == 0) return true;
    std::int64_t expected = 1;
    for (std::size_t i = shape_.size(); i-- > 0;) {
      if (shape_[i] != 1 && strides_[i] != expected) return false;
      expected *= shape_[i];
    }
    return true;
  }

  template <class T>
  static T load(const std::byte* element) {
    T value{};
    std::memcpy(&value, element, sizeof value);
    return value;
  }

  [[nodiscard]] double floating(const std::byte* element) const {
    switch (dtype_) {
      case Dtype::f16:
        return static_cast<double>(half_to_float(load<std::uint16_t>(element)));
      case Dtype::bf16:
        return static_cast<double>(bfloat16_to_float(load<std::uint16_t>(element)));
      case Dtype::f32:
        return static_cast<double>(load<float>(element));
      default:
        return load<double>(element);
    }
  }

  [[nodiscard]] std::int64_t integer(const std::byte* element) const {
    switch (dtype_) {
      case Dtype::i8:
        return load<std::int8_t>(element);
      case Dtype::i16:
        return load<std::int16_t>(element);
      case Dtype::i32:
        return load<std::int32_t>(element);
      case Dtype::i64:
        return load<std::int64_t>(element);
      case Dtype::boolean:
        return load<std::uint8_t>(element) != 0 ? 1 : 0;
      default:
        return load<std::uint8_t>(element);
    }
  }

  /// Calls `f(first, count)` for each run of elements that lie side by side, in row-major order.
  [[gnu::cold]] void for_each_run(
      FunctionRef<void(const std::byte* first, std::size_t count)> f) const {
    if (numel_ == 0) return;
    const std::size_t size = size_of(dtype_);
    const std::byte* first = bytes_.get() + offset_ * size;
    if (strides_.empty()) return f(first, numel_);
    std::vector<std::int64_t> index(shape_.size(), 0);
    std::size_t at = 0;  // in elements; never beyond the largest one, which was checked
    for (std::size_t i = 0; i < numel_; ++i) {
      f(first + at * size, 1);
      for (std::size_t axis = shape_.size(); axis-- > 0;) {
        const auto stride = static_cast<std::size_t>(strides_[axis]);
        at += stride;
        if (++index[axis] < shape_[axis]) break;
        at -= stride * static_cast<std::size_t>(shape_[axis]);
        index[axis] = 0;
      }
    }
  }

  Dtype dtype_;
  Shape shape_;
  Shape strides_;
  std::size_t numel_ = 1;
  std::uint64_t offset_ = 0;
  detail::Bytes bytes_;
  std::string label_;
};

/// Names and tensors in file order, with the file's metadata. Iterate with structured bindings:
/// `for (auto& [name, tensor] : dict)`.
class StateDict {
 public:
  struct Entry {
    std::string name;
    StoredTensor tensor;
  };
  using Shape = StoredTensor::Shape;
  using Metadata = std::map<std::string, std::string>;

  /// Reads safetensors and, in programs that include <eqsr/io/weights/pth.hpp>, PyTorch files, told
  /// apart by their content. Tensors of a PyTorch file are found under the first of params_ema,
  /// params, state_dict, model_state_dict, model_state, model, net and sd, or at the top level; a
  /// prefix `module.` common to all names is removed. Defined in state_dict.hpp.
  [[nodiscard]] static StateDict open(const std::string& path, const Limits& limits = {});

  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// The tensor, or a null pointer; valid until the dictionary is changed.
  [[nodiscard]] const StoredTensor* find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second].tensor;
  }
  [[nodiscard]] const StoredTensor& at(std::string_view name) const {
    const StoredTensor* tensor = find(name);
    EQSR_EXPECTS(tensor != nullptr, "missing_tensor", source_, source_.empty() ? "" : ": ",
                 "There is no tensor ", in_quotes(name), " among the ", size(),
                 " of this dictionary.");
    return *tensor;
  }

  [[nodiscard]] const Metadata& metadata() const noexcept { return metadata_; }
  [[nodiscard]] Metadata& metadata() noexcept { return metadata_; }
  /// What the file held beside the tensors, such as `epoch`, or `params` when `params_ema` was
  /// taken.
  [[nodiscard]] const std::vector<std::string>& dropped() const noexcept { return dropped_; }
  /// "safetensors", "pytorch zip", "pytorch stream", or empty for a dictionary made in memory.
  [[nodiscard]] const std::string& format() const noexcept { return format_; }
  /// Where in the file the tensors were: "params_ema", "state_dict.params", ..., empty at top
  /// level.
  [[nodiscard]] const std::string& unwrapped() const noexcept { return unwrapped_; }
  /// What was removed from the front of every name, such as `module.`; empty if nothing was.
  [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }
  /// The file, for error sentences; empty for a dictionary made in memory.
  [[nodiscard]] const std::string& source() const noexcept { return source_; }

  /// Adds a tensor; the name must be new.
  [[gnu::cold]] void insert(std::string name, StoredTensor tensor) {
    EQSR_EXPECTS(detail::valid_name(name), "bad_name", "The tensor name ", in_quotes(name),
                 " is not 1 to 1024 bytes of UTF-8 without zero bytes.");
    EQSR_EXPECTS(!contains(name), "duplicate_key", "There is already a tensor named ",
                 in_quotes(name), ".");
    entries_.push_back({std::move(name), std::move(tensor)});
    index_.emplace(entries_.back().name, entries_.size() - 1);
  }

  /// Adds `values`, row-major, stored as f32, f64 or rounded to f16 or bf16.
  [[gnu::cold]] void insert(std::string name, Shape shape, const std::vector<float>& values,
                            Dtype dtype = Dtype::f32) {
    const std::string label = say("The tensor ", in_quotes(name));
    const auto count = detail::count_elements(shape);
    EQSR_EXPECTS(shape.size() <= detail::max_rank && count == values.size(), "shape_mismatch",
                 label, " comes with ", values.size(),
                 " values, which is not what its shape asks for.");
    EQSR_EXPECTS(is_floating(dtype), "dtype_mismatch", label, " cannot be stored as ",
                 name_of(dtype), "; a floating type is expected.");
    const std::size_t size = size_of(dtype);
    auto bytes = detail::allocate_bytes(values.size() * size);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::byte* to = bytes.get() + i * size;
      const double wide = static_cast<double>(values[i]);
      const std::uint16_t half = dtype == Dtype::f16    ? float_to_half(values[i])
                                 : dtype == Dtype::bf16 ? float_to_bfloat16(values[i])
                                                        : std::uint16_t{0};
      const void* from = &half;
      if (dtype == Dtype::f32) from = &values[i];
      if (dtype == Dtype::f64) from = &wide;
      std::memcpy(to, from, size);
    }
    insert(std::move(name), StoredTensor(dtype, std::move(shape), std::move(bytes), label));
  }

  /// Removes `prefix` from every name if every name has it (and is longer); says whether it did.
  /// `prefix()` grows by it.
  [[gnu::cold]] bool strip(std::string_view prefix) {
    for (const Entry& entry : entries_) {
      if (entry.name.size() <= prefix.size() || !entry.name.starts_with(prefix)) return false;
    }
    index_.clear();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      entries_[i].name.erase(0, prefix.size());
      index_.emplace(entries_[i].name, i);
    }
    if (!entries_.empty()) prefix_ += prefix;
    return !entries_.empty();
  }

  /// For readers: what they know about the file beside the tensors.
  [[gnu::cold]] void describe(std::string source, std::string format, std::string unwrapped,
                              std::vector<std::string> dropped) {
    source_ = std::move(source);
    format_ = std::move(format);
    unwrapped_ = std::move(unwrapped);
    dropped_ = std::move(dropped);
  }

 private:
  std::vector<Entry> entries_;
  detail::NameIndex index_;
  Metadata metadata_;
  std::vector<std::string> dropped_;
  std::string source_;
  std::string format_;
  std::string unwrapped_;
  std::string prefix_;
};

}}  // namespace eqsr::EQSR_ABI
