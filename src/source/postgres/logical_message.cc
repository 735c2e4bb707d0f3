// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/logical_message.h"

#include "source/postgres/fields.h"

namespace millrace::postgres {

DecodeError decode_logical_message(Cursor in, LogicalMessageView& out) noexcept {
  constexpr std::uint8_t kTransactional = 1;
  out.transactional = read_flags(in, kTransactional) == kTransactional;
  out.lsn = read_lsn(in);
  out.prefix = in.cstring();
  out.content = in.bytes(read_length(in));
  return in.finish();
}

}  // namespace millrace::postgres
