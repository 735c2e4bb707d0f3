// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/row.h"

#include "source/postgres/fields.h"

namespace millrace::postgres {
namespace {

void expect_new_tuple(Cursor& in, std::size_t marker_at, std::uint8_t marker) noexcept {
  if (marker != 'N') in.fail(Reason::kBadTupleMarker, marker_at);
}

}  // namespace

DecodeError decode_insert(Cursor in, std::span<FieldView> new_storage, RowView& out) noexcept {
  out.relation = RelationOid{in.be32()};
  const std::size_t marker_at = in.byte_offset();
  expect_new_tuple(in, marker_at, in.u8());
  walk_tuple(in, new_storage);
  out.old_tuple = OldTuple::kNone;
  out.old_fields = {};
  out.new_fields = new_storage;
  return in.finish();
}

DecodeError decode_update(Cursor in, std::span<FieldView> old_storage, std::span<FieldView> new_storage,
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
  expect_new_tuple(in, marker_at, marker);
  walk_tuple(in, new_storage);
  out.new_fields = new_storage;
  return in.finish();
}

DecodeError decode_delete(Cursor in, std::span<FieldView> old_storage, RowView& out) noexcept {
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

DecodeError decode_truncate(Cursor in, TruncateView& out) noexcept {
  constexpr std::uint8_t kCascade = 1;
  constexpr std::uint8_t kRestartIdentity = 2;
  const std::uint32_t count = read_length(in);
  const std::uint8_t flags = read_flags(in, kCascade | kRestartIdentity);
  out.cascade = (flags & kCascade) != 0;
  out.restart_identity = (flags & kRestartIdentity) != 0;
  out.oids = in.bytes(std::size_t{count} * sizeof(std::uint32_t));
  return in.finish();
}

}  // namespace millrace::postgres
