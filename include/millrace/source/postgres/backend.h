// SPDX-License-Identifier: Apache-2.0
// The server's messages around the stream: errors and notices, parameters, the answers to commands.
// Source: PostgreSQL docs, Message Formats; Error and Notice Message Fields.
#pragma once
#include <cstdint>
#include <string_view>

#include "millrace/base/cursor.h"

namespace millrace::postgres {

/// The body of an ErrorResponse ('E') or NoticeResponse ('N'). Views borrow the body; a field not sent is
/// empty. The texts come from the server: clean them before they reach a terminal.
struct ServerReport {
  std::string_view severity;            ///< V: ERROR, FATAL, PANIC, WARNING, NOTICE, DEBUG, INFO or LOG.
  std::string_view localized_severity;  ///< S: the same in the server's language.
  std::string_view sqlstate;            ///< C: five characters.
  std::string_view message;             ///< M
  std::string_view detail;              ///< D
  std::string_view hint;                ///< H
  std::string_view context;             ///< W: for logical decoding slot, output plugin, callback and LSN.
};

/// Decodes ErrorResponse and NoticeResponse. Unknown field codes are skipped, as the protocol asks; of a
/// field sent twice the last counts.
/// @return kTruncated or kTrailingBytes. Allocates nothing.
DecodeError decode_server_report(Cursor in, ServerReport& out) noexcept;

/// ParameterStatus ('S'): a setting's name and value. Borrows the body.
struct ParameterStatusView {
  std::string_view name;
  std::string_view value;
};
/// @return kTruncated or kTrailingBytes.
DecodeError decode_parameter_status(Cursor in, ParameterStatusView& out) noexcept;

/// ReadyForQuery ('Z').
enum class TransactionState : char { kIdle = 'I', kInTransaction = 'T', kFailed = 'E' };
/// @return kTruncated, kTrailingBytes or kBadValue (another state).
DecodeError decode_ready_for_query(Cursor in, TransactionState& out) noexcept;

/// CommandComplete ('C'): the command's tag, such as "COPY 0". Borrows the body.
/// @return kTruncated or kTrailingBytes.
DecodeError decode_command_complete(Cursor in, std::string_view& tag) noexcept;

/// CopyBothResponse ('W') or CopyOutResponse ('H'), which are alike. A slot is streamed as text (format 0)
/// without columns; what stands here is not needed, but must be well formed.
/// @return kTruncated, kTrailingBytes or kBadValue (a format other than 0 and 1).
DecodeError decode_copy_both_response(Cursor in) noexcept;

}  // namespace millrace::postgres
