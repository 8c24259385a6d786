// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The pickles of PyTorch files: 31 opcodes (two more in the older stream), a fixed table of names,
/// no callable anywhere, so there is nothing that a file could execute.

#include <eqsr/io/weights/pickle_names.hpp>

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

[[gnu::cold]] inline void Pickle::remember(std::size_t slot) {
  // Picklers number their slots from 0 or 1 without gaps.
  if (slot > memo_.size() + 1) fail("bad_pickle", {"The memo slot ", slot, " is out of order."});
  const V value = top();
  if (slot >= memo_.size()) memo_.resize(slot + 1);
  memo_[slot] = value;
}

[[gnu::cold]] inline void Pickle::recall(std::size_t slot) {
  if (slot >= memo_.size() || memo_[slot].kind == V::unset) {
    fail("bad_pickle", {"The memo slot ", slot, " is empty."});
  }
  push(memo_[slot]);
}

/// Two's complement, little-endian. What is longer than 64 bits, such as the state of a random
/// generator, belongs to no tensor.
[[gnu::cold]] inline void Pickle::push_long(std::string_view bytes) {
  if (bytes.size() > 8) return push(V::opaque);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80U) != 0;
  if (negative && bytes.size() < 8) value |= ~std::uint64_t{0} << (8 * bytes.size());
  push(V::integer, static_cast<std::int64_t>(value));
}

[[gnu::cold]] inline void Pickle::run() {
  for (;;) {
    opcode_at_ = position_;
    const char opcode = take(1)[0];
    switch (static_cast<unsigned char>(opcode)) {
      case 0x80:  // PROTO
        if (take_little<std::uint8_t>() > 2) {
          fail("unsupported_opcode",
               {"The pickle protocol is ", int{static_cast<unsigned char>(text_[position_ - 1])},
                "; PyTorch writes protocol 2. Save the file again with torch.save."});
        }
        break;
      case '.':  // STOP
        root_ = pop();
        if (!stack_.empty() || !marks_.empty()) {
          fail("bad_pickle", {"The pickle ends with ", stack_.size(), " values left over."});
        }
        return;
      case '(':  // MARK
        if (marks_.size() == 1024) fail("depth_limit", {"More than 1024 marks are open."});
        marks_.push_back(stack_.size());
        break;
      case 'N':
        push(V::none);
        break;
      case 0x88:
        push(V::boolean, 1);
        break;
      case 0x89:
        push(V::boolean, 0);
        break;
      case '}':
        push_container(V::dict);
        break;
      case ']':
        push_container(V::list);
        break;
      case ')':
        push(V::tuple, 0);
        break;
      case 't':
        push_tuple(pop_to_mark());
        break;
      case 0x85:
        push_tuple_of(1);
        break;
      case 0x86:
        push_tuple_of(2);
        break;
      case 0x87:
        push_tuple_of(3);
        break;
      case 'J':
        push(V::integer, static_cast<std::int32_t>(take_little<std::uint32_t>()));
        break;
      case 'K':
        push(V::integer, take_little<std::uint8_t>());
        break;
      case 'M':
        push(V::integer, take_little<std::uint16_t>());
        break;
      case 0x8A:
        push_long(take(take_little<std::uint8_t>()));
        break;
      case 'G':  // BINFLOAT: nothing that is kept needs its value
        static_cast<void>(take(8));
        push(V::real);
        break;
      case 'X': {  // BINUNICODE
        const auto size = take_little<std::uint32_t>();
        static_cast<void>(take(size));
        push(
            V{.kind = V::text, .size = size, .value = static_cast<std::int64_t>(position_ - size)});
        break;
      }
      // Python 2 wrote texts so; PyTorch ran under it until its files became archives.
      case 'U':
      case 'T': {  // SHORT_BINSTRING, BINSTRING
        if (!older_stream_) unsupported(opcode);
        const std::uint32_t size =
            opcode == 'U' ? take_little<std::uint8_t>() : take_little<std::uint32_t>();
        static_cast<void>(take(size));
        push(
            V{.kind = V::text, .size = size, .value = static_cast<std::int64_t>(position_ - size)});
        break;
      }
      case 'c': {  // GLOBAL
        const std::string module = take_line();
        find_name(module, take_line());
        break;
      }
      case 'R':
        reduce();
        break;
      case 'b':
        build();
        break;
      case 'Q':
        make_storage(pop());
        break;
      case 'h':
        recall(take_little<std::uint8_t>());
        break;
      case 'j':
        recall(take_little<std::uint32_t>());
        break;
      case 'q':
        remember(take_little<std::uint8_t>());
        break;
      case 'r':
        remember(take_little<std::uint32_t>());
        break;
      case 's': {
        const V value = pop();
        const V key = pop();
        set_items({key, value});
        break;
      }
      case 'u':
        set_items(pop_to_mark());
        break;
      case 'a': {
        const V value = pop();
        append({value});
        break;
      }
      case 'e':
        append(pop_to_mark());
        break;
      default:
        unsupported(opcode);
    }
  }
}

[[gnu::cold]] inline void Pickle::unsupported(char opcode) const {
  fail("unsupported_opcode",
       {"The operation 0x", hex_byte(opcode),
        " is not one that a file of plain tensors needs. Save a state dict with torch.save."});
}

}}}  // namespace eqsr::EQSR_ABI::detail
