// SPDX-License-Identifier: Apache-2.0
// Where transactions begin and end, whole ones and those streamed while still in progress.
//
//   B  final_lsn(8) commit_time(8) xid(4)                        C  0(1) commit_lsn(8) end_lsn(8)
//   commit_time(8) O  origin_commit_lsn(8) name\0                               S  xid(4) first(1)          E
//   c  xid(4) 0(1) commit_lsn(8) end_lsn(8) commit_time(8)       A  xid(4) subxid(4) [abort_lsn(8)
//   abort_time(8)]
//
// Every decoder here reads what follows the type byte and returns kTruncated, kTrailingBytes or, for a flag
// it does not know, kBadFlags; on error its result is unspecified. None allocates. Source: PostgreSQL docs,
// Logical Replication Message Formats.
#pragma once
#include <cstdint>
#include <string_view>

#include "millrace/base/cursor.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

struct Begin {
  Lsn final_lsn{};         ///< Where the commit record begins: equal to the Commit's commit_lsn.
  PgMicros commit_time{};  ///< With a replication origin: the origin's.
  Xid xid{};
};
DecodeError decode_begin(Cursor in, Begin& out) noexcept;

struct Commit {
  Lsn commit_lsn{};  ///< First byte of the commit record.
  Lsn end_lsn{};     ///< First byte behind it: what to acknowledge.
  PgMicros commit_time{};
};
DecodeError decode_commit(Cursor in, Commit& out) noexcept;

/// Follows Begin (or stands in a stream's first block) when the transaction was replicated into this server.
/// Borrows the body.
struct OriginView {
  Lsn commit_lsn{};  ///< On the origin. Zero in a stream.
  std::string_view name;
};
DecodeError decode_origin(Cursor in, OriginView& out) noexcept;

/// Opens a block of changes of one transaction that is still in progress.
struct StreamStart {
  Xid xid{};  ///< Of the top transaction.
  bool first_segment = false;
};
DecodeError decode_stream_start(Cursor in, StreamStart& out) noexcept;

/// Closes the block. Carries nothing.
DecodeError decode_stream_stop(Cursor in) noexcept;

struct StreamCommit {
  Xid xid{};
  Lsn commit_lsn{};
  Lsn end_lsn{};
  PgMicros commit_time{};
};
DecodeError decode_stream_commit(Cursor in, StreamCommit& out) noexcept;

/// A streamed transaction, or one of its subtransactions, was rolled back.
struct StreamAbort {
  Xid xid{};              ///< Of the top transaction.
  Xid subxid{};           ///< What was rolled back; equal to xid: all of it.
  Lsn abort_lsn{};        ///< Zero when the server does not send it.
  PgMicros abort_time{};  ///< As abort_lsn.
};
/// @param with_lsn  the stream was started with streaming 'parallel', so place and time are sent.
DecodeError decode_stream_abort(Cursor in, bool with_lsn, StreamAbort& out) noexcept;

}  // namespace millrace::postgres
