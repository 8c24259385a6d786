// SPDX-License-Identifier: Apache-2.0
#include <eqsr/load.hpp>

#include "builder.hpp"
#include "tiny.hpp"

#include <doctest/doctest.h>

using namespace eqsr_test;
namespace p = eqsr_test::pickle;

namespace {

using Names = std::vector<std::string>;
using Notes = std::vector<std::string>;

/// The tiny network's parameters, all 0.25.
eqsr::StateDict parameters() {
  const eqsr::Net<eqsr::tiny, eqsr::Reference> net;
  eqsr::StateDict dict;
  eqsr::for_each_parameter(net, [&](const std::string& name, const auto& tensor) {
    const auto shape = eqsr::shape_of(tensor);
    dict.insert(name, eqsr::StateDict::Shape(shape.begin(), shape.end()),
                std::vector<float>(static_cast<std::size_t>(tensor.size()), 0.25F));
  });
  return dict;
}

/// The same with `rename(name)` as names; a tensor whose new name is empty is left out.
template <class Rename>
eqsr::StateDict renamed(const eqsr::StateDict& from, const Rename& rename) {
  eqsr::StateDict to;
  for (const auto& entry : from)
    if (const std::string name = rename(entry.name); !name.empty()) to.insert(name, entry.tensor);
  return to;
}

struct Outcome {
  std::string code = "none", sentence;
  Notes notes;
};
Outcome load_file(const std::string& path) {
  Outcome outcome;
  const eqsr::Limits limits{
      .on_note = [&](const std::string& note) { outcome.notes.push_back(note); }};
  try {
    eqsr::Context<eqsr::Reference> ctx;
    const auto net = eqsr::load<eqsr::tiny>(ctx, path, limits);
    eqsr::for_each_parameter(net, [](const std::string&, const auto& tensor) {
      REQUIRE(tensor.data()[tensor.size() - 1] == 0.25F);
    });
  } catch (const eqsr::Error& error) {
    outcome.code = error.code();
    outcome.sentence = error.what();
  }
  return outcome;
}
Outcome load_dict(const eqsr::StateDict& dict, const std::string& name = "weights") {
  const TemporaryFolder folder;
  eqsr::write_safetensors(folder.path(name), dict);
  return load_file(folder.path(name));
}
/// What opening says: code and sentence, or nothing.
std::string sentence(const std::string& bytes) {
  try {
    (void)open_bytes(bytes);
  } catch (const eqsr::Error& error) {
    return error.code() + ": " + error.what();
  }
  return {};
}
bool says(const std::string& sentence, const std::string& words) {
  return sentence.find(words) != std::string::npos;
}

const std::string two = floats({1.5F, -2.0F});
const std::string w = p::text("w") + p::tensor(p::storage("0", 2), 0, {2}, {1});

}  // namespace

TEST_CASE("one prefix of all names is removed, whatever it is called, and said") {
  const eqsr::StateDict plain = parameters();
  CHECK(load_dict(plain).notes.empty());
  for (const std::string prefix : {"_orig_mod.", "module._orig_mod.", "model.", "net_g.",
                                   "a.b.c.d.", "generator/", "layers.", "norm.", "x"}) {
    INFO(prefix);
    const Outcome outcome = load_dict(renamed(plain, [&](auto& name) { return prefix + name; }));
    CHECK(outcome.code == "none");
    REQUIRE(outcome.notes.size() == 1);
    CHECK(says(outcome.notes[0], '"' + prefix + '"'));
  }
}

TEST_CASE("with a prefix too, only what is missing or unexpected is named") {
  const eqsr::StateDict plain = parameters();
  const auto lacking = [&](const std::string& without, const std::string& prefix) {
    return load_dict(renamed(
        plain, [&](auto& name) { return name == without ? std::string() : prefix + name; }));
  };
  for (const auto& entry : plain) {
    if (!entry.name.ends_with("conv_first.weight") && !entry.name.ends_with("head.0.weight") &&
        !entry.name.ends_with("layers.1.conv.bias"))
      continue;
    for (const std::string prefix : {"", "net_g."}) {
      const Outcome outcome = lacking(entry.name, prefix);
      CHECK(outcome.code == "missing_tensor");
      CHECK(says(outcome.sentence, " 1 missing: " + prefix + entry.name + ". Load"));
    }
  }
  // A discriminator beside the generator is no part of the network.
  eqsr::StateDict both = renamed(plain, [](auto& name) { return "net_g." + name; });
  both.insert("net_d.0.weight", {1}, {1});
  CHECK(load_dict(both).code == "unexpected_tensor");
  CHECK(says(load_dict(both).sentence, " 1 unexpected: \"net_d.0.weight\". Load"));
  // Two sets that fit equally well.
  for (const auto& entry : plain) both.insert("net_g_ema." + entry.name, entry.tensor);
  const Outcome outcome = load_dict(both);
  CHECK(outcome.code == "ambiguous_model");
  CHECK(says(outcome.sentence, "\"net_g.\" and \"net_g_ema.\""));
  // A prefix of some names only is none.
  const Outcome some = load_dict(renamed(
      plain, [](auto& name) { return name.starts_with("layers.") ? "net_g." + name : name; }));
  CHECK(some.code == "missing_tensor");
}

TEST_CASE("a prefix that is given is that one and no other") {
  eqsr::Net<eqsr::tiny, eqsr::Reference> net;
  eqsr::StateDict dict = renamed(parameters(), [](auto& name) { return "net_g." + name; });
  dict.insert("other", {1}, {1});
  CHECK(eqsr::load_into(net, dict, "net_g").empty());
  CHECK(code_of([&] { eqsr::load_into(net, dict, "net"); }) == "missing_tensor");
  CHECK(code_of([&] { eqsr::load_into(net, dict); }) == "unexpected_tensor");
}

TEST_CASE("one shard of several says that it is one") {
  const eqsr::StateDict half = renamed(
      parameters(), [](auto& name) { return name.starts_with("layers.0") ? std::string() : name; });
  const Outcome named = load_dict(half, "model-00001-of-00002.safetensors");
  CHECK(named.code == "missing_tensor");
  CHECK(says(named.sentence, "it is one shard, 00001 of 00002: join the shards first"));
  CHECK(says(load_dict(half, "half.safetensors").sentence, "split over several files"));
  CHECK_FALSE(says(load_dict(half, "one-of-many.safetensors").sentence, "it is one shard"));
}

TEST_CASE("the index of shards is named") {
  for (const std::string text :
       {"{\"metadata\": {\"total_size\": 8},"
        " \"weight_map\": {\"w\": \"model-00001-of-00002.safetensors\"}}",
        "\n{\n  \"weight_map\": {\n    \"w\": \"pytorch_model-00001-of-00002.bin\"\n  }\n}\n"}) {
    CHECK(open_code(text) == "unsupported_container");
    try {
      (void)open_bytes(text);
    } catch (const eqsr::Error& error) {
      CHECK(says(error.what(), "index of weights that are split over several files"));
    }
  }
  CHECK(open_code(R"({"hidden_size": 8, "architectures": ["EQSR"]})") == "unknown_format");
}

TEST_CASE("TorchScript is named, whether its code is compressed or not") {
  const std::string object = p::whole(p::dict(w));
  for (const std::string entry : {"m/code/__torch__/net.py", "m/constants.pkl"}) {
    for (const std::uint16_t method : {std::uint16_t{0}, std::uint16_t{8}}) {
      Zip z = zip({{entry, "text"}, {"m/data.pkl", object}, {"m/data/0", two}});
      patch(z.bytes, z.central[0] + 10, method);
      CHECK(says(sentence(z.bytes), "unsupported_container: "));
      CHECK(says(sentence(z.bytes), "This is a TorchScript archive"));
    }
  }
}

TEST_CASE("a pickled module is named, in both kinds of file") {
  const std::string state = p::dict(p::text("training") + "\x88" + p::text("_parameters") + "}");
  for (const auto& [module, name] :
       {std::pair{"__main__", "Net"}, std::pair{"torch.nn.modules.conv", "Conv2d"},
        std::pair{"basicsr.archs.eqsr_arch", "EQSR"}}) {
    const std::string object = p::name(module, name) + "q\1)\x81q\2" + state + "b";
    for (const std::string& root : {object, p::dict(p::text("model") + object)}) {
      const std::string said = sentence(pth_zip(p::whole(root), {}).bytes);
      CHECK(says(said, "forbidden_global: "));
      CHECK(says(said, "holds a whole module, an object of the class \"" + std::string(module)));
      CHECK(says(said, "torch.save(model.state_dict(), path)"));
    }
    const std::string old = p::tuple(p::text("module") + p::name(module, name) + p::text("a.py") +
                                     p::text("class Net: pass")) +
                            "Q)\x81" + state + "b";
    CHECK(says(sentence(pth_stream(p::whole(old), {})), "holds a whole module"));
  }
  // What is only called so is no module.
  CHECK_FALSE(says(sentence(pth_zip(p::whole(p::name("os", "system")), {}).bytes), "module"));
}

TEST_CASE("harmless objects beside the tensors are dropped and reported") {
  const auto made = [](const std::string& module, const std::string& name, const std::string& of) {
    return p::name(module, name) + p::tuple(of) + "R";
  };
  const std::string bytes = made("_codecs", "encode", p::text("abc") + p::text("latin1"));
  const std::string real = "G" + std::string(8, '\0');
  const std::string dtype = made("numpy", "dtype", p::text("f8") + "\x89\x88") +
                            p::tuple(p::integer(3) + p::text("<") + "NNN" + p::integer(-1)) + "b";
  const std::pair<const char*, std::string> things[] = {
      {"Counter", made("collections", "Counter", p::dict(p::text("a") + p::integer(2)))},
      {"Counter of pairs", p::name("collections", "Counter") + ")R" + p::text("a") + "Ns"},
      {"OrderedDict", p::ordered_dict()},
      {"Size", made("torch", "Size", p::integers({1, 2}))},
      {"dtype", p::name("torch", "float32")},
      {"float8", p::name("torch", "float8_e4m3fn")},
      {"bool", p::name("torch", "bool")},
      {"device", made("torch", "device", p::text("cuda") + p::integer(0))},
      {"layout", made("torch.serialization", "_get_layout", p::text("torch.strided"))},
      {"scheme", p::name("torch", "per_tensor_affine")},
      {"bytes", bytes},
      {"bytearray", made("__builtin__", "bytearray", bytes)},
      {"set", made("builtins", "set", "](" + p::integer(1) + p::text("x") + "e")},
      {"complex", made("__builtin__", "complex", real + real)},
      {"scalar", made("numpy._core.multiarray", "scalar", dtype + bytes)},
      {"older scalar", made("numpy.core.multiarray", "scalar", dtype + bytes)},
      {"NumPy's dtype", dtype},
      {"a large number", "\x8A\x0D" + std::string(13, '\x0C')},
      {"keys of any kind", p::dict(p::integers({1, 2}) + "N" + real + "N" + "N" + "N" +
                                   p::name("torch", "int64") + p::text("x"))}};
  std::string all;
  Names names;
  for (const auto& [key, thing] : things) {
    const std::string name = key;
    INFO(name);
    const std::string beside = p::text(name) + thing;
    for (const std::string& object : {w + beside, beside + w}) {
      const auto dict = open_bytes(pth_zip(p::whole(p::dict(object)), {{"0", two}}).bytes);
      CHECK(dict.dropped() == Names{name});
      CHECK(dict.at("w").to_float() == std::vector<float>{1.5F, -2.0F});
      CHECK(open_bytes(pth_stream(p::whole(p::dict(object)), {{"0", two}})).dropped() ==
            Names{name});
    }
    all += beside;
    names.emplace_back(name);
  }
  const auto dict = open_bytes(
      pth_zip(p::whole(p::dict(all + p::text("state_dict") + p::dict(w))), {{"0", two}}).bytes);
  CHECK(dict.dropped() == names);
  // In the dictionary of the tensors itself, and as its keys.
  CHECK(open_bytes(pth_zip(p::whole(p::dict(w + p::integers({1, 2}) + "N")), {{"0", two}}).bytes)
            .dropped()
            .size() == 1);
}

TEST_CASE("tensors with attributes of their own are tensors") {
  const std::string place = p::storage("0", 2) + p::integer(0) + p::integers({2}) +
                            p::integers({1}) + "\x89" + p::ordered_dict();
  const std::string plain = p::name("torch._utils", "_rebuild_tensor_v2") + p::tuple(place) + "R";
  const std::string state = p::dict(p::text("note") + p::text("x"));
  const std::string kinds[] = {p::name("torch._tensor", "_rebuild_from_type_v2") +
                                   p::tuple(p::name("torch._utils", "_rebuild_tensor_v2") +
                                            p::name("torch", "Tensor") + p::tuple(place) + state) +
                                   "R",
                               p::name("torch._utils", "_rebuild_parameter_with_state") +
                                   p::tuple(plain + "\x88" + p::ordered_dict() + state) + "R"};
  for (const std::string& kind : kinds) {
    const std::string object = p::whole(p::dict(p::text("w") + kind));
    CHECK(open_bytes(pth_zip(object, {{"0", two}}).bytes).at("w").to_float() ==
          std::vector<float>{1.5F, -2.0F});
  }
  const std::string wrong =
      p::name("torch._tensor", "_rebuild_from_type_v2") +
      p::tuple(p::name("torch", "Size") + p::name("torch", "Tensor") + p::tuple(place) + state) +
      "R";
  CHECK(open_code(pth_zip(p::whole(p::dict(p::text("w") + wrong)), {{"0", two}}).bytes) ==
        "bad_pickle");
}

TEST_CASE("subnormal numbers are counted in a note, and kept") {
  eqsr::StateDict dict = renamed(
      parameters(), [](auto& name) { return name == "conv_first.bias" ? std::string() : name; });
  std::vector<float> values(24, 0.25F);
  values[3] = 1e-40F;
  values[5] = -1e-45F;
  dict.insert("conv_first.bias", {24}, values);
  const Outcome outcome = load_dict(dict);
  REQUIRE(outcome.notes.size() == 1);
  CHECK(says(outcome.notes[0], "2 numbers are subnormal"));
  eqsr::Net<eqsr::tiny, eqsr::Reference> net;
  eqsr::load_into(net, dict);
  bool kept = false;
  eqsr::for_each_parameter(net, [&](const std::string& name, const auto& tensor) {
    if (name == "conv_first.bias") kept = tensor.data()[3] == 1e-40F;
  });
  CHECK(kept);
}
