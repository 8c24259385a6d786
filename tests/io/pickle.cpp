// SPDX-License-Identifier: Apache-2.0
// Row names (F1 ... F26) are those of the table of bad inputs in docs/reliability.md.
#include "builder.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace eqsr_test;
namespace p = eqsr_test::pickle;

namespace {

const std::string two = floats({1.5F, -2.0F});
const std::string four = floats({1, 2, 3, 4});

/// The code for an archive whose pickle is `bytes`, with storages "0" (2 floats) and "1" (4).
std::string raw(const std::string& bytes) {
  return open_code(pth_zip(bytes, {{"0", two}, {"1", four}}).bytes);
}
/// The same for a dictionary that holds `value` as "w".
std::string value(const std::string& bytes) { return raw(p::whole(p::dict(p::text("w") + bytes))); }
/// The same for a tensor on the storage of four floats.
std::string view(int offset, const std::vector<std::int32_t>& sizes,
                 const std::vector<std::int32_t>& strides) {
  return value(p::tensor(p::storage("1", 4), offset, sizes, strides));
}
std::string repeat(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}
const std::string w = p::text("w") + p::tensor(p::storage("0", 2), 0, {2}, {1});
const std::string good = p::whole(p::dict(w));
const std::string hooks = p::ordered_dict();
const std::string rebuild = p::name("torch._utils", "_rebuild_tensor_v2");

}  // namespace

TEST_CASE("views are gathered in row-major order (F23)") {
  const auto open = [](const std::string& tensor) {
    return open_bytes(pth_zip(p::whole(p::dict(p::text("w") + tensor)), {{"1", four}}).bytes)
        .at("w")
        .to_float();
  };
  const std::string s = p::storage("1", 4);
  CHECK(open(p::tensor(s, 0, {2, 2}, {2, 1})) == std::vector<float>{1, 2, 3, 4});
  CHECK(open(p::tensor(s, 0, {2, 2}, {1, 2})) == std::vector<float>{1, 3, 2, 4});
  CHECK(open(p::tensor(s, 1, {3}, {1})) == std::vector<float>{2, 3, 4});
  CHECK(open(p::tensor(s, 3, {4}, {0})) == std::vector<float>{4, 4, 4, 4});
  CHECK(open(p::tensor(s, 2, {}, {})) == std::vector<float>{3});
  CHECK(open(p::tensor(s, 4, {0}, {1})).empty());
  CHECK(open(p::name("torch._utils", "_rebuild_parameter") +
             p::tuple(p::tensor(s, 0, {4}, {1}) + "\x88" + hooks) + "R") ==
        std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("F1, F2: opcodes") {
  for (std::size_t n = 0; n < good.size(); ++n) {
    INFO(n);
    REQUIRE(raw(good.substr(0, n)) == "truncated");  // F1
  }
  const std::string allowed =
      std::string("\x80.(N\x88\x89}])t\x85\x86\x87JKM\x8AGXcRQhjqrsuaeb", 31);
  REQUIRE(allowed.size() == 31);
  for (int byte = 0; byte < 256; ++byte) {  // F2
    const char c = static_cast<char>(byte);
    INFO(byte);
    const bool known = allowed.find(c) != std::string::npos;
    const std::string code = raw(std::string("\x80\x02") + c + good.substr(2));
    if (!known) REQUIRE(code == "unsupported_opcode");
  }
  for (const char protocol : {'\3', '\4', '\5', '\xFF'}) {
    CHECK(raw(std::string("\x80") + protocol + good.substr(2)) == "unsupported_opcode");
  }
}

TEST_CASE("F3, F4: names") {
  const std::pair<std::string, std::string> names[] = {
      {"os", "system"},
      {"posix", "system"},
      {"nt", "system"},
      {"builtins", "eval"},
      {"__builtin__", "exec"},
      {"builtins", "getattr"},
      {"pip", "main"},
      {"subprocess", "Popen"},
      {"sys", "exit"},
      {"runpy", "run_path"},
      {"torch", "load"},
      {"torch.hub", "load"},
      {"numpy.core.multiarray", "_reconstruct"},
      {"torch._utils", "_rebuild_tensor_v2\r"},
      {"torch._utils", " _rebuild_tensor_v2"},
      {"torch._utils", "_rebuild_tensor_v2.__globals__"},
      {"torch", "_utils._rebuild_tensor_v2"},
      {"Torch", "FloatStorage"},
      {"torch", "floatstorage"},
      {"torch ", "FloatStorage"},
      {"t\xD0\xBErch", "FloatStorage"},
      {"collections", "Ordered\xC3\x90ict"},
      {"", ""},
      {"torch", "FloatStorage\0"},
      {"torch\0x", "FloatStorage"},
      {"__main__", "Net"},
      {"torch.nn.modules.conv", "Conv2d"},
      {"torch", std::string(5000, 'x')}};
  for (const auto& pair : names) {
    const std::string& module = pair.first;
    const std::string& name = pair.second;
    INFO(module, ".", name);
    // A zero byte cannot come through a literal; the two rows above end before it and are legal.
    const bool legal = (module == "torch" && name == "FloatStorage");
    if (!legal) CHECK(value(p::name(module, name)) == "forbidden_global");
  }
  CHECK(value(p::name("torch", std::string("FloatStorage\0", 13))) == "forbidden_global");
}

TEST_CASE("F5-F9: operations on the wrong values") {
  const std::string storage = p::storage("0", 2);
  CHECK(value(p::name("torch", "FloatStorage") + ")R") == "bad_pickle");  // F5
  CHECK(value("})R") == "bad_pickle");
  CHECK(value(p::name("collections", "OrderedDict") + p::tuple("N") + "R") == "bad_pickle");
  CHECK(value(rebuild + ")R") == "bad_pickle");
  CHECK(value(rebuild + "NR") == "bad_pickle");
  const std::string args = storage + p::integer(0) + p::integers({2}) + p::integers({1}) + "\x89";
  CHECK(value(rebuild + p::tuple(args + hooks) + "R") == "none");
  CHECK(value(rebuild + p::tuple(args + hooks + "}") + "R") == "bad_pickle");
  CHECK(value(rebuild + p::tuple(args) + "R") == "bad_pickle");
  CHECK(value(rebuild + p::tuple(args + "N") + "R") == "bad_pickle");
  CHECK(value(rebuild + p::tuple("N" + args.substr(storage.size()) + hooks) + "R") == "bad_pickle");
  CHECK(value(p::name("torch._utils", "_rebuild_parameter") + p::tuple(storage + "\x88" + hooks) +
              "R") == "bad_pickle");
  const std::string tensor = p::tensor(storage, 0, {2}, {1});
  for (const std::string& target : {tensor, std::string(")"), p::integer(1), p::text("x")}) {  // F6
    CHECK(value(target + p::text("k") + "Ns") == "bad_pickle");
    CHECK(value(target + "(" + p::text("k") + "Nu") == "bad_pickle");
    CHECK(value(target + "Na") == "bad_pickle");
    CHECK(value(target + "(Ne") == "bad_pickle");
    CHECK(value(target + "}b") == "bad_pickle");
  }
  CHECK(value("}Na") == "bad_pickle");
  CHECK(value("]" + p::text("k") + "Ns") == "bad_pickle");
  CHECK(value("}}b") == "bad_pickle");
  CHECK(raw(p::whole(hooks + "(" + w + "u}b")) == "none");
  CHECK(raw(p::whole(hooks + "(" + w + "uNb")) == "bad_pickle");
  for (const char* short_of : {"t", "u", "e", "\x85", "\x86", "\x87", "R", "b", "Q", "s", "a",
                               "(\x85", "", "NN", "(", "](NNe("}) {  // F7
    INFO(short_of);
    CHECK(raw(p::whole(short_of)) == "bad_pickle");
  }
  CHECK(value("}(" + p::text("k") + "u") == "bad_pickle");
  CHECK(value("}(]Nu") == "bad_pickle");
  CHECK(value("}(" + tensor + "Nu") == "bad_pickle");
  CHECK(value("h\x07") == "bad_pickle");  // F8
  CHECK(value("j\xFF\xFF\xFF\xFF") == "bad_pickle");
  CHECK(value("Nr\xFF\xFF\xFF\xFF") == "bad_pickle");
  CHECK(value("X\xFF\xFF\xFF\xFF"
              "abc") == "truncated");                                      // F9
  CHECK(value("\x8A\xFF" + std::string(255, '\1')) == "ambiguous_model");  // opaque, no tensor
  CHECK(value("\x8A\xFF") == "truncated");
}

TEST_CASE("F10-F13: size and shape of the whole") {
  CHECK(value(")" + repeat("\x85", 2'000'000)) == "depth_limit");  // F10
  CHECK(value(repeat("]", 1000) + repeat("a", 999)) == "depth_limit");
  CHECK(value(repeat("(", 2'000'000)) == "depth_limit");
  CHECK(value(std::string("]q\0h\0a", 6)) == "bad_pickle");  // F11
  CHECK(value(std::string("]q\0]q\1h\0ah\0h\1a", 14)) == "bad_pickle");
  std::string laughs = std::string("](NNNNNNNNNNeq\0", 15);
  for (char level = 0; level < 30; ++level) {
    laughs += "](" + repeat(std::string("h") + level, 10) + "eq" + static_cast<char>(level + 1);
  }
  CHECK(raw(p::whole(laughs)) == "limit_exceeded");  // F12
  CHECK(value(repeat("}0", 5)) == "unsupported_opcode");
  CHECK(value("(" + repeat("N", 100'000) + "t") == "limit_exceeded");
  CHECK(value("(" + repeat("}", 60'000) + "t") == "limit_exceeded");
  CHECK(raw(good + "x") == "trailing_data");  // F13
  CHECK(raw(good + good) == "trailing_data");
}

TEST_CASE("F14-F18: storages") {
  const auto id = [](const std::string& fields) {
    return value(p::tensor(p::tuple(fields) + "Q", 0, {2}, {1}));
  };
  const std::string type = p::name("torch", "FloatStorage");
  const std::string s = p::text("storage");
  const std::string end = p::text("cpu") + p::integer(2);
  CHECK(id(s + type + p::text("0") + end) == "none");
  CHECK(id(s + type + p::text("0") + end + "N") == "bad_pickle");  // F14
  CHECK(id(p::text("Storage") + type + p::text("0") + end) == "bad_pickle");
  CHECK(id(s + p::text("FloatStorage") + p::text("0") + end) == "bad_pickle");
  CHECK(id(s + rebuild + p::text("0") + end) == "bad_pickle");
  CHECK(id(s + type + p::integer(0) + end) == "bad_pickle");
  CHECK(id(s + type + p::text("0") + "N" + p::integer(2)) == "bad_pickle");
  CHECK(id(s + type + p::text("0") + p::text("cpu") + p::text("2")) == "bad_pickle");
  CHECK(value(p::text("0") + "Q") == "bad_pickle");
  for (const std::string& key :
       {std::string("../version"), std::string("-1"), std::string(1'000'000, '1'), std::string()}) {
    CHECK(id(s + type + p::text(key) + end) == "bad_name");  // F15
  }
  CHECK(id(s + type + p::text("9") + end) == "missing_entry");
  CHECK(value(p::tensor(p::storage("0", 3), 0, {2}, {1})) == "size_mismatch");  // F16
  CHECK(value(p::tensor(p::storage("0", 1'000'000), 0, {2}, {1})) == "size_mismatch");
  CHECK(value(p::tensor(p::storage("0", 1), 0, {1}, {1})) == "size_mismatch");  // F17
  CHECK(value(p::tensor(p::storage("0", -1), 0, {0}, {1})) == "bad_number");
  CHECK(raw(p::whole(p::dict(w + p::text("v") +
                             p::tensor(p::storage("0", 2, "IntStorage"), 0, {2}, {1})))) ==
        "type_conflict");  // F18
  CHECK(raw(p::whole(p::dict(w + p::text("v") + p::tensor(p::storage("0", 1), 0, {1}, {1})))) ==
        "type_conflict");
  const std::string huge = "\x8A\x08" + little(std::uint64_t{1} << 62U);
  CHECK(id(s + type + p::text("0") + p::text("cpu") + huge) == "overflow");
}

TEST_CASE("F19-F24: views") {
  CHECK(view(0, {4}, {1}) == "none");
  CHECK(view(1, {4}, {1}) == "out_of_range");  // F19
  CHECK(view(0, {2, 2}, {3, 1}) == "out_of_range");
  CHECK(view(0, {2}, {0x7FFFFFFF}) == "out_of_range");
  CHECK(view(5, {0}, {1}) == "out_of_range");
  CHECK(view(-1, {1}, {1}) == "bad_number");  // F20
  CHECK(view(0, {-1}, {1}) == "bad_number");
  CHECK(view(3, {2}, {-1}) == "bad_number");
  CHECK(view(0, {0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF}, {0, 0, 0}) == "overflow");
  CHECK(view(0, {1 << 20, 1 << 20}, {0, 0}) == "out_of_range");  // F21
  CHECK(view(0, {5}, {0}) == "out_of_range");
  CHECK(view(0, {4}, {1, 1}) == "bad_pickle");  // F22
  CHECK(view(0, std::vector<std::int32_t>(65, 1), std::vector<std::int32_t>(65, 1)) ==
        "rank_limit");
  const std::string args = p::storage("0", 2) + p::integer(0) + p::integers({2}) + p::integers({1});
  CHECK(value(rebuild + p::tuple(args + "\x89" + hooks + p::text("k") + "Ns") + "R") ==
        "bad_pickle");  // F24
  for (const char* name : {"ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage"}) {
    CHECK(value(p::name("torch", name)) == "unsupported_dtype");
  }
  for (const char* name :
       {"_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage"}) {
    CHECK(value(p::name("torch._utils", name)) == "unsupported_dtype");
  }
}

TEST_CASE("F25, F26: keys") {
  CHECK(raw(p::whole(p::dict(w + w))) == "duplicate_key");
  CHECK(raw(p::whole(p::dict(p::text("params") + p::dict(w) + p::text("params") + p::dict(w)))) ==
        "duplicate_key");
  const std::string tensor = p::tensor(p::storage("0", 2), 0, {2}, {1});
  for (const std::string& name : {std::string("a\0b", 3), std::string("\xED\xA0\x80"),
                                  std::string(1'000'000, 'k'), std::string()}) {
    CHECK(raw(p::whole(p::dict(p::text(name) + tensor))) == "bad_name");
  }
  CHECK(raw(p::whole(p::dict(p::integer(3) + tensor))) == "bad_name");
  CHECK(raw(p::whole("]" + tensor + "a")) == "bad_pickle");
}

TEST_CASE("every argument of a tensor and a parameter has its kind") {
  const std::string tensor = p::tensor(p::storage("0", 2), 0, {2}, {1});
  const auto reduced = [](const std::string& name, const std::vector<std::string>& arguments,
                          std::size_t other, const std::string& instead) {
    std::string all;
    for (std::size_t i = 0; i < arguments.size(); ++i) all += i == other ? instead : arguments[i];
    return value(p::name("torch._utils", name) + p::tuple(all) + "R");
  };
  const std::vector<std::string> parts{p::storage("0", 2), p::integer(0), p::integers({2}),
                                       p::integers({1}),   "\x88",        hooks};
  const std::vector<std::string> parameter{tensor, "\x89", hooks};
  const std::vector<std::string> kinds{
      "N",          "\x88",  p::integer(1), "G" + std::string(8, '\0'),
      p::text("0"), ")",     "]",           "}",
      hooks,        rebuild, parts[0],      tensor};
  const auto legal = [](std::size_t kind, std::initializer_list<std::size_t> list) {
    return std::find(list.begin(), list.end(), kind) != list.end();
  };
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    INFO(kind);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      INFO("argument ", i);
      const std::string code = reduced("_rebuild_tensor_v2", parts, i, kinds[kind]);
      const bool fits = (i == 0 && kind == 10) || (i == 1 && kind == 2) || (i == 4 && kind == 1) ||
                        (i == 5 && kind == 8);
      if (!fits) CHECK(code == "bad_pickle");
      // An offset of 1 leaves one element of two; all else that fits is the same tensor.
      if (fits) CHECK(code == (i == 1 ? "out_of_range" : "none"));
    }
    for (std::size_t i = 0; i < parameter.size(); ++i) {
      INFO("argument ", i);
      const bool fits = (i == 0 && kind == 11) || (i == 1 && kind == 1) || (i == 2 && kind == 8);
      CHECK(reduced("_rebuild_parameter", parameter, i, kinds[kind]) ==
            (fits ? "none" : "bad_pickle"));
    }
    // Sizes and strides hold whole numbers.
    const bool whole = kind == 2;
    CHECK((reduced("_rebuild_tensor_v2", parts, 2, p::tuple(kinds[kind])) == "none") == whole);
    CHECK((reduced("_rebuild_tensor_v2", parts, 3, p::tuple(kinds[kind])) == "none") == whole);
    // Keys of a dictionary are what Python can hash; the target of BUILD is an OrderedDict.
    const bool key = legal(kind, {0, 1, 2, 3, 4, 5, 9});
    CHECK((raw(p::whole(p::dict(w + kinds[kind] + "N"))) == "none") == key);
    CHECK((raw(p::whole(p::dict(w + p::text("x") + kinds[kind] + "}b"))) == "none") == (kind == 8));
    CHECK((raw(p::whole(hooks + "(" + w + "u" + kinds[kind] + "b")) == "none") ==
          legal(kind, {7, 8}));
    CHECK(value(kinds[kind] + ")R") == "bad_pickle");  // nothing of these can be called
  }
  CHECK(value(rebuild) == "ambiguous_model");  // a name alone is a value, though not a tensor
  for (const char* name : {"_rebuild_tensor", "_rebuild_tensor_v4", "rebuild_parameter"})
    CHECK(value(p::name("torch._utils", name)) == "forbidden_global");
  CHECK(value(p::name("torch.nn.parameter", "Parameter")) == "forbidden_global");
  CHECK(value(p::name("torch.storage", "UntypedStorage")) == "unsupported_dtype");
  CHECK(value(p::name("torch.storage", "TypedStorage")) == "forbidden_global");
  for (const char* name :
       {"_rebuild_tensor_v3", "_rebuild_qtensor", "_rebuild_sparse_tensor",
        "_rebuild_sparse_csr_tensor", "_rebuild_meta_tensor_no_storage", "_rebuild_nested_tensor"})
    CHECK(value(p::name("torch._utils", name)) == "unsupported_dtype");
  for (const char* name : {"ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage",
                           "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"})
    CHECK(value(p::name("torch", name)) == "unsupported_dtype");
}

TEST_CASE("whole numbers of each opcode and length") {
  const auto offset = [](const std::string& number) {  // of a view of one element of four
    return value(p::name("torch._utils", "_rebuild_tensor_v2") +
                 p::tuple(p::storage("1", 4) + number + ")" + ")" + "\x89" + hooks) + "R");
  };
  const auto long_of = [](const std::string& bytes) {
    return "\x8A" + std::string(1, static_cast<char>(bytes.size())) + bytes;
  };
  for (const std::string& sound :
       {std::string("K\3"), std::string("M\3\0", 3), std::string("J\3\0\0\0", 5), long_of("\3"),
        long_of(std::string("\3\0", 2)), long_of(std::string("\3\0\0\0\0\0\0\0", 8)), long_of("")})
    CHECK(offset(sound) == "none");
  for (const std::string& far :
       {std::string("K\4"), std::string("K\xFF"), std::string("M\0\1", 3), std::string("M\3\x80"),
        std::string("J\0\0\1\0", 5), long_of("\4"), long_of(std::string("\0\1", 2)),
        long_of(std::string("\xFF\0", 2)), long_of(std::string("\0\0\0\0\0\0\0\1", 8))})
    CHECK(offset(far) == "out_of_range");
  for (const std::string& negative :
       {std::string("J\xFF\xFF\xFF\xFF"), std::string("J\0\0\0\x80", 5), long_of("\xFF"),
        long_of("\x80"), long_of(std::string("\0\x80", 2)),
        long_of(std::string("\0\0\0\0\0\0\0\x80", 8))})
    CHECK(offset(negative) == "bad_number");
  CHECK(offset(long_of(std::string(9, '\0'))) == "bad_pickle");  // above 64 bits it is opaque
}

TEST_CASE("limits are what may just be reached, by one more they are passed") {
  CHECK(value(repeat("]", 64) + repeat("a", 63)) == "depth_limit");  // with the outer dictionary
  CHECK(value(repeat("]", 63) + repeat("a", 62)) == "ambiguous_model");
  CHECK(raw(p::whole(p::dict(w + p::text("x") + repeat("(", 1023) + repeat("t", 1023)))) ==
        "depth_limit");
  CHECK(raw(p::whole(p::dict(w + p::text("x") + repeat("(", 62) + repeat("Nt", 62)))) == "none");
  CHECK(value(repeat("(", 1025)) == "depth_limit");
  CHECK(value(repeat("(", 1023)) == "bad_pickle");  // ends with marks open
  CHECK(view(3, {1}, {1}) == "none");
  CHECK(view(4, {1}, {1}) == "out_of_range");
  CHECK(view(4, {0}, {1}) == "none");
  CHECK(view(0, {2, 2}, {2, 1}) == "none");
  CHECK(view(1, {2, 2}, {2, 1}) == "out_of_range");
  CHECK(view(0, std::vector<std::int32_t>(8, 1), std::vector<std::int32_t>(8, 1)) == "none");
  CHECK(view(0, std::vector<std::int32_t>(9, 1), std::vector<std::int32_t>(9, 1)) == "rank_limit");
  CHECK(value(p::storage(std::string(20, '0'), 2)) == "missing_entry");
  CHECK(value(p::storage(std::string(21, '0'), 2)) == "bad_name");
  // Slots of the memo: from 0 or 1, without gaps.
  const auto kept = [](char slot) {
    return raw(p::whole(p::dict(w + p::text("x") + "Nq" + slot + p::text("y") + "h" + slot)));
  };
  CHECK(kept('\0') == "none");
  CHECK(kept('\1') == "none");
  CHECK(kept('\2') == "bad_pickle");
  CHECK(raw(p::whole(p::dict(w + p::text("x") + "Nq\1" + p::text("y") + std::string("h\0", 2)))) ==
        "bad_pickle");
  CHECK(raw(p::whole(p::dict(w + p::text("x") + std::string("Nr\0\0\0\0", 6) + p::text("y") +
                             std::string("j\0\0\0\0", 5)))) == "none");
  CHECK(value(p::name("torch", std::string(1025, 'x'))) == "forbidden_global");
}
