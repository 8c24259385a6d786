// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"
#include "support/synthetic.hpp"

#include <doctest/doctest.h>

#include <cstdlib>  // getenv

using namespace eqsr_test;
namespace p = eqsr_test::pickle;

namespace {

const std::string checkpoints = EQSR_TEST_DATA "/checkpoints/";

/// Equal names, types, shapes and bits.
void check_equal(const eqsr::StateDict& a, const eqsr::StateDict& b) {
  CHECK(a.size() == b.size());
  for (const auto& entry : a) {
    const auto& tensor = entry.tensor;
    const std::string& name = entry.name;
    INFO(name);
    REQUIRE(b.contains(name));
    CHECK(tensor.dtype() == b.at(name).dtype());
    CHECK(tensor.shape() == b.at(name).shape());
    CHECK(tensor.to_bytes() == b.at(name).to_bytes());
  }
}

/// All parameters are those of the synthetic tiny network, bit for bit.
void check_synthetic(const eqsr::StateDict& dict, bool half) {
  CHECK(dict.size() == 144);
  std::size_t parameters = 0;
  for (const auto& entry : dict) {
    const auto& tensor = entry.tensor;
    const std::string& name = entry.name;
    if (name.starts_with("relative_position_index")) {
      CHECK(tensor.dtype() == eqsr::Dtype::i64);
      continue;
    }
    INFO(name);
    REQUIRE(tensor.dtype() == (half ? eqsr::Dtype::f16 : eqsr::Dtype::f32));
    std::vector<float> expected = synthetic_parameter(name, tensor.shape());
    if (half) {
      for (float& value : expected) value = eqsr::half_to_float(eqsr::float_to_half(value));
    }
    const std::vector<float> found = tensor.to_float();
    REQUIRE(found.size() == expected.size());
    REQUIRE(std::memcmp(found.data(), expected.data(), found.size() * 4) == 0);
    parameters += found.size();
  }
  CHECK(parameters == 1'233'192);
}

const std::string w = p::text("w") + p::tensor(p::storage("10", 2), 0, {2}, {1});
const std::string two = floats({1.5F, -2.0F});

std::string stream_code(const std::string& object, const Storages& storages) {
  return open_code(pth_stream(object, storages));
}

}  // namespace

TEST_CASE("small files that PyTorch wrote, compared with what PyTorch read from them") {
  for (const char* name : {"both_sets", "nested_prefixed", "older_stream", "bare_module"}) {
    INFO(name);
    const auto expected = eqsr::StateDict::open(checkpoints + name + ".safetensors");
    check_equal(eqsr::StateDict::open(checkpoints + name + ".pth"), expected);
    const TemporaryFolder folder;
    eqsr::write_safetensors(folder.path("copy"),
                            eqsr::StateDict::open(checkpoints + name + ".pth"));
    check_equal(eqsr::StateDict::open(folder.path("copy")), expected);
  }
}

TEST_CASE("where the tensors were, and what lay beside them") {
  using Names = std::vector<std::string>;
  const auto both = eqsr::StateDict::open(checkpoints + "both_sets.pth");
  CHECK(both.format() == "pytorch zip");
  CHECK(both.unwrapped() == "params_ema");
  CHECK(both.dropped() == Names{"params"});
  CHECK(both.at("scalar").to_float() == std::vector<float>{3.5F});
  CHECK(both.at("float16").first_nonfinite() == 5);
  CHECK_FALSE(both.at("float32").first_nonfinite());
  const auto nested = eqsr::StateDict::open(checkpoints + "nested_prefixed.pth");
  CHECK(nested.unwrapped() == "state_dict");
  CHECK(nested.dropped() == Names{"epoch", "best", "args"});
  CHECK(nested.begin()->name == "0.weight");
  const auto stream = eqsr::StateDict::open(checkpoints + "older_stream.pth");
  CHECK(stream.format() == "pytorch stream");
  CHECK(stream.unwrapped().empty());
  CHECK(stream.at("int64").to_int64() ==
        std::vector<std::int64_t>{-1, 2, 3, -(std::int64_t{1} << 62)});
  CHECK(stream.at("bool").to_int64() == std::vector<std::int64_t>{1, 0, 1});
  CHECK(stream.at("int8").to_int64() == std::vector<std::int64_t>{-8, 8});
  CHECK(stream.at("uint8").to_int64() == std::vector<std::int64_t>{0, 255});
  CHECK(code_of([&] { static_cast<void>(stream.at("int64").to_float()); }) == "dtype_mismatch");
  CHECK(code_of([&] { static_cast<void>(stream.at("float32").to_int64()); }) == "dtype_mismatch");
}

TEST_CASE("the half-precision checkpoint, bit for bit") {
  const auto dict = eqsr::StateDict::open(checkpoints + "tiny_dataparallel_half.pth");
  CHECK(dict.unwrapped() == "state_dict");
  CHECK(dict.dropped() == std::vector<std::string>{"epoch"});
  check_synthetic(dict, true);
}

TEST_CASE("the full checkpoints, bit for bit, where EQSR_CHECKPOINTS names their folder") {
  const char* folder = std::getenv("EQSR_CHECKPOINTS");
  if (folder == nullptr) return;
  const std::string path = std::string(folder) + "/";
  check_synthetic(eqsr::StateDict::open(path + "tiny_dataparallel_half.pth"), true);
  check_synthetic(eqsr::StateDict::open(path + "tiny_flat_legacy.pth"), false);
  const auto both = eqsr::StateDict::open(path + "tiny_basicsr.pth");
  CHECK(both.unwrapped() == "params_ema");
  check_synthetic(both, false);
}

TEST_CASE("the older stream") {
  const std::string object = p::whole(p::dict(w));
  const auto dict = open_bytes(pth_stream(object, {{"10", two}}));
  CHECK(dict.at("w").to_float() == std::vector<float>{1.5F, -2.0F});
  CHECK(stream_code(object, {}) == "missing_entry");
  CHECK(stream_code(object, {{"10", two}, {"11", two}}) == "bad_pickle");
  CHECK(stream_code(object, {{"10", two}, {"10", two}}) == "duplicate_key");
  CHECK(stream_code(object, {{"10", floats({1})}}) == "size_mismatch");        // F16
  CHECK(stream_code(object, {{"10", floats({1, 2, 3})}}) == "size_mismatch");  // F17
  CHECK(open_code(pth_stream(object, {{"10", two}}) + "x") == "trailing_data");
  CHECK(stream_code(p::whole(p::name("os", "system")), {}) == "forbidden_global");
  CHECK(stream_code(p::whole(p::dict(p::text("w") + "\x93")), {}) == "unsupported_opcode");
  CHECK(open_code(p::whole(p::dict(w))) == "unknown_format");  // a pickle of its own
  CHECK(open_code(p::whole(p::name("builtins", "eval") + p::text("0x1950a8") + "\x85R")) ==
        "forbidden_global");
  CHECK(open_code("\x80\x04" + object.substr(2)) == "unsupported_opcode");
  std::string big = pth_stream(object, {{"10", two}});
  big[big.find('\x88')] = '\x89';
  CHECK(open_code(big) == "unsupported_byteorder");
  eqsr::Limits limits;
  limits.max_pickle_bytes = 64;
  CHECK(open_code(pth_stream(object, {{"10", two}}), limits) == "limit_exceeded");
}

TEST_CASE("a sixth field of a storage is for the older stream alone (F14)") {
  const std::string id = p::tuple(p::text("storage") + p::name("torch", "FloatStorage") +
                                  p::text("10") + p::text("cpu") + p::integer(2) + "N") +
                         "Q";
  const std::string object = p::whole(p::dict(p::text("w") + p::tensor(id, 0, {2}, {1})));
  CHECK(stream_code(object, {{"10", two}}) == "none");
  CHECK(open_code(pth_zip(object, {{"10", two}}).bytes) == "bad_pickle");
}

TEST_CASE("every prefix is refused, every bit flip refused or harmless") {
  sweep(pth_stream(p::whole(p::dict(w)), {{"10", two}}),
        [](bool sound, const char* kind, std::size_t at) {
          INFO(kind, " ", at);
          REQUIRE(sound);
        });
}

TEST_CASE("a flip in a checksummed archive never changes another tensor") {
  const std::string object =
      p::whole(p::dict(w + p::text("v") + p::tensor(p::storage("11", 1), 0, {1}, {1})));
  const Zip z = pth_zip(object, {{"10", two}, {"11", floats({7})}});
  std::string bytes = z.bytes;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(z.bytes[bit / 8] ^ (1 << (bit % 8)));
    const std::string code = code_of([&] {
      const auto dict = open_bytes(bytes);
      INFO(bit);
      REQUIRE(dict.at("w").to_float() == std::vector<float>{1.5F, -2.0F});
      REQUIRE(dict.at("v").to_float() == std::vector<float>{7.0F});
    });
    bytes[bit / 8] = z.bytes[bit / 8];
  }
}

TEST_CASE("which dictionary is taken") {
  const auto open = [](const std::string& items) {
    return open_bytes(pth_zip(p::whole(p::dict(items)), {{"10", two}}).bytes);
  };
  const auto inner = [](const char* name) { return p::text(name) + p::dict(w); };
  CHECK(open(inner("net") + inner("model")).unwrapped() == "model");
  CHECK(open(inner("model_state_dict") + inner("state_dict")).unwrapped() == "state_dict");
  CHECK(open(inner("params") + inner("state_dict")).unwrapped() == "params");
  CHECK(open(p::text("params_ema") + "N" + inner("params")).unwrapped() == "params");
  const auto deep = open(p::text("state_dict") + p::dict(inner("params") + p::text("x") + "N"));
  CHECK(deep.unwrapped() == "state_dict.params");
  CHECK(deep.dropped() == std::vector<std::string>{"state_dict.x"});
  CHECK(open(w + inner("other")).dropped() == std::vector<std::string>{"other"});
  CHECK(code_of([&] { static_cast<void>(open(inner("generator"))); }) == "ambiguous_model");
  CHECK(code_of([&] { static_cast<void>(open("")); }) == "ambiguous_model");
  const std::string tensor = w.substr(6);
  CHECK(open(p::text("module.a") + tensor + p::text("module.b") + tensor).contains("a"));
  CHECK(open(p::text("module.a") + tensor + p::text("b") + tensor).contains("module.a"));
  eqsr::Limits limits;
  limits.memory_budget = 7;
  CHECK(open_code(pth_zip(p::whole(p::dict(w)), {{"10", two}}).bytes, limits) == "memory_budget");
  limits = {};
  limits.max_tensors = 5;  // enough entries, too many tensors
  std::string many;
  for (int i = 0; i < 6; ++i) many += p::text(std::to_string(i)) + tensor;
  CHECK(open_code(pth_zip(p::whole(p::dict(many)), {{"10", two}}).bytes, limits) ==
        "too_many_tensors");
}

TEST_CASE("what Python 2 and the first versions of PyTorch wrote") {
  const auto old_text = [](const std::string& t) {
    return "U" + std::string(1, static_cast<char>(t.size())) + t;
  };
  const std::string storage = p::tuple(old_text("storage") + p::name("torch", "FloatStorage") +
                                       old_text("0") + old_text("cuda:0") + p::integer(2) + "N") +
                              "Q";
  const std::string place = storage + p::integer(0) + p::integers({2}) + p::integers({1});
  const std::string dict = p::name("collections", "OrderedDict");
  const std::string tensors[] = {
      p::name("torch._utils", "_rebuild_tensor") + p::tuple(place) + "R",
      p::name("torch._utils", "_rebuild_tensor_v2") + p::tuple(place + "\x89N") + "R",
      p::name("torch._utils", "_rebuild_tensor_v2") +
          p::tuple(place + "\x89" + dict + p::tuple("]") + "R") + "R"};
  for (const std::string& tensor : tensors) {
    const std::string parameter = p::name("torch.nn.parameter", "Parameter") + p::tuple(tensor) +
                                  "R" + p::tuple("\x88\x89" + dict + ")R") + "b";
    for (const std::string& value : {tensor, parameter}) {
      const std::string pairs = dict + p::tuple("](](" + old_text("w") + value + "ee") + "R";
      const auto found = open_bytes(pth_stream(p::whole(pairs), {{"0", two}}));
      CHECK(found.at("w").to_float() == std::vector<float>{1.5F, -2.0F});
      CHECK(open_code(pth_zip(p::whole(p::dict(p::text("w") + value)), {{"0", two}}).bytes) !=
            "none");  // in an archive nobody wrote so
    }
    CHECK(stream_code(p::whole(p::dict(p::text("w") + parameter + "}b")), {{"0", two}}) ==
          "bad_pickle");
    CHECK(stream_code(p::whole(p::dict(p::text("w") + tensor + "}b")), {{"0", two}}) ==
          "bad_pickle");
  }
  const std::string bad = dict + p::tuple("](N") + "eR";
  CHECK(stream_code(p::whole(bad), {}) == "bad_pickle");
}

TEST_CASE("a model may lie four dictionaries deep") {
  const auto nested = [](int depth) {
    std::string dict = p::dict(w);
    for (int i = 0; i < depth; ++i) dict = p::dict(p::text("model") + dict);
    return pth_zip(p::whole(dict), {{"10", two}}).bytes;
  };
  CHECK(open_bytes(nested(4)).unwrapped() == "model.model.model.model");
  CHECK(open_code(nested(5)) == "ambiguous_model");
  for (const char* name : {"params_ema", "params", "state_dict", "model_state_dict", "model_state",
                           "model", "net", "sd"}) {
    const auto dict = p::whole(p::dict(p::text("other") + p::dict(w) + p::text(name) + p::dict(w)));
    CHECK(open_bytes(pth_zip(dict, {{"10", two}}).bytes).unwrapped() == name);
  }
  const std::string keys = p::integer(-3) + "N" + "\x88N" + "\x89N" + "NN" + w;
  CHECK(open_bytes(pth_zip(p::whole(p::dict(keys)), {{"10", two}}).bytes).dropped() ==
        std::vector<std::string>{"-3", "True", "False", "None"});
  // What is dropped is not read: a storage that nobody asked for may be damaged.
  Zip beside = pth_zip(p::whole(p::dict(p::text("params") + p::dict(w) + p::text("x") +
                                        p::tensor(p::storage("11", 1), 0, {1}, {1}))),
                       {{"10", two}, {"11", floats({7})}});
  beside.bytes[beside.data[2]] = '!';
  CHECK(open_bytes(beside.bytes).dropped() == std::vector<std::string>{"x"});
  std::string eleven;
  for (int i = 0; i < 11; ++i) eleven += p::text("key" + std::to_string(i)) + "N";
  try {
    (void)open_bytes(pth_zip(p::whole(p::dict(eleven)), {}).bytes);
  } catch (const eqsr::Error& error) {
    const std::string sentence = error.what();
    CHECK(
        sentence.ends_with("It holds \"key0\", \"key1\", \"key2\", \"key3\", \"key4\", "
                           "\"key5\", \"key6\", \"key7\", \"key8\", \"key9\"."));
  }
  eqsr::Limits limits;
  limits.memory_budget = 8;  // one storage, used twice, is counted once
  limits.max_tensors = 4;    // also the number of entries
  const std::string shared = p::whole(p::dict(w + p::text("v") + w.substr(6)));
  CHECK(open_code(pth_zip(shared, {{"10", two}}).bytes, limits) == "none");
  limits.memory_budget = 7;
  CHECK(open_code(pth_zip(shared, {{"10", two}}).bytes, limits) == "memory_budget");
}

TEST_CASE("the parts of the older stream") {
  const std::string magic(eqsr::detail::pth_legacy_magic);
  const auto number = [](unsigned n) {
    return p::whole("M" + little(static_cast<std::uint16_t>(n)));
  };
  const std::string machine = p::whole("}"), object = p::whole(p::dict(w));
  const std::string list = p::whole("](" + p::text("10") + "e");
  const auto count = [](std::uint64_t n) { return little(n); };
  const std::string sound = magic + number(1001) + machine + object + list + count(2) + two;
  CHECK(open_code(sound) == "none");
  CHECK(open_code(magic + number(1000) + sound.substr(magic.size() + 6)) == "bad_pickle");
  CHECK(open_code(magic + p::whole("N") + machine + object + list + count(2) + two) ==
        "bad_pickle");
  CHECK(open_code(magic + number(1001) + p::whole("]") + object + list + count(2) + two) ==
        "bad_pickle");
  CHECK(open_code(magic + number(1001) + machine + object + p::whole("}") + count(2) + two) ==
        "bad_pickle");
  CHECK(open_code(magic + number(1001) + machine + object + p::whole(p::text("10")) + count(2) +
                  two) == "bad_pickle");
  CHECK(open_code(magic + number(1001) + machine + object + p::whole("](Ne") + count(2) + two) ==
        "bad_pickle");
  for (const std::uint64_t wrong : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{258},
                                    std::uint64_t{2} + (std::uint64_t{1} << 56U)})
    CHECK(open_code(magic + number(1001) + machine + object + list + count(wrong) + two) ==
          "size_mismatch");
  for (const bool little_endian : {false, true}) {
    const std::string info =
        p::whole(p::dict(p::text("little_endian") + (little_endian ? "\x88" : "\x89")));
    CHECK(open_code(magic + number(1001) + info + object + list + count(2) + two) ==
          (little_endian ? "none" : "unsupported_byteorder"));
  }
  const std::string zero = p::whole(p::dict(p::text("little_endian") + p::integer(0)));
  CHECK(open_code(magic + number(1001) + zero + object + list + count(2) + two) == "none");
  CHECK(open_code(sound + "x") == "trailing_data");
  eqsr::Limits limits;
  limits.max_pickle_bytes = object.size();  // the longest of the five
  CHECK(open_code(sound, limits) == "none");
  --limits.max_pickle_bytes;
  CHECK(open_code(sound, limits) == "limit_exceeded");
  // A text that reaches beyond the file is a cut file, whatever the limit.
  const std::string beyond = "\x80\x02X" + little(std::uint32_t{600}) + std::string(500, 'x');
  ++limits.max_pickle_bytes;
  CHECK(open_code(magic + number(1001) + machine + object + beyond, limits) == "truncated");
  // More than one block of 4096 bytes, and two storages.
  std::string many;
  for (int i = 0; i < 300; ++i)
    many += p::text("t" + std::to_string(i)) +
            p::tensor(p::storage(i % 2 == 0 ? "10" : "11", 2), i % 3 == 0 ? 1 : 0, {1}, {1});
  const auto dict =
      open_bytes(pth_stream(p::whole(p::dict(many)), {{"11", floats({3, 4})}, {"10", two}}));
  CHECK(dict.size() == 300);
  CHECK(dict.at("t0").to_float() == std::vector<float>{-2.0F});
  CHECK(dict.at("t1").to_float() == std::vector<float>{3.0F});
  CHECK(dict.at("t3").to_float() == std::vector<float>{4.0F});
  CHECK(dict.at("t4").to_float() == std::vector<float>{1.5F});
}

TEST_CASE("every part of an old parameter has its kind") {
  const std::string tensor = p::tensor(p::storage("10", 2), 0, {2}, {1});
  const std::string hooks = p::ordered_dict();
  const auto code = [](const std::string& value) {
    return stream_code(p::whole(p::dict(p::text("w") + value)), {{"10", two}});
  };
  const auto made = [&](const std::string& arguments) {
    return p::name("torch.nn.parameter", "Parameter") + p::tuple(arguments) + "R";
  };
  CHECK(code(made(tensor)) == "none");
  CHECK(code(made(tensor + "\x88")) == "none");
  for (const std::string& wrong : {std::string(), std::string("N"), tensor + "N", tensor + tensor,
                                   tensor + "\x88\x88", "\x88" + tensor})
    CHECK(code(made(wrong)) == "bad_pickle");
  const std::string flags[] = {"\x88", "\x89", hooks};
  CHECK(code(made(tensor) + p::tuple(flags[0] + flags[1] + flags[2]) + "b") == "none");
  for (std::size_t i = 0; i < 3; ++i) {
    for (const std::string& wrong :
         {std::string("N"), std::string("}"), tensor, std::string(), hooks + p::text("k") + "Ns"}) {
      std::string state;
      for (std::size_t k = 0; k < 3; ++k) state += k == i ? wrong : flags[k];
      INFO(i);
      CHECK(code(made(tensor) + p::tuple(state) + "b") == "bad_pickle");
    }
  }
  CHECK(code(made(tensor) + p::tuple(flags[0] + flags[1] + flags[2] + "N") + "b") == "bad_pickle");
  CHECK(code(made(tensor) + "Nb") == "bad_pickle");
  const std::string twice = p::tuple(flags[0] + flags[1] + flags[2]) + "b";
  CHECK(code(made(tensor) + twice + twice) == "bad_pickle");
  // An OrderedDict of pairs.
  const auto pairs = [&](const std::string& arguments) {
    return stream_code(p::whole(p::name("collections", "OrderedDict") + p::tuple(arguments) + "R"),
                       {{"10", two}});
  };
  const std::string pair = "](" + w + "e";
  CHECK(pairs("](" + pair + "e") == "none");
  for (const std::string& wrong :
       {"](" + pair + "Ne", "](](" + w + "Nee", "](](" + p::text("w") + "ee",
        "](" + p::tuple(w) + "e", p::tuple(pair), "](" + pair + "eN", std::string("N")})
    CHECK(pairs(wrong) == "bad_pickle");
  CHECK(open_code(pth_zip(p::whole(p::name("collections", "OrderedDict") +
                                   p::tuple("](" + pair + "e") + "R"),
                          {{"10", two}})
                      .bytes) == "bad_pickle");
}
