// SPDX-License-Identifier: Apache-2.0
// What server and client say to each other inside CopyData while a slot is streamed, and the client's few
// other messages.
//
//   server  w  wal_start(8) wal_end(8) send_time(8) body      one pgoutput message
//           k  wal_end(8) send_time(8) reply_requested(1)
//   client  r  written(8) flushed(8) applied(8) client_time(8) reply_requested(1)
//
// Source: PostgreSQL docs, Streaming Replication Protocol.
#pragma once
#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

enum class WalMessageKind : char { kXLogData = 'w', kKeepalive = 'k' };

/// The payload of one CopyData. `body` borrows the decoded bytes.
struct WalMessage {
  WalMessageKind kind;
  bool reply_requested;  ///< Keepalive only: answer at once.
  Lsn wal_start;         ///< XLogData only. Zero for R, Y, and B before an Origin: never a position then.
  Lsn wal_end;           ///< XLogData: equal to wal_start. Keepalive: the server's end of WAL sent.
  PgMicros send_time;    ///< The server's clock.
  std::span<const std::byte> body;  ///< XLogData only: exactly one pgoutput message.
};

/// Longest header before a pgoutput message in a CopyData body.
inline constexpr std::size_t kXLogDataHeaderBytes = 25;

/// Decodes the payload of a CopyData message.
/// @return kTruncated, kTrailingBytes, kUnknownMessage (another kind byte), kBadFlags (a reply flag above 1).
/// On error `out` is unspecified. Allocates nothing; constant cost. Inlined by force, see walk_tuple().
[[gnu::always_inline]] inline DecodeError decode_wal_message(Cursor in, WalMessage& out) noexcept {
  const std::uint8_t kind = in.u8();
  if (kind == 'w') [[likely]] {
    out.kind = WalMessageKind::kXLogData;
    out.reply_requested = false;
    out.wal_start = Lsn{in.be64()};
    out.wal_end = Lsn{in.be64()};
    out.send_time = PgMicros{static_cast<std::int64_t>(in.be64())};
    out.body = in.bytes(in.remaining());
    return in.error();
  }
  if (in.ok() && kind != 'k') in.fail(Reason::kUnknownMessage, 0);
  out.kind = WalMessageKind::kKeepalive;
  out.wal_start = Lsn{};
  out.wal_end = Lsn{in.be64()};
  out.send_time = PgMicros{static_cast<std::int64_t>(in.be64())};
  const std::size_t reply_at = in.byte_offset();
  const std::uint8_t reply = in.u8();
  if (reply > 1) in.fail(Reason::kBadFlags, reply_at);
  out.reply_requested = reply == 1;
  out.body = {};
  return in.finish();
}

/// A standby status update. The server frees log up to `flushed`: everything below it must be durable on our
/// side.
struct StandbyStatus {
  Lsn written{};
  Lsn flushed{};
  Lsn applied{};
  PgMicros client_time{};
  bool reply_requested = false;
};

/// CopyData header, kind byte, four numbers, one flag.
inline constexpr std::size_t kStandbyStatusBytes = 5 + 1 + 4 * 8 + 1;

/// The whole message as it goes onto the wire.
std::array<std::byte, kStandbyStatusBytes> encode_standby_status(const StandbyStatus& status) noexcept;

/// CopyDone: ends the stream; the server answers with what it still had, CopyDone, CommandComplete,
/// ReadyForQuery.
inline constexpr std::array<std::byte, 5> kCopyDone = {std::byte{'c'}, {}, {}, {}, std::byte{4}};

/// Terminate: the polite last message before closing.
inline constexpr std::array<std::byte, 5> kTerminate = {std::byte{'X'}, {}, {}, {}, std::byte{4}};

/// A simple Query message, whole. Refuses a text with a NUL in it, which would end the query early, and one
/// that does not fit the length field.
absl::StatusOr<std::string> encode_query(std::string_view sql);

}  // namespace millrace::postgres
