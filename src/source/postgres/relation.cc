// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/relation.h"

#include "source/postgres/fields.h"

namespace millrace::postgres {
namespace {

bool is_known(ReplicaIdentity identity) noexcept {
  switch (identity) {
    case ReplicaIdentity::kDefault:
    case ReplicaIdentity::kNothing:
    case ReplicaIdentity::kFull:
    case ReplicaIdentity::kIndex:
      return true;
  }
  return false;
}

}  // namespace

DecodeError decode_relation(Cursor in, std::span<ColumnView> storage, RelationView& out) noexcept {
  constexpr std::uint8_t kInKey = 1;
  out.oid = RelationOid{in.be32()};
  out.schema = in.cstring();
  out.name = in.cstring();
  const std::size_t identity_at = in.byte_offset();
  out.identity = ReplicaIdentity{static_cast<char>(in.u8())};
  if (!is_known(out.identity)) in.fail(Reason::kBadReplicaIdentity, identity_at);
  const std::size_t count_at = in.byte_offset();
  const std::size_t count = in.be16();
  if (count > storage.size()) in.fail(Reason::kTooManyColumns, count_at);
  for (std::size_t i = 0; in.ok() && i < count; ++i) {  // ends with the bytes, whatever the count claims
    ColumnView& column = storage[i];
    column.in_key = read_flags(in, kInKey) == kInKey;
    column.name = in.cstring();
    column.type_oid = TypeOid{in.be32()};
    column.type_modifier = static_cast<std::int32_t>(in.be32());
  }
  out.columns = storage.first(in.ok() ? count : 0);
  return in.finish();
}

DecodeError decode_type(Cursor in, TypeView& out) noexcept {
  out.oid = TypeOid{in.be32()};
  out.schema = in.cstring();
  out.name = in.cstring();
  return in.finish();
}

}  // namespace millrace::postgres
