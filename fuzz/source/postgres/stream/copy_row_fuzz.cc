// SPDX-License-Identifier: Apache-2.0
// Input: columns, then a line of COPY. What it becomes is the Insert message of the fields that a slow reader
// of the format finds; a line that the server cannot have written is refused.
#include <optional>
#include <string>
#include <vector>

#include "input.h"
#include "reference/postgres_reference.h"
#include "source/postgres/stream/copy_row.h"
#include "support/hex.h"

namespace {

namespace ref = millrace::reference::postgres;

/// The fields of a line; nothing when COPY would not write it. Source: PostgreSQL docs, COPY, Text Format.
std::optional<std::vector<ref::Field>> fields_of(std::string line, std::size_t columns) {
  if (!line.ends_with('\n')) return std::nullopt;
  line.pop_back();
  if (line.find('\n') != std::string::npos) return std::nullopt;
  if (columns == 0)
    return line.empty() ? std::optional<std::vector<ref::Field>>(std::in_place) : std::nullopt;
  std::vector<std::string> raw(1);
  for (const char c : line) {
    if (c == '\t') {
      raw.emplace_back();
    } else {
      raw.back() += c;
    }
  }
  if (raw.size() != columns) return std::nullopt;
  std::vector<ref::Field> fields;
  for (const std::string& text : raw) {
    if (text == "\\N") {
      fields.push_back({'n', {}});
      continue;
    }
    ref::Field field{'t', {}};
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        field.value += text[i];
        continue;
      }
      constexpr std::string_view kLetters = "bfnrtv\\";
      const std::size_t letter = ++i < text.size() ? kLetters.find(text[i]) : std::string_view::npos;
      if (letter == std::string_view::npos) return std::nullopt;
      field.value += "\b\f\n\r\t\v\\"[letter];
    }
    fields.push_back(field);
  }
  return fields;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  constexpr std::uint32_t kOid = 16'384;
  std::span<const std::uint8_t> input(data, size);
  const std::size_t columns = fuzz::take_byte(input);
  const test::ExactBytes line(std::as_bytes(input));
  std::vector<std::byte> out(postgres::copy_row_bytes(input.size(), columns));
  std::size_t written = 0;
  const DecodeError error = postgres::rewrite_copy_row(line.span(), kOid, columns, out, written);
  const auto expected = fields_of(std::string(fuzz::text_of(input)), columns);
  fuzz::require(expected.has_value() == !error);
  if (error) {
    fuzz::require(error.byte_offset <= input.size());
    return 0;
  }
  const std::string bytes(reinterpret_cast<const char*>(out.data()), written);
  ref::Context context;
  context.columns[kOid] = columns;
  const auto message = ref::decode_message(bytes, context);
  fuzz::require(message && message->type == 'I' && message->oid == kOid && message->new_fields == *expected);
  return 0;
}
