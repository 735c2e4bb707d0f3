// SPDX-License-Identifier: Apache-2.0
// A place in PostgreSQL's log as checkpoints keep it: how far everything is delivered, and by which
// transaction the log can be recognised as the same one.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "millrace/change/position.h"
#include "source/source.h"

namespace millrace::postgres {

/// The last transaction below a position that carried changes: what the server must send again, the same,
/// when it starts below it. All zero: none known.
struct TransactionIdentity {
  std::uint64_t commit_lsn = 0;
  std::uint64_t end_lsn = 0;
  std::uint32_t xid = 0;
  std::int64_t commit_time_us = 0;  ///< Unix microseconds.
  std::uint64_t changes = 0;        ///< Committed changes as the server sent them, before any filter of ours.
  friend bool operator==(const TransactionIdentity&, const TransactionIdentity&) = default;
};

/// Everything that committed below `lsn` is delivered, and every logical message that ends at or below it.
struct LogPosition {
  std::uint64_t lsn = 0;
  /// What the server may be told: `lsn`, or less while prepared transactions of a two-phase slot wait for
  /// their commit.
  std::uint64_t tell = 0;
  TransactionIdentity last;
  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// JSON, readable by people: {"lsn":"0/16B3748",...}. Empty text is the position before everything.
Position to_position(const LogPosition& position);
/// InvalidArgument when the text is not to_position()'s.
absl::StatusOr<LogPosition> parse_position(const Position& position);

PositionMark to_mark(const LogPosition& position);
LogPosition from_mark(const PositionMark& mark);

/// Every mark says all, so folding is keeping the last one.
std::unique_ptr<PositionFold> make_position_fold(const Position& from);

}  // namespace millrace::postgres
