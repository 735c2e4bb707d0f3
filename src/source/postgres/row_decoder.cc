// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/row_decoder.h"

#include "millrace/source/postgres/ids.h"
#include "millrace/source/postgres/logical_message.h"
#include "millrace/source/postgres/relation.h"
#include "millrace/source/postgres/row.h"

namespace millrace::postgres {
static_assert(Rows::kColumnsMax == kColumnsMax);

namespace {

/// Behind the type byte. Streamed changes were handed on without their xid.
Cursor fields_of(const Change& change) {
  Cursor in({change.body, change.size});
  (void)in.u8();
  return in;
}

}  // namespace

DecodeError Rows::decode(const Change& change, std::size_t columns, std::span<FieldView> old_storage,
                         std::span<FieldView> new_storage, RowImages& out) noexcept {
  const std::span<FieldView> old_fields = old_storage.first(columns);
  const std::span<FieldView> new_fields = new_storage.first(columns);
  RowView row;
  DecodeError error;
  switch (change.kind) {
    case ChangeKind::kRead:
    case ChangeKind::kInsert:
      error = decode_insert(fields_of(change), new_fields, row);
      break;
    case ChangeKind::kUpdate:
      error = decode_update(fields_of(change), old_fields, new_fields, row);
      break;
    case ChangeKind::kDelete:
      error = decode_delete(fields_of(change), old_fields, row);
      break;
    case ChangeKind::kTruncate:
    case ChangeKind::kMessage:
      return {Reason::kUnknownMessage, 0};
  }
  // Which image is there follows from the message, not from its size: a table may have no columns.
  const bool has_new = change.kind != ChangeKind::kDelete;
  const bool has_old = change.kind == ChangeKind::kDelete ||
                       (change.kind == ChangeKind::kUpdate && row.old_tuple != OldTuple::kNone);
  out.new_values = has_new ? new_fields.data() : nullptr;
  out.old_values = has_old ? old_fields.data() : nullptr;
  out.old_is_key = row.old_tuple == OldTuple::kKey;
  return error;
}

DecodeError Rows::decode_message(const Change& change, MessageImage& out) noexcept {
  LogicalMessageView view;
  const DecodeError error = decode_logical_message(fields_of(change), view);
  out = {view.prefix, view.content, view.transactional};
  return error;
}

std::string Rows::position_text(std::uint64_t position) { return to_string(Lsn{position}); }

}  // namespace millrace::postgres
