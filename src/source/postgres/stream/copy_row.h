// SPDX-License-Identifier: Apache-2.0
// A row of COPY ... TO STDOUT in text format, rewritten as the pgoutput Insert that the stream would have
// sent: from there on a snapshot row goes the very way of a streamed one.
//
//   line  = field { TAB field } LF          field = "\N" (NULL) | characters with \b \f \n \r \t \v
//   \\ escaped insert = 'I' oid(4) 'N' count(2) count x { 'n' | 't' length(4) text }
//
// Source: PostgreSQL docs, COPY, Text Format; Logical Replication Message Formats.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/base/cursor.h"

namespace millrace::postgres {

/// Room that rewrite_copy_row() needs for a line of `line_bytes` with `columns` columns.
constexpr std::size_t copy_row_bytes(std::size_t line_bytes, std::size_t columns) noexcept {
  return 8 + line_bytes + 5 * columns;
}

/// @param line     one CopyData body, with its line feed.
/// @param columns  how many fields the line must have.
/// @param out      at least copy_row_bytes(); @param written  how much of it the Insert takes.
/// @return kTruncated (no line feed), kColumnCountMismatch, kBadValue (an escape that COPY does not write),
/// with the
///         byte offset in the line.
DecodeError rewrite_copy_row(std::span<const std::byte> line, std::uint32_t oid, std::size_t columns,
                             std::span<std::byte> out, std::size_t& written) noexcept;

}  // namespace millrace::postgres
