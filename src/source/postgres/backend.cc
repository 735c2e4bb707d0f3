// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/backend.h"

namespace millrace::postgres {

DecodeError decode_server_report(Cursor in, ServerReport& out) noexcept {
  out = {};
  for (;;) {
    const std::uint8_t code = in.u8();
    if (code == 0) return in.finish();  // the list's end, or the body's before it: finish() tells them apart
    const std::string_view text = in.cstring();
    switch (code) {
      case 'V':
        out.severity = text;
        break;
      case 'S':
        out.localized_severity = text;
        break;
      case 'C':
        out.sqlstate = text;
        break;
      case 'M':
        out.message = text;
        break;
      case 'D':
        out.detail = text;
        break;
      case 'H':
        out.hint = text;
        break;
      case 'W':
        out.context = text;
        break;
      default:
        break;
    }
  }
}

DecodeError decode_parameter_status(Cursor in, ParameterStatusView& out) noexcept {
  out.name = in.cstring();
  out.value = in.cstring();
  return in.finish();
}

DecodeError decode_ready_for_query(Cursor in, TransactionState& out) noexcept {
  const std::uint8_t state = in.u8();
  if (state != 'I' && state != 'T' && state != 'E') in.fail(Reason::kBadValue, 0);
  out = TransactionState{static_cast<char>(state)};
  return in.finish();
}

DecodeError decode_command_complete(Cursor in, std::string_view& tag) noexcept {
  tag = in.cstring();
  return in.finish();
}

DecodeError decode_copy_both_response(Cursor in) noexcept {
  if (in.u8() > 1) in.fail(Reason::kBadValue, 0);
  const std::size_t columns = in.be16();
  for (std::size_t i = 0; in.ok() && i < columns; ++i) {
    const std::size_t format_at = in.byte_offset();
    if (in.be16() > 1) in.fail(Reason::kBadValue, format_at);
  }
  return in.finish();
}

}  // namespace millrace::postgres
