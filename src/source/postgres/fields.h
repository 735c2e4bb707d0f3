// SPDX-License-Identifier: Apache-2.0
// Fields that many pgoutput messages share, so that each decoder reads like its line in the protocol
// document.
#pragma once
#include <cstddef>
#include <cstdint>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

inline Lsn read_lsn(Cursor& in) noexcept { return Lsn{in.be64()}; }
inline PgMicros read_time(Cursor& in) noexcept { return PgMicros{static_cast<std::int64_t>(in.be64())}; }
inline Xid read_xid(Cursor& in) noexcept { return Xid{in.be32()}; }

/// A byte of flags of which only those in `known` may be set: an unknown one may change what follows.
inline std::uint8_t read_flags(Cursor& in, std::uint8_t known) noexcept {
  const std::size_t flags_at = in.byte_offset();
  const std::uint8_t flags = in.u8();
  if ((flags & ~known) != 0) in.fail(Reason::kBadFlags, flags_at);
  return flags;
}

inline void read_unused_flags(Cursor& in) noexcept { (void)read_flags(in, 0); }

/// An int32 length or count. Negative ones fail as kBadLength.
inline std::uint32_t read_length(Cursor& in) noexcept {
  const std::size_t length_at = in.byte_offset();
  const std::uint32_t length = in.be32();
  if (length > INT32_MAX) in.fail(Reason::kBadLength, length_at);
  return length;
}

}  // namespace millrace::postgres
