// SPDX-License-Identifier: Apache-2.0
// The messages that carry rows, and Truncate.
//
//   I  oid(4) 'N' tuple
//   U  oid(4) ['K' | 'O' tuple] 'N' tuple
//   D  oid(4) 'K' | 'O' tuple
//   T  count(4) flags(1) count x oid(4)
//
// Every decoder here reads what follows the type byte and, in a streamed transaction, the xid. On error its
// result is unspecified. None allocates. The relation's column count comes from the Relation message that
// peek()'s oid leads to. Source: PostgreSQL docs, Logical Replication Message Formats.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "millrace/base/cursor.h"
#include "millrace/change/field.h"
#include "millrace/source/postgres/ids.h"
#include "millrace/source/postgres/tuple.h"

namespace millrace::postgres {

/// What is known of a row's old version.
enum class OldTuple : char {
  kNone = 0,    ///< Not sent: the identity columns did not change.
  kKey = 'K',   ///< Identity columns; all others read as NULL, which says nothing about their value.
  kFull = 'O',  ///< The whole row: replica identity full.
};

/// A decoded Insert, Update or Delete. `old_fields` and `new_fields` view the caller's storage; their values
/// borrow the body. Each holds a field for every column of the relation, or none when that tuple is not sent.
struct RowView {
  RelationOid relation{};
  OldTuple old_tuple{};
  std::span<const FieldView> old_fields;
  std::span<const FieldView> new_fields;
};

/// @param new_storage  exactly one view for each column of the relation.
/// @return kTruncated, kTrailingBytes, kBadTupleMarker, kColumnCountMismatch, kBadColumnKind or kBadLength.
[[gnu::always_inline]] inline DecodeError decode_insert(Cursor in, std::span<FieldView> new_storage,
                                                        RowView& out) noexcept {
  out.relation = RelationOid{in.be32()};
  const std::size_t marker_at = in.byte_offset();
  if (in.u8() != 'N') in.fail(Reason::kBadTupleMarker, marker_at);
  walk_tuple(in, new_storage);
  out.old_tuple = OldTuple::kNone;
  out.old_fields = {};
  out.new_fields = new_storage;
  return in.finish();
}

/// @param old_storage, new_storage  each exactly one view for each column of the relation.
/// @return as decode_insert.
[[gnu::always_inline]] inline DecodeError decode_update(Cursor in, std::span<FieldView> old_storage,
                                                        std::span<FieldView> new_storage,
                                                        RowView& out) noexcept {
  out.relation = RelationOid{in.be32()};
  std::size_t marker_at = in.byte_offset();
  std::uint8_t marker = in.u8();
  out.old_tuple = OldTuple::kNone;
  out.old_fields = {};
  if (marker == 'K' || marker == 'O') {
    out.old_tuple = OldTuple{static_cast<char>(marker)};
    walk_tuple(in, old_storage);
    out.old_fields = old_storage;
    marker_at = in.byte_offset();
    marker = in.u8();
  }
  if (marker != 'N') in.fail(Reason::kBadTupleMarker, marker_at);
  walk_tuple(in, new_storage);
  out.new_fields = new_storage;
  return in.finish();
}

/// @param old_storage  exactly one view for each column of the relation.
/// @return as decode_insert.
[[gnu::always_inline]] inline DecodeError decode_delete(Cursor in, std::span<FieldView> old_storage,
                                                        RowView& out) noexcept {
  out.relation = RelationOid{in.be32()};
  const std::size_t marker_at = in.byte_offset();
  const std::uint8_t marker = in.u8();
  if (marker != 'K' && marker != 'O') in.fail(Reason::kBadTupleMarker, marker_at);
  walk_tuple(in, old_storage);
  out.old_tuple = OldTuple{static_cast<char>(marker)};
  out.old_fields = old_storage;
  out.new_fields = {};
  return in.finish();
}

/// A decoded Truncate. Borrows the body.
struct TruncateView {
  bool cascade = false;
  bool restart_identity = false;
  std::span<const std::byte> oids;  ///< As on the wire; read by relation().

  std::size_t relation_count() const noexcept { return oids.size() / sizeof(std::uint32_t); }
  /// The i-th truncated table, i < relation_count().
  RelationOid relation(std::size_t i) const noexcept {
    std::uint32_t oid;
    std::memcpy(&oid, oids.data() + i * sizeof oid, sizeof oid);
    return RelationOid{__builtin_bswap32(oid)};
  }
};
/// @return kTruncated, kTrailingBytes, kBadLength (a negative count) or kBadFlags.
DecodeError decode_truncate(Cursor in, TruncateView& out) noexcept;

}  // namespace millrace::postgres
