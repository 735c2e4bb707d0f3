// SPDX-License-Identifier: Apache-2.0
// What pg_logical_emit_message() put into the log.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

/// A decoded Message message. Borrows the body.
struct LogicalMessageView {
  bool transactional = false;  ///< false: effective at once, outside any transaction, never rolled back.
  Lsn lsn{};                   ///< The end of its record, unlike a row's.
  std::string_view prefix;
  std::span<const std::byte> content;  ///< As written: no encoding conversion.
};

/// Decodes what follows the 'M' tag and, in a streamed transaction, the xid.
/// @return kTruncated, kTrailingBytes, kBadFlags or kBadLength. On error `out` is unspecified. Allocates
/// nothing. Source: PostgreSQL docs, Logical Replication Message Formats, Message.
DecodeError decode_logical_message(Cursor in, LogicalMessageView& out) noexcept;

}  // namespace millrace::postgres
