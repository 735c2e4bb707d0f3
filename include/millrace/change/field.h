// SPDX-License-Identifier: Apache-2.0
// One column's value as it stands in a row image: where its bytes lie and how they are written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace {

/// What a row image says about one of its columns.
enum class FieldKind : std::uint8_t {
  kNull,       ///< SQL NULL. In PostgreSQL's key tuples also a column outside the key: not logged, not NULL.
  kUnchanged,  ///< An update left a TOASTed value alone: the log does not carry it.
  kText,       ///< The server's text form.
  kBinary,     ///< The server's binary form.
  kAbsent,     ///< The column is not part of this row image at all.
};

/// A borrowed value. Valid as long as the buffer the row image was decoded from.
struct FieldView {
  const std::byte* data;  ///< Unspecified unless has_value().
  std::uint32_t size;     ///< In bytes; 0 unless has_value().
  FieldKind kind;

  bool has_value() const noexcept { return kind == FieldKind::kText || kind == FieldKind::kBinary; }
  bool is_null() const noexcept { return kind == FieldKind::kNull; }
  std::span<const std::byte> bytes() const noexcept { return {data, size}; }
  /// The bytes as characters; empty for a kind without a value.
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data), size}; }
};
static_assert(sizeof(FieldView) == 16, "a row of n columns costs its decoder n stores of this size");

}  // namespace millrace
