// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The safetensors format: eight bytes of header length, a JSON table, the tensors without a hole.
/// The whole table is compared with the size of the file before the first tensor byte is read.

#include <eqsr/io/output_file.hpp>
#include <eqsr/io/weights/dictionary.hpp>
#include <eqsr/io/weights/json.hpp>

#include <algorithm>  // sort
#include <array>      // array
#include <list>       // list

namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

/// One row of the table, as the header states it.
struct SafetensorsRecord {
  std::string name;
  Dtype dtype{};
  StoredTensor::Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

[[gnu::cold]] inline SafetensorsRecord read_safetensors_record(JsonReader& in, std::string name) {
  SafetensorsRecord record;
  const std::string label = say("tensor ", in_quotes(name));
  record.name = std::move(name);
  bool has_dtype = false;
  bool has_shape = false;
  bool has_offsets = false;
  const auto once = [&](bool& seen, std::string_view field) {
    if (seen) in.fail("duplicate_key", {"The ", label, " has the field ", field, " twice."});
    seen = true;
  };
  std::string field;
  in.begin_object(label);
  while (in.next_key(field)) {
    if (field == "dtype") {
      once(has_dtype, field);
      const std::string text = in.string(say("dtype of the ", label));
      const auto dtype = find_dtype(&DtypeRow::safetensors, text);
      if (!dtype) {
        in.fail("unsupported_dtype",
                {"The ", label, " has the element type ", in_quotes(text),
                 "; F16, BF16, F32, F64, I8, U8, I16, I32, I64 and BOOL are read."});
      }
      record.dtype = *dtype;
    } else if (field == "shape") {
      once(has_shape, field);
      in.begin_array(say("shape of the ", label));
      while (in.next_element()) {
        if (record.shape.size() == max_rank) {
          in.fail("rank_limit", {"The ", label, " has more than ", max_rank, " dimensions."});
        }
        const std::uint64_t extent = in.unsigned_integer(say("shape of the ", label));
        if (extent > max_extent) {
          in.fail("overflow", {"The ", label, " has the extent ", extent, "; at most ", max_extent,
                               " is possible."});
        }
        record.shape.push_back(static_cast<std::int64_t>(extent));
      }
    } else if (field == "data_offsets") {
      once(has_offsets, field);
      std::array<std::uint64_t, 2> offsets{};
      std::size_t count = 0;
      in.begin_array(say("data_offsets of the ", label));
      while (in.next_element()) {
        const std::uint64_t offset = in.unsigned_integer(say("data_offsets of the ", label));
        if (count < 2) offsets[count] = offset;
        ++count;
      }
      if (count != 2)
        in.fail("bad_type", {"The ", label, " needs two data_offsets, not ", count, "."});
      if (offsets[0] > offsets[1]) {
        in.fail("bad_offset", {"The ", label, " begins at ", offsets[0],
                               " and ends before that, at ", offsets[1], "."});
      }
      record.begin = offsets[0];
      record.end = offsets[1];
    } else {
      in.skip();
      in.fail("unknown_field", {"The ", label, " has a field ", in_quotes(field),
                                "; dtype, shape and data_offsets are the only ones."});
    }
  }
  if (!has_dtype || !has_shape || !has_offsets) {
    in.fail("bad_type", {"The ", label, " lacks ",
                         !has_dtype ? "a dtype." : (!has_shape ? "a shape." : "data_offsets.")});
  }
  return record;
}

/// Compares every record with its own shape, with its neighbours and with the payload's size.
[[gnu::cold]] inline void check_safetensors_table(const InputFile& file, std::uint64_t payload,
                                                  const std::list<SafetensorsRecord>& records) {
  std::vector<const SafetensorsRecord*> order;
  order.reserve(records.size());
  for (const SafetensorsRecord& record : records) {
    const auto elements = count_elements(record.shape);
    if (!elements) {
      file.fail("overflow", {"The shape of the tensor ", in_quotes(record.name),
                             " multiplies to more than 64 bits."});
    }
    // A payload cut within its last element is damage; further off, the table is wrong.
    if (record.end > payload && record.end - payload >= 8) {
      file.fail("out_of_range", {"The tensor ", in_quotes(record.name), " ends at byte ",
                                 record.end, " of the payload, which has ", payload, " bytes."});
    }
    const std::uint64_t bytes = *elements * size_of(record.dtype);
    if (record.end - record.begin != bytes) {
      file.fail("size_mismatch",
                {"The tensor ", in_quotes(record.name), " has ", record.end - record.begin,
                 " bytes, but its shape and type need ", bytes, "."});
    }
    order.push_back(&record);
  }
  const auto before = [](const SafetensorsRecord* a, const SafetensorsRecord* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  };
  std::make_heap(order.begin(), order.end(), before);  // half the code of std::sort
  std::sort_heap(order.begin(), order.end(), before);
  std::uint64_t end = 0;
  for (const SafetensorsRecord* record : order) {
    if (record->begin != end) {
      file.fail(record->begin < end ? "overlap" : "gap",
                {"The tensor ", in_quotes(record->name), " begins at byte ", record->begin,
                 " of the payload, but the one before it ends at ", end, "."});
    }
    end = record->end;
  }
  if (end > payload) {
    file.fail("size_mismatch",
              {"The tensors need ", end, " bytes, but only ", payload,
               " follow the header; the file is cut short. Copy or download it again."});
  }
  if (end < payload) {
    file.fail("trailing_data", {"The tensors end at byte ", end, " of the payload, but ",
                                payload - end, " more bytes follow."});
  }
}

[[gnu::cold]] inline void read_safetensors_metadata(JsonReader& in, StateDict::Metadata& metadata) {
  std::string key;
  in.begin_object("__metadata__");
  while (in.next_key(key)) {
    const std::string what = say("metadata entry ", in_quotes(key));
    std::string value = in.string(what);
    if (!metadata.emplace(key, std::move(value)).second) {
      in.fail("duplicate_key", {"The ", what, " is there twice."});
    }
  }
}

[[nodiscard, gnu::cold]] inline StateDict read_safetensors(const InputFile& file,
                                                           const Limits& limits) {
  if (file.size() < 8) {
    file.fail("truncated",
              {"The file has ", file.size(), " bytes; even an empty safetensors file has ten."});
  }
  std::array<char, 8> prefix{};
  file.read(0, prefix.data(), prefix.size());
  const auto header_bytes = load_little<std::uint64_t>(prefix.data());
  if (header_bytes > limits.max_header_bytes) {
    file.fail("header_too_large", {"The header is announced with ", header_bytes,
                                   " bytes, the limit is ", limits.max_header_bytes, "."});
  }
  if (header_bytes > file.size() - 8) {
    file.fail("truncated", {"The header is announced with ", header_bytes, " bytes, but only ",
                            file.size() - 8, " follow. Copy or download the file again."});
  }
  StateDict dict;
  std::list<SafetensorsRecord> records;
  {
    const std::string header = file.read_some(8, header_bytes);
    const std::string where = say(in_quotes(file.path()), ", header");
    JsonReader in(header, where);
    NameIndex names;
    bool has_metadata = false;
    std::string key;
    in.begin_object("header");
    while (in.next_key(key)) {
      if (key == "__metadata__") {
        if (has_metadata) in.fail("duplicate_key", {"__metadata__ is there twice."});
        has_metadata = true;
        read_safetensors_metadata(in, dict.metadata());
        continue;
      }
      if (!valid_name(key)) {
        in.fail("bad_name", {"The tensor name ", in_quotes(key),
                             " is not 1 to 1024 bytes of UTF-8 without zero bytes."});
      }
      if (!names.emplace(key, names.size()).second) {
        in.fail("duplicate_key", {"The tensor ", in_quotes(key), " is there twice."});
      }
      if (records.size() == limits.max_tensors) {
        in.fail("too_many_tensors",
                {"The file lists more than ", limits.max_tensors, " tensors, the limit."});
      }
      records.push_back(read_safetensors_record(in, key));
    }
    in.finish();
  }
  const std::uint64_t payload = file.size() - 8 - header_bytes;
  check_safetensors_table(file, payload, records);
  if (payload > limits.memory_budget) {
    file.fail("memory_budget",
              {"The tensors need ", payload, " bytes, the limit is ", limits.memory_budget,
               "; raise Limits::memory_budget if there is enough memory."});
  }
  const auto bytes = allocate_bytes(payload);
  file.read(8 + header_bytes, bytes.get(), static_cast<std::size_t>(payload));
  file.expect_unchanged();
  for (SafetensorsRecord& record : records) {
    // Tensors share the payload; each begins at its own byte, which need not be aligned.
    Bytes start(bytes, bytes.get() + record.begin);
    const std::string label = say(in_quotes(file.path()), ": The tensor ", in_quotes(record.name));
    dict.insert(std::move(record.name),
                StoredTensor(record.dtype, std::move(record.shape), std::move(start), label));
  }
  dict.describe(file.path(), "safetensors", "", {});
  return dict;
}

}  // namespace detail

/// Writes all tensors of `dict`, sorted by name, and `metadata`. Equal input gives equal bytes. The
/// file appears when it is complete; on an error what was there before is unchanged.
inline void write_safetensors(OutputFile& out, const StateDict& dict,
                              const StateDict::Metadata& metadata) {
  std::vector<const StateDict::Entry*> order;
  order.reserve(dict.size());
  for (const StateDict::Entry& entry : dict) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });

  std::string header = "{";
  const auto comma = [&] { header += header.back() == '{' ? "" : ","; };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      comma();
      header += json_string(key) + ":" + json_string(value);
    }
    header += '}';
  }
  std::uint64_t end = 0;
  for (const StateDict::Entry* entry : order) {
    const StoredTensor& tensor = entry->tensor;
    EQSR_EXPECTS(entry->name != "__metadata__", "bad_name",
                 "A tensor cannot be named __metadata__ in a safetensors file.");
    comma();
    header += json_string(entry->name) + ":{\"dtype\":\"";
    header += detail::row(tensor.dtype()).safetensors;
    header += "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape().size(); ++i) {
      header += (i == 0 ? "" : ",") + std::to_string(tensor.shape()[i]);
    }
    header += "],\"data_offsets\":[" + std::to_string(end);
    end += tensor.numel() * size_of(tensor.dtype());
    header += "," + std::to_string(end) + "]}";
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');  // the payload begins at a multiple of eight

  std::string length;
  detail::store_little(length, static_cast<std::uint64_t>(header.size()));
  out.write(length.data(), length.size());
  out.write(header.data(), header.size());
  for (const StateDict::Entry* entry : order) {
    const std::vector<std::byte> bytes = entry->tensor.to_bytes();
    out.write(bytes.data(), bytes.size());
  }
  out.commit();
}

/// The same to the file of this name.
inline void write_safetensors(const std::string& path, const StateDict& dict,
                              const StateDict::Metadata& metadata) {
  OutputFile out(path);
  write_safetensors(out, dict, metadata);
}

/// The same with the metadata of the dictionary itself.
inline void write_safetensors(const std::string& path, const StateDict& dict) {
  write_safetensors(path, dict, dict.metadata());
}

}}  // namespace eqsr::EQSR_ABI
