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
/// then unspecified. Allocates nothing. Cost: a load and three compares a column; values are not touched.
///
/// Inlined by force, like the decoders around it: as calls they pass the cursor through memory, which was
/// half of BM_PostgresWalkInsert's time. A form without branches on the kind was slower even with 5 % NULLs.
[[gnu::always_inline]] inline void walk_tuple(Cursor& in, std::span<FieldView> out) noexcept {
  constexpr std::ptrdiff_t kValueHeaderBytes = 5;
  const std::size_t count_at = in.byte_offset();
  if (in.be16() != out.size()) [[unlikely]]
    in.fail(Reason::kColumnCountMismatch, count_at);
  const std::span<const std::byte> body = in.rest();
  const std::byte* at = body.data();
  const std::byte* const end = at + body.size();
  FieldView* field = out.data();
  FieldView* const last = field + out.size();
  const auto take_value = [&](FieldKind kind) {
    std::uint32_t length;
    std::memcpy(&length, at + 1, sizeof length);
    length = __builtin_bswap32(length);
    if (length > static_cast<std::size_t>(end - at) - kValueHeaderBytes) return false;
    at += kValueHeaderBytes;
    *field = {at, length, kind};
    at += length;
    return true;
  };
  for (; field != last && end - at >= kValueHeaderBytes; ++field) {
    const char kind = static_cast<char>(*at);
    if (kind == 't') [[likely]] {  // known before the store, so that nothing is computed from it
      if (!take_value(FieldKind::kText)) break;
    } else if (kind == 'b') {
      if (!take_value(FieldKind::kBinary)) break;
    } else if (kind == 'n') {
      *field = {nullptr, 0, FieldKind::kNull};
      ++at;
    } else if (kind == 'u') {
      *field = {nullptr, 0, FieldKind::kUnchanged};
      ++at;
    } else {
      break;
    }
  }
  (void)in.bytes(static_cast<std::size_t>(at - body.data()));
  if (field != last) {
    Cursor tail = in;
    internal::walk_fields_slowly(tail, {field, last});
    in = tail;
  }
}

}  // namespace millrace::postgres
