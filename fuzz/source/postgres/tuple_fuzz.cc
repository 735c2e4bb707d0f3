// SPDX-License-Identifier: Apache-2.0
// Input: columns of the relation, then one tuple. The fast walk and a walk a field at a time find the same,
// and every field lies inside the body.
#include <optional>
#include <vector>

#include "input.h"
#include "millrace/source/postgres/tuple.h"
#include "support/hex.h"

namespace {
using namespace millrace;

struct Field {
  FieldKind kind;
  std::size_t at;
  std::size_t size;
};

// The format's grammar, straight down; nothing when the body is not exactly one tuple of so many columns.
std::optional<std::vector<Field>> walk_slowly(std::span<const std::byte> body, std::size_t columns) {
  std::size_t at = 0;
  const auto number = [&](std::size_t size) -> std::optional<std::uint32_t> {
    if (body.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | std::to_integer<std::uint32_t>(body[at++]);
    return value;
  };
  if (number(2) != columns) return std::nullopt;
  std::vector<Field> fields;
  while (fields.size() < columns) {
    const auto kind = number(1);
    if (kind == 'n') {
      fields.push_back({FieldKind::kNull, 0, 0});
    } else if (kind == 'u') {
      fields.push_back({FieldKind::kUnchanged, 0, 0});
    } else if (kind == 't' || kind == 'b') {
      const auto size = number(4);
      if (!size || *size > body.size() - at) return std::nullopt;
      fields.push_back({kind == 't' ? FieldKind::kText : FieldKind::kBinary, at, *size});
      at += *size;
    } else {
      return std::nullopt;
    }
  }
  if (at != body.size()) return std::nullopt;
  return fields;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const std::size_t columns = fuzz::take_byte(input);
  const test::ExactBytes body(std::as_bytes(input));
  std::vector<FieldView> fields(columns);
  Cursor in(body.span());
  postgres::walk_tuple(in, fields);
  const DecodeError error = in.finish();
  const auto expected = walk_slowly(body.span(), columns);
  fuzz::require(expected.has_value() == !error);
  if (error) return 0;
  for (std::size_t i = 0; i < columns; ++i) {
    const Field& field = (*expected)[i];
    fuzz::require(fields[i].kind == field.kind && fields[i].size == field.size);
    if (fields[i].has_value()) fuzz::require(fields[i].data == body.span().data() + field.at);
  }
  return 0;
}
