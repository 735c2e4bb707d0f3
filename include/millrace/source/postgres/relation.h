// SPDX-License-Identifier: Apache-2.0
// The shape of a table, as pgoutput announces it before the first row that uses it, and the names of its
// types.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

inline constexpr std::size_t kColumnsMax = 1600;  // PostgreSQL's MaxHeapAttributeNumber

/// pg_class.relreplident: what the log keeps of a row's old version.
enum class ReplicaIdentity : char { kDefault = 'd', kNothing = 'n', kFull = 'f', kIndex = 'i' };

/// One column of a Relation message. Borrows the body.
struct ColumnView {
  std::string_view name;
  TypeOid type_oid{};
  std::int32_t type_modifier = -1;  ///< pg_attribute.atttypmod; -1: none.
  bool in_key = false;              ///< Part of the replica identity. With kFull every column is.
};

/// A decoded Relation message. Strings view the buffer under the cursor, `columns` the caller's storage.
/// Valid until either is reused.
struct RelationView {
  RelationOid oid{};
  std::string_view schema;  ///< Empty for pg_catalog.
  std::string_view name;
  ReplicaIdentity identity{};
  std::span<const ColumnView> columns;  ///< In attribute order; dropped and unpublished columns left out.
};

/// Decodes the body of a Relation message: what follows the 'R' tag and, in a streamed transaction, the xid.
/// @param storage  room for the columns; kColumnsMax always suffices.
/// @return kTruncated, kTrailingBytes, kBadReplicaIdentity, kTooManyColumns or kBadFlags (of a column). On
/// error `out`
///         is unspecified.
/// Allocates nothing. Cost: one pass over the body.
/// Source: PostgreSQL docs, Logical Replication Message Formats, Relation.
DecodeError decode_relation(Cursor in, std::span<ColumnView> storage, RelationView& out) noexcept;

/// A decoded Type message: precedes the Relation that uses a type which is not built in. Borrows the body.
struct TypeView {
  TypeOid oid{};
  std::string_view schema;  ///< Empty for pg_catalog.
  std::string_view name;    ///< Of a domain: its base type's, under the domain's own oid.
};

/// Decodes the body of a Type message: what follows the 'Y' tag and, in a streamed transaction, the xid.
/// @return kTruncated or kTrailingBytes. On error `out` is unspecified.
DecodeError decode_type(Cursor in, TypeView& out) noexcept;

}  // namespace millrace::postgres
