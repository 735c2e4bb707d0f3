// SPDX-License-Identifier: Apache-2.0
// A change as a source hands it on: an index over bytes that stay where they were received.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "millrace/change/position.h"

namespace millrace {

enum class ChangeKind : std::uint8_t {
  kRead,  ///< A snapshot row.
  kInsert,
  kUpdate,
  kDelete,
  kTruncate,  ///< One per table.
  kMessage,   ///< A logical message; has no relation.
};

/// Debezium's source.snapshot marker.
enum class SnapshotMarker : std::uint8_t { kNone, kTrue, kFirst, kFirstInTable, kLastInTable, kLast };

inline constexpr std::uint64_t kPositionUnknown = ~std::uint64_t{0};

/// What all changes of a transaction share in the source block.
struct TransactionContext {
  std::uint64_t id = 0;               ///< PostgreSQL: xid. 0: unknown.
  std::int64_t commit_time_us = 0;    ///< Unix microseconds.
  std::uint64_t commit_position = 0;  ///< PostgreSQL: LSN of the commit record.
  std::uint64_t previous_commit =
      0;  ///< PostgreSQL: end LSN of the last transaction before this one, 0: none yet.
  std::uint64_t origin_position = 0;  ///< PostgreSQL: the origin's commit LSN, or kPositionUnknown;
                                      ///< meaningful when `origin` is set.
  std::string origin;                 ///< PostgreSQL: replication origin; empty: none.
};

/// One change. `body` is the source's own message (PostgreSQL: pgoutput, type byte included, without the xid
/// prefix that messages inside a stream carry) in memory that the batch holds.
struct Change {
  const std::byte* body = nullptr;
  std::uint32_t size = 0;
  std::uint16_t relation = 0;     ///< Index into the batch's relations; kNoRelation for kMessage.
  std::uint16_t transaction = 0;  ///< Index into the batch's transactions.
  ChangeKind kind = ChangeKind::kInsert;
  SnapshotMarker snapshot = SnapshotMarker::kNone;
  std::uint64_t position = 0;  ///< PostgreSQL: LSN of the change.
};
inline constexpr std::uint16_t kNoRelation = 0xFFFF;

}  // namespace millrace
