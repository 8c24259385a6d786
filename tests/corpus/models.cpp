// SPDX-License-Identifier: Apache-2.0
#include <eqsr/eqsr.hpp>

#include "../io/builder.hpp"
#include "../support/synthetic.hpp"
#include "../tiny.hpp"
#include "report.hpp"

namespace {

using namespace eqsr_test;

eqsr::StateDict parameters(bool with_indices = true) {
  eqsr::StateDict dict;
  const eqsr::Net<eqsr::tiny, eqsr::Cpu> net;
  eqsr::for_each_parameter(net, [&](const std::string& name, const auto& tensor) {
    const auto extents = eqsr::shape_of(tensor);
    const eqsr::StateDict::Shape shape(extents.begin(), extents.end());
    dict.insert(name, shape, synthetic_parameter(name, shape));
  });
  if (with_indices) {
    const std::int64_t M = eqsr::tiny.window, keys = eqsr::tiny.key_window();
    for (const auto& [n, name] : {std::pair(M, "relative_position_index_SA"),
                                  std::pair(keys, "relative_position_index_OCA")}) {
      auto bytes = eqsr::detail::allocate_bytes(static_cast<std::uint64_t>(M * M * n * n) * 8);
      auto* values = reinterpret_cast<std::int64_t*>(bytes.get());
      for (std::int64_t i = 0; i < M * M; ++i)
        for (std::int64_t j = 0; j < n * n; ++j) {
          const std::int64_t sign = n == M ? 1 : -1, shift = n == M ? M - 1 : M - n + 1;
          *values++ =
              (sign * (i / M - j / n) + shift) * (M + n - 1) + sign * (i % M - j % n) + shift;
        }
      dict.insert(name, eqsr::StoredTensor(eqsr::Dtype::i64, {M * M, n * n}, bytes, name));
    }
  }
  return dict;
}

/// The same with one tensor replaced, or left out for an empty shape list.
template <class Change>
eqsr::StateDict changed(const eqsr::StateDict& from, Change&& change) {
  eqsr::StateDict to;
  for (const auto& entry : from)
    if (!change(entry, to)) to.insert(entry.name, entry.tensor);
  to.metadata() = from.metadata();
  return to;
}

void load_dict(const std::string& row, const eqsr::StateDict& dict, const std::string& code,
               const std::string& word = "") {
  const TemporaryFolder folder;
  const std::string path = folder.path("weights");
  eqsr::write_safetensors(path, dict);
  eqsr::Context<eqsr::Cpu> ctx(1);
  expect(row, "weights", outcome_of([&](Outcome&) { (void)eqsr::load<eqsr::tiny>(ctx, path); }),
         code, std::size_t{1} << 40, word);
}

}  // namespace

void eqsr_test::run_models() {
  const eqsr::StateDict good = parameters();
  const std::string first = "conv_first.weight", index = "relative_position_index_";
  load_dict("G1", good, "none");
  const auto without = [&](const std::string& name) {
    return changed(good, [&](const auto& entry, auto&) { return entry.name == name; });
  };
  load_dict("G1", without(first), "missing_tensor", first);
  eqsr::StateDict extra = good;
  extra.insert("../../etc/passwd", {2}, {1, 2});
  load_dict("G1", extra, "unexpected_tensor", "etc/passwd");
  load_dict("C15", extra, "unexpected_tensor", "etc/passwd");
  eqsr::StateDict bent = without(first);
  bent.insert(first, {2, 3}, {1, 2, 3, 4, 5, 6});
  load_dict("G1", bent, "shape_mismatch", "[2, 3]");

  namespace p = eqsr_test::pickle;
  const std::string w = p::text("w") + p::tensor(p::storage("0", 1), 0, {1}, {1});
  const std::string v = p::text("w") + p::tensor(p::storage("1", 1), 0, {1}, {1});
  const Storages both{{"0", floats({1})}, {"1", floats({2})}};
  const TemporaryFolder folder;
  const auto open = [&](const std::string& object) {
    return eqsr::StateDict::open(
        folder.write("both", pth_zip(p::whole(p::dict(object)), both).bytes));
  };
  rows.try_emplace("G2", true);
  const auto ema = open(p::text("params") + p::dict(w) + p::text("params_ema") + p::dict(v));
  if (ema.unwrapped() != "params_ema" || ema.at("w").to_float()[0] != 2)
    complain("G2", "params_ema is not preferred");
  expect("G2", "neither",
         outcome_of([&](Outcome&) { (void)open(p::text("epoch") + p::integer(3)); }),
         "ambiguous_model", std::size_t{1} << 40, "epoch");

  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    const auto poisoned = changed(good, [&](const auto& entry, auto& to) {
      if (entry.name != first) return false;
      auto values = entry.tensor.to_float();
      values[7] = bad;
      to.insert(first, entry.tensor.shape(), values);
      return true;
    });
    load_dict("G3", poisoned, "nonfinite_weight", "element 7 of conv_first.weight");
  }
  const auto with_integers = [&](const std::string& name, std::size_t at, std::int64_t value) {
    return changed(good, [&](const auto& entry, auto& to) {
      if (entry.name != name) return false;
      auto bytes = eqsr::detail::allocate_bytes(entry.tensor.numel() * 8);
      auto* integers = reinterpret_cast<std::int64_t*>(bytes.get());
      for (std::size_t i = 0; i < entry.tensor.numel(); ++i) integers[i] = 0;
      if (!eqsr::is_floating(entry.tensor.dtype())) {
        const auto values = entry.tensor.to_int64();
        std::copy(values.begin(), values.end(), integers);
      }
      integers[at] = value;
      to.insert(name, eqsr::StoredTensor(eqsr::Dtype::i64, entry.tensor.shape(), bytes, name));
      return true;
    });
  };
  load_dict("G4", with_integers(first, 0, 1), "dtype_mismatch", first);
  for (const char* kind : {"SA", "OCA"})
    for (const std::int64_t bad : {std::int64_t{-100}, std::int64_t{-1}, std::int64_t{1} << 40})
      load_dict("G5", with_integers(index + kind, 70, bad), "bad_index", "Element 70");
  load_dict("G5", without(index + "SA"), "none");

  const auto configured = [&](const std::string& text) {
    eqsr::StateDict dict = good;
    dict.metadata()["configuration"] = text;
    return dict;
  };
  load_dict("G6", configured(R"({"channels":24,"depths":[3,2],"heads":2,"window":8})"), "none");
  for (const char* text : {R"({"depths":[1000000]})", R"({"heads":0})", R"({"heads":7})",
                           R"({"window":0})", R"({"channels":1e9})", R"({"magic":1})"})
    load_dict("G6", configured(text), "bad_config");

  for (const double scale : {0.0, -2.0, std::nan(""), 1e9, HUGE_VAL}) {
    expect("G7", "scale", outcome_of([&](Outcome&) {
             (void)eqsr::resolve(scale == 0 ? eqsr::Target{.scale_y = 2, .scale_x = 0}
                                            : eqsr::Target{.scale = scale},
                                 48, 48);
           }),
           "bad_argument limit_exceeded", 64 << 10, "scale");
  }
  expect("G7", "size",
         outcome_of([&](Outcome&) { (void)eqsr::resolve({.height = 1 << 25, .width = 9}, 4, 4); }),
         "limit_exceeded", 64 << 10, "");
}
