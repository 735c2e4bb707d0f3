// SPDX-License-Identifier: Apache-2.0
#include "support/values/values.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "format/json/json_writer.h"
#include "runtime/slab.h"
#include "source/postgres/convert/convert.h"
#include "support/hex.h"

namespace millrace::test {

namespace {

template <format::Isa isa>
DecodeError write_with(const Conversion& conversion, FieldView field, char*& out) noexcept {
  format::JsonWriter<isa> writer(out);
  const DecodeError error = postgres::write_value(conversion, field, writer);
  out = writer.position();
  return error;
}

/// As a row loop does: what is not usual goes to write_value().
template <format::Isa isa>
DecodeError write_usual_with(const Conversion& conversion, FieldView field, char*& out) noexcept {
  format::JsonWriter<isa> writer(out);
  if (!postgres::write_usual(conversion, field, writer)) return write_with<isa>(conversion, field, out);
  out = writer.position();
  return {};
}

using Write = DecodeError (*)(const Conversion&, FieldView, char*&) noexcept;

Converted convert_once(Write write, const Conversion& conversion, FieldView field) {
  const std::size_t reserved = postgres::worst_case_bytes(field, conversion);
  if (field.size <= postgres::kExactFrom && postgres::growth_is_bounded(conversion, field.kind) &&
      field.has_value() && reserved > postgres::kGrowth * field.size + postgres::fixed_bytes(conversion)) {
    throw std::logic_error("the bound of one value is over the bound by size");
  }
  const auto block = std::make_unique<char[]>(reserved + format::kWriteSlack);
  char* end = block.get();
  const DecodeError error = write(conversion, field, end);
  const auto written = static_cast<std::size_t>(end - block.get());
  if (error && written != 0) throw std::logic_error("an error moved the writer");
  if (written > reserved) {
    throw std::logic_error("wrote " + std::to_string(written) + " bytes, reserved " +
                           std::to_string(reserved));
  }
  return {error, std::string(block.get(), written)};
}

}  // namespace

Converted convert(const Conversion& conversion, FieldKind kind, std::span<const std::byte> bytes) {
  std::vector<Write> ways = {write_with<format::Isa::kScalar>, write_with<format::Isa::kSse2>,
                             write_usual_with<format::Isa::kScalar>, write_usual_with<format::Isa::kSse2>};
  if (format::best_isa() == format::Isa::kAvx2) {
    ways.insert(ways.end(), {write_value_avx2, write_usual_avx2});
  }
  Converted first;
  bool have_first = false;
  // What lies behind a value could be its like, end it, or be no text at all.
  for (const char padding : {'0', '"', '\xFF'}) {
    const auto block = std::make_unique<std::byte[]>(bytes.size() + kPadding);
    std::copy(bytes.begin(), bytes.end(), block.get());
    std::memset(block.get() + bytes.size(), padding, kPadding);
    const FieldView field{block.get(), static_cast<std::uint32_t>(bytes.size()), kind};
    for (const Write write : ways) {
      Converted result = convert_once(write, conversion, field);
      if (have_first && (result.json != first.json || result.error != first.error)) {
        throw std::logic_error("instruction sets or padding differ: " + result.json + " and " + first.json);
      }
      first = std::move(result);
      have_first = true;
    }
  }
  return first;
}

Converted convert_text(const Conversion& conversion, std::string_view text) {
  return convert(conversion, FieldKind::kText, std::as_bytes(std::span(text.data(), text.size())));
}

Converted convert_binary(const Conversion& conversion, std::string_view hex) {
  return convert(conversion, FieldKind::kBinary, from_hex(hex));
}

}  // namespace millrace::test
