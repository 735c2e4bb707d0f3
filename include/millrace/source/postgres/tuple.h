// SPDX-License-Identifier: Apache-2.0
// A row image on the wire, walked into views of its fields.
//
//   column_count(2)  column_count x { 'n' | 'u' | 't' length(4) text | 'b' length(4) binary }
//
// Source: PostgreSQL docs, Logical Replication Message Formats, TupleData.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "millrace/base/cursor.h"
#include "millrace/change/field.h"

namespace millrace::postgres {

namespace internal {
/// Walks the rest of a tuple with every check spelled out: near the end of the body, and to name what is
/// wrong.
void walk_fields_slowly(Cursor& in, std::span<FieldView> out) noexcept;
}  // namespace internal

/// Walks one TupleData under the cursor.
/// @param out  one view for each column of the relation; the tuple must have exactly as many. Fields borrow
/// the body. Fails the cursor with kTruncated, kColumnCountMismatch, kBadColumnKind or kBadLength; `out` is
/// then unspecified. Allocates nothing. Cost: a few loads and one well-predicted compare a column; values are
/// not touched.
inline void walk_tuple(Cursor& in, std::span<FieldView> out) noexcept {
  const std::size_t count_at = in.byte_offset();
  if (in.be16() != out.size()) [[unlikely]]
    in.fail(Reason::kColumnCountMismatch, count_at);
  internal::walk_fields_slowly(in, out);
}

}  // namespace millrace::postgres
