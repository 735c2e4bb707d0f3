// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/row.h"

#include "source/postgres/fields.h"

namespace millrace::postgres {

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
