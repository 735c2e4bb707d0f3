// SPDX-License-Identifier: Apache-2.0
// Two-phase commit, as sent from a slot that has two_phase. Never asked for by millrace; decoded because the
// slot's flag wins over what the client asks.
//
//   b     prepare_lsn(8) end_lsn(8) time(8) xid(4) gid\0
//   P K p 0(1) lsn(8) end_lsn(8) time(8) xid(4) gid\0
//   r     0(1) prepare_end_lsn(8) rollback_end_lsn(8) prepare_time(8) rollback_time(8) xid(4) gid\0
//
// Every decoder here reads what follows the type byte and returns kTruncated, kTrailingBytes or, for a flag
// it does not know, kBadFlags; on error its result is unspecified. None allocates. Views borrow the body.
// Source: PostgreSQL docs, Logical Replication Message Formats.
#pragma once
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

/// BeginPrepare, Prepare and StreamPrepare: the transaction is prepared, its rows stand between b and P.
struct PrepareView {
  Lsn prepare_lsn{};  ///< First byte of the prepare record.
  Lsn end_lsn{};      ///< First byte behind it.
  PgMicros prepare_time{};
  Xid xid{};
  std::string_view gid;  ///< The name the client gave the prepared transaction.
};
DecodeError decode_begin_prepare(Cursor in, PrepareView& out) noexcept;
DecodeError decode_prepare(Cursor in, PrepareView& out) noexcept;
DecodeError decode_stream_prepare(Cursor in, PrepareView& out) noexcept;

struct CommitPreparedView {
  Lsn commit_lsn{};  ///< First byte of the commit record.
  Lsn end_lsn{};     ///< First byte behind it.
  PgMicros commit_time{};
  Xid xid{};
  std::string_view gid;
};
DecodeError decode_commit_prepared(Cursor in, CommitPreparedView& out) noexcept;

/// May name a transaction that was never seen to be prepared.
struct RollbackPreparedView {
  Lsn prepare_end_lsn{};
  Lsn rollback_end_lsn{};
  PgMicros prepare_time{};
  PgMicros rollback_time{};
  Xid xid{};
  std::string_view gid;
};
DecodeError decode_rollback_prepared(Cursor in, RollbackPreparedView& out) noexcept;

}  // namespace millrace::postgres
