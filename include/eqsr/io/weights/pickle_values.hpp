// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the pickle of a PyTorch file can hold, and the machine that holds it. Values are indices
/// into tables: sharing costs nothing, and as a container may not change once it lies in another
/// one, there are no cycles either.

#include <eqsr/io/weights/dictionary.hpp>

#include <cstddef>      // size_t
#include <cstdint>      // uint64_t
#include <functional>   // function
#include <map>          // map
#include <optional>     // optional
#include <span>         // span
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

struct PickleValue {
  enum Kind : std::uint8_t {
    unset,
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dict,
    ordered_dict,
    name,
    storage,
    tensor,
    opaque  // harmless and of no use here: a torch.dtype, a Counter, a NumPy scalar
  };
  Kind kind = unset;
  std::uint32_t size = 0;  // of a text: its bytes; of a tensor: 1 if it may get attributes
  std::int64_t value = 0;  // the number itself, the text's offset, or an index into a table

  [[nodiscard]] std::size_t index() const { return static_cast<std::size_t>(value); }
  [[nodiscard]] bool is_dict() const { return kind == dict || kind == ordered_dict; }
  [[nodiscard]] bool is_container() const { return kind == tuple || kind == list || is_dict(); }
};

/// A tuple, list or dictionary (key, value, key, value, ...).
struct PickleContainer {
  std::vector<PickleValue> items;
  std::uint64_t weight = 1;  // values in it, shared ones counted each time
  std::uint32_t depth = 1;
  bool sealed = false;  // lies in another container
};

struct PickleStorage {
  std::string key;
  Dtype dtype{};
  std::uint64_t numel = 0;
};

struct PickleTensor {
  std::size_t storage = 0;
  std::uint64_t offset = 0;
  StoredTensor::Shape shape;
  StoredTensor::Shape strides;
};

/// Runs one pickle and keeps its tables. `what` names the pickle in errors.
class Pickle {
 public:
  /// Appends to the text until it has `size` bytes or as many as there are.
  using Refill = std::function<void(std::string& text, std::size_t size)>;

  Pickle(const InputFile& file, std::string what, std::string text, Refill refill = {},
         bool older_stream = false)
      : file_(file),
        what_(std::move(what)),
        text_(std::move(text)),
        refill_(std::move(refill)),
        older_stream_(older_stream) {
    containers_.emplace_back();  // the one empty tuple
    run();
  }

  [[nodiscard]] PickleValue root() const { return root_; }
  /// Bytes up to and with the opcode that ends the pickle.
  [[nodiscard]] std::size_t length() const { return position_; }
  /// Bytes that were there beyond the end.
  [[nodiscard]] std::size_t left() const { return text_.size() - position_; }
  [[nodiscard]] std::string_view text(PickleValue v) const {
    return std::string_view(text_).substr(v.index(), v.size);
  }
  [[nodiscard]] std::span<const PickleValue> items(PickleValue v) const {
    return containers_[v.index()].items;
  }
  [[nodiscard]] const std::vector<PickleStorage>& storages() const { return storages_; }
  [[nodiscard]] const PickleTensor& tensor(PickleValue v) const { return tensors_[v.index()]; }

  /// The value of a text key in a dictionary, or nothing.
  [[nodiscard]] std::optional<PickleValue> get(PickleValue dict, std::string_view key) const {
    const auto members = items(dict);
    for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
      if (members[i].kind == PickleValue::text && text(members[i]) == key) return members[i + 1];
    }
    return std::nullopt;
  }

  [[noreturn, gnu::noinline, gnu::cold]] void fail(const char* code,
                                                   std::initializer_list<Part> parts) const {
    file_.fail(code, {what_, ", byte ", opcode_at_, ": ", joined(parts)});
  }

 private:
  using V = PickleValue;
  /// The names a pickle may mention. `harmless` ones make an opaque value of whatever they are
  /// given; storage classes are `first_storage` plus their Dtype.
  enum Name : std::int64_t {
    rebuild_tensor,
    rebuild_old_tensor,
    rebuild_parameter,
    rebuild_parameter_with_state,
    rebuild_from_type,
    make_parameter,
    make_ordered_dict,
    harmless,
    first_storage
  };

  static constexpr std::uint32_t max_nesting = 64;
  static constexpr std::size_t max_stack = 65'536;
  static constexpr std::uint64_t max_weight = std::uint64_t{1} << 26;

  // ---- bytes -----------------------------------------------------------------------------------

  [[gnu::noinline]] std::string_view take(std::size_t count) {
    if (text_.size() - position_ < count && refill_) refill_(text_, position_ + count);
    if (text_.size() - position_ < count) {
      fail("truncated", {"The pickle ends in the middle of a value."});
    }
    position_ += count;
    return std::string_view(text_).substr(position_ - count, count);
  }
  template <class T>
  T take_little() {
    return load_little<T>(take(sizeof(T)).data());
  }
  [[gnu::noinline, gnu::cold]] std::string take_line() {
    std::string line;
    for (;;) {
      const char c = take(1)[0];
      if (c == '\n') return line;
      line += c;
      if (line.size() > 1024)
        fail("forbidden_global", {"A name is too long: ", in_quotes(line), "."});
    }
  }

  // ---- stack -----------------------------------------------------------------------------------

  [[gnu::noinline]] void push(V value) {
    if (stack_.size() == max_stack) {
      fail("limit_exceeded", {"More than ", max_stack, " values are open at once."});
    }
    stack_.push_back(value);
  }
  void push(V::Kind kind, std::int64_t value = 0) { push(V{.kind = kind, .value = value}); }
  [[gnu::noinline]] V pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
      fail("bad_pickle", {"An operation needs a value, but there is none."});
    }
    const V value = stack_.back();
    stack_.pop_back();
    return value;
  }
  [[gnu::noinline]] V& top() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
      fail("bad_pickle", {"An operation needs a value, but there is none."});
    }
    return stack_.back();
  }
  /// The values above the last mark, which is removed.
  [[gnu::noinline, gnu::cold]] std::vector<V> pop_to_mark() {
    if (marks_.empty()) fail("bad_pickle", {"An operation needs a mark, but there is none."});
    const std::size_t mark = marks_.back();
    marks_.pop_back();
    const std::vector<V> values(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark);
    return values;
  }

  // ---- containers ------------------------------------------------------------------------------

  [[gnu::noinline, gnu::cold]] void push_container(V::Kind kind) {
    // Every container of a real file comes with a good number of other bytes.
    if (containers_.size() > 4096 + text_.size() / 8) {
      fail("limit_exceeded", {"There are more than ", containers_.size(), " containers."});
    }
    containers_.emplace_back();
    push(kind, static_cast<std::int64_t>(containers_.size() - 1));
  }

  [[gnu::noinline, gnu::cold]] void put(PickleContainer& into, V value) {
    if (value.is_container() && value.index() != 0) {
      PickleContainer& child = containers_[value.index()];
      if (&child == &into) fail("bad_pickle", {"A container contains itself."});
      child.sealed = true;
      into.depth = (std::max)(into.depth, child.depth + 1);
      into.weight += child.weight;
    }
    into.weight += 1;
    if (into.depth > max_nesting) {
      fail("depth_limit", {"Values are nested deeper than ", max_nesting, "."});
    }
    if (into.weight > max_weight) {
      fail("limit_exceeded", {"A container holds more than ", max_weight, " values in all."});
    }
    into.items.push_back(value);
  }

  [[gnu::noinline, gnu::cold]] void push_tuple(const std::vector<V>& values) {
    if (values.empty()) return push(V::tuple, 0);
    push_container(V::tuple);
    PickleContainer& made = containers_.back();
    made.items.reserve(values.size());
    for (const V value : values) put(made, value);
    made.sealed = true;
  }
  void push_tuple_of(std::size_t count) {
    std::vector<V> values(count);
    for (std::size_t i = count; i-- > 0;) values[i] = pop();
    push_tuple(values);
  }

  PickleContainer& open_container(bool list, const char* operation) {
    const V target = top();
    if (list ? target.kind != V::list : !target.is_dict()) {
      fail("bad_pickle", {operation, " needs a ", list ? "list." : "dictionary."});
    }
    PickleContainer& container = containers_[target.index()];
    if (container.sealed)
      fail("bad_pickle", {operation, " changes a value that is already in use."});
    return container;
  }
  [[gnu::noinline, gnu::cold]] void append(const std::vector<V>& values) {
    if (top().kind == V::opaque) return;
    PickleContainer& list = open_container(true, "APPEND");
    for (const V value : values) put(list, value);
  }
  [[gnu::noinline, gnu::cold]] void set_items(const std::vector<V>& values) {
    if (top().kind == V::opaque) return;
    PickleContainer& dict = open_container(false, "SETITEM");
    if (values.size() % 2 != 0) fail("bad_pickle", {"A dictionary gets a key without a value."});
    for (std::size_t i = 0; i < values.size(); i += 2) {
      const V::Kind kind = values[i].kind;
      if (kind == V::list || kind == V::dict || kind == V::ordered_dict || kind == V::tensor ||
          kind == V::storage) {
        fail("bad_pickle", {"A dictionary gets a key that can be none, such as a list."});
      }
      put(dict, values[i]);
      put(dict, values[i + 1]);
    }
  }

  // ---- what the names stand for; in pickle_names.hpp -------------------------------------------

  void find_name(std::string_view module, std::string_view name);
  [[nodiscard]] bool begins_module();
  void reduce();
  void rebuild(std::int64_t name, std::span<const V> arguments);
  void build();
  void make_tensor(std::span<const V> arguments);
  void make_storage(V id);

  void run();
  [[noreturn]] void unsupported(char opcode) const;
  void remember(std::size_t slot);
  void recall(std::size_t slot);
  void push_long(std::string_view bytes);

  const InputFile& file_;
  std::string what_;
  std::string text_;
  Refill refill_;
  bool older_stream_;
  std::size_t position_ = 0;
  std::size_t opcode_at_ = 0;
  V root_;
  std::vector<V> stack_;
  std::vector<std::size_t> marks_;
  std::vector<V> memo_;
  std::vector<PickleContainer> containers_;
  std::vector<PickleStorage> storages_;
  std::map<std::string, std::size_t, std::less<>> storage_index_;
  std::vector<PickleTensor> tensors_;
};

}}}  // namespace eqsr::EQSR_ABI::detail
